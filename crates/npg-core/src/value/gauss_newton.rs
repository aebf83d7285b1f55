//! An MLP baseline, fitted by damped Gauss-Newton steps: conjugate gradients solve (J^T J / N + lambda I) d = -J^T e / N with
//! the errors e = V - y.
//!
//! J^T J is the Fisher matrix of a Gaussian with mean V and unit variance, so the products are the same as the policy's. The
//! damping follows Levenberg and Marquardt. It shrinks while the quadratic model predicts the decrease of the loss well. It
//! grows, and the step is dropped, if the model does not.

use crate::network::kernels::dot;
use crate::network::{Curvature, Network, Packed, Scratch, Tile, Tiling};
use crate::policy::Inputs;
use crate::reduce::{Pool, Reducer};
use crate::settings;
use crate::solve::{CgOptions, conjugate_gradient};
use crate::step::moved;

/// The largest damping. Steps with more damping would hardly move.
const MAX_DAMPING: f64 = 1e8;

/// The settings, and the damping, which adapts.
#[derive(Clone, Debug, PartialEq)]
pub struct GaussNewton {
    steps: usize,
    cg_iterations: usize,
    /// lambda.
    pub(super) damping: f64,
}

impl GaussNewton {
    pub(super) fn new(config: &settings::Value) -> Self {
        Self { steps: config.epochs, cg_iterations: config.cg_iterations, damping: config.damping }
    }

    /// Takes all steps. Returns the mean squared error after the last one.
    pub(super) fn fit(
        &mut self,
        reducer: &Reducer,
        (network, theta): (&Network, &mut Vec<f64>),
        inputs: Inputs<'_>,
        targets: &[f64],
    ) -> f64 {
        let regression = Regression::new(network, inputs, targets, reducer);
        let mut loss = regression.loss(theta);
        for _ in 0..self.steps {
            let options = CgOptions {
                iterations: self.cg_iterations,
                tolerance: 1e-10,
                damping: self.damping,
                start: None,
                preconditioner: None,
            };
            let Some(Step { d, promised }) = regression.step(theta, options) else {
                self.damping = (self.damping * 4.0).min(MAX_DAMPING);
                continue;
            };
            let candidate = moved(theta, 1.0, &d);
            let new_loss = regression.loss(&candidate);
            if promised <= f64::EPSILON * loss {
                break; // nothing is left to fit, and the ratio would only be rounding error
            }
            let ratio = 0.5 * (loss - new_loss) / promised;
            if ratio > 0.75 {
                self.damping = (self.damping * 0.5).max(1e-8);
            } else if ratio.is_nan() || ratio < 0.25 {
                self.damping = (self.damping * 4.0).min(MAX_DAMPING);
            }
            if new_loss < loss {
                (*theta, loss) = (candidate, new_loss);
            }
        }
        loss
    }
}

/// A step, and the decrease of half the loss that the quadratic model predicts for it: b^T d - 1/2 d^T (J^T J / N) d.
struct Step {
    d: Vec<f64>,
    promised: f64,
}

/// The targets to which a network is fitted, and working memory for its products.
struct Regression<'a> {
    network: &'a Network,
    inputs: Inputs<'a>,
    targets: &'a [f64],
    reducer: &'a Reducer,
    tiling: Tiling,
    scratch: Pool<Scratch>,
    tangents: Pool<Packed>,
}

impl<'a> Regression<'a> {
    fn new(network: &'a Network, inputs: Inputs<'a>, targets: &'a [f64], reducer: &'a Reducer) -> Self {
        let (tiling, scratch, tangents) = (Tiling::new(network, reducer), Pool::default(), Pool::default());
        Self { network, inputs, targets, reducer, tiling, scratch, tangents }
    }

    /// The mean squared error of the network with parameters `theta`.
    fn loss(&self, theta: &[f64]) -> f64 {
        let values = super::predict(self.network, theta, self.inputs);
        self.reducer.mean_of(|row| (values[row] - self.targets[row]).powi(2))
    }

    /// The damped Gauss-Newton step from `theta`; `None` if conjugate gradients fail.
    fn step(&self, theta: &[f64], options: CgOptions<'_>) -> Option<Step> {
        let packed = self.network.pack_with_transposes(theta);
        let tiles = self.linearized(&packed);
        let descent = self.descent(&packed, &tiles);
        let curvature = Curvature {
            network: self.network,
            packed: &packed,
            tiles: &tiles,
            tiling: &self.tiling,
            reducer: self.reducer,
            scratch: &self.scratch,
            tangents: &self.tangents,
        };
        let prepare = |index: usize, scratch: &mut Scratch| self.prepare(&tiles, index, scratch);
        let product = |v: &[f64]| curvature.product(v, prepare, |_, _, _| {});
        let d = conjugate_gradient(product, &descent, options).ok()?.x;
        let promised = dot(&descent, &d) - 0.5 * dot(&d, &product(&d));
        Some(Step { d, promised })
    }

    /// The forward pass on which the products are based.
    fn linearized(&self, packed: &Packed) -> Vec<Tile> {
        let mut tiles: Vec<Tile> = Vec::new();
        tiles.resize_with(self.tiling.tiles(), || Tile::new(self.network, 0, false));
        self.tiling.for_each(&mut tiles, |index, tile| {
            *tile = self.scratch.with(
                || Scratch::new(self.network),
                |scratch| self.inputs.linearized((self.network, packed), self.tiling.rows(index), scratch),
            );
        });
        tiles
    }

    /// b = -J^T e / N, one number for each parameter.
    fn descent(&self, packed: &Packed, tiles: &[Tile]) -> Vec<f64> {
        let n = self.reducer.rows() as f64;
        let add = |scratch: &mut Scratch, index: usize, sum: &mut [f64]| {
            for (slot, row) in self.tiling.rows(index).enumerate() {
                let error = self.targets[row] - f64::from(tiles[index].outputs().row(slot)[0]);
                scratch.outputs.row_mut(slot)[0] = (error / n) as f32;
            }
            self.prepare(tiles, index, scratch);
            self.network.vjp(packed, &tiles[index], scratch, sum);
        };
        self.reducer.sum(self.network.parameters(), |part, sum| {
            let work = |scratch: &mut Scratch| self.tiling.of_part(part).for_each(|index| add(scratch, index, sum));
            self.scratch.with(|| Scratch::new(self.network), work);
        })
    }

    /// Computes the inputs of tile `index` again before a product, if the tile does not keep them.
    fn prepare(&self, tiles: &[Tile], index: usize, scratch: &mut Scratch) {
        self.inputs.prepare(&tiles[index], self.tiling.rows(index), scratch);
    }
}
