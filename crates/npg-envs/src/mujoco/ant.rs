//! Ant-v5: a body on four legs walks forward.
//!
//! Observation: the positions (13 of 15, without x and y), the velocities (14), and the external forces and torques on 13
//! bodies (78), each clipped to -1..1. Action: 8 torques. Reward: the forward velocity of the main body (along x, m/s), plus
//! 1 while it is healthy, minus 0.5 times the squared controls, minus 5e-4 times the squared clipped forces. It is healthy if
//! its state is finite and its height is between 0.2 and 1 m. Otherwise the episode terminates. An episode starts in the
//! model's pose, with uniform noise of 0.1 on the positions and normal noise of 0.1 on the velocities.
//! Source: Schulman, Moritz, Levine, Jordan & Abbeel 2016 (the body), Gymnasium 1.4 `ant_v5.py`.

use super::reported;
use super::settings::{self, EXCLUDE, FORWARD, INCLUDE_CFRC_EXT, ON_DIVERGENCE, TERMINATE};
use super::task::{StepReward, Task, View, add_normal, add_uniform, squares, without};
use crate::entry::Entry;
use crate::options::EnvOption;
use npg_core::random::Stream;
use npg_core::{Error, Result};
use npg_mujoco::Model;

pub(super) const ENTRY: Entry = Entry {
    id: "Ant-v5",
    sentence: "Walk forward with a body on four legs.",
    options: &[
        settings::xml_file("ant.xml"),
        settings::frame_skip(5),
        FORWARD,
        settings::ctrl_cost_weight(0.5),
        settings::weight("contact_cost_weight", 5e-4, "Cost of the sum of squared external forces, clipped."),
        settings::healthy_reward(1.0),
        EnvOption::name_or_index("main_body", "1", "The body whose velocity is rewarded, by name or index."),
        TERMINATE,
        settings::healthy_z_range(0.2, 1.0),
        settings::range("contact_force_range", -1.0, 1.0, "External forces and torques are clipped to it."),
        settings::reset_noise_scale(0.1),
        EXCLUDE,
        INCLUDE_CFRC_EXT,
        ON_DIVERGENCE,
    ],
    build: |options| {
        settings::source(("Ant-v5", 1000, Some(6000.0)), options, |model| {
            Ok(Ant {
                forward: options.real("forward_reward_weight"),
                control: options.real("ctrl_cost_weight"),
                contact: options.real("contact_cost_weight"),
                healthy: options.real("healthy_reward"),
                main_body: main_body(model, options.text("main_body"))?,
                terminate: options.flag(TERMINATE.name),
                heights: options.range("healthy_z_range"),
                forces: options.range("contact_force_range"),
                noise: options.real("reset_noise_scale"),
                exclude: options.flag(EXCLUDE.name),
                observe_forces: options.flag(INCLUDE_CFRC_EXT.name),
            })
        })
    },
    table: None,
};

/// The index of a body that is given by name or index.
fn main_body(model: &Model, body: &str) -> Result<usize> {
    let bodies = model.constants("body_mass").map_err(reported)?.len();
    let named = model.index(npg_mujoco::ObjectType::Body, body);
    match named.or_else(|| body.parse().ok().filter(|index| *index < bodies)) {
        Some(index) => Ok(index),
        None => {
            let message = format!("the model has no body `{body}`; give a name or an index below {bodies}");
            Err(Error::config("env.main_body", message))
        }
    }
}

struct Ant {
    forward: f64,
    control: f64,
    contact: f64,
    healthy: f64,
    main_body: usize,
    terminate: bool,
    heights: [f64; 2],
    forces: [f64; 2],
    noise: f64,
    exclude: bool,
    observe_forces: bool,
}

impl Ant {
    /// The external forces on all bodies, 6 numbers each. The world is the first body.
    fn forces<'a>(&self, now: &View<'a>) -> impl Iterator<Item = f64> + use<'a> {
        let [low, high] = self.forces;
        now.get("cfrc_ext").iter().map(move |force| force.clamp(low, high))
    }
}

impl Task for Ant {
    fn reads(&self) -> &[(&'static str, usize)] {
        &[("qpos", 3), ("xpos", 3), ("cfrc_ext", 6)]
    }

    fn start(&self, qpos: &mut [f64], qvel: &mut [f64], rng: &mut Stream) {
        add_uniform(qpos, self.noise, rng);
        add_normal(qvel, self.noise, rng);
    }

    fn observe(&self, now: &View<'_>, observation: &mut Vec<f64>) {
        observation.extend(without(now.qpos(), 2, self.exclude));
        observation.extend(now.qvel());
        if self.observe_forces {
            observation.extend(self.forces(now).skip(6));
        }
    }

    fn position(&self, now: &View<'_>) -> f64 {
        now.point("xpos", self.main_body)[0]
    }

    fn reward(&self, now: &View<'_>, velocity: f64, action: &[f64]) -> StepReward {
        let [low, high] = self.heights;
        let healthy = (low..=high).contains(&now.qpos()[2]); // an infinite state counts as diverged
        let rewards = velocity * self.forward + if healthy { self.healthy } else { 0.0 };
        let contact: f64 = self.forces(now).map(|force| force * force).sum();
        let costs = self.control * squares(action) + self.contact * contact;
        StepReward { reward: rewards - costs, terminated: self.terminate && !healthy }
    }
}
