//! The one table of metrics: name, unit, one sentence, healthy range. Names are those of Stable-Baselines3 if the quantity
//! is the same, and `npg/...` or `trust_region/...` otherwise.

use std::borrow::Cow;

/// One metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name in logs, TensorBoard and JSON lines.
    pub name: &'static str,
    /// Its unit; "1" for pure numbers.
    pub unit: &'static str,
    /// What it measures, in one sentence.
    pub sentence: &'static str,
    /// The values that it has in a healthy run.
    pub healthy: &'static str,
}

macro_rules! metrics {
    ($($constant:ident = $name:literal, $unit:literal, $sentence:literal, $healthy:literal;)*) => {
        $(#[doc = $sentence] pub const $constant: &str = $name;)*

        /// Every metric that a run logs, in the order of its columns.
        pub const METRICS: &[Metric] =
            &[$(Metric { name: $name, unit: $unit, sentence: $sentence, healthy: $healthy }),*];
    };
}

metrics! {
    EP_REW_MEAN = "rollout/ep_rew_mean", "reward",
        "Mean return of the last 100 finished training episodes, with exploration noise.",
        "rises; the deterministic evaluation is usually better";
    EP_REW_CI95 = "rollout/ep_rew_ci95", "reward",
        "Half width of the 95 % interval (Student t) of that mean.",
        "small compared with the differences that you care about";
    EP_REW_BATCH = "rollout/ep_rew_batch", "reward",
        "Mean return of the episodes that ended in this iteration; nan if none did.",
        "around rollout/ep_rew_mean, and ahead of it if 100 episodes span many iterations";
    EP_LEN_MEAN = "rollout/ep_len_mean", "steps",
        "Mean length of the last 100 finished training episodes.",
        "at most the time limit";
    EPISODES = "rollout/episodes", "episodes",
        "Training episodes finished since the start.",
        "several per iteration; otherwise advantages depend on the baseline alone";
    FPS = "time/fps", "steps/s",
        "Environment steps per second since this process began training, without evaluation and checkpoints.",
        "steady";
    TIME_ELAPSED = "time/time_elapsed", "s",
        "Seconds of training since the start of the run, without evaluation and checkpoints.",
        "-";
    SAMPLE_SECONDS = "time/sample_seconds", "s",
        "Seconds that sampling this batch took.",
        "-";
    UPDATE_SECONDS = "time/update_seconds", "s",
        "Seconds that the update of policy and baseline took.",
        "-";
    GRADIENT_SECONDS = "time/gradient_seconds", "s",
        "Seconds for the policy's forward passes and gradient. These times overlap with time/value_seconds.",
        "-";
    SOLVE_SECONDS = "time/solve_seconds", "s",
        "Seconds for solving (F + damping I) x = g.",
        "-";
    STEP_SECONDS = "time/step_seconds", "s",
        "Seconds for the step: the line search, and measuring the new policy.",
        "-";
    VALUE_SECONDS = "time/value_seconds", "s",
        "Seconds for fitting the baseline, at the same time as the policy is updated.",
        "-";
    EXPLAINED_VARIANCE = "train/explained_variance", "1",
        "1 - Var(target - V) / Var(target) of the value baseline before its fit.",
        "approaches 1; below 0 a constant would do better, which means little if all states have nearly the same value, as in a CartPole whose pole no longer falls";
    VALUE_LOSS = "train/value_loss", "reward^2",
        "Mean squared error of the value baseline in its last pass of the fit (scaled rewards).",
        "falls, or stays small";
    STD = "train/std", "1",
        "Mean standard deviation of a Gaussian policy's raw actions over sampled states.",
        "shrinks slowly; a collapse towards 0 ends exploration";
    ENTROPY = "train/entropy", "nats",
        "Mean entropy of the policy before the update (differential for Gaussians).",
        "falls slowly; a sudden fall is premature convergence";
    KL = "npg/kl", "nats",
        "Measured KL(old || new) of the update, mean over the batch's states.",
        "close to npg/kl_predicted; at most algorithm.kl_tolerance times npg/kl_step";
    KL_PREDICTED = "npg/kl_predicted", "nats",
        "Predicted KL of the step, 1/2 alpha^2 x^T F x, with the undamped F.",
        "equals npg/kl_step for step = \"kl\", unless the step was shortened";
    KL_STEP = "npg/kl_step", "nats",
        "KL budget of this iteration, after its schedule.",
        "0.001 to 0.05";
    KL_REVERSE = "npg/kl_reverse", "nats",
        "Measured KL(new || old) of the update, mean over the batch's states.",
        "close to npg/kl for small steps";
    KL_MAX = "npg/kl_max", "nats",
        "Largest KL(old || new) of a sampled state.",
        "within about 100 times the mean";
    TV = "npg/tv", "1",
        "Mean total variation between old and new policy: exact for one categorical head, else an upper bound.",
        "at most sqrt(npg/kl / 2) if exact";
    CG_ITERATIONS = "npg/cg_iterations", "iterations",
        "Conjugate-gradient iterations of the solve; nan for direct solvers.",
        "algorithm.cg_iterations, or fewer if algorithm.cg_tolerance is reached";
    CG_RESIDUAL = "npg/cg_residual", "1",
        "||g - (F + damping I) x|| / ||g|| at the end of conjugate gradients; nan for direct solvers.",
        "below 1; 0.01 to 0.5 is good enough, and small policies reach 1e-6 and less";
    STEP_SIZE = "npg/step_size", "1",
        "alpha, the multiple of x that was added to the parameters; 0 if the update was refused.",
        "-";
    GRADIENT_NORM = "npg/gradient_norm", "1",
        "Norm of the policy gradient g.",
        "finite and not 0";
    SURROGATE = "npg/surrogate", "advantage",
        "Surrogate gain of the new policy on the batch (after normalization of advantages).",
        "positive";
    SURROGATE_PREDICTED = "npg/surrogate_predicted", "advantage",
        "Linear prediction of that gain, alpha g^T x.",
        "somewhat above npg/surrogate";
    BACKTRACKS = "npg/backtracks", "reductions",
        "Reductions of alpha until the measured step was accepted or given up.",
        "0; 0 to 3 for step = \"line-search\"";
    UPDATED = "npg/updated", "1",
        "1 if the policy changed in this iteration, else 0 (refused, no signal, or no acceptable step).",
        "1";
    SHORTENED = "npg/shortened", "updates",
        "Updates since the start whose step was shortened or given up, because it measured too much KL or lowered the surrogate.",
        "0 or few; many if the policy is nearly deterministic";
    KL_NORMALIZER = "npg/kl_normalizer", "nats",
        "KL between the new policy before and after its observation normalizer was updated with this batch: a change outside of the budget.",
        "far below npg/kl after the first iterations";
    RETURN_SCALE = "npg/return_scale", "1",
        "Factor on rewards from the return normalizer; 1 if it is off.",
        "steady";
    REWARDS_CLIPPED = "npg/rewards_clipped", "1",
        "Fraction of the batch's rewards that was clipped, at normalize.clip standard deviations of the discounted return around their mean.",
        "0; if it is more than 0.02, the log says so";
    KL_REVERSE_MAX = "trust_region/kl_reverse_max", "nats",
        "Largest KL(new || old) of a sampled state.",
        "near npg/kl_max";
    TV_MAX = "trust_region/tv_max", "1",
        "Largest total variation between old and new policy in a sampled state, alpha of the bounds. trust_region/tv_exact says whether it is exact or a bound.",
        "far below 1";
    TV_EXACT = "trust_region/tv_exact", "1",
        "1 if npg/tv and trust_region/tv_max are exact (one categorical head), 0 if they are upper bounds from the KL.",
        "-";
    MEAN_STEP = "trust_region/mean_step", "steps",
        "Mean over the batch of a state's step within its episode.",
        "about half the episodes' length";
    DRIFT_BOUND = "trust_region/drift_bound", "1",
        "Upper bound on the total variation between the state distributions at that step, 1 - (1 - alpha)^t with alpha = trust_region/tv_max.",
        "often near 1: the worst case over all states, at every step";
    ADVANTAGE_MAX = "trust_region/advantage_max", "reward",
        "Largest magnitude of a sampled advantage, eps_max of the bounds.",
        "-";
    PREDICTED_GAIN = "trust_region/surrogate", "reward",
        "Promised gain in the expected discounted return: the surrogate summed over an episode, with advantages in the environment's units.",
        "positive; above the realized gain, because the step follows the noise of its own batch";
    BOUND_SERIES = "trust_region/bound_series", "reward",
        "Lower bound on the gain from the drift of states, summed up to the time limit and estimated from the batch.",
        "far below 0 at practical steps";
    BOUND_TRPO = "trust_region/bound_trpo", "reward",
        "Lower bound on the gain from TRPO's theorem 1 with alpha = trust_region/tv_max, estimated from the batch.",
        "far below 0 at practical steps";
    BOUND_TRPO_KL = "trust_region/bound_trpo_kl", "reward",
        "The same with alpha^2 = npg/kl_max / 2 (Pinsker).",
        "below trust_region/bound_trpo if trust_region/tv_exact";
    BOUND_CPO = "trust_region/bound_cpo", "reward",
        "Lower bound on the gain from CPO's corollary 1 with the mean total variation, estimated from the batch.",
        "above trust_region/bound_trpo";
    BOUND_CPO_KL = "trust_region/bound_cpo_kl", "reward",
        "The same with total variations from the mean and the largest KL (Pinsker).",
        "below trust_region/bound_cpo if trust_region/tv_exact";
    DISCOUNTED_RETURN = "trust_region/discounted_return", "reward",
        "Mean discounted return of the episodes that start in this batch. Episodes that the batch cuts off are completed with the value baseline, before its fit.",
        "rises";
    DISCOUNTED_RETURN_SE = "trust_region/discounted_return_se", "reward",
        "Standard error of that mean from the spread of the episodes, without the errors of the baseline.",
        "shrinks with the number of episodes";
    REALIZED_GAIN = "trust_region/realized_gain", "reward",
        "Delivered gain of the *previous* iteration's update: this discounted return minus that of the batch before, both completed by the same baseline; nan if fewer than two episodes start in one of them.",
        "within two standard errors of the previous trust_region/surrogate, mostly";
    REALIZED_GAIN_SE = "trust_region/realized_gain_se", "reward",
        "Standard error of trust_region/realized_gain, from the spread of episodes in both batches.",
        "in a single iteration, well above the gain itself";
    DIVERGED = "env/diverged", "simulations",
        "Simulations that diverged since the start.",
        "0";
}

/// The metric `env/<name>` of a number that environments measure in addition to rewards.
pub fn of_environment(name: &str) -> String {
    format!("{ENVIRONMENT}{name}")
}

/// The prefix of environments' own metrics.
const ENVIRONMENT: &str = "env/";

/// The values of one iteration in the table's order, followed by the environments' own metrics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row(Vec<(Cow<'static, str>, f64)>);

impl Row {
    /// Appends a metric.
    pub fn push(&mut self, name: impl Into<Cow<'static, str>>, value: f64) {
        let name = name.into();
        let is_known = METRICS.iter().any(|metric| metric.name == name) || name.starts_with(ENVIRONMENT);
        debug_assert!(is_known, "{name} is not in the table");
        self.0.push((name, value));
    }

    /// The value of a metric, or None if the iteration did not log it.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }

    /// All values.
    pub fn values(&self) -> Vec<(&str, f64)> {
        self.0.iter().map(|(name, value)| (&**name, *value)).collect()
    }
}
