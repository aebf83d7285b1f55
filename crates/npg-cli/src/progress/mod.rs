//! The display of a training run: a live table on a terminal, plain lines in a pipe, JSON lines, or only the end.
//!
//! If the display cannot be written, the run goes on. A reader that has gone (a closed pipe) is ignored. Any other failure,
//! such as a full disk, is remembered and reported when the program ends.

mod columns;
mod json;
mod live;
mod plain;

use std::io::{self, IsTerminal, Write};
use std::time::Instant;

use live::Live;
use npg::metrics::{self, Row};
use plain::Plain;

use crate::args::OutputArgs;
use crate::{program, text};

/// One state of a training run. Values that are not known (yet) are None and shown as "-".
#[derive(Clone, Debug, Default)]
pub(crate) struct ProgressRow {
    /// Transitions so far.
    pub(crate) steps: u64,
    /// Transitions of the whole run.
    pub(crate) total_steps: u64,
    /// Transitions per second.
    pub(crate) steps_per_second: Option<f64>,
    /// Seconds to the end.
    pub(crate) eta_seconds: Option<f64>,
    /// Mean return of the last training episodes.
    pub(crate) return_mean: Option<f64>,
    /// Half width of its 95 % confidence interval.
    pub(crate) return_ci95: Option<f64>,
    /// Mean return of the episodes that ended in this iteration.
    pub(crate) return_batch: Option<f64>,
    /// Mean length of the last training episodes.
    pub(crate) length_mean: Option<f64>,
    /// Measured KL of the step, nats.
    pub(crate) kl: Option<f64>,
    /// KL predicted to second order, nats.
    pub(crate) kl_predicted: Option<f64>,
    /// Conjugate-gradient iterations.
    pub(crate) cg_iterations: Option<f64>,
    /// Relative residual of the solve.
    pub(crate) cg_residual: Option<f64>,
    /// Fraction of the returns' variance that the value baseline explains.
    pub(crate) explained_variance: Option<f64>,
    /// "std" or "entropy".
    pub(crate) spread_label: &'static str,
    /// Mean action standard deviation, or policy entropy in nats.
    pub(crate) spread: Option<f64>,
}

impl ProgressRow {
    /// The state after `steps` of `total_steps`, from the metrics of the last iteration.
    pub(crate) fn new(steps: u64, total_steps: u64, metrics: &Row) -> Self {
        let steps_per_second = metrics.get(metrics::FPS);
        let finite = |name| metrics.get(name).filter(|value: &f64| value.is_finite());
        let std = finite(metrics::STD).map(|std| ("std", std));
        let spread = std.or_else(|| finite(metrics::ENTROPY).map(|entropy| ("entropy", entropy)));
        Self {
            steps,
            total_steps,
            steps_per_second,
            eta_seconds: steps_per_second.map(|rate| total_steps.saturating_sub(steps) as f64 / rate),
            return_mean: metrics.get(metrics::EP_REW_MEAN),
            return_ci95: metrics.get(metrics::EP_REW_CI95),
            return_batch: metrics.get(metrics::EP_REW_BATCH),
            length_mean: metrics.get(metrics::EP_LEN_MEAN),
            kl: metrics.get(metrics::KL),
            kl_predicted: metrics.get(metrics::KL_PREDICTED),
            cg_iterations: metrics.get(metrics::CG_ITERATIONS),
            cg_residual: metrics.get(metrics::CG_RESIDUAL),
            explained_variance: metrics.get(metrics::EXPLAINED_VARIANCE),
            spread_label: spread.map_or("entropy", |(label, _)| label),
            spread: spread.map(|(_, value)| value),
        }
    }
}

/// The beginning of a run.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    pub(crate) env: String,
    pub(crate) algo: String,
    pub(crate) seed: u64,
    pub(crate) run_dir: String,
    /// Transitions of the whole run.
    pub(crate) steps: u64,
}

/// An evaluation.
#[derive(Clone, Debug)]
pub(crate) struct Evaluation {
    /// Transitions trained so far.
    pub(crate) steps: u64,
    pub(crate) return_mean: f64,
    pub(crate) return_std: f64,
    pub(crate) length_mean: f64,
    pub(crate) episodes: u64,
}

/// The end of a run.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub(crate) start: Start,
    /// Whether it was already finished when the command started.
    pub(crate) was_finished: bool,
    /// Transitions trained.
    pub(crate) steps: u64,
    /// From the first environment step to the end of the last update, without evaluation and checkpoints.
    pub(crate) seconds: f64,
    pub(crate) final_return_mean: Option<f64>,
    pub(crate) best_return_mean: Option<f64>,
}

/// The display of one training run.
pub(crate) struct Progress<W> {
    out: W,
    begun: Instant,
    display: Display,
    /// The first failure to write.
    failure: Option<io::Error>,
}

enum Display {
    Live(Live),
    Plain(Plain),
    Json,
    Quiet,
}

impl Progress<io::Stdout> {
    /// The display that follows from the flags and from standard output.
    pub(crate) fn on_stdout(args: OutputArgs) -> Self {
        let out = io::stdout();
        let display = match args {
            OutputArgs { json: true, .. } => Display::Json,
            OutputArgs { quiet: true, .. } => Display::Quiet,
            _ if out.is_terminal() && !text::is_dumb() => Display::Live(Live::new(text::has_color(true))),
            _ => Display::Plain(Plain::default()),
        };
        Self { out, begun: Instant::now(), display, failure: None }
    }
}

impl<W: Write> Progress<W> {
    /// A run starts.
    pub(crate) fn start(&mut self, start: &Start) {
        let Start { env, algo, seed, run_dir, steps } = start;
        match self.display {
            Display::Json => self.write(&json::start(start)),
            Display::Quiet => {}
            _ => {
                let steps = text::count(*steps as f64);
                let line = format!("{env}, {algo}, seed {seed}, {steps} steps: {run_dir}\n");
                self.write(&text::harmless(&line));
            }
        }
    }

    /// An iteration has ended. JSON lines get all of its metrics.
    pub(crate) fn iteration(&mut self, iteration: u64, row: &ProgressRow, metrics: &Row) {
        let now = self.begun.elapsed().as_secs_f64();
        let text = match &mut self.display {
            Display::Live(live) => live.update(row, now, text::width),
            Display::Plain(plain) => plain.update(row, now),
            Display::Json => json::iteration(iteration, row.steps, &metrics.values()),
            Display::Quiet => return,
        };
        self.write(&text);
    }

    /// An evaluation has ended.
    pub(crate) fn evaluation(&mut self, evaluation: &Evaluation) {
        let Evaluation { steps, return_mean, return_std, length_mean, episodes } = evaluation;
        if let Display::Json = self.display {
            return self.write(&json::evaluation(evaluation));
        }
        self.note(&format!(
            "evaluation, {} steps: return {}{}, length {}, {episodes} episode{}",
            text::count(*steps as f64),
            text::decimal(*return_mean),
            if return_std.is_finite() { format!(" (std {})", text::decimal(*return_std)) } else { String::new() },
            text::decimal(*length_mean),
            if *episodes == 1 { "" } else { "s" },
        ));
    }

    /// Something that a reader of the table should know.
    pub(crate) fn note(&mut self, note: &str) {
        let note = program::runnable(note);
        let note = &text::harmless(&note);
        let text = match &mut self.display {
            Display::Live(live) => live.note(note),
            Display::Plain(_) => format!("{note}\n"),
            Display::Json | Display::Quiet => return,
        };
        self.write(&text);
    }

    /// Something that must be known. It goes to standard error if standard output is for programs.
    pub(crate) fn warning(&mut self, warning: &str) {
        match &self.display {
            Display::Json | Display::Quiet => text::warn(warning),
            Display::Live(_) | Display::Plain(_) => self.note(warning),
        }
    }

    /// The table ends. Its last row is shown, however recent the row before it is.
    pub(crate) fn end(&mut self) {
        let text = match &mut self.display {
            Display::Live(live) => live.end(text::width),
            Display::Plain(plain) => plain.end(),
            Display::Json | Display::Quiet => return,
        };
        self.write(&text);
    }

    /// A signal stopped the run, and `text` says how to continue. It goes to standard error if standard output is for programs.
    pub(crate) fn stopped(&mut self, text: &str) {
        self.end();
        match self.display {
            Display::Json | Display::Quiet => {
                // If this fails, standard error is closed, and there is nowhere left to report that.
                let _ = writeln!(io::stderr(), "{}", text::harmless(text));
            }
            _ => self.write(&format!("{}\n", text::harmless(text))),
        }
    }

    /// The run has ended.
    pub(crate) fn done(&mut self, done: &Done) {
        self.end();
        if let Display::Json = self.display {
            return self.write(&json::done(done));
        }
        let Done { start, was_finished, steps, seconds, final_return_mean, best_return_mean } = done;
        let or_dash = |number: &Option<f64>| number.filter(|n| n.is_finite()).map_or_else(|| "-".into(), text::decimal);
        let (last, best) = (or_dash(final_return_mean), or_dash(best_return_mean));
        let took = if *was_finished {
            format!("{} was already finished: {} steps", start.run_dir, text::count(*steps as f64))
        } else {
            let (steps, rate) = (text::count(*steps as f64), text::count(*steps as f64 / seconds));
            format!("seed {} done: {steps} steps in {seconds:.1} s ({rate} steps/s)", start.seed)
        };
        self.write(&text::harmless(&format!("{took}; final return {last}, best {best}\n")));
    }

    /// Why something could not be shown, unless the reader has gone.
    pub(crate) fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    fn write(&mut self, text: &str) {
        if !text.is_empty() {
            // A reader that has gone must not end a training run, because the run's files have everything.
            if let Err(error) = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush())
                && error.kind() != io::ErrorKind::BrokenPipe
            {
                self.failure.get_or_insert(error);
            }
        }
    }
}

/// The titles of the table's columns.
#[cfg(test)]
pub(crate) fn heads() -> Vec<&'static str> {
    columns::heads()
}

#[cfg(test)]
mod tests;
