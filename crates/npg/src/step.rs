//! How far to go along a direction x: a fixed alpha, alpha from the KL budget, or a backtracking line search.

use crate::trust_region::Comparison;

/// Predicted KL of the step alpha x: 1/2 alpha^2 x^T F x (Kakade 2001; F undamped).
pub fn predicted_kl(alpha: f64, x_f_x: f64) -> f64 {
    0.5 * alpha * alpha * x_f_x
}

/// alpha = sqrt(2 eps / x^T F x): the step along x whose predicted KL is `eps` (Schulman 2015, appendix C).
///
/// `x_f_x` takes the *undamped* F, for any x; it equals g^T x only for x = F^-1 g.
pub fn alpha_from_kl(eps: f64, x_f_x: f64) -> f64 {
    (2.0 * eps / x_f_x).sqrt()
}

/// theta + alpha x.
pub fn moved(theta: &[f64], alpha: f64, x: &[f64]) -> Vec<f64> {
    theta.iter().zip(x).map(|(theta, x)| alpha.mul_add(*x, *theta)).collect()
}

/// When a line search accepts.
#[derive(Clone, Copy, Debug)]
pub struct LineSearch {
    /// At most this many reductions of alpha.
    pub max_backtracks: usize,
    /// Factor of each reduction, in (0, 1).
    pub backtrack_factor: f64,
    /// Least surrogate gain as a fraction of its linear prediction alpha g^T x.
    pub accept_ratio: f64,
    /// Limit of the measured KL(old || new), nats.
    pub kl_limit: f64,
}

/// What an accepted point of a line search is.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// Step size.
    pub alpha: f64,
    /// New parameters.
    pub theta: Vec<f64>,
    /// The new policy against the old.
    pub comparison: Comparison,
    /// Reductions of alpha that it took.
    pub backtracks: usize,
}

impl LineSearch {
    /// Backtracks from `alpha` until the surrogate improves (by `accept_ratio` of the prediction alpha g^T x) and the
    /// measured KL fits. None when no tried step does: the caller keeps the old parameters.
    pub fn search(
        &self,
        theta: &[f64],
        x: &[f64],
        mut alpha: f64,
        g_x: f64,
        compare: impl Fn(&[f64]) -> Comparison,
    ) -> Option<Accepted> {
        for backtracks in 0..=self.max_backtracks {
            let candidate = moved(theta, alpha, x);
            let comparison = compare(&candidate);
            let gain = comparison.surrogate;
            let improves = gain > 0.0 && gain >= self.accept_ratio * alpha * g_x;
            if comparison.is_finite() && improves && comparison.kl <= self.kl_limit {
                return Some(Accepted { alpha, theta: candidate, comparison, backtracks });
            }
            alpha *= self.backtrack_factor;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(accept: impl Fn(f64) -> (f64, f64)) -> Option<Accepted> {
        let rule = LineSearch { max_backtracks: 3, backtrack_factor: 0.5, accept_ratio: 0.1, kl_limit: 0.01 };
        rule.search(&[0.0], &[1.0], 1.0, 1.0, |theta| {
            let (surrogate, kl) = accept(theta[0]);
            Comparison { surrogate, kl, ..Comparison::default() }
        })
    }

    #[test]
    fn both_surrogate_and_kl_must_hold() {
        assert_eq!(search(|_| (1.0, 0.0)).unwrap().alpha, 1.0);
        assert_eq!(search(|a| (1.0, 0.04 * a * a)).unwrap().alpha, 0.5);
        assert_eq!(search(|a| (if a > 0.3 { -1.0 } else { a }, 0.0)).unwrap().backtracks, 2);
        assert!(search(|_| (1.0, 0.02)).is_none());
        assert!(search(|a| (0.05 * a, 0.0)).is_none(), "a gain below the accepted ratio");
        assert!(search(|_| (f64::NAN, 0.0)).is_none());
        assert!(search(|_| (0.0, 0.0)).is_none(), "no gain is no improvement");
    }

    #[test]
    fn the_step_has_the_budgets_predicted_kl() {
        let alpha = alpha_from_kl(0.01, 3.7);
        assert!((predicted_kl(alpha, 3.7) - 0.01).abs() < 1e-15);
    }
}
