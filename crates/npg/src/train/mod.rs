//! The outer loop: sample, estimate advantages, update the policy, fit the baseline, measure.
//!
//! A [`Trainer`] is an iterator over [`Iteration`]s and does no I/O; [`crate::session`] gives it a run directory.

mod estimate;
mod iteration;
mod memory;
mod probe;
mod report;
mod rewards;
mod schedule;
mod state;

pub use iteration::Iteration;
use iteration::{time_metrics, update_metrics};
use report::ReportState;
use rewards::Rewards;
pub use state::{RestoreError, config as saved_config, load_policy};

use crate::config::{Config, Schedule, StepRule, ValueKind};
use crate::env::{EnvSource, Spec};
use crate::evaluate::{Evaluation, Plan, Stop, evaluate, evaluate_unless};
use crate::metrics;
use crate::normalize::Moments;
use crate::policy::{Encoder, Policy};
use crate::random::{Purpose, Stream};
use crate::reduce::Reducer;
use crate::rollout::{Batch, Episode, Readers, Sampler};
use crate::solve::SolverState;
use crate::update::{Update, UpdateStatus, update_sampled};
use crate::value::{Baseline, Fit, Visited, explained_variance};
use crate::{Error, Mistake, Result};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

/// The number of episodes in the running means.
const WINDOW: usize = 100;

/// Training of one policy on one environment.
///
/// ```
/// use npg::{config::Config, env::registry, train::Trainer};
/// let mut config = Config::default();
/// config.run.steps = 4096;
/// let source = registry::make("CartPole-v1", &config.env)?;
/// for iteration in Trainer::new(config, source)? {
///     let iteration = iteration?;
///     println!("{} steps: KL {:?}", iteration.steps, iteration.metrics.get("npg/kl"));
/// }
/// # Ok::<(), npg::Error>(())
/// ```
pub struct Trainer {
    config: Config,
    source: Box<dyn EnvSource>,
    spec: Spec,
    pool: Arc<ThreadPool>,
    policy: Policy,
    baseline: Baseline,
    /// What the baseline reads of observations; `None` if it reads what the policy reads.
    critic: Option<Encoder>,
    sampler: Sampler,
    rewards: Rewards,
    /// The next batch, if it was sampled ahead.
    ahead: Option<Sampled>,
    /// Whether batches may be sampled ahead.
    may_sample_ahead: bool,
    /// How often training was continued with new environments.
    restarts: u64,
    /// The state that the solver keeps between updates.
    solver: SolverState,
    iteration: u64,
    steps: u64,
    episodes: u64,
    diverged: u64,
    /// The number of updates whose step was shortened or given up.
    shortened: u64,
    /// The (return, length) of the last episodes.
    recent: VecDeque<(f64, f64)>,
    /// What the next report needs from this iteration.
    report_state: ReportState,
    /// The seconds and steps of training in this process.
    clock: (f64, u64),
    /// The seconds of training in earlier processes.
    seconds_before: f64,
}

/// A batch and the seconds that it took, or the error.
type Sampled = Result<(Batch, f64)>;

fn sample(sampler: &mut Sampler, readers: Readers<'_>, steps: u64) -> Sampled {
    let begin = Instant::now();
    let batch = sampler.sample_for(readers, steps as usize)?;
    Ok((batch, begin.elapsed().as_secs_f64()))
}

/// Fits the baseline. Also returns the seconds that it took.
fn fit(
    baseline: &mut Baseline,
    reducer: &Reducer,
    states: Visited<'_>,
    targets: &[f64],
    order: &mut Stream,
) -> (Fit, f64) {
    let begin = Instant::now();
    (baseline.fit(reducer, states, targets, order), begin.elapsed().as_secs_f64())
}

impl Trainer {
    /// A new trainer. The source has to apply the environment's options in `config.env`.
    ///
    /// # Errors
    /// Everything that is wrong with the configuration at once, or that the environment cannot be made.
    pub fn new(config: Config, source: Box<dyn EnvSource>) -> Result<Self> {
        Self::begin(config, source, 0)
    }

    /// Like [`Trainer::new`], after this many changes of the environments.
    fn begin(config: Config, source: Box<dyn EnvSource>, restarts: u64) -> Result<Self> {
        let spec = source.spec();
        let mut mistakes = config.validate();
        mistakes.extend(spec.mistakes());
        mistakes.extend(Policy::mistakes(&config.policy, &spec));
        let reading = Baseline::reading(&config.value, None);
        let fault = Encoder::fault(&spec.observation, reading);
        mistakes.extend(fault.map(|(key, message)| Mistake { key: format!("value.{key}"), message }));
        if !mistakes.is_empty() {
            return Err(Error::Config(mistakes));
        }
        memory::check(&config, &spec)?;
        let pool = ThreadPoolBuilder::new()
            .num_threads(config.rollout.threads)
            .build()
            .map_err(|error| Error::config("rollout.threads", format!("cannot start the threads: {error}")))?;
        let seed = config.run.seed;
        let policy = Policy::new(&config.policy, &config.normalize, &spec, seed);
        let own =
            Encoder::new(&spec.observation, Baseline::reading(&config.value, config.normalize.clip_of_observations()));
        let is_own = config.value.kind != ValueKind::None && !own.is_alike(&policy.encoder);
        Ok(Self {
            baseline: Baseline::new(&config.value, own.entrance(&config.value.encoder), seed),
            critic: is_own.then_some(own),
            sampler: {
                let (count, gamma) = (config.rollout.n_envs, config.advantage.gamma);
                Sampler::after_restarts(source.as_ref(), count, gamma, seed, restarts)?
            },
            rewards: Rewards::new(&config),
            policy,
            ahead: None,
            may_sample_ahead: true,
            restarts,
            solver: SolverState::default(),
            iteration: 0,
            steps: 0,
            episodes: 0,
            diverged: 0,
            shortened: 0,
            recent: VecDeque::with_capacity(WINDOW),
            report_state: ReportState::default(),
            clock: (0.0, 0),
            seconds_before: 0.0,
            pool: Arc::new(pool),
            spec,
            source,
            config,
        })
    }

    /// The configuration of the run.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The specification of the environment.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// The current policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The number of transitions sampled so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The number of iterations done so far.
    pub fn iterations(&self) -> u64 {
        self.iteration
    }

    /// The number of episodes finished so far.
    pub fn episodes(&self) -> u64 {
        self.episodes
    }

    /// The seconds of training, including those before a resume. Only sampling and updates count.
    pub fn seconds(&self) -> f64 {
        self.seconds_before + self.clock.0
    }

    /// Changes the total number of steps; schedules follow the new total. If `until_return` has been reached already, it is
    /// turned off, because nothing would be left to do; returns whether it was. A batch that was sampled ahead
    /// ([`EnvSource::samples_on_one_thread`]) is used as it is. It may be shorter than others, or end after a lower new
    /// total.
    pub fn set_total_steps(&mut self, steps: u64) -> bool {
        let is_dropped = self.has_reached_return() && steps > self.steps;
        if is_dropped {
            self.config.run.until_return = None;
        }
        self.config.run.steps = steps;
        is_dropped
    }

    /// Sets whether a batch may be sampled before the previous iteration has ended. This must be off if someone acts on the
    /// environments between iterations, or stops early and counts their steps. Otherwise no result depends on it.
    pub fn set_samples_ahead(&mut self, may: bool) {
        self.may_sample_ahead = may;
    }

    /// Drops the episodes in progress, so that the next batch starts with a reset of every environment. Call it if somebody
    /// else has stepped or reset the environments.
    pub fn begin_episodes_anew(&mut self) {
        self.ahead = None;
        self.sampler.begin_anew();
    }

    /// Whether all steps are done or the wanted return is reached.
    pub fn is_done(&self) -> bool {
        self.steps >= self.config.run.steps || self.has_reached_return()
    }

    /// Whether `run.until_return` is reached, with 100 episodes in the mean.
    pub fn has_reached_return(&self) -> bool {
        let reached = |target: f64| self.recent.len() == WINDOW && self.mean_return() >= target;
        self.config.run.until_return.is_some_and(reached)
    }

    fn mean_return(&self) -> f64 {
        self.recent.iter().map(|(total, _)| total).sum::<f64>() / self.recent.len() as f64
    }

    /// Starts from another policy's parameters and statistics.
    ///
    /// # Errors
    /// If it is another function of its parameters, or acts in other bounds.
    pub fn initialize_from(&mut self, policy: &Policy) -> Result<()> {
        if let Some(difference) = self.policy.difference(policy) {
            let message =
                format!("{difference}: use the settings `policy` and `normalize` of the run that it comes from");
            return Err(Error::Run(format!("the given policy {message}")));
        }
        if self.policy == *policy {
            return Ok(());
        }
        self.policy.is_masked = policy.is_masked;
        self.policy.network.clone_from(&policy.network);
        self.policy.theta.clone_from(&policy.theta);
        self.policy.encoder.normalizer.clone_from(&policy.encoder.normalizer);
        // These belong to the previous policy: a batch, a direction, and the predicted gain of its last step.
        (self.ahead, self.solver) = (None, SolverState::default());
        self.report_state = ReportState::default();
        Ok(())
    }

    /// Runs evaluation episodes with the current policy, the deterministic actions and the run's seed. Training is not
    /// affected.
    ///
    /// # Errors
    /// Those of [`evaluate`].
    pub fn evaluate(&self, episodes: usize) -> Result<Evaluation> {
        let (policy, source, plan) = self.evaluation(episodes);
        self.pool.install(|| evaluate(policy, source, plan))
    }

    /// [`Trainer::evaluate`], unless `stop` returns true before all episodes have ended; then `None`.
    ///
    /// # Errors
    /// Those of [`evaluate`].
    pub fn evaluate_unless(&self, stop: Stop<'_>, episodes: usize) -> Result<Option<Evaluation>> {
        let (policy, source, plan) = self.evaluation(episodes);
        self.pool.install(|| evaluate_unless(stop, policy, source, plan))
    }

    fn evaluation(&self, episodes: usize) -> (&Policy, &dyn EnvSource, Plan) {
        (&self.policy, self.source.as_ref(), Plan { episodes, seed: self.config.run.seed, stochastic: false })
    }

    /// Runs one iteration; `None` if training is done.
    ///
    /// # Errors
    /// If the environment reports an error. The trainer must not be used after that, but its last checkpoint is good.
    pub fn step(&mut self) -> Option<Result<Iteration>> {
        if self.is_done() {
            return None;
        }
        let pool = Arc::clone(&self.pool);
        Some(pool.install(|| self.iterate()))
    }

    fn iterate(&mut self) -> Result<Iteration> {
        let begin = Instant::now();
        let (batch, sampled) = self.collect()?;
        self.policy.is_masked = batch.masks.is_some() && self.policy.distribution.mask_len() > 0;
        let estimate = self.estimate(&batch);

        // The policy's update and the baseline's fit read the same batch but not each other, so they run in parallel. If
        // sampling leaves cores idle, the fit waits until it can run while the next batch is sampled.
        let kl_step = self.kl_step();
        let (states, surrogate) = self.samples(&batch, &estimate);
        let visited = Visited { inputs: batch.critic_states(), steps: &batch.steps };
        let mut order = Stream::new(self.config.run.seed, Purpose::Minibatch, self.iteration);
        let samples_ahead = self.samples_ahead();
        let (policy, algorithm, solver) = (&self.policy, &self.config.algorithm, &mut self.solver);
        let baseline = &mut self.baseline;
        let updating = Instant::now();
        let (update, fitted) = rayon::join(
            || update_sampled(policy, states, surrogate, algorithm, kl_step, solver),
            || (!samples_ahead).then(|| fit(baseline, &batch.reducer, visited, &estimate.targets, &mut order)),
        );
        let mut updated = updating.elapsed().as_secs_f64();
        self.take(&update);

        // The normalizers may change only now.
        let relation = self.renormalize(&batch);
        let return_scale = self.rewards.scale();
        self.rewards.settle();
        let probe = probe::probe(&self.policy, &update.theta, &batch);
        let episodes = batch.all_episodes();
        self.count(&batch, &episodes);
        let (fit, fitting) = fitted.unwrap_or_else(|| {
            let (fit, seconds) = self.fit_and_sample_ahead(&batch.reducer, visited, &estimate.targets, &mut order);
            updated += seconds;
            (fit, seconds)
        });
        let report = self.config.trust_region.report.then(|| {
            let fitted = fit.accepted.then_some(estimate.scaled_unit);
            self.report(&batch, &update.comparison, &estimate, fitted)
        });
        if let Some(relation) = relation {
            self.baseline.substitute_inputs(&relation);
        }
        let seconds = begin.elapsed().as_secs_f64();
        self.clock = (self.clock.0 + seconds, self.clock.1 + batch.reducer.rows() as u64);

        let mut row = self.episode_metrics(&episodes);
        time_metrics(&mut row, &update, [sampled, updated, fitting]);
        row.push(metrics::EXPLAINED_VARIANCE, explained_variance(&batch.reducer, &estimate.values, &estimate.targets));
        row.push(metrics::VALUE_LOSS, fit.loss);
        row.push(metrics::STD, probe.std);
        update_metrics(&mut row, &update, kl_step);
        row.push(metrics::SHORTENED, self.shortened as f64);
        row.push(metrics::KL_NORMALIZER, probe.kl_normalizer);
        row.push(metrics::RETURN_SCALE, return_scale);
        row.push(metrics::REWARDS_CLIPPED, estimate.clipped);
        if let Some(report) = report {
            report.push(&mut row, &update.comparison);
        }
        self.simulator_metrics(&mut row, &batch);
        self.sampler.give_back(batch);
        let (iteration, steps, status) = (self.iteration, self.steps, update.status);
        Ok(Iteration { iteration, steps, metrics: row, status, value_refused: !fit.accepted })
    }

    /// The batch that was sampled ahead if there is one, or a new one, and the seconds that it took.
    fn collect(&mut self) -> Result<(Batch, f64)> {
        let steps = self.batch_steps();
        // The total may have changed since the batch was sampled, but the environments have taken its steps already.
        self.ahead.take().unwrap_or_else(|| sample(&mut self.sampler, (&self.policy, self.critic.as_ref()), steps))
    }

    /// Whether the next batch is sampled before this iteration has ended. This is never so for environments that can save
    /// their state: a checkpoint holds their state, which must not be the state after a batch that the checkpoint does not
    /// hold.
    fn samples_ahead(&self) -> bool {
        self.may_sample_ahead && self.source.samples_on_one_thread() && self.sampler.save().is_none()
    }

    /// Gives the parameters of an update to the policy.
    fn take(&mut self, update: &Update) {
        self.policy.theta.clone_from(&update.theta);
        let is_kept = self.config.algorithm.step == StepRule::Kl; // a line search often shortens steps, and that is normal
        let gave_up = update.status == UpdateStatus::LineSearchFailed;
        self.shortened += u64::from(is_kept && (update.backtracks > 0 || gave_up));
    }

    /// Fits the baseline while the next batch, if there is one, is sampled. Returns the seconds of the fit.
    fn fit_and_sample_ahead(
        &mut self,
        reducer: &Reducer,
        states: Visited<'_>,
        targets: &[f64],
        order: &mut Stream,
    ) -> (Fit, f64) {
        let (more, steps) = (!self.is_done(), self.batch_steps());
        let (sampler, baseline) = (&mut self.sampler, &mut self.baseline);
        let readers = (&self.policy, self.critic.as_ref());
        let (fitted, ahead) = rayon::join(
            || fit(baseline, reducer, states, targets, order),
            || more.then(|| sample(sampler, readers, steps)),
        );
        self.ahead = ahead;
        fitted
    }

    /// The number of transitions in the next batch.
    fn batch_steps(&self) -> u64 {
        (self.config.run.steps - self.steps.min(self.config.run.steps)).min(self.config.rollout.batch_steps as u64)
    }

    /// Adds the batch to the statistics of observations. With `normalize.compensate`, the policy's first layer is rewritten so
    /// that it computes the same function as before. Returns the change of the inputs for the baseline, or `None` on the
    /// first update, which replaces the identity by real statistics.
    fn renormalize(&mut self, batch: &Batch) -> Option<Vec<(f64, f64)>> {
        let changes = |encoder: &mut Encoder, moments: Moments| {
            let change = encoder.update(&moments)?;
            self.config.normalize.compensate.then_some(change)
        };
        let of_policy = changes(&mut self.policy.encoder, batch.observation_moments());
        let of_critic = self.critic.as_mut().zip(batch.critic_moments()).map(|(own, moments)| changes(own, moments));
        if let Some(change) = &of_policy {
            self.policy.network.substitute_inputs(&mut self.policy.theta, change);
            if let Some(x) = &mut self.solver.last_direction {
                self.policy.network.substitute_inputs(x, change);
            }
        }
        of_critic.unwrap_or(of_policy)
    }

    fn kl_step(&self) -> f64 {
        let algorithm = &self.config.algorithm;
        let done = self.steps as f64 / self.config.run.steps as f64;
        match algorithm.kl_step_schedule {
            Schedule::Constant => algorithm.kl_step,
            Schedule::Linear => algorithm.kl_step * (1.0 - done),
        }
    }

    fn count(&mut self, batch: &Batch, episodes: &[Episode]) {
        self.iteration += 1;
        self.steps += batch.reducer.rows() as u64;
        self.diverged += batch.reducer.count_of_all(batch.diverged);
        self.episodes += episodes.len() as u64;
        for episode in episodes {
            if self.recent.len() == WINDOW {
                self.recent.pop_front();
            }
            self.recent.push_back((episode.total, f64::from(episode.length)));
        }
    }
}

impl Iterator for Trainer {
    type Item = Result<Iteration>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step()
    }
}

impl std::fmt::Debug for Trainer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trainer")
            .field("environment", &self.spec.id)
            .field("iteration", &self.iteration)
            .field("steps", &self.steps)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
