//! Random Fourier features with fixed random weights (Rahimi & Recht 2007), in the form of Rajeswaran 2017: phi_i(s) =
//! sin(sum_j P_ij s_j / nu + phase_i), with P_ij ~ N(0, 1), phase_i ~ U(-pi, pi), and nu a typical distance of states.

use super::super::kernels::{Left, Matrix, Start, product, sine};
use super::{Back, Initial, Layer, Purpose, Seen};
use crate::random::Stream;

/// Fixed features, in front of the first layer of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct FourierFeatures {
    /// inputs x features.
    weights: Matrix,
    /// One row.
    phases: Matrix,
}

impl FourierFeatures {
    /// `count` features of `inputs` inputs. `bandwidth` is nu in units of sqrt(2 inputs), the root mean square distance of
    /// two normalized observations.
    pub fn new(inputs: usize, count: usize, bandwidth: f64, rng: &mut Stream) -> Self {
        let scale = 1.0 / (bandwidth * (2.0 * inputs as f64).sqrt());
        let mut features = Self { weights: Matrix::zeros(inputs, count), phases: Matrix::zeros(1, count) };
        for input in 0..inputs {
            for weight in features.weights.row_mut(input) {
                *weight = (rng.normal() * scale) as f32;
            }
        }
        for phase in features.phases.row_mut(0) {
            *phase = rng.uniform(-std::f64::consts::PI, std::f64::consts::PI) as f32;
        }
        features
    }

    /// The number of inputs.
    pub fn inputs(&self) -> usize {
        self.weights.rows()
    }

    /// The number of features.
    pub fn count(&self) -> usize {
        self.weights.columns()
    }

    /// All constants, for a checkpoint: the weights, row-major \[inputs x features\], and then the phases.
    pub fn constants(&self) -> Vec<f32> {
        (0..self.weights.rows()).flat_map(|r| self.weights.row(r)).chain(self.phases.row(0)).copied().collect()
    }

    /// The features with the constants that [`FourierFeatures::constants`] returned; `None` if their number does not fit.
    pub fn from_constants(inputs: usize, count: usize, constants: &[f32]) -> Option<Self> {
        if constants.len() != (inputs + 1) * count {
            return None;
        }
        let mut features = Self { weights: Matrix::zeros(inputs, count), phases: Matrix::zeros(1, count) };
        for (row, values) in constants.chunks_exact(count.max(1)).enumerate() {
            let target = if row < inputs { features.weights.row_mut(row) } else { features.phases.row_mut(0) };
            target.copy_from_slice(values);
        }
        Some(features)
    }
}

/// Products skip the layers in front of all parameters, because nothing changes there.
const NOTHING_MOVES: &str = "fixed features are in front of all parameters";

impl Layer for FourierFeatures {
    type Packed = ();
    type Kept = ();
    type Work = ();

    fn outputs(&self) -> usize {
        self.count()
    }

    fn parameters(&self) -> usize {
        0
    }

    fn initialize(&self, _: Initial, _: &mut [f64], _: &mut Stream) {}

    fn room(&self, _: Purpose) {}

    fn pack(&self, _: &[f64], (): &mut ()) {}

    fn kept(&self, _: usize, _: bool) {}

    fn work(&self, _: usize) {}

    fn forward(&self, (): &(), rows: usize, input: &Matrix, (): &mut (), output: &mut Matrix) {
        let phases = Start::Bias(self.phases.as_slice());
        product(rows, self.weights.rows(), Left::rows(input), &self.weights, phases, output);
        for row in 0..rows {
            sine(output.row_mut(row));
        }
    }

    fn jvp(&self, _: Seen<'_, Self>, (): &(), _: Option<&Matrix>, (): &mut (), _: &mut Matrix) {
        unreachable!("{NOTHING_MOVES}");
    }

    fn pull_back(&self, _: Seen<'_, Self>, (): &mut (), _: &mut Matrix, _: Option<Back<'_>>) {
        unreachable!("{NOTHING_MOVES}");
    }

    fn accumulate(&self, _: Seen<'_, Self>, (): &mut (), _: &Matrix, _: &mut [f64]) {
        unreachable!("{NOTHING_MOVES}");
    }

    fn row_gradient(&self, _: Seen<'_, Self>, _: usize, (): &(), _: &Matrix, _: &mut [f64]) {
        unreachable!("{NOTHING_MOVES}");
    }
}
