//! Evaluation: whole episodes with a frozen policy. Results are the same for any number of threads.

use crate::env::{Ending, EnvSource, Episodes, Spec};
use crate::policy::{Actor, Exploration, Policy};
use crate::random::{Purpose, Stream};
use crate::stats;
use crate::{Error, Result};
use rayon::prelude::*;
use std::ops::Range;

/// The most environments of a group. Each runs one of the episodes.
const GROUP: usize = 8;

/// The longest episode of an evaluation in steps, if nothing else limits it, because a policy may never end it. The Python
/// package has the same limit.
pub const LONGEST: u32 = 50_000;

/// Whether the environments of a source have action masks. It makes one, and begins an episode of it.
///
/// # Errors
/// Those of the environment.
pub fn has_masks(source: &dyn EnvSource) -> Result<bool> {
    let streams = vec![Stream::new(0, Purpose::EvaluationEnvironment, 0)];
    let mut episodes = Episodes::new(source, &source.spec(), 0, streams)?;
    episodes.begin(0)?;
    Ok(episodes.has_masks())
}

const MASK_MISSING: &str = "it gives no action mask, but the policy was trained with action masks";

/// The episodes to run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Number of episodes.
    pub episodes: usize,
    /// Seed of their streams; episode i has the same start for every policy.
    pub seed: u64,
    /// Sample actions instead of taking the most probable.
    pub stochastic: bool,
}

/// Returns and lengths of evaluation episodes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// Undiscounted return of each episode.
    pub returns: Vec<f64>,
    /// Steps of each episode.
    pub lengths: Vec<f64>,
    /// The number of episodes that were cut because they had not ended by themselves.
    pub cut: usize,
    /// The number of episodes that ended because the simulation diverged. They count with their return until then.
    pub diverged: usize,
}

impl Evaluation {
    /// Mean return.
    pub fn mean(&self) -> f64 {
        stats::mean(&self.returns)
    }

    /// Sample standard deviation of the returns.
    pub fn std(&self) -> f64 {
        stats::standard_deviation(&self.returns)
    }

    /// Mean length.
    pub fn length_mean(&self) -> f64 {
        stats::mean(&self.lengths)
    }

    /// A note if some episodes did not end normally.
    pub fn note(&self) -> Option<String> {
        let longest = self.lengths.iter().fold(0.0, |longest: f64, length| longest.max(*length));
        let Self { cut, diverged, .. } = self;
        let of = format!("of {} evaluation episodes", self.lengths.len());
        let cut_short =
            (*cut > 0).then(|| format!("{cut} {of} had not ended after {longest} steps and were cut there"));
        let broken = (*diverged > 0).then(|| {
            format!("{diverged} {of} ended because the simulation diverged; they count with their return until then")
        });
        let notes: Vec<String> = cut_short.into_iter().chain(broken).collect();
        (!notes.is_empty()).then(|| notes.join("; "))
    }
}

/// Whether an evaluation is to end early; it is asked before each step, by several threads.
pub type Stop<'a> = &'a (dyn Fn() -> bool + Sync);

/// Runs the planned episodes on the current thread pool. Episode i has its own streams, so results do not depend on the number
/// of threads. The policy and its statistics stay as they are. An episode that neither ends nor has a time limit is cut after
/// [`LONGEST`] steps, or after the limit that the spec mentions if that is longer.
///
/// # Errors
/// [`Error::Environment`] if the environment fails, returns something that is not finite, or gives no action masks although the
/// policy was trained with them. [`Error::Policy`] if the policy returns something that is not finite.
pub fn evaluate(policy: &Policy, source: &dyn EnvSource, plan: Plan) -> Result<Evaluation> {
    let evaluation = evaluate_unless(&|| false, policy, source, plan)?;
    Ok(evaluation.expect("it was not stopped"))
}

/// [`evaluate`], unless `stop` returns true before all episodes have ended; then `None`.
///
/// # Errors
/// Those of [`evaluate`].
pub fn evaluate_unless(
    stop: Stop<'_>,
    policy: &Policy,
    source: &dyn EnvSource,
    plan: Plan,
) -> Result<Option<Evaluation>> {
    let spec = source.spec();
    let groups: Vec<usize> = (0..plan.episodes).step_by(GROUP).collect();
    let run = |first: usize| {
        let episodes = first..plan.episodes.min(first + GROUP);
        run_group(stop, policy, (source, &spec), plan, episodes).map_err(|error| in_evaluation(error, first))
    };
    let parts: Vec<Result<Option<Evaluation>>> = groups.into_par_iter().map(run).collect();
    let mut all = Evaluation::default();
    for part in parts {
        let Some(part) = part? else { return Ok(None) };
        all.returns.extend(part.returns);
        all.lengths.extend(part.lengths);
        all.cut += part.cut;
        all.diverged += part.diverged;
    }
    Ok(Some(all))
}

/// Runs the episodes `numbers` of the plan, each in an environment of its own. Returns `None` if it was stopped.
fn run_group(
    stop: Stop<'_>,
    policy: &Policy,
    (source, spec): (&dyn EnvSource, &Spec),
    plan: Plan,
    numbers: Range<usize>,
) -> Result<Option<Evaluation>> {
    let count = numbers.len();
    let streams = |purpose| numbers.clone().map(move |episode| Stream::new(plan.seed, purpose, episode as u64));
    let mut episodes = Episodes::new(source, spec, 0, streams(Purpose::EvaluationEnvironment).collect())?;
    let mut explorations: Option<Vec<Exploration>> =
        plan.stochastic.then(|| streams(Purpose::EvaluationAction).map(Exploration::new).collect());
    let longest = spec.max_episode_steps.unwrap_or(0).max(LONGEST);
    let mut result = Evaluation { returns: vec![0.0; count], lengths: vec![0.0; count], ..Evaluation::default() };
    let mut is_done = vec![false; count];
    (0..count).try_for_each(|env| episodes.begin(env))?;
    if policy.is_masked && !episodes.has_masks() {
        return Err(episodes.error(0, 0, MASK_MISSING.into()));
    }
    let mut actor = Actor::new(policy, count);
    let mut active: Vec<usize> = (0..count).collect();
    while is_done.contains(&false) {
        if stop() {
            return Ok(None);
        }
        actor.act(&episodes, &active, explorations.as_deref_mut())?;
        episodes.step(&active, actor.executed(active.len()))?;
        for (row, &env) in active.iter().enumerate() {
            let (ending, progress) = (episodes.outcome(row).ending, episodes.progress(env));
            let is_cut = ending == Ending::Running && progress.step >= longest;
            if !is_done[env] && (is_cut || ending.is_over()) {
                is_done[env] = true;
                (result.returns[env], result.lengths[env]) = (progress.total, f64::from(progress.step));
                result.cut += usize::from(is_cut);
                result.diverged += usize::from(ending == Ending::Diverged);
            }
            // In a group that steps together, the environment goes on beside the others. What it does then does not count.
            if episodes.steps_together() && ending.is_over() {
                episodes.begin(env)?;
            }
        }
        if !episodes.steps_together() {
            active.retain(|env| !is_done[*env]);
        }
    }
    Ok(Some(result))
}

/// The error with the number of the episode in the plan, of which environment 0 of its group has the episode `first`.
fn in_evaluation(error: Error, first: usize) -> Error {
    match error {
        Error::Environment { environment, episode: earlier, step, message } => {
            let place = if earlier > 0 { "in evaluation, after the episode that counts" } else { "in evaluation" };
            let message = format!("{message} ({place})");
            Error::Environment { environment, episode: (first + environment) as u64, step, message }
        }
        Error::Policy { environment, step, value, .. } => {
            Error::Policy { environment, episode: (first + environment) as u64, step, value }
        }
        error => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::env::{Action, Env, EnvGroup, Outcome, Space, Spec};

    /// An environment that ends after so many steps, if ever, and tells the limit.
    struct Long {
        length: Option<u32>,
        limit: Option<u32>,
        step: u32,
    }

    impl Env for Long {
        fn spec(&self) -> Spec {
            let observation = Space::Box { low: vec![0.0], high: vec![1.0] };
            let (id, action) = ("Long".into(), Space::Discrete(2));
            Spec { id, observation, action, max_episode_steps: self.limit, reward_threshold: None }
        }

        fn reset(&mut self, _rng: &mut Stream, observation: &mut [f64]) -> Result<(), String> {
            self.step = 0;
            observation.fill(0.0);
            Ok(())
        }

        fn step(&mut self, _: Action<'_>, _: &mut Stream, observation: &mut [f64]) -> Result<Outcome, String> {
            observation.fill(0.0);
            self.step += 1;
            let ending = if self.length == Some(self.step) { Ending::Terminated } else { Ending::Running };
            Ok(Outcome { reward: 1.0, ending })
        }
    }

    /// Environments that end their episodes themselves.
    struct Own<S>(S);

    impl<S: EnvSource> EnvSource for Own<S> {
        fn spec(&self) -> Spec {
            self.0.spec()
        }

        fn group(&self, count: usize) -> crate::Result<Box<dyn EnvGroup>> {
            self.0.group(count)
        }

        fn ends_episodes(&self) -> bool {
            true
        }
    }

    #[test]
    fn episodes_are_cut_where_nothing_else_ends_them() {
        let lengths = |length, limit, ends_itself| {
            let source = move || Long { length, limit, step: 0 };
            let source: Box<dyn EnvSource> = if ends_itself { Box::new(Own(source)) } else { Box::new(source) };
            let config = Config::default();
            let policy = Policy::new(&config.policy, &config.normalize, &source.spec(), 0);
            let plan = Plan { episodes: 2, seed: 0, stochastic: false };
            let evaluation = evaluate(&policy, source.as_ref(), plan).unwrap();
            assert_eq!(evaluation.note().is_some(), evaluation.cut > 0);
            (evaluation.length_mean(), evaluation.cut)
        };
        let longest = f64::from(LONGEST);
        assert_eq!(lengths(None, None, false), (longest, 2));
        assert_eq!(lengths(None, Some(30), false), (30.0, 0)); // a time limit
        assert_eq!(lengths(Some(70), Some(30), true), (70.0, 0)); // of information
        assert_eq!(lengths(None, Some(LONGEST + 9), true), (longest + 9.0, 2));
        assert_eq!(lengths(Some(LONGEST + 9), Some(LONGEST + 9), true), (longest + 9.0, 0));
    }
}
