//! Files of runs: a checkpoint's header, and the logs of a run.

use std::path::PathBuf;
use std::sync::Mutex;

use npg::checkpoint::Archive;
use npg::logs::RunLog as Inner;
use npg::run_dir::RunDir;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::exception;

/// What a checkpoint says about itself: `npg`, `env`, `algo`, `seed`, `iteration`, `steps`, `config` (TOML).
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
    Ok(header)
}

/// The log files of a run: TensorBoard events, progress.csv, metrics.jsonl, log.txt.
#[pyclass(module = "npg._npg")]
#[derive(Debug)]
pub(crate) struct RunLog(Mutex<Inner>);

#[pymethods]
impl RunLog {
    /// Begins the logs of a run in a directory that exists.
    #[new]
    fn new(directory: PathBuf) -> Self {
        Self(Mutex::new(Inner::create(&RunDir::new(directory))))
    }

    /// Writes an iteration's row; returns warnings.
    fn iteration(&mut self, iteration: u64, steps: u64, metrics: Vec<(String, f64)>) -> Vec<String> {
        let metrics: Vec<(&str, f64)> = metrics.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let log = self.0.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
        log.iteration(iteration, steps, &metrics);
        log.take_warnings()
    }
}
