//! Maps a raw action to the action that the environment executes: clipped to the action space, rescaled onto it, or squashed
//! into it.
//!
//! The raw action is the one that the distribution drew. Log probabilities and gradients refer to it; only the environment
//! sees the executed one.

use crate::env::Space;
use crate::settings::ActionBounds;
use std::ops::Range;

/// How raw actions get within the bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// Raw actions are clipped.
    Clip,
    /// Raw -1..1 is mapped onto the bounds, and then clipped.
    Rescale,
    /// Raw 0..1 is mapped onto the bounds.
    Unit,
    /// tanh maps all raw actions between the bounds.
    Squash,
}

impl From<ActionBounds> for Fit {
    fn from(rule: ActionBounds) -> Self {
        match rule {
            ActionBounds::Clip => Fit::Clip,
            ActionBounds::Rescale => Fit::Rescale,
        }
    }
}

/// The map from the raw to the executed reals of actions. It keeps them within the bounds of their boxes, and is empty if
/// there are none.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionMap {
    fit: Fit,
    low: Vec<f64>,
    high: Vec<f64>,
    /// Executed = center + half * raw (or tanh of it), before clipping. (0, 1) if raw actions are executed unchanged.
    center: Vec<f64>,
    half: Vec<f64>,
}

/// A bound of this size or more counts as no bound. Spaces use the largest f32 or f64 for "unbounded", and the middle of so
/// wide a range means nothing.
const NO_BOUND: f64 = 1e30;

/// If there is only one bound, a raw action of 0 is executed at least this far inside it: one initial standard deviation.
const INSIDE: f64 = 1.0;

impl ActionMap {
    /// The map for an action space.
    pub fn new(space: &Space, fit: Fit) -> Self {
        let (low, high): (Vec<f64>, Vec<f64>) = bounds(space).into_iter().unzip();
        let onto = |(low, high): (&f64, &f64)| match fit {
            Fit::Unit => (*low, high - low),
            Fit::Rescale | Fit::Squash => rescaled(*low, *high),
            Fit::Clip => (0.0, 1.0),
        };
        let (center, half) = low.iter().zip(&high).map(onto).unzip();
        Self { fit, low, high, center, half }
    }

    /// Writes the executed action for a raw one.
    pub fn execute(&self, raw: &[f64], executed: &mut [f64]) {
        for (j, (raw, slot)) in raw.iter().zip(executed).enumerate() {
            let raw = if self.fit == Fit::Squash { libm::tanh(*raw) } else { *raw };
            *slot = (self.center[j] + self.half[j] * raw).clamp(self.low[j], self.high[j]);
        }
    }

    /// log |d executed / d raw| of the reals `which` of a raw action, nats, without clipping.
    pub(super) fn log_jacobian(&self, raw: &[f64], which: Range<usize>) -> f64 {
        let slope = |raw: f64| match self.fit {
            // log(1 - tanh^2 x) = 2 (log 2 - |x| - log(1 + exp(-2 |x|)))
            Fit::Squash => 2.0 * (std::f64::consts::LN_2 - raw.abs() - libm::log1p(libm::exp(-2.0 * raw.abs()))),
            _ => 0.0,
        };
        raw[which.clone()].iter().zip(&self.half[which]).map(|(raw, half)| slope(*raw) + libm::log(*half)).sum()
    }
}

/// The bounds of the reals of an action: those of all boxes in the space.
pub(super) fn bounds(space: &Space) -> Vec<(f64, f64)> {
    match space {
        Space::Box { low, high } => low.iter().copied().zip(high.iter().copied()).collect(),
        Space::Tuple(_) | Space::Dict(_) => space.parts().flat_map(bounds).collect(),
        Space::Parametrized(boxes) => boxes.iter().flat_map(bounds).collect(),
        Space::Image(image) => vec![(image.low, image.high); image.len()],
        Space::Discrete(_) | Space::MultiDiscrete(_) | Space::MultiBinary(_) => Vec::new(),
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
        ActionMap::new(&space, Fit::Rescale).execute(&[raw], &mut executed);
        executed[0]
    }

    #[test]
    fn the_unit_interval_is_mapped_onto_the_bounds() {
        let (space, mut executed) = (Space::Box { low: vec![-3.0; 3], high: vec![5.0; 3] }, [0.0; 3]);
        ActionMap::new(&space, Fit::Unit).execute(&[0.0, 0.25, 1.0], &mut executed);
        assert_eq!(executed, [-3.0, -1.0, 5.0]);
    }

    #[test]
    fn tanh_keeps_every_action_within_the_bounds() {
        let (space, mut executed) = (Space::Box { low: vec![-3.0; 4], high: vec![5.0; 4] }, [0.0; 4]);
        ActionMap::new(&space, Fit::Squash).execute(&[0.0, 0.5, -1e3, 1e300], &mut executed);
        assert_eq!(executed, [1.0, 1.0 + 4.0 * libm::tanh(0.5), -3.0, 5.0]);
    }

    #[test]
    fn the_jacobian_is_the_slope_of_the_map() {
        let space = Space::Box { low: vec![-3.0, -1.0], high: vec![5.0, 2.0] };
        for fit in [Fit::Clip, Fit::Rescale, Fit::Unit, Fit::Squash] {
            let map = ActionMap::new(&space, fit);
            for raw in [[0.1, 0.2], [0.7, 0.5], [0.01, 0.9]] {
                let slopes = [0, 1].map(|j| {
                    let executed = |shift: f64| {
                        let (mut raw, mut executed) = (raw, [0.0; 2]);
                        raw[j] += shift;
                        map.execute(&raw, &mut executed);
                        executed[j]
                    };
                    (executed(1e-6) - executed(-1e-6)) / 2e-6
                });
                let expected: f64 = slopes.iter().map(|slope: &f64| libm::log(*slope)).sum();
                assert!((map.log_jacobian(&raw, 0..2) - expected).abs() < 1e-8, "{fit:?} at {raw:?}");
            }
        }
        let far = ActionMap::new(&space, Fit::Squash).log_jacobian(&[-800.0, 800.0], 0..2);
        assert!((far + 3200.0).abs() < 10.0, "{far}: exact where tanh is 1 in f64");
    }

    /// The boxes of a tuple are mapped one after the other; integers are not its business.
    #[test]
    fn the_boxes_of_a_tuple() {
        let inner = Space::Tuple(vec![Space::uniform_box(1, 0.0, 2.0), Space::MultiBinary(3)]);
        let space = Space::Tuple(vec![Space::Discrete(2), Space::uniform_box(1, -4.0, 4.0), inner]);
        let mut executed = [0.0; 2];
        ActionMap::new(&space, Fit::Rescale).execute(&[0.5, 0.5], &mut executed);
        assert_eq!(executed, [2.0, 1.5]);
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
        ActionMap::new(&space, Fit::Rescale).execute(&[0.5, 0.0, 7.0], &mut executed);
        assert_eq!(executed, [1.0, 0.5, 7.0]);
        ActionMap::new(&space, Fit::Clip).execute(&[3.0, -1.0, 7.0], &mut executed);
        assert_eq!(executed, [2.0, 0.0, 7.0]);
    }
}
