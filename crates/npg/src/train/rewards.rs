//! The scaling of rewards before advantages are estimated. A constant is subtracted if that changes nothing, rewards are
//! divided by the spread of returns, and outliers are clipped.

use super::report::discounted_length;
use crate::FileFault;
use crate::advantage::{Segment, SegmentEnd};
use crate::checkpoint::Archive;
use crate::config::Config;
use crate::normalize::Moments;
use crate::rollout::Batch;

/// A standard deviation below this fraction of the mean's magnitude is rounding error: all values are equal.
const ROUNDING: f64 = 1e-12;

/// If the mean reward is more than this many standard deviations, it hides the differences between rewards.
const DROWNS: f64 = 3.0;

/// Rewards in units to which a baseline can be fitted.
///
/// With `normalize.returns`, a reward r becomes (r - c) s. The scale s is 1 over the running standard deviation of the
/// discounted return. The center c is 0, unless the mean reward of the first batch hides the differences between rewards.
/// Then c is that mean, as long as every episode has ended after the same number of steps or was cut short from outside,
/// because a constant in the rewards is then worth the same to all policies. As soon as episodes differ in length, the length
/// of an episode affects its value, and c is 0 for good. Rewards that are all equal are not centered either. For example, if
/// each step costs 1 until a goal is found, states that the baseline has not seen look better than those it has seen, and
/// that helps to find the goal.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rewards {
    is_scaled: bool,
    gamma: f64,
    clip: f64,
    /// The moments of the rewards so far.
    rewards: Moments,
    /// The moments of the discounted sums of centered rewards, at each step.
    pub(super) returns: Moments,
    /// The moments of the current batch. They count from the next batch on.
    pending: Option<Moments>,
    center: f64,
    lengths: Lengths,
}

/// What is known about the lengths of episodes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Lengths {
    /// The longest one, including episodes in progress.
    longest: u32,
    /// The length of all episodes that terminated.
    terminated: Option<u32>,
    /// Whether the lengths differ.
    vary: bool,
}

/// A batch's rewards, scaled for the baseline's targets.
pub(super) struct Scaled {
    pub(super) rewards: Vec<f64>,
    /// The fraction that was clipped.
    pub(super) clipped: f64,
    /// (a, b): the baseline's value V must become a V + b to keep its meaning. `None` if it need not change.
    pub(super) change: Option<(f64, f64)>,
}

impl Lengths {
    fn observe(&mut self, batch: &Batch) {
        let length = |segment: &Segment| segment.first_step.saturating_add(segment.rows.len() as u32);
        let terminated = || batch.segments.iter().filter(|s| s.end == SegmentEnd::Terminated).map(length);
        let largest = |here: Option<u32>| batch.reducer.largest_of_all(f64::from(here.unwrap_or(0))) as u32;
        self.longest = self.longest.max(largest(batch.segments.iter().map(length).max()));
        let most = largest(terminated().max());
        let least = u32::MAX - largest(terminated().map(|length| u32::MAX - length).max());
        if most > 0 {
            let known = *self.terminated.get_or_insert(least);
            self.vary |= least != known || most != known;
        }
        self.vary |= self.terminated.is_some_and(|length| length < self.longest);
    }

    /// The value of a reward of 1 at each step after `step` steps of an episode. Without a discount and without terminated
    /// episodes, episodes are assumed to end at the longest length so far.
    fn worth_of_one(&self, step: u32, gamma: f64) -> f64 {
        match self.terminated {
            None if gamma < 1.0 => 1.0 / (1.0 - gamma),
            length => discounted_length(f64::from(length.unwrap_or(self.longest).saturating_sub(step)), gamma),
        }
    }
}

impl Rewards {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            is_scaled: config.normalize.returns,
            gamma: config.advantage.gamma,
            clip: config.normalize.clip,
            rewards: Moments::new(1),
            returns: Moments::new(1),
            pending: None,
            center: 0.0,
            lengths: Lengths::default(),
        }
    }

    /// Scales a batch. The previous scale stays in use until [`Rewards::settle`], except for the first batch with any spread:
    /// sampling does not depend on the scale, so that batch can set its own.
    pub(super) fn scaled(&mut self, batch: &Batch) -> Scaled {
        if !self.is_scaled {
            return Scaled { rewards: batch.rewards.clone(), clipped: 0.0, change: None };
        }
        let change = self.recenter(batch);
        let returns = self.returns_of(batch);
        if self.has_spread() {
            self.pending = Some(returns);
        } else {
            self.returns.merge(&returns);
        }
        let change = change.map(|(unit, worth)| (self.scale() * unit, worth * self.scale()));
        let (mean, scale) = (self.rewards.mean[0], self.scale());
        let reach = if self.has_spread() { self.clip / scale } else { f64::INFINITY };
        let within = mean - reach..=mean + reach;
        let clipped = batch.reducer.mean_of(|row| f64::from(u8::from(!within.contains(&batch.rewards[row]))));
        let scaled = |r: &f64| (r.clamp(*within.start(), *within.end()) - self.center) * scale;
        Scaled { rewards: batch.rewards.iter().map(scaled).collect(), clipped, change }
    }

    /// Adds the batch's returns to the statistics.
    pub(super) fn settle(&mut self) {
        if let Some(returns) = self.pending.take() {
            self.returns.merge(&returns);
        }
    }

    /// Sets the center with the first batch, and removes it once episodes differ in length. Then it returns the reward that one
    /// unit of the baseline was worth, and the average value of the center.
    fn recenter(&mut self, batch: &Batch) -> Option<(f64, f64)> {
        let is_first = self.rewards.count == 0.0;
        let before = self.lengths;
        self.lengths.observe(batch);
        self.rewards.merge(&batch.reducer.moments(|row| [batch.rewards[row]]));
        let (mean, std) = (self.rewards.mean[0], self.rewards.variance(0).sqrt());
        if is_first && !self.lengths.vary && std > ROUNDING * mean.abs() && mean.abs() > DROWNS * std {
            self.center = mean;
        }
        if self.center == 0.0 || !self.lengths.vary {
            return None;
        }
        let steps = before.terminated.map_or(1, |length| length.clamp(1, 10_000));
        let worth = (0..steps).map(|step| before.worth_of_one(step, self.gamma)).sum::<f64>() / f64::from(steps);
        let change = (1.0 / self.scale(), self.center * worth);
        self.center = 0.0;
        self.returns = Moments::new(1);
        Some(change)
    }

    /// The moments of the sum of gamma^k (r - center) over the episode so far, at each row.
    fn returns_of(&self, batch: &Batch) -> Moments {
        let worth = |step: u32| match self.center {
            0.0 => 0.0,
            center => center * discounted_length(f64::from(step) + 1.0, self.gamma),
        };
        batch.reducer.moments(|row| [batch.returns[row] - worth(batch.steps[row])])
    }

    fn has_spread(&self) -> bool {
        let std = self.returns.variance(0).sqrt();
        self.returns.count >= 2.0 && std > ROUNDING * self.returns.mean[0].abs()
    }

    /// The factor on rewards; 1 if there is nothing to divide by.
    pub(super) fn scale(&self) -> f64 {
        if self.is_scaled && self.has_spread() { 1.0 / self.returns.variance(0).sqrt() } else { 1.0 }
    }

    /// The value of the center in rewards, after each of these numbers of steps of an episode. Baselines do not include it.
    pub(super) fn worth_of_center(&self, steps: &[u32]) -> Vec<f64> {
        let worth = |step: &u32| match self.center {
            0.0 => 0.0,
            center => center * self.lengths.worth_of_one(*step, self.gamma),
        };
        steps.iter().map(worth).collect()
    }

    /// Writes everything that the next batch depends on into a checkpoint.
    pub(super) fn save(&self, archive: &mut Archive) {
        if self.is_scaled {
            super::state::save_moments("returns", &self.returns, archive);
            super::state::save_moments("rewards", &self.rewards, archive);
            let Lengths { longest, terminated, vary } = self.lengths;
            let lengths = [u64::from(longest), terminated.map_or(0, |t| u64::from(t) + 1), u64::from(vary)];
            archive.insert_u64("rewards/lengths", &[3], &lengths);
            archive.insert_f64("rewards/center", &[1], &[self.center]);
        }
    }

    /// Restores what [`Rewards::save`] wrote. Files from before rewards were centered continue without a center.
    pub(super) fn load(&mut self, archive: &Archive) -> Result<(), FileFault> {
        if !self.is_scaled {
            return Ok(());
        }
        self.returns = super::state::load_moments("returns", 1, archive)?;
        if !archive.names().any(|name| name == "rewards/center") {
            self.lengths.vary = true;
            return Ok(());
        }
        self.rewards = super::state::load_moments("rewards", 1, archive)?;
        self.center = archive.f64("rewards/center", &[1])?[0];
        let lengths = archive.u64("rewards/lengths", &[3])?;
        let short = |length: u64| {
            u32::try_from(length).map_err(|_| FileFault::Damaged(format!("`rewards/lengths` has {length}")))
        };
        let terminated = lengths[1].checked_sub(1).map(short).transpose()?;
        self.lengths = Lengths { longest: short(lengths[0])?, terminated, vary: lengths[2] != 0 };
        Ok(())
    }
}
