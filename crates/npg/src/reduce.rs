//! The one place that sums over samples: it cuts the work and fixes the order of every addition.
//!
//! Samples are cut into tiles of [`TILE`] rows and tiles into at most 64 chunks; the cut depends on the number
//! of samples only. A chunk adds its tiles in order, and the chunks are added in order, in f64: the same bits for any
//! number of threads. Several machines will join here, each with its own range of chunks.

use crate::network::TILE;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// At most this many partial sums.
const CHUNKS: usize = 64;
/// Fewer tiles than this are not worth handing to another thread.
const TILES_PER_CHUNK: usize = 4;

/// Numbers of a sum that one thread adds up; whole sums of fewer are not worth sharing.
const SLICE: usize = 1024;

/// Partial sums to be used again: allocating them anew for every Fisher product costs more page faults than it is worth.
static POOL: Mutex<Vec<Vec<f64>>> = Mutex::new(Vec::new());

/// `width` zeros.
fn zeros(width: usize) -> Vec<f64> {
    let mut partial = POOL.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
    partial.clear();
    partial.resize(width, 0.0);
    partial
}

/// Adds the partial sums in order.
fn total(partials: Vec<Vec<f64>>, width: usize) -> Vec<f64> {
    let mut total = vec![0.0; width];
    total.par_chunks_mut(SLICE).enumerate().for_each(|(slice, total)| {
        for partial in &partials {
            total.iter_mut().zip(&partial[slice * SLICE..]).for_each(|(t, p)| *t += p);
        }
    });
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    let room = CHUNKS.saturating_sub(pool.len());
    pool.extend(partials.into_iter().take(room));
    total
}

/// Working memory that sums use again: each piece of work takes one and gives it back.
#[derive(Debug)]
pub struct Pool<S> {
    free: Mutex<Vec<S>>,
}

impl<S> Pool<S> {
    /// With none yet.
    pub const fn new() -> Self {
        Self { free: Mutex::new(Vec::new()) }
    }

    fn with<R>(&self, make: impl FnOnce() -> S, work: impl FnOnce(&mut S) -> R) -> R {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut taken = free.unwrap_or_else(make);
        let result = work(&mut taken);
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(taken);
        result
    }
}

/// Number of tiles that `rows` rows make.
pub fn tiles(rows: usize) -> usize {
    rows.div_ceil(TILE)
}

/// Rows of tile `tile` of `rows` rows.
pub fn tile_rows(rows: usize, tile: usize) -> Range<usize> {
    tile * TILE..rows.min((tile + 1) * TILE)
}

fn chunk_size(count: usize) -> usize {
    count.div_ceil(CHUNKS).max(TILES_PER_CHUNK)
}

/// Sum over the tiles 0..`count` of vectors of `width`: `add(scratch, tile, sum)` adds a tile's part to `sum`,
/// its scratch from the pool, or made where none is free.
pub fn sum<S: Send>(
    count: usize,
    width: usize,
    (pool, scratch): (&Pool<S>, impl Fn() -> S + Sync),
    add: impl Fn(&mut S, usize, &mut [f64]) + Sync,
) -> Vec<f64> {
    let size = chunk_size(count);
    let chunk = |index: usize| {
        let mut partial = zeros(width);
        pool.with(&scratch, |scratch| {
            for tile in index * size..count.min((index + 1) * size) {
                add(scratch, tile, &mut partial);
            }
        });
        partial
    };
    if count <= size {
        return chunk(0);
    }
    let partials: Vec<Vec<f64>> = (0..count.div_ceil(size)).into_par_iter().map(chunk).collect();
    total(partials, width)
}

/// As [`sum`], over items that each tile owns (its cache) and may change.
pub fn sum_mut<T: Send, S: Send>(
    items: &mut [T],
    width: usize,
    (pool, scratch): (&Pool<S>, impl Fn() -> S + Sync),
    add: impl Fn(&mut S, usize, &mut T, &mut [f64]) + Sync,
) -> Vec<f64> {
    let size = chunk_size(items.len());
    let chunk = |(index, items): (usize, &mut [T])| {
        let mut partial = zeros(width);
        pool.with(&scratch, |scratch| {
            for (offset, item) in items.iter_mut().enumerate() {
                add(scratch, index * size + offset, item, &mut partial);
            }
        });
        partial
    };
    if items.len() <= size {
        return chunk((0, items));
    }
    let partials: Vec<Vec<f64>> = items.par_chunks_mut(size).enumerate().map(chunk).collect();
    total(partials, width)
}

/// Does `work` to every tile, in no particular order: for results that tiles do not share.
pub fn for_each<T: Send>(items: &mut [T], work: impl Fn(usize, &mut T) + Sync) {
    let size = chunk_size(items.len());
    if items.len() <= size {
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
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| sum(values.len(), 1, (&Pool::new(), || ()), |(), tile, total| total[0] += values[tile]))
        };
        let expected = run(1);
        for threads in [2, 4, 7] {
            assert_eq!(run(threads)[0].to_bits(), expected[0].to_bits());
        }
        let mut items = values.clone();
        let owned = sum_mut(&mut items, 1, (&Pool::new(), || ()), |(), _, value, total| total[0] += *value);
        assert!((owned[0] - expected[0]).abs() <= 1e-9 * expected[0].abs().max(1.0));
    }
}
