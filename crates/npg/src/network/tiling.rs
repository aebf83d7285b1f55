//! How the rows of a batch are cut into tiles.

use super::{Network, TILE};
use crate::reduce::{Part, Reducer};
use rayon::prelude::*;
use std::ops::Range;

/// The tiles of a network over the rows of a batch that are here. A tile lies in one leaf of the [`Reducer`]'s tree.
///
/// Tiles have [`Network::tile_rows`] rows, a multiple of [`TILE`], except for the last one of a leaf. Whatever adds up their rows in
/// pieces of [`TILE`], as `add_product` does, gives the same bits for all sizes of tiles.
#[derive(Clone, Debug)]
pub struct Tiling {
    rows: Vec<Range<usize>>,
    /// The first tile of each leaf, and the number of tiles.
    leaves: Vec<usize>,
    /// Rows of a tile that is not the last one of a leaf.
    size: usize,
}

impl Tiling {
    /// The tiles of `network` over what `reducer` sums.
    pub fn new(network: &Network, reducer: &Reducer) -> Self {
        Self::of(network.tile_rows(), reducer)
    }

    fn of(size: usize, reducer: &Reducer) -> Self {
        let mut tiling = Self { rows: Vec::new(), leaves: vec![0], size };
        for leaf in reducer.leaves() {
            let first = leaf.clone().step_by(size);
            tiling.rows.extend(first.map(|first| first..leaf.end.min(first + size)));
            tiling.leaves.push(tiling.rows.len());
        }
        tiling
    }

    /// Number of tiles.
    pub fn tiles(&self) -> usize {
        self.rows.len()
    }

    /// Rows of tile `tile`.
    pub fn rows(&self, tile: usize) -> Range<usize> {
        self.rows[tile].clone()
    }

    /// The tiles of a part.
    pub fn of_part(&self, part: &Part) -> Range<usize> {
        self.leaves[part.leaves.start]..self.leaves[part.leaves.end]
    }

    /// The tile of row `row`, and the row's place in it.
    pub fn place(&self, row: usize) -> (usize, usize) {
        let tile = self.rows.partition_point(|rows| rows.end <= row);
        (tile, row - self.rows[tile].start)
    }

    /// Does `work` for every tile and its item, on all threads and in no particular order: for results that tiles do not share.
    pub fn for_each<T: Send>(&self, items: &mut [T], work: impl Fn(usize, &mut T) + Sync) {
        let least = (4 * TILE).div_ceil(self.size);
        items.par_iter_mut().enumerate().with_min_len(least).for_each(|(tile, item)| work(tile, item));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reduce::Layout;

    #[test]
    fn tiles_cover_all_rows_and_lie_in_one_leaf_each() {
        for counts in [vec![0], vec![1], vec![65], vec![257], vec![128; 16], vec![205; 10], vec![64 * 64 * 5 + 1]] {
            let reducer = Reducer::new(Layout::of_rows(counts));
            for size in [TILE, 2 * TILE, 4 * TILE, 8 * TILE] {
                let tiling = Tiling::of(size, &reducer);
                let mut next = 0;
                for (index, leaf) in reducer.leaves().into_iter().enumerate() {
                    let part = Part { rows: leaf.clone(), leaves: index..index + 1 };
                    for tile in tiling.of_part(&part) {
                        let rows = tiling.rows(tile);
                        assert_eq!(rows.start, next);
                        assert!(!rows.is_empty() && rows.len() <= size && rows.end <= leaf.end);
                        assert!((rows.start - leaf.start).is_multiple_of(TILE));
                        for row in [rows.start, rows.end - 1] {
                            assert_eq!(tiling.place(row), (tile, row - rows.start));
                        }
                        next = rows.end;
                    }
                    assert_eq!(next, leaf.end);
                }
                assert_eq!(next, reducer.rows());
            }
        }
    }
}
