//! `npg train` and `npg resume`.

use std::cell::RefCell;
use std::path::Path;

use npg::Error;
use npg::config::Config;
use npg::env::{EnvSource, registry};
use npg::evaluate::has_masks;
use npg::policy::Policy;
use npg::run_dir::{self, CheckpointChoice, Provenance, RunDir};
use npg::session::{Event, Session, Summary};
use npg::train::{Trainer, load_policy};

use crate::args::{OutputArgs, ResumeArgs, TrainArgs};
use crate::exit::{Exit, Next};
use crate::progress::{Done, Evaluation, Progress, ProgressRow, Start};
use crate::settings;
use crate::signals::Stop;
use crate::{program, text};

/// `npg train ENV`
///
/// The seeds of `--seeds` run one after the other, each on all threads. They cannot run at once, because JSON lines of
/// iterations do not name their seed, and one live table shows one run.
pub(crate) fn train(args: &TrainArgs) -> anyhow::Result<Exit> {
    let (configs, source) = settings::runs(args)?;
    let environment = source.spec().id;
    let initial = args.init.as_deref().map(|run| initial_policy(run, source.as_ref())).transpose()?;
    let trainer = |config: &Config| -> npg::Result<Trainer> {
        let mut trainer = Trainer::new(config.clone(), registry::make(&environment, &config.env)?)?;
        initial.as_ref().map_or(Ok(()), |policy| trainer.initialize_from(policy))?;
        Ok(trainer)
    };
    // A refused configuration must not leave directories behind. Seeds do not matter to this check.
    let first = trainer(&configs[0])?;
    if args.dry_run {
        text::print(&first.config().to_toml())?;
        return Ok(Exit::Done);
    }
    drop(first);
    let seeds: Vec<u64> = configs.iter().map(|config| config.run.seed).collect();
    let runs = match &args.out {
        Some(out) => run_dir::create_at(out, &seeds, args.force)?,
        None => {
            let algorithm = configs[0].algorithm.name.name();
            run_dir::create_numbered(Path::new("runs"), &environment, algorithm, &seeds)?
        }
    };
    let sessions = || configs.iter().zip(&runs).map(|(config, run)| Ok(Session::begin(trainer(config)?, run.clone())));
    let stop = Stop::listen()?;
    if runs.len() > 1 {
        // Then `npg resume` can continue all seeds, whatever ends this program.
        sessions().try_for_each(|session: npg::Result<Session>| session?.prepare())?; // and releases its lock
    }
    Show::new(&stop, args.output, &runs).all(sessions())
}

/// The latest policy of a run, or of the first seed of several.
fn initial_policy(run: &Path, source: &dyn EnvSource) -> npg::Result<Policy> {
    let runs = run_dir::resolve(run)?;
    let opened = runs[0].open_checkpoint(&CheckpointChoice::Latest)?;
    opened.skipped.iter().for_each(|error| text::warn(&format!("skipped a checkpoint: {error}")));
    let fault = |fault| Error::File { path: opened.path.clone(), fault };
    let policy = load_policy(&opened.archive, &source.spec()).map_err(fault)?;
    if policy.is_masked && !has_masks(source)? {
        let message = format!(
            "the policy in {} was trained with action masks, and the environment has none: set env.mask=true if it has this \
             option, or --action-masks, or start from another policy",
            opened.path.display()
        );
        return Err(Error::config("--init", message));
    }
    Ok(policy)
}

/// `npg resume RUN`
pub(crate) fn resume(args: &ResumeArgs) -> anyhow::Result<Exit> {
    let steps = args.steps.map(total_steps).transpose()?;
    let runs = run_dir::resolve(&args.run)?;
    let unbegun = run_dir::unbegun(&args.run)?;
    let stop = Stop::listen()?;
    let source =
        |config: &Config, environment: &str| registry::make_saved(environment, &config.env, args.env.as_deref());
    let sessions = runs.iter().map(|run| Session::resume(run.clone(), steps, source));
    let exit = Show::new(&stop, args.output, &runs).all(sessions)?;
    if exit == Exit::Done && !unbegun.is_empty() {
        return Err(never_begun(&args.run, &runs[0], &unbegun));
    }
    Ok(exit)
}

/// The command that should train all seeds was ended before it started these. The error says so, because otherwise everything
/// would seem to be done.
fn never_begun(whole: &Path, first: &RunDir, seeds: &[u64]) -> anyhow::Error {
    let which = text::ranges(seeds).unwrap_or_default();
    let error = anyhow::anyhow!("{} has seeds that were never started and cannot be resumed: {which}", whole.display());
    let Some(made) = Provenance::read(&first.provenance()) else { return error };
    let init = made.command.windows(2).find(|pair| pair[0] == "--init");
    let init = init.map_or_else(String::new, |pair| format!(" --init {}", text::shell_word(&pair[1])));
    let command = format!(
        "{} train {} --config {}{init} --out {} --force --seeds",
        program::name(),
        text::shell_word(&made.env),
        text::shell_path(&first.config()),
        text::shell_path(whole)
    );
    let all = which.split(", ").map(|range| match range.contains("..") {
        true => format!("\n  {command} {range}"),
        false => format!("\n  {} --seed {range}", command.trim_end_matches(" --seeds")),
    });
    error.context(Next(format!("start them with:{}", all.collect::<String>())))
}

fn total_steps(steps: i64) -> npg::Result<u64> {
    u64::try_from(steps)
        .ok()
        .filter(|steps| *steps > 0)
        .ok_or_else(|| Error::config("run.steps", format!("must be at least 1, but --steps is {steps}")))
}

/// How the runs of one command are displayed.
struct Show<'a> {
    stop: &'a Stop,
    output: OutputArgs,
    /// The argument of `npg resume`, `eval` and `plot` for all runs: their common directory, if there are several.
    whole: String,
    is_several: bool,
    /// Why some output could not be shown.
    failure: RefCell<Option<std::io::Error>>,
}

impl<'a> Show<'a> {
    fn new(stop: &'a Stop, output: OutputArgs, runs: &[RunDir]) -> Self {
        let is_several = runs.len() > 1;
        let path = runs[0].path();
        let whole = text::shell_path(path.parent().filter(|_| is_several).unwrap_or(path));
        Self { stop, output, whole, is_several, failure: RefCell::new(None) }
    }

    /// Runs one session after the other, to the end or until a signal.
    fn all(&self, sessions: impl Iterator<Item = npg::Result<Session>>) -> anyhow::Result<Exit> {
        let mut summaries = Vec::new();
        for session in sessions {
            match self.one(session?)? {
                Some(summary) => summaries.push(summary),
                None => return Ok(self.stop.exit().unwrap_or(Exit::Failure)),
            }
        }
        let end = if self.output.json { Ok(()) } else { text::print(&text::harmless(&self.end(&summaries))) };
        match self.failure.take().map(text::unwritten).or(end.err()) {
            None => Ok(Exit::Done),
            Some(failure) => {
                Err(anyhow::Error::from(failure).context(Next(format!("the training is complete, in {}", self.whole))))
            }
        }
    }

    /// Runs a session. Returns None if a signal stopped it.
    fn one(&self, mut session: Session) -> anyhow::Result<Option<Summary>> {
        let mut progress = Progress::on_stdout(self.output);
        let config = session.trainer().config();
        let total = config.run.steps;
        let start = Start {
            env: session.trainer().spec().id.clone(),
            algo: config.algorithm.name.name().into(),
            seed: config.run.seed,
            run_dir: session.directory().path().display().to_string(),
            steps: total,
        };
        progress.start(&start);
        session.notes().iter().for_each(|note| progress.warning(note));
        let was_finished = session.summary().finished;
        let stop = self.stop;
        let summary = session.run(|| stop.exit().is_some(), |event| show(event, total, &mut progress));
        let summary = match summary {
            Ok(summary) => summary,
            Err(error) => {
                progress.end();
                return Err(self.failed(error, &session));
            }
        };
        if !summary.finished {
            let (steps, npg, run) = (summary.steps, program::name(), &self.whole);
            progress.stopped(&format!("stopped after {steps} of {total} steps; continue with: {npg} resume {run}"));
            self.remember(&mut progress);
            return Ok(None);
        }
        if summary.reached_return {
            progress.end();
            progress.note("the mean training return has reached run.until_return");
        }
        progress.done(&Done {
            start,
            was_finished,
            steps: summary.steps,
            seconds: summary.seconds,
            final_return_mean: summary.final_return,
            best_return_mean: summary.best_return,
        });
        self.remember(&mut progress);
        Ok(Some(summary))
    }

    /// The error that ended a session, and how to continue if that can help. (An environment would fail again.)
    fn failed(&self, error: Error, session: &Session) -> anyhow::Error {
        let has_checkpoint = session.directory().list_checkpoints().is_ok_and(|there| !there.is_empty());
        let can_go_on = matches!(error, Error::Io { .. }) && has_checkpoint;
        let error = anyhow::Error::from(error);
        let next = || Next(format!("`{} resume {}` continues from the last checkpoint", program::name(), self.whole));
        if can_go_on { error.context(next()) } else { error }
    }

    /// Remembers for the end that output could not be shown. That is not a reason to stop training.
    fn remember(&self, progress: &mut Progress<std::io::Stdout>) {
        let earlier = self.failure.take();
        self.failure.replace(earlier.or(progress.take_failure()));
    }

    /// The last lines: the result of several runs, and the exact next commands.
    fn end(&self, summaries: &[Summary]) -> String {
        let (npg, whole) = (program::name(), &self.whole);
        let mut text = String::new();
        let returns: Vec<f64> = summaries.iter().filter_map(|summary| summary.final_return).collect();
        if self.is_several && returns.len() > 1 {
            text = format!("{}\n", text::mean_over_seeds("final return", &returns));
        }
        text += &format!("  {npg} eval {whole}\n  {npg} plot {whole} -o curve.svg\n");
        if let Some(steps) = summaries.iter().map(|summary| summary.steps).max() {
            text += &format!("  {npg} resume {whole} --steps {}\n", 2 * steps);
        }
        text
    }
}

/// Displays the events of a session of `total` steps.
fn show(event: Event<'_>, total: u64, progress: &mut Progress<std::io::Stdout>) {
    match event {
        Event::Iteration(i) => {
            progress.iteration(i.iteration, &ProgressRow::new(i.steps, total, &i.metrics), &i.metrics);
        }
        Event::Evaluation(steps, evaluation) => progress.evaluation(&Evaluation {
            steps,
            return_mean: evaluation.mean(),
            return_std: evaluation.std(),
            length_mean: evaluation.length_mean(),
            episodes: evaluation.returns.len() as u64,
        }),
        Event::Note(text) => progress.note(&text),
        Event::Warning(text) => progress.warning(&text),
    }
}
