//! The one-dimensional regulator with Gaussian noise over 20 steps, and the effect of rescaled parameters on learning.
//!
//! x' = 0.7 x + u + w, w ~ N(0, 1), with cost x^2 per step (Kakade 2001, section 5 and figure 1). The paper prints the policy
//! as proportional to exp(th1 s1 x^2 + th2 s2 x), which contains no action. Read as exp(th1 s1 u^2 + th2 s2 x u), it is
//! Gaussian with variance -1 / (2 th1 s1) and gain -th2 s2 / (2 th1 s1). The start is that of the paper, th1 s1 = th2 s2 =
//! -0.8. The distribution x_0 ~ N(0, 1) and the scalings are chosen here.

use crate::flow::{End, Limits, follow};
use crate::gaussian::{AffineGaussian, Local};
use crate::lqr::Lqr;
use npg_core::settings::Direction;

/// Scalings (s1, s2) that the figure compares.
pub const SCALINGS: [[f64; 2]; 3] = [[1.0, 1.0], [0.3, 3.0], [3.0, 0.3]];
/// th1 s1 and th2 s2 at the start: gain -0.5, variance 0.625.
const START: f64 = -0.8;
/// The number of steps in an episode.
const HORIZON: usize = 20;
/// r = -1/2 (2 x^2); no discount.
const WORLD: Lqr = Lqr { a: 0.7, b: 1.0, q: 2.0, r: 0.0, gamma: 1.0, noise: 1.0, start_mean: 0.0, start_var: 1.0 };

/// The problem with parameters theta, which the policy multiplies by `scales`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lqg {
    /// s1 and s2, positive.
    pub scales: [f64; 2],
}

impl Lqg {
    /// The policy with parameters `theta`; `None` unless its variance is positive.
    pub fn policy(&self, theta: [f64; 2]) -> Option<AffineGaussian> {
        let precision = -2.0 * theta[0] * self.scales[0];
        let k = theta[1] * self.scales[1] / precision;
        (precision > 0.0 && k.is_finite()).then(|| AffineGaussian { k, bias: 0.0, sigma: precision.sqrt().recip() })
    }

    /// Minus the average cost of a step (`value`), its gradient, Fisher matrix and natural gradient, at `theta` and in theta.
    /// Nothing here assumes that the scales cancel.
    pub fn at(&self, theta: [f64; 2]) -> Option<Local<2>> {
        let policy = self.policy(theta)?;
        let Local { value, gradient, fisher, .. } = WORLD.finite(&policy, HORIZON)?.without_bias();
        let variance = policy.sigma * policy.sigma;
        // d(k, sigma) / d theta, of k = theta2 s2 variance and variance = -1 / (2 theta1 s1).
        let [s1, s2] = self.scales;
        let jacobian = [[2.0 * s1 * policy.k * variance, s2 * variance], [s1 * policy.sigma * variance, 0.0]];
        let pulled = |g: [f64; 2]| [0, 1].map(|i| jacobian[0][i] * g[0] + jacobian[1][i] * g[1]);
        let steps = HORIZON as f64;
        let gradient = pulled(gradient).map(|g| g / steps);
        let inner = fisher?; // diagonal
        let element = |i: usize, j: usize| (0..2).map(|m| jacobian[m][i] * inner[m][m] * jacobian[m][j]).sum::<f64>();
        let fisher = [[element(0, 0), element(0, 1)], [element(1, 0), element(1, 1)]];
        let natural = solve(&fisher, &gradient);
        Some(Local { value: value / steps, gradient, fisher: Some(fisher), natural: Some(natural) })
    }

    /// Learns from the paper's start until the last of `times`, which increase.
    pub fn learn(&self, direction: Direction, times: &[f64]) -> LqgCurve {
        let slope = |theta: &[f64; 2]| {
            let local = self.at(*theta)?;
            match direction {
                Direction::Vanilla => Some(local.gradient),
                Direction::Natural => local.natural,
            }
        };
        let (mut now, mut theta) = (0.0, self.scales.map(|s| START / s));
        let mut curve = LqgCurve { lqg: *self, direction, times: Vec::new(), policies: Vec::new(), costs: Vec::new() };
        for &time in times {
            let limits =
                Limits { time: time - now, longest: f64::INFINITY, growth: 0.0, tolerance: 1e-11, steps: 1_000_000 };
            let flow = follow(slope, theta, &limits, |_| -1.0);
            (now, theta) = (time, flow.last().1);
            let (Some(policy), Some(local), End::Time) = (self.policy(theta), self.at(theta), flow.end) else { break };
            curve.times.push(time);
            curve.policies.push(policy);
            curve.costs.push(-local.value);
        }
        curve
    }
}

/// A learner of the regulator at some times. The times end early if it could not be followed further.
#[derive(Clone, Debug, PartialEq)]
pub struct LqgCurve {
    /// The problem, with the scales of its parameters.
    pub lqg: Lqg,
    /// The direction that it follows.
    pub direction: Direction,
    /// The times, increasing.
    pub times: Vec<f64>,
    /// The policy at each time.
    pub policies: Vec<AffineGaussian>,
    /// The average cost of a step at each time.
    pub costs: Vec<f64>,
}

/// The largest difference between the costs of `curves` at the same time.
pub fn largest_spread(curves: &[LqgCurve]) -> f64 {
    let times = curves.iter().map(|curve| curve.times.len()).min().unwrap_or(0);
    let spread = |i: usize| {
        let costs = curves.iter().map(|curve| curve.costs[i]);
        costs.clone().fold(f64::MIN, f64::max) - costs.fold(f64::MAX, f64::min)
    };
    (0..times).map(spread).fold(0.0, f64::max)
}

/// F^-1 g for a positive definite 2 x 2 matrix.
fn solve(f: &[[f64; 2]; 2], g: &[f64; 2]) -> [f64; 2] {
    let determinant = f[0][0] * f[1][1] - f[0][1] * f[1][0];
    [(g[0] * f[1][1] - f[0][1] * g[1]) / determinant, (f[0][0] * g[1] - g[0] * f[1][0]) / determinant]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::spaced;

    #[test]
    fn the_start_is_the_paper_s() {
        for scales in SCALINGS {
            let policy = Lqg { scales }.policy(scales.map(|s| START / s)).unwrap();
            assert!((policy.k + 0.5).abs() < 1e-15 && (policy.sigma.powi(2) - 0.625).abs() < 1e-15);
        }
        assert!(Lqg { scales: [1.0, 1.0] }.policy([0.1, 1.0]).is_none());
        // Twenty steps of x' = 0.2 x + noise of variance 1.625, from variance 1.
        let mut variance = 1.0;
        let mut total = 0.0;
        for _ in 0..20 {
            total += variance;
            variance = 0.04 * variance + 1.625;
        }
        let cost = -Lqg { scales: [1.0, 1.0] }.at([-0.8, -0.8]).unwrap().value;
        assert!((cost - total / 20.0).abs() < 1e-14);
    }

    #[test]
    fn gradients_are_differences() {
        let (lqg, theta) = (Lqg { scales: [0.3, 3.0] }, [-2.5, -0.4]);
        let local = lqg.at(theta).unwrap();
        for i in 0..2 {
            let moved = |by: f64| lqg.at(std::array::from_fn(|j| theta[j] + if i == j { by } else { 0.0 })).unwrap();
            let difference = (moved(1e-5).value - moved(-1e-5).value) / 2e-5;
            assert!((difference - local.gradient[i]).abs() < 1e-8);
        }
        let (fisher, natural) = (local.fisher.unwrap(), local.natural.unwrap());
        for (row, g) in fisher.iter().zip(local.gradient) {
            let product: f64 = row.iter().zip(natural).map(|(f, x)| f * x).sum();
            assert!((product - g).abs() < 1e-13);
        }
    }

    /// F of exp(th1 s1 u^2 + th2 s2 x u) is the covariance of (s1 u^2, s2 x u) given x, averaged over states.
    #[test]
    fn fisher_is_the_covariance_of_the_features() {
        let (lqg, theta) = (Lqg { scales: [0.5, 2.0] }, [-1.2, -0.3]);
        let policy = lqg.policy(theta).unwrap();
        let fisher = lqg.at(theta).unwrap().fisher.unwrap();
        let variance = policy.sigma.powi(2);
        // E x^2 over the twenty steps is the cost.
        let square = -lqg.at(theta).unwrap().value;
        let expected = [
            [
                0.25 * (2.0 * variance.powi(2) + 4.0 * policy.k.powi(2) * square * variance),
                2.0 * policy.k * square * variance,
            ],
            [2.0 * policy.k * square * variance, 4.0 * square * variance],
        ];
        for i in 0..2 {
            for j in 0..2 {
                assert!((fisher[i][j] - expected[i][j]).abs() < 1e-13, "{fisher:?} {expected:?}");
            }
        }
    }

    #[test]
    fn natural_learning_does_not_know_the_scaling() {
        let times = spaced(-2.0, 2.0, 41).into_iter().map(|power| 10f64.powf(power)).collect::<Vec<_>>();
        let learn = |direction| SCALINGS.map(|scales| Lqg { scales }.learn(direction, &times));
        let (natural, vanilla) = (learn(Direction::Natural), learn(Direction::Vanilla));
        assert!(natural.iter().chain(&vanilla).all(|curve| curve.times == times));
        assert!(largest_spread(&natural) < 1e-9, "{}", largest_spread(&natural));
        assert!(largest_spread(&vanilla) > 0.1, "{}", largest_spread(&vanilla));
        assert!(natural.iter().chain(&vanilla).all(|curve| curve.costs.windows(2).all(|pair| pair[1] < pair[0])));
        // The best cost is 1: in k = -0.7, sigma = 0 only x_0 and w are left.
        let last = |curve: &LqgCurve| curve.costs[curve.costs.len() - 1];
        assert!((last(&natural[0]) - 1.0).abs() < 0.006 && vanilla.iter().all(|curve| last(curve) > 1.1));
    }
}
