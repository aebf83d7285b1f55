//! The configuration of a run: typed, one struct for each table of its TOML form.
//!
//! [`KEYS`] is the only list of all keys. Parsing, printing, `npg explain` and the reference in docs/ use it. [`Layers`]
//! merges defaults, preset, file, `--set` and flags, and reports every mistake at once.

mod field;
mod keys;
mod layers;
pub mod presets;
mod table;
mod text;
mod validate;

pub use crate::settings::{
    ActionBounds, ActivationName, Advantage, Algorithm, AlgorithmName, Direction, Estimator, HeadName, NetworkKind,
    Normalize, Policy, Schedule, Solver, Std, StepRule, Value, ValueKind,
};
pub use keys::{Key, KeyTable, find};
pub use layers::Layers;
pub use npg_envs::setting::Kind;
pub use table::{KEYS, TABLES};
pub use text::reference;

/// A whole configuration. `npg train` uses `Default` unless a preset, a file or a flag says otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// The update of the policy.
    pub algorithm: Algorithm,
    /// The sampling of batches.
    pub rollout: Rollout,
    /// Advantage estimation.
    pub advantage: Advantage,
    /// The policy's network and distribution.
    pub policy: Policy,
    /// The value baseline.
    pub value: Value,
    /// The normalizers of observations and rewards.
    pub normalize: Normalize,
    /// Measurements of the policy's steps.
    pub trust_region: TrustRegion,
    /// The environment's own options, checked by the environment.
    pub env: toml::Table,
    /// Length, seed, evaluation and checkpoints.
    pub run: Run,
}

/// `[rollout]`
#[derive(Clone, Debug, PartialEq)]
pub struct Rollout {
    /// The number of environments.
    pub n_envs: usize,
    /// The transitions of one iteration, from all environments together.
    pub batch_steps: usize,
    /// The number of worker threads; 0 means all cores. Results do not depend on it.
    pub threads: usize,
}

impl Default for Rollout {
    fn default() -> Self {
        Self { n_envs: 16, batch_steps: 2048, threads: 0 }
    }
}

/// `[trust_region]`
#[derive(Clone, Debug, PartialEq)]
pub struct TrustRegion {
    /// Whether the predicted and the realized improvement of each step are logged.
    pub report: bool,
}

impl Default for TrustRegion {
    fn default() -> Self {
        Self { report: true }
    }
}

/// `[run]`
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The number of transitions to train on, exactly.
    pub steps: u64,
    /// The seed of every random stream.
    pub seed: u64,
    /// The number of steps between evaluations; 0 means only at the end.
    pub eval_every: u64,
    /// The number of episodes in one evaluation.
    pub eval_episodes: usize,
    /// The seconds between checkpoints.
    pub checkpoint_seconds: f64,
    /// The iterations between checkpoints; 0 means that only the time counts.
    pub checkpoint_iterations: u64,
    /// Training stops when the mean of the last 100 training episodes reaches this.
    pub until_return: Option<f64>,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            steps: 1_000_000,
            seed: 0,
            eval_every: 0,
            eval_episodes: 20,
            checkpoint_seconds: 10.0,
            checkpoint_iterations: 0,
            until_return: None,
        }
    }
}
