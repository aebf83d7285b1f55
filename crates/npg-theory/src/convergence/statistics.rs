//! Statistics over replicates: relative errors, the exponent with which they fall, and whether the mean is biased.

use super::Point;
use npg_core::stats::{mean, standard_error, student_t, variance};

/// The error of f32 passes, relative to the norm of the exact vector. It is the only error if nothing is random; the Fisher
/// information of a log standard deviation, for example, is always 2.
const ROUNDING: f64 = 1e-6;

/// The root mean square over replicates of ||estimate - exact|| / ||exact||, with its standard error.
pub(super) fn relative_error(samples: usize, estimates: &[Vec<f64>], exact: &[f64]) -> Point {
    let norm = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>();
    let scale = norm(&mut exact.iter().copied());
    let square = |estimate: &Vec<f64>| norm(&mut estimate.iter().zip(exact).map(|(a, b)| a - b)) / scale;
    let squares: Vec<f64> = estimates.iter().map(square).collect();
    let error = mean(&squares).sqrt();
    // d sqrt(m) = dm / (2 sqrt(m))
    let standard_error = standard_error(&squares) / (2.0 * error);
    Point { samples, replicates: estimates.len(), error, standard_error }
}

/// The exponent p of error ~ N^p, fitted by least squares in logarithms, and its standard error.
///
/// Points are weighted by their number of replicates. The variance of a logarithm is pooled over the points, as if it were
/// the same for every replicate: if a few replicates happen to be similar, their own variance would be much too small.
pub(super) fn exponent(points: &[Point]) -> (f64, f64) {
    let weights: Vec<f64> = points.iter().map(|point| point.replicates as f64).collect();
    let total: f64 = weights.iter().sum();
    let logs: Vec<f64> = points.iter().map(|point| libm::log(point.samples as f64)).collect();
    let center = weights.iter().zip(&logs).map(|(w, x)| w * x).sum::<f64>() / total;
    let lever: Vec<f64> = weights.iter().zip(&logs).map(|(w, x)| w * (x - center)).collect();
    let spread: f64 = lever.iter().zip(&logs).map(|(l, x)| l * (x - center)).sum();
    let slope = lever.iter().zip(points).map(|(l, point)| l * libm::log(point.error)).sum::<f64>() / spread;
    let of_one = |point: &Point| point.replicates as f64 * (point.standard_error / point.error).powi(2);
    let variance = weights.iter().zip(points).map(|(w, point)| w * of_one(point)).sum::<f64>() / total;
    (slope, (variance / spread).sqrt())
}

/// The estimates from batches of one size: one vector for each replicate.
pub(super) type Replicates = Vec<Vec<f64>>;

/// The largest |mean - exact| of a component over the replicates of the last size, in standard errors of that mean, and the
/// degrees of freedom of these standard errors. NaN if any number is NaN.
///
/// Variances fall as 1 / N, so those of all given sizes are pooled: batches of a tenth of N are cheap.
pub(super) fn worst_z(sizes: &[(usize, Replicates)], exact: &[f64]) -> (f64, usize) {
    let degrees = sizes.iter().map(|(_, estimates)| estimates.len() - 1).sum();
    let Some((largest, last)) = sizes.last() else { return (f64::NAN, 0) };
    let rounding = ROUNDING * exact.iter().map(|x| x * x).sum::<f64>().sqrt();
    let z = |(index, exact): (usize, &f64)| {
        let component = |estimates: &Replicates| estimates.iter().map(|x| x[index]).collect::<Vec<f64>>();
        let squares = |(samples, estimates): &(usize, Replicates)| {
            (estimates.len() - 1) as f64 * *samples as f64 * variance(&component(estimates))
        };
        let pooled = sizes.iter().map(squares).sum::<f64>() / degrees as f64; // the variance of one transition
        let error = libm::hypot((pooled / (*largest * last.len()) as f64).sqrt(), rounding);
        (mean(&component(last)) - exact).abs() / error
    };
    let worst = exact.iter().enumerate().map(z).fold(0.0, |a, b| if b > a || b.is_nan() { b } else { a });
    (worst, degrees)
}

/// The limit of [`worst_z`] for unbiased normal estimates of `components` numbers. It is exceeded with a probability of at
/// most `alarm` (Bonferroni, with Student's t because the standard errors are estimates too).
pub(super) fn z_limit(alarm: f64, components: usize, degrees: usize) -> f64 {
    student_t(1.0 - alarm / components as f64, degrees)
}

#[cfg(test)]
mod tests {
    use super::*;
    use npg_core::random::{Purpose, Stream};

    /// The means of `samples` normal numbers around (1, -2).
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
        // Two unit variances over a squared norm of 5, within four standard errors. A false alarm has a probability below
        // 1e-4, and the seed is fixed.
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
        let spread = npg_core::stats::standard_deviation(&fits.iter().map(|fit| fit.0).collect::<Vec<_>>());
        let stated = mean(&fits.iter().map(|fit| fit.1).collect::<Vec<_>>());
        assert!((stated / spread - 1.0).abs() < 0.15, "{stated} {spread}");
    }

    #[test]
    fn a_bias_shows() {
        let mut rng = Stream::new(2, Purpose::Test, 0);
        let sizes = [(1000, replicates(1000, 11, &mut rng)), (10_000, replicates(10_000, 10, &mut rng))];
        let (z, degrees) = worst_z(&sizes, &[1.0, -2.0]);
        let limit = z_limit(0.001, 2, degrees);
        assert!(degrees == 19 && (4.0..4.5).contains(&limit), "{limit}"); // t of 19 degrees of freedom at 5e-4
        assert!(z < limit);
        assert!(worst_z(&sizes, &[1.03, -2.0]).0 > limit, "0.03 is nine standard errors");
    }

    #[test]
    fn rounding_is_no_bias_and_nan_is_no_number() {
        let z = |estimates: [f64; 2]| worst_z(&[(1, estimates.map(|x| vec![x]).to_vec())], &[1.0]).0;
        assert!(z([1.0 + 1e-8; 2]) < 0.1);
        assert!(z([1.0 + 1e-4; 2]) > 10.0);
        assert!(z([f64::NAN, 1.0]).is_nan());
    }

    /// Computes the larger one of two t variates 2,000 times. The rate of false alarms is the requested 0.05, minus the
    /// little by which Bonferroni is conservative. Five standard errors are 0.024. A false alarm of this test has a
    /// probability below 1e-6, and the seed is fixed.
    #[test]
    fn the_rate_of_false_alarms_is_as_stated() {
        let mut rng = Stream::new(3, Purpose::Test, 0);
        let mut alarm = || {
            let sizes = [(100, replicates(100, 8, &mut rng)), (300, replicates(300, 4, &mut rng))];
            let (z, degrees) = worst_z(&sizes, &[1.0, -2.0]);
            z > z_limit(0.05, 2, degrees)
        };
        let rate = (0..2000).filter(|_| alarm()).count() as f64 / 2000.0;
        assert!((rate - 0.0494).abs() < 0.024, "{rate}");
    }
}
