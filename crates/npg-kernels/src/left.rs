//! The left operands of products: matrices with strides, and patches of images.

use super::matrix::Matrix;

/// A left operand with strides. Element (i, k) is `values[i * row_stride + k * k_stride]`, so it can be read transposed.
#[derive(Clone, Copy, Debug)]
pub struct Left<'a> {
    /// The values.
    pub values: &'a [f32],
    /// The distance of neighbors in i.
    pub row_stride: usize,
    /// The distance of neighbors in k.
    pub k_stride: usize,
}

/// A left operand that is gathered: element (i, k) is `values[rows[i] + depth[k]]`. The patches of an image are read in this
/// way, without being written down.
#[derive(Clone, Copy, Debug)]
pub struct Gathered<'a> {
    /// The values.
    pub values: &'a [f32],
    /// Where row i begins.
    pub rows: &'a Offsets,
    /// How far element k is from there.
    pub depth: &'a Offsets,
}

/// Places in a slice, and the largest of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Offsets {
    offsets: Vec<u32>,
    largest: usize,
}

impl Offsets {
    /// These places. Panics if one of them does not fit a u32.
    pub fn new(offsets: impl IntoIterator<Item = usize>) -> Self {
        let small = |offset| u32::try_from(offset).expect("an offset fits a u32");
        let offsets: Vec<u32> = offsets.into_iter().map(small).collect();
        let largest = offsets.iter().max().map_or(0, |largest| *largest as usize);
        Self { offsets, largest }
    }

    /// The number of places.
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// The places, in their order.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        self.offsets.iter().map(|offset| *offset as usize)
    }
}

impl<'a> Left<'a> {
    /// The matrix as it is: element (i, k) is in row i.
    pub fn rows(matrix: &'a Matrix) -> Self {
        Self { values: matrix.as_slice(), row_stride: matrix.stride(), k_stride: 1 }
    }

    /// The transposed matrix: element (i, k) is in row k of the matrix.
    pub fn columns(matrix: &'a Matrix) -> Self {
        Self { values: matrix.as_slice(), row_stride: 1, k_stride: matrix.stride() }
    }
}

/// How a product reads its left operand: [`Left`] or [`Gathered`].
pub trait LeftOperand: Copy + operand::Operand {}

impl LeftOperand for Left<'_> {}
impl LeftOperand for Gathered<'_> {}

/// What the kernels ask of a left operand. No other crate can implement it.
pub(super) mod operand {
    use super::{Gathered, Left};

    /// An operand.
    pub trait Operand {
        type Walk<const R: usize>: Walk;

        /// Panics if an element (i, k) with i < `rows` and k < `depth` does not exist.
        fn check(&self, rows: usize, depth: usize);

        /// Elements (i, 0) to (i + R - 1, 0).
        ///
        /// # Safety
        /// `check` has been called for more than `i` + `R` - 1 rows, and the walk does not go beyond its depth.
        unsafe fn walk<const R: usize>(&self, i: usize) -> Self::Walk<R>;
    }

    /// Several rows, from the first k to the last.
    pub trait Walk {
        /// The element in row `r` at the current k.
        ///
        /// # Safety
        /// There is such an element.
        unsafe fn value(&self, r: usize) -> f32;

        /// Goes to the next k, which may be one beyond the last.
        fn advance(&mut self);
    }

    #[derive(Clone, Copy)]
    pub struct Strided {
        first: *const f32,
        row_stride: usize,
        k_stride: usize,
    }

    impl Operand for Left<'_> {
        type Walk<const R: usize> = Strided;

        fn check(&self, rows: usize, depth: usize) {
            if rows > 0 && depth > 0 {
                let across = (rows - 1).checked_mul(self.row_stride);
                let along = (depth - 1).checked_mul(self.k_stride);
                let last = across.zip(along).and_then(|(across, along)| across.checked_add(along));
                assert!(
                    last.is_some_and(|last| last < self.values.len()),
                    "the left operand of a product is too small"
                );
            }
        }

        #[inline(always)]
        unsafe fn walk<const R: usize>(&self, i: usize) -> Strided {
            let first = self.values.as_ptr().wrapping_add(i * self.row_stride);
            Strided { first, row_stride: self.row_stride, k_stride: self.k_stride }
        }
    }

    impl Walk for Strided {
        #[inline(always)]
        unsafe fn value(&self, r: usize) -> f32 {
            // SAFETY: the caller's promise.
            unsafe { *self.first.wrapping_add(r.wrapping_mul(self.row_stride)) }
        }

        #[inline(always)]
        fn advance(&mut self) {
            self.first = self.first.wrapping_add(self.k_stride);
        }
    }

    #[derive(Clone, Copy)]
    pub struct Scattered<const R: usize> {
        rows: [*const f32; R],
        depth: *const u32,
    }

    impl Operand for Gathered<'_> {
        type Walk<const R: usize> = Scattered<R>;

        fn check(&self, rows: usize, depth: usize) {
            assert!(rows <= self.rows.len() && depth <= self.depth.len(), "a gathered operand has too few offsets");
            let is_read = rows > 0 && depth > 0;
            let last = self.rows.largest + self.depth.largest;
            assert!(!is_read || last < self.values.len(), "the left operand of a product is too small");
        }

        #[inline(always)]
        unsafe fn walk<const R: usize>(&self, i: usize) -> Scattered<R> {
            let values = self.values.as_ptr();
            // SAFETY: there are more than i + R - 1 rows.
            let row = |r| unsafe { values.wrapping_add(*self.rows.offsets.get_unchecked(i + r) as usize) };
            Scattered { rows: std::array::from_fn(row), depth: self.depth.offsets.as_ptr() }
        }
    }

    impl<const R: usize> Walk for Scattered<R> {
        #[inline(always)]
        unsafe fn value(&self, r: usize) -> f32 {
            // SAFETY: the caller's promise.
            unsafe { *self.rows[r].wrapping_add(*self.depth as usize) }
        }

        #[inline(always)]
        fn advance(&mut self) {
            self.depth = self.depth.wrapping_add(1);
        }
    }
}
