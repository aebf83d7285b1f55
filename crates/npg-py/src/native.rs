//! Native environments as one vector for Gymnasium.

use npg::env::{ActionRows, ActionWidth, Actions, Ending, Episodes, Outcome, Space};
use npg::random::{Purpose, Stream};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyReadonlyArray1};
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
}

/// Environments that one thread steps.
struct Chunk {
    first: usize,
    episodes: Episodes,
}

/// A chunk's rows of a step's results. All but `observations` are zero or false before.
struct Slots<'a> {
    observations: &'a mut [f64],
    finals: &'a mut [f64],
    rewards: &'a mut [f64],
    terminated: &'a mut [bool],
    truncated: &'a mut [bool],
}

impl Chunk {
    /// Steps the environments except those of `begin`, which start an episode instead (Gymnasium's NEXT_STEP). With
    /// `reset_ended`, those whose episode ended start the next one immediately (SAME_STEP).
    fn step(&mut self, actions: Actions<'_>, begin: &[bool], reset_ended: bool, slots: Slots<'_>) -> npg::Result<()> {
        let episodes = &mut self.episodes;
        let width = episodes.space().len();
        let begin = &begin[self.first..][..episodes.len()];
        let which: Vec<usize> = (0..episodes.len()).filter(|&env| !begin[env]).collect();
        let mut own = ActionRows::zeros(actions.width(), 0);
        which.iter().for_each(|&env| own.push(actions.row(self.first + env)));
        episodes.step(&which, own.all())?;
        for (row, &env) in which.iter().enumerate() {
            let Outcome { reward, ending } = episodes.outcome(row);
            slots.rewards[env] = reward;
            slots.terminated[env] = ending == Ending::Terminated;
            // As in Gymnasium, an episode can terminate and be truncated with the same step.
            slots.truncated[env] =
                episodes.has_timed_out(env) || matches!(ending, Ending::Truncated | Ending::Diverged);
            if reset_ended && ending.is_over() {
                slots.finals[env * width..][..width].copy_from_slice(episodes.observation(env));
                episodes.begin(env)?;
            }
        }
        (0..episodes.len()).filter(|&env| begin[env]).try_for_each(|env| episodes.begin(env))?;
        slots.observations.copy_from_slice(episodes.observations());
        Ok(())
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
            Ok(Chunk { first, episodes: Episodes::new(source.as_ref(), &spec, first, streams)? })
        };
        let chunks = (0..count).step_by(CHUNK).map(chunk).collect::<npg::Result<_>>();
        Ok(Self {
            chunks: Mutex::new(chunks.map_err(|error| exception(&error))?),
            width: spec.observation.len(),
            action: spec.action,
            count,
        })
    }

    /// Starts episodes where `mask` is true, with new streams where `seeds` has a seed (negative means none). Returns the current
    /// observations of all environments.
    fn reset<'py>(
        &mut self,
        py: Python<'py>,
        mask: PyReadonlyArray1<'py, bool>,
        seeds: PyReadonlyArray1<'py, i64>,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let (mask, seeds, width) = (mask.as_slice()?, seeds.as_slice()?, self.width);
        for Chunk { first, episodes } in self.chunks() {
            for env in (0..episodes.len()).filter(|env| mask[*first + env]) {
                if let Ok(seed) = u64::try_from(seeds[*first + env]) {
                    episodes.reseed(env, Stream::new(seed, Purpose::Environment, 0));
                }
                episodes.begin(env).map_err(|error| exception(&error))?;
            }
        }
        let observations: Vec<&[f64]> = self.chunks().iter().map(|chunk| chunk.episodes.observations()).collect();
        matrix(py, &observations.concat(), width)
    }

    /// The action masks of the current states, shape (environments, values), or None if the environments have none. They are
    /// known after a reset. After the end of an episode, the mask is that of the state before.
    fn action_masks<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyArray2<bool>>>> {
        let width = self.action.mask_len();
        let rows = |Chunk { episodes, .. }: &Chunk| -> Option<Vec<bool>> {
            let masks: Option<Vec<&[bool]>> = (0..episodes.len()).map(|env| episodes.action_mask(env)).collect();
            masks.map(|masks| masks.concat())
        };
        let masks: Option<Vec<Vec<bool>>> = self.chunks().iter().map(rows).collect();
        masks.map(|masks| matrix(py, &masks.concat(), width)).transpose()
    }

    /// Starts an episode in environment `index` in the given state, and returns its first observation.
    fn begin_at<'py>(
        &mut self,
        py: Python<'py>,
        index: usize,
        state: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let state = Doubles::of(state, "state")?;
        let count = self.count;
        let chunk = self.chunks().get_mut(index / CHUNK).filter(|_| index < count);
        let Chunk { first, episodes } = chunk.ok_or_else(|| mistake(format!("environment {index} of {count}")))?;
        let env = index - *first;
        episodes.begin_at(env, state.values()).map_err(|error| mistake(error.to_string()))?;
        Ok(PyArray1::from_slice(py, episodes.observation(env)))
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
        let (count, width) = (self.count, self.width);
        let columns = self.action.len();
        let mut values = vec![0.0; count * columns];
        read(actions, &mut values, "actions")?;
        let actions = ActionRows::from_numbers(ActionWidth::of(&self.action), values);
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
            let n = chunk.episodes.len();
            let (a, b) = rest.0.split_at_mut(n * width);
            let (c, d) = rest.1.split_at_mut(if reset_ended { n * width } else { 0 });
            let (e, f) = rest.2.split_at_mut(n);
            let (g, h) = rest.3.split_at_mut(n);
            let (i, j) = rest.4.split_at_mut(n);
            slots.push(Slots { observations: a, finals: c, rewards: e, terminated: g, truncated: i });
            rest = (b, d, f, h, j);
        }
        let step = || {
            chunks
                .par_iter_mut()
                .zip(slots)
                .try_for_each(|(chunk, slots)| chunk.step(actions.all(), begin, reset_ended, slots))
        };
        py.detach(|| if is_small { Ok(step()) } else { on_all_cores(step) })?.map_err(|error| exception(&error))?;
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
