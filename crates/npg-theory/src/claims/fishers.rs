//! Claims about invariance, compatible function approximation, and the Fisher matrix in its several forms.

use super::instances::{
    Instance, MANY, damped, difference, dot, instances_of_scale, largest, solved, times, transpose_times,
};
use super::steps::{in_features, median, reduced_gradient};
use super::{Claim, Demand, network};
use faer::{Mat, MatRef};
use npg_core::step::alpha_from_kl;
use npg_exact::mdp::TabularPolicy;

/// The number of random processes in the more expensive checks.
const WORLDS: u64 = 200;

pub(super) static INVARIANCE: &[Claim] = &[
    Claim {
        name: "invariance",
        sentence: "Under theta = B phi the undamped natural step changes the policy identically.",
        source: "Amari 1998; Kakade 2001",
        measured: "largest difference of a probability after 0.01 nats, random B, 200 MDPs",
        demand: Demand::AtMost(1e-8),
        is_about_error: false,
        measure: || largest(changes(solved)),
    },
    Claim {
        name: "vanilla-varies",
        sentence: "The vanilla step depends on how the policy is parametrized.",
        source: "Kakade 2001",
        measured: "median difference of a probability after 0.01 nats, random B, 200 MDPs",
        demand: Demand::AtLeast(0.01),
        is_about_error: false,
        measure: || median(changes(|_, g| g.to_vec())),
    },
    Claim {
        name: "damping-varies",
        sentence: "Damping breaks the invariance.",
        source: "lambda I is not a tensor",
        measured: "median difference of a probability after 0.01 nats, lambda 0.1, random B, 200 MDPs",
        demand: Demand::AtLeast(1e-3),
        is_about_error: false,
        measure: || median(changes(|fisher, g| solved(&damped(fisher, 0.1), g))),
    },
    Claim {
        name: "nonlinear-parameters",
        sentence: "Under a nonlinear change of parameters the difference is of second order in the step.",
        source: "Martens 2020, section 12",
        measured: "median exponent of the difference in the step, from 0.01 and 0.001, 200 MDPs",
        demand: Demand::Within(1.9, 2.1),
        is_about_error: false,
        measure: || {
            median(instances_of_scale(WORLDS, 1.0).map(|at| {
                // theta = phi + phi^3 / 10 in each logit. The natural direction in phi is the one in theta divided by the
                // slope.
                let x = at.mdp.natural_gradient(&at.policy, &at.at);
                let apart = |alpha: f64| {
                    let phi = at.policy.logits().iter().map(|theta| cubic_root(*theta));
                    let moved = phi.zip(&x).map(|(phi, x)| phi + alpha * x / (1.0 + 0.3 * phi * phi));
                    let logits = moved.map(|phi| phi + 0.1 * phi.powi(3)).collect();
                    let policy = TabularPolicy::softmax(at.mdp.actions(), logits).expect("a small step");
                    difference(policy.probabilities(), at.along(alpha, &x).probabilities())
                };
                libm::log10(apart(0.01) / apart(0.001))
            }))
        },
    },
    Claim {
        name: "compatible",
        sentence: "The regression of A on the scores has the weights (1-gamma) F^-1 grad J: NPG needs only a regression.",
        source: "Sutton et al. 2000; Kakade 2001, theorem 1; Peters and Schaal 2008",
        measured: "largest relative difference, least squares over all states and actions, 200 MDPs",
        demand: Demand::AtMost(1e-8),
        is_about_error: false,
        measure: || largest(instances_of_scale(WORLDS, 1.0).map(|mut at| regression_error(&mut at, 0.0))),
    },
    Claim {
        name: "compatible-baseline",
        sentence: "Any baseline of the state leaves these weights unchanged.",
        source: "Peters and Schaal 2008",
        measured: "largest relative difference with random baselines, 200 MDPs",
        demand: Demand::AtMost(1e-8),
        is_about_error: false,
        measure: || largest(instances_of_scale(WORLDS, 1.0).map(|mut at| regression_error(&mut at, 10.0))),
    },
];

pub(super) static CLAIMS: &[Claim] = &[
    Claim {
        name: "scores-are-the-metric",
        sentence: "The outer products of scores have the mean J^T M J; for a softmax M = diag p - p p^T.",
        source: "Martens 2020, section 5",
        measured: "largest difference of an element, all states and actions, 1,000 MDPs",
        demand: Demand::AtMost(1e-14),
        is_about_error: false,
        measure: || {
            largest(instances_of_scale(MANY, 1.0).map(|at| {
                let rows = weighted_scores(&at);
                matrix_difference((rows.transpose() * &rows).as_ref(), at.mdp.fisher(&at.policy, &at.at).as_ref())
            }))
        },
    },
    Claim {
        name: "kl-hessian",
        sentence: "F is the Hessian of KL(pi || pi') at pi' = pi.",
        source: "Amari 1998; Martens 2020, section 5",
        measured: "largest relative error of d^T F d against second differences of KL, 1,000 MDPs",
        demand: Demand::AtMost(1e-6),
        is_about_error: false,
        measure: || {
            largest(instances_of_scale(MANY, 1.0).map(|mut at| {
                let x = at.direction();
                let exact = dot(&x, &at.mdp.fisher_product(&at.policy, &at.at, &x));
                let even = |h: f64| at.kl_along(h, &x) + at.kl_along(-h, &x);
                // A second difference of fourth order. KL is 0 at 0.
                let second = (16.0 * even(1e-2) - even(2e-2)) / 12e-4;
                (second - exact).abs() / exact
            }))
        },
    },
    Claim {
        name: "gaussian-metric",
        sentence: "For a Gaussian, M is 1/sigma^2 for the mean and 2 for log sigma.",
        source: "Martens 2020; Peters and Schaal 2008",
        measured: "largest relative error against second differences of KL, sigma 0.1 to 10",
        demand: Demand::AtMost(1e-6),
        is_about_error: false,
        measure: network::gaussian_metric_error,
    },
    Claim {
        name: "trajectory-fisher",
        sentence: "The Fisher matrix of whole trajectories is the sum of the Fisher matrices of their steps.",
        source: "Bagnell and Schneider 2003; Peters, Vijayakumar and Schaal 2003",
        measured: "largest difference of an element, all trajectories of 4 steps enumerated, 20 MDPs",
        demand: Demand::AtMost(1e-13),
        is_about_error: false,
        measure: || {
            let small = |at: &Instance| at.mdp.states() * at.mdp.actions() <= 9;
            largest(instances_of_scale(MANY, 1.0).filter(small).take(20).map(|at| trajectory_error(&at, 4)))
        },
    },
    Claim {
        name: "empirical-noise",
        sentence: "The Fisher matrix of sampled actions is noisy: its error falls only as N^-1/2, its rank is at most N.",
        source: "Martens 2020, section 11; Kunstner et al. 2019",
        measured: "median exponent of its error in N, from 1,000 and 100,000 samples, 40 MDPs",
        demand: Demand::Within(-0.65, -0.35),
        is_about_error: false,
        measure: || {
            median(instances_of_scale(40, 1.0).map(|mut at| {
                let (few, many) = (empirical_error(&mut at, 1000), empirical_error(&mut at, 100_000));
                libm::log10(many / few) / 2.0
            }))
        },
    },
    Claim {
        name: "push-through",
        sentence: "(S^T S / N + lambda I)^-1 S^T y / N = S^T (S S^T + N lambda I)^-1 y: transformed advantages.",
        source: "Woodbury 1950; Henderson and Searle 1981",
        measured: "largest relative difference, random scores of 30 samples and 80 parameters, 20 times",
        demand: Demand::AtMost(1e-9),
        is_about_error: false,
        measure: network::push_through_error,
    },
    Claim {
        name: "exact-woodbury",
        sentence: "With U the rows sqrt(M) J and F = U^T U / N, (F + lambda I)^-1 g = (g - U^T (U U^T + N lambda I)^-1 U g) / lambda.",
        source: "Woodbury 1950",
        measured: "largest relative difference, a 3-4-2 network on 20 states",
        demand: Demand::AtMost(1e-9),
        is_about_error: false,
        measure: network::exact_woodbury_error,
    },
    Claim {
        name: "gram-without-scores",
        sentence: "S S^T is a sum over layers of (a a^T + 1 1^T) * (b b^T), plus the scores of parameters outside of layers.",
        source: "chain rule",
        measured: "largest difference of an element, a 3-4-2 network on 20 states",
        demand: Demand::AtMost(1e-12),
        is_about_error: false,
        measure: network::gram_error,
    },
    Claim {
        name: "kfac-last-layer",
        sentence: "K-FAC's Kronecker product is exact for the last layer of a Gaussian policy with constant std.",
        source: "Martens and Grosse 2015; Wu et al. 2017",
        measured: "relative error of that block, a 3-4-2 network on 200 states",
        demand: Demand::AtMost(1e-12),
        is_about_error: false,
        measure: || network::kronecker_errors()[1],
    },
    Claim {
        name: "kfac-hidden-layer",
        sentence: "In a hidden layer K-FAC is tens of per cent off, so it is a preconditioner rather than a replacement.",
        source: "Martens and Grosse 2015",
        measured: "relative error of that block, a 3-4-2 network on 200 states",
        demand: Demand::AtLeast(0.05),
        is_about_error: true,
        measure: || network::kronecker_errors()[0],
    },
];

/// How differently a step of 0.01 nats changes the policy in parameters w and in parameters phi with w = B phi: the largest
/// difference of a probability, for each of 200 processes. `direction` computes a direction from F and grad J in either
/// set of parameters.
fn changes(direction: fn(&Mat<f64>, &[f64]) -> Vec<f64>) -> impl Iterator<Item = f64> {
    instances_of_scale(WORLDS, 1.0).map(move |mut at| {
        let features = at.features();
        let order = features.ncols();
        let mixing = Mat::from_fn(order, order, |i, j| at.rng.normal() + if i == j { 3.0 } else { 0.0 });
        let stepped = |features: &Mat<f64>| {
            let (fisher, g) = (in_features(&at, features), reduced_gradient(&at, features));
            let x = direction(&fisher, &g);
            let alpha = alpha_from_kl(0.01, dot(&x, &times(&fisher, &x)));
            at.along(alpha, &times(features, &x))
        };
        difference(stepped(&features).probabilities(), stepped(&(&features * &mixing)).probabilities())
    })
}

/// The phi with phi + phi^3 / 10 = theta, found by Newton's method.
fn cubic_root(theta: f64) -> f64 {
    (0..60).fold(theta, |phi, _| phi - (phi + 0.1 * phi.powi(3) - theta) / (1.0 + 0.3 * phi * phi))
}

/// The scores of every state and action (rows) in the logits, times sqrt(d pi). The product of the matrix with itself is F.
fn weighted_scores(at: &Instance) -> Mat<f64> {
    let (actions, size) = (at.mdp.actions(), at.policy.logits().len());
    Mat::from_fn(size, size, |row, column| {
        let (state, of) = (row / actions, column / actions);
        let weight = (at.at.occupancy[state] * at.policy.probabilities()[row]).sqrt();
        let score = f64::from(u8::from(row == column)) - at.policy.probabilities()[column];
        if state == of { weight * score } else { 0.0 }
    })
}

/// The relative difference between (1-gamma) F^-1 grad J and the least-squares weights of A on the scores. A random baseline
/// of this scale is added to A.
fn regression_error(at: &mut Instance, scale: f64) -> f64 {
    let features = at.features();
    let baseline: Vec<f64> = (0..at.mdp.states()).map(|_| scale * at.rng.normal()).collect();
    let rows = weighted_scores(at) * &features;
    let target = |i: usize| at.at.advantage[i] + baseline[i / at.mdp.actions()];
    let weight = |i: usize| (at.at.occupancy[i / at.mdp.actions()] * at.policy.probabilities()[i]).sqrt();
    let targets: Vec<f64> = (0..rows.nrows()).map(|i| weight(i) * target(i)).collect();
    let regression = solved(&(rows.transpose() * &rows), &transpose_times(&rows, &targets));
    let natural = solved(&in_features(at, &features), &reduced_gradient(at, &features));
    let expected: Vec<f64> = natural.iter().map(|x| (1.0 - at.mdp.gamma()) * x).collect();
    difference(&regression, &expected) / largest(expected.iter().map(|x| x.abs()))
}

/// The Fisher matrix of trajectories compared with the sum of those of their steps, in the logits.
fn trajectory_error(at: &Instance, horizon: usize) -> f64 {
    let size = at.policy.logits().len();
    let mut whole = Mat::<f64>::zeros(size, size);
    for (state, p) in at.mdp.start().iter().enumerate() {
        trajectories(at, state, *p, vec![0.0; size], horizon, &mut whole);
    }
    let mut steps = Mat::<f64>::zeros(size, size);
    for p in &at.mdp.state_distributions(&at.policy, horizon)[..horizon] {
        let mut there = at.at.clone();
        there.occupancy.clone_from(p);
        steps += at.mdp.fisher(&at.policy, &there);
    }
    matrix_difference(whole.as_ref(), steps.as_ref())
}

/// Adds p (sum of scores) (sum of scores)^T for every trajectory that starts in `state`.
fn trajectories(at: &Instance, state: usize, p: f64, score: Vec<f64>, left: usize, sum: &mut Mat<f64>) {
    if left == 0 {
        for (i, x) in score.iter().enumerate() {
            score.iter().enumerate().for_each(|(j, y)| sum[(i, j)] += p * x * y);
        }
        return;
    }
    let actions = at.mdp.actions();
    for (action, pi) in at.policy.row(state).iter().enumerate() {
        let mut score = score.clone();
        for (other, pi) in at.policy.row(state).iter().enumerate() {
            score[state * actions + other] += f64::from(u8::from(other == action)) - pi;
        }
        for (next, chance) in at.mdp.next(state, action) {
            trajectories(at, next, p * pi * chance, score.clone(), left - 1, sum);
        }
    }
}

/// ||F_sampled - F|| / ||F|| for N samples s ~ d, a ~ pi.
fn empirical_error(at: &mut Instance, samples: usize) -> f64 {
    let (actions, size) = (at.mdp.actions(), at.policy.logits().len());
    let joint: Vec<f64> = (0..size).map(|i| at.at.occupancy[i / actions] * at.policy.probabilities()[i]).collect();
    let mut counts = vec![0.0; size];
    for _ in 0..samples {
        let mut rest = at.rng.unit();
        let drawn = joint.iter().position(|p| {
            rest -= p;
            rest < 0.0
        });
        counts[drawn.unwrap_or(size - 1)] += 1.0 / samples as f64;
    }
    let rows = weighted_scores(at);
    let scaled =
        Mat::from_fn(
            size,
            size,
            |i, j| if joint[i] > 0.0 { rows[(i, j)] * (counts[i] / joint[i]).sqrt() } else { 0.0 },
        );
    let (sampled, exact) = (scaled.transpose() * &scaled, at.mdp.fisher(&at.policy, &at.at));
    (&sampled - &exact).norm_l2() / exact.norm_l2()
}

pub(super) fn matrix_difference(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> f64 {
    let pairs = (0..a.nrows()).flat_map(|i| (0..a.ncols()).map(move |j| (i, j)));
    largest(pairs.map(|(i, j)| (a[(i, j)] - b[(i, j)]).abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cubic_root_inverts() {
        assert!([-3.0, 0.0, 0.4, 7.0].iter().all(|x: &f64| (cubic_root(x + 0.1 * x.powi(3)) - x).abs() < 1e-12));
    }
}
