//! Checkpoints: everything a run needs to continue, in one file that is safe to load from anyone.

mod archive;

pub use archive::Archive;
