//! What every problem must satisfy, checked on the exact worlds to the accuracy of finite differences. (The sampled problem
//! is checked against an f64 oracle in tests/mathematics.)
#![allow(clippy::unwrap_used)] // a test

use npg_core::network::kernels::dot;
use npg_core::problem::Problem;
use npg_core::random::{Purpose, Stream};
use npg_core::settings::{Algorithm, Solver};
use npg_core::solve::SolverState;
use npg_core::update::{UpdateStatus, update};
use npg_exact::gaussian::AffineGaussian;
use npg_exact::lqr::{Lqr, RegulatorProblem};
use npg_exact::mdp::{ExactProblem, Mdp, TabularPolicy};

/// The gradient is the slope of the surrogate, F is the curvature of the measured KL in both directions, F v is the dense F
/// times v, and the policy compared with itself is unmoved.
fn check(problem: &impl Problem, rng: &mut Stream) {
    let theta = problem.theta().to_vec();
    let v: Vec<f64> = theta.iter().map(|_| rng.normal()).collect();
    let along = |step: f64| problem.compare(&npg_core::step::moved(&theta, step, &v));
    let h = 1e-4;
    let (up, down) = (along(h), along(-h));
    let slope = (up.surrogate - down.surrogate) / (2.0 * h);
    let expected = dot(&problem.gradient(), &v);
    assert!((slope - expected).abs() < 1e-6 * (1.0 + expected.abs()), "{slope} {expected}");
    let norm = problem.fisher_norm(&v);
    for curvature in [up.kl + down.kl, up.kl_reverse + down.kl_reverse].map(|kl| kl / (h * h)) {
        assert!((curvature - norm).abs() < 1e-5 * norm, "{curvature} {norm}");
    }
    let (dense, product) = (problem.dense_fisher().unwrap().times(&v), problem.fisher_product(&v));
    assert!(dense.iter().zip(&product).all(|(a, b)| (a - b).abs() < 1e-12 * (1.0 + b.abs())));
    assert!((dot(&v, &product) - norm).abs() < 1e-12 * norm);
    let same = problem.compare(&theta);
    assert!(same.surrogate.abs() + same.kl + same.kl_reverse + same.tv < 1e-14, "{same:?}");
    assert_eq!((same.entropy, same.tv_exact), (problem.unmoved().entropy, problem.unmoved().tv_exact));
    if let Some(x) = problem.natural_gradient() {
        let (f_x, g) = (problem.fisher_product(&x), problem.gradient());
        assert!(f_x.iter().zip(&g).all(|(a, b)| (a - b).abs() < 1e-12), "{f_x:?} {g:?}");
    }
}

#[test]
fn a_finite_process_is_a_problem() {
    let mut rng = Stream::new(0, Purpose::Test, 31);
    for states in 2..12 {
        let mdp = Mdp::random(states, 3, 2, 0.9, &mut rng);
        let policy = TabularPolicy::random(states, 3, 1.0, &mut rng);
        let at = mdp.evaluate(&policy);
        check(&ExactProblem::new(&mdp, &policy, &at), &mut rng);
    }
}

#[test]
fn the_regulator_is_a_problem() {
    let lqr = Lqr { a: 1.1, b: 0.7, q: 0.9, r: 0.3, gamma: 0.93, noise: 0.05, start_mean: 0.4, start_var: 0.2 };
    let mut rng = Stream::new(0, Purpose::Test, 32);
    for (k, bias, sigma) in [(-0.9, 0.3, 0.4), (-1.2, 0.0, 0.1), (-0.7, -0.5, 1.0)] {
        check(&RegulatorProblem::new(&lqr, AffineGaussian { k, bias, sigma }).unwrap(), &mut rng);
    }
    assert!(RegulatorProblem::new(&lqr, AffineGaussian { k: 1.0, bias: 0.0, sigma: 0.1 }).is_none(), "J is infinite");
    assert!(RegulatorProblem::new(&lqr, AffineGaussian { k: -0.9, bias: 0.0, sigma: 0.0 }).is_none(), "F is infinite");
}

/// Hundreds of the trainer's own updates, from a poor policy of the regulator to its optimum, each within its budget.
#[test]
fn updates_of_the_regulator_reach_its_optimum() {
    let lqr = Lqr::unique_optimum();
    let mut policy = AffineGaussian { k: -0.4, bias: 0.5, sigma: 0.3 };
    let algorithm = Algorithm { solver: Solver::Auto, damping: 0.0, ..Algorithm::default() };
    let mut state = SolverState::default();
    for _ in 0..300 {
        let problem = RegulatorProblem::new(&lqr, policy).unwrap();
        let update = update(&problem, &algorithm, 0.01, &mut state);
        assert_eq!(update.status, UpdateStatus::Stepped);
        assert!(update.comparison.kl <= 0.015);
        policy = RegulatorProblem::policy(&update.theta);
    }
    assert!((policy.k + 1.0).abs() < 1e-3 && policy.bias.abs() < 1e-3 && policy.sigma < 1e-3, "{policy:?}");
}

/// A solver that needs what a problem does not have says so, and nothing panics.
#[test]
fn a_solver_that_a_problem_cannot_serve_is_refused() {
    let lqr = Lqr::unique_optimum();
    let problem = RegulatorProblem::new(&lqr, AffineGaussian { k: -0.4, bias: 0.0, sigma: 0.3 }).unwrap();
    let algorithm = Algorithm { solver: Solver::Woodbury, ..Algorithm::default() };
    let update = update(&problem, &algorithm, 0.01, &mut SolverState::default());
    let UpdateStatus::Refused(reason) = update.status else { panic!("{:?}", update.status) };
    assert_eq!(reason, "this problem has no scores of samples: use another algorithm.solver");
}
