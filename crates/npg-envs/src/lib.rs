//! The environments of npg, and the registry in which they have their ids.
//!
//! A family is a module with a file for each task and a list of entries for the [`registry`]. The options of an environment
//! are a list of [`EnvOption`]s.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::disallowed_methods))] // the same bits on every machine

pub mod registry;

pub mod classic;
pub mod tabular;
pub mod quadratic;
pub mod mujoco;

mod entry;
mod options;
pub mod setting;

pub use options::{EnvOption, Values};
