//! The Fisher information F = E_s[ J^T M J ]: products, the dense matrix, and sampled scores.
//!
//! J is the Jacobian of the network's outputs in its parameters and M the Fisher metric of the distribution in those
//! outputs (Martens 2020). This F is the exact expectation over actions; only the *scores* of sampled actions give the
//! noisy empirical one, (1/N) S^T S.

use super::PolicySnapshot;
use crate::env::ActionRows;
use crate::network::kernels::Matrix;
use crate::network::{Curvature, Scratch};
use crate::solve::Dense;

impl PolicySnapshot<'_> {
    /// F v, without damping. Each tile takes one jvp, one product with M and one vjp.
    pub fn fisher_product(&self, v: &[f64]) -> Vec<f64> {
        let distribution = &self.policy.distribution;
        let curvature = Curvature {
            network: &self.policy.network,
            packed: &self.packed,
            tiles: &self.tiles,
            tiling: &self.tiling,
            reducer: &self.reducer,
            scratch: &self.scratch,
            tangents: &self.tangents,
        };
        let prepare = |index: usize, scratch: &mut Scratch| self.prepare(index, scratch);
        let metric = |index: usize, rows: usize, outputs: &mut Matrix| {
            distribution.apply_metric(rows, &self.metrics[index], outputs);
            if self.is_weighted() {
                for (slot, row) in self.tiling.rows(index).enumerate() {
                    let weight = self.weight(row) as f32;
                    outputs.row_mut(slot).iter_mut().for_each(|x| *x *= weight);
                }
            }
        };
        curvature.product(v, prepare, metric)
    }

    /// x^T F x, twice the predicted KL of a step x, by one product.
    pub fn fisher_norm(&self, x: &[f64]) -> f64 {
        crate::network::kernels::dot(x, &self.fisher_product(x))
    }

    /// The dense F, parameters x parameters: the sum of U^T U / N over all rows, with U = sqrt(M) J.
    pub fn dense_fisher(&self) -> Dense {
        let parameters = self.policy.network.parameters();
        let fisher = self.reducer.sum_matrix(Dense::gram_len(parameters), |part, fisher| {
            let size = self.policy.network.tile_rows();
            let (mut rows, mut u) = (vec![0.0; size * parameters], Dense::zeros(size, parameters));
            self.each_tile(part, |scratch, index| {
                self.prepare(index, scratch);
                for component in 0..self.policy.distribution.metric_rank() {
                    self.fill_root(index, component, scratch);
                    self.policy.network.vjp_rows(&self.packed, &self.tiles[index], scratch, &mut rows);
                    let count = self.tiles[index].rows();
                    for (slot, row) in rows.chunks_exact(parameters).take(count).enumerate() {
                        u.row_mut(slot).copy_from_slice(row);
                    }
                    u.add_gram(count, fisher);
                }
            });
        });
        Dense::from_gram(parameters, fisher)
    }

    /// Sets the cotangents of tile `index` to column `component` of sqrt(M / N).
    fn fill_root(&self, index: usize, component: usize, scratch: &mut Scratch) {
        for (slot, row) in self.tiling.rows(index).enumerate() {
            let root = scratch.outputs.row_mut(slot);
            self.policy.distribution.metric_root(self.metrics[index].row(slot), component, root);
            let weight = (self.weight(row) / self.reducer.rows() as f64).sqrt() as f32;
            root.iter_mut().for_each(|x| *x *= weight);
        }
    }

    /// The scores sqrt(w) grad log pi(a|s) of the sampled actions, one row for each state of the batch. (1/N) S^T S is the
    /// empirical Fisher.
    pub fn scores(&self, actions: &ActionRows) -> Dense {
        let (network, distribution) = (&self.policy.network, &self.policy.distribution);
        let parameters = network.parameters();
        let mut scratch = Scratch::new(network);
        let mut rows = vec![0.0; network.tile_rows() * parameters];
        let mut cotangent = vec![0.0; network.outputs()];
        let mut scores = Dense::zeros(self.rows(), parameters);
        for (index, tile) in self.tiles.iter().enumerate() {
            self.prepare(index, &mut scratch);
            let range = self.tiling.rows(index);
            for (slot, row) in range.clone().enumerate() {
                cotangent.fill(0.0);
                let action = actions.row(self.source(row));
                distribution.add_score(tile.outputs().row(slot), action, self.weight(row).sqrt(), &mut cotangent);
                scratch.outputs.row_mut(slot).iter_mut().zip(&cotangent).for_each(|(s, c)| *s = *c as f32);
            }
            network.vjp_rows(&self.packed, tile, &mut scratch, &mut rows);
            for (slot, row) in range.enumerate() {
                scores.row_mut(row).copy_from_slice(&rows[slot * parameters..][..parameters]);
            }
        }
        scores.with_rows_of(&self.reducer)
    }
}
