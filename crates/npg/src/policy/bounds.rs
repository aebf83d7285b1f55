//! How a raw action becomes an executed one: clipped to the action space, or rescaled onto it.
//!
//! The raw action is what the distribution drew, and what gradients see; the environment gets the executed one.

use crate::config::ActionBounds;
use crate::env::Space;

/// Bounds of a box action space and the rule that meets them; nothing for integer actions.
#[derive(Clone, Debug, PartialEq)]
pub struct Bounds {
    low: Vec<f64>,
    high: Vec<f64>,
    /// Executed = center + half * raw before clipping; (0, 1) where raw actions are executed as they are.
    center: Vec<f64>,
    half: Vec<f64>,
}

impl Bounds {
    /// The rule for an action space. Dimensions with an infinite bound are never rescaled.
    pub fn new(space: &Space, rule: ActionBounds) -> Self {
        let Space::Box { low, high } = space else {
            return Self { low: Vec::new(), high: Vec::new(), center: Vec::new(), half: Vec::new() };
        };
        let finite = |j: usize| low[j].is_finite() && high[j].is_finite() && rule == ActionBounds::Rescale;
        let center = |j| if finite(j) { 0.5 * (low[j] + high[j]) } else { 0.0 };
        let half = |j| if finite(j) { 0.5 * (high[j] - low[j]) } else { 1.0 };
        let dimensions = 0..low.len();
        Self {
            low: low.clone(),
            high: high.clone(),
            center: dimensions.clone().map(center).collect(),
            half: dimensions.map(half).collect(),
        }
    }

    /// Writes the executed action.
    pub fn execute(&self, raw: &[f64], executed: &mut [f64]) {
        for (j, (raw, slot)) in raw.iter().zip(executed).enumerate() {
            *slot = (self.center[j] + self.half[j] * raw).clamp(self.low[j], self.high[j]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clipped_or_rescaled() {
        let space = Space::Box { low: vec![-2.0, 0.0, f64::NEG_INFINITY], high: vec![2.0, 1.0, f64::INFINITY] };
        let mut executed = [0.0; 3];
        Bounds::new(&space, ActionBounds::Rescale).execute(&[0.5, 0.0, 7.0], &mut executed);
        assert_eq!(executed, [1.0, 0.5, 7.0]);
        Bounds::new(&space, ActionBounds::Clip).execute(&[3.0, -1.0, 7.0], &mut executed);
        assert_eq!(executed, [2.0, 0.0, 7.0]);
    }
}
