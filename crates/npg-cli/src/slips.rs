//! Advice about flags and environments that have another name, or that come from somewhere else.

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Error};
use npg::config::{KEYS, find, presets};
use npg::env::registry;

use crate::args::Cli;
use crate::{glossary, program};

/// If an unknown flag is a setting, by its own name or by the name in other programs, the answer says how to set it.
/// Flags that merely share some letters with it are not suggested. Only `npg train` takes settings.
pub(crate) fn with_advice(mut error: Error, takes_settings: bool) -> Error {
    let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg) else { return error };
    if error.kind() != ErrorKind::UnknownArgument || !takes_settings {
        return error;
    }
    let flag = flag.split(['=', ' ']).next().unwrap_or(flag).to_owned();
    let near = matches!(error.get(ContextKind::SuggestedArg), Some(ContextValue::String(near))
        if npg::nearest(&flag, [near.as_str()]).is_some());
    if near {
        return error;
    }
    error.remove(ContextKind::SuggestedArg);
    error.remove(ContextKind::Usage); // it shows the suggested flag
    let mut advice = advice(&flag);
    if advice.is_empty() {
        advice.push(program::runnable("other settings have no flag: `--set KEY=VALUE`; `npg explain` lists the keys"));
    }
    let advice = advice.into_iter().map(StyledStr::from).collect();
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(advice));
    error
}

/// What to write instead of `flag`.
fn advice(flag: &str) -> Vec<String> {
    let word = glossary::normal(flag);
    let mut keys: Vec<&str> =
        KEYS.iter().filter(|key| key.name() == word || key.path == word).map(|key| key.path).collect();
    if keys.is_empty() {
        keys.extend(glossary::term(&word).and_then(|term| term.key()));
    }
    let tip = |path: &&str| {
        let summary = find(path).map_or("", |key| key.summary);
        match flag_of(path) {
            Some(flag) => format!("`--{flag}` sets {path}. {summary}"),
            None => format!("`--set {path}=VALUE`. {summary}"),
        }
    };
    let mut tips: Vec<String> = keys.iter().map(tip).collect();
    if let Some(term) = glossary::term(&word).filter(|_| !tips.is_empty()) {
        tips.push(format!("`npg explain {word}`: {}", term.sentence));
    }
    tips.iter().map(|tip| program::runnable(tip)).collect()
}

/// The flag of `npg train` whose help names this key in brackets.
fn flag_of(path: &str) -> Option<String> {
    let command = Cli::command();
    let train = command.find_subcommand("train")?;
    let names =
        |argument: &&clap::Arg| argument.get_help().is_some_and(|help| help.to_string().contains(&format!("[{path}]")));
    train.get_arguments().find(names).and_then(|argument| argument.get_long()).map(String::from)
}

/// Environments of Gymnasium that npg does not have itself, without their versions.
const OF_GYMNASIUM: [&str; 6] =
    ["LunarLander", "LunarLanderContinuous", "BipedalWalker", "BipedalWalkerHardcore", "CarRacing", "Blackjack"];

/// What to do about an id that npg does not know.
pub(crate) fn about_environment(id: &str) -> String {
    let foreign = presets::names().filter(|name| !registry::ids().any(|id| id == *name));
    let name = id.rsplit_once("-v").map_or(id, |(name, _)| name);
    let is_foreign = id.starts_with("ALE/") || OF_GYMNASIUM.contains(&name);
    let (id, is_foreign) = match npg::nearest(id, foreign) {
        Some(meant) if !is_foreign => (meant, true), // in another spelling
        _ => (id, is_foreign),
    };
    if !is_foreign {
        return "`npg envs` lists all environments, and gym:ID is one of Gymnasium's".into();
    }
    if registry::has_gymnasium() {
        return format!("{id} is one of Gymnasium's environments: `npg train gym:{id}`");
    }
    // Not in the marks of a command of this program, because another program would run it.
    format!(
        "{id} is one of Gymnasium's environments, which need npg's Python package: `pip install .` in npg's repository \
         installs an npg that has it as gym:{id}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misremembered_flag_is_answered_with_the_setting() {
        for (flag, tip) in [
            ("--lr", "`--set value.learning_rate=VALUE`. "),
            ("--learning-rate", "`--set value.learning_rate=VALUE`. "),
            ("--gamma", "`--set advantage.gamma=VALUE`. "),
            ("--target-kl", "`--set algorithm.kl_step=VALUE`. "),
            ("--total-timesteps", "`--steps` sets run.steps. "),
            ("--n-envs", "`--envs` sets rollout.n_envs. "),
            ("--algorithm.kl_step", "`--set algorithm.kl_step=VALUE`. "),
        ] {
            assert!(advice(flag).first().is_some_and(|first| first.starts_with(tip)), "{flag}: {:?}", advice(flag));
        }
        assert_eq!(advice("--hidden").len(), 2, "policy.hidden and value.hidden");
        assert!(advice("--fancy").is_empty());
    }
}
