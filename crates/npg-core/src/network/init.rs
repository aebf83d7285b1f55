//! Initial parameters (orthogonal weights with a gain, Saxe 2014, and zero biases), and functions that rewrite parameters.

use super::Network;
use super::kernels::{axpy, dot};
use super::layers::{Initial, Layer, Substitution};
use crate::random::Stream;

/// A random matrix with orthonormal rows or columns (whichever are fewer) times `gain`, row-major \[rows x columns\].
///
/// It is the Q of a QR decomposition of normal numbers, computed with Householder reflections. R has a positive diagonal, so
/// that Q is uniformly distributed (Mezzadri 2007).
pub fn orthogonal(rows: usize, columns: usize, gain: f64, rng: &mut Stream) -> Vec<f64> {
    let (tall, wide) = (rows.max(columns), rows.min(columns));
    let mut vectors: Vec<Vec<f64>> = (0..wide).map(|_| (0..tall).map(|_| rng.normal()).collect()).collect(); // columns
    let signs: Vec<f64> = (0..wide).map(|k| reflect(&mut vectors, k)).collect();
    // Q is the product of the reflections. They are applied to unit vectors, from the last to the first.
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

/// Applies the reflection that makes column `k` vanish below its diagonal element, to the columns from `k` on. Returns the
/// sign of that element. Column `k` then holds the unit normal of the reflection.
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
    /// Orthogonal weights (with gain sqrt 2 in hidden layers and `output_gain` in the last), zero biases, and `log_std` in
    /// the constant outputs and in the exploration parameters. Other layers choose their own initial values.
    pub fn initial(&self, output_gain: f64, log_std: f64, rng: &mut Stream) -> Vec<f64> {
        let mut theta = vec![0.0; self.parameters];
        for (index, placed) in self.layers.iter().enumerate() {
            let gain = if index < self.hidden { std::f64::consts::SQRT_2 } else { output_gain };
            placed.layer.initialize(Initial { gain, log_std }, &mut theta[placed.parameters.clone()], rng);
        }
        theta
    }

    /// Rewrites parameters for inputs x' in place of x = a x' + b, so that the outputs do not change. `relation` has (a, b)
    /// for each input. The map is linear, so it also serves for directions in parameter space. Nothing changes if one of the
    /// layers that read the inputs cannot be rewritten: fixed features, or exploration that is linear in the inputs.
    pub fn substitute_inputs(&self, theta: &mut [f64], relation: &[(f64, f64)]) {
        let mut rewritten = theta.to_vec();
        if self.substitute(0, &mut rewritten, relation) {
            theta.copy_from_slice(&rewritten);
        }
    }

    /// Rewrites the layers from `index` on, and says whether that is possible.
    fn substitute(&self, index: usize, theta: &mut [f64], relation: &[(f64, f64)]) -> bool {
        let readers = if self.hidden > index { &self.layers[index..=index] } else { &self.layers[self.hidden..] };
        readers.iter().all(|placed| {
            match placed.layer.substitute_inputs(&mut theta[placed.parameters.clone()], relation) {
                Substitution::Impossible => false,
                Substitution::Done => true,
                Substitution::Left(relation) => {
                    relation.iter().all(|own| *own == (1.0, 0.0)) || self.substitute(index + 1, theta, &relation)
                }
            }
        })
    }

    /// Writes the initial parameters of all layers. All of them are zero before.
    pub(super) fn initialize(&self, initial: Initial, theta: &mut [f64], rng: &mut Stream) {
        for placed in &self.layers {
            placed.layer.initialize(initial, &mut theta[placed.parameters.clone()], rng);
        }
    }

    /// Replaces each affine output y by factor * y + shift.
    pub fn transform_output(&self, theta: &mut [f64], factor: f64, shift: f64) {
        for placed in self.heads() {
            placed.layer.transform_output(&mut theta[placed.parameters.clone()], factor, shift);
        }
    }

    /// Sets the biases of the affine outputs from `first` on.
    pub fn set_last_biases(&self, theta: &mut [f64], first: usize, value: f64) {
        for placed in self.heads() {
            placed.layer.set_biases(&mut theta[placed.parameters.clone()], first, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    /// The decomposition with a positive diagonal in R is unique, so that of a library must be the same.
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
