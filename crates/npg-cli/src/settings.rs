//! From the flags of `npg train` to configurations.

use npg::config::{Config, Layers};
use npg::env::EnvSource;

use crate::args::TrainArgs;

/// The configurations of a command, one for each seed, and the source of its environments.
pub(crate) fn runs(args: &TrainArgs) -> npg::Result<(Vec<Config>, Box<dyn EnvSource>)> {
    let (config, source) = layers(args)?.resolve_for(&args.environment)?;
    let seeds = match args.seeds.clone() {
        Some(seeds) => seeds.map(i64::unsigned_abs).collect(),
        None => vec![config.run.seed],
    };
    let configs = seeds.into_iter().map(|seed| {
        let mut config = config.clone();
        config.run.seed = seed;
        config
    });
    Ok((configs.collect(), source))
}

/// Preset < `--config` < `--set` < flags.
fn layers(args: &TrainArgs) -> npg::Result<Layers> {
    let mut layers = Layers::default();
    layers.preset(&args.environment);
    if let Some(path) = &args.config {
        layers.file(path)?;
    }
    for assignment in &args.set {
        layers.set(assignment);
    }
    for assignment in &args.env_arg {
        layers.set(&format!("env.{assignment}"));
    }
    if let Some(how) = &args.vectorization {
        layers.flag("--vectorization", "env.vectorization", how.as_str());
    }
    if let Some(place) = &args.action_masks {
        layers.flag("--action-masks", "env.action_masks", place.as_str());
    }
    if let Some(seconds) = args.env_timeout {
        layers.flag("--env-timeout", "env.timeout_seconds", seconds);
    }
    if let Some(name) = &args.algo {
        layers.flag("--algo", "algorithm.name", name.as_str());
    }
    for (flag, key, value) in [
        ("--steps", "run.steps", args.steps),
        ("--seed", "run.seed", args.seed),
        ("--envs", "rollout.n_envs", args.envs),
        ("--threads", "rollout.threads", args.threads),
        ("--eval-every", "run.eval_every", args.eval_every),
    ] {
        if let Some(value) = value {
            layers.flag(flag, key, value);
        }
    }
    if let Some(value) = args.until_return {
        layers.flag("--until-return", "run.until_return", value);
    }
    Ok(layers)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    fn configs(line: &str) -> npg::Result<Vec<Config>> {
        let Command::Train(args) = Cli::parse_from(line.split_whitespace()).command else { panic!("{line}") };
        runs(&args).map(|(configs, _)| configs)
    }

    #[test]
    fn flags_are_stronger_than_set() {
        let line = "npg train CartPole-v1 --algo trpo --set run.steps=5 --set algorithm.kl_step=0.5 --steps 20k \
                    --seed 3 --envs 4 --threads 2 --eval-every 1e3 --until-return -180";
        let config = &configs(line).unwrap()[0];
        assert_eq!(config.algorithm.step.name(), "line-search");
        assert_eq!((config.run.steps, config.run.seed, config.run.eval_every), (20_000, 3, 1000));
        assert_eq!((config.rollout.n_envs, config.rollout.threads), (4, 2));
        assert_eq!((config.algorithm.kl_step, config.run.until_return), (0.5, Some(-180.0)));
    }

    #[test]
    fn seeds_make_a_run_each() {
        let seeds: Vec<u64> =
            configs("npg train CartPole-v1 --seeds 2..5").unwrap().iter().map(|c| c.run.seed).collect();
        assert_eq!(seeds, [2, 3, 4]);
    }
}
