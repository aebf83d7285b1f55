//! The gain that each update predicts for J, the expected discounted return, and the gain that it realized.

use super::Trainer;
use super::estimate::Estimate;
use crate::advantage::Segment;
use crate::metrics::{self, Row};
use crate::rollout::Batch;
use crate::stats;
use crate::trust_region::{Comparison, EpisodeScale, PredictedGain};
use crate::value::Visited;

/// An estimate of J from the episodes that start in a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ReturnEstimate {
    /// The number of episodes that start in the batch.
    pub(super) count: f64,
    /// Mean discounted return, in units of reward.
    pub(super) mean: f64,
    /// The variance of that mean over samples of that many episodes; NaN for fewer than two.
    pub(super) variance: f64,
}

/// What must be remembered from one iteration to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct ReportState {
    /// The reward that one unit of the baseline's values has been worth since its last fit; `None` before the first fit.
    pub(super) value_unit: Option<f64>,
    /// J of the last batch, completed by the baseline that was fitted to it; `None` with fewer than two episodes.
    pub(super) before: Option<ReturnEstimate>,
}

/// The report of an iteration.
pub(super) struct Report {
    episodes: EpisodeScale,
    predicted: PredictedGain,
    now: ReturnEstimate,
    /// The gain over the last batch, and its standard error.
    realized: (f64, f64),
}

impl ReturnEstimate {
    /// Sums gamma^t r over each segment that starts an episode, and adds gamma^n V of the observation after the segment,
    /// unless the episode terminated. `beyond` has V of each of the batch's final observations, in units of reward.
    pub(super) fn of(batch: &Batch, beyond: &[f64], gamma: f64) -> Self {
        let total = |segment: &Segment| {
            let beyond = segment.end.bootstrap().map_or(0.0, |row| beyond[row]);
            batch.rewards[segment.rows.clone()].iter().rev().fold(beyond, |later, reward| reward + gamma * later)
        };
        // Each return is stored at the first row of its episode.
        let mut returns = vec![None; batch.len()];
        for segment in batch.segments.iter().filter(|segment| segment.first_step == 0) {
            returns[segment.rows.start] = Some([total(segment)]);
        }
        let moments = batch.reducer.moments_of_some(|row| returns[row]);
        let (count, mean) = (moments.count, if moments.count > 0.0 { moments.mean[0] } else { f64::NAN });
        Self { count, mean, variance: if count < 2.0 { f64::NAN } else { moments.squares[0] / (count - 1.0) / count } }
    }

    /// Whether there are a mean and a variance: at least two episodes, all with finite returns.
    pub(super) fn is_known(&self) -> bool {
        self.count >= 2.0 && self.mean.is_finite() && self.variance.is_finite()
    }

    /// The gain over `before` and its standard error; NaN if one of them is not known.
    fn gain(&self, before: Option<ReturnEstimate>) -> (f64, f64) {
        match before.filter(|_| self.is_known()) {
            Some(before) => (self.mean - before.mean, (self.variance + before.variance).sqrt()),
            None => (f64::NAN, f64::NAN),
        }
    }
}

impl Trainer {
    /// The report of an iteration. Call it after the batch is counted and the baseline is fitted. `estimate` is from before
    /// the fit. `fitted` is the reward that one unit of the fit's targets is worth, or `None` if the fit was refused.
    pub(super) fn report(
        &mut self,
        batch: &Batch,
        comparison: &Comparison,
        estimate: &Estimate,
        fitted: Option<f64>,
    ) -> Report {
        let gamma = self.config.advantage.gamma;
        let center = self.rewards.worth_of_center(&batch.final_steps);
        let in_rewards =
            |values: &[f64], unit: f64| values.iter().zip(&center).map(|(v, c)| v * unit + c).collect::<Vec<f64>>();
        // One baseline completes this batch's returns, and the new one will complete those of the next batch. A gain is
        // always a difference under a single baseline, so that what the baseline learns does not count as a gain.
        let unit = self.report_state.value_unit.or(fitted).unwrap_or(1.0);
        let now = ReturnEstimate::of(batch, &in_rewards(&estimate.finals, unit), gamma);
        let realized = now.gain(self.report_state.before);
        let unit = fitted.unwrap_or(unit);
        let refined = self.baseline.predict(Visited { inputs: batch.final_states(), steps: &batch.final_steps });
        let again = ReturnEstimate::of(batch, &in_rewards(&refined, unit), gamma);
        self.report_state =
            ReportState { value_unit: Some(unit), before: Some(again).filter(ReturnEstimate::is_known) };

        let episodes = self.episodes_of(batch, estimate);
        let predicted = PredictedGain::new(comparison, &episodes);
        Report { episodes, predicted, now, realized }
    }

    fn episodes_of(&self, batch: &Batch, estimate: &Estimate) -> EpisodeScale {
        let gamma = self.config.advantage.gamma;
        let horizon = self.spec.max_episode_steps;
        // Before any episode has ended, its longest possible length is used.
        let longest = horizon.map_or(f64::INFINITY, f64::from);
        let lengths: Vec<f64> = self.recent.iter().map(|(_, length)| discounted_length(*length, gamma)).collect();
        EpisodeScale {
            gamma,
            horizon,
            discounted_length: if lengths.is_empty() {
                discounted_length(longest, gamma)
            } else {
                stats::mean(&lengths)
            },
            mean_step: batch.reducer.mean_of(|row| f64::from(batch.steps[row])),
            advantage_unit: estimate.unit,
            advantage_max: batch.reducer.largest(|row| estimate.advantages[row].abs()),
        }
    }
}

/// The sum over t < `length` of `gamma`^t: the discounted length of one episode.
pub(super) fn discounted_length(length: f64, gamma: f64) -> f64 {
    if gamma < 1.0 { (1.0 - libm::pow(gamma, length)) / (1.0 - gamma) } else { length }
}

impl Report {
    pub(super) fn push(&self, row: &mut Row, comparison: &Comparison) {
        let PredictedGain { surrogate, advantage_max, drift, series, trpo, trpo_kl, cpo, cpo_kl } = self.predicted;
        row.push(metrics::KL_REVERSE_MAX, comparison.kl_reverse_max);
        row.push(metrics::TV_MAX, comparison.tv_max);
        row.push(metrics::TV_EXACT, f64::from(u8::from(comparison.tv_exact)));
        row.push(metrics::MEAN_STEP, self.episodes.mean_step);
        row.push(metrics::DRIFT_BOUND, drift);
        row.push(metrics::ADVANTAGE_MAX, advantage_max);
        row.push(metrics::PREDICTED_GAIN, surrogate);
        row.push(metrics::BOUND_SERIES, series);
        row.push(metrics::BOUND_TRPO, trpo);
        row.push(metrics::BOUND_TRPO_KL, trpo_kl);
        row.push(metrics::BOUND_CPO, cpo);
        row.push(metrics::BOUND_CPO_KL, cpo_kl);
        row.push(metrics::DISCOUNTED_RETURN, self.now.mean);
        row.push(metrics::DISCOUNTED_RETURN_SE, self.now.variance.sqrt());
        row.push(metrics::REALIZED_GAIN, self.realized.0);
        row.push(metrics::REALIZED_GAIN_SE, self.realized.1);
    }
}
