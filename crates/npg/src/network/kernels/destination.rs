//! Where the tiles of a product come from and go to.
#![allow(clippy::needless_range_loop, reason = "the indices of a tile read like the formula")]

use super::gemm::Start;
use super::matrix::{LANE, Matrix};
use super::simd::{LANE64, Vector, Vector64};

/// Where a tile of a product comes from and goes to.
pub(super) trait Destination: Copy {
    /// The tile at row `i`, column `j`, before the product is added. `tile` holds zeros.
    ///
    /// # Safety
    /// The CPU has the instruction set of `V`, and the tile lies within the destination.
    unsafe fn begin<V: Vector, const R: usize, const N: usize>(self, i: usize, j: usize, tile: &mut [[V; N]; R]);
    /// Stores the tile.
    ///
    /// # Safety
    /// As for `begin`.
    unsafe fn finish<V: Vector, const R: usize, const N: usize>(self, i: usize, j: usize, tile: &[[V; N]; R]);
}

/// To f32, with a start. Holds rows of `stride` writable f32, and a bias of `stride` f32.
#[derive(Clone, Copy)]
pub(super) struct Store<'a> {
    start: Start<'a>,
    to: *mut f32,
    stride: usize,
}

impl<'a> Store<'a> {
    /// Panics where a bias is too short.
    pub(super) fn new(start: Start<'a>, to: &mut Matrix) -> Self {
        let stride = to.stride();
        if let Start::Bias(bias) = start {
            assert!(bias.len() >= stride, "the bias of a product is shorter than a padded row");
        }
        Self { start, to: to.as_mut_slice().as_mut_ptr(), stride }
    }
}

impl Destination for Store<'_> {
    #[inline(always)]
    unsafe fn begin<V: Vector, const R: usize, const N: usize>(self, i: usize, j: usize, tile: &mut [[V; N]; R]) {
        match self.start {
            Start::Zero => {}
            Start::Bias(bias) => {
                for v in 0..N {
                    // SAFETY: the tile lies within the destination, and the bias is as long as its rows.
                    let x = unsafe { V::load(bias.as_ptr().add(j + LANE * v)) };
                    for row in tile.iter_mut() {
                        row[v] = x;
                    }
                }
            }
            Start::Accumulate => {
                for r in 0..R {
                    for v in 0..N {
                        // SAFETY: the tile lies within the destination.
                        tile[r][v] = unsafe { V::load(self.to.add((i + r) * self.stride + j + LANE * v)) };
                    }
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn finish<V: Vector, const R: usize, const N: usize>(self, i: usize, j: usize, tile: &[[V; N]; R]) {
        for r in 0..R {
            for v in 0..N {
                // SAFETY: the tile lies within the destination.
                unsafe { tile[r][v].store(self.to.add((i + r) * self.stride + j + LANE * v)) };
            }
        }
    }
}

/// Added to f64, in rows of `columns` without padding.
#[derive(Clone, Copy)]
pub(super) struct AddTo {
    sum: *mut f64,
    pub(super) columns: usize,
}

impl AddTo {
    /// Panics where `sum` is too small for `rows` rows.
    pub(super) fn new(rows: usize, columns: usize, sum: &mut [f64]) -> Self {
        let fits = rows.checked_mul(columns).is_some_and(|length| length <= sum.len());
        assert!(fits, "the sum that a product is added to is too small");
        Self { sum: sum.as_mut_ptr(), columns }
    }
}

impl Destination for AddTo {
    #[inline(always)]
    unsafe fn begin<V: Vector, const R: usize, const N: usize>(self, _: usize, _: usize, _: &mut [[V; N]; R]) {}

    #[inline(always)]
    unsafe fn finish<V: Vector, const R: usize, const N: usize>(self, i: usize, j: usize, tile: &[[V; N]; R]) {
        for r in 0..R {
            for v in 0..N {
                let j = j + LANE * v;
                // SAFETY: the tile starts within the destination.
                let to = unsafe { self.sum.add((i + r) * self.columns + j) };
                let (low, high) = tile[r][v].widen();
                if j + LANE <= self.columns {
                    // SAFETY: sixteen columns are left in this row.
                    unsafe {
                        V::Wide::load(to).add(low).store(to);
                        V::Wide::load(to.add(LANE64)).add(high).store(to.add(LANE64));
                    }
                } else {
                    let mut values = [0.0; LANE];
                    // SAFETY: `values` has room for both halves.
                    unsafe {
                        low.store(values.as_mut_ptr());
                        high.store(values.as_mut_ptr().add(LANE64));
                    }
                    for (t, value) in values.into_iter().enumerate().take(self.columns - j) {
                        // SAFETY: column j + t is less than `columns`.
                        unsafe { *to.add(t) += value };
                    }
                }
            }
        }
    }
}
