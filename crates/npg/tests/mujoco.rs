//! The MuJoCo tasks: against Gymnasium itself, saved and loaded, trained, and where a simulation diverges.
//!
//! These need libmujoco and do nothing where none is found; where `NPG_MUJOCO_LIB` names one, it must work. With
//! `NPG_MUJOCO_PYTHON` set to a Python that has gymnasium 1.4 and the same MuJoCo, scripts/mujoco_episodes.py plays
//! episodes in Gymnasium, which are compared here step by step. `./test` sets both, for two versions of MuJoCo.

#![allow(clippy::unwrap_used)] // a test: its helpers may panic too

#[path = "mujoco/episodes.rs"]
mod episodes;
#[path = "mujoco/parity.rs"]
mod parity;
#[path = "mujoco/behavior.rs"]
mod behavior;

use npg::Error;
use npg::env::mujoco;

/// Whether there is a MuJoCo to test with.
fn has_mujoco() -> bool {
    match mujoco::library() {
        Ok(_) => true,
        Err(Error::Library { .. }) if std::env::var_os("NPG_MUJOCO_LIB").is_none() => false,
        Err(error) => panic!("{error}"),
    }
}

/// The eleven tasks.
fn tasks() -> impl Iterator<Item = &'static npg::env::registry::Entry> {
    npg::env::registry::entries().filter(|entry| entry.options.iter().any(|option| option.name == "xml_file"))
}
