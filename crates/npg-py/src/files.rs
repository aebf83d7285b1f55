//! Files of runs: a checkpoint's header, the checkpoints of a run, and its logs.

use std::path::PathBuf;
use std::sync::Mutex;

use npg::checkpoint::Archive;
use npg::logs::RunLog as Inner;
use npg::run_dir::{self, CheckpointChoice, Provenance, RunDir};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::{exception, mistake};

/// The checkpoint `latest` or `best`, or the file of that name, in a run's directory with one seed; and why newer ones were
/// skipped.
#[pyfunction]
pub(crate) fn checkpoint_of(run: PathBuf, which: &str) -> PyResult<(PathBuf, Vec<String>)> {
    let seeds = run_dir::resolve(&run).map_err(|error| mistake(error.to_string()))?;
    let [seed] = &seeds[..] else {
        let (first, run) = (seeds[0].path().display(), run.display());
        return Err(mistake(format!(
            "{run} has {} seeds, each with an agent: name one of them, such as {first}",
            seeds.len()
        )));
    };
    let opened = seed.open_checkpoint(&CheckpointChoice::from(which)).map_err(|error| match error {
        npg::Error::Run(text) => mistake(text),
        error => exception(&error),
    })?;
    Ok((opened.path, opened.skipped.iter().map(ToString::to_string).collect()))
}

/// A checkpoint's header: `npg`, `env`, `algo`, `seed`, `iteration`, `steps`, `config` (TOML), `functions`, and
/// `unsaved_options`, the names of its environment's options that it does not have.
#[pyfunction]
pub(crate) fn read_header(py: Python<'_>, path: PathBuf) -> PyResult<Bound<'_, PyDict>> {
    let archive = Archive::read(&path).map_err(|error| exception(&error))?;
    let fault = |fault| exception(&npg::Error::File { path: path.clone(), fault });
    let header = PyDict::new(py);
    for name in ["npg", "env", "algo", "config"] {
        header.set_item(name, archive.field::<String>(name).map_err(fault)?)?;
    }
    for name in ["seed", "iteration", "steps"] {
        header.set_item(name, archive.field::<u64>(name).map_err(fault)?)?;
    }
    // Absent if no argument was a function, as in the program's checkpoints.
    header.set_item("functions", archive.field::<Vec<String>>("functions").unwrap_or_default())?;
    header.set_item("unsaved_options", archive.unsaved_options().map_err(fault)?)?;
    Ok(header)
}

/// The log files of a run: TensorBoard events, progress.csv, metrics.jsonl, log.txt.
#[pyclass(module = "npg._npg")]
#[derive(Debug)]
pub(crate) struct RunLog(Mutex<Inner>);

#[pymethods]
impl RunLog {
    /// Starts the logs of a run in an existing directory. If the file that tells `npg plot` the environment cannot be
    /// written, that is not an error.
    #[new]
    fn new(directory: PathBuf, environment: &str) -> Self {
        let run = RunDir::new(directory);
        let _ = Provenance::of_this_process(environment).record(&run.provenance());
        Self(Mutex::new(Inner::create(&run)))
    }

    /// Writes an iteration's row; returns warnings.
    fn iteration(&mut self, iteration: u64, steps: u64, metrics: Vec<(String, f64)>) -> Vec<String> {
        let metrics: Vec<(&str, f64)> = metrics.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let log = self.0.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
        log.iteration(iteration, steps, &metrics);
        log.take_warnings()
    }
}
