//! HalfCheetah-v5: a planar cheetah with two legs runs forward.
//!
//! Observation: the positions (8 of 9, without x) and the velocities (9) of the joints. Action: 6 torques, geared by the
//! model. Reward: the forward velocity (along x, m/s) minus 0.1 times the squared controls. The episode never terminates. It
//! starts in the model's pose, with uniform noise of 0.1 on the positions and normal noise of 0.1 on the velocities.
//! Source: Wawrzynski 2009 (the body), Gymnasium 1.4 `half_cheetah_v5.py`.

use super::settings::{self, EXCLUDE, FORWARD, ON_DIVERGENCE};
use super::task::{StepReward, Task, View, add_normal, add_uniform, squares, without};
use crate::entry::Entry;
use npg_core::random::Stream;

pub(super) const ENTRY: Entry = Entry {
    id: "HalfCheetah-v5",
    sentence: "Run forward with a planar body on two legs.",
    options: &[
        settings::xml_file("half_cheetah.xml"),
        settings::frame_skip(5),
        FORWARD,
        settings::ctrl_cost_weight(0.1),
        settings::reset_noise_scale(0.1),
        EXCLUDE,
        ON_DIVERGENCE,
    ],
    build: |options| {
        settings::source(("HalfCheetah-v5", 1000, Some(4800.0)), options, |_| {
            Ok(HalfCheetah {
                forward: options.real("forward_reward_weight"),
                control: options.real("ctrl_cost_weight"),
                noise: options.real("reset_noise_scale"),
                exclude: options.flag(EXCLUDE.name),
            })
        })
    },
    table: None,
};

struct HalfCheetah {
    forward: f64,
    control: f64,
    noise: f64,
    exclude: bool,
}

impl Task for HalfCheetah {
    fn reads(&self) -> &[(&'static str, usize)] {
        &[("qpos", 1)]
    }

    fn start(&self, qpos: &mut [f64], qvel: &mut [f64], rng: &mut Stream) {
        add_uniform(qpos, self.noise, rng);
        add_normal(qvel, self.noise, rng);
    }

    fn observe(&self, now: &View<'_>, observation: &mut Vec<f64>) {
        observation.extend(without(now.qpos(), 1, self.exclude));
        observation.extend(now.qvel());
    }

    fn position(&self, now: &View<'_>) -> f64 {
        now.qpos()[0]
    }

    fn reward(&self, _: &View<'_>, velocity: f64, action: &[f64]) -> StepReward {
        StepReward { reward: self.forward * velocity - self.control * squares(action), terminated: false }
    }
}
