//! The policy gradient g = E[ grad log pi(a|s) A ] (Sutton 2000, Theorem 1), with an optional entropy bonus.

use super::PolicySnapshot;
use crate::env::ActionRows;
use crate::network::Scratch;

impl PolicySnapshot<'_> {
    /// g = mean over the rows of w (A grad log pi(a|s) + c grad H(pi(.|s))), one number for each parameter.
    ///
    /// `advantages` and `actions` have one row for each of the given states, all of which the snapshot must hold. w are the
    /// weights of the states, and `entropy` is c.
    pub fn policy_gradient(&self, actions: &ActionRows, advantages: &[f64], entropy: f64) -> Vec<f64> {
        let (network, distribution) = (&self.policy.network, &self.policy.distribution);
        let outputs = network.outputs();
        let add = |scratch: &mut Scratch, index: usize, sum: &mut [f64]| {
            let tile = &self.tiles[index];
            let mut cotangent = vec![0.0; outputs];
            for (slot, row) in self.tiling.rows(index).enumerate() {
                let source = self.source(row);
                let weight = self.weight(row);
                cotangent.fill(0.0);
                let seen = tile.outputs().row(slot);
                distribution.add_score(seen, actions.row(source), weight * advantages[source], &mut cotangent);
                if entropy != 0.0 {
                    distribution.add_entropy_gradient(seen, weight * entropy, &mut cotangent);
                }
                scratch.outputs.row_mut(slot).iter_mut().zip(cotangent.iter()).for_each(|(s, c)| *s = *c as f32);
            }
            self.prepare(index, scratch);
            network.vjp(&self.packed, tile, scratch, sum);
        };
        let mut gradient = self
            .reducer
            .sum(network.parameters(), |part, sum| self.each_tile(part, |scratch, index| add(scratch, index, sum)));
        let rows = self.reducer.rows().max(1) as f64;
        gradient.iter_mut().for_each(|g| *g /= rows);
        gradient
    }
}
