//! MuJoCo: the eleven tasks of Gymnasium 1.4 (version v5), and your own models.
//!
//! libmujoco is opened when the first environment is made ([`library`]). Without it, everything else still works. A [`Task`]
//! says where episodes start, what is observed and what a step earns. [`MujocoSource`] makes environments of a task and a
//! [`Model`]; it has everything that the tasks share. [`npg_mujoco`] computes the physics, in f64 throughout.
//!
//! Observations, rewards, endings, first states, limits and options are those of Gymnasium's classes, and `tests/mujoco.rs`
//! compares them with Gymnasium itself. There are no options for cameras and rendering. First states come from the same
//! distributions, but from npg's own streams. One thing differs: if numbers become infinite, NaN or huge, MuJoCo resets the
//! state by itself and Gymnasium goes on. npg ends the episode before that step (`on_divergence`).

mod task;
mod environment;
mod settings;

mod half_cheetah;
mod hopper;
mod walker2d;
mod ant;
mod humanoid;
mod humanoid_standup;
mod swimmer;
mod inverted_pendulum;
mod inverted_double_pendulum;
mod reacher;
mod pusher;

pub use environment::{MujocoEnv, MujocoSource, Settings};
pub use npg_mujoco::{Library, Model, ObjectType};
pub use task::{StepReward, Task, View};

use super::entry::Entry;
use npg_core::Error;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

/// The environments of this family.
pub(super) static ENTRIES: &[Entry] = &[
    half_cheetah::ENTRY,
    hopper::ENTRY,
    walker2d::ENTRY,
    ant::ENTRY,
    humanoid::ENTRY,
    humanoid_standup::ENTRY,
    swimmer::ENTRY,
    inverted_pendulum::ENTRY,
    inverted_double_pendulum::ENTRY,
    reacher::ENTRY,
    pusher::ENTRY,
];

static NAMED: OnceLock<PathBuf> = OnceLock::new();
static OPENED: Mutex<Option<&'static Library>> = Mutex::new(None);

/// Names the libmujoco that [`library`] opens: a file, or a folder that contains it. Only the first call has an effect, and
/// only before any MuJoCo environment is made.
pub fn use_library(path: PathBuf) {
    let _ = NAMED.set(path); // a later call changes nothing, as documented
}

/// Tells npg that this process is a Python whose packages lie below `prefix`; see [`npg_mujoco::use_python`].
pub fn use_python(prefix: PathBuf) {
    npg_mujoco::use_python(prefix);
}

/// Opens libmujoco: the one that [`use_library`] names, or that of the environment variable `NPG_MUJOCO_LIB`, or that of the
/// active Python's package `mujoco`, or the system's. Python is not started to find it.
///
/// # Errors
/// [`Error::Library`] with everything that was tried and the command that installs it.
pub fn library() -> Result<&'static Library, Error> {
    let mut opened = OPENED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    match *opened {
        Some(library) => Ok(library),
        None => {
            let library =
                npg_mujoco::find(NAMED.get().map(PathBuf::as_path)).map_err(|error| reported(error.into()))?;
            *opened = Some(library);
            Ok(library)
        }
    }
}

/// Compiles a model from the text of an MJCF file.
///
/// # Errors
/// [`Error::Library`] without MuJoCo, [`Error::Config`] with MuJoCo's own message if it does not accept the text.
pub fn compiled(xml: &str) -> Result<Arc<Model>, Error> {
    Model::from_xml(library()?, xml).map_err(reported)
}

/// The message for the user: how to install the library, or which of its files cannot be used.
fn reported(error: npg_mujoco::Error) -> Error {
    match error {
        npg_mujoco::Error::Missing(missing) => Error::Library { name: "MuJoCo", reason: missing.to_string() },
        other => Error::config("env.xml_file", other.to_string()),
    }
}
