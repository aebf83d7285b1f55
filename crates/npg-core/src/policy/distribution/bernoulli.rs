//! Independent bits with one logit each. A logit of infinity or -infinity makes its bit certain, which is how an action mask
//! forbids a value.

use super::head::compare_rows;
use super::special::softplus;
use super::{Compared, Head, weighted};
use crate::env::{Action, ActionMut, ActionWidth};
use crate::random::Stream;

/// `count` bits. Each reads one output and gives one integer of the action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bernoulli {
    /// The number of bits.
    pub count: usize,
}

/// The numbers of one bit that log probabilities and divergences need.
#[derive(Clone, Copy, Debug)]
pub struct Bit {
    logit: f64,
    /// The probability of a one.
    p: f64,
    /// The logarithms of the probabilities of a zero and of a one.
    logs: [f64; 2],
}

fn probability(logit: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-logit))
}

impl Head for Bernoulli {
    type Row = Vec<Bit>;
    type Memory = [Self::Row; 2];
    const IS_DIAGONAL: bool = true;

    fn outputs(&self) -> usize {
        self.count
    }

    fn width(&self) -> ActionWidth {
        ActionWidth { integers: self.count, reals: 0 }
    }

    fn classes(&self) -> Vec<usize> {
        vec![2; self.count]
    }

    /// Two for each bit: whether it may be 0, and whether it may be 1.
    fn mask_len(&self) -> usize {
        2 * self.count
    }

    fn forbid(&self, mask: &[bool], logits: &mut [f32]) {
        for (allowed, logit) in mask.chunks_exact(2).zip(logits) {
            match allowed {
                [false, _] => *logit = f32::INFINITY,
                [_, false] => *logit = f32::NEG_INFINITY,
                _ => {}
            }
        }
    }

    fn sample(&self, logits: &[f32], rng: &mut Stream, action: ActionMut<'_>) {
        let bits = action.integers.iter_mut().zip(logits);
        bits.for_each(|(bit, logit)| *bit = i64::from(rng.unit() < probability(f64::from(*logit))));
    }

    fn mode(&self, logits: &[f32], action: ActionMut<'_>) {
        action.integers.iter_mut().zip(logits).for_each(|(bit, logit)| *bit = i64::from(*logit > 0.0));
    }

    fn read(&self, logits: &[f32], row: &mut Vec<Bit>) {
        row.clear();
        row.extend(logits.iter().map(|logit| {
            let logit = f64::from(*logit);
            Bit { logit, p: probability(logit), logs: [-softplus(logit), -softplus(-logit)] }
        }));
    }

    fn log_prob(&self, row: &Vec<Bit>, action: Action<'_>) -> f64 {
        row.iter().zip(action.integers()).map(|(bit, taken)| bit.logs[usize::from(*taken != 0)]).sum()
    }

    fn entropy(&self, row: &Vec<Bit>) -> f64 {
        // At +-infinity the bit is certain, but the formula would give infinity - infinity.
        let of = |bit: &Bit| if bit.logit.is_infinite() { 0.0 } else { -bit.logs[0] - bit.logit * bit.p };
        row.iter().map(of).sum()
    }

    fn kl(&self, p: &Vec<Bit>, q: &Vec<Bit>) -> f64 {
        let of =
            |(p, q): (&Bit, &Bit)| weighted(p.p, p.logs[1] - q.logs[1]) + weighted(1.0 - p.p, p.logs[0] - q.logs[0]);
        p.iter().zip(q).map(of).sum()
    }

    fn compare(&self, p: &[f32], q: &[f32], action: Action<'_>, rows: &mut [Self::Row; 2]) -> Compared {
        compare_rows(self, (p, q), action, rows)
    }

    fn add_score(&self, logits: &[f32], action: Action<'_>, weight: f64, slot: &mut [f64]) {
        for ((slot, logit), bit) in slot.iter_mut().zip(logits).zip(action.integers()) {
            *slot += weight * (*bit as f64 - probability(f64::from(*logit)));
        }
    }

    fn add_entropy_gradient(&self, logits: &[f32], weight: f64, slot: &mut [f64]) {
        for (slot, logit) in slot.iter_mut().zip(logits) {
            let logit = f64::from(*logit);
            let p = probability(logit);
            // A certain bit has no slope, but with an infinite logit the formula would give NaN.
            *slot -= if logit.is_infinite() { 0.0 } else { weight * logit * p * (1.0 - p) };
        }
    }

    /// p (1 - p), the diagonal of M.
    fn metric(&self, logits: &[f32], metric: &mut [f32]) {
        for (slot, logit) in metric.iter_mut().zip(logits) {
            let p = probability(f64::from(*logit));
            *slot = (p * (1.0 - p)) as f32;
        }
    }
}
