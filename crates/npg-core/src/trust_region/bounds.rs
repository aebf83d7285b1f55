//! The guarantees of theory for a step: how far the states can drift, and lower bounds on the improvement J' - J.
//!
//! One notation throughout. J is the expected discounted return. Abar is the surrogate, the expected discounted sum over an
//! episode of E_{a~pi'}[A(s, a)] in the states of the *old* policy: value 0 and gradient grad J at the old policy. Then
//!
//! ```text
//! J' - J >= Abar - penalty        alpha = max_s TV(pi'(.|s), pi(.|s))        eps_max = max |A(s, a)|
//!                                 eps_A = max_s |E_{a~pi'} A(s, a)|
//! ```
//!
//! All numbers have the same unit of reward, and divergences are in nats. Every bound decreases as alpha, eps or KL grows, so
//! replacing any of them by an upper estimate keeps the bound valid. If nothing changed (alpha or eps is 0), the bound is Abar
//! itself, even for gamma = 1, where the penalties without a horizon are infinite otherwise. A KL that rounding made negative
//! counts as 0.

/// Largest total variation between the state distributions p_t and p'_t after `steps` steps: 1 - (1 - alpha)^t, at most
/// alpha t. The two policies can be coupled so that they differ with probability at most alpha in each step (Kakade & Langford
/// 2002; Schulman 2015, lemma 3).
pub fn drift(alpha: f64, steps: f64) -> f64 {
    // exp(t log(1 - alpha)) keeps the digits of a small alpha. t = 0 is separate, because it would be 0 * -inf for alpha = 1.
    if steps == 0.0 { 0.0 } else { -libm::expm1(steps * libm::log1p(-alpha.min(1.0))) }
}

/// J' - J >= Abar - sum over t < T of gamma^t 2 drift(alpha, t) max_s |E_{a~pi'} A_t(s, a)|, for a finite horizon with advantages
/// that depend on time.
///
/// `max_expected_advantages[t]` is that maximum at time t (or a bound on it); its length is the horizon T.
pub fn finite_horizon(surrogate: f64, gamma: f64, max_expected_advantages: &[f64], alpha: f64) -> f64 {
    let (mut weight, mut drifted, mut penalty) = (1.0, 0.0, 0.0);
    for eps in max_expected_advantages {
        penalty += weight * 2.0 * drifted * eps;
        weight *= gamma;
        drifted += (1.0 - drifted) * alpha; // drift(alpha, t), one step on, without cancellation
    }
    surrogate - penalty
}

/// J' - J >= Abar - 2 eps_A sum over t of gamma^t (1 - (1 - alpha)^t): the bound from the drift of the states without a horizon,
/// before any further inequality.
pub fn series(surrogate: f64, gamma: f64, eps_a: f64, alpha: f64) -> f64 {
    // 1/(1-gamma) - 1/(1-gamma (1-alpha)), over a common denominator: no cancellation for small alpha.
    penalized(surrogate, 2.0 * eps_a, gamma * alpha, (1.0 - gamma) * (1.0 - gamma * (1.0 - alpha)))
}

/// The same sum up to a time limit: over t < `horizon`, where the advantages do not depend on time.
pub fn series_until(surrogate: f64, gamma: f64, eps_a: f64, alpha: f64, horizon: u32) -> f64 {
    // sum gamma^t - sum (gamma (1-alpha))^t has a closed form too, but loses all digits near gamma = 1.
    let mut sum = Drift { weight: 1.0, drift: 0.0, weights: 0.0, drifts: 0.0 };
    for bit in (0..u32::BITS).rev() {
        sum = sum.then(sum);
        if horizon >> bit & 1 == 1 {
            sum = sum.then(Drift { weight: gamma, drift: alpha, weights: 1.0, drifts: 0.0 });
        }
    }
    surrogate - 2.0 * eps_a * sum.drifts
}

/// An interval of n steps: gamma^n, the drift 1 - (1 - alpha)^n, and over t < n the sums of gamma^t and of
/// gamma^t (1 - (1 - alpha)^t).
#[derive(Clone, Copy)]
struct Drift {
    weight: f64,
    drift: f64,
    weights: f64,
    drifts: f64,
}

impl Drift {
    /// Joins two consecutive intervals. All terms are positive, so no digits are lost.
    fn then(self, next: Self) -> Self {
        Self {
            weight: self.weight * next.weight,
            drift: self.drift + (1.0 - self.drift) * next.drift,
            weights: self.weights + self.weight * next.weights,
            drifts: self.drifts + self.weight * (self.drift * next.weights + (1.0 - self.drift) * next.drifts),
        }
    }
}

/// J' - J >= Abar - 4 gamma eps_max alpha^2 / (1 - gamma)^2 (Schulman 2015, theorem 1).
pub fn trpo(surrogate: f64, gamma: f64, eps_max: f64, alpha: f64) -> f64 {
    penalized(surrogate, 4.0 * eps_max, gamma * alpha * alpha, (1.0 - gamma).powi(2))
}

/// J' - J >= Abar - 2 gamma eps_A E[TV(s)] / (1 - gamma)^2 (Achiam 2017, corollary 1).
///
/// `mean_tv` is the mean over the normalized discounted state distribution of the old policy, d = (1 - gamma) sum
/// gamma^t p_t, in which an episode that has ended stays in a state where the policies cannot differ (TV 0).
pub fn cpo(surrogate: f64, gamma: f64, eps_a: f64, mean_tv: f64) -> f64 {
    penalized(surrogate, 2.0 * eps_a, gamma * mean_tv, (1.0 - gamma).powi(2))
}

/// `surrogate` - `eps` `moved` / `rest`, or `surrogate` if nothing changed.
fn penalized(surrogate: f64, eps: f64, moved: f64, rest: f64) -> f64 {
    if eps == 0.0 || moved == 0.0 { surrogate } else { surrogate - eps * moved / rest }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() <= 1e-12 * (1.0 + b.abs()), "{a} and {b}");
    }

    #[test]
    fn the_series_is_its_sum_term_by_term() {
        for (gamma, alpha) in [(0.9, 0.2), (0.99, 0.01), (0.5, 1.0), (0.0, 0.3f64)] {
            let sum: f64 = (0..5000).map(|t| f64::powi(gamma, t) * (1.0 - (1.0 - alpha).powi(t))).sum();
            close(series(3.0, gamma, 0.7, alpha), 3.0 - 2.0 * 0.7 * sum);
            close(series_until(3.0, gamma, 0.7, alpha, 5000), 3.0 - 2.0 * 0.7 * sum);
            close(finite_horizon(3.0, gamma, &[0.7; 5000], alpha), 3.0 - 2.0 * 0.7 * sum);
        }
        // By hand: 2 (0.1 * 0.9 * 5 + 0.19 * 0.81 * 7). Nothing has drifted at t = 0.
        close(finite_horizon(1.0, 0.9, &[100.0, 5.0, 7.0], 0.1), 1.0 - 2.0 * (0.45 + 1.0773));
    }

    /// Without a discount and with such a small alpha, the sum is alpha H (H - 1) / 2. It was once a loop over all steps.
    #[test]
    fn a_huge_horizon_takes_no_time() {
        let horizon = f64::from(u32::MAX);
        close(series_until(0.0, 1.0, 0.5, 1e-24, u32::MAX) / -(0.5e-24 * horizon * (horizon - 1.0)), 1.0);
        close(series_until(3.0, 0.9, 0.7, 0.2, u32::MAX), series(3.0, 0.9, 0.7, 0.2));
    }

    #[test]
    fn coarser_bounds_are_lower() {
        let (surrogate, gamma, eps_max) = (1.0, 0.95, 2.0);
        for alpha in [1e-6, 1e-3, 0.1, 0.7, 1.0] {
            let eps_a = 2.0 * alpha * eps_max; // |E_{a~pi'} A| <= 2 TV max |A|
            let exact = series(surrogate, gamma, eps_a, alpha);
            assert!(series_until(surrogate, gamma, eps_a, alpha, 30) > exact);
            assert!(exact >= trpo(surrogate, gamma, eps_max, alpha));
            close(cpo(surrogate, gamma, eps_a, alpha), trpo(surrogate, gamma, eps_max, alpha));
        }
    }

    #[test]
    fn without_a_move_the_surrogate_stands_also_without_discount() {
        for gamma in [0.9, 1.0] {
            for (eps, alpha) in [(0.0, 0.3), (0.3, 0.0)] {
                assert_eq!(series(2.0, gamma, eps, alpha), 2.0);
                assert_eq!(trpo(2.0, gamma, eps, alpha), 2.0);
                assert_eq!(cpo(2.0, gamma, eps, alpha), 2.0);
            }
        }
        assert_eq!(series(2.0, 1.0, 0.1, 0.1), f64::NEG_INFINITY);
        assert!(series_until(2.0, 1.0, 0.1, 0.1, 200).is_finite());
    }

    #[test]
    fn drift_is_a_probability_and_keeps_its_digits() {
        assert_eq!((drift(1.0, 0.0), drift(1.0, 3.0), drift(0.0, 9.0)), (0.0, 1.0, 0.0));
        close(drift(0.25, 2.0), 1.0 - 0.5625);
        assert!((drift(1e-15, 100.0) / 1e-13 - 1.0).abs() < 1e-9);
    }
}
