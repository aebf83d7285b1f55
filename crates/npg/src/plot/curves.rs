//! The figure of `npg plot`: the large panel with the return, and the layout of the figure.

use npg_plot::{
    Anchor, Axis, BAND_ALPHA, Circle, Color, Figure, Item, MUTED, Panel, Rectangle, Scale, Stroke, Weight, dash, dot,
    hue, named, text,
};
use std::path::PathBuf;

use super::grid;
use super::heading::{Shown, heading};
use super::names;
use super::quantity::{Curve, QUANTITIES, Quantity};
use super::runs::{self, Seed};
use super::series::{Series, Summary, at_shared_steps, summarize};
use crate::{Error, Result};

/// The options of [`learning_curves`].
#[derive(Clone, Debug, PartialEq)]
pub struct CurveOptions {
    /// The title. By default it is the environment, if the directories tell it and it is the same for all.
    pub title: Option<String>,
    /// One name for each run. By default it is the part of the paths that tells the runs apart.
    pub labels: Vec<String>,
    /// The return at which the task counts as solved, drawn as a line. Figures of several environments do not show it.
    pub threshold: Option<f64>,
    /// The names of the panels to draw, from [`PANELS`]. If it is empty, all panels with data are drawn.
    pub panels: Vec<String>,
    /// The number of resamples for bootstrap intervals.
    pub resamples: usize,
    /// The seed of the bootstrap.
    pub seed: u64,
}

impl Default for CurveOptions {
    fn default() -> Self {
        Self { title: None, labels: Vec::new(), threshold: None, panels: Vec::new(), resamples: 1000, seed: 0 }
    }
}

impl CurveOptions {
    fn draws(&self, panel: &str) -> bool {
        self.panels.is_empty() || self.panels.iter().any(|name| name == panel)
    }
}

/// The names of the panels: the large one, and then the small ones in their order.
pub const PANELS: [&str; 5] = [RETURN, QUANTITIES[0].name, QUANTITIES[1].name, QUANTITIES[2].name, QUANTITIES[3].name];
/// The name of the large panel.
const RETURN: &str = "return";

/// Width of the figure.
pub(super) const WIDTH: f64 = 1000.0;
/// The room for tick labels to the left of each panel.
pub(super) const LEFT: f64 = 64.0;
/// The room to the right of the last panel.
pub(super) const RIGHT: f64 = 28.0;
/// Height of the large panel.
const HEIGHT: f64 = 360.0;
/// Height of a small panel.
const SMALL: f64 = 150.0;
/// The height of what stands below a panel.
pub(super) const BELOW: f64 = 44.0;
/// More small panels than this are placed in rows of two.
const MOST_COLUMNS: usize = 3;
/// With more runs than this, a line for each seed would hide the comparison.
pub(super) const FEW_RUNS: usize = 4;
/// The style of lines that are not data: the threshold and the KL budget.
pub(super) const REFERENCE: Stroke = Stroke { color: MUTED, width: 1.2, dash: Some([2.0, 3.0]) };

/// A run, with its style.
pub(super) struct Run {
    pub(super) label: String,
    pub(super) seeds: Vec<Seed>,
    pub(super) color: Color,
    pub(super) dash: Option<[f64; 2]>,
}

impl Run {
    /// One quantity in each seed.
    pub(super) fn series(&self, of: impl Fn(&Seed) -> Series) -> Vec<Series> {
        self.seeds.iter().map(of).collect()
    }

    pub(super) fn is_evaluated(&self) -> bool {
        self.seeds.iter().any(|seed| !seed.evaluations.is_empty())
    }

    /// The number of steps at the last row or evaluation of any seed.
    pub(super) fn end(&self) -> f64 {
        let last = |seed: &Seed| {
            let evaluated = seed.evaluations.last().map_or(0.0, |(steps, _)| *steps);
            seed.rows.last().map_or(0.0, |row| row.steps).max(evaluated)
        };
        self.seeds.iter().map(last).fold(0.0, f64::max)
    }

    /// The evaluations at the steps that all seeds share. If they share none, the evaluations of each seed.
    pub(super) fn evaluations(&self) -> Vec<(f64, f64)> {
        let of = |seed: &Seed| Series::new(seed.evaluations.iter().map(|(steps, value)| (*steps, Some(*value))));
        let seeds: Vec<Series> = self.seeds.iter().map(of).collect();
        let shared = at_shared_steps(&seeds);
        if shared.is_empty() { seeds.iter().flat_map(Series::points).collect() } else { shared }
    }

    pub(super) fn stroke(&self, width: f64) -> Stroke {
        Stroke { dash: self.dash, ..Stroke::solid(self.color, width) }
    }

    pub(super) fn band_color(&self) -> Color {
        self.color.with_alpha(BAND_ALPHA)
    }

    /// The line for the center of the seeds.
    pub(super) fn center(&self, panel: &Panel, summary: &Summary, width: f64) -> Item {
        named("series", Some(self.label.clone()), vec![trace(panel, summary.points(), self.stroke(width))])
    }

    /// The band for the interval of the center; `None` for a single seed.
    pub(super) fn band(&self, panel: &Panel, summary: &Summary) -> Option<Item> {
        let areas = panel.band(&summary.steps, &summary.low, &summary.high, self.band_color());
        (!areas.is_empty()).then(|| named("band", None, areas))
    }

    /// A dot for each evaluation; `None` if there are none.
    pub(super) fn dots(&self, panel: &Panel, evaluations: &[(f64, f64)]) -> Option<Item> {
        let dots = evaluations.iter().map(|(x, y)| Item::Circle(dot(panel.point(*x, *y), self.color))).collect();
        (!evaluations.is_empty()).then(|| named("evaluations", Some(format!("{}, evaluation", self.label)), dots))
    }
}

/// Draws the learning curves of `runs`. Each is the directory of a seed or a directory of several seeds.
///
/// The large panel shows `rollout/ep_rew_mean` against environment steps. A run of several seeds is a thick line (their
/// interquartile mean, or the mean for fewer than four seeds). A band shows its 95 % bootstrap interval, over the steps that
/// all seeds have reached. If there are at most four runs, each seed also has a thin line. Seeds that logged at different
/// steps are interpolated linearly onto a common grid. Dots are evaluations at the steps that all seeds share, or those of
/// each seed if they share none.
///
/// [`CurveOptions::panels`] selects panels. A small panel that is alone is as large as the return.
///
/// The small panels show the quantities that were logged: the measured and the predicted KL divergence of the updates with
/// the budget, the explained variance (drawn down to -1), the relative residual of the linear solver, and promised against
/// delivered. The last one has the surrogate's gains and the realized gains, each summed over the updates for which both are
/// known.
///
/// If the runs belong to several environments, according to their provenance.json, there is one panel of returns for each
/// environment instead, in the order in which the environments are first given. There is a single key: a label has the same
/// color everywhere. The labels are then the algorithms, or the ends of the directories if an environment has several runs of
/// one algorithm. Lines for single seeds, the threshold and the small panels are not drawn.
///
/// # Errors
/// [`Error::Run`] if a directory does not exist or is not a run, if no iteration has finished, if one of several environments
/// is not known, or if nothing was logged for the selected panels; [`Error::File`] for a damaged log; [`Error::Config`] if
/// the number of labels differs from the number of runs, or if a panel is unknown or does not belong in the figure.
pub fn learning_curves(runs: &[PathBuf], options: &CurveOptions) -> Result<Figure> {
    let names = names::of(runs);
    if !(options.labels.is_empty() || options.labels.len() == runs.len()) {
        let message = format!("{} labels for {} runs; give one for each", options.labels.len(), runs.len());
        return Err(Error::config("labels", message));
    }
    if let Some(unknown) = options.panels.iter().find(|name| !PANELS.contains(&name.as_str())) {
        return Err(Error::config("panels", format!("`{unknown}` is none; there are {}", PANELS.join(", "))));
    }
    if runs.is_empty() {
        return Err(Error::Run("no run to plot; give at least one run directory".into()));
    }
    let labels = if options.labels.is_empty() { &names.labels } else { &options.labels };
    let read = |(index, (path, label)): (usize, (&PathBuf, &String))| {
        Ok(Run { label: label.clone(), seeds: runs::read(path)?, color: hue(index), dash: dash(index) })
    };
    let drawn: Vec<Run> = runs.iter().zip(labels).enumerate().map(read).collect::<Result<_>>()?;
    let panels = grid::environments(&drawn);
    if panels.len() > 1 {
        if let Some(panel) = options.panels.iter().find(|name| *name != RETURN) {
            let message = format!(
                "`{panel}` is drawn for runs of one environment; these are of {}: plot each by itself",
                panels.len()
            );
            return Err(Error::config("panels", message));
        }
        return grid::compose(runs, drawn, &panels, options);
    }
    let title = options.title.clone().or(names.environment).unwrap_or_else(|| "Learning curves".into());
    compose(&drawn, &title, options)
}

fn compose(runs: &[Run], title: &str, options: &CurveOptions) -> Result<Figure> {
    let end = runs.iter().map(Run::end).fold(0.0, f64::max);
    let has_return = options.draws(RETURN);
    let (mut items, bottom) = match has_return {
        true => returns(runs, title, end, options),
        false => heading(runs, title, Shown::diagnostics()),
    };
    let curves = |quantity: &'static Quantity| (quantity, quantity.curves(runs, options));
    let logged = |(quantity, curves): &(&Quantity, Vec<Curve>)| quantity.is_shown(curves);
    let drawn: Vec<(&Quantity, Vec<Curve>)> =
        QUANTITIES.iter().filter(|quantity| options.draws(quantity.name)).map(curves).filter(logged).collect();
    if drawn.is_empty() && !has_return {
        let panels = options.panels.join(", ");
        return Err(Error::Run(format!(
            "nothing was logged for {panels}; `npg plot` without --only draws what there is"
        )));
    }
    let columns = if drawn.len() > MOST_COLUMNS { 2 } else { drawn.len().max(1) };
    let width = (WIDTH - RIGHT - LEFT * columns as f64) / columns as f64;
    let size = if drawn.len() == 1 && !has_return { HEIGHT } else { SMALL };
    let mut height = bottom;
    for row in drawn.chunks(columns) {
        let top = height + 34.0;
        for (column, (quantity, curves)) in row.iter().enumerate() {
            let corner = [LEFT + column as f64 * (width + LEFT), top];
            let (panel, bottom) = quantity.draw(runs, curves, corner, [width, size], end);
            items.extend(panel);
            height = bottom;
        }
    }
    Ok(Figure { width: WIDTH, height: height + 16.0, items })
}

/// The large panel, with the heading of the figure. Returns its items and its lower end.
fn returns(runs: &[Run], title: &str, end: f64, options: &CurveOptions) -> (Vec<Item>, f64) {
    let curves: Vec<Vec<Series>> =
        runs.iter().map(|run| run.series(|seed| seed.series(|row| row.return_mean))).collect();
    let evaluations: Vec<Vec<(f64, f64)>> = runs.iter().map(Run::evaluations).collect();
    let (mut items, top) = heading(runs, title, Shown::of(runs, options));

    let seen = curves.iter().flatten().flat_map(|series| series.values.iter().copied());
    let seen = seen.chain(evaluations.iter().flatten().map(|point| point.1)).chain(options.threshold);
    let panel = Panel {
        area: Rectangle { x: LEFT, y: top, width: WIDTH - LEFT - RIGHT, height: HEIGHT },
        x: Axis::new(Scale::Linear, 0.0, end, 7),
        y: Axis::covering(Scale::Linear, seen, 6),
    };
    items.push(panel.frame());
    let mut data: Vec<Item> =
        options.threshold.map(|at| named("threshold", None, vec![panel.level(at, REFERENCE)])).into_iter().collect();
    let mut centers = Vec::new();
    for (run, curves) in runs.iter().zip(&curves) {
        let summary = summarize(curves, options.resamples, options.seed);
        if curves.len() > 1 && runs.len() <= FEW_RUNS {
            data.extend(seeds(&panel, run, curves));
        }
        data.extend(run.band(&panel, &summary));
        centers.push(run.center(&panel, &summary, 2.2));
    }
    data.extend(centers);
    items.push(panel.data(data));
    items.extend(runs.iter().zip(&evaluations).filter_map(|(run, points)| run.dots(&panel, points)));
    if curves.iter().flatten().all(|series| series.steps.is_empty()) {
        items.push(empty(&panel, 14.0));
    }
    items.extend([below(&panel), panel.y_label("return of an episode")]);
    (items, top + HEIGHT + BELOW)
}

/// A thin line for each seed.
fn seeds<'a>(panel: &'a Panel, run: &'a Run, curves: &'a [Series]) -> impl Iterator<Item = Item> + 'a {
    let faint = Stroke { color: run.color.with_alpha(0.28), ..run.stroke(0.9) };
    run.seeds.iter().zip(curves).map(move |(seed, series)| {
        let tooltip = format!("{}, {}", run.label, seed.name);
        named("seed", Some(tooltip), vec![trace(panel, series.points(), faint)])
    })
}

/// The line through `points`, or a dot if there is only one.
pub(super) fn trace(panel: &Panel, points: impl Iterator<Item = (f64, f64)>, stroke: Stroke) -> Item {
    let points: Vec<(f64, f64)> = points.collect();
    match points[..] {
        [(x, y)] => {
            let (center, radius) = (panel.point(x, y), 1.5 * stroke.width);
            Item::Circle(Circle { center, radius, fill: stroke.color, stroke: None })
        }
        _ => panel.line(points, stroke),
    }
}

/// The text in a panel without a curve.
pub(super) fn empty(panel: &Panel, size: f64) -> Item {
    let Rectangle { x, y, width, height } = panel.area;
    let center = [x + 0.5 * width, y + 0.5 * height];
    text(center, Anchor::Middle, "no episode has finished yet", size, Weight::Regular, MUTED)
}

/// The label of the horizontal axis, below `panel` and its tick labels.
pub(super) fn below(panel: &Panel) -> Item {
    let Rectangle { x, y, width, height } = panel.area;
    let place = [x + 0.5 * width, y + height + 37.0];
    text(place, Anchor::Middle, "environment steps", 12.0, Weight::Regular, MUTED)
}
