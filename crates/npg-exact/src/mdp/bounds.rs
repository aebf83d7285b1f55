//! Compares one policy with another: the performance difference, the surrogate, and every lower bound.

use super::finite::means;
use super::{Evaluation, FiniteHorizon, Mdp, TabularPolicy};
use crate::dot;
use npg_core::trust_region::bounds;

/// The divergences between a new policy and an old one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Divergence {
    /// alpha: the largest total variation of a state.
    pub tv_max: f64,
    /// Mean total variation over the old policy's d.
    pub tv_mean: f64,
    /// Largest KL(old || new) of a state, nats.
    pub kl_max: f64,
    /// Mean KL(old || new) over the old policy's d, nats.
    pub kl_mean: f64,
    /// Mean KL(new || old) over the old policy's d, nats.
    pub kl_reverse_mean: f64,
}

/// The improvement J' - J, and bounds on it that use only the states of the old policy ([`bounds`]).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LowerBounds {
    /// J' - J.
    pub improvement: f64,
    /// The surrogate Abar.
    pub surrogate: f64,
    /// The exact series of the drift.
    pub series: f64,
    /// TRPO's theorem 1 with alpha = max TV.
    pub trpo: f64,
    /// The same with alpha^2 <= max KL / 2.
    pub trpo_kl: f64,
    /// CPO's corollary with the mean TV.
    pub cpo: f64,
    /// The same with mean TV <= sqrt(mean KL / 2).
    pub cpo_kl: f64,
}

impl LowerBounds {
    /// All bounds with their names. The tightest is not always first.
    pub fn named(&self) -> [(&'static str, f64); 5] {
        [
            ("series", self.series),
            ("TRPO, TV", self.trpo),
            ("TRPO, KL", self.trpo_kl),
            ("CPO, TV", self.cpo),
            ("CPO, KL", self.cpo_kl),
        ]
    }
}

impl Mdp {
    /// 1/(1-gamma) E_{s ~ d, a ~ pi'}[A(s,a)] for the occupancy `d` of any policy. With that of pi' it is J' - J exactly
    /// (Kakade and Langford 2002, lemma 6.1); with that of pi it is the surrogate Abar.
    pub fn expected_advantage(&self, d: &[f64], policy: &TabularPolicy, old: &Evaluation) -> f64 {
        dot(d, &means(policy, &old.advantage)) / (1.0 - self.gamma())
    }

    /// The divergences between `new` and `old`, whose evaluation is `at`.
    pub fn divergence(&self, old: &TabularPolicy, at: &Evaluation, new: &TabularPolicy) -> Divergence {
        let (tv, kl, reverse) = (old.total_variation(new), old.kl(new), new.kl(old));
        let largest = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
        Divergence {
            tv_max: largest(&tv),
            tv_mean: dot(&at.occupancy, &tv),
            kl_max: largest(&kl),
            kl_mean: dot(&at.occupancy, &kl),
            kl_reverse_mean: dot(&at.occupancy, &reverse),
        }
    }

    /// The improvement from `old`, whose evaluation is `at`, to `new`, and its lower bounds.
    pub fn lower_bounds(&self, old: &TabularPolicy, at: &Evaluation, new: &TabularPolicy) -> LowerBounds {
        let gamma = self.gamma();
        let divergence = self.divergence(old, at, new);
        let surrogate = self.expected_advantage(&at.occupancy, new, at);
        let eps_a = means(new, &at.advantage).iter().map(|x| x.abs()).fold(0.0, f64::max);
        let eps_max = at.advantage.iter().map(|x| x.abs()).fold(0.0, f64::max);
        LowerBounds {
            improvement: self.evaluate(new).j - at.j,
            surrogate,
            series: bounds::series(surrogate, gamma, eps_a, divergence.tv_max),
            trpo: bounds::trpo(surrogate, gamma, eps_max, divergence.tv_max),
            trpo_kl: bounds::trpo(
                surrogate,
                gamma,
                eps_max,
                npg_core::policy::distribution::pinsker(divergence.kl_max),
            ),
            cpo: bounds::cpo(surrogate, gamma, eps_a, divergence.tv_mean),
            cpo_kl: bounds::cpo(surrogate, gamma, eps_a, npg_core::policy::distribution::pinsker(divergence.kl_mean)),
        }
    }

    /// The lower bound on J' - J over a finite horizon, from the [`FiniteHorizon`] of the old policy and alpha = max_s TV.
    pub fn finite_horizon_bound(&self, old: &TabularPolicy, at: &FiniteHorizon, new: &TabularPolicy) -> f64 {
        let alpha = old.total_variation(new).into_iter().fold(0.0, f64::max);
        let surrogate = at.expected_advantage(self.gamma(), &at.states, new);
        bounds::finite_horizon(surrogate, self.gamma(), &at.largest_expected_advantages(new), alpha)
    }

    /// TV between the state distributions of two policies after t = 0..=`horizon` steps. Episodes that have ended count as a
    /// separate state.
    pub fn drift(&self, one: &TabularPolicy, other: &TabularPolicy, horizon: usize) -> Vec<f64> {
        let (p, q) = (self.state_distributions(one, horizon), self.state_distributions(other, horizon));
        let ended = |p: &[f64]| 1.0 - p.iter().sum::<f64>();
        let tv = |(p, q): (&Vec<f64>, &Vec<f64>)| {
            let alive: f64 = p.iter().zip(q).map(|(p, q)| (p - q).abs()).sum();
            0.5 * (alive + (ended(p) - ended(q)).abs())
        };
        p.iter().zip(&q).map(tv).collect()
    }
}
