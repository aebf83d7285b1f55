//! The commands of the program, one file each. They return the text that the program prints.

mod convergence;
mod envs;
mod eval;
mod explain;
mod mdp;
mod field;
mod kakade;
mod presets;
mod theory;
mod train;
mod trained;

use std::path::Path;

use clap::CommandFactory;
use npg::run_dir;

use crate::text;

pub(crate) use convergence::convergence;
pub(crate) use envs::envs;
pub(crate) use eval::{eval, plot};
pub(crate) use explain::explain;
pub(crate) use field::field;
pub(crate) use kakade::kakade;
pub(crate) use mdp::mdp;
pub(crate) use presets::presets;
pub(crate) use theory::theory;
pub(crate) use train::{resume, train};

/// Warns that some seeds of a run were never started, so the output does not cover all that was requested.
fn warn_of_unbegun(run: &Path) -> npg::Result<()> {
    if let Some(seeds) = text::ranges(&run_dir::unbegun(run)?) {
        text::warn(&format!("{} also has the seeds {seeds}, which were never started", run.display()));
    }
    Ok(())
}

/// `npg completions SHELL`
pub(crate) fn completions(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut crate::args::Cli::command(), "npg", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
