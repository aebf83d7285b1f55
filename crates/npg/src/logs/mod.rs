//! The logs of a run: metrics.jsonl, progress.csv, eval.csv, TensorBoard events, log.txt.
//!
//! Every row is passed to the operating system at once, so that `tail -f` follows the run and a killed process loses nothing.
//! Only if a table gets a new column is the whole file written again. Nothing is synced to disk, so a row costs microseconds.
//! If a file cannot be written, it is given up with one warning, and the run and the other files go on.

mod rows;
mod tensorboard;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::atomic::write_atomically;
use crate::regular::{self, Links};
use crate::run_dir::RunDir;
use crate::utc;
pub use rows::json_line;
use rows::{Csv, Cut};

/// The log files of one run. No method fails; see [`RunLog::take_warnings`].
///
/// Metrics have the names of [`crate::metrics`], such as `npg/kl`. Numbers may be non-finite: JSON shows them as null, and
/// CSV as `NaN`, `inf` or `-inf`. Both keep `f64` exactly, while TensorBoard stores single precision.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// use npg::{logs::RunLog, run_dir::RunDir};
/// let run = RunDir::new(directory.path());
/// let mut log = RunLog::create(&run);
/// log.say("training begins");
/// log.iteration(1, 4096, &[("npg/kl", 0.01), ("rollout/ep_rew_mean", f64::NAN)]);
/// assert!(log.take_warnings().is_empty());
/// let row = std::fs::read_to_string(run.metrics())?;
/// assert_eq!(row, "{\"iteration\":1,\"steps\":4096,\"npg/kl\":0.01,\"rollout/ep_rew_mean\":null}\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct RunLog {
    metrics: Sink,
    progress: (Sink, Csv),
    eval: (Sink, Csv),
    events: Sink,
    text: Sink,
    warnings: Vec<String>,
}

impl RunLog {
    /// Starts the logs of a new run. Existing files with these names are emptied.
    pub fn create(run: &RunDir) -> Self {
        let open = |path: PathBuf| {
            let mut sink = Sink::open(path, OpenOptions::new().create(true).append(true));
            sink.cut(|file| file.set_len(0).map(|()| Cut::default()));
            sink
        };
        let csv = |path, first: &[_]| (open(path), Csv::new(first));
        let mut log = Self {
            metrics: open(run.metrics()),
            progress: csv(run.progress(), &["iteration", "steps"]),
            eval: csv(run.eval(), &["steps"]),
            events: Sink::new_events(run),
            text: open(run.log()),
            warnings: Vec::new(),
        };
        log.begin_events(0);
        log.report();
        log
    }

    /// Continues the logs of a run from the checkpoint after `steps` environment steps. Later rows are removed, and so is a
    /// last row that was cut short. TensorBoard is told to forget later steps.
    pub fn resume(run: &RunDir, steps: u64) -> Self {
        let open = |path: PathBuf| Sink::open(path, OpenOptions::new().create(true).append(true).read(true));
        let mut metrics = open(run.metrics());
        let cut_metrics = metrics.cut(|file| rows::cut_json_lines(file, steps));
        let csv = |path, first: &[&'static str]| {
            let (mut sink, mut csv) = (open(path), Csv::new(first));
            let cut = sink.cut(|file| csv.cut(file, steps));
            (sink, csv, cut)
        };
        let (progress, progress_csv, cut_progress) = csv(run.progress(), &["iteration", "steps"]);
        let (eval, eval_csv, cut_eval) = csv(run.eval(), &["steps"]);
        let mut text = open(run.log());
        text.cut(rows::cut_unfinished);
        let mut log = Self {
            metrics,
            progress: (progress, progress_csv),
            eval: (eval, eval_csv),
            events: Sink::new_events(run),
            text,
            warnings: Vec::new(),
        };
        // A restart also purges what TensorBoard has at its own step, but the row of the checkpoint's step must stay.
        log.begin_events(steps.saturating_add(1));
        let cuts = [("metrics.jsonl", cut_metrics), ("progress.csv", cut_progress), ("eval.csv", cut_eval)];
        let removed = cuts.iter().filter(|(_, cut)| cut.removed > 0);
        let removed: Vec<_> = removed.map(|(name, cut)| format!("{} of {name}", cut.removed)).collect();
        let said =
            if removed.is_empty() { String::new() } else { format!("; later rows removed: {}", removed.join(", ")) };
        log.say(&format!("resumed after {steps} steps{said}"));
        log.report();
        log
    }

    fn begin_events(&mut self, step: u64) {
        let now = wall_time();
        self.events.write(&[tensorboard::version_record(now), tensorboard::start_record(now, step)].concat());
    }

    /// Writes the row of an iteration. `steps` is the number of environment steps of the run so far.
    pub fn iteration(&mut self, iteration: u64, steps: u64, metrics: &[(&str, f64)]) {
        let counts = [("iteration", iteration), ("steps", steps)];
        let head = counts.map(|(name, count)| (name, count.into()));
        let line = json_line(head.into_iter().chain(metrics.iter().map(|(name, value)| (*name, rows::number(*value)))));
        self.metrics.write(line.as_bytes());
        write_table(&mut self.progress, &counts, metrics);
        self.events.write(&tensorboard::scalars_record(wall_time(), steps, "", metrics));
        self.report();
    }

    /// Writes the row of an evaluation after `steps` environment steps. TensorBoard shows `x` as `eval/x`.
    pub fn evaluation(&mut self, steps: u64, results: &[(&str, f64)]) {
        write_table(&mut self.eval, &[("steps", steps)], results);
        self.events.write(&tensorboard::scalars_record(wall_time(), steps, "eval/", results));
        self.report();
    }

    /// Writes `text` into log.txt, with the time on each line.
    pub fn say(&mut self, text: &str) {
        let now = utc::milliseconds(SystemTime::now());
        let lines: String = text.lines().map(|line| format!("{now} {line}\n")).collect();
        self.text.write(lines.as_bytes());
        self.report();
    }

    /// The failures since the last call, as one sentence each. They are also in log.txt.
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// Collects the complaints of the files.
    fn report(&mut self) {
        let Self { metrics, progress, eval, events, text, warnings } = self;
        for (sink, csv) in [&mut *progress, &mut *eval] {
            let about = csv.complaint.take();
            sink.complaint = sink.complaint.take().or(about.map(|what| format!("{} {what}", sink.path.display())));
        }
        for sink in [metrics, &mut progress.0, &mut eval.0, events] {
            if let Some(complaint) = sink.complaint.take() {
                text.write(format!("{} {complaint}\n", utc::milliseconds(SystemTime::now())).as_bytes());
                warnings.push(complaint);
            }
        }
        warnings.extend(text.complaint.take());
    }
}

/// Adds a row to a table. The table first gets any columns that it lacks.
fn write_table((sink, csv): &mut (Sink, Csv), counts: &[(&str, u64)], metrics: &[(&str, f64)]) {
    if let Some(wide) = csv.widened(|| sink.text(), metrics) {
        sink.replace(wide.as_bytes());
    }
    sink.write(csv.row(counts, metrics).as_bytes());
}

/// A file to which whole rows are added, until a write fails.
#[derive(Debug)]
struct Sink {
    path: PathBuf,
    file: Option<File>,
    /// The length of all rows written so far. Anything after it is part of a row that could not be written.
    length: u64,
    complaint: Option<String>,
}

impl Sink {
    /// A new event file.
    fn new_events(run: &RunDir) -> Self {
        let path = tensorboard::next_file(run.path(), wall_time() as u64);
        Self::open(path, OpenOptions::new().create_new(true).write(true))
    }

    /// Opens a file. A run directory may come from anyone, so links are not followed.
    fn open(path: PathBuf, options: &mut OpenOptions) -> Self {
        let opened = regular::open_own(&path, options).and_then(|file| Ok((file.metadata()?.len(), file)));
        let mut sink = Self { path, file: None, length: 0, complaint: None };
        match opened {
            Ok((length, file)) => (sink.length, sink.file) = (length, Some(file)),
            Err(error) => sink.give_up(&error),
        }
        sink
    }

    /// Adds `row` in one call to the operating system.
    fn write(&mut self, row: &[u8]) {
        let Some(file) = &mut self.file else { return };
        match file.write_all(row) {
            Ok(()) => self.length += row.len() as u64,
            Err(error) => {
                // If the disk is full, the beginning of the row may have been written.
                let _ = file.set_len(self.length);
                self.give_up(&error);
            }
        }
    }

    /// The content of the file. `None` if it is no longer a regular file, or if it is too long to be written again.
    fn text(&self) -> Option<String> {
        const LONGEST: u64 = 64 << 20;
        self.file.as_ref()?;
        regular::read_text(&self.path, LONGEST).ok()
    }

    /// Replaces the whole file by `bytes` atomically.
    fn replace(&mut self, bytes: &[u8]) {
        let replaced = write_atomically(&self.path, bytes).map_err(io::Error::other);
        match replaced.and_then(|()| regular::open(&self.path, OpenOptions::new().append(true), Links::Refuse)) {
            Ok(file) => (self.length, self.file) = (bytes.len() as u64, Some(file)),
            Err(error) => self.give_up(&error),
        }
    }

    /// Shortens the file with `cut`.
    fn cut(&mut self, cut: impl FnOnce(&mut File) -> io::Result<Cut>) -> Cut {
        let Some(file) = &mut self.file else { return Cut::default() };
        match cut(file) {
            Ok(cut) => {
                self.length = cut.length;
                cut
            }
            Err(error) => {
                self.give_up(&error);
                Cut::default()
            }
        }
    }

    fn give_up(&mut self, error: &io::Error) {
        self.file = None;
        let path = self.path.display();
        self.complaint = Some(format!("cannot write {path}: {error}; the run goes on without it"));
    }
}

/// The seconds since 1970.
fn wall_time() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests;
