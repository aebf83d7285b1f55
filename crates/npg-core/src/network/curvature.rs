//! Products with the curvature J^T M J of a network's outputs. J is the Jacobian of the outputs in the parameters.

use super::kernels::Matrix;
use super::{Network, Packed, Scratch, Tile, Tiling};
use crate::reduce::{Part, Pool, Reducer};

/// A forward pass over a batch, with everything that products with its curvature need.
#[derive(Clone, Copy, Debug)]
pub struct Curvature<'a> {
    /// The network.
    pub network: &'a Network,
    /// The packed parameters, with transposed weights.
    pub packed: &'a Packed,
    /// The forward pass, tile by tile.
    pub tiles: &'a [Tile],
    /// How the rows are cut into tiles.
    pub tiling: &'a Tiling,
    /// How sums over the rows are taken.
    pub reducer: &'a Reducer,
    /// Working memory for the passes.
    pub scratch: &'a Pool<Scratch>,
    /// Working memory for the f32 copies of `v`.
    pub tangents: &'a Pool<Packed>,
}

impl Curvature<'_> {
    /// (1/N) sum over the N rows of the batch of J^T M J v, without damping.
    ///
    /// `prepare` provides the inputs of a tile that does not keep its own. `metric` receives the index of a tile, the number
    /// of its rows, and the rows of J v, which it replaces by M J v.
    pub fn product(
        &self,
        v: &[f64],
        prepare: impl Fn(usize, &mut Scratch) + Sync,
        metric: impl Fn(usize, usize, &mut Matrix) + Sync,
    ) -> Vec<f64> {
        let Self { network, packed, tiles, tiling, reducer, scratch, tangents } = *self;
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
                reducer.sum(network.parameters(), |part: &Part, sum| {
                    let work = |scratch: &mut Scratch| tiling.of_part(part).for_each(|index| add(scratch, index, sum));
                    scratch.with(|| Scratch::new(network), work);
                })
            },
        );
        let scale = 1.0 / reducer.rows() as f64;
        product.iter_mut().for_each(|x| *x *= scale);
        product
    }
}
