//! Products with the curvature J^T M J of a network's outputs, J being their Jacobian in the parameters.

use super::kernels::Matrix;
use super::{Network, Packed, Scratch, Tile};
use crate::reduce::{self, Cut, Pool};

/// A forward pass over rows, as products with its curvature need it.
#[derive(Clone, Copy, Debug)]
pub struct Curvature<'a> {
    /// The network.
    pub network: &'a Network,
    /// Its parameters, with transposes.
    pub packed: &'a Packed,
    /// The forward pass, tile by tile.
    pub tiles: &'a [Tile],
    /// How the rows are cut into tiles.
    pub cut: Cut,
    /// The number of rows.
    pub rows: usize,
    /// Working memory of the passes.
    pub scratch: &'a Pool<Scratch>,
    /// Working memory for the f32 copies of `v`.
    pub tangents: &'a Pool<Packed>,
}

impl Curvature<'_> {
    /// (1/rows) sum over the rows of J^T M J v, without damping.
    ///
    /// `prepare` provides the inputs of a tile that does not keep its own. `metric` gets the index of a tile, its number of rows
    /// and the rows of J v, which it replaces by M J v.
    pub fn product(
        &self,
        v: &[f64],
        prepare: impl Fn(usize, &mut Scratch) + Sync,
        metric: impl Fn(usize, usize, &mut Matrix) + Sync,
    ) -> Vec<f64> {
        let Self { network, packed, tiles, cut, rows, scratch, tangents } = *self;
        let mut product = tangents.with(
            || network.tangent(),
            |tangent| {
                network.pack_tangent(packed, v, tangent);
                let add = |scratch: &mut Scratch, index: usize, sum: &mut [f64]| {
                    prepare(index, scratch);
                    network.jvp(packed, tangent, &tiles[index], scratch);
                    metric(index, tiles[index].rows(), &mut scratch.outputs);
                    network.vjp(packed, &tiles[index], scratch, sum);
                };
                reduce::sum(cut, network.parameters(), (scratch, || Scratch::new(network)), add)
            },
        );
        let scale = 1.0 / rows as f64;
        product.iter_mut().for_each(|x| *x *= scale);
        product
    }
}
