//! The heading above the curves of returns: the title, the names of the runs, and a key to the lines.

use super::curves::{CurveOptions, FEW_RUNS, LEFT, REFERENCE, RIGHT, Run, WIDTH};
use super::series::ENOUGH_FOR_IQM;
use npg_plot::{Anchor, BAND_ALPHA, Entry, INK, Item, MUTED, Stroke, Swatch, Weight, key_rows, si, text};

/// The parts of a figure that the key must explain, besides centers and intervals.
#[derive(Clone, Copy)]
pub(super) struct Shown {
    /// Whether there is a line for each seed.
    pub(super) seeds: bool,
    /// Whether there are evaluations.
    pub(super) evaluations: bool,
    /// The return at which the task counts as solved, if it is drawn.
    pub(super) threshold: Option<f64>,
    /// Whether there are returns at all.
    pub(super) returns: bool,
}

impl Shown {
    /// The parts of the figure of one environment.
    pub(super) fn of(runs: &[Run], options: &CurveOptions) -> Self {
        let evaluations = runs.iter().any(Run::is_evaluated);
        Self { seeds: runs.len() <= FEW_RUNS, evaluations, threshold: options.threshold, returns: true }
    }

    /// The parts of a figure without returns.
    pub(super) fn diagnostics() -> Self {
        Self { seeds: false, evaluations: false, threshold: None, returns: false }
    }
}

/// The title and the keys. Returns the items, and the upper end of what comes below.
pub(super) fn heading(runs: &[Run], title: &str, shown: Shown) -> (Vec<Item>, f64) {
    let quantity =
        if shown.returns { "Return, mean of the last 100 episodes of training" } else { "Diagnostics of training" };
    let mut items = vec![
        text([LEFT, 38.0], Anchor::Start, title, 19.0, Weight::Medium, INK),
        text([LEFT, 60.0], Anchor::Start, quantity, 13.5, Weight::Regular, MUTED),
    ];
    let width = WIDTH - LEFT - RIGHT;
    let (rows, y) = key_rows(&names_key(runs), [LEFT, 86.0], width, 13.0);
    items.extend(rows);
    let style = style_key(runs, shown);
    let (rows, y) = key_rows(&style, [LEFT, y + 21.0], width, 12.0);
    items.extend(rows);
    (items, if style.is_empty() { y - 7.0 } else { y + 16.0 })
}

/// One entry for all runs that have the same name and style.
fn names_key(runs: &[Run]) -> Vec<Entry> {
    let is_same = |a: &Run, b: &Run| (&a.label, a.color, a.dash) == (&b.label, b.color, b.dash);
    let firsts = runs.iter().enumerate().filter(|(i, run)| !runs[..*i].iter().any(|earlier| is_same(earlier, run)));
    let entry = |(_, run): (usize, &Run)| {
        let seeds = || runs.iter().filter(|other| is_same(other, run)).map(|run| run.seeds.len());
        let label = match (seeds().min().unwrap_or(1), seeds().max().unwrap_or(1)) {
            (1, 1) => run.label.clone(),
            (least, most) if least == most => format!("{} ({most} seeds)", run.label),
            (least, most) => format!("{} ({least} to {most} seeds)", run.label),
        };
        let band = seeds().any(|seeds| seeds > 1).then(|| run.band_color());
        Entry { swatch: Swatch::Line(run.stroke(2.2), band), label, strong: true }
    };
    firsts.map(entry).collect()
}

fn style_key(runs: &[Run], shown: Shown) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut add = |swatch, label: String| entries.push(Entry { swatch, label, strong: false });
    let several: Vec<usize> = runs.iter().map(|run| run.seeds.len()).filter(|seeds| *seeds > 1).collect();
    if !several.is_empty() {
        let center = match several.iter().filter(|seeds| **seeds >= ENOUGH_FOR_IQM).count() {
            0 => "mean of seeds",
            count if count == several.len() => "interquartile mean of seeds",
            _ => "interquartile mean of seeds (mean below 4)",
        };
        add(Swatch::Line(Stroke::solid(MUTED, 2.2), None), center.into());
        add(Swatch::Band(MUTED.with_alpha(1.5 * BAND_ALPHA)), "95 % bootstrap interval".into());
        if shown.seeds {
            add(Swatch::Line(Stroke::solid(MUTED.with_alpha(0.5), 0.9), None), "one seed".into());
        }
    }
    if shown.evaluations {
        add(Swatch::Dot(MUTED), "evaluation".into());
    }
    if let Some(threshold) = shown.threshold {
        add(Swatch::Line(REFERENCE, None), format!("threshold {}", si(threshold)));
    }
    entries
}
