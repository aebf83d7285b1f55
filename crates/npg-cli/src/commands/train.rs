//! `npg train`, `npg eval`, `npg resume`, `npg plot`

use std::process::ExitCode;

use anyhow::bail;

use crate::args::{EvalArgs, PlotArgs, ResumeArgs, TrainArgs};
use crate::settings;

/// `npg train ENV`
pub(crate) fn train(args: &TrainArgs) -> anyhow::Result<ExitCode> {
    let (_configs, _source) = settings::runs(args)?;
    bail!("this build has no trainer")
}

/// `npg eval RUN`
pub(crate) fn eval(_args: &EvalArgs) -> anyhow::Result<ExitCode> {
    bail!("this build has no trainer")
}

/// `npg resume RUN`
pub(crate) fn resume(_args: &ResumeArgs) -> anyhow::Result<ExitCode> {
    bail!("this build has no trainer")
}

/// `npg plot RUN...`
pub(crate) fn plot(_args: &PlotArgs) -> anyhow::Result<String> {
    bail!("this build has no plots")
}
