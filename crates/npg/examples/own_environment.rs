//! Your own simulator, trained from Rust: `cargo run --release -p npg --example own_environment`.
//!
//! A cart of 1 kg on a line is to be pushed to the origin and held there by a force of at most 1 N. The simulator is the
//! `impl Env` of 37 lines below; without saved state it would be 26.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use npg::config::Config;
use npg::env::{Action, Ending, Env, Outcome, Space, Spec};
use npg::random::Stream;
use npg::train::Trainer;

/// The cart: its position (m) and velocity (m/s).
#[derive(Default)]
struct Cart {
    x: f64,
    v: f64,
}

impl Env for Cart {
    fn spec(&self) -> Spec {
        Spec {
            id: "Cart".into(),
            observation: Space::uniform_box(2, f64::NEG_INFINITY, f64::INFINITY),
            action: Space::uniform_box(1, -1.0, 1.0),
            max_episode_steps: Some(100), // npg ends the episode as truncated, not the simulator
            reward_threshold: None,
        }
    }

    fn reset(&mut self, rng: &mut Stream, observation: &mut [f64]) -> Result<(), String> {
        *self = Cart { x: rng.uniform(-1.0, 1.0), v: 0.0 };
        observation.copy_from_slice(&[self.x, self.v]);
        Ok(())
    }

    fn step(&mut self, action: Action<'_>, _: &mut Stream, observation: &mut [f64]) -> Result<Outcome, String> {
        let force = action.reals()[0];
        self.v += 0.1 * force;
        self.x += 0.1 * self.v;
        observation.copy_from_slice(&[self.x, self.v]);
        let reward = -(self.x * self.x + 0.1 * self.v * self.v + 0.01 * force * force);
        Ok(Outcome { reward, ending: if self.x.abs() > 5.0 { Ending::Terminated } else { Ending::Running } })
    }

    // With these two, a resumed run equals an uninterrupted one.
    fn save(&self) -> Option<Vec<f64>> {
        Some(vec![self.x, self.v])
    }

    fn load(&mut self, state: &[f64]) -> Result<(), String> {
        let [x, v] = *state else { return Err(format!("a state of 2 numbers expected, got {}", state.len())) };
        *self = Cart { x, v };
        Ok(())
    }
}

/// Trains a policy. Returns its mean return before and after.
fn train(steps: u64) -> npg::Result<(f64, f64)> {
    let mut config = Config::default();
    config.run.steps = steps;
    let mut trainer = Trainer::new(config, Box::new(Cart::default))?;
    let before = trainer.evaluate(100)?.mean();
    for iteration in &mut trainer {
        let iteration = iteration?;
        if iteration.iteration % 10 == 0 {
            let mean = iteration.metrics.get("rollout/ep_rew_mean").unwrap_or(f64::NAN);
            println!("{:>6} steps: mean return {mean:.2}", iteration.steps);
        }
    }
    Ok((before, trainer.evaluate(100)?.mean()))
}

fn main() -> npg::Result<()> {
    let (before, after) = train(100_000)?;
    println!("mean return {before:.2} before training, {after:.2} after it");
    Ok(())
}

#[test]
fn it_learns_within_the_promised_lines() {
    let (before, after) = train(40_000).expect("the cart never fails");
    assert!(before < -20.0 && after > -8.0, "{before} before, {after} after");
    let lines = include_str!("own_environment.rs").lines().skip_while(|line| !line.starts_with("impl Env"));
    assert_eq!(lines.take_while(|line| *line != "}").count() + 1, 37);
}
