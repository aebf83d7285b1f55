//! Checkpoints: everything that a run needs to continue, in one file that is safe to load, whoever wrote it.

mod archive;

pub use archive::Archive;
