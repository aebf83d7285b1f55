//! Your own robot: its model in MJCF, its reward in Rust, and a policy for it. This needs MuJoCo (`pip install mujoco`).
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use npg::env::mujoco::{MujocoSource, Settings, StepReward, Task, View, compiled};
use npg::random::Stream;

/// A pendulum that swings freely and is driven by a motor at its hinge.
const MODEL: &str = r#"<mujoco>
  <option timestep="0.02" integrator="RK4"/>
  <worldbody><body><joint name="hinge" axis="0 1 0" damping="0.1"/>
    <geom type="capsule" fromto="0 0 0 0 0 -1" size="0.05" mass="1"/><site name="tip" pos="0 0 -1"/></body></worldbody>
  <actuator><motor joint="hinge" gear="8" ctrlrange="-1 1" ctrllimited="true"/></actuator>
</mujoco>"#;

/// Hold the tip up, gently.
struct Upright;

impl Task for Upright {
    fn reads(&self) -> &[(&'static str, usize)] {
        &[("site_xpos", 3)]
    }

    fn start(&self, qpos: &mut [f64], _: &mut [f64], rng: &mut Stream) {
        qpos[0] = rng.uniform(-3.1, 3.1);
    }

    fn observe(&self, now: &View<'_>, observation: &mut Vec<f64>) {
        observation.extend([now.qpos()[0].sin(), now.qpos()[0].cos(), now.qvel()[0]]);
    }

    fn reward(&self, now: &View<'_>, _: f64, action: &[f64]) -> StepReward {
        let height = now.point("site_xpos", 0)[2]; // in m
        StepReward { reward: height - 0.01 * now.qvel()[0].powi(2) - 0.01 * action[0].powi(2), terminated: false }
    }
}

fn main() -> npg::Result<()> {
    println!("mean return {:.1}", train(100_000)?);
    Ok(())
}

/// The mean return after `steps` steps.
fn train(steps: u64) -> npg::Result<f64> {
    let settings = Settings {
        id: "Upright".into(),
        frame_skip: 2,
        max_episode_steps: Some(100),
        reward_threshold: None,
        divergence_stops: true,
    };
    let robot = MujocoSource::new(compiled(MODEL)?, Upright, settings)?;
    let mut config = npg::config::Config::default();
    config.run.steps = steps;
    let mut trainer = npg::train::Trainer::new(config, Box::new(robot))?;
    trainer.by_ref().try_for_each(|iteration| iteration.map(drop))?;
    Ok(trainer.evaluate(20)?.mean())
}

#[test]
fn it_learns_within_the_promised_lines() {
    match train(100_000) {
        Ok(mean) => assert!(mean > 0.0, "{mean}"), // hanging down all the time gives -100
        Err(npg::Error::Library { .. }) => {}      // ./test installs it
        Err(error) => panic!("{error}"),
    }
    let lines = include_str!("own_robot.rs").lines().take_while(|line| *line != "#[test]");
    assert!(lines.count() < 60);
}
