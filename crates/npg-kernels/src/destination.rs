//! The destinations of products: where the tiles come from and go to.
#![allow(clippy::needless_range_loop, reason = "the indices of a tile read like the formula")]

use super::gemm::Start;
use super::matrix::{LANE, Matrix, padded};
use super::simd::{LANE64, Vector, Vector64};

/// `for r in 0..R`, for at most six, unrolled here. If this is left to the compiler, builds with debug assertions keep the
/// tile in memory, at a third of the speed.
macro_rules! unrolled {
    ($r:ident < $R:ident, $body:block) => {
        unrolled!($r < $R, $body, 0 1 2 3 4 5)
    };
    ($r:ident < $R:ident, $body:block, $($index:literal)*) => {
        $(if $index < $R {
            let $r: usize = $index;
            $body
        })*
    };
}
pub(super) use unrolled;

/// The place from which a tile of a product is read, and to which it is written.
pub(super) trait Destination: Copy {
    /// The tile at row `i`, column `j`, before the product is added.
    ///
    /// # Safety
    /// The CPU has the instruction set of `V`, and the tile lies within the destination.
    unsafe fn begin<V: Vector, const R: usize, const N: usize>(self, i: usize, j: usize) -> [[V; N]; R];
    /// Stores the tile.
    ///
    /// # Safety
    /// The same conditions as for `begin`.
    unsafe fn finish<V: Vector, const R: usize, const N: usize>(self, i: usize, j: usize, tile: [[V; N]; R]);
}

/// Writes to f32 and starts from a [`Start`]. It has rows of `columns` writable f32, `stride` apart, and a bias of whole vectors.
#[derive(Clone, Copy)]
pub(super) struct Store<'a> {
    start: Start<'a>,
    to: *mut f32,
    stride: usize,
    columns: usize,
}

impl<'a> Store<'a> {
    /// Panics if a bias is too short.
    pub(super) fn new(start: Start<'a>, to: &mut Matrix) -> Self {
        let stride = to.stride();
        if let Start::Bias(bias) = start {
            assert!(bias.len() >= stride, "the bias of a product is shorter than a padded row");
        }
        Self { start, to: to.as_mut_slice().as_mut_ptr(), stride, columns: stride }
    }

    /// Rows of `columns` numbers without padding. Panics if `to` or a bias is too short.
    pub(super) fn dense(start: Start<'a>, rows: usize, columns: usize, to: &mut [f32]) -> Self {
        let fits = rows.checked_mul(columns).is_some_and(|length| length <= to.len());
        assert!(fits, "the destination of a product is too small");
        if let Start::Bias(bias) = start {
            assert!(bias.len() >= padded(columns), "the bias of a product is shorter than a padded row");
        }
        Self { start, to: to.as_mut_ptr(), stride: columns, columns }
    }
}

/// The first `length` numbers from `from`, or all sixteen; zeros beyond.
///
/// # Safety
/// The CPU has the instruction set of `V`, and there are that many numbers.
#[inline(always)]
unsafe fn load<V: Vector>(from: *const f32, length: usize) -> V {
    if length >= LANE {
        // SAFETY: sixteen are there.
        return unsafe { V::load(from) };
    }
    let mut values = [0.0; LANE];
    for (t, value) in values.iter_mut().enumerate().take(length) {
        // SAFETY: so many are there.
        *value = unsafe { *from.add(t) };
    }
    // SAFETY: the caller vouches for the CPU, and there are sixteen values.
    unsafe { V::load(values.as_ptr()) }
}

/// Writes the first `length` lanes of `x`, or all sixteen, to `to`.
///
/// # Safety
/// There is room for so many.
#[inline(always)]
unsafe fn store<V: Vector>(x: V, to: *mut f32, length: usize) {
    if length >= LANE {
        // SAFETY: there is room for sixteen.
        return unsafe { x.store(to) };
    }
    let mut values = [0.0; LANE];
    // SAFETY: `values` has room for sixteen, and `to` for `length`.
    unsafe {
        x.store(values.as_mut_ptr());
        for (t, value) in values.into_iter().enumerate().take(length) {
            *to.add(t) = value;
        }
    }
}

impl Destination for Store<'_> {
    #[inline(always)]
    unsafe fn begin<V: Vector, const R: usize, const N: usize>(self, i: usize, j: usize) -> [[V; N]; R] {
        // SAFETY: the caller vouches for the CPU.
        let mut tile = unsafe { [[V::splat(0.0); N]; R] };
        match self.start {
            Start::Zero => {}
            Start::Bias(bias) => {
                let mut row = tile[0];
                for v in 0..N {
                    // SAFETY: the tile lies within the destination, and the bias is as long as its rows.
                    row[v] = unsafe { V::load(bias.as_ptr().wrapping_add(j + LANE * v)) };
                }
                unrolled!(r < R, { tile[r] = row });
            }
            Start::Accumulate => {
                let to = self.to.wrapping_add(i * self.stride + j);
                unrolled!(r < R, {
                    for v in 0..N {
                        let from = to.wrapping_add(r.wrapping_mul(self.stride).wrapping_add(LANE * v));
                        // SAFETY: the tile lies within the destination.
                        tile[r][v] = unsafe { load(from, self.columns.wrapping_sub(j + LANE * v)) };
                    }
                });
            }
        }
        tile
    }

    #[inline(always)]
    unsafe fn finish<V: Vector, const R: usize, const N: usize>(self, i: usize, j: usize, tile: [[V; N]; R]) {
        let to = self.to.wrapping_add(i * self.stride + j);
        unrolled!(r < R, {
            for v in 0..N {
                let to = to.wrapping_add(r.wrapping_mul(self.stride).wrapping_add(LANE * v));
                // SAFETY: the tile lies within the destination.
                unsafe { store(tile[r][v], to, self.columns.wrapping_sub(j + LANE * v)) };
            }
        });
    }
}

/// Adds to f64, in rows of `columns` without padding.
#[derive(Clone, Copy)]
pub(super) struct AddTo {
    sum: *mut f64,
    pub(super) columns: usize,
}

impl AddTo {
    /// Panics if `sum` is too small for `rows` rows.
    pub(super) fn new(rows: usize, columns: usize, sum: &mut [f64]) -> Self {
        let fits = rows.checked_mul(columns).is_some_and(|length| length <= sum.len());
        assert!(fits, "the sum that a product is added to is too small");
        Self { sum: sum.as_mut_ptr(), columns }
    }
}

impl Destination for AddTo {
    #[inline(always)]
    unsafe fn begin<V: Vector, const R: usize, const N: usize>(self, _: usize, _: usize) -> [[V; N]; R] {
        // SAFETY: the caller vouches for the CPU.
        unsafe { [[V::splat(0.0); N]; R] }
    }

    #[inline(always)]
    unsafe fn finish<V: Vector, const R: usize, const N: usize>(self, i: usize, j: usize, tile: [[V; N]; R]) {
        let to = self.sum.wrapping_add(i * self.columns + j);
        unrolled!(r < R, {
            unrolled!(v < N, {
                // SAFETY: the tile starts within the destination, and at least one column of it is left there.
                unsafe {
                    let to = to.wrapping_add(r.wrapping_mul(self.columns).wrapping_add(LANE * v));
                    add_to(to, self.columns.wrapping_sub(j + LANE * v), tile[r][v]);
                }
            });
        });
    }
}

/// Adds the first `length` lanes of `x`, or all sixteen, to `to`.
///
/// # Safety
/// `to` must point to that many f64.
#[inline(always)]
unsafe fn add_to<V: Vector>(to: *mut f64, length: usize, x: V) {
    let (low, high) = x.widen();
    if length >= LANE {
        // SAFETY: sixteen are there.
        unsafe {
            V::Wide::load(to).add(low).store(to);
            V::Wide::load(to.wrapping_add(LANE64)).add(high).store(to.wrapping_add(LANE64));
        }
    } else {
        let mut values = [0.0; LANE];
        // SAFETY: `values` has room for both halves, and `to` for `length`.
        unsafe {
            low.store(values.as_mut_ptr());
            high.store(values.as_mut_ptr().add(LANE64));
            for (t, value) in values.into_iter().enumerate().take(length) {
                *to.add(t) += value;
            }
        }
    }
}
