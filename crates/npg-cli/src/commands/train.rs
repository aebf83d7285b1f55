//! `npg train` and `npg resume`.

use std::path::Path;
use std::process::ExitCode;

use npg::config::Config;
use npg::env::{EnvSource, registry};
use npg::run_dir::{self, CheckpointChoice, RunDir};
use npg::session::{Event, Session, Summary};
use npg::train::{Trainer, load_policy};

use crate::args::{OutputArgs, ResumeArgs, TrainArgs};
use crate::progress::{Done, Evaluation, Progress, ProgressRow, Start};
use crate::settings;
use crate::signals::Stop;

/// `npg train ENV`
pub(crate) fn train(args: &TrainArgs) -> anyhow::Result<ExitCode> {
    let (configs, source) = settings::runs(args)?;
    let environment = source.spec().id;
    // Trainers first: what they refuse must not leave directories behind.
    let mut trainers = Vec::new();
    for config in &configs {
        let mut trainer = Trainer::new(config.clone(), registry::make(&environment, &config.env)?)?;
        if let Some(run) = &args.init {
            trainer.initialize_from(&initial_policy(run, source.as_ref())?)?;
        }
        trainers.push(trainer);
    }
    let seeds: Vec<u64> = configs.iter().map(|config| config.run.seed).collect();
    let runs = match &args.out {
        Some(out) => run_dir::create_at(out, &seeds, args.force)?,
        None => {
            let algorithm = configs[0].algorithm.name.name();
            run_dir::create_numbered(Path::new("runs"), &environment, algorithm, &seeds)?
        }
    };
    let stop = Stop::listen()?;
    let mut show = Show { stop: &stop, output: args.output, several: runs.len() > 1 };
    for (trainer, run) in trainers.into_iter().zip(runs) {
        let session = Session::begin(trainer, run)?;
        if let Some(code) = show.run(session, &[])? {
            return Ok(code);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The latest policy of a run, or of the first seed of several.
fn initial_policy(run: &Path, source: &dyn EnvSource) -> npg::Result<npg::policy::Policy> {
    let runs = run_dir::resolve(run)?;
    let opened = runs[0].open_checkpoint(&CheckpointChoice::Latest)?;
    let fault = |fault| npg::Error::File { path: opened.path.clone(), fault };
    load_policy(&opened.archive, &source.spec()).map_err(fault)
}

/// `npg resume RUN`
pub(crate) fn resume(args: &ResumeArgs) -> anyhow::Result<ExitCode> {
    let steps = args.steps.map(total_steps).transpose()?;
    let runs = run_dir::resolve(&args.run)?;
    let stop = Stop::listen()?;
    let mut show = Show { stop: &stop, output: args.output, several: runs.len() > 1 };
    for run in runs {
        let make = |config: &Config, environment: &str| registry::make(environment, &config.env);
        let environment = saved_environment(&run)?;
        let (session, notes) = Session::resume(run, steps, |config| make(config, &environment))?;
        if let Some(code) = show.run(session, &notes)? {
            return Ok(code);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn total_steps(steps: i64) -> npg::Result<u64> {
    u64::try_from(steps)
        .ok()
        .filter(|steps| *steps > 0)
        .ok_or_else(|| npg::Error::config("run.steps", format!("must be at least 1, but --steps is {steps}")))
}

/// The environment's id in the latest checkpoint.
pub(super) fn saved_environment(run: &RunDir) -> npg::Result<String> {
    let opened = run.open_checkpoint(&CheckpointChoice::Latest)?;
    opened.archive.field("env").map_err(|fault| npg::Error::File { path: opened.path, fault })
}

/// How the runs of one command are shown.
struct Show<'a> {
    stop: &'a Stop,
    output: OutputArgs,
    several: bool,
}

impl Show<'_> {
    /// Runs a session to its end; the exit code if a signal stopped it.
    fn run(&mut self, mut session: Session, notes: &[String]) -> anyhow::Result<Option<ExitCode>> {
        let mut progress = Progress::on_stdout(self.output);
        let config = session.trainer().config().clone();
        let total = config.run.steps;
        let directory = session.directory().path().display().to_string();
        let start = Start {
            env: session.trainer().spec().id.clone(),
            algo: config.algorithm.name.name().into(),
            seed: config.run.seed,
            run_dir: directory.clone(),
            steps: total,
        };
        progress.start(&start);
        notes.iter().for_each(|note| progress.note(note));
        let summary = session.run(
            || self.stop.exit_code().is_some(),
            |event| match event {
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
            },
        );
        let summary = match summary {
            Ok(summary) => summary,
            Err(error) => {
                progress.end();
                return Err(error.into());
            }
        };
        let Summary { finished, steps, seconds, final_return, best_return } = summary;
        if !finished {
            progress.stopped(&format!("stopped after {steps} of {total} steps; go on with: npg resume {directory}"));
            let code = self.stop.exit_code().unwrap_or(1);
            return Ok(Some(ExitCode::from(code)));
        }
        let done = Done { start, steps, seconds, final_return_mean: final_return, best_return_mean: best_return };
        let whole = session.directory().path().parent().filter(|_| self.several);
        let plotted = whole.map_or(directory.clone(), |parent| parent.display().to_string());
        let next = [
            format!("  npg eval {directory}\n"),
            format!("  npg plot {plotted} -o curve.svg\n"),
            format!("  npg resume {directory} --steps {}\n", 2 * steps),
        ];
        progress.done(&done, &next.concat());
        Ok(None)
    }
}
