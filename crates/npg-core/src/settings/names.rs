//! The choices among the settings, with their names in a configuration.

use crate::network::Filters;

/// Declares an enum whose variants have names in the configuration.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// The names in the configuration.
            pub const NAMES: &'static [&'static str] = &[$($text),*];

            /// The variant with this name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)* _ => None }
            }

            /// The name of the variant in the configuration.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
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
    /// The direction of a policy step.
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
    /// The method that solves (F + damping I) x = g.
    Solver {
        /// Conjugate gradients on the exact Fisher product.
        Cg = "cg",
        /// The dense exact Fisher matrix, factorized.
        Cholesky = "cholesky",
        /// The Woodbury identity on sampled scores (the empirical Fisher).
        Woodbury = "woodbury",
        /// Cholesky for at most 64 parameters, and conjugate gradients for more.
        Auto = "auto",
    }
);
named!(
    /// How a setting changes over the run.
    Schedule {
        /// It stays constant.
        Constant = "constant",
        /// It falls linearly to zero at the last step.
        Linear = "linear",
    }
);
named!(
    /// The advantage estimator.
    Estimator {
        /// Generalized advantage estimation (Schulman 2016).
        Gae = "gae",
        /// The discounted return minus the baseline.
        MonteCarlo = "monte-carlo",
    }
);
named!(
    /// The kind of the policy's network.
    NetworkKind {
        /// Multilayer perceptron.
        Mlp = "mlp",
        /// One linear layer.
        Linear = "linear",
        /// Random Fourier features with a linear head (Rajeswaran 2017).
        Rbf = "rbf",
        /// Convolutions of images, and the hidden layers of an MLP after them: those of Mnih et al. 2015.
        NatureCnn = "nature-cnn",
        /// The same, with smaller ones: those of MinAtar (Young & Tian 2019).
        Cnn = "cnn",
    }
);
named!(
    /// The nonlinearity of the hidden layers.
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
    /// The distribution over the actions of a box.
    HeadName {
        /// Independent normals.
        Gaussian = "gaussian",
        /// Independent Beta distributions between the bounds.
        Beta = "beta",
        /// Independent normals, which tanh maps onto the bounds.
        Squashed = "squashed",
    }
);
named!(
    /// The standard deviation of a Gaussian policy.
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
        /// The executed action is the raw action, clipped.
        Clip = "clip",
        /// Raw -1..1 is mapped onto low..high, then clipped.
        Rescale = "rescale",
    }
);
named!(
    /// The kind of value baseline.
    ValueKind {
        /// MLP trained by Adam on minibatches.
        MlpAdam = "mlp-adam",
        /// MLP trained by damped Gauss-Newton steps.
        MlpGaussNewton = "mlp-gauss-newton",
        /// Ridge regression on features of observation and time (Duan 2016).
        Linear = "linear",
        /// No baseline: V is zero everywhere.
        None = "none",
    }
);

/// The layers of a network for images.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageLayers {
    /// The convolutions, in order.
    pub convolutions: Vec<Filters>,
    /// The widths of the hidden layers after them.
    pub hidden: Vec<usize>,
    /// The nonlinearity.
    pub activation: ActivationName,
}

impl NetworkKind {
    /// The names that a baseline's network can have.
    pub const OF_BASELINES: &'static [&'static str] = &["mlp", "nature-cnn", "cnn"];

    /// Whether it has convolutions.
    pub fn is_convolutional(self) -> bool {
        matches!(self, Self::NatureCnn | Self::Cnn)
    }

    /// Whether it has hidden layers of an MLP.
    pub fn has_hidden(self) -> bool {
        self == Self::Mlp || self.is_convolutional()
    }

    /// The layers of that name, if it is for images.
    pub fn image_layers(self) -> Option<ImageLayers> {
        let filters = |[channels, kernel, stride]: [usize; 3]| Filters { channels, kernel, stride };
        let (convolutions, width) = match self {
            Self::NatureCnn => (vec![[32, 8, 4], [64, 4, 2], [64, 3, 1]], 512),
            Self::Cnn => (vec![[16, 3, 1]], 128),
            Self::Mlp | Self::Linear | Self::Rbf => return None,
        };
        let convolutions = convolutions.into_iter().map(filters).collect();
        Some(ImageLayers { convolutions, hidden: vec![width], activation: ActivationName::Relu })
    }
}

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
