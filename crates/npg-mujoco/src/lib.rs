//! MuJoCo for npg: libmujoco, opened at run time, and simulations of a model.
//!
//! There are three nouns. A [`Library`] is libmujoco, found by [`find`] or opened from a path; it stays open. A [`Model`] is
//! compiled from MJCF. A [`Simulation`] is one state of a model, which can be stepped; its fields are read by name.
//!
//! Only the batch API of MuJoCo 3.17 and later (`mjbatch.h`) and functions on opaque handles are used. The layouts of
//! `mjModel` and `mjData` change with every release, and nothing here depends on them. All `unsafe` code that touches MuJoCo
//! is in this crate.
//!
//! ```no_run
//! let library = npg_mujoco::find(None)?;
//! let model = npg_mujoco::Model::from_xml(library, "<mujoco><worldbody/></mujoco>")?;
//! let mut simulation = npg_mujoco::Simulation::new(&model, &["xpos"])?;
//! simulation.step(5)?; // five times mj_step
//! assert_eq!(simulation.field(0), [0.0; 3]); // the world's position
//! # Ok::<(), npg_mujoco::Error>(())
//! ```

mod find; // the places where libmujoco may be
mod library; // libmujoco
mod model; // a compiled model
mod simulation; // one state of a model

pub use find::{Missing, VARIABLE, find, use_python};
pub use library::{Library, Version};
pub use model::{Model, ObjectType};
pub use simulation::{Layout, Simulation};

/// An error from MuJoCo, or from the search for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no usable library.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// MuJoCo refuses the MJCF.
    #[error("MuJoCo refuses the model: {0}")]
    Model(String),
    /// The model or the simulation has no such field.
    #[error("MuJoCo {version} has no field `{name}` of real numbers for this model")]
    Field {
        /// The name of the field in `mjModel` or `mjData`.
        name: String,
        /// The version of MuJoCo.
        version: Version,
    },
    /// A call failed during the simulation.
    #[error("MuJoCo: {0}")]
    Simulation(String),
}
