//! A policy: network, distribution over actions, observation statistics and action space, as one thing.
//!
//! A policy cannot be saved, cloned or loaded without its statistics and its spaces, and evaluation never changes them.

mod acting;
mod actor;
mod bounds;
pub mod distribution;
mod numbers;
mod observations;

pub use acting::Chosen;
pub use actor::{Actor, HeldNoise};
pub use bounds::Bounds;
pub use distribution::{
    AnyHead, Bernoulli, Categorical, Comparer, Difference, Distribution, Gaussian, Head, TotalVariation,
};
pub use observations::{Inputs, Observations, WIDE};

use crate::config::{self, ActivationName, NetworkKind, Std};
use crate::env::{Space, Spec};
use crate::network::kernels::Activation;
use crate::network::{FourierFeatures, Hidden, Network, Outputs};
use crate::normalize::{Moments, Normalizer};
use crate::random::{Purpose, Stream};

/// A stochastic policy pi(a | s).
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The network's shape.
    pub network: Network,
    /// What its outputs mean.
    pub distribution: Distribution,
    /// Its parameters, one flat vector.
    pub theta: Vec<f64>,
    /// What it sees.
    pub observation: Space,
    /// How its actions are executed.
    pub bounds: Bounds,
    /// Statistics of its observations; None where they are not normalized.
    pub normalizer: Option<Normalizer>,
    /// Steps that one exploration matrix is held for; None without state-dependent exploration.
    pub sde_steps: Option<usize>,
}

impl From<ActivationName> for Activation {
    fn from(name: ActivationName) -> Self {
        match name {
            ActivationName::Tanh => Activation::Tanh,
            ActivationName::Relu => Activation::Relu,
            ActivationName::Gelu => Activation::Gelu,
            ActivationName::Silu => Activation::Silu,
        }
    }
}

impl Policy {
    /// A new policy for an environment, with initial parameters from the seed.
    pub fn new(config: &config::Policy, normalize: &config::Normalize, spec: &Spec, seed: u64) -> Self {
        let mut rng = Stream::new(seed, Purpose::PolicyInit, 0);
        let distribution = Distribution::new(&spec.action);
        let inputs = spec.observation.encoded_len();
        let outputs = match (distribution.width().reals, config.std) {
            (0, _) => Outputs { affine: distribution.outputs(), ..Outputs::default() },
            (dimensions, std) => match std {
                Std::StateIndependent => Outputs { affine: dimensions, constants: dimensions, exploration: 0 },
                Std::StateDependent => Outputs { affine: 2 * dimensions, ..Outputs::default() },
                Std::Sde => Outputs { affine: dimensions, constants: 0, exploration: dimensions },
            },
        };
        let features = (config.network == NetworkKind::Rbf)
            .then(|| FourierFeatures::new(inputs, config.rbf_features, config.rbf_bandwidth, &mut rng));
        let widths = if config.network == NetworkKind::Mlp { &config.hidden[..] } else { &[] };
        let hidden = Hidden { widths, activation: config.activation.into(), layer_norm: config.layer_norm };
        let network = Network::new(inputs, features, hidden, outputs);
        let mut theta = network.initial(config.output_gain, config.log_std_init, &mut rng);
        if distribution.width().reals > 0 && config.std == Std::StateDependent {
            network.set_last_biases(&mut theta, distribution.width().reals, config.log_std_init);
        }
        let normalizer = (normalize.observations && matches!(spec.observation, Space::Box { .. }))
            .then(|| Normalizer::new(Moments::new(inputs), normalize.clip));
        Self {
            sde_steps: (outputs.exploration > 0).then_some(config.sde_steps),
            bounds: Bounds::new(&spec.action, config.action_bounds),
            observation: spec.observation.clone(),
            network,
            distribution,
            theta,
            normalizer,
        }
    }

    /// Numbers in an observation as the network reads it.
    pub fn inputs(&self) -> usize {
        self.network.inputs()
    }

    /// Turns an encoded observation into a row of network inputs.
    pub fn normalize<T: Copy + Into<f64>>(&self, encoded: &[T], row: &mut [f32]) {
        match &self.normalizer {
            Some(normalizer) => normalizer.apply(encoded, row),
            None => row.iter_mut().zip(encoded).for_each(|(slot, x)| *slot = (*x).into() as f32),
        }
    }
}
