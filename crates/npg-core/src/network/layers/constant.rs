//! Outputs that are only a bias: the log std of a Gaussian if it does not depend on the state.

use super::super::kernels::{Matrix, add_column_sums};
use super::{Back, Initial, Layer, Purpose, Seen, Substitution};
use crate::random::Stream;

/// `count` outputs, in the columns from `first` on.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Constant {
    pub count: usize,
    pub first: usize,
}

impl Constant {
    fn write(&self, values: &[f32], rows: usize, output: &mut Matrix) {
        let stride = output.stride();
        for row in output.as_mut_slice().chunks_exact_mut(stride).take(rows) {
            row[self.first..][..self.count].iter_mut().zip(values).for_each(|(slot, value)| *slot = *value);
        }
    }
}

impl Layer for Constant {
    type Packed = Vec<f32>;
    type Kept = ();
    /// The sums of the first columns, up to the last one of this layer. Only its own are read.
    type Work = Vec<f64>;

    fn outputs(&self) -> usize {
        self.count
    }

    fn parameters(&self) -> usize {
        self.count
    }

    fn initialize(&self, initial: Initial, theta: &mut [f64], _: &mut Stream) {
        theta.fill(initial.log_std);
    }

    fn room(&self, _: Purpose) -> Vec<f32> {
        vec![0.0; self.count]
    }

    fn pack(&self, theta: &[f64], packed: &mut Vec<f32>) {
        packed.iter_mut().zip(theta).for_each(|(slot, value)| *slot = *value as f32);
    }

    fn kept(&self, _: usize, _: bool) {}

    fn work(&self, _: usize) -> Vec<f64> {
        vec![0.0; self.first + self.count]
    }

    fn forward(&self, packed: &Vec<f32>, rows: usize, _: &Matrix, (): &mut (), output: &mut Matrix) {
        self.write(packed, rows, output);
    }

    fn jvp(&self, seen: Seen<'_, Self>, tangent: &Vec<f32>, _: Option<&Matrix>, _: &mut Vec<f64>, output: &mut Matrix) {
        self.write(tangent, seen.rows, output);
    }

    fn pull_back(&self, _: Seen<'_, Self>, _: &mut Vec<f64>, _: &mut Matrix, back: Option<Back<'_>>) {
        if let Some(back) = back.filter(|back| !back.adds) {
            back.cotangent.as_mut_slice().fill(0.0);
        }
    }

    fn accumulate(&self, seen: Seen<'_, Self>, sums: &mut Vec<f64>, cotangent: &Matrix, gradient: &mut [f64]) {
        sums[self.first..].copy_from_slice(gradient);
        add_column_sums(seen.rows, cotangent, sums.len(), sums);
        gradient.copy_from_slice(&sums[self.first..]);
    }

    fn row_gradient(&self, _: Seen<'_, Self>, row: usize, _: &Vec<f64>, cotangent: &Matrix, gradient: &mut [f64]) {
        let cotangent = &cotangent.row(row)[self.first..];
        gradient.iter_mut().zip(cotangent).for_each(|(slot, c)| *slot = f64::from(*c));
    }

    /// The layer reads no inputs, so nothing has to change.
    fn substitute_inputs(&self, _: &mut [f64], _: &[(f64, f64)]) -> Substitution {
        Substitution::Done
    }
}
