//! Training, one iteration at a time. An iteration runs on a thread of its own, so that the caller can be interrupted and
//! notices an environment that hangs.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use npg::checkpoint::Archive;
use npg::config::{Config, Layers};
use npg::train::{Iteration, RestoreError, Trainer as Inner, saved_config};
use pyo3::exceptions::{PyRuntimeError, PyTimeoutError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::{exception, mistake};
use crate::policy::Policy;
use crate::source::{Link, Source};

/// How often a waiting caller looks for signals and for environments that hang.
const WATCH: Duration = Duration::from_millis(50);

/// How long an interrupted iteration may take to end by itself; then it is stopped before the next step.
const GRACE: Duration = Duration::from_secs(1);

/// How long a step may take that is to be stopped; then the iteration is given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a thread gives back with its iteration.
type Outcome = (Box<Inner>, Option<npg::Result<Iteration>>);

/// Training of one policy.
#[pyclass(module = "npg._npg")]
#[derive(Debug)]
pub(crate) struct Trainer {
    /// None after an environment has hung: it may still be inside.
    inner: Option<Mutex<Box<Inner>>>,
    /// State before the iteration under way, where environments are Python's and can hang in it.
    before: Option<Archive>,
    /// The thread of the last iteration.
    thread: Option<JoinHandle<()>>,
    link: Arc<Link>,
}

/// The whole configuration as TOML: defaults, the preset of `environment` if wanted, and `settings`, each a name for
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
    /// A trainer at its beginning; `config` is what `resolve` gave.
    #[new]
    fn new(py: Python<'_>, source: &Source, config: &str) -> PyResult<Self> {
        let config = Config::from_toml("config", config).map_err(|error| exception(&error))?;
        let environments = source.for_library(py, &config.env)?;
        let link = Arc::clone(&source.link);
        let inner = py.detach(|| Inner::new(config, environments)).map_err(|error| raised(&link, &error))?;
        Ok(Self::of(inner, &link))
    }

    /// The trainer in a checkpoint; whether the environments go on with their episodes.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf, source: &Source) -> PyResult<(Self, bool)> {
        let archive = Archive::read(&path).map_err(|error| exception(&error))?;
        let fault = |fault| exception(&npg::Error::File { path: path.clone(), fault });
        let config = saved_config(&archive).map_err(fault)?;
        let environments = source.for_library(py, &config.env)?;
        let restored = py.detach(|| Inner::restore(&archive, environments));
        let (inner, continued) = restored.map_err(|error| match error {
            RestoreError::Fault(f) => fault(f),
            RestoreError::Other(error) => raised(&source.link, &error),
        })?;
        Ok((Self::of(inner, &source.link), continued))
    }

    /// A trainer in the same state on another source of environments, whose episodes begin anew. `options` are those of a
    /// native environment, as TOML.
    fn with_source(&mut self, py: Python<'_>, source: &Source, options: &str) -> PyResult<Self> {
        let mut archive = self.archive()?;
        let mut config = saved_config(&archive).map_err(|fault| mistake(fault.to_string()))?;
        config.env = options.parse().map_err(|error| mistake(format!("env_kwargs: {error}")))?;
        archive.header["config"] = config.to_toml().into();
        archive.header["env"] = source.spec.id.clone().into();
        drop(source.link.take_raised()); // of the environments before
        source.link.stop(false);
        let environments = source.for_library(py, &config.env)?;
        let restored = py.detach(|| Inner::restore_elsewhere(&archive, environments));
        let inner = restored.map_err(|error| match error {
            RestoreError::Fault(fault) => mistake(fault.to_string()),
            RestoreError::Other(error) => raised(&source.link, &error),
        })?;
        Ok(Self::of(inner, &source.link))
    }

    /// One iteration: its metrics, with `iteration`, `steps` and `outcome`; None when training is done.
    ///
    /// A call into an environment that takes longer than `timeout` seconds is a TimeoutError, after which this trainer
    /// cannot go on, but can be saved as it was before the iteration. KeyboardInterrupt lets the iteration end, if it does so within seconds.
    fn step<'py>(&mut self, py: Python<'py>, timeout: f64) -> PyResult<Option<Bound<'py, PyDict>>> {
        let mut trainer = self.take()?;
        self.link.stop(false);
        self.before = self.link.is_python().then(|| trainer.save());
        let (sender, receiver) = channel::<Outcome>();
        let work = move || {
            let result = trainer.step();
            let _ = sender.send((trainer, result)); // whoever waited has given up: it is said already
        };
        self.thread = Some(std::thread::Builder::new().name("npg-trainer".into()).spawn(work)?);
        let (result, interrupt) = self.wait(py, receiver, timeout)?;
        if let Some(interrupt) = interrupt {
            return Err(interrupt);
        }
        match result {
            None => Ok(None),
            Some(Ok(iteration)) => self.metrics(py, &iteration).map(Some),
            Some(Err(error)) => Err(raised(&self.link, &error)),
        }
    }

    /// Waits for the thread of an iteration that hung, at most that long; whether it has ended.
    fn join(&self, py: Python<'_>, seconds: f64) -> bool {
        let begin = Instant::now();
        let has_ended = || self.thread.as_ref().is_none_or(JoinHandle::is_finished);
        py.detach(|| {
            while !has_ended() && begin.elapsed().as_secs_f64() < seconds {
                std::thread::sleep(WATCH / 10);
            }
            has_ended()
        })
    }

    /// The policy as it is now, a copy.
    fn policy(&mut self) -> PyResult<Policy> {
        let inner = self.inner_mut()?;
        Ok(Policy::new(inner.policy().clone(), inner.config().run.seed, inner.iterations()))
    }

    /// Takes over another policy's parameters and statistics.
    fn set_policy(&mut self, policy: &Policy) -> PyResult<()> {
        self.inner_mut()?.initialize_from(&policy.inner).map_err(|error| exception(&error))
    }

    /// Writes everything that the next iteration depends on, and which arguments were functions, that no file can hold.
    fn save(&mut self, path: PathBuf, functions: Vec<String>) -> PyResult<()> {
        let mut archive = self.archive()?;
        if !functions.is_empty() {
            archive.header["functions"] = functions.into();
        }
        // What the program's runs say of their evaluations: none yet, so that `npg resume` can go on with the file.
        archive.header["best_return"] = None::<f64>.into();
        archive.header["evaluated"] = vec![Some(0), None].into();
        archive.write(path).map_err(|error| exception(&error))
    }

    /// Sets how many transitions there are to be in all; schedules follow it.
    fn set_total_steps(&mut self, steps: u64) -> PyResult<()> {
        self.inner_mut()?.set_total_steps(steps);
        Ok(())
    }

    /// Sets the KL budget of the following steps, nats.
    fn set_kl_step(&mut self, kl_step: f64) -> PyResult<()> {
        self.inner_mut()?.set_kl_step(kl_step).map_err(|error| exception(&error))
    }

    /// Sets the step size of the critic's Adam in the following fits.
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

    /// Whether the trainer can go on.
    #[getter]
    fn is_usable(&self) -> bool {
        self.inner.is_some()
    }
}

impl Trainer {
    fn of(inner: Inner, link: &Arc<Link>) -> Self {
        Self { inner: Some(Mutex::new(Box::new(inner))), before: None, thread: None, link: Arc::clone(link) }
    }

    fn lost() -> PyErr {
        PyRuntimeError::new_err(
            "an environment hung in the last iteration, so training cannot go on with it: give another one to set_env, or \
             save the agent",
        )
    }

    /// All state, as it is now or was before the iteration that hung.
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

    /// Waits for the thread's iteration; gives it, and the KeyboardInterrupt that came meanwhile.
    fn wait(
        &mut self,
        py: Python<'_>,
        mut receiver: Receiver<Outcome>,
        timeout: f64,
    ) -> PyResult<(Option<npg::Result<Iteration>>, Option<PyErr>)> {
        let mut interrupt: Option<(PyErr, Instant)> = None;
        loop {
            let received;
            (received, receiver) = py.detach(move || (receiver.recv_timeout(WATCH), receiver));
            match received {
                Ok((trainer, result)) => {
                    self.inner = Some(Mutex::new(trainer));
                    return Ok((result, interrupt.map(|(error, _)| error)));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(PyRuntimeError::new_err("the training thread panicked; this is a bug in npg"));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            if let Err(error) = py.check_signals() {
                interrupt.get_or_insert((error, Instant::now()));
            }
            if let Some((error, since)) = interrupt.take() {
                if since.elapsed() > GRACE + PATIENCE {
                    return Err(error);
                }
                self.link.stop(since.elapsed() > GRACE);
                interrupt = Some((error, since));
            }
            let seconds = self.link.seconds_in_call();
            if seconds > timeout {
                return Err(PyTimeoutError::new_err(format!(
                    "a call into the environment has taken {seconds:.1} s; if that is no hang, give a longer timeout than {timeout} s"
                )));
            }
        }
    }

    fn metrics<'py>(&self, py: Python<'py>, iteration: &Iteration) -> PyResult<Bound<'py, PyDict>> {
        let row = PyDict::new(py);
        row.set_item("iteration", iteration.iteration)?;
        row.set_item("steps", iteration.steps)?;
        for (name, value) in iteration.metrics.values() {
            row.set_item(name, value)?;
        }
        let refused = match &iteration.outcome {
            npg::npg::Outcome::Refused(reason) => Some(reason.as_str()),
            _ => None,
        };
        row.set_item("refused", refused)?;
        Ok(row)
    }
}

/// What the environment raised, with where it was as a note; else the library's error.
fn raised(link: &Link, error: &npg::Error) -> PyErr {
    let Some(original) = link.take_raised() else { return exception(error) };
    Python::attach(|py| {
        let _ = original.value(py).call_method1("add_note", (format!("npg: {error}"),)); // the exception matters more
        original
    })
}
