//! Ridge regression on features of observation and time (Duan et al. 2016, section 3.2): o, o^2, t, t^2, t^3 and 1. The
//! observations o are clipped to +-10, and the time t is in hundreds of steps.

use super::{Fit, Visited};
use crate::network::kernels::axpy;
use crate::reduce::Reducer;
use crate::solve::{Dense, Factor};

/// The number of rows whose features are computed at a time.
const BLOCK: usize = 256;

/// The number of features that do not depend on the observation.
pub const TIME_FEATURES: usize = 4;

/// A linear function of the features.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearBaseline {
    /// One weight for each feature: o, o^2, t, t^2, t^3, 1.
    pub weights: Vec<f64>,
    ridge: f64,
}

impl LinearBaseline {
    pub(super) fn new(inputs: usize, ridge: f64) -> Self {
        Self { weights: vec![0.0; 2 * inputs + TIME_FEATURES], ridge }
    }

    /// Replaces V by factor * V + shift.
    pub(super) fn transform(&mut self, factor: f64, shift: f64) {
        self.weights.iter_mut().for_each(|weight| *weight *= factor);
        *self.weights.last_mut().expect("the last feature is 1") += shift;
    }

    fn inputs(&self) -> usize {
        (self.weights.len() - TIME_FEATURES) / 2
    }

    /// Rewrites V for inputs x' in place of x = a x' + b. `relation` has (a, b) for each input. V stays the same function
    /// wherever neither x nor x' is clipped.
    pub(super) fn substitute_inputs(&mut self, relation: &[(f64, f64)]) {
        let inputs = self.inputs();
        let last = self.weights.len() - 1;
        for (j, (a, b)) in relation.iter().enumerate() {
            let (linear, square) = (self.weights[j], self.weights[inputs + j]);
            self.weights[j] = a * (linear + 2.0 * b * square);
            self.weights[inputs + j] = a * a * square;
            self.weights[last] += b * (linear + b * square);
        }
    }

    fn features(input: &[f32], step: u32, features: &mut [f64]) {
        for (j, x) in input.iter().enumerate() {
            let x = f64::from(*x).clamp(-10.0, 10.0);
            features[j] = x;
            features[input.len() + j] = x * x;
        }
        let t = f64::from(step) / 100.0;
        features[2 * input.len()..].copy_from_slice(&[t, t * t, t * t * t, 1.0]);
    }

    pub(super) fn predict(&self, states: Visited<'_>) -> Vec<f64> {
        let mut features = vec![0.0; self.weights.len()];
        let mut input = vec![0.0; self.inputs()];
        (0..states.inputs.rows())
            .map(|row| {
                states.inputs.write(row, &mut input);
                Self::features(&input, states.steps[row], &mut features);
                features.iter().zip(&self.weights).map(|(f, w)| f * w).sum()
            })
            .collect()
    }

    /// Solves (Phi^T Phi + ridge N I) w = Phi^T y. If the matrix is singular, the ridge grows tenfold, up to five times. It
    /// starts from its configured value, or from 1e-10 of the mean square of the features if that is more.
    pub(super) fn fit(&mut self, reducer: &Reducer, states: Visited<'_>, targets: &[f64]) -> Fit {
        let (rows, width) = (reducer.rows(), self.weights.len());
        let (gram, right) = self.products(reducer, states, targets);
        let mean_square = (0..width).map(|i| gram[(i, i)]).sum::<f64>() / (rows * width) as f64;
        let mut ridge = self.ridge;
        for _ in 0..=5 {
            let mut damped = gram.clone();
            for i in 0..width {
                damped[(i, i)] += ridge * rows as f64;
            }
            if let Some(weights) = Factor::of(damped).map(|factor| factor.solve(&right))
                && weights.iter().all(|weight| weight.is_finite())
            {
                self.weights = weights;
                let values = self.predict(states);
                return Fit { loss: reducer.mean_of(|row| (values[row] - targets[row]).powi(2)), accepted: true };
            }
            ridge = 10.0 * ridge.max(1e-10 * mean_square);
        }
        Fit { loss: f64::NAN, accepted: false }
    }

    /// The products Phi^T Phi and Phi^T y, where Phi are the features of all rows.
    fn products(&self, reducer: &Reducer, states: Visited<'_>, targets: &[f64]) -> (Dense, Vec<f64>) {
        let width = self.weights.len();
        let matrix = Dense::gram_len(width);
        let mut sums = reducer.sum_matrix(matrix + width, |part, sums| {
            let (gram, right) = sums.split_at_mut(matrix);
            let (mut phi, mut input) = (Dense::zeros(BLOCK.min(part.rows.len()), width), vec![0.0; self.inputs()]);
            for first in part.rows.clone().step_by(BLOCK) {
                let block = first..part.rows.end.min(first + BLOCK);
                for (slot, row) in block.clone().enumerate() {
                    states.inputs.write(row, &mut input);
                    Self::features(&input, states.steps[row], phi.row_mut(slot));
                    axpy(targets[row], phi.row(slot), right);
                }
                phi.add_gram(block.len(), gram);
            }
        });
        let right = sums.split_off(matrix);
        (Dense::from_gram(width, sums), right)
    }
}
