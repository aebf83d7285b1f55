//! One group of environments between two batches, and the loop that samples it.

use super::recording::Recording;
use super::{Batch, Readers};
use crate::env::{Ending, Episodes, Outcome, Progress};
use crate::error::{Error, Result};
use crate::network::Packed;
use crate::policy::{Actor, Exploration, HeldNoise, Observations, contracted, expanded};
use std::sync::Arc;

/// Everything about one environment that the next batch depends on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Positions in the environment's and in the action's random stream.
    pub positions: [u64; 2],
    /// The number of episodes before the current one.
    pub episode: u64,
    /// Steps of the current episode so far.
    pub step: u32,
    /// The sum of their rewards.
    pub total: f64,
    /// The discounted sum of their rewards, for the return normalizer.
    pub discounted: f64,
    /// The current observation. Indices are one-hot vectors, unless these are wide. It is empty if the episode has not begun.
    pub observation: Vec<f64>,
    /// The exploration noise in use.
    pub noise: HeldNoise,
    /// The simulator's own state. It is empty if the episode has not begun.
    pub state: Vec<f64>,
}

/// A group of environments, and what training keeps of each besides its episodes.
pub(super) struct Group {
    episodes: Episodes,
    explorations: Vec<Exploration>,
    /// The discounted sums of the current episodes' rewards, for the return normalizer.
    discounted: Vec<f64>,
    /// Memory of an earlier batch, to be used again.
    pub(super) spare: Option<Observations>,
}

impl Group {
    /// `explorations` has one element per environment.
    pub(super) fn new(episodes: Episodes, explorations: Vec<Exploration>) -> Self {
        Self { discounted: vec![0.0; episodes.len()], episodes, explorations, spare: None }
    }

    pub(super) fn len(&self) -> usize {
        self.episodes.len()
    }

    pub(super) fn first(&self) -> usize {
        self.episodes.first()
    }

    /// Samples `counts[i]` transitions of environment i.
    pub(super) fn sample(
        &mut self,
        readers: Readers<'_>,
        packed: &Arc<Packed>,
        counts: &[usize],
        gamma: f64,
    ) -> Result<Batch> {
        let (policy, _) = readers;
        for env in 0..self.len() {
            if !self.episodes.progress(env).has_begun {
                self.begin(env)?;
            }
        }
        let mut recording = Recording::new(readers, counts, &self.episodes, self.spare.take());
        let mut actor = Actor::with_copies(policy, Arc::clone(packed), self.len());
        let mut active = Vec::with_capacity(self.len());
        while !recording.is_full() {
            recording.choose(&mut active, self.episodes.steps_together());
            actor.act(&self.episodes, &active, Some(&mut self.explorations))?;
            self.episodes.step(&active, actor.executed(active.len()))?;
            for (row, &env) in active.iter().enumerate() {
                let Outcome { reward, ending } = self.episodes.outcome(row);
                match ending {
                    Ending::Began => {}
                    Ending::Diverged => recording.divergence(env, &self.episodes)?,
                    Ending::Running | Ending::Terminated | Ending::Truncated => {
                        self.discounted[env] = gamma.mul_add(self.discounted[env], reward);
                        recording.transition((row, env), &actor, &self.episodes, self.discounted[env]);
                    }
                }
                if ending.is_over() {
                    self.begin(env)?;
                }
            }
        }
        Ok(recording.finish(&mut self.episodes))
    }

    fn begin(&mut self, env: usize) -> Result<()> {
        self.discounted[env] = 0.0;
        self.explorations[env].noise.end();
        self.episodes.begin(env)
    }

    /// Drops the episodes in progress.
    pub(super) fn begin_anew(&mut self) {
        self.episodes.begin_anew();
    }

    pub(super) fn save(&self) -> Option<Vec<Snapshot>> {
        let mut snapshots = self.save_streams();
        for (env, snapshot) in snapshots.iter_mut().enumerate() {
            let &Progress { step, total, has_begun, .. } = self.episodes.progress(env);
            if has_begun {
                snapshot.state = self.episodes.save(env)?;
                snapshot.observation = expanded(self.episodes.space(), self.episodes.observation(env));
            }
            (snapshot.step, snapshot.total, snapshot.discounted) = (step, total, self.discounted[env]);
            snapshot.noise = self.explorations[env].noise.clone();
        }
        Some(snapshots)
    }

    pub(super) fn save_streams(&self) -> Vec<Snapshot> {
        let snapshot = |env| Snapshot {
            positions: [self.episodes.stream_position(env), self.explorations[env].stream.position()],
            episode: self.episodes.progress(env).episode,
            ..Snapshot::default()
        };
        (0..self.len()).map(snapshot).collect()
    }

    pub(super) fn load(&mut self, snapshots: &[Snapshot]) -> Result<()> {
        for (env, snapshot) in snapshots.iter().enumerate() {
            let &Snapshot { positions, episode, step, total, discounted, .. } = snapshot;
            let has_begun = !snapshot.observation.is_empty();
            self.episodes.restore(env, Progress { episode, step, total, has_begun }, positions[0]);
            self.explorations[env].stream.seek(positions[1]);
            self.explorations[env].noise = snapshot.noise.clone();
            self.discounted[env] = discounted;
            if !has_begun {
                continue;
            }
            let Some(observation) = contracted(self.episodes.space(), &snapshot.observation) else {
                let (saved, width) = (snapshot.observation.len(), self.episodes.space().encoded_len());
                return Err(Error::Run(format!("{saved} numbers of observation were saved, not {width}")));
            };
            if let Err(message) = self.episodes.space().check_observation(&observation) {
                return Err(Error::Run(format!("a saved {message}")));
            }
            self.episodes.load(env, &observation, &snapshot.state)?;
        }
        Ok(())
    }
}
