//! One tile through the network: forward, forward-mode (jvp) and reverse-mode (vjp) products.

use super::exploration::{ExplorationScratch, ExplorationTile, PackedExploration};
use super::kernels::{
    Activation, Left, Matrix, Start, add_column_sums, add_product, multiply, multiply_by_tanh_slopes, product,
    transpose,
};
use super::{Layer, Network, Packed, TILE};

/// What a forward pass of at most `capacity` rows leaves behind.
#[derive(Clone, Debug)]
pub struct Tile {
    rows: usize,
    /// Inputs of the network. Fill the first [`Tile::rows`] rows before [`Network::forward`]. A tile without any takes those
    /// in [`Scratch::inputs`].
    pub inputs: Matrix,
    features: Matrix,
    /// Activations of each hidden layer.
    hidden: Vec<Matrix>,
    /// Derivatives of the activations; empty unless asked for, and for tanh, whose derivative 1 - h^2 costs less to compute
    /// than to read.
    slopes: Vec<Matrix>,
    exploration: Option<ExplorationTile>,
    outputs: Matrix,
}

impl Tile {
    /// A tile for `capacity` rows; with `slopes` it can serve jvp and vjp.
    pub fn new(network: &Network, capacity: usize, slopes: bool) -> Self {
        Self { inputs: Matrix::zeros(capacity, network.inputs), ..Self::without_inputs(network, capacity, slopes) }
    }

    /// As [`Tile::new`], for inputs that are not kept: they are in the scratch of whoever works with it.
    pub fn without_inputs(network: &Network, capacity: usize, slopes: bool) -> Self {
        let hidden: Vec<Matrix> = network.layers.iter().skip(1).map(|l| Matrix::zeros(capacity, l.inputs)).collect();
        let features = network.features.as_ref().map_or(Matrix::default(), |f| Matrix::zeros(capacity, f.count()));
        Self {
            rows: capacity,
            inputs: Matrix::zeros(0, network.inputs),
            features,
            slopes: if slopes && network.activation != Activation::Tanh { hidden.clone() } else { Vec::new() },
            hidden,
            exploration: network
                .exploration
                .map(|(actions, _)| ExplorationTile::new(capacity, network.last_inputs(), actions)),
            outputs: Matrix::zeros(capacity, network.outputs()),
        }
    }

    /// Rows in use.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Uses the first `rows` rows from now on.
    pub fn set_rows(&mut self, rows: usize) {
        assert!(rows <= self.outputs.rows(), "a tile of {} rows cannot hold {rows}", self.outputs.rows());
        self.rows = rows;
    }

    /// Outputs of the forward pass, rows x outputs.
    pub fn outputs(&self) -> &Matrix {
        &self.outputs
    }

    /// Inputs of the last layer after a forward pass, rows x last inputs.
    pub fn last_inputs(&self) -> &Matrix {
        self.layer_input(self.hidden.len())
    }

    fn layer_input(&self, layer: usize) -> &Matrix {
        match layer {
            0 if self.features.columns() > 0 => &self.features,
            0 => &self.inputs,
            _ => &self.hidden[layer - 1],
        }
    }

    /// As `layer_input`, where `beside` are the network's inputs if the tile has none.
    fn input<'a>(&'a self, layer: usize, beside: &'a Matrix) -> &'a Matrix {
        if layer == 0 && self.lacks_inputs() { beside } else { self.layer_input(layer) }
    }

    /// Whether products need inputs that the tile does not keep.
    fn lacks_inputs(&self) -> bool {
        self.inputs.rows() == 0 && self.features.columns() == 0
    }
}

/// Working memory of one thread for jvp and vjp.
#[derive(Clone, Debug)]
pub struct Scratch {
    /// Tangents of the hidden activations in a jvp, cotangents of the pre-activations in a vjp.
    layers: Vec<Matrix>,
    /// What is pushed forward (jvp: result) or pulled back (vjp: cotangents), rows x outputs. The caller fills it
    /// before a vjp and reads it after a jvp.
    pub outputs: Matrix,
    /// Inputs of a tile that keeps none; no rows until [`Scratch::room_for_inputs`] is asked.
    pub inputs: Matrix,
    exploration: Option<ExplorationScratch>,
    /// For a narrow last layer ([`Network::is_narrow`]): its inputs, outputs and weights with rows and columns exchanged.
    flipped: [Matrix; 3],
}

impl Scratch {
    /// Working memory for tiles of `network`.
    pub fn new(network: &Network) -> Self {
        let rows = network.tile_rows();
        Self {
            layers: network.layers.iter().skip(1).map(|l| Matrix::zeros(rows, l.inputs)).collect(),
            outputs: Matrix::zeros(rows, network.outputs()),
            inputs: Matrix::zeros(0, network.inputs),
            exploration: network.exploration.map(|(a, _)| ExplorationScratch::new(rows, network.last_inputs(), a)),
            flipped: [
                Matrix::zeros(network.last_inputs(), TILE),
                Matrix::zeros(network.outputs(), TILE),
                Matrix::zeros(network.last().outputs, network.last_inputs()),
            ],
        }
    }
}

impl Scratch {
    /// Room for the inputs of a tile.
    pub fn room_for_inputs(&mut self) -> &mut Matrix {
        if self.inputs.rows() == 0 {
            self.inputs.set_rows(self.outputs.rows());
        }
        &mut self.inputs
    }

    /// Where the inputs of `tile` must be for the next products, if it does not keep them.
    pub fn inputs_beside(&mut self, tile: &Tile) -> Option<&mut Matrix> {
        tile.lacks_inputs().then(|| self.room_for_inputs())
    }
}

fn rows_of(matrix: &Matrix) -> Left<'_> {
    Left { values: matrix.as_slice(), row_stride: matrix.stride(), k_stride: 1 }
}

fn columns_of(matrix: &Matrix) -> Left<'_> {
    Left { values: matrix.as_slice(), row_stride: 1, k_stride: matrix.stride() }
}

impl Network {
    /// Outputs of the tile's rows, and what later products need.
    pub fn forward(&self, packed: &Packed, tile: &mut Tile) {
        let rows = tile.rows;
        if let Some(features) = &self.features {
            features.compute(rows, &tile.inputs, &mut tile.features);
        }
        let last = self.layers.len() - 1;
        for (index, (layer, copy)) in self.layers.iter().zip(&packed.layers).enumerate() {
            let bias = Start::Bias(copy.biases.as_slice());
            let (before, after) = tile.hidden.split_at_mut(index);
            let input = match index {
                0 if self.features.is_some() => &tile.features,
                0 => &tile.inputs,
                _ => &before[index - 1],
            };
            if index == last {
                product(rows, layer.inputs, rows_of(input), &copy.weights, bias, &mut tile.outputs);
                if let (Some(exploration), Some(state)) = (&packed.exploration, &mut tile.exploration) {
                    exploration.forward(rows, input, state, layer.outputs + layer.constants, &mut tile.outputs);
                }
                continue;
            }
            let output = &mut after[0];
            product(rows, layer.inputs, rows_of(input), &copy.weights, bias, output);
            let used = rows * output.stride();
            match tile.slopes.get_mut(index) {
                Some(slopes) => self
                    .activation
                    .apply_with_slopes(&mut output.as_mut_slice()[..used], &mut slopes.as_mut_slice()[..used]),
                None => self.activation.apply(&mut output.as_mut_slice()[..used]),
            }
        }
    }

    /// J v, rows x outputs, into `scratch.outputs`: how the outputs change along `tangent` ([`Network::pack_tangent`]).
    pub fn jvp(&self, packed: &Packed, tangent: &Packed, tile: &Tile, scratch: &mut Scratch) {
        let rows = tile.rows;
        let last = self.layers.len() - 1;
        for (index, layer) in self.layers.iter().enumerate() {
            let (before, after) = scratch.layers.split_at_mut(index);
            let moved_input = index.checked_sub(1).map(|i| &before[i]);
            let direction = &tangent.layers[index];
            if let (true, true, Some(moved)) = (index == last, self.is_narrow(tile), moved_input) {
                let [input, output, _] = &mut scratch.flipped;
                for (o, bias) in direction.biases.row(0).iter().enumerate() {
                    output.row_mut(o).fill(*bias);
                }
                let terms =
                    [(tile.layer_input(index), &direction.transposed), (moved, &packed.layers[index].transposed)];
                for (rows, weights) in terms {
                    transpose(rows, input);
                    product(layer.outputs, layer.inputs, rows_of(weights), input, Start::Accumulate, output);
                }
                transpose(output, &mut scratch.outputs);
                continue;
            }
            let output = if index == last { &mut scratch.outputs } else { &mut after[0] };
            let bias = Start::Bias(direction.biases.as_slice());
            product(rows, layer.inputs, rows_of(tile.input(index, &scratch.inputs)), &direction.weights, bias, output);
            if let Some(moved) = moved_input {
                product(rows, layer.inputs, rows_of(moved), &packed.layers[index].weights, Start::Accumulate, output);
            }
            if index < last {
                self.multiply_by_slopes(tile, index, output);
            }
        }
        if let (Some(exploration), Some(moved)) = (&packed.exploration, &tangent.exploration) {
            let h_tangent = last.checked_sub(1).map(|i| &scratch.layers[i]);
            let first = self.last().outputs + self.last().constants;
            let (state, work) = both(&tile.exploration, &mut scratch.exploration);
            let h = tile.input(last, &scratch.inputs);
            exploration.jvp(moved, h, h_tangent, state, (rows, first, work), &mut scratch.outputs);
        }
    }

    /// Adds J^T c, summed over the tile's rows, to `gradient`; c are the cotangents in `scratch.outputs`.
    pub fn vjp(&self, packed: &Packed, tile: &Tile, scratch: &mut Scratch, gradient: &mut [f64]) {
        self.back_propagate(packed, tile, scratch);
        let rows = tile.rows;
        for (index, layer) in self.layers.iter().enumerate() {
            let delta = scratch.layers.get(index).unwrap_or(&scratch.outputs);
            let input = tile.input(index, &scratch.inputs);
            let (weights, biases) = layer_slots(layer, gradient);
            if index + 1 == self.layers.len() && self.is_narrow(tile) {
                let flipped = &mut scratch.flipped[2];
                product(layer.outputs, rows, columns_of(&scratch.outputs), input, Start::Zero, flipped);
                for (o, row) in (0..layer.outputs).map(|o| (o, flipped.row(o))) {
                    weights[o..].iter_mut().step_by(layer.outputs).zip(row).for_each(|(w, x)| *w += f64::from(*x));
                }
            } else {
                add_product(layer.inputs, rows, columns_of(input), delta, layer.outputs, weights);
            }
            add_column_sums(rows, delta, layer.outputs + layer.constants, biases);
        }
        if let (Some(exploration), Some((_, start))) = (&packed.exploration, self.exploration) {
            let (state, work) = both(&tile.exploration, &mut scratch.exploration);
            exploration.accumulate(rows, state, &work.narrow, &mut gradient[start..]);
        }
    }

    /// Whether the last layer has so few outputs that products run faster with rows and columns exchanged: vectors then
    /// lie along the rows, of which there are more. The bits are the same.
    fn is_narrow(&self, tile: &Tile) -> bool {
        self.has_narrow_head() && tile.outputs.rows() == TILE
    }

    pub(super) fn has_narrow_head(&self) -> bool {
        let last = self.last();
        self.layers.len() > 1 && last.outputs <= 8 && last.inputs >= 32 && self.tile_rows() == TILE
    }

    /// J^T c of every row apart, row-major \[rows x parameters\]; c are the cotangents in `scratch.outputs`.
    pub fn vjp_rows(&self, packed: &Packed, tile: &Tile, scratch: &mut Scratch, gradients: &mut [f64]) {
        self.back_propagate(packed, tile, scratch);
        for (row, gradient) in gradients.chunks_exact_mut(self.parameters).take(tile.rows).enumerate() {
            for (index, layer) in self.layers.iter().enumerate() {
                let delta = scratch.layers.get(index).unwrap_or(&scratch.outputs).row(row);
                let (weights, biases) = layer_slots(layer, gradient);
                for (slots, x) in
                    weights.chunks_exact_mut(layer.outputs).zip(tile.input(index, &scratch.inputs).row(row))
                {
                    for (slot, d) in slots.iter_mut().zip(delta) {
                        *slot = f64::from(*x) * f64::from(*d);
                    }
                }
                for (slot, d) in biases.iter_mut().zip(delta) {
                    *slot = f64::from(*d);
                }
            }
            if let (Some(exploration), Some((_, start))) = (&packed.exploration, self.exploration) {
                let (state, work) = both(&tile.exploration, &mut scratch.exploration);
                exploration.row_gradient(row, state, &work.narrow, &mut gradient[start..]);
            }
        }
    }

    /// values *= the derivative of hidden layer `layer`'s activation, elementwise.
    fn multiply_by_slopes(&self, tile: &Tile, layer: usize, values: &mut Matrix) {
        let used = tile.rows * values.stride();
        let values = &mut values.as_mut_slice()[..used];
        match self.activation {
            Activation::Tanh => multiply_by_tanh_slopes(values, &tile.hidden[layer].as_slice()[..used]),
            _ => multiply(values, &tile.slopes[layer].as_slice()[..used]),
        }
    }

    /// Cotangents of every hidden pre-activation into `scratch.layers`, from those of the outputs.
    fn back_propagate(&self, packed: &Packed, tile: &Tile, scratch: &mut Scratch) {
        let rows = tile.rows;
        let last = self.layers.len() - 1;
        if self.exploration.is_some() {
            let first = self.last().outputs + self.last().constants;
            let (state, work) = both(&tile.exploration, &mut scratch.exploration);
            PackedExploration::weigh(state, (rows, first), &scratch.outputs, work);
        }
        for index in (1..=last).rev() {
            let layer = &self.layers[index];
            let (before, after) = scratch.layers.split_at_mut(index);
            let delta = after.first().unwrap_or(&scratch.outputs);
            let target = &mut before[index - 1];
            product(rows, layer.outputs, rows_of(delta), &packed.layers[index].transposed, Start::Zero, target);
            if let (true, Some(exploration)) = (index == last, &packed.exploration) {
                let (_, work) = both(&tile.exploration, &mut scratch.exploration);
                exploration.pull_back(rows, tile.last_inputs(), work, target);
            }
            self.multiply_by_slopes(tile, index - 1, target);
        }
    }
}

fn both<'a>(
    tile: &'a Option<ExplorationTile>,
    scratch: &'a mut Option<ExplorationScratch>,
) -> (&'a ExplorationTile, &'a mut ExplorationScratch) {
    let tile = tile.as_ref().expect("tiles of this network have exploration");
    (tile, scratch.as_mut().expect("scratch of this network has exploration"))
}

fn layer_slots<'a>(layer: &Layer, gradient: &'a mut [f64]) -> (&'a mut [f64], &'a mut [f64]) {
    let (weights, rest) = gradient[layer.weights..].split_at_mut(layer.biases - layer.weights);
    (weights, &mut rest[..layer.outputs + layer.constants])
}
