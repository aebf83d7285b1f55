//! An MLP fitted by damped Gauss-Newton steps: (J^T J / N + lambda I) d = -J^T e / N by conjugate gradients, e = V - y.
//!
//! J^T J is the Fisher of a Gaussian with mean V and unit variance, so the products are the policy's own. The damping
//! follows Levenberg & Marquardt: it shrinks while the quadratic model predicts the fall of the loss well, and grows
//! (and the step is dropped) where it does not.

use crate::config;
use crate::network::kernels::dot;
use crate::network::{Curvature, Network, Scratch, Tile, Tiling};
use crate::policy::Inputs;
use crate::reduce::{Pool, Reducer};
use crate::solve::{CgOptions, conjugate_gradient};
use crate::step::moved;

/// The damping grows no further: steps are as good as none there.
const MAX_DAMPING: f64 = 1e8;

/// Settings and the damping, which adapts.
#[derive(Clone, Debug, PartialEq)]
pub struct GaussNewton {
    steps: usize,
    cg_iterations: usize,
    /// lambda.
    pub(super) damping: f64,
}

impl GaussNewton {
    pub(super) fn new(config: &config::Value) -> Self {
        Self { steps: config.epochs, cg_iterations: config.cg_iterations, damping: config.damping }
    }

    /// All steps; returns the mean squared error after the last.
    pub(super) fn fit(
        &mut self,
        reducer: &Reducer,
        (network, theta): (&Network, &mut Vec<f64>),
        inputs: Inputs<'_>,
        targets: &[f64],
    ) -> f64 {
        let n = reducer.rows() as f64;
        let tiling = Tiling::new(network, reducer);
        let squared_error = |theta: &[f64]| {
            let values = super::predict(network, theta, inputs);
            reducer.mean_of(|row| (values[row] - targets[row]).powi(2))
        };
        let (scratch, tangents) = (Pool::default(), Pool::default());
        let mut loss = squared_error(theta);
        for _ in 0..self.steps {
            let packed = network.pack_with_transposes(theta);
            let mut tiles: Vec<Tile> = Vec::new();
            tiles.resize_with(tiling.tiles(), || Tile::new(network, 0, false));
            tiling.for_each(&mut tiles, |index, tile| {
                *tile = scratch.with(
                    || Scratch::new(network),
                    |scratch| inputs.linearized((network, &packed), tiling.rows(index), scratch),
                );
            });
            let prepare =
                |index: usize, scratch: &mut Scratch| inputs.prepare(&tiles[index], tiling.rows(index), scratch);
            let add = |scratch: &mut Scratch, index: usize, sum: &mut [f64]| {
                for (slot, row) in tiling.rows(index).enumerate() {
                    let error = targets[row] - f64::from(tiles[index].outputs().row(slot)[0]);
                    scratch.outputs.row_mut(slot)[0] = (error / n) as f32;
                }
                prepare(index, scratch);
                network.vjp(&packed, &tiles[index], scratch, sum);
            };
            let descent: Vec<f64> = reducer.sum(network.parameters(), |part, sum| {
                let work = |scratch: &mut Scratch| tiling.of_part(part).for_each(|index| add(scratch, index, sum));
                scratch.with(|| Scratch::new(network), work);
            });
            let curvature = Curvature {
                network,
                packed: &packed,
                tiles: &tiles,
                tiling: &tiling,
                reducer,
                scratch: &scratch,
                tangents: &tangents,
            };
            let product = |v: &[f64]| curvature.product(v, prepare, |_, _, _| {});
            let options = CgOptions {
                iterations: self.cg_iterations,
                tolerance: 1e-10,
                damping: self.damping,
                start: None,
                preconditioner: None,
            };
            let Ok(solution) = conjugate_gradient(product, &descent, options) else {
                self.damping = (self.damping * 4.0).min(MAX_DAMPING);
                continue;
            };
            let d = solution.x;
            let candidate = moved(theta, 1.0, &d);
            let new_loss = squared_error(&candidate);
            // Fall of 1/2 loss that the quadratic model promises: b^T d - 1/2 d^T (J^T J / N) d.
            let promised = dot(&descent, &d) - 0.5 * dot(&d, &product(&d));
            if promised <= f64::EPSILON * loss {
                break; // there is nothing left to fit, and the ratio would be rounding
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
