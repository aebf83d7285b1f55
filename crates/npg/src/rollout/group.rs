//! One group of environments: its episodes, its random streams, and the loop that samples it.

use super::{Batch, Episode, check_reward};
use crate::advantage::{Segment, SegmentEnd};
use crate::env::{Ending, EnvGroup, Fault, Outcome, Space, Spec};
use crate::error::{Error, Result};
use crate::policy::{Actor, HeldNoise, Observations, Policy};
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
    /// Encoded observation that the next action answers; empty if the episode is yet to start.
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
        self.step += 1;
        self.total += reward;
        self.discounted = gamma.mul_add(self.discounted, reward);
        let timed_out = limit.is_some_and(|limit| self.step >= limit);
        if ending == Ending::Running && timed_out { Ending::Truncated } else { ending }
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
    /// Encoded observations, one row a lane.
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
            observations: vec![0.0; count * spec.observation.encoded_len()],
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
        let width = self.space.encoded_len();
        let raw_width = self.space.len();
        let rows: usize = counts.iter().sum();
        let mut batch = Batch::zeros(policy, rows, self.spare.take());
        let mut actor = Actor::new(policy, self.len());
        // Row of the next transition, and first row of the segment it belongs to, for each lane.
        let mut next: Vec<usize> =
            counts.iter().scan(0, |row, count| Some(std::mem::replace(row, *row + count))).collect();
        let first_row = next.clone();
        let end_row: Vec<usize> = next.iter().zip(counts).map(|(row, count)| row + count).collect();
        let mut begun = next.clone();
        let mut divergences = vec![0; self.len()];
        let mut raw = vec![0.0; self.len() * raw_width];
        let mut outcomes = vec![Outcome { reward: 0.0, ending: Ending::Running }; self.len()];
        let mut active: Vec<usize> = Vec::with_capacity(self.len());
        for lane in 0..self.len() {
            if !self.lanes[lane].started {
                self.reset(lane, &mut raw[..raw_width])?;
            }
        }
        // Step within the episode at which each lane's segment begins.
        let mut segment_step: Vec<u32> = self.lanes.iter().map(|lane| lane.step).collect();
        loop {
            active.clear();
            active.extend((0..self.len()).filter(|&lane| next[lane] < end_row[lane]));
            if active.is_empty() {
                batch.measures = self.environments.take_measures();
                return Ok(batch);
            }
            if self.environments.steps_together() {
                active.clear();
                active.extend(0..self.len());
            }
            for (row, &lane) in active.iter().enumerate() {
                let encoded = &self.observations[lane * width..][..width];
                let inputs = actor.observe(row, encoded);
                if next[lane] == end_row[lane] {
                    continue; // it goes on unrecorded
                }
                batch.put(next[lane], encoded, inputs);
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
            let stepped = &mut raw[..active.len() * raw_width];
            self.environments
                .step(&active, actor.executed(active.len()), &mut self.streams, stepped, &mut outcomes[..active.len()])
                .map_err(|fault| self.error(fault, 1))?;

            for (row, &lane) in active.iter().enumerate() {
                let Outcome { reward, ending } = outcomes[row];
                if ending == Ending::Diverged {
                    // The bad step is dropped; the episode ends before it, at the last finite observation.
                    divergences[lane] += 1;
                    batch.diverged += 1;
                    if divergences[lane] > MAX_DIVERGENCES {
                        let message = format!("the simulation diverged {MAX_DIVERGENCES} times in a row");
                        return Err(self.error(Fault { environment: lane, message }, 1));
                    }
                    if begun[lane] < next[lane] {
                        let encoded = self.observations[lane * width..][..width].to_vec();
                        let row = batch.push_final(policy, &encoded, self.lanes[lane].step);
                        let end = SegmentEnd::Truncated(row);
                        let rows = begun[lane]..next[lane];
                        batch.segments.push(Segment { rows, first_step: segment_step[lane], end });
                    }
                    if self.lanes[lane].step > 0 {
                        let at = next[lane] - first_row[lane];
                        self.finish(lane, at, &mut batch);
                    }
                } else if ending == Ending::Began {
                    self.observe(lane, &raw[row * raw_width..][..raw_width], 0)?;
                    continue;
                } else {
                    divergences[lane] = 0;
                    check_reward(reward).map_err(|message| self.error(Fault { environment: lane, message }, 1))?;
                    let at = next[lane];
                    let is_recorded = at < end_row[lane];
                    if is_recorded {
                        // Moments are of the observations that were acted on.
                        batch.observation_moments.push(&self.observations[lane * width..][..width]);
                        batch.actions.copy_row(at, actor.raw(), row);
                        batch.rewards[at] = reward;
                        batch.steps[at] = self.lanes[lane].step;
                    }
                    self.observe(lane, &raw[row * raw_width..][..raw_width], 1)?;
                    let ending = self.lanes[lane].advance(reward, ending, gamma, self.limit);
                    if !is_recorded {
                        if ending != Ending::Running {
                            self.finish(lane, at - first_row[lane], &mut batch);
                            self.reset(lane, &mut raw[row * raw_width..][..raw_width])?;
                        }
                        continue;
                    }
                    batch.returns[at] = self.lanes[lane].discounted;
                    next[lane] += 1;
                    if ending == Ending::Running && next[lane] < end_row[lane] {
                        continue;
                    }
                    let mut end = SegmentEnd::of_episode(ending, 0);
                    if end.bootstrap().is_some() {
                        let step = self.lanes[lane].step;
                        let encoded = &self.observations[lane * width..][..width];
                        end = SegmentEnd::of_episode(ending, batch.push_final(policy, encoded, step));
                    }
                    let rows = begun[lane]..next[lane];
                    batch.segments.push(Segment { rows, first_step: segment_step[lane], end });
                    begun[lane] = next[lane]; // these rows are in a segment, whatever comes of a lane that goes on
                    if ending == Ending::Running {
                        continue;
                    }
                    self.finish(lane, at - first_row[lane], &mut batch);
                }
                self.reset(lane, &mut raw[row * raw_width..][..raw_width])?;
                begun[lane] = next[lane];
                segment_step[lane] = 0;
            }
        }
    }

    pub(super) fn begin_anew(&mut self) {
        self.lanes.iter_mut().for_each(|lane| lane.started = false);
    }

    fn finish(&mut self, lane: usize, ended_at: usize, batch: &mut Batch) {
        let state = &mut self.lanes[lane];
        batch.episodes.push(Episode { total: state.total, length: state.step, ended_at });
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
        let width = self.space.encoded_len();
        let encoded = &mut self.observations[lane * width..][..width];
        self.space.encode(observation, encoded).map_err(|bad| self.bad_observation(lane, bad, stepping))
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
            step: u64::from(lane.step + stepping),
            message: fault.message,
        }
    }

    pub(super) fn save(&self) -> Option<Vec<Snapshot>> {
        let width = self.space.encoded_len();
        let mut snapshots = self.save_streams();
        for (lane, snapshot) in snapshots.iter_mut().enumerate() {
            let state = &self.lanes[lane];
            if state.started {
                snapshot.state = self.environments.save(lane)?;
                snapshot.observation = self.observations[lane * width..][..width].to_vec();
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
        let width = self.space.encoded_len();
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
                if snapshot.observation.len() != width {
                    let (saved, message) = (snapshot.observation.len(), "numbers of observation were saved, not");
                    return Err(Error::Run(format!("{saved} {message} {width}")));
                }
                self.observations[lane * width..][..width].copy_from_slice(&snapshot.observation);
                self.environments.load(lane, &snapshot.state).map_err(|fault| self.error(fault, 0))?;
            }
        }
        Ok(())
    }
}
