//! `npg eval` and `npg plot`.

use std::path::PathBuf;

use npg::env::registry;
use npg::evaluate::{Plan, evaluate};
use npg::plot::{CurveOptions, format_of_figure, learning_curves, runs_in, save, seeds_in};
use npg::run_dir::{self, CheckpointChoice, Provenance, RunDir};

use super::trained::Trained;
use crate::args::{EvalArgs, PlotArgs};
use crate::text;

/// `npg eval RUN`: a line (or JSON object) for each seed.
pub(crate) fn eval(args: &EvalArgs) -> anyhow::Result<String> {
    let runs = run_dir::resolve(&args.run)?;
    let choice = CheckpointChoice::from(args.checkpoint.as_str());
    if let CheckpointChoice::File(file) = &choice
        && runs.len() > 1
        && file.is_file()
    {
        let (file, run, seeds) = (file.display(), args.run.display(), runs.len());
        let message = format!("{file} is one policy, but {run} has {seeds} seeds; name the seed's directory");
        return Err(npg::Error::Run(message).into());
    }
    super::warn_of_unbegun(&args.run)?;
    let mut text = String::new();
    let mut means = Vec::new();
    for run in &runs {
        let (line, mean) = eval_one(run, &choice, args)?;
        text += &line;
        means.push(mean);
    }
    if means.len() > 1 && !args.json {
        text += &format!("{}\n", text::mean_over_seeds("mean return", &means));
    }
    Ok(text)
}

fn eval_one(run: &RunDir, choice: &CheckpointChoice, args: &EvalArgs) -> anyhow::Result<(String, f64)> {
    let Trained { environment, source, policy, path } = Trained::open(run, choice, args.env.as_deref())?;
    let plan = Plan { episodes: args.episodes as usize, seed: args.seed, stochastic: args.stochastic };
    let result = evaluate(&policy, source.as_ref(), plan).map_err(|error| match error {
        // The policy is the one in the file.
        npg::Error::Policy { .. } => {
            npg::Error::File { path: path.clone(), fault: npg::FileFault::Damaged(error.to_string()) }
        }
        other => other,
    })?;
    let (min, max) = result.returns.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(*x), b.max(*x)));
    let (mean, std, length) = (result.mean(), result.std(), result.length_mean());
    let checkpoint = path.display();
    let line = if args.json {
        text::json_line([
            ("env", environment.into()),
            ("episodes", args.episodes.into()),
            ("return_mean", mean.into()),
            ("return_std", std.into()),
            ("return_min", min.into()),
            ("return_max", max.into()),
            ("length_mean", length.into()),
            ("seed", args.seed.into()),
            ("cut", result.cut.into()),
            ("diverged", result.diverged.into()),
            ("checkpoint", checkpoint.to_string().into()),
        ])
    } else {
        result.note().iter().for_each(|note| text::warn(note));
        let checkpoint = text::harmless(&checkpoint.to_string()).into_owned();
        let how = if args.stochastic { "sampled" } else { "deterministic" };
        let spread = if std.is_finite() { format!(" ± {std:.2} ({min:.2} to {max:.2})") } else { String::new() };
        let episodes = if args.episodes == 1 { "episode" } else { "episodes" };
        format!(
            "{environment}: return {mean:.2}{spread}, length {length:.1}, {} {how} {episodes}, {checkpoint}\n",
            args.episodes
        )
    };
    Ok((line, mean))
}

/// `npg plot RUN...`
pub(crate) fn plot(args: &PlotArgs) -> anyhow::Result<String> {
    format_of_figure(&args.output)?;
    let drawn: Vec<PathBuf> = args.runs.iter().flat_map(|run| runs_in(run)).collect();
    // To be drawn, a seed needs metrics only: those in a tensorboard_log have no checkpoint.
    let seeds = |run: &PathBuf| match seeds_in(run) {
        Ok(found) => Ok(found.into_iter().map(RunDir::new).collect()),
        Err(_) => run_dir::resolve(run),
    };
    let runs: Vec<Vec<RunDir>> = drawn.iter().map(seeds).collect::<npg::Result<_>>()?;
    drawn.iter().try_for_each(|run| super::warn_of_unbegun(run))?;
    let mut environments = runs.iter().flatten().map(|run| Provenance::read(&run.provenance()).map(|it| it.env));
    let first = environments.next().flatten();
    let title = first.filter(|first| environments.all(|other| other.as_ref() == Some(first)));
    let source = title.as_ref().and_then(|id| registry::make_saved(id, &toml::Table::new(), None).ok());
    let threshold = source.and_then(|source| source.spec().reward_threshold);
    let options = CurveOptions { title, threshold, panels: args.only.clone(), ..CurveOptions::default() };
    let figure = learning_curves(&drawn, &options)?;
    save(&figure, &args.output)?;
    Ok(format!("{}\n", args.output.display()))
}
