//! Independent normal distributions, each with a mean and the logarithm of a standard deviation.

use super::Head;
use crate::env::{Action, ActionMut, ActionWidth};
use crate::network::Outputs;
use crate::random::Stream;
use crate::settings::{self, Std};

/// `count` normal numbers. The outputs are all means and then all log stds; each pair gives one real of the action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gaussian {
    /// The number of dimensions.
    pub count: usize,
}

/// One normal dimension.
#[derive(Clone, Copy, Debug)]
pub struct Normal {
    mean: f64,
    log_std: f64,
    /// 1 / sigma.
    inverse: f64,
}

impl Default for Normal {
    fn default() -> Self {
        Self { mean: 0.0, log_std: 0.0, inverse: 1.0 }
    }
}

const HALF_LOG_TAU: f64 = 0.918_938_533_204_672_7; // 1/2 log(2 pi)

impl Head for Gaussian {
    type Row = Vec<Normal>;
    /// The logarithm of the ratio of two standard deviations, and the squared ratio minus 1, for each dimension.
    type Memo = Vec<(f64, f64)>;
    const IS_DIAGONAL: bool = true;

    fn outputs(&self) -> usize {
        2 * self.count
    }

    fn width(&self) -> ActionWidth {
        ActionWidth { integers: 0, reals: self.count }
    }

    fn layout(&self, config: &settings::Policy) -> Outputs {
        let count = self.count;
        match config.std {
            Std::StateIndependent => Outputs { affine: count, constants: count, exploration: 0 },
            Std::StateDependent => Outputs { affine: 2 * count, ..Outputs::default() },
            Std::Sde => Outputs { affine: count, constants: 0, exploration: count },
        }
    }

    fn initial_bias(&self, config: &settings::Policy) -> Option<(usize, f64)> {
        (config.std == Std::StateDependent).then_some((self.count, config.log_std_init))
    }

    fn stds(&self, outputs: &[f32]) -> (f64, usize) {
        (outputs[self.count..].iter().map(|l| libm::exp(f64::from(*l))).sum(), self.count)
    }

    fn sample(&self, outputs: &[f32], rng: &mut Stream, action: ActionMut<'_>) {
        let (means, log_stds) = outputs.split_at(self.count);
        for ((slot, mean), log_std) in action.reals.iter_mut().zip(means).zip(log_stds) {
            *slot = f64::from(*mean) + libm::exp(f64::from(*log_std)) * rng.normal();
        }
    }

    fn mode(&self, outputs: &[f32], action: ActionMut<'_>) {
        action.reals.iter_mut().zip(outputs).for_each(|(slot, mean)| *slot = f64::from(*mean));
    }

    /// Computes the exponential only if the standard deviation differs from that of the previous row. It is the same if it
    /// does not depend on the state.
    #[inline]
    fn read(&self, outputs: &[f32], row: &mut Vec<Normal>) {
        row.resize(self.count, Normal::default());
        let (means, log_stds) = outputs.split_at(self.count);
        for ((normal, mean), log_std) in row.iter_mut().zip(means).zip(log_stds) {
            normal.mean = f64::from(*mean);
            let log_std = f64::from(*log_std);
            if normal.log_std != log_std {
                (normal.log_std, normal.inverse) = (log_std, libm::exp(-log_std));
            }
        }
    }

    #[inline]
    fn log_prob(&self, row: &Vec<Normal>, action: Action<'_>) -> f64 {
        let of = |(normal, action): (&Normal, &f64)| {
            let z = (action - normal.mean) * normal.inverse;
            -0.5 * z * z - normal.log_std - HALF_LOG_TAU
        };
        row.iter().zip(action.reals()).map(of).sum()
    }

    #[inline]
    fn entropy(&self, row: &Vec<Normal>) -> f64 {
        row.iter().map(|normal| normal.log_std + HALF_LOG_TAU + 0.5).sum()
    }

    #[inline]
    fn kl(&self, p: &Vec<Normal>, q: &Vec<Normal>, memo: &mut Vec<(f64, f64)>) -> f64 {
        memo.resize(self.count, (0.0, 0.0));
        let of = |((p, q), (last, excess)): ((&Normal, &Normal), &mut (f64, f64))| {
            let log_ratio = p.log_std - q.log_std;
            if *last != log_ratio {
                // 1/2 (r^2 - 1) - log r. expm1 keeps the digits if the two standard deviations are close.
                (*last, *excess) = (log_ratio, libm::expm1(2.0 * log_ratio));
            }
            let difference = (p.mean - q.mean) * q.inverse;
            0.5 * (*excess + difference * difference) - log_ratio
        };
        p.iter().zip(q).zip(memo).map(of).sum()
    }

    /// d log p / d mean = z / sigma, d log p / d log std = z^2 - 1.
    fn add_score(&self, outputs: &[f32], action: Action<'_>, weight: f64, slot: &mut [f64]) {
        let (of_means, of_log_stds) = slot.split_at_mut(self.count);
        for (j, action) in action.reals().iter().enumerate() {
            let inverse = libm::exp(-f64::from(outputs[self.count + j]));
            let z = (action - f64::from(outputs[j])) * inverse;
            of_means[j] += weight * (z * inverse);
            of_log_stds[j] += weight * (z * z - 1.0);
        }
    }

    fn add_entropy_gradient(&self, _outputs: &[f32], weight: f64, slot: &mut [f64]) {
        slot[self.count..].iter_mut().for_each(|s| *s += weight);
    }

    /// The diagonal of M: 1 / sigma^2 for the means, then 2 for the log stds.
    fn metric(&self, outputs: &[f32], metric: &mut [f32]) {
        let (of_means, of_log_stds) = metric.split_at_mut(self.count);
        let log_stds = &outputs[self.count..];
        of_means.iter_mut().zip(log_stds).for_each(|(m, s)| *m = libm::exp(-2.0 * f64::from(*s)) as f32);
        of_log_stds.fill(2.0);
    }
}
