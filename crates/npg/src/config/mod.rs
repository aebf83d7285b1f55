//! The configuration of a run: typed, one struct for each table of its TOML form.
//!
//! [`KEYS`] is the one table of all keys. Parsing, printing, `npg explain` and the reference in docs/ use it.
//! [`Layers`] merges defaults, preset, file, `--set` and flags, and reports every mistake at once.

mod field;
mod keys;
mod layers;
pub mod presets;
mod table;
mod text;
mod validate;

pub use crate::setting::Kind;
pub use keys::{Key, Table, find};
pub use layers::Layers;
pub use table::{KEYS, TABLES};
pub use text::reference;

/// A whole configuration. `npg train` uses `Default` unless a preset, a file or a flag says otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// The update of the policy.
    pub algorithm: Algorithm,
    /// Sampling.
    pub rollout: Rollout,
    /// Advantage estimation.
    pub advantage: Advantage,
    /// The policy's network and distribution.
    pub policy: Policy,
    /// The value baseline.
    pub value: Value,
    /// Normalizers.
    pub normalize: Normalize,
    /// Measurements of the policy's steps.
    pub trust_region: TrustRegion,
    /// The environment's own options, checked by the environment.
    pub env: toml::Table,
    /// Length, seed, evaluation and checkpoints.
    pub run: Run,
}

/// Declares an enum whose variants have names in the configuration.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// The names in the configuration.
            pub const NAMES: &'static [&'static str] = &[$($text),*];

            /// The variant of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)* _ => None }
            }

            /// Its name in the configuration.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl field::Field for $name {
            fn value(&self) -> toml::Value {
                self.name().into()
            }

            fn assign(&mut self, value: &toml::Value) -> Option<()> {
                *self = Self::from_name(value.as_str()?)?;
                Some(())
            }
        }
    };
}

named!(
    /// Named settings of direction and step rule.
    AlgorithmName {
        /// Natural direction, alpha from the KL budget (Kakade 2001; Rajeswaran 2017).
        Npg = "npg",
        /// Natural direction, backtracking line search (Schulman 2015).
        Trpo = "trpo",
        /// Vanilla direction, fixed alpha.
        Vpg = "vpg",
    }
);
named!(
    /// Direction of a policy step.
    Direction {
        /// x = (F + damping I)^-1 g.
        Natural = "natural",
        /// x = g.
        Vanilla = "vanilla",
    }
);
named!(
    /// The length of a policy step.
    StepRule {
        /// alpha = sqrt(2 kl_step / x^T F x), shortened if the measured KL exceeds the budget.
        Kl = "kl",
        /// The configured alpha.
        Fixed = "fixed",
        /// alpha from the KL budget, then backtracking until the surrogate improves and the measured KL is within the budget.
        LineSearch = "line-search",
    }
);
named!(
    /// How (F + damping I) x = g is solved.
    Solver {
        /// Conjugate gradients on the exact Fisher product.
        Cg = "cg",
        /// The dense exact Fisher, factorized.
        Cholesky = "cholesky",
        /// The Woodbury identity on sampled scores (the empirical Fisher).
        Woodbury = "woodbury",
        /// Cholesky for at most 64 parameters, else conjugate gradients.
        Auto = "auto",
    }
);
named!(
    /// How a value changes over the run.
    Schedule {
        /// It stays constant.
        Constant = "constant",
        /// Linearly to zero at the last step.
        Linear = "linear",
    }
);
named!(
    /// Advantage estimator.
    Estimator {
        /// Generalized advantage estimation (Schulman 2016).
        Gae = "gae",
        /// Discounted return minus baseline.
        MonteCarlo = "monte-carlo",
    }
);
named!(
    /// The policy's network.
    NetworkKind {
        /// Multilayer perceptron.
        Mlp = "mlp",
        /// One linear layer.
        Linear = "linear",
        /// Random Fourier features with a linear head (Rajeswaran 2017).
        Rbf = "rbf",
    }
);
named!(
    /// Nonlinearity of hidden layers.
    ActivationName {
        /// Hyperbolic tangent.
        Tanh = "tanh",
        /// max(x, 0).
        Relu = "relu",
        /// Gaussian error linear unit.
        Gelu = "gelu",
        /// Sigmoid linear unit.
        Silu = "silu",
    }
);
named!(
    /// Distribution over the actions of a box.
    HeadName {
        /// Independent normals.
        Gaussian = "gaussian",
        /// Independent Beta distributions between the bounds.
        Beta = "beta",
    }
);
named!(
    /// Standard deviation of a Gaussian policy.
    Std {
        /// One parameter for each action dimension.
        StateIndependent = "state-independent",
        /// An output of the network.
        StateDependent = "state-dependent",
        /// State-dependent exploration: noise that is linear in the last layer's inputs and kept for several steps (Raffin 2022).
        Sde = "sde",
    }
);
named!(
    /// How a Gaussian policy's raw action is fitted to the action space's bounds.
    ActionBounds {
        /// Executed action = raw action, clipped.
        Clip = "clip",
        /// Raw -1..1 is mapped onto low..high, then clipped.
        Rescale = "rescale",
    }
);
named!(
    /// Kind of value baseline.
    ValueKind {
        /// MLP trained by Adam on minibatches.
        MlpAdam = "mlp-adam",
        /// MLP trained by damped Gauss-Newton steps.
        MlpGaussNewton = "mlp-gauss-newton",
        /// Ridge regression on features of observation and time (Duan 2016).
        Linear = "linear",
        /// Zero.
        None = "none",
    }
);

impl AlgorithmName {
    /// The direction and step rule of that name.
    pub fn settings(self) -> (Direction, StepRule) {
        match self {
            Self::Npg => (Direction::Natural, StepRule::Kl),
            Self::Trpo => (Direction::Natural, StepRule::LineSearch),
            Self::Vpg => (Direction::Vanilla, StepRule::Fixed),
        }
    }
}

/// `[algorithm]`
#[derive(Clone, Debug, PartialEq)]
pub struct Algorithm {
    /// Named algorithm. It sets `direction` and `step`.
    pub name: AlgorithmName,
    /// Direction.
    pub direction: Direction,
    /// Step rule.
    pub step: StepRule,
    /// KL budget of one step, nats.
    pub kl_step: f64,
    /// How `kl_step` changes over the run.
    pub kl_step_schedule: Schedule,
    /// Largest measured KL of a step of the KL rule, in multiples of `kl_step`. None gives the textbook step, whatever its measured
    /// KL.
    pub kl_tolerance: Option<f64>,
    /// Step size of the fixed rule.
    pub alpha: f64,
    /// Solver.
    pub solver: Solver,
    /// The most conjugate-gradient iterations.
    pub cg_iterations: usize,
    /// Stop when the residual norm relative to that of g falls below this.
    pub cg_tolerance: f64,
    /// Start conjugate gradients from the last solution.
    pub cg_warm_start: bool,
    /// mu in (F + damping I) x = g + damping mu x_last.
    pub momentum: f64,
    /// lambda in (F + lambda I).
    pub damping: f64,
    /// Fraction of the batch on which F is estimated.
    pub fisher_fraction: f64,
    /// Line search: the most reductions of alpha.
    pub max_backtracks: usize,
    /// Line search: factor on alpha in each reduction.
    pub backtrack_factor: f64,
    /// Line search: required surrogate gain as a fraction of its linear prediction.
    pub accept_ratio: f64,
    /// Weight of the mean entropy in the objective.
    pub entropy_coefficient: f64,
    /// Weight states by gamma^t, as the policy gradient theorem does.
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

/// `[rollout]`
#[derive(Clone, Debug, PartialEq)]
pub struct Rollout {
    /// Number of environments.
    pub n_envs: usize,
    /// Transitions of one iteration, from all environments together.
    pub batch_steps: usize,
    /// Worker threads; 0 means all cores. Results do not depend on it.
    pub threads: usize,
}

impl Default for Rollout {
    fn default() -> Self {
        Self { n_envs: 16, batch_steps: 2048, threads: 0 }
    }
}

/// `[advantage]`
#[derive(Clone, Debug, PartialEq)]
pub struct Advantage {
    /// Estimator.
    pub estimator: Estimator,
    /// Discount factor.
    pub gamma: f64,
    /// GAE's lambda.
    pub lambda: f64,
    /// Subtract the batch's mean and divide by its standard deviation.
    pub normalize: bool,
}

impl Default for Advantage {
    fn default() -> Self {
        Self { estimator: Estimator::Gae, gamma: 0.99, lambda: 0.95, normalize: true }
    }
}

/// `[policy]`
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Network.
    pub network: NetworkKind,
    /// Widths of the hidden layers of an MLP.
    pub hidden: Vec<usize>,
    /// Nonlinearity of an MLP.
    pub activation: ActivationName,
    /// Whether the sums of hidden units are normalized before the nonlinearity.
    pub layer_norm: bool,
    /// Gain of the orthogonal initialization of the last layer.
    pub output_gain: f64,
    /// Number of random Fourier features.
    pub rbf_features: usize,
    /// Bandwidth of the features, in units of sqrt(2 observation dimensions).
    pub rbf_bandwidth: f64,
    /// Distribution over the actions of a box.
    pub head: HeadName,
    /// Standard deviation of a Gaussian policy.
    pub std: Std,
    /// Initial log standard deviation.
    pub log_std_init: f64,
    /// State-dependent exploration: steps for which one noise matrix is kept.
    pub sde_steps: usize,
    /// How raw actions are fitted to the bounds.
    pub action_bounds: ActionBounds,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            network: NetworkKind::Mlp,
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
    /// Kind of baseline.
    pub kind: ValueKind,
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// Nonlinearity.
    pub activation: ActivationName,
    /// Whether the sums of hidden units are normalized before the nonlinearity.
    pub layer_norm: bool,
    /// Passes over the batch (Adam) or Gauss-Newton steps.
    pub epochs: usize,
    /// Rows of an Adam minibatch.
    pub minibatch: usize,
    /// Adam's learning rate.
    pub learning_rate: f64,
    /// Gauss-Newton: conjugate-gradient iterations per step.
    pub cg_iterations: usize,
    /// Gauss-Newton: initial damping. It adapts to how well the quadratic model predicts.
    pub damping: f64,
    /// Linear: ridge coefficient.
    pub ridge: f64,
}

impl Default for Value {
    fn default() -> Self {
        Self {
            kind: ValueKind::MlpAdam,
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
    /// Normalize observations by their running mean and standard deviation.
    pub observations: bool,
    /// Whether the first layers follow the statistics, so that policy and baseline stay the same functions.
    pub compensate: bool,
    /// Divide rewards by the running standard deviation of the discounted return.
    pub returns: bool,
    /// Normalized observations and rewards are clipped to this magnitude.
    pub clip: f64,
}

impl Default for Normalize {
    fn default() -> Self {
        Self { observations: true, compensate: true, returns: true, clip: 10.0 }
    }
}

/// `[trust_region]`
#[derive(Clone, Debug, PartialEq)]
pub struct TrustRegion {
    /// Log what each step promised and what it delivered.
    pub report: bool,
}

impl Default for TrustRegion {
    fn default() -> Self {
        Self { report: true }
    }
}

/// `[run]`
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Transitions to train on, exactly.
    pub steps: u64,
    /// Seed of every random stream.
    pub seed: u64,
    /// Evaluate after every this many steps; 0 means only at the end.
    pub eval_every: u64,
    /// Episodes of one evaluation.
    pub eval_episodes: usize,
    /// Seconds between checkpoints.
    pub checkpoint_seconds: f64,
    /// Iterations between checkpoints; 0 means by seconds only.
    pub checkpoint_iterations: u64,
    /// Stop when the mean of the last 100 training episodes reaches this.
    pub until_return: Option<f64>,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            steps: 1_000_000,
            seed: 0,
            eval_every: 0,
            eval_episodes: 20,
            checkpoint_seconds: 10.0,
            checkpoint_iterations: 0,
            until_return: None,
        }
    }
}
