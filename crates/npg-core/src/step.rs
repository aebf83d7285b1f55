//! The length of a step along a direction x: a fixed alpha, alpha from the KL budget, and the rules for shortening a step.
//!
//! The budget's alpha is right to second order only. A [`Rule`] checks the step as measured on the batch: [`KeptBudget`] is
//! for the KL rule, and [`LineSearch`] for TRPO's.

use crate::trust_region::Comparison;

/// Predicted KL of the step alpha x: 1/2 alpha^2 x^T F x (Kakade 2001; F undamped).
pub fn predicted_kl(alpha: f64, x_f_x: f64) -> f64 {
    0.5 * alpha * alpha * x_f_x
}

/// alpha = sqrt(2 eps / x^T F x): the step along x whose predicted KL is `eps` (Schulman 2015, appendix C).
///
/// `x_f_x` uses the *undamped* F, for any x. It equals g^T x only for x = F^-1 g.
pub fn alpha_from_kl(eps: f64, x_f_x: f64) -> f64 {
    (2.0 * eps / x_f_x).sqrt()
}

/// theta + alpha x.
pub fn moved(theta: &[f64], alpha: f64, x: &[f64]) -> Vec<f64> {
    theta.iter().zip(x).map(|(theta, x)| alpha.mul_add(*x, *theta)).collect()
}

/// Decides whether a step is accepted as measured, and shortens it until it is.
pub trait Rule {
    /// The maximum number of reductions of alpha.
    fn most(&self) -> usize;

    /// Whether the step alpha x is accepted. `slope` is g^T x, the surrogate's derivative with respect to alpha.
    fn accepts(&self, alpha: f64, slope: f64, measured: &Comparison) -> bool;

    /// A shorter alpha after one that was not accepted.
    fn shorter(&self, alpha: f64, measured: &Comparison) -> f64;
}

/// TRPO's backtracking line search (Schulman 2015, appendix C): the surrogate must improve, and the measured KL must stay
/// within its limit.
#[derive(Clone, Copy, Debug)]
pub struct LineSearch {
    /// The maximum number of reductions of alpha.
    pub max_backtracks: usize,
    /// Factor of each reduction, in (0, 1).
    pub backtrack_factor: f64,
    /// The smallest surrogate gain, as a fraction of its linear prediction alpha g^T x.
    pub accept_ratio: f64,
    /// Limit of the measured KL(old || new), nats.
    pub kl_limit: f64,
}

impl Rule for LineSearch {
    fn most(&self) -> usize {
        self.max_backtracks
    }

    fn accepts(&self, alpha: f64, slope: f64, measured: &Comparison) -> bool {
        let gain = measured.surrogate;
        gain > 0.0 && gain >= self.accept_ratio * alpha * slope && measured.kl <= self.kl_limit
    }

    fn shorter(&self, alpha: f64, _: &Comparison) -> f64 {
        alpha * self.backtrack_factor
    }
}

/// The budget is kept: the measured KL is at most `tolerance` times the budget, and the measured surrogate does not fall.
///
/// If the policy is nearly deterministic, the quadratic model is off by orders of magnitude: F almost vanishes, and the
/// budget's alpha is huge (docs/theory.md, "Measured against predicted"). Then alpha is multiplied by sqrt(budget / KL), which is
/// exact if the KL is quadratic, and at least halved.
#[derive(Clone, Copy, Debug)]
pub struct KeptBudget {
    /// The budget eps, nats.
    pub budget: f64,
    /// Largest measured KL, in multiples of the budget; at least 1.
    pub tolerance: f64,
}

impl KeptBudget {
    /// The number of reductions after which the step is given up.
    pub const REDUCTIONS: usize = 12;
    /// The smallest and the largest factor of one reduction.
    const LEAST: f64 = 1e-3;
    const MOST: f64 = 0.5;
}

impl Rule for KeptBudget {
    fn most(&self) -> usize {
        Self::REDUCTIONS
    }

    fn accepts(&self, _: f64, _: f64, measured: &Comparison) -> bool {
        measured.surrogate >= 0.0 && measured.kl <= self.tolerance * self.budget
    }

    fn shorter(&self, alpha: f64, measured: &Comparison) -> f64 {
        if !measured.is_finite() {
            return alpha * Self::LEAST;
        }
        // If the KL is small enough, the surrogate must have fallen. Nothing then tells by how much the step is too long.
        alpha * (self.budget / measured.kl).sqrt().clamp(Self::LEAST, Self::MOST)
    }
}

/// A step that was accepted.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// Step size.
    pub alpha: f64,
    /// New parameters.
    pub theta: Vec<f64>,
    /// The new policy compared with the old one.
    pub comparison: Comparison,
    /// The number of reductions of alpha.
    pub backtracks: usize,
}

/// Tries steps along x from `theta`, starting with the step size `alpha`, until `rule` accepts what `compare` measures.
///
/// # Errors
/// The number of reductions after which the step was given up. Either no step was accepted, or the measured surrogate is only
/// rounding error, which is so at any length. The caller keeps the old parameters.
pub fn backtrack(
    rule: &impl Rule,
    (theta, x): (&[f64], &[f64]),
    mut alpha: f64,
    slope: f64,
    compare: impl Fn(&[f64]) -> Comparison,
) -> Result<Accepted, usize> {
    for backtracks in 0..=rule.most() {
        let candidate = moved(theta, alpha, x);
        let comparison = compare(&candidate);
        if comparison.is_finite() && comparison.is_rounding() {
            return Err(backtracks);
        }
        if comparison.is_finite() && rule.accepts(alpha, slope, &comparison) {
            return Ok(Accepted { alpha, theta: candidate, comparison, backtracks });
        }
        alpha = rule.shorter(alpha, &comparison);
    }
    Err(rule.most())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tries steps along x = 1 from theta = 0; `measured` gives the surrogate and the KL of a step.
    fn searched(rule: &impl Rule, alpha: f64, measured: impl Fn(f64) -> (f64, f64)) -> Result<Accepted, usize> {
        backtrack(rule, (&[0.0], &[1.0]), alpha, 1.0, |theta| {
            let (surrogate, kl) = measured(theta[0]);
            Comparison { surrogate, kl, ..Comparison::default() }
        })
    }

    #[test]
    fn both_surrogate_and_kl_must_hold() {
        let rule = LineSearch { max_backtracks: 3, backtrack_factor: 0.5, accept_ratio: 0.1, kl_limit: 0.01 };
        let search = |measured: fn(f64) -> (f64, f64)| searched(&rule, 1.0, measured);
        assert_eq!(search(|_| (1.0, 0.0)).unwrap().alpha, 1.0);
        assert_eq!(search(|a| (1.0, 0.04 * a * a)).unwrap().alpha, 0.5);
        assert_eq!(search(|a| (if a > 0.3 { -1.0 } else { a }, 0.0)).unwrap().backtracks, 2);
        assert!(search(|_| (1.0, 0.02)).is_err());
        assert!(search(|a| (0.05 * a, 0.0)).is_err(), "a gain below the accepted ratio");
        assert!(search(|_| (f64::NAN, 0.0)).is_err());
        assert!(search(|_| (0.0, 0.0)).is_err(), "no gain is no improvement");
    }

    #[test]
    fn a_step_that_keeps_its_budget_is_not_touched() {
        let rule = KeptBudget { budget: 0.01, tolerance: 1.5 };
        let kept = searched(&rule, 1.0, |a| (a, 0.0149 * a * a)).unwrap();
        assert_eq!((kept.alpha, kept.backtracks), (1.0, 0));
        assert_eq!(searched(&rule, 1.0, |_| (0.0, 0.0)).unwrap().backtracks, 0, "the surrogate may stay as it is");
    }

    #[test]
    fn a_step_beyond_its_budget_is_shortened_to_it() {
        let rule = KeptBudget { budget: 0.01, tolerance: 1.5 };
        let quadratic = searched(&rule, 1.0, |a| (a, a * a)).unwrap();
        assert_eq!((quadratic.alpha, quadratic.backtracks), (0.1, 1), "exact at once where KL is quadratic");
        let linear = searched(&rule, 1e23, |a| (a, a)).unwrap();
        assert!(linear.comparison.kl <= 0.015 && linear.backtracks <= 14, "{linear:?}");
        let infinite = searched(&rule, 1e23, |a| (a, if a > 1e3 { f64::NAN } else { a })).unwrap();
        assert!(infinite.comparison.kl <= 0.015);
    }

    /// A deterministic policy takes the same action everywhere. If the advantages have mean zero, the gradient is only
    /// rounding error, but a KL budget would make a full step of it.
    #[test]
    fn a_surrogate_of_rounding_is_no_reason_for_a_step() {
        let rule = KeptBudget { budget: 0.01, tolerance: 1.5 };
        let measured = |surrogate| Comparison { surrogate, surrogate_size: 0.01, kl: 0.01, ..Comparison::default() };
        let step = |surrogate| backtrack(&rule, (&[0.0], &[1.0]), 1e14, 1e-14, |_| measured(surrogate));
        assert!(step(7e-17).is_err() && step(-7e-17).is_err());
        assert!(step(1e-4).is_ok(), "noise of 10,000 states is a direction like any other");
    }

    #[test]
    fn a_step_that_lowers_the_surrogate_is_shortened() {
        let rule = KeptBudget { budget: 0.01, tolerance: 1.5 };
        let overshot = searched(&rule, 1.0, |a| (a * (0.3 - a), 0.01 * a * a)).unwrap();
        assert_eq!((overshot.alpha, overshot.backtracks), (0.25, 2));
        assert!(searched(&rule, 1.0, |_| (-1.0, 0.0)).is_err());
    }

    #[test]
    fn the_step_has_the_budgets_predicted_kl() {
        let alpha = alpha_from_kl(0.01, 3.7);
        assert!((predicted_kl(alpha, 3.7) - 0.01).abs() < 1e-15);
    }
}
