//! The inputs of a network, and the layers that read them in front of the hidden layers: random features, embeddings of indices,
//! convolutions of images, a network for each part.

use super::layers::{AnyLayer, Branches, Convolution, Embedding, Filters, FourierFeatures, Grid, Layer};
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
        /// The convolutions of each image, one after the other, with that activation function too. They must fit into the images.
        convolutions: Vec<Filters>,
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
    /// An image of this shape.
    Image(Grid),
}

impl InputKind {
    fn inputs(self) -> usize {
        match self {
            Self::Numbers(count) => count,
            Self::Index { .. } => 1,
            Self::Image(grid) => grid.len(),
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

    /// The first layers; none if the hidden layers can read the inputs as they are.
    pub(super) fn into_layers(self, hidden: Hidden<'_>) -> Vec<AnyLayer> {
        match self {
            Self::Numbers(_) => Vec::new(),
            Self::Features(features) => vec![features.into()],
            Self::Parts { parts, widths, convolutions } => {
                of_parts(&parts, Hidden { widths: &widths, ..hidden }, &convolutions)
            }
        }
    }
}

impl From<usize> for Entrance {
    fn from(inputs: usize) -> Self {
        Self::Numbers(inputs)
    }
}

/// The convolutions of an image.
fn convolutions(mut image: Grid, filters: &[Filters], hidden: Hidden<'_>) -> Vec<AnyLayer> {
    let layer = |(index, filters): (usize, &Filters)| {
        let convolution = Convolution::new(image, *filters, hidden.activation, index == 0);
        image = convolution.result();
        convolution.into()
    };
    filters.iter().enumerate().map(layer).collect()
}

/// The layers that read inputs of one kind; none if they are read as they are.
fn of_kind(kind: InputKind, hidden: Hidden<'_>, filters: &[Filters]) -> Vec<AnyLayer> {
    match kind {
        InputKind::Numbers(_) => Vec::new(),
        InputKind::Index { count, width } => vec![Embedding { count, width, present: None }.into()],
        InputKind::Image(image) => convolutions(image, filters, hidden),
    }
}

/// A network of these layers, none of which is the only one that reads its inputs; `None` without layers.
fn network(inputs: usize, layers: Vec<AnyLayer>) -> Option<Network> {
    let before_last = layers.len().checked_sub(1)?;
    Some(Network::of(inputs, layers, before_last, 0))
}

/// The layers that read inputs of several kinds; none if all of them are read as they are.
fn of_kinds(kinds: &[InputKind], hidden: Hidden<'_>, filters: &[Filters]) -> Vec<AnyLayer> {
    if let [kind @ InputKind::Image(_)] = kinds {
        return of_kind(*kind, hidden, filters);
    }
    let branch = |kind: &InputKind| (kind.inputs(), network(kind.inputs(), of_kind(*kind, hidden, filters)));
    let branches: Vec<(usize, Option<Network>)> = kinds.iter().map(branch).collect();
    let are_plain = branches.iter().all(|(_, network)| network.is_none());
    if are_plain { Vec::new() } else { vec![Branches::new(branches).into()] }
}

/// The first layers of a network whose inputs have parts.
fn of_parts(parts: &[Vec<InputKind>], hidden: Hidden<'_>, filters: &[Filters]) -> Vec<AnyLayer> {
    if hidden.widths.is_empty() {
        return of_kinds(&parts.concat(), hidden, filters);
    }
    let branch = |kinds: &Vec<InputKind>| {
        let inputs = kinds.iter().map(|kind| kind.inputs()).sum();
        let mut layers = of_kinds(kinds, hidden, filters);
        let width = layers.last().map_or(inputs, AnyLayer::outputs);
        layers.extend(hidden_layers(width, layers.is_empty(), hidden).0);
        (inputs, network(inputs, layers))
    };
    vec![Branches::new(parts.iter().map(branch).collect()).into()]
}
