//! Independent normal distributions, each with a mean and the logarithm of a standard deviation.

use super::{Compared, Head};
use crate::env::{Action, ActionMut, ActionWidth};
use crate::network::Outputs;
use crate::random::Stream;
use crate::settings::{self, Std};
use std::ops::Range;

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

/// Everything in the comparison of two normal dimensions that does not depend on their means.
#[derive(Clone, Copy, Debug)]
pub struct Scales {
    log_stds: [f64; 2],
    /// 1 / sigma.
    inverses: [f64; 2],
    /// See [`excess`], in both directions.
    excesses: [f64; 2],
}

impl Default for Scales {
    fn default() -> Self {
        // Nothing equals NaN, so these are always replaced.
        Self { log_stds: [f64::NAN; 2], inverses: [0.0; 2], excesses: [0.0; 2] }
    }
}

const HALF_LOG_TAU: f64 = 0.918_938_533_204_672_7; // 1/2 log(2 pi)

/// r^2 - 1, where r is the ratio of two standard deviations. expm1 keeps the digits if they are close.
fn excess(log_ratio: f64) -> f64 {
    libm::expm1(2.0 * log_ratio)
}

impl Normal {
    pub(super) fn log_density(&self, x: f64) -> f64 {
        let z = (x - self.mean) * self.inverse;
        -0.5 * z * z - self.log_std - HALF_LOG_TAU
    }

    pub(super) fn entropy(&self) -> f64 {
        self.log_std + HALF_LOG_TAU + 0.5
    }

    /// KL(self || q), nats.
    pub(super) fn divergence(&self, q: &Normal) -> f64 {
        self.kl(q, excess(self.log_std - q.log_std))
    }

    /// KL(self || q), 1/2 (r^2 - 1) - log r if the means are equal. `excess` is r^2 - 1.
    fn kl(&self, q: &Normal, excess: f64) -> f64 {
        let difference = (self.mean - q.mean) * q.inverse;
        0.5 * (excess + difference * difference) - (self.log_std - q.log_std)
    }
}

impl Gaussian {
    /// Adds weight * d log p / d outputs of the dimensions `which` of an action to `slot`: d log p / d mean = z / sigma, and
    /// d log p / d log std = z^2 - 1.
    pub(super) fn add_score_of(
        &self,
        outputs: &[f32],
        action: &[f64],
        which: Range<usize>,
        weight: f64,
        slot: &mut [f64],
    ) {
        let (of_means, of_log_stds) = slot.split_at_mut(self.count);
        for j in which {
            let inverse = libm::exp(-f64::from(outputs[self.count + j]));
            let z = (action[j] - f64::from(outputs[j])) * inverse;
            of_means[j] += weight * (z * inverse);
            of_log_stds[j] += weight * (z * z - 1.0);
        }
    }
}

impl Head for Gaussian {
    type Row = Vec<Normal>;
    type Memory = Vec<Scales>;
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

    fn read(&self, outputs: &[f32], row: &mut Vec<Normal>) {
        let (means, log_stds) = outputs.split_at(self.count);
        let normal = |(mean, log_std): (&f32, &f32)| {
            let log_std = f64::from(*log_std);
            Normal { mean: f64::from(*mean), log_std, inverse: libm::exp(-log_std) }
        };
        row.clear();
        row.extend(means.iter().zip(log_stds).map(normal));
    }

    fn log_prob(&self, row: &Vec<Normal>, action: Action<'_>) -> f64 {
        row.iter().zip(action.reals()).map(|(normal, x)| normal.log_density(*x)).sum()
    }

    fn entropy(&self, row: &Vec<Normal>) -> f64 {
        row.iter().map(Normal::entropy).sum()
    }

    fn kl(&self, p: &Vec<Normal>, q: &Vec<Normal>) -> f64 {
        p.iter().zip(q).map(|(p, q)| p.divergence(q)).sum()
    }

    /// Computes exponentials only if the standard deviations differ from those of the previous pair. They are the same if they
    /// do not depend on the state.
    fn compare(&self, p: &[f32], q: &[f32], action: Action<'_>, memory: &mut Vec<Scales>) -> Compared {
        let ((p_means, p_log_stds), (q_means, q_log_stds)) = (p.split_at(self.count), q.split_at(self.count));
        memory.resize(self.count, Scales::default());
        for ((kept, p), q) in memory.iter_mut().zip(p_log_stds).zip(q_log_stds) {
            let log_stds = [f64::from(*p), f64::from(*q)];
            if kept.log_stds != log_stds {
                let log_ratio = log_stds[0] - log_stds[1];
                let excesses = [excess(log_ratio), excess(-log_ratio)];
                *kept = Scales { log_stds, inverses: log_stds.map(|log_std| libm::exp(-log_std)), excesses };
            }
        }
        // -0 is what the sum of an iterator starts from.
        let mut all = Compared { log_probs: [-0.0; 2], kl: [-0.0; 2], entropies: [-0.0; 2], total_variation: f64::NAN };
        let means = p_means.iter().zip(q_means);
        for (((p, q), kept), x) in means.zip(&*memory).zip(action.reals()) {
            let means = [f64::from(*p), f64::from(*q)];
            let Scales { log_stds, inverses, excesses } = kept;
            let normal = |i: usize| Normal { mean: means[i], log_std: log_stds[i], inverse: inverses[i] };
            // Written so that one vector instruction computes both p and q.
            for i in [0, 1] {
                let (one, other) = (normal(i), normal(1 - i));
                all.log_probs[i] += one.log_density(*x);
                all.kl[i] += one.kl(&other, excesses[i]);
                all.entropies[i] += one.entropy();
            }
        }
        all
    }

    fn add_score(&self, outputs: &[f32], action: Action<'_>, weight: f64, slot: &mut [f64]) {
        self.add_score_of(outputs, action.reals(), 0..self.count, weight, slot);
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
