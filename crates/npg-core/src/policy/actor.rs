//! A policy that acts in several environments at once: inference, exploration noise, and raw and executed actions.

use super::{Masks, Policy};
use crate::env::{ActionRows, Actions, Episodes};
use crate::error::{Error, Result};
use crate::network::{Packed, Tile};
use crate::random::Stream;
use std::sync::Arc;

/// The gSDE noise matrix of one environment, which is kept for several steps. It is empty without state-dependent
/// exploration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeldNoise {
    /// Standard normal numbers, row-major \[last inputs + 1 x actions\].
    pub normals: Vec<f64>,
    /// The number of steps that have used it.
    pub age: usize,
}

impl HeldNoise {
    /// Discards the matrix, so that the next step draws a new one.
    pub fn end(&mut self) {
        self.normals.clear();
        self.age = 0;
    }
}

/// The random numbers from which one environment's actions are sampled.
#[derive(Clone, Debug)]
pub struct Exploration {
    /// The stream of the numbers.
    pub stream: Stream,
    /// The noise in use.
    pub noise: HeldNoise,
}

impl Exploration {
    /// Numbers from `stream`, and no noise yet.
    pub fn new(stream: Stream) -> Self {
        Self { stream, noise: HeldNoise::default() }
    }
}

/// Inference with one policy for the environments of one group.
#[derive(Debug)]
pub struct Actor<'a> {
    policy: &'a Policy,
    packed: Arc<Packed>,
    tile: Tile,
    /// exp(L), the standard deviations of state-dependent exploration.
    stds: Vec<f64>,
    masks: Masks,
    raw: ActionRows,
    /// The reals of the executed actions. Integers are executed as they are drawn.
    executed: Vec<f64>,
}

impl<'a> Actor<'a> {
    /// An actor for up to `capacity` environments.
    pub fn new(policy: &'a Policy, capacity: usize) -> Self {
        Self::with_copies(policy, Arc::new(policy.network.pack(&policy.theta)), capacity)
    }

    /// Like [`Actor::new`], with the f32 copies of the policy's parameters, which several actors can share.
    pub(crate) fn with_copies(policy: &'a Policy, packed: Arc<Packed>, capacity: usize) -> Self {
        let stds = policy.network.exploration_parameters(&policy.theta).unwrap_or(&[]);
        Self {
            packed,
            tile: Tile::new(&policy.network, capacity, false),
            stds: stds.iter().map(|l| libm::exp(*l)).collect(),
            masks: Masks::new(policy, capacity),
            raw: ActionRows::zeros(policy.distribution.width(), capacity),
            executed: vec![0.0; policy.distribution.width().reals * capacity],
            policy,
        }
    }

    /// The policy that acts.
    pub fn policy(&self) -> &Policy {
        self.policy
    }

    /// Chooses actions for the current observations of the environments `which`: row i is the action of `which[i]`. With
    /// `exploration`, which has one element per environment of the group, the actions are sampled. Without, they are the most
    /// probable ones.
    ///
    /// # Errors
    /// [`Error::Policy`] if the network's outputs are not finite, so that they define no distribution.
    pub fn act(&mut self, episodes: &Episodes, which: &[usize], exploration: Option<&mut [Exploration]>) -> Result<()> {
        let rows = which.len();
        for (row, &env) in which.iter().enumerate() {
            self.observe(row, episodes.observation(env));
        }
        self.infer(rows);
        if let Some((row, value)) = self.overflow(rows) {
            let (environment, progress) = (episodes.first() + which[row], episodes.progress(which[row]));
            let (episode, step) = (progress.episode, u64::from(progress.step) + 1);
            return Err(Error::Policy { environment, episode, step, value });
        }
        if episodes.has_masks() {
            let masks = which.iter().enumerate().filter_map(|(row, &env)| Some((row, episodes.action_mask(env)?)));
            masks.for_each(|(row, mask)| self.forbid(row, mask));
        }
        match exploration {
            Some(exploration) => {
                for (row, &env) in which.iter().enumerate() {
                    let Exploration { stream, noise } = &mut exploration[env];
                    self.sample(row, stream, noise);
                }
            }
            None => (0..rows).for_each(|row| self.take_deterministic_action(row)),
        }
        Ok(())
    }

    /// Encodes an observation into row `row`. Returns the network's inputs.
    pub fn observe(&mut self, row: usize, observation: &[f64]) -> &[f32] {
        let slot = self.tile.inputs.row_mut(row);
        self.policy.encoder.write(observation, slot);
        slot
    }

    /// Runs the network on the first `rows` rows.
    pub fn infer(&mut self, rows: usize) {
        self.tile.set_rows(rows);
        self.policy.network.forward(&self.packed, &mut self.tile);
    }

    /// Forbids values of the action in row `row`, after [`Actor::infer`]: those that are false in `mask`
    /// ([`Space::mask_len`](crate::env::Space::mask_len) values).
    pub fn forbid(&mut self, row: usize, mask: &[bool]) {
        self.masks.row_mut(row).copy_from_slice(mask);
        self.policy.distribution.forbid(mask, self.tile.outputs_mut().row_mut(row));
    }

    /// The action masks of the rows, where the environments have them.
    pub fn masks(&self) -> &Masks {
        &self.masks
    }

    /// The first of the first `rows` rows with an output that is not finite, and that output. No action can be drawn from
    /// such a row.
    fn overflow(&self, rows: usize) -> Option<(usize, f32)> {
        (0..rows).find_map(|row| Some((row, *self.outputs(row).iter().find(|output| !output.is_finite())?)))
    }

    /// Samples the action of row `row`.
    pub fn sample(&mut self, row: usize, rng: &mut Stream, noise: &mut HeldNoise) {
        match self.policy.sde_steps {
            Some(hold) => self.explore(row, rng, noise, hold),
            None => self.policy.distribution.sample(self.tile.outputs().row(row), rng, self.raw.row_mut(row)),
        }
        self.execute(row);
    }

    /// Samples an action with gSDE: the noise is a function of the state, and its matrix is kept for `hold` steps.
    fn explore(&mut self, row: usize, rng: &mut Stream, noise: &mut HeldNoise, hold: usize) {
        if noise.normals.len() != self.stds.len() || noise.age >= hold {
            noise.normals.resize(self.stds.len(), 0.0);
            noise.normals.iter_mut().for_each(|z| *z = rng.normal());
            noise.age = 0;
        }
        noise.age += 1;
        let (mean, h) = (self.tile.outputs().row(row), self.tile.last_inputs().row(row));
        let action = self.raw.row_mut(row).reals;
        let columns = action.len();
        for (j, slot) in action.iter_mut().enumerate() {
            let draw = |i: usize| self.stds[i * columns + j] * noise.normals[i * columns + j];
            let sum: f64 = h.iter().enumerate().map(|(i, h)| f64::from(*h) * draw(i)).sum();
            *slot = f64::from(mean[j]) + sum + draw(h.len());
        }
    }

    /// Chooses the deterministic action (the mode of the distribution) in row `row`.
    pub fn take_deterministic_action(&mut self, row: usize) {
        self.policy.distribution.mode(self.tile.outputs().row(row), self.raw.row_mut(row));
        self.execute(row);
    }

    fn execute(&mut self, row: usize) {
        let raw = self.raw.row(row).reals();
        self.policy.action_map.execute(raw, &mut self.executed[row * raw.len()..][..raw.len()]);
    }

    /// The network's inputs for row `row`.
    pub fn inputs(&self, row: usize) -> &[f32] {
        self.tile.inputs.row(row)
    }

    /// The network's outputs for row `row`.
    pub fn outputs(&self, row: usize) -> &[f32] {
        self.tile.outputs().row(row)
    }

    /// The raw actions, as the distribution drew them.
    pub fn raw(&self) -> &ActionRows {
        &self.raw
    }

    /// The executed actions of the first `rows` rows, as the environments receive them.
    pub fn executed(&self, rows: usize) -> Actions<'_> {
        self.raw.first(rows).with_reals(&self.executed)
    }
}
