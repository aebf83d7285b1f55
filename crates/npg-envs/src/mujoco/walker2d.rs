//! Walker2d-v5: a planar body on two legs walks forward.
//!
//! Observation: the positions (8 of 9, without x) and the velocities (9), clipped to -10..10. Action: 6 torques. Reward: the
//! forward velocity (along x, m/s), plus 1 while the body is healthy, minus 0.001 times the squared controls. It is healthy
//! if its height is between 0.8 and 2 m and its torso is within 1 rad. Otherwise the episode terminates. An episode starts in
//! the model's pose, with uniform noise of 0.005.
//! Source: Erez, Tassa & Todorov 2011 (the body), Gymnasium 1.4 `walker2d_v5.py`.

use super::settings::{self, EXCLUDE, FORWARD, ON_DIVERGENCE, TERMINATE};
use super::task::{StepReward, Task, View, inside, observe_walker, squares, start_uniform};
use crate::entry::Entry;
use npg_core::random::Stream;

pub(super) const ENTRY: Entry = Entry {
    id: "Walker2d-v5",
    sentence: "Walk forward with a planar body on two legs.",
    options: &[
        settings::xml_file("walker2d_v5.xml"),
        settings::frame_skip(4),
        FORWARD,
        settings::ctrl_cost_weight(1e-3),
        settings::healthy_reward(1.0),
        TERMINATE,
        settings::healthy_z_range(0.8, 2.0),
        settings::healthy_angle_range(-1.0, 1.0),
        settings::reset_noise_scale(5e-3),
        EXCLUDE,
        ON_DIVERGENCE,
    ],
    build: |options| {
        settings::source(("Walker2d-v5", 1000, None), options, |_| {
            Ok(Walker2d {
                forward: options.real("forward_reward_weight"),
                control: options.real("ctrl_cost_weight"),
                healthy: options.real("healthy_reward"),
                terminate: options.flag(TERMINATE.name),
                heights: options.range("healthy_z_range"),
                angles: options.range("healthy_angle_range"),
                noise: options.real("reset_noise_scale"),
                exclude: options.flag(EXCLUDE.name),
            })
        })
    },
    table: None,
};

struct Walker2d {
    forward: f64,
    control: f64,
    healthy: f64,
    terminate: bool,
    heights: [f64; 2],
    angles: [f64; 2],
    noise: f64,
    exclude: bool,
}

impl Task for Walker2d {
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
        let healthy = inside(now.qpos()[1], self.heights) && inside(now.qpos()[2], self.angles);
        let rewards = self.forward * velocity + if healthy { self.healthy } else { 0.0 };
        StepReward { reward: rewards - self.control * squares(action), terminated: self.terminate && !healthy }
    }
}
