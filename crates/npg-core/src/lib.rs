//! The algorithm of npg: the update and everything that it needs. It reads no files, no clock and no configuration, and
//! prints nothing. Users add the crate `npg`, which re-exports all of this.
//!
//! # The modules in reading order
//!
//! | | |
//! |---|---|
//! | the update | [`update`](mod@update): one iteration, top to bottom; [`problem`]: the operator that it sees; [`solve`], [`step`], [`trust_region`] |
//! | the functions | [`policy`]: outputs to distributions; [`network`]: parameters to outputs; [`value`]: baselines; [`normalize`]: running moments |
//! | the data | [`env`](mod@env): what a simulator implements; [`rollout`], [`advantage`] |
//! | the settings | [`settings`]: plain structs for all of these |
//! | randomness and sums | [`random`]: named streams; [`reduce`]: the one place that sums over samples |
//! | statistics | [`stats`] |
//!
//! Rows are always samples, matrices are row-major, and KL divergences and entropies are in nats. Network passes are
//! f32. Parameters, gradients, solves, log probabilities, KL and every sum over samples are f64. Results have the same
//! bits for any number of threads.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::disallowed_methods))] // the same bits on every machine

// The update.
pub mod update;
pub mod problem;
pub mod solve;
pub mod step;
pub mod trust_region;

// What it updates.
pub mod policy;
pub mod network;
pub mod value;
pub mod normalize;

// What it learns from.
pub mod advantage;
pub mod rollout;
pub mod env;

// The settings of all of them.
pub mod settings;

// Randomness, and sums in a fixed order.
pub mod random;
pub mod reduce;

// Statistics.
pub mod stats;

// Errors.
mod error;

pub use error::{Error, FileFault, Mistake, Result, nearest};
