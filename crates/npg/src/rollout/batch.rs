//! A batch of transitions, environment after environment.

use crate::advantage::{Segment, SegmentEnd};
use crate::env::Measure;
use crate::network::kernels::Matrix;
use crate::normalize::Moments;
use crate::policy::{ActionRows, Policy};

/// A finished training episode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Episode {
    /// Undiscounted sum of rewards.
    pub total: f64,
    /// Steps.
    pub length: u32,
    /// At which of its environment's steps in this batch it ended: the order in time.
    pub(crate) ended_at: usize,
}

/// Transitions of one iteration. Rows are environment-major; segments say where episodes begin and end.
#[derive(Clone, Debug)]
pub struct Batch {
    /// What the network saw: normalized observations, one row a transition.
    pub inputs: Matrix,
    /// The observations themselves (encoded, f32); empty where they are not normalized.
    pub observations: Matrix,
    /// Raw actions.
    pub actions: ActionRows,
    /// Rewards as the environment gave them.
    pub rewards: Vec<f64>,
    /// Step within its episode of each row.
    pub steps: Vec<u32>,
    /// Runs of consecutive steps.
    pub segments: Vec<Segment>,
    /// Network inputs of the observations that segments bootstrap from.
    pub finals: Matrix,
    /// Step within its episode of each final observation.
    pub final_steps: Vec<u32>,
    /// Episodes that ended in this batch, in order of time.
    pub episodes: Vec<Episode>,
    /// Moments of this batch's observations.
    pub observation_moments: Moments,
    /// Discounted sum of the episode's rewards so far, up to and with each row's.
    pub returns: Vec<f64>,
    /// Simulations that diverged.
    pub diverged: u64,
    /// What the environments measured beside rewards.
    pub measures: Vec<Measure>,
}

impl Batch {
    /// Number of transitions.
    pub fn len(&self) -> usize {
        self.rewards.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rewards.is_empty()
    }

    /// A batch of `rows` rows to be filled.
    pub(super) fn zeros(policy: &Policy, rows: usize) -> Self {
        let kept = if policy.normalizer.is_some() { rows } else { 0 };
        Self {
            inputs: Matrix::zeros(rows, policy.inputs()),
            observations: Matrix::zeros(kept, policy.inputs()),
            actions: ActionRows::zeros(&policy.distribution, rows),
            rewards: vec![0.0; rows],
            steps: vec![0; rows],
            segments: Vec::new(),
            finals: Matrix::zeros(0, policy.inputs()),
            final_steps: Vec::new(),
            episodes: Vec::new(),
            observation_moments: Moments::new(policy.inputs()),
            returns: vec![0.0; rows],
            diverged: 0,
            measures: Vec::new(),
        }
    }

    /// Adds a final observation; returns its row.
    pub(super) fn push_final(&mut self, policy: &Policy, encoded: &[f64], step: u32) -> usize {
        let row = self.final_steps.len();
        self.finals.set_rows(row + 1);
        policy.normalize(encoded, self.finals.row_mut(row));
        self.final_steps.push(step);
        row
    }

    /// One batch of all groups' batches, in order.
    pub(super) fn concatenate(policy: &Policy, blocks: Vec<Batch>) -> Self {
        let mut all = Batch::zeros(policy, 0);
        let width = policy.inputs();
        // The two that are large, on two threads.
        (all.inputs, all.observations) = rayon::join(
            || Matrix::concatenate(width, blocks.iter().map(|block| &block.inputs)),
            || Matrix::concatenate(width, blocks.iter().map(|block| &block.observations)),
        );
        all.finals = Matrix::concatenate(width, blocks.iter().map(|block| &block.finals));
        for block in blocks {
            let (row, last) = (all.rewards.len(), all.final_steps.len());
            all.actions.append(&block.actions);
            all.rewards.extend_from_slice(&block.rewards);
            all.steps.extend_from_slice(&block.steps);
            all.final_steps.extend_from_slice(&block.final_steps);
            all.segments.extend(block.segments.into_iter().map(|segment| Segment {
                rows: segment.rows.start + row..segment.rows.end + row,
                end: match segment.end {
                    SegmentEnd::Terminated => SegmentEnd::Terminated,
                    SegmentEnd::Truncated(r) => SegmentEnd::Truncated(r + last),
                    SegmentEnd::Cut(r) => SegmentEnd::Cut(r + last),
                },
                ..segment
            }));
            all.episodes.extend(block.episodes);
            all.observation_moments.merge(&block.observation_moments);
            all.returns.extend_from_slice(&block.returns);
            all.diverged += block.diverged;
            for measure in block.measures {
                match all.measures.iter_mut().find(|other| other.name == measure.name) {
                    Some(same) => (same.sum, same.count) = (same.sum + measure.sum, same.count + measure.count),
                    None => all.measures.push(measure),
                }
            }
        }
        all.episodes.sort_by_key(|episode| episode.ended_at); // stable: environments stay in order
        all
    }
}
