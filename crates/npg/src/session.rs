//! A training run with its directory: checkpoints on their cadence, evaluations, logs, and an orderly stop.

use crate::config::Config;
use crate::env::EnvSource;
use crate::error::{Error, FileFault, Result};
use crate::evaluate::Evaluation;
use crate::logs::RunLog;
use crate::npg::Outcome;
use crate::run_dir::{CheckpointChoice, Provenance, RunDir};
use crate::train::{Iteration, RestoreError, Trainer};
use std::time::Instant;

/// What a session tells as it goes.
#[derive(Debug)]
pub enum Event<'a> {
    /// An iteration is over.
    Iteration(&'a Iteration),
    /// An evaluation after so many steps.
    Evaluation(u64, &'a Evaluation),
    /// Something that the user should know.
    Note(String),
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Whether training is done (else it was stopped).
    pub finished: bool,
    /// Transitions of the run.
    pub steps: u64,
    /// Seconds of training in this process.
    pub seconds: f64,
    /// Mean return of the final evaluation.
    pub final_return: Option<f64>,
    /// Best mean return of all evaluations.
    pub best_return: Option<f64>,
}

/// A run in progress.
#[derive(Debug)]
pub struct Session {
    trainer: Trainer,
    run: RunDir,
    log: RunLog,
    best: Option<f64>,
    last_evaluated: u64,
    last_saved: (Instant, u64),
}

impl Session {
    /// Begins a run in its new directory: configuration, provenance, first checkpoint.
    ///
    /// # Errors
    /// What the trainer or the file system refuses.
    pub fn begin(trainer: Trainer, run: RunDir) -> Result<Self> {
        crate::atomic::write_atomically(run.config(), trainer.config().to_toml().as_bytes())?;
        Provenance::of_this_process().record(&run.provenance())?;
        let log = RunLog::create(&run);
        let mut session =
            Self { trainer, run, log, best: None, last_evaluated: 0, last_saved: (Instant::now(), u64::MAX) };
        session.save()?;
        Ok(session)
    }

    /// Continues a run from its latest sound checkpoint, towards `steps` if given. The notes say what is not as it was.
    ///
    /// # Errors
    /// No sound checkpoint, another environment, what the file system refuses.
    pub fn resume(
        run: RunDir,
        steps: Option<u64>,
        source: impl FnOnce(&Config) -> Result<Box<dyn EnvSource>>,
    ) -> Result<(Self, Vec<String>)> {
        let opened = run.open_checkpoint(&CheckpointChoice::Latest)?;
        let mut notes: Vec<String> = opened.skipped.iter().map(|error| format!("passed over: {error}")).collect();
        let fault = |fault: FileFault| Error::File { path: opened.path.clone(), fault };
        let config = crate::train::saved_config(&opened.archive).map_err(fault)?;
        let (mut trainer, continued) = Trainer::restore(&opened.archive, source(&config)?).map_err(|e| match e {
            RestoreError::Fault(f) => fault(f),
            RestoreError::Other(error) => error,
        })?;
        if !continued {
            notes.push("the environments cannot give their state: their episodes start anew".into());
        }
        if let Some(steps) = steps.filter(|steps| *steps != config.run.steps) {
            trainer.set_total_steps(steps);
            notes.push(format!("the total is now {steps} steps (it was {}); schedules follow it", config.run.steps));
            crate::atomic::write_atomically(run.config(), trainer.config().to_toml().as_bytes())?;
        }
        run.remove_checkpoints_after(trainer.steps())?;
        let best = opened.archive.field::<Option<f64>>("best_return").unwrap_or(None);
        let last_evaluated = opened.archive.field("last_evaluated").unwrap_or(0);
        Provenance::of_this_process().record(&run.provenance())?;
        let mut log = RunLog::resume(&run, trainer.steps());
        notes.iter().for_each(|note| log.say(note));
        let last_saved = (Instant::now(), trainer.iterations());
        Ok((Self { trainer, run, log, best, last_evaluated, last_saved }, notes))
    }

    /// The trainer.
    pub fn trainer(&self) -> &Trainer {
        &self.trainer
    }

    /// The run's directory.
    pub fn directory(&self) -> &RunDir {
        &self.run
    }

    /// Trains until the run is done or `stop` says so (asked after every iteration), and saves a checkpoint.
    ///
    /// # Errors
    /// What the environment or the file system refuses; the last checkpoint is good.
    pub fn run(&mut self, stop: impl Fn() -> bool, mut tell: impl FnMut(Event<'_>)) -> Result<Summary> {
        let mut final_return = None;
        loop {
            let iteration = match self.trainer.step() {
                None => break,
                Some(Err(error)) => {
                    self.log.say(&format!("stopped: {error}"));
                    return Err(error);
                }
                Some(Ok(iteration)) => iteration,
            };
            self.log.iteration(iteration.iteration, iteration.steps, iteration.metrics.values());
            tell(Event::Iteration(&iteration));
            self.report(&iteration, &mut tell);
            let settings = &self.trainer.config().run;
            let due = settings.eval_every > 0 && iteration.steps - self.last_evaluated >= settings.eval_every;
            if due || self.trainer.is_done() {
                final_return = Some(self.evaluate(&mut tell)?);
            }
            if self.is_save_due() {
                self.save()?;
            }
            if stop() && !self.trainer.is_done() {
                break;
            }
        }
        if self.last_saved.1 != self.trainer.iterations() {
            self.save()?;
        }
        let finished = self.trainer.is_done();
        self.log.say(if finished { "done" } else { "stopped on request" });
        self.log.take_warnings().into_iter().for_each(|warning| tell(Event::Note(warning)));
        Ok(Summary {
            finished,
            steps: self.trainer.steps(),
            seconds: self.trainer.seconds(),
            final_return: final_return.filter(|_| finished),
            best_return: self.best,
        })
    }

    /// Says what is out of the ordinary about an iteration.
    fn report(&mut self, iteration: &Iteration, tell: &mut impl FnMut(Event<'_>)) {
        let what = match &iteration.outcome {
            Outcome::Stepped => None,
            Outcome::NoSignal => Some("no update: all advantages are equal".into()),
            Outcome::LineSearchFailed => Some("no update: the line search found no acceptable step".into()),
            Outcome::Refused(reason) => Some(format!("update refused: {reason}")),
        };
        let value = iteration.value_refused.then(|| "the baseline's fit was refused: it is not finite".to_string());
        let mut notes: Vec<String> =
            what.into_iter().chain(value).map(|text| format!("iteration {}: {text}", iteration.iteration)).collect();
        notes.iter().for_each(|note| self.log.say(note));
        notes.extend(self.log.take_warnings());
        notes.into_iter().for_each(|note| tell(Event::Note(note)));
    }

    fn evaluate(&mut self, tell: &mut impl FnMut(Event<'_>)) -> Result<f64> {
        let steps = self.trainer.steps();
        let evaluation = self.trainer.evaluate(self.trainer.config().run.eval_episodes)?;
        let mean = evaluation.mean();
        self.last_evaluated = steps;
        self.log.evaluation(
            steps,
            &[
                ("return_mean", mean),
                ("return_std", evaluation.std()),
                ("length_mean", evaluation.length_mean()),
                ("episodes", evaluation.returns.len() as f64),
            ],
        );
        if self.best.is_none_or(|best| mean > best) {
            self.best = Some(mean);
            self.archive().write(self.run.best())?;
        }
        tell(Event::Evaluation(steps, &evaluation));
        Ok(mean)
    }

    fn is_save_due(&self) -> bool {
        let settings = &self.trainer.config().run;
        let (when, iteration) = self.last_saved;
        when.elapsed().as_secs_f64() >= settings.checkpoint_seconds
            || (settings.checkpoint_iterations > 0
                && self.trainer.iterations() >= iteration.saturating_add(settings.checkpoint_iterations))
    }

    fn archive(&self) -> crate::checkpoint::Archive {
        let mut archive = self.trainer.save();
        archive.header["best_return"] = self.best.into();
        archive.header["last_evaluated"] = self.last_evaluated.into();
        archive
    }

    fn save(&mut self) -> Result<()> {
        self.archive().write(self.run.checkpoint(self.trainer.steps()))?;
        self.run.prune_checkpoints()?;
        self.last_saved = (Instant::now(), self.trainer.iterations());
        Ok(())
    }
}
