//! The policy gradient is the slope of the surrogate.

use crate::cases::{Case, families};
use crate::oracle::distance;
use npg::problem::PolicySnapshot;

/// The mean over states of w (pi'/pi A + c H(pi')). Its gradient at theta' = theta is g.
fn surrogate(case: &Case, theta: &[f64], weights: &[f64], entropy: f64) -> f64 {
    let oracle = &case.oracle;
    let of = |row: usize| {
        let old = oracle.outputs(&case.policy.theta, &case.states[row]);
        let new = oracle.outputs(theta, &case.states[row]);
        let action = case.action(row);
        let ratio = (oracle.log_prob(&new, &action) - oracle.log_prob(&old, &action)).exp();
        weights[row] * (ratio * case.advantages[row] + entropy * oracle.entropy(&new))
    };
    (0..case.rows()).map(of).sum::<f64>() / case.rows() as f64
}

fn differences(case: &Case, weights: &[f64], entropy: f64) -> Vec<f64> {
    let h = 1e-5;
    let mut theta = case.policy.theta.clone();
    let mut at = |i: usize, x: f64| {
        let before = std::mem::replace(&mut theta[i], x);
        let value = surrogate(case, &theta, weights, entropy);
        theta[i] = before;
        value
    };
    let here = &case.policy.theta;
    (0..here.len()).map(|i| (at(i, here[i] + h) - at(i, here[i] - h)) / (2.0 * h)).collect()
}

#[test]
fn the_gradient_is_the_slope_of_the_surrogate() {
    for family in families() {
        let case = Case::new(&family, 150, 1); // two whole tiles and a part of one
        for (weights, states) in [(&case.ones, case.states()), (&case.weights, case.weighted())] {
            for entropy in [0.0, 0.3] {
                let at = PolicySnapshot::new(&case.policy, states, 1.0);
                let g = at.policy_gradient(&case.actions, &case.advantages, entropy);
                let error = distance(&g, &differences(&case, weights, entropy));
                assert!(error < 2e-6, "{}, entropy {entropy}: {error:e}", case.name);
            }
        }
    }
}
