//! A choice with parameters of its own: the parameters of the other choices count for nothing.
//!
//! With p_k the probability of choice k and N_k the normals of its parameters x_k,
//!
//! ```text
//! log pi(k, x) = log p_k + log N_k(x_k)
//! H            = H(p) + sum_k p_k H(N_k)
//! KL(pi || q)  = KL(p || p') + sum_k p_k KL(N_k || N'_k)
//! M            = diag(diag p - p p^T, p_1 M_1, ..., p_n M_n)
//! ```

use super::categorical::Probabilities;
use super::gaussian::Normal;
use super::head::compare_rows;
use super::{Categorical, Compared, Gaussian, Head, weighted};
use crate::env::{Action, ActionMut, ActionWidth};
use crate::network::Outputs;
use crate::random::Stream;
use crate::settings;
use std::ops::Range;

/// One of several choices, each with its own normal parameters. The outputs are the logits of the choices, then the means of
/// the parameters of all choices, then their log stds. The action gets the choice as an integer, and the parameters of all
/// choices as reals; those of the choices that were not taken are the means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parametrized {
    /// The number of parameters of each choice.
    pub counts: Vec<usize>,
}

/// What is read from a row of outputs.
#[derive(Clone, Debug, Default)]
pub struct Row {
    choice: Probabilities,
    normals: Vec<Normal>,
}

impl Parametrized {
    fn choice(&self) -> Categorical {
        Categorical { count: self.counts.len() }
    }

    fn normals(&self) -> Gaussian {
        Gaussian { count: self.counts.iter().sum() }
    }

    /// The choices, each with the range of its parameters among all parameters.
    fn ranges(&self) -> impl Iterator<Item = Range<usize>> {
        self.counts.iter().scan(0, |end, count| {
            *end += count;
            Some(*end - count..*end)
        })
    }

    /// The range of the parameters of the choice that an action takes.
    pub(super) fn range_of(&self, action: Action<'_>) -> Range<usize> {
        let choice = action.integers()[0] as usize;
        let begin = self.counts[..choice].iter().sum();
        begin..begin + self.counts[choice]
    }
}

impl Head for Parametrized {
    type Row = Row;
    type Memory = [Row; 2];

    fn outputs(&self) -> usize {
        self.counts.len() + self.normals().outputs()
    }

    fn width(&self) -> ActionWidth {
        ActionWidth { integers: 1, reals: self.normals().count }
    }

    fn classes(&self) -> Vec<usize> {
        self.choice().classes()
    }

    fn layout(&self, config: &settings::Policy) -> Outputs {
        let normals = self.normals().layout(config);
        Outputs { affine: self.counts.len() + normals.affine, ..normals }
    }

    fn initial_bias(&self, config: &settings::Policy) -> Option<(usize, f64)> {
        self.normals().initial_bias(config).map(|(first, value)| (self.counts.len() + first, value))
    }

    fn stds(&self, outputs: &[f32]) -> (f64, usize) {
        self.normals().stds(&outputs[self.counts.len()..])
    }

    fn mask_len(&self) -> usize {
        self.counts.len()
    }

    fn forbid(&self, mask: &[bool], outputs: &mut [f32]) {
        self.choice().forbid(mask, &mut outputs[..self.counts.len()]);
    }

    fn sample(&self, outputs: &[f32], rng: &mut Stream, action: ActionMut<'_>) {
        let ActionMut { integers, reals } = action;
        let (logits, normals) = outputs.split_at(self.counts.len());
        self.choice().sample(logits, rng, ActionMut { integers, reals: &mut [] });
        self.normals().mode(normals, ActionMut { integers: &mut [], reals });
        let log_stds = &normals[reals.len()..];
        for j in self.range_of(Action::of_integers(integers)) {
            reals[j] += libm::exp(f64::from(log_stds[j])) * rng.normal();
        }
    }

    fn mode(&self, outputs: &[f32], action: ActionMut<'_>) {
        let ActionMut { integers, reals } = action;
        let (logits, normals) = outputs.split_at(self.counts.len());
        self.choice().mode(logits, ActionMut { integers, reals: &mut [] });
        self.normals().mode(normals, ActionMut { integers: &mut [], reals });
    }

    fn read(&self, outputs: &[f32], row: &mut Row) {
        let (logits, normals) = outputs.split_at(self.counts.len());
        self.choice().read(logits, &mut row.choice);
        self.normals().read(normals, &mut row.normals);
    }

    fn log_prob(&self, row: &Row, action: Action<'_>) -> f64 {
        let range = self.range_of(action);
        let parameters = row.normals[range.clone()].iter().zip(&action.reals()[range]);
        self.choice().log_prob(&row.choice, action) + parameters.map(|(normal, x)| normal.log_density(*x)).sum::<f64>()
    }

    fn entropy(&self, row: &Row) -> f64 {
        let of_choice = |range: Range<usize>| row.normals[range].iter().map(Normal::entropy).sum::<f64>();
        let parameters = row.choice.p.iter().zip(self.ranges()).map(|(p, range)| weighted(*p, of_choice(range)));
        self.choice().entropy(&row.choice) + parameters.sum::<f64>()
    }

    fn kl(&self, p: &Row, q: &Row) -> f64 {
        let mut total = self.choice().kl(&p.choice, &q.choice);
        for (weight, range) in p.choice.p.iter().zip(self.ranges()) {
            let pairs = p.normals[range.clone()].iter().zip(&q.normals[range]);
            total += weighted(*weight, pairs.map(|(p, q)| p.divergence(q)).sum());
        }
        total
    }

    fn compare(&self, p: &[f32], q: &[f32], action: Action<'_>, memory: &mut [Row; 2]) -> Compared {
        compare_rows(self, (p, q), action, memory)
    }

    fn add_score(&self, outputs: &[f32], action: Action<'_>, weight: f64, slot: &mut [f64]) {
        let n = self.counts.len();
        let (of_choice, of_normals) = slot.split_at_mut(n);
        self.choice().add_score(&outputs[..n], action, weight, of_choice);
        let range = self.range_of(action);
        self.normals().add_score_of(&outputs[n..], action.reals(), range, weight, of_normals);
    }

    /// dH/dl_k = -p_k (log p_k + H(p)) + p_k (H_k - sum_j p_j H_j), and dH/d(log std) = p_k.
    fn add_entropy_gradient(&self, outputs: &[f32], weight: f64, slot: &mut [f64]) {
        let (n, mut row) = (self.counts.len(), Row::default());
        self.read(outputs, &mut row);
        self.choice().add_entropy_gradient(&outputs[..n], weight, &mut slot[..n]);
        let of_choice = |range: Range<usize>| row.normals[range].iter().map(Normal::entropy).sum::<f64>();
        let entropies: Vec<f64> = self.ranges().map(of_choice).collect();
        let mean: f64 = row.choice.p.iter().zip(&entropies).map(|(p, h)| p * h).sum();
        let first_log_std = n + row.normals.len();
        for (k, range) in self.ranges().enumerate() {
            let p = row.choice.p[k];
            slot[k] += weight * p * (entropies[k] - mean);
            range.for_each(|j| slot[first_log_std + j] += weight * p);
        }
    }

    /// The probabilities p, and then the diagonal of the normals' blocks.
    fn metric(&self, outputs: &[f32], metric: &mut [f32]) {
        let n = self.counts.len();
        let (of_choice, of_normals) = metric.split_at_mut(n);
        self.choice().metric(&outputs[..n], of_choice);
        self.normals().metric(&outputs[n..], of_normals);
        let (of_means, of_log_stds) = of_normals.split_at_mut(self.normals().count);
        for (p, range) in of_choice.iter().zip(self.ranges()) {
            of_means[range.clone()].iter_mut().chain(&mut of_log_stds[range]).for_each(|m| *m *= p);
        }
    }

    fn apply_metric(&self, metric: &[f32], v: &mut [f32]) {
        let n = self.counts.len();
        let (of_choice, of_normals) = v.split_at_mut(n);
        self.choice().apply_metric(&metric[..n], of_choice);
        self.normals().apply_metric(&metric[n..], of_normals);
    }

    fn metric_root(&self, metric: &[f32], index: usize, column: &mut [f32]) {
        let n = self.counts.len();
        match index.checked_sub(n) {
            None => self.choice().metric_root(&metric[..n], index, &mut column[..n]),
            Some(index) => self.normals().metric_root(&metric[n..], index, &mut column[n..]),
        }
    }
}
