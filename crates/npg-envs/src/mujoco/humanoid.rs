//! Humanoid-v5: a human figure walks forward.
//!
//! Observation (348): the positions (22 of 24, without x and y) and the velocities (23); the inertias (130), velocities (78)
//! and external forces (78) of the 13 bodies; and the joints' actuator forces (17). Action: 17 torques. Reward: 1.25 times
//! the forward velocity of the center of mass (along x, m/s), plus 5 while the figure is healthy, minus 0.1 times the squared
//! controls, minus 5e-7 times the squared forces, of which at most 10 is subtracted. It is healthy if its height is between 1
//! and 2 m. Otherwise the episode terminates. An episode starts in the model's pose, with uniform noise of 0.01.
//! Source: Tassa, Erez & Todorov 2012 (the body), Gymnasium 1.4 `humanoid_v5.py`.

use super::reported;
use super::settings::{self, EXCLUDE, INCLUDE_CFRC_EXT, ON_DIVERGENCE, TERMINATE};
use super::task::{StepReward, Task, View, clipped_cost, inside, squares, start_uniform, without};
use crate::entry::Entry;
use crate::options::EnvOption;
use crate::options::Values;
use npg_core::random::Stream;

pub(super) const ENTRY: Entry = Entry {
    id: "Humanoid-v5",
    sentence: "Walk forward with a human figure.",
    options: &[
        settings::xml_file("humanoid.xml"),
        settings::frame_skip(5),
        settings::weight("forward_reward_weight", 1.25, "Reward for a forward velocity of 1 m/s."),
        settings::ctrl_cost_weight(0.1),
        settings::weight("contact_cost_weight", 5e-7, "Cost of the sum of squared external forces."),
        settings::range("contact_cost_range", f64::NEG_INFINITY, 10.0, "The cost of contacts is clipped to it."),
        settings::healthy_reward(5.0),
        TERMINATE,
        settings::healthy_z_range(1.0, 2.0),
        settings::reset_noise_scale(0.01),
        EXCLUDE,
        INCLUDE_CINERT,
        INCLUDE_CVEL,
        INCLUDE_QFRC_ACTUATOR,
        INCLUDE_CFRC_EXT,
        ON_DIVERGENCE,
    ],
    build: |options| {
        settings::source(("Humanoid-v5", 1000, None), options, |model| {
            Ok(Humanoid {
                forward: options.real("forward_reward_weight"),
                control: options.real("ctrl_cost_weight"),
                contact: options.real("contact_cost_weight"),
                contact_range: options.range("contact_cost_range"),
                healthy: options.real("healthy_reward"),
                terminate: options.flag(TERMINATE.name),
                heights: options.range("healthy_z_range"),
                noise: options.real("reset_noise_scale"),
                figure: Figure::new(options),
                masses: model.constants("body_mass").map_err(reported)?,
            })
        })
    },
    table: None,
};

pub(super) const INCLUDE_CINERT: EnvOption =
    settings::include("include_cinert_in_observation", "Whether the bodies' masses and inertias are observed.");
pub(super) const INCLUDE_CVEL: EnvOption =
    settings::include("include_cvel_in_observation", "Whether the bodies' velocities are observed.");
pub(super) const INCLUDE_QFRC_ACTUATOR: EnvOption = settings::include(
    "include_qfrc_actuator_in_observation",
    "Whether the actuators' forces on the joints are observed.",
);

/// What the two tasks with this figure observe.
pub(super) struct Figure {
    exclude: bool,
    inertias: bool,
    velocities: bool,
    actuators: bool,
    forces: bool,
}

impl Figure {
    pub(super) const READS: &[(&str, usize)] =
        &[("qpos", 3), ("xipos", 3), ("cinert", 10), ("cvel", 6), ("qfrc_actuator", 6), ("cfrc_ext", 6)];

    pub(super) fn new(options: &Values) -> Self {
        Self {
            exclude: options.flag(EXCLUDE.name),
            inertias: options.flag(INCLUDE_CINERT.name),
            velocities: options.flag(INCLUDE_CVEL.name),
            actuators: options.flag(INCLUDE_QFRC_ACTUATOR.name),
            forces: options.flag(INCLUDE_CFRC_EXT.name),
        }
    }

    /// The world's rows (10 numbers of inertia, 6 of velocity and of force) and the 6 forces of the root joint are left out.
    pub(super) fn observe(&self, now: &View<'_>, observation: &mut Vec<f64>) {
        observation.extend(without(now.qpos(), 2, self.exclude));
        observation.extend(now.qvel());
        for (name, included, first) in [
            ("cinert", self.inertias, 10),
            ("cvel", self.velocities, 6),
            ("qfrc_actuator", self.actuators, 6),
            ("cfrc_ext", self.forces, 6),
        ] {
            if included {
                observation.extend(&now.get(name)[first..]);
            }
        }
    }
}

struct Humanoid {
    forward: f64,
    control: f64,
    contact: f64,
    contact_range: [f64; 2],
    healthy: f64,
    terminate: bool,
    heights: [f64; 2],
    noise: f64,
    figure: Figure,
    /// The masses of all bodies in kg. The world is the first.
    masses: Vec<f64>,
}

impl Task for Humanoid {
    fn reads(&self) -> &[(&'static str, usize)] {
        Figure::READS
    }

    fn start(&self, qpos: &mut [f64], qvel: &mut [f64], rng: &mut Stream) {
        start_uniform(qpos, qvel, self.noise, rng);
    }

    fn observe(&self, now: &View<'_>, observation: &mut Vec<f64>) {
        self.figure.observe(now, observation);
    }

    /// The x of the center of mass.
    fn position(&self, now: &View<'_>) -> f64 {
        let moments = self.masses.iter().zip(now.get("xipos").chunks_exact(3)).map(|(mass, center)| mass * center[0]);
        moments.sum::<f64>() / self.masses.iter().sum::<f64>()
    }

    fn reward(&self, now: &View<'_>, velocity: f64, _: &[f64]) -> StepReward {
        let healthy = inside(now.qpos()[2], self.heights);
        let rewards = self.forward * velocity + if healthy { self.healthy } else { 0.0 };
        let contact = clipped_cost(self.contact, now.get("cfrc_ext"), self.contact_range);
        let costs = self.control * squares(now.ctrl()) + contact;
        StepReward { reward: rewards - costs, terminated: self.terminate && !healthy }
    }
}
