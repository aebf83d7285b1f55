//! Action masks: which values of a discrete action are allowed in a state.
//!
//! A forbidden value has a logit of -infinity, so its probability is 0. The policy is then the softmax over the allowed values,
//! and everything that is computed from the outputs (log probability, score, entropy, KL divergence, the Fisher metric) is that
//! of this softmax. The gradient with respect to a forbidden logit is 0. Source: Huang & Ontanon, "A closer look at invalid
//! action masking in policy gradient algorithms" (2022), section 3.

use super::Policy;
use crate::network::kernels::Matrix;

/// One mask for each state of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Masks {
    /// The number of values of a mask, see [`Space::mask_len`](crate::env::Space::mask_len).
    width: usize,
    /// Whether each value is allowed, row-major.
    allowed: Vec<bool>,
}

impl Masks {
    /// Masks of `rows` states that allow everything, with the values of `policy`'s actions.
    pub fn new(policy: &Policy, rows: usize) -> Self {
        let width = policy.distribution.mask_len();
        Self { width, allowed: vec![true; width * rows] }
    }

    /// The mask of state `row`: for each value whether it is allowed.
    pub fn row(&self, row: usize) -> &[bool] {
        &self.allowed[row * self.width..][..self.width]
    }

    /// The mask of state `row`, to be written.
    pub fn row_mut(&mut self, row: usize) -> &mut [bool] {
        &mut self.allowed[row * self.width..][..self.width]
    }

    /// Adds the masks of more states, with actions of the same space.
    pub fn append(&mut self, others: &Masks) {
        self.width = others.width;
        self.allowed.extend_from_slice(&others.allowed);
    }

    /// Forbids values in the first rows of `outputs`. Row i belongs to the i-th of `states`.
    pub fn apply(&self, policy: &Policy, states: impl Iterator<Item = usize>, outputs: &mut Matrix) {
        states.enumerate().for_each(|(row, state)| policy.distribution.forbid(self.row(state), outputs.row_mut(row)));
    }
}
