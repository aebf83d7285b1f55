//! The problem of a batch that was sampled with the current policy.

use super::{PolicySnapshot, Problem, States};
use crate::env::ActionRows;
use crate::policy::Policy;
use crate::solve::Dense;
use crate::trust_region::Comparison;
use std::sync::OnceLock;

/// What the surrogate E[ pi'/pi A ] is computed from. There is one row for each state of the batch.
#[derive(Clone, Copy, Debug)]
pub struct Surrogate<'a> {
    /// The actions that were taken.
    pub actions: &'a ActionRows,
    /// Their advantages.
    pub advantages: &'a [f64],
    /// The weight of the entropy bonus.
    pub entropy: f64,
    /// gamma^t with mean one, for [`Comparison::discounted`]. They do not influence the update.
    pub discounts: Option<&'a [f64]>,
}

/// A batch of states, actions and advantages, or the part of it that this process holds. Estimates are computed on this
/// machine's threads.
#[derive(Debug)]
pub struct SampledProblem<'a> {
    policy: &'a Policy,
    states: States<'a>,
    surrogate: Surrogate<'a>,
    /// The fraction of the states on which F is estimated.
    fisher_fraction: f64,
    all: PolicySnapshot<'a>,
    /// The states on which F is estimated if they are not all. The forward pass over them runs when F is first needed.
    part: OnceLock<PolicySnapshot<'a>>,
}

impl<'a> SampledProblem<'a> {
    /// Runs the forward pass over all states. F is estimated on an evenly spread `fisher_fraction` of them, in (0, 1].
    pub fn new(policy: &'a Policy, states: States<'a>, surrogate: Surrogate<'a>, fisher_fraction: f64) -> Self {
        let all = PolicySnapshot::new(policy, states, 1.0);
        Self { policy, states, surrogate, fisher_fraction, all, part: OnceLock::new() }
    }

    /// The snapshot that F is estimated on.
    fn fisher(&self) -> &PolicySnapshot<'a> {
        if self.fisher_fraction >= 1.0 {
            return &self.all;
        }
        self.part.get_or_init(|| PolicySnapshot::new(self.policy, self.states, self.fisher_fraction))
    }
}

impl Problem for SampledProblem<'_> {
    fn theta(&self) -> &[f64] {
        &self.policy.theta
    }

    fn gradient(&self) -> Vec<f64> {
        let Surrogate { actions, advantages, entropy, .. } = self.surrogate;
        self.all.policy_gradient(actions, advantages, entropy)
    }

    fn fisher_product(&self, v: &[f64]) -> Vec<f64> {
        self.fisher().fisher_product(v)
    }

    fn compare(&self, theta: &[f64]) -> Comparison {
        self.all.compare(theta, self.surrogate)
    }

    fn unmoved(&self) -> Comparison {
        self.all.unmoved()
    }

    fn is_flat(&self) -> bool {
        let Surrogate { advantages, entropy, .. } = self.surrogate;
        let reducer = &self.all.reducer;
        reducer.rows() == 0 || (entropy == 0.0 && reducer.largest(|row| advantages[row].abs()) == 0.0)
    }

    fn dense_fisher(&self) -> Option<Dense> {
        Some(self.fisher().dense_fisher())
    }

    fn scores(&self) -> Option<Dense> {
        Some(self.fisher().scores(self.surrogate.actions))
    }
}
