//! The Gaussian linear-quadratic bandit: one step, with everything in closed form.
//!
//! A state s ~ N(mean, var) is shown, an action u is taken, and the reward
//! -1/2 (q (u - target_gain s - target_bias)^2 + r u^2) is higher near a target that depends linearly on s, minus the cost of
//! the action. The best action is the target times q / (q + r).

use super::gaussian::{ActionValue, AffineGaussian, Local, Sums};
use npg_core::{Error, Mistake, Result};

/// A bandit with one state and one action.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bandit {
    /// The slope of the target in the state.
    pub target_gain: f64,
    /// The target at s = 0.
    pub target_bias: f64,
    /// The cost of the squared distance from the target.
    pub q: f64,
    /// The cost of the squared action.
    pub r: f64,
    /// The mean of the state.
    pub mean: f64,
    /// The variance of the state.
    pub var: f64,
}

impl Default for Bandit {
    /// The best policy is k = 0.8, bias = -0.4, sigma = 0.
    fn default() -> Self {
        Self { target_gain: 1.0, target_bias: -0.5, q: 1.0, r: 0.25, mean: 0.5, var: 1.0 }
    }
}

impl Bandit {
    /// The reward of action `u` in state `s`.
    pub fn reward(&self, s: f64, u: f64) -> f64 {
        let miss = u - self.target_gain * s - self.target_bias;
        -0.5 * (self.q * miss * miss + self.r * u * u)
    }

    /// Checks the numbers.
    ///
    /// # Errors
    /// [`Error::Config`] with a mistake for each field that is not finite, and for negative costs and variance.
    pub fn validate(&self) -> Result<()> {
        let Self { target_gain, target_bias, q, r, mean, var } = *self;
        let fields = [
            ("target_gain", target_gain, f64::MIN),
            ("target_bias", target_bias, f64::MIN),
            ("q", q, 0.0),
            ("r", r, 0.0),
            ("mean", mean, f64::MIN),
            ("var", var, 0.0),
        ];
        let bad = |&(_, value, least): &(&str, f64, f64)| !(value.is_finite() && value >= least);
        let mistake = |(name, value, least): (&str, f64, f64)| {
            let range = if least == 0.0 { "a finite number, at least 0" } else { "a finite number" };
            Mistake { key: format!("bandit.{name}"), message: format!("is {value}; use {range}") }
        };
        let mistakes: Vec<Mistake> = fields.into_iter().filter(bad).map(mistake).collect();
        if mistakes.is_empty() { Ok(()) } else { Err(Error::Config(mistakes)) }
    }

    /// The values at a policy, in (k, bias, sigma). J is the expected reward. `None` if a number overflows.
    ///
    /// At sigma = 0, F is infinite, and only J and its gradient are given.
    pub fn at(&self, policy: &AffineGaussian) -> Option<Local<3>> {
        let AffineGaussian { k, bias, sigma } = *policy;
        let sums = Sums { total: 1.0, first: self.mean, second: self.mean * self.mean + self.var };
        // E (gain s + offset)^2
        let square =
            |gain: f64, offset: f64| gain * gain * sums.second + 2.0 * gain * offset * sums.first + offset * offset;
        let (gain, offset) = (k - self.target_gain, bias - self.target_bias);
        let curvature = self.q + self.r;
        let missed = self.q * square(gain, offset) + self.r * square(k, bias) + curvature * sigma * sigma;
        let action_value =
            ActionValue { state: self.q * gain + self.r * k, constant: self.q * offset + self.r * bias, curvature };
        action_value.local(-0.5 * missed, &sums, sigma)
    }

    /// The best policy. Its sigma is 0. If nothing costs anything, it is the policy that does nothing.
    pub fn optimum(&self) -> AffineGaussian {
        let share = if self.q > 0.0 { self.q / (self.q + self.r) } else { 0.0 };
        AffineGaussian { k: share * self.target_gain, bias: share * self.target_bias, sigma: 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gauss-Hermite quadrature with three nodes. It is exact for polynomials of degree five under N(0, 1).
    const NODES: [(f64, f64); 3] =
        [(-1.7320508075688772, 1.0 / 6.0), (0.0, 2.0 / 3.0), (1.7320508075688772, 1.0 / 6.0)];

    /// E f(s, u) under the bandit's states and the policy's actions.
    fn expectation(bandit: &Bandit, policy: &AffineGaussian, f: impl Fn(f64, f64) -> f64) -> f64 {
        let state = |(x, weight): (f64, f64)| {
            let s = bandit.mean + bandit.var.sqrt() * x;
            let inner: f64 = NODES.iter().map(|(y, weight)| weight * f(s, policy.mean(s) + policy.sigma * y)).sum();
            weight * inner
        };
        NODES.into_iter().map(state).sum()
    }

    fn score(policy: &AffineGaussian, s: f64, u: f64) -> [f64; 3] {
        let z = (u - policy.mean(s)) / policy.sigma;
        [s * z / policy.sigma, z / policy.sigma, (z * z - 1.0) / policy.sigma]
    }

    #[test]
    fn everything_agrees_with_quadrature() {
        let bandit = Bandit { target_gain: 1.3, target_bias: -0.4, q: 0.7, r: 0.2, mean: 0.6, var: 0.5 };
        let policy = AffineGaussian { k: -0.3, bias: 0.8, sigma: 0.45 };
        let local = bandit.at(&policy).unwrap();
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12 * (1.0 + b.abs()), "{a} {b}");
        close(local.value, expectation(&bandit, &policy, |s, u| bandit.reward(s, u)));
        let (fisher, natural) = (local.fisher.unwrap(), local.natural.unwrap());
        for (i, row) in fisher.iter().enumerate() {
            let slope = expectation(&bandit, &policy, |s, u| score(&policy, s, u)[i] * bandit.reward(s, u));
            close(local.gradient[i], slope);
            for (j, information) in row.iter().enumerate() {
                let outer = |s, u| score(&policy, s, u)[i] * score(&policy, s, u)[j];
                close(*information, expectation(&bandit, &policy, outer));
            }
            close(row.iter().zip(natural).map(|(f, x)| f * x).sum(), local.gradient[i]);
        }
    }

    #[test]
    fn gradients_are_differences() {
        let bandit = Bandit::default();
        let at = |x: [f64; 3]| bandit.at(&AffineGaussian { k: x[0], bias: x[1], sigma: x[2] }).unwrap();
        let here = [0.3, -0.2, 0.7];
        for i in 0..3 {
            let moved = |by: f64| std::array::from_fn(|j| here[j] + if i == j { by } else { 0.0 });
            let difference = (at(moved(1e-4)).value - at(moved(-1e-4)).value) / 2e-4;
            assert!((difference - at(here).gradient[i]).abs() < 1e-8);
        }
    }

    #[test]
    fn the_optimum_is_one() {
        let bandit = Bandit::default();
        let best = bandit.optimum();
        assert!((best.k - 0.8).abs() < 1e-15 && (best.bias + 0.4).abs() < 1e-15 && best.sigma == 0.0);
        let local = bandit.at(&best).unwrap();
        assert!(local.gradient.iter().all(|x| x.abs() < 1e-15) && local.fisher.is_none() && local.natural.is_none());
        for (k, bias, sigma) in [(0.81, -0.4, 0.0), (0.8, -0.41, 0.0), (0.8, -0.4, 0.01), (0.79, -0.39, 0.0)] {
            assert!(bandit.at(&AffineGaussian { k, bias, sigma }).unwrap().value < local.value);
        }
        let free = Bandit { q: 0.0, r: 0.0, ..bandit };
        assert_eq!(free.at(&free.optimum()).unwrap().value, 0.0);
    }

    #[test]
    fn bad_numbers_are_named() {
        assert!(Bandit::default().validate().is_ok());
        let bandit = Bandit { q: -1.0, mean: f64::NAN, ..Bandit::default() };
        let message = bandit.validate().unwrap_err().to_string();
        assert!(message.contains("bandit.q: is -1; use a finite number, at least 0"), "{message}");
        assert!(message.contains("bandit.mean: is NaN"), "{message}");
    }
}
