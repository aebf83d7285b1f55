//! From a row of network outputs to a distribution over actions.
//!
//! A [`Distribution`] is a list of independent heads over slices of the outputs; log probability, entropy and KL add up
//! over them, and the Fisher metric M in the outputs is block diagonal. Everything here is closed form, in f64, in nats;
//! only the metric's products, which every Fisher product needs, are f32.

use super::heads::{bernoulli, categorical, gaussian};
use crate::env::{Action, Space};
use crate::network::kernels::{Matrix, multiply};
use crate::random::Stream;
use crate::trust_region::bounds::{bretagnolle_huber, pinsker};

/// One head: which outputs it reads, and which columns of the action it gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// Softmax over outputs first..first + count; one action column.
    Categorical {
        /// First output.
        first: usize,
        /// Number of classes.
        count: usize,
    },
    /// Independent bits with logits first..first + count; as many action columns.
    Bernoulli {
        /// First output.
        first: usize,
        /// Number of bits.
        count: usize,
    },
    /// Independent normals: means first..first + count, log stds after them; as many action columns.
    Gaussian {
        /// First output.
        first: usize,
        /// Number of dimensions.
        count: usize,
    },
}

/// Distribution over actions: independent heads over slices of the network's outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    heads: Vec<Head>,
    outputs: usize,
    columns: usize,
    real: bool,
}

/// Total variation distance, or an upper bound where it has no closed form.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TotalVariation {
    /// 1/2 sum |p - q|.
    Exact(f64),
    /// The smaller of Pinsker's and Bretagnolle-Huber's bound, over both directions of KL.
    Bound(f64),
}

impl TotalVariation {
    /// The number.
    pub fn value(self) -> f64 {
        match self {
            TotalVariation::Exact(value) | TotalVariation::Bound(value) => value,
        }
    }
}

/// Where a sampled action is written.
#[derive(Debug)]
pub enum ActionMut<'a> {
    /// Integer columns.
    Integers(&'a mut [i64]),
    /// Real columns.
    Reals(&'a mut [f64]),
}

impl Distribution {
    /// The distribution for an action space: categorical, one categorical a part, bits, or a diagonal Gaussian.
    pub fn new(space: &Space) -> Self {
        let heads = match space {
            Space::Discrete(count) => vec![Head::Categorical { first: 0, count: *count }],
            Space::MultiDiscrete(sizes) => {
                let mut first = 0;
                let head = |&count: &usize| {
                    let head = Head::Categorical { first, count };
                    first += count;
                    head
                };
                sizes.iter().map(head).collect()
            }
            Space::MultiBinary(count) => vec![Head::Bernoulli { first: 0, count: *count }],
            Space::Box { low, .. } => vec![Head::Gaussian { first: 0, count: low.len() }],
        };
        let outputs = match space {
            Space::Box { low, .. } => 2 * low.len(),
            other => other.encoded_len(),
        };
        Self { heads, outputs, columns: space.len(), real: matches!(space, Space::Box { .. }) }
    }

    /// Network outputs that it reads.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Columns of an action.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Whether actions are real vectors (else integers).
    pub fn is_real(&self) -> bool {
        self.real
    }

    /// The heads, in the order of their action columns.
    pub fn heads(&self) -> &[Head] {
        &self.heads
    }

    /// Draws an action.
    pub fn sample(&self, outputs: &[f32], rng: &mut Stream, action: ActionMut<'_>) {
        match action {
            ActionMut::Integers(columns) => self.fill_integers(outputs, columns, Some(rng)),
            ActionMut::Reals(columns) => {
                for (j, slot) in columns.iter_mut().enumerate() {
                    let std = libm::exp(f64::from(outputs[self.columns + j]));
                    *slot = f64::from(outputs[j]) + std * rng.normal();
                }
            }
        }
    }

    /// The most probable action (of each head).
    pub fn mode(&self, outputs: &[f32], action: ActionMut<'_>) {
        match action {
            ActionMut::Integers(columns) => self.fill_integers(outputs, columns, None),
            ActionMut::Reals(columns) => columns.iter_mut().zip(outputs).for_each(|(a, mean)| *a = f64::from(*mean)),
        }
    }

    fn fill_integers(&self, outputs: &[f32], columns: &mut [i64], mut rng: Option<&mut Stream>) {
        let mut column = 0;
        for head in &self.heads {
            match *head {
                Head::Categorical { first, count } => {
                    let logits = &outputs[first..first + count];
                    columns[column] = match &mut rng {
                        Some(rng) => categorical::sample(logits, rng.unit()),
                        None => categorical::mode(logits),
                    };
                    column += 1;
                }
                Head::Bernoulli { first, count } => {
                    for &logit in &outputs[first..first + count] {
                        columns[column] = i64::from(match &mut rng {
                            Some(rng) => rng.unit() < bernoulli::probability(f64::from(logit)),
                            None => logit > 0.0,
                        });
                        column += 1;
                    }
                }
                Head::Gaussian { .. } => unreachable!("a Gaussian head has real actions"),
            }
        }
    }

    /// log pi(action | state), nats.
    pub fn log_prob(&self, outputs: &[f32], action: Action<'_>) -> f64 {
        self.zip(action, |head, action| match (head, action) {
            (Head::Categorical { first, count }, Action::Integers(a)) => {
                categorical::log_prob(&outputs[first..first + count], a[0] as usize)
            }
            (Head::Bernoulli { first, count }, Action::Integers(bits)) => {
                bits.iter().zip(&outputs[first..first + count]).map(|(b, l)| bernoulli::log_prob(*l, *b != 0)).sum()
            }
            (Head::Gaussian { first, count }, Action::Reals(a)) => {
                let (mean, log_std) = outputs[first..].split_at(count);
                (0..count).map(|j| gaussian::log_prob(mean[j], log_std[j], a[j])).sum()
            }
            _ => unreachable!("the action has the kind of its space"),
        })
    }

    fn zip(&self, action: Action<'_>, mut f: impl FnMut(Head, Action<'_>) -> f64) -> f64 {
        let mut column = 0;
        let mut total = 0.0;
        for &head in &self.heads {
            let width = head.columns();
            total += match action {
                Action::Integers(a) => f(head, Action::Integers(&a[column..column + width])),
                Action::Reals(a) => f(head, Action::Reals(&a[column..column + width])),
            };
            column += width;
        }
        total
    }

    /// Adds weight * d log pi(action | state) / d outputs to `slot`.
    pub fn add_score(&self, outputs: &[f32], action: Action<'_>, weight: f64, slot: &mut [f64]) {
        self.zip(action, |head, action| {
            match (head, action) {
                (Head::Categorical { first, count }, Action::Integers(a)) => {
                    let range = first..first + count;
                    categorical::add_score(&outputs[range.clone()], a[0] as usize, weight, &mut slot[range]);
                }
                (Head::Bernoulli { first, .. }, Action::Integers(bits)) => {
                    for (j, bit) in bits.iter().enumerate() {
                        let p = bernoulli::probability(f64::from(outputs[first + j]));
                        slot[first + j] += weight * (*bit as f64 - p);
                    }
                }
                (Head::Gaussian { first, count }, Action::Reals(a)) => {
                    for (j, action) in a.iter().enumerate() {
                        let (mean, log_std) = (first + j, first + count + j);
                        let (m, s) = gaussian::score(outputs[mean], outputs[log_std], *action);
                        slot[mean] += weight * m;
                        slot[log_std] += weight * s;
                    }
                }
                _ => unreachable!("the action has the kind of its space"),
            }
            0.0
        });
    }

    /// Entropy (differential for Gaussians), nats.
    pub fn entropy(&self, outputs: &[f32]) -> f64 {
        let of = |head: &Head| match *head {
            Head::Categorical { first, count } => categorical::entropy(&outputs[first..first + count]),
            Head::Bernoulli { first, count } => {
                outputs[first..first + count].iter().map(|l| bernoulli::entropy(f64::from(*l))).sum()
            }
            Head::Gaussian { first, count } => {
                outputs[first + count..first + 2 * count].iter().map(|s| gaussian::entropy(*s)).sum()
            }
        };
        self.heads.iter().map(of).sum()
    }

    /// Adds weight * d entropy / d outputs to `slot`.
    pub fn add_entropy_gradient(&self, outputs: &[f32], weight: f64, slot: &mut [f64]) {
        for head in &self.heads {
            match *head {
                Head::Categorical { first, count } => {
                    let range = first..first + count;
                    categorical::add_entropy_gradient(&outputs[range.clone()], weight, &mut slot[range]);
                }
                Head::Bernoulli { first, count } => {
                    for j in first..first + count {
                        let logit = f64::from(outputs[j]);
                        let p = bernoulli::probability(logit);
                        slot[j] -= weight * logit * p * (1.0 - p);
                    }
                }
                Head::Gaussian { first, count } => {
                    slot[first + count..first + 2 * count].iter_mut().for_each(|s| *s += weight)
                }
            }
        }
    }

    /// KL(p || q), nats, of the distributions with outputs `p` and `q`.
    pub fn kl(&self, p: &[f32], q: &[f32]) -> f64 {
        let of = |head: &Head| match *head {
            Head::Categorical { first, count } => categorical::kl(&p[first..first + count], &q[first..first + count]),
            Head::Bernoulli { first, count } => (first..first + count).map(|j| bernoulli::kl(p[j], q[j])).sum(),
            Head::Gaussian { first, count } => {
                let pair = |x: &[f32], j| (x[first + j], x[first + count + j]);
                (0..count).map(|j| gaussian::kl(pair(p, j), pair(q, j))).sum()
            }
        };
        self.heads.iter().map(of).sum()
    }

    /// Total variation between the distributions with outputs `p` and `q`: exact for one categorical head.
    pub fn total_variation(&self, p: &[f32], q: &[f32]) -> TotalVariation {
        if self.has_exact_total_variation() {
            return TotalVariation::Exact(categorical::total_variation(p, q));
        }
        TotalVariation::Bound(Self::bound_of_total_variation(self.kl(p, q), self.kl(q, p)))
    }

    /// The smaller of Pinsker's and Bretagnolle-Huber's bound for the smaller of both directions of KL.
    pub(super) fn bound_of_total_variation(kl: f64, kl_reverse: f64) -> f64 {
        let kl = kl.min(kl_reverse);
        pinsker(kl).min(bretagnolle_huber(kl))
    }

    /// Whether [`Distribution::total_variation`] is exact, else a bound.
    pub fn has_exact_total_variation(&self) -> bool {
        matches!(self.heads[..], [Head::Categorical { .. }])
    }

    /// What [`Distribution::apply_metric`] needs of a row: probabilities (categorical), p (1 - p) (Bernoulli),
    /// 1 / sigma^2 and 2 (Gaussian).
    pub fn metric(&self, outputs: &[f32], metric: &mut [f32]) {
        for head in &self.heads {
            match *head {
                Head::Categorical { first, count } => {
                    let range = first..first + count;
                    categorical::probabilities(&outputs[range.clone()], &mut metric[range]);
                }
                Head::Bernoulli { first, count } => {
                    for j in first..first + count {
                        let p = bernoulli::probability(f64::from(outputs[j]));
                        metric[j] = (p * (1.0 - p)) as f32;
                    }
                }
                Head::Gaussian { first, count } => {
                    for j in first..first + count {
                        metric[j] = libm::exp(-2.0 * f64::from(outputs[j + count])) as f32;
                        metric[j + count] = 2.0;
                    }
                }
            }
        }
    }

    /// Replaces each of the first `rows` rows v by M v, M the Fisher metric of the distribution in its outputs:
    /// diag p - p p^T, diag p (1 - p), diag (1 / sigma^2, 2).
    pub fn apply_metric(&self, rows: usize, metric: &Matrix, values: &mut Matrix) {
        let used = rows * values.stride();
        if self.heads.iter().all(|head| !matches!(head, Head::Categorical { .. })) {
            multiply(&mut values.as_mut_slice()[..used], &metric.as_slice()[..used]);
            return;
        }
        let stride = values.stride();
        let rows = values.as_mut_slice()[..used].chunks_exact_mut(stride).zip(metric.as_slice().chunks_exact(stride));
        for (v, p) in rows {
            for head in &self.heads {
                let Head::Categorical { first, count } = *head else {
                    unreachable!("categorical heads do not stand beside others");
                };
                let (v, p) = (&mut v[first..first + count], &p[first..first + count]);
                let mean: f32 = v.iter().zip(p).map(|(v, p)| v * p).sum();
                v.iter_mut().zip(p).for_each(|(v, p)| *v = p * (*v - mean));
            }
        }
    }

    /// Number of vectors that [`Distribution::metric_root`] gives.
    pub fn metric_rank(&self) -> usize {
        self.outputs
    }

    /// Vector `index` of a root of the metric: M = sum over index of u u^T. Writes u.
    pub fn metric_root(&self, metric: &[f32], index: usize, u: &mut [f32]) {
        u.fill(0.0);
        for head in &self.heads {
            match *head {
                Head::Categorical { first, count } if (first..first + count).contains(&index) => {
                    let root = metric[index].sqrt();
                    (first..first + count).for_each(|j| u[j] = -root * metric[j]);
                    u[index] += root;
                }
                Head::Categorical { .. } => {}
                Head::Bernoulli { .. } | Head::Gaussian { .. } => u[index] = metric[index].sqrt(),
            }
        }
    }
}

impl Head {
    /// Columns of the action that it gives.
    pub fn columns(self) -> usize {
        match self {
            Head::Categorical { .. } => 1,
            Head::Bernoulli { count, .. } | Head::Gaussian { count, .. } => count,
        }
    }
}

#[cfg(test)]
mod tests;
