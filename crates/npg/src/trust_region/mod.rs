//! How far a new policy is from the old one on the sampled states, and what the surrogate promises for it.

mod promise;
pub mod bounds;

pub use promise::{Episodes, Promise};

use crate::linearize::Linearized;
use crate::network::{Scratch, TILE, Tile};
use crate::policy::{ActionRows, Comparer, Difference};
use rayon::prelude::*;

/// A surrogate below this part of the mean size of its terms is what rounding leaves of zero: gradients are sums of f32. That of a
/// direction which fits nothing but noise is 1 / sqrt(states), at least.
const ROUNDING: f64 = 1e-6;

/// A new policy against the old one, as averages over the batch's states (weighted as the linearisation is).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Comparison {
    /// Surrogate gain E[ (pi'/pi - 1) A ] plus the entropy bonus's change.
    pub surrogate: f64,
    /// Mean size |(pi'/pi - 1) A| of what the surrogate is the mean of.
    pub surrogate_size: f64,
    /// Mean KL(old || new), nats: the KL of the trust region.
    pub kl: f64,
    /// Largest KL(old || new) of a sampled state.
    pub kl_max: f64,
    /// Mean KL(new || old), nats.
    pub kl_reverse: f64,
    /// Largest KL(new || old) of a sampled state.
    pub kl_reverse_max: f64,
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
    /// Averages in which a state counts gamma^t.
    pub discounted: Discounted,
}

/// Averages under the weights [`Signal::discounts`] instead of those of the linearisation; zero without them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Discounted {
    /// E[ (pi'/pi - 1) A ], without any entropy bonus.
    pub surrogate: f64,
    /// KL(old || new), nats.
    pub kl: f64,
    /// Total variation, or its bound.
    pub tv: f64,
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
    /// gamma^t with mean one, for [`Comparison::discounted`]. It steers nothing.
    pub discounts: Option<&'a [f64]>,
}

/// Compares the policy with parameters `theta` with the linearised one.
pub fn compare(old: &Linearized<'_>, theta: &[f64], signal: Signal<'_>) -> Comparison {
    let (network, distribution) = (&old.policy.network, &old.policy.distribution);
    let packed = network.pack(theta);
    let parts: Vec<Vec<Comparison>> = (0..old.tiles.len())
        .into_par_iter()
        .with_min_len(2)
        .map(|index| {
            let before = &old.tiles[index];
            let mut tile = Tile::without_inputs(network, before.rows(), false);
            old.scratch.with(
                || Scratch::new(network),
                |scratch| {
                    std::mem::swap(&mut tile.inputs, scratch.room_for_inputs());
                    old.write_inputs(index, &mut tile.inputs);
                    network.forward(&packed, &mut tile);
                    std::mem::swap(&mut tile.inputs, &mut scratch.inputs);
                },
            );
            // A part for each TILE rows, however many the tile has: the order of the additions stays.
            let mut parts = vec![Comparison::default(); before.rows().div_ceil(TILE)];
            let mut comparer = Comparer::new(distribution);
            for (slot, row) in old.cut.rows(index).enumerate() {
                let part = &mut parts[slot / TILE];
                let (p, q) = (before.outputs().row(slot), tile.outputs().row(slot));
                let (source, weight) = (old.source(row), old.weight(row));
                let action = signal.actions.row(source);
                let Difference { log_ratio, kl, kl_reverse, tv, entropy_p, entropy_q } = comparer.compare(p, q, action);
                let gain = libm::expm1(log_ratio) * signal.advantages[source];
                part.surrogate += weight * gain;
                part.surrogate_size += weight * gain.abs();
                part.kl += weight * kl;
                part.kl_max = part.kl_max.max(kl);
                part.kl_reverse += weight * kl_reverse;
                part.kl_reverse_max = part.kl_reverse_max.max(kl_reverse);
                part.tv += weight * tv;
                part.tv_max = part.tv_max.max(tv);
                part.entropy += weight * entropy_q;
                part.entropy_old += weight * entropy_p;
                if let Some(discounts) = signal.discounts {
                    part.discounted.surrogate += discounts[source] * gain;
                    part.discounted.kl += discounts[source] * kl;
                    part.discounted.tv += discounts[source] * tv;
                }
            }
            parts
        })
        .collect();
    let mut total = Comparison { tv_exact: distribution.has_exact_total_variation(), ..Comparison::default() };
    parts.into_iter().flatten().for_each(|part| total.add(part));
    let scale = 1.0 / old.rows() as f64;
    total.means().into_iter().for_each(|mean| *mean *= scale);
    let bonus = signal.entropy * (total.entropy - total.entropy_old);
    (total.surrogate, total.surrogate_size) = (total.surrogate + bonus, total.surrogate_size + bonus.abs());
    total
}

impl Comparison {
    /// The linearised policy with itself: all zero but its entropy.
    pub fn with_itself(old: &Linearized<'_>) -> Self {
        let distribution = &old.policy.distribution;
        let entropy = (0..old.rows()).map(|row| old.weight(row) * distribution.entropy(old.outputs(row))).sum::<f64>();
        let entropy = entropy / old.rows() as f64;
        let tv_exact = distribution.has_exact_total_variation();
        Self { tv_exact, entropy, entropy_old: entropy, ..Self::default() }
    }

    /// Whether every number that a step depends on is finite.
    pub fn is_finite(&self) -> bool {
        let numbers = [self.surrogate, self.kl, self.kl_max, self.kl_reverse, self.tv, self.entropy];
        numbers.iter().all(|x| x.is_finite())
    }

    /// Whether the surrogate's terms cancel to rounding, as where each state has taken the same action with the same ratio, and
    /// normalized advantages add up to zero. Such a step goes nowhere that the batch knows of, at any length.
    pub fn is_rounding(&self) -> bool {
        self.surrogate.abs() < ROUNDING * self.surrogate_size
    }

    fn means(&mut self) -> [&mut f64; 10] {
        let Discounted { surrogate, kl, tv } = &mut self.discounted;
        [
            &mut self.surrogate,
            &mut self.surrogate_size,
            &mut self.kl,
            &mut self.kl_reverse,
            &mut self.tv,
            &mut self.entropy,
            &mut self.entropy_old,
            surrogate,
            kl,
            tv,
        ]
    }

    /// Adds sums of other states, and takes the larger maxima.
    fn add(&mut self, mut other: Comparison) {
        self.means().into_iter().zip(other.means()).for_each(|(sum, x)| *sum += *x);
        self.kl_max = self.kl_max.max(other.kl_max);
        self.kl_reverse_max = self.kl_reverse_max.max(other.kl_reverse_max);
        self.tv_max = self.tv_max.max(other.tv_max);
    }
}
