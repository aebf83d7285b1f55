//! A policy that acts on NumPy arrays.

use npg::env::ActionRows;
use npg::network::kernels::Matrix;
use npg::policy::{Actor, HeldNoise, Inputs, Observations, Policy as Inner, WIDE};
use npg::random::{Purpose, Stream};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray2, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PySlice;

use crate::arrays::{Doubles, action_array};
use crate::errors::{exception, mistake};

/// A stochastic policy pi(a|s). It has a network, a distribution, the statistics of observations and an action space.
#[pyclass(module = "npg._npg")]
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) inner: Inner,
    /// The stream of the actions that `act` samples.
    stream: Stream,
    /// The matrix of state-dependent exploration for each row.
    noise: Vec<HeldNoise>,
}

impl Policy {
    /// The stream of sampled actions starts at another place for each `iteration`.
    pub(crate) fn new(inner: Inner, seed: u64, iteration: u64) -> Self {
        Self { inner, stream: Stream::new(seed, Purpose::Prediction, iteration), noise: Vec::new() }
    }

    /// Network inputs of observations of shape (rows, numbers of an observation).
    pub(crate) fn inputs(&self, observations: &Bound<'_, PyAny>) -> PyResult<States> {
        let width = self.inner.inputs();
        let mut states = if width > WIDE {
            States::Wide(Observations::zeros(&self.inner, 0))
        } else {
            States::Ready(Matrix::zeros(0, width))
        };
        for_each_part(observations, self.inner.encoder.space.len(), "observations", |first, part| {
            let count = part.shape()[0];
            if let States::Ready(matrix) = &mut states {
                matrix.set_rows(first + count);
            }
            for_each_row(&self.inner, part, (first, "observations"), |row, observation| match &mut states {
                States::Ready(matrix) => self.inner.encoder.write(observation, matrix.row_mut(first + row)),
                States::Wide(observations) => observations.push(observation),
            })
        })?;
        if states.inputs().rows() == 0 {
            return Err(mistake("observations has no rows"));
        }
        Ok(states)
    }
}

/// States that were given as observations.
pub(crate) enum States {
    Ready(Matrix),
    Wide(Observations),
}

impl States {
    pub(crate) fn inputs(&self) -> Inputs<'_> {
        match self {
            States::Ready(matrix) => matrix.into(),
            States::Wide(observations) => Inputs::Kept(observations),
        }
    }
}

/// Rows that are converted at once, because all of them would take eight bytes per number.
const PART: usize = 256;

/// Visits the rows of an array in parts, each with the index of its first row. A `Joined` batch (`python/npg/_spaces.py`) joins
/// its parts only when a slice is taken.
fn for_each_part<'py>(
    array: &Bound<'py, PyAny>,
    columns: usize,
    what: &str,
    mut take: impl FnMut(usize, &Doubles<'py>) -> PyResult<()>,
) -> PyResult<()> {
    let is_joined = array.hasattr("joined_rows")?;
    let rows = match array.cast::<PyUntypedArray>() {
        Ok(array) if array.ndim() == 2 => array.shape()[0],
        _ if is_joined => array.getattr("joined_rows")?.extract()?,
        _ => 0,
    };
    if rows <= PART && !is_joined {
        return take(0, &Doubles::rows(array, columns, what)?);
    }
    for first in (0..rows.max(1)).step_by(PART) {
        let part = PySlice::new(array.py(), first as isize, rows.min(first + PART) as isize, 1);
        take(first, &Doubles::rows(&array.get_item(part)?, columns, what)?)?;
    }
    Ok(())
}

/// Calls `take` with each row of `observations`, or returns what is wrong with it. `what` has their name and the index of the
/// first.
fn for_each_row(
    policy: &Inner,
    observations: &Doubles<'_>,
    (first, what): (usize, &str),
    mut take: impl FnMut(usize, &[f64]),
) -> PyResult<()> {
    let space = &policy.encoder.space;
    for (row, observation) in observations.values().chunks_exact(space.len().max(1)).enumerate() {
        space.check(observation).map_err(|(index, value)| {
            mistake(format!("{what}[{}, {index}] is {value}, which is not finite or not in its space", first + row))
        })?;
        take(row, observation);
    }
    Ok(())
}

#[pymethods]
impl Policy {
    /// Executed actions, shape (rows, columns), int64 or float64, for observations of shape (rows, numbers of one). `masks` has
    /// the action masks, shape (rows, values).
    #[pyo3(signature = (observations, deterministic, masks = None))]
    fn act<'py>(
        &mut self,
        py: Python<'py>,
        observations: &Bound<'py, PyAny>,
        deterministic: bool,
        masks: Option<PyReadonlyArray2<'py, bool>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let masks = masks.as_ref().map(|masks| Ok::<_, PyErr>((masks.as_slice()?, masks.shape()[1]))).transpose()?;
        let mut actor: Option<Actor<'_>> = None; // as large as the first part, which is the largest
        let mut chosen = ActionRows::zeros(self.inner.distribution.width(), 0);
        let (inner, stream, noise) = (&self.inner, &mut self.stream, &mut self.noise);
        for_each_part(observations, inner.encoder.space.len(), "observation", |first, part| {
            let count = part.shape()[0];
            let actor = actor.get_or_insert_with(|| Actor::new(inner, count.max(1)));
            for_each_row(inner, part, (first, "observation"), |row, observation| {
                actor.observe(row, observation);
            })?;
            actor.infer(count);
            if let Some((masks, values)) = masks {
                for row in 0..count {
                    let mask = masks.get((first + row) * values..).and_then(|rest| rest.get(..values)).unwrap_or(&[]);
                    let check = inner.distribution.check_mask(mask);
                    check.map_err(|message| mistake(format!("action_masks[{}]: {message}", first + row)))?;
                    actor.forbid(row, mask);
                }
            }
            noise.resize(noise.len().max(first + count), HeldNoise::default());
            for (row, noise) in noise[first..first + count].iter_mut().enumerate() {
                if deterministic {
                    actor.take_deterministic_action(row);
                } else {
                    actor.sample(row, stream, noise);
                }
            }
            chosen.append(actor.executed(count));
            Ok(())
        })?;
        noise.truncate(chosen.rows());
        action_array(py, chosen.all())
    }

    /// Restarts the stream of sampled actions.
    fn seed(&mut self, seed: u64) {
        self.stream = Stream::new(seed, Purpose::Prediction, 0);
        self.noise.clear();
    }

    /// The parameters, one flat vector.
    #[getter]
    fn theta<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        self.inner.theta.clone().into_pyarray(py)
    }

    #[setter]
    fn set_theta(&mut self, theta: &Bound<'_, PyAny>) -> PyResult<()> {
        let theta = Doubles::vector(theta, self.inner.theta.len(), "theta")?;
        let theta = theta.values();
        if let Some(index) = theta.iter().position(|x| !x.is_finite()) {
            return Err(mistake(format!("theta[{index}] is {}; it must be finite", theta[index])));
        }
        self.inner.theta.copy_from_slice(theta);
        Ok(())
    }

    /// Mean and standard deviation of observations, or None if they are not normalized.
    #[getter]
    #[expect(clippy::type_complexity, reason = "a pair of arrays")]
    fn observation_statistics<'py>(
        &self,
        py: Python<'py>,
    ) -> Option<(Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>)> {
        let moments = self.inner.encoder.normalizer.as_ref()?.moments();
        let stds: Vec<f64> = (0..moments.mean.len()).map(|j| moments.variance(j).sqrt()).collect();
        Some((moments.mean.clone().into_pyarray(py), stds.into_pyarray(py)))
    }

    /// Whether it was trained with action masks.
    #[getter]
    fn is_masked(&self) -> bool {
        self.inner.is_masked
    }

    /// The number of values of an action mask.
    #[getter]
    fn mask_len(&self) -> usize {
        self.inner.distribution.mask_len()
    }

    /// A copy with its own parameters.
    fn copy(&self) -> Self {
        Self { inner: self.inner.clone(), stream: self.stream.clone(), noise: Vec::new() }
    }

    /// The number of elements of an observation and of an action.
    #[getter]
    fn sizes(&self) -> (usize, usize) {
        (self.inner.encoder.space.len(), self.inner.distribution.width().total())
    }

    /// The policy in a checkpoint of an environment with this spec.
    #[staticmethod]
    fn load(path: std::path::PathBuf, source: &crate::source::Source) -> PyResult<Self> {
        let archive = npg::checkpoint::Archive::read(&path).map_err(|error| exception(&error))?;
        let fault = |fault| exception(&npg::Error::File { path: path.clone(), fault });
        let inner = npg::train::load_policy(&archive, &source.spec).map_err(fault)?;
        Ok(Self::new(inner, 0, 0))
    }
}
