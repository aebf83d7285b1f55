//! Claims about the direction and the length of a constrained step.

use super::instances::{Instance, damped, dot, instances_of_scale, largest, solved, times, transpose_times};
use super::{Claim, Demand};
use faer::Mat;
use npg_core::settings::{Algorithm, Solver};
use npg_core::solve::{CgOptions, SolverState, conjugate_gradient};
use npg_core::stats;
use npg_core::step::{alpha_from_kl, predicted_kl};
use npg_core::update::{UpdateStatus, update};
use npg_exact::mdp::{ExactProblem, TabularPolicy};

/// The number of random processes in these checks.
const WORLDS: u64 = 200;

pub(super) static CONSTRAINED: &[Claim] = &[
    Claim {
        name: "natural-direction",
        sentence: "Of all directions with the same d^T F d, the natural gradient raises the surrogate most.",
        source: "Amari 1998, theorem 1; Kakade 2001",
        measured: "largest slope of 50 random directions and the vanilla one, as a share of its own, 200 MDPs",
        demand: Demand::AtMost(1.0 + 1e-12),
        is_about_error: false,
        measure: || {
            largest(instances_of_scale(WORLDS, 1.0).map(|mut at| {
                let g = at.mdp.gradient(&at.policy, &at.at);
                let own = slope(&at, &g, &at.mdp.natural_gradient(&at.policy, &at.at));
                let random: Vec<Vec<f64>> = (0..50).map(|_| at.direction()).collect();
                largest(random.iter().chain([&g]).map(|x| slope(&at, &g, x).abs())) / own
            }))
        },
    },
    Claim {
        name: "argmin",
        sentence: "The constrained vanilla step is an argmax; the argmin, as it is often printed, makes every policy worse.",
        source: "a slip in study notes",
        measured: "largest gain of that step, 200 MDPs",
        demand: Demand::AtMost(-1e-12),
        is_about_error: true,
        measure: || {
            largest(
                instances_of_scale(WORLDS, 1.0)
                    .map(|at| at.j_along(-1e-2, &at.mdp.gradient(&at.policy, &at.at)) - at.at.j),
            )
        },
    },
    Claim {
        name: "dropped-half",
        sentence: "KL is 1/2 d^T F d to second order; without the 1/2 a step uses half of its budget.",
        source: "a slip in study notes",
        measured: "mean measured KL over the budget of 1e-6 nats, 200 MDPs",
        demand: Demand::Within(0.49, 0.51),
        is_about_error: true,
        measure: || mean_of_worlds(|at| measured_over(at, 1e-6, (1e-6 / x_f_x(at, &natural(at))).sqrt())),
    },
];

pub(super) static CLAIMS: &[Claim] = &[
    Claim {
        name: "step-size",
        sentence: "For any direction x the step sqrt(2 eps / x^T F x) has KL eps.",
        source: "Schulman et al. 2015, appendix C",
        measured: "largest |KL / eps - 1| at eps = 1e-10: natural, vanilla, random and damped directions, 200 MDPs",
        demand: Demand::AtMost(1e-3),
        is_about_error: false,
        measure: || {
            largest(instances_of_scale(WORLDS, 1.0).map(|mut at| {
                let (random, features) = (at.direction(), at.features());
                let (fisher, g) = (in_features(&at, &features), reduced_gradient(&at, &features));
                let inexact = times(&features, &solved(&damped(&fisher, 0.1), &g));
                let directions = [natural(&at), at.mdp.gradient(&at.policy, &at.at), random, inexact];
                largest(directions.iter().map(|x| {
                    let alpha = alpha_from_kl(1e-10, x_f_x(&at, x));
                    (at.kl_along(alpha, x) / 1e-10 - 1.0).abs()
                }))
            }))
        },
    },
    Claim {
        name: "kl-limit",
        sentence: "Measured over predicted KL tends to 1 as eps falls, by the square root of eps.",
        source: "Taylor's theorem",
        measured: "median exponent of |KL / eps - 1| in eps, from 1e-3 and 1e-5, 200 MDPs",
        demand: Demand::Within(0.45, 0.55),
        is_about_error: false,
        measure: || {
            median(instances_of_scale(WORLDS, 1.0).map(|at| {
                let miss =
                    |eps: f64| (measured_over(&at, eps, alpha_from_kl(eps, x_f_x(&at, &natural(&at)))) - 1.0).abs();
                libm::log10(miss(1e-3) / miss(1e-5)) / 2.0
            }))
        },
    },
    Claim {
        name: "kl-directions",
        sentence: "KL(pi || pi') and KL(pi' || pi) agree only for small steps: log both.",
        source: "Taylor's theorem",
        measured: "median |difference| over eps at eps = 0.1, 200 MDPs",
        demand: Demand::AtLeast(0.05),
        is_about_error: false,
        measure: || {
            median(instances_of_scale(WORLDS, 1.0).map(|at| {
                let new = at.along(alpha_from_kl(0.1, x_f_x(&at, &natural(&at))), &natural(&at));
                let divergence = at.mdp.divergence(&at.policy, &at.at, &new);
                (divergence.kl_mean - divergence.kl_reverse_mean).abs() / 0.1
            }))
        },
    },
    Claim {
        name: "vanishing-fisher",
        sentence: "The predicted KL holds only for small steps: near a deterministic policy F vanishes, and the step that it \
                   allows is not small.",
        source: "closed form: F = p (1 - p) in the logit of one of two actions",
        measured: "measured KL over the budget of 0.01 nats, the step towards an action of probability p = 1e-6",
        demand: Demand::AtLeast(1e4),
        is_about_error: true,
        measure: || rare_step(0.0),
    },
    Claim {
        name: "dominant-damping",
        sentence: "Damping does not help: where it dominates, x is g / lambda, and lambda cancels in alpha x.",
        source: "closed form: alpha x = sqrt(2 eps / F) for one parameter, whatever lambda",
        measured: "the same with a damping of 0.1, a hundred thousand times F",
        demand: Demand::AtLeast(1e4),
        is_about_error: true,
        measure: || rare_step(0.1),
    },
    Claim {
        name: "shortening-ends",
        sentence: "Along a line of logits KL is convex, so a step that measures r budgets keeps its budget at 1/r of its \
                   length, and usually long before.",
        source: "Jensen's inequality; the log-partition function is convex",
        measured: "largest KL over the budget after dividing by r, damped steps at logits around 10, 200 MDPs",
        demand: Demand::AtMost(1.0 + 1e-9),
        is_about_error: false,
        measure: || {
            largest(
                sharp()
                    .map(|at| {
                        let (x, alpha) = damped_step(&at);
                        let ratio = (at.kl_along(alpha, &x) / 0.01).max(1.0);
                        at.kl_along(alpha / ratio, &x) / 0.01
                    })
                    .filter(|kl| *kl > 0.0),
            )
        },
    },
    Claim {
        name: "update-keeps-budget",
        sentence: "The update of `npg train` measures and shortens its step, which then stays within 1.5 budgets and raises the surrogate.",
        source: "the definition of the step rule",
        measured: "largest KL over the budget of its steps, conjugate gradients with damping 0.1, logits around 10, 200 MDPs",
        demand: Demand::AtMost(1.5),
        is_about_error: false,
        measure: || largest(sharp().filter_map(|at| updated(&at, &Algorithm::default(), 0.01)).map(|kl| kl / 0.01)),
    },
    Claim {
        name: "update-is-natural",
        sentence: "On a process in which everything is known, the update of `npg train` is the natural step of KL eps.",
        source: "the update itself, with the process as its problem",
        measured: "largest |KL / eps - 1| at eps = 1e-10, F inverted by closed form and by conjugate gradients, 200 MDPs",
        demand: Demand::AtMost(1e-3),
        is_about_error: false,
        measure: || {
            let exact = Algorithm { damping: 0.0, cg_iterations: 1000, cg_tolerance: 1e-10, ..Algorithm::default() };
            let solvers = [Solver::Auto, Solver::Cg].map(|solver| Algorithm { solver, ..exact.clone() });
            let miss = |at: &Instance, algorithm: &Algorithm| {
                updated(at, algorithm, 1e-10).map_or(f64::NAN, |kl| (kl / 1e-10 - 1.0).abs())
            };
            largest(instances_of_scale(WORLDS, 1.0).flat_map(|at| solvers.each_ref().map(|s| miss(&at, s))))
        },
    },
    Claim {
        name: "wrong-pairing",
        sentence: "sqrt(2 eps / g^T F g) is the step size of the vanilla direction; on the natural one it overshoots.",
        source: "a slip in study notes",
        measured: "median of predicted KL over the budget, 200 MDPs",
        demand: Demand::AtLeast(10.0),
        is_about_error: true,
        measure: || {
            median(instances_of_scale(WORLDS, 1.0).map(|at| {
                let alpha = alpha_from_kl(0.01, x_f_x(&at, &at.mdp.gradient(&at.policy, &at.at)));
                predicted_kl(alpha, x_f_x(&at, &natural(&at))) / 0.01
            }))
        },
    },
    Claim {
        name: "damped-prediction",
        sentence: "With damping the step must be sized by x^T F x; sized by g^T x it falls short of its budget.",
        source: "g^T x = x^T (F + lambda I) x",
        measured: "median of predicted KL over the budget, damping a tenth of the mean eigenvalue, 200 MDPs",
        demand: Demand::AtMost(0.97),
        is_about_error: true,
        measure: || {
            median(instances_of_scale(WORLDS, 1.0).map(|mut at| {
                let features = at.features();
                let (fisher, g) = (in_features(&at, &features), reduced_gradient(&at, &features));
                let x = solved(&damped(&fisher, 0.1 * mean_eigenvalue(&fisher)), &g);
                predicted_kl(alpha_from_kl(0.01, dot(&g, &x)), dot(&x, &times(&fisher, &x))) / 0.01
            }))
        },
    },
    Claim {
        name: "cg-identity",
        sentence: "Conjugate gradients from zero keep x^T (F + lambda I) x = g^T x at every iterate.",
        source: "Hestenes and Stiefel 1952",
        measured: "largest relative error over all iterates of the solver that `npg train` uses, 200 MDPs",
        demand: Demand::AtMost(1e-8),
        is_about_error: false,
        measure: || largest(instances_of_scale(WORLDS, 1.0).map(|mut at| cg_error(&mut at, false))),
    },
    Claim {
        name: "cg-warm-start",
        sentence: "From a warm start they do not keep it, so only x^T F x tells the KL.",
        source: "Hestenes and Stiefel 1952",
        measured: "largest relative error over the iterates, 200 MDPs",
        demand: Demand::AtLeast(0.1),
        is_about_error: true,
        measure: || largest(instances_of_scale(WORLDS, 1.0).map(|mut at| cg_error(&mut at, true))),
    },
];

/// The KL of the trainer's own update with a budget of `eps` nats, measured in the process; `None` if it takes no step.
fn updated(at: &Instance, algorithm: &Algorithm, eps: f64) -> Option<f64> {
    let problem = ExactProblem::new(&at.mdp, &at.policy, &at.at);
    let update = update(&problem, algorithm, eps, &mut SolverState::default());
    (update.status == UpdateStatus::Stepped).then(|| at.kl_along(1.0, &update.theta))
}

/// The measured KL over a budget of 0.01 nats, for a step along (F + `damping`)^-1 g in the logit of one of two actions. That
/// action has probability 1e-6 and advantage 1.
fn rare_step(damping: f64) -> f64 {
    let (p, budget) = (1e-6, 0.01);
    let fisher = p * (1.0 - p);
    let x = fisher / (fisher + damping); // g = p (1 - p) A
    let step = alpha_from_kl(budget, x * fisher * x) * x;
    let policy = TabularPolicy::softmax(2, vec![0.0, libm::log(p / (1.0 - p))]).expect("two finite logits");
    policy.kl(&policy.moved(step, &[0.0, 1.0]).expect("a finite step"))[0] / budget
}

/// Instances whose policies are nearly deterministic.
fn sharp() -> impl Iterator<Item = Instance> {
    instances_of_scale(WORLDS, 10.0)
}

/// The damped direction in the logits, from (F + 0.1 I) x = g, and the step size for a budget of 0.01 nats.
fn damped_step(at: &Instance) -> (Vec<f64>, f64) {
    let fisher = at.mdp.fisher(&at.policy, &at.at);
    let x = solved(&damped(&fisher, 0.1), &at.mdp.gradient(&at.policy, &at.at));
    let alpha = alpha_from_kl(0.01, x_f_x(at, &x));
    (x, alpha)
}

fn natural(at: &Instance) -> Vec<f64> {
    at.mdp.natural_gradient(&at.policy, &at.at)
}

fn x_f_x(at: &Instance, x: &[f64]) -> f64 {
    dot(x, &at.mdp.fisher_product(&at.policy, &at.at, x))
}

/// g^T x for x scaled to unit KL length.
fn slope(at: &Instance, g: &[f64], x: &[f64]) -> f64 {
    dot(g, x) / x_f_x(at, x).sqrt()
}

/// The measured KL of the natural step of size `alpha`, divided by `eps`.
fn measured_over(at: &Instance, eps: f64, alpha: f64) -> f64 {
    at.kl_along(alpha, &natural(at)) / eps
}

fn mean_of_worlds(of: impl Fn(&Instance) -> f64) -> f64 {
    stats::mean(&instances_of_scale(WORLDS, 1.0).map(|at| of(&at)).collect::<Vec<_>>())
}

pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    stats::quantile(&values, 0.5)
}

/// Phi^T F Phi.
pub(super) fn in_features(at: &Instance, features: &Mat<f64>) -> Mat<f64> {
    features.transpose() * at.mdp.fisher(&at.policy, &at.at) * features
}

/// Phi^T grad J.
pub(super) fn reduced_gradient(at: &Instance, features: &Mat<f64>) -> Vec<f64> {
    transpose_times(features, &at.mdp.gradient(&at.policy, &at.at))
}

fn mean_eigenvalue(m: &Mat<f64>) -> f64 {
    (0..m.nrows()).map(|i| m[(i, i)]).sum::<f64>() / m.nrows() as f64
}

/// The largest relative error of x^T (F + lambda I) x = g^T x over the iterates.
fn cg_error(at: &mut Instance, is_warm: bool) -> f64 {
    let features = at.features();
    let (fisher, g) = (in_features(at, &features), reduced_gradient(at, &features));
    let start: Vec<f64> = g.iter().map(|_| at.rng.normal()).collect();
    let operator = damped(&fisher, 0.1);
    largest((1..=g.len().min(10)).map(|iterations| {
        let start = is_warm.then_some(&start[..]);
        let options = CgOptions { iterations, tolerance: 0.0, damping: 0.1, start, preconditioner: None };
        let Ok(solution) = conjugate_gradient(|v| times(&fisher, v), &g, options) else { return f64::NAN };
        let (gain, square) = (dot(&g, &solution.x), dot(&solution.x, &times(&operator, &solution.x)));
        (square - gain).abs() / square
    }))
}
