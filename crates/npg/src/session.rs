//! A training run with its directory: regular checkpoints, evaluations, logs, and an orderly stop.

use crate::checkpoint::Archive;
use crate::config::{self, Config};
use crate::env::EnvSource;
use crate::evaluate::{Evaluation, Stop};
use crate::logs::RunLog;
use crate::run_dir::{CheckpointChoice, Lock, Provenance, RunDir};
use crate::train::{Iteration, RestoreError, Trainer};
use crate::update::UpdateStatus;
use crate::{Error, FileFault, Result};
use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Instant;

/// The events of a session.
#[derive(Debug)]
pub enum Event<'a> {
    /// An iteration has ended.
    Iteration(&'a Iteration),
    /// An evaluation after so many steps.
    Evaluation(u64, &'a Evaluation),
    /// Something unusual about training. It is in log.txt as well.
    Note(String),
    /// Something that a reader of the results must know, or that is wrong outside of training, such as a log that cannot be
    /// written.
    Warning(String),
}

/// The state of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Whether training is done and evaluated. If not, it was stopped.
    pub finished: bool,
    /// Whether it is done because `run.until_return` was reached.
    pub reached_return: bool,
    /// The number of transitions so far.
    pub steps: u64,
    /// Seconds of training, including those before a resume.
    pub seconds: f64,
    /// The mean return of the evaluation at the end.
    pub final_return: Option<f64>,
    /// The best mean return of all evaluations.
    pub best_return: Option<f64>,
}

/// A run in progress.
#[derive(Debug)]
pub struct Session {
    trainer: Trainer,
    run: RunDir,
    origin: Origin,
    best: Option<f64>,
    /// The number of steps at the last evaluation, and its mean return.
    evaluated: (u64, Option<f64>),
    pace: Pace,
    /// Keeps other processes out of the directory. It is taken before the first change there.
    lock: Option<Lock>,
    /// The updates since the session began.
    updates: Updates,
    /// What went wrong outside of training and has not been reported yet.
    warnings: Vec<String>,
}

/// The number of updates, and how many of them left the policy as it was.
#[derive(Debug, Default)]
struct Updates {
    all: u64,
    unchanged: u64,
    /// The number of unchanged ones since the last step.
    in_a_row: u64,
    /// What was unusual about the last unchanged one.
    reason: Option<String>,
}

impl Updates {
    fn count(&mut self, iteration: &Iteration) {
        self.all += 1;
        if iteration.status == UpdateStatus::Stepped {
            self.in_a_row = 0;
        } else {
            (self.unchanged, self.in_a_row) = (self.unchanged + 1, self.in_a_row + 1);
            self.reason = iteration.notes().into_iter().next();
        }
    }

    /// How many updates left the policy as it was, because the end of such a session looks like that of any other.
    fn note(&self) -> Option<String> {
        let Self { all, unchanged, in_a_row, .. } = self;
        let reason = self.reason.as_ref()?;
        let count = match in_a_row {
            _ if in_a_row == all => format!("none of {all} updates has changed the policy"),
            0 | 1 => format!("{unchanged} of {all} updates did not change the policy"),
            _ => format!("{unchanged} of {all} updates did not change the policy, among them the last {in_a_row}"),
        };
        Some(format!("{count}; the last one: {reason}"))
    }
}

/// When checkpoints are due: after the first iteration, and then at intervals that double, up to `run.checkpoint_seconds`. A
/// run that is killed early therefore loses little, and a long run is not slowed down.
#[derive(Debug)]
struct Pace {
    saved: Instant,
    /// The iteration after which the last checkpoint was saved.
    iteration: u64,
    /// The seconds until the next one, unless `run.checkpoint_seconds` is less.
    interval: f64,
}

impl Pace {
    fn begin(iteration: u64) -> Self {
        Self { saved: Instant::now(), iteration, interval: 0.0 }
    }

    fn is_due(&self, settings: &config::Run, iteration: u64) -> bool {
        let every = settings.checkpoint_iterations;
        self.saved.elapsed().as_secs_f64() >= self.interval.min(settings.checkpoint_seconds)
            || (every > 0 && iteration >= self.iteration.saturating_add(every))
    }

    fn saved(&mut self, iteration: u64) {
        *self = Self { saved: Instant::now(), iteration, interval: (2.0 * self.interval).max(1.0) };
    }
}

/// The words of a note without its numbers. Notes of the same cause have the same words.
fn without_numbers(note: &str) -> String {
    let is_of_number =
        |word: &&str| word.contains(|c: char| c.is_ascii_digit()) || ["inf", "-inf", "NaN"].contains(word);
    note.split_whitespace().filter(|word| !is_of_number(word)).collect::<Vec<_>>().join(" ")
}

/// How a session started.
#[derive(Debug)]
enum Origin {
    New,
    /// It was resumed from a checkpoint. `notes`: what could not be restored. `is_changed`: whether the configuration differs
    /// from the checkpoint's.
    Resumed {
        notes: Vec<String>,
        is_changed: bool,
    },
}

impl Session {
    /// Starts a run in its new directory. Nothing is written before [`Session::prepare`] or [`Session::run`].
    pub fn begin(trainer: Trainer, run: RunDir) -> Self {
        Self::of(trainer, run, Origin::New)
    }

    fn of(trainer: Trainer, run: RunDir, origin: Origin) -> Self {
        let pace = Pace::begin(trainer.iterations());
        Self {
            trainer,
            run,
            origin,
            best: None,
            evaluated: (0, None),
            pace,
            lock: None,
            updates: Updates::default(),
            warnings: Vec::new(),
        }
    }

    /// Writes the files of a run before its first step (configuration, provenance, first checkpoint), if they are missing.
    /// After that, the run can be resumed.
    ///
    /// # Errors
    /// If the file system refuses, or if another process or another command has started the run.
    pub fn prepare(&mut self) -> Result<()> {
        self.take_lock()?;
        let steps = self.trainer.steps();
        let there = self.run.list_checkpoints()?;
        if there.iter().any(|(of, _)| *of > steps) {
            let run = self.run.path().display();
            return Err(Error::Run(format!(
                "{run} has been trained by another command meanwhile; `npg resume` continues it"
            )));
        }
        if there.iter().any(|(of, _)| *of == steps) {
            return Ok(());
        }
        // The checkpoint comes first: if nothing else is there, a resume finds everything it needs in the checkpoint.
        self.write(self.run.checkpoint(steps))?;
        crate::atomic::write_atomically(self.run.config(), self.trainer.config().to_toml().as_bytes())?;
        Provenance::of_this_process(&self.trainer.spec().id).record(&self.run.provenance())
    }

    /// Locks the directory for this process, and removes unfinished files of killed processes.
    fn take_lock(&mut self) -> Result<()> {
        if self.lock.is_some() {
            return Ok(());
        }
        let lock = self.run.lock()?;
        if !lock.holds() {
            let run = self.run.path().display();
            let message = format!("the file system has no locks, so a second npg could train {run} at the same time");
            self.warnings.push(message);
        }
        self.lock = Some(lock);
        self.run.remove_unfinished()
    }

    /// Continues a run from its latest sound checkpoint, up to `steps` if given. `source` makes the environment with the
    /// given id. Before [`Session::run`], only the lock of the directory is written, and not even that if the run is done.
    ///
    /// # Errors
    /// If there is no sound checkpoint, if a checkpoint cannot be read, if the environment is a different one, if `steps` is
    /// less than the number of steps already done, or if another process is training the run.
    pub fn resume(
        run: RunDir,
        steps: Option<u64>,
        source: impl FnOnce(&Config, &str) -> Result<Box<dyn EnvSource>>,
    ) -> Result<Self> {
        let there = run.list_checkpoints()?;
        let opened = run.open_checkpoint(&CheckpointChoice::Latest)?;
        let mut notes: Vec<String> =
            opened.skipped.iter().map(|error| format!("skipped a checkpoint: {error}")).collect();
        let fault = |fault: FileFault| Error::File { path: opened.path.clone(), fault };
        let config = crate::train::saved_config(&opened.archive).map_err(fault)?;
        let environment = run.environment_of(&opened)?;
        let source = source(&config, &environment)?;
        let (mut trainer, continued) = Trainer::restore(&opened.archive, source).map_err(|error| match error {
            RestoreError::Fault(f) => fault(f),
            RestoreError::Other(error) => error,
        })?;
        if let Some(steps) = steps.filter(|steps| *steps != config.run.steps) {
            if steps < trainer.steps() {
                return Err(Error::config(
                    "run.steps",
                    format!("is {steps}, but {} steps are done already", trainer.steps()),
                ));
            }
            notes
                .push(format!("the total is now {steps} steps (it was {}), and schedules follow it", config.run.steps));
            if trainer.set_total_steps(steps) {
                notes.push("run.until_return has been reached, so it is turned off".into());
            }
        }
        if !continued && !trainer.is_done() {
            notes.push("the environments cannot save their state, so their episodes start again".into());
        }
        let is_changed = *trainer.config() != config;
        let mut session = Self::of(trainer, run, Origin::Resumed { notes, is_changed });
        session.best = opened.archive.field("best_return").map_err(fault)?;
        session.evaluated = opened.archive.field("evaluated").map_err(fault)?;
        if !session.is_finished() {
            session.take_lock()?;
            if session.run.list_checkpoints()? != there {
                let run = session.run.path().display();
                return Err(Error::Run(format!(
                    "another process has trained {run} while it was being read; try again"
                )));
            }
        }
        Ok(session)
    }

    /// The trainer of the run.
    pub fn trainer(&self) -> &Trainer {
        &self.trainer
    }

    /// The directory of the run.
    pub fn directory(&self) -> &RunDir {
        &self.run
    }

    /// What a resumed run could not restore.
    pub fn notes(&self) -> &[String] {
        match &self.origin {
            Origin::New => &[],
            Origin::Resumed { notes, .. } => notes,
        }
    }

    /// The state of the run.
    pub fn summary(&self) -> Summary {
        let (at, mean) = self.evaluated;
        let finished = self.is_finished();
        Summary {
            finished,
            reached_return: self.trainer.has_reached_return(),
            steps: self.trainer.steps(),
            seconds: self.trainer.seconds(),
            final_return: mean.filter(|_| finished && at == self.trainer.steps()),
            best_return: self.best,
        }
    }

    /// Trains until the run is done or `stop` returns true, and saves a checkpoint. `stop` is called after every iteration, and
    /// during evaluations by several threads; an evaluation is then given up. A run that is done already is not changed.
    ///
    /// # Errors
    /// If the environment fails or the file system refuses. The last checkpoint is good.
    pub fn run(&mut self, stop: impl Fn() -> bool + Sync, mut tell: impl FnMut(Event<'_>)) -> Result<Summary> {
        if self.is_finished() {
            return Ok(self.summary());
        }
        let mut log = self.open_log()?;
        let result = self.train(&stop, &mut log, &mut tell);
        if let Some(note) = self.updates.note() {
            log.say(&note);
            let is_all = self.updates.in_a_row == self.updates.all;
            tell(if is_all { Event::Warning(note) } else { Event::Note(note) });
        }
        self.tell_warnings(&mut log, &mut tell);
        log.say(&match &result {
            Ok(()) if self.is_finished() => format!("done after {} steps", self.trainer.steps()),
            Ok(()) => format!("stopped on request after {} steps", self.trainer.steps()),
            Err(error) => format!("stopped: {error}"),
        });
        self.tell_warnings(&mut log, &mut tell);
        result.map(|()| self.summary())
    }

    /// Opens the logs, and makes the changes of a resumed run in its directory.
    fn open_log(&mut self) -> Result<RunLog> {
        let origin = Origin::Resumed { notes: Vec::new(), is_changed: false };
        let Origin::Resumed { notes, is_changed } = std::mem::replace(&mut self.origin, origin) else {
            self.prepare()?;
            let mut log = RunLog::create(&self.run);
            let config = self.trainer.config();
            let (environment, algorithm) = (&self.trainer.spec().id, config.algorithm.name.name());
            log.say(&format!("{environment}, {algorithm}, seed {}, {} steps", config.run.seed, config.run.steps));
            return Ok(log);
        };
        self.take_lock()?;
        let aside = self.run.set_aside_checkpoints_after(self.trainer.steps())?;
        // The checkpoint comes first, because a resume reads it. config.toml follows it if the process ends in between.
        if is_changed {
            self.save()?;
        }
        if self.run.read_config().as_ref() != Some(self.trainer.config()) {
            crate::atomic::write_atomically(self.run.config(), self.trainer.config().to_toml().as_bytes())?;
        }
        Provenance::of_this_process(&self.trainer.spec().id).record(&self.run.provenance())?;
        let mut log = RunLog::resume(&self.run, self.trainer.steps());
        notes.iter().for_each(|note| log.say(note));
        aside.iter().for_each(|path| log.say(&format!("kept, but not used: {}", path.display())));
        Ok(log)
    }

    fn train(&mut self, stop: Stop<'_>, log: &mut RunLog, tell: &mut impl FnMut(Event<'_>)) -> Result<()> {
        let mut said = HashSet::new();
        // The last session may have given up an evaluation, even the one at the end.
        if self.is_evaluation_due() {
            self.evaluate(stop, log, tell)?;
            if stop() || self.trainer.is_done() {
                return self.save();
            }
        }
        while let Some(iteration) = self.trainer.step() {
            let iteration = match iteration {
                // The signal ended the environment in the middle of a batch. Nothing has been learned from that batch yet.
                Err(error) if stop() => {
                    log.say(&format!("the current iteration is given up: {error}"));
                    return self.save();
                }
                other => other?,
            };
            self.updates.count(&iteration);
            log.iteration(iteration.iteration, iteration.steps, &iteration.metrics.values());
            tell(Event::Iteration(&iteration));
            // Each cause is reported once, whatever its numbers. npg/updated and npg/shortened tell how often.
            for note in iteration.notes().iter().filter(|note| said.insert(without_numbers(note))) {
                let note = format!("iteration {}: {note}", iteration.iteration);
                log.say(&note);
                tell(Event::Note(note));
            }
            self.tell_warnings(log, tell);
            if self.is_evaluation_due() {
                self.evaluate(stop, log, tell)?;
            }
            let is_stopped = stop();
            let is_due = self.pace.is_due(&self.trainer.config().run, self.trainer.iterations());
            if self.trainer.is_done() || is_stopped || is_due {
                self.save()?;
            }
            if is_stopped {
                break;
            }
        }
        Ok(())
    }

    /// Whether the run has passed a multiple of `run.eval_every` since the last evaluation, or has ended since then.
    fn is_evaluation_due(&self) -> bool {
        let (steps, evaluated, every) = (self.trainer.steps(), self.evaluated.0, self.trainer.config().run.eval_every);
        if self.trainer.is_done() { evaluated < steps } else { every > 0 && steps / every > evaluated / every }
    }

    /// Whether training is done and its result has been evaluated.
    fn is_finished(&self) -> bool {
        self.trainer.is_done() && !self.is_evaluation_due()
    }

    fn evaluate(&mut self, stop: Stop<'_>, log: &mut RunLog, tell: &mut impl FnMut(Event<'_>)) -> Result<()> {
        let steps = self.trainer.steps();
        let evaluation = match self.trainer.evaluate_unless(stop, self.trainer.config().run.eval_episodes) {
            Ok(Some(evaluation)) => evaluation,
            Ok(None) => {
                let note = "the evaluation is given up, because the run is to stop".to_string();
                log.say(&note);
                tell(Event::Warning(note));
                return Ok(());
            }
            Err(error) if stop() => {
                log.say(&format!("the evaluation is given up: {error}"));
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let mean = evaluation.mean();
        self.evaluated = (steps, Some(mean));
        let results = [
            ("return_mean", mean),
            ("return_std", evaluation.std()),
            ("length_mean", evaluation.length_mean()),
            ("episodes", evaluation.returns.len() as f64),
        ];
        log.evaluation(steps, &results);
        if let Some(note) = evaluation.note() {
            log.say(&note);
            tell(Event::Warning(note));
        }
        if self.best.is_none_or(|best| mean > best) {
            self.best = Some(mean);
            self.write(self.run.best())?;
        }
        tell(Event::Evaluation(steps, &evaluation));
        Ok(())
    }

    /// Reports what went wrong outside of training. The logs' warnings are in log.txt already, and its own are added there.
    fn tell_warnings(&mut self, log: &mut RunLog, tell: &mut impl FnMut(Event<'_>)) {
        let own = std::mem::take(&mut self.warnings);
        own.iter().for_each(|warning| log.say(warning));
        own.into_iter().chain(log.take_warnings()).for_each(|warning| tell(Event::Warning(warning)));
    }

    fn archive(&self) -> Archive {
        let mut archive = self.trainer.save();
        archive.header["best_return"] = self.best.into();
        archive.header["evaluated"] = serde_json::json!(self.evaluated);
        archive
    }

    /// Writes a checkpoint, if it can be loaded again.
    fn write(&self, path: PathBuf) -> Result<()> {
        let bytes = self.archive().to_bytes();
        let checked = Archive::from_bytes(&bytes).and_then(|archive| self.trainer.check_saved(&archive));
        checked.map_err(|fault| Error::Unsaved { path: path.clone(), fault })?;
        // Somebody may have removed the directory, or may be removing it now.
        self.run.make_checkpoints_directory()?;
        match crate::atomic::write_atomically(&path, &bytes) {
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                self.run.make_checkpoints_directory()?;
                crate::atomic::write_atomically(path, &bytes)
            }
            result => result,
        }
    }

    /// Writes the current checkpoint, and only then removes older ones. An old checkpoint that cannot be removed does no
    /// harm.
    fn save(&mut self) -> Result<()> {
        self.write(self.run.checkpoint(self.trainer.steps()))?;
        if let Err(error) = self.run.prune_checkpoints() {
            self.warnings.push(format!("an old checkpoint could not be removed: {error}"));
        }
        self.pace.saved(self.trainer.iterations());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_tells_how_many_updates_changed_nothing() {
        let iteration = |status| Iteration {
            iteration: 1,
            steps: 0,
            metrics: crate::metrics::Row::default(),
            status,
            value_refused: false,
        };
        let note = |steps: &[bool]| {
            let mut updates = Updates::default();
            for is_step in steps {
                updates.count(&iteration(if *is_step { UpdateStatus::Stepped } else { UpdateStatus::NoSignal }));
            }
            updates.note().map(|note| note.replace("; the last one: no update: all advantages are equal", "."))
        };
        let told = |text: &str| Some(text.to_string());
        assert_eq!(note(&[]), None);
        assert_eq!(note(&[true, true]), None);
        assert_eq!(note(&[false, false]), told("none of 2 updates has changed the policy."));
        assert_eq!(note(&[false, true, true]), told("1 of 3 updates did not change the policy."));
        assert_eq!(
            note(&[true, false, false]),
            told("2 of 3 updates did not change the policy, among them the last 2.")
        );
    }
}
