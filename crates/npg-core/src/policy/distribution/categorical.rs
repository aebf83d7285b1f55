//! A softmax over logits. A logit of -infinity forbids its class; at least one class must be allowed.

use super::head::compare_rows;
use super::{Compared, Head, weighted};
use crate::env::{Action, ActionMut, ActionWidth};
use crate::random::Stream;

/// One of `count` classes with one logit each. It gives one integer of the action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Categorical {
    /// The number of classes.
    pub count: usize,
}

/// The probabilities of the classes, and their logarithms.
#[derive(Clone, Debug, Default)]
pub struct Probabilities {
    log_p: Vec<f64>,
    pub(super) p: Vec<f64>,
}

/// The largest logit.
fn largest(logits: &[f32]) -> f64 {
    // A comparison is one instruction, and `f32::max` is several, because it looks for NaN on both sides.
    f64::from(logits.iter().fold(f32::NEG_INFINITY, |max, logit| if *logit > max { *logit } else { max }))
}

/// log sum exp of the logits.
fn log_normalizer(logits: &[f32]) -> f64 {
    let max = largest(logits);
    max + libm::log(logits.iter().map(|l| libm::exp(f64::from(*l) - max)).sum())
}

fn class(action: Action<'_>) -> usize {
    action.integers()[0] as usize
}

impl Head for Categorical {
    type Row = Probabilities;
    type Memory = [Self::Row; 2];
    const HAS_TOTAL_VARIATION: bool = true;

    fn outputs(&self) -> usize {
        self.count
    }

    fn width(&self) -> ActionWidth {
        ActionWidth { integers: 1, reals: 0 }
    }

    fn classes(&self) -> Vec<usize> {
        vec![self.count]
    }

    fn mask_len(&self) -> usize {
        self.count
    }

    fn forbid(&self, mask: &[bool], logits: &mut [f32]) {
        let forbidden = mask.iter().zip(logits).filter(|(allowed, _)| !**allowed);
        forbidden.for_each(|(_, logit)| *logit = f32::NEG_INFINITY);
    }

    /// Inverts the cumulative distribution at a uniform random number.
    fn sample(&self, logits: &[f32], rng: &mut Stream, action: ActionMut<'_>) {
        let max = largest(logits);
        let weight = |l: &f32| libm::exp(f64::from(*l) - max);
        let mut rest = rng.unit() * logits.iter().map(weight).sum::<f64>();
        let drawn = logits.iter().position(|logit| {
            rest -= weight(logit);
            rest < 0.0
        });
        // Rounding can leave a rest of about 1e-16. The last class with any probability is taken then.
        let class = drawn.or_else(|| logits.iter().rposition(|l| weight(l) > 0.0));
        action.integers[0] = class.unwrap_or(0) as i64;
    }

    fn mode(&self, logits: &[f32], action: ActionMut<'_>) {
        let mut best = 0;
        for (class, logit) in logits.iter().enumerate() {
            if *logit > logits[best] {
                best = class;
            }
        }
        action.integers[0] = best as i64;
    }

    fn read(&self, logits: &[f32], row: &mut Probabilities) {
        let log_normalizer = log_normalizer(logits);
        row.log_p.clear();
        row.log_p.extend(logits.iter().map(|l| f64::from(*l) - log_normalizer));
        row.p.clear();
        row.p.extend(row.log_p.iter().map(|log_p| libm::exp(*log_p)));
    }

    fn log_prob(&self, row: &Probabilities, action: Action<'_>) -> f64 {
        row.log_p[class(action)]
    }

    fn entropy(&self, row: &Probabilities) -> f64 {
        row.p.iter().zip(&row.log_p).map(|(p, log_p)| -weighted(*p, *log_p)).sum()
    }

    fn kl(&self, p: &Probabilities, q: &Probabilities) -> f64 {
        let logs = p.log_p.iter().zip(&q.log_p);
        p.p.iter().zip(logs).map(|(p, (log_p, log_q))| weighted(*p, log_p - log_q)).sum()
    }

    fn total_variation(&self, p: &Probabilities, q: &Probabilities) -> f64 {
        0.5 * p.p.iter().zip(&q.p).map(|(p, q)| (p - q).abs()).sum::<f64>()
    }

    fn compare(&self, p: &[f32], q: &[f32], action: Action<'_>, rows: &mut [Self::Row; 2]) -> Compared {
        compare_rows(self, (p, q), action, rows)
    }

    fn add_score(&self, logits: &[f32], action: Action<'_>, weight: f64, slot: &mut [f64]) {
        let log_normalizer = log_normalizer(logits);
        for (s, l) in slot.iter_mut().zip(logits) {
            *s -= weight * libm::exp(f64::from(*l) - log_normalizer);
        }
        slot[class(action)] += weight;
    }

    /// dH/dl_i = -p_i (log p_i + H).
    fn add_entropy_gradient(&self, logits: &[f32], weight: f64, slot: &mut [f64]) {
        let mut row = Probabilities::default();
        self.read(logits, &mut row);
        let entropy = self.entropy(&row);
        for ((s, p), log_p) in slot.iter_mut().zip(&row.p).zip(&row.log_p) {
            *s -= weight * weighted(*p, log_p + entropy);
        }
    }

    /// The probabilities p, from which M = diag p - p p^T.
    fn metric(&self, logits: &[f32], metric: &mut [f32]) {
        let log_normalizer = log_normalizer(logits);
        metric.iter_mut().zip(logits).for_each(|(p, l)| *p = libm::exp(f64::from(*l) - log_normalizer) as f32);
    }

    fn apply_metric(&self, p: &[f32], v: &mut [f32]) {
        let mean: f32 = v.iter().zip(p).map(|(v, p)| v * p).sum();
        v.iter_mut().zip(p).for_each(|(v, p)| *v = p * (*v - mean));
    }

    fn metric_root(&self, p: &[f32], index: usize, column: &mut [f32]) {
        let root = p[index].sqrt();
        column.iter_mut().zip(p).for_each(|(slot, p)| *slot = -root * p);
        column[index] += root;
    }
}
