//! `npg eval` and `npg plot`.

use std::fmt::Write;

use npg::env::registry;
use npg::evaluate::{Plan, evaluate};
use npg::plot::{CurveOptions, Format, learning_curves};
use npg::run_dir::{self, CheckpointChoice, RunDir};
use npg::train::{load_policy, saved_config};

use super::train::saved_environment;
use crate::args::{EvalArgs, PlotArgs};

/// `npg eval RUN`: a line (or JSON object) for each seed.
pub(crate) fn eval(args: &EvalArgs) -> anyhow::Result<String> {
    let mut text = String::new();
    let runs = run_dir::resolve(&args.run)?;
    let mut means = Vec::new();
    for run in &runs {
        let (line, mean) = eval_one(run, args)?;
        text += &line;
        means.push(mean);
    }
    if means.len() > 1 && !args.json {
        let interval = npg::stats::mean_interval(&means);
        let mean = npg::stats::mean(&means);
        writeln!(
            text,
            "{} seeds: mean {mean:.2}, 95 % interval {:.2} to {:.2}",
            means.len(),
            interval.low,
            interval.high
        )?;
    }
    Ok(text)
}

fn eval_one(run: &RunDir, args: &EvalArgs) -> anyhow::Result<(String, f64)> {
    let opened = run.open_checkpoint(&CheckpointChoice::from(args.checkpoint.as_str()))?;
    let fault = |fault| npg::Error::File { path: opened.path.clone(), fault };
    let config = saved_config(&opened.archive).map_err(fault)?;
    let environment: String = opened.archive.field("env").map_err(fault)?;
    let source = registry::make(&environment, &config.env)?;
    let policy = load_policy(&opened.archive, &source.spec()).map_err(fault)?;
    let plan = Plan { episodes: args.episodes as usize, seed: args.seed, stochastic: args.stochastic };
    let result = evaluate(&policy, source.as_ref(), plan)?;
    let (min, max) = result.returns.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(*x), b.max(*x)));
    let (mean, std, length) = (result.mean(), result.std(), result.length_mean());
    let checkpoint = opened.path.display();
    let line = if args.json {
        let object = serde_json::json!({
            "env": environment, "episodes": args.episodes, "return_mean": mean, "return_std": std,
            "return_min": min, "return_max": max, "length_mean": length, "seed": args.seed,
            "checkpoint": checkpoint.to_string(),
        });
        format!("{object}\n")
    } else {
        let how = if args.stochastic { "sampled" } else { "deterministic" };
        format!(
            "{environment}: return {mean:.2} ± {std:.2} ({min:.2} to {max:.2}), length {length:.1}, \
             {} {how} episodes, {checkpoint}\n",
            args.episodes
        )
    };
    Ok((line, mean))
}

/// `npg plot RUN...`
pub(crate) fn plot(args: &PlotArgs) -> anyhow::Result<String> {
    Format::of(&args.output)?;
    let first = run_dir::resolve(&args.runs[0])?;
    let threshold = saved_environment(&first[0])
        .ok()
        .and_then(|id| registry::make(&id, &toml::Table::new()).ok())
        .and_then(|source| source.spec().reward_threshold);
    let figure = learning_curves(&args.runs, &CurveOptions { threshold, ..CurveOptions::default() })?;
    figure.save(&args.output)?;
    Ok(format!("{}\n", args.output.display()))
}
