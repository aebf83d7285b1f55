//! What replicates say: relative errors, the exponent with which they fall, and whether the mean is off.

use super::Point;
use crate::stats::{mean, standard_error, student_t};

/// Error of f32 passes, relative to the norm of the exact vector: where nothing is random (the Fisher information of a
/// log standard deviation is 2) it is all that is left.
const ROUNDING: f64 = 1e-6;

/// The root mean square over replicates of ||estimate - exact|| / ||exact||, with its standard error.
pub(super) fn relative_error(samples: usize, estimates: &[Vec<f64>], exact: &[f64]) -> Point {
    let norm = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>();
    let scale = norm(&mut exact.iter().copied());
    let square = |estimate: &Vec<f64>| norm(&mut estimate.iter().zip(exact).map(|(a, b)| a - b)) / scale;
    let squares: Vec<f64> = estimates.iter().map(square).collect();
    let error = mean(&squares).sqrt();
    // d sqrt(m) = dm / (2 sqrt(m))
    Point { samples, error, standard_error: standard_error(&squares) / (2.0 * error) }
}

/// The exponent p of error ~ N^p by least squares in logarithms, and its standard error, from those of the points.
pub(super) fn exponent(points: &[Point]) -> (f64, f64) {
    let x: Vec<f64> = points.iter().map(|point| (point.samples as f64).ln()).collect();
    let center = mean(&x);
    let spread: f64 = x.iter().map(|x| (x - center).powi(2)).sum();
    let pairs = || x.iter().map(|x| x - center).zip(points);
    let slope = pairs().map(|(x, point)| x * point.error.ln()).sum::<f64>() / spread;
    let variance: f64 = pairs().map(|(x, point)| (x * point.standard_error / point.error).powi(2)).sum();
    (slope, variance.sqrt() / spread)
}

/// The largest |mean - exact| of a component, in standard errors of the mean over replicates. NaN if a number is.
pub(super) fn worst_z(estimates: &[Vec<f64>], exact: &[f64]) -> f64 {
    let rounding = ROUNDING * exact.iter().map(|x| x * x).sum::<f64>().sqrt();
    let z = |(index, exact): (usize, &f64)| {
        let values: Vec<f64> = estimates.iter().map(|estimate| estimate[index]).collect();
        (mean(&values) - exact).abs() / standard_error(&values).hypot(rounding)
    };
    exact.iter().enumerate().map(z).fold(0.0, |a, b| if b > a || b.is_nan() { b } else { a })
}

/// The limit of [`worst_z`] that unbiased normal estimates of `components` numbers exceed with a probability of at most
/// `alarm` (Bonferroni; Student's t, because the standard errors are estimates too).
pub(super) fn z_limit(alarm: f64, components: usize, replicates: usize) -> f64 {
    student_t(1.0 - alarm / components as f64, replicates - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Stream};

    /// Means of `samples` normal numbers around (1, -2).
    fn replicates(samples: usize, count: usize, rng: &mut Stream) -> Vec<Vec<f64>> {
        let scale = 1.0 / (samples as f64).sqrt();
        (0..count).map(|_| [1.0, -2.0].map(|center| center + scale * rng.normal()).to_vec()).collect()
    }

    #[test]
    fn errors_of_means_fall_as_the_root() {
        let mut rng = Stream::new(0, Purpose::Test, 0);
        let points: Vec<Point> = [100, 1000, 10_000, 100_000]
            .map(|samples| relative_error(samples, &replicates(samples, 200, &mut rng), &[1.0, -2.0]))
            .to_vec();
        // Two unit variances over a square norm of 5. Four standard errors: false alarm below 1e-4, and the seed is fixed.
        assert!((points[0].error - (0.4f64 / 100.0).sqrt()).abs() < 4.0 * points[0].standard_error, "{points:?}");
        let (slope, error) = exponent(&points);
        assert!((slope + 0.5).abs() < 4.0 * error && error < 0.01, "{slope} +- {error}");
    }

    #[test]
    fn the_standard_error_of_the_exponent_is_its_spread() {
        let mut rng = Stream::new(1, Purpose::Test, 0);
        let mut fit = || {
            let points = [1000, 10_000].map(|n| relative_error(n, &replicates(n, 50, &mut rng), &[1.0, -2.0]));
            exponent(&points)
        };
        let fits: Vec<(f64, f64)> = (0..400).map(|_| fit()).collect();
        let spread = crate::stats::standard_deviation(&fits.iter().map(|fit| fit.0).collect::<Vec<_>>());
        let stated = mean(&fits.iter().map(|fit| fit.1).collect::<Vec<_>>());
        assert!((stated / spread - 1.0).abs() < 0.15, "{stated} {spread}");
    }

    #[test]
    fn a_bias_shows() {
        let mut rng = Stream::new(2, Purpose::Test, 0);
        let estimates = replicates(10_000, 20, &mut rng);
        let limit = z_limit(0.001, 2, 20);
        assert!((4.0..4.5).contains(&limit), "{limit}"); // t of 19 degrees at 5e-4
        assert!(worst_z(&estimates, &[1.0, -2.0]) < limit);
        assert!(worst_z(&estimates, &[1.02, -2.0]) > limit, "0.02 is nine standard errors");
        assert!(worst_z(&[vec![f64::NAN], vec![1.0]], &[1.0]).is_nan());
        assert!(worst_z(&[vec![1.0 + 1e-8], vec![1.0 + 1e-8]], &[1.0]) < 0.1, "rounding is no bias");
    }

    /// 2,000 times the largest of two t: the rate of false alarms is what is asked for, 0.05, less the little by which
    /// Bonferroni is careful. Five standard errors are 0.024: a false alarm below 1e-6, and the seed is fixed.
    #[test]
    fn the_rate_of_false_alarms_is_as_stated() {
        let mut rng = Stream::new(3, Purpose::Test, 0);
        let limit = z_limit(0.05, 2, 10);
        let alarms = (0..2000).filter(|_| worst_z(&replicates(100, 10, &mut rng), &[1.0, -2.0]) > limit).count();
        let rate = alarms as f64 / 2000.0;
        assert!((rate - 0.0494).abs() < 0.024, "{rate}");
    }
}
