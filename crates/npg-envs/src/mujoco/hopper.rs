//! Hopper-v5: a planar leg hops forward.
//!
//! Observation: the positions (5 of 6, without x) and the velocities (6), clipped to -10..10. Action: 3 torques. Reward: the
//! forward velocity (along x, m/s), plus 1 while the body is healthy, minus 0.001 times the squared controls. It is healthy
//! if its height is above 0.7 m, its torso is within 0.2 rad, and every other position and velocity is within 100. Otherwise
//! the episode terminates. An episode starts in the model's pose, with uniform noise of 0.005.
//! Source: Erez, Tassa & Todorov 2011 (the body), Gymnasium 1.4 `hopper_v5.py`.

use super::settings::{self, EXCLUDE, FORWARD, ON_DIVERGENCE, TERMINATE};
use super::task::{StepReward, Task, View, inside, observe_walker, squares, start_uniform};
use crate::entry::Entry;
use npg_core::random::Stream;

pub(super) const ENTRY: Entry = Entry {
    id: "Hopper-v5",
    sentence: "Hop forward with a planar body on one leg.",
    options: &[
        settings::xml_file("hopper.xml"),
        settings::frame_skip(4),
        FORWARD,
        settings::ctrl_cost_weight(1e-3),
        settings::healthy_reward(1.0),
        TERMINATE,
        settings::range(
            "healthy_state_range",
            -100.0,
            100.0,
            "Positions (but the first two) and velocities with which the body is healthy.",
        ),
        settings::healthy_z_range(0.7, f64::INFINITY),
        settings::healthy_angle_range(-0.2, 0.2),
        settings::reset_noise_scale(5e-3),
        EXCLUDE,
        ON_DIVERGENCE,
    ],
    build: |options| {
        settings::source(("Hopper-v5", 1000, Some(3800.0)), options, |_| {
            Ok(Hopper {
                forward: options.real("forward_reward_weight"),
                control: options.real("ctrl_cost_weight"),
                healthy: options.real("healthy_reward"),
                terminate: options.flag(TERMINATE.name),
                states: options.range("healthy_state_range"),
                heights: options.range("healthy_z_range"),
                angles: options.range("healthy_angle_range"),
                noise: options.real("reset_noise_scale"),
                exclude: options.flag(EXCLUDE.name),
            })
        })
    },
    table: None,
};

struct Hopper {
    forward: f64,
    control: f64,
    healthy: f64,
    terminate: bool,
    states: [f64; 2],
    heights: [f64; 2],
    angles: [f64; 2],
    noise: f64,
    exclude: bool,
}

impl Hopper {
    fn is_healthy(&self, now: &View<'_>) -> bool {
        let qpos = now.qpos();
        inside(qpos[1], self.heights)
            && inside(qpos[2], self.angles)
            && qpos[2..].iter().chain(now.qvel()).all(|&x| inside(x, self.states))
    }
}

impl Task for Hopper {
    fn reads(&self) -> &[(&'static str, usize)] {
        &[("qpos", 3)]
    }

    fn start(&self, qpos: &mut [f64], qvel: &mut [f64], rng: &mut Stream) {
        start_uniform(qpos, qvel, self.noise, rng);
    }

    fn observe(&self, now: &View<'_>, observation: &mut Vec<f64>) {
        observe_walker(now, self.exclude, observation);
    }

    fn position(&self, now: &View<'_>) -> f64 {
        now.qpos()[0]
    }

    fn reward(&self, now: &View<'_>, velocity: f64, action: &[f64]) -> StepReward {
        let healthy = self.is_healthy(now);
        let rewards = self.forward * velocity + if healthy { self.healthy } else { 0.0 };
        StepReward { reward: rewards - self.control * squares(action), terminated: self.terminate && !healthy }
    }
}
