//! `npg convergence`: compares estimates by the trainer's own functions with exact values.

use std::io::{IsTerminal, Write};

use npg::convergence::{Curve, Plan, Quantity, worlds};
use npg::plot::{self, Chart, Figure, MUTED, Mark, Plotted, Scale, Stroke, charts, hue};
use serde_json::{Value, json};

use crate::args::ConvergenceArgs;
use crate::exit::Exit;
use crate::text;

/// The number of batches of the largest size. It takes half a minute on two cores and gives standard errors of at most 0.03.
const REPLICATES: usize = 6;

/// `npg convergence`: success only if all estimates converge.
pub(crate) fn convergence(args: &ConvergenceArgs) -> anyhow::Result<Exit> {
    let output = match &args.output {
        None if args.json => None,
        other => Some(other.clone().unwrap_or_else(|| "convergence.svg".into())),
    };
    output.as_ref().map(plot::format_of_figure).transpose()?;
    let negative = |_| npg::Error::config("samples", format!("is {}, but it counts transitions", args.samples));
    let samples = usize::try_from(args.samples).map_err(negative)?;
    let curves = sampled(&Plan { samples, replicates: REPLICATES, seed: args.seed })?;
    output.as_ref().map(|path| plot::save(&figure(&curves), path)).transpose()?;
    let text = match output {
        _ if args.json => json_of(args.seed, &curves),
        Some(path) => format!("{}\n{}\n{}\n", table(&curves), verdict(&curves), path.display()),
        None => String::new(), // only with --json
    };
    text::print(&text)?;
    Ok(if curves.iter().all(Curve::converges) { Exit::Done } else { Exit::Failure })
}

/// The curves of all worlds. On a terminal, it shows which world is running.
fn sampled(plan: &Plan) -> npg::Result<Vec<Curve>> {
    let mut stderr = std::io::stderr();
    let mut say = |line: &str| {
        if stderr.is_terminal() && !text::is_dumb() {
            let _ = write!(stderr, "\r\x1b[K{line}"); // there is nowhere left to report that stderr is closed
            let _ = stderr.flush();
        }
    };
    let worlds = worlds()?;
    let mut curves = Vec::new();
    for (index, world) in worlds.iter().enumerate() {
        say(&format!("sampling {}, world {} of {}", world.name, index + 1, worlds.len()));
        curves.extend(world.curves(plan, index)?);
    }
    say("");
    Ok(curves)
}

fn table(curves: &[Curve]) -> String {
    let largest = curves.first().and_then(|curve| curve.points.last()).map_or(0, |point| point.samples);
    let error = format!("error at {}", text::count(largest as f64));
    let mut rows = vec![["world", "quantity", &error, "exponent", "worst z", "limit", ""].map(String::from)];
    for curve in curves {
        let faults = [(curve.has_rate(), "not N^-1/2"), (curve.has_limit(), "another limit")];
        let faults: Vec<&str> = faults.into_iter().filter(|(holds, _)| !holds).map(|(_, fault)| fault).collect();
        rows.push([
            curve.world.into(),
            curve.quantity.name().into(),
            text::short(last_error(curve)),
            format!("{:.3} ± {:.3}", curve.slope, curve.slope_error),
            format!("{:.2}", curve.worst_z),
            format!("{:.2}", curve.z_limit),
            faults.join(", "),
        ]);
    }
    text::columns(&rows)
}

fn last_error(curve: &Curve) -> f64 {
    curve.points.last().map_or(f64::NAN, |point| point.error)
}

fn verdict(curves: &[Curve]) -> String {
    let failed = curves.iter().filter(|curve| !curve.converges()).count();
    match failed {
        0 => "every estimate converges to the exact value as N^-1/2".into(),
        1 => "1 estimate does not converge to the exact value as N^-1/2".into(),
        failed => format!("{failed} estimates do not converge to the exact values as N^-1/2"),
    }
}

fn json_of(seed: u64, curves: &[Curve]) -> String {
    let converges = curves.iter().all(Curve::converges);
    let curve = |curve: &Curve| -> Value {
        let point = |p: &npg::convergence::Point| {
            json!({
                "samples": p.samples,
                "replicates": p.replicates,
                "error": p.error,
                "standard_error": p.standard_error,
            })
        };
        json!({
            "world": curve.world,
            "quantity": curve.quantity.name(),
            "exponent": curve.slope,
            "exponent_error": curve.slope_error,
            "worst_z": curve.worst_z,
            "z_limit": curve.z_limit,
            "has_rate": curve.has_rate(),
            "has_limit": curve.has_limit(),
            "points": curve.points.iter().map(point).collect::<Vec<_>>(),
        })
    };
    let curves: Vec<Value> = curves.iter().map(curve).collect();
    text::json_line([("seed", seed.into()), ("converges", converges.into()), ("curves", curves.into())])
}

/// A panel for each quantity, a color for each world.
fn figure(curves: &[Curve]) -> Figure {
    let panel = |quantity: Quantity| {
        let of_quantity: Vec<&Curve> = curves.iter().filter(|curve| curve.quantity == quantity).collect();
        let last = of_quantity.len().saturating_sub(1);
        let laws = of_quantity.iter().enumerate().map(|(index, curve)| law(curve, index == last));
        let dots = of_quantity.iter().enumerate().map(|(index, curve)| Plotted {
            label: curve.world.into(),
            points: curve.points.iter().map(|point| (point.samples as f64, point.error)).collect(),
            stroke: Stroke::solid(hue(index), 2.0),
            mark: Mark::Dots,
        });
        Chart {
            title: format!("Relative error of the {}", quantity.name()),
            x_label: "transitions N".into(),
            y_label: "|estimate - exact| / |exact|".into(),
            scales: [Scale::Log; 2],
            series: dots.chain(laws).collect(),
        }
    };
    charts("Estimates of the trainer against exact values", &Quantity::ALL.map(panel))
}

/// The line c N^-1/2 that is closest to the points. Only one of them is in the legend.
fn law(curve: &Curve, is_named: bool) -> Plotted {
    let scaled = |point: &npg::convergence::Point| (point.error * (point.samples as f64).sqrt()).ln();
    let c = npg::stats::mean(&curve.points.iter().map(scaled).collect::<Vec<_>>()).exp();
    Plotted {
        label: if is_named { "c N^-1/2".into() } else { String::new() },
        points: curve.points.iter().map(|point| (point.samples as f64, c / (point.samples as f64).sqrt())).collect(),
        stroke: Stroke { dash: Some([4.0, 3.0]), ..Stroke::solid(MUTED, 1.2) },
        mark: Mark::Line,
    }
}
