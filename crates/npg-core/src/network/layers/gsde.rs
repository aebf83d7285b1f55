//! State-dependent exploration (gSDE; Raffin, Kober & Stulp 2022): the noise is linear in the inputs h of the last layer.
//!
//! An exploration matrix Z is kept for several steps and adds sum_i h_i Z_ij to action j. Its elements are Z_ij = exp(L_ij)
//! z_ij, where the z are standard normal. A constant feature 1 is appended to h, so that the variance cannot vanish. The
//! marginal distribution of an action given the state is then exactly normal with
//!
//! log sigma_j = 1/2 log v_j,   v_j = sum_i h_i^2 exp(2 L_ij).
//!
//! This layer computes that log std, with exact products through both L and h.

use super::super::kernels::{Left, Matrix, Start, add_column_sums, add_product, product};
use super::{Back, Initial, Layer, Purpose, Seen, Tiles};
use crate::random::Stream;

/// `actions` log stds, in the columns from `first` on. The parameters are L, row-major \[inputs + 1 x actions\]; the last row
/// belongs to the constant feature.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Exploration {
    pub inputs: usize,
    pub actions: usize,
    pub first: usize,
}

/// exp(2 L) in f32, or its change along a tangent. The constant feature is kept apart.
#[derive(Clone, Debug)]
pub(in super::super) struct PackedExploration {
    /// features x actions: exp(2 L). In a tangent L' it is exp(2 L) L', half the change of the variances: the factor 2
    /// cancels against the 1/2 of the logarithm.
    variances: Matrix,
    /// actions x features. It has no rows if nothing reads it.
    transposed: Matrix,
    /// One row, for the constant feature.
    constant: Matrix,
}

/// What a forward pass leaves for the products.
#[derive(Clone, Debug)]
pub(in super::super) struct ExplorationTile {
    /// rows x features: h^2.
    squares: Matrix,
    /// rows x actions: 1 / v.
    precisions: Matrix,
}

/// Working memory of one thread.
#[derive(Clone, Debug)]
pub(in super::super) struct ExplorationWork {
    /// rows x actions. After `pull_back` it holds cotangent / v, the weight of each row in the sums over h^2 and 1.
    narrow: Matrix,
    /// rows x features.
    wide: Matrix,
}

impl Exploration {
    fn variance(&self, packed: &PackedExploration, index: usize) -> f64 {
        let (i, j) = (index / self.actions, index % self.actions);
        f64::from(if i < self.inputs { packed.variances.row(i)[j] } else { packed.constant.row(0)[j] })
    }
}

impl Layer for Exploration {
    type Packed = PackedExploration;
    type Kept = ExplorationTile;
    type Work = ExplorationWork;

    fn outputs(&self) -> usize {
        self.actions
    }

    fn parameters(&self) -> usize {
        (self.inputs + 1) * self.actions
    }

    /// The gradient is scaled after the sum over a tile, so that its rounding depends on the size of the tile.
    fn tiles(&self) -> Tiles {
        Tiles::Few
    }

    fn initialize(&self, initial: Initial, theta: &mut [f64], _: &mut Stream) {
        theta.fill(initial.log_std);
    }

    fn room(&self, purpose: Purpose) -> PackedExploration {
        let is_transposed = purpose == Purpose::Products;
        PackedExploration {
            variances: Matrix::zeros(self.inputs, self.actions),
            transposed: Matrix::zeros(if is_transposed { self.actions } else { 0 }, self.inputs),
            constant: Matrix::zeros(1, self.actions),
        }
    }

    fn pack(&self, theta: &[f64], packed: &mut PackedExploration) {
        let PackedExploration { variances, transposed, constant } = packed;
        for (i, l) in theta.chunks_exact(self.actions).enumerate() {
            for (j, l) in l.iter().enumerate() {
                let variance = libm::exp(2.0 * l) as f32;
                if i == self.inputs {
                    constant.row_mut(0)[j] = variance;
                    continue;
                }
                variances.row_mut(i)[j] = variance;
                if transposed.rows() > 0 {
                    transposed.row_mut(j)[i] = variance;
                }
            }
        }
    }

    fn pack_tangent(&self, at: &PackedExploration, v: &[f64], tangent: &mut PackedExploration) {
        for (i, moved) in v.chunks_exact(self.actions).enumerate() {
            let (from, to) = if i < self.inputs {
                (at.variances.row(i), tangent.variances.row_mut(i))
            } else {
                (at.constant.row(0), tangent.constant.row_mut(0))
            };
            to.iter_mut().zip(from).zip(moved).for_each(|((slot, variance), l)| *slot = variance * *l as f32);
        }
    }

    fn kept(&self, capacity: usize, _: bool) -> ExplorationTile {
        ExplorationTile {
            squares: Matrix::zeros(capacity, self.inputs),
            precisions: Matrix::zeros(capacity, self.actions),
        }
    }

    fn work(&self, rows: usize) -> ExplorationWork {
        ExplorationWork { narrow: Matrix::zeros(rows, self.actions), wide: Matrix::zeros(rows, self.inputs) }
    }

    fn forward(
        &self,
        packed: &PackedExploration,
        rows: usize,
        input: &Matrix,
        kept: &mut ExplorationTile,
        output: &mut Matrix,
    ) {
        let ExplorationTile { squares, precisions } = kept;
        for row in 0..rows {
            for (square, x) in squares.row_mut(row).iter_mut().zip(input.row(row)) {
                *square = x * x;
            }
        }
        let constant = Start::Bias(packed.constant.as_slice());
        product(rows, self.inputs, Left::rows(squares), &packed.variances, constant, precisions);
        for row in 0..rows {
            for (v, slot) in precisions.row_mut(row).iter_mut().zip(&mut output.row_mut(row)[self.first..]) {
                *slot = (0.5 * libm::log(f64::from(*v))) as f32;
                *v = 1.0 / *v;
            }
        }
    }

    /// d log sigma = (1/v) (sum_i h_i h'_i e_i + h_i^2 e_i L'_i).
    fn jvp(
        &self,
        seen: Seen<'_, Self>,
        tangent: &PackedExploration,
        moved: Option<&Matrix>,
        work: &mut ExplorationWork,
        output: &mut Matrix,
    ) {
        let (rows, kept) = (seen.rows, seen.kept);
        let constant = Start::Bias(tangent.constant.as_slice());
        product(rows, self.inputs, Left::rows(&kept.squares), &tangent.variances, constant, &mut work.narrow);
        if let Some(moved) = moved {
            for row in 0..rows {
                for ((w, x), t) in work.wide.row_mut(row).iter_mut().zip(seen.input.row(row)).zip(moved.row(row)) {
                    *w = x * t;
                }
            }
            let (left, variances) = (Left::rows(&work.wide), &seen.packed.variances);
            product(rows, self.inputs, left, variances, Start::Accumulate, &mut work.narrow);
        }
        for row in 0..rows {
            let moved = work.narrow.row(row).iter().zip(kept.precisions.row(row));
            output.row_mut(row)[self.first..].iter_mut().zip(moved).for_each(|(slot, (x, p))| *slot = x * p);
        }
    }

    /// Adds h_i sum_j weighted_j exp(2 L_ij) to the cotangent of h.
    fn pull_back(
        &self,
        seen: Seen<'_, Self>,
        work: &mut ExplorationWork,
        cotangent: &mut Matrix,
        back: Option<Back<'_>>,
    ) {
        let ExplorationWork { narrow, wide } = work;
        for row in 0..seen.rows {
            let cotangent = cotangent.row(row)[self.first..].iter().zip(seen.kept.precisions.row(row));
            narrow.row_mut(row).iter_mut().zip(cotangent).for_each(|(slot, (c, p))| *slot = c * p);
        }
        let Some(back) = back else { return };
        product(seen.rows, self.actions, Left::rows(narrow), &seen.packed.transposed, Start::Zero, wide);
        for row in 0..seen.rows {
            let terms = seen.input.row(row).iter().zip(wide.row(row));
            for (slot, (x, w)) in back.cotangent.row_mut(row).iter_mut().zip(terms) {
                *slot = if back.adds { *slot + x * w } else { x * w };
            }
        }
    }

    /// Adds exp(2 L_ij) sum_rows h_i^2 weighted_j.
    fn accumulate(&self, seen: Seen<'_, Self>, work: &mut ExplorationWork, _: &Matrix, gradient: &mut [f64]) {
        let (rows, weighted) = (seen.rows, &work.narrow);
        let mut sums = vec![0.0; gradient.len()];
        let (wide, constant) = sums.split_at_mut(self.inputs * self.actions);
        add_product(self.inputs, rows, Left::columns(&seen.kept.squares), weighted, self.actions, wide);
        add_column_sums(rows, weighted, self.actions, constant);
        for (index, (slot, sum)) in gradient.iter_mut().zip(&sums).enumerate() {
            *slot += sum * self.variance(seen.packed, index);
        }
    }

    fn row_gradient(&self, seen: Seen<'_, Self>, row: usize, work: &ExplorationWork, _: &Matrix, gradient: &mut [f64]) {
        let squares = seen.kept.squares.row(row);
        for (index, slot) in gradient.iter_mut().enumerate() {
            let square = squares.get(index / self.actions).map_or(1.0, |x| f64::from(*x));
            let weighted = f64::from(work.narrow.row(row)[index % self.actions]);
            *slot = self.variance(seen.packed, index) * square * weighted;
        }
    }

    fn exploration<'a>(&self, theta: &'a [f64]) -> Option<&'a [f64]> {
        Some(theta)
    }
}
