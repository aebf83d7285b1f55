//! Sampling: groups of environments, each stepped by whichever worker thread is free, with its own inference.
//!
//! There is no barrier per step. The cut into groups depends on the number of environments only, and every environment
//! has its own random streams: the batch has the same bits for any number of threads.

mod group;
mod recording;
mod batch;

pub use batch::{Batch, Critic, Episode, Wide};
pub use group::Snapshot;

use crate::env::{EnvSource, Episodes};
use crate::error::{Error, Result};
use crate::policy::{Encoder, Exploration, Policy};
use crate::random::{Purpose, Stream};
use crate::reduce::{Layout, Reducer};
use group::Group;
use rayon::prelude::*;
use std::sync::Arc;

/// Who reads the observations of a batch: the policy, and the baseline if it reads them in another way.
pub type Readers<'a> = (&'a Policy, Option<&'a Encoder>);

/// All training environments, between batches.
pub struct Sampler {
    groups: Vec<Group>,
    n_envs: usize,
    gamma: f64,
}

impl Sampler {
    /// Makes `n_envs` environments; they are reset when the first batch is sampled. `gamma` discounts the returns whose
    /// moments are collected.
    ///
    /// # Errors
    /// What the source says when it cannot make a group.
    pub fn new(source: &dyn EnvSource, n_envs: usize, gamma: f64, seed: u64) -> Result<Self> {
        Self::after_restarts(source, n_envs, gamma, seed, 0)
    }

    /// As [`Sampler::new`], where a training run has got new environments `restarts` times: each time, the random streams are
    /// others.
    ///
    /// # Errors
    /// As [`Sampler::new`].
    pub fn after_restarts(source: &dyn EnvSource, n_envs: usize, gamma: f64, seed: u64, restarts: u64) -> Result<Self> {
        let spec = source.spec();
        let size = source.group_size(n_envs).max(1);
        // After a restart the streams are others, or a simulator that failed would fail at the same number again.
        let stream = |purpose, env: usize| Stream::new(seed, purpose, (restarts << 32) + env as u64);
        let group = |first: usize| {
            let envs = first..n_envs.min(first + size);
            let streams = envs.clone().map(|env| stream(Purpose::Environment, env)).collect();
            let explorations = envs.map(|env| Exploration::new(stream(Purpose::Action, env))).collect();
            Ok(Group::new(Episodes::new(source, &spec, first, streams)?, explorations))
        };
        let groups = (0..n_envs).step_by(size).map(group).collect::<Result<_>>()?;
        Ok(Self { groups, n_envs, gamma })
    }

    /// Samples exactly `steps` transitions; the remainder of a division by the number of environments goes to the first.
    ///
    /// # Errors
    /// [`Error::Environment`] for a failure of an environment, and for rewards or observations that are not finite.
    pub fn sample(&mut self, policy: &Policy, steps: usize) -> Result<Batch> {
        self.sample_for((policy, None), steps)
    }

    /// Like [`Sampler::sample`]. With an encoder beside the policy, the batch also has what that encoder reads.
    ///
    /// # Errors
    /// As [`Sampler::sample`].
    pub fn sample_for(&mut self, readers: Readers<'_>, steps: usize) -> Result<Batch> {
        let (each, remainder) = (steps / self.n_envs, steps % self.n_envs);
        let gamma = self.gamma;
        let packed = Arc::new(readers.0.network.pack(&readers.0.theta));
        let blocks: Vec<Result<Batch>> = self
            .groups
            .par_iter_mut()
            .with_max_len(1)
            .map(|group| {
                let counts: Vec<usize> =
                    (0..group.len()).map(|i| each + usize::from(group.first() + i < remainder)).collect();
                group.sample(readers, &packed, &counts, gamma)
            })
            .collect();
        let blocks = blocks.into_iter().collect::<Result<Vec<_>>>()?;
        self.check_masks(&blocks)?;
        let counts = (0..self.n_envs).map(|environment| each + usize::from(environment < remainder));
        Ok(Batch { reducer: Reducer::new(Layout::of_rows(counts)), ..Batch::concatenate(readers.0, blocks) })
    }

    /// Either all environments have action masks, or none has.
    fn check_masks(&self, blocks: &[Batch]) -> Result<()> {
        let without = self.groups.iter().zip(blocks).find(|(_, block)| block.masks.is_none());
        match without {
            Some((group, _)) if blocks.iter().any(|block| block.masks.is_some()) => {
                let message = "it gives no action mask, but others have one".into();
                Err(Error::Environment { environment: group.first(), episode: 0, step: 0, message })
            }
            _ => Ok(()),
        }
    }

    /// Takes back a batch that is no longer needed: the next but one is made in its room, if it is large.
    pub fn give_back(&mut self, batch: Batch) {
        if let [group] = &mut self.groups[..] {
            group.spare = batch.wide.map(|wide| wide.observations);
        }
    }

    /// Drops the episodes under way: the next batch begins with a reset of every environment.
    pub fn begin_anew(&mut self) {
        self.groups.iter_mut().for_each(Group::begin_anew);
    }

    /// The state of every environment; None for the whole if one of them cannot give its state.
    pub fn save(&self) -> Option<Vec<Snapshot>> {
        self.groups.iter().map(Group::save).collect::<Option<Vec<_>>>().map(|parts| parts.concat())
    }

    /// Where every environment's streams and episode counts stand: what is left of [`Sampler::save`] for environments
    /// that cannot give their state. Their episodes start anew.
    pub fn save_streams(&self) -> Vec<Snapshot> {
        self.groups.iter().flat_map(Group::save_streams).collect()
    }

    /// Restores what [`Sampler::save`] or [`Sampler::save_streams`] gave.
    ///
    /// # Errors
    /// [`Error::Run`] for another number of environments or of observations, [`Error::Environment`] for a state that an
    /// environment refuses.
    pub fn load(&mut self, snapshots: &[Snapshot]) -> Result<()> {
        if snapshots.len() != self.n_envs {
            return Err(Error::Run(format!(
                "{} environments were saved, this run has {}",
                snapshots.len(),
                self.n_envs
            )));
        }
        let mut rest = snapshots;
        for group in &mut self.groups {
            let (own, tail) = rest.split_at(group.len());
            group.load(own)?;
            rest = tail;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Sampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sampler").field("n_envs", &self.n_envs).finish_non_exhaustive()
    }
}
