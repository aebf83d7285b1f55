//! InvertedDoublePendulum-v5: two poles, one on the other, are balanced on a cart.
//!
//! Observation (9): the position of the cart (m), the sines and cosines of the two angles, the three velocities, and the
//! cart's constraint force. The last four are clipped to -10..10. Action: a force of -1..1, geared by the model. Reward: 10
//! for every step that does not terminate, minus 0.01 x^2 + (y - 2)^2 of the tip (m), minus 0.001 and 0.005 times the squared
//! angular velocities (rad/s). The episode terminates when the tip is not above 1 m. It starts with everything at 0, with
//! uniform noise of 0.1 on the positions and normal noise of 0.1 on the velocities.
//! Source: Barto, Sutton & Anderson 1983 (the task), Gymnasium 1.4 `inverted_double_pendulum_v5.py`.

use super::settings::{self, ON_DIVERGENCE};
use super::task::{StepReward, Task, View, add_normal, add_uniform};
use crate::entry::Entry;
use npg_core::random::Stream;

pub(super) const ENTRY: Entry = Entry {
    id: "InvertedDoublePendulum-v5",
    sentence: "Balance two poles, one on the other, on a cart.",
    options: &[
        settings::xml_file("inverted_double_pendulum.xml"),
        settings::frame_skip(5),
        settings::healthy_reward(10.0),
        settings::reset_noise_scale(0.1),
        ON_DIVERGENCE,
    ],
    build: |options| {
        settings::source(("InvertedDoublePendulum-v5", 1000, Some(9100.0)), options, |_| {
            let (healthy, noise) = (options.real("healthy_reward"), options.real("reset_noise_scale"));
            Ok(InvertedDoublePendulum { healthy, noise })
        })
    },
    table: None,
};

struct InvertedDoublePendulum {
    healthy: f64,
    noise: f64,
}

impl Task for InvertedDoublePendulum {
    fn reads(&self) -> &[(&'static str, usize)] {
        &[("qpos", 1), ("qvel", 3), ("site_xpos", 3), ("qfrc_constraint", 1)]
    }

    fn start(&self, qpos: &mut [f64], qvel: &mut [f64], rng: &mut Stream) {
        add_uniform(qpos, self.noise, rng);
        add_normal(qvel, self.noise, rng);
    }

    fn observe(&self, now: &View<'_>, observation: &mut Vec<f64>) {
        let (cart, angles) = now.qpos().split_at(1);
        observation.extend(cart);
        observation.extend(angles.iter().map(|angle| libm::sin(*angle)));
        observation.extend(angles.iter().map(|angle| libm::cos(*angle)));
        observation.extend(now.qvel().iter().map(|v| v.clamp(-10.0, 10.0)));
        observation.push(now.get("qfrc_constraint")[0].clamp(-10.0, 10.0));
    }

    fn reward(&self, now: &View<'_>, _: f64, _: &[f64]) -> StepReward {
        let [x, _, y] = now.point("site_xpos", 0); // the tip moves in the plane of x and z
        let (v1, v2) = (now.qvel()[1], now.qvel()[2]);
        let terminated = y <= 1.0;
        let bonus = if terminated { 0.0 } else { self.healthy };
        let distance = 0.01 * (x * x) + (y - 2.0) * (y - 2.0);
        let velocity = 0.001 * (v1 * v1) + 0.005 * (v2 * v2);
        StepReward { reward: bonus - distance - velocity, terminated }
    }
}
