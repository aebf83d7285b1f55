//! The figure of `npg plot` for runs of several environments: a panel of returns for each, with a single key.

use npg_plot::{Anchor, Axis, Figure, INK, Item, Panel, Rectangle, Scale, Weight, dash, hue, text};
use std::path::PathBuf;

use super::curves::{CurveOptions, LEFT, RIGHT, Run, WIDTH, below, empty};
use super::heading::{Shown, heading};
use super::names;
use super::runs::Seed;
use super::series::summarize;
use crate::{Error, Result};

/// Height of a panel.
const HEIGHT: f64 = 150.0;
/// The distance from the lower end of a panel to the upper end of the panel below, for tick labels and a title.
const BETWEEN: f64 = 64.0;
/// The distance from the baseline of a title to its panel.
const TITLE: f64 = 12.0;

impl Run {
    /// The value that all seeds of the run have in common, if they do.
    fn common<'a>(&'a self, of: impl Fn(&'a Seed) -> Option<&'a String>) -> Option<&'a str> {
        let first = of(self.seeds.first()?)?;
        self.seeds.iter().all(|seed| of(seed) == Some(first)).then_some(first)
    }

    fn environment(&self) -> Option<&str> {
        self.common(|seed| seed.environment.as_ref())
    }
}

/// The environments of `runs`, each once, in the order in which they first appear.
pub(super) fn environments(runs: &[Run]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for environment in runs.iter().filter_map(Run::environment) {
        if !found.iter().any(|known| known == environment) {
            found.push(environment.into());
        }
    }
    found
}

/// Draws `runs`, which were read from `paths`, with a panel for each of `environments`.
pub(super) fn compose(
    paths: &[PathBuf],
    mut runs: Vec<Run>,
    environments: &[String],
    options: &CurveOptions,
) -> Result<Figure> {
    let of_runs = known(paths, &runs)?;
    let labels = if options.labels.is_empty() { labels(paths, &runs, &of_runs) } else { options.labels.clone() };
    let mut distinct: Vec<&String> = Vec::new();
    for (run, label) in runs.iter_mut().zip(&labels) {
        let index = distinct.iter().position(|known| *known == label).unwrap_or(distinct.len());
        if index == distinct.len() {
            distinct.push(label);
        }
        *run =
            Run { label: label.clone(), color: hue(index), dash: dash(index), seeds: std::mem::take(&mut run.seeds) };
    }
    let title = options.title.as_deref().unwrap_or("Learning curves");
    let shown = Shown { seeds: false, evaluations: runs.iter().any(Run::is_evaluated), threshold: None, returns: true };
    let (mut items, heading) = heading(&runs, title, shown);
    let (columns, first) = (columns(environments.len()), heading + 22.0 + TITLE);
    let width = (WIDTH - RIGHT) / columns as f64 - LEFT;
    for (index, environment) in environments.iter().enumerate() {
        let (row, column) = ((index / columns) as f64, (index % columns) as f64);
        let (x, y) = (LEFT + column * (width + LEFT), first + row * (HEIGHT + BETWEEN));
        items.push(text([x, y - TITLE], Anchor::Start, environment, 14.0, Weight::Medium, INK));
        let there: Vec<&Run> = runs.iter().filter(|run| run.environment() == Some(environment)).collect();
        let panel = returns(&there, Rectangle { x, y, width, height: HEIGHT }, options);
        items.extend(panel.0);
        items.push(panel.1.y_label("return"));
        if index + columns >= environments.len() {
            items.push(below(&panel.1)); // once in each column
        }
    }
    let rows = environments.len().div_ceil(columns) as f64;
    Ok(Figure { width: WIDTH, height: first + rows * (HEIGHT + BETWEEN) - 4.0, items })
}

/// The number of panels side by side. It is chosen so that few places stay empty.
fn columns(panels: usize) -> usize {
    match panels {
        0..=4 => panels.max(1),
        5 | 6 | 9 => 3,
        _ => 4,
    }
}

/// The environment of each run.
fn known(paths: &[PathBuf], runs: &[Run]) -> Result<Vec<String>> {
    let environment = |(path, run): (&PathBuf, &Run)| match run.environment() {
        Some(environment) => Ok(environment.to_owned()),
        None => Err(Error::Run(format!(
            "{} does not tell one environment in provenance.json, and the other runs are of several; plot it alone",
            path.display()
        ))),
    };
    paths.iter().zip(runs).map(environment).collect()
}

/// The labels of runs: the algorithms if they tell the runs of each environment apart, or else the shortest ends of the
/// directories that do.
fn labels(paths: &[PathBuf], runs: &[Run], environments: &[String]) -> Vec<String> {
    let environments: Vec<&str> = environments.iter().map(String::as_str).collect();
    let algorithm = |run: &Run| run.common(|seed| seed.algorithm.as_ref()).map(str::to_owned);
    let algorithms: Option<Vec<String>> = runs.iter().map(algorithm).collect();
    let telling = algorithms.filter(|labels| names::are_distinct(&environments, labels));
    telling.unwrap_or_else(|| names::within(paths, &environments))
}

/// The frame, intervals, centers and evaluations of the runs of one environment.
fn returns(runs: &[&Run], area: Rectangle, options: &CurveOptions) -> (Vec<Item>, Panel) {
    let summary = |run: &&Run| {
        let curves = run.series(|seed| seed.series(|row| row.return_mean));
        summarize(&curves, options.resamples, options.seed)
    };
    let summaries: Vec<_> = runs.iter().map(summary).collect();
    let evaluations: Vec<_> = runs.iter().map(|run| run.evaluations()).collect();
    let seen = summaries.iter().flat_map(|it| [&it.center, &it.low, &it.high]).flatten().copied();
    let seen = seen.chain(evaluations.iter().flatten().map(|(_, value)| *value));
    let end = runs.iter().map(|run| run.end()).fold(0.0, f64::max);
    let panel = Panel { area, x: Axis::new(Scale::Linear, 0.0, end, 3), y: Axis::covering(Scale::Linear, seen, 4) };
    let mut data: Vec<Item> = runs.iter().zip(&summaries).filter_map(|(run, it)| run.band(&panel, it)).collect();
    data.extend(runs.iter().zip(&summaries).map(|(run, it)| run.center(&panel, it, 1.7)));
    let mut items = vec![panel.frame(), panel.data(data)];
    items.extend(runs.iter().zip(&evaluations).filter_map(|(run, points)| run.dots(&panel, points)));
    if summaries.iter().all(|it| it.steps.is_empty()) {
        items.push(empty(&panel, 12.0));
    }
    (items, panel)
}
