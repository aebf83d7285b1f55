//! A policy: a network, a distribution over actions, an observation encoder and an action space, in one value.
//!
//! A policy is always saved, cloned and loaded together with its statistics and spaces. Evaluation never changes them.

mod acting;
mod actor;
mod action_map;
pub mod distribution;
mod encoder;
mod masks;
mod numbers;
mod observations;

pub use acting::Chosen;
pub use action_map::{ActionMap, Fit};
pub use actor::{Actor, Exploration, HeldNoise};
pub use distribution::{
    AnyHead, Bernoulli, Beta, Categorical, Compared, Comparer, Difference, Distribution, Gaussian, Head, Parametrized,
    TotalVariation,
};
pub use encoder::{Encoder, Reading};
pub(crate) use encoder::{contracted, expanded};
pub use masks::Masks;
pub use observations::{Inputs, Observations, WIDE};

use crate::env::{Action, ActionWidth, Space, Spec};
use crate::error::Mistake;
use crate::network::kernels::Activation;
use crate::network::{Entrance, FourierFeatures, Hidden, Network};
use crate::random::{Purpose, Stream};
use crate::settings::{self, ActivationName, HeadName, NetworkKind, Std};

/// A stochastic policy pi(a | s).
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The layers of the network, without their parameters.
    pub network: Network,
    /// The distribution over actions whose parameters are the network's outputs.
    pub distribution: Distribution,
    /// The parameters of the network, in one flat vector.
    pub theta: Vec<f64>,
    /// Encodes observations into network inputs.
    pub encoder: Encoder,
    /// Maps raw actions into the action space (clips, rescales or squashes them).
    pub action_map: ActionMap,
    /// The number of steps for which a gSDE noise matrix is kept; `None` without state-dependent exploration.
    pub sde_steps: Option<usize>,
    /// Whether it was trained with action masks. Without a mask, such a policy might choose what was never allowed.
    pub is_masked: bool,
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
    /// What a policy of this configuration reads of an observation. Fixed features need one-hot vectors, and a linear policy
    /// would not be linear with an embedding.
    pub fn reading(config: &settings::Policy, clip: Option<f64>) -> Reading<'_> {
        let embedding = if config.network.has_hidden() { config.embedding } else { 0 };
        let convolutions = if config.network.is_convolutional() { &config.convolutions[..] } else { &[] };
        Reading { keys: &config.keys, embedding, convolutions, clip }
    }

    /// The reasons why a policy of this configuration cannot act in an environment; empty if it can.
    pub fn mistakes(config: &settings::Policy, spec: &Spec) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        let mut mistake = |key: &str, message| mistakes.push(Mistake { key: key.into(), message });
        if let Some((key, fault)) = Encoder::fault(&spec.observation, Self::reading(config, None)) {
            mistake(&format!("policy.{key}"), fault);
        }
        let bounds = action_map::bounds(&spec.action);
        let id = &spec.id;
        if config.head != HeadName::Gaussian
            && let Some(j) = bounds.iter().position(|(low, high)| action_map::are_missing(*low, *high))
        {
            let (low, high) = bounds[j];
            mistake(
                "policy.head",
                format!(
                    "\"{}\" needs bounds on both sides, but action {j} of {id} is from {low} to {high}; use \"gaussian\"",
                    config.head.name()
                ),
            );
        }
        if config.head == HeadName::Beta && matches!(spec.action, Space::Parametrized(_)) {
            let message = "\"beta\" is not for choices with parameters; use \"gaussian\" or \"squashed\"";
            mistake("policy.head", message.into());
        }
        if config.std == Std::Sde && !bounds.is_empty() && ActionWidth::of(&spec.action).integers > 0 {
            let message = format!(
                "\"sde\" needs actions of reals only, but {id} has integers too; use another standard deviation"
            );
            mistake("policy.std", message);
        }
        mistakes
    }

    /// A new policy for an environment. The initial parameters are drawn from the seed.
    pub fn new(config: &settings::Policy, normalize: &settings::Normalize, spec: &Spec, seed: u64) -> Self {
        let mut rng = Stream::new(seed, Purpose::PolicyInit, 0);
        let distribution = Distribution::new(&spec.action, config.head);
        let encoder = Encoder::new(&spec.observation, Self::reading(config, normalize.clip_of_observations()));
        let inputs = encoder.inputs();
        let outputs = distribution.layout(config);
        let features = (config.network == NetworkKind::Rbf)
            .then(|| FourierFeatures::new(inputs, config.rbf_features, config.rbf_bandwidth, &mut rng));
        let widths = if config.network.has_hidden() { &config.hidden[..] } else { &[] };
        let hidden = Hidden { widths, activation: config.activation.into(), layer_norm: config.layer_norm };
        let entrance = features.map_or_else(|| encoder.entrance(&config.encoder), Entrance::Features);
        let network = Network::new(entrance, hidden, outputs);
        let mut theta = network.initial(config.output_gain, config.log_std_init, &mut rng);
        if let Some((first, value)) = distribution.initial_bias(config) {
            network.set_last_biases(&mut theta, first, value);
        }
        let fit = match config.head {
            _ if distribution.is_on_unit_interval() => Fit::Unit,
            HeadName::Squashed => Fit::Squash,
            _ => config.action_bounds.into(),
        };
        Self {
            sde_steps: (outputs.exploration > 0).then_some(config.sde_steps),
            action_map: ActionMap::new(&spec.action, fit),
            encoder,
            network,
            distribution,
            theta,
            is_masked: false,
        }
    }

    /// The same policy with another network and its parameters, which reads and gives the same numbers.
    pub(crate) fn with_network(&self, network: Network, theta: Vec<f64>) -> Self {
        Self {
            network,
            theta,
            distribution: self.distribution.clone(),
            encoder: self.encoder.clone(),
            action_map: self.action_map.clone(),
            sde_steps: self.sde_steps,
            is_masked: self.is_masked,
        }
    }

    /// In what `other` differs from this policy besides parameters and statistics, such as `has another network`. `None` if it
    /// is the same function of its parameters.
    pub fn difference(&self, other: &Policy) -> Option<&'static str> {
        let observed = |policy: &Policy| format!("{:#}", policy.encoder.space);
        let differences = [
            (observed(self) != observed(other), "reads other observations"),
            (
                !self.encoder.is_alike(&other.encoder),
                "encodes observations otherwise (normalize.observations, normalize.clip, policy.keys, policy.embedding)",
            ),
            (self.distribution != other.distribution, "has another distribution (policy.head)"),
            (
                !self.network.is_alike(&other.network),
                "has another network (policy.network, convolutions, hidden, encoder, activation, layer_norm, rbf_features, std)",
            ),
            (self.action_map != other.action_map, "maps actions in another way (policy.head, policy.action_bounds)"),
        ];
        differences.into_iter().find_map(|(differs, what)| differs.then_some(what))
    }

    /// log |d executed / d raw| of the reals of a raw action that its log probability depends on, nats. The log density of the raw
    /// action minus this is that of the executed one. A clipped action has no density; its clipping is left out.
    pub fn log_jacobian(&self, action: Action<'_>) -> f64 {
        self.action_map.log_jacobian(action.reals(), self.distribution.counted_reals(action))
    }

    /// The number of network inputs: the length of an encoded observation.
    pub fn inputs(&self) -> usize {
        self.network.inputs()
    }
}
