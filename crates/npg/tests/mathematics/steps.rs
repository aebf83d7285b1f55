//! Whole updates: the solvers are compared with each other and with dense f64 solves, and a KL budget with what it predicts.

use crate::cases::{Case, families, family, natural, update, vanilla};
use crate::oracle::{add_outer, distance, dot, image, moved, norm, solved};
use npg::config::{Algorithm, Solver, StepRule};
use npg::problem::{PolicySnapshot, States};
use npg::update::{Update, UpdateStatus};

/// Whether F has full rank. A softmax makes it singular, and hidden layers may do so too.
fn is_regular(case: &Case) -> bool {
    matches!(case.name, "multi-binary, linear" | "gaussian, linear" | "gaussian, sde, linear")
}

fn stepped(case: &Case, states: States<'_>, algorithm: &Algorithm, kl_step: f64) -> Update {
    let update = update(&case.policy, states, case.surrogate(), algorithm, kl_step, None);
    assert_eq!(update.status, UpdateStatus::Stepped, "{} with {algorithm:?}", case.name);
    update
}

fn solution(case: &Case, algorithm: &Algorithm) -> Vec<f64> {
    stepped(case, case.states(), algorithm, 0.01).solution.unwrap().x
}

fn gradient(case: &Case) -> Vec<f64> {
    let at = PolicySnapshot::new(&case.policy, case.states(), 1.0);
    at.policy_gradient(&case.actions, &case.advantages, 0.0)
}

#[test]
fn conjugate_gradients_and_cholesky_are_the_dense_solve() {
    for family in families() {
        let case = Case::new(&family, 300, 11);
        let fisher = case.oracle.fisher(&case.policy.theta, &case.states, &case.ones);
        let g = gradient(&case);
        for damping in [0.0, 1e-3, 0.1, 1.0] {
            if damping == 0.0 && !is_regular(&case) {
                continue;
            }
            let converged = Algorithm { cg_iterations: 1000, ..natural(Solver::Cg, damping) };
            let cg = solution(&case, &converged);
            let cholesky = solution(&case, &natural(Solver::Cholesky, damping));
            let exact = solved(&fisher, damping, &g);
            let errors = [distance(&cg, &cholesky), distance(&cg, &exact), distance(&cholesky, &exact)];
            let limit = if damping < 0.1 && !is_regular(&case) { 2e-4 } else { 1e-5 };
            assert!(errors.iter().all(|e| *e < limit), "{}, damping {damping}: {errors:?}", case.name);
        }
    }
}

/// In MushroomRL's conjugate gradients, p and r share their storage. After ten iterations they report a residual that x does
/// not have. Here the reported residual must be the true one, which the oracle's F gives.
#[test]
fn the_reported_residual_is_the_true_one() {
    for family in families() {
        let case = Case::new(&family, 300, 11);
        let fisher = case.oracle.fisher(&case.policy.theta, &case.states, &case.ones);
        let g = gradient(&case);
        for iterations in [1, 3, 5] {
            let algorithm = Algorithm { cg_iterations: iterations, ..natural(Solver::Cg, 0.1) };
            let solution = stepped(&case, case.states(), &algorithm, 0.01).solution.unwrap();
            assert_eq!(solution.iterations, Some(iterations));
            let residual = distance(&moved(&image(&fisher, &solution.x), 0.1, &solution.x), &g);
            let reported = solution.residual.unwrap();
            assert!((residual - reported).abs() < 1e-6, "{}: {residual:e} reported as {reported:e}", case.name);
        }
    }
}

/// F is singular and there is no damping. Of all solutions, the result is the shortest: it has no part along the flat
/// directions, which raise all logits alike.
#[test]
fn undamped_conjugate_gradients_find_the_shortest_solution_of_a_softmax() {
    let case = Case::new(&family("categorical, linear"), 300, 11);
    let fisher = case.oracle.fisher(&case.policy.theta, &case.states, &case.ones);
    let mut shortest = solved(&fisher, 1e-7, &gradient(&case));
    for logits in shortest.chunks_mut(3) {
        let mean = logits.iter().sum::<f64>() / 3.0;
        logits.iter_mut().for_each(|l| *l -= mean);
    }
    for cg_iterations in [20, 1000] {
        let x = solution(&case, &Algorithm { cg_iterations, ..natural(Solver::Cg, 0.0) });
        assert!(distance(&x, &shortest) < 1e-4, "{:e}", distance(&x, &shortest));
    }
    let cholesky = update(&case.policy, case.states(), case.surrogate(), &natural(Solver::Cholesky, 0.0), 0.01, None);
    assert!(matches!(cholesky.status, UpdateStatus::Refused(_)), "{:?}", cholesky.status);
}

/// Woodbury solves with S^T S / N. The scores here are differences of log probabilities.
#[test]
fn woodbury_is_the_dense_solve_with_the_empirical_fisher() {
    for family in families() {
        let case = Case::new(&family, 30, 12);
        for (weights, states) in [(&case.ones, case.states()), (&case.weights, case.weighted())] {
            let parameters = case.policy.theta.len();
            let mut empirical = vec![vec![0.0; parameters]; parameters];
            for (row, state) in case.states.iter().enumerate() {
                let score = &case.oracle.scores(&case.policy.theta, state, &[case.action(row)])[0];
                add_outer(&mut empirical, score, weights[row] / case.rows() as f64);
            }
            let at = PolicySnapshot::new(&case.policy, states, 1.0);
            let g = at.policy_gradient(&case.actions, &case.advantages, 0.0);
            for damping in [1e-2, 0.1, 1.0] {
                let x = stepped(&case, states, &natural(Solver::Woodbury, damping), 0.01).solution.unwrap().x;
                let error = distance(&x, &solved(&empirical, damping, &g));
                assert!(error < 2e-5, "{}, damping {damping}: {error:e}", case.name);
            }
        }
    }
}

/// kl_step is the predicted KL 1/2 d^T F d of the step d = theta' - theta, with the oracle's undamped F. It is not twice that
/// (mjrl), not alpha (Tianshou's `trust_region_size`), and with damping it is neither g^T x nor x^T (F + damping I) x.
#[test]
fn a_budget_is_the_predicted_kl_of_the_step() {
    for family in families() {
        let case = Case::new(&family, 150, 13);
        for kl_step in [1e-2, 1e-4] {
            for (weights, states) in [(&case.ones, case.states()), (&case.weights, case.weighted())] {
                let mut algorithms = vec![vanilla()];
                for damping in [0.0, 1e-3, 0.1, 1.0] {
                    algorithms.push(natural(Solver::Cg, damping));
                    if damping > 0.0 || is_regular(&case) {
                        algorithms.push(natural(Solver::Cholesky, damping));
                    }
                    if damping > 0.0 {
                        algorithms.push(natural(Solver::Woodbury, damping));
                    }
                }
                for algorithm in algorithms {
                    let algorithm = Algorithm { kl_tolerance: None, ..algorithm };
                    let update = stepped(&case, states, &algorithm, kl_step);
                    assert!((update.kl_predicted / kl_step - 1.0).abs() < 1e-12);
                    let ratio = case.quadratic_kl(&update.theta, weights) / kl_step;
                    assert!((ratio - 1.0).abs() < 2e-6, "{} with {algorithm:?}: {ratio}", case.name);
                }
            }
        }
    }
}

/// With a fraction of the states, the predicted KL is that of the fraction, and the measured KL is that of the whole batch.
#[test]
fn a_fraction_predicts_on_its_part_and_measures_on_the_whole() {
    let case = Case::new(&family("gaussian"), 200, 14);
    let algorithm = Algorithm { fisher_fraction: 0.25, ..natural(Solver::Cg, 0.1) };
    let update = stepped(&case, case.states(), &algorithm, 1e-3);
    let part: Vec<Vec<f64>> = case.states.iter().step_by(4).cloned().collect();
    let d = moved(&update.theta, -1.0, &case.policy.theta);
    let on_part = 0.5 * case.oracle.fisher_norm(&case.policy.theta, &d, &part, &[1.0; 50]);
    assert!((on_part / 1e-3 - 1.0).abs() < 2e-6, "{on_part}");
    let search = Algorithm { step: StepRule::LineSearch, ..algorithm };
    for update in [&update, &stepped(&case, case.states(), &search, 1e-3)] {
        let on_whole = case.oracle.mean_kl(&case.policy.theta, &update.theta, &case.states, &case.ones);
        assert!((update.comparison.kl / on_whole - 1.0).abs() < 1e-4);
    }
    assert!((on_part / case.quadratic_kl(&update.theta, &case.ones) - 1.0).abs() > 1e-3, "part and whole differ");
}

/// THEORY.md, section 8: at every iterate that starts from zero, x^T (F + damping I) x = g^T x. So g^T x is not x^T F x.
#[test]
fn the_identity_of_conjugate_gradients_holds_and_is_not_used_for_the_budget() {
    let case = Case::new(&family("gaussian"), 200, 15);
    let update = stepped(&case, case.states(), &natural(Solver::Cg, 10.0), 1e-3);
    let x = update.solution.unwrap().x;
    let x_f_x = case.oracle.fisher_norm(&case.policy.theta, &x, &case.states, &case.ones);
    assert!(((x_f_x + 10.0 * dot(&x, &x)) / update.g_x - 1.0).abs() < 1e-5);
    assert!((update.alpha / (2e-3 / x_f_x).sqrt() - 1.0).abs() < 1e-5);
    assert!(update.g_x > 1.5 * x_f_x, "damping 10 makes a difference here");
}

#[test]
fn a_fixed_step_is_alpha_times_x() {
    let case = Case::new(&family("categorical"), 150, 16);
    for algorithm in [vanilla(), natural(Solver::Cg, 0.1)] {
        let algorithm = Algorithm { step: StepRule::Fixed, alpha: 0.07, ..algorithm };
        let update = stepped(&case, case.states(), &algorithm, f64::NAN); // no budget is read
        let x = update.solution.as_ref().map_or_else(|| gradient(&case), |s| s.x.clone());
        let d = moved(&update.theta, -1.0, &case.policy.theta);
        assert!(distance(&d, &x.iter().map(|x| 0.07 * x).collect::<Vec<_>>()) < 1e-9);
        assert_eq!(update.alpha, 0.07);
        let predicted = case.quadratic_kl(&update.theta, &case.ones);
        assert!((update.kl_predicted / predicted - 1.0).abs() < 2e-6);
        assert!((update.gradient_norm - norm(&gradient(&case))).abs() < 1e-12);
    }
}

#[test]
fn a_warm_start_at_the_solution_is_used_if_asked_for() {
    let case = Case::new(&family("gaussian"), 150, 17);
    let cold = Algorithm { cg_iterations: 200, cg_tolerance: 1e-6, ..natural(Solver::Cg, 0.1) };
    let x = solution(&case, &cold);
    let again = |cg_warm_start| {
        let algorithm = Algorithm { cg_warm_start, ..cold.clone() };
        let update = update(&case.policy, case.states(), case.surrogate(), &algorithm, 0.01, Some(&x));
        update.solution.unwrap().iterations.unwrap()
    };
    assert!(again(false) > 5);
    assert!(again(true) <= 1);
}

/// Momentum solves (F + lambda I) x = g + lambda mu x'. The result is compared with the dense solve. An x' that points
/// downhill is ignored.
#[test]
fn momentum_pulls_along_the_last_direction_while_that_ascends() {
    for family in families() {
        let case = Case::new(&family, 300, 19);
        let fisher = case.oracle.fisher(&case.policy.theta, &case.states, &case.ones);
        let (g, damping) = (gradient(&case), 0.1);
        let alone = solution(&case, &natural(Solver::Cholesky, damping));
        for solver in [Solver::Cg, Solver::Cholesky] {
            let algorithm = Algorithm { momentum: 0.8, cg_iterations: 1000, ..natural(solver, damping) };
            let with = |last: &[f64]| {
                let update = update(&case.policy, case.states(), case.surrogate(), &algorithm, 0.01, Some(last));
                assert_eq!(update.status, UpdateStatus::Stepped, "{}", case.name);
                update.solution.unwrap().x
            };
            let last: Vec<f64> = alone.iter().enumerate().map(|(i, x)| (0.5 + 0.3 * (i as f64).sin()) * x).collect();
            let pulled: Vec<f64> = g.iter().zip(&last).map(|(g, x)| g + damping * 0.8 * x).collect();
            let x = with(&last);
            assert!(dot(&g, &x) > 0.0 && distance(&x, &alone) > 1e-2, "{}", case.name);
            assert!(distance(&x, &solved(&fisher, damping, &pulled)) < 1e-5, "{}", case.name);
            let down: Vec<f64> = alone.iter().map(|x| -100.0 * x).collect();
            assert!(distance(&with(&down), &alone) < 1e-5, "{}", case.name);
        }
    }
}
