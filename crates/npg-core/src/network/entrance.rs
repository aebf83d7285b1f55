//! The inputs of a network, and the layer that reads them in front of the hidden layers: random features, embeddings of indices,
//! a network for each part.

use super::layers::{AnyLayer, Branches, Embedding, FourierFeatures, Layer};
use super::{Hidden, Network, hidden_layers};

/// The inputs of a network.
#[derive(Clone, Debug, PartialEq)]
pub enum Entrance {
    /// Numbers, so many, which the first layer reads as they are.
    Numbers(usize),
    /// Random features of the inputs.
    Features(FourierFeatures),
    /// Parts, one after the other.
    Parts {
        /// The inputs of each part, in order.
        parts: Vec<Vec<InputKind>>,
        /// The widths of a network that each part has for itself; empty for none. It has the activation function of the
        /// hidden layers.
        widths: Vec<usize>,
    },
}

/// Inputs that are read in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKind {
    /// Numbers, so many.
    Numbers(usize),
    /// One index of so many values, for which an embedding of that width is learned.
    Index {
        /// The number of values.
        count: usize,
        /// The width of the embedding.
        width: usize,
    },
}

impl InputKind {
    fn inputs(self) -> usize {
        match self {
            Self::Numbers(count) => count,
            Self::Index { .. } => 1,
        }
    }
}

impl Entrance {
    /// The number of inputs.
    pub fn inputs(&self) -> usize {
        match self {
            Self::Numbers(inputs) => *inputs,
            Self::Features(features) => features.inputs(),
            Self::Parts { parts, .. } => parts.iter().flatten().map(|kind| kind.inputs()).sum(),
        }
    }

    /// The first layer; `None` if the hidden layers can read the inputs as they are.
    pub(super) fn into_layer(self, hidden: Hidden<'_>) -> Option<AnyLayer> {
        match self {
            Self::Numbers(_) => None,
            Self::Features(features) => Some(features.into()),
            Self::Parts { parts, widths } => branches(&parts, Hidden { widths: &widths, ..hidden }).map(AnyLayer::from),
        }
    }
}

impl From<usize> for Entrance {
    fn from(inputs: usize) -> Self {
        Self::Numbers(inputs)
    }
}

/// Branches that leave numbers as they are and embed indices; `None` if there are no indices.
fn embeddings(kinds: &[InputKind]) -> Option<Branches> {
    let branch = |kind: &InputKind| match *kind {
        InputKind::Numbers(count) => (count, None),
        InputKind::Index { count, width } => {
            (1, Some(Network::of(1, vec![Embedding { count, width, present: None }.into()], 0, 0)))
        }
    };
    let has_index = kinds.iter().any(|kind| matches!(kind, InputKind::Index { .. }));
    has_index.then(|| Branches::new(kinds.iter().map(branch).collect()))
}

/// The first layer of a network whose inputs have parts; `None` if they can be read as they are.
fn branches(parts: &[Vec<InputKind>], hidden: Hidden<'_>) -> Option<Branches> {
    if hidden.widths.is_empty() {
        return embeddings(&parts.concat());
    }
    let branch = |kinds: &Vec<InputKind>| {
        let inputs = kinds.iter().map(|kind| kind.inputs()).sum();
        let embeddings = embeddings(kinds);
        let width = embeddings.as_ref().map_or(inputs, Branches::outputs);
        let (own, _) = hidden_layers(width, embeddings.is_none(), hidden);
        let layers: Vec<AnyLayer> = embeddings.into_iter().map(AnyLayer::from).chain(own).collect();
        let before_last = layers.len() - 1;
        (inputs, Some(Network::of(inputs, layers, before_last, 0)))
    };
    Some(Branches::new(parts.iter().map(branch).collect()))
}
