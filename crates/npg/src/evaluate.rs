//! Evaluation: whole episodes with a frozen policy. Results are the same for any number of threads.

use crate::env::{Ending, EnvSource, Outcome, Space, Spec};
use crate::policy::{Actor, HeldNoise, Policy};
use crate::random::{Purpose, Stream};
use crate::rollout::check_reward;
use crate::stats;
use crate::{Error, Result};
use rayon::prelude::*;

/// Episodes stepped together on one thread.
const LANES: usize = 8;

/// The longest episode of an evaluation in steps, if nothing else limits it, because a policy may never end it. The Python
/// package has the same limit.
pub const LONGEST: u32 = 50_000;

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

/// Runs the planned episodes on the current thread pool. Episode i has its own streams, so results do not depend on the number
/// of threads. The policy and its statistics stay as they are. An episode that neither ends nor has a time limit is cut after
/// [`LONGEST`] steps, or after the limit that the spec mentions if that is longer.
///
/// # Errors
/// [`Error::Environment`] if the environment fails or returns something that is not finite, and [`Error::Policy`] if the policy
/// does.
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
        all.diverged += part.diverged;
    }
    Ok(all)
}

/// Episodes `first` to `first + LANES`, one in each environment of a group.
fn episodes(policy: &Policy, source: &dyn EnvSource, plan: Plan, first: usize) -> Result<Evaluation> {
    let lanes = LANES.min(plan.episodes - first);
    let spec = source.spec();
    let width = spec.observation.len();
    let mut group = source.group(lanes)?;
    let mut actor = Actor::new(policy, lanes);
    let stream = |purpose| (0..lanes).map(|i| Stream::new(plan.seed, purpose, (first + i) as u64)).collect::<Vec<_>>();
    let mut streams = stream(Purpose::EvaluationEnvironment);
    let noise = vec![HeldNoise::default(); lanes];
    let mut draws = plan.stochastic.then(|| Draws { streams: stream(Purpose::EvaluationAction), noise });
    let mut running = Running::new(&spec, source.ends_episodes(), first, lanes);
    let mut raw = vec![0.0; lanes * width];
    let mut outcomes = vec![Outcome { reward: 0.0, ending: Ending::Running }; lanes];
    for lane in 0..lanes {
        let observation = &mut raw[lane * width..][..width];
        group.reset(lane, &mut streams[lane], observation).map_err(|f| running.error(lane, 0.0, f.message))?;
        running.see(lane, 0.0, observation)?;
    }
    let mut active: Vec<usize> = (0..lanes).collect();
    while !running.is_done.iter().all(|done| *done) {
        running.act(&mut actor, &active, &mut draws)?;
        let rows = active.len();
        group
            .step(&active, actor.executed(rows), &mut streams, &mut raw[..rows * width], &mut outcomes[..rows])
            .map_err(|f| running.error(f.environment, running.result.lengths[f.environment], f.message))?;
        for (row, &lane) in active.iter().enumerate() {
            let observation = &mut raw[row * width..][..width];
            let (is_over, step) = (running.take(lane, outcomes[row], observation)?, running.result.lengths[lane]);
            // An environment that is stepped on together with the others continues after a reset, from what it shows then.
            if group.steps_together() && running.is_done[lane] {
                if is_over {
                    let reset = group.reset(lane, &mut streams[lane], observation);
                    reset.map_err(|fault| running.error(lane, step, fault.message))?;
                }
                running.see(lane, step, observation)?;
            }
        }
        if !group.steps_together() {
            active.retain(|lane| !running.is_done[*lane]);
        }
    }
    Ok(running.result)
}

/// The streams and noise from which actions are sampled, one of each per environment.
struct Draws {
    streams: Vec<Stream>,
    noise: Vec<HeldNoise>,
}

/// Episodes in progress.
struct Running<'a> {
    space: &'a Space,
    /// Number of the first episode.
    first: usize,
    /// The number of steps after which an episode is cut, and whether that is the task's own limit.
    longest: f64,
    is_limit: bool,
    /// Observations, one row per environment.
    observations: Vec<f64>,
    is_done: Vec<bool>,
    result: Evaluation,
}

impl<'a> Running<'a> {
    fn new(spec: &'a Spec, ends_episodes: bool, first: usize, lanes: usize) -> Self {
        let limit = spec.max_episode_steps.filter(|_| !ends_episodes);
        Self {
            space: &spec.observation,
            first,
            longest: f64::from(limit.unwrap_or(spec.max_episode_steps.unwrap_or(0).max(LONGEST))),
            is_limit: limit.is_some(),
            observations: vec![0.0; lanes * spec.observation.len()],
            is_done: vec![false; lanes],
            result: Evaluation { returns: vec![0.0; lanes], lengths: vec![0.0; lanes], ..Evaluation::default() },
        }
    }

    /// Chooses the actions of the `active` environments: actions sampled from `draws`, or the most probable ones.
    fn act(&self, actor: &mut Actor<'_>, active: &[usize], draws: &mut Option<Draws>) -> Result<()> {
        let width = self.space.len();
        for (row, &lane) in active.iter().enumerate() {
            actor.observe(row, &self.observations[lane * width..][..width]);
        }
        actor.infer(active.len());
        if let Some((row, value)) = actor.overflow(active.len()) {
            let (environment, episode) = (active[row], (self.first + active[row]) as u64);
            let step = self.result.lengths[environment] as u64 + 1;
            return Err(Error::Policy { environment, episode, step, value });
        }
        for (row, &lane) in active.iter().enumerate() {
            match draws {
                Some(draws) => actor.sample(row, &mut draws.streams[lane], &mut draws.noise[lane]),
                None => actor.take_mode(row),
            }
        }
        Ok(())
    }

    /// Counts a step, unless the environment's episode is over and it is only stepped together with the others. Returns true if
    /// the environment's own episode is over, whether or not it counts.
    fn take(&mut self, lane: usize, Outcome { reward, ending }: Outcome, observation: &[f64]) -> Result<bool> {
        let is_over = matches!(ending, Ending::Diverged | Ending::Terminated | Ending::Truncated);
        match ending {
            _ if self.is_done[lane] => return Ok(is_over),
            Ending::Diverged => {
                self.is_done[lane] = true;
                self.result.diverged += 1;
                return Ok(is_over);
            }
            Ending::Began => return self.see(lane, 0.0, observation).map(|()| is_over),
            Ending::Running | Ending::Terminated | Ending::Truncated => {}
        }
        let step = self.result.lengths[lane] + 1.0;
        check_reward(reward).map_err(|message| self.error(lane, step, message))?;
        self.result.returns[lane] += reward;
        self.result.lengths[lane] = step;
        let is_cut = ending == Ending::Running && step >= self.longest;
        self.result.cut += usize::from(is_cut && !self.is_limit);
        self.is_done[lane] = is_cut || ending != Ending::Running;
        if !self.is_done[lane] {
            self.see(lane, step, observation)?;
        }
        Ok(is_over)
    }

    /// Keeps the observation for the next action.
    fn see(&mut self, lane: usize, step: f64, observation: &[f64]) -> Result<()> {
        self.space.check(observation).map_err(|(index, value)| {
            let message = format!("observation[{index}] is {value}; it must be finite and inside its space");
            self.error(lane, step, message)
        })?;
        let width = self.space.len();
        self.observations[lane * width..][..width].copy_from_slice(observation);
        Ok(())
    }

    fn error(&self, lane: usize, step: f64, message: String) -> Error {
        Error::Environment {
            environment: lane,
            episode: (self.first + lane) as u64,
            step: step as u64,
            message: format!("{message} (in evaluation)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::env::{Action, Env, EnvGroup, Space, Spec};

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
