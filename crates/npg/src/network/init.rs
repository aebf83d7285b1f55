//! Initial parameters: orthogonal weights with a gain (Saxe 2014), zero biases.

use super::kernels::{Activation, axpy, dot};
use super::{Layer, Network};
use crate::random::Stream;

/// A random matrix with orthonormal rows or columns (whichever are fewer), times `gain`: row-major \[rows x columns\].
///
/// Q of the QR decomposition of normal numbers, by Householder's reflections, with R's diagonal positive, so that Q is
/// uniformly distributed (Mezzadri 2007).
pub fn orthogonal(rows: usize, columns: usize, gain: f64, rng: &mut Stream) -> Vec<f64> {
    let (tall, wide) = (rows.max(columns), rows.min(columns));
    let mut vectors: Vec<Vec<f64>> = (0..wide).map(|_| (0..tall).map(|_| rng.normal()).collect()).collect(); // columns
    let signs: Vec<f64> = (0..wide).map(|k| reflect(&mut vectors, k)).collect();
    // Q is the product of the reflections, applied to unit vectors from the last to the first.
    let mut q = vec![vec![0.0; tall]; wide];
    for (j, column) in q.iter_mut().enumerate() {
        column[j] = gain * signs[j];
        for (k, vector) in vectors.iter().enumerate().take(j + 1).rev() {
            let share = -2.0 * dot(&vector[k..], &column[k..]);
            axpy(share, &vector[k..], &mut column[k..]);
        }
    }
    let entry = |i: usize, j: usize| if rows >= columns { q[j][i] } else { q[i][j] };
    (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))).map(|(i, j)| entry(i, j)).collect()
}

/// Reflects the columns from `k` on so that column `k` ends at its diagonal element, whose sign is given; from there on it then
/// holds the reflection's unit normal.
fn reflect(columns: &mut [Vec<f64>], k: usize) -> f64 {
    let (before, after) = columns.split_at_mut(k + 1);
    let normal = &mut before[k][k..];
    let sign = if normal[0] < 0.0 { 1.0 } else { -1.0 }; // away from the element, so that no digits are lost
    normal[0] -= sign * dot(normal, normal).sqrt();
    let length = dot(normal, normal).sqrt();
    normal.iter_mut().for_each(|x| *x /= length);
    for column in after {
        let share = -2.0 * dot(normal, &column[k..]);
        axpy(share, normal, &mut column[k..]);
    }
    sign
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    /// The decomposition with a positive diagonal in R is unique, so a library's must be the same.
    #[test]
    fn orthogonal_weights_are_the_q_of_normal_numbers() {
        for (rows, columns) in [(1, 1), (5, 3), (3, 5), (64, 64), (17, 100)] {
            let stream = || Stream::new(3, Purpose::Test, 9);
            let (tall, wide) = (rows.max(columns), rows.min(columns));
            let mut rng = stream();
            let mut normals = faer::Mat::zeros(tall, wide);
            (0..wide).for_each(|j| (0..tall).for_each(|i| normals[(i, j)] = rng.normal()));
            let qr = normals.qr();
            let (q, r) = (qr.compute_thin_Q(), qr.thin_R());
            let ours = orthogonal(rows, columns, 2.0, &mut stream());
            for i in 0..rows {
                for j in 0..columns {
                    let (row, column) = if rows >= columns { (i, j) } else { (j, i) };
                    let expected = 2.0 * q[(row, column)] * r[(column, column)].signum();
                    assert!((ours[i * columns + j] - expected).abs() < 1e-13, "{rows} x {columns}: {i}, {j}");
                }
            }
        }
    }
}
