//! Checkpoints: everything that a run needs to continue, in one file that is safe to load no matter who wrote it.

mod archive;

pub use archive::Archive;
