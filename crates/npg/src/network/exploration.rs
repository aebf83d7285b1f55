//! State-dependent exploration (gSDE, Raffin, Kober & Stulp 2022): noise linear in the inputs h of the last layer.
//!
//! An exploration matrix Z with Z_ij = exp(L_ij) z_ij, z standard normal, is held for several steps and adds
//! sum_i h_i Z_ij to action j. With h_0 = 1 appended (so that the variance cannot vanish), the marginal distribution
//! of an action given the state is exactly normal with
//!
//! log sigma_j = 1/2 log v_j,   v_j = sum_i h_i^2 exp(2 L_ij),
//!
//! and that is the log std output computed here, with exact products through L and through h.

use super::kernels::{Left, Matrix, Start, add_column_sums, add_product, product};

/// exp(2 L) in f32: features, and the constant feature apart.
#[derive(Clone, Debug)]
pub(super) struct PackedExploration {
    /// features x actions: exp(2 L).
    variances: Matrix,
    /// actions x features.
    transposed: Matrix,
    /// One row: exp(2 L) of the constant feature.
    constant: Matrix,
}

/// What a forward pass leaves for the products.
#[derive(Clone, Debug, Default)]
pub(super) struct ExplorationTile {
    /// rows x features: h^2.
    squares: Matrix,
    /// rows x actions: 1 / v.
    precisions: Matrix,
}

/// Working memory of one thread.
#[derive(Clone, Debug)]
pub(super) struct ExplorationScratch {
    /// rows x actions. After `weigh`: cotangent / v.
    pub(super) narrow: Matrix,
    /// rows x features.
    wide: Matrix,
}

impl ExplorationScratch {
    pub(super) fn new(rows: usize, features: usize, actions: usize) -> Self {
        Self { narrow: Matrix::zeros(rows, actions), wide: Matrix::zeros(rows, features) }
    }
}

impl ExplorationTile {
    pub(super) fn new(rows: usize, features: usize, actions: usize) -> Self {
        Self { squares: Matrix::zeros(rows, features), precisions: Matrix::zeros(rows, actions) }
    }
}

fn left(matrix: &Matrix) -> Left<'_> {
    Left { values: matrix.as_slice(), row_stride: matrix.stride(), k_stride: 1 }
}

fn transposed(matrix: &Matrix) -> Left<'_> {
    Left { values: matrix.as_slice(), row_stride: 1, k_stride: matrix.stride() }
}

impl PackedExploration {
    pub(super) fn empty(features: usize, actions: usize) -> Self {
        Self {
            variances: Matrix::zeros(features, actions),
            transposed: Matrix::zeros(actions, features),
            constant: Matrix::zeros(1, actions),
        }
    }

    /// Takes L, row-major \[features + 1 x actions\].
    pub(super) fn fill(&mut self, parameters: &[f64], transposes: bool) {
        let (features, actions) = (self.variances.rows(), self.variances.columns());
        for i in 0..features {
            for j in 0..actions {
                let variance = libm::exp(2.0 * parameters[i * actions + j]) as f32;
                self.variances.row_mut(i)[j] = variance;
                if transposes {
                    self.transposed.row_mut(j)[i] = variance;
                }
            }
        }
        for j in 0..actions {
            self.constant.row_mut(0)[j] = libm::exp(2.0 * parameters[features * actions + j]) as f32;
        }
    }

    /// Writes the log stds of `rows` rows into columns `first..` of `outputs`.
    pub(super) fn forward(
        &self,
        rows: usize,
        h: &Matrix,
        tile: &mut ExplorationTile,
        first: usize,
        outputs: &mut Matrix,
    ) {
        let features = self.variances.rows();
        let actions = self.variances.columns();
        for row in 0..rows {
            for (square, x) in tile.squares.row_mut(row).iter_mut().zip(h.row(row)) {
                *square = x * x;
            }
        }
        product(
            rows,
            features,
            left(&tile.squares),
            &self.variances,
            Start::Bias(self.constant.as_slice()),
            &mut tile.precisions,
        );
        for row in 0..rows {
            for j in 0..actions {
                let v = tile.precisions.row(row)[j];
                outputs.row_mut(row)[first + j] = (0.5 * libm::log(f64::from(v))) as f32;
                tile.precisions.row_mut(row)[j] = 1.0 / v;
            }
        }
    }

    /// exp(2 L) L', the change of variances by a tangent L' up to the factor 2 that the logarithm's half takes away.
    pub(super) fn moved(&self, tangent: &[f64]) -> Self {
        let (features, actions) = (self.variances.rows(), self.variances.columns());
        let mut moved = Self::empty(features, actions);
        for j in 0..actions {
            for i in 0..features {
                moved.variances.row_mut(i)[j] = self.variances.row(i)[j] * tangent[i * actions + j] as f32;
            }
            moved.constant.row_mut(0)[j] = self.constant.row(0)[j] * tangent[features * actions + j] as f32;
        }
        moved
    }

    /// d log sigma = (1/v) (sum_i h_i h'_i e_i + h_i^2 e_i L'_i), into columns `first..` of `out`.
    /// `h_tangent` is None where h does not depend on the parameters.
    pub(super) fn jvp(
        &self,
        moved: &Self,
        h: &Matrix,
        h_tangent: Option<&Matrix>,
        tile: &ExplorationTile,
        (rows, first, scratch): (usize, usize, &mut ExplorationScratch),
        out: &mut Matrix,
    ) {
        let (features, actions) = (self.variances.rows(), self.variances.columns());
        let bias = Start::Bias(moved.constant.as_slice());
        product(rows, features, left(&tile.squares), &moved.variances, bias, &mut scratch.narrow);
        if let Some(h_tangent) = h_tangent {
            for row in 0..rows {
                for ((w, x), t) in scratch.wide.row_mut(row).iter_mut().zip(h.row(row)).zip(h_tangent.row(row)) {
                    *w = x * t;
                }
            }
            product(rows, features, left(&scratch.wide), &self.variances, Start::Accumulate, &mut scratch.narrow);
        }
        for row in 0..rows {
            for j in 0..actions {
                out.row_mut(row)[first + j] = scratch.narrow.row(row)[j] * tile.precisions.row(row)[j];
            }
        }
    }

    /// cotangent / v, the weight of each row in the sums over h^2 and 1: rows x actions, into `scratch.narrow`.
    pub(super) fn weigh(
        tile: &ExplorationTile,
        (rows, first): (usize, usize),
        cotangent: &Matrix,
        scratch: &mut ExplorationScratch,
    ) {
        for row in 0..rows {
            for (j, precision) in tile.precisions.row(row).iter().enumerate() {
                scratch.narrow.row_mut(row)[j] = cotangent.row(row)[first + j] * precision;
            }
        }
    }

    /// Adds h_i sum_j weighted_j exp(2 L_ij) to the cotangent of h.
    pub(super) fn pull_back(
        &self,
        rows: usize,
        h: &Matrix,
        scratch: &mut ExplorationScratch,
        h_cotangent: &mut Matrix,
    ) {
        product(
            rows,
            self.variances.columns(),
            left(&scratch.narrow),
            &self.transposed,
            Start::Zero,
            &mut scratch.wide,
        );
        for row in 0..rows {
            for ((c, x), w) in h_cotangent.row_mut(row).iter_mut().zip(h.row(row)).zip(scratch.wide.row(row)) {
                *c += x * w;
            }
        }
    }

    /// Adds exp(2 L_ij) sum_rows h_i^2 weighted_j to `gradient`, row-major \[features + 1 x actions\].
    pub(super) fn accumulate(&self, rows: usize, tile: &ExplorationTile, weighted: &Matrix, gradient: &mut [f64]) {
        let (features, actions) = (self.variances.rows(), self.variances.columns());
        let mut sums = vec![0.0; (features + 1) * actions];
        let (wide, constant) = sums.split_at_mut(features * actions);
        add_product(features, rows, transposed(&tile.squares), weighted, actions, wide);
        add_column_sums(rows, weighted, actions, constant);
        for (index, sum) in sums.iter().enumerate() {
            gradient[index] += sum * self.variance(index);
        }
    }

    /// The gradient of one row, written to `gradient`.
    pub(super) fn row_gradient(&self, row: usize, tile: &ExplorationTile, weighted: &Matrix, gradient: &mut [f64]) {
        let actions = self.variances.columns();
        let squares = tile.squares.row(row);
        for (index, slot) in gradient.iter_mut().enumerate() {
            let square = squares.get(index / actions).map_or(1.0, |x| f64::from(*x));
            *slot = self.variance(index) * square * f64::from(weighted.row(row)[index % actions]);
        }
    }

    fn variance(&self, index: usize) -> f64 {
        let (features, actions) = (self.variances.rows(), self.variances.columns());
        let (i, j) = (index / actions, index % actions);
        f64::from(if i < features { self.variances.row(i)[j] } else { self.constant.row(0)[j] })
    }
}
