//! A batch that a group of environments is filling: which rows are whose, what a transition leaves in them, and where segments
//! and episodes end.

use super::batch::Critic;
use super::{Batch, Episode, Readers};
use crate::advantage::{Segment, SegmentEnd};
use crate::env::{Ending, Episodes, Outcome};
use crate::error::Result;
use crate::normalize::Moments;
use crate::policy::{Actor, Masks, Observations, Policy};

/// A simulator that diverges this often without a single good step between is broken.
const MAX_DIVERGENCES: usize = 1000;

/// The batch, and how far it is filled.
pub(super) struct Recording<'a> {
    policy: &'a Policy,
    parts: Vec<Part>,
    batch: Batch,
}

/// One environment's rows of the batch.
struct Part {
    first: usize,
    /// Row of the next transition.
    next: usize,
    end: usize,
    /// First row that is in no segment yet, and its step within the episode.
    begun: usize,
    segment_step: u32,
    /// Divergences since the last good step.
    divergences: usize,
}

impl Part {
    fn is_full(&self) -> bool {
        self.next == self.end
    }

    fn recorded(&self) -> usize {
        self.next - self.first
    }
}

impl<'a> Recording<'a> {
    /// A batch with `counts[i]` rows for environment i, one environment after the other, in the room of `spare` if there is any.
    pub(super) fn new(
        (policy, critic): Readers<'a>,
        counts: &[usize],
        episodes: &Episodes,
        spare: Option<Observations>,
    ) -> Self {
        let mut batch = Batch::zeros(policy, counts.iter().sum(), spare);
        batch.observation_moments = vec![Moments::new(policy.encoder.reals()); episodes.len()];
        batch.critic = critic.map(|encoder| Critic::new(encoder, batch.len(), episodes.len()));
        batch.masks = episodes.has_masks().then(|| Masks::new(policy, batch.len()));
        let mut end = 0;
        let part = |(env, count): (usize, &usize)| {
            let first = end;
            end += count;
            let segment_step = episodes.progress(env).step;
            Part { first, next: first, end, begun: first, segment_step, divergences: 0 }
        };
        Self { policy, parts: counts.iter().enumerate().map(part).collect(), batch }
    }

    pub(super) fn is_full(&self) -> bool {
        self.parts.iter().all(Part::is_full)
    }

    /// The environments to step next: those whose part of the batch is not full. A group that steps together steps all of its
    /// environments, and those whose part is full go on unrecorded.
    pub(super) fn choose(&self, active: &mut Vec<usize>, steps_together: bool) {
        active.clear();
        active.extend((0..self.parts.len()).filter(|env| steps_together || !self.parts[*env].is_full()));
    }

    /// Records the transition in row `row` of the last step, by environment `env`. `discounted` is the discounted sum of the
    /// episode's rewards up to and with it.
    pub(super) fn transition(
        &mut self,
        (row, env): (usize, usize),
        actor: &Actor<'_>,
        episodes: &Episodes,
        discounted: f64,
    ) {
        let Outcome { reward, ending } = episodes.outcome(row);
        let (part, batch) = (&mut self.parts[env], &mut self.batch);
        let earlier = part.recorded();
        part.divergences = 0;
        if !part.is_full() {
            // Moments are of the observations that were acted on, so the last one of an episode is not among them.
            let observation = episodes.acted_on(row);
            self.policy.encoder.push(observation, &mut batch.observation_moments[env]);
            batch.put(part.next, observation, actor.inputs(row));
            if let Some(critic) = &mut batch.critic {
                critic.put(part.next, env, observation);
            }
            batch.actions.row_mut(part.next).copy_from(actor.raw().row(row));
            if let Some(masks) = &mut batch.masks {
                masks.row_mut(part.next).copy_from_slice(actor.masks().row(row));
            }
            batch.rewards[part.next] = reward;
            batch.steps[part.next] = episodes.progress(env).step - 1;
            batch.returns[part.next] = discounted;
            part.next += 1;
            if ending.is_over() || part.is_full() {
                self.end_segment(env, ending, episodes);
            }
        }
        if ending.is_over() {
            self.end_episode(env, earlier, episodes);
        }
    }

    /// Ends segment and episode before the dropped step of a divergence.
    ///
    /// # Errors
    /// [`Error::Environment`](crate::Error::Environment) after too many divergences in a row.
    pub(super) fn divergence(&mut self, env: usize, episodes: &Episodes) -> Result<()> {
        self.batch.diverged += 1;
        let part = &mut self.parts[env];
        part.divergences += 1;
        if part.divergences > MAX_DIVERGENCES {
            let message = format!("the simulation diverged {MAX_DIVERGENCES} times in a row");
            return Err(episodes.error(env, 1, message));
        }
        let recorded = part.recorded();
        if part.begun < part.next {
            self.end_segment(env, Ending::Diverged, episodes);
        }
        if episodes.progress(env).step > 0 {
            self.end_episode(env, recorded, episodes);
        }
        Ok(())
    }

    /// Makes a segment of the rows that are in none yet. Unless the episode terminated, the segment bootstraps from the current
    /// observation. If the episode is over, this is its true last one.
    fn end_segment(&mut self, env: usize, ending: Ending, episodes: &Episodes) {
        let (part, batch) = (&mut self.parts[env], &mut self.batch);
        let (observation, step) = (episodes.observation(env), episodes.progress(env).step);
        let end = SegmentEnd::after(ending, || batch.push_final(self.policy, observation, step));
        batch.segments.push(Segment { rows: part.begun..part.next, first_step: part.segment_step, end });
        part.begun = part.next;
    }

    /// Counts an episode that ended after `recorded` of its environment's steps in this batch. The next one begins at step 0.
    fn end_episode(&mut self, env: usize, recorded: usize, episodes: &Episodes) {
        let (progress, environment) = (episodes.progress(env), episodes.first() + env);
        let (total, length) = (progress.total, progress.step);
        self.batch.episodes.push(Episode { total, length, environment, ended_at: recorded });
        self.parts[env].segment_step = 0;
    }

    /// The batch, which is full.
    pub(super) fn finish(self, episodes: &mut Episodes) -> Batch {
        Batch { measures: episodes.take_measures(), ..self.batch }
    }
}
