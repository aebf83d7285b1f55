//! Saves the whole state of a trainer in a checkpoint, and restores it.
//!
//! A checkpoint includes a few observations and the policy's outputs for them, so that any loader can verify that it computes
//! the same function.

use super::report::{ReportState, ReturnEstimate};
use super::rewards::Rewards;
use super::{Trainer, WINDOW, memory};
use crate::checkpoint::Archive;
use crate::config::{Config, NetworkKind, ValueKind};
use crate::env::{EnvSource, Spec};
use crate::network::{FourierFeatures, Tile};
use crate::normalize::{Moments, Normalizer};
use crate::policy::{Encoder, HeldNoise, Policy};
use crate::random::{Purpose, Stream};
use crate::rollout::Snapshot;
use crate::solve::SolverState;
use crate::value::{Baseline, BaselineState};
use crate::{FileFault, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::VecDeque;

/// The number of example observations in a checkpoint.
const EXAMPLES: usize = 8;
/// The statistics of the observations that the baseline reads, if it does not read what the policy reads.
const CRITIC: &str = "value/observations";
/// The field of the header with the spaces of the environment.
const SPACES: &str = "spaces";
/// The field of the header that says that the policy was trained with action masks.
const MASKED: &str = "action_masks";
/// The relative difference of an example's outputs up to which the function counts as the same. Another maths library may
/// cause such a difference.
const TOLERANCE: f32 = 1e-4;

impl Trainer {
    /// Everything that the next iteration depends on.
    pub fn save(&self) -> Archive {
        let mut archive = Archive::new();
        let environments = self.sampler.save();
        archive.header = json!({
            "npg": env!("CARGO_PKG_VERSION"),
            "env": self.spec.id,
            "algo": self.config.algorithm.name.name(),
            "seed": self.config.run.seed,
            "iteration": self.iteration,
            "steps": self.steps,
            "episodes": self.episodes,
            "diverged": self.diverged,
            "shortened": self.shortened,
            "seconds": self.seconds(),
            "config": self.config.to_toml(),
            "environments_saved": environments.is_some(),
            "restarts": self.restarts,
            (SPACES): Spaces::of(&self.spec),
        });
        save_policy(&self.policy, &mut archive);
        save_baseline(self.baseline.clone(), &mut archive);
        if let Some(normalizer) = self.critic.as_ref().and_then(|critic| critic.normalizer.as_ref()) {
            save_moments(CRITIC, normalizer.moments(), &mut archive);
        }
        self.rewards.save(&mut archive);
        if let Some(x) = &self.solver.last_direction {
            archive.insert_f64("algorithm/warm_start", &[x.len()], x);
        }
        if let Some(value_unit) = self.report_state.value_unit {
            let unknown = ReturnEstimate { count: 0.0, mean: 0.0, variance: 0.0 };
            let ReturnEstimate { count, mean, variance } = self.report_state.before.unwrap_or(unknown);
            archive.insert_f64("trust_region/delivery", &[4], &[value_unit, count, mean, variance]);
        }
        let recent: Vec<f64> = self.recent.iter().flat_map(|(total, length)| [*total, *length]).collect();
        archive.insert_f64("rollout/recent", &[self.recent.len(), 2], &recent);
        save_snapshots(&environments.unwrap_or_else(|| self.sampler.save_streams()), &mut archive);
        archive
    }

    /// A trainer that continues where [`Trainer::save`] was called. Also returns true if the environments continue their
    /// episodes, and false if they could not save their state and start new ones.
    ///
    /// # Errors
    /// [`FileFault`] if the archive is not the state of a trainer, or belongs to another environment.
    pub fn restore(archive: &Archive, source: Box<dyn EnvSource>) -> Result<(Self, bool), RestoreError> {
        let config = config(archive)?;
        check_environment(archive, &source.spec())?;
        check_policy_size(archive, &config, &source.spec())?;
        check_state_size(archive, &config, &source.spec())?;
        let mut trainer = Trainer::restore_learned(archive, source, restarts(archive)?)?;
        let snapshots = load_snapshots(trainer.config.rollout.n_envs, archive)?;
        let refused = |error| FileFault::Damaged(format!("the state of its environments: {error}"));
        trainer.sampler.load(&snapshots).map_err(refused)?;
        Ok((trainer, archive.field("environments_saved")?))
    }

    /// Like [`Trainer::restore`], but with other environments that have the same spaces. Their episodes start again, with
    /// seeds and noise that no earlier environment had.
    ///
    /// # Errors
    /// Those of [`Trainer::restore`].
    pub fn restore_elsewhere(archive: &Archive, source: Box<dyn EnvSource>) -> Result<Self, RestoreError> {
        check_policy_size(archive, &config(archive)?, &source.spec())?;
        Self::restore_learned(archive, source, restarts(archive)? + 1)
    }

    /// Restores everything except the environments.
    fn restore_learned(archive: &Archive, source: Box<dyn EnvSource>, restarts: u64) -> Result<Self, RestoreError> {
        let config = config(archive)?;
        check_spaces(archive, &source.spec())?;
        let mut trainer = Trainer::begin(config, source, restarts).map_err(RestoreError::Other)?;
        let learned = Learned::load(archive, &trainer.config, trainer.learners())?;
        (trainer.policy, trainer.baseline, trainer.critic) = learned.learners;
        trainer.rewards = learned.rewards;
        trainer.solver = learned.solver;
        trainer.report_state = learned.report_state;
        trainer.recent = learned.recent;
        [trainer.iteration, trainer.steps, trainer.episodes, trainer.diverged, trainer.shortened] = learned.counts;
        trainer.seconds_before = learned.seconds;
        Ok(trainer)
    }

    fn learners(&self) -> Learners {
        (self.policy.clone(), self.baseline.clone(), self.critic.clone())
    }

    /// Checks that [`Trainer::restore`] accepts what [`Trainer::save`] returned, as far as possible without making an
    /// environment. It is called before a checkpoint replaces older ones.
    ///
    /// # Errors
    /// The error of the loader, such as that a number is not finite.
    pub fn check_saved(&self, archive: &Archive) -> Result<(), FileFault> {
        let config = config(archive)?;
        check_environment(archive, &self.spec)?;
        check_policy_size(archive, &config, &self.spec)?;
        check_state_size(archive, &config, &self.spec)?;
        Learned::load(archive, &config, self.learners())?;
        load_snapshots(config.rollout.n_envs, archive)?;
        restarts(archive)?;
        archive.field::<bool>("environments_saved").map(drop)
    }
}

/// The content of a checkpoint, except for the environments.
struct Learned {
    learners: Learners,
    rewards: Rewards,
    solver: SolverState,
    report_state: ReportState,
    recent: VecDeque<(f64, f64)>,
    /// The numbers of iterations, steps, episodes, diverged simulations and shortened steps.
    counts: [u64; 5],
    seconds: f64,
}

/// The policy, the baseline, and what the baseline reads if it does not read what the policy reads.
type Learners = (Policy, Baseline, Option<Encoder>);

impl Learned {
    /// Reads the content into a policy and a baseline of the right shape.
    fn load(
        archive: &Archive,
        config: &Config,
        (mut policy, mut baseline, mut critic): Learners,
    ) -> Result<Self, FileFault> {
        load_policy_state(&mut policy, archive)?;
        load_baseline(&mut baseline, archive)?;
        if let Some(normalizer) = critic.as_mut().and_then(|critic| critic.normalizer.as_mut()) {
            let moments = load_moments(CRITIC, normalizer.moments().mean.len(), archive)?;
            *normalizer = Normalizer::new(moments, normalizer.clip());
        }
        let mut rewards = Rewards::new(config);
        rewards.load(archive)?;
        let has_direction = archive.names().any(|name| name == "algorithm/warm_start");
        let direction =
            has_direction.then(|| archive.f64("algorithm/warm_start", &[policy.theta.len()])).transpose()?;
        let episodes = *archive.shape("rollout/recent")?.first().unwrap_or(&0);
        if episodes > WINDOW {
            return Err(FileFault::Damaged(format!("{episodes} recent episodes, at most {WINDOW} are kept")));
        }
        let recent = archive.f64("rollout/recent", &[episodes, 2])?;
        let counted = |name| count(name, archive.field(name)?);
        // Older files do not have this count.
        let shortened = archive.field("shortened").map_or(Ok(0), |shortened| count("shortened", shortened))?;
        let counts = [counted("iteration")?, counted("steps")?, counted("episodes")?, counted("diverged")?, shortened];
        Ok(Self {
            rewards,
            solver: SolverState { last_direction: direction },
            report_state: load_report_state(archive)?,
            recent: recent.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect(),
            counts,
            seconds: archive.field("seconds")?,
            learners: (policy, baseline, critic),
        })
    }
}

/// How often training was continued with new environments. Older files do not have this count.
fn restarts(archive: &Archive) -> Result<u64, FileFault> {
    if archive.header.get("restarts").is_none() {
        return Ok(0);
    }
    count("restarts", archive.field("restarts")?)
}

/// Reads what the next report needs. It is absent before the first iteration and without reports; the next iteration then has
/// no gain to report.
fn load_report_state(archive: &Archive) -> Result<ReportState, FileFault> {
    const NAME: &str = "trust_region/delivery";
    if !archive.names().any(|name| name == NAME) {
        return Ok(ReportState::default());
    }
    let numbers = archive.f64(NAME, &[4])?;
    let (value_unit, before) =
        (numbers[0], ReturnEstimate { count: numbers[1], mean: numbers[2], variance: numbers[3] });
    if !(value_unit >= 0.0 && before.count >= 0.0 && before.variance >= 0.0) {
        return Err(FileFault::Damaged(format!("tensor `{NAME}` has a negative unit, count or variance")));
    }
    Ok(ReportState { value_unit: Some(value_unit), before: Some(before).filter(ReturnEstimate::is_known) })
}

/// Why a checkpoint cannot be restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The archive is not the state of a trainer.
    #[error(transparent)]
    Fault(#[from] FileFault),
    /// The environment or the configuration refused.
    #[error(transparent)]
    Other(crate::Error),
}

/// Checks that a count can still grow.
fn count(what: &str, count: u64) -> Result<u64, FileFault> {
    const MOST: u64 = 1 << 53;
    if count <= MOST { Ok(count) } else { Err(FileFault::Damaged(format!("`{what}` is {count}"))) }
}

/// The resolved configuration in a checkpoint.
pub fn config(archive: &Archive) -> Result<Config, FileFault> {
    let text: String = archive.field("config")?;
    let damaged = |error: &dyn std::fmt::Display| FileFault::Damaged(format!("its configuration: {error}"));
    let mut config = Config::from_toml("checkpoint", &text).map_err(|error| damaged(&error))?;
    // Older files do not have this key: all indices were one-hot vectors.
    let table: toml::Table = text.parse().map_err(|error| damaged(&error))?;
    let has_embedding = |name: &str| table.get(name).is_some_and(|table| table.get("embedding").is_some());
    if !has_embedding("policy") {
        config.policy.embedding = 0;
    }
    if !has_embedding("value") {
        config.value.embedding = 0;
    }
    Ok(config)
}

fn check_environment(archive: &Archive, spec: &Spec) -> Result<(), FileFault> {
    let id: String = archive.field("env")?;
    if id == spec.id { Ok(()) } else { Err(FileFault::Mismatch(format!("it belongs to {id}, not to {}", spec.id))) }
}

/// The spaces in the form of a checkpoint: lines that are equal if a policy for one environment can act in the other. No policy
/// depends on the bounds of observations.
#[derive(Serialize, Deserialize)]
struct Spaces {
    observation: String,
    action: String,
}

impl Spaces {
    fn of(spec: &Spec) -> Self {
        Self { observation: format!("{:#}", spec.observation), action: spec.action.to_string() }
    }
}

/// Checks that a policy can act in the environment. Older files do not say what spaces they are for.
fn check_spaces(archive: &Archive, spec: &Spec) -> Result<(), FileFault> {
    if archive.header.get(SPACES).is_none() {
        return Ok(());
    }
    let (saved, own): (Spaces, Spaces) = (archive.field(SPACES)?, Spaces::of(spec));
    for (what, saved, own) in
        [("observations", &saved.observation, &own.observation), ("actions", &saved.action, &own.action)]
    {
        if saved != own {
            let [saved, own] = [saved, own].map(|line| shortened(line));
            return Err(FileFault::Mismatch(format!("its {what} are {saved}, but those of {} are {own}", spec.id)));
        }
    }
    Ok(())
}

/// The beginning of a long line.
fn shortened(line: &str) -> String {
    const MOST: usize = 300;
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{} ...", &line[..end]),
        None => line.into(),
    }
}

/// A configuration may describe networks that no memory can hold. Before anything is made from it, the file must therefore be
/// shown to have at least the weights between the hidden layers, and those that come before them.
fn check_policy_size(archive: &Archive, config: &Config, spec: &Spec) -> Result<(), FileFault> {
    let Config { policy, .. } = config;
    match policy.network {
        NetworkKind::Mlp | NetworkKind::NatureCnn | NetworkKind::Cnn => {
            let encoder = Encoder::new(&spec.observation, Policy::reading(policy, None));
            let (first, _) = memory::first_layers(&encoder, &policy.encoder);
            check_size(archive, "policy/theta", first, &policy.hidden)
        }
        NetworkKind::Linear | NetworkKind::Rbf => Ok(()),
    }
}

/// Like [`check_policy_size`], for the rest of a trainer.
fn check_state_size(archive: &Archive, config: &Config, spec: &Spec) -> Result<(), FileFault> {
    let Config { value, .. } = config;
    if let ValueKind::MlpAdam | ValueKind::MlpGaussNewton = value.kind {
        let encoder = Encoder::new(&spec.observation, Baseline::reading(value, None));
        let (first, _) = memory::first_layers(&encoder, &value.encoder);
        check_size(archive, "value/theta", first, &value.hidden)?;
    }
    let environments = archive.shape("environments/counts")?.first();
    if environments != Some(&config.rollout.n_envs) {
        let message =
            format!("it has {environments:?} environments, but its configuration has {}", config.rollout.n_envs);
        return Err(FileFault::Damaged(message));
    }
    Ok(())
}

fn check_size(archive: &Archive, tensor: &str, first: u128, hidden: &[usize]) -> Result<(), FileFault> {
    let least = first + hidden.windows(2).map(|pair| pair[0] as u128 * pair[1] as u128).sum::<u128>();
    let held = archive.shape(tensor)?.iter().map(|length| *length as u128).product();
    if least > held {
        let message = format!("tensor `{tensor}` has {held} elements, but its configuration needs at least {least}");
        return Err(FileFault::Damaged(message));
    }
    Ok(())
}

/// The policy in a checkpoint, verified by its examples. It is for evaluation, and to start other runs from.
pub fn load_policy(archive: &Archive, spec: &Spec) -> Result<Policy, FileFault> {
    check_environment(archive, spec)?;
    check_spaces(archive, spec)?;
    let config = config(archive)?;
    check_policy_size(archive, &config, spec)?;
    let mut policy = Policy::new(&config.policy, &config.normalize, spec, config.run.seed);
    load_policy_state(&mut policy, archive)?;
    Ok(policy)
}

fn save_policy(policy: &Policy, archive: &mut Archive) {
    if policy.is_masked {
        archive.header[MASKED] = true.into();
    }
    archive.insert_f64("policy/theta", &[policy.theta.len()], &policy.theta);
    if let Some(features) = policy.network.features() {
        let constants = features.constants();
        archive.insert_f32("policy/features", &[constants.len()], &constants);
    }
    if let Some(normalizer) = &policy.encoder.normalizer {
        save_moments("observations", normalizer.moments(), archive);
    }
    let (inputs, outputs) = examples(policy);
    archive.insert_f32("example/inputs", &[EXAMPLES, policy.inputs()], &inputs);
    archive.insert_f32("example/outputs", &[EXAMPLES, policy.network.outputs()], &outputs);
}

fn save_baseline(mut baseline: Baseline, archive: &mut Archive) {
    for (name, part) in baseline.state() {
        let name = format!("value/{name}");
        match part {
            BaselineState::Numbers(numbers) => archive.insert_f64(&name, &[numbers.len()], numbers),
            BaselineState::Count(count) => archive.insert_u64(&name, &[1], &[*count]),
        }
    }
}

/// Restores what [`save_baseline`] wrote into a baseline of the same configuration.
fn load_baseline(baseline: &mut Baseline, archive: &Archive) -> Result<(), FileFault> {
    for (name, part) in baseline.state() {
        let name = format!("value/{name}");
        match part {
            BaselineState::Numbers(numbers) => numbers.copy_from_slice(&archive.f64(&name, &[numbers.len()])?),
            BaselineState::Count(count) => *count = archive.u64(&name, &[1])?[0].min(1 << 53), // it goes on counting
        }
    }
    Ok(())
}

/// Checks the widths of the policy. They have their own message, because the length of a flat vector does not tell what has
/// changed.
fn check_widths(policy: &Policy, archive: &Archive) -> Result<(), FileFault> {
    let width = |tensor| archive.shape(tensor).map(|shape| shape.last().copied().unwrap_or(0));
    let (inputs, outputs) = (width("example/inputs")?, width("example/outputs")?);
    let message = if inputs != policy.inputs() {
        let needed = policy.inputs();
        format!("its policy takes observations of {inputs} numbers, but those of this environment have {needed}")
    } else if outputs != policy.network.outputs() {
        let needed = policy.network.outputs();
        format!("its policy has {outputs} outputs for an action, but actions of this environment need {needed}")
    } else {
        return Ok(());
    };
    Err(FileFault::Mismatch(message))
}

fn load_policy_state(policy: &mut Policy, archive: &Archive) -> Result<(), FileFault> {
    check_widths(policy, archive)?;
    policy.is_masked = archive.header.get(MASKED).is_some() && archive.field(MASKED)?;
    policy.theta = archive.f64("policy/theta", &[policy.theta.len()])?;
    if let Some(features) = policy.network.features() {
        let (inputs, count) = (policy.inputs(), features.count());
        let constants = archive.f32("policy/features", &[(inputs + 1) * count])?;
        let features = FourierFeatures::from_constants(inputs, count, &constants)
            .ok_or_else(|| FileFault::Mismatch("tensor `policy/features` has another length".into()))?;
        policy.network.set_features(features);
    }
    if let Some(normalizer) = &mut policy.encoder.normalizer {
        let moments = load_moments("observations", normalizer.moments().mean.len(), archive)?;
        *normalizer = Normalizer::new(moments, normalizer.clip());
    }
    let inputs = archive.f32("example/inputs", &[EXAMPLES, policy.inputs()])?;
    let expected = archive.f32("example/outputs", &[EXAMPLES, policy.network.outputs()])?;
    let outputs = run(policy, &inputs);
    for (index, (a, b)) in outputs.iter().zip(&expected).enumerate() {
        let same = (a - b).abs() <= TOLERANCE * (1.0 + b.abs()); // false for NaN
        if !same {
            let message = format!("the policy gives {a} for example output {index}, which was {b}");
            return Err(FileFault::Damaged(message));
        }
    }
    Ok(())
}

fn examples(policy: &Policy) -> (Vec<f32>, Vec<f32>) {
    let mut rng = Stream::new(0, Purpose::Test, 0);
    let mut inputs: Vec<f32> = (0..EXAMPLES * policy.inputs()).map(|_| rng.normal() as f32).collect();
    for row in inputs.chunks_exact_mut(policy.inputs().max(1)) {
        policy.encoder.indices().for_each(|(input, count)| row[input] = rng.below(count) as f32);
    }
    let outputs = run(policy, &inputs);
    (inputs, outputs)
}

fn run(policy: &Policy, inputs: &[f32]) -> Vec<f32> {
    let mut tile = Tile::new(&policy.network, EXAMPLES, false);
    for (row, values) in inputs.chunks_exact(policy.inputs().max(1)).enumerate() {
        tile.inputs.row_mut(row).copy_from_slice(values);
    }
    policy.network.forward(&policy.network.pack(&policy.theta), &mut tile);
    (0..EXAMPLES).flat_map(|row| tile.outputs().row(row).to_vec()).collect()
}

pub(super) fn save_moments(name: &str, moments: &Moments, archive: &mut Archive) {
    let width = moments.mean.len();
    archive.insert_f64(&format!("{name}/count"), &[1], &[moments.count]);
    archive.insert_f64(&format!("{name}/mean"), &[width], &moments.mean);
    archive.insert_f64(&format!("{name}/squares"), &[width], &moments.squares);
}

pub(super) fn load_moments(name: &str, width: usize, archive: &Archive) -> Result<Moments, FileFault> {
    let moments = Moments {
        count: archive.f64(&format!("{name}/count"), &[1])?[0],
        mean: archive.f64(&format!("{name}/mean"), &[width])?,
        squares: archive.f64(&format!("{name}/squares"), &[width])?,
    };
    if moments.count < 0.0 || moments.squares.iter().any(|s| *s < 0.0) {
        return Err(FileFault::Damaged(format!("the moments `{name}` have a negative count or square")));
    }
    Ok(moments)
}

/// How the numbers of a tensor are read: [`Archive::f64`] or [`Archive::any_f64`].
type Reader = fn(&Archive, &str, &[usize]) -> Result<Vec<f64>, FileFault>;

/// Stores vectors of different lengths one after the other, with their lengths.
fn insert_ragged<'a>(name: &str, rows: impl Iterator<Item = &'a [f64]> + Clone, archive: &mut Archive) {
    let lengths: Vec<u64> = rows.clone().map(|row| row.len() as u64).collect();
    let values: Vec<f64> = rows.flatten().copied().collect();
    archive.insert_u64(&format!("{name}/lengths"), &[lengths.len()], &lengths);
    archive.insert_f64(name, &[values.len()], &values);
}

/// Reads what [`insert_ragged`] stored.
fn ragged(name: &str, rows: usize, archive: &Archive, read: Reader) -> Result<Vec<Vec<f64>>, FileFault> {
    let lengths = archive.u64(&format!("{name}/lengths"), &[rows])?;
    let total = lengths.iter().try_fold(0u64, |sum, length| sum.checked_add(*length)).unwrap_or(u64::MAX);
    let total = usize::try_from(total).unwrap_or(usize::MAX);
    let values = read(archive, name, &[total])?;
    let mut rest = &values[..];
    Ok(lengths
        .iter()
        .map(|length| {
            let (row, tail) = rest.split_at(*length as usize);
            rest = tail;
            row.to_vec()
        })
        .collect())
}

fn save_snapshots(snapshots: &[Snapshot], archive: &mut Archive) {
    let n = snapshots.len();
    let counts: Vec<u64> = snapshots
        .iter()
        .flat_map(|s| [s.positions[0], s.positions[1], s.episode, u64::from(s.step), s.noise.age as u64])
        .collect();
    let sums: Vec<f64> = snapshots.iter().flat_map(|s| [s.total, s.discounted]).collect();
    archive.insert_u64("environments/counts", &[n, 5], &counts);
    archive.insert_f64("environments/sums", &[n, 2], &sums);
    insert_ragged("environments/observations", snapshots.iter().map(|s| &s.observation[..]), archive);
    insert_ragged("environments/noise", snapshots.iter().map(|s| &s.noise.normals[..]), archive);
    insert_ragged("environments/states", snapshots.iter().map(|s| &s.state[..]), archive);
}

fn load_snapshots(n: usize, archive: &Archive) -> Result<Vec<Snapshot>, FileFault> {
    let counts = archive.u64("environments/counts", &[n, 5])?;
    let sums = archive.f64("environments/sums", &[n, 2])?;
    let observations = ragged("environments/observations", n, archive, Archive::f64)?;
    let noise = ragged("environments/noise", n, archive, Archive::f64)?;
    let states = ragged("environments/states", n, archive, Archive::any_f64)?; // the environments judge their own states
    let parts = observations.into_iter().zip(noise).zip(states);
    let snapshots = parts.enumerate().map(|(i, ((observation, normals), state))| {
        let [environment, action, episode, step, age] =
            <[u64; 5]>::try_from(&counts[5 * i..5 * i + 5]).expect("five counts an environment");
        let step = u32::try_from(step).map_err(|_| FileFault::Damaged(format!("an episode of {step} steps")))?;
        Ok(Snapshot {
            positions: [count("position", environment)?, count("position", action)?],
            episode: count("episode", episode)?,
            step,
            total: sums[2 * i],
            discounted: sums[2 * i + 1],
            observation,
            noise: HeldNoise { normals, age: count("age", age)? as usize },
            state,
        })
    });
    snapshots.collect()
}
