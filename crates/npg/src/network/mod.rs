//! Networks: one flat vector of parameters to outputs, with forward-mode and reverse-mode products.
//!
//! A [`Network`] is a list of layers (`layers/`), each of which reads the one before. The last ones, the heads, stand side by
//! side: they read the same hidden layer, and their outputs are joined. It is the only place that knows what is where inside
//! the flat vector: layer by layer, in order. Heads are, in this order, the affine outputs, outputs that are a bias only (a
//! state-independent log std), and the log std of state-dependent exploration.
//!
//! Work is done by tiles of [`Network::tile_rows`] rows that stay in the caches. A [`Tile`] keeps what a forward pass computed,
//! so that any number of jvp and vjp products can follow it.

pub use npg_kernels as kernels;

mod curvature;
mod init;
mod layers;
mod passes;
mod tiling;

pub use curvature::Curvature;
pub use init::orthogonal;
pub use layers::FourierFeatures;
pub use passes::{Scratch, Tile};
pub use tiling::Tiling;

use kernels::Activation;
use layers::{AnyLayer, AnyPacked, Constant, Dense, Exploration, Layer, LayerNorm, Purpose, Tiles};
use std::ops::Range;

/// Rows of a tile, where weights are small; tiles of other networks have a multiple of it.
pub const TILE: usize = kernels::CHAIN;
/// More weights than this in a layer do not stay in the first cache from one product to the next.
const LARGE: usize = 1 << 14;
/// Tiles of more inputs than this stay small: they would take more room than the weights.
const MOST_INPUTS: usize = 1 << 12;

/// A layer, and where its parameters are.
#[derive(Clone, Debug, PartialEq)]
struct Placed {
    layer: AnyLayer,
    parameters: Range<usize>,
}

/// The shape of a network; its parameters live outside, in one flat vector of f64.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// The heads last.
    layers: Vec<Placed>,
    /// Layers before the heads.
    hidden: usize,
    /// The first layer with parameters.
    front: usize,
    parameters: usize,
    inputs: usize,
}

/// What the last layer puts out, beyond its affine outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outputs {
    /// Affine outputs.
    pub affine: usize,
    /// Outputs that are a bias only.
    pub constants: usize,
    /// Log stds of state-dependent exploration.
    pub exploration: usize,
}

/// The layers before the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hidden<'a> {
    /// Their widths; none for a linear network.
    pub widths: &'a [usize],
    /// The nonlinearity of each.
    pub activation: Activation,
    /// Whether the sums that the nonlinearity reads are normalized.
    pub layer_norm: bool,
}

impl Network {
    /// A network of these hidden layers, behind `features` if given.
    pub fn new(inputs: usize, features: Option<FourierFeatures>, hidden: Hidden<'_>, outputs: Outputs) -> Self {
        let mut width = features.as_ref().map_or(inputs, FourierFeatures::count);
        let mut layers: Vec<AnyLayer> = features.into_iter().map(AnyLayer::from).collect();
        let front = layers.len();
        let dense = |inputs, outputs, is_front| Dense { inputs, outputs, columns: outputs, activation: None, is_front };
        for &next in hidden.widths {
            let layer = dense(width, next, layers.len() == front);
            let activation = hidden.activation;
            if hidden.layer_norm {
                layers.extend([layer.into(), LayerNorm { width: next, activation }.into()]);
            } else {
                layers.push(Dense { activation: Some(activation), ..layer }.into());
            }
            width = next;
        }
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

    /// The network of these layers, of which the first `hidden` are not heads and the first `front` have no parameters.
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

    /// Rows of a tile: more where a layer's weights are large, so that they are fetched less often. Bits do not depend on it.
    pub fn tile_rows(&self) -> usize {
        let has = |tiles| self.layers.iter().any(|placed| placed.layer.tiles() == tiles);
        let can_be_more = !has(Tiles::Few) && self.inputs <= MOST_INPUTS;
        if can_be_more && has(Tiles::Many) { 4 * TILE } else { TILE }
    }

    /// Number of parameters.
    pub fn parameters(&self) -> usize {
        self.parameters
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.heads().iter().map(|head| head.layer.outputs()).sum()
    }

    fn heads(&self) -> &[Placed] {
        &self.layers[self.hidden..]
    }

    /// The fixed features in front of the first layer.
    pub fn features(&self) -> Option<&FourierFeatures> {
        match &self.layers[0].layer {
            AnyLayer::FourierFeatures(features) => Some(features),
            _ => None,
        }
    }

    /// Replaces the fixed features by others of the same shape, from a checkpoint.
    pub(crate) fn set_features(&mut self, features: FourierFeatures) {
        self.layers[0].layer = features.into();
    }

    /// The log std parameters of state-dependent exploration, row-major \[last inputs + 1 x actions\], the constant
    /// feature last.
    pub fn exploration_parameters<'a>(&self, theta: &'a [f64]) -> Option<&'a [f64]> {
        self.heads().iter().find_map(|head| head.layer.exploration(&theta[head.parameters.clone()]))
    }

    /// The f32 copies that the forward pass reads.
    pub fn pack(&self, theta: &[f64]) -> Packed {
        let mut packed = self.room(Purpose::Forward);
        self.repack(theta, &mut packed);
        packed
    }

    /// As [`Network::pack`], with the transposed weights that jvp and vjp read.
    pub fn pack_with_transposes(&self, theta: &[f64]) -> Packed {
        let mut packed = self.room(Purpose::Products);
        self.repack(theta, &mut packed);
        packed
    }

    /// Room for the f32 copies of a tangent.
    pub fn tangent(&self) -> Packed {
        self.room(Purpose::Tangent)
    }

    /// Writes the f32 copies of a tangent `v` at the parameters `at` into such room.
    pub fn pack_tangent(&self, at: &Packed, v: &[f64], packed: &mut Packed) {
        assert_eq!(v.len(), self.parameters, "number of parameters");
        for ((placed, at), tangent) in self.layers.iter().zip(&at.layers).zip(&mut packed.layers) {
            placed.layer.pack_tangent(at, &v[placed.parameters.clone()], tangent);
        }
    }

    /// Writes new parameters into existing copies.
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
