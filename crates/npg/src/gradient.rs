//! The policy gradient g = E[ grad log pi(a|s) A ] (Sutton 2000, Theorem 1), with an optional entropy bonus.

use crate::linearize::Linearized;
use crate::network::Scratch;
use crate::policy::ActionRows;
use crate::reduce;

/// g = mean over rows of w (A grad log pi(a|s) + c grad H(pi(.|s))), one number a parameter.
///
/// `advantages` and `actions` have one row a state of the linearisation, which covers the whole batch; w are the state
/// weights and `entropy` is c.
pub fn policy_gradient(at: &Linearized<'_>, actions: &ActionRows, advantages: &[f64], entropy: f64) -> Vec<f64> {
    let (network, distribution) = (&at.policy.network, &at.policy.distribution);
    let outputs = network.outputs();
    let mut gradient =
        reduce::sum(at.cut, network.parameters(), (&at.scratch, || Scratch::new(network)), |scratch, index, sum| {
            let tile = &at.tiles[index];
            let mut cotangent = vec![0.0; outputs];
            for (slot, row) in at.cut.rows(index).enumerate() {
                let source = at.source(row);
                let weight = at.weight(row);
                cotangent.fill(0.0);
                let seen = tile.outputs().row(slot);
                distribution.add_score(seen, actions.row(source), weight * advantages[source], &mut cotangent);
                if entropy != 0.0 {
                    distribution.add_entropy_gradient(seen, weight * entropy, &mut cotangent);
                }
                scratch.outputs.row_mut(slot).iter_mut().zip(cotangent.iter()).for_each(|(s, c)| *s = *c as f32);
            }
            at.prepare(index, scratch);
            network.vjp(&at.packed, tile, scratch, sum);
        });
    gradient.iter_mut().for_each(|g| *g /= at.rows() as f64);
    gradient
}
