//! Action masks from the environment to the trained policy.
#![allow(clippy::unwrap_used)] // a test

use npg::checkpoint::Archive;
use npg::config::Config;
use npg::env::{Action, Ending, Env, Outcome, Space, Spec, registry};
use npg::evaluate::{Plan, evaluate};
use npg::random::Stream;
use npg::train::Trainer;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Two counters, each from 0 to 3. A move may not leave this range, and it is an error if it does. What the mask says is
/// wrong on purpose if `blind` or `stuck` is set.
#[derive(Clone, Debug, Default)]
struct Counters {
    at: [i64; 2],
    step: u32,
    /// Everything is allowed.
    blind: bool,
    /// Nothing is allowed for the second counter, from this step on.
    stuck: Option<u32>,
    /// There is no mask from this step on. A move out of the range then has no effect.
    lost: Option<u32>,
    /// An action is a bit for each counter, down or up. The ends of the range are 0 and 3, where one of them is forbidden.
    is_binary: bool,
}

impl Counters {
    fn observe(&self, observation: &mut [f64]) {
        observation.iter_mut().zip(self.at).for_each(|(slot, at)| *slot = at as f64);
    }
}

impl Env for Counters {
    fn spec(&self) -> Spec {
        Spec {
            id: "Counters".into(),
            observation: Space::uniform_box(2, 0.0, 3.0),
            action: if self.is_binary {
                Space::MultiBinary(2)
            } else {
                Space::MultiDiscrete(vec![3, 3]) // down, stay, up
            },
            max_episode_steps: Some(20),
            reward_threshold: None,
        }
    }

    fn reset(&mut self, rng: &mut Stream, observation: &mut [f64]) -> Result<(), String> {
        (self.at, self.step) = ([0, 1].map(|_| rng.below(4) as i64), 0);
        self.observe(observation);
        Ok(())
    }

    fn step(&mut self, action: Action<'_>, _: &mut Stream, observation: &mut [f64]) -> Result<Outcome, String> {
        self.step += 1;
        for (at, choice) in self.at.iter_mut().zip(action.integers()) {
            *at += if self.is_binary { 2 * choice - 1 } else { choice - 1 };
            if self.lost.is_some() {
                *at = (*at).clamp(0, 3);
            }
            if !(0..4).contains(at) {
                return Err(format!("a counter is at {at}"));
            }
        }
        self.observe(observation);
        Ok(Outcome { reward: (self.at[0] - self.at[1]) as f64, ending: Ending::Running })
    }

    fn action_mask(&self, mask: &mut [bool]) -> bool {
        if self.lost.is_some_and(|step| self.step >= step) {
            return false;
        }
        let moves: &[i64] = if self.is_binary { &[-1, 1] } else { &[-1, 0, 1] };
        let all = self.at.iter().flat_map(|at| moves.iter().map(move |step| at + step));
        mask.iter_mut().zip(all).for_each(|(slot, to)| *slot = self.blind || (0..4).contains(&to));
        if self.stuck.is_some_and(|step| self.step >= step) {
            mask[3..].fill(false);
        }
        true
    }

    fn save(&self) -> Option<Vec<f64>> {
        Some(vec![self.at[0] as f64, self.at[1] as f64, f64::from(self.step)])
    }

    fn load(&mut self, state: &[f64]) -> Result<(), String> {
        (self.at, self.step) = ([state[0] as i64, state[1] as i64], state[2] as u32);
        Ok(())
    }
}

fn config() -> Config {
    let mut config = Config::default();
    config.run.steps = 4 * 1000;
    config.rollout.batch_steps = 1000;
    config.policy.hidden = vec![16];
    config
}

fn trainer(environment: Counters) -> Trainer {
    Trainer::new(config(), Box::new(move || environment.clone())).unwrap()
}

fn error(environment: Counters) -> String {
    trainer(environment).find_map(Result::err).map_or_else(String::new, |error| error.to_string())
}

#[test]
fn no_forbidden_action_is_taken_in_training_and_evaluation() {
    let mut trainer = trainer(Counters::default());
    for iteration in &mut trainer {
        let metrics = iteration.unwrap().metrics;
        assert!(metrics.get("npg/kl").unwrap() <= 0.015 && metrics.get("policy/entropy").is_none_or(f64::is_finite));
    }
    // The best return: up to (3, 0), then 3 in each step. The first steps depend on the start.
    assert!(trainer.evaluate(50).unwrap().mean() > 40.0);
    let policy = trainer.policy();
    let corner = policy.act_masked(&[3.0, 0.0], Some(&[true, true, false, false, true, true])).unwrap();
    assert!(corner.integers[0] < 2 && corner.integers[1] > 0);
    let message = policy.act_masked(&[3.0, 0.0], Some(&[true])).unwrap_err().to_string();
    assert_eq!(message, "an action mask of 1 values; this policy's actions have 6");
    assert_eq!(
        error(Counters { blind: true, ..Counters::default() }).rsplit(": ").next().unwrap(),
        "a counter is at -1"
    );
}

/// Bits have two values each. A counter at an end of its range has one choice, and its bit is then certain.
#[test]
fn a_bit_that_a_mask_forbids_is_never_taken() {
    let mut trainer = trainer(Counters { is_binary: true, ..Counters::default() });
    for iteration in &mut trainer {
        assert!(iteration.unwrap().metrics.get("npg/kl").unwrap() <= 0.015);
    }
    assert!(trainer.evaluate(50).unwrap().mean() > 30.0); // up and down at the end: 5 in two steps at best
    let policy = trainer.policy();
    let corner = policy.act_masked(&[3.0, 0.0], Some(&[true, false, false, true])).unwrap();
    assert_eq!(corner.integers, [0, 1]);
    let message = policy.act_masked(&[3.0, 0.0], Some(&[true, true, false, false])).unwrap_err().to_string();
    assert_eq!(message, "the action mask forbids every value of part 1 of the action");
}

/// Without a mask, a policy that was trained with masks could choose what was never allowed.
#[test]
fn a_policy_that_was_trained_with_masks_does_not_act_without() {
    let mut trainer = trainer(Counters::default());
    assert!(trainer.policy().act(&[3.0, 0.0]).is_ok(), "not trained yet");
    trainer.next().unwrap().unwrap();
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("masked.safetensors");
    trainer.save().write(&path).unwrap();
    let policy = npg::load_for(&path, &Counters::default().spec()).unwrap();
    assert_eq!(policy, *trainer.policy());
    let message = policy.act(&[3.0, 0.0]).unwrap_err().to_string();
    assert_eq!(message, "the policy was trained with action masks, so an action needs one: `act_masked`");
    let message = policy.act_masked(&[3.0, 0.0], Some(&[false; 6])).unwrap_err().to_string();
    assert_eq!(message, "the action mask forbids every value of part 0 of the action");
    let plan = Plan { episodes: 3, seed: 0, stochastic: false };
    let without = || Counters { lost: Some(0), ..Counters::default() };
    let message = evaluate(&policy, &without, plan).unwrap_err().to_string();
    assert_eq!(
        message,
        "environment 0, episode 0, step 0: it gives no action mask, but the policy was trained with action masks (in evaluation)"
    );
    assert!(evaluate(&policy, &Counters::default, plan).is_ok());
}

#[test]
fn a_mask_that_forbids_everything_is_named() {
    let message = error(Counters { stuck: Some(7), ..Counters::default() });
    let expected = "episode 0, step 7: the action mask forbids every value of part 1 of the action";
    assert!(message.starts_with("environment ") && message.ends_with(expected), "{message}");
    let message = error(Counters { stuck: Some(0), ..Counters::default() });
    assert!(message.contains("episode 0, step 0: the action mask forbids"), "{message}");
}

#[test]
fn masks_are_given_always_or_never() {
    let message = error(Counters { lost: Some(5), ..Counters::default() });
    assert!(message.ends_with("step 5: it gives no action mask, but others or earlier states had one"), "{message}");
    // The first group of four has masks, the others have none.
    let made = AtomicUsize::new(0);
    let source = move || {
        let has_mask = made.fetch_add(1, Ordering::Relaxed) < 6; // the spec is asked for a few times before
        Counters { lost: Some(if has_mask { u32::MAX } else { 0 }), ..Counters::default() }
    };
    let mut config = config();
    config.rollout.n_envs = 16;
    let error = Trainer::new(config, Box::new(source)).unwrap().find_map(Result::err).unwrap().to_string();
    assert!(error.contains("it gives no action mask, but others"), "{error}");
}

#[test]
fn a_resumed_run_continues_with_the_masks_of_its_states() {
    let mut whole = trainer(Counters::default());
    let mut half = trainer(Counters::default());
    for _ in 0..2 {
        whole.next().unwrap().unwrap();
        half.next().unwrap().unwrap();
    }
    let archive = Archive::from_bytes(&half.save().to_bytes()).unwrap();
    let (mut resumed, continues) = Trainer::restore(&archive, Box::new(Counters::default)).unwrap();
    assert!(continues);
    for _ in 0..2 {
        whole.next().unwrap().unwrap();
        resumed.next().unwrap().unwrap();
    }
    assert_eq!(resumed.policy().theta, whole.policy().theta);
}

/// The rule of Gymnasium's Taxi: drives that no wall stops, picking up a passenger who waits here, setting down at a stop.
#[test]
fn the_mask_of_taxi_is_gymnasiums() {
    const STOPS: [usize; 4] = [0, 4, 20, 23];
    const EAST_WALLS: [usize; 6] = [1, 6, 15, 17, 20, 22];
    let options = "mask = true".parse().unwrap();
    let source = registry::make("Taxi-v4", &options).unwrap();
    let mut taxi = source.group(1).unwrap();
    for state in 0..500 {
        let (cell, passenger) = (state / 20, state / 4 % 5);
        let (row, column) = (cell / 5, cell % 5);
        let expected = [
            row < 4,
            row > 0,
            column < 4 && !EAST_WALLS.contains(&cell),
            column > 0 && !EAST_WALLS.contains(&(cell - 1)),
            passenger < 4 && STOPS[passenger] == cell,
            passenger == 4 && STOPS.contains(&cell),
        ];
        let mut mask = [false; 6];
        taxi.load(0, &[state as f64]).unwrap();
        assert!(taxi.action_mask(0, &mut mask));
        assert_eq!(mask, expected, "state {state}");
    }
    let plain = registry::make("Taxi-v4", &toml::Table::new()).unwrap().group(1).unwrap();
    assert!(!plain.action_mask(0, &mut [false; 6]));
}
