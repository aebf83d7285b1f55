//! Ridge regression on features of observation and time (Duan et al. 2016, section 3.2): o, o^2, t, t^2, t^3 and 1, with
//! o clipped to +-10 and t in hundreds of steps.

use super::{Fit, Visited};
use faer::linalg::solvers::Solve;
use faer::{Mat, Side};

/// Features that do not depend on the observation.
pub const TIME_FEATURES: usize = 4;

/// Weights of the features.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearBaseline {
    /// One a feature: o, o^2, t, t^2, t^3, 1.
    pub weights: Vec<f64>,
    ridge: f64,
}

impl LinearBaseline {
    pub(super) fn new(inputs: usize, ridge: f64) -> Self {
        Self { weights: vec![0.0; 2 * inputs + TIME_FEATURES], ridge }
    }

    /// Makes V the function factor V + shift.
    pub(super) fn transform(&mut self, factor: f64, shift: f64) {
        self.weights.iter_mut().for_each(|weight| *weight *= factor);
        *self.weights.last_mut().expect("the last feature is 1") += shift;
    }

    fn inputs(&self) -> usize {
        (self.weights.len() - TIME_FEATURES) / 2
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

    /// Solves (Phi^T Phi + ridge N I) w = Phi^T y; the ridge grows tenfold, up to five times, if that is singular.
    pub(super) fn fit(&mut self, states: Visited<'_>, targets: &[f64]) -> Fit {
        let (rows, width) = (targets.len(), self.weights.len());
        let mut phi = Mat::zeros(rows, width);
        let (mut features, mut input) = (vec![0.0; width], vec![0.0; self.inputs()]);
        for row in 0..rows {
            states.inputs.write(row, &mut input);
            Self::features(&input, states.steps[row], &mut features);
            features.iter().enumerate().for_each(|(j, f)| phi[(row, j)] = *f);
        }
        let gram = phi.transpose() * &phi;
        let right = phi.transpose() * Mat::from_fn(rows, 1, |i, _| targets[i]);
        for attempt in 0..5 {
            let mut damped = gram.clone();
            for i in 0..width {
                damped[(i, i)] += self.ridge * 10f64.powi(attempt) * rows as f64;
            }
            let Ok(factor) = damped.llt(Side::Lower) else { continue };
            let solution = factor.solve(&right);
            if (0..width).all(|i| solution[(i, 0)].is_finite()) {
                self.weights = (0..width).map(|i| solution[(i, 0)]).collect();
                let errors = self.predict(states).iter().zip(targets).map(|(v, y)| (v - y).powi(2)).sum::<f64>();
                return Fit { loss: errors / rows as f64, accepted: true };
            }
        }
        Fit { loss: f64::NAN, accepted: false }
    }
}
