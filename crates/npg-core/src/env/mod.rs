//! Environments, as the algorithm sees them: the traits that a simulator implements, and spaces.
//!
//! A simulator of one environment implements [`Env`] (see `examples/own_environment.rs`), and a vectorized one implements
//! [`EnvGroup`]. Both are passed to the trainer as an [`EnvSource`].

mod action;
mod episodes;
mod space;

pub use action::{Action, ActionMut, ActionRows, ActionWidth, Actions};
pub use episodes::{Episodes, MAX_REWARD, Progress};
pub(crate) use space::check_mask;
pub use space::{Image, Space};

use crate::error::{Error, Mistake};
use crate::random::Stream;

/// The fixed properties of an environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Its id, such as `CartPole-v1`.
    pub id: String,
    /// Space of observations.
    pub observation: Space,
    /// Space of actions.
    pub action: Space,
    /// Time limit in steps. A longer episode is truncated, which is not a termination. It is only information if
    /// [`EnvSource::ends_episodes`] is true.
    pub max_episode_steps: Option<u32>,
    /// Mean return at which the environment counts as solved.
    pub reward_threshold: Option<f64>,
}

impl Spec {
    /// Everything that makes training on the environment impossible, such as empty spaces or a time limit of 0 steps.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let id = &self.id;
        let mistake = |what: &str, message: String| Mistake { key: format!("{what} of {id}"), message };
        let mut mistakes = Vec::new();
        for (what, space) in [("observation space", &self.observation), ("action space", &self.action)] {
            mistakes.extend(space.fault().map(|fault| mistake(what, fault)));
        }
        if matches!(self.observation, Space::Parametrized(_)) {
            let message = "it has choices with parameters, but only actions may have them; use a tuple".into();
            mistakes.push(mistake("observation space", message));
        }
        if self.action.is_empty() {
            mistakes.push(mistake("action space", "it has no numbers, but it needs at least 1".into()));
        }
        if self.max_episode_steps == Some(0) {
            mistakes.push(mistake("max_episode_steps", "it is 0 steps, but an episode has at least 1".into()));
        }
        if self.reward_threshold.is_some_and(f64::is_nan) {
            mistakes.push(mistake("reward_threshold", "it is NaN; leave it out if there is none".into()));
        }
        mistakes
    }
}

/// The state of an episode after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The episode goes on.
    Running,
    /// The episode is over by the rules of the task, and the value after it is 0.
    Terminated,
    /// The episode was stopped from outside (a time limit), and the value after it is estimated.
    Truncated,
    /// The simulation diverged. The step is dropped, and the episode ends before it as truncated.
    Diverged,
    /// The step started an episode and took no action, so it is not a transition (the reset step of Gymnasium's NEXT_STEP
    /// autoreset). It is only for groups whose [`EnvGroup::reset`] cannot start an episode.
    Began,
}

impl Ending {
    /// Whether the episode is over, so that the environment needs a reset.
    pub fn is_over(self) -> bool {
        matches!(self, Ending::Terminated | Ending::Truncated | Ending::Diverged)
    }
}

/// The reward and ending of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Reward.
    pub reward: f64,
    /// The state of the episode.
    pub ending: Ending,
}

/// One environment. Your own simulator implements this trait.
///
/// Observations are written into the given slice, which has [`Space::len`] values. All randomness comes from
/// the given stream. An `Err` is a sentence that says what went wrong. It stops training.
pub trait Env: Send {
    /// The fixed properties of the environment.
    fn spec(&self) -> Spec;
    /// Starts a new episode and writes its first observation. It is called before the first step and after every ending.
    fn reset(&mut self, rng: &mut Stream, observation: &mut [f64]) -> Result<(), String>;
    /// Takes one step and writes the observation after it, also at the end of an episode, because the value of a truncated
    /// episode is computed from it. npg counts time limits.
    fn step(&mut self, action: Action<'_>, rng: &mut Stream, observation: &mut [f64]) -> Result<Outcome, String>;
    /// Writes which values of a discrete action are allowed in the current state, and returns true. `mask` has
    /// [`Space::mask_len`] values, and at least one of each part must be allowed. An environment without action masks returns
    /// false. It must be the same answer at all times.
    fn action_mask(&self, _mask: &mut [bool]) -> bool {
        false
    }
    /// The whole state, if the environment can save it. Then a resumed run equals an uninterrupted one.
    fn save(&self) -> Option<Vec<f64>> {
        None
    }
    /// Restores a state that [`Env::save`] returned.
    fn load(&mut self, _state: &[f64]) -> Result<(), String> {
        Err("this environment cannot load a state".into())
    }
    /// Starts a new episode in the given state of the task (positions, then velocities, for MuJoCo) and writes its first
    /// observation.
    fn begin_at(&mut self, _state: &[f64], _observation: &mut [f64]) -> Result<(), String> {
        Err("this environment cannot start in a given state".into())
    }
}

/// A failure of environment `environment` of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Index in the group.
    pub environment: usize,
    /// What went wrong, as a sentence.
    pub message: String,
}

/// Several environments of one kind that step together, such as Gymnasium's vector environments.
pub trait EnvGroup: Send {
    /// The number of environments.
    fn len(&self) -> usize;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Starts a new episode in environment `index`. If the group's environments can only start in a step, it leaves the
    /// observation as it is, which must be finite, and returns [`Ending::Began`] from the next step.
    fn reset(&mut self, index: usize, rng: &mut Stream, observation: &mut [f64]) -> Result<(), Fault>;
    /// Steps the environments `which` (ascending). Row i of `actions`, of `observations` (row-major, the true
    /// observation after the step also where the episode ended) and of `outcomes` belongs to `which[i]`;
    /// `rngs` has one stream for every environment of the group.
    fn step(
        &mut self,
        which: &[usize],
        actions: Actions<'_>,
        rngs: &mut [Stream],
        observations: &mut [f64],
        outcomes: &mut [Outcome],
    ) -> Result<(), Fault>;
    /// Writes the action mask of environment `index`, see [`Env::action_mask`].
    fn action_mask(&self, _index: usize, _mask: &mut [bool]) -> bool {
        false
    }
    /// The whole state of environment `index`, if it can be saved.
    fn save(&self, index: usize) -> Option<Vec<f64>>;
    /// Restores a state that [`EnvGroup::save`] returned.
    fn load(&mut self, index: usize, state: &[f64]) -> Result<(), Fault>;
    /// Starts a new episode of environment `index` in the given state; see [`Env::begin_at`].
    fn begin_at(&mut self, index: usize, _state: &[f64], _observation: &mut [f64]) -> Result<(), Fault> {
        Err(Fault { environment: index, message: "this environment cannot begin in a given state".into() })
    }
    /// Whether `step` can only step all environments at once, like most vector environments. Environments whose part of a
    /// batch is full then go on unrecorded until the others are full too.
    fn steps_together(&self) -> bool {
        false
    }
    /// The numbers other than rewards that the environments have measured since the last call, such as success. They are
    /// logged as `env/<name>`.
    fn take_measures(&mut self) -> Vec<Measure> {
        Vec::new()
    }
}

/// A number that environments measure in addition to rewards.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// Its name, without `env/`.
    pub name: String,
    /// The sum of its values. It is not finite if one of them was not.
    pub sum: f64,
    /// The number of values.
    pub count: u64,
}

/// A group of single environments.
#[derive(Debug)]
pub struct Singles<E> {
    /// The environments, in order.
    pub environments: Vec<E>,
}

impl<E: Env> EnvGroup for Singles<E> {
    fn len(&self) -> usize {
        self.environments.len()
    }

    fn reset(&mut self, index: usize, rng: &mut Stream, observation: &mut [f64]) -> Result<(), Fault> {
        let fault = |message| Fault { environment: index, message };
        self.environments[index].reset(rng, observation).map_err(fault)
    }

    fn step(
        &mut self,
        which: &[usize],
        actions: Actions<'_>,
        rngs: &mut [Stream],
        observations: &mut [f64],
        outcomes: &mut [Outcome],
    ) -> Result<(), Fault> {
        let width = observations.len() / which.len().max(1);
        for (row, &index) in which.iter().enumerate() {
            let observation = &mut observations[row * width..][..width];
            outcomes[row] = self.environments[index]
                .step(actions.row(row), &mut rngs[index], observation)
                .map_err(|message| Fault { environment: index, message })?;
        }
        Ok(())
    }

    fn action_mask(&self, index: usize, mask: &mut [bool]) -> bool {
        self.environments[index].action_mask(mask)
    }

    fn save(&self, index: usize) -> Option<Vec<f64>> {
        self.environments[index].save()
    }

    fn load(&mut self, index: usize, state: &[f64]) -> Result<(), Fault> {
        let fault = |message| Fault { environment: index, message };
        self.environments[index].load(state).map_err(fault)
    }

    fn begin_at(&mut self, index: usize, state: &[f64], observation: &mut [f64]) -> Result<(), Fault> {
        let fault = |message| Fault { environment: index, message };
        self.environments[index].begin_at(state, observation).map_err(fault)
    }
}

/// A factory of environments: anything that can make groups of them.
///
/// Every `Fn() -> E` with `E: Env` is one, so you can pass a simulator's constructor to the trainer.
pub trait EnvSource: Send + Sync {
    /// What is fixed about the environments.
    fn spec(&self) -> Spec;
    /// Makes a group of `count` environments.
    fn group(&self, count: usize) -> Result<Box<dyn EnvGroup>, Error>;
    /// The number of training environments, of `n_envs`, that step together. Groups run independently on the worker threads, so
    /// small groups keep all threads busy. If all environments share one lock, it is best to step them all together.
    fn group_size(&self, _n_envs: usize) -> usize {
        4
    }
    /// Whether the environments end their episodes themselves, including time limits. Then npg counts no steps, and
    /// [`Spec::max_episode_steps`] is only information.
    fn ends_episodes(&self) -> bool {
        false
    }
    /// Whether sampling uses one thread only. The baseline is then fitted while the next batch is sampled, which changes no
    /// result. A batch that was sampled ahead is lost when training is stopped, so this is done only with environments that
    /// cannot save their state.
    fn samples_on_one_thread(&self) -> bool {
        false
    }
}

impl<E: Env + 'static, F: Fn() -> E + Send + Sync> EnvSource for F {
    fn spec(&self) -> Spec {
        self().spec()
    }

    fn group(&self, count: usize) -> Result<Box<dyn EnvGroup>, Error> {
        Ok(Box::new(Singles { environments: (0..count).map(|_| self()).collect() }))
    }
}

/// Reads a state of `N` finite numbers that [`Env::save`] returned.
///
/// # Errors
/// A sentence if there are more or fewer numbers, or one is not finite.
pub fn restored<const N: usize>(state: &[f64]) -> Result<[f64; N], String> {
    let state: [f64; N] =
        state.try_into().map_err(|_| format!("expected a state of {N} numbers, got {}", state.len()))?;
    match state.iter().find(|x| !x.is_finite()) {
        None => Ok(state),
        Some(x) => Err(format!("expected a state of finite numbers, got {x}")),
    }
}
