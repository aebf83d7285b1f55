//! Claims about the performance difference and the surrogate.

use super::instances::{Instance, MANY, derivative, dot, instances, instances_of_scale, largest};
use super::{Claim, Demand};
use npg_core::stats;

/// The number of steps in the finite-horizon checks.
const HORIZON: usize = 12;

pub(super) static CLAIMS: &[Claim] = &[
    Claim {
        name: "performance-difference",
        sentence: "J' - J is the old advantage under the new policy's states and actions, over 1-gamma.",
        source: "Kakade and Langford 2002, lemma 6.1",
        measured: "largest error, 1,000 MDPs",
        demand: Demand::AtMost(1e-10),
        is_about_error: false,
        measure: || {
            largest(instances(MANY).map(|at| {
                let new = at.mdp.evaluate(&at.other);
                (at.mdp.expected_advantage(&new.occupancy, &at.other, &at.at) - (new.j - at.at.j)).abs()
            }))
        },
    },
    Claim {
        name: "performance-difference-finite",
        sentence: "Over a finite horizon the same holds with advantages that are indexed by time.",
        source: "Kakade and Langford 2002",
        measured: "largest error over 12 steps, 1,000 MDPs",
        demand: Demand::AtMost(1e-10),
        is_about_error: false,
        measure: || largest(instances(MANY).map(|at| finite_error(&at, None))),
    },
    Claim {
        name: "stationary-advantage",
        sentence: "With the stationary, discounted advantage the finite-horizon identity fails.",
        source: "a slip in study notes",
        measured: "largest error over 12 steps, 1,000 MDPs",
        demand: Demand::AtLeast(1e-3),
        is_about_error: true,
        measure: || largest(instances(MANY).map(|at| finite_error(&at, Some(0.0)))),
    },
    Claim {
        name: "stationary-advantage-gap",
        sentence: "It fails by gamma^T (E_pi' V(s_T) - E_pi V(s_T)) exactly.",
        source: "telescoping sum",
        measured: "largest error after that correction, 1,000 MDPs",
        demand: Demand::AtMost(1e-10),
        is_about_error: false,
        measure: || largest(instances(MANY).map(|at| finite_error(&at, Some(1.0)))),
    },
];

pub(super) static SURROGATE: &[Claim] = &[
    Claim {
        name: "surrogate-gradient",
        sentence: "At the old policy the surrogate has value 0 and the gradient of J.",
        source: "Kakade and Langford 2002; Schulman et al. 2015, eq. 4",
        measured: "largest error of value and slope, 1,000 MDPs",
        demand: Demand::AtMost(1e-10),
        is_about_error: false,
        measure: || {
            largest(instances(MANY).map(|mut at| {
                let x = at.direction();
                let surrogate = |step: f64| {
                    at.mdp.expected_advantage(
                        &at.at.occupancy,
                        &at.policy.moved(step, &x).expect("a small step"),
                        &at.at,
                    )
                };
                let slope = dot(&at.mdp.gradient(&at.policy, &at.at), &x);
                let error = (derivative(surrogate, 4e-3) - slope).abs() / (1.0 + slope.abs());
                error.max(surrogate(0.0).abs())
            }))
        },
    },
    Claim {
        name: "surrogate-order",
        sentence: "The surrogate's error is of second order in the change of the policy.",
        source: "Schulman et al. 2015, theorem 1",
        measured: "mean exponent of the error in the step, from steps of 0.01 and 0.001, 200 MDPs",
        demand: Demand::Within(1.95, 2.05),
        is_about_error: false,
        measure: || {
            let exponent = |mut at: Instance| {
                let x = at.direction();
                let error = |step: f64| {
                    let new = at.along(step, &x);
                    let improvement = at.mdp.evaluate(&new).j - at.at.j;
                    (improvement - at.mdp.expected_advantage(&at.at.occupancy, &new, &at.at)).abs()
                };
                libm::log10(error(0.01) / error(0.001))
            };
            stats::mean(&instances_of_scale(200, 1.0).map(exponent).collect::<Vec<_>>())
        },
    },
];

/// |sum_t gamma^t E_{p'_t, pi'}[A] - (J' - J)| over a finite horizon. A is indexed by time, or it is the stationary A,
/// corrected by a multiple of gamma^T (E_pi' V(s_T) - E_pi V(s_T)).
fn finite_error(at: &Instance, stationary: Option<f64>) -> f64 {
    let (mdp, gamma) = (&at.mdp, at.mdp.gamma());
    let mut old = mdp.evaluate_finite(&at.policy, HORIZON);
    let new = mdp.evaluate_finite(&at.other, HORIZON);
    let improvement = new.j - old.j;
    let mut correction = 0.0;
    if let Some(share) = stationary {
        old.advantage = vec![at.at.advantage.clone(); HORIZON];
        let end = |policy| dot(&mdp.state_distributions(policy, HORIZON)[HORIZON], &at.at.v);
        correction = share * gamma.powi(HORIZON as i32) * (end(&at.other) - end(&at.policy));
    }
    (old.expected_advantage(gamma, &new.states, &at.other) - correction - improvement).abs()
}
