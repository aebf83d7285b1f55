//! Records what training asks of the physics, so that `mujoco.rollout` can be asked the same: see `physics.py`.
//!
//! `record ENVIRONMENT CONFIG STEPS FILE` trains as `npg train ENVIRONMENT --config CONFIG --steps STEPS` does, to the bit,
//! and writes little-endian f64: how many numbers a state and an action have, then for each piece of an episode, at most 32
//! steps long, its length, the state that it starts from, and its actions.

use npg::Error;
use npg::config::Layers;
use npg::env::{Actions, EnvGroup, EnvSource, Fault, Outcome, Spec};
use npg::random::Stream;
use npg::train::Trainer;
use std::error;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Steps of a piece.
const LENGTH: usize = 32;

/// Pieces of all groups, one after the other.
type Record = Arc<Mutex<Vec<f64>>>;

/// Environments that are recorded.
struct Recorded {
    source: Box<dyn EnvSource>,
    record: Record,
}

impl EnvSource for Recorded {
    fn spec(&self) -> Spec {
        self.source.spec()
    }

    fn group(&self, count: usize) -> Result<Box<dyn EnvGroup>, Error> {
        let group = self.source.group(count)?;
        Ok(Box::new(RecordedGroup { group, pieces: vec![Piece::default(); count], record: self.record.clone() }))
    }
}

/// What an environment did since its state was saved.
#[derive(Clone, Default)]
struct Piece {
    length: usize,
    state: Vec<f64>,
    actions: Vec<f64>,
}

struct RecordedGroup {
    group: Box<dyn EnvGroup>,
    pieces: Vec<Piece>,
    record: Record,
}

impl RecordedGroup {
    fn write(&mut self, index: usize) {
        let Piece { length, state, actions } = std::mem::take(&mut self.pieces[index]);
        if length > 0 {
            let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
            record.push(length as f64);
            record.extend(state);
            record.extend(actions);
        }
    }
}

impl EnvGroup for RecordedGroup {
    fn len(&self) -> usize {
        self.group.len()
    }

    fn reset(&mut self, index: usize, rng: &mut Stream, observation: &mut [f64]) -> Result<(), Fault> {
        self.write(index);
        self.group.reset(index, rng, observation)
    }

    fn step(
        &mut self,
        which: &[usize],
        actions: Actions<'_>,
        rngs: &mut [Stream],
        observations: &mut [f64],
        outcomes: &mut [Outcome],
    ) -> Result<(), Fault> {
        for (row, &index) in which.iter().enumerate() {
            if self.pieces[index].length == 0 {
                let state = self.group.save(index);
                let message = || Fault { environment: index, message: "the environment gives no state".into() };
                self.pieces[index].state = state.ok_or_else(message)?;
            }
            self.pieces[index].length += 1;
            self.pieces[index].actions.extend_from_slice(actions.row(row).reals());
            if self.pieces[index].length == LENGTH {
                self.write(index);
            }
        }
        self.group.step(which, actions, rngs, observations, outcomes)
    }

    fn save(&self, index: usize) -> Option<Vec<f64>> {
        self.group.save(index)
    }

    fn load(&mut self, index: usize, state: &[f64]) -> Result<(), Fault> {
        self.group.load(index, state)
    }
}

impl Drop for RecordedGroup {
    fn drop(&mut self) {
        (0..self.pieces.len()).for_each(|index| self.write(index));
    }
}

fn main() -> Result<(), Box<dyn error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [environment, config, steps, file] = &arguments[..] else {
        return Err("usage: record ENVIRONMENT CONFIG STEPS FILE".into());
    };
    let mut layers = Layers::default();
    layers.preset(environment);
    layers.file(Path::new(config))?;
    layers.set(&format!("run.steps={steps}"));
    let (config, source) = layers.resolve_for(environment)?;
    let record = Record::default();
    let mut probe = source.group(1)?;
    let spec = source.spec();
    let mut observation = vec![0.0; spec.observation.len()];
    let mut rng = Stream::new(0, npg::random::Purpose::Test, 0);
    probe.reset(0, &mut rng, &mut observation).map_err(|fault| fault.message)?;
    let state = probe.save(0).ok_or("the environment gives no state")?;
    record.lock().unwrap_or_else(PoisonError::into_inner).extend([state.len() as f64, spec.action.len() as f64]);
    let trainer = Trainer::new(config, Box::new(Recorded { source, record: record.clone() }))?;
    for iteration in trainer {
        iteration?;
    }
    let record = record.lock().unwrap_or_else(PoisonError::into_inner);
    fs::write(file, record.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>())?;
    Ok(())
}
