//! The natural step does not depend on how the policy is parametrized (THEORY.md, section 9), as in theta = B phi.
//!
//! If the first layer is fed A s instead of s, the same functions have new parameters: its weights become A^-T W. For both
//! parametrizations of one policy, on one batch, an undamped natural step must change the outputs in the same way.

use crate::cases::{Case, INPUTS, family, matrix, natural, single, update, vanilla};
use crate::oracle::distance;
use npg::config::{Algorithm, Solver, StepRule};
use npg::problem::PolicySnapshot;
use npg::update::UpdateStatus;

/// A, which is far from orthogonal. Its entries and those of A^-1 are exact in f32.
const A: [[f64; INPUTS]; INPUTS] = [[4.0, 1.0, 0.0], [0.0, 0.5, 2.0], [0.0, 0.0, 1.0]];
const INVERSE: [[f64; INPUTS]; INPUTS] = [[0.25, -0.5, 1.0], [0.0, 2.0, -4.0], [0.0, 0.0, 1.0]];

/// The same policy on the same states, with the inputs A s.
fn transformed(case: &Case) -> Case {
    let mut other = Case::new(&family(case.name), case.rows(), 0);
    let first_width = match case.name {
        "gaussian" => 5,
        _ => 2,
    };
    let old = &case.policy.theta;
    let mut theta = old.clone();
    for o in 0..first_width {
        for i in 0..INPUTS {
            theta[i * first_width + o] = (0..INPUTS).map(|k| INVERSE[k][i] * old[k * first_width + o]).sum();
        }
    }
    other.policy.theta = theta;
    let image = |s: &Vec<f64>| (0..INPUTS).map(|i| (0..INPUTS).map(|k| A[i][k] * s[k]).sum()).collect();
    other.states = case.states.iter().map(image).collect();
    other.inputs = matrix(&other.states);
    other.actions = case.actions.clone();
    other.advantages = case.advantages.clone();
    other
}

/// How a step changes the outputs on all states.
fn change(case: &Case, algorithm: &Algorithm) -> Vec<f64> {
    let step = update(&case.policy, case.states(), case.surrogate(), algorithm, 1e-3, None);
    assert_eq!(step.status, UpdateStatus::Stepped);
    let outputs =
        |theta: &[f64]| -> Vec<f64> { case.states.iter().flat_map(|s| case.oracle.outputs(theta, s)).collect() };
    outputs(&step.theta).iter().zip(outputs(&case.policy.theta)).map(|(new, old)| new - old).collect()
}

#[test]
fn the_two_parametrizations_are_one_policy() {
    for name in ["gaussian, linear", "multi-binary, linear", "gaussian"] {
        let case = Case::new(&family(name), 100, 31);
        let other = transformed(&case);
        let outputs = |case: &Case| -> Vec<f64> {
            let states = case.states();
            let at = PolicySnapshot::new(&case.policy, states, 1.0);
            (0..case.rows()).flat_map(|row| at.outputs(row).to_vec()).map(f64::from).collect()
        };
        assert!(distance(&outputs(&case), &outputs(&other)) < 1e-6);
        assert!(distance(&case.policy.theta, &other.policy.theta) > 0.1);
    }
    assert_eq!(single(INVERSE[1][2]), INVERSE[1][2]);
}

#[test]
fn the_undamped_natural_step_is_invariant_and_the_others_are_not() {
    for (name, limit) in [("gaussian, linear", 1e-5), ("multi-binary, linear", 1e-5), ("gaussian", 1e-4)] {
        let case = Case::new(&family(name), 300, 32);
        let other = transformed(&case);
        let difference = |algorithm: &Algorithm| distance(&change(&other, algorithm), &change(&case, algorithm));
        let fixed = |algorithm| Algorithm { step: StepRule::Fixed, alpha: 0.01, ..algorithm };

        let converged = Algorithm { cg_iterations: 1000, ..natural(Solver::Cg, 0.0) };
        for algorithm in [natural(Solver::Cholesky, 0.0), fixed(natural(Solver::Cholesky, 0.0)), converged] {
            let difference = difference(&algorithm);
            assert!(difference < limit, "{name} with {algorithm:?}: {difference:e}");
        }
        for algorithm in [vanilla(), fixed(vanilla())] {
            let difference = difference(&algorithm);
            assert!(difference > 0.1, "{name} with {algorithm:?}: {difference:e}");
        }
        let difference = difference(&natural(Solver::Cholesky, 1.0));
        assert!(difference > 0.05, "{name}, damped: {difference:e}");
    }
}
