//! Two distributions side by side: what [`Distribution::log_prob`], `kl`, `total_variation` and `entropy` give one by one, to
//! the bit, with every exponential computed once. Comparing policies over a batch spends most of its time here.

use super::distribution::{Distribution, Head};
use super::heads::{bernoulli, categorical, gaussian};
use crate::env::Action;

/// Distribution q beside distribution p of the same kind, nats.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Difference {
    /// log q - log p of the action.
    pub log_ratio: f64,
    /// KL(p || q).
    pub kl: f64,
    /// KL(q || p).
    pub kl_reverse: f64,
    /// Total variation, or its bound ([`Distribution::total_variation`]).
    pub tv: f64,
    /// Entropy of p.
    pub entropy_p: f64,
    /// Entropy of q.
    pub entropy_q: f64,
}

/// Compares rows of outputs. Where the standard deviations of one row are those of the row before, as they are if they do
/// not depend on the state, their exponentials are kept.
#[derive(Clone, Debug)]
pub struct Comparer<'a> {
    distribution: &'a Distribution,
    scales: Vec<gaussian::Scales>,
}

impl<'a> Comparer<'a> {
    /// For outputs of `distribution`.
    pub fn new(distribution: &'a Distribution) -> Self {
        let is_real = distribution.is_real();
        let scales = vec![gaussian::Scales::default(); if is_real { distribution.columns() } else { 0 }];
        Self { distribution, scales }
    }

    /// The distribution with outputs `q` beside the one with outputs `p`.
    pub fn compare(&mut self, p: &[f32], q: &[f32], action: Action<'_>) -> Difference {
        let mut all = Difference::default();
        let (mut log_p, mut log_q, mut column, mut distance) = (0.0, 0.0, 0, 0.0);
        for head in self.distribution.heads() {
            let (one, [of_p, of_q]) = match (*head, action) {
                (Head::Categorical { first, count }, Action::Integers(action)) => {
                    let range = first..first + count;
                    let (one, logs, tv) = categorical::compare(&p[range.clone()], &q[range], action[column] as usize);
                    distance = tv;
                    (one, logs)
                }
                (Head::Bernoulli { first, count }, Action::Integers(action)) => {
                    let bits = &action[column..column + count];
                    bernoulli::compare(&p[first..first + count], &q[first..first + count], bits)
                }
                (Head::Gaussian { first, count }, Action::Reals(action)) => {
                    let range = first..first + 2 * count;
                    gaussian::compare(&p[range.clone()], &q[range], &action[column..column + count], &mut self.scales)
                }
                _ => unreachable!("the action has the kind of its space"),
            };
            column += head.columns();
            log_p += of_p;
            log_q += of_q;
            all.kl += one.kl;
            all.kl_reverse += one.kl_reverse;
            all.entropy_p += one.entropy_p;
            all.entropy_q += one.entropy_q;
        }
        all.log_ratio = log_q - log_p;
        all.tv = if self.distribution.has_exact_total_variation() {
            distance
        } else {
            Distribution::bound_of_total_variation(all.kl, all.kl_reverse)
        };
        all
    }
}
