//! One group of environments: its episodes, its random streams, and the loop that samples it.

use super::{Batch, Episode, check_reward};
use crate::advantage::{Segment, SegmentEnd};
use crate::env::{Ending, EnvGroup, Fault, Outcome, Space, Spec};
use crate::error::{Error, Result};
use crate::normalize::Moments;
use crate::policy::{Actor, HeldNoise, Observations, Policy, contracted, expanded};
use crate::random::{Purpose, Stream};

/// A simulator that diverges this often without a single good step between is broken.
const MAX_DIVERGENCES: usize = 1000;

/// Where one environment stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Positions of the environment's and the action's stream.
    pub positions: [u64; 2],
    /// Episodes finished before.
    pub episode: u64,
    /// Steps taken in the current episode.
    pub step: u32,
    /// Sum of its rewards so far.
    pub total: f64,
    /// Discounted sum of past rewards, for the return normalizer.
    pub discounted: f64,
    /// Observation that the next action answers, indices as one-hot vectors; empty if the episode is yet to start.
    pub observation: Vec<f64>,
    /// Exploration noise in use.
    pub noise: HeldNoise,
    /// The simulator's own state; empty if the episode is yet to start.
    pub state: Vec<f64>,
}

/// One environment's episode in progress.
struct Lane {
    action_stream: Stream,
    /// Position of the environment's stream is in the group's `streams`.
    episode: u64,
    step: u32,
    total: f64,
    discounted: f64,
    started: bool,
    noise: HeldNoise,
}

impl Lane {
    /// Counts a step; says how the episode stands, the time limit included.
    fn advance(&mut self, reward: f64, ending: Ending, gamma: f64, limit: Option<u32>) -> Ending {
        self.step = self.step.saturating_add(1); // an endless episode's count stands still, it does not begin anew
        self.total += reward;
        self.discounted = gamma.mul_add(self.discounted, reward);
        let timed_out = limit.is_some_and(|limit| self.step >= limit);
        if ending == Ending::Running && timed_out { Ending::Truncated } else { ending }
    }
}

/// One environment's rows of a batch, and how far they are filled.
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
    /// An environment whose part is full may go on unrecorded, beside others of a group that steps together.
    fn is_full(&self) -> bool {
        self.next == self.end
    }

    fn recorded(&self) -> usize {
        self.next - self.first
    }
}

/// A batch that is being sampled.
struct Recording<'a> {
    policy: &'a Policy,
    gamma: f64,
    parts: Vec<Part>,
    batch: Batch,
}

impl Recording<'_> {
    fn put_action(&mut self, lane: usize, actor: &Actor<'_>, row: usize) {
        if !self.parts[lane].is_full() {
            self.batch.actions.row_mut(self.parts[lane].next).copy_from(actor.raw().row(row));
        }
    }

    /// Makes a segment of the rows that are in none yet.
    fn end_segment(&mut self, lane: usize, end: SegmentEnd) {
        let part = &mut self.parts[lane];
        self.batch.segments.push(Segment { rows: part.begun..part.next, first_step: part.segment_step, end });
        part.begun = part.next;
    }
}

/// What a group begins with.
pub(super) struct Beginning {
    /// Index of its first environment.
    pub(super) first: usize,
    pub(super) seed: u64,
    /// How often the training run has got new environments.
    pub(super) restarts: u64,
    /// Whether the time limit of the spec is counted here.
    pub(super) counts_limit: bool,
}

impl Beginning {
    /// Lane i's stream: after a restart another one, or a simulator that failed would fail at the same draw again.
    fn stream(&self, purpose: Purpose, i: usize) -> Stream {
        Stream::new(self.seed, purpose, (self.restarts << 32) + (self.first + i) as u64)
    }
}

/// A group of environments and everything that goes on between two batches.
pub(super) struct Group {
    environments: Box<dyn EnvGroup>,
    first: usize,
    space: Space,
    limit: Option<u32>,
    streams: Vec<Stream>,
    lanes: Vec<Lane>,
    /// The room of a batch that is no longer needed.
    pub(super) spare: Option<Observations>,
    /// Observations, one row a lane.
    observations: Vec<f64>,
}

impl Group {
    pub(super) fn new(environments: Box<dyn EnvGroup>, spec: &Spec, beginning: Beginning) -> Result<Self> {
        let count = environments.len();
        let lane = |i: usize| Lane {
            action_stream: beginning.stream(Purpose::Action, i),
            episode: 0,
            step: 0,
            total: 0.0,
            discounted: 0.0,
            started: false,
            noise: HeldNoise::default(),
        };
        Ok(Self {
            first: beginning.first,
            limit: spec.max_episode_steps.filter(|_| beginning.counts_limit),
            streams: (0..count).map(|i| beginning.stream(Purpose::Environment, i)).collect(),
            lanes: (0..count).map(lane).collect(),
            spare: None,
            observations: vec![0.0; count * spec.observation.len()],
            space: spec.observation.clone(),
            environments,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.lanes.len()
    }

    pub(super) fn first(&self) -> usize {
        self.first
    }

    /// Samples `counts[i]` transitions of environment i.
    pub(super) fn sample(&mut self, policy: &Policy, counts: &[usize], gamma: f64) -> Result<Batch> {
        let width = self.space.len();
        let mut raw = vec![0.0; self.len() * width];
        for lane in 0..self.len() {
            if !self.lanes[lane].started {
                self.reset(lane, &mut raw[..width])?;
            }
        }
        let mut batch = Batch::zeros(policy, counts.iter().sum(), self.spare.take());
        batch.observation_moments = vec![Moments::new(policy.encoder.space.len()); self.len()];
        let mut recording = Recording { policy, gamma, parts: self.parts(counts), batch };
        let mut actor = Actor::new(policy, self.len());
        let mut outcomes = vec![Outcome { reward: 0.0, ending: Ending::Running }; self.len()];
        let mut active: Vec<usize> = Vec::with_capacity(self.len());
        while recording.parts.iter().any(|part| !part.is_full()) {
            let together = self.environments.steps_together();
            active.clear();
            active.extend((0..self.len()).filter(|lane| together || !recording.parts[*lane].is_full()));
            self.act(&mut actor, &active, &mut recording)?;
            let (stepped, outcomes) = (&mut raw[..active.len() * width], &mut outcomes[..active.len()]);
            self.environments
                .step(&active, actor.executed(active.len()), &mut self.streams, stepped, outcomes)
                .map_err(|fault| self.error(fault, 1))?;
            for (row, &lane) in active.iter().enumerate() {
                let observation = &mut raw[row * width..][..width];
                let is_over = match outcomes[row].ending {
                    Ending::Began => {
                        self.observe(lane, observation, 0)?;
                        false
                    }
                    Ending::Diverged => self.diverged(lane, &mut recording)?,
                    _ => {
                        recording.put_action(lane, &actor, row);
                        self.stepped(lane, outcomes[row], observation, &mut recording)?
                    }
                };
                if is_over {
                    self.reset(lane, observation)?;
                    recording.parts[lane].segment_step = 0;
                }
            }
        }
        recording.batch.measures = self.environments.take_measures();
        Ok(recording.batch)
    }

    /// The rows of the batch that belong to each environment: one after the other, `counts[i]` of them.
    fn parts(&self, counts: &[usize]) -> Vec<Part> {
        let mut end = 0;
        let part = |(count, lane): (&usize, &Lane)| {
            let first = end;
            end += count;
            Part { first, next: first, end, begun: first, segment_step: lane.step, divergences: 0 }
        };
        counts.iter().zip(&self.lanes).map(part).collect()
    }

    /// Samples the actions of the `active` environments, and records what they answer.
    fn act(&mut self, actor: &mut Actor<'_>, active: &[usize], recording: &mut Recording<'_>) -> Result<()> {
        for (row, &lane) in active.iter().enumerate() {
            let observation = self.observation(lane);
            let inputs = actor.observe(row, observation);
            if !recording.parts[lane].is_full() {
                recording.batch.put(recording.parts[lane].next, observation, inputs);
            }
        }
        actor.infer(active.len());
        if let Some((row, value)) = actor.overflow(active.len()) {
            let (environment, lane) = (self.first + active[row], &self.lanes[active[row]]);
            let step = u64::from(lane.step) + 1;
            return Err(Error::Policy { environment, episode: lane.episode, step, value });
        }
        for (row, &lane) in active.iter().enumerate() {
            let state = &mut self.lanes[lane];
            actor.sample(row, &mut state.action_stream, &mut state.noise);
        }
        Ok(())
    }

    /// A step that the simulator did not survive is dropped: the episode ends before it, at the last finite observation.
    fn diverged(&mut self, lane: usize, recording: &mut Recording<'_>) -> Result<bool> {
        recording.batch.diverged += 1;
        recording.parts[lane].divergences += 1;
        if recording.parts[lane].divergences > MAX_DIVERGENCES {
            let message = format!("the simulation diverged {MAX_DIVERGENCES} times in a row");
            return Err(self.error(Fault { environment: lane, message }, 1));
        }
        if recording.parts[lane].begun < recording.parts[lane].next {
            let bootstrap = self.push_final(lane, recording);
            recording.end_segment(lane, SegmentEnd::Truncated(bootstrap));
        }
        if self.lanes[lane].step > 0 {
            self.finish(lane, recording.parts[lane].recorded(), &mut recording.batch);
        }
        Ok(true)
    }

    /// A step that was taken, recorded while the environment's part of the batch is not full; says whether the episode is over.
    fn stepped(
        &mut self,
        lane: usize,
        Outcome { reward, ending }: Outcome,
        observation: &[f64],
        recording: &mut Recording<'_>,
    ) -> Result<bool> {
        recording.parts[lane].divergences = 0;
        check_reward(reward).map_err(|message| self.error(Fault { environment: lane, message }, 1))?;
        let (row, is_recorded) = (recording.parts[lane].next, !recording.parts[lane].is_full());
        let before = recording.parts[lane].recorded();
        if is_recorded {
            // Moments are of the observations that were acted on.
            recording.batch.observation_moments[lane].push(self.observation(lane));
            recording.batch.rewards[row] = reward;
            recording.batch.steps[row] = self.lanes[lane].step;
        }
        self.observe(lane, observation, 1)?;
        let ending = self.lanes[lane].advance(reward, ending, recording.gamma, self.limit);
        let is_over = ending != Ending::Running;
        if is_recorded {
            recording.batch.returns[row] = self.lanes[lane].discounted;
            recording.parts[lane].next += 1;
            if is_over || recording.parts[lane].is_full() {
                let bootstraps = SegmentEnd::of_episode(ending, 0).bootstrap().is_some();
                let bootstrap = if bootstraps { self.push_final(lane, recording) } else { 0 };
                recording.end_segment(lane, SegmentEnd::of_episode(ending, bootstrap));
            }
        }
        if is_over {
            self.finish(lane, before, &mut recording.batch);
        }
        Ok(is_over)
    }

    /// Keeps the observation that the lane's next action would answer; gives its row.
    fn push_final(&self, lane: usize, recording: &mut Recording<'_>) -> usize {
        recording.batch.push_final(recording.policy, self.observation(lane), self.lanes[lane].step)
    }

    fn observation(&self, lane: usize) -> &[f64] {
        let width = self.space.len();
        &self.observations[lane * width..][..width]
    }

    pub(super) fn begin_anew(&mut self) {
        self.lanes.iter_mut().for_each(|lane| lane.started = false);
    }

    fn finish(&mut self, lane: usize, ended_at: usize, batch: &mut Batch) {
        let (environment, state) = (self.first + lane, &mut self.lanes[lane]);
        batch.episodes.push(Episode { total: state.total, length: state.step, environment, ended_at });
        state.episode += 1;
    }

    fn reset(&mut self, lane: usize, observation: &mut [f64]) -> Result<()> {
        let state = &mut self.lanes[lane];
        (state.step, state.total, state.discounted, state.started) = (0, 0.0, 0.0, true);
        state.noise.end();
        self.environments.reset(lane, &mut self.streams[lane], observation).map_err(|fault| self.error(fault, 0))?;
        self.observe(lane, observation, 0)
    }

    /// Takes in what the lane's next action answers.
    fn observe(&mut self, lane: usize, observation: &[f64], stepping: u32) -> Result<()> {
        self.space.check(observation).map_err(|bad| self.bad_observation(lane, bad, stepping))?;
        let width = self.space.len();
        self.observations[lane * width..][..width].copy_from_slice(observation);
        Ok(())
    }

    fn bad_observation(&self, lane: usize, (index, value): (usize, f64), stepping: u32) -> Error {
        let message = match self.space {
            Space::Box { .. } if value.is_finite() => format!("observation[{index}] is {value:e}; it must fit an f32"),
            Space::Box { .. } => format!("observation[{index}] is {value}; it must be finite"),
            _ => format!("observation[{index}] is {value}; it is not an element of {:?}", self.space),
        };
        self.error(Fault { environment: lane, message }, stepping)
    }

    /// `stepping` is 1 in the course of a step, which the lane has not counted yet.
    fn error(&self, fault: Fault, stepping: u32) -> Error {
        let lane = &self.lanes[fault.environment.min(self.lanes.len() - 1)];
        Error::Environment {
            environment: self.first + fault.environment,
            episode: lane.episode,
            step: u64::from(lane.step) + u64::from(stepping),
            message: fault.message,
        }
    }

    pub(super) fn save(&self) -> Option<Vec<Snapshot>> {
        let mut snapshots = self.save_streams();
        for (lane, snapshot) in snapshots.iter_mut().enumerate() {
            let state = &self.lanes[lane];
            if state.started {
                snapshot.state = self.environments.save(lane)?;
                snapshot.observation = expanded(&self.space, self.observation(lane));
            }
            snapshot.step = state.step;
            snapshot.total = state.total;
            snapshot.discounted = state.discounted;
            snapshot.noise = state.noise.clone();
        }
        Some(snapshots)
    }

    pub(super) fn save_streams(&self) -> Vec<Snapshot> {
        let snapshot = |(lane, stream): (&Lane, &Stream)| Snapshot {
            positions: [stream.position(), lane.action_stream.position()],
            episode: lane.episode,
            ..Snapshot::default()
        };
        self.lanes.iter().zip(&self.streams).map(snapshot).collect()
    }

    pub(super) fn load(&mut self, snapshots: &[Snapshot]) -> Result<()> {
        let (width, saved_width) = (self.space.len(), self.space.encoded_len());
        for (lane, snapshot) in snapshots.iter().enumerate() {
            let state = &mut self.lanes[lane];
            self.streams[lane].seek(snapshot.positions[0]);
            state.action_stream.seek(snapshot.positions[1]);
            state.episode = snapshot.episode;
            state.step = snapshot.step;
            state.total = snapshot.total;
            state.discounted = snapshot.discounted;
            state.noise = snapshot.noise.clone();
            state.started = !snapshot.observation.is_empty();
            if state.started {
                if snapshot.observation.len() != saved_width {
                    let (saved, message) = (snapshot.observation.len(), "numbers of observation were saved, not");
                    return Err(Error::Run(format!("{saved} {message} {saved_width}")));
                }
                let observation = contracted(&self.space, &snapshot.observation);
                self.observations[lane * width..][..width].copy_from_slice(&observation);
                self.environments.load(lane, &snapshot.state).map_err(|fault| self.error(fault, 0))?;
            }
        }
        Ok(())
    }
}
