//! One quantity along a run, and its summary over the seeds of the run.

use crate::random::{Purpose, Stream};
use crate::stats::{bootstrap_interval, interquartile_mean, mean};

/// The number of grid points if seeds must be interpolated to common steps.
const GRID_POINTS: usize = 200;
/// From this many seeds on, the center is the interquartile mean. With fewer, nothing is left to trim.
pub(super) const ENOUGH_FOR_IQM: usize = 4;

/// The values of one quantity in one seed, at increasing steps. Missing and non-finite values are left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Series {
    pub(super) steps: Vec<f64>,
    pub(super) values: Vec<f64>,
}

impl Series {
    /// A series of (steps, value) pairs at increasing steps.
    pub(super) fn new(rows: impl Iterator<Item = (f64, Option<f64>)>) -> Self {
        let (steps, values) =
            rows.filter_map(|(steps, value)| value.filter(|v| v.is_finite()).map(|v| (steps, v))).unzip();
        Self { steps, values }
    }

    /// The (steps, value) pairs.
    pub(super) fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        self.steps.iter().copied().zip(self.values.iter().copied())
    }

    /// The value at `steps`, interpolated linearly. `steps` must be in the range of the series.
    fn at(&self, steps: f64) -> f64 {
        let after = self.steps.partition_point(|s| *s < steps).min(self.steps.len() - 1);
        let before = after.saturating_sub(1);
        let (s0, s1) = (self.steps[before], self.steps[after]);
        let (v0, v1) = (self.values[before], self.values[after]);
        if s1 == steps || s1 == s0 { v1 } else { v0 + (v1 - v0) * (steps - s0) / (s1 - s0) }
    }
}

/// The summary of a quantity over the seeds of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Summary {
    pub(super) steps: Vec<f64>,
    /// The interquartile mean over seeds, or the mean if there are fewer than four.
    pub(super) center: Vec<f64>,
    /// The ends of the 95 % bootstrap interval of the center; empty for a single seed.
    pub(super) low: Vec<f64>,
    pub(super) high: Vec<f64>,
}

impl Summary {
    /// The (steps, center) pairs.
    pub(super) fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        self.steps.iter().copied().zip(self.center.iter().copied())
    }
}

/// The center and its interval over seeds, at steps that all of them cover.
///
/// Seeds that logged at the same steps, up to a few hundred, are compared at these steps. Otherwise each is interpolated
/// linearly onto an even grid over the range that all share. Every grid point draws the same resamples of seeds, so the band
/// is as smooth as the curves. A single seed is its own center, as logged.
pub(super) fn summarize(seeds: &[Series], resamples: usize, seed: u64) -> Summary {
    let seeds: Vec<&Series> = seeds.iter().filter(|series| !series.steps.is_empty()).collect();
    let grid = common_steps(&seeds);
    if let [only] = seeds[..] {
        return Summary { steps: grid, center: only.values.clone(), ..Summary::default() };
    }
    let center = if seeds.len() < ENOUGH_FOR_IQM { mean } else { interquartile_mean };
    let mut summary = Summary { steps: grid, ..Summary::default() };
    for &steps in &summary.steps {
        let values: Vec<f64> = seeds.iter().map(|series| series.at(steps)).collect();
        let mut stream = Stream::new(seed, Purpose::Bootstrap, 0);
        let interval = bootstrap_interval(&[&values], center, 0.95, resamples, &mut stream);
        summary.center.push(center(&values));
        summary.low.push(interval.low);
        summary.high.push(interval.high);
    }
    summary
}

fn common_steps(seeds: &[&Series]) -> Vec<f64> {
    let Some((first, rest)) = seeds.split_first() else { return Vec::new() };
    let equal = rest.iter().all(|series| series.steps == first.steps);
    if rest.is_empty() || (equal && first.steps.len() <= 2 * GRID_POINTS) {
        return first.steps.clone();
    }
    let begin = seeds.iter().map(|series| series.steps[0]).fold(f64::NEG_INFINITY, f64::max);
    let end = seeds.iter().map(|series| series.steps[series.steps.len() - 1]).fold(f64::INFINITY, f64::min);
    if begin > end {
        return Vec::new();
    }
    let last = if begin < end { GRID_POINTS } else { 0 };
    (0..=last).map(|i| begin + (end - begin) * i as f64 / last.max(1) as f64).collect()
}

/// The centers at the steps that every seed has. They are for measurements that are too sparse to interpolate.
pub(super) fn at_shared_steps(seeds: &[Series]) -> Vec<(f64, f64)> {
    let Some(first) = seeds.first() else { return Vec::new() };
    let center = if seeds.len() < ENOUGH_FOR_IQM { mean } else { interquartile_mean };
    let value_at =
        |series: &Series, steps: f64| series.steps.iter().position(|s| *s == steps).map(|index| series.values[index]);
    first
        .steps
        .iter()
        .filter_map(|&steps| {
            let values: Option<Vec<f64>> = seeds.iter().map(|series| value_at(series, steps)).collect();
            values.map(|values| (steps, center(&values)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(points: &[(f64, f64)]) -> Series {
        Series::new(points.iter().map(|&(s, v)| (s, Some(v))))
    }

    #[test]
    fn missing_values_are_left_out_and_lines_interpolated() {
        let s = Series::new([(1.0, None), (2.0, Some(4.0)), (3.0, Some(f64::NAN)), (4.0, Some(8.0))].into_iter());
        assert_eq!(s, series(&[(2.0, 4.0), (4.0, 8.0)]));
        assert_eq!([2.0, 3.0, 4.0].map(|x| s.at(x)), [4.0, 6.0, 8.0]);
        assert_eq!(series(&[(5.0, 1.0)]).at(5.0), 1.0);
    }

    #[test]
    fn different_steps_share_a_grid() {
        let seeds = [series(&[(0.0, 0.0), (100.0, 100.0)]), series(&[(10.0, 30.0), (50.0, 70.0), (90.0, 110.0)])];
        let summary = summarize(&seeds, 50, 0);
        assert_eq!((summary.steps[0], summary.steps[GRID_POINTS]), (10.0, 90.0));
        for (steps, center) in summary.steps.iter().zip(&summary.center) {
            assert!((center - (steps + 10.0)).abs() < 1e-9);
        }
        assert!(summary.low.iter().zip(&summary.center).all(|(low, center)| low <= center));
    }

    #[test]
    fn equal_steps_are_kept_and_few_seeds_are_tolerated() {
        let same = [(1.0, 2.0), (3.0, 4.0)];
        let many = summarize(&[series(&same), series(&same), series(&same), series(&same), Series::default()], 20, 0);
        assert_eq!((many.steps, many.center), (vec![1.0, 3.0], vec![2.0, 4.0]));
        let one = summarize(&[series(&same)], 20, 0);
        assert_eq!((one.center, one.low), (vec![2.0, 4.0], vec![]));
        assert_eq!(summarize(&[], 20, 0), Summary::default());
        let apart = [series(&[(1.0, 0.0), (2.0, 0.0)]), series(&[(3.0, 0.0), (4.0, 0.0)])];
        assert!(summarize(&apart, 20, 0).center.is_empty());
        let touching = [series(&[(1.0, 0.0), (2.0, 0.0)]), series(&[(2.0, 1.0), (4.0, 0.0)])];
        assert_eq!(summarize(&touching, 20, 0).center, [0.5]);
    }

    #[test]
    fn evaluations_are_compared_at_shared_steps() {
        let seeds = [series(&[(1.0, 2.0), (3.0, 4.0)]), series(&[(3.0, 6.0), (5.0, 6.0)])];
        assert_eq!(at_shared_steps(&seeds), [(3.0, 5.0)]);
        assert!(at_shared_steps(&[]).is_empty());
    }
}
