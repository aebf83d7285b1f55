//! Turns a row of network outputs into a distribution over actions.
//!
//! A [`Distribution`] is a product of independent heads, each of which reads its own slice of the outputs. Log probabilities,
//! entropies and KL therefore add up over the heads, and the Fisher metric M in the outputs is block diagonal. Each family of
//! heads has its own file; [`Head`] lists what a family must provide. Everything has a closed form and is computed in f64 and
//! in nats. Only the products with the metric, which every Fisher product needs, are f32.

mod bernoulli;
mod beta;
mod categorical;
mod comparison;
mod gaussian;
mod head;
mod parametrized;
mod special;
mod total_variation;

pub use bernoulli::Bernoulli;
pub use beta::Beta;
pub use categorical::Categorical;
pub use comparison::{Comparer, Difference};
pub use gaussian::Gaussian;
pub use head::{AnyHead, Compared, Head};
pub use parametrized::Parametrized;
pub use total_variation::{TotalVariation, bretagnolle_huber, pinsker};

use crate::env::{Action, ActionMut, ActionWidth, Space, check_mask};
use crate::network::Outputs;
use crate::network::kernels::{Matrix, multiply};
use crate::random::Stream;
use crate::settings::{self, HeadName};
use std::ops::Range;

/// A distribution over actions: independent heads over slices of the network's outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    parts: Vec<Part>,
    width: ActionWidth,
    /// The name of each integer of the action, and the number of its values, for the check of masks.
    integers: Vec<(String, usize)>,
}

/// A head, and where its outputs and the numbers of its metric are.
#[derive(Clone, Debug, PartialEq)]
struct Part {
    head: AnyHead,
    outputs: Range<usize>,
    metric: Range<usize>,
}

/// p * `log`, or 0 if p is 0: log may then be -infinity, because logits may be.
fn weighted(p: f64, log: f64) -> f64 {
    if p == 0.0 { 0.0 } else { p * log }
}

impl Distribution {
    /// The distribution for an action space: a categorical head for each integer, a head for the bits of a multi-binary space,
    /// and at the end a head of the family `head` for the reals of all boxes. Choices with parameters have a head of their own,
    /// and are the whole action.
    pub fn new(space: &Space, head: HeadName) -> Self {
        Self { integers: space.integers(), ..Self::product(Self::heads_for(space, head)) }
    }

    fn heads_for(space: &Space, head: HeadName) -> Vec<AnyHead> {
        let mut heads = Vec::new();
        for leaf in space.leaves() {
            match leaf {
                Space::Discrete(count) => heads.push(Categorical { count: *count }.into()),
                Space::MultiDiscrete(sizes) => {
                    heads.extend(sizes.iter().map(|&count| AnyHead::from(Categorical { count })));
                }
                Space::MultiBinary(count) => heads.push(Bernoulli { count: *count }.into()),
                Space::Parametrized(boxes) => {
                    return vec![Parametrized { counts: boxes.iter().map(Space::len).collect() }.into()];
                }
                Space::Box { .. } | Space::Image(_) | Space::Tuple(_) | Space::Dict(_) => {}
            }
        }
        let count = ActionWidth::of(space).reals;
        if count > 0 {
            heads.push(match head {
                HeadName::Gaussian | HeadName::Squashed => Gaussian { count }.into(),
                HeadName::Beta => Beta { count }.into(),
            });
        }
        heads
    }

    /// The product of independent heads. Each head reads the next outputs and gives the next numbers of the action.
    pub fn product(heads: Vec<AnyHead>) -> Self {
        let (mut outputs, mut metric, mut width) = (0, 0, ActionWidth::default());
        let place = |head: AnyHead| {
            let part =
                Part { outputs: outputs..outputs + head.outputs(), metric: metric..metric + head.metric_len(), head };
            (outputs, metric) = (part.outputs.end, part.metric.end);
            width.integers += part.head.width().integers;
            width.reals += part.head.width().reals;
            part
        };
        let sizes = heads.iter().flat_map(AnyHead::classes).enumerate();
        let integers = sizes.map(|(i, size)| (format!("part {i}"), size)).collect();
        Self { parts: heads.into_iter().map(place).collect(), width, integers }
    }

    /// The number of network outputs that the distribution reads.
    pub fn outputs(&self) -> usize {
        self.parts.last().map_or(0, |part| part.outputs.end)
    }

    /// The number of integers and reals in an action.
    pub fn width(&self) -> ActionWidth {
        self.width
    }

    /// The heads, in the order of their parts of an action.
    pub fn heads(&self) -> impl ExactSizeIterator<Item = &AnyHead> {
        self.parts.iter().map(|part| &part.head)
    }

    /// Which kinds of outputs the network must have. All heads but the last have affine outputs only, because a head reads
    /// outputs side by side, and the other kinds come after all affine ones.
    pub fn layout(&self, config: &settings::Policy) -> Outputs {
        let Some(Part { head, outputs, .. }) = self.parts.last() else { return Outputs::default() };
        let own = head.layout(config);
        Outputs { affine: outputs.start + own.affine, ..own }
    }

    /// The first of the affine outputs with an initial bias other than 0, and that bias. It holds for all affine outputs from
    /// there on.
    pub fn initial_bias(&self, config: &settings::Policy) -> Option<(usize, f64)> {
        let Part { head, outputs, .. } = self.parts.last()?;
        head.initial_bias(config).map(|(first, value)| (outputs.start + first, value))
    }

    /// Whether the reals of an action lie between 0 and 1. Otherwise they are unbounded.
    pub fn is_on_unit_interval(&self) -> bool {
        self.parts.last().is_some_and(|part| part.head.is_on_unit_interval())
    }

    /// The only head; `None` if there are several.
    pub fn only_head(&self) -> Option<&AnyHead> {
        match &self.parts[..] {
            [part] => Some(&part.head),
            _ => None,
        }
    }

    /// The reals of an action that its log probability depends on: all of them, or the parameters of the choice that is taken.
    pub fn counted_reals(&self, action: Action<'_>) -> Range<usize> {
        match self.only_head() {
            Some(AnyHead::Parametrized(head)) => head.range_of(action),
            _ => 0..self.width.reals,
        }
    }

    /// The mean standard deviation of the reals of an action; `None` if no head has one.
    pub fn mean_std(&self, outputs: &[f32]) -> Option<f64> {
        let of = |part: &Part| part.head.stds(&outputs[part.outputs.clone()]);
        let add = |(sum, count): (f64, usize), (more, counted): (f64, usize)| (sum + more, count + counted);
        let (sum, count) = self.parts.iter().map(of).fold((0.0, 0), add);
        (count > 0).then(|| sum / count as f64)
    }

    /// The number of values of an action mask. It is that of the action space ([`Space::mask_len`]).
    pub fn mask_len(&self) -> usize {
        self.parts.iter().map(|part| part.head.mask_len()).sum()
    }

    /// What is wrong with an action mask: it must have [`Distribution::mask_len`] values, and allow one of each part.
    pub fn check_mask(&self, mask: &[bool]) -> Result<(), String> {
        let values = self.mask_len();
        if mask.len() != values {
            return Err(format!("an action mask of {} values; this policy's actions have {values}", mask.len()));
        }
        check_mask(mask, &self.integers)
    }

    /// Forbids the values of discrete heads that are false in `mask`, which has [`Distribution::mask_len`] values.
    pub fn forbid(&self, mask: &[bool], outputs: &mut [f32]) {
        let mut rest = mask;
        for Part { head, outputs: range, .. } in &self.parts {
            let own;
            (own, rest) = rest.split_at(head.mask_len());
            head.forbid(own, &mut outputs[range.clone()]);
        }
    }

    /// Samples an action.
    pub fn sample(&self, outputs: &[f32], rng: &mut Stream, mut action: ActionMut<'_>) {
        for Part { head, outputs: range, .. } in &self.parts {
            let own;
            (own, action) = action.split_at(head.width());
            head.sample(&outputs[range.clone()], rng, own);
        }
    }

    /// The mode: the most probable action of each head.
    pub fn mode(&self, outputs: &[f32], mut action: ActionMut<'_>) {
        for Part { head, outputs: range, .. } in &self.parts {
            let own;
            (own, action) = action.split_at(head.width());
            head.mode(&outputs[range.clone()], own);
        }
    }

    /// log pi(action | state), nats.
    pub fn log_prob(&self, outputs: &[f32], mut action: Action<'_>) -> f64 {
        let of = |part: &Part| part.head.log_prob(&outputs[part.outputs.clone()], action.split_off(part.head.width()));
        self.parts.iter().map(of).sum()
    }

    /// Adds weight * d log pi(action | state) / d outputs to `slot`.
    pub fn add_score(&self, outputs: &[f32], mut action: Action<'_>, weight: f64, slot: &mut [f64]) {
        for Part { head, outputs: range, .. } in &self.parts {
            let action = action.split_off(head.width());
            head.add_score(&outputs[range.clone()], action, weight, &mut slot[range.clone()]);
        }
    }

    /// The entropy in nats (the differential entropy for densities).
    pub fn entropy(&self, outputs: &[f32]) -> f64 {
        self.parts.iter().map(|part| part.head.entropy(&outputs[part.outputs.clone()])).sum()
    }

    /// Adds weight * d entropy / d outputs to `slot`.
    pub fn add_entropy_gradient(&self, outputs: &[f32], weight: f64, slot: &mut [f64]) {
        for Part { head, outputs: range, .. } in &self.parts {
            head.add_entropy_gradient(&outputs[range.clone()], weight, &mut slot[range.clone()]);
        }
    }

    /// KL(p || q), nats, of the distributions with outputs `p` and `q`.
    pub fn kl(&self, p: &[f32], q: &[f32]) -> f64 {
        let of = |part: &Part| part.head.kl(&p[part.outputs.clone()], &q[part.outputs.clone()]);
        self.parts.iter().map(of).sum()
    }

    /// The total variation distance between the distributions with outputs `p` and `q`. It is exact for a single categorical
    /// head and a bound otherwise.
    pub fn total_variation(&self, p: &[f32], q: &[f32]) -> TotalVariation {
        let exact = self.only_head().and_then(|head| head.total_variation(p, q));
        exact.map_or_else(|| TotalVariation::bound(self.kl(p, q), self.kl(q, p)), TotalVariation::Exact)
    }

    /// Whether [`Distribution::total_variation`] is exact rather than a bound.
    pub fn has_exact_total_variation(&self) -> bool {
        self.only_head().is_some_and(AnyHead::has_total_variation)
    }

    /// The number of numbers that [`Distribution::metric`] writes for a row.
    pub fn metric_len(&self) -> usize {
        self.parts.last().map_or(0, |part| part.metric.end)
    }

    /// Writes the numbers that describe the Fisher metric M in the outputs of one row, for [`Distribution::apply_metric`].
    pub fn metric(&self, outputs: &[f32], metric: &mut [f32]) {
        for part in &self.parts {
            part.head.metric(&outputs[part.outputs.clone()], &mut metric[part.metric.clone()]);
        }
    }

    /// Replaces each of the first `rows` rows v by M v.
    pub fn apply_metric(&self, rows: usize, metric: &Matrix, values: &mut Matrix) {
        if self.parts.iter().all(|part| part.head.is_diagonal()) {
            let used = rows * values.stride();
            multiply(&mut values.as_mut_slice()[..used], &metric.as_slice()[..used]);
            return;
        }
        for row in 0..rows {
            let (v, metric) = (values.row_mut(row), metric.row(row));
            for part in &self.parts {
                part.head.apply_metric(&metric[part.metric.clone()], &mut v[part.outputs.clone()]);
            }
        }
    }

    /// The number of vectors that [`Distribution::metric_root`] provides.
    pub fn metric_rank(&self) -> usize {
        self.outputs()
    }

    /// Writes vector `index`, u, of a root of the metric: M is the sum of u u^T over all indices.
    pub fn metric_root(&self, metric: &[f32], index: usize, u: &mut [f32]) {
        u.fill(0.0);
        if let Some(part) = self.parts.iter().find(|part| part.outputs.contains(&index)) {
            let within = index - part.outputs.start;
            part.head.metric_root(&metric[part.metric.clone()], within, &mut u[part.outputs.clone()]);
        }
    }
}

#[cfg(test)]
mod tests;
