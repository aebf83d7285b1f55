//! Layer normalization (Ba, Kiros & Hinton 2016, equations 3 and 4), followed by the activation function:
//!
//! h = activation(g x + b),   x = (z - mean(z)) / sigma,   sigma^2 = mean((z - mean(z))^2) + [`EPSILON`].
//!
//! z are the sums of a dense layer in one row. The means are over its units, and each unit has its own gain g and bias b. No
//! row reads another one, so samples stay independent. A change z' of z changes x by exactly
//!
//! x' = (z' - mean(z') - x mean(x z')) / sigma,
//!
//! whatever `EPSILON` is. This map is symmetric: the same formula turns cotangents of x into cotangents of z.

use super::super::kernels::{Activation, LANE, Matrix, add_column_sums};
use super::activation::{self, Slopes, multiply_by_slopes};
use super::{Back, Initial, Layer, Purpose, Seen};
use crate::random::Stream;

/// Keeps sigma positive if all sums of a row are equal.
const EPSILON: f64 = 1e-5;

/// `width` units. The parameters are the gains, which start at 1, and then the biases.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct LayerNorm {
    pub width: usize,
    pub activation: Activation,
}

/// f32 copies of the parameters.
#[derive(Clone, Debug)]
pub(in super::super) struct PackedLayerNorm {
    gains: Vec<f32>,
    biases: Vec<f32>,
}

/// What a forward pass leaves for the products.
#[derive(Clone, Debug)]
pub(in super::super) struct LayerNormTile {
    /// rows x units: x. It has no rows unless products follow.
    standardized: Matrix,
    /// 1 / sigma of each row.
    precisions: Vec<f32>,
    slopes: Slopes,
}

impl Layer for LayerNorm {
    type Packed = PackedLayerNorm;
    type Kept = LayerNormTile;
    /// rows x units.
    type Work = Matrix;

    fn outputs(&self) -> usize {
        self.width
    }

    fn parameters(&self) -> usize {
        2 * self.width
    }

    fn initialize(&self, _: Initial, theta: &mut [f64], _: &mut Stream) {
        theta[..self.width].fill(1.0);
    }

    fn room(&self, _: Purpose) -> PackedLayerNorm {
        PackedLayerNorm { gains: vec![0.0; self.width], biases: vec![0.0; self.width] }
    }

    fn pack(&self, theta: &[f64], packed: &mut PackedLayerNorm) {
        let slots = packed.gains.iter_mut().chain(&mut packed.biases);
        slots.zip(theta).for_each(|(slot, value)| *slot = *value as f32);
    }

    fn kept(&self, capacity: usize, products: bool) -> LayerNormTile {
        LayerNormTile {
            standardized: Matrix::zeros(if products { capacity } else { 0 }, self.width),
            precisions: vec![0.0; if products { capacity } else { 0 }],
            slopes: activation::slopes(Some(self.activation), capacity, self.width, products),
        }
    }

    fn work(&self, rows: usize) -> Matrix {
        Matrix::zeros(rows, self.width)
    }

    fn forward(
        &self,
        packed: &PackedLayerNorm,
        rows: usize,
        input: &Matrix,
        kept: &mut LayerNormTile,
        output: &mut Matrix,
    ) {
        for row in 0..rows {
            let to = output.row_mut(row);
            let precision = standardize(input.row(row), to);
            if let Some(slot) = kept.precisions.get_mut(row) {
                *slot = precision;
                kept.standardized.row_mut(row).copy_from_slice(to);
            }
            for ((slot, gain), bias) in to.iter_mut().zip(&packed.gains).zip(&packed.biases) {
                *slot = gain * *slot + bias;
            }
        }
        activation::apply(self.activation, rows, output, &mut kept.slopes);
    }

    /// slope (g x' + g' x + b').
    fn jvp(
        &self,
        seen: Seen<'_, Self>,
        tangent: &PackedLayerNorm,
        moved: Option<&Matrix>,
        _: &mut Matrix,
        output: &mut Matrix,
    ) {
        for row in 0..seen.rows {
            let (x, to) = (seen.kept.standardized.row(row), output.row_mut(row));
            for (((slot, x), gain), bias) in to.iter_mut().zip(x).zip(&tangent.gains).zip(&tangent.biases) {
                *slot = gain * x + bias;
            }
            if let Some(moved) = moved {
                let moved = change(x, seen.kept.precisions[row], moved.row(row));
                to.iter_mut().zip(moved).zip(&seen.packed.gains).for_each(|((slot, x), gain)| *slot += gain * x);
            }
        }
        multiply_by_slopes(self.activation, seen.rows, (seen.output, &seen.kept.slopes), output);
    }

    fn pull_back(&self, seen: Seen<'_, Self>, work: &mut Matrix, cotangent: &mut Matrix, back: Option<Back<'_>>) {
        multiply_by_slopes(self.activation, seen.rows, (seen.output, &seen.kept.slopes), cotangent);
        let Some(Back { cotangent: back, adds }) = back else { return };
        for row in 0..seen.rows {
            let of_x = work.row_mut(row);
            let terms = cotangent.row(row).iter().zip(&seen.packed.gains);
            of_x.iter_mut().zip(terms).for_each(|(slot, (c, gain))| *slot = c * gain);
            let of_z = change(seen.kept.standardized.row(row), seen.kept.precisions[row], of_x);
            for (slot, c) in back.row_mut(row).iter_mut().zip(of_z) {
                *slot = if adds { *slot + c } else { c };
            }
        }
    }

    fn accumulate(&self, seen: Seen<'_, Self>, work: &mut Matrix, cotangent: &Matrix, gradient: &mut [f64]) {
        for row in 0..seen.rows {
            let terms = cotangent.row(row).iter().zip(seen.kept.standardized.row(row));
            work.row_mut(row).iter_mut().zip(terms).for_each(|(slot, (c, x))| *slot = c * x);
        }
        let (gains, biases) = gradient.split_at_mut(self.width);
        add_column_sums(seen.rows, work, self.width, gains);
        add_column_sums(seen.rows, cotangent, self.width, biases);
    }

    fn row_gradient(&self, seen: Seen<'_, Self>, row: usize, _: &Matrix, cotangent: &Matrix, gradient: &mut [f64]) {
        let (gains, biases) = gradient.split_at_mut(self.width);
        let slots = gains.iter_mut().zip(biases);
        let values = cotangent.row(row).iter().zip(seen.kept.standardized.row(row));
        for ((gain, bias), (c, x)) in slots.zip(values) {
            (*gain, *bias) = (f64::from(*c) * f64::from(*x), f64::from(*c));
        }
    }
}

/// Writes x for one row of sums. Returns 1 / sigma.
fn standardize(sums: &[f32], x: &mut [f32]) -> f32 {
    let units = sums.len() as f64;
    let mean = (total(sums) / units) as f32;
    x.iter_mut().zip(sums).for_each(|(x, sum)| *x = sum - mean);
    let precision = (1.0 / (inner(x, x) / units + EPSILON).sqrt()) as f32;
    x.iter_mut().for_each(|x| *x *= precision);
    precision
}

/// (z' - mean(z') - x mean(x z')) / sigma for one row: the change of x along z', or the cotangent of z for a cotangent of x.
fn change(x: &[f32], precision: f32, moved: &[f32]) -> impl Iterator<Item = f32> {
    let units = x.len() as f64;
    let (mean, along) = ((total(moved) / units) as f32, (inner(x, moved) / units) as f32);
    x.iter().zip(moved).map(move |(x, moved)| (moved - mean - x * along) * precision)
}

/// The sum of all values, in an order that is the same on every CPU: [`LANE`] partial sums side by side, which are then added
/// in f64.
fn total(values: &[f32]) -> f64 {
    let (lines, rest) = values.as_chunks::<LANE>();
    let mut sums = [0.0; LANE];
    for line in lines {
        sums.iter_mut().zip(line).for_each(|(sum, value)| *sum += value);
    }
    sums.iter_mut().zip(rest).for_each(|(sum, value)| *sum += value);
    sums.into_iter().map(f64::from).sum()
}

/// The inner product, summed in the same order as [`total`].
fn inner(a: &[f32], b: &[f32]) -> f64 {
    let ((lines_of_a, rest_of_a), (lines_of_b, rest_of_b)) = (a.as_chunks::<LANE>(), b.as_chunks::<LANE>());
    let mut sums = [0.0; LANE];
    for (a, b) in lines_of_a.iter().zip(lines_of_b) {
        sums.iter_mut().zip(a).zip(b).for_each(|((sum, a), b)| *sum += a * b);
    }
    sums.iter_mut().zip(rest_of_a).zip(rest_of_b).for_each(|((sum, a), b)| *sum += a * b);
    sums.into_iter().map(f64::from).sum()
}
