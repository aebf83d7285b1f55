//! The small panels of `npg plot`: how each quantity is read and drawn.

use super::curves::{BELOW, CurveOptions, REFERENCE, Run, below, trace};
use super::promises::Ledger;
use super::runs::Seed;
use super::series::{Series, Summary, summarize};
use crate::stats::quantile;
use npg_plot::{
    Anchor, Axis, BAND_ALPHA, Entry, INK, Item, MUTED, Panel, Point, Rectangle, Scale, Stroke, Swatch, Weight,
    key_rows, named, text,
};

/// The dash pattern of predicted values.
const PREDICTED: [f64; 2] = [5.0, 3.0];

/// A quantity that has a small panel.
pub(super) struct Quantity {
    /// The name of its panel in `npg plot --only`.
    pub(super) name: &'static str,
    title: &'static str,
    /// The label of the vertical axis.
    label: &'static str,
    value: fn(&Seed) -> Series,
    /// The value that the method predicted, if it predicts one.
    predicted: Option<fn(&Seed) -> Series>,
    /// The names of both values in the key.
    names: [&'static str; 2],
    /// The standard errors of the value, drawn as the band of a run with one seed.
    errors: Option<fn(&Seed) -> Vec<f64>>,
    range: Range,
}

enum Range {
    /// The KL divergence, with the budget. It starts at 0, or is logarithmic if the values span more than about a decade.
    Kl,
    /// At most 1, and drawn down to -1 at the lowest.
    Fraction,
    /// A logarithmic axis.
    Log,
    /// All values, and 0.
    Gain,
}

const MEASURED: [&str; 2] = ["measured", "predicted"];

/// All quantities, in the order of their panels.
pub(super) const QUANTITIES: [Quantity; 4] = [
    Quantity {
        name: "kl",
        title: "KL divergence of an update (nats)",
        label: "KL, nats",
        value: |seed| seed.series(|row| row.kl),
        predicted: Some(|seed| seed.series(|row| row.kl_predicted)),
        names: MEASURED,
        errors: None,
        range: Range::Kl,
    },
    Quantity {
        name: "gain",
        title: "Promised against delivered, summed",
        label: "discounted return",
        value: |seed| Ledger::of(&seed.rows).delivered,
        predicted: Some(|seed| Ledger::of(&seed.rows).promised),
        names: ["delivered", "promised, on its own batch"],
        errors: Some(|seed| Ledger::of(&seed.rows).errors),
        range: Range::Gain,
    },
    Quantity {
        name: "explained-variance",
        title: "Explained variance (cut off below −1)",
        label: "fraction",
        value: |seed| seed.series(|row| row.explained_variance),
        predicted: None,
        names: MEASURED,
        errors: None,
        range: Range::Fraction,
    },
    Quantity {
        name: "residual",
        title: "Relative residual of conjugate gradients",
        label: "residual / |g|",
        value: |seed| seed.series(|row| row.cg_residual),
        predicted: None,
        names: MEASURED,
        errors: None,
        range: Range::Log,
    },
];

/// A quantity of one run.
pub(super) struct Curve {
    measured: Summary,
    predicted: Summary,
}

impl Quantity {
    /// The quantity in each run.
    pub(super) fn curves(&self, runs: &[Run], options: &CurveOptions) -> Vec<Curve> {
        let summary = |run: &Run, value| summarize(&run.series(value), options.resamples, options.seed);
        let curve = |run: &Run| {
            let mut measured = summary(run, self.value);
            if let ([seed], Some(errors)) = (&run.seeds[..], self.errors) {
                let (errors, center) = (errors(seed), &measured.center);
                measured.low = center.iter().zip(&errors).map(|(center, error)| center - error).collect();
                measured.high = center.iter().zip(&errors).map(|(center, error)| center + error).collect();
            }
            Curve { measured, predicted: self.predicted.map_or_else(Summary::default, |value| summary(run, value)) }
        };
        runs.iter().map(curve).collect()
    }

    /// Whether there is anything to draw: the quantity was logged, and it has a place on its axis.
    pub(super) fn is_shown(&self, curves: &[Curve]) -> bool {
        let log = matches!(self.range, Range::Log);
        curves.iter().flat_map(|curve| &curve.measured.center).any(|value| !log || *value > 0.0)
    }

    /// Draws the panel, whose heading starts at `corner`, for steps up to `end`. Returns its items and its lower end.
    pub(super) fn draw(
        &self,
        runs: &[Run],
        curves: &[Curve],
        corner: Point,
        size: [f64; 2],
        end: f64,
    ) -> (Vec<Item>, f64) {
        let ([left, y], [width, height]) = (corner, size);
        let predicts = curves.iter().any(|curve| !curve.predicted.steps.is_empty());
        let budgets = if matches!(self.range, Range::Kl) { budgets(runs) } else { Vec::new() };
        let mut items = vec![text(corner, Anchor::Start, self.title, 14.0, Weight::Medium, INK)];
        items.extend(key_rows(&self.key(runs, predicts, !budgets.is_empty()), [left, y + 19.0], width + 20.0, 11.5).0);
        let panel = Panel {
            area: Rectangle { x: left, y: y + 32.0, width, height },
            x: Axis::new(Scale::Linear, 0.0, end, 4),
            y: self.axis(curves, &budgets),
        };
        items.push(panel.frame());
        let level = |at: &f64| named("budget", None, vec![panel.level(*at, REFERENCE)]);
        let mut data: Vec<Item> = budgets.iter().map(level).collect();
        data.extend(runs.iter().zip(curves).filter_map(|(run, curve)| run.band(&panel, &curve.measured)));
        for (run, Curve { measured, predicted }) in runs.iter().zip(curves) {
            data.push(run.center(&panel, measured, 1.5));
            if !predicted.steps.is_empty() {
                let stroke = Stroke { dash: Some(PREDICTED), ..Stroke::solid(run.color, 1.2) };
                let line = trace(&panel, predicted.points(), stroke);
                data.push(named("predicted", Some(format!("{}, predicted", run.label)), vec![line]));
            }
        }
        items.push(panel.data(data));
        items.extend([below(&panel), panel.y_label(self.label)]);
        (items, y + 32.0 + height + BELOW)
    }

    fn axis(&self, curves: &[Curve], budgets: &[f64]) -> Axis {
        let summaries = curves.iter().flat_map(|curve| [&curve.measured, &curve.predicted]);
        let values = summaries.flat_map(|s| [&s.center, &s.low, &s.high]).flatten().chain(budgets);
        let mut values: Vec<f64> = values.copied().collect();
        values.sort_unstable_by(f64::total_cmp);
        match self.range {
            Range::Kl => {
                let first = values.partition_point(|value| *value <= 0.0);
                let positive = &values[first..];
                let wide = quantile(positive, 1.0) > 20.0 * quantile(positive, 0.05);
                if wide {
                    Axis::covering(Scale::Log, values, 4)
                } else {
                    let low = values.first().copied().unwrap_or(0.0).min(0.0); // an estimate may be negative
                    Axis::new(Scale::Linear, 1.08 * low, 1.08 * values.last().copied().unwrap_or(1.0), 4)
                }
            }
            Range::Fraction => {
                let low = values.first().copied().unwrap_or(0.0).clamp(-1.0, 0.0);
                Axis::new(Scale::Linear, 1.05 * low - 0.03, 1.03, 4)
            }
            Range::Log => Axis::covering(Scale::Log, values, 4),
            Range::Gain => Axis::covering(Scale::Linear, values.into_iter().chain([0.0]), 4),
        }
    }

    fn key(&self, runs: &[Run], predicts: bool, budget: bool) -> Vec<Entry> {
        let line = |dash| Swatch::Line(Stroke { dash, ..Stroke::solid(MUTED, 1.5) }, None);
        let entry = |swatch, label: &str| Entry { swatch, label: label.into(), strong: false };
        let mut entries = Vec::new();
        if predicts {
            entries.extend([entry(line(None), self.names[0]), entry(line(Some(PREDICTED)), self.names[1])]);
        }
        if self.errors.is_some() && runs.iter().any(|run| run.seeds.len() == 1) {
            entries.push(entry(Swatch::Band(MUTED.with_alpha(1.5 * BAND_ALPHA)), "± 1 s.e."));
        }
        if budget {
            entries.push(entry(Swatch::Line(REFERENCE, None), "kl_step"));
        }
        entries
    }
}

/// The KL budgets of all runs, each once.
fn budgets(runs: &[Run]) -> Vec<f64> {
    let mut budgets: Vec<f64> = runs.iter().flat_map(|run| run.seeds.iter().filter_map(|seed| seed.kl_step)).collect();
    budgets.sort_unstable_by(f64::total_cmp);
    budgets.dedup();
    budgets
}
