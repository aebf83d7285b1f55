//! The MuJoCo tasks: compared with Gymnasium itself, saved and loaded, trained, and with simulations that diverge.
//!
//! These tests need libmujoco. They do nothing if none is found, but if `NPG_MUJOCO_LIB` names one, it must work. If
//! `NPG_MUJOCO_PYTHON` names a Python that has gymnasium 1.4 and the same MuJoCo, scripts/mujoco_episodes.py plays episodes
//! in Gymnasium, and the tests compare them step by step. `./test` sets both variables, for two versions of MuJoCo.

#![allow(clippy::unwrap_used)] // a test: its helpers may panic too

#[path = "mujoco/episodes.rs"]
mod episodes;
#[path = "mujoco/parity.rs"]
mod parity;
#[path = "mujoco/behavior.rs"]
mod behavior;

use npg::Error;
use npg::env::mujoco;

/// Whether a MuJoCo was found to test with.
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
