//! The advantages and targets of a batch. They use the baseline before it is fitted to that batch.

use super::Trainer;
use crate::advantage::{advantages, discounted_weights, normalize};
use crate::config::Estimator;
use crate::problem::{States, Surrogate};
use crate::rollout::Batch;
use crate::value::Visited;

/// The estimates from a batch before anything learns from it. There is one number for each row of the batch, except in
/// `finals` and scalars.
pub(super) struct Estimate {
    /// The values of the states.
    pub(super) values: Vec<f64>,
    /// The values of the batch's final observations.
    pub(super) finals: Vec<f64>,
    /// Advantages, normalized if the configuration says so.
    pub(super) advantages: Vec<f64>,
    /// The targets of the baseline's fit.
    pub(super) targets: Vec<f64>,
    /// gamma^t with mean one, if something reads it.
    discounts: Option<Vec<f64>>,
    /// The reward that one unit of the advantages is worth.
    pub(super) unit: f64,
    /// The reward that one unit of the scaled rewards is worth.
    pub(super) scaled_unit: f64,
    /// The fraction of rewards that was clipped.
    pub(super) clipped: f64,
}

impl Trainer {
    pub(super) fn estimate(&mut self, batch: &Batch) -> Estimate {
        let scaled = self.rewards.scaled(batch);
        if let Some((factor, shift)) = scaled.change {
            self.baseline.transform(factor, shift);
            self.report_state.value_unit = Some(1.0 / self.rewards.scale());
        }
        let settings = &self.config.advantage;
        let values = self.baseline.predict(Visited { inputs: batch.critic_states(), steps: &batch.steps });
        let finals = self.baseline.predict(Visited { inputs: batch.final_states(), steps: &batch.final_steps });
        let lambda = if settings.estimator == Estimator::MonteCarlo { 1.0 } else { settings.lambda };
        let mut advantages = advantages(&batch.segments, &scaled.rewards, &values, &finals, settings.gamma, lambda);
        let targets = advantages.iter().zip(&values).map(|(a, v)| a + v).collect();
        let scaled_unit = 1.0 / self.rewards.scale();
        let unit =
            if settings.normalize { normalize(&mut advantages, &batch.reducer) * scaled_unit } else { scaled_unit };
        let are_read = self.config.trust_region.report || self.config.algorithm.discounted_states;
        let discounts = are_read.then(|| discounted_weights(&batch.segments, &batch.reducer, settings.gamma));
        Estimate { values, finals, advantages, targets, discounts, unit, scaled_unit, clipped: scaled.clipped }
    }

    /// The batch in the form that the policy's update reads: the states with their weights, and the data of the surrogate.
    pub(super) fn samples<'a>(&self, batch: &'a Batch, estimate: &'a Estimate) -> (States<'a>, Surrogate<'a>) {
        let (algorithm, discounts) = (&self.config.algorithm, estimate.discounts.as_deref());
        let states = States {
            inputs: batch.states(),
            weights: discounts.filter(|_| algorithm.discounted_states),
            reducer: Some(&batch.reducer),
            masks: batch.masks.as_ref(),
        };
        let surrogate = Surrogate {
            actions: &batch.actions,
            advantages: &estimate.advantages,
            entropy: algorithm.entropy_coefficient,
            discounts: discounts.filter(|_| self.config.trust_region.report),
        };
        (states, surrogate)
    }
}
