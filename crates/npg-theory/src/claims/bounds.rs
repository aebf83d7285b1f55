//! Claims about the drift of the states, and lower bounds on improvement.

use super::instances::{Instance, instances, instances_of_scale, largest};
use super::{Claim, Demand};
use npg_core::stats;
use npg_core::step::alpha_from_kl;
use npg_core::trust_region::bounds;
use npg_exact::mdp::{LowerBounds, Mdp, TabularPolicy, Transition};

/// The number of random processes on which bounds are checked.
const WORLDS: u64 = 1500;
/// The number of steps in the finite-horizon checks.
const HORIZON: usize = 20;

pub(super) static DRIFT: &[Claim] = &[
    Claim {
        name: "drift",
        sentence: "If the policies differ by at most alpha (TV) everywhere, the states differ by at most 1 - (1-alpha)^t.",
        source: "Kakade and Langford 2002; Schulman et al. 2015, lemma 3",
        measured: "largest excess over the bound, t to 20, 1,500 MDPs",
        demand: Demand::AtMost(1e-12),
        is_about_error: false,
        measure: || {
            largest(instances(WORLDS).map(|at| {
                let alpha = tv_max(&at);
                let drift = at.mdp.drift(&at.policy, &at.other, HORIZON);
                largest(drift.iter().enumerate().map(|(t, tv)| tv - bounds::drift(alpha, t as f64)))
            }))
        },
    },
    Claim {
        name: "drift-tight",
        sentence: "The bound is attained: if the other action leads to an absorbing state, the states differ by exactly this much.",
        source: "an example with two states",
        measured: "largest difference from the bound, t to 20, alpha 0.01, 0.1, 0.5",
        demand: Demand::AtMost(1e-14),
        is_about_error: false,
        measure: || {
            largest([0.01, 0.1, 0.5].map(|alpha| {
                let drift = trap(alpha);
                largest(drift.iter().enumerate().map(|(t, tv)| (tv - bounds::drift(alpha, t as f64)).abs()))
            }))
        },
    },
    Claim {
        name: "drift-in-l1",
        sentence: "In the L1 norm, which is twice TV, alpha t is no bound.",
        source: "a slip in study notes",
        measured: "L1 distance over alpha t in that example, t = 10, alpha = 0.01",
        demand: Demand::AtLeast(1.5),
        is_about_error: true,
        measure: || 2.0 * trap(0.01)[10] / 0.1,
    },
];

pub(super) static CLAIMS: &[Claim] = &[
    Claim {
        name: "bound-finite-horizon",
        sentence: "Finite horizon: J' - J >= Abar - sum gamma^t 2 TV_t max|E A_t|, with TV_t <= 1 - (1-alpha)^t.",
        source: "performance difference and drift",
        measured: "largest excess of the bound over J' - J, 20 steps, 1,500 MDPs",
        demand: Demand::AtMost(1e-12),
        is_about_error: false,
        measure: || {
            largest(instances(WORLDS).map(|at| {
                let old = at.mdp.evaluate_finite(&at.policy, HORIZON);
                let improvement = at.mdp.evaluate_finite(&at.other, HORIZON).j - old.j;
                at.mdp.finite_horizon_bound(&at.policy, &old, &at.other) - improvement
            }))
        },
    },
    Claim {
        name: "bound-series",
        sentence: "Discounted: J' - J >= Abar - 2 eps_A sum gamma^t (1 - (1-alpha)^t).",
        source: "performance difference and drift",
        measured: "largest excess of the bound over J' - J, 1,500 MDPs",
        demand: Demand::AtMost(1e-12),
        is_about_error: false,
        measure: || excess(0),
    },
    Claim {
        name: "bound-trpo",
        sentence: "TRPO: J' - J >= Abar - 4 gamma eps_max alpha^2 / (1-gamma)^2.",
        source: "Schulman et al. 2015, theorem 1",
        measured: "largest excess of the bound over J' - J, 1,500 MDPs",
        demand: Demand::AtMost(1e-12),
        is_about_error: false,
        measure: || excess(1),
    },
    Claim {
        name: "bound-trpo-kl",
        sentence: "The same with alpha^2 <= max KL / 2, half of what the paper uses.",
        source: "Schulman et al. 2015, with Pinsker's inequality",
        measured: "largest excess of the bound over J' - J, 1,500 MDPs",
        demand: Demand::AtMost(1e-12),
        is_about_error: false,
        measure: || excess(2),
    },
    Claim {
        name: "bound-cpo",
        sentence: "CPO: J' - J >= Abar - 2 gamma eps_A E[TV] / (1-gamma)^2.",
        source: "Achiam et al. 2017, corollary 1",
        measured: "largest excess of the bound over J' - J, 1,500 MDPs",
        demand: Demand::AtMost(1e-12),
        is_about_error: false,
        measure: || excess(3),
    },
    Claim {
        name: "bound-cpo-kl",
        sentence: "The same with E[TV] <= sqrt(E[KL] / 2).",
        source: "Achiam et al. 2017, corollary 3",
        measured: "largest excess of the bound over J' - J, 1,500 MDPs",
        demand: Demand::AtMost(1e-12),
        is_about_error: false,
        measure: || excess(4),
    },
    Claim {
        name: "bounds-tiny",
        sentence: "For tiny steps the best bound is within a few per cent of the truth.",
        source: "both are of second order",
        measured: "median share of J' - J that the best bound promises for natural steps of 1e-10 nats, 200 MDPs",
        demand: Demand::Within(0.9, 1.0),
        is_about_error: false,
        measure: || promised(1e-10, |bounds| largest(bounds.named().map(|(_, bound)| bound))),
    },
    Claim {
        name: "bounds-practical",
        sentence: "At practical steps TRPO's bound promises a loss where there is a gain: report it, never steer by it.",
        source: "Schulman et al. 2015, section 4",
        measured: "median of what it promises over J' - J for natural steps of 0.01 nats, 200 MDPs",
        demand: Demand::AtMost(-1.0),
        is_about_error: false,
        measure: || promised(0.01, |bounds| bounds.trpo_kl),
    },
];

/// The largest excess of bound number `index` over the improvement.
fn excess(index: usize) -> f64 {
    let of = |at: Instance| {
        let bounds = at.mdp.lower_bounds(&at.policy, &at.at, &at.other);
        bounds.named()[index].1 - bounds.improvement
    };
    largest(instances(WORLDS).map(of))
}

/// The median share of the improvement that a bound promises for natural steps of `eps` nats.
fn promised(eps: f64, bound: fn(&LowerBounds) -> f64) -> f64 {
    let share = |at: Instance| {
        let x = at.mdp.natural_gradient(&at.policy, &at.at);
        let x_f_x = super::instances::dot(&x, &at.mdp.fisher_product(&at.policy, &at.at, &x));
        let bounds = at.mdp.lower_bounds(&at.policy, &at.at, &at.along(alpha_from_kl(eps, x_f_x), &x));
        bound(&bounds) / bounds.improvement
    };
    let mut shares: Vec<f64> = instances_of_scale(200, 1.0).map(share).collect();
    shares.sort_unstable_by(f64::total_cmp);
    stats::quantile(&shares, 0.5)
}

fn tv_max(at: &Instance) -> f64 {
    largest(at.policy.total_variation(&at.other))
}

/// The drift over 20 steps if the old policy stays and the new one falls into a trap with probability `alpha`.
fn trap(alpha: f64) -> Vec<f64> {
    let row = |state, action, next| Transition { state, action, next, probability: 1.0 };
    let transitions = [row(0, 0, 0), row(0, 1, 1), row(1, 0, 1), row(1, 1, 1)];
    let mdp = Mdp::new(0.9, vec![1.0, 0.0], 2, vec![0.0; 4], &transitions).expect("two states are sound");
    let new = TabularPolicy::from_probabilities(2, vec![1.0 - alpha, alpha, 1.0, 0.0]).expect("rows sum to 1");
    mdp.drift(&TabularPolicy::deterministic(2, &[0, 0]), &new, HORIZON)
}
