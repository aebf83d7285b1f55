//! Environments written in Python, as the library sees them.
//!
//! A Python object stands behind every group of environments (`python/npg/_groups.py`):
//!
//! ```text
//! steps_together                       whether it can only step all environments at once
//! reset(index, seed) -> array | None   first observation; None if the next step begins the episode
//! step(which | None, actions) -> (observations, rewards, endings)
//! take_measures() -> [(name, sum, count)]
//! at                                   the environment of the call that raised
//! ```

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use npg::env::{Actions, Ending, EnvGroup, EnvSource, Fault, Measure, Outcome, Space, Spec};
use npg::random::Stream;
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::{matrix, read};
use crate::errors::{exception, mistake};

/// What groups of environments tell whoever waits for them.
#[derive(Debug)]
pub(crate) struct Link {
    /// What an environment raised.
    raised: Mutex<Option<PyErr>>,
    origin: Instant,
    /// Whether there is any Python behind it.
    is_python: bool,
    /// Milliseconds from `origin` to the beginning of the call into Python that is under way, plus 1; 0 for none.
    since: AtomicU64,
    /// Whether no further call is wanted.
    is_stopped: AtomicBool,
}

impl Link {
    fn new(is_python: bool) -> Arc<Self> {
        Arc::new(Self {
            raised: Mutex::new(None),
            is_python,
            origin: Instant::now(),
            since: AtomicU64::new(0),
            is_stopped: AtomicBool::new(false),
        })
    }

    /// Whether environments are Python's.
    pub(crate) fn is_python(&self) -> bool {
        self.is_python
    }

    fn now(&self) -> u64 {
        self.origin.elapsed().as_millis() as u64 + 1
    }

    /// Seconds that the call into Python under way has taken.
    pub(crate) fn seconds_in_call(&self) -> f64 {
        match self.since.load(Ordering::Relaxed) {
            0 => 0.0,
            since => self.now().saturating_sub(since) as f64 * 1e-3,
        }
    }

    /// What an environment raised, once.
    pub(crate) fn take_raised(&self) -> Option<PyErr> {
        self.raised.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take()
    }

    /// Says whether further calls are to fail: the iteration under way then ends with an error.
    pub(crate) fn stop(&self, is_stopped: bool) {
        self.is_stopped.store(is_stopped, Ordering::Relaxed);
    }

    /// Calls into Python; what it raises is kept, and a message of it given.
    fn call<T>(&self, object: &Py<PyAny>, f: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<T>) -> Result<T, Fault> {
        if self.is_stopped.load(Ordering::Relaxed) {
            return Err(Fault { environment: 0, message: "it was interrupted".into() });
        }
        self.since.store(self.now(), Ordering::Relaxed);
        let result = Python::attach(|py| {
            let object = object.bind(py);
            f(object).map_err(|error| {
                let environment = object.getattr("at").and_then(|at| at.extract()).unwrap_or(0);
                let message = format!("it raised {}", describe(error.value(py)));
                *self.raised.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(error);
                Fault { environment, message }
            })
        });
        self.since.store(0, Ordering::Relaxed);
        result
    }
}

/// Such as "ValueError: bad action".
fn describe(error: &Bound<'_, PyBaseException>) -> String {
    let name = error.get_type().name().map_or_else(|_| "an exception".into(), |name| name.to_string());
    format!("{name}: {error}")
}

/// A source of environments that are written in Python, or a native one by its id.
#[pyclass(module = "npg._npg", frozen)]
#[derive(Debug)]
pub(crate) struct Source {
    make: Option<Py<PyAny>>,
    pub(crate) spec: Spec,
    pub(crate) link: Arc<Link>,
}

#[pymethods]
impl Source {
    /// `make(count)` gives a group of environments, and `spec` says what is fixed about them: `id`, `observation` and
    /// `action` (spaces), `max_episode_steps`, `reward_threshold`.
    #[new]
    fn new(make: Py<PyAny>, spec: &Bound<'_, PyDict>) -> PyResult<Self> {
        Ok(Self { make: Some(make), spec: read_spec(spec)?, link: Link::new(true) })
    }

    /// The native environment of that id; its options come with the configuration.
    #[staticmethod]
    pub(crate) fn native(id: &str, options: &str) -> PyResult<Self> {
        let options: toml::Table = options.parse().map_err(|error| mistake(format!("env: {error}")))?;
        let source = npg::env::registry::make(id, &options).map_err(|error| exception(&error))?;
        Ok(Self { make: None, spec: source.spec(), link: Link::new(false) })
    }

    /// What is fixed about the environments, as [`Source::new`] takes it.
    #[getter]
    fn spec<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        write_spec(py, &self.spec)
    }
}

impl Source {
    /// As the library takes it; `options` are those of a native environment.
    pub(crate) fn for_library(&self, py: Python<'_>, options: &toml::Table) -> PyResult<Box<dyn EnvSource>> {
        match &self.make {
            None => npg::env::registry::make(&self.spec.id, options).map_err(|error| exception(&error)),
            Some(make) => Ok(Box::new(PythonSource {
                make: make.clone_ref(py),
                spec: self.spec.clone(),
                link: Arc::clone(&self.link),
            })),
        }
    }
}

struct PythonSource {
    make: Py<PyAny>,
    spec: Spec,
    link: Arc<Link>,
}

impl EnvSource for PythonSource {
    fn spec(&self) -> Spec {
        self.spec.clone()
    }

    fn group(&self, count: usize) -> Result<Box<dyn EnvGroup>, npg::Error> {
        let made = self.link.call(&self.make, |make| {
            let object = make.call1((count,))?;
            Ok((object.getattr("steps_together")?.extract()?, object.unbind()))
        });
        let (together, object) = made.map_err(|fault| npg::Error::Environment {
            environment: fault.environment,
            episode: 0,
            step: 0,
            message: fault.message,
        })?;
        let width = self.spec.observation.len();
        let group =
            PythonGroup { object, count, width, together, link: Arc::clone(&self.link), seeded: vec![false; count] };
        Ok(Box::new(group))
    }

    /// They all step behind one lock.
    fn group_size(&self, n_envs: usize) -> usize {
        n_envs
    }

    fn samples_on_one_thread(&self) -> bool {
        true
    }
}

struct PythonGroup {
    object: Py<PyAny>,
    count: usize,
    width: usize,
    together: bool,
    link: Arc<Link>,
    /// Whether an environment has been given its seed.
    seeded: Vec<bool>,
}

impl EnvGroup for PythonGroup {
    fn len(&self) -> usize {
        self.count
    }

    fn reset(&mut self, index: usize, rng: &mut Stream, observation: &mut [f64]) -> Result<(), Fault> {
        // As Gymnasium advises: a seed for the first reset, none for the later ones.
        let seed = (!std::mem::replace(&mut self.seeded[index], true)).then(|| rng.below(1 << 31));
        self.link.call(&self.object, |object| {
            let first = object.call_method1(pyo3::intern!(object.py(), "reset"), (index, seed))?;
            if first.is_none() { Ok(()) } else { read(&first, observation, "the observation of reset()") }
        })
    }

    fn step(
        &mut self,
        which: &[usize],
        actions: Actions<'_>,
        _rngs: &mut [Stream],
        observations: &mut [f64],
        outcomes: &mut [Outcome],
    ) -> Result<(), Fault> {
        debug_assert_eq!(observations.len(), which.len() * self.width);
        self.link.call(&self.object, |object| {
            let py = object.py();
            let which = (which.len() < self.count).then(|| PyArray1::from_slice(py, which));
            let actions = match actions {
                Actions::Integers { values, columns } => matrix(py, values, columns)?.into_any(),
                Actions::Reals { values, columns } => matrix(py, values, columns)?.into_any(),
            };
            let result = object.call_method1(pyo3::intern!(py, "step"), (which, actions))?;
            let (seen, rewards, endings): (Bound<'_, PyAny>, PyReadonlyArray1<'_, f64>, PyReadonlyArray1<'_, u8>) =
                result.extract()?;
            read(&seen, observations, "the observations of step()")?;
            let (rewards, endings) = (rewards.as_slice()?, endings.as_slice()?);
            if rewards.len() != outcomes.len() || endings.len() != outcomes.len() {
                let (got, wanted) = (rewards.len().min(endings.len()), outcomes.len());
                return Err(mistake(format!("step() gave {got} rewards or endings, not {wanted}")));
            }
            for ((outcome, reward), ending) in outcomes.iter_mut().zip(rewards).zip(endings) {
                let ending = match ending {
                    0 => Ending::Running,
                    1 => Ending::Terminated,
                    2 => Ending::Truncated,
                    _ => Ending::Began,
                };
                *outcome = Outcome { reward: *reward, ending };
            }
            Ok(())
        })
    }

    fn save(&self, _index: usize) -> Option<Vec<f64>> {
        None
    }

    fn load(&mut self, index: usize, _state: &[f64]) -> Result<(), Fault> {
        Err(Fault { environment: index, message: "environments in Python cannot load a state".into() })
    }

    fn steps_together(&self) -> bool {
        self.together
    }

    fn take_measures(&mut self) -> Vec<Measure> {
        let taken: Result<Vec<(String, f64, u64)>, Fault> =
            self.link.call(&self.object, |object| object.call_method0("take_measures")?.extract());
        let measures = taken.unwrap_or_default().into_iter();
        measures.map(|(name, sum, count)| Measure { name, sum, count }).collect()
    }
}

/// Environments are processes or windows as well: they are closed, not left to the collector.
impl Drop for PythonGroup {
    fn drop(&mut self) {
        let _ = Python::try_attach(|py| self.object.bind(py).call_method0("close").map(drop)); // nobody is left to be told
    }
}

/// The environment `gym:id` with keyword arguments `options`, for the program.
pub(crate) fn make_gymnasium(id: &str, options: &toml::Table) -> npg::Result<Box<dyn EnvSource>> {
    Python::attach(|py| {
        let text = toml::to_string(options).expect("a table that was read can be written");
        let module = py.import("npg._sources")?;
        let source = module.call_method1("of_gymnasium", (id, text))?;
        source.cast::<Source>()?.get().for_library(py, options)
    })
    .map_err(|error: PyErr| {
        Python::attach(|py| {
            if error.is_instance_of::<pyo3::exceptions::PyImportError>(py) {
                npg::Error::Library { name: "Gymnasium", reason: error.value(py).to_string() }
            } else {
                npg::Error::config(format!("gym:{id}"), describe(error.value(py)))
            }
        })
    })
}

fn read_spec(spec: &Bound<'_, PyDict>) -> PyResult<Spec> {
    let field = |name: &str| spec.get_item(name)?.ok_or_else(|| mistake(format!("the spec has no `{name}`")));
    Ok(Spec {
        id: field("id")?.extract()?,
        observation: read_space(&field("observation")?)?,
        action: read_space(&field("action")?)?,
        max_episode_steps: field("max_episode_steps")?.extract()?,
        reward_threshold: field("reward_threshold")?.extract()?,
    })
}

/// `("box", low, high)`, `("discrete", n)`, `("multi-discrete", sizes)` or `("multi-binary", bits)`.
fn read_space(space: &Bound<'_, PyAny>) -> PyResult<Space> {
    let kind: String = space.get_item(0)?.extract()?;
    let part = |index: usize| space.get_item(index);
    Ok(match kind.as_str() {
        "box" => Space::Box { low: part(1)?.extract()?, high: part(2)?.extract()? },
        "discrete" => Space::Discrete(part(1)?.extract()?),
        "multi-discrete" => Space::MultiDiscrete(part(1)?.extract()?),
        "multi-binary" => Space::MultiBinary(part(1)?.extract()?),
        other => return Err(mistake(format!("a space of the kind `{other}` is not supported"))),
    })
}

fn write_spec<'py>(py: Python<'py>, spec: &Spec) -> PyResult<Bound<'py, PyDict>> {
    let fields = PyDict::new(py);
    fields.set_item("id", &spec.id)?;
    fields.set_item("observation", write_space(py, &spec.observation)?)?;
    fields.set_item("action", write_space(py, &spec.action)?)?;
    fields.set_item("max_episode_steps", spec.max_episode_steps)?;
    fields.set_item("reward_threshold", spec.reward_threshold)?;
    Ok(fields)
}

fn write_space<'py>(py: Python<'py>, space: &Space) -> PyResult<Bound<'py, PyAny>> {
    Ok(match space {
        Space::Box { low, high } => ("box", low.clone(), high.clone()).into_pyobject(py)?.into_any(),
        Space::Discrete(n) => ("discrete", *n).into_pyobject(py)?.into_any(),
        Space::MultiDiscrete(sizes) => ("multi-discrete", sizes.clone()).into_pyobject(py)?.into_any(),
        Space::MultiBinary(bits) => ("multi-binary", *bits).into_pyobject(py)?.into_any(),
    })
}
