//! Embedding: the input is an index, and the output is that row of a table, which is learned (as in Bengio et al. 2003, section
//! 2). It is a dense layer of one-hot vectors without biases that never writes them down. The parameters are the table, row-major
//! \[count x width\].

use super::super::kernels::Matrix;
use super::{Back, Initial, Layer, Purpose, Seen};
use crate::random::Stream;
use std::sync::Arc;

/// A table with a row of `width` numbers for each of `count` values.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Embedding {
    pub count: usize,
    pub width: usize,
    /// The values that have rows, in ascending order, if they are not all.
    pub present: Option<Arc<[usize]>>,
}

impl Embedding {
    fn rows(&self) -> usize {
        self.present.as_ref().map_or(self.count, |present| present.len())
    }

    /// The row of the table for row `row` of the inputs. An index beyond the table, which only a damaged file can have, is moved
    /// into it.
    fn index(&self, input: &Matrix, row: usize) -> usize {
        let value = input.row(row)[0] as usize;
        let found = self.present.as_ref().map_or(value, |present| present.partition_point(|own| *own < value));
        found.min(self.rows() - 1)
    }

    /// Copies the rows of `table` that are chosen by `input`.
    fn choose(&self, table: &[f32], rows: usize, input: &Matrix, output: &mut Matrix) {
        for row in 0..rows {
            let first = self.index(input, row) * self.width;
            output.row_mut(row).copy_from_slice(&table[first..first + self.width]);
        }
    }
}

impl Layer for Embedding {
    /// The table.
    type Packed = Vec<f32>;
    type Kept = ();
    type Work = ();

    fn outputs(&self) -> usize {
        self.width
    }

    fn parameters(&self) -> usize {
        self.rows() * self.width
    }

    /// Standard normal numbers, of the size of normalized observations.
    fn initialize(&self, _: Initial, theta: &mut [f64], rng: &mut Stream) {
        theta.iter_mut().for_each(|slot| *slot = rng.normal());
    }

    fn room(&self, _: Purpose) -> Vec<f32> {
        vec![0.0; self.parameters()]
    }

    fn pack(&self, theta: &[f64], packed: &mut Vec<f32>) {
        packed.iter_mut().zip(theta).for_each(|(slot, x)| *slot = *x as f32);
    }

    fn kept(&self, _: usize, _: bool) {}

    fn work(&self, _: usize) {}

    fn forward(&self, packed: &Vec<f32>, rows: usize, input: &Matrix, (): &mut (), output: &mut Matrix) {
        self.choose(packed, rows, input, output);
    }

    fn jvp(&self, seen: Seen<'_, Self>, tangent: &Vec<f32>, _: Option<&Matrix>, (): &mut (), output: &mut Matrix) {
        self.choose(tangent, seen.rows, seen.input, output);
    }

    /// An index has no cotangent.
    fn pull_back(&self, _: Seen<'_, Self>, (): &mut (), _: &mut Matrix, _: Option<Back<'_>>) {}

    fn accumulate(&self, seen: Seen<'_, Self>, (): &mut (), cotangent: &Matrix, gradient: &mut [f64]) {
        for row in 0..seen.rows {
            let first = self.index(seen.input, row) * self.width;
            let slots = &mut gradient[first..first + self.width];
            slots.iter_mut().zip(cotangent.row(row)).for_each(|(slot, c)| *slot += f64::from(*c));
        }
    }

    fn row_gradient(&self, seen: Seen<'_, Self>, row: usize, (): &(), cotangent: &Matrix, gradient: &mut [f64]) {
        gradient.fill(0.0);
        let first = self.index(seen.input, row) * self.width;
        let slots = &mut gradient[first..first + self.width];
        slots.iter_mut().zip(cotangent.row(row)).for_each(|(slot, c)| *slot = f64::from(*c));
    }
}
