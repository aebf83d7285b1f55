//! Products with few columns, in which rows and columns are exchanged. Vectors then lie along the rows, of which there are
//! more. The bits are the same as those of plain products.

use super::gemm::{CHAIN, Start, product};
use super::left::Left;
use super::matrix::{Matrix, transpose};

/// With more columns than this, vectors are filled well enough.
const MOST_COLUMNS: usize = 8;
/// For products of fewer terms, the exchange takes longer than it saves.
const LEAST_DEPTH: usize = 32;

/// Working memory for products of matrices of [`CHAIN`] rows with weights that have few columns.
#[derive(Clone, Debug)]
pub struct Narrow {
    /// depth x rows.
    left: Matrix,
    /// columns of the result x rows.
    result: Matrix,
    /// columns of the weights x depth.
    sums: Matrix,
}

impl Narrow {
    /// Whether products with weights of this shape are faster this way.
    pub fn suits(depth: usize, columns: usize) -> bool {
        columns <= MOST_COLUMNS && depth >= LEAST_DEPTH
    }

    /// Room for weights of `depth` x `columns`. The result may have more columns, which get the bias.
    pub fn new(depth: usize, columns: usize, result_columns: usize) -> Self {
        Self {
            left: Matrix::zeros(depth, CHAIN),
            result: Matrix::zeros(result_columns, CHAIN),
            sums: Matrix::zeros(columns, depth),
        }
    }

    /// Whether the operands have the number of rows that this needs.
    pub fn takes(&self, operands: &[&Matrix]) -> bool {
        operands.iter().all(|matrix| matrix.rows() == CHAIN)
    }

    /// to = bias + the sum of left * weights over all `terms`, which are pairs of a left operand and transposed weights.
    /// Panics if the weights have another shape.
    pub fn product<'a>(
        &mut self,
        bias: &[f32],
        terms: impl Iterator<Item = (&'a Matrix, &'a Matrix)>,
        to: &mut Matrix,
    ) {
        for (column, bias) in bias.iter().enumerate() {
            self.result.row_mut(column).fill(*bias);
        }
        for (left, weights) in terms {
            assert_eq!((weights.rows(), weights.columns()), (self.sums.rows(), self.left.rows()), "shape of weights");
            transpose(left, &mut self.left);
            product(
                weights.rows(),
                weights.columns(),
                Left::rows(weights),
                &self.left,
                Start::Accumulate,
                &mut self.result,
            );
        }
        transpose(&self.result, to);
    }

    /// Like [`add_product`](super::add_product) of the transposed `left` with `right`, over the first `rows` <= [`CHAIN`]
    /// rows.
    pub fn add_product(&mut self, rows: usize, left: &Matrix, right: &Matrix, sum: &mut [f64]) {
        assert!(rows <= CHAIN, "a chain of a narrow product is too long");
        let columns = self.sums.rows();
        product(columns, rows, Left::columns(right), left, Start::Zero, &mut self.sums);
        for column in 0..columns {
            let row = self.sums.row(column);
            sum[column..].iter_mut().step_by(columns).zip(row).for_each(|(sum, x)| *sum += f64::from(*x));
        }
    }
}
