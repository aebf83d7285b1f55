//! Random Fourier features with fixed random weights (Rahimi & Recht 2007), as Rajeswaran 2017 uses them:
//! phi_i(s) = sin(sum_j P_ij s_j / nu + phase_i), P_ij ~ N(0, 1), phase_i ~ U(-pi, pi), nu a typical distance of states.

use super::kernels::{Left, Matrix, Start, product, sine};
use crate::random::Stream;

/// Fixed features in front of a network's first layer.
#[derive(Clone, Debug, PartialEq)]
pub struct FourierFeatures {
    /// inputs x features.
    weights: Matrix,
    /// One row.
    phases: Matrix,
}

impl FourierFeatures {
    /// `count` features of `inputs` inputs. `bandwidth` is nu in units of sqrt(2 inputs), the mean distance of two
    /// normalized observations.
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

    /// Number of features.
    pub fn count(&self) -> usize {
        self.weights.columns()
    }

    /// Writes the features of the first `rows` rows of `inputs`.
    pub(super) fn compute(&self, rows: usize, inputs: &Matrix, features: &mut Matrix) {
        let left = Left { values: inputs.as_slice(), row_stride: inputs.stride(), k_stride: 1 };
        product(rows, self.weights.rows(), left, &self.weights, Start::Bias(self.phases.as_slice()), features);
        for row in 0..rows {
            sine(features.row_mut(row));
        }
    }

    /// All constants, for a checkpoint: weights row-major \[inputs x features\], then phases.
    pub fn constants(&self) -> Vec<f32> {
        (0..self.weights.rows()).flat_map(|r| self.weights.row(r)).chain(self.phases.row(0)).copied().collect()
    }

    /// Restores what [`FourierFeatures::constants`] gave, if the length fits.
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
