//! How far a new policy is from the old one on the sampled states, and what the surrogate promises for it.

pub mod bounds;

use crate::linearize::Linearized;
use crate::network::Tile;
use crate::policy::{ActionRows, TotalVariation};
use crate::reduce;
use rayon::prelude::*;

/// A new policy against the old one, as averages over the batch's states (weighted as the linearisation is).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Comparison {
    /// Surrogate gain E[ (pi'/pi - 1) A ] plus the entropy bonus's change.
    pub surrogate: f64,
    /// Mean KL(old || new), nats: the KL of the trust region.
    pub kl: f64,
    /// Largest KL(old || new) of a sampled state.
    pub kl_max: f64,
    /// Mean KL(new || old), nats.
    pub kl_reverse: f64,
    /// Mean total variation, or of its bound.
    pub tv: f64,
    /// Largest total variation, or bound, of a sampled state.
    pub tv_max: f64,
    /// Whether `tv` and `tv_max` are exact.
    pub tv_exact: bool,
    /// Mean entropy of the new policy, nats.
    pub entropy: f64,
    /// Mean entropy of the old policy, nats.
    pub entropy_old: f64,
}

impl Comparison {
    /// Whether every number is finite.
    pub fn is_finite(&self) -> bool {
        let numbers = [self.surrogate, self.kl, self.kl_max, self.kl_reverse, self.tv, self.entropy];
        numbers.iter().all(|x| x.is_finite())
    }
}

/// What the surrogate is computed from: one row a state of the batch.
#[derive(Clone, Copy, Debug)]
pub struct Signal<'a> {
    /// Actions taken.
    pub actions: &'a ActionRows,
    /// Their advantages.
    pub advantages: &'a [f64],
    /// Weight of the entropy bonus.
    pub entropy: f64,
}

/// Compares the policy with parameters `theta` with the linearised one.
pub fn compare(old: &Linearized<'_>, theta: &[f64], signal: Signal<'_>) -> Comparison {
    let (network, distribution) = (&old.policy.network, &old.policy.distribution);
    let packed = network.pack(theta);
    let parts: Vec<Comparison> = (0..old.tiles.len())
        .into_par_iter()
        .with_min_len(2)
        .map(|index| {
            let before = &old.tiles[index];
            let mut tile = Tile::new(network, before.rows(), false);
            for row in 0..before.rows() {
                tile.inputs.row_mut(row).copy_from_slice(before.inputs.row(row));
            }
            network.forward(&packed, &mut tile);
            let mut part = Comparison { tv_exact: true, ..Comparison::default() };
            for (slot, row) in reduce::tile_rows(old.rows(), index).enumerate() {
                let (p, q) = (before.outputs().row(slot), tile.outputs().row(slot));
                let (source, weight) = (old.source(row), old.weight(row));
                let action = signal.actions.row(source);
                let log_ratio = distribution.log_prob(q, action) - distribution.log_prob(p, action);
                part.surrogate += weight * log_ratio.exp_m1() * signal.advantages[source];
                let kl = distribution.kl(p, q);
                part.kl += weight * kl;
                part.kl_max = part.kl_max.max(kl);
                part.kl_reverse += weight * distribution.kl(q, p);
                let tv = distribution.total_variation(p, q);
                part.tv += weight * tv.value();
                part.tv_max = part.tv_max.max(tv.value());
                part.tv_exact &= matches!(tv, TotalVariation::Exact(_));
                part.entropy += weight * distribution.entropy(q);
                part.entropy_old += weight * distribution.entropy(p);
            }
            part
        })
        .collect();
    let mut total = Comparison { tv_exact: true, ..Comparison::default() };
    for part in parts {
        total.surrogate += part.surrogate;
        total.kl += part.kl;
        total.kl_max = total.kl_max.max(part.kl_max);
        total.kl_reverse += part.kl_reverse;
        total.tv += part.tv;
        total.tv_max = total.tv_max.max(part.tv_max);
        total.tv_exact &= part.tv_exact;
        total.entropy += part.entropy;
        total.entropy_old += part.entropy_old;
    }
    let scale = 1.0 / old.rows() as f64;
    for mean in [
        &mut total.surrogate,
        &mut total.kl,
        &mut total.kl_reverse,
        &mut total.tv,
        &mut total.entropy,
        &mut total.entropy_old,
    ] {
        *mean *= scale;
    }
    total.surrogate += signal.entropy * (total.entropy - total.entropy_old);
    total
}
