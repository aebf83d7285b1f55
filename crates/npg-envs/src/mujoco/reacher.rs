//! Reacher-v5: an arm with two joints reaches for a target.
//!
//! Observation (10): the cosines and sines of the two angles, the target's x and y (m), the two angular velocities (rad/s),
//! and x and y from the target to the fingertip. Action: 2 torques. Reward: minus the distance from the target (m), minus the
//! squared controls. The episode never terminates. It starts with the arm near 0 (uniform noise of 0.1 rad, and of 0.005 on
//! the velocities) and with the target at rest, uniform in a disc of 0.2 m.
//! Source: Gymnasium 1.4 `reacher_v5.py`.

use super::settings::{self, ON_DIVERGENCE};
use super::task::{StepReward, Task, View, add_uniform, distance, squares};
use crate::entry::Entry;
use npg_core::random::Stream;
use npg_core::{Error, Result};
use npg_mujoco::{Model, ObjectType};

pub(super) const ENTRY: Entry = Entry {
    id: "Reacher-v5",
    sentence: "Reach for a target with an arm of two joints.",
    options: &[
        settings::xml_file("reacher.xml"),
        settings::frame_skip(2),
        settings::weight("reward_dist_weight", 1.0, "Cost of the distance from the target, per m."),
        settings::weight("reward_control_weight", 1.0, "Cost of the sum of squared controls."),
        ON_DIVERGENCE,
    ],
    build: |options| {
        settings::source(("Reacher-v5", 50, Some(-3.75)), options, |model| {
            Ok(Reacher {
                distance: options.real("reward_dist_weight"),
                control: options.real("reward_control_weight"),
                fingertip: body(model, "fingertip")?,
                target: body(model, "target")?,
            })
        })
    },
    table: None,
};

/// The index of the body `name`.
pub(super) fn body(model: &Model, name: &str) -> Result<usize> {
    let missing = || Error::config("env.xml_file", format!("the model has no body `{name}`, which the task reads"));
    model.index(ObjectType::Body, name).ok_or_else(missing)
}

struct Reacher {
    distance: f64,
    control: f64,
    fingertip: usize,
    target: usize,
}

impl Task for Reacher {
    fn reads(&self) -> &[(&'static str, usize)] {
        &[("qpos", 2), ("qvel", 2), ("xpos", 3)]
    }

    fn start(&self, qpos: &mut [f64], qvel: &mut [f64], rng: &mut Stream) {
        add_uniform(qpos, 0.1, rng);
        let goal = loop {
            let goal = [rng.uniform(-0.2, 0.2), rng.uniform(-0.2, 0.2)];
            if squares(&goal).sqrt() < 0.2 {
                break goal;
            }
        };
        let arm = qpos.len() - 2;
        qpos[arm..].copy_from_slice(&goal);
        add_uniform(qvel, 0.005, rng);
        let arm = qvel.len() - 2;
        qvel[arm..].fill(0.0);
    }

    fn observe(&self, now: &View<'_>, observation: &mut Vec<f64>) {
        let (angles, rest) = now.qpos().split_at(2);
        observation.extend(angles.iter().map(|angle| libm::cos(*angle)));
        observation.extend(angles.iter().map(|angle| libm::sin(*angle)));
        observation.extend(rest);
        observation.extend(&now.qvel()[..2]);
        let (fingertip, target) = (now.point("xpos", self.fingertip), now.point("xpos", self.target));
        observation.extend([fingertip[0] - target[0], fingertip[1] - target[1]]);
    }

    fn reward(&self, now: &View<'_>, _: f64, action: &[f64]) -> StepReward {
        let away = distance(now.point("xpos", self.fingertip), now.point("xpos", self.target));
        StepReward { reward: -away * self.distance - squares(action) * self.control, terminated: false }
    }
}
