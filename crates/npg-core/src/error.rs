//! Everything that can go wrong, as one type. The facts are fields, and `Display` makes the sentence.

use std::path::PathBuf;

/// The result of a fallible operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A mistake in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The path of the key, such as `algorithm.kl_step`.
    pub key: String,
    /// What is wrong, the value, and what to do instead.
    pub message: String,
}

/// What is wrong with a file that could be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileFault {
    /// The file was not written by npg.
    #[error("it is not {expected}")]
    Foreign {
        /// What was expected, such as "a checkpoint of npg".
        expected: &'static str,
    },
    /// The file is cut short, altered, or inconsistent.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// The file is sound, but not for this use.
    #[error("it does not fit: {0}")]
    Mismatch(String),
}

/// Everything that the library reports as an error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is wrong. The error lists all mistakes at once.
    #[error("{}", mistakes_text(.0))]
    Config(Vec<Mistake>),
    /// There is no environment with that name.
    #[error("unknown environment `{id}`{}", nearest_text(.nearest))]
    UnknownEnvironment {
        /// The name that was asked for.
        id: String,
        /// The closest known id.
        nearest: Option<String>,
    },
    /// An observation that was given to a policy does not belong to its space.
    #[error("{0}")]
    Observation(String),
    /// An environment broke its contract or reported a failure.
    #[error("environment {environment}, episode {episode}, step {step}: {message}")]
    Environment {
        /// The index of the environment among those of the run.
        environment: usize,
        /// The number of episodes that this environment had finished before.
        episode: u64,
        /// The step within the episode, from 1; 0 is the reset.
        step: u64,
        /// The field, its value, and what is wrong.
        message: String,
    },
    /// A policy gave outputs that define no distribution, because its parameters have overflowed.
    #[error("the policy gives {value} as an output (environment {environment}, episode {episode}, step {step})")]
    Policy {
        /// See [`Error::Environment`].
        environment: usize,
        /// See [`Error::Environment`].
        episode: u64,
        /// The step for which the action was meant.
        step: u64,
        /// The bad output.
        value: f32,
    },
    /// A file is damaged, foreign, or does not fit.
    #[error("cannot use {}: {fault}", .path.display())]
    File {
        /// The path of the file.
        path: PathBuf,
        /// What is wrong with it.
        fault: FileFault,
    },
    /// The state was not saved, because some of its numbers are not finite and no checkpoint with them could be loaded again.
    #[error("cannot save {}: the state could not be loaded again ({fault}); the checkpoint before it is kept", .path.display())]
    Unsaved {
        /// The file that was not written.
        path: PathBuf,
        /// The fault that a loader would find.
        fault: FileFault,
    },
    /// The operating system refused a file operation.
    #[error("cannot {doing} {}: {source}", .path.display())]
    Io {
        /// The attempted operation: "read", "write", "create", "lock".
        doing: &'static str,
        /// The path of the file or directory.
        path: PathBuf,
        /// The reason, from the operating system.
        source: std::io::Error,
    },
    /// A library that is opened at run time is missing or cannot be used.
    #[error("{reason}")]
    Library {
        /// The name of the library, such as MuJoCo.
        name: &'static str,
        /// The requirement, the places that were searched, and the command that installs the library.
        reason: String,
    },
    /// A run directory is in the way, is missing, or is not the requested one.
    #[error("{0}")]
    Run(String),
}

impl Error {
    /// An error about a single configuration key.
    pub fn config(key: impl Into<String>, message: impl Into<String>) -> Self {
        Error::Config(vec![Mistake { key: key.into(), message: message.into() }])
    }
}

fn mistakes_text(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(|p| format!("{}: {}", p.key, p.message)).collect::<Vec<_>>().join("\n")
}

fn nearest_text(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(String::new, |name| format!(", did you mean `{name}`?"))
}

/// The name among `names` that is closest to `word`, if a typing error could explain the difference. Either at most a third
/// of the letters are wrong (by optimal string alignment distance, ignoring case), or the name contains the word, if that has
/// at least three letters.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    names
        .into_iter()
        .map(|name| (strsim::osa_distance(&lower, &name.to_lowercase()), name))
        .filter(|(distance, name)| {
            *distance < name.chars().count() && *distance <= name.chars().count().max(3) / 3
                || (lower.len() >= 3
                    && (name.to_lowercase().starts_with(&lower) || name.to_lowercase().contains(&lower)))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_find_their_name() {
        let names = ["CartPole-v1", "Pendulum-v1", "Acrobot-v1"];
        assert_eq!(nearest("CartPole-v0", names), Some("CartPole-v1"));
        assert_eq!(nearest("cartpole", names), Some("CartPole-v1"));
        assert_eq!(nearest("Pendulm-v1", names), Some("Pendulum-v1"));
        assert_eq!(nearest("Humanoid", names), None);
        assert_eq!(nearest("q", ["o"]), None);
        assert_eq!(nearest("Pnedulum-v1", names), Some("Pendulum-v1"));
    }
}
