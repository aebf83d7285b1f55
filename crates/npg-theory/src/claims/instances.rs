//! The random instances on which claims are checked, and some small dense algebra.

use faer::linalg::solvers::Solve;
use faer::{Mat, Side};
use npg_core::random::{Purpose, Stream};
pub(super) use npg_exact::dot;
use npg_exact::mdp::{Evaluation, Mdp, TabularPolicy};

/// The number of random processes on which an identity is checked.
pub(super) const MANY: u64 = 1000;

/// A random process, and two policies in it.
pub(super) struct Instance {
    pub(super) mdp: Mdp,
    pub(super) policy: TabularPolicy,
    pub(super) at: Evaluation,
    pub(super) other: TabularPolicy,
    pub(super) rng: Stream,
}

/// `count` instances: 2 to 8 states, 2 to 5 actions, gamma from 0.5 to 0.95, policies from nearly uniform to sharp, and a
/// second policy at distances from tiny to large.
pub(super) fn instances(count: u64) -> impl Iterator<Item = Instance> {
    (0..count).map(|index| instance(index, None))
}

/// The same instances with uniform policies.
pub(super) fn uniform_starts(count: u64) -> impl Iterator<Item = Instance> {
    (0..count).map(|index| instance(index, Some(0.0)))
}

/// The same instances with policies whose logits are around `scale`.
pub(super) fn instances_of_scale(count: u64, scale: f64) -> impl Iterator<Item = Instance> {
    (0..count).map(move |index| instance(index, Some(scale)))
}

fn instance(index: u64, scale: Option<f64>) -> Instance {
    let mut rng = Stream::new(0, Purpose::Test, index);
    let (states, actions) = (2 + rng.below(7), 2 + rng.below(4));
    let branching = 1 + rng.below(states);
    let gamma = rng.uniform(0.5, 0.95);
    let mdp = Mdp::random(states, actions, branching, gamma, &mut rng);
    let drawn = rng.uniform(0.1, 2.0);
    let policy = TabularPolicy::random(states, actions, scale.unwrap_or(drawn), &mut rng);
    let distance = libm::pow(10f64, rng.uniform(-4.0, 0.7));
    let direction: Vec<f64> = policy.logits().iter().map(|_| rng.normal()).collect();
    let other = policy.moved(distance, &direction).expect("small steps overflow nothing");
    Instance { at: mdp.evaluate(&policy), mdp, policy, other, rng }
}

impl Instance {
    /// A random vector with states x actions numbers.
    pub(super) fn direction(&mut self) -> Vec<f64> {
        self.policy.logits().iter().map(|_| self.rng.normal()).collect()
    }

    /// J of the policy whose logits are moved by `step` along `x`.
    pub(super) fn j_along(&self, step: f64, x: &[f64]) -> f64 {
        self.mdp.evaluate(&self.along(step, x)).j
    }

    /// The policy whose logits are moved by `step` along `x`.
    pub(super) fn along(&self, step: f64, x: &[f64]) -> TabularPolicy {
        self.policy.moved(step, x).expect("small steps overflow nothing")
    }

    /// The mean over d of KL(policy || moved policy).
    pub(super) fn kl_along(&self, step: f64, x: &[f64]) -> f64 {
        dot(&self.at.occupancy, &self.policy.kl(&self.along(step, x)))
    }

    /// Fewer parameters than logits: logits = Phi w with random features Phi (states x actions rows). Their Fisher matrix
    /// Phi^T F Phi is not singular.
    pub(super) fn features(&mut self) -> Mat<f64> {
        let rows = self.policy.logits().len();
        let columns = (rows / 2).min(self.mdp.states() * (self.mdp.actions() - 1)).max(1);
        Mat::from_fn(rows, columns, |_, _| self.rng.normal())
    }
}

/// The derivative at 0 of a smooth function, by sixth-order differences at distance `h`.
pub(super) fn derivative(f: impl Fn(f64) -> f64, h: f64) -> f64 {
    let odd = |k: f64| f(k * h) - f(-k * h);
    (45.0 * odd(1.0) - 9.0 * odd(2.0) + odd(3.0)) / (60.0 * h)
}

/// The cosine of the angle between two vectors.
pub(super) fn cosine(a: &[f64], b: &[f64]) -> f64 {
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// The largest of some numbers; NaN if one of them is.
pub(super) fn largest(numbers: impl IntoIterator<Item = f64>) -> f64 {
    numbers.into_iter().fold(f64::NEG_INFINITY, |a, b| if b > a || b.is_nan() { b } else { a })
}

/// The smallest of some numbers; NaN if one of them is.
pub(super) fn smallest(numbers: impl IntoIterator<Item = f64>) -> f64 {
    -largest(numbers.into_iter().map(|x| -x))
}

/// The largest |a - b|.
pub(super) fn difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    largest(a.iter().zip(b).map(|(a, b)| (a - b).abs()))
}

/// The product M x.
pub(super) fn times(m: &Mat<f64>, x: &[f64]) -> Vec<f64> {
    (0..m.nrows()).map(|i| x.iter().enumerate().map(|(j, x)| m[(i, j)] * x).sum()).collect()
}

/// The product M^T x.
pub(super) fn transpose_times(m: &Mat<f64>, x: &[f64]) -> Vec<f64> {
    (0..m.ncols()).map(|j| x.iter().enumerate().map(|(i, x)| m[(i, j)] * x).sum()).collect()
}

/// M^-1 b for a positive definite M; NaN if it is not positive definite.
pub(super) fn solved(m: &Mat<f64>, b: &[f64]) -> Vec<f64> {
    let Ok(factor) = m.llt(Side::Lower) else { return vec![f64::NAN; b.len()] };
    let x = factor.solve(Mat::from_fn(b.len(), 1, |i, _| b[i]));
    (0..b.len()).map(|i| x[(i, 0)]).collect()
}

/// M + lambda I.
pub(super) fn damped(m: &Mat<f64>, lambda: f64) -> Mat<f64> {
    let mut damped = m.clone();
    (0..m.nrows()).for_each(|i| damped[(i, i)] += lambda);
    damped
}
