//! Pusher-v5: an arm with seven joints pushes an object to a goal.
//!
//! Observation (23): the angles (7) and angular velocities (7) of the arm, and the positions of its tip, of the object and of
//! the goal (m). Action: 7 torques. Reward: minus the distance from the object to the goal (m), minus half the distance from
//! the tip to the object, minus 0.1 times the squared controls. The episode never terminates. It starts with the arm in the
//! model's pose, with uniform noise of 0.005 on its velocities. The object is uniform in -0.3..0 by -0.2..0.2 m, but not
//! within 0.17 m of the goal. The goal is in its place.
//! Source: Gymnasium 1.4 `pusher_v5.py`.

use super::reacher::body;
use super::settings::{self, ON_DIVERGENCE};
use super::task::{StepReward, Task, View, add_uniform, distance, squares};
use crate::entry::Entry;
use npg_core::random::Stream;

pub(super) const ENTRY: Entry = Entry {
    id: "Pusher-v5",
    sentence: "Push an object to a goal with an arm of seven joints.",
    options: &[
        settings::xml_file("pusher_v5.xml"),
        settings::frame_skip(5),
        settings::weight("reward_near_weight", 0.5, "Cost of the distance from the tip to the object, per m."),
        settings::weight("reward_dist_weight", 1.0, "Cost of the distance from the object to the goal, per m."),
        settings::weight("reward_control_weight", 0.1, "Cost of the sum of squared controls."),
        ON_DIVERGENCE,
    ],
    build: |options| {
        settings::source(("Pusher-v5", 100, Some(0.0)), options, |model| {
            Ok(Pusher {
                near: options.real("reward_near_weight"),
                distance: options.real("reward_dist_weight"),
                control: options.real("reward_control_weight"),
                tip: body(model, "tips_arm")?,
                object: body(model, "object")?,
                goal: body(model, "goal")?,
            })
        })
    },
    table: None,
};

struct Pusher {
    near: f64,
    distance: f64,
    control: f64,
    tip: usize,
    object: usize,
    goal: usize,
}

impl Task for Pusher {
    fn reads(&self) -> &[(&'static str, usize)] {
        &[("qpos", 7), ("qvel", 7), ("xpos", 3)]
    }

    fn start(&self, qpos: &mut [f64], qvel: &mut [f64], rng: &mut Stream) {
        let object = loop {
            let object = [rng.uniform(-0.3, 0.0), rng.uniform(-0.2, 0.2)];
            if squares(&object).sqrt() > 0.17 {
                break object;
            }
        };
        let arm = qpos.len() - 4;
        qpos[arm..arm + 2].copy_from_slice(&object);
        qpos[arm + 2..].fill(0.0);
        add_uniform(qvel, 0.005, rng);
        let arm = qvel.len() - 4;
        qvel[arm..].fill(0.0);
    }

    fn observe(&self, now: &View<'_>, observation: &mut Vec<f64>) {
        observation.extend(&now.qpos()[..7]);
        observation.extend(&now.qvel()[..7]);
        for body in [self.tip, self.object, self.goal] {
            observation.extend(now.point("xpos", body));
        }
    }

    fn reward(&self, now: &View<'_>, _: f64, action: &[f64]) -> StepReward {
        let [tip, object, goal] = [self.tip, self.object, self.goal].map(|body| now.point("xpos", body));
        let near = -distance(object, tip) * self.near;
        let away = -distance(object, goal) * self.distance;
        StepReward { reward: away - squares(action) * self.control + near, terminated: false }
    }
}
