//! Compares classic control with Gymnasium 1.4: every recorded transition, whole episodes and the specs.
//!
//! `scripts/record_gymnasium.py` made the recordings and describes them.

#![allow(clippy::unwrap_used)] // a test: its helpers may panic too

use npg::env::{Actions, Ending, EnvGroup, Outcome, Space, Spec, registry};
use npg::random::{Purpose, Stream};
use serde_json::Value;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/gymnasium");

/// One file of recorded transitions.
struct Recording {
    id: String,
    options: toml::Table,
    entry: Value,
    rows: Vec<Row>,
}

/// One transition.
struct Row {
    /// Whether the state was set or reset. Such a row does not continue the one before.
    start: bool,
    before: Vec<f64>,
    action: f64,
    reward: f64,
    terminated: bool,
    after: Vec<f64>,
    observation: Vec<f32>,
}

impl Recording {
    /// All ten recordings: the five environments with their default options, and then with other options.
    fn all() -> Vec<Self> {
        let index = std::fs::read_to_string(format!("{FOLDER}/recordings.json")).unwrap();
        let index: Vec<Value> = serde_json::from_str(&index).unwrap();
        assert_eq!(index.len(), 10);
        index.into_iter().map(Self::read).collect()
    }

    /// The five recordings with default options.
    fn defaults() -> Vec<Self> {
        Self::all().into_iter().filter(|recording| recording.options.is_empty()).collect()
    }

    fn read(entry: Value) -> Self {
        let file = entry["file"].as_str().unwrap();
        let text = std::fs::read_to_string(format!("{FOLDER}/{file}")).unwrap();
        let states = entry["state_len"].as_u64().unwrap() as usize;
        Self {
            id: entry["id"].as_str().unwrap().into(),
            options: serde_json::from_value(entry["options"].clone()).unwrap(),
            rows: text.lines().map(|line| Row::parse(line, states)).collect(),
            entry,
        }
    }
}

impl Row {
    fn parse(line: &str, states: usize) -> Self {
        let fields: Vec<&str> = line.split(',').collect();
        let reals = |from: usize, count: usize| fields[from..][..count].iter().map(|x| x.parse().unwrap()).collect();
        Self {
            start: fields[0] == "1",
            before: reals(1, states),
            action: fields[1 + states].parse().unwrap(),
            reward: fields[2 + states].parse().unwrap(),
            terminated: fields[3 + states] == "1",
            after: reals(4 + states, states),
            observation: fields[4 + 2 * states..].iter().map(|x| x.parse().unwrap()).collect(),
        }
    }
}

/// One of npg's environments, stepped as the trainer steps it.
struct Ours {
    group: Box<dyn EnvGroup>,
    spec: Spec,
    rng: [Stream; 1],
    observation: Vec<f64>,
}

impl Ours {
    fn new(recording: &Recording) -> Self {
        let source = registry::make(&recording.id, &recording.options).unwrap();
        let spec = source.spec();
        let observation = vec![0.0; spec.observation.len()];
        Self { group: source.group(1).unwrap(), spec, rng: [Stream::new(0, Purpose::Test, 0)], observation }
    }

    fn step(&mut self, action: f64) -> Outcome {
        let mut outcome = [Outcome { reward: f64::NAN, ending: Ending::Diverged }];
        let (integer, real) = ([action as i64], [action]);
        let actions = match self.spec.action {
            Space::Box { .. } => Actions::of_reals(&real, 1),
            _ => Actions::of_integers(&integer, 1),
        };
        self.group.step(&[0], actions, &mut self.rng, &mut self.observation, &mut outcome).unwrap();
        outcome[0]
    }
}

/// |ours - theirs| relative to |theirs|, or to 1e-3 if that is larger. The rounding error of a sum scales with its summands,
/// so a result near 0 is no scale for it.
fn error(ours: f64, theirs: f64) -> f64 {
    (ours - theirs).abs() / theirs.abs().max(1e-3)
}

/// The largest error in a state or a reward, and the largest error in an observation as f32.
#[derive(Debug, Default)]
struct Errors {
    exact: f64,
    observation: f64,
}

impl Errors {
    fn add(&mut self, ours: &Ours, outcome: Outcome, row: &Row) {
        let after = ours.group.save(0).unwrap();
        assert_eq!((after.len(), ours.observation.len()), (row.after.len(), row.observation.len()));
        self.exact = self.exact.max(error(outcome.reward, row.reward));
        for (&x, &y) in after.iter().zip(&row.after) {
            self.exact = self.exact.max(error(x, y));
        }
        for (&x, &y) in ours.observation.iter().zip(&row.observation) {
            self.observation = self.observation.max(error(f64::from(x as f32), f64::from(y)));
        }
    }
}

fn expected_ending(row: &Row) -> Ending {
    if row.terminated { Ending::Terminated } else { Ending::Running }
}

/// The measured errors are 1e-13 for Acrobot's Runge-Kutta step, 0 for MountainCarContinuous and 4e-16 for the others.
/// Observations are equal. MountainCarContinuous computes in f32, so it passes at 1e-12 only if every rounding is equal.
#[test]
fn every_transition() {
    for recording in Recording::all() {
        let mut ours = Ours::new(&recording);
        let mut errors = Errors::default();
        for (number, row) in recording.rows.iter().enumerate() {
            ours.group.load(0, &row.before).unwrap();
            let outcome = ours.step(row.action);
            assert_eq!(outcome.ending, expected_ending(row), "{} row {number}", recording.id);
            errors.add(&ours, outcome, row);
        }
        println!("{} {:?}: {errors:?}", recording.id, recording.options);
        assert!(errors.exact <= 1e-12, "{}: {errors:?}", recording.id);
        assert!(errors.observation <= f64::from(f32::EPSILON), "{}: {errors:?}", recording.id);
    }
}

/// Only the first state of each recorded episode and the actions are given, so errors grow as the equations allow. A pendulum
/// near the top doubles them every four steps, so only 100 of its 200 steps are compared.
#[test]
fn whole_episodes() {
    for recording in Recording::defaults() {
        let (steps, tolerance) = match recording.id.as_str() {
            "MountainCarContinuous-v0" => (200, 0.0),
            "Pendulum-v1" => (100, 1e-6),
            "Acrobot-v1" => (200, 1e-3),
            _ => (200, 1e-9),
        };
        let mut ours = Ours::new(&recording);
        let mut errors = Errors::default();
        let (mut step, mut longest) = (0, 0);
        for (number, row) in recording.rows.iter().enumerate() {
            if row.start {
                ours.group.load(0, &row.before).unwrap();
                step = 0;
            }
            step += 1;
            longest = longest.max(step);
            if step > steps {
                continue;
            }
            let outcome = ours.step(row.action);
            assert_eq!(outcome.ending, expected_ending(row), "{} row {number}", recording.id);
            errors.add(&ours, outcome, row);
        }
        println!("{}: {errors:?}", recording.id);
        assert!(errors.exact <= tolerance, "{}: {errors:?}", recording.id);
        assert!(errors.observation <= 10.0 * tolerance + f64::from(f32::EPSILON), "{}: {errors:?}", recording.id);
        assert_eq!(longest, 200, "{}", recording.id);
    }
}

#[test]
fn specs() {
    for recording in Recording::all() {
        let expected = &recording.entry;
        let spec = Ours::new(&recording).spec;
        assert_eq!(spec.id, recording.id);
        assert_eq!(spec.observation, space(&expected["observation"]));
        assert_eq!(spec.action, space(&expected["action"]));
        assert_eq!(spec.max_episode_steps.map(u64::from), expected["max_episode_steps"].as_u64());
        assert_eq!(spec.reward_threshold, expected["reward_threshold"].as_f64());
    }
}

/// A recorded space. An infinite bound is null.
fn space(recorded: &Value) -> Space {
    if let Some(n) = recorded["discrete"].as_u64() {
        return Space::Discrete(n as usize);
    }
    let bounds = |side: &str, infinite: f64| {
        recorded[side].as_array().unwrap().iter().map(|bound| bound.as_f64().unwrap_or(infinite)).collect()
    };
    Space::Box { low: bounds("low", f64::NEG_INFINITY), high: bounds("high", f64::INFINITY) }
}

/// The recordings cover what they must: many states, all actions, ends within rollouts, speed limits and walls.
#[test]
fn recordings_cover_the_tasks() {
    for recording in Recording::defaults() {
        let (id, rows) = (&recording.id, &recording.rows);
        let any = |what: &dyn Fn(&Row) -> bool| rows.iter().any(what);
        assert!(rows.len() >= 1000, "{id}");
        assert!(rows.iter().filter(|row| row.start).count() >= 100, "{id}");
        assert_eq!(any(&|row| row.terminated && !row.start), id != "Pendulum-v1", "{id}");
        let spec = Ours::new(&recording).spec;
        match spec.action {
            Space::Discrete(n) => assert!((0..n).all(|action| any(&|row| row.action == action as f64)), "{id}"),
            Space::Box { low, high } => {
                assert!(any(&|row| row.action < low[0]) && any(&|row| row.action > high[0]), "{id}");
                assert!(any(&|row| row.action == low[0]) && any(&|row| row.action == high[0]), "{id}");
            }
            _ => unreachable!("classic control is discrete or a box"),
        }
        let Space::Box { low, high } = spec.observation else { unreachable!("classic control observes reals") };
        let speed = match id.as_str() {
            "CartPole-v1" => continue, // its speeds are not limited
            "Pendulum-v1" => 2,
            "Acrobot-v1" => 5,
            _ => 1,
        };
        for bound in [low[speed], high[speed]] {
            assert!(any(&|row| f64::from(row.observation[speed]) == bound), "{id} never reaches speed {bound}");
        }
        if id.starts_with("MountainCar") {
            assert!(any(&|row| f64::from(row.observation[0]) == low[0]), "{id} never hits the wall");
        }
    }
}
