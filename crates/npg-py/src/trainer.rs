//! Training, one iteration at a time. An iteration runs on a separate thread, so that the caller can be interrupted. Meanwhile
//! the caller's thread makes the calls into environments.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use npg::FileFault;
use npg::checkpoint::Archive;
use npg::config::{Config, Layers};
use npg::train::{Iteration, RestoreError, Trainer as Inner, saved_config};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::{exception, mistake};
use crate::link::{Desk, Farewell, Link, Message, make_calls};
use crate::policy::Policy;
use crate::source::Source;

/// How long an interrupted iteration may take to end by itself. After that it is stopped before its next call.
const GRACE: Duration = Duration::from_secs(1);

/// How long it may take to stop then. After that, the iteration is given up.
const PATIENCE: Duration = Duration::from_secs(2);

/// The result of a thread: the trainer and its iteration.
type Finished = (Box<Inner>, Option<npg::Result<Iteration>>);

/// Training of one policy.
#[pyclass(module = "npg._npg")]
#[derive(Debug)]
pub(crate) struct Trainer {
    /// None after an iteration was given up.
    inner: Option<Mutex<Box<Inner>>>,
    /// The state before the current iteration.
    before: Option<Archive>,
    link: Arc<Link>,
}

/// The whole configuration as TOML: defaults, the preset of `environment` if requested, and `settings`, each with a name for
/// messages, a key and a TOML value.
#[pyfunction]
pub(crate) fn resolve(environment: &str, preset: bool, settings: Vec<(String, String, String)>) -> PyResult<String> {
    let mut layers = Layers::default();
    if preset {
        layers.preset(environment);
    }
    for (name, key, value) in settings {
        let table: toml::Table =
            format!("value = {value}").parse().map_err(|error| mistake(format!("{name}: {error}")))?;
        layers.flag(&name, &key, table["value"].clone());
    }
    Ok(layers.resolve().map_err(|error| exception(&error))?.to_toml())
}

#[pymethods]
impl Trainer {
    /// A new trainer. `config` is the result of `resolve`.
    #[new]
    fn new(py: Python<'_>, source: &Source, config: &str) -> PyResult<Self> {
        let config = Config::from_toml("config", config).map_err(|error| exception(&error))?;
        let (environments, link) = source.for_library(&config.env)?;
        let inner = py.detach(|| Inner::new(config, environments)).map_err(|error| raised(&link, &error))?;
        Ok(Self::of(inner, link))
    }

    /// The trainer in a checkpoint, and whether the environments continue their episodes. With `options`, as in
    /// [`Trainer::with_source`], the environments are others.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf, source: &Source, options: Option<&str>) -> PyResult<(Self, bool)> {
        let archive = Archive::read(&path).map_err(|error| exception(&error))?;
        let fault = |fault| exception(&npg::Error::File { path: path.clone(), fault });
        if let Some(options) = options {
            return Ok((Self::elsewhere(py, archive, source, options, fault)?, false));
        }
        let config = saved_config(&archive).map_err(fault)?;
        let (environments, link) = source.for_library(&config.env)?;
        let restored = py.detach(|| Inner::restore(&archive, environments));
        let (inner, continued) = restored.map_err(|error| match error {
            RestoreError::Fault(f) => fault(f),
            RestoreError::Other(error) => raised(&link, &error),
        })?;
        Ok((Self::of(inner, link), continued))
    }

    /// A trainer in the same state with another source of environments, whose episodes start again. `options` are saved with
    /// it, as TOML.
    fn with_source(&mut self, py: Python<'_>, source: &Source, options: &str) -> PyResult<Self> {
        let archive = self.archive()?;
        Self::elsewhere(py, archive, source, options, |fault| mistake(fault.to_string()))
    }

    /// Sets whether batches may be sampled ahead of their iteration.
    fn set_samples_ahead(&mut self, may: bool) -> PyResult<()> {
        self.inner_mut()?.set_samples_ahead(may);
        Ok(())
    }

    /// Starts all episodes again with the next iteration.
    fn begin_episodes_anew(&mut self) -> PyResult<()> {
        self.inner_mut()?.begin_episodes_anew();
        Ok(())
    }

    /// Runs one iteration. Returns its metrics, with `iteration`, `steps`, `notes` and `refused`, or None when training is done.
    ///
    /// Environments are called on this thread. A call that takes longer than `timeout` seconds is ended by a TimeoutError.
    /// After a KeyboardInterrupt, the iteration may end within seconds. Otherwise this trainer cannot continue, but it can be
    /// saved as it was before.
    #[pyo3(signature = (timeout))]
    fn step<'py>(&mut self, py: Python<'py>, timeout: Option<f64>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let mut trainer = self.take()?;
        self.before = Some(trainer.save());
        let (sender, calls) = channel();
        self.link.set_desk(Some(Desk::here(py, sender.clone())?));
        self.link.set_timeout(timeout);
        self.link.stop(false);
        let (given, finished) = channel::<Finished>();
        let work = move || {
            let _farewell = Farewell(sender);
            let result = trainer.step();
            let _ = given.send((trainer, result)); // the waiting thread may have given up and reported it already
        };
        std::thread::Builder::new().name("npg-trainer".into()).spawn(work)?;
        let interrupt = self.wait(py, calls);
        let Ok((trainer, result)) = finished.try_recv() else {
            let panicked = || PyRuntimeError::new_err("the training thread panicked; this is a bug in npg");
            return Err(interrupt.unwrap_or_else(panicked));
        };
        self.link.set_desk(None);
        self.inner = Some(Mutex::new(trainer));
        if let Some(interrupt) = interrupt.or_else(|| self.link.take_interrupt(py)) {
            return Err(interrupt);
        }
        match result {
            None => Ok(None),
            Some(Ok(iteration)) => metrics(py, &iteration).map(Some),
            Some(Err(error)) => Err(raised(&self.link, &error)),
        }
    }

    /// A copy of the current policy.
    fn policy(&mut self) -> PyResult<Policy> {
        let inner = self.inner_mut()?;
        Ok(Policy::new(inner.policy().clone(), inner.config().run.seed, inner.iterations()))
    }

    /// Copies another policy's parameters and statistics.
    fn set_policy(&mut self, policy: &Policy) -> PyResult<()> {
        self.inner_mut()?.initialize_from(&policy.inner).map_err(|error| exception(&error))
    }

    /// Writes everything that the next iteration depends on. Also writes the names of what no file can hold: arguments that were
    /// functions, and options of the environment.
    fn save(&mut self, path: PathBuf, functions: Vec<String>, unsaved_options: Vec<String>) -> PyResult<()> {
        let mut archive = self.archive()?;
        if !functions.is_empty() {
            archive.header["functions"] = functions.into();
        }
        // The program's files have fields about evaluations. There are none yet, and `npg resume` can continue from the file.
        archive.header["best_return"] = None::<f64>.into();
        archive.header["evaluated"] = vec![Some(0), None].into();
        if !unsaved_options.is_empty() {
            archive.header["unsaved_options"] = unsaved_options.into();
        }
        archive.write(path).map_err(|error| exception(&error))
    }

    /// Sets the total number of transitions, and schedules follow it.
    fn set_total_steps(&mut self, steps: u64) -> PyResult<()> {
        self.inner_mut()?.set_total_steps(steps);
        Ok(())
    }

    /// Sets the KL budget of all following steps in nats.
    fn set_kl_step(&mut self, kl_step: f64) -> PyResult<()> {
        self.inner_mut()?.set_kl_step(kl_step).map_err(|error| exception(&error))
    }

    /// Sets Adam's step size for the value baseline in all following fits.
    fn set_learning_rate(&mut self, learning_rate: f64) -> PyResult<()> {
        self.inner_mut()?.set_value_learning_rate(learning_rate).map_err(|error| exception(&error))
    }

    /// Transitions so far.
    #[getter]
    fn steps(&mut self) -> PyResult<u64> {
        self.number("steps")
    }

    /// Iterations so far.
    #[getter]
    fn iterations(&mut self) -> PyResult<u64> {
        self.number("iteration")
    }

    /// Episodes finished so far.
    #[getter]
    fn episodes(&mut self) -> PyResult<u64> {
        self.number("episodes")
    }

    /// The configuration, as TOML.
    #[getter]
    fn config(&mut self) -> PyResult<String> {
        match (&mut self.inner, &self.before) {
            (None, Some(before)) => Ok(saved_config(before).map_err(|fault| mistake(fault.to_string()))?.to_toml()),
            _ => Ok(self.inner_mut()?.config().to_toml()),
        }
    }

    /// Whether the trainer can continue.
    #[getter]
    fn is_usable(&self) -> bool {
        self.inner.is_some()
    }
}

impl Trainer {
    fn of(inner: Inner, link: Arc<Link>) -> Self {
        Self { inner: Some(Mutex::new(Box::new(inner))), before: None, link }
    }

    /// The trainer in an archive, with another source of environments.
    fn elsewhere(
        py: Python<'_>,
        mut archive: Archive,
        source: &Source,
        options: &str,
        fault: impl Fn(FileFault) -> PyErr,
    ) -> PyResult<Self> {
        let mut config = saved_config(&archive).map_err(&fault)?;
        config.env = options.parse().map_err(|error| mistake(format!("env_kwargs: {error}")))?;
        archive.header["config"] = config.to_toml().into();
        archive.header["env"] = source.spec.id.clone().into();
        let (environments, link) = source.for_library(&config.env)?;
        let restored = py.detach(|| Inner::restore_elsewhere(&archive, environments));
        let inner = restored.map_err(|error| match error {
            RestoreError::Fault(f) => fault(f),
            RestoreError::Other(error) => raised(&link, &error),
        })?;
        Ok(Self::of(inner, link))
    }

    fn lost() -> PyErr {
        PyRuntimeError::new_err(
            "the last iteration was given up, and the agent is as it was before it: learn continues from there",
        )
    }

    /// The whole state, as it is now, or as it was before the iteration that hung.
    fn archive(&mut self) -> PyResult<Archive> {
        match (&mut self.inner, &self.before) {
            (None, Some(before)) => Ok(before.clone()),
            _ => Ok(self.inner_mut()?.save()),
        }
    }

    /// A field of the archive's header.
    fn number(&mut self, name: &'static str) -> PyResult<u64> {
        match (&mut self.inner, &self.before) {
            (None, Some(before)) => before.field(name).map_err(|fault| mistake(fault.to_string())),
            _ if name == "steps" => Ok(self.inner_mut()?.steps()),
            _ if name == "episodes" => Ok(self.inner_mut()?.episodes()),
            _ => Ok(self.inner_mut()?.iterations()),
        }
    }

    fn inner_mut(&mut self) -> PyResult<&mut Inner> {
        let inner = self.inner.as_mut().ok_or_else(Self::lost)?;
        Ok(inner.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }

    fn take(&mut self) -> PyResult<Box<Inner>> {
        let inner = self.inner.take().ok_or_else(Self::lost)?;
        Ok(inner.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }

    /// Makes the iteration's calls until it is over or given up. Returns the KeyboardInterrupt that came meanwhile.
    fn wait(&self, py: Python<'_>, calls: Receiver<Message>) -> Option<PyErr> {
        let mut since: Option<(PyErr, Instant)> = None;
        let patience = if self.link.is_python() { GRACE + PATIENCE } else { GRACE };
        let result = make_calls(py, calls, |py| {
            if let Err(error) = py.check_signals() {
                since.get_or_insert((error, Instant::now()));
            }
            let Some((error, begin)) = &since else { return Ok(()) };
            self.link.stop(begin.elapsed() > GRACE);
            if begin.elapsed() > patience { Err(error.clone_ref(py)) } else { Ok(()) }
        });
        result.err().or(since.map(|(error, _)| error))
    }
}

fn metrics<'py>(py: Python<'py>, iteration: &Iteration) -> PyResult<Bound<'py, PyDict>> {
    let row = PyDict::new(py);
    row.set_item("iteration", iteration.iteration)?;
    row.set_item("steps", iteration.steps)?;
    for (name, value) in iteration.metrics.values() {
        row.set_item(name, value)?;
    }
    let notes = iteration.notes();
    let refused = match &iteration.status {
        npg::update::UpdateStatus::Stepped => None,
        npg::update::UpdateStatus::Refused(reason) => Some(reason.clone()),
        _ => notes.first().cloned(),
    };
    row.set_item("refused", refused)?;
    row.set_item("notes", notes)?;
    Ok(row)
}

/// The environment's exception, with a note on where it was raised, or else the library's error.
fn raised(link: &Link, error: &npg::Error) -> PyErr {
    let Some(original) = link.take_raised() else { return exception(error) };
    Python::attach(|py| {
        let _ = original.value(py).call_method1("add_note", (format!("npg: {error}"),)); // the exception matters more
        original
    })
}
