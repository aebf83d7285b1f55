//! Evaluation: whole episodes with a frozen policy, the same for any number of threads.

use crate::env::{Ending, EnvSource, Outcome};
use crate::error::{Error, Result};
use crate::policy::{Actor, HeldNoise, Policy};
use crate::random::{Purpose, Stream};
use crate::rollout::check_reward;
use crate::stats;
use rayon::prelude::*;

/// Episodes stepped together on one thread.
const LANES: usize = 8;

/// Longest episode of an evaluation, in steps, where nothing else limits it: a policy may never end it. The Python package
/// cuts there as well.
pub const LONGEST: u32 = 50_000;

/// Which episodes to run.
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
    /// How many episodes had not ended by themselves and were cut.
    pub cut: usize,
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

    /// What is to be said where episodes were cut.
    pub fn note(&self) -> Option<String> {
        let longest = self.lengths.iter().fold(0.0, |longest: f64, length| longest.max(*length));
        (self.cut > 0).then(|| {
            let (cut, episodes) = (self.cut, self.lengths.len());
            format!("{cut} of {episodes} evaluation episodes had not ended after {longest} steps and were cut there")
        })
    }
}

/// Runs the planned episodes on the current thread pool. Episode i draws from streams of its own, so results do not
/// depend on the number of threads; the policy and its statistics stay as they are. An episode that neither ends nor has a
/// time limit is cut after [`LONGEST`] steps, or after the limit that the spec informs of, where that is longer.
///
/// # Errors
/// [`Error::Environment`] where the environment fails or gives something that is not finite, [`Error::Policy`] where the
/// policy does.
pub fn evaluate(policy: &Policy, source: &dyn EnvSource, plan: Plan) -> Result<Evaluation> {
    let parts: Vec<Result<Evaluation>> = (0..plan.episodes)
        .step_by(LANES)
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|first| episodes(policy, source, plan, first))
        .collect();
    let mut all = Evaluation::default();
    for part in parts {
        let part = part?;
        all.returns.extend(part.returns);
        all.lengths.extend(part.lengths);
        all.cut += part.cut;
    }
    Ok(all)
}

/// Episodes `first` to `first + LANES`, one in each environment of a group.
fn episodes(policy: &Policy, source: &dyn EnvSource, plan: Plan, first: usize) -> Result<Evaluation> {
    let lanes = LANES.min(plan.episodes - first);
    let spec = source.spec();
    let (space, width) = (&spec.observation, spec.observation.len());
    let limit = spec.max_episode_steps.filter(|_| !source.ends_episodes());
    let longest = f64::from(limit.unwrap_or(spec.max_episode_steps.unwrap_or(0).max(LONGEST)));
    let stream = |purpose| (0..lanes).map(|i| Stream::new(plan.seed, purpose, (first + i) as u64)).collect::<Vec<_>>();
    let (mut environment, mut action) = (stream(Purpose::EvaluationEnvironment), stream(Purpose::EvaluationAction));
    let mut noise = vec![HeldNoise::default(); lanes];
    let mut group = source.group(lanes)?;
    let mut actor = Actor::new(policy, lanes);
    let mut raw = vec![0.0; lanes * width];
    let mut encoded = vec![0.0; lanes * space.encoded_len()];
    let mut outcomes = vec![Outcome { reward: 0.0, ending: Ending::Running }; lanes];
    let mut result = Evaluation { returns: vec![0.0; lanes], lengths: vec![0.0; lanes], cut: 0 };
    let error = |lane: usize, step: f64, message: String| Error::Environment {
        environment: lane,
        episode: (first + lane) as u64,
        step: step as u64,
        message: format!("{message} (in evaluation)"),
    };
    let encode = |lane: usize, step: f64, raw: &[f64], encoded: &mut [f64]| {
        let slot = &mut encoded[lane * space.encoded_len()..][..space.encoded_len()];
        space.encode(raw, slot).map_err(|(index, value)| {
            error(lane, step, format!("observation[{index}] is {value}; it must be finite and inside its space"))
        })
    };
    for lane in 0..lanes {
        let observation = &mut raw[lane * width..][..width];
        group.reset(lane, &mut environment[lane], observation).map_err(|f| error(lane, 0.0, f.message))?;
        encode(lane, 0.0, observation, &mut encoded)?;
    }
    let mut active: Vec<usize> = (0..lanes).collect();
    let mut is_done = vec![false; lanes];
    while !is_done.iter().all(|done| *done) {
        for (row, &lane) in active.iter().enumerate() {
            actor.observe(row, &encoded[lane * space.encoded_len()..][..space.encoded_len()]);
        }
        actor.infer(active.len());
        if let Some((row, value)) = actor.overflow(active.len()) {
            let (environment, episode) = (active[row], (first + active[row]) as u64);
            return Err(Error::Policy { environment, episode, step: result.lengths[environment] as u64 + 1, value });
        }
        for (row, &lane) in active.iter().enumerate() {
            if plan.stochastic {
                actor.sample(row, &mut action[lane], &mut noise[lane]);
            } else {
                actor.take_mode(row);
            }
        }
        let rows = active.len();
        group
            .step(&active, actor.executed(rows), &mut environment, &mut raw[..rows * width], &mut outcomes[..rows])
            .map_err(|f| error(f.environment, result.lengths[f.environment], f.message))?;
        for (row, &lane) in active.iter().enumerate() {
            if is_done[lane] {
                continue;
            }
            let Outcome { reward, ending } = outcomes[row];
            let observation = &raw[row * width..][..width];
            match ending {
                Ending::Diverged => {
                    is_done[lane] = true;
                    continue;
                }
                Ending::Began => {
                    encode(lane, 0.0, observation, &mut encoded)?;
                    continue;
                }
                Ending::Running | Ending::Terminated | Ending::Truncated => {}
            }
            check_reward(reward).map_err(|message| error(lane, result.lengths[lane] + 1.0, message))?;
            result.returns[lane] += reward;
            result.lengths[lane] += 1.0;
            let is_cut = ending == Ending::Running && result.lengths[lane] >= longest;
            result.cut += usize::from(is_cut && limit.is_none());
            is_done[lane] = is_cut || ending != Ending::Running;
            if !is_done[lane] {
                encode(lane, result.lengths[lane], observation, &mut encoded)?;
            }
        }
        if !group.steps_together() {
            active.retain(|lane| !is_done[*lane]);
        }
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::env::{Action, Env, EnvGroup, Space, Spec};

    /// Ends after so many steps, if ever, and tells the limit.
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
