//! Advantages and value targets: GAE (Schulman 2016) and Monte Carlo, over segments.
//!
//! A segment is a sequence of consecutive steps of one environment inside a batch. It ends because the episode terminated
//! (with value 0 after it), because it was truncated (it bootstraps from the value of its true final observation), or because
//! the batch is full (it bootstraps from the value of the next observation). Nothing leaks from one segment into another.

use crate::env::Ending;
use crate::reduce::Reducer;
use std::ops::Range;

/// How a segment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentEnd {
    /// The episode is over, and the value after it is 0.
    Terminated,
    /// A time limit (or a divergence) stopped the episode: bootstrap from row `0` of the batch's final observations.
    Truncated(usize),
    /// The batch ended first: bootstrap from row `0` of the batch's final observations.
    BatchEnd(usize),
}

impl SegmentEnd {
    /// The row of the final observation to bootstrap from, if there is one.
    pub fn bootstrap(self) -> Option<usize> {
        match self {
            SegmentEnd::Terminated => None,
            SegmentEnd::Truncated(row) | SegmentEnd::BatchEnd(row) => Some(row),
        }
    }

    /// The end of a segment whose last step had this ending. `bootstrap` makes the row of the final observation, where one is
    /// needed.
    pub(crate) fn after(ending: Ending, bootstrap: impl FnOnce() -> usize) -> Self {
        match ending {
            Ending::Terminated => SegmentEnd::Terminated,
            Ending::Truncated | Ending::Diverged => SegmentEnd::Truncated(bootstrap()),
            Ending::Running | Ending::Began => SegmentEnd::BatchEnd(bootstrap()),
        }
    }
}

/// Consecutive steps of one environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// The rows of the batch.
    pub rows: Range<usize>,
    /// The step within the episode at the first row.
    pub first_step: u32,
    /// How it ended.
    pub end: SegmentEnd,
}

/// Advantages by GAE: A_t = delta_t + gamma lambda A_{t+1}, delta_t = r_t + gamma V_{t+1} - V_t.
///
/// `rewards` and `values` have one number per row, and `finals` has one per final observation. lambda = 1 gives the discounted
/// return minus the baseline (Monte Carlo). Value targets are advantages + values.
pub fn advantages(
    segments: &[Segment],
    rewards: &[f64],
    values: &[f64],
    finals: &[f64],
    gamma: f64,
    lambda: f64,
) -> Vec<f64> {
    let mut advantages = vec![0.0; rewards.len()];
    for segment in segments {
        let mut next_value = segment.end.bootstrap().map_or(0.0, |row| finals[row]);
        let mut next_advantage = 0.0;
        for row in segment.rows.clone().rev() {
            let delta = rewards[row] + gamma * next_value - values[row];
            next_advantage = delta + gamma * lambda * next_advantage;
            advantages[row] = next_advantage;
            next_value = values[row];
        }
    }
    advantages
}

/// Subtracts the mean and divides by the standard deviation, over the whole batch, which `reducer` sums. If all are equal
/// (within 1e-12 of their magnitude), they become exactly zero, because they have no signal.
///
/// Returns the standard deviation, which is the unit of the advantages afterwards.
pub fn normalize(advantages: &mut [f64], reducer: &Reducer) -> f64 {
    let moments = reducer.moments(|row| [advantages[row]]);
    let (mean, std) = (moments.mean[0], (moments.squares[0] / moments.count).sqrt());
    if std <= 1e-12 * reducer.largest(|row| advantages[row].abs()) {
        advantages.fill(0.0);
        return std;
    }
    let scale = 1.0 / std;
    advantages.iter_mut().for_each(|a| *a = (*a - mean) * scale);
    std
}

/// gamma^t for every row that `reducer` sums, where t is the step within the episode, divided by the mean over all rows.
/// These are the state weights of the policy gradient theorem, which most implementations drop.
pub fn discounted_weights(segments: &[Segment], reducer: &Reducer, gamma: f64) -> Vec<f64> {
    let mut weights = vec![0.0; reducer.here().len()];
    // t is counted from the earliest step of the batch, because gamma^t itself underflows in long episodes. The division by
    // the mean cancels the difference.
    let here = segments.iter().map(|segment| segment.first_step).min().unwrap_or(u32::MAX);
    let earliest = u32::MAX - reducer.largest_of_all(f64::from(u32::MAX - here)) as u32;
    for segment in segments {
        let mut weight = libm::pow(gamma, f64::from(segment.first_step - earliest)); // 0^0 = 1
        for slot in &mut weights[segment.rows.clone()] {
            *slot = weight;
            weight *= gamma;
        }
    }
    let mean = reducer.mean_of(|row| weights[row]);
    if mean > 0.0 {
        weights.iter_mut().for_each(|w| *w /= mean);
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// gamma^t is 0 in f64 after 75,000 steps at 0.99, but only the ratios of the weights matter.
    #[test]
    fn discounted_weights_of_late_steps_do_not_vanish() {
        let segment =
            |rows: std::ops::Range<usize>, first_step| Segment { rows, first_step, end: SegmentEnd::Terminated };
        let weights = discounted_weights(&[segment(0..2, 100_000), segment(2..3, 100_001)], &Reducer::of_rows(3), 0.99);
        let sum = 1.0 + 2.0 * 0.99;
        let expected = [3.0 / sum, 3.0 * 0.99 / sum, 3.0 * 0.99 / sum];
        assert!(weights.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{weights:?}");
    }

    /// A_t = sum_l (gamma lambda)^l delta_{t+l}, where each delta is computed from its own definition: O(T^2), without
    /// recursion.
    fn definition(
        segment: &Segment,
        rewards: &[f64],
        values: &[f64],
        finals: &[f64],
        gamma: f64,
        lambda: f64,
    ) -> Vec<f64> {
        let rows: Vec<usize> = segment.rows.clone().collect();
        let value = |i: usize| match rows.get(i) {
            Some(&row) => values[row],
            None => match segment.end {
                SegmentEnd::Terminated => 0.0,
                SegmentEnd::Truncated(row) | SegmentEnd::BatchEnd(row) => finals[row],
            },
        };
        let delta = |i: usize| rewards[rows[i]] + gamma * value(i + 1) - value(i);
        (0..rows.len())
            .map(|t| (t..rows.len()).map(|i| (gamma * lambda).powi((i - t) as i32) * delta(i)).sum())
            .collect()
    }

    fn batches() -> impl Strategy<Value = (Vec<Segment>, Vec<f64>, Vec<f64>, Vec<f64>)> {
        prop::collection::vec((1usize..12, 0u8..3), 1..6).prop_flat_map(|shape| {
            let mut segments = Vec::new();
            let (mut rows, mut finals) = (0, 0);
            for (length, kind) in shape {
                let end = match kind {
                    0 => SegmentEnd::Terminated,
                    1 => SegmentEnd::Truncated(finals),
                    _ => SegmentEnd::BatchEnd(finals),
                };
                finals += usize::from(kind > 0);
                segments.push(Segment { rows: rows..rows + length, first_step: 0, end });
                rows += length;
            }
            let numbers = |n| prop::collection::vec(-5.0..5.0f64, n);
            (Just(segments), numbers(rows), numbers(rows), numbers(finals))
        })
    }

    proptest! {
        #[test]
        fn gae_equals_its_definition(
            (segments, rewards, values, finals) in batches(), gamma in 0.0..1.0f64, lambda in 0.0..=1.0f64,
        ) {
            let fast = advantages(&segments, &rewards, &values, &finals, gamma, lambda);
            for segment in &segments {
                let slow = definition(segment, &rewards, &values, &finals, gamma, lambda);
                for (row, expected) in segment.rows.clone().zip(slow) {
                    prop_assert!((fast[row] - expected).abs() < 1e-9);
                }
            }
        }
    }

    #[test]
    fn lambda_one_is_the_discounted_return_minus_the_baseline() {
        let segment = Segment { rows: 0..3, first_step: 0, end: SegmentEnd::Truncated(0) };
        let a = advantages(&[segment], &[1.0, 2.0, 3.0], &[0.3, 0.7, 0.1], &[10.0], 0.5, 1.0);
        let expected = [1.0 + 1.0 + 0.75 + 1.25 - 0.3, 2.0 + 1.5 + 2.5 - 0.7, 3.0 + 5.0 - 0.1];
        a.iter().zip(expected).for_each(|(a, e)| assert!((a - e).abs() < 1e-12));
    }

    #[test]
    fn equal_advantages_carry_no_signal() {
        let mut equal = vec![0.1 + 0.2, 0.3, 0.3];
        normalize(&mut equal, &Reducer::of_rows(3));
        assert_eq!(equal, [0.0; 3]);
        let mut different = vec![1.0, 2.0, 3.0];
        normalize(&mut different, &Reducer::of_rows(3));
        assert!((different[2] - 1.5f64.sqrt()).abs() < 1e-12 && different[1].abs() < 1e-15);
    }

    #[test]
    fn discounted_weights_count_from_the_episodes_start() {
        let segments = [
            Segment { rows: 0..2, first_step: 3, end: SegmentEnd::Terminated },
            Segment { rows: 2..3, first_step: 0, end: SegmentEnd::BatchEnd(0) },
        ];
        let w = discounted_weights(&segments, &Reducer::of_rows(3), 0.5);
        assert!((w[0] / w[2] - 0.125).abs() < 1e-12 && (w[1] / w[2] - 0.0625).abs() < 1e-12);
        assert!((w.iter().sum::<f64>() / 3.0 - 1.0).abs() < 1e-12);
    }
}
