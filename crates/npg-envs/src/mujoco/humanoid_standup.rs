//! HumanoidStandup-v5: a human figure that lies on its back stands up.
//!
//! Observation: as in Humanoid-v5. Action: 17 torques. Reward: the height of the torso in m, divided by the time step of the
//! physics in s, plus 1, minus 0.1 times the squared controls, minus 5e-7 times the squared external forces, of which at most
//! 10 is subtracted. The episode never terminates. It starts in the model's pose, with uniform noise of 0.01. Gymnasium has
//! an option `uph_cost_weight` without an effect; it has none here either.
//! Source: Tassa, Erez & Todorov 2012 (the body), Gymnasium 1.4 `humanoidstandup_v5.py`.

use super::humanoid::{Figure, INCLUDE_CINERT, INCLUDE_CVEL, INCLUDE_QFRC_ACTUATOR};
use super::reported;
use super::settings::{self, EXCLUDE, INCLUDE_CFRC_EXT, ON_DIVERGENCE};
use super::task::{StepReward, Task, View, clipped_cost, squares, start_uniform};
use crate::entry::Entry;
use npg_core::random::Stream;

pub(super) const ENTRY: Entry = Entry {
    id: "HumanoidStandup-v5",
    sentence: "Stand up with a human figure that lies on its back.",
    options: &[
        settings::xml_file("humanoidstandup.xml"),
        settings::frame_skip(5),
        settings::weight("uph_cost_weight", 1.0, "Has no effect, as in Gymnasium 1.4."),
        settings::ctrl_cost_weight(0.1),
        settings::weight("impact_cost_weight", 5e-7, "Cost of the sum of squared external forces."),
        settings::range("impact_cost_range", f64::NEG_INFINITY, 10.0, "The cost of impacts is clipped to it."),
        settings::reset_noise_scale(0.01),
        EXCLUDE,
        INCLUDE_CINERT,
        INCLUDE_CVEL,
        INCLUDE_QFRC_ACTUATOR,
        INCLUDE_CFRC_EXT,
        ON_DIVERGENCE,
    ],
    build: |options| {
        settings::source(("HumanoidStandup-v5", 1000, None), options, |model| {
            Ok(HumanoidStandup {
                control: options.real("ctrl_cost_weight"),
                impact: options.real("impact_cost_weight"),
                impact_range: options.range("impact_cost_range"),
                noise: options.real("reset_noise_scale"),
                figure: Figure::new(options),
                timestep: model.constants("opt.timestep").map_err(reported)?[0],
            })
        })
    },
    table: None,
};

struct HumanoidStandup {
    control: f64,
    impact: f64,
    impact_range: [f64; 2],
    noise: f64,
    figure: Figure,
    /// The time step of the physics in s.
    timestep: f64,
}

impl Task for HumanoidStandup {
    fn reads(&self) -> &[(&'static str, usize)] {
        Figure::READS
    }

    fn start(&self, qpos: &mut [f64], qvel: &mut [f64], rng: &mut Stream) {
        start_uniform(qpos, qvel, self.noise, rng);
    }

    fn observe(&self, now: &View<'_>, observation: &mut Vec<f64>) {
        self.figure.observe(now, observation);
    }

    fn reward(&self, now: &View<'_>, _: f64, _: &[f64]) -> StepReward {
        let impact = clipped_cost(self.impact, now.get("cfrc_ext"), self.impact_range);
        let reward = now.qpos()[2] / self.timestep - self.control * squares(now.ctrl()) - impact + 1.0;
        StepReward { reward, terminated: false }
    }
}
