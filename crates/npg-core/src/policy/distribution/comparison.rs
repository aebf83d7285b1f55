//! Compares two distributions. The results equal those of [`Distribution::log_prob`], `kl`, `total_variation` and `entropy`
//! to the bit, but every exponential is computed only once: comparing policies over a batch spends most of its time here.

use super::head::Pair;
use super::{Distribution, TotalVariation};
use crate::env::{Action, ActionWidth};
use std::ops::Range;

/// The comparison of a distribution q with a distribution p of the same kind, in nats.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Difference {
    /// log q - log p of the action.
    pub log_ratio: f64,
    /// KL(p || q).
    pub kl: f64,
    /// KL(q || p).
    pub kl_reverse: f64,
    /// The total variation distance or a bound on it ([`Distribution::total_variation`]).
    pub tv: f64,
    /// The entropy of p.
    pub entropy_p: f64,
    /// The entropy of q.
    pub entropy_q: f64,
}

/// Compares rows of outputs. It remembers intermediate results, because the next rows often need them again.
#[derive(Debug)]
pub struct Comparer {
    heads: Vec<(Box<dyn Pair>, Range<usize>, ActionWidth)>,
    has_exact_total_variation: bool,
}

impl Comparer {
    /// A comparer for outputs of `distribution`.
    pub fn new(distribution: &Distribution) -> Self {
        let of = |part: &super::Part| (part.head.pair(), part.outputs.clone(), part.head.width());
        Self {
            heads: distribution.parts.iter().map(of).collect(),
            has_exact_total_variation: distribution.has_exact_total_variation(),
        }
    }

    /// Compares the distribution with outputs `q` with the one with outputs `p`.
    pub fn compare(&mut self, p: &[f32], q: &[f32], mut action: Action<'_>) -> Difference {
        let mut all = Difference::default();
        let (mut log_p, mut log_q, mut tv) = (0.0, 0.0, 0.0);
        for (head, range, width) in &mut self.heads {
            let one = head.compare(&p[range.clone()], &q[range.clone()], action.split_off(*width));
            log_p += one.log_probs[0];
            log_q += one.log_probs[1];
            all.kl += one.kl[0];
            all.kl_reverse += one.kl[1];
            all.entropy_p += one.entropies[0];
            all.entropy_q += one.entropies[1];
            tv = one.total_variation;
        }
        all.log_ratio = log_q - log_p;
        all.tv =
            if self.has_exact_total_variation { tv } else { TotalVariation::bound(all.kl, all.kl_reverse).value() };
        all
    }
}
