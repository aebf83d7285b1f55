//! A new policy compared with the old one, on the states of a snapshot.

use super::{PolicySnapshot, Surrogate};
use crate::network::{Packed, Scratch, TILE, Tile};
use crate::policy::{Comparer, Difference};
use crate::trust_region::{Comparison, MAXIMA, MEANS};

impl PolicySnapshot<'_> {
    /// Compares the policy with parameters `theta` with the policy of the snapshot.
    pub fn compare(&self, theta: &[f64], surrogate: Surrogate<'_>) -> Comparison {
        let packed = self.policy.network.pack(theta);
        // The tiles are compared on all threads, because there are more of them than leaves. Their sums then go up the tree.
        let mut of_tiles: Vec<Vec<Comparison>> = vec![Vec::new(); self.tiles.len()];
        self.tiling.for_each(&mut of_tiles, |index, parts| {
            *parts = self.compare_tile(index, &self.forward(index, &packed), surrogate);
        });
        let sums = self.reducer.sums_and_maxima(MEANS, MAXIMA, |part, sums| {
            of_tiles[self.tiling.of_part(part)].iter().flatten().for_each(|part| part.add_to(sums));
        });
        let tv_exact = self.policy.distribution.has_exact_total_variation();
        let mut total = Comparison::of_sums(&sums, self.reducer.rows().max(1), tv_exact);
        let bonus = surrogate.entropy * (total.entropy - total.entropy_old);
        (total.surrogate, total.surrogate_size) = (total.surrogate + bonus, total.surrogate_size + bonus.abs());
        total
    }

    /// The policy of the snapshot compared with itself: everything is zero except for the entropy.
    pub fn unmoved(&self) -> Comparison {
        let distribution = &self.policy.distribution;
        let entropy = self.reducer.sum(1, |part, sum| {
            for index in self.tiling.of_part(part) {
                for (slot, row) in self.tiling.rows(index).enumerate() {
                    sum[0] += self.weight(row) * distribution.entropy(self.tiles[index].outputs().row(slot));
                }
            }
        });
        let entropy = entropy[0] / self.reducer.rows().max(1) as f64;
        let tv_exact = distribution.has_exact_total_variation();
        Comparison { tv_exact, entropy, entropy_old: entropy, ..Comparison::default() }
    }

    /// The outputs of the network with other parameters, for tile `index`.
    fn forward(&self, index: usize, packed: &Packed) -> Tile {
        let network = &self.policy.network;
        let mut tile = Tile::without_inputs(network, self.tiles[index].rows(), false);
        self.scratch.with(
            || Scratch::new(network),
            |scratch| {
                std::mem::swap(&mut tile.inputs, scratch.room_for_inputs());
                self.write_inputs(index, &mut tile.inputs);
                network.forward(packed, &mut tile);
                if let Some(masks) = self.masks {
                    let states = self.tiling.rows(index).map(|row| self.source(row));
                    masks.apply(self.policy, states, tile.outputs_mut());
                }
                std::mem::swap(&mut tile.inputs, &mut scratch.inputs);
            },
        );
        tile
    }

    /// Sums over the rows of one tile, whose new outputs are in `tile`. There is one sum for each [`TILE`] rows, so that the
    /// order of the additions does not depend on the size of the tile.
    fn compare_tile(&self, index: usize, tile: &Tile, surrogate: Surrogate<'_>) -> Vec<Comparison> {
        let before = &self.tiles[index];
        let mut parts = vec![Comparison::default(); before.rows().div_ceil(TILE)];
        let mut comparer = Comparer::new(&self.policy.distribution);
        for (slot, row) in self.tiling.rows(index).enumerate() {
            let part = &mut parts[slot / TILE];
            let (p, q) = (before.outputs().row(slot), tile.outputs().row(slot));
            let (source, weight) = (self.source(row), self.weight(row));
            let action = surrogate.actions.row(source);
            let Difference { log_ratio, kl, kl_reverse, tv, entropy_p, entropy_q } = comparer.compare(p, q, action);
            let gain = libm::expm1(log_ratio) * surrogate.advantages[source];
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
            if let Some(discounts) = surrogate.discounts {
                part.discounted.surrogate += discounts[source] * gain;
                part.discounted.kl += discounts[source] * kl;
                part.discounted.tv += discounts[source] * tv;
            }
        }
        parts
    }
}
