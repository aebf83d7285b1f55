//! Claims about the linear-quadratic regulator with one state, and the picture that compares vanilla and natural gradients.

use super::instances::{derivative, largest};
use super::{Claim, Demand};
use npg_core::settings::{Algorithm, Direction, Solver};
use npg_core::solve::SolverState;
use npg_core::update::update;
use npg_exact::field::{Field, Window, spaced, walk};
use npg_exact::gaussian::{AffineGaussian, Local};
use npg_exact::lqr::{Lqr, RegulatorProblem};

/// A world with noise, a random start and costs of actions, for the closed forms.
const WORLD: Lqr = Lqr { a: 0.9, b: 0.7, q: 1.0, r: 0.3, gamma: 0.95, noise: 0.2, start_mean: 0.5, start_var: 0.1 };

const SOURCE: &str = "Peters and Schaal 2008, figure 1";

pub(super) static CLAIMS: &[Claim] = &[
    Claim {
        name: "regulator-value",
        sentence: "J = -1/2 ((Q + R k^2) M + R sigma^2 / (1-gamma)) with M = (m0 + gamma (B^2 sigma^2 + W) / (1-gamma)) / (1 - gamma c^2).",
        source: "second moments of a linear system",
        measured: "largest relative error against a sum of 5,000 steps, 40 policies",
        demand: Demand::AtMost(1e-12),
        is_about_error: false,
        measure: || {
            largest(policies().map(|(k, sigma)| {
                let exact = WORLD.at(k, sigma).map_or(f64::NAN, |local| local.value);
                (exact / summed(k, sigma) - 1.0).abs()
            }))
        },
    },
    Claim {
        name: "regulator-gradient",
        sentence: "dJ/dk = -M (R k + gamma B c P), dJ/dsigma = -sigma (R + gamma B^2 P) / (1-gamma).",
        source: "differentiation",
        measured: "largest relative error against differences of J, 40 policies",
        demand: Demand::AtMost(1e-9),
        is_about_error: false,
        measure: || {
            largest(policies().map(|(k, sigma)| {
                let value = |k, sigma| WORLD.at(k, sigma).map_or(f64::NAN, |local| local.value);
                let gradient = WORLD.at(k, sigma).map_or([f64::NAN; 2], |local| local.gradient);
                let slopes =
                    [derivative(|step| value(k + step, sigma), 1e-3), derivative(|step| value(k, sigma + step), 1e-3)];
                largest([0, 1].map(|i| (gradient[i] - slopes[i]).abs() / (1.0 + slopes[i].abs())))
            }))
        },
    },
    Claim {
        name: "natural-ignores-noise",
        sentence: "The natural direction depends neither on the noise nor on the start.",
        source: "M and W cancel",
        measured: "largest relative difference over 40 policies and three worlds",
        demand: Demand::AtMost(1e-12),
        is_about_error: false,
        measure: || {
            let worlds =
                [Lqr { noise: 3.0, ..WORLD }, Lqr { start_mean: -2.0, ..WORLD }, Lqr { start_var: 5.0, ..WORLD }];
            largest(policies().flat_map(|(k, sigma)| {
                // F is diagonal. In `Local::natural` the noise has already been cancelled; here it must cancel in the
                // computation.
                let natural = |lqr: &Lqr| match lqr.at(k, sigma) {
                    Some(Local { gradient, fisher: Some(f), .. }) => [0, 1].map(|i| gradient[i] / f[i][i]),
                    _ => [f64::NAN; 2],
                };
                let expected = natural(&WORLD);
                worlds.map(|lqr| largest([0, 1].map(|i| (natural(&lqr)[i] / expected[i] - 1.0).abs())))
            }))
        },
    },
    Claim {
        name: "regulator-update",
        sentence: "The update of `npg train`, with the regulator as its problem, takes a step of KL eps along F^-1 grad J.",
        source: "the update itself, F factorized by Cholesky",
        measured: "largest relative error of the direction and of the measured KL at eps = 1e-10, 40 policies",
        demand: Demand::AtMost(1e-3),
        is_about_error: false,
        measure: || largest(policies().map(|(k, sigma)| update_error(k, sigma))),
    },
    Claim {
        name: "picture-optimum",
        sentence: "The world of the published figure has its optimum at k = -1.",
        source: SOURCE,
        measured: "|k* + 1|",
        demand: Demand::AtMost(1e-12),
        is_about_error: false,
        measure: || Lqr::published().optimum().map_or(f64::NAN, |optimum| (optimum.k + 1.0).abs()),
    },
    Claim {
        name: "literal-reward",
        sentence: "With the reward -s^2/2 - a^2/2 and A = B = 1, the optimum is not at k = -1.",
        source: "a slip in study notes",
        measured: "k* for gamma = 0.9",
        demand: Demand::Within(-0.589, -0.587),
        is_about_error: true,
        measure: || {
            let literal =
                Lqr { a: 1.0, b: 1.0, q: 1.0, r: 1.0, gamma: 0.9, noise: 0.0, start_mean: 1.0, start_var: 0.0 };
            literal.optimum().map_or(f64::NAN, |optimum| optimum.k)
        },
    },
    Claim {
        name: "picture-vanilla",
        sentence: "Over the grid of the figure, the vanilla gradient points down, towards less exploration, rather than at the optimum.",
        source: SOURCE,
        measured: "mean cosine to the direction of the optimum",
        demand: Demand::Within(0.605, 0.615),
        is_about_error: false,
        measure: || cosine(Lqr::published(), Direction::Vanilla),
    },
    Claim {
        name: "picture-natural",
        sentence: "Over the grid of the figure, the natural gradient points almost at the optimum.",
        source: SOURCE,
        measured: "mean cosine to the direction of the optimum",
        demand: Demand::Within(0.965, 0.975),
        is_about_error: false,
        measure: || cosine(Lqr::published(), Direction::Natural),
    },
    Claim {
        name: "second-world-vanilla",
        sentence: "In a world with noise and a single optimum the vanilla gradient is not much better.",
        source: "A = B = 1, W = 0.01, R = 0, gamma = 0.9, s_0 ~ N(0.3, 0.01)",
        measured: "mean cosine to the direction of the optimum",
        demand: Demand::Within(0.745, 0.755),
        is_about_error: false,
        measure: || cosine(Lqr::unique_optimum(), Direction::Vanilla),
    },
    Claim {
        name: "second-world-natural",
        sentence: "In that world, the natural gradient is everywhere parallel to -(1 + k, sigma / 2).",
        source: "A = B = 1, W = 0.01, R = 0, gamma = 0.9, s_0 ~ N(0.3, 0.01)",
        measured: "mean cosine to the direction of the optimum",
        demand: Demand::Within(0.965, 0.975),
        is_about_error: false,
        measure: || cosine(Lqr::unique_optimum(), Direction::Natural),
    },
    Claim {
        name: "walk-vanilla",
        sentence: "Following the vanilla gradient, a learner runs out of exploration before its gain has converged.",
        source: "from (-1.8, 0.4) at unit speed until sigma = 0.02",
        measured: "k at the end",
        demand: Demand::Within(-1.755, -1.745),
        is_about_error: false,
        measure: || end(Direction::Vanilla),
    },
    Claim {
        name: "walk-natural",
        sentence: "Following the natural gradient, a learner reaches the optimal gain.",
        source: "from (-1.8, 0.4) at unit speed until sigma = 0.02",
        measured: "k at the end",
        demand: Demand::Within(-1.005, -0.995),
        is_about_error: false,
        measure: || end(Direction::Natural),
    },
];

/// Policies whose J is finite.
fn policies() -> impl Iterator<Item = (f64, f64)> {
    spaced(-2.0, 0.0, 8).into_iter().flat_map(|k| spaced(0.1, 1.0, 5).into_iter().map(move |sigma| (k, sigma)))
}

/// The largest relative error of the trainer's own update, compared with the closed forms.
fn update_error(k: f64, sigma: f64) -> f64 {
    let policy = AffineGaussian { k, bias: 0.0, sigma };
    let (Some(problem), Some(local)) = (RegulatorProblem::new(&WORLD, policy), WORLD.affine(&policy)) else {
        return f64::NAN;
    };
    let algorithm = Algorithm { solver: Solver::Cholesky, damping: 0.0, ..Algorithm::default() };
    let update = update(&problem, &algorithm, 1e-10, &mut SolverState::default());
    let (Some(solution), Some(natural)) = (&update.solution, local.in_log_sigma(sigma).natural) else {
        return f64::NAN;
    };
    let size = largest(natural.map(f64::abs));
    let of_direction = largest([0, 1, 2].map(|i| (solution.x[i] - natural[i]).abs())) / size;
    of_direction.max((update.comparison.kl / 1e-10 - 1.0).abs())
}

/// J as a sum over steps.
fn summed(k: f64, sigma: f64) -> f64 {
    let Lqr { a, b, q, r, gamma, noise, start_mean, start_var } = WORLD;
    let (mut square, mut weight, mut j) = (start_mean * start_mean + start_var, 1.0, 0.0);
    for _ in 0..5000 {
        j -= 0.5 * weight * (q * square + r * (k * k * square + sigma * sigma));
        square = (a + b * k).powi(2) * square + b * b * sigma * sigma + noise;
        weight *= gamma;
    }
    j
}

fn cosine(lqr: Lqr, direction: Direction) -> f64 {
    Field::new(&lqr, spaced(-1.875, -0.125, 8), spaced(0.05, 0.5, 10)).cosine(direction).unwrap_or(f64::NAN)
}

fn end(direction: Direction) -> f64 {
    let window = Window { k: [-2.0, 0.0], sigma: [0.02, 0.5] };
    walk(&Lqr::published(), direction, [-1.8, 0.4], &window).last().1[0]
}
