//! A finite process as the problem of the trainer's own update. Every expectation is a sum over states and actions.

use super::{Evaluation, Mdp, TabularPolicy};
use npg_core::problem::Problem;
use npg_core::solve::Dense;
use npg_core::trust_region::Comparison;

/// A softmax policy in a process. The parameters theta are displacements of the policy's logits, S x A numbers, so the
/// current policy is at theta = 0. Logits of minus infinity stay as they are.
///
/// Means over states are sums weighted by the occupancy d of the policy, as in F. The gradient is that of J, and the surrogate
/// is in units of J too.
#[derive(Clone, Debug)]
pub struct ExactProblem<'a> {
    mdp: &'a Mdp,
    policy: &'a TabularPolicy,
    at: &'a Evaluation,
    /// The value of one unit of the surrogate in units of J.
    unit: f64,
    direction: Vec<f64>,
    theta: Vec<f64>,
}

impl<'a> ExactProblem<'a> {
    /// The problem of improving `policy`, whose evaluation is `at`.
    pub fn new(mdp: &'a Mdp, policy: &'a TabularPolicy, at: &'a Evaluation) -> Self {
        Self::with_direction(mdp, policy, at, mdp.natural_gradient(policy, at))
    }

    /// Like [`ExactProblem::new`], with another solution of F x = grad J. F is singular, so solutions may differ in states
    /// that are never visited, and by shifts of all logits of a state.
    pub fn with_direction(mdp: &'a Mdp, policy: &'a TabularPolicy, at: &'a Evaluation, direction: Vec<f64>) -> Self {
        Self { mdp, policy, at, unit: 1.0, direction, theta: vec![0.0; policy.logits().len()] }
    }

    /// Measures J in another unit, a power of two near the largest element of the direction `x`. Otherwise squares of numbers
    /// below 1e-154 would be 0, and those of numbers above 1e154 infinite. The unit cancels if steps have a KL budget.
    pub(super) fn in_unit_of(self, x: &[f64]) -> Self {
        let largest = x.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
        let unit = if largest > 0.0 && largest.is_finite() { power_of_two_near(largest) } else { 1.0 };
        Self { unit, ..self }
    }

    /// The policy at parameters `theta`; `None` if a logit overflows.
    fn moved(&self, theta: &[f64]) -> Option<TabularPolicy> {
        self.policy.moved(1.0, theta).ok()
    }

    /// The sum over visited states of d(s) times the value of `of` in state s.
    fn mean(&self, of: &[f64]) -> f64 {
        // An unvisited state does not count, whatever its divergence is. (0 times infinity would be NaN.)
        self.at.occupancy.iter().zip(of).filter(|(d, _)| **d > 0.0).map(|(d, x)| d * x).sum()
    }

    fn largest(&self, of: &[f64]) -> f64 {
        self.at.occupancy.iter().zip(of).filter(|(d, _)| **d > 0.0).fold(0.0, |largest, (_, x)| x.max(largest))
    }
}

/// The largest power of two that is at most `x`.
fn power_of_two_near(x: f64) -> f64 {
    libm::ldexp(1.0, libm::frexp(x).1 - 1)
}

impl Problem for ExactProblem<'_> {
    fn theta(&self) -> &[f64] {
        &self.theta
    }

    fn gradient(&self) -> Vec<f64> {
        self.mdp.gradient(self.policy, self.at).iter().map(|g| g / self.unit).collect()
    }

    fn fisher_product(&self, v: &[f64]) -> Vec<f64> {
        self.mdp.fisher_product(self.policy, self.at, v)
    }

    fn compare(&self, theta: &[f64]) -> Comparison {
        let Some(new) = self.moved(theta) else {
            return Comparison { kl: f64::INFINITY, ..Comparison::default() };
        };
        let actions = self.mdp.actions();
        let scale = 1.0 / ((1.0 - self.mdp.gamma()) * self.unit);
        let change =
            |i: usize| (new.probabilities()[i] - self.policy.probabilities()[i]) * self.at.advantage[i] * scale;
        let row = |state: usize| state * actions..(state + 1) * actions;
        let states = 0..self.mdp.states();
        let gains: Vec<f64> = states.clone().map(|s| row(s).map(change).sum()).collect();
        let sizes: Vec<f64> = states.map(|s| row(s).map(|i| change(i).abs()).sum()).collect();
        let (kl, reverse) = (self.policy.kl(&new), new.kl(self.policy));
        let tv = self.policy.total_variation(&new);
        Comparison {
            surrogate: self.mean(&gains),
            surrogate_size: self.mean(&sizes),
            kl: self.mean(&kl),
            kl_max: self.largest(&kl),
            kl_reverse: self.mean(&reverse),
            kl_reverse_max: self.largest(&reverse),
            tv: self.mean(&tv),
            tv_max: self.largest(&tv),
            tv_exact: true,
            entropy: self.mean(&new.entropy()),
            ..self.unmoved()
        }
    }

    fn unmoved(&self) -> Comparison {
        let entropy = self.mean(&self.policy.entropy());
        Comparison { entropy, entropy_old: entropy, tv_exact: true, ..Comparison::default() }
    }

    fn dense_fisher(&self) -> Option<Dense> {
        let fisher = self.mdp.fisher(self.policy, self.at);
        Some(Dense::from_fn(fisher.nrows(), fisher.ncols(), |i, j| fisher[(i, j)]))
    }

    fn natural_gradient(&self) -> Option<Vec<f64>> {
        Some(self.direction.iter().map(|x| x / self.unit).collect())
    }
}
