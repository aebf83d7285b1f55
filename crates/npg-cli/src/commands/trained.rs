//! The policy of a run, in the environment that it was trained in.

use std::path::PathBuf;

use npg::env::{EnvSource, registry};
use npg::policy::Policy;
use npg::run_dir::{CheckpointChoice, RunDir};
use npg::train::{load_policy, saved_config};

use crate::text;

/// A trained policy.
pub(super) struct Trained {
    pub(super) environment: String,
    pub(super) source: Box<dyn EnvSource>,
    pub(super) policy: Policy,
    /// Its checkpoint.
    pub(super) path: PathBuf,
}

impl Trained {
    /// Opens a checkpoint of `run` and names damaged ones that were skipped. `named` is the environment that the user named,
    /// if any.
    pub(super) fn open(run: &RunDir, choice: &CheckpointChoice, named: Option<&str>) -> npg::Result<Self> {
        let opened = run.open_checkpoint(choice)?;
        opened.skipped.iter().for_each(|error| text::warn(&format!("skipped a checkpoint: {error}")));
        let fault = |fault| npg::Error::File { path: opened.path.clone(), fault };
        let config = saved_config(&opened.archive).map_err(fault)?;
        let environment = run.environment_of(&opened)?;
        let source = registry::make_saved(&environment, &config.env, named)?;
        let policy = load_policy(&opened.archive, &source.spec()).map_err(fault)?;
        Ok(Self { environment, source, policy, path: opened.path })
    }
}
