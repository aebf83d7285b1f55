//! Two measurements of the new policy in a few states of the batch.

use crate::network::{Packed, TILE, Tile};
use crate::policy::Policy;
use crate::rollout::Batch;

/// The number of states that are measured.
const STATES: usize = 256;

pub(super) struct Probe {
    /// The mean standard deviation of Gaussian actions; NaN for other actions.
    pub(super) std: f64,
    /// The KL from the policy with the normalizer of its update to the policy with the current one; 0 without a normalizer.
    pub(super) kl_normalizer: f64,
}

/// Measures in evenly spread states of the batch: the current `policy`, compared with the parameters `updated` and the
/// normalizer with which the batch was sampled.
pub(super) fn probe(policy: &Policy, updated: &[f64], batch: &Batch) -> Probe {
    let normalized = policy.encoder.normalizer.is_some();
    let has_std = policy.distribution.width().reals > 0;
    if !(has_std || normalized) {
        return Probe { std: f64::NAN, kl_normalizer: 0.0 };
    }
    let (packed, repacked) = (policy.network.pack(updated), policy.network.pack(&policy.theta));
    let count = STATES.min(batch.reducer.rows());
    let rows = batch.reducer.spread(count);
    let sums = batch.reducer.sum(2, |part, sums| {
        let [first, end] = [part.rows.start, part.rows.end].map(|end| rows.partition_point(|row| *row < end));
        let capacity = TILE.min(end - first);
        let [mut before, mut after] = [(); 2].map(|()| Tile::new(&policy.network, capacity, false));
        let mut seen = vec![0.0; policy.encoder.space.len()];
        for rows in rows[first..end].chunks(TILE) {
            let masks = batch.masks.as_ref();
            let forbid = |tile: &mut Tile| {
                masks.into_iter().for_each(|masks| masks.apply(policy, rows.iter().copied(), tile.outputs_mut()));
            };
            run(policy, &packed, &mut before, rows, |row, slot| batch.states().write(row, slot));
            forbid(&mut before);
            if normalized {
                run(policy, &repacked, &mut after, rows, |row, slot| {
                    batch.observation(row, &mut seen);
                    policy.encoder.write(&seen, slot);
                });
                forbid(&mut after);
            }
            for slot in 0..rows.len() {
                let outputs = before.outputs().row(slot);
                sums[0] += policy.distribution.mean_std(outputs).unwrap_or(f64::NAN);
                if normalized {
                    sums[1] += policy.distribution.kl(outputs, after.outputs().row(slot));
                }
            }
        }
    });
    Probe { std: sums[0] / count as f64, kl_normalizer: sums[1] / count as f64 }
}

fn run(policy: &Policy, packed: &Packed, tile: &mut Tile, rows: &[usize], mut fill: impl FnMut(usize, &mut [f32])) {
    tile.set_rows(rows.len());
    for (slot, &row) in rows.iter().enumerate() {
        fill(row, tile.inputs.row_mut(slot));
    }
    policy.network.forward(packed, tile);
}
