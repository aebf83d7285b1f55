//! The one place that sums over samples: it cuts the work and fixes the order of every addition.
//!
//! Samples are cut into tiles and tiles into at most 64 chunks ([`Cut`]). A chunk adds its tiles in order, and the chunks
//! are added in order, in f64: the same bits for any number of threads. Several machines will join here, each with its own
//! range of chunks.

use crate::network::TILE;
use crate::network::kernels::axpy;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// At most this many partial sums.
const CHUNKS: usize = 64;
/// Chunks of fewer times [`TILE`] rows are not worth handing to another thread.
const LEAST_CHUNK: usize = 4;

/// Numbers of a sum that one thread adds up; whole sums of fewer are not worth sharing.
const SLICE: usize = 1024;
/// Partial sums of more numbers would be out of the caches once all are there.
const LONG: usize = 1 << 14;

/// Partial sums to be used again: allocating them anew for every Fisher product costs more page faults than it is worth.
static POOL: Mutex<Vec<Vec<f64>>> = Mutex::new(Vec::new());

/// `width` zeros.
fn zeros(width: usize) -> Vec<f64> {
    let mut partial = POOL.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
    partial.clear();
    partial.resize(width, 0.0);
    partial
}

/// Adds the partial sums of `chunks` in order.
///
/// Long ones are added as soon as every thread has one: they are then still in the caches, and there are never more of them
/// than threads.
fn total(chunks: usize, width: usize, partial: impl Fn(usize) -> Vec<f64> + Sync) -> Vec<f64> {
    let mut total = vec![0.0; width];
    let at_once = if width > LONG { rayon::current_num_threads() } else { chunks };
    for first in (0..chunks).step_by(at_once) {
        let partials: Vec<Vec<f64>> = (first..chunks.min(first + at_once)).into_par_iter().map(&partial).collect();
        total.par_chunks_mut(SLICE).enumerate().for_each(|(slice, total)| {
            for partial in &partials {
                axpy(1.0, &partial[slice * SLICE..][..total.len()], total);
            }
        });
        let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        let room = CHUNKS.saturating_sub(pool.len());
        pool.extend(partials.into_iter().take(room));
    }
    total
}

/// Working memory that sums use again: each piece of work takes one and gives it back.
#[derive(Debug)]
pub struct Pool<S> {
    free: Mutex<Vec<S>>,
}

impl<S> Default for Pool<S> {
    /// With none yet.
    fn default() -> Self {
        Self { free: Mutex::default() }
    }
}

impl<S> Pool<S> {
    /// Does `work` with a free one, or one that `make` makes.
    pub fn with<R>(&self, make: impl FnOnce() -> S, work: impl FnOnce(&mut S) -> R) -> R {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut taken = free.unwrap_or_else(make);
        let result = work(&mut taken);
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(taken);
        result
    }
}

/// How rows are cut into tiles, and tiles into chunks.
///
/// The chunks depend on the number of rows only; a tile has [`TILE`] rows or a multiple of it, but lies in one chunk. What
/// adds its rows up in pieces of [`TILE`], as `add_product` does, so gives the same bits whatever the tiles are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    rows: usize,
    /// Rows of a tile that is not the last of a chunk.
    tile: usize,
    /// Rows of a chunk that is not the last.
    chunk: usize,
}

impl Cut {
    /// `rows` rows in tiles of `tile`, a multiple of [`TILE`].
    pub fn new(rows: usize, tile: usize) -> Self {
        Self { rows, tile, chunk: TILE * rows.div_ceil(TILE).div_ceil(CHUNKS).max(LEAST_CHUNK) }
    }

    /// Tiles of a chunk that is not the last.
    fn tiles_per_chunk(&self) -> usize {
        self.chunk.div_ceil(self.tile)
    }

    /// Number of tiles.
    pub fn tiles(&self) -> usize {
        self.rows / self.chunk * self.tiles_per_chunk() + (self.rows % self.chunk).div_ceil(self.tile)
    }

    /// Rows of tile `tile`.
    pub fn rows(&self, tile: usize) -> Range<usize> {
        let (chunk, within) = (tile / self.tiles_per_chunk(), tile % self.tiles_per_chunk());
        let first = chunk * self.chunk + within * self.tile;
        first..self.rows.min((first + self.tile).min((chunk + 1) * self.chunk))
    }

    /// The tile of row `row`, and the row in it.
    pub fn tile(&self, row: usize) -> (usize, usize) {
        let (chunk, within) = (row / self.chunk, row % self.chunk);
        (chunk * self.tiles_per_chunk() + within / self.tile, within % self.tile)
    }

    fn is_one_chunk(&self) -> bool {
        self.rows <= self.chunk
    }
}

/// Sum over the tiles of `cut` of vectors of `width`: `add(scratch, tile, sum)` adds a tile's part to `sum`, its scratch from
/// the pool, or made where none is free.
pub fn sum<S: Send>(
    cut: Cut,
    width: usize,
    (pool, scratch): (&Pool<S>, impl Fn() -> S + Sync),
    add: impl Fn(&mut S, usize, &mut [f64]) + Sync,
) -> Vec<f64> {
    let (size, count) = (cut.tiles_per_chunk(), cut.tiles());
    let chunk = |index: usize| {
        let mut partial = zeros(width);
        pool.with(&scratch, |scratch| {
            for tile in index * size..count.min((index + 1) * size) {
                add(scratch, tile, &mut partial);
            }
        });
        partial
    };
    if cut.is_one_chunk() {
        return chunk(0);
    }
    total(count.div_ceil(size), width, chunk)
}

/// As [`sum`], over items that each tile owns (its cache) and may change.
pub fn sum_mut<T: Send, S: Send>(
    cut: Cut,
    items: &mut [T],
    width: usize,
    (pool, scratch): (&Pool<S>, impl Fn() -> S + Sync),
    add: impl Fn(&mut S, usize, &mut T, &mut [f64]) + Sync,
) -> Vec<f64> {
    let size = cut.tiles_per_chunk();
    let chunk = |index: usize, items: &mut [T]| {
        let mut partial = zeros(width);
        pool.with(&scratch, |scratch| {
            for (offset, item) in items.iter_mut().enumerate() {
                add(scratch, index * size + offset, item, &mut partial);
            }
        });
        partial
    };
    if cut.is_one_chunk() {
        return chunk(0, items);
    }
    let chunks: Vec<Mutex<&mut [T]>> = items.chunks_mut(size).map(Mutex::new).collect();
    total(chunks.len(), width, |index| chunk(index, &mut chunks[index].lock().unwrap_or_else(PoisonError::into_inner)))
}

/// Does `work` to every tile's item, in no particular order: for results that tiles do not share.
pub fn for_each<T: Send>(cut: Cut, items: &mut [T], work: impl Fn(usize, &mut T) + Sync) {
    let size = cut.tiles_per_chunk();
    if cut.is_one_chunk() {
        items.iter_mut().enumerate().for_each(|(i, item)| work(i, item));
    } else {
        items.par_chunks_mut(size).enumerate().for_each(|(chunk, items)| {
            items.iter_mut().enumerate().for_each(|(offset, item)| work(chunk * size + offset, item));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values whose sum depends on the order: equal bits mean an equal order.
    #[test]
    fn threads_do_not_change_the_sum() {
        let values: Vec<f64> = (0..5000).map(|i| (f64::from(i) * 0.7).sin() * 10f64.powi(i % 17)).collect();
        let cut = Cut::new(values.len() * TILE, TILE);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| sum(cut, 1, (&Pool::default(), || ()), |(), tile, total| total[0] += values[tile]))
        };
        let expected = run(1);
        for threads in [2, 4, 7] {
            assert_eq!(run(threads)[0].to_bits(), expected[0].to_bits());
        }
        let mut items = values.clone();
        let owned = sum_mut(cut, &mut items, 1, (&Pool::default(), || ()), |(), _, value, total| total[0] += *value);
        assert!((owned[0] - expected[0]).abs() <= 1e-9 * expected[0].abs().max(1.0));
    }

    #[test]
    fn tiles_cover_all_rows_and_lie_in_chunks() {
        for rows in [0, 1, 63, 64, 65, 256, 257, 2048, 4096, 64 * 64 * 4 + 1, 64 * 64 * 5, 100_000] {
            let chunks = Cut::new(rows, TILE).chunk;
            for tile in [TILE, 2 * TILE, 4 * TILE, 8 * TILE] {
                let cut = Cut::new(rows, tile);
                assert_eq!(cut.chunk, chunks, "chunks must not depend on the tiles");
                let mut next = 0;
                for index in 0..cut.tiles() {
                    let of_tile = cut.rows(index);
                    assert_eq!(of_tile.start, next);
                    assert!(!of_tile.is_empty() && of_tile.len() <= tile && of_tile.start.is_multiple_of(TILE));
                    assert_eq!(of_tile.start / chunks, (of_tile.end - 1) / chunks, "a tile in two chunks");
                    for row in [of_tile.start, of_tile.end - 1] {
                        assert_eq!(cut.tile(row), (index, row - of_tile.start));
                    }
                    next = of_tile.end;
                }
                assert_eq!(next, rows);
            }
        }
    }
}
