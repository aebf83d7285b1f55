//! What an iteration tells: its metrics, and what is unusual about it.

use super::Trainer;
use crate::env::Measure;
use crate::metrics::{self, Row};
use crate::rollout::{Batch, Episode};
use crate::stats;
use crate::update::{Update, UpdateStatus};

/// If more than this fraction of a batch's rewards is clipped, a note says so.
const MANY_CLIPPED: f64 = 0.02;

/// A normalizer that changes the policy by more than this many KL budgets is worth a note.
const LARGE_CHANGE: f64 = 10.0;

/// The result of one iteration.
#[derive(Clone, Debug)]
pub struct Iteration {
    /// The number of the iteration, from 1.
    pub iteration: u64,
    /// The number of transitions sampled so far.
    pub steps: u64,
    /// The values of all metrics.
    pub metrics: Row,
    /// The result of the policy update.
    pub status: UpdateStatus,
    /// Whether the baseline's fit was refused because something was not finite.
    pub value_refused: bool,
}

impl Iteration {
    /// Everything unusual about the iteration, as one sentence each; usually nothing.
    pub fn notes(&self) -> Vec<String> {
        let update = match &self.status {
            // Only the first shortened step of a run is worth a note.
            UpdateStatus::Stepped if self.metrics.get(metrics::BACKTRACKS) > Some(0.0) => (self
                .metrics
                .get(metrics::SHORTENED)
                == Some(1.0))
            .then(|| {
                "the step was shortened: with the predicted length it exceeded its KL budget, or lowered the surrogate"
                    .into()
            }),
            UpdateStatus::Stepped => None,
            UpdateStatus::NoSignal => Some("no update: all advantages are equal".to_string()),
            UpdateStatus::LineSearchFailed => {
                let tried = self.metrics.get(metrics::BACKTRACKS).unwrap_or(0.0) + 1.0;
                let but = "kept the KL budget and raised the surrogate";
                Some(format!("no update: none of the lengths of the step that were tried ({tried}) {but}"))
            }
            UpdateStatus::Refused(reason) => Some(format!("update refused: {reason}")),
        };
        let value = self.value_refused.then(|| "the baseline's fit was refused: it is not finite".to_string());
        let clipped = (self.metrics.get(metrics::REWARDS_CLIPPED) > Some(MANY_CLIPPED)).then(|| {
            "more than 2 % of the rewards were clipped, so their true size is lost: raise normalize.clip".into()
        });
        update.into_iter().chain(value).chain(clipped).chain(self.note_on_normalizer()).collect()
    }

    /// The first statistics always change the policy a lot, and that is no news.
    fn note_on_normalizer(&self) -> Option<String> {
        let [moved, budget] = [metrics::KL_NORMALIZER, metrics::KL_STEP].map(|name| self.metrics.get(name));
        let is_large = self.iteration > 1 && moved > budget.map(|budget| LARGE_CHANGE * budget);
        is_large.then(|| {
            let moved = moved.unwrap_or(f64::NAN);
            format!(
                "new observation statistics changed the policy by {moved:.1e} nats, many times its KL budget \
                 (npg/kl_normalizer): normalize.observations=false or a larger rollout.batch_steps avoids that"
            )
        })
    }
}

impl Trainer {
    pub(super) fn episode_metrics(&self, episodes: &[Episode]) -> Row {
        let (totals, lengths): (Vec<f64>, Vec<f64>) = self.recent.iter().copied().unzip();
        let ended: Vec<f64> = episodes.iter().map(|episode| episode.total).collect();
        let interval = stats::mean_interval(&totals);
        let mut row = Row::default();
        row.push(metrics::EP_REW_MEAN, if totals.is_empty() { f64::NAN } else { self.mean_return() });
        row.push(metrics::EP_REW_CI95, 0.5 * (interval.high - interval.low));
        row.push(metrics::EP_REW_BATCH, stats::mean(&ended));
        row.push(metrics::EP_LEN_MEAN, stats::mean(&lengths));
        row.push(metrics::EPISODES, self.episodes as f64);
        row.push(metrics::FPS, self.clock.1 as f64 / self.clock.0);
        row.push(metrics::TIME_ELAPSED, self.seconds());
        row
    }

    pub(super) fn simulator_metrics(&self, row: &mut Row, batch: &Batch) {
        row.push(metrics::DIVERGED, self.diverged as f64);
        for Measure { name, sum, count } in &batch.measures {
            row.push(metrics::of_environment(name), sum / *count as f64);
        }
    }
}

pub(super) fn time_metrics(row: &mut Row, update: &Update, [sampled, updated, fitting]: [f64; 3]) {
    row.push(metrics::SAMPLE_SECONDS, sampled);
    row.push(metrics::UPDATE_SECONDS, updated);
    row.push(metrics::GRADIENT_SECONDS, update.seconds.gradient);
    row.push(metrics::SOLVE_SECONDS, update.seconds.solve);
    row.push(metrics::STEP_SECONDS, update.seconds.step);
    row.push(metrics::VALUE_SECONDS, fitting);
}

pub(super) fn update_metrics(row: &mut Row, update: &Update, kl_step: f64) {
    let Update { comparison, solution, .. } = update;
    let stepped = update.status == UpdateStatus::Stepped;
    let solution = solution.as_ref();
    row.push(metrics::ENTROPY, comparison.entropy_old);
    row.push(metrics::KL, comparison.kl);
    row.push(metrics::KL_PREDICTED, update.kl_predicted);
    row.push(metrics::KL_STEP, kl_step);
    row.push(metrics::KL_REVERSE, comparison.kl_reverse);
    row.push(metrics::KL_MAX, comparison.kl_max);
    row.push(metrics::TV, comparison.tv);
    row.push(metrics::CG_ITERATIONS, solution.and_then(|s| s.iterations).map_or(f64::NAN, |n| n as f64));
    row.push(metrics::CG_RESIDUAL, solution.and_then(|s| s.residual).unwrap_or(f64::NAN));
    row.push(metrics::STEP_SIZE, update.alpha);
    row.push(metrics::GRADIENT_NORM, update.gradient_norm);
    row.push(metrics::SURROGATE, comparison.surrogate);
    row.push(metrics::SURROGATE_PREDICTED, update.alpha * update.g_x);
    row.push(metrics::BACKTRACKS, update.backtracks as f64);
    row.push(metrics::UPDATED, f64::from(u8::from(stepped)));
}
