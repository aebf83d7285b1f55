//! Natural policy gradient: reinforcement learning with steps measured in KL divergence.
//!
//! Three nouns are enough to start:
//!
//! * An [`Env`](env::Env) is a simulator. It starts episodes, takes actions, and returns observations, rewards and
//!   endings. Classic control, toy text, linear-quadratic problems and MuJoCo's tasks are built in ([`env::registry`]).
//!   Your own environment implements the same trait.
//! * A [`Policy`](policy::Policy) turns an observation into a distribution over actions. Its parameters theta are one
//!   flat vector. It also holds the statistics that normalize its observations, and the bounds of its actions.
//! * A [`Trainer`](train::Trainer) improves a policy in an environment. It is an iterator: each
//!   [`Iteration`](train::Iteration) samples one batch, takes one step of the policy whose predicted KL divergence is
//!   `algorithm.kl_step` nats, fits the value baseline, and returns the [`metrics`].
//!
//! ```
//! use npg::config::Config;
//! use npg::env::{Action, Ending, Env, Outcome, Space, Spec};
//! use npg::random::Stream;
//! use npg::train::Trainer;
//!
//! /// Shows -1 or 1, and pays 1 for the action that belongs to it (0 or 1). An episode has one step.
//! struct Recall {
//!     shown: f64,
//! }
//!
//! impl Env for Recall {
//!     fn spec(&self) -> Spec {
//!         Spec {
//!             id: "Recall".into(),
//!             observation: Space::uniform_box(1, -1.0, 1.0),
//!             action: Space::Discrete(2),
//!             max_episode_steps: None,
//!             reward_threshold: Some(1.0),
//!         }
//!     }
//!
//!     fn reset(&mut self, rng: &mut Stream, observation: &mut [f64]) -> Result<(), String> {
//!         self.shown = [-1.0, 1.0][rng.below(2)];
//!         observation[0] = self.shown;
//!         Ok(())
//!     }
//!
//!     fn step(&mut self, action: Action<'_>, _: &mut Stream, observation: &mut [f64]) -> Result<Outcome, String> {
//!         observation[0] = self.shown;
//!         let right = (action.index() == 1) == (self.shown > 0.0);
//!         Ok(Outcome { reward: f64::from(u8::from(right)), ending: Ending::Terminated })
//!     }
//! }
//!
//! let mut config = Config::default();
//! config.run.steps = 10 * 2048; // ten iterations
//! let mut trainer = Trainer::new(config, Box::new(|| Recall { shown: 1.0 }))?;
//! for iteration in &mut trainer {
//!     let metrics = iteration?.metrics;
//!     println!("return {:?}, KL {:?}", metrics.get("rollout/ep_rew_mean"), metrics.get("npg/kl"));
//! }
//! assert_eq!(trainer.evaluate(100)?.mean(), 1.0);
//! trainer.save().write(std::env::temp_dir().join("recall.safetensors"))?;
//! # Ok::<(), npg::Error>(())
//! ```
//!
//! [`load`] opens a policy that the program trained, and [`Policy::act`](policy::Policy::act) uses it:
//! `npg::load("runs/CartPole-v1/npg-1")?.act(&observation)?`.
//!
//! A [`Session`](session::Session) adds a run directory to a trainer: logs, evaluations, checkpoints and resuming, like the
//! program `npg`. [`config::Layers`] reads settings like the program.
//!
//! # The modules in reading order
//!
//! | | |
//! |---|---|
//! | the update | [`update`](mod@update): one iteration, top to bottom; [`problem`]: the operator that it sees; [`solve`], [`step`], [`trust_region`] |
//! | the functions | [`policy`]: outputs to distributions; [`network`]: parameters to outputs; [`value`]: baselines; [`normalize`]: running moments |
//! | the data | [`advantage`], [`rollout`], [`env`](mod@env) |
//! | closed forms | [`exact`]: worlds in which every quantity of the theory is known; [`convergence`]: the trainer compared with them; [`theory`]: claims, each with its check |
//! | randomness and sums | [`random`]: named streams; [`reduce`]: the one place that sums over samples |
//! | the run | [`config`], [`metrics`], [`train`], [`evaluate`], [`session`], [`trained`] |
//! | its files | [`checkpoint`], [`run_dir`], [`logs`], [`atomic`] |
//! | its results | [`stats`], [`plot`] |
//!
//! Rows are always samples, matrices are row-major, and KL divergences and entropies are in nats. Network passes are
//! f32. Parameters, gradients, solves, log probabilities, KL and every sum over samples are f64. Results have the same
//! bits for any number of threads.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::disallowed_methods))] // the same bits on every machine

// The algorithm.
#[doc(inline)]
pub use npg_core::{
    advantage, network, normalize, policy, problem, random, reduce, rollout, settings, solve, stats, step,
    trust_region, update, value,
};

/// Environments: the traits that a simulator implements, spaces, and the registry of native environments.
///
/// A simulator of one environment implements [`Env`](env::Env) (see `examples/own_environment.rs`), and a vectorized one
/// implements [`EnvGroup`](env::EnvGroup). Both are passed to the trainer as an [`EnvSource`](env::EnvSource).
pub mod env {
    #[doc(inline)]
    pub use npg_core::env::*;
    #[doc(inline)]
    pub use npg_envs::{EnvOption, Values, classic, mujoco, quadratic, registry, tabular};
}

// Worlds in which everything is known exactly.
#[doc(inline)]
pub use npg_exact as exact;
#[doc(inline)]
pub use npg_theory::{claims as theory, convergence};

// A run.
pub mod config;
pub mod metrics;
pub mod train;
pub mod evaluate;
pub mod session;
pub mod trained;

// Its files.
pub mod checkpoint;
pub mod run_dir;
pub mod logs;
pub mod atomic;
mod regular;
mod utc;

// Its results.
#[allow(clippy::disallowed_methods, reason = "figures need not have the same bits on every machine")]
pub mod plot;

pub use trained::{load, load_for};

#[doc(inline)]
pub use npg_core::{Error, FileFault, Mistake, Result, nearest};

/// The Rust in the book's pages, compiled and run as documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/environments.md")]
struct Book;
