//! A policy that acts on NumPy arrays.

use npg::policy::{Actor, HeldNoise, Policy as Inner};
use npg::random::{Purpose, Stream};
use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;

use crate::arrays::{Doubles, matrix};
use crate::errors::{exception, mistake};

/// A stochastic policy pi(a|s): network, distribution, observation statistics, action space.
#[pyclass(module = "npg._npg")]
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) inner: Inner,
    /// Of the actions that `act` samples.
    stream: Stream,
    /// The matrix of state-dependent exploration for each row.
    noise: Vec<HeldNoise>,
}

impl Policy {
    /// `iteration` begins the stream of sampled actions elsewhere for each.
    pub(crate) fn new(inner: Inner, seed: u64, iteration: u64) -> Self {
        Self { inner, stream: Stream::new(seed, Purpose::Prediction, iteration), noise: Vec::new() }
    }

    /// Network inputs of observations of shape (rows, numbers of an observation).
    pub(crate) fn inputs(&self, observations: &Bound<'_, PyAny>) -> PyResult<npg::network::kernels::Matrix> {
        let observations = Doubles::rows(observations, self.inner.observation.len(), "observations")?;
        let count = observations.shape()[0];
        if count == 0 {
            return Err(mistake("observations has no rows"));
        }
        let mut inputs = npg::network::kernels::Matrix::zeros(count, self.inner.inputs());
        encode(&self.inner, &observations, "observations", |row, encoded| {
            self.inner.normalize(encoded, inputs.row_mut(row))
        })?;
        Ok(inputs)
    }
}

/// Gives each row of `observations`, shape (rows, numbers of one), as a network reads it, or says what is wrong with it;
/// `what` names them.
fn encode(policy: &Inner, observations: &Doubles<'_>, what: &str, mut take: impl FnMut(usize, &[f64])) -> PyResult<()> {
    let space = &policy.observation;
    let mut encoded = vec![0.0; space.encoded_len()];
    for (row, observation) in observations.values().chunks_exact(space.len().max(1)).enumerate() {
        space.encode(observation, &mut encoded).map_err(|(index, value)| {
            mistake(format!("{what}[{row}, {index}] is {value}, which is not finite or not in its space"))
        })?;
        take(row, &encoded);
    }
    Ok(())
}

#[pymethods]
impl Policy {
    /// Executed actions, shape (rows, columns), int64 or float64, for observations of shape (rows, numbers of one).
    fn act<'py>(
        &mut self,
        py: Python<'py>,
        observations: &Bound<'py, PyAny>,
        deterministic: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let observations = Doubles::rows(observations, self.inner.observation.len(), "observation")?;
        let count = observations.shape()[0];
        let mut actor = Actor::new(&self.inner, count.max(1));
        encode(&self.inner, &observations, "observation", |row, encoded| {
            actor.observe(row, encoded);
        })?;
        actor.infer(count);
        self.noise.resize(count, HeldNoise::default());
        for (row, noise) in self.noise.iter_mut().enumerate() {
            if deterministic {
                actor.take_mode(row);
            } else {
                actor.sample(row, &mut self.stream, noise);
            }
        }
        Ok(match actor.executed(count) {
            npg::env::Actions::Integers { values, columns } => matrix(py, values, columns)?.into_any(),
            npg::env::Actions::Reals { values, columns } => matrix(py, values, columns)?.into_any(),
        })
    }

    /// Begins the stream of sampled actions anew.
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

    /// Mean and standard deviation of observations, or None where they are not normalized.
    #[getter]
    #[expect(clippy::type_complexity, reason = "a pair of arrays")]
    fn observation_statistics<'py>(
        &self,
        py: Python<'py>,
    ) -> Option<(Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>)> {
        let moments = self.inner.normalizer.as_ref()?.moments();
        let stds: Vec<f64> = (0..moments.mean.len()).map(|j| moments.variance(j).sqrt()).collect();
        Some((moments.mean.clone().into_pyarray(py), stds.into_pyarray(py)))
    }

    /// A policy with its own parameters.
    fn copy(&self) -> Self {
        Self { inner: self.inner.clone(), stream: self.stream.clone(), noise: Vec::new() }
    }

    /// Numbers of one observation, and of one action.
    #[getter]
    fn sizes(&self) -> (usize, usize) {
        (self.inner.observation.len(), self.inner.distribution.columns())
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
