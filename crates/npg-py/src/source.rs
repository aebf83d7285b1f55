//! Environments written in Python, for the library.
//!
//! Every group of environments is a Python object (`python/npg/_groups.py`):
//!
//! ```text
//! steps_together                       whether it can only step all environments at once
//! reset(index, seed) -> (array | None, mask | None)   first observation, None if the next step starts the episode; action mask
//! step(which | None, actions) -> (observations, rewards, endings, masks | None)
//! take_measures() -> [(name, sum, count)]
//! at                                   the environment of the call that raised
//! calls                                calls into single environments so far
//! calls_at_once                        the most between two reads of `calls`
//! ```

use std::sync::Arc;

use npg::env::{ActionRows, Actions, Ending, EnvGroup, EnvSource, Fault, Image, Measure, Outcome, Space, Spec};
use npg::random::Stream;
use numpy::PyArray1;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::{Doubles, action_array, read};
use crate::errors::{exception, mistake};
use crate::link::{Link, describe, for_program};

/// A source of environments that are written in Python, or a native one by its id.
#[pyclass(module = "npg._npg", frozen)]
#[derive(Debug)]
pub(crate) struct Source {
    make: Option<Arc<Py<PyAny>>>,
    pub(crate) spec: Spec,
    /// The most seconds of a call, for the program.
    timeout: Option<f64>,
}

/// A source for the library, and the state that is shared with its environments.
pub(crate) type Linked = (Box<dyn EnvSource>, Arc<Link>);

#[pymethods]
impl Source {
    /// `make(count)` returns a group of environments, and `spec` has their fixed properties: `id`, `observation` and `action`
    /// (spaces), `max_episode_steps`, `reward_threshold`. `timeout` is the most seconds of a call in the program.
    #[new]
    #[pyo3(signature = (make, spec, timeout = None))]
    fn new(make: Py<PyAny>, spec: &Bound<'_, PyDict>, timeout: Option<f64>) -> PyResult<Self> {
        Ok(Self { make: Some(Arc::new(make)), spec: read_spec(spec)?, timeout })
    }

    /// The native environment of that id. Its options come with the configuration.
    #[staticmethod]
    pub(crate) fn native(id: &str, options: &str) -> PyResult<Self> {
        let options: toml::Table = options.parse().map_err(|error| mistake(format!("env: {error}")))?;
        let source = npg::env::registry::make(id, &options).map_err(|error| exception(&error))?;
        Ok(Self { make: None, spec: source.spec(), timeout: None })
    }

    /// Whether the episodes of native environments have action masks. Those of environments in Python are not looked at.
    fn has_native_masks(&self, options: &str) -> PyResult<bool> {
        let options: toml::Table = options.parse().map_err(|error| mistake(format!("env: {error}")))?;
        if self.make.is_some() {
            return Ok(false);
        }
        let source = npg::env::registry::make(&self.spec.id, &options);
        source.and_then(|source| npg::evaluate::has_masks(source.as_ref())).map_err(|error| exception(&error))
    }

    /// The spaces of observations, without bounds, and of actions, as lines that are equal if the spaces are.
    #[getter]
    fn spaces(&self) -> (String, String) {
        (format!("{:#}", self.spec.observation), self.spec.action.to_string())
    }

    /// The fixed properties of the environments, in the form of [`Source::new`].
    #[getter]
    fn spec<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        write_spec(py, &self.spec)
    }
}

impl Source {
    /// The source for the library. `options` are those of a native environment.
    pub(crate) fn for_library(&self, options: &toml::Table) -> PyResult<Linked> {
        let Some(make) = &self.make else {
            let source = npg::env::registry::make(&self.spec.id, options).map_err(|error| exception(&error))?;
            return Ok((source, Link::new(false, false)));
        };
        let link = Link::new(true, false);
        Ok((self.linked(make, &link), link))
    }

    fn linked(&self, make: &Arc<Py<PyAny>>, link: &Arc<Link>) -> Box<dyn EnvSource> {
        Box::new(PythonSource { make: Arc::clone(make), spec: self.spec.clone(), link: Arc::clone(link) })
    }
}

struct PythonSource {
    make: Arc<Py<PyAny>>,
    spec: Spec,
    link: Arc<Link>,
}

impl EnvSource for PythonSource {
    fn spec(&self) -> Spec {
        self.spec.clone()
    }

    fn group(&self, count: usize) -> Result<Box<dyn EnvGroup>, npg::Error> {
        let made = self.link.call(&self.make, move |make| {
            let object = make.call1((count,))?;
            Ok((object.getattr("steps_together")?.extract()?, Arc::new(object.unbind())))
        });
        let (together, object) = made.map_err(|fault| npg::Error::Environment {
            environment: fault.environment,
            episode: 0,
            step: 0,
            message: fault.message,
        })?;
        let (width, mask_len) = (self.spec.observation.len(), self.spec.action.mask_len());
        let (link, seeded) = (Arc::clone(&self.link), vec![false; count]);
        let (masks, has_masks) = (vec![true; count * mask_len], false);
        let seen = Vec::new();
        Ok(Box::new(PythonGroup { object, count, width, together, link, seeded, seen, masks, mask_len, has_masks }))
    }

    /// All environments share one lock, so one group of them is enough.
    fn group_size(&self, n_envs: usize) -> usize {
        n_envs
    }

    fn samples_on_one_thread(&self) -> bool {
        true
    }

    /// They end episodes as Gymnasium's do, because a wrapper may hide or extend the limit in the spec.
    fn ends_episodes(&self) -> bool {
        true
    }
}

struct PythonGroup {
    object: Arc<Py<PyAny>>,
    count: usize,
    width: usize,
    together: bool,
    link: Arc<Link>,
    /// Whether an environment has been given its seed.
    seeded: Vec<bool>,
    /// A buffer for observations, which is sent to the thread that makes the call and comes back.
    seen: Vec<f64>,
    /// The action masks of the current observations, one row per environment. They are read if `has_masks`.
    masks: Vec<bool>,
    mask_len: usize,
    has_masks: bool,
}

impl PythonGroup {
    fn set_mask(&mut self, index: usize, mask: &[bool]) {
        self.masks[index * self.mask_len..][..self.mask_len].copy_from_slice(mask);
        self.has_masks = true;
    }
}

/// Action masks with `length` values, if there are any.
fn read_masks(masks: &Bound<'_, PyAny>, length: usize) -> PyResult<Option<Vec<bool>>> {
    if masks.is_none() || length == 0 {
        return Ok(None);
    }
    let mut values = vec![0.0; length];
    read(masks, &mut values, "the action masks")?;
    Ok(Some(values.into_iter().map(|value| value != 0.0).collect()))
}

impl EnvGroup for PythonGroup {
    fn len(&self) -> usize {
        self.count
    }

    fn reset(&mut self, index: usize, rng: &mut Stream, observation: &mut [f64]) -> Result<(), Fault> {
        // As Gymnasium recommends, only the first reset has a seed.
        let seed = (!std::mem::replace(&mut self.seeded[index], true)).then(|| rng.below(1 << 31));
        let (width, mask_len) = (observation.len(), self.mask_len);
        let (first, mask) = self.link.call(&self.object, move |object| {
            let result = object.call_method1(pyo3::intern!(object.py(), "reset"), (index, seed))?;
            let (first, mask): (Bound<'_, PyAny>, Bound<'_, PyAny>) = result.extract()?;
            let mask = read_masks(&mask, mask_len)?;
            if first.is_none() {
                return Ok((None, mask));
            }
            let mut seen = vec![0.0; width];
            read(&first, &mut seen, "the observation of reset()")?;
            Ok((Some(seen), mask))
        })?;
        first.iter().for_each(|first| observation.copy_from_slice(first));
        mask.iter().for_each(|mask| self.set_mask(index, mask));
        Ok(())
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
        let mut seen = std::mem::take(&mut self.seen);
        seen.resize(observations.len(), 0.0);
        let mut chosen = ActionRows::zeros(actions.width(), 0);
        chosen.append(actions);
        let some = (which.len() < self.count).then(|| which.to_vec());
        let (rows, mask_len) = (outcomes.len(), self.mask_len);
        let (seen, rewards, endings, masks) = self.link.call(&self.object, move |object| {
            let py = object.py();
            let which = some.map(|which| PyArray1::from_vec(py, which));
            let result = object.call_method1(pyo3::intern!(py, "step"), (which, action_array(py, chosen.all())?))?;
            let [found, rewards, endings, masks]: [Bound<'_, PyAny>; 4] = result.extract()?;
            read(&found, &mut seen, "the observations of step()")?;
            let rewards = Doubles::vector(&rewards, rows, "the rewards of step()")?.values().to_vec();
            let mut ended = vec![0.0; rows];
            read(&endings, &mut ended, "the endings of step()")?;
            Ok((seen, rewards, ended, read_masks(&masks, rows * mask_len)?))
        })?;
        observations.copy_from_slice(&seen);
        self.seen = seen;
        if let Some(masks) = masks {
            which.iter().zip(masks.chunks_exact(mask_len)).for_each(|(&index, mask)| self.set_mask(index, mask));
        }
        for ((outcome, reward), ending) in outcomes.iter_mut().zip(rewards).zip(endings) {
            let ending = match ending as u8 {
                0 => Ending::Running,
                1 => Ending::Terminated,
                2 => Ending::Truncated,
                _ => Ending::Began,
            };
            *outcome = Outcome { reward, ending };
        }
        Ok(())
    }

    fn action_mask(&self, index: usize, mask: &mut [bool]) -> bool {
        if self.has_masks {
            mask.copy_from_slice(&self.masks[index * self.mask_len..][..self.mask_len]);
        }
        self.has_masks
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
        let taken = self.link.call(&self.object, |object| {
            let taken: PyResult<Vec<(String, f64, u64)>> =
                object.call_method0("take_measures").and_then(|taken| taken.extract());
            match taken {
                // Nothing depends on them, and they must not hide the report of another failure.
                Err(error) if error.is_instance_of::<PyException>(object.py()) => Ok(Vec::new()),
                taken => taken,
            }
        });
        let measures = taken.unwrap_or_default().into_iter();
        measures.map(|(name, sum, count)| Measure { name, sum, count }).collect()
    }
}

/// Environments may have processes or windows, so they are closed and not left to the garbage collector.
impl Drop for PythonGroup {
    fn drop(&mut self) {
        self.link.close(&self.object);
    }
}

/// The environment `gym:id` with keyword arguments `options`, for the program.
pub(crate) fn make_gymnasium(id: &str, options: &toml::Table) -> npg::Result<Box<dyn EnvSource>> {
    let text = toml::to_string(options).expect("a table that was read can be written");
    let name = id.to_owned();
    let made = for_program(move |py| -> PyResult<Box<dyn EnvSource>> {
        let source = py.import("npg._sources")?.call_method1("of_gymnasium", (name, text))?;
        let source = source.cast::<Source>()?.get();
        let make = source.make.as_ref().ok_or_else(|| mistake("Gymnasium's environments are made in Python"))?;
        let link = Link::new(true, true);
        link.set_timeout(source.timeout);
        Ok(source.linked(make, &link))
    });
    let ended = || npg::Error::Run("the program is ending".into());
    made.ok_or_else(ended)?.map_err(|error| {
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

/// `("box", low, high)`, `("image", shape, channels_first, low, high)`, `("discrete", n)`, `("multi-discrete", sizes)`, `("multi-binary", bits)`, `("tuple", spaces)`,
/// `("dict", [(name, space), ...])` or `("parametrized", boxes)`.
fn read_space(space: &Bound<'_, PyAny>) -> PyResult<Space> {
    let kind: String = space.get_item(0)?.extract()?;
    let part = |index: usize| space.get_item(index);
    Ok(match kind.as_str() {
        "box" => Space::Box { low: part(1)?.extract()?, high: part(2)?.extract()? },
        "image" => {
            let [first, second, third]: [usize; 3] = part(1)?.extract()?;
            let is_channels_first: bool = part(2)?.extract()?;
            let [rows, columns, channels] =
                if is_channels_first { [second, third, first] } else { [first, second, third] };
            let (low, high) = (part(3)?.extract()?, part(4)?.extract()?);
            Space::Image(Image { rows, columns, channels, is_channels_first, low, high })
        }
        "discrete" => Space::Discrete(part(1)?.extract()?),
        "multi-discrete" => Space::MultiDiscrete(part(1)?.extract()?),
        "multi-binary" => Space::MultiBinary(part(1)?.extract()?),
        "tuple" => Space::Tuple(read_parts(&part(1)?)?),
        "dict" => {
            let parts = part(1)?;
            let named = |pair: PyResult<Bound<'_, PyAny>>| {
                let pair = pair?;
                Ok((pair.get_item(0)?.extract()?, read_space(&pair.get_item(1)?)?))
            };
            Space::Dict(parts.try_iter()?.map(named).collect::<PyResult<_>>()?)
        }
        "parametrized" => Space::Parametrized(read_parts(&part(1)?)?),
        other => return Err(mistake(format!("a space of the kind `{other}` is not supported"))),
    })
}

fn read_parts(spaces: &Bound<'_, PyAny>) -> PyResult<Vec<Space>> {
    spaces.try_iter()?.map(|space| read_space(&space?)).collect()
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
        Space::Image(image) => {
            ("image", image.shape(), image.is_channels_first, image.low, image.high).into_pyobject(py)?.into_any()
        }
        Space::Discrete(n) => ("discrete", *n).into_pyobject(py)?.into_any(),
        Space::MultiDiscrete(sizes) => ("multi-discrete", sizes.clone()).into_pyobject(py)?.into_any(),
        Space::MultiBinary(bits) => ("multi-binary", *bits).into_pyobject(py)?.into_any(),
        Space::Tuple(parts) => ("tuple", write_parts(py, parts)?).into_pyobject(py)?.into_any(),
        Space::Dict(parts) => {
            let named = |(name, part): &(String, Space)| Ok((name.clone(), write_space(py, part)?));
            ("dict", parts.iter().map(named).collect::<PyResult<Vec<_>>>()?).into_pyobject(py)?.into_any()
        }
        Space::Parametrized(boxes) => ("parametrized", write_parts(py, boxes)?).into_pyobject(py)?.into_any(),
    })
}

fn write_parts<'py>(py: Python<'py>, spaces: &[Space]) -> PyResult<Vec<Bound<'py, PyAny>>> {
    spaces.iter().map(|space| write_space(py, space)).collect()
}
