//! Natural policy gradient: reinforcement learning with steps measured in KL divergence.

pub mod atomic;
pub mod checkpoint;
pub mod config;
pub mod env;
mod error;
pub mod network;
pub mod plot;
pub mod random;
pub mod stats;

pub use error::{Error, FileFault, Problem, Result, nearest};
