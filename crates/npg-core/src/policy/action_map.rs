//! Maps a raw action to the action that the environment executes: clipped to the action space, or rescaled onto it.
//!
//! The raw action is the one that the distribution drew. Log probabilities and gradients refer to it; only the environment
//! sees the executed one.

use crate::env::Space;
use crate::settings::ActionBounds;

/// The map from raw to executed actions of a box action space. It keeps them within the bounds. Empty for integer actions.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionMap {
    low: Vec<f64>,
    high: Vec<f64>,
    /// Executed = center + half * raw, before clipping. (0, 1) if raw actions are executed unchanged.
    center: Vec<f64>,
    half: Vec<f64>,
}

/// A bound of this size or more counts as no bound. Spaces use the largest f32 or f64 for "unbounded", and the middle of so
/// wide a range means nothing.
const NO_BOUND: f64 = 1e30;

/// If there is only one bound, a raw action of 0 is executed at least this far inside it: one initial standard deviation.
const INSIDE: f64 = 1.0;

impl ActionMap {
    /// The map for an action space under `rule`. Raw actions between 0 and 1 (`is_unit`) are always mapped onto the bounds.
    pub fn new(space: &Space, rule: ActionBounds, is_unit: bool) -> Self {
        let Space::Box { low, high } = space else {
            return Self { low: Vec::new(), high: Vec::new(), center: Vec::new(), half: Vec::new() };
        };
        let onto = |(low, high): (&f64, &f64)| match rule {
            _ if is_unit => (*low, high - low),
            ActionBounds::Rescale => rescaled(*low, *high),
            ActionBounds::Clip => (0.0, 1.0),
        };
        let (center, half) = low.iter().zip(high).map(onto).unzip();
        Self { low: low.clone(), high: high.clone(), center, half }
    }

    /// Writes the executed action for a raw one.
    pub fn execute(&self, raw: &[f64], executed: &mut [f64]) {
        for (j, (raw, slot)) in raw.iter().zip(executed).enumerate() {
            *slot = (self.center[j] + self.half[j] * raw).clamp(self.low[j], self.high[j]);
        }
    }
}

/// Whether a dimension lacks a bound on one side or on both.
pub(super) fn are_missing(low: f64, high: f64) -> bool {
    low <= -NO_BOUND || high >= NO_BOUND
}

/// The center and half width of the range that raw -1..1 is mapped onto. With only one bound the action keeps its unit. 0
/// stays 0 unless it lies outside or too close to the bound, where most actions would be clipped to the bound itself. Without
/// bounds nothing changes.
fn rescaled(low: f64, high: f64) -> (f64, f64) {
    match (low > -NO_BOUND, high < NO_BOUND) {
        (true, true) => (0.5 * (low + high), 0.5 * (high - low)),
        (true, false) => ((low + INSIDE).max(0.0), 1.0),
        (false, true) => ((high - INSIDE).min(0.0), 1.0),
        (false, false) => (0.0, 1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn executed(low: f64, high: f64, raw: f64) -> f64 {
        let mut executed = [0.0];
        let space = Space::Box { low: vec![low], high: vec![high] };
        ActionMap::new(&space, ActionBounds::Rescale, false).execute(&[raw], &mut executed);
        executed[0]
    }

    #[test]
    fn the_unit_interval_is_mapped_onto_the_bounds_whatever_the_rule() {
        let (space, mut executed) = (Space::Box { low: vec![-3.0; 3], high: vec![5.0; 3] }, [0.0; 3]);
        for rule in [ActionBounds::Rescale, ActionBounds::Clip] {
            ActionMap::new(&space, rule, true).execute(&[0.0, 0.25, 1.0], &mut executed);
            assert_eq!(executed, [-3.0, -1.0, 5.0]);
        }
    }

    #[test]
    fn one_bound_away_from_0_leaves_room_on_both_sides() {
        let infinity = f64::INFINITY;
        for (low, high, at_zero) in [
            (5.0, infinity, 6.0),
            (-infinity, -5.0, -6.0),
            (0.0, infinity, 1.0),
            (-infinity, 0.0, -1.0),
            (-5.0, infinity, 0.0),
            (-infinity, 5.0, 0.0),
            (5.0, f64::MAX, 6.0),
            (5.0, f64::from(f32::MAX), 6.0),
        ] {
            assert_eq!(executed(low, high, 0.0), at_zero, "{low} to {high}");
            let (below, above) = (executed(low, high, -0.5), executed(low, high, 0.5));
            assert!(below < at_zero && at_zero < above && low < below && above < high, "{low} to {high}");
        }
        assert_eq!((executed(5.0, infinity, -9.0), executed(-infinity, -5.0, 9.0)), (5.0, -5.0), "clipped");
    }

    #[test]
    fn huge_bounds_are_none() {
        for huge in [f64::MAX, f64::from(f32::MAX)] {
            assert_eq!(executed(-huge, huge, 0.25), 0.25);
        }
        assert_eq!(executed(-65504.0, 65504.0, 0.5), 32752.0, "those of a half-precision float are bounds");
    }

    #[test]
    fn clipped_or_rescaled() {
        let space = Space::Box { low: vec![-2.0, 0.0, f64::NEG_INFINITY], high: vec![2.0, 1.0, f64::INFINITY] };
        let mut executed = [0.0; 3];
        ActionMap::new(&space, ActionBounds::Rescale, false).execute(&[0.5, 0.0, 7.0], &mut executed);
        assert_eq!(executed, [1.0, 0.5, 7.0]);
        ActionMap::new(&space, ActionBounds::Clip, false).execute(&[3.0, -1.0, 7.0], &mut executed);
        assert_eq!(executed, [2.0, 0.0, 7.0]);
    }
}
