//! The settings of the algorithm: plain structs, with the defaults of `npg train`.
//!
//! A configuration has one of these structs for each of its tables, and `npg::config` reads and writes them. The algorithm
//! sees only these structs.

mod names;

pub use names::{
    ActionBounds, ActivationName, AlgorithmName, Direction, Estimator, HeadName, ImageLayers, NetworkKind, Schedule,
    Solver, Std, StepRule, ValueKind,
};

use crate::network::Filters;

/// `[algorithm]`
#[derive(Clone, Debug, PartialEq)]
pub struct Algorithm {
    /// The named algorithm. It sets `direction` and `step`.
    pub name: AlgorithmName,
    /// The direction of a step.
    pub direction: Direction,
    /// The rule for the length of a step.
    pub step: StepRule,
    /// KL budget of one step, nats.
    pub kl_step: f64,
    /// How `kl_step` changes over the run.
    pub kl_step_schedule: Schedule,
    /// Largest measured KL of a step of the KL rule, in multiples of `kl_step`. `None` gives the textbook step, whatever its
    /// measured KL.
    pub kl_tolerance: Option<f64>,
    /// Step size of the fixed rule.
    pub alpha: f64,
    /// The solver for the direction.
    pub solver: Solver,
    /// The maximum number of conjugate-gradient iterations.
    pub cg_iterations: usize,
    /// Conjugate gradients stop when the residual norm, relative to that of g, falls below this.
    pub cg_tolerance: f64,
    /// Start conjugate gradients from the last solution.
    pub cg_warm_start: bool,
    /// mu in (F + damping I) x = g + damping mu x_last.
    pub momentum: f64,
    /// lambda in (F + lambda I).
    pub damping: f64,
    /// The fraction of the batch on which F is estimated.
    pub fisher_fraction: f64,
    /// Line search: the maximum number of reductions of alpha.
    pub max_backtracks: usize,
    /// Line search: the factor on alpha in each reduction.
    pub backtrack_factor: f64,
    /// Line search: the required surrogate gain, as a fraction of its linear prediction.
    pub accept_ratio: f64,
    /// The weight of the mean entropy in the objective.
    pub entropy_coefficient: f64,
    /// Whether states are weighted by gamma^t, as in the policy gradient theorem.
    pub discounted_states: bool,
}

impl Default for Algorithm {
    fn default() -> Self {
        Self {
            name: AlgorithmName::Npg,
            direction: Direction::Natural,
            step: StepRule::Kl,
            kl_step: 0.01,
            kl_step_schedule: Schedule::Constant,
            kl_tolerance: Some(1.5),
            alpha: 0.01,
            solver: Solver::Auto,
            cg_iterations: 10,
            cg_tolerance: 1e-10,
            cg_warm_start: false,
            momentum: 0.0,
            damping: 0.1,
            fisher_fraction: 1.0,
            max_backtracks: 10,
            backtrack_factor: 0.8,
            accept_ratio: 0.0,
            entropy_coefficient: 0.0,
            discounted_states: false,
        }
    }
}

/// `[advantage]`
#[derive(Clone, Debug, PartialEq)]
pub struct Advantage {
    /// The advantage estimator.
    pub estimator: Estimator,
    /// Discount factor.
    pub gamma: f64,
    /// GAE's lambda.
    pub lambda: f64,
    /// Whether the batch's mean is subtracted, and the result divided by the batch's standard deviation.
    pub normalize: bool,
}

impl Default for Advantage {
    fn default() -> Self {
        Self { estimator: Estimator::Gae, gamma: 0.99, lambda: 0.95, normalize: true }
    }
}

/// The default width of embeddings.
const EMBEDDING: usize = 16;

/// `[policy]`
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The kind of network.
    pub network: NetworkKind,
    /// The parts of the observation that the policy reads, by name; empty for all of them.
    pub keys: Vec<String>,
    /// The widths of an MLP that each part of the observation has for itself, before the parts are joined.
    pub encoder: Vec<usize>,
    /// The width of the embedding of an index with many values; 0 for one-hot vectors.
    pub embedding: usize,
    /// The convolutions of images, if the network has any.
    pub convolutions: Vec<Filters>,
    /// The widths of the hidden layers of an MLP.
    pub hidden: Vec<usize>,
    /// The nonlinearity of an MLP.
    pub activation: ActivationName,
    /// Whether the sums of hidden units are normalized before the nonlinearity.
    pub layer_norm: bool,
    /// The gain of the orthogonal initialization of the last layer.
    pub output_gain: f64,
    /// The number of random Fourier features.
    pub rbf_features: usize,
    /// The bandwidth of the features, in units of sqrt(2 observation dimensions).
    pub rbf_bandwidth: f64,
    /// The distribution over the actions of a box.
    pub head: HeadName,
    /// The standard deviation of a Gaussian policy.
    pub std: Std,
    /// The initial log standard deviation.
    pub log_std_init: f64,
    /// State-dependent exploration: the number of steps for which one noise matrix is kept.
    pub sde_steps: usize,
    /// How raw actions are fitted to the bounds.
    pub action_bounds: ActionBounds,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            network: NetworkKind::Mlp,
            keys: Vec::new(),
            encoder: Vec::new(),
            embedding: EMBEDDING,
            convolutions: Vec::new(),
            hidden: vec![64, 64],
            activation: ActivationName::Tanh,
            layer_norm: false,
            output_gain: 0.01,
            rbf_features: 100,
            rbf_bandwidth: 1.0,
            head: HeadName::Gaussian,
            std: Std::StateIndependent,
            log_std_init: 0.0,
            sde_steps: 8,
            action_bounds: ActionBounds::Rescale,
        }
    }
}

/// `[value]`
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// The kind of baseline.
    pub kind: ValueKind,
    /// The kind of network of the MLP kinds.
    pub network: NetworkKind,
    /// The parts of the observation that the baseline reads, by name; empty for all of them.
    pub keys: Vec<String>,
    /// The widths of an MLP that each part of the observation has for itself, before the parts are joined.
    pub encoder: Vec<usize>,
    /// The width of the embedding of an index with many values; 0 for one-hot vectors.
    pub embedding: usize,
    /// The convolutions of images, if the network has any.
    pub convolutions: Vec<Filters>,
    /// The widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// The nonlinearity of the hidden layers.
    pub activation: ActivationName,
    /// Whether the sums of hidden units are normalized before the nonlinearity.
    pub layer_norm: bool,
    /// The number of passes over the batch (Adam) or of Gauss-Newton steps.
    pub epochs: usize,
    /// The number of rows in an Adam minibatch.
    pub minibatch: usize,
    /// Adam's learning rate.
    pub learning_rate: f64,
    /// Gauss-Newton: conjugate-gradient iterations per step.
    pub cg_iterations: usize,
    /// Gauss-Newton: the initial damping. It adapts to how well the quadratic model predicts.
    pub damping: f64,
    /// Linear: the ridge coefficient.
    pub ridge: f64,
}

impl Default for Value {
    fn default() -> Self {
        Self {
            kind: ValueKind::MlpAdam,
            network: NetworkKind::Mlp,
            keys: Vec::new(),
            encoder: Vec::new(),
            embedding: EMBEDDING,
            convolutions: Vec::new(),
            hidden: vec![64, 64],
            activation: ActivationName::Tanh,
            layer_norm: false,
            epochs: 10,
            minibatch: 128,
            learning_rate: 1e-3,
            cg_iterations: 10,
            damping: 0.1,
            ridge: 1e-5,
        }
    }
}

/// `[normalize]`
#[derive(Clone, Debug, PartialEq)]
pub struct Normalize {
    /// Whether observations are normalized by their running mean and standard deviation.
    pub observations: bool,
    /// Whether the first layers are rewritten when the statistics change, so that policy and baseline stay the same
    /// functions.
    pub compensate: bool,
    /// Whether rewards are divided by the running standard deviation of the discounted return.
    pub returns: bool,
    /// The magnitude at which normalized observations and rewards are clipped.
    pub clip: f64,
}

impl Normalize {
    /// The magnitude at which normalized observations are clipped; `None` if they are not normalized.
    pub fn clip_of_observations(&self) -> Option<f64> {
        self.observations.then_some(self.clip)
    }
}

impl Default for Normalize {
    fn default() -> Self {
        Self { observations: true, compensate: true, returns: true, clip: 10.0 }
    }
}
