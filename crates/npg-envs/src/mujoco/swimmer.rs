//! Swimmer-v5: a chain of three links swims forward in the plane.
//!
//! Observation: the positions (3 of 5, without x and y) and the velocities (5). Action: 2 torques. Reward: the forward
//! velocity (along x, m/s) minus 1e-4 times the squared controls. The episode never terminates. It starts with everything at
//! 0, with uniform noise of 0.1.
//! Source: Coulom 2002 (the body), Gymnasium 1.4 `swimmer_v5.py`.

use super::settings::{self, EXCLUDE, FORWARD, ON_DIVERGENCE};
use super::task::{StepReward, Task, View, squares, start_uniform, without};
use crate::entry::Entry;
use npg_core::random::Stream;

pub(super) const ENTRY: Entry = Entry {
    id: "Swimmer-v5",
    sentence: "Swim forward as a chain of three links in a viscous fluid.",
    options: &[
        settings::xml_file("swimmer.xml"),
        settings::frame_skip(4),
        FORWARD,
        settings::ctrl_cost_weight(1e-4),
        settings::reset_noise_scale(0.1),
        EXCLUDE,
        ON_DIVERGENCE,
    ],
    build: |options| {
        settings::source(("Swimmer-v5", 1000, Some(360.0)), options, |_| {
            Ok(Swimmer {
                forward: options.real("forward_reward_weight"),
                control: options.real("ctrl_cost_weight"),
                noise: options.real("reset_noise_scale"),
                exclude: options.flag(EXCLUDE.name),
            })
        })
    },
    table: None,
};

struct Swimmer {
    forward: f64,
    control: f64,
    noise: f64,
    exclude: bool,
}

impl Task for Swimmer {
    fn reads(&self) -> &[(&'static str, usize)] {
        &[("qpos", 2)]
    }

    fn start(&self, qpos: &mut [f64], qvel: &mut [f64], rng: &mut Stream) {
        start_uniform(qpos, qvel, self.noise, rng);
    }

    fn observe(&self, now: &View<'_>, observation: &mut Vec<f64>) {
        observation.extend(without(now.qpos(), 2, self.exclude));
        observation.extend(now.qvel());
    }

    fn position(&self, now: &View<'_>) -> f64 {
        now.qpos()[0]
    }

    fn reward(&self, _: &View<'_>, velocity: f64, action: &[f64]) -> StepReward {
        StepReward { reward: self.forward * velocity - self.control * squares(action), terminated: false }
    }
}
