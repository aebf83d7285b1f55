//! Native environments as one vector for Gymnasium.

use npg::env::{ActionRows, Actions, Ending, EnvGroup, Fault, Outcome, Space};
use npg::random::{Purpose, Stream};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyReadonlyArray1};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use rayon::prelude::*;
use std::sync::Mutex;

use crate::arrays::{Doubles, matrix, read};
use crate::errors::{exception, mistake};
use crate::threads::on_all_cores;

/// The environments of one chunk, enough to make passing it to a thread cheap.
const CHUNK: usize = 64;

/// The result of a step: observations and final observations (rows, numbers), rewards, terminated, truncated.
type Stepped<'py> = (
    Bound<'py, PyArray2<f64>>,
    Bound<'py, PyArray2<f64>>,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<bool>>,
    Bound<'py, PyArray1<bool>>,
);

/// Native environments that step together. The caller resets them, or they are reset as soon as an episode has ended.
#[pyclass(module = "npg._npg")]
pub(crate) struct NativeGroup {
    chunks: Mutex<Vec<Chunk>>,
    action: Space,
    /// The number of elements of an observation.
    width: usize,
    count: usize,
    limit: Option<u32>,
}

/// Environments that one thread steps.
struct Chunk {
    first: usize,
    group: Box<dyn EnvGroup>,
    streams: Vec<Stream>,
    /// Steps of the current episode.
    steps: Vec<u32>,
}

/// A chunk's rows of a step's results.
struct Slots<'a> {
    observations: &'a mut [f64],
    finals: &'a mut [f64],
    rewards: &'a mut [f64],
    terminated: &'a mut [bool],
    truncated: &'a mut [bool],
}

impl Chunk {
    fn step(
        &mut self,
        actions: Actions<'_>,
        begin: &[bool],
        reset_ended: bool,
        limit: Option<u32>,
        slots: Slots<'_>,
    ) -> Result<(), Fault> {
        let count = self.group.len();
        let width = slots.observations.len() / count.max(1);
        let which: Vec<usize> = (0..count).filter(|&i| !begin[self.first + i]).collect();
        let mut outcomes = vec![Outcome { reward: 0.0, ending: Ending::Running }; which.len()];
        let mut seen = vec![0.0; which.len() * width];
        let mut own = ActionRows::zeros(actions.width(), 0);
        which.iter().for_each(|&i| own.push(actions.row(self.first + i)));
        self.group.step(&which, own.all(), &mut self.streams, &mut seen, &mut outcomes)?;
        for (row, &i) in which.iter().enumerate() {
            self.steps[i] += 1;
            let Outcome { reward, ending } = outcomes[row];
            let observation = &mut slots.observations[i * width..][..width];
            if ending != Ending::Diverged {
                observation.copy_from_slice(&seen[row * width..][..width]);
            }
            let timed_out = limit.is_some_and(|limit| self.steps[i] >= limit);
            slots.rewards[i] = reward;
            slots.terminated[i] = ending == Ending::Terminated;
            slots.truncated[i] = timed_out || matches!(ending, Ending::Truncated | Ending::Diverged);
            if reset_ended && (slots.terminated[i] || slots.truncated[i]) {
                slots.finals[i * width..][..width].copy_from_slice(observation);
                self.begin(i, observation)?;
            }
        }
        for i in 0..count {
            if !begin[self.first + i] {
                continue;
            }
            (slots.rewards[i], slots.terminated[i], slots.truncated[i]) = (0.0, false, false);
            self.begin(i, &mut slots.observations[i * width..][..width])?;
        }
        Ok(())
    }

    fn begin(&mut self, i: usize, observation: &mut [f64]) -> Result<(), Fault> {
        self.steps[i] = 0;
        self.group.reset(i, &mut self.streams[i], observation)
    }
}

impl NativeGroup {
    fn chunks(&mut self) -> &mut Vec<Chunk> {
        self.chunks.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[pymethods]
impl NativeGroup {
    /// `count` environments of the native id, with streams from `seed`.
    #[new]
    fn new(id: &str, options: &str, count: usize, seed: u64) -> PyResult<Self> {
        let options: toml::Table = options.parse().map_err(|error| mistake(format!("options: {error}")))?;
        let source = npg::env::registry::make(id, &options).map_err(|error| exception(&error))?;
        let spec = source.spec();
        let chunk = |first: usize| -> npg::Result<Chunk> {
            let size = CHUNK.min(count - first);
            let stream = |i: usize| Stream::new(seed, Purpose::Environment, (first + i) as u64);
            let streams = (0..size).map(stream).collect();
            Ok(Chunk { first, group: source.group(size)?, streams, steps: vec![0; size] })
        };
        let chunks = (0..count).step_by(CHUNK).map(chunk).collect::<npg::Result<_>>();
        Ok(Self {
            chunks: Mutex::new(chunks.map_err(|error| exception(&error))?),
            width: spec.observation.len(),
            action: spec.action,
            count,
            limit: spec.max_episode_steps,
        })
    }

    /// Starts episodes where `mask` is true, with new streams where `seeds` has a seed (negative means none). `observations` has the
    /// current rows, and the new ones are returned in a copy.
    fn reset<'py>(
        &mut self,
        py: Python<'py>,
        mask: PyReadonlyArray1<'py, bool>,
        seeds: PyReadonlyArray1<'py, i64>,
        observations: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let (mask, seeds) = (mask.as_slice()?, seeds.as_slice()?);
        let mut seen = Doubles::rows(observations, self.width, "observations")?.values().to_vec();
        let width = self.width;
        for chunk in self.chunks() {
            for i in 0..chunk.steps.len() {
                if !mask[chunk.first + i] {
                    continue;
                }
                if let Ok(seed) = u64::try_from(seeds[chunk.first + i]) {
                    chunk.streams[i] = Stream::new(seed, Purpose::Environment, 0);
                }
                let slot = &mut seen[(chunk.first + i) * width..][..width];
                chunk.begin(i, slot).map_err(|fault| failed(&fault, chunk.first))?;
            }
        }
        matrix(py, &seen, width)
    }

    /// Starts an episode in environment `index` in the given state, and returns its first observation.
    fn begin_at<'py>(
        &mut self,
        py: Python<'py>,
        index: usize,
        state: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let state = Doubles::of(state, "state")?;
        let mut observation = vec![0.0; self.width];
        let count = self.count;
        let chunk = self.chunks().get_mut(index / CHUNK).filter(|chunk| index - chunk.first < chunk.steps.len());
        let chunk = chunk.ok_or_else(|| mistake(format!("environment {index} of {count}")))?;
        let i = index - chunk.first;
        chunk.steps[i] = 0;
        let result = chunk.group.begin_at(i, state.values(), &mut observation);
        result.map_err(|fault| mistake(format!("environment {index}: {}", fault.message)))?;
        Ok(observation.into_pyarray(py))
    }

    /// Steps all environments except those of `begin`, which start an episode instead. With `reset_ended`, those whose episode
    /// ended start the next one immediately, and their last observation is in the final observations.
    fn step<'py>(
        &mut self,
        py: Python<'py>,
        actions: &Bound<'py, PyAny>,
        begin: PyReadonlyArray1<'py, bool>,
        reset_ended: bool,
    ) -> PyResult<Stepped<'py>> {
        let (count, width, limit) = (self.count, self.width, self.limit);
        let columns = self.action.len();
        let mut values = vec![0.0; count * columns];
        read(actions, &mut values, "actions")?;
        let actions = ActionRows::from_numbers(&self.action, values);
        let begin = begin.as_slice()?;
        if begin.len() != count {
            return Err(mistake(format!("begin has {} values for {count} environments", begin.len())));
        }
        let mut observations = vec![0.0; count * width];
        let mut finals = vec![0.0; if reset_ended { count * width } else { 0 }];
        let mut rewards = vec![0.0; count];
        let (mut terminated, mut truncated) = (vec![false; count], vec![false; count]);
        let chunks = self.chunks();
        let is_small = chunks.len() == 1; // threads would cost more than they gain
        let mut slots = Vec::with_capacity(chunks.len());
        let mut rest =
            (&mut observations[..], &mut finals[..], &mut rewards[..], &mut terminated[..], &mut truncated[..]);
        for chunk in chunks.iter() {
            let n = chunk.steps.len();
            let (a, b) = rest.0.split_at_mut(n * width);
            let (c, d) = rest.1.split_at_mut(if reset_ended { n * width } else { 0 });
            let (e, f) = rest.2.split_at_mut(n);
            let (g, h) = rest.3.split_at_mut(n);
            let (i, j) = rest.4.split_at_mut(n);
            slots.push(Slots { observations: a, finals: c, rewards: e, terminated: g, truncated: i });
            rest = (b, d, f, h, j);
        }
        let step = || {
            chunks.par_iter_mut().zip(slots).try_for_each(|(chunk, slots)| {
                let first = chunk.first;
                chunk.step(actions.all(), begin, reset_ended, limit, slots).map_err(|fault| (fault, first))
            })
        };
        py.detach(|| if is_small { Ok(step()) } else { on_all_cores(step) })?
            .map_err(|(fault, first)| failed(&fault, first))?;
        let finals = matrix(py, &finals, width)?;
        Ok((
            matrix(py, &observations, width)?,
            finals,
            rewards.into_pyarray(py),
            terminated.into_pyarray(py),
            truncated.into_pyarray(py),
        ))
    }
}

fn failed(fault: &Fault, first: usize) -> PyErr {
    PyRuntimeError::new_err(format!("environment {}: {}", first + fault.environment, fault.message))
}
