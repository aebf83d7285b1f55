//! Independent Beta distributions on the interval from 0 to 1, whose actions never leave their bounds.
//!
//! The parameters are alpha = 1 + softplus(u) and beta = 1 + softplus(v) for outputs u and v (Chou, Maturana & Scherer 2017,
//! "Improving Stochastic Policy Gradients in Continuous Control with Deep Reinforcement Learning using the Beta
//! Distribution"). Both are above 1, so that every density has exactly one mode, inside the interval.

use super::head::compare_rows;
use super::special::{digamma, log_beta, softplus, trigamma};
use super::{Compared, Head};
use crate::env::{Action, ActionMut, ActionWidth};
use crate::random::Stream;

/// `count` numbers between 0 and 1. The outputs are all u and then all v; each pair gives one real of the action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beta {
    /// The number of dimensions.
    pub count: usize,
}

/// The numbers of one dimension that log probabilities and divergences need.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    alpha: f64,
    beta: f64,
    /// log B(alpha, beta).
    log_beta: f64,
    /// E\[log x\] = digamma(alpha) - digamma(alpha + beta), and likewise E\[log (1 - x)\] with beta.
    means: [f64; 2],
}

impl Shape {
    fn of(u: f32, v: f32) -> Self {
        let (alpha, beta) = (1.0 + softplus(f64::from(u)), 1.0 + softplus(f64::from(v)));
        let of_sum = digamma(alpha + beta);
        let means = [digamma(alpha) - of_sum, digamma(beta) - of_sum];
        Self { alpha, beta, log_beta: log_beta(alpha, beta), means }
    }

    fn entropy(&self) -> f64 {
        self.log_beta - (self.alpha - 1.0) * self.means[0] - (self.beta - 1.0) * self.means[1]
    }
}

/// The derivative of softplus at x.
fn slope(x: f32) -> f64 {
    1.0 / (1.0 + libm::exp(-f64::from(x)))
}

/// Draws a gamma variate of scale 1 and a shape above 1 (Marsaglia & Tsang 2000).
fn gamma(shape: f64, rng: &mut Stream) -> f64 {
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = rng.normal();
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && libm::log(1.0 - rng.unit()) < 0.5 * x * x + d * (1.0 - v + libm::log(v)) {
            return d * v;
        }
    }
}

/// Keeps x away from 0 and 1, where log x or log (1 - x) is infinite.
fn inside(x: f64) -> f64 {
    x.clamp(f64::MIN_POSITIVE, 1.0 - f64::EPSILON / 2.0)
}

impl Head for Beta {
    type Row = Vec<Shape>;
    type Memory = [Self::Row; 2];
    const IS_ON_UNIT_INTERVAL: bool = true;

    fn outputs(&self) -> usize {
        2 * self.count
    }

    fn width(&self) -> ActionWidth {
        ActionWidth { integers: 0, reals: self.count }
    }

    /// x = a / (a + b) for gamma variates a and b.
    fn sample(&self, outputs: &[f32], rng: &mut Stream, action: ActionMut<'_>) {
        let (us, vs) = outputs.split_at(self.count);
        for ((slot, u), v) in action.reals.iter_mut().zip(us).zip(vs) {
            let a = gamma(1.0 + softplus(f64::from(*u)), rng);
            let b = gamma(1.0 + softplus(f64::from(*v)), rng);
            *slot = inside(a / (a + b));
        }
    }

    /// (alpha - 1) / (alpha + beta - 2), or the middle if both are 1.
    fn mode(&self, outputs: &[f32], action: ActionMut<'_>) {
        let (us, vs) = outputs.split_at(self.count);
        for ((slot, u), v) in action.reals.iter_mut().zip(us).zip(vs) {
            let (a, b) = (softplus(f64::from(*u)), softplus(f64::from(*v)));
            *slot = if a + b > 0.0 { a / (a + b) } else { 0.5 };
        }
    }

    fn read(&self, outputs: &[f32], row: &mut Vec<Shape>) {
        let (us, vs) = outputs.split_at(self.count);
        row.clear();
        row.extend(us.iter().zip(vs).map(|(u, v)| Shape::of(*u, *v)));
    }

    fn log_prob(&self, row: &Vec<Shape>, action: Action<'_>) -> f64 {
        let of = |(shape, x): (&Shape, &f64)| {
            (shape.alpha - 1.0) * libm::log(*x) + (shape.beta - 1.0) * libm::log1p(-x) - shape.log_beta
        };
        row.iter().zip(action.reals()).map(of).sum()
    }

    fn entropy(&self, row: &Vec<Shape>) -> f64 {
        row.iter().map(Shape::entropy).sum()
    }

    fn kl(&self, p: &Vec<Shape>, q: &Vec<Shape>) -> f64 {
        let of = |(p, q): (&Shape, &Shape)| {
            q.log_beta - p.log_beta + (p.alpha - q.alpha) * p.means[0] + (p.beta - q.beta) * p.means[1]
        };
        p.iter().zip(q).map(of).sum()
    }

    fn compare(&self, p: &[f32], q: &[f32], action: Action<'_>, rows: &mut [Self::Row; 2]) -> Compared {
        compare_rows(self, (p, q), action, rows)
    }

    /// d log p / d alpha = log x - E\[log x\], and likewise for beta with 1 - x.
    fn add_score(&self, outputs: &[f32], action: Action<'_>, weight: f64, slot: &mut [f64]) {
        for (j, x) in action.reals().iter().enumerate() {
            let (u, v) = (outputs[j], outputs[self.count + j]);
            let [of_x, of_rest] = Shape::of(u, v).means;
            slot[j] += weight * slope(u) * (libm::log(*x) - of_x);
            slot[self.count + j] += weight * slope(v) * (libm::log1p(-x) - of_rest);
        }
    }

    fn add_entropy_gradient(&self, outputs: &[f32], weight: f64, slot: &mut [f64]) {
        for j in 0..self.count {
            let (u, v) = (outputs[j], outputs[self.count + j]);
            let Shape { alpha, beta, .. } = Shape::of(u, v);
            let of_sum = (alpha + beta - 2.0) * trigamma(alpha + beta);
            slot[j] += weight * slope(u) * (of_sum - (alpha - 1.0) * trigamma(alpha));
            slot[self.count + j] += weight * slope(v) * (of_sum - (beta - 1.0) * trigamma(beta));
        }
    }

    fn metric_len(&self) -> usize {
        3 * self.count
    }

    /// The variances of the scores of all u, then those of all v, then their covariances. For each dimension, M is the matrix
    /// \[\[trigamma(alpha) - t, -t\], \[-t, trigamma(beta) - t\]\] with t = trigamma(alpha + beta), multiplied by the slopes
    /// of both softplus functions.
    fn metric(&self, outputs: &[f32], metric: &mut [f32]) {
        for j in 0..self.count {
            let (u, v) = (outputs[j], outputs[self.count + j]);
            let Shape { alpha, beta, .. } = Shape::of(u, v);
            let (of_u, of_v, of_sum) = (slope(u), slope(v), trigamma(alpha + beta));
            metric[j] = (of_u * of_u * (trigamma(alpha) - of_sum)) as f32;
            metric[self.count + j] = (of_v * of_v * (trigamma(beta) - of_sum)) as f32;
            metric[2 * self.count + j] = (-of_u * of_v * of_sum) as f32;
        }
    }

    fn apply_metric(&self, metric: &[f32], v: &mut [f32]) {
        for j in 0..self.count {
            let (a, b) = (v[j], v[self.count + j]);
            let covariance = metric[2 * self.count + j];
            v[j] = metric[j] * a + covariance * b;
            v[self.count + j] = covariance * a + metric[self.count + j] * b;
        }
    }

    /// A column of the Cholesky factor of one dimension's 2 x 2 block.
    fn metric_root(&self, metric: &[f32], index: usize, column: &mut [f32]) {
        let j = index % self.count;
        let [variance, of_v, covariance] = [0, 1, 2].map(|part| f64::from(metric[part * self.count + j]));
        if index < self.count {
            column[j] = variance.sqrt() as f32;
            column[self.count + j] = if variance > 0.0 { (covariance / variance.sqrt()) as f32 } else { 0.0 };
        } else {
            let explained = if variance > 0.0 { covariance * covariance / variance } else { 0.0 };
            column[self.count + j] = (of_v - explained).max(0.0).sqrt() as f32;
        }
    }
}
