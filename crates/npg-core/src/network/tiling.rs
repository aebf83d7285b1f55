//! How the rows of a batch are cut into tiles.

use super::{Network, TILE};
use crate::reduce::{Part, Reducer};
use rayon::prelude::*;
use std::ops::Range;

/// The tiles over the rows of a batch that this process holds. Each tile lies in one leaf of the [`Reducer`]'s tree.
///
/// Tiles have [`Network::tile_rows`] rows, a multiple of [`TILE`], except for the last one of a leaf. Code that sums rows in
/// groups of [`TILE`], as `add_product` does, gives the same bits for all tile sizes.
#[derive(Clone, Debug)]
pub struct Tiling {
    rows: Vec<Range<usize>>,
    /// The first tile of each leaf, followed by the number of tiles.
    leaves: Vec<usize>,
    /// The number of rows in a tile that is not the last of its leaf.
    size: usize,
}

impl Tiling {
    /// The tiles of `network` for the rows that `reducer` sums.
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

    /// The number of tiles.
    pub fn tiles(&self) -> usize {
        self.rows.len()
    }

    /// The rows of tile `tile`.
    pub fn rows(&self, tile: usize) -> Range<usize> {
        self.rows[tile].clone()
    }

    /// The tiles of a part of a sum.
    pub fn of_part(&self, part: &Part) -> Range<usize> {
        self.leaves[part.leaves.start]..self.leaves[part.leaves.end]
    }

    /// The tile that holds row `row`, and the position of the row in it.
    pub fn place(&self, row: usize) -> (usize, usize) {
        let tile = self.rows.partition_point(|rows| rows.end <= row);
        (tile, row - self.rows[tile].start)
    }

    /// Calls `work` for every tile and its item, on all threads and in no particular order. The results must not depend on
    /// each other.
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
