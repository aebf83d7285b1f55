//! Networks: one flat vector of parameters to outputs, with forward-mode and reverse-mode products.
//!
//! A [`Network`] is a stack of affine layers with an elementwise nonlinearity between them, optionally behind fixed
//! random Fourier features. It is the only place that knows the shapes inside the flat vector: layer by layer, the
//! weights row-major \[inputs x outputs\], then the biases. Its outputs are, in this order, the affine outputs, outputs
//! that are a bias only (a state-independent log std), and the log std of state-dependent exploration (`exploration.rs`).
//!
//! Work is done by tiles of [`Network::tile_rows`] rows that stay in the caches. A [`Tile`] keeps what a forward pass computed,
//! so that any number of jvp and vjp products can follow it.

pub use npg_kernels as kernels;

mod curvature;
mod exploration;
mod features;
mod init;
mod passes;

pub use curvature::Curvature;
pub use features::FourierFeatures;
pub use init::orthogonal;
pub use passes::{Scratch, Tile};

use exploration::PackedExploration;
use kernels::{Activation, Matrix, pack, pack_transposed};

/// Rows of a tile, where weights are small; tiles of other networks have a multiple of it.
pub const TILE: usize = kernels::CHAIN;
/// More weights than this in a layer do not stay in the first cache from one product to the next.
const LARGE: usize = 1 << 14;
/// Tiles of more inputs than this stay small: they would take more room than the weights.
const MOST_INPUTS: usize = 1 << 12;

/// One affine layer: where its parameters are and what follows it.
#[derive(Clone, Debug, PartialEq)]
struct Layer {
    inputs: usize,
    /// Affine outputs.
    outputs: usize,
    /// Further outputs that are a bias only.
    constants: usize,
    weights: usize,
    biases: usize,
}

/// The shape of a network; its parameters live outside, in one flat vector of f64.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    features: Option<FourierFeatures>,
    layers: Vec<Layer>,
    activation: Activation,
    /// Action dimensions of state-dependent exploration and where its parameters begin.
    exploration: Option<(usize, usize)>,
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

impl Network {
    /// Rows of a tile: more where a layer's weights are large, so that they are fetched less often. Bits do not depend on it.
    pub fn tile_rows(&self) -> usize {
        let largest = self.layers.iter().map(|layer| layer.inputs * layer.outputs).max();
        // Exploration's part of a gradient is scaled tile by tile, which would round differently.
        let can_be_more = self.exploration.is_none() && self.inputs <= MOST_INPUTS;
        if can_be_more && largest > Some(LARGE) { 4 * TILE } else { TILE }
    }

    /// A network with the given hidden widths (none: linear), behind `features` if given.
    pub fn new(
        inputs: usize,
        features: Option<FourierFeatures>,
        hidden: &[usize],
        activation: Activation,
        outputs: Outputs,
    ) -> Self {
        let first = features.as_ref().map_or(inputs, FourierFeatures::count);
        let widths: Vec<usize> = hidden.iter().copied().chain([outputs.affine]).collect();
        let mut layers = Vec::with_capacity(widths.len());
        let (mut parameters, mut width) = (0, first);
        for (index, &next) in widths.iter().enumerate() {
            let constants = if index == hidden.len() { outputs.constants } else { 0 };
            let weights = parameters;
            let biases = weights + width * next;
            parameters = biases + next + constants;
            layers.push(Layer { inputs: width, outputs: next, constants, weights, biases });
            width = next;
        }
        let last_inputs = layers[layers.len() - 1].inputs;
        let exploration = (outputs.exploration > 0).then_some((outputs.exploration, parameters));
        parameters += exploration.map_or(0, |(actions, _)| (last_inputs + 1) * actions);
        Self { features, layers, activation, exploration, parameters, inputs }
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
        let last = self.last();
        last.outputs + last.constants + self.exploration.map_or(0, |(actions, _)| actions)
    }

    /// Inputs of the last layer: the features that state-dependent exploration is linear in.
    pub fn last_inputs(&self) -> usize {
        self.last().inputs
    }

    /// The fixed features in front of the first layer.
    pub fn features(&self) -> Option<&FourierFeatures> {
        self.features.as_ref()
    }

    /// Replaces the fixed features by others of the same shape, from a checkpoint.
    pub(crate) fn set_features(&mut self, features: FourierFeatures) {
        self.features = Some(features);
    }

    /// The log std parameters of state-dependent exploration, row-major \[last inputs + 1 x actions\], the constant
    /// feature last.
    pub fn exploration_parameters<'a>(&self, theta: &'a [f64]) -> Option<&'a [f64]> {
        self.exploration.map(|(_, start)| &theta[start..])
    }

    fn last(&self) -> &Layer {
        self.layers.last().expect("a network has a layer")
    }

    /// The f32 copies that the forward pass and the jvp read.
    pub fn pack(&self, theta: &[f64]) -> Packed {
        let mut packed = Packed::empty(self, self.layers.len());
        self.repack(theta, &mut packed);
        packed
    }

    /// As [`Network::pack`], with the transposed weights that the vjp reads.
    pub fn pack_with_transposes(&self, theta: &[f64]) -> Packed {
        let mut packed = Packed::empty(self, 1);
        self.repack(theta, &mut packed);
        packed
    }

    /// Room for the f32 copies of a tangent.
    pub fn tangent(&self) -> Packed {
        let last = self.layers.len() - 1;
        Packed::empty(self, if self.has_narrow_head() { last } else { last + 1 })
    }

    /// Writes the f32 copies of a tangent `v` at the parameters `at` into such room.
    pub fn pack_tangent(&self, at: &Packed, v: &[f64], packed: &mut Packed) {
        self.repack(v, packed);
        if let (Some((_, start)), Some(here)) = (self.exploration, &at.exploration) {
            packed.exploration = Some(here.moved(&v[start..]));
        }
    }

    /// Writes new parameters into existing copies.
    pub fn repack(&self, theta: &[f64], packed: &mut Packed) {
        assert_eq!(theta.len(), self.parameters, "number of parameters");
        for (index, (layer, copy)) in self.layers.iter().zip(&mut packed.layers).enumerate() {
            let weights = &theta[layer.weights..layer.biases];
            pack(weights, layer.outputs, &mut copy.weights);
            let biases = &theta[layer.biases..][..layer.outputs + layer.constants];
            pack(biases, biases.len(), &mut copy.biases);
            if index >= packed.transposed_from {
                pack_transposed(weights, &mut copy.transposed);
            }
        }
        if let (Some((_, start)), Some(copy)) = (self.exploration, &mut packed.exploration) {
            copy.fill(&theta[start..], packed.transposed_from < self.layers.len());
        }
    }
}

/// f32 copies of a parameter vector, padded for the kernels.
#[derive(Clone, Debug)]
pub struct Packed {
    layers: Vec<PackedLayer>,
    exploration: Option<PackedExploration>,
    /// The first layer whose weights are there transposed as well; as many as there are layers for none.
    transposed_from: usize,
}

#[derive(Clone, Debug)]
struct PackedLayer {
    /// inputs x (outputs + constants), the constants' columns zero.
    weights: Matrix,
    /// outputs x inputs.
    transposed: Matrix,
    /// One row.
    biases: Matrix,
}

impl Packed {
    fn empty(network: &Network, transposed_from: usize) -> Self {
        let layers = network
            .layers
            .iter()
            .enumerate()
            .map(|(index, layer)| {
                // The last layer's outputs share one matrix with the exploration's log stds.
                let last = index + 1 == network.layers.len();
                let columns = if last { network.outputs() } else { layer.outputs };
                let rows = if index >= transposed_from { layer.outputs } else { 0 };
                PackedLayer {
                    weights: Matrix::zeros(layer.inputs, columns),
                    transposed: Matrix::zeros(rows, layer.inputs),
                    biases: Matrix::zeros(1, columns),
                }
            })
            .collect();
        let exploration =
            network.exploration.map(|(actions, _)| PackedExploration::empty(network.last_inputs(), actions));
        Self { layers, exploration, transposed_from }
    }
}

#[cfg(test)]
mod tests;
