//! Natural policy gradient: reinforcement learning with steps measured in KL divergence.

pub mod advantage;
pub mod atomic;
pub mod checkpoint;
pub mod config;
pub mod env;
pub mod evaluate;
pub mod fisher;
pub mod gradient;
pub mod linearize;
pub mod logs;
pub mod metrics;
pub mod network;
pub mod normalize;
pub mod npg;
pub mod plot;
pub mod policy;
pub mod random;
pub mod reduce;
pub mod rollout;
pub mod run_dir;
pub mod session;
pub mod solve;
pub mod stats;
pub mod step;
pub mod train;
pub mod trust_region;
pub mod value;

mod error;
mod utc;

pub use error::{Error, FileFault, Problem, Result, nearest};
