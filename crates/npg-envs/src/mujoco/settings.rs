//! What the eleven tasks share: their options, their models, and how they are made.

use super::environment::{MujocoSource, Settings};
use super::reported;
use super::task::Task;
use crate::options::EnvOption;
use crate::options::Values;
use crate::setting::Kind;
use npg_core::Result;
use npg_core::env::EnvSource;
use npg_mujoco::Model;
use std::path::Path;

macro_rules! models {
    ($($name:literal)*) => {
        /// The models that come with npg. They are those of Gymnasium 1.4, and its license is in the same folder.
        const MODELS: &[(&str, &str)] = &[$(($name, include_str!(concat!("../../assets/mujoco/", $name)))),*];
    };
}

models! {
    "ant.xml"
    "half_cheetah.xml"
    "hopper.xml"
    "humanoid.xml"
    "humanoidstandup.xml"
    "inverted_double_pendulum.xml"
    "inverted_pendulum.xml"
    "pusher_v5.xml"
    "reacher.xml"
    "swimmer.xml"
    "walker2d_v5.xml"
}

/// Makes the source of a task with the shared options in `options`. `task` makes the task from the compiled model.
///
/// # Errors
/// [`Error::Library`](npg_core::Error::Library) without MuJoCo. [`Error::Config`](npg_core::Error::Config) for a model that
/// cannot be read or that lacks what the task needs.
pub(super) fn source<T: Task + 'static>(
    (id, limit, threshold): (&str, u32, Option<f64>),
    options: &Values,
    task: impl FnOnce(&Model) -> Result<T>,
) -> Result<Box<dyn EnvSource>> {
    let file = options.text("xml_file");
    let model = match MODELS.iter().find(|(name, _)| *name == file) {
        Some((_, xml)) => super::compiled(xml)?,
        None => Model::from_file(super::library()?, Path::new(file)).map_err(reported)?,
    };
    let settings = Settings {
        id: id.into(),
        frame_skip: options.integer("frame_skip") as u32, // in range by its kind
        max_episode_steps: Some(limit),
        reward_threshold: threshold,
        divergence_stops: options.choice("on_divergence") == "error",
    };
    let task = task(&model)?;
    Ok(Box::new(MujocoSource::new(model, task, settings)?))
}

pub(super) const fn xml_file(default: &'static str) -> EnvOption {
    EnvOption::text("xml_file", default, "The model: one that comes with npg, or the path of an MJCF file.")
}

pub(super) const fn frame_skip(default: i64) -> EnvOption {
    EnvOption::integer("frame_skip", default, (1, 1_000_000), "Steps of the physics in a step of the environment.")
}

pub(super) const ON_DIVERGENCE: EnvOption = EnvOption::choice(
    "on_divergence",
    "truncate",
    &["truncate", "error"],
    "Whether a diverged simulation ends its episode as truncated before the bad step, or stops the run.",
);

pub(super) const fn reset_noise_scale(default: f64) -> EnvOption {
    EnvOption::real(
        "reset_noise_scale",
        default,
        Kind::NON_NEGATIVE,
        "Scale of the noise on the positions and velocities that an episode starts with.",
    )
}

pub(super) const FORWARD: EnvOption = weight("forward_reward_weight", 1.0, "Reward for a forward velocity of 1 m/s.");

/// An option `name` that is a real number.
pub(super) const fn weight(name: &'static str, default: f64, sentence: &'static str) -> EnvOption {
    EnvOption::real(name, default, Kind::ANY_NUMBER, sentence)
}

pub(super) const fn ctrl_cost_weight(default: f64) -> EnvOption {
    weight("ctrl_cost_weight", default, "Cost of the sum of squared controls.")
}

pub(super) const fn healthy_reward(default: f64) -> EnvOption {
    weight("healthy_reward", default, "Reward of a step that leaves the body healthy.")
}

/// An option `name` that is a range.
pub(super) const fn range(name: &'static str, low: f64, high: f64, sentence: &'static str) -> EnvOption {
    EnvOption::range(name, [low, high], sentence)
}

pub(super) const fn healthy_z_range(low: f64, high: f64) -> EnvOption {
    range("healthy_z_range", low, high, "Heights in m in which the body is healthy.")
}

pub(super) const fn healthy_angle_range(low: f64, high: f64) -> EnvOption {
    range("healthy_angle_range", low, high, "Angles of the torso in rad in which the body is healthy.")
}

pub(super) const TERMINATE: EnvOption =
    EnvOption::flag("terminate_when_unhealthy", true, "Whether an episode terminates when the body is not healthy.");

pub(super) const EXCLUDE: EnvOption = EnvOption::flag(
    "exclude_current_positions_from_observation",
    true,
    "Whether the observation leaves out where the body is along the ground.",
);

/// An option `name` that says whether something is part of the observation.
pub(super) const fn include(name: &'static str, sentence: &'static str) -> EnvOption {
    EnvOption::flag(name, true, sentence)
}

pub(super) const INCLUDE_CFRC_EXT: EnvOption =
    include("include_cfrc_ext_in_observation", "Whether the external forces on the bodies are observed.");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_model_comes_with_npg() {
        for entry in super::super::ENTRIES {
            let option = entry.options.iter().find(|option| option.name == "xml_file").unwrap();
            let file = option.default_value();
            assert!(MODELS.iter().any(|(name, _)| Some(*name) == file.as_str()), "{}: {file}", entry.id);
        }
    }
}
