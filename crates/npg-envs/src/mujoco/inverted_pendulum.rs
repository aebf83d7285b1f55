//! InvertedPendulum-v5: a pole is balanced on a cart.
//!
//! Observation: the position of the cart (m), the angle of the pole (rad) and their velocities. Action: a force of -3..3,
//! geared by the model. Reward: 1 for every step that does not terminate. The episode terminates when the angle exceeds 0.2
//! rad. It starts with everything at 0, with uniform noise of 0.01.
//! Source: Barto, Sutton & Anderson 1983 (the task), Gymnasium 1.4 `inverted_pendulum_v5.py`.

use super::settings::{self, ON_DIVERGENCE};
use super::task::{StepReward, Task, View, start_uniform};
use crate::entry::Entry;
use npg_core::random::Stream;

pub(super) const ENTRY: Entry = Entry {
    id: "InvertedPendulum-v5",
    sentence: "Balance a pole on a cart with a continuous force.",
    options: &[
        settings::xml_file("inverted_pendulum.xml"),
        settings::frame_skip(2),
        settings::reset_noise_scale(0.01),
        ON_DIVERGENCE,
    ],
    build: |options| {
        settings::source(("InvertedPendulum-v5", 1000, Some(950.0)), options, |_| {
            Ok(InvertedPendulum { noise: options.real("reset_noise_scale") })
        })
    },
    table: None,
};

struct InvertedPendulum {
    noise: f64,
}

impl Task for InvertedPendulum {
    fn reads(&self) -> &[(&'static str, usize)] {
        &[("qpos", 2)]
    }

    fn start(&self, qpos: &mut [f64], qvel: &mut [f64], rng: &mut Stream) {
        start_uniform(qpos, qvel, self.noise, rng);
    }

    fn observe(&self, now: &View<'_>, observation: &mut Vec<f64>) {
        observation.extend(now.qpos());
        observation.extend(now.qvel());
    }

    fn reward(&self, now: &View<'_>, _: f64, _: &[f64]) -> StepReward {
        let terminated = now.qpos()[1].abs() > 0.2;
        StepReward { reward: if terminated { 0.0 } else { 1.0 }, terminated }
    }
}
