//! The passes of one tile through all layers of a network: forward, forward-mode (jvp) and reverse-mode (vjp). Each layer
//! does its own part.

use super::kernels::Matrix;
use super::layers::{AnyKept, AnyLayer, AnyWork, Back, Layer, Seen};
use super::{Network, Packed};

/// What a forward pass of at most `capacity` rows leaves for later products.
#[derive(Clone, Debug)]
pub struct Tile {
    rows: usize,
    /// The inputs of the network. Fill the first [`Tile::rows`] rows before [`Network::forward`]. If a tile has no inputs,
    /// products read those in [`Scratch::inputs`].
    pub inputs: Matrix,
    /// The outputs of each layer before the heads.
    hidden: Vec<Matrix>,
    kept: Vec<AnyKept>,
    outputs: Matrix,
    /// Whether products read the network's inputs.
    reads_inputs: bool,
}

impl Tile {
    /// A tile for `capacity` rows. With `slopes` it can serve jvp and vjp.
    pub fn new(network: &Network, capacity: usize, slopes: bool) -> Self {
        Self { inputs: Matrix::zeros(capacity, network.inputs), ..Self::without_inputs(network, capacity, slopes) }
    }

    /// Like [`Tile::new`], but without inputs: the caller keeps them in its scratch.
    pub fn without_inputs(network: &Network, capacity: usize, slopes: bool) -> Self {
        let layers = || network.layers.iter().map(|placed| &placed.layer);
        Self {
            rows: capacity,
            inputs: Matrix::zeros(0, network.inputs),
            hidden: layers().take(network.hidden).map(|layer| Matrix::zeros(capacity, layer.outputs())).collect(),
            kept: layers().map(|layer| layer.kept(capacity, slopes)).collect(),
            outputs: Matrix::zeros(capacity, network.outputs()),
            reads_inputs: network.front == 0,
        }
    }

    /// The number of rows in use.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Sets the number of rows in use.
    pub fn set_rows(&mut self, rows: usize) {
        assert!(rows <= self.outputs.rows(), "a tile of {} rows cannot hold {rows}", self.outputs.rows());
        self.rows = rows;
    }

    /// The outputs of the forward pass, rows x outputs.
    pub fn outputs(&self) -> &Matrix {
        &self.outputs
    }

    /// The outputs of the forward pass, to be changed. No product reads them.
    pub fn outputs_mut(&mut self) -> &mut Matrix {
        &mut self.outputs
    }

    /// The inputs of the last layer after a forward pass, rows x last inputs.
    pub fn last_inputs(&self) -> &Matrix {
        self.hidden.last().unwrap_or(&self.inputs)
    }

    /// Whether products need inputs that the tile does not keep.
    fn lacks_inputs(&self) -> bool {
        self.inputs.rows() == 0 && self.reads_inputs
    }

    /// What layer `index` saw in the forward pass. `beside` are the network's inputs if the tile does not keep them.
    fn seen<'a>(&'a self, packed: &'a Packed, index: usize, beside: &'a Matrix) -> Seen<'a, AnyLayer> {
        let input = match index.min(self.hidden.len()).checked_sub(1) {
            Some(before) => &self.hidden[before],
            None if self.lacks_inputs() => beside,
            None => &self.inputs,
        };
        let output = self.hidden.get(index).unwrap_or(&self.outputs);
        Seen { packed: &packed.layers[index], rows: self.rows, input, output, kept: &self.kept[index] }
    }
}

/// Working memory of one thread for jvp and vjp.
#[derive(Clone, Debug)]
pub struct Scratch {
    /// For each layer before the heads: tangents of its outputs in a jvp, cotangents in a vjp. Layers in front of all
    /// parameters have no rows.
    hidden: Vec<Matrix>,
    /// The result of a jvp or the cotangents for a vjp, rows x outputs. The caller fills it before a vjp and reads it after a
    /// jvp.
    pub outputs: Matrix,
    /// The inputs of a tile that does not keep its own. There are no rows until [`Scratch::room_for_inputs`] is called.
    pub inputs: Matrix,
    work: Vec<AnyWork>,
}

impl Scratch {
    /// Working memory for tiles of `network`.
    pub fn new(network: &Network) -> Self {
        Self::for_rows(network, network.tile_rows())
    }

    /// Working memory for tiles of at most `rows` rows.
    pub(super) fn for_rows(network: &Network, rows: usize) -> Self {
        let layers = || network.layers.iter().map(|placed| &placed.layer);
        let rows_of = |index| if index < network.front { 0 } else { rows };
        let hidden = layers().take(network.hidden).enumerate();
        Self {
            hidden: hidden.map(|(index, layer)| Matrix::zeros(rows_of(index), layer.outputs())).collect(),
            outputs: Matrix::zeros(rows, network.outputs()),
            inputs: Matrix::zeros(0, network.inputs),
            work: layers().map(|layer| layer.work(rows)).collect(),
        }
    }

    /// Room for the inputs of a tile.
    pub fn room_for_inputs(&mut self) -> &mut Matrix {
        if self.inputs.rows() == 0 {
            self.inputs.set_rows(self.outputs.rows());
        }
        &mut self.inputs
    }

    /// Where the inputs of `tile` must be written before the next products; `None` if the tile keeps them.
    pub fn inputs_beside(&mut self, tile: &Tile) -> Option<&mut Matrix> {
        tile.lacks_inputs().then(|| self.room_for_inputs())
    }
}

/// The inputs and the outputs of layer `index`. All heads come after the hidden layers and share both.
fn around<'a>(
    hidden: &'a mut [Matrix],
    outputs: &'a mut Matrix,
    index: usize,
) -> (Option<&'a mut Matrix>, &'a mut Matrix) {
    let (before, after) = hidden.split_at_mut(index.min(hidden.len()));
    (before.last_mut(), after.first_mut().unwrap_or(outputs))
}

impl Network {
    /// Computes the outputs of the tile's rows, and keeps what later products need.
    pub fn forward(&self, packed: &Packed, tile: &mut Tile) {
        let Tile { rows, inputs, hidden, kept, outputs, .. } = tile;
        for (index, (placed, kept)) in self.layers.iter().zip(kept).enumerate() {
            let (input, output) = around(hidden, outputs, index);
            placed.layer.forward(&packed.layers[index], *rows, input.unwrap_or(inputs), kept, output);
        }
    }

    /// Writes J v, rows x outputs, into `scratch.outputs`: the change of the outputs along `tangent`
    /// ([`Network::pack_tangent`]).
    pub fn jvp(&self, packed: &Packed, tangent: &Packed, tile: &Tile, scratch: &mut Scratch) {
        let Scratch { hidden, outputs, inputs, work } = scratch;
        for (index, placed) in self.layers.iter().enumerate().skip(self.front) {
            let (moved, output) = around(hidden, outputs, index);
            let moved = moved.filter(|moved| moved.rows() > 0);
            let seen = tile.seen(packed, index, inputs);
            placed.layer.jvp(seen, &tangent.layers[index], moved.as_deref(), &mut work[index], output);
        }
    }

    /// Adds J^T c, summed over the tile's rows, to `gradient`. c are the cotangents in `scratch.outputs`.
    pub fn vjp(&self, packed: &Packed, tile: &Tile, scratch: &mut Scratch, gradient: &mut [f64]) {
        self.back_propagate(packed, tile, scratch);
        self.accumulate(packed, tile, scratch, gradient);
    }

    /// Adds the gradients of all layers, after [`Network::back_propagate`].
    pub(super) fn accumulate(&self, packed: &Packed, tile: &Tile, scratch: &mut Scratch, gradient: &mut [f64]) {
        let Scratch { hidden, outputs, inputs, work } = scratch;
        for (index, placed) in self.layers.iter().enumerate().skip(self.front) {
            let cotangent = hidden.get(index).unwrap_or(outputs);
            let gradient = &mut gradient[placed.parameters.clone()];
            placed.layer.accumulate(tile.seen(packed, index, inputs), &mut work[index], cotangent, gradient);
        }
    }

    /// Writes J^T c for each row separately, row-major \[rows x parameters\]. c are the cotangents in `scratch.outputs`.
    pub fn vjp_rows(&self, packed: &Packed, tile: &Tile, scratch: &mut Scratch, gradients: &mut [f64]) {
        self.back_propagate(packed, tile, scratch);
        for (row, gradient) in gradients.chunks_exact_mut(self.parameters).take(tile.rows).enumerate() {
            self.row_gradient(packed, tile, row, scratch, gradient);
        }
    }

    /// Writes the gradient of one row, after [`Network::back_propagate`].
    pub(super) fn row_gradient(
        &self,
        packed: &Packed,
        tile: &Tile,
        row: usize,
        scratch: &Scratch,
        gradient: &mut [f64],
    ) {
        let Scratch { hidden, outputs, inputs, work } = scratch;
        for (index, placed) in self.layers.iter().enumerate().skip(self.front) {
            let cotangent = hidden.get(index).unwrap_or(outputs);
            let gradient = &mut gradient[placed.parameters.clone()];
            placed.layer.row_gradient(tile.seen(packed, index, inputs), row, &work[index], cotangent, gradient);
        }
    }

    /// Computes the cotangents of all layers with parameters from those of the outputs: first for the heads in order, then
    /// for the layers before them, from the last to the first.
    pub(super) fn back_propagate(&self, packed: &Packed, tile: &Tile, scratch: &mut Scratch) {
        let Scratch { hidden, outputs, inputs, work } = scratch;
        for index in (self.hidden..self.layers.len()).chain((self.front..self.hidden).rev()) {
            let (before, cotangent) = around(hidden, outputs, index);
            let before = before.filter(|before| before.rows() > 0);
            let back = before.map(|cotangent| Back { cotangent, adds: index > self.hidden });
            let seen = tile.seen(packed, index, inputs);
            self.layers[index].layer.pull_back(seen, &mut work[index], cotangent, back);
        }
    }
}
