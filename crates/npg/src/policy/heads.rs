//! Closed forms of one head, in f64 and nats.

use super::comparison::Difference;

/// Divergences and entropies of one head, then log p and log q of its part of the action.
type Compared = (Difference, [f64; 2]);

/// p `log`, where what has no probability counts for nothing, whatever its logarithm: logits may be -infinity.
fn weighted(p: f64, log: f64) -> f64 {
    if p == 0.0 { 0.0 } else { p * log }
}

/// Softmax over logits. A logit of -infinity forbids its class; not all may have it.
pub(super) mod categorical {
    use super::{Difference, weighted};

    /// log sum exp.
    fn log_normalizer(logits: &[f32]) -> f64 {
        let max = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        max + libm::log(logits.iter().map(|l| libm::exp(f64::from(*l) - max)).sum())
    }

    /// Inverse of the cumulative distribution at `uniform` in [0, 1).
    pub(in crate::policy) fn sample(logits: &[f32], uniform: f64) -> i64 {
        let max = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        let weight = |l: &f32| libm::exp(f64::from(*l) - max);
        let mut rest = uniform * logits.iter().map(weight).sum::<f64>();
        for (class, logit) in logits.iter().enumerate() {
            rest -= weight(logit);
            if rest < 0.0 {
                return class as i64;
            }
        }
        // Rounding can leave a rest of 1e-16: the last class that has any probability.
        logits.iter().rposition(|l| weight(l) > 0.0).unwrap_or(0) as i64
    }

    pub(in crate::policy) fn mode(logits: &[f32]) -> i64 {
        let mut best = 0;
        for (class, logit) in logits.iter().enumerate() {
            if *logit > logits[best] {
                best = class;
            }
        }
        best as i64
    }

    pub(in crate::policy) fn log_prob(logits: &[f32], class: usize) -> f64 {
        f64::from(logits[class]) - log_normalizer(logits)
    }

    pub(in crate::policy) fn probabilities(logits: &[f32], p: &mut [f32]) {
        let log_normalizer = log_normalizer(logits);
        p.iter_mut().zip(logits).for_each(|(p, l)| *p = libm::exp(f64::from(*l) - log_normalizer) as f32);
    }

    pub(in crate::policy) fn add_score(logits: &[f32], class: usize, weight: f64, slot: &mut [f64]) {
        let log_normalizer = log_normalizer(logits);
        for (s, l) in slot.iter_mut().zip(logits) {
            *s -= weight * libm::exp(f64::from(*l) - log_normalizer);
        }
        slot[class] += weight;
    }

    pub(in crate::policy) fn entropy(logits: &[f32]) -> f64 {
        let log_normalizer = log_normalizer(logits);
        let term = |l: &f32| {
            let log_p = f64::from(*l) - log_normalizer;
            -weighted(libm::exp(log_p), log_p)
        };
        logits.iter().map(term).sum()
    }

    /// dH/dl_i = -p_i (log p_i + H).
    pub(in crate::policy) fn add_entropy_gradient(logits: &[f32], weight: f64, slot: &mut [f64]) {
        let (log_normalizer, entropy) = (log_normalizer(logits), entropy(logits));
        for (s, l) in slot.iter_mut().zip(logits) {
            let log_p = f64::from(*l) - log_normalizer;
            *s -= weight * weighted(libm::exp(log_p), log_p + entropy);
        }
    }

    pub(in crate::policy) fn kl(p: &[f32], q: &[f32]) -> f64 {
        let (p_normalizer, q_normalizer) = (log_normalizer(p), log_normalizer(q));
        let term = |(p, q): (&f32, &f32)| {
            let log_p = f64::from(*p) - p_normalizer;
            weighted(libm::exp(log_p), log_p - (f64::from(*q) - q_normalizer))
        };
        p.iter().zip(q).map(term).sum()
    }

    pub(in crate::policy) fn total_variation(p: &[f32], q: &[f32]) -> f64 {
        let (p_normalizer, q_normalizer) = (log_normalizer(p), log_normalizer(q));
        let probability = |l: &f32, normalizer: f64| libm::exp(f64::from(*l) - normalizer);
        let term = |(p, q): (&f32, &f32)| (probability(p, p_normalizer) - probability(q, q_normalizer)).abs();
        0.5 * p.iter().zip(q).map(term).sum::<f64>()
    }

    /// All of the above at once, log p and log q of `class`, and the total variation.
    pub(in crate::policy) fn compare(p: &[f32], q: &[f32], class: usize) -> (Difference, [f64; 2], f64) {
        let (p_normalizer, q_normalizer) = (log_normalizer(p), log_normalizer(q));
        let logs = [f64::from(p[class]) - p_normalizer, f64::from(q[class]) - q_normalizer];
        let (mut all, mut distance) = (Difference::default(), 0.0);
        for (p, q) in p.iter().zip(q) {
            let (log_p, log_q) = (f64::from(*p) - p_normalizer, f64::from(*q) - q_normalizer);
            let (p, q) = (libm::exp(log_p), libm::exp(log_q));
            all.kl += weighted(p, log_p - log_q);
            all.kl_reverse += weighted(q, log_q - log_p);
            all.entropy_p += -weighted(p, log_p);
            all.entropy_q += -weighted(q, log_q);
            distance += (p - q).abs();
        }
        (all, logs, 0.5 * distance)
    }
}

/// One bit with a logit.
pub(super) mod bernoulli {
    use super::{Compared, Difference, weighted};

    pub(in crate::policy) fn probability(logit: f64) -> f64 {
        1.0 / (1.0 + libm::exp(-logit))
    }

    /// log(1 + e^x) without overflow.
    fn softplus(x: f64) -> f64 {
        x.max(0.0) + libm::log1p(libm::exp(-x.abs()))
    }

    pub(in crate::policy) fn log_prob(logit: f32, bit: bool) -> f64 {
        let logit = f64::from(logit);
        -softplus(if bit { -logit } else { logit })
    }

    pub(in crate::policy) fn entropy(logit: f64) -> f64 {
        // At +-infinity the bit is certain, and infinity - infinity is what the formula says.
        if logit.is_infinite() { 0.0 } else { softplus(logit) - logit * probability(logit) }
    }

    pub(in crate::policy) fn kl(p: f32, q: f32) -> f64 {
        let (p, q) = (f64::from(p), f64::from(q));
        let one = probability(p);
        weighted(one, softplus(-q) - softplus(-p)) + weighted(1.0 - one, softplus(q) - softplus(p))
    }

    /// All of the above at once, and log p and log q of `bits`.
    pub(in crate::policy) fn compare(p: &[f32], q: &[f32], bits: &[i64]) -> Compared {
        let (mut all, mut logs) = (Difference::default(), [0.0; 2]);
        for ((p, q), bit) in p.iter().zip(q).zip(bits) {
            logs[0] += log_prob(*p, *bit != 0);
            logs[1] += log_prob(*q, *bit != 0);
            all.kl += kl(*p, *q);
            all.kl_reverse += kl(*q, *p);
            all.entropy_p += entropy(f64::from(*p));
            all.entropy_q += entropy(f64::from(*q));
        }
        (all, logs)
    }
}

/// One normal dimension with a mean and a log standard deviation.
pub(super) mod gaussian {
    use super::{Compared, Difference};

    const HALF_LOG_TAU: f64 = 0.918_938_533_204_672_7; // 1/2 log(2 pi)

    pub(in crate::policy) fn log_prob(mean: f32, log_std: f32, action: f64) -> f64 {
        let log_std = f64::from(log_std);
        let z = (action - f64::from(mean)) * libm::exp(-log_std);
        -0.5 * z * z - log_std - HALF_LOG_TAU
    }

    /// (d log p / d mean, d log p / d log std) = (z / sigma, z^2 - 1).
    pub(in crate::policy) fn score(mean: f32, log_std: f32, action: f64) -> (f64, f64) {
        let inverse = libm::exp(-f64::from(log_std));
        let z = (action - f64::from(mean)) * inverse;
        (z * inverse, z * z - 1.0)
    }

    pub(in crate::policy) fn entropy(log_std: f32) -> f64 {
        f64::from(log_std) + HALF_LOG_TAU + 0.5
    }

    /// KL of (mean, log std) pairs.
    pub(in crate::policy) fn kl((p_mean, p_log_std): (f32, f32), (q_mean, q_log_std): (f32, f32)) -> f64 {
        let (p_log_std, q_log_std) = (f64::from(p_log_std), f64::from(q_log_std));
        let difference = (f64::from(p_mean) - f64::from(q_mean)) * libm::exp(-q_log_std);
        let log_ratio = p_log_std - q_log_std;
        // expm1 keeps digits where the two are close: 1/2 (r^2 - 1) - log r.
        0.5 * (libm::expm1(2.0 * log_ratio) + difference * difference) - log_ratio
    }

    /// Two log standard deviations, and what depends on them alone.
    #[derive(Clone, Copy, Debug, Default)]
    pub(in crate::policy) struct Scales {
        log_stds: [f32; 2],
        /// 1 / sigma of each; 0 before the first use.
        inverse: [f64; 2],
        /// (sigma_p / sigma_q)^2 - 1, and the other way round.
        excess: [f64; 2],
    }

    impl Scales {
        fn set(&mut self, log_stds: [f32; 2]) {
            if self.log_stds != log_stds || self.inverse[0] == 0.0 {
                let [p, q] = log_stds.map(f64::from);
                *self = Self {
                    log_stds,
                    inverse: [libm::exp(-p), libm::exp(-q)],
                    excess: [libm::expm1(2.0 * (p - q)), libm::expm1(2.0 * (q - p))],
                };
            }
        }
    }

    /// All of the above at once for means and then log standard deviations, and log p and log q of `action`.
    pub(in crate::policy) fn compare(p: &[f32], q: &[f32], action: &[f64], scales: &mut [Scales]) -> Compared {
        let count = action.len();
        let (mut all, mut logs) = (Difference::default(), [0.0; 2]);
        for (j, (action, scales)) in action.iter().zip(scales).enumerate() {
            scales.set([p[count + j], q[count + j]]);
            let [p_log_std, q_log_std] = scales.log_stds.map(f64::from);
            let [p_mean, q_mean] = [p[j], q[j]].map(f64::from);
            let z = [(action - p_mean) * scales.inverse[0], (action - q_mean) * scales.inverse[1]];
            logs[0] += -0.5 * z[0] * z[0] - p_log_std - HALF_LOG_TAU;
            logs[1] += -0.5 * z[1] * z[1] - q_log_std - HALF_LOG_TAU;
            let there = (p_mean - q_mean) * scales.inverse[1];
            let back = (q_mean - p_mean) * scales.inverse[0];
            all.kl += 0.5 * (scales.excess[0] + there * there) - (p_log_std - q_log_std);
            all.kl_reverse += 0.5 * (scales.excess[1] + back * back) - (q_log_std - p_log_std);
            all.entropy_p += entropy(scales.log_stds[0]);
            all.entropy_q += entropy(scales.log_stds[1]);
        }
        (all, logs)
    }
}
