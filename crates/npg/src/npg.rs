//! One iteration of the natural policy gradient.
//!
//! ```text
//! g     = E[ grad log pi(a|s) A ]                      gradient
//! x     = (F + lambda I)^-1 g    (vanilla: x = g)      direction
//! alpha = sqrt(2 eps / x^T F x)  (or fixed)            step size, predicted KL 1/2 alpha^2 x^T F x
//! theta' = theta + alpha x                             step, shortened until what it measures is accepted
//! ```
//!
//! `npg`, `trpo` and `vpg` are settings of a direction and a step rule, not different algorithms.

use crate::config::{Algorithm, Direction, Solver, StepRule};
use crate::gradient::policy_gradient;
use crate::linearize::{Linearized, States};
use crate::network::kernels::{axpy, dot};
use crate::policy::Policy;
use crate::solve::{CgOptions, Solution, SolveError, cholesky, conjugate_gradient, woodbury};
use crate::step::{Accepted, KeptBudget, LineSearch, alpha_from_kl, backtrack, moved, predicted_kl};
use crate::trust_region::{Comparison, Signal, compare};
use std::time::Instant;

/// At most this many parameters are solved densely by `solver = "auto"`.
const AUTO_DENSE: usize = 64;

/// What came of an iteration.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The policy moved.
    Stepped,
    /// All advantages are equal or zero: g = 0, nothing to do.
    NoSignal,
    /// No step along the direction was acceptable as measured, however short; parameters untouched.
    LineSearchFailed,
    /// Something is not finite, not positive or not solvable; parameters untouched, with the reason.
    Refused(String),
}

/// What an iteration did, and every number about it.
#[derive(Clone, Debug)]
pub struct Update {
    /// What came of it.
    pub outcome: Outcome,
    /// New parameters; the old ones unless `outcome` is [`Outcome::Stepped`].
    pub theta: Vec<f64>,
    /// The solution of (F + damping I) x = g, with momentum if configured: the next update's last direction unless this one
    /// was refused.
    pub solution: Option<Solution>,
    /// ||g||.
    pub gradient_norm: f64,
    /// g^T x, the surrogate's slope along x.
    pub g_x: f64,
    /// Step size.
    pub alpha: f64,
    /// 1/2 alpha^2 x^T F x, nats.
    pub kl_predicted: f64,
    /// The new policy against the old, measured on the whole batch; the old one against itself if it was not moved.
    pub comparison: Comparison,
    /// Reductions of alpha, until the step was accepted or given up.
    pub backtracks: usize,
    /// Where the time went.
    pub seconds: Seconds,
}

/// Wall-clock seconds of an update's parts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seconds {
    /// The forward passes and g.
    pub gradient: f64,
    /// The direction: Fisher products and solver.
    pub solve: f64,
    /// The step, and measuring what it did.
    pub step: f64,
}

/// The seconds since it was asked last.
struct Lap(Instant);

impl Lap {
    fn seconds(&mut self) -> f64 {
        let now = Instant::now();
        (now - std::mem::replace(&mut self.0, now)).as_secs_f64()
    }
}

/// Computes the next parameters of `policy` from a batch: its states, and the actions and advantages in `signal`.
///
/// `kl_step` is the budget eps of this iteration in nats; `last` is the last solution, for `momentum` and
/// `cg_warm_start`. The policy itself is not touched.
pub fn update(
    policy: &Policy,
    states: States<'_>,
    signal: Signal<'_>,
    algorithm: &Algorithm,
    kl_step: f64,
    last: Option<&[f64]>,
) -> Update {
    let mut lap = Lap(Instant::now());
    let theta = &policy.theta;
    if states.inputs.rows() == 0 {
        return Update::nothing(theta);
    }
    let at = Linearized::new(policy, states, 1.0);
    let mut update = Update::nothing(theta);

    // Gradient.
    let g = policy_gradient(&at, signal.actions, signal.advantages, signal.entropy);
    update.seconds.gradient = lap.seconds();
    update.gradient_norm = dot(&g, &g).sqrt();
    if !update.gradient_norm.is_finite() {
        return update.refused(&at, "the gradient is not finite");
    }
    if update.gradient_norm == 0.0 || (signal.entropy == 0.0 && signal.advantages.iter().all(|a| *a == 0.0)) {
        return update.unmoved(&at, Outcome::NoSignal);
    }

    // Direction. F may be estimated on a part of the batch.
    let part = (algorithm.fisher_fraction < 1.0).then(|| Linearized::new(policy, states, algorithm.fisher_fraction));
    let fisher = part.as_ref().unwrap_or(&at);
    let x = match algorithm.direction {
        Direction::Vanilla => g.clone(),
        Direction::Natural => match ascent(fisher, &g, signal, algorithm, last) {
            Ok(solution) => {
                let x = solution.x.clone();
                update.solution = Some(solution);
                x
            }
            Err(error) => return update.refused(&at, error.to_string()),
        },
    };
    update.g_x = dot(&g, &x);
    let x_f_x = fisher.fisher_norm(&x);
    update.seconds.solve = lap.seconds();
    if !(update.g_x.is_finite() && x_f_x.is_finite()) {
        return update.refused(&at, "the direction is not finite");
    }
    if update.g_x <= 0.0 {
        let reason = format!("g^T x = {:e} is not positive: x is no ascent direction", update.g_x);
        return update.refused(&at, reason);
    }

    // Step.
    let alpha = match step_size(algorithm, kl_step, x_f_x) {
        Ok(alpha) => alpha,
        Err(reason) => return update.refused(&at, reason),
    };
    let measure = |theta: &[f64]| compare(&at, theta, signal);
    let found = search(algorithm, kl_step, (theta, &x), (alpha, update.g_x), measure);
    update.seconds.step = lap.seconds();
    let accepted = match found {
        Ok(accepted) => accepted,
        Err(backtracks) => {
            update.backtracks = backtracks;
            return update.unmoved(&at, Outcome::LineSearchFailed);
        }
    };
    if !(accepted.comparison.is_finite() && accepted.theta.iter().all(|t| t.is_finite())) {
        return update.refused(&at, format!("the new policy is not finite after a step of size {:e}", accepted.alpha));
    }
    update.stepped(accepted, x_f_x)
}

/// The first alpha to be tried, or why there is none.
fn step_size(algorithm: &Algorithm, kl_step: f64, x_f_x: f64) -> Result<f64, String> {
    let alpha = match algorithm.step {
        StepRule::Fixed => algorithm.alpha,
        StepRule::Kl | StepRule::LineSearch if x_f_x <= 0.0 => {
            let why = "is not positive, as in a deterministic policy: the step size is undefined";
            return Err(format!("x^T F x = {x_f_x:e} {why}"));
        }
        StepRule::Kl | StepRule::LineSearch => alpha_from_kl(kl_step, x_f_x),
    };
    if alpha.is_finite() { Ok(alpha) } else { Err(format!("the step size is {alpha}")) }
}

/// The step along x that the algorithm's rule accepts, or how often alpha was reduced in vain.
fn search(
    algorithm: &Algorithm,
    kl_step: f64,
    (theta, x): (&[f64], &[f64]),
    (alpha, slope): (f64, f64),
    measure: impl Fn(&[f64]) -> Comparison,
) -> Result<Accepted, usize> {
    match (algorithm.step, algorithm.kl_tolerance) {
        (StepRule::Kl, Some(tolerance)) => {
            let rule = KeptBudget { budget: kl_step, tolerance };
            backtrack(&rule, (theta, x), alpha, slope, measure)
        }
        (StepRule::LineSearch, _) => {
            let rule = LineSearch {
                max_backtracks: algorithm.max_backtracks,
                backtrack_factor: algorithm.backtrack_factor,
                accept_ratio: algorithm.accept_ratio,
                kl_limit: kl_step,
            };
            backtrack(&rule, (theta, x), alpha, slope, measure)
        }
        (StepRule::Kl | StepRule::Fixed, _) => {
            let theta = moved(theta, alpha, x);
            Ok(Accepted { comparison: measure(&theta), theta, alpha, backtracks: 0 })
        }
    }
}

/// The solution for g with momentum, if that ascends; else for g alone.
fn ascent(
    fisher: &Linearized<'_>,
    g: &[f64],
    signal: Signal<'_>,
    algorithm: &Algorithm,
    last: Option<&[f64]>,
) -> Result<Solution, SolveError> {
    if let Some(last) = last.filter(|_| algorithm.momentum > 0.0) {
        let mut pulled = g.to_vec();
        axpy(algorithm.damping * algorithm.momentum, last, &mut pulled);
        let solution = solve(fisher, &pulled, signal, algorithm, Some(last))?;
        if dot(g, &solution.x) > 0.0 {
            return Ok(solution);
        }
    }
    solve(fisher, g, signal, algorithm, last)
}

/// Solves (F + damping I) x = g.
fn solve(
    fisher: &Linearized<'_>,
    g: &[f64],
    signal: Signal<'_>,
    algorithm: &Algorithm,
    last: Option<&[f64]>,
) -> Result<Solution, SolveError> {
    let damping = algorithm.damping;
    match algorithm.solver {
        Solver::Auto if g.len() > AUTO_DENSE => conjugate(fisher, g, algorithm, last),
        Solver::Cg => conjugate(fisher, g, algorithm, last),
        Solver::Cholesky | Solver::Auto => cholesky(fisher.dense_fisher(), g, damping),
        Solver::Woodbury => woodbury(&fisher.scores(signal.actions), g, damping),
    }
}

fn conjugate(
    fisher: &Linearized<'_>,
    g: &[f64],
    algorithm: &Algorithm,
    last: Option<&[f64]>,
) -> Result<Solution, SolveError> {
    let options = CgOptions {
        iterations: algorithm.cg_iterations,
        tolerance: algorithm.cg_tolerance,
        damping: algorithm.damping,
        start: last.filter(|_| algorithm.cg_warm_start),
    };
    conjugate_gradient(|v| fisher.fisher_product(v), g, options)
}

impl Update {
    fn nothing(theta: &[f64]) -> Self {
        Self {
            outcome: Outcome::NoSignal,
            theta: theta.to_vec(),
            solution: None,
            gradient_norm: 0.0,
            g_x: 0.0,
            alpha: 0.0,
            kl_predicted: 0.0,
            comparison: Comparison::default(),
            backtracks: 0,
            seconds: Seconds::default(),
        }
    }

    fn stepped(self, accepted: Accepted, x_f_x: f64) -> Self {
        let Accepted { alpha, theta, comparison, backtracks } = accepted;
        let kl_predicted = predicted_kl(alpha, x_f_x);
        Self { outcome: Outcome::Stepped, alpha, kl_predicted, comparison, backtracks, theta, ..self }
    }

    /// The policy stays, so it is compared with itself.
    fn unmoved(mut self, at: &Linearized<'_>, outcome: Outcome) -> Self {
        self.comparison = Comparison::with_itself(at);
        self.outcome = outcome;
        self
    }

    fn refused(self, at: &Linearized<'_>, reason: impl Into<String>) -> Self {
        self.unmoved(at, Outcome::Refused(reason.into()))
    }
}
