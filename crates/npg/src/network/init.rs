//! Initial parameters: orthogonal weights with a gain (Saxe 2014), zero biases.

use super::{Layer, Network, kernels::Activation};
use crate::random::Stream;
use faer::Mat;

/// A random matrix with orthonormal rows or columns (whichever are fewer), times `gain`: row-major \[rows x columns\].
pub fn orthogonal(rows: usize, columns: usize, gain: f64, rng: &mut Stream) -> Vec<f64> {
    let (tall, wide) = (rows.max(columns), rows.min(columns));
    let gaussian = Mat::from_fn(tall, wide, |_, _| rng.normal());
    let qr = gaussian.qr();
    let q = qr.compute_thin_Q();
    let r = qr.thin_R();
    let entry = |i: usize, j: usize| {
        // The signs of R's diagonal make Q uniformly distributed (Mezzadri 2007).
        let sign = if r[(j, j)] < 0.0 { -gain } else { gain };
        sign * q[(i, j)]
    };
    let mut values = Vec::with_capacity(rows * columns);
    for i in 0..rows {
        for j in 0..columns {
            values.push(if rows >= columns { entry(i, j) } else { entry(j, i) });
        }
    }
    values
}

impl Network {
    /// Orthogonal weights (gain sqrt 2 in hidden layers, `output_gain` in the last), zero biases, and `log_std` in the
    /// constant outputs and the exploration's parameters.
    pub fn initial(&self, output_gain: f64, log_std: f64, rng: &mut Stream) -> Vec<f64> {
        let mut theta = vec![0.0; self.parameters];
        for (index, layer) in self.layers.iter().enumerate() {
            let last = index + 1 == self.layers.len();
            let gain = match self.activation {
                _ if last => output_gain,
                Activation::Tanh | Activation::Relu | Activation::Gelu | Activation::Silu => std::f64::consts::SQRT_2,
            };
            let weights = orthogonal(layer.inputs, layer.outputs, gain, rng);
            theta[layer.weights..layer.biases].copy_from_slice(&weights);
            theta[layer.biases + layer.outputs..][..layer.constants].fill(log_std);
        }
        if let Some((_, start)) = self.exploration {
            theta[start..].fill(log_std);
        }
        theta
    }

    /// Rewrites parameters for inputs x' in place of x = a x' + b, with (a, b) of each input in `relation`, so that the
    /// outputs stay: W'_jk = a_j W_jk, b'_k = b_k + sum_j b_j W_jk. The map is linear, so it serves directions in the space
    /// of parameters too. Nothing is done where that cannot be: behind fixed features, or if exploration is linear in the
    /// inputs themselves.
    pub fn substitute_inputs(&self, theta: &mut [f64], relation: &[(f64, f64)]) {
        if self.features.is_some() || (self.exploration.is_some() && self.layers.len() == 1) {
            return;
        }
        let Layer { outputs, weights, biases, .. } = self.layers[0];
        let (matrix, rest) = theta[weights..].split_at_mut(biases - weights);
        for (row, (a, b)) in matrix.chunks_exact_mut(outputs).zip(relation) {
            for (weight, bias) in row.iter_mut().zip(&mut *rest) {
                *bias += b * *weight;
                *weight *= a;
            }
        }
    }

    /// Makes each output y of the last affine layer factor y + shift.
    pub fn transform_output(&self, theta: &mut [f64], factor: f64, shift: f64) {
        let last = self.last();
        theta[last.weights..last.biases + last.outputs].iter_mut().for_each(|weight| *weight *= factor);
        theta[last.biases..last.biases + last.outputs].iter_mut().for_each(|bias| *bias += shift);
    }

    /// Sets the biases of the last layer's affine outputs from `first` on.
    pub fn set_last_biases(&self, theta: &mut [f64], first: usize, value: f64) {
        let last = self.last();
        theta[last.biases + first..last.biases + last.outputs].fill(value);
    }
}
