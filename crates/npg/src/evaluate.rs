//! Evaluation: whole episodes with a frozen policy, the same for any number of threads.

use crate::env::{Ending, EnvSource, Outcome};
use crate::error::{Error, Result};
use crate::policy::{Actor, HeldNoise, Policy};
use crate::random::{Purpose, Stream};
use crate::stats;
use rayon::prelude::*;

/// Episodes stepped together on one thread.
const LANES: usize = 8;

/// Longest episode, in steps, of an environment without a time limit: a policy may never end it.
const LONGEST: u32 = 10_000;

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
}

/// Runs the planned episodes on the current thread pool. Episode i draws from streams of its own, so results do not
/// depend on the number of threads; the policy and its statistics stay as they are. Where the environment has no time
/// limit, an episode is cut after 10,000 steps.
///
/// # Errors
/// [`Error::Environment`] where the environment fails or gives something that is not finite.
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
    }
    Ok(all)
}

/// Episodes `first` to `first + LANES`, one in each environment of a group.
fn episodes(policy: &Policy, source: &dyn EnvSource, plan: Plan, first: usize) -> Result<Evaluation> {
    let lanes = LANES.min(plan.episodes - first);
    let spec = source.spec();
    let (space, width) = (&spec.observation, spec.observation.len());
    let stream = |purpose| (0..lanes).map(|i| Stream::new(plan.seed, purpose, (first + i) as u64)).collect::<Vec<_>>();
    let (mut environment, mut action) = (stream(Purpose::EvaluationEnvironment), stream(Purpose::EvaluationAction));
    let mut noise = vec![HeldNoise::default(); lanes];
    let mut group = source.group(lanes)?;
    let mut actor = Actor::new(policy, lanes);
    let mut raw = vec![0.0; lanes * width];
    let mut encoded = vec![0.0; lanes * space.encoded_len()];
    let mut outcomes = vec![Outcome { reward: 0.0, ending: Ending::Running }; lanes];
    let mut result = Evaluation { returns: vec![0.0; lanes], lengths: vec![0.0; lanes] };
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
            if !reward.is_finite() {
                return Err(error(lane, result.lengths[lane], format!("the reward is {reward}; it must be finite")));
            }
            result.returns[lane] += reward;
            result.lengths[lane] += 1.0;
            let timed_out = result.lengths[lane] >= f64::from(spec.max_episode_steps.unwrap_or(LONGEST));
            is_done[lane] = timed_out || ending != Ending::Running;
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
