//! Products of f64 matrices, for dense solves.
#![allow(clippy::needless_range_loop, reason = "the indices of a tile read like the formula")]

use super::dispatch::{Task, run};
use super::simd::{LANE64, Simd, Vector64};

/// The left operand. Element (i, k) is `values[i * row_stride + k * k_stride]`, so it can be read transposed.
#[derive(Clone, Copy, Debug)]
pub struct Left64<'a> {
    /// The values.
    pub values: &'a [f64],
    /// The distance of neighbors in i.
    pub row_stride: usize,
    /// The distance of neighbors in k.
    pub k_stride: usize,
}

/// c\[i * stride + j\] += the sum over k < `depth` of left(i, k) b\[k * stride + j\], for i < `rows` and j < `columns`. `b`
/// and `c` are given with their strides, and `columns` is a multiple of 8. Each element is one chain of fused multiply-adds
/// over k, in order. Panics if an operand is too small.
pub fn add_product64(
    (rows, depth, columns): (usize, usize, usize),
    left: Left64<'_>,
    (b, b_stride): (&[f64], usize),
    (c, c_stride): (&mut [f64], usize),
) {
    if rows == 0 || depth == 0 || columns == 0 {
        return;
    }
    let reach = |rows: usize, stride: usize, last: usize| {
        (rows - 1).checked_mul(stride).and_then(|start| start.checked_add(last)).unwrap_or(usize::MAX)
    };
    assert!(columns.is_multiple_of(LANE64), "the columns of a product are not a multiple of {LANE64}");
    let left_last = reach(depth, left.k_stride, 0).checked_add(reach(rows, left.row_stride, 0));
    assert!(left_last.is_some_and(|last| last < left.values.len()), "the left operand of a product is too small");
    assert!(reach(depth, b_stride, columns) <= b.len(), "the right operand of a product is too small");
    assert!(c_stride >= columns && reach(rows, c_stride, columns) <= c.len(), "the result of a product is too small");
    run(Product64 { rows, depth, columns, left, b, b_stride, c, c_stride });
}

/// All elements that this product reads or writes exist.
struct Product64<'a> {
    rows: usize,
    depth: usize,
    columns: usize,
    left: Left64<'a>,
    b: &'a [f64],
    b_stride: usize,
    c: &'a mut [f64],
    c_stride: usize,
}

impl Task for Product64<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(mut self) {
        let wide = if S::TILE >= 4 { 4 * LANE64 } else { LANE64 };
        let mut j = 0;
        while j < self.columns {
            let is_wide = wide > LANE64 && self.columns - j >= wide;
            // SAFETY: the caller vouches for the CPU, and the columns of each strip exist.
            unsafe { if is_wide { self.strip::<S::F64, 4>(j) } else { self.strip::<S::F64, 1>(j) } }
            j += if is_wide { wide } else { LANE64 };
        }
    }
}

impl Product64<'_> {
    /// `N` vectors of columns from column `j`.
    ///
    /// # Safety
    /// The CPU has the instruction set of `V`, and the columns are within the product.
    #[inline(always)]
    unsafe fn strip<V: Vector64, const N: usize>(&mut self, j: usize) {
        let mut i = 0;
        // SAFETY: the caller vouches for the CPU and the columns, and the rows of each tile exist.
        unsafe {
            while i + 4 <= self.rows {
                self.tile::<V, 4, N>(i, j);
                i += 4;
            }
            while i < self.rows {
                self.tile::<V, 1, N>(i, j);
                i += 1;
            }
        }
    }

    /// `R` rows by `N` vectors from row `i`, column `j`.
    ///
    /// # Safety
    /// The CPU has the instruction set of `V`, and the tile is within the product.
    #[inline(always)]
    unsafe fn tile<V: Vector64, const R: usize, const N: usize>(&mut self, i: usize, j: usize) {
        let Left64 { values, row_stride, k_stride } = self.left;
        let (left, b) = (values.as_ptr(), self.b.as_ptr());
        let c = self.c.as_mut_ptr();
        // SAFETY: the caller vouches for the CPU and the tile, and `add_product64` has checked that every element of left, b
        // and c that belongs to the product exists.
        unsafe {
            let mut tile = [[V::splat(0.0); N]; R];
            for r in 0..R {
                for v in 0..N {
                    tile[r][v] = V::load(c.add((i + r) * self.c_stride + j + LANE64 * v));
                }
            }
            for k in 0..self.depth {
                let row = b.add(k * self.b_stride + j);
                let mut right = [V::splat(0.0); N];
                for v in 0..N {
                    right[v] = V::load(row.add(LANE64 * v));
                }
                for r in 0..R {
                    let x = V::splat(*left.add((i + r) * row_stride + k * k_stride));
                    for v in 0..N {
                        tile[r][v] = x.mul_add(right[v], tile[r][v]);
                    }
                }
            }
            for r in 0..R {
                for v in 0..N {
                    tile[r][v].store(c.add((i + r) * self.c_stride + j + LANE64 * v));
                }
            }
        }
    }
}
