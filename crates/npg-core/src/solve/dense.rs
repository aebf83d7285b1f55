//! Dense matrices of f64, their products and their Cholesky factors. They have the same bits on every machine and for any
//! number of threads. (Linear algebra libraries choose the order of their sums by the CPU.)

use crate::network::kernels::{LANE64, Left64, add_product64, axpy, dot};
use crate::reduce::Reducer;
use rayon::prelude::*;
use std::ops::{Index, IndexMut};

/// The number of rows in one task, and of columns in one panel of the factorization.
const BLOCK: usize = 64;

/// The number of rows that a product takes at a time, so that they stay in the cache.
const DEPTH: usize = 256;

/// A pivot below this fraction of its diagonal element is 0 up to rounding: the row depends linearly on the rows before it.
const SINGULAR: f64 = 1e-12;

/// A dense matrix, row-major. Each row is padded with zeros to a multiple of eight numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    rows: usize,
    columns: usize,
    stride: usize,
    values: Vec<f64>,
}

impl Dense {
    /// A matrix of zeros.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        let stride = columns.next_multiple_of(LANE64);
        Self { rows, columns, stride, values: vec![0.0; rows * stride] }
    }

    /// The matrix whose element in row i and column j is `f(i, j)`.
    pub fn from_fn(rows: usize, columns: usize, f: impl Fn(usize, usize) -> f64) -> Self {
        let mut matrix = Self::zeros(rows, columns);
        for i in 0..rows {
            matrix.row_mut(i).iter_mut().enumerate().for_each(|(j, value)| *value = f(i, j));
        }
        matrix
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Row `i`. Panics if there is no such row.
    pub fn row(&self, i: usize) -> &[f64] {
        &self.values[i * self.stride..][..self.columns]
    }

    /// Row `i`, mutable. Panics if there is no such row.
    pub fn row_mut(&mut self, i: usize) -> &mut [f64] {
        &mut self.values[i * self.stride..][..self.columns]
    }

    /// The transposed matrix.
    pub fn transposed(&self) -> Self {
        Self::from_fn(self.columns, self.rows, |i, j| self[(j, i)])
    }

    /// The product A x.
    pub fn times(&self, x: &[f64]) -> Vec<f64> {
        (0..self.rows).map(|i| dot(self.row(i), x)).collect()
    }

    /// The length of the slice that [`Dense::add_gram`] adds to, for a matrix with this many columns.
    pub(crate) fn gram_len(columns: usize) -> usize {
        columns * columns.next_multiple_of(LANE64)
    }

    /// Adds U^T U to `gram`, where U are the first `rows` rows of this matrix. Only the elements on and below the diagonal
    /// are defined.
    pub(crate) fn add_gram(&self, rows: usize, gram: &mut [f64]) {
        let (stride, order) = (self.stride, self.columns);
        gram.par_chunks_mut((BLOCK * stride).max(1)).enumerate().for_each(|(block, c)| {
            let first = block * BLOCK;
            let count = BLOCK.min(order - first);
            let columns = (first + count).next_multiple_of(LANE64);
            for start in (0..rows).step_by(DEPTH) {
                let depth = DEPTH.min(rows - start);
                let b = &self.values[start * stride..];
                let left = Left64 { values: &b[first..], row_stride: 1, k_stride: stride };
                add_product64((count, depth, columns), left, (b, stride), (&mut *c, stride));
            }
        });
    }

    /// The symmetric matrix of which [`Dense::add_gram`] has formed the lower half.
    pub(crate) fn from_gram(columns: usize, gram: Vec<f64>) -> Self {
        let mut matrix = Self { rows: columns, columns, stride: columns.next_multiple_of(LANE64), values: gram };
        for i in 0..columns {
            for j in 0..i {
                matrix[(j, i)] = matrix[(i, j)];
            }
        }
        matrix
    }

    /// The rows of all processes that share a batch. This matrix has the rows of this process.
    pub(crate) fn with_rows_of(mut self, reducer: &Reducer) -> Self {
        self.values = reducer.gather(self.values);
        Self { rows: self.values.len() / self.stride.max(1), ..self }
    }

    /// The product A A^T, on and below the diagonal.
    pub(crate) fn row_products(&self) -> Self {
        let mut products = Self::zeros(self.rows, self.rows);
        for first in (0..self.columns).step_by(DEPTH) {
            let depth = DEPTH.min(self.columns - first);
            let columns = Self::from_fn(depth, self.rows, |k, i| self[(i, first + k)]);
            columns.add_gram(depth, &mut products.values);
        }
        products
    }
}

impl Index<(usize, usize)> for Dense {
    type Output = f64;

    fn index(&self, (i, j): (usize, usize)) -> &f64 {
        &self.row(i)[j]
    }
}

impl IndexMut<(usize, usize)> for Dense {
    fn index_mut(&mut self, (i, j): (usize, usize)) -> &mut f64 {
        &mut self.row_mut(i)[j]
    }
}

/// The factor L of a symmetric positive definite matrix L L^T.
pub(crate) struct Factor(Dense);

impl Factor {
    /// Reads the elements on and below the diagonal. `None` if the matrix is not positive definite, or only by rounding.
    pub(crate) fn of(mut matrix: Dense) -> Option<Self> {
        let (order, stride) = (matrix.rows, matrix.stride);
        let smallest: Vec<f64> = (0..order).map(|i| SINGULAR * matrix[(i, i)]).collect();
        for first in (0..order).step_by(BLOCK) {
            let end = order.min(first + BLOCK);
            let (above, below) = matrix.values.split_at_mut(end * stride);
            let panel = &mut above[first * stride..];
            for i in 0..end - first {
                let (before, row) = panel.split_at_mut(i * stride);
                let row = &mut row[first..=first + i];
                eliminate(row, before, stride, first);
                let pivot = row[i] - dot(&row[..i], &row[..i]);
                if !(pivot > smallest[first + i] && pivot < f64::INFINITY) {
                    return None;
                }
                row[i] = pivot.sqrt();
            }
            below.par_chunks_mut(stride).for_each(|row| eliminate(&mut row[first..end], panel, stride, first));
            subtract_products(below, stride, first..end);
        }
        Some(Self(matrix))
    }

    /// Solves L L^T x = b.
    pub(crate) fn solve(&self, b: &[f64]) -> Vec<f64> {
        let mut x = b.to_vec();
        for i in 0..x.len() {
            let row = self.0.row(i);
            x[i] = (x[i] - dot(&row[..i], &x[..i])) / row[i];
        }
        for i in (0..x.len()).rev() {
            let row = self.0.row(i);
            let value = x[i] / row[i];
            x[i] = value;
            axpy(-value, &row[..i], &mut x[..i]);
        }
        x
    }
}

/// Turns `row`, a row of the matrix from column `first` on, into the row of the factor. It computes as many elements as there
/// are rows in `pivots`, which are rows of the factor.
fn eliminate(row: &mut [f64], pivots: &[f64], stride: usize, first: usize) {
    for (j, pivot) in pivots.chunks_exact(stride).enumerate() {
        let pivot = &pivot[first..=first + j];
        row[j] = (row[j] - dot(&row[..j], &pivot[..j])) / pivot[j];
    }
}

/// Updates the rows `below` a panel: subtracts the products of their elements in the panel's `columns`, for all columns after
/// the panel.
fn subtract_products(below: &mut [f64], stride: usize, columns: std::ops::Range<usize>) {
    let rows = below.len() / stride;
    let mut panel = Dense::zeros(columns.len(), rows); // transposed, because that is how the right operand is read
    for (i, row) in below.chunks_exact(stride).enumerate() {
        columns.clone().enumerate().for_each(|(k, column)| panel[(k, i)] = row[column]);
    }
    let mut negative = panel.clone();
    negative.values.iter_mut().for_each(|x| *x = -*x);
    below.par_chunks_mut(BLOCK * stride).enumerate().for_each(|(block, c)| {
        let (first, count) = (block * BLOCK, c.len() / stride);
        let size = (count, columns.len(), (first + count).next_multiple_of(LANE64));
        let left = Left64 { values: &negative.values[first..], row_stride: 1, k_stride: panel.stride };
        add_product64(size, left, (&panel.values, panel.stride), (&mut c[columns.end..], stride));
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Stream};
    use rayon::ThreadPoolBuilder;

    fn random(rows: usize, columns: usize, index: u64) -> Dense {
        let mut rng = Stream::new(0, Purpose::Test, index);
        let mut matrix = Dense::zeros(rows, columns);
        (0..rows).for_each(|i| matrix.row_mut(i).iter_mut().for_each(|x| *x = rng.normal()));
        matrix
    }

    fn gram(u: &Dense) -> Dense {
        let mut gram = vec![0.0; Dense::gram_len(u.columns())];
        u.add_gram(u.rows(), &mut gram);
        Dense::from_gram(u.columns(), gram)
    }

    #[test]
    fn a_gram_matrix_has_the_inner_products_of_columns() {
        for (rows, columns) in [(1, 1), (7, 5), (300, 70), (10, 131)] {
            let u = random(rows, columns, 1);
            let (gram, columns) = (gram(&u), u.transposed());
            let products = columns.row_products();
            assert_eq!(Dense::from_gram(products.rows, products.values), gram);
            for i in 0..columns.rows() {
                for j in 0..columns.rows() {
                    let expected: f64 = columns.row(i).iter().zip(columns.row(j)).map(|(a, b)| a * b).sum();
                    assert!((gram[(i, j)] - expected).abs() < 1e-11 * rows as f64, "{i} {j}");
                }
            }
        }
    }

    /// Orders below, at and above the width of a panel.
    #[test]
    fn a_factor_solves() {
        for order in [0, 1, 2, 8, 63, 64, 65, 130, 200] {
            let matrix = gram(&random(2 * order + 3, order, 2));
            let x: Vec<f64> = (0..order).map(|i| (i % 7) as f64 - 3.0).collect();
            let solved = Factor::of(matrix.clone()).expect("positive definite").solve(&matrix.times(&x));
            for (i, (a, b)) in solved.iter().zip(&x).enumerate() {
                assert!((a - b).abs() < 1e-9, "{order}: x[{i}] = {a} for {b}");
            }
        }
    }

    #[test]
    fn a_matrix_that_is_singular_but_for_rounding_has_no_factor() {
        let u = random(50, 80, 3); // rank 50
        assert!(Factor::of(gram(&u)).is_none());
        assert!(Factor::of(Dense::from_fn(2, 2, |_, _| f64::NAN)).is_none());
        assert!(Factor::of(Dense::from_fn(1, 1, |_, _| f64::INFINITY)).is_none());
        assert!(Factor::of(Dense::from_fn(2, 2, |i, j| if i == j { -1.0 } else { 0.0 })).is_none());
    }

    /// A diagonal matrix is never singular, whatever the units of the parameters are.
    #[test]
    fn units_of_parameters_make_nothing_singular() {
        let diagonal = |i: usize| 10f64.powi(20 * i as i32 - 20);
        let factor = Factor::of(Dense::from_fn(3, 3, |i, j| if i == j { diagonal(i) } else { 0.0 })).expect("regular");
        assert!(factor.solve(&[1e-20, 1.0, 1e20]).iter().all(|x| (x - 1.0).abs() < 1e-14));
    }

    #[test]
    fn factors_have_the_same_bits_for_any_number_of_threads() {
        let u = random(300, 150, 4);
        let solve = || Factor::of(gram(&u)).expect("positive definite").solve(&[1.0; 150]);
        let with = |threads: usize| {
            ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be made").install(solve)
        };
        let one = with(1);
        assert!([2, 3, 5].into_iter().all(|threads| with(threads) == one));
    }
}
