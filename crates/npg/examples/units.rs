//! Whether learning depends on the units of rewards and observations, or on a constant that is added to them. It must not.
//!
//!     cargo run --release -p npg --example units
//!
//! Trains four tasks of fixed length with a constant added to all rewards, four tasks with rewards in other units, and four
//! tasks with shifted and scaled observations. Each is trained with five seeds and with the task's preset, if it has one.
//! Prints the mean deterministic return of the final policies in the task's own unit. Exits with 1 if a change costs more
//! than a tenth of what was learned, that is, of the difference between the unchanged task's result and the untrained policy.

#![allow(clippy::print_stdout, reason = "an example shows what it finds")]

use std::error::Error;

use npg::config::Layers;
use npg::env::{Action, Actions, Ending, Env, EnvGroup, EnvSource, Fault, Outcome, Space, Spec, registry};
use npg::random::Stream;
use npg::stats;
use npg::train::Trainer;

const SEEDS: u64 = 5;
const TOLERANCE: f64 = 0.1;

/// A reward r becomes factor r + constant, and observations change likewise. Each pair is (factor, constant).
#[derive(Clone, Copy, PartialEq)]
struct Units {
    reward: (f64, f64),
    observation: (f64, f64),
}

const OWN: Units = Units { reward: (1.0, 0.0), observation: (1.0, 0.0) };

struct Changed {
    source: Box<dyn EnvSource>,
    units: Units,
}

struct ChangedGroup {
    group: Box<dyn EnvGroup>,
    units: Units,
}

impl EnvSource for Changed {
    fn spec(&self) -> Spec {
        let mut spec = self.source.spec();
        if let Space::Box { low, high } = &mut spec.observation {
            low.fill(f64::NEG_INFINITY);
            high.fill(f64::INFINITY);
        }
        spec
    }

    fn group(&self, count: usize) -> Result<Box<dyn EnvGroup>, npg::Error> {
        Ok(Box::new(ChangedGroup { group: self.source.group(count)?, units: self.units }))
    }
}

impl ChangedGroup {
    fn change(&self, observations: &mut [f64]) {
        let (factor, shift) = self.units.observation;
        observations.iter_mut().for_each(|x| *x = factor * *x + shift);
    }
}

impl EnvGroup for ChangedGroup {
    fn len(&self) -> usize {
        self.group.len()
    }

    fn reset(&mut self, index: usize, rng: &mut Stream, observation: &mut [f64]) -> Result<(), Fault> {
        self.group.reset(index, rng, observation)?;
        self.change(observation);
        Ok(())
    }

    fn step(
        &mut self,
        which: &[usize],
        actions: Actions<'_>,
        rngs: &mut [Stream],
        observations: &mut [f64],
        outcomes: &mut [Outcome],
    ) -> Result<(), Fault> {
        self.group.step(which, actions, rngs, observations, outcomes)?;
        self.change(observations);
        let (factor, constant) = self.units.reward;
        outcomes.iter_mut().for_each(|outcome| outcome.reward = factor * outcome.reward + constant);
        Ok(())
    }

    fn save(&self, index: usize) -> Option<Vec<f64>> {
        self.group.save(index)
    }

    fn load(&mut self, index: usize, state: &[f64]) -> Result<(), Fault> {
        self.group.load(index, state)
    }
}

/// Shows one of two bits, and pays 1 for the action that equals it. An episode terminates after 20 steps, and no observation
/// announces that.
struct Countdown {
    bit: usize,
    left: u32,
}

impl Env for Countdown {
    fn spec(&self) -> Spec {
        Spec {
            id: "Countdown".into(),
            observation: Space::Discrete(2),
            action: Space::Discrete(2),
            max_episode_steps: None,
            reward_threshold: None,
        }
    }

    fn reset(&mut self, rng: &mut Stream, observation: &mut [f64]) -> Result<(), String> {
        (self.left, self.bit) = (20, rng.below(2));
        observation[0] = self.bit as f64;
        Ok(())
    }

    fn step(&mut self, action: Action<'_>, rng: &mut Stream, observation: &mut [f64]) -> Result<Outcome, String> {
        let reward = f64::from(u8::from(action.index() == self.bit));
        (self.left, self.bit) = (self.left - 1, rng.below(2));
        observation[0] = self.bit as f64;
        let ending = if self.left == 0 { Ending::Terminated } else { Ending::Running };
        Ok(Outcome { reward, ending })
    }
}

fn source(id: &str, config: &npg::config::Config) -> Result<Box<dyn EnvSource>, npg::Error> {
    if id == "Countdown" {
        return Ok(Box::new(|| Countdown { bit: 0, left: 20 }));
    }
    registry::make(id, &config.env)
}

/// The mean return of the final policies and that of the untrained ones, in the task's own unit.
fn learned(id: &str, units: Units, settings: &[&str]) -> Result<(f64, f64), Box<dyn Error>> {
    let (mut last, mut first) = (Vec::new(), Vec::new());
    for seed in 0..SEEDS {
        let mut layers = Layers::default();
        layers.preset(id);
        settings.iter().for_each(|setting| layers.set(setting));
        layers.set(&format!("run.seed={seed}"));
        let config = layers.resolve()?;
        let changed = Changed { source: source(id, &config)?, units };
        let mut trainer = Trainer::new(config, Box::new(changed))?;
        let own = |trainer: &Trainer| -> npg::Result<f64> {
            let evaluation = trainer.evaluate(50)?;
            let (factor, constant) = units.reward;
            Ok((evaluation.mean() - constant * evaluation.length_mean()) / factor)
        };
        first.push(own(&trainer)?);
        while let Some(iteration) = trainer.step() {
            iteration?;
        }
        last.push(own(&trainer)?);
    }
    Ok((stats::mean(&last), stats::mean(&first)))
}

/// An environment and its settings, and a change with its name.
type Task<'a> = (&'a str, &'a [&'a str]);
type Change<'a> = (&'a str, Units);

fn main() -> Result<(), Box<dyn Error>> {
    let seen = "normalize.observations=true";
    let countdown: &[&str] = &["run.steps=60000"];
    let garnet: &[&str] = &["run.steps=100000"];
    let constant = |c: f64| Units { reward: (1.0, c), ..OWN };
    let unit = |factor: f64| Units { reward: (factor, 0.0), ..OWN };
    let seen_as = |factor: f64, shift: f64| Units { observation: (factor, shift), ..OWN };
    let constants =
        [("reward + 10", constant(10.0)), ("reward + 1000", constant(1000.0)), ("reward - 1000", constant(-1000.0))];
    let factors = [1e-12, 1e-6, 1e6].map(unit);
    let factors = [("reward * 1e-12", factors[0]), ("reward * 1e-6", factors[1]), ("reward * 1e6", factors[2])];
    let views = [
        ("observation + 1000", seen_as(1.0, 1e3)),
        ("observation * 1e-6", seen_as(1e-6, 0.0)),
        ("observation * 1e6", seen_as(1e6, 0.0)),
    ];
    let plan: [(&[Task], &[Change]); 3] = [
        (
            &[
                ("Pendulum-v1", &[]),
                ("Bandit-v0", &["run.steps=60000"]),
                ("Garnet-v0", garnet),
                ("Countdown", countdown),
            ],
            &constants,
        ),
        (
            &[("CartPole-v1", &[]), ("Acrobot-v1", &[]), ("MountainCarContinuous-v0", &[]), ("Countdown", countdown)],
            &factors,
        ),
        (
            &[("CartPole-v1", &[]), ("Acrobot-v1", &[]), ("MountainCarContinuous-v0", &[]), ("Pendulum-v1", &[seen])],
            &views,
        ),
    ];
    let mut is_worse = false;
    println!("{:<26} {:<20} {:>11} {:>11}", "task", "change", "return", "untrained");
    for (tasks, changes) in plan {
        for (id, settings) in tasks {
            let (own, untrained) = learned(id, OWN, settings)?;
            println!("{id:<26} {:<20} {own:>11.2} {untrained:>11.2}", "none");
            for (name, units) in changes {
                let (changed, _) = learned(id, *units, settings)?;
                let lost = (own - changed) / (own - untrained);
                is_worse |= lost > TOLERANCE;
                println!("{id:<26} {name:<20} {changed:>11.2}{}", if lost > TOLERANCE { "  worse" } else { "" });
            }
        }
    }
    if is_worse {
        return Err("what is learned depends on units".into());
    }
    Ok(())
}
