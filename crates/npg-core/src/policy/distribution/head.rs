//! What a family of distributions must provide ([`Head`]), and the enum of all families.

use super::{Bernoulli, Beta, Categorical, Gaussian, Parametrized};
use crate::env::{Action, ActionMut, ActionWidth};
use crate::network::Outputs;
use crate::random::Stream;
use crate::settings;
use std::fmt::Debug;

/// A family of distributions over a part of an action. Its parameters are outputs of a network.
///
/// All closed forms are computed in f64 and in nats; the products of the metric, which every Fisher product applies to each
/// row, are f32. `outputs` always means the [`Head::outputs`] numbers that the head reads in one row, and `metric` the
/// [`Head::metric_len`] numbers that describe its metric.
pub trait Head: Clone + Debug + PartialEq {
    /// What log probabilities, entropy and divergences need from a row of outputs. Every exponential is computed once.
    type Row: Clone + Debug + Default + Send;
    /// What a comparison keeps for the next pair of rows: memory, and results that the next pair often needs again.
    type Memory: Clone + Debug + Default + Send;

    /// The number of outputs that the head reads.
    fn outputs(&self) -> usize;

    /// The number of integers and reals that the head gives to an action.
    fn width(&self) -> ActionWidth;

    /// The number of values that each integer of its part of an action can have. Empty if it gives no such integers.
    fn classes(&self) -> Vec<usize> {
        Vec::new()
    }

    /// Whether the reals of its part of an action lie between 0 and 1. Otherwise they are unbounded.
    const IS_ON_UNIT_INTERVAL: bool = false;

    /// Which kinds of outputs the network must have.
    fn layout(&self, _config: &settings::Policy) -> Outputs {
        Outputs { affine: self.outputs(), ..Outputs::default() }
    }

    /// The first of the affine outputs with an initial bias other than 0, and that bias. It holds for all affine outputs from
    /// there on.
    fn initial_bias(&self, _config: &settings::Policy) -> Option<(usize, f64)> {
        None
    }

    /// The sum of the standard deviations of the reals, and their number. The number is 0 if the family has no meaningful
    /// standard deviations.
    fn stds(&self, _outputs: &[f32]) -> (f64, usize) {
        (0.0, 0)
    }

    /// The number of its values that an action mask allows or forbids.
    fn mask_len(&self) -> usize {
        0
    }

    /// Changes the outputs so that values that are false in `mask` have probability 0.
    fn forbid(&self, _mask: &[bool], _outputs: &mut [f32]) {}

    /// Samples an action.
    fn sample(&self, outputs: &[f32], rng: &mut Stream, action: ActionMut<'_>);

    /// The most probable action.
    fn mode(&self, outputs: &[f32], action: ActionMut<'_>);

    /// Reads a row of outputs. `row` may hold another row, whose memory is used again.
    fn read(&self, outputs: &[f32], row: &mut Self::Row);

    /// log pi(action | state), nats.
    fn log_prob(&self, row: &Self::Row, action: Action<'_>) -> f64;

    /// The entropy in nats (the differential entropy for densities).
    fn entropy(&self, row: &Self::Row) -> f64;

    /// KL(p || q), nats.
    fn kl(&self, p: &Self::Row, q: &Self::Row) -> f64;

    /// Whether the total variation distance has a closed form.
    const HAS_TOTAL_VARIATION: bool = false;

    /// 1/2 sum |p - q|. Only defined if [`Head::HAS_TOTAL_VARIATION`].
    fn total_variation(&self, _p: &Self::Row, _q: &Self::Row) -> f64 {
        f64::NAN
    }

    /// Log probabilities, divergences and entropies of the distributions with outputs `p` and `q`. They equal those of the
    /// functions above to the bit (`compare_rows` calls them).
    fn compare(&self, p: &[f32], q: &[f32], action: Action<'_>, memory: &mut Self::Memory) -> Compared;

    /// Adds weight * d log pi(action | state) / d outputs to `slot`.
    fn add_score(&self, outputs: &[f32], action: Action<'_>, weight: f64, slot: &mut [f64]);

    /// Adds weight * d entropy / d outputs to `slot`.
    fn add_entropy_gradient(&self, outputs: &[f32], weight: f64, slot: &mut [f64]);

    /// Whether the Fisher metric M in the outputs is diagonal. The numbers that describe it are then its diagonal.
    const IS_DIAGONAL: bool = false;

    /// The number of numbers that describe M.
    fn metric_len(&self) -> usize {
        self.outputs()
    }

    /// Writes the numbers that describe M.
    fn metric(&self, outputs: &[f32], metric: &mut [f32]);

    /// Replaces v, which has one number for each output, by M v.
    fn apply_metric(&self, metric: &[f32], v: &mut [f32]) {
        v.iter_mut().zip(metric).for_each(|(v, m)| *v *= m);
    }

    /// Column `index` of a root R of the metric, M = R R^T. R has as many columns as there are outputs.
    fn metric_root(&self, metric: &[f32], index: usize, column: &mut [f32]) {
        column[index] = metric[index].sqrt();
    }
}

/// A head behind a trait object, for comparing pairs of rows.
pub(super) trait Pair: Debug + Send {
    /// Compares the head with outputs `q` with the head with outputs `p`, at one action.
    fn compare(&mut self, p: &[f32], q: &[f32], action: Action<'_>) -> Compared;
}

/// The comparison of two rows of outputs of one head, in nats. Pairs are in the order p, q.
#[derive(Clone, Copy, Debug, Default)]
pub struct Compared {
    /// log p and log q of the action.
    pub log_probs: [f64; 2],
    /// KL(p || q) and KL(q || p).
    pub kl: [f64; 2],
    /// The entropies of p and q.
    pub entropies: [f64; 2],
    /// NaN if it has no closed form.
    pub total_variation: f64,
}

/// [`Head::compare`] by one function of [`Head`] after the other, on rows that are read once.
pub(super) fn compare_rows<H: Head>(
    head: &H,
    (p, q): (&[f32], &[f32]),
    action: Action<'_>,
    [row_p, row_q]: &mut [H::Row; 2],
) -> Compared {
    head.read(p, row_p);
    head.read(q, row_q);
    Compared {
        log_probs: [head.log_prob(row_p, action), head.log_prob(row_q, action)],
        kl: [head.kl(row_p, row_q), head.kl(row_q, row_p)],
        entropies: [head.entropy(row_p), head.entropy(row_q)],
        total_variation: head.total_variation(row_p, row_q),
    }
}

#[derive(Clone, Debug)]
struct Remembering<H: Head> {
    head: H,
    memory: H::Memory,
}

impl<H: Head + Send> Pair for Remembering<H> {
    fn compare(&mut self, p: &[f32], q: &[f32], action: Action<'_>) -> Compared {
        self.head.compare(p, q, action, &mut self.memory)
    }
}

/// Defines the enum of all families, and the macro `each!`, which calls a function of the family at hand.
macro_rules! register {
    ($dollar:tt $($kind:ident),*) => {
        /// A head of any family.
        #[derive(Clone, Debug, PartialEq)]
        pub enum AnyHead {
            $(#[doc = concat!("See [`", stringify!($kind), "`].")] $kind($kind)),*
        }

        $(impl From<$kind> for AnyHead {
            fn from(head: $kind) -> Self {
                Self::$kind(head)
            }
        })*

        macro_rules! each {
            ($dollar any:expr, $dollar head:ident => $dollar call:expr) => {
                match $dollar any { $(AnyHead::$kind($dollar head) => $dollar call),* }
            };
        }
    };
}

register!($ Categorical, Bernoulli, Gaussian, Beta, Parametrized);

/// Reads a row of outputs for one head.
fn row<H: Head>(head: &H, outputs: &[f32]) -> H::Row {
    let mut row = H::Row::default();
    head.read(outputs, &mut row);
    row
}

fn kl<H: Head>(head: &H, p: &[f32], q: &[f32]) -> f64 {
    head.kl(&row(head, p), &row(head, q))
}

fn total_variation<H: Head>(head: &H, p: &[f32], q: &[f32]) -> Option<f64> {
    H::HAS_TOTAL_VARIATION.then(|| head.total_variation(&row(head, p), &row(head, q)))
}

fn is_diagonal<H: Head>(_: &H) -> bool {
    H::IS_DIAGONAL
}

fn is_on_unit_interval<H: Head>(_: &H) -> bool {
    H::IS_ON_UNIT_INTERVAL
}

fn has_total_variation<H: Head>(_: &H) -> bool {
    H::HAS_TOTAL_VARIATION
}

fn pair<H: Head + Send + 'static>(head: &H) -> Box<dyn Pair> {
    Box::new(Remembering { head: head.clone(), memory: H::Memory::default() })
}

/// The functions of [`Head`], as functions of the outputs.
impl AnyHead {
    /// See [`Head::outputs`].
    pub fn outputs(&self) -> usize {
        each!(self, head => head.outputs())
    }

    /// See [`Head::width`].
    pub fn width(&self) -> ActionWidth {
        each!(self, head => head.width())
    }

    /// See [`Head::classes`].
    pub fn classes(&self) -> Vec<usize> {
        each!(self, head => head.classes())
    }

    pub(super) fn mask_len(&self) -> usize {
        each!(self, head => head.mask_len())
    }

    pub(super) fn forbid(&self, mask: &[bool], outputs: &mut [f32]) {
        each!(self, head => head.forbid(mask, outputs));
    }

    pub(super) fn layout(&self, config: &settings::Policy) -> Outputs {
        each!(self, head => head.layout(config))
    }

    pub(super) fn initial_bias(&self, config: &settings::Policy) -> Option<(usize, f64)> {
        each!(self, head => head.initial_bias(config))
    }

    pub(super) fn is_on_unit_interval(&self) -> bool {
        each!(self, head => is_on_unit_interval(head))
    }

    pub(super) fn stds(&self, outputs: &[f32]) -> (f64, usize) {
        each!(self, head => head.stds(outputs))
    }

    pub(super) fn has_total_variation(&self) -> bool {
        each!(self, head => has_total_variation(head))
    }

    pub(super) fn is_diagonal(&self) -> bool {
        each!(self, head => is_diagonal(head))
    }

    pub(super) fn metric_len(&self) -> usize {
        each!(self, head => head.metric_len())
    }

    pub(super) fn sample(&self, outputs: &[f32], rng: &mut Stream, action: ActionMut<'_>) {
        each!(self, head => head.sample(outputs, rng, action))
    }

    pub(super) fn mode(&self, outputs: &[f32], action: ActionMut<'_>) {
        each!(self, head => head.mode(outputs, action))
    }

    pub(super) fn log_prob(&self, outputs: &[f32], action: Action<'_>) -> f64 {
        each!(self, head => head.log_prob(&row(head, outputs), action))
    }

    pub(super) fn entropy(&self, outputs: &[f32]) -> f64 {
        each!(self, head => head.entropy(&row(head, outputs)))
    }

    pub(super) fn kl(&self, p: &[f32], q: &[f32]) -> f64 {
        each!(self, head => kl(head, p, q))
    }

    pub(super) fn total_variation(&self, p: &[f32], q: &[f32]) -> Option<f64> {
        each!(self, head => total_variation(head, p, q))
    }

    pub(super) fn add_score(&self, outputs: &[f32], action: Action<'_>, weight: f64, slot: &mut [f64]) {
        each!(self, head => head.add_score(outputs, action, weight, slot))
    }

    pub(super) fn add_entropy_gradient(&self, outputs: &[f32], weight: f64, slot: &mut [f64]) {
        each!(self, head => head.add_entropy_gradient(outputs, weight, slot))
    }

    pub(super) fn metric(&self, outputs: &[f32], metric: &mut [f32]) {
        each!(self, head => head.metric(outputs, metric))
    }

    pub(super) fn apply_metric(&self, metric: &[f32], v: &mut [f32]) {
        each!(self, head => head.apply_metric(metric, v))
    }

    pub(super) fn metric_root(&self, metric: &[f32], index: usize, column: &mut [f32]) {
        each!(self, head => head.metric_root(metric, index, column))
    }

    pub(super) fn pair(&self) -> Box<dyn Pair> {
        each!(self, head => pair(head))
    }
}
