//! Networks: functions of one flat vector of parameters, with forward-mode and reverse-mode products.
//!
//! A [`Network`] is a list of layers (`layers/`), each of which reads the outputs of the one before. The last layers, the
//! heads, stand side by side: they all read the last hidden layer, and their outputs are concatenated. The heads are, in this
//! order, the affine outputs, the outputs that are only a bias (a state-independent log std), and the log stds of
//! state-dependent exploration. Only this module knows the layout of the flat vector: the parameters of each layer, one layer
//! after the other.
//!
//! All work is done in tiles of [`Network::tile_rows`] rows, which stay in the caches. A [`Tile`] keeps what a forward pass
//! computed, so that any number of jvp and vjp products can follow it.

pub use npg_kernels as kernels;

mod compact;
mod curvature;
mod entrance;
mod init;
mod layers;
mod passes;
mod tiling;

pub use compact::Kept;
pub use curvature::Curvature;
pub use entrance::{Entrance, InputKind};
pub use init::orthogonal;
pub use layers::{Filters, FourierFeatures, Grid};
pub use passes::{Scratch, Tile};
pub use tiling::Tiling;

use kernels::Activation;
use layers::{AnyLayer, AnyPacked, Constant, Dense, Exploration, Layer, LayerNorm, Purpose, Tiles};
use std::ops::Range;

/// The number of rows of a tile. Tiles of networks with large layers have a multiple of it.
pub const TILE: usize = kernels::CHAIN;
/// The weights of a larger layer than this do not stay in the first-level cache from one product to the next.
const LARGE: usize = 1 << 14;
/// With more inputs than this, tiles stay small: larger ones would take more memory than the weights.
const MOST_INPUTS: usize = 1 << 12;

/// A layer, and where its parameters are.
#[derive(Clone, Debug, PartialEq)]
struct Placed {
    layer: AnyLayer,
    parameters: Range<usize>,
}

/// The layers of a network. The parameters live outside, in one flat vector of f64.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// All layers, the heads last.
    layers: Vec<Placed>,
    /// The number of layers before the heads.
    hidden: usize,
    /// The index of the first layer with parameters.
    front: usize,
    parameters: usize,
    inputs: usize,
}

/// The outputs of a network, by kind. They come in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outputs {
    /// The number of affine outputs.
    pub affine: usize,
    /// The number of outputs that are only a bias.
    pub constants: usize,
    /// The number of log stds of state-dependent exploration.
    pub exploration: usize,
}

/// The hidden layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hidden<'a> {
    /// The widths of the layers; empty for a linear network.
    pub widths: &'a [usize],
    /// The nonlinearity of every layer.
    pub activation: Activation,
    /// Whether the sums are normalized before the nonlinearity.
    pub layer_norm: bool,
}

fn dense(inputs: usize, outputs: usize, is_front: bool) -> Dense {
    Dense { inputs, outputs, columns: outputs, activation: None, is_front }
}

/// The layers of `hidden`, which read `width` numbers, and the number of their outputs.
fn hidden_layers(mut width: usize, is_front: bool, hidden: Hidden<'_>) -> (Vec<AnyLayer>, usize) {
    let mut layers: Vec<AnyLayer> = Vec::new();
    for &next in hidden.widths {
        let layer = dense(width, next, is_front && layers.is_empty());
        let activation = hidden.activation;
        if hidden.layer_norm {
            layers.extend([layer.into(), LayerNorm { width: next, activation }.into()]);
        } else {
            layers.push(Dense { activation: Some(activation), ..layer }.into());
        }
        width = next;
    }
    (layers, width)
}

impl Network {
    /// A network with these hidden layers.
    pub fn new(entrance: impl Into<Entrance>, hidden: Hidden<'_>, outputs: Outputs) -> Self {
        let entrance = entrance.into();
        let inputs = entrance.inputs();
        let mut layers = entrance.into_layers(hidden);
        let before = layers.last().map_or(inputs, AnyLayer::outputs);
        let is_front = layers.iter().all(|layer| layer.parameters() == 0);
        let front = if is_front { layers.len() } else { 0 };
        let (own, width) = hidden_layers(before, is_front, hidden);
        layers.extend(own);
        let before_heads = layers.len();
        let Outputs { affine, constants, exploration } = outputs;
        let columns = affine + constants + exploration;
        layers.push(Dense { columns, ..dense(width, affine, before_heads == front) }.into());
        if constants > 0 {
            layers.push(Constant { count: constants, first: affine }.into());
        }
        if exploration > 0 {
            layers.push(Exploration { inputs: width, actions: exploration, first: affine + constants }.into());
        }
        Self::of(inputs, layers, before_heads, front)
    }

    /// The network of these layers. The first `hidden` ones are not heads, and the first `front` ones have no parameters.
    fn of(inputs: usize, layers: Vec<AnyLayer>, hidden: usize, front: usize) -> Self {
        let mut parameters = 0;
        let place = |layer: AnyLayer| {
            let start = parameters;
            parameters += layer.parameters();
            Placed { layer, parameters: start..parameters }
        };
        let layers = layers.into_iter().map(place).collect();
        Self { layers, hidden, front, parameters, inputs }
    }

    /// The number of rows in a tile. It is larger if a layer has many weights, so that they are fetched less often. It does
    /// not change the bits of any result.
    pub fn tile_rows(&self) -> usize {
        let has = |tiles| self.tiles().any(|own| own == tiles);
        let can_be_more = !has(Tiles::Few) && self.inputs <= MOST_INPUTS;
        if can_be_more && has(Tiles::Many) { 4 * TILE } else { TILE }
    }

    /// Which tile size suits each layer.
    fn tiles(&self) -> impl Iterator<Item = Tiles> {
        self.layers.iter().map(|placed| placed.layer.tiles())
    }

    /// The number of parameters.
    pub fn parameters(&self) -> usize {
        self.parameters
    }

    /// The number of inputs.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The number of outputs.
    pub fn outputs(&self) -> usize {
        self.heads().iter().map(|head| head.layer.outputs()).sum()
    }

    fn heads(&self) -> &[Placed] {
        &self.layers[self.hidden..]
    }

    /// The fixed features in front of the first layer, if there are any.
    pub fn features(&self) -> Option<&FourierFeatures> {
        match &self.layers[0].layer {
            AnyLayer::FourierFeatures(features) => Some(features),
            _ => None,
        }
    }

    /// Whether it is the same function of its parameters, apart from the random numbers in fixed features.
    pub fn is_alike(&self, other: &Network) -> bool {
        let shape = |network: &Network| network.features().map(|features| (features.inputs(), features.count()));
        let trained = |network: &Network| network.layers[usize::from(network.features().is_some())..].to_vec();
        (self.inputs, shape(self)) == (other.inputs, shape(other)) && trained(self) == trained(other)
    }

    /// Replaces the fixed features by others of the same shape, which come from a checkpoint.
    pub fn set_features(&mut self, features: FourierFeatures) {
        self.layers[0].layer = features.into();
    }

    /// The log std parameters of state-dependent exploration, row-major \[last inputs + 1 x actions\]. The last row belongs
    /// to the constant feature.
    pub fn exploration_parameters<'a>(&self, theta: &'a [f64]) -> Option<&'a [f64]> {
        self.heads().iter().find_map(|head| head.layer.exploration(&theta[head.parameters.clone()]))
    }

    /// The f32 copies that the forward pass reads.
    pub fn pack(&self, theta: &[f64]) -> Packed {
        let mut packed = self.room(Purpose::Forward);
        self.repack(theta, &mut packed);
        packed
    }

    /// Like [`Network::pack`], but also with the transposed weights that jvp and vjp read.
    pub fn pack_with_transposes(&self, theta: &[f64]) -> Packed {
        let mut packed = self.room(Purpose::Products);
        self.repack(theta, &mut packed);
        packed
    }

    /// Room for the f32 copies of a tangent.
    pub fn tangent(&self) -> Packed {
        self.room(Purpose::Tangent)
    }

    /// Writes the f32 copies of a tangent `v` at the parameters `at`. `packed` comes from [`Network::tangent`].
    pub fn pack_tangent(&self, at: &Packed, v: &[f64], packed: &mut Packed) {
        assert_eq!(v.len(), self.parameters, "number of parameters");
        for ((placed, at), tangent) in self.layers.iter().zip(&at.layers).zip(&mut packed.layers) {
            placed.layer.pack_tangent(at, &v[placed.parameters.clone()], tangent);
        }
    }

    /// Writes new parameters into existing f32 copies.
    pub fn repack(&self, theta: &[f64], packed: &mut Packed) {
        assert_eq!(theta.len(), self.parameters, "number of parameters");
        for (placed, copy) in self.layers.iter().zip(&mut packed.layers) {
            placed.layer.pack(&theta[placed.parameters.clone()], copy);
        }
    }

    fn room(&self, purpose: Purpose) -> Packed {
        Packed { layers: self.layers.iter().map(|placed| placed.layer.room(purpose)).collect() }
    }
}

/// f32 copies of a parameter vector, padded for the kernels.
#[derive(Clone, Debug)]
pub struct Packed {
    layers: Vec<AnyPacked>,
}

#[cfg(test)]
mod tests;
