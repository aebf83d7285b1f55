//! Claims about the policy gradient, the natural gradient, and soft policy iteration.

use super::instances::{
    Instance, MANY, cosine, derivative, difference, dot, instances, instances_of_scale, largest, smallest,
    uniform_starts,
};
use super::{Claim, Demand};
use faer::{Mat, Side};
use npg_exact::mdp::{Ascent, Mdp, Method, StepSize, TabularPolicy};

pub(super) static CLAIMS: &[Claim] = &[
    Claim {
        name: "policy-gradient",
        sentence: "The gradient of J in the logits is d(s) pi(a|s) A(s,a) / (1-gamma).",
        source: "Sutton et al. 2000, theorem 1",
        measured: "largest error against differences of J, 1,000 MDPs",
        demand: Demand::AtMost(1e-10),
        is_about_error: false,
        measure: || {
            largest(instances(MANY).map(|mut at| {
                let x = at.direction();
                let slope = dot(&at.mdp.gradient(&at.policy, &at.at), &x);
                (slope - derivative(|step| at.j_along(step, &x), 4e-3)).abs() / (1.0 + slope.abs())
            }))
        },
    },
    Claim {
        name: "multiplicative-weights",
        sentence: "The natural step of size eta is pi' proportional to pi exp(eta A / (1-gamma)).",
        source: "Kakade 2001; Agarwal et al. 2021, lemma 15",
        measured: "largest difference of a probability, F inverted in blocks per state, 1,000 MDPs",
        demand: Demand::AtMost(1e-12),
        is_about_error: false,
        measure: || {
            largest(instances(MANY).map(|at| {
                let weights = at.policy.multiplicative_weights(&at.at, 0.1).expect("a small step");
                let stepped = at.along(0.1, &block_inverse(&at));
                difference(weights.probabilities(), stepped.probabilities())
            }))
        },
    },
    Claim {
        name: "minimum-norm",
        sentence: "A / (1-gamma), less its mean over the actions, is the natural gradient of least norm.",
        source: "Kakade 2001",
        measured: "largest difference from the pseudo-inverse in blocks per state, 1,000 MDPs",
        demand: Demand::AtMost(1e-10),
        is_about_error: false,
        measure: || {
            let error = |at: Instance| difference(&at.mdp.natural_gradient(&at.policy, &at.at), &block_inverse(&at));
            largest(instances(MANY).map(error))
        },
    },
    Claim {
        name: "policy-iteration",
        sentence: "As eta grows, the natural step becomes a step of policy iteration.",
        source: "Kakade 2001, theorem 2",
        measured: "largest difference from the greedy policy at eta = 1e8, 1,000 MDPs",
        demand: Demand::AtMost(1e-12),
        is_about_error: false,
        measure: || {
            largest(instances(MANY).map(|at| {
                let weights = at.policy.multiplicative_weights(&at.at, 1e8).expect("far from an overflow");
                let best = |row: &[f64]| (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap_or(0);
                let greedy: Vec<usize> = at.at.q.chunks(at.mdp.actions()).map(best).collect();
                let greedy = TabularPolicy::deterministic(at.mdp.actions(), &greedy);
                difference(weights.probabilities(), greedy.probabilities())
            }))
        },
    },
    Claim {
        name: "convergence",
        sentence: "After T natural steps from the uniform policy, J* - J is at most log A / (eta T) + 1 / ((1-gamma)^2 T).",
        source: "Agarwal et al. 2021, theorem 16",
        measured: "largest share of the bound that is used, T to 1,000, eta 0.01, 0.1 and 1, 300 MDPs",
        demand: Demand::AtMost(1.0),
        is_about_error: false,
        measure: || {
            largest(uniform_starts(300).enumerate().map(|(index, at)| {
                let (best, eta) = (at.mdp.policy_iteration().j, [0.01, 0.1, 1.0][index % 3]);
                let iterates = natural_ascent(&at.mdp, &at.policy, eta, 1000);
                largest(iterates.iter().filter_map(|i| Some((best - i.j) / i.bound?)))
            }))
        },
    },
    Claim {
        name: "monotone",
        sentence: "Exact natural steps of any size never make a tabular softmax policy worse.",
        source: "Agarwal et al. 2021, lemma 17",
        measured: "smallest gain of a step, relative to J, eta from 0.001 to 1,000, 1,000 MDPs",
        demand: Demand::AtLeast(-1e-13),
        is_about_error: false,
        measure: || {
            smallest(instances(MANY).enumerate().map(|(index, at)| {
                let eta = 10f64.powi(index as i32 % 7 - 3);
                let iterates = natural_ascent(&at.mdp, &at.policy, eta, 10);
                smallest(iterates.windows(2).map(|pair| (pair[1].j - pair[0].j) / (1.0 + pair[0].j)))
            }))
        },
    },
    Claim {
        name: "growing-steps",
        sentence: "Step sizes that grow by 1/gamma make the gap to the optimum shrink geometrically, by gamma a step.",
        source: "Xiao 2022",
        measured: "largest mean factor of the gap over 30 steps, as a multiple of gamma, 200 MDPs",
        demand: Demand::AtMost(1.0),
        is_about_error: false,
        measure: || {
            largest(uniform_starts(200).map(|at| {
                let (best, mut policy, mut eta) = (at.mdp.policy_iteration().j, at.policy, 1.0);
                for _ in 0..30 {
                    policy =
                        policy.multiplicative_weights(&at.mdp.evaluate(&policy), eta).expect("far from an overflow");
                    eta /= at.mdp.gamma();
                }
                let gap = (best - at.mdp.evaluate(&policy).j).max(1e-15);
                libm::pow(gap / (best - at.at.j), 1.0 / 30.0) / at.mdp.gamma()
            }))
        },
    },
    Claim {
        name: "dropped-weights",
        sentence: "Without the weights gamma^t of the states, which nearly all deep implementations drop, the direction is another one.",
        source: "Thomas 2014; Nota and Thomas 2020",
        measured: "mean cosine with the gradient of J, 1,000 MDPs",
        demand: Demand::Within(0.9, 0.9999),
        is_about_error: true,
        measure: || {
            let of = |at: Instance| cosine(&at.mdp.gradient(&at.policy, &at.at), &unweighted(&at.mdp, &at.policy));
            instances(MANY).map(of).sum::<f64>() / MANY as f64
        },
    },
    Claim {
        name: "no-gradient",
        sentence: "That direction is not the gradient of any function: its derivatives are not symmetric.",
        source: "Nota and Thomas 2020",
        measured: "largest ||M - M^T|| / ||M|| of its Jacobian M, 20 MDPs (0 for every gradient)",
        demand: Demand::AtLeast(0.01),
        is_about_error: true,
        measure: || largest(instances_of_scale(20, 1.0).map(|at| asymmetry(&at, unweighted))),
    },
];

/// Natural ascent with the bound of the convergence theorem where it applies.
fn natural_ascent(mdp: &Mdp, start: &TabularPolicy, eta: f64, iterations: usize) -> Vec<npg_exact::mdp::Iterate> {
    let ascent = Ascent { method: Method::Natural, step: StepSize::Fixed(eta), iterations };
    mdp.ascend(start, ascent).expect("far from an overflow").0
}

/// F^+ grad J, computed from the eigenvectors of each state's block. The weight d of the state cancels.
fn block_inverse(at: &Instance) -> Vec<f64> {
    let actions = at.mdp.actions();
    let mut natural = Vec::new();
    for (state, advantage) in at.at.advantage.chunks(actions).enumerate() {
        let pi = at.policy.row(state);
        let block = Mat::from_fn(actions, actions, |i, j| if i == j { pi[i] - pi[i] * pi[i] } else { -pi[i] * pi[j] });
        let Ok(eigen) = block.self_adjoint_eigen(Side::Lower) else { return vec![f64::NAN; at.at.advantage.len()] };
        let (vectors, values) = (eigen.U(), eigen.S().column_vector());
        let mut x = vec![0.0; actions];
        for k in 1..actions {
            // The eigenvalues increase, and the first is 0, because equal shifts of all logits change nothing.
            let share: f64 = (0..actions).map(|a| vectors[(a, k)] * pi[a] * advantage[a]).sum();
            (0..actions).for_each(|a| x[a] += vectors[(a, k)] * share / (values[k] * (1.0 - at.mdp.gamma())));
        }
        natural.extend(if at.at.occupancy[state] > 0.0 { x } else { vec![0.0; actions] });
    }
    natural
}

/// The direction that is used instead of the gradient: all states of a long run count the same.
fn unweighted(mdp: &Mdp, policy: &TabularPolicy) -> Vec<f64> {
    let at = mdp.evaluate(policy);
    let run = mdp.state_distributions(policy, 200);
    let share = |i: usize| run.iter().map(|p| p[i / mdp.actions()]).sum::<f64>();
    at.advantage.iter().enumerate().map(|(i, a)| share(i) * policy.probabilities()[i] * a).collect()
}

/// ||M - M^T|| / ||M|| of the Jacobian M of a field over the logits.
fn asymmetry(at: &Instance, field: fn(&Mdp, &TabularPolicy) -> Vec<f64>) -> f64 {
    let size = at.policy.logits().len();
    let column = |j: usize| {
        let mut x = vec![0.0; size];
        x[j] = 1.0;
        let value = |step: f64| field(&at.mdp, &at.along(step, &x));
        let (up, down) = (value(1e-4), value(-1e-4));
        up.iter().zip(&down).map(|(a, b)| (a - b) / 2e-4).collect::<Vec<f64>>()
    };
    let m: Vec<Vec<f64>> = (0..size).map(column).collect();
    let (mut odd, mut all) = (0.0, 0.0);
    for (i, row) in m.iter().enumerate() {
        for (j, x) in row.iter().enumerate() {
            odd += (x - m[j][i]).powi(2);
            all += x * x;
        }
    }
    f64::sqrt(odd / all)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For a true gradient, the measured asymmetry is zero.
    #[test]
    fn a_gradient_is_symmetric() {
        let gradient = |mdp: &Mdp, policy: &TabularPolicy| mdp.gradient(policy, &mdp.evaluate(policy));
        assert!(instances_of_scale(5, 1.0).all(|at| asymmetry(&at, gradient) < 1e-6));
    }
}
