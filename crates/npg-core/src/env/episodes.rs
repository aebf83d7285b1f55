//! The episodes of a group of environments. Training, evaluation and the Gymnasium interface all begin and step them here, so
//! what they return is checked, counted and limited in time by the same rules.
//!
//! 1. Every reward and every observation is checked ([`MAX_REWARD`], [`Space`]). If one is bad, or if an environment reports a
//!    failure, the result is an [`Error::Environment`] with the environment, the episode and the step.
//! 2. **The current observation is the true last one.** After the end of an episode it is the observation of its last step,
//!    until [`Episodes::begin`] starts the next episode.
//! 3. **A divergence drops its step.** The step is not counted, its reward is 0, and the current observation stays the last
//!    good one.
//! 4. An autoreset step ([`Ending::Began`]) is not a transition. It only brings the first observation of an episode.
//! 5. A step at the time limit is [`Ending::Truncated`], unless the environment itself ended the episode, or counts its time
//!    itself ([`EnvSource::ends_episodes`]).

use super::{Actions, Ending, EnvGroup, EnvSource, Fault, Measure, Outcome, Space, Spec, check_mask};
use crate::error::{Error, Result};
use crate::random::Stream;

/// The largest magnitude of a reward. Statistics sum the squares of returns, and would overflow if rewards were larger.
pub const MAX_REWARD: f64 = 1e100;

/// The progress of one environment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// The number of episodes before the current one. An episode without a single step does not count.
    pub episode: u64,
    /// The number of steps of the current episode so far.
    pub step: u32,
    /// The sum of the rewards of these steps.
    pub total: f64,
    /// Whether the current episode has begun. If not, the environment needs a reset.
    pub has_begun: bool,
}

/// A group of environments with their episodes.
pub struct Episodes {
    environments: Box<dyn EnvGroup>,
    /// The index of the first environment, for messages.
    first: usize,
    space: Space,
    /// The name of each integer of an action, and the number of its values, for the check of masks.
    integers: Vec<(String, usize)>,
    /// The number of values of an action mask.
    mask_len: usize,
    /// The number of elements of an observation.
    width: usize,
    /// The time limit, if it is counted here.
    limit: Option<u32>,
    streams: Vec<Stream>,
    progress: Vec<Progress>,
    /// The current observations, one row per environment.
    observations: Vec<f64>,
    /// One row for each environment that the last step stepped. `step` writes the new observations there, and they are then
    /// exchanged with those that were acted on.
    stepped: Vec<f64>,
    outcomes: Vec<Outcome>,
    /// The action masks of the current observations, one row per environment, if the environments have masks.
    masks: Vec<bool>,
    has_masks: bool,
}

impl Episodes {
    /// Makes one environment for each of `streams`. Their episodes are yet to begin. `first` is the index of the first
    /// environment, for messages.
    ///
    /// # Errors
    /// Those of [`EnvSource::group`], and [`Error::Environment`] if it makes another number of environments.
    pub fn new(source: &dyn EnvSource, spec: &Spec, first: usize, streams: Vec<Stream>) -> Result<Self> {
        let (count, width, mask_len) = (streams.len(), spec.observation.len(), spec.action.mask_len());
        let environments = source.group(count)?;
        if environments.len() != count {
            let message = format!("a group of {count} environments was asked for, and has {}", environments.len());
            return Err(Error::Environment { environment: first, episode: 0, step: 0, message });
        }
        Ok(Self {
            environments,
            first,
            space: spec.observation.clone(),
            integers: spec.action.integers(),
            mask_len,
            width,
            limit: spec.max_episode_steps.filter(|_| !source.ends_episodes()),
            streams,
            progress: vec![Progress::default(); count],
            observations: vec![0.0; count * width],
            stepped: vec![0.0; count * width],
            outcomes: vec![Outcome { reward: 0.0, ending: Ending::Running }; count],
            masks: vec![true; count * mask_len],
            has_masks: false,
        })
    }

    /// Starts the next episode of environment `env` of the group.
    ///
    /// # Errors
    /// [`Error::Environment`] if the environment fails, or if its observation is bad.
    pub fn begin(&mut self, env: usize) -> Result<()> {
        self.begin_by(env, |environments, stream, observation| environments.reset(env, stream, observation))
    }

    /// Starts the next episode of environment `env` in the given state ([`Env::begin_at`](super::Env::begin_at)).
    ///
    /// # Errors
    /// As [`Episodes::begin`].
    pub fn begin_at(&mut self, env: usize, state: &[f64]) -> Result<()> {
        self.begin_by(env, |environments, _, observation| environments.begin_at(env, state, observation))
    }

    fn begin_by(
        &mut self,
        env: usize,
        begin: impl FnOnce(&mut dyn EnvGroup, &mut Stream, &mut [f64]) -> Result<(), Fault>,
    ) -> Result<()> {
        let Progress { episode, step, has_begun, .. } = self.progress[env];
        let episode = episode + u64::from(has_begun && step > 0);
        self.progress[env] = Progress { episode, ..Progress::default() };
        let observation = &mut self.observations[env * self.width..][..self.width];
        begin(self.environments.as_mut(), &mut self.streams[env], observation)
            .map_err(|fault| self.failed(fault, 0))?;
        self.space.check_observation(self.observation(env)).map_err(|message| self.error(env, 0, message))?;
        self.read_mask(env, 0)?;
        self.progress[env].has_begun = true;
        Ok(())
    }

    /// Drops the episodes in progress. They do not count.
    pub fn begin_anew(&mut self) {
        self.progress.iter_mut().for_each(|progress| progress.has_begun = false);
        self.observations.fill(0.0);
    }

    /// Steps the environments `which` (ascending). Row i of `actions`, and of what can be read afterwards by a row, belongs to
    /// `which[i]`.
    ///
    /// # Errors
    /// [`Error::Environment`] if an environment fails, or if its reward or observation is bad.
    pub fn step(&mut self, which: &[usize], actions: Actions<'_>) -> Result<()> {
        let (rows, numbers) = (which.len(), which.len() * self.width);
        let (stepped, outcomes) = (&mut self.stepped[..numbers], &mut self.outcomes[..rows]);
        let result = self.environments.step(which, actions, &mut self.streams, stepped, outcomes);
        result.map_err(|fault| self.failed(fault, 1))?;
        which.iter().enumerate().try_for_each(|(row, &env)| self.advance(row, env))
    }

    /// Processes what environment `env` returned in row `row` of a step.
    fn advance(&mut self, row: usize, env: usize) -> Result<()> {
        let Outcome { reward, ending } = self.outcomes[row];
        match ending {
            Ending::Diverged => {
                self.outcomes[row].reward = 0.0;
                return Ok(());
            }
            Ending::Began => {
                self.observe(row, env, 0)?;
                return self.read_mask(env, 0);
            }
            Ending::Running | Ending::Terminated | Ending::Truncated => {}
        }
        check_reward(reward).map_err(|message| self.error(env, 1, message))?;
        self.observe(row, env, 1)?;
        if self.has_masks && ending == Ending::Running {
            self.read_mask(env, 1)?;
        }
        let progress = &mut self.progress[env];
        progress.step = progress.step.saturating_add(1); // the count of an endless episode stands still
        progress.total += reward;
        if ending == Ending::Running && self.has_timed_out(env) {
            self.outcomes[row].ending = Ending::Truncated;
        }
        Ok(())
    }

    /// Asks environment `env` for the action mask of its current state.
    fn read_mask(&mut self, env: usize, stepping: u64) -> Result<()> {
        let width = self.mask_len;
        let mask = &mut self.masks[env * width..][..width];
        if !self.environments.action_mask(env, mask) {
            let lost =
                || self.error(env, stepping, "it gives no action mask, but others or earlier states had one".into());
            return if self.has_masks { Err(lost()) } else { Ok(()) };
        }
        self.has_masks = true;
        check_mask(mask, &self.integers).map_err(|message| self.error(env, stepping, message))
    }

    /// Makes row `row` of a step the current observation. The observation that was acted on takes its place in the row.
    fn observe(&mut self, row: usize, env: usize, stepping: u64) -> Result<()> {
        let stepped = &mut self.stepped[row * self.width..][..self.width];
        if let Err(message) = self.space.check_observation(stepped) {
            return Err(self.error(env, stepping, message));
        }
        let current = &mut self.observations[env * self.width..][..self.width];
        current.swap_with_slice(stepped);
        Ok(())
    }

    /// The number of environments.
    pub fn len(&self) -> usize {
        self.progress.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.progress.is_empty()
    }

    /// The index of the first environment, for messages.
    pub fn first(&self) -> usize {
        self.first
    }

    /// The space of observations.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// Whether only all environments can be stepped at once ([`EnvGroup::steps_together`]).
    pub fn steps_together(&self) -> bool {
        self.environments.steps_together()
    }

    /// The progress of environment `env`.
    pub fn progress(&self, env: usize) -> &Progress {
        &self.progress[env]
    }

    /// Whether the current episode has as many steps as the time limit allows. Always false if the environment counts its own
    /// time.
    pub fn has_timed_out(&self, env: usize) -> bool {
        self.limit.is_some_and(|limit| self.progress[env].step >= limit)
    }

    /// The reward and the ending in row `row` of the last step.
    pub fn outcome(&self, row: usize) -> Outcome {
        self.outcomes[row]
    }

    /// The observation that was acted on in row `row` of the last step, if the step was a transition.
    pub fn acted_on(&self, row: usize) -> &[f64] {
        &self.stepped[row * self.width..][..self.width]
    }

    /// The current observation of environment `env`, on which its next action will act.
    pub fn observation(&self, env: usize) -> &[f64] {
        &self.observations[env * self.width..][..self.width]
    }

    /// Whether the environments have action masks. It is known after the first episode has begun.
    pub fn has_masks(&self) -> bool {
        self.has_masks
    }

    /// The values that the next action of environment `env` may have, if the environments have action masks.
    pub fn action_mask(&self, env: usize) -> Option<&[bool]> {
        let width = self.mask_len;
        self.has_masks.then(|| &self.masks[env * width..][..width])
    }

    /// The current observations, one row per environment.
    pub fn observations(&self) -> &[f64] {
        &self.observations
    }

    /// What the environments have measured since the last call ([`EnvGroup::take_measures`]).
    pub fn take_measures(&mut self) -> Vec<Measure> {
        self.environments.take_measures()
    }

    /// Gives environment `env` another random stream.
    pub fn reseed(&mut self, env: usize, stream: Stream) {
        self.streams[env] = stream;
    }

    /// The position of environment `env` in its random stream.
    pub fn stream_position(&self, env: usize) -> u64 {
        self.streams[env].position()
    }

    /// The state of environment `env` itself, if it can be saved.
    pub fn save(&self, env: usize) -> Option<Vec<f64>> {
        self.environments.save(env)
    }

    /// Restores progress and position in the random stream of environment `env`. If its episode has begun,
    /// [`Episodes::load`] must follow.
    pub fn restore(&mut self, env: usize, progress: Progress, stream_position: u64) {
        self.progress[env] = progress;
        self.streams[env].seek(stream_position);
    }

    /// Restores the current observation of environment `env`, and its own state as [`Episodes::save`] returned it.
    ///
    /// # Errors
    /// [`Error::Environment`] if the environment refuses the state.
    pub fn load(&mut self, env: usize, observation: &[f64], state: &[f64]) -> Result<()> {
        self.observations[env * self.width..][..self.width].copy_from_slice(observation);
        self.environments.load(env, state).map_err(|fault| self.failed(fault, 0))?;
        self.read_mask(env, 0)
    }

    /// An error of environment `env`, and where it happened. `stepping` is 1 during a step, which is not counted yet.
    pub fn error(&self, env: usize, stepping: u64, message: String) -> Error {
        // A group may report an environment that it does not have.
        let Progress { episode, step, .. } = self.progress.get(env).copied().unwrap_or_default();
        Error::Environment { environment: self.first + env, episode, step: u64::from(step) + stepping, message }
    }

    fn failed(&self, fault: Fault, stepping: u64) -> Error {
        self.error(fault.environment, stepping, fault.message)
    }
}

impl std::fmt::Debug for Episodes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Episodes").field("first", &self.first).field("progress", &self.progress).finish_non_exhaustive()
    }
}

fn check_reward(reward: f64) -> Result<(), String> {
    if !reward.is_finite() {
        return Err(format!("the reward is {reward}; it must be finite"));
    }
    if reward.abs() > MAX_REWARD {
        return Err(format!(
            "the reward is {reward:e}; its magnitude must be at most {MAX_REWARD:e}, or statistics of returns overflow: \
             scale the reward"
        ));
    }
    Ok(())
}
