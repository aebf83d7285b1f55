//! Training, evaluation and the interface for vector environments step the same environments through the same episodes. Each
//! of them must report what a plain loop over one environment sees with the same actions and the same random streams.

#![allow(clippy::unwrap_used)] // a test: its helpers may panic too

use npg::Error;
use npg::advantage::SegmentEnd;
use npg::config::Config;
use npg::env::{Action, Actions, Ending, Env, EnvGroup, EnvSource, Episodes, Outcome, Space, Spec};
use npg::evaluate::{Plan, evaluate};
use npg::policy::Policy;
use npg::random::{Purpose, Stream};
use npg::rollout::{Batch, Sampler};
use std::sync::{Arc, Mutex};

const ENVS: usize = 4;
const SEED: u64 = 11;
const GAMMA: f64 = 0.9;

/// A point that drifts. It terminates on one side, is truncated on the other, sometimes diverges, and has a time limit.
struct Drift {
    env: usize,
    log: Log,
    at: f64,
}

/// The actions that each environment was given.
type Log = Arc<Mutex<Vec<Vec<i64>>>>;

impl Env for Drift {
    fn spec(&self) -> Spec {
        Spec {
            id: "Drift".into(),
            observation: Space::uniform_box(2, -9.0, 9.0),
            action: Space::Discrete(3),
            max_episode_steps: Some(12),
            reward_threshold: None,
        }
    }

    fn reset(&mut self, rng: &mut Stream, observation: &mut [f64]) -> Result<(), String> {
        self.at = rng.uniform(-1.0, 1.0);
        observation.copy_from_slice(&[self.at, 7.0]);
        Ok(())
    }

    fn step(&mut self, action: Action<'_>, rng: &mut Stream, observation: &mut [f64]) -> Result<Outcome, String> {
        self.log.lock().unwrap()[self.env].push(action.integers()[0]);
        self.at += 0.4 * (action.integers()[0] - 1) as f64 + rng.uniform(-0.5, 0.5);
        let luck = rng.uniform(0.0, 1.0);
        observation.copy_from_slice(&[self.at, luck]);
        if luck < 0.06 {
            observation.fill(f64::NAN);
            return Ok(Outcome { reward: f64::NAN, ending: Ending::Diverged });
        }
        let ending = match self.at {
            at if at > 1.8 => Ending::Terminated,
            at if at < -1.8 => Ending::Truncated,
            _ => Ending::Running,
        };
        Ok(Outcome { reward: self.at - luck, ending })
    }
}

/// Groups of `ENVS` such environments. The log belongs to the latest group.
#[derive(Default)]
struct Drifts(Log);

impl EnvSource for Drifts {
    fn spec(&self) -> Spec {
        Drift { env: 0, log: Log::default(), at: 0.0 }.spec()
    }

    fn group(&self, count: usize) -> npg::Result<Box<dyn EnvGroup>> {
        *self.0.lock().unwrap() = vec![Vec::new(); count];
        let (log, made) = (Arc::clone(&self.0), Mutex::new(0..count));
        let make = move || Drift { env: made.lock().unwrap().next().unwrap(), log: Arc::clone(&log), at: 0.0 };
        make.group(count)
    }
}

/// One step in the plain loop.
#[derive(Clone, Debug, PartialEq)]
struct Step {
    /// The number of the step in its episode, counted from 0.
    number: u32,
    acted_on: [f64; 2],
    reward: f64,
    ending: Ending,
    /// The observation after the step. After a divergence it is the last good one.
    after: [f64; 2],
}

/// The plain loop: environment `env` with the given actions, and a reset after every ending.
fn plain_loop(purpose: Purpose, env: usize, actions: &[i64]) -> Vec<Step> {
    let mut drift = Drift { env: 0, log: Arc::new(Mutex::new(vec![Vec::new()])), at: 0.0 };
    let limit = drift.spec().max_episode_steps.unwrap();
    let mut rng = Stream::new(SEED, purpose, env as u64);
    let (mut acted_on, mut number) = ([0.0; 2], 0);
    drift.reset(&mut rng, &mut acted_on).unwrap();
    let mut steps = Vec::new();
    for action in actions {
        let mut after = acted_on;
        let mut outcome = drift.step(Action::of_integers(&[*action]), &mut rng, &mut after).unwrap();
        if outcome.ending == Ending::Diverged {
            (after, outcome.reward) = (acted_on, 0.0);
        } else if outcome.ending == Ending::Running && number + 1 == limit {
            outcome.ending = Ending::Truncated;
        }
        let Outcome { reward, ending } = outcome;
        steps.push(Step { number, acted_on, reward, ending, after });
        (acted_on, number) = (after, number + 1);
        if ending != Ending::Running {
            drift.reset(&mut rng, &mut acted_on).unwrap();
            number = 0;
        }
    }
    steps
}

fn policy(source: &dyn EnvSource) -> Policy {
    let mut config = Config::default();
    config.normalize.observations = false;
    Policy::new(&config.policy, &config.normalize, &source.spec(), 3)
}

fn f32s(observation: [f64; 2]) -> [f32; 2] {
    observation.map(|x| x as f32)
}

/// Checks one environment's `rows` of a batch.
fn check_rows(batch: &Batch, rows: std::ops::Range<usize>, steps: &[Step]) {
    let mut segments = batch.segments.iter().filter(|segment| rows.contains(&segment.rows.start));
    let (mut row, mut begun, mut discounted) = (rows.start, rows.start, 0.0);
    for step in steps {
        if step.ending != Ending::Diverged {
            discounted = GAMMA.mul_add(discounted, step.reward);
            assert_eq!(batch.inputs.row(row), f32s(step.acted_on), "row {row}");
            assert_eq!((batch.rewards[row], batch.steps[row]), (step.reward, step.number), "row {row}");
            assert_eq!(batch.returns[row], discounted, "row {row}");
            row += 1;
        }
        let is_over = step.ending != Ending::Running;
        if begun < row && (is_over || row == rows.end) {
            let segment = segments.next().unwrap();
            assert_eq!(segment.rows, begun..row);
            let last = match (step.ending, segment.end) {
                (Ending::Terminated, SegmentEnd::Terminated) => None,
                (Ending::Truncated | Ending::Diverged, SegmentEnd::Truncated(last)) => Some(last),
                (Ending::Running, SegmentEnd::BatchEnd(last)) => Some(last),
                (ending, end) => panic!("{ending:?} became {end:?}"),
            };
            last.iter().for_each(|last| assert_eq!(batch.finals.row(*last), f32s(step.after)));
            begun = row;
        }
        if is_over {
            discounted = 0.0;
        }
    }
    assert_eq!((row, segments.next()), (rows.end, None));
}

#[test]
fn training_reports_what_a_plain_loop_sees() {
    let source = Drifts::default();
    let mut sampler = Sampler::new(&source, ENVS, GAMMA, SEED).unwrap();
    let batch = sampler.sample(&policy(&source), ENVS * 500).unwrap();
    let log = source.0.lock().unwrap();
    let steps: Vec<Vec<Step>> = (0..ENVS).map(|env| plain_loop(Purpose::Environment, env, &log[env])).collect();
    for (env, steps) in steps.iter().enumerate() {
        check_rows(&batch, env * 500..(env + 1) * 500, steps);
    }
    let count = |ending| steps.iter().flatten().filter(|step| step.ending == ending).count();
    let at_limit = steps.iter().flatten().filter(|step| step.number == 11 && step.ending == Ending::Truncated).count();
    let endings = [Ending::Terminated, Ending::Truncated, Ending::Diverged].map(count);
    assert!(endings.iter().chain([&at_limit]).all(|count| *count > 10), "{endings:?} {at_limit}");
    assert_eq!(batch.diverged, endings[2] as u64);
    let is_episode = |step: &&Step| !(step.ending == Ending::Diverged && step.number == 0);
    let over = steps.iter().flatten().filter(|step| step.ending != Ending::Running).filter(is_episode).count();
    assert_eq!(batch.episodes.len(), over);
}

#[test]
fn evaluation_reports_what_a_plain_loop_sees() {
    let source = Drifts::default();
    let plan = Plan { episodes: 8, seed: SEED, stochastic: true };
    let evaluation = evaluate(&policy(&source), &source, plan).unwrap();
    let log = source.0.lock().unwrap();
    let mut diverged = 0;
    for episode in 0..8 {
        let steps = plain_loop(Purpose::EvaluationEnvironment, episode, &log[episode]);
        let (last, earlier) = steps.split_last().unwrap();
        assert!(last.ending != Ending::Running && earlier.iter().all(|step| step.ending == Ending::Running));
        let is_dropped = last.ending == Ending::Diverged;
        diverged += usize::from(is_dropped);
        assert_eq!(evaluation.lengths[episode], (steps.len() - usize::from(is_dropped)) as f64);
        assert_eq!(evaluation.returns[episode], steps.iter().fold(0.0, |sum, step| sum + step.reward));
    }
    assert_eq!((evaluation.diverged, evaluation.cut), (diverged, 0));
}

/// The interface for vector environments resets an environment either in the step that ends its episode or in the next one.
#[test]
fn stepped_episodes_are_those_of_a_plain_loop() {
    let source = Drifts::default();
    let streams = (0..ENVS).map(|env| Stream::new(SEED, Purpose::Environment, env as u64)).collect();
    let mut episodes = Episodes::new(&source, &source.spec(), 0, streams).unwrap();
    (0..ENVS).for_each(|env| episodes.begin(env).unwrap());
    let mut seen = vec![Vec::new(); ENVS];
    for round in 0..500 {
        let which: Vec<usize> = (0..ENVS).filter(|env| (round + env) % 3 > 0).collect(); // each environment at its own pace
        let actions: Vec<i64> = which.iter().map(|env| ((round * 7 + env) % 3) as i64).collect();
        let acted_on: Vec<Vec<f64>> = which.iter().map(|env| episodes.observation(*env).to_vec()).collect();
        let numbers: Vec<u32> = which.iter().map(|env| episodes.progress(*env).step).collect();
        episodes.step(&which, Actions::of_integers(&actions, 1)).unwrap();
        for (row, &env) in which.iter().enumerate() {
            let (Outcome { reward, ending }, after) = (episodes.outcome(row), episodes.observation(env));
            if ending != Ending::Diverged {
                assert_eq!(episodes.acted_on(row), acted_on[row]);
            }
            let pair = |observation: &[f64]| [observation[0], observation[1]];
            let (acted_on, after) = (pair(&acted_on[row]), pair(after));
            seen[env].push(Step { number: numbers[row], acted_on, reward, ending, after });
            if ending.is_over() {
                episodes.begin(env).unwrap();
            }
        }
    }
    let log = source.0.lock().unwrap();
    for env in 0..ENVS {
        assert_eq!(seen[env], plain_loop(Purpose::Environment, env, &log[env]), "environment {env}");
    }
}

/// Environment 2 fails or returns NaN at the given step. Step 0 is the reset.
struct Fails {
    env: usize,
    at: u32,
    nan: bool,
    step: u32,
}

impl Fails {
    fn arrive(&self, observation: &mut [f64]) -> Result<(), String> {
        observation[0] = 0.0;
        match (self.env, self.step) == (2, self.at) {
            true if self.nan => observation[0] = f64::NAN,
            true => return Err("it broke".into()),
            false => {}
        }
        Ok(())
    }
}

impl Env for Fails {
    fn spec(&self) -> Spec {
        let (observation, action) = (Space::uniform_box(1, -9.0, 9.0), Space::Discrete(2));
        Spec { id: "Fails".into(), observation, action, max_episode_steps: Some(9), reward_threshold: None }
    }

    fn reset(&mut self, _: &mut Stream, observation: &mut [f64]) -> Result<(), String> {
        self.step = 0;
        self.arrive(observation)
    }

    fn step(&mut self, _: Action<'_>, _: &mut Stream, observation: &mut [f64]) -> Result<Outcome, String> {
        self.step += 1;
        self.arrive(observation)?;
        Ok(Outcome { reward: 1.0, ending: Ending::Running })
    }
}

/// A source of such environments, which may make too many of them.
struct Failing {
    at: u32,
    nan: bool,
    surplus: usize,
}

impl EnvSource for Failing {
    fn spec(&self) -> Spec {
        Fails { env: 0, at: self.at, nan: self.nan, step: 0 }.spec()
    }

    fn group(&self, count: usize) -> npg::Result<Box<dyn EnvGroup>> {
        let (at, nan, made) = (self.at, self.nan, Mutex::new(0..));
        let make = move || Fails { env: made.lock().unwrap().next().unwrap(), at, nan, step: 0 };
        make.group(count + self.surplus)
    }
}

/// If a step fails, an evaluation names that step, as training does, and not the one before.
#[test]
fn all_say_in_which_environment_episode_and_step_something_failed() {
    for (at, nan) in [(0, false), (0, true), (1, false), (1, true), (5, false), (5, true)] {
        let source = Failing { at, nan, surplus: 0 };
        let policy = policy(&source);
        let what = if nan { "observation[0] is NaN; it must be finite" } else { "it broke" };
        let trained = Sampler::new(&source, 4, GAMMA, SEED).unwrap().sample(&policy, 40).unwrap_err();
        assert_eq!(trained.to_string(), format!("environment 2, episode 0, step {at}: {what}"));
        let plan = Plan { episodes: 5, seed: SEED, stochastic: false };
        let evaluated = evaluate(&policy, &source, plan).unwrap_err();
        assert_eq!(evaluated.to_string(), format!("environment 2, episode 2, step {at}: {what} (in evaluation)"));
    }
}

#[test]
fn a_group_of_another_size_is_an_error() {
    let source = Failing { at: 99, nan: false, surplus: 1 };
    let plan = Plan { episodes: 3, seed: 0, stochastic: false };
    for error in
        [Sampler::new(&source, 4, GAMMA, SEED).unwrap_err(), evaluate(&policy(&source), &source, plan).unwrap_err()]
    {
        assert!(matches!(error, Error::Environment { .. }), "{error}");
        assert!(error.to_string().contains("environments was asked for, and has"), "{error}");
    }
}
