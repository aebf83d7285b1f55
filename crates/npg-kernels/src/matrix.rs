//! Matrices of f32 whose rows are whole cache lines, and functions that fill them from weights.

use super::dispatch::{Task, run};
use super::simd::{LANE64, Simd, Vector, Vector64};

/// The columns of every matrix are padded to a multiple of this many f32.
pub const LANE: usize = 16;

/// `columns` rounded up to a multiple of [`LANE`].
pub const fn padded(columns: usize) -> usize {
    columns.div_ceil(LANE) * LANE
}

/// The distance between rows of `columns` columns, in f32. It is the padded length, and one cache line more if rows would
/// otherwise be a multiple of 2 KiB apart: blocks of columns would then share an eighth or less of the sets of the
/// first-level cache.
const fn stride(columns: usize) -> usize {
    let padded = padded(columns);
    if padded > 0 && padded.is_multiple_of(512) { padded + LANE } else { padded }
}

#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
struct Line([f32; LANE]);

/// A row-major f32 matrix, aligned to cache lines. Its columns are padded with zeros to at least a multiple of [`LANE`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    /// The distance between rows, in f32. It is kept because short rows are read often.
    stride: usize,
    data: Vec<Line>,
}

impl Matrix {
    /// A matrix of zeros.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        let stride = stride(columns);
        Self { rows, columns, stride, data: vec![Line([0.0; LANE]); rows * stride / LANE] }
    }

    /// The rows of all `parts`, in order. Each part must have `columns` columns; otherwise it panics.
    pub fn concatenate<'a>(columns: usize, parts: impl Iterator<Item = &'a Matrix> + Clone) -> Self {
        let rows = parts.clone().map(Matrix::rows).sum();
        let stride = stride(columns);
        let mut data = Vec::with_capacity(rows * stride / LANE);
        for part in parts {
            assert_eq!(part.columns, columns, "matrices of other widths cannot be joined");
            data.extend_from_slice(&part.data);
        }
        Self { rows, columns, stride, data }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns, without padding.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The distance from one row to the next, in f32. It is at least the padded number of columns.
    #[inline]
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// All values, including padding.
    pub fn as_slice(&self) -> &[f32] {
        // SAFETY: Line is repr(C) and holds LANE f32 without padding bytes, so the vector's lines are
        // rows * stride contiguous, initialized f32.
        unsafe { std::slice::from_raw_parts(self.data.as_ptr().cast(), self.data.len() * LANE) }
    }

    /// All values, including padding. The padding must stay zero.
    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        // SAFETY: as in `as_slice`, and the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.data.as_mut_ptr().cast(), self.data.len() * LANE) }
    }

    /// Row `row`, without padding.
    #[inline] // other crates read many short rows
    pub fn row(&self, row: usize) -> &[f32] {
        &self.as_slice()[row * self.stride..][..self.columns]
    }

    /// Row `row`, mutable and without padding.
    #[inline]
    pub fn row_mut(&mut self, row: usize) -> &mut [f32] {
        let (stride, columns) = (self.stride, self.columns);
        &mut self.as_mut_slice()[row * stride..][..columns]
    }

    /// Changes the number of rows; new rows are zero.
    pub fn set_rows(&mut self, rows: usize) {
        self.rows = rows;
        self.data.resize(rows * self.stride / LANE, Line([0.0; LANE]));
    }
}

/// Fills the first `columns` columns of `to` with weights, rounded to f32, and the other columns with zeros. `weights` is
/// row-major without padding. Panics if the sizes disagree.
pub fn pack(weights: &[f64], columns: usize, to: &mut Matrix) {
    let agree = columns <= to.columns && weights.len() == to.rows * columns;
    assert!(agree, "size of the weights and of their matrix disagree");
    run(Pack { from: Unpadded { values: weights, columns }, to });
}

/// Fills `to` with the transpose of weights, rounded to f32. `weights` is row-major without padding, and has as many columns
/// as `to` has rows. Panics if the sizes disagree.
pub fn pack_transposed(weights: &[f64], to: &mut Matrix) {
    assert_eq!(weights.len(), to.rows * to.columns, "size of the weights and of their matrix disagree");
    run(Transpose { from: Unpadded { values: weights, columns: to.rows }, to });
}

/// Fills `to` with the transpose of `from`. Panics if the shapes disagree.
pub fn transpose(from: &Matrix, to: &mut Matrix) {
    assert_eq!((from.rows, from.columns), (to.columns, to.rows), "shapes of a transpose disagree");
    run(Transpose { from, to });
}

/// A source of rows, which are read one vector at a time.
trait Rows: Copy {
    /// Columns `j` to `j` + 15 of row `i`, with zeros beyond the last column. Panics beyond the last row.
    ///
    /// # Safety
    /// The CPU has the instruction set of `V`.
    unsafe fn vector<V: Vector>(self, i: usize, j: usize) -> V;
}

impl Rows for &Matrix {
    #[inline(always)]
    unsafe fn vector<V: Vector>(self, i: usize, j: usize) -> V {
        // This stride is computed, so that the compiler knows that it is a multiple of LANE.
        let from = &self.as_slice()[i * stride(self.columns) + j..][..LANE];
        // SAFETY: the caller vouches for the CPU, and there are sixteen values.
        unsafe { V::load(from.as_ptr()) }
    }
}

/// Row-major f64 numbers without padding.
#[derive(Clone, Copy)]
struct Unpadded<'a> {
    values: &'a [f64],
    columns: usize,
}

impl Rows for Unpadded<'_> {
    #[inline(always)]
    unsafe fn vector<V: Vector>(self, i: usize, j: usize) -> V {
        let first = j.min(self.columns);
        let row = &self.values[i * self.columns + first..][..(self.columns - first).min(LANE)];
        let mut line = [0.0; LANE];
        let from = if row.len() == LANE {
            row
        } else {
            for (to, x) in line.iter_mut().zip(row) {
                *to = *x;
            }
            &line
        };
        // SAFETY: the caller vouches for the CPU, and there are sixteen values.
        unsafe { V::narrow(V::Wide::load(from.as_ptr()), V::Wide::load(from.as_ptr().add(LANE64))) }
    }
}

struct Pack<'a, R> {
    from: R,
    to: &'a mut Matrix,
}

impl<R: Rows> Task for Pack<'_, R> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let lines = self.to.stride() / LANE;
        if lines == 0 {
            return;
        }
        for (i, row) in self.to.data.chunks_exact_mut(lines).enumerate() {
            for (line, to) in row.iter_mut().enumerate() {
                // SAFETY: the caller vouches for the CPU, and a line has room for sixteen values.
                unsafe { self.from.vector::<S::F32>(i, line * LANE).store(to.0.as_mut_ptr()) };
            }
        }
    }
}

struct Transpose<'a, R> {
    from: R,
    to: &'a mut Matrix,
}

impl<R: Rows> Task for Transpose<'_, R> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Matrix { rows, columns, ref mut data, .. } = *self.to;
        let lines = stride(columns) / LANE;
        for j in (0..rows).step_by(LANE) {
            for line in 0..columns.div_ceil(LANE) {
                // SAFETY: the caller vouches for the CPU.
                let mut block = unsafe { [S::F32::splat(0.0); LANE] };
                for (i, row) in block.iter_mut().enumerate().take(columns - line * LANE) {
                    // SAFETY: the caller vouches for the CPU.
                    *row = unsafe { self.from.vector(line * LANE + i, j) };
                }
                let block = transposed(block);
                for (i, row) in block.into_iter().enumerate().take(rows - j) {
                    // SAFETY: the caller vouches for the CPU, and a line has room for sixteen values.
                    unsafe { row.store(data[(j + i) * lines + line].0.as_mut_ptr()) };
                }
            }
        }
    }
}

/// The transposed block. Each round moves the top bit of an element's row number to the bottom of its lane number, and the
/// top bit of the lane number to the bottom of the row number.
#[inline(always)]
fn transposed<V: Vector>(mut block: [V; LANE]) -> [V; LANE] {
    for _ in 0..4 {
        let mut next = block;
        for i in 0..LANE / 2 {
            (next[2 * i], next[2 * i + 1]) = block[i].zip(block[i + LANE / 2]);
        }
        block = next;
    }
    block
}
