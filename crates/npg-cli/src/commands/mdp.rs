//! `npg mdp`: solves a finite Markov decision process exactly.

use std::path::Path;

use anyhow::Context;
use npg::env::registry;
use npg::exact::mdp::{
    Ascent, Evaluation, File, Iterate, Mdp, Method, Optimum, StepSize, TabularPolicy, policy_from_json,
};
use npg::plot::{self, Chart, Figure, Mark, Plotted, Scale, Stroke, charts, hue};
use npg::run_dir::{self, CheckpointChoice};
use serde_json::Value;

use super::trained::Trained;
use crate::args::MdpArgs;
use crate::exit::Next;
use crate::text;

/// The most rows of states in the table.
const ROWS: usize = 24;
/// The most logits for which the dense Fisher matrix is printed. It has that many numbers squared.
const MAX_FISHER: usize = 2000;

/// A process, a policy in it, and everything about both.
struct World {
    name: String,
    mdp: Mdp,
    policy: TabularPolicy,
    /// The name of the policy.
    called: String,
    at: Evaluation,
    optimum: Optimum,
    ascent: Vec<Iterate>,
}

/// `npg mdp WORLD`
pub(crate) fn mdp(args: &MdpArgs) -> anyhow::Result<String> {
    let world = World::new(args)?;
    if args.json {
        return world.json(args.fisher);
    }
    plot::format_of_figure(&args.output)?;
    plot::save(&world.figure(), &args.output)?;
    Ok(format!("{}\n{}\n", world.table(), args.output.display()))
}

impl World {
    fn new(args: &MdpArgs) -> anyhow::Result<Self> {
        let ascent = ascent(args)?;
        let (name, mdp, logits) = process(args)?;
        let mdp = match args.gamma {
            Some(gamma) => mdp.with_gamma(gamma).map_err(|error| npg::Error::config("--gamma", error))?,
            None => mdp,
        };
        let optimum = mdp.policy_iteration();
        let shape = (mdp.states(), mdp.actions());
        let (policy, called) = match (args.policy.as_deref(), logits) {
            (None, Some(policy)) => (policy, "of the logits".into()),
            (None | Some("uniform"), _) => (TabularPolicy::uniform(shape.0, shape.1), "uniform".into()),
            (Some("optimal"), _) => (optimum.policy.clone(), "optimal".into()),
            (Some(file), _) => (trained_or_written(file, shape)?, file.into()),
        };
        let ascent = match ascent {
            Some(ascent) => {
                let (iterates, _) = mdp
                    .ascend(&policy, ascent)
                    .map_err(npg::Error::Run)
                    .context(Next("a smaller --step or --kl keeps the logits finite".into()))?;
                iterates
            }
            None => Vec::new(),
        };
        Ok(Self { name, at: mdp.evaluate(&policy), mdp, policy, called, optimum, ascent })
    }

    fn json(&self, with_fisher: bool) -> anyhow::Result<String> {
        let (mdp, at) = (&self.mdp, &self.at);
        let actions = mdp.actions();
        let rows = |numbers: &[f64]| Value::from(numbers.chunks(actions).map(Value::from).collect::<Vec<_>>());
        let optimal = serde_json::json!({
            "J": self.optimum.j,
            "V": self.optimum.v,
            "Q": rows(&self.optimum.q),
            "policy": rows(self.optimum.policy.probabilities()),
        });
        let iterate =
            |i: &Iterate| serde_json::json!({"iteration": i.iteration, "J": i.j, "kl": i.kl, "bound": i.bound});
        let mut fields = vec![
            ("J", at.j.into()),
            ("V", at.v.clone().into()),
            ("Q", rows(&at.q)),
            ("A", rows(&at.advantage)),
            ("occupancy", at.occupancy.clone().into()),
            ("gradient", rows(&mdp.gradient(&self.policy, at))),
        ];
        if with_fisher {
            let order = mdp.states() * actions;
            if order > MAX_FISHER {
                let message = format!(
                    "F has {order} x {order} numbers here, but at most {MAX_FISHER} x {MAX_FISHER} are printed"
                );
                return Err(npg::Error::config("--fisher", message).into());
            }
            let fisher = mdp.fisher(&self.policy, at);
            let row = |i: usize| Value::from((0..order).map(|j| fisher[(i, j)]).collect::<Vec<_>>());
            fields.push(("fisher", (0..order).map(row).collect()));
        }
        fields.extend([
            ("natural_gradient", rows(&mdp.natural_gradient(&self.policy, at))),
            ("optimal", optimal),
            ("ascent", self.ascent.iter().map(iterate).collect()),
            ("gamma", mdp.gamma().into()),
            ("policy", rows(self.policy.probabilities())),
        ]);
        Ok(text::json_line(fields))
    }

    fn table(&self) -> String {
        let (mdp, at, best) = (&self.mdp, &self.at, &self.optimum);
        let (states, actions, gamma) = (mdp.states(), mdp.actions(), mdp.gamma());
        let mut text = format!("{}: {states} states, {actions} actions, gamma {gamma}\n\n", self.name);
        let alive: f64 = at.occupancy.iter().sum();
        let mut facts = vec![
            [format!("J of the policy ({})", self.called), number(at.j)],
            ["J* of the optimum".into(), number(best.j)],
            ["J* - J".into(), number(best.j - at.j)],
            ["||grad J||".into(), number(norm(&mdp.gradient(&self.policy, at)))],
            ["||natural gradient||".into(), number(norm(&mdp.natural_gradient(&self.policy, at)))],
        ];
        if mdp.ends() {
            facts.push(["discounted time after the end".into(), number(1.0 - alive)]);
        }
        text += &text::columns(&facts);
        text.push('\n');
        text += &text::columns(&self.state_rows());
        if states > ROWS {
            text += &format!("... and {} states that are visited less; --json has all\n", states - ROWS);
        }
        if let Some(last) = self.ascent.last() {
            text.push('\n');
            text += &text::columns(&self.ascent_rows());
            text += &format!("after {} steps J* - J is {}\n", last.iteration, number(best.j - last.j));
        }
        text
    }

    /// The most visited states, in their own order.
    fn state_rows(&self) -> Vec<[String; 7]> {
        let mut rows = vec![["state", "d", "V", "V*", "likeliest", "pi", "best"].map(String::from)];
        let mut states: Vec<usize> = (0..self.mdp.states()).collect();
        states.sort_by(|a, b| self.at.occupancy[*b].total_cmp(&self.at.occupancy[*a]));
        states.truncate(ROWS);
        states.sort_unstable();
        for state in states {
            let pi = self.policy.row(state);
            let likeliest = (0..pi.len()).rev().max_by(|a, b| pi[*a].total_cmp(&pi[*b])).unwrap_or(0);
            rows.push([
                state.to_string(),
                number(self.at.occupancy[state]),
                number(self.at.v[state]),
                number(self.optimum.v[state]),
                likeliest.to_string(),
                number(pi[likeliest]),
                self.optimum.choice[state].to_string(),
            ]);
        }
        rows
    }

    /// The start, the end, and steps in between with doubling distances.
    fn ascent_rows(&self) -> Vec<[String; 4]> {
        let mut rows = vec![["iteration", "J", "KL of the step", "bound of J* - J"].map(String::from)];
        for Iterate { iteration, j, kl, bound } in &self.ascent {
            if iteration.is_power_of_two() || *iteration == 0 || *iteration + 1 == self.ascent.len() {
                rows.push([iteration.to_string(), number(*j), number(*kl), bound.map_or("-".into(), number)]);
            }
        }
        rows
    }

    fn figure(&self) -> Figure {
        let mut order: Vec<usize> = (0..self.mdp.states()).collect();
        order.sort_by(|a, b| self.optimum.v[*b].total_cmp(&self.optimum.v[*a]));
        let by_state = |label: &str, index, values: &[f64]| Plotted {
            label: label.into(),
            points: order.iter().enumerate().map(|(i, s)| (i as f64, values[*s])).collect(),
            stroke: Stroke::solid(hue(index), 1.5),
            mark: if order.len() > 60 { Mark::Line } else { Mark::LineAndDots },
        };
        let chart = |title: &str, [x, y]: [&str; 2], series| Chart {
            title: title.into(),
            x_label: x.into(),
            y_label: y.into(),
            scales: [Scale::Linear; 2],
            series,
        };
        let ranked = "states, those of highest V* first";
        let occupancy = self.mdp.evaluate(&self.optimum.policy).occupancy;
        let mut panels = vec![
            chart("Values", [ranked, "value"], vec![by_state("V*", 1, &self.optimum.v), by_state("V", 0, &self.at.v)]),
            chart(
                "Discounted state distribution d",
                [ranked, "probability"],
                vec![by_state("optimal policy", 1, &occupancy), by_state("policy", 0, &self.at.occupancy)],
            ),
        ];
        if !self.ascent.is_empty() {
            let gap = chart("Gap to the optimum", ["iteration of exact ascent", "J* - J"], self.ascent_series());
            panels.push(Chart { scales: [Scale::Linear, Scale::Log], ..gap });
        }
        charts(&format!("{}, gamma {}", self.name, self.mdp.gamma()), &panels)
    }

    /// J* - J and its bound. Where J* - J is 0 up to rounding, it is left out of the logarithmic axis.
    fn ascent_series(&self) -> Vec<Plotted> {
        let line = |label: &str, stroke, value: &dyn Fn(&Iterate) -> f64| Plotted {
            label: label.into(),
            points: self.ascent.iter().map(|i| (i.iteration as f64, value(i))).collect(),
            stroke,
            mark: Mark::Line,
        };
        let mut series = Vec::new();
        if self.ascent.iter().any(|i| i.bound.is_some()) {
            let dashed = Stroke { dash: Some([4.0, 3.0]), ..Stroke::solid(hue(2), 1.2) };
            series.push(line("bound of the theorem", dashed, &|i| i.bound.unwrap_or(f64::NAN)));
        }
        let (best, rounding) = (self.optimum.j, 1e-14 * self.optimum.j.abs());
        let gap = |i: &Iterate| if best - i.j > rounding { best - i.j } else { f64::NAN };
        series.push(line("J* - J", Stroke::solid(hue(0), 2.0), &gap));
        series
    }
}

/// The ascent that `--ascent` and the flags with it describe.
fn ascent(args: &MdpArgs) -> npg::Result<Option<Ascent>> {
    let Some(method) = args.ascent.as_deref().and_then(Method::from_name) else { return Ok(None) };
    let step = match (args.step, args.kl) {
        (Some(step), None) if step.is_finite() && step > 0.0 => StepSize::Fixed(step),
        (None, Some(eps)) if eps.is_finite() && eps > 0.0 => StepSize::Kl(eps),
        (Some(step), None) => return Err(npg::Error::config("--step", format!("is {step}, but it must be above 0"))),
        (None, Some(eps)) => return Err(npg::Error::config("--kl", format!("is {eps}, but it must be above 0 nats"))),
        _ => return Err(npg::Error::config("--ascent", "needs either --step ETA or --kl EPS")),
    };
    Ok(Some(Ascent { method, step, iterations: args.iterations as usize }))
}

/// The process of a file or an environment, with its name and the policy that the file may hold.
fn process(args: &MdpArgs) -> anyhow::Result<(String, Mdp, Option<TabularPolicy>)> {
    let path = Path::new(&args.world);
    if (path.exists() && !path.is_dir())
        || path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
    {
        if !args.set.is_empty() {
            let message = "these are options of an environment, and a file has none".to_owned();
            return Err(npg::Error::config("--set", message).into());
        }
        let file = File::read(path)?;
        return Ok((args.world.clone(), file.mdp, file.policy));
    }
    let mut layers = npg::config::Layers::default();
    layers.preset(&args.world);
    args.set.iter().for_each(|assignment| layers.set(assignment));
    let (config, _) = layers.resolve_for(&args.world)?;
    let mdp = registry::table(&args.world, &config.env)?.mdp(args.gamma.unwrap_or(config.advantage.gamma));
    let key = |error: &str| if error.starts_with("gamma") { "--gamma" } else { "env" };
    Ok((args.world.clone(), mdp.map_err(|error| npg::Error::config(key(&error), error))?, None))
}

/// The policy in a run or a JSON file.
fn trained_or_written(file: &str, shape: (usize, usize)) -> anyhow::Result<TabularPolicy> {
    let path = Path::new(file);
    if !path.is_dir() {
        return Ok(policy_from_json(path, shape)?);
    }
    let runs = run_dir::resolve(path)?;
    let [run] = &runs[..] else {
        let message = format!("{file} has {} seeds; give the directory of one of them", runs.len());
        return Err(npg::Error::Run(message).into());
    };
    let Trained { policy, path, .. } = Trained::open(run, &CheckpointChoice::Latest, None)?;
    let table = TabularPolicy::of(&policy).filter(|table| (table.states(), table.actions()) == shape);
    let (states, actions) = shape;
    let mismatch = format!("its policy is not for {states} states and {actions} actions");
    Ok(table.ok_or(npg::Error::File { path, fault: npg::FileFault::Mismatch(mismatch) })?)
}

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// Six significant digits.
fn number(x: f64) -> String {
    match x.abs() {
        0.0 => "0".into(),
        size if !(1e-4..1e6).contains(&size) => format!("{x:.5e}"),
        size => format!("{x:.0$}", (5 - size.log10().floor() as i32).clamp(0, 9) as usize),
    }
}
