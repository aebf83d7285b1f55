//! Settings that come with npg. There is one file for each environment, compiled into the program.

use crate::env::registry::GYMNASIUM_SCHEME;
use crate::{Error, Result, nearest};

/// The preset of one environment.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// The environment that the preset is for.
    pub environment: &'static str,
    /// The path of the preset in the repository, for messages.
    pub path: &'static str,
    /// The TOML text. The comment at its top gives the source, the measured result and the seeds.
    pub text: &'static str,
}

macro_rules! presets {
    ($($environment:literal)*) => {
        /// All presets.
        pub const PRESETS: &[Preset] = &[$(Preset {
            environment: $environment,
            path: concat!("presets/", $environment, ".toml"),
            text: include_str!(concat!("../../../../presets/", $environment, ".toml")),
        },)*];
    };
}

presets! {
    "CartPole-v1"
    "Pendulum-v1"
    "Acrobot-v1"
    "MountainCar-v0"
    "MountainCarContinuous-v0"
    "FrozenLake-v1"
    "FrozenLake8x8-v1"
    "CliffWalking-v1"
    "Taxi-v4"
    "LQR-v0"
    "Ant-v5"
    "HalfCheetah-v5"
    "Hopper-v5"
    "Humanoid-v5"
    "HumanoidStandup-v5"
    "InvertedDoublePendulum-v5"
    "InvertedPendulum-v5"
    "Pusher-v5"
    "Reacher-v5"
    "Swimmer-v5"
    "Walker2d-v5"
    "LunarLander-v3"
}

/// The environments that have a preset.
pub fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|preset| preset.environment)
}

/// The preset of `environment`, if there is one. Gymnasium's environment of the same name is the same task, and so is npg's
/// own environment in Gymnasium, `npg/<name>`.
pub fn find(environment: &str) -> Option<&'static Preset> {
    let environment = environment.strip_prefix(GYMNASIUM_SCHEME).unwrap_or(environment);
    let environment = environment.strip_prefix("npg/").unwrap_or(environment);
    PRESETS.iter().find(|preset| preset.environment == environment)
}

/// The preset of `environment`.
///
/// # Errors
/// [`Error::Config`] with the nearest name if there is none.
pub fn get(environment: &str) -> Result<&'static Preset> {
    find(environment).ok_or_else(|| {
        let hint = match nearest(environment, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", names().collect::<Vec<_>>().join(", ")),
        };
        Error::config("preset", format!("there is none for `{environment}`; {hint}"))
    })
}

impl Preset {
    /// The comment at the top of the preset, without the comment signs.
    pub fn header(&self) -> String {
        let lines = self.text.lines().take_while(|line| line.starts_with('#'));
        lines.map(|line| line.trim_start_matches('#').trim()).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Layers;
    use crate::env::registry;

    #[test]
    fn every_preset_is_valid_and_says_where_it_comes_from() {
        for preset in PRESETS {
            let mut layers = Layers::default();
            layers.preset(preset.environment);
            let resolved = match registry::ids().any(|id| id == preset.environment) {
                true => layers.resolve_for(preset.environment).map(|(config, _)| config),
                false => layers.resolve(), // an environment of Gymnasium, which is not available here
            };
            let resolved = match resolved {
                Err(Error::Library { .. }) => layers.resolve(), // an environment of MuJoCo, which may not be available here
                resolved => resolved,
            };
            if let Err(error) = resolved {
                panic!("{}: {error}", preset.path);
            }
            let header = preset.header();
            for word in ["Source:", "Measured:", "Seeds:"] {
                assert!(header.contains(word), "{} has no {word}", preset.path);
            }
        }
    }

    #[test]
    fn every_file_is_compiled_in() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../presets");
        let files = std::fs::read_dir(folder).unwrap().count();
        assert_eq!(files, PRESETS.len());
    }

    #[test]
    fn an_unknown_preset_names_the_nearest() {
        let message = |name| get(name).unwrap_err().to_string();
        assert_eq!(message("CartPole"), "preset: there is none for `CartPole`; did you mean `CartPole-v1`?");
        let first = "preset: there is none for `Go`; there are CartPole-v1, Pendulum-v1, Acrobot-v1, MountainCar-v0, ";
        assert!(message("Go").starts_with(first), "{}", message("Go"));
    }
}
