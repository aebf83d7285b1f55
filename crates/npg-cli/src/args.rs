//! The command line: every command, argument and flag, with its help.

mod exact;

use std::ffi::OsString;
use std::ops::Range;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand};
use npg::config::AlgorithmName;

pub(crate) use exact::{ConvergenceArgs, FieldArgs, KakadeArgs, MdpArgs, Spaced, TheoryArgs};

/// Where action masks can be (`python/npg/_masks.py`).
const MASKS: [&str; 5] = ["auto", "method", "info", "observation", "none"];

/// Natural policy gradient: reinforcement learning with steps measured in KL divergence.
#[derive(Parser)]
#[command(name = "npg", version, max_term_width = 100, arg_required_else_help = true, disable_help_subcommand = true)]
#[command(after_help = "Start with `npg train CartPole-v1`.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Train a policy
    Train(Box<TrainArgs>), // boxed: it is much larger than the others
    /// Evaluate a trained policy
    Eval(EvalArgs),
    /// Continue a run that was interrupted, or make it longer
    Resume(ResumeArgs),
    /// Draw learning curves and diagnostics of runs
    Plot(PlotArgs),
    /// Check every claim of the theory
    Theory(TheoryArgs),
    /// Check that the trainer's estimates from samples converge to exact values
    Convergence(ConvergenceArgs),
    /// Draw vanilla and natural gradients of a regulator, where both are known exactly
    Field(Box<FieldArgs>), // boxed: as above
    /// Draw two experiments of Kakade 2001 with exact gradients
    Kakade(KakadeArgs),
    /// Solve a finite Markov decision process exactly: values, gradients, optimum, ascent
    Mdp(MdpArgs),
    /// List the environments
    Envs(LibraryArgs),
    /// Check an environment of Gymnasium: spaces, seeding, endings, speed
    #[command(disable_help_flag = true)] // the checker has its own help
    CheckEnv {
        /// Gymnasium's id, such as LunarLander-v3, and options of the checker
        #[arg(value_name = "ID", trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// List the presets, or print one
    Presets {
        /// Environment whose preset is printed, as TOML
        #[arg(value_name = "ENV")]
        environment: Option<String>,
    },
    /// Explain a key, metric, column, flag, environment or term; without NAME, list all keys and metrics
    Explain {
        /// A name such as algorithm.kl_step, kl, ev, learning_rate, gae or CartPole-v1
        #[arg(value_name = "NAME", allow_hyphen_values = true)]
        name: Vec<String>,
    },
    /// Print a shell's completion script
    Completions {
        /// The name of the shell
        shell: clap_complete::Shell,
    },
}

/// The places of libraries that are opened at run time.
#[derive(Args)]
pub(crate) struct LibraryArgs {
    /// libmujoco, or the folder that holds it [default: $NPG_MUJOCO_LIB, else the active Python's package]
    #[arg(long, value_name = "PATH", help_heading = "Libraries")]
    pub(crate) mujoco_lib: Option<PathBuf>,
}

/// `npg train`
#[derive(Args)]
#[command(after_help = "\
Settings come from the following, and later ones win: defaults, the environment's preset, --config, --set, flags.
`npg presets ENV` prints a preset, and `npg explain` lists all keys.

Columns of the table: return and len are means over the last 100 training episodes, and batch is the mean return of those \
that ended in this iteration. kl and pred are the KL of the update in nats, measured and predicted. cg and res are the \
iterations and the relative residual of conjugate gradients. ev is the explained variance of the value baseline, and entropy \
(nats) or std is that of the policy. `npg explain` tells more about each.")]
pub(crate) struct TrainArgs {
    /// Environment; `npg envs` lists them. gym:ID is one of Gymnasium's and needs npg's Python package
    #[arg(value_name = "ENV")]
    pub(crate) environment: String,
    /// Algorithm: sets algorithm.name, and with it direction and step rule
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(AlgorithmName::NAMES))]
    pub(crate) algo: Option<String>,
    /// Transitions to train on, such as 50000 or 1e6 [run.steps]
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    pub(crate) steps: Option<i64>,
    /// Seed of all random streams [run.seed]
    #[arg(long, value_name = "S", value_parser = count, allow_negative_numbers = true)]
    pub(crate) seed: Option<i64>,
    /// One run for each seed from A to B - 1, one after the other
    #[arg(long, value_name = "A..B", value_parser = seeds, conflicts_with = "seed")]
    pub(crate) seeds: Option<Range<i64>>,
    /// Number of environments [rollout.n_envs]
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    pub(crate) envs: Option<i64>,
    /// Worker threads, 0 for all cores; results do not depend on this [rollout.threads]
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    pub(crate) threads: Option<i64>,
    /// TOML file with settings
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// One setting, such as algorithm.kl_step=0.02; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// One argument of the environment, such as continuous=true; may be repeated [env.KEY]
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) env_arg: Vec<String>,
    /// How environments of Gymnasium step: one after the other, or in processes [env.vectorization]
    #[arg(long, value_name = "HOW", value_parser = PossibleValuesParser::new(["sync", "async"]))]
    pub(crate) vectorization: Option<String>,
    /// Where environments of Gymnasium have action masks [env.action_masks]
    #[arg(long, value_name = "HOW", value_parser = PossibleValuesParser::new(MASKS))]
    pub(crate) action_masks: Option<String>,
    /// Seconds that one call into an environment of Gymnasium may take, inf for no limit [env.timeout_seconds, 60]
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    pub(crate) env_timeout: Option<f64>,
    /// Directory of the run, in which a folder seed-<S> is made [default: runs/<ENV>/<ALGO>-<k>]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Overwrite a run that is already in --out DIR
    #[arg(long, requires = "out")]
    pub(crate) force: bool,
    /// Print the whole configuration of the (first) run as TOML, and stop
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Start from the policy of another run
    #[arg(long, value_name = "RUN")]
    pub(crate) init: Option<PathBuf>,
    /// Stop when the mean of the last 100 training episodes reaches R [run.until_return]
    #[arg(long, value_name = "R", allow_negative_numbers = true)]
    pub(crate) until_return: Option<f64>,
    /// Evaluate every N steps [run.eval_every]
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    pub(crate) eval_every: Option<i64>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) libraries: LibraryArgs,
}

/// How a training run is displayed.
#[derive(Args, Clone, Copy)]
pub(crate) struct OutputArgs {
    /// Print only the last lines
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Print JSON lines instead of a table
    #[arg(long, conflicts_with = "quiet")]
    pub(crate) json: bool,
}

/// `npg eval`
#[derive(Args)]
pub(crate) struct EvalArgs {
    /// Directory of a seed, or of all seeds of a run
    pub(crate) run: PathBuf,
    /// Number of episodes
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    #[arg(allow_negative_numbers = true)]
    pub(crate) episodes: u32,
    /// Seed of the evaluation's random streams
    #[arg(long, value_name = "S", default_value = "0", value_parser = seed, allow_negative_numbers = true)]
    pub(crate) seed: u64,
    /// Sample actions, instead of taking the most likely ones
    #[arg(long)]
    pub(crate) stochastic: bool,
    /// The environment, if its id names a module as in gym:module:ID
    #[arg(long, value_name = "ENV")]
    pub(crate) env: Option<String>,
    /// latest, best, or a checkpoint file
    #[arg(long, value_name = "WHICH", default_value = "latest")]
    pub(crate) checkpoint: String,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) libraries: LibraryArgs,
}

/// `npg resume`
#[derive(Args)]
pub(crate) struct ResumeArgs {
    /// Directory of a seed, or of all seeds of a run
    pub(crate) run: PathBuf,
    /// New total of transitions
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    pub(crate) steps: Option<i64>,
    /// The environment, if its id names a module as in gym:module:ID
    #[arg(long, value_name = "ENV")]
    pub(crate) env: Option<String>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) libraries: LibraryArgs,
}

/// `npg plot`
#[derive(Args)]
#[command(after_help = "\
With runs of one environment, the figure has the return and diagnostics below it, or what --only names. With runs of several \
environments, it has only the return, with a panel for each environment. The legend names the algorithms, or directories if the \
algorithms do not differ.")]
pub(crate) struct PlotArgs {
    /// Directories of runs, of single seeds, or a tensorboard_log of the Python agents
    #[arg(required = true, value_name = "RUN")]
    pub(crate) runs: Vec<PathBuf>,
    /// File to write, .svg or .png
    #[arg(long, short, value_name = "FILE", default_value = "plot.svg")]
    pub(crate) output: PathBuf,
    /// Draw only this panel; may be repeated
    #[arg(long, value_name = "PANEL", value_parser = PossibleValuesParser::new(npg::plot::PANELS))]
    pub(crate) only: Vec<String>,
}

/// Reads a whole number as people write it: 50000, 50_000, 5e4, 50k, 1M.
fn count(text: &str) -> Result<i64, String> {
    let plain = text.replace('_', "");
    let (digits, factor) = match plain.char_indices().last() {
        Some((end, 'k')) => (&plain[..end], 1e3),
        Some((end, 'M')) => (&plain[..end], 1e6),
        _ => (plain.as_str(), 1.0),
    };
    if let (Ok(number), 1.0) = (digits.parse(), factor) {
        return Ok(number);
    }
    match digits.parse::<f64>().map(|number| number * factor) {
        Ok(number) if number.fract() == 0.0 && number.abs() < 9e15 => Ok(number as i64),
        _ => Err("expected a whole number, such as 50000, 1e6 or 200k".into()),
    }
}

/// Reads a seed of random streams.
fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "expected a whole number, 0 or larger".into())
}

/// The most seeds of one command.
const MAX_SEEDS: u32 = 10_000;

/// Reads `A..B`.
fn seeds(text: &str) -> Result<Range<i64>, String> {
    let bad = || "expected A..B with 0 <= A < B, such as 0..5 for the seeds 0, 1, 2, 3, 4".to_owned();
    let (first, end) = text.split_once("..").ok_or_else(bad)?;
    match (first.trim().parse::<u32>(), end.trim().parse::<u32>()) {
        (Ok(first), Ok(end)) if first < end && end - first > MAX_SEEDS => Err(format!("more than {MAX_SEEDS} seeds")),
        (Ok(first), Ok(end)) if first < end => Ok(i64::from(first)..i64::from(end)),
        _ => Err(bad()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn counts_are_read_as_people_write_them() {
        for (text, number) in [("50000", 50_000), ("50_000", 50_000), ("5e4", 50_000), ("1.5M", 1_500_000), ("-3", -3)]
        {
            assert_eq!(count(text), Ok(number), "{text}");
        }
        for text in ["", "k", "0.5", "1e400", "many", "1e18"] {
            assert!(count(text).is_err(), "{text}");
        }
        assert_eq!(seeds("0..5"), Ok(0..5));
        for text in ["5", "5..5", "-1..2", "a..b", "0..=3", "0..10001"] {
            assert!(seeds(text).is_err(), "{text}");
        }
    }
}
