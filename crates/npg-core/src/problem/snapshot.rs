//! A policy at its current parameters on a set of states: one forward pass, kept for every product that follows.
//!
//! The gradient, Fisher products, the dense F, the scores and comparisons all start from here, so that each update computes
//! the activations only once.

use crate::network::kernels::Matrix;
use crate::network::{Packed, Scratch, Tile, Tiling};
use crate::policy::{Inputs, Masks, Policy};
use crate::reduce::{Part, Pool, Reducer};

/// States, as the network reads them, and their weights.
#[derive(Clone, Copy, Debug)]
pub struct States<'a> {
    /// One row for each state.
    pub inputs: Inputs<'a>,
    /// Weights with mean one (normalized gamma^t); `None` means that all are equal.
    pub weights: Option<&'a [f64]>,
    /// How the rows are summed; `None` means as rows of a single environment.
    pub reducer: Option<&'a Reducer>,
    /// Which actions are allowed in each state; `None` if all are.
    pub masks: Option<&'a Masks>,
}

impl<'a> States<'a> {
    /// States that all count the same.
    pub fn of(inputs: impl Into<Inputs<'a>>) -> Self {
        Self { inputs: inputs.into(), weights: None, reducer: None, masks: None }
    }
}

/// The old policy on a set of states: its forward pass, and everything that products need.
#[derive(Debug)]
pub struct PolicySnapshot<'a> {
    pub(super) policy: &'a Policy,
    pub(super) packed: Packed,
    pub(super) reducer: Reducer,
    pub(super) tiling: Tiling,
    pub(super) tiles: Vec<Tile>,
    /// The Fisher metric of each row's distribution, tile by tile.
    pub(super) metrics: Vec<Matrix>,
    /// Working memory of the products.
    pub(super) scratch: Pool<Scratch>,
    pub(super) tangents: Pool<Packed>,
    inputs: Inputs<'a>,
    weights: Option<&'a [f64]>,
    pub(super) masks: Option<&'a Masks>,
    /// The mean of the given weights over these states, by which they are divided. It is 1 if these are all states.
    mean_weight: f64,
    /// Which of the given states these are; None means all.
    selection: Option<Vec<usize>>,
}

/// Selects evenly spread rows: a fraction of those that `all` sums, but at least one. Returns how they are summed, and which
/// they are. The selection is `None` if it has all rows, or if it is so small that some peers would have nothing to sum and
/// all rows are taken instead.
fn spread(all: Reducer, fraction: f64) -> (Reducer, Option<Vec<usize>>) {
    let count = ((all.rows() as f64 * fraction).round() as usize).max(1).min(all.rows());
    match (count < all.rows()).then(|| all.of_spread(count)).flatten() {
        Some(reducer) => (reducer, Some(all.spread(count))),
        None => (all, None),
    }
}

/// The weights average to one over all states, but not over a selection. They are therefore divided by the selection's mean;
/// otherwise F and the predicted KL would be scaled by it. The result is 1 without a selection, and also if all weights are
/// zero (F is then zero, and the step is refused).
fn mean_weight(reducer: &Reducer, weights: Option<&[f64]>, selection: Option<&[usize]>) -> f64 {
    let (Some(weights), Some(selection)) = (weights, selection) else { return 1.0 };
    let mean = reducer.mean_of(|row| weights[selection[row]]);
    if mean > 0.0 { mean } else { 1.0 }
}

impl<'a> PolicySnapshot<'a> {
    /// Runs the forward pass over an evenly spread `fraction` of the states.
    pub fn new(policy: &'a Policy, states: States<'a>, fraction: f64) -> Self {
        let all = states.reducer.map_or_else(|| Reducer::of_rows(states.inputs.rows()), Reducer::clone);
        let (reducer, selection) = spread(all, fraction);
        let packed = policy.network.pack_with_transposes(&policy.theta);
        let tiling = Tiling::new(&policy.network, &reducer);
        let mut tiles: Vec<(Tile, Matrix)> = Vec::with_capacity(tiling.tiles());
        tiles.resize_with(tiling.tiles(), || {
            (Tile::new(&policy.network, 0, false), Matrix::zeros(0, policy.distribution.metric_len()))
        });
        let scratch = Pool::default();
        tiling.for_each(&mut tiles, |index, (tile, metric)| {
            metric.set_rows(policy.network.tile_rows());
            let source = |row: usize| selection.as_ref().map_or(row, |s| s[row]);
            *tile = scratch.with(
                || Scratch::new(&policy.network),
                |scratch| states.inputs.linearized((&policy.network, &packed), tiling.rows(index).map(source), scratch),
            );
            if let Some(masks) = states.masks {
                masks.apply(policy, tiling.rows(index).map(source), tile.outputs_mut());
            }
            for row in 0..tile.rows() {
                policy.distribution.metric(tile.outputs().row(row), metric.row_mut(row));
            }
        });
        let (tiles, metrics) = tiles.into_iter().unzip();
        let mean_weight = mean_weight(&reducer, states.weights, selection.as_deref());
        let (tangents, States { inputs, weights, masks, .. }) = (Pool::default(), states);
        Self {
            policy,
            packed,
            reducer,
            tiling,
            tiles,
            metrics,
            scratch,
            tangents,
            inputs,
            weights,
            masks,
            mean_weight,
            selection,
        }
    }

    /// The number of states that this process holds.
    pub fn rows(&self) -> usize {
        self.reducer.here().len()
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        self.policy
    }

    /// Writes the inputs of tile `index` into the first rows of `to`.
    pub(super) fn write_inputs(&self, index: usize, to: &mut Matrix) {
        self.inputs.fill(self.tiling.rows(index).map(|row| self.source(row)), to);
    }

    /// Computes the inputs of tile `index` again before a product, if the tile does not keep them.
    pub(super) fn prepare(&self, index: usize, scratch: &mut Scratch) {
        self.inputs.prepare(&self.tiles[index], self.tiling.rows(index).map(|row| self.source(row)), scratch);
    }

    /// Calls `work` for the tiles of a part in their order, with working memory for them.
    pub(super) fn each_tile(&self, part: &Part, mut work: impl FnMut(&mut Scratch, usize)) {
        let tiles = self.tiling.of_part(part);
        self.scratch
            .with(|| Scratch::new(&self.policy.network), |scratch| tiles.for_each(|index| work(scratch, index)));
    }

    /// The index of row `row` among the given states.
    pub(super) fn source(&self, row: usize) -> usize {
        self.selection.as_ref().map_or(row, |s| s[row])
    }

    /// The weight of row `row`. The mean over these rows is one.
    pub(super) fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |w| w[self.source(row)] / self.mean_weight)
    }

    /// Whether the rows have weights.
    pub(super) fn is_weighted(&self) -> bool {
        self.weights.is_some()
    }

    /// The network's outputs for row `row`.
    pub fn outputs(&self, row: usize) -> &[f32] {
        let (tile, slot) = self.tiling.place(row);
        self.tiles[tile].outputs().row(slot)
    }
}
