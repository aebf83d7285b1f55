//! A batch of transitions, environment after environment.

use crate::advantage::{Segment, SegmentEnd};
use crate::env::ActionRows;
use crate::env::Measure;
use crate::network::kernels::Matrix;
use crate::normalize::Moments;
use crate::policy::{Encoder, Inputs, Masks, Observations, Policy, WIDE};
use crate::reduce::Reducer;

/// A finished training episode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Episode {
    /// Undiscounted sum of rewards.
    pub total: f64,
    /// Steps.
    pub length: u32,
    /// Index of its environment.
    pub environment: usize,
    /// At which of its environment's steps in this batch it ended: the order in time.
    pub ended_at: usize,
}

impl Episode {
    fn place_in_time(&self) -> (usize, usize) {
        (self.ended_at, self.environment)
    }
}

/// Transitions of one iteration. Rows are environment-major; segments say where episodes begin and end.
#[derive(Clone, Debug)]
pub struct Batch {
    /// What the network saw: normalized observations, one row a transition. Empty where rows are wide.
    pub inputs: Matrix,
    /// The observations themselves, in f32; empty where they are not normalized, or wide.
    pub observations: Matrix,
    /// Wide observations, instead of `inputs`, `observations` and `finals`.
    pub wide: Option<Wide>,
    /// The observations as the baseline reads them, if it reads them in another way than the policy.
    pub critic: Option<Critic>,
    /// Raw actions.
    pub actions: ActionRows,
    /// The action masks under which they were chosen, if the environments have masks.
    pub masks: Option<Masks>,
    /// Rewards as the environment gave them.
    pub rewards: Vec<f64>,
    /// Step within its episode of each row.
    pub steps: Vec<u32>,
    /// How sums over the transitions are added.
    pub reducer: Reducer,
    /// Runs of consecutive steps.
    pub segments: Vec<Segment>,
    /// Network inputs of the observations that segments bootstrap from. Empty where rows are wide.
    pub finals: Matrix,
    /// Step within its episode of each final observation.
    pub final_steps: Vec<u32>,
    /// Episodes that ended in this batch, in order of time.
    pub episodes: Vec<Episode>,
    /// Moments of the reals of the observations of each environment.
    pub(super) observation_moments: Vec<Moments>,
    /// Discounted sum of the episode's rewards so far, up to and with each row's.
    pub returns: Vec<f64>,
    /// Simulations that diverged.
    pub diverged: u64,
    /// What the environments measured beside rewards.
    pub measures: Vec<Measure>,
}

/// Observations of more than [`WIDE`] numbers, kept as they came.
#[derive(Clone, Debug, PartialEq)]
pub struct Wide {
    /// One row a transition.
    pub observations: Observations,
    /// The observations that segments bootstrap from.
    pub finals: Observations,
}

/// Observations for a baseline that reads other parts of them than the policy, or encodes them in another way.
#[derive(Clone, Debug, PartialEq)]
pub struct Critic {
    observed: Wide,
    /// Moments of the reals that the baseline reads, for each environment.
    moments: Vec<Moments>,
}

impl Critic {
    /// Room for `rows` transitions of `environments` environments.
    pub(super) fn new(encoder: &Encoder, rows: usize, environments: usize) -> Self {
        let [observations, finals] = [rows, 0].map(|rows| Observations::encoded(encoder, rows));
        Self { observed: Wide { observations, finals }, moments: vec![Moments::new(encoder.reals()); environments] }
    }

    /// Takes in the observation of row `row`, which environment `env` gave.
    pub(super) fn put(&mut self, row: usize, env: usize, observation: &[f64]) {
        self.observed.observations.push_moments(observation, &mut self.moments[env]);
        self.observed.observations.put(row, observation);
    }

    fn concatenate(parts: Vec<Critic>) -> Option<Self> {
        let mut moments = Vec::new();
        let (rows, finals) = parts
            .into_iter()
            .map(|part| {
                moments.extend(part.moments);
                (part.observed.observations, part.observed.finals)
            })
            .unzip();
        let observed =
            Wide { observations: Observations::concatenate(rows)?, finals: Observations::concatenate(finals)? };
        Some(Self { observed, moments })
    }
}

impl Batch {
    /// What the policy's network reads of each transition's state.
    pub fn states(&self) -> Inputs<'_> {
        self.wide.as_ref().map_or(Inputs::Ready(&self.inputs), |wide| Inputs::Kept(&wide.observations))
    }

    /// What the baseline reads of each transition's state.
    pub fn critic_states(&self) -> Inputs<'_> {
        self.critic.as_ref().map_or(self.states(), |critic| Inputs::Kept(&critic.observed.observations))
    }

    /// What the baseline reads of the observations that segments bootstrap from.
    pub fn final_states(&self) -> Inputs<'_> {
        let wide = self.critic.as_ref().map(|critic| &critic.observed).or(self.wide.as_ref());
        wide.map_or(Inputs::Ready(&self.finals), |wide| Inputs::Kept(&wide.finals))
    }

    /// Moments of the reals that the baseline reads, if it does not read what the policy reads.
    pub fn critic_moments(&self) -> Option<Moments> {
        let critic = self.critic.as_ref()?;
        let dimensions = critic.moments.first().map_or(0, |moments| moments.mean.len());
        Some(self.reducer.join_moments(&critic.moments, dimensions))
    }

    /// Writes the observation of row `row` in f32, where observations are normalized.
    pub fn observation(&self, row: usize, numbers: &mut [f32]) {
        match &self.wide {
            Some(wide) => wide.observations.numbers(row, numbers),
            None => numbers.copy_from_slice(self.observations.row(row)),
        }
    }

    /// Moments of the reals of the observations that were acted on.
    pub fn observation_moments(&self) -> Moments {
        let dimensions = self.observation_moments.first().map_or(0, |moments| moments.mean.len());
        self.reducer.join_moments(&self.observation_moments, dimensions)
    }

    /// The episodes that ended in this batch, also those of other processes, in order of time; environments stay in order.
    pub fn all_episodes(&self) -> Vec<Episode> {
        let numbers = self.episodes.iter().map(|episode| {
            let Episode { total, length, environment, ended_at } = *episode;
            [total, f64::from(length), environment as f64, ended_at as f64]
        });
        let all = self.reducer.gather(numbers.flatten().collect());
        let episode = |numbers: &[f64]| Episode {
            total: numbers[0],
            length: numbers[1] as u32,
            environment: numbers[2] as usize,
            ended_at: numbers[3] as usize,
        };
        let mut all: Vec<Episode> = all.chunks_exact(4).map(episode).collect();
        all.sort_by_key(Episode::place_in_time);
        all
    }

    /// Number of transitions.
    pub fn len(&self) -> usize {
        self.rewards.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rewards.is_empty()
    }

    /// A batch of `rows` rows to be filled, in the room of `spare` if there is any.
    pub(super) fn zeros(policy: &Policy, rows: usize, spare: Option<Observations>) -> Self {
        let is_wide = policy.inputs() > WIDE || policy.encoder.space.len() > WIDE;
        let wide = is_wide.then(|| Observations::room(policy, rows, spare));
        let ready = if wide.is_none() { rows } else { 0 };
        let normalized = if policy.encoder.normalizer.is_some() { ready } else { 0 };
        Self {
            inputs: Matrix::zeros(ready, policy.inputs()),
            observations: Matrix::zeros(normalized, policy.encoder.space.len()),
            wide: wide.map(|observations| Wide { finals: observations.none_of(), observations }),
            critic: None,
            actions: ActionRows::zeros(policy.distribution.width(), rows),
            masks: None,
            rewards: vec![0.0; rows],
            steps: vec![0; rows],
            reducer: Reducer::of_rows(rows),
            segments: Vec::new(),
            finals: Matrix::zeros(0, policy.inputs()),
            final_steps: Vec::new(),
            episodes: Vec::new(),
            observation_moments: Vec::new(),
            returns: vec![0.0; rows],
            diverged: 0,
            measures: Vec::new(),
        }
    }

    /// Takes in the observation of row `row`, and what the network saw of it.
    pub(super) fn put(&mut self, row: usize, observation: &[f64], inputs: &[f32]) {
        if let Some(wide) = &mut self.wide {
            wide.observations.put(row, observation);
            return;
        }
        self.inputs.row_mut(row).copy_from_slice(inputs);
        if self.observations.rows() > 0 {
            self.observations.row_mut(row).iter_mut().zip(observation).for_each(|(slot, x)| *slot = *x as f32);
        }
    }

    /// Adds a final observation; returns its row.
    pub(super) fn push_final(&mut self, policy: &Policy, observation: &[f64], step: u32) -> usize {
        let row = self.final_steps.len();
        if let Some(critic) = &mut self.critic {
            critic.observed.finals.push(observation);
        }
        if let Some(wide) = &mut self.wide {
            wide.finals.push(observation);
        } else {
            self.finals.set_rows(row + 1);
            policy.encoder.write(observation, self.finals.row_mut(row));
        }
        self.final_steps.push(step);
        row
    }

    /// One batch of all groups' batches, in order.
    pub(super) fn concatenate(policy: &Policy, mut blocks: Vec<Batch>) -> Self {
        if blocks.len() == 1 {
            let mut all = blocks.remove(0);
            all.episodes.sort_by_key(Episode::place_in_time);
            return all;
        }
        let mut all = Batch::zeros(policy, 0, None);
        let wide: Option<Vec<Wide>> = blocks.iter_mut().map(|block| block.wide.take()).collect();
        if let (Some(wide), Some(kept)) = (wide, &mut all.wide) {
            let (rows, finals) = wide.into_iter().map(|block| (block.observations, block.finals)).unzip();
            kept.observations = Observations::concatenate(rows).unwrap_or(kept.observations.none_of());
            kept.finals = Observations::concatenate(finals).unwrap_or(kept.finals.none_of());
        }
        let critics: Option<Vec<Critic>> = blocks.iter_mut().map(|block| block.critic.take()).collect();
        all.critic = critics.and_then(Critic::concatenate);
        let (width, numbers) = (policy.inputs(), policy.encoder.space.len());
        // The two that are large, on two threads.
        (all.inputs, all.observations) = rayon::join(
            || Matrix::concatenate(width, blocks.iter().map(|block| &block.inputs)),
            || Matrix::concatenate(numbers, blocks.iter().map(|block| &block.observations)),
        );
        all.finals = Matrix::concatenate(width, blocks.iter().map(|block| &block.finals));
        for block in blocks {
            let (row, last) = (all.rewards.len(), all.final_steps.len());
            all.actions.append(block.actions.first(block.rewards.len()));
            if let Some(masks) = &block.masks {
                all.masks.get_or_insert_default().append(masks);
            }
            all.rewards.extend_from_slice(&block.rewards);
            all.steps.extend_from_slice(&block.steps);
            all.final_steps.extend_from_slice(&block.final_steps);
            all.segments.extend(block.segments.into_iter().map(|segment| Segment {
                rows: segment.rows.start + row..segment.rows.end + row,
                end: match segment.end {
                    SegmentEnd::Terminated => SegmentEnd::Terminated,
                    SegmentEnd::Truncated(r) => SegmentEnd::Truncated(r + last),
                    SegmentEnd::BatchEnd(r) => SegmentEnd::BatchEnd(r + last),
                },
                ..segment
            }));
            all.episodes.extend(block.episodes);
            all.observation_moments.extend(block.observation_moments);
            all.returns.extend_from_slice(&block.returns);
            all.diverged += block.diverged;
            for measure in block.measures {
                match all.measures.iter_mut().find(|other| other.name == measure.name) {
                    Some(same) => (same.sum, same.count) = (same.sum + measure.sum, same.count + measure.count),
                    None => all.measures.push(measure),
                }
            }
        }
        all.episodes.sort_by_key(Episode::place_in_time);
        all
    }
}
