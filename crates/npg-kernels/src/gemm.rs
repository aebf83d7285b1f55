//! Products of small matrices.
//!
//! A tile of the result stays in registers while k runs. It has up to six rows by four vectors, or by one vector if registers
//! are few or narrow. Each element is therefore one chain of fused multiply-adds, and a tile of any other size would give the
//! same bits.
#![allow(clippy::needless_range_loop, reason = "the indices of a tile read like the formula")]

use super::destination::{AddTo, Destination, Store, unrolled};
use super::dispatch::{Task, run};
use super::left::LeftOperand;
use super::left::operand::Walk;
use super::matrix::{LANE, Matrix, padded};
use super::simd::{Simd, Vector};

/// This many f32 products are accumulated in f32 before the sum continues in f64.
pub const CHAIN: usize = 64;

/// The initial value of a product.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a> {
    /// Zero.
    Zero,
    /// The same row (of padded length) for every row of the result.
    Bias(&'a [f32]),
    /// The current values of the result.
    Accumulate,
}

/// c\[i\]\[j\] = start + the sum over k < `depth` of left(i, k) b\[k\]\[j\], for i < `rows` and every padded column j of `b`.
/// Each element is one FMA chain over k, in order. `c` and `b` must have equally many padded columns. Panics if an operand is
/// too small.
pub fn product(rows: usize, depth: usize, left: impl LeftOperand, b: &Matrix, start: Start<'_>, c: &mut Matrix) {
    let columns = padded(b.columns());
    assert!(padded(c.columns()) == columns && c.rows() >= rows, "shapes of a product disagree");
    let to = Store::new(start, c);
    let operands = Operands::new(rows, depth, left, b);
    run(Product { rows, vectors: columns / LANE, operands, chain: usize::MAX, to });
}

/// Like [`product`], for the first `columns` columns of `b`. The rows of `c` have that many numbers, without padding.
pub fn product_into(
    rows: usize,
    depth: usize,
    left: impl LeftOperand,
    (b, columns): (&Matrix, usize),
    start: Start<'_>,
    c: &mut [f32],
) {
    assert!(columns <= padded(b.columns()), "shapes of a product disagree");
    let (operands, to) = (Operands::new(rows, depth, left, b), Store::dense(start, rows, columns, c));
    run(Product { rows, vectors: columns.div_ceil(LANE), operands, chain: usize::MAX, to });
}

/// sum\[i * columns + j\] += the sum over k < `depth` of left(i, k) b\[k\]\[j\], for i < `rows` and j < `columns`. Chains
/// over at most [`CHAIN`] k are computed in f32 and added to `sum` in order, in f64. Panics if an operand is too small.
pub fn add_product(rows: usize, depth: usize, left: impl LeftOperand, b: &Matrix, columns: usize, sum: &mut [f64]) {
    assert!(columns <= padded(b.columns()), "shapes of a product disagree");
    let (operands, to) = (Operands::new(rows, depth, left, b), AddTo::new(rows, columns, sum));
    run(Product { rows, vectors: columns.div_ceil(LANE), operands, chain: CHAIN, to });
}

/// sum\[j\] += the sum of column j over the first `rows` rows, for j < `columns`. Chains over at most [`CHAIN`] rows are
/// computed in f32 and added in order, in f64. Panics if an operand is too small.
pub fn add_column_sums(rows: usize, b: &Matrix, columns: usize, sum: &mut [f64]) {
    assert!(rows <= b.rows() && columns <= padded(b.columns()), "shapes of column sums disagree");
    run(ColumnSums { rows, b, to: AddTo::new(1, columns, sum) });
}

/// Both operands, after the check that every element which a product of this size reads exists.
#[derive(Clone, Copy)]
struct Operands<L> {
    depth: usize,
    left: L,
    b: *const f32,
    b_stride: usize,
}

impl<L: LeftOperand> Operands<L> {
    fn new(rows: usize, depth: usize, left: L, b: &Matrix) -> Self {
        assert!(depth <= b.rows(), "the right operand of a product has too few rows");
        left.check(rows, depth);
        Self { depth, left, b: b.as_slice().as_ptr(), b_stride: b.stride() }
    }
}

/// The number of the remaining `left` items to take at once, at most `max`. It never leaves a tiny piece after a large one.
#[inline(always)]
fn piece(left: usize, max: usize) -> usize {
    if left <= max {
        left
    } else if left < 2 * max {
        left.div_ceil(2)
    } else {
        max
    }
}

/// The whole product: `rows` rows by `vectors` vectors, all of them within the operands and the destination.
struct Product<L, D> {
    rows: usize,
    vectors: usize,
    operands: Operands<L>,
    /// The longest chain. The destination gets the next chain at the same place.
    chain: usize,
    to: D,
}

impl<L: LeftOperand, D: Destination> Task for Product<L, D> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let mut first = 0;
        while first < self.vectors {
            let n = piece(self.vectors - first, S::TILE);
            let j = first * LANE;
            // SAFETY: the caller vouches for the CPU, and n vectors are left.
            unsafe {
                match n {
                    4 if S::TILE >= 4 => self.columns::<S::F32, 4>(j),
                    3 if S::TILE >= 4 => self.columns::<S::F32, 3>(j),
                    2 if S::TILE >= 4 => self.columns::<S::F32, 2>(j),
                    _ => self.columns::<S::F32, 1>(j),
                }
            }
            first += n;
        }
    }
}

impl<L: LeftOperand, D: Destination> Product<L, D> {
    /// `N` vectors of columns from column `j`: small enough, with all rows of b, to stay in the cache.
    ///
    /// # Safety
    /// The CPU has the instruction set of `V`, and the columns are within the product.
    #[inline(always)]
    unsafe fn columns<V: Vector, const N: usize>(&self, j: usize) {
        let mut i = 0;
        while i < self.rows {
            let r = piece(self.rows - i, 6);
            // SAFETY: the caller vouches for the CPU and the columns, and r rows are left.
            unsafe {
                match r {
                    6 => self.tile::<V, 6, N>(i, j),
                    5 => self.tile::<V, 5, N>(i, j),
                    4 => self.tile::<V, 4, N>(i, j),
                    3 => self.tile::<V, 3, N>(i, j),
                    2 => self.tile::<V, 2, N>(i, j),
                    _ => self.tile::<V, 1, N>(i, j),
                }
            }
            i += r;
        }
    }

    /// `R` rows by `N` vectors from row `i`, column `j`.
    ///
    /// # Safety
    /// The CPU has the instruction set of `V`, and the tile is within the product.
    #[inline(always)]
    unsafe fn tile<V: Vector, const R: usize, const N: usize>(&self, i: usize, j: usize) {
        let Operands { depth, left, b, b_stride } = self.operands;
        // SAFETY: the caller vouches for the CPU and the tile. `Operands::new` has checked that left(i, k) and row k of b
        // exist for i < rows, k < depth. Pointers step past the end after the last k, but are not read there.
        unsafe {
            let mut left = left.walk::<R>(i);
            let mut b = b.wrapping_add(j);
            let mut rest = depth;
            loop {
                let chain = rest.min(self.chain);
                let mut tile: [[V; N]; R] = self.to.begin(i, j);
                for _ in 0..chain {
                    let mut row = [V::splat(0.0); N];
                    for v in 0..N {
                        row[v] = V::load(b.wrapping_add(LANE * v));
                    }
                    unrolled!(r < R, {
                        let x = V::splat(left.value(r));
                        for v in 0..N {
                            tile[r][v] = x.mul_add(row[v], tile[r][v]);
                        }
                    });
                    left.advance();
                    b = b.wrapping_add(b_stride);
                }
                self.to.finish(i, j, tile);
                rest -= chain;
                if rest == 0 {
                    return;
                }
            }
        }
    }
}

/// The sums of the columns of `to` over `rows` rows of `b`, all of which exist.
struct ColumnSums<'a> {
    rows: usize,
    b: &'a Matrix,
    to: AddTo,
}

impl Task for ColumnSums<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let (b, stride) = (self.b.as_slice().as_ptr(), self.b.stride());
        for j in (0..self.to.columns).step_by(LANE) {
            // SAFETY: the caller vouches for the CPU; b has `rows` rows, of at least `columns` columns rounded up to
            // whole vectors.
            unsafe {
                for first in (0..self.rows).step_by(CHAIN) {
                    let mut chain = S::F32::splat(0.0);
                    for k in first..self.rows.min(first + CHAIN) {
                        chain = chain.add(S::F32::load(b.add(k * stride + j)));
                    }
                    self.to.finish(0, j, [[chain]]);
                }
            }
        }
    }
}
