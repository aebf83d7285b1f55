//! One iteration of the natural policy gradient.
//!
//! ```text
//! g     = E[ grad log pi(a|s) A ]                      gradient
//! x     = (F + lambda I)^-1 g    (vanilla: x = g)      direction
//! alpha = sqrt(2 eps / x^T F x)  (or fixed)            step size, predicted KL 1/2 alpha^2 x^T F x
//! theta' = theta + alpha x                             step, shortened until it is accepted as measured
//! ```
//!
//! `npg`, `trpo` and `vpg` are settings of a direction and a step rule, not different algorithms.

use crate::network::kernels::{axpy, dot};
use crate::policy::Policy;
use crate::problem::{Problem, SampledProblem, States, Surrogate};
use crate::reduce::Reducer;
use crate::settings::{Algorithm, Direction, Solver, StepRule};
use crate::solve::{CgOptions, Solution, SolveError, SolverState, cholesky, conjugate_gradient, woodbury};
use crate::step::{Accepted, KeptBudget, LineSearch, alpha_from_kl, backtrack, moved, predicted_kl};
use crate::trust_region::Comparison;
use std::time::Instant;

/// `solver = "auto"` uses the dense solver up to this many parameters.
const AUTO_DENSE: usize = 64;

/// The result of an update.
#[derive(Clone, Debug, PartialEq)]
pub enum UpdateStatus {
    /// The policy changed.
    Stepped,
    /// All advantages are equal or zero, so g = 0 and there is nothing to do.
    NoSignal,
    /// No length of the step that was tried was acceptable as measured. The parameters stay as they were.
    LineSearchFailed,
    /// Something is not finite, not positive or not solvable; the text says what. The parameters stay as they were.
    Refused(String),
}

/// What an iteration did, and every number about it.
#[derive(Clone, Debug)]
pub struct Update {
    /// The result.
    pub status: UpdateStatus,
    /// The new parameters; the old ones unless `status` is [`UpdateStatus::Stepped`].
    pub theta: Vec<f64>,
    /// The solution of (F + damping I) x = g, with momentum if configured, in the parameters that took part.
    pub solution: Option<Solution>,
    /// ||g||.
    pub gradient_norm: f64,
    /// g^T x, the surrogate's slope along x.
    pub g_x: f64,
    /// Step size.
    pub alpha: f64,
    /// 1/2 alpha^2 x^T F x, nats.
    pub kl_predicted: f64,
    /// The new policy compared with the old one on the whole batch, or the old one with itself if nothing changed.
    pub comparison: Comparison,
    /// The number of reductions of alpha until the step was accepted or given up.
    pub backtracks: usize,
    /// How long the parts of the update took.
    pub seconds: Seconds,
}

/// The wall-clock seconds of an update's parts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seconds {
    /// The forward passes and g.
    pub gradient: f64,
    /// The direction: Fisher products and solver.
    pub solve: f64,
    /// The step and its measurement.
    pub step: f64,
}

/// Measures the seconds since the last call.
struct Lap(Instant);

impl Lap {
    fn seconds(&mut self) -> f64 {
        let now = Instant::now();
        (now - std::mem::replace(&mut self.0, now)).as_secs_f64()
    }
}

/// Computes the next parameters of a policy from a problem: a batch of samples, or a world in which everything is known.
///
/// `kl_step` is the budget eps of this iteration in nats. `state` is what the solver keeps from one update to the next. After a
/// step it has the new direction. After a refusal it is empty, because the old direction may be the cause. Otherwise it stays.
/// The problem is not changed.
pub fn update(problem: &impl Problem, algorithm: &Algorithm, kl_step: f64, state: &mut SolverState) -> Update {
    let mut update = Update::nothing(problem.theta());
    match step(problem, algorithm, kl_step, state, &mut update) {
        Ok(accepted) => {
            update.accept(accepted);
            state.last_direction = update.solution.as_ref().map(|solution| solution.x.clone());
        }
        Err(status) => {
            if matches!(status, UpdateStatus::Refused(_)) {
                state.last_direction = None;
            }
            (update.status, update.comparison) = (status, problem.unmoved());
        }
    }
    update
}

/// [`update`] of a policy from a batch that was sampled with it. Rows of embeddings that the batch does not read stay as they
/// are, and so does the direction that the solver keeps of them (`network/compact.rs`).
pub fn update_sampled(
    policy: &Policy,
    states: States<'_>,
    surrogate: Surrogate<'_>,
    algorithm: &Algorithm,
    kl_step: f64,
    state: &mut SolverState,
) -> Update {
    let begin = Instant::now();
    let whole = states.reducer.map_or_else(|| Reducer::of_rows(states.inputs.rows()), Reducer::clone);
    let compacted = states.inputs.compacted(&policy.network, &whole);
    let solved = |policy: &Policy, state: &mut SolverState| {
        let problem = SampledProblem::new(policy, states, surrogate, algorithm.fisher_fraction);
        let forward = begin.elapsed().as_secs_f64();
        let mut update = update(&problem, algorithm, kl_step, state);
        update.seconds.gradient += forward;
        update
    };
    let Some((network, kept)) = compacted else { return solved(policy, state) };
    let small = policy.with_network(network, kept.gather(&policy.theta));
    let mut own = SolverState { last_direction: state.last_direction.as_deref().map(|x| kept.gather(x)) };
    let mut update = solved(&small, &mut own);
    let whole = |part: &[f64], mut all: Vec<f64>| {
        kept.scatter(part, &mut all);
        all
    };
    let is_read = algorithm.momentum > 0.0 || algorithm.cg_warm_start;
    let direction = own.last_direction.filter(|_| is_read);
    let elsewhere = state.last_direction.take();
    let elsewhere = || elsewhere.unwrap_or_else(|| vec![0.0; policy.theta.len()]);
    state.last_direction = direction.map(|x| whole(&x, elsewhere()));
    update.theta = whole(&update.theta, policy.theta.clone());
    update
}

/// The accepted step, or the reason why there is none. Writes all measurements into `update`.
fn step(
    problem: &impl Problem,
    algorithm: &Algorithm,
    kl_step: f64,
    state: &SolverState,
    update: &mut Update,
) -> Result<Accepted, UpdateStatus> {
    let mut lap = Lap(Instant::now());

    // Gradient.
    let g = problem.gradient();
    update.seconds.gradient = lap.seconds();
    update.gradient_norm = dot(&g, &g).sqrt();
    if !update.gradient_norm.is_finite() {
        return Err(UpdateStatus::refused("the gradient is not finite"));
    }
    if update.gradient_norm == 0.0 || problem.is_flat() {
        return Err(UpdateStatus::NoSignal);
    }

    // Direction.
    let x = match algorithm.direction {
        Direction::Vanilla => g.clone(),
        Direction::Natural => {
            let solve = Solve { problem, algorithm, g: &g };
            let solution = solve.direction(state.last_direction.as_deref());
            let solution = solution.map_err(|error| UpdateStatus::refused(error.to_string()))?;
            update.solution.insert(solution).x.clone()
        }
    };
    update.g_x = dot(&g, &x);
    let x_f_x = problem.fisher_norm(&x);
    update.seconds.solve = lap.seconds();
    if !(update.g_x.is_finite() && x_f_x.is_finite()) {
        return Err(UpdateStatus::refused("the direction is not finite"));
    }
    if update.g_x <= 0.0 {
        let reason = format!("g^T x = {:e} is not positive: x does not point uphill", update.g_x);
        return Err(UpdateStatus::refused(reason));
    }

    // Step.
    let alpha = step_size(algorithm, kl_step, x_f_x).map_err(UpdateStatus::refused)?;
    let measure = |theta: &[f64]| problem.compare(theta);
    let found = search(algorithm, kl_step, (problem.theta(), &x), (alpha, update.g_x), measure);
    update.seconds.step = lap.seconds();
    let accepted = found.map_err(|backtracks| {
        update.backtracks = backtracks;
        UpdateStatus::LineSearchFailed
    })?;
    if !(accepted.comparison.is_finite() && accepted.theta.iter().all(|t| t.is_finite())) {
        let reason = format!("the new policy is not finite after a step of size {:e}", accepted.alpha);
        return Err(UpdateStatus::refused(reason));
    }
    update.kl_predicted = predicted_kl(accepted.alpha, x_f_x);
    Ok(accepted)
}

/// The first alpha to try, or the reason why there is none.
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

/// The step along x that the algorithm's rule accepts, or the number of reductions of alpha after which there is none.
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

/// The computation of a direction.
struct Solve<'a, P> {
    problem: &'a P,
    algorithm: &'a Algorithm,
    g: &'a [f64],
}

impl<P: Problem> Solve<'_, P> {
    /// The direction for g. `last` is the last one, for momentum and warm starts.
    ///
    /// With them, and with few iterations, x may point downhill or be flat, which is never so without them except for rounding.
    /// Then the solve begins again without them.
    fn direction(&self, last: Option<&[f64]>) -> Result<Solution, SolveError> {
        if self.leaves_the_choice()
            && let Some(x) = self.problem.natural_gradient()
        {
            return Ok(Solution { x, iterations: None, residual: None });
        }
        let Algorithm { momentum, damping, cg_warm_start, .. } = *self.algorithm;
        if let Some(last) = last.filter(|_| momentum > 0.0 || (cg_warm_start && self.uses_conjugate_gradient())) {
            let mut pulled = self.g.to_vec();
            axpy(damping * momentum, last, &mut pulled);
            match self.solution(&pulled, Some(last).filter(|_| cg_warm_start)) {
                Ok(solution) if !self.is_usable(&solution.x) => {}
                Err(SolveError::NotPositive { .. }) => {}
                other => return other,
            }
        }
        self.solution(self.g, None)
    }

    /// Whether x points uphill and changes the policy.
    fn is_usable(&self, x: &[f64]) -> bool {
        dot(self.g, x) > 0.0 && self.problem.fisher_norm(x) > 0.0
    }

    /// Whether the settings leave the choice of the solver open and use no damping, so that a closed form of F^-1 g can be
    /// used.
    fn leaves_the_choice(&self) -> bool {
        self.algorithm.solver == Solver::Auto && self.algorithm.damping == 0.0
    }

    fn uses_conjugate_gradient(&self) -> bool {
        match self.algorithm.solver {
            Solver::Auto => self.g.len() > AUTO_DENSE,
            solver => solver == Solver::Cg,
        }
    }

    /// Solves (F + damping I) x = b. Conjugate gradients begin at `start`.
    fn solution(&self, b: &[f64], start: Option<&[f64]>) -> Result<Solution, SolveError> {
        let Algorithm { damping, solver, .. } = *self.algorithm;
        if self.uses_conjugate_gradient() {
            let options = CgOptions {
                iterations: self.algorithm.cg_iterations,
                tolerance: self.algorithm.cg_tolerance,
                damping,
                start,
                preconditioner: None,
            };
            return conjugate_gradient(|v| self.problem.fisher_product(v), b, options);
        }
        if solver == Solver::Woodbury {
            return woodbury(&self.problem.scores().ok_or(SolveError::NotOffered("scores of samples"))?, b, damping);
        }
        cholesky(self.problem.dense_fisher().ok_or(SolveError::NotOffered("dense Fisher matrix"))?, b, damping)
    }
}

impl UpdateStatus {
    fn refused(reason: impl Into<String>) -> Self {
        UpdateStatus::Refused(reason.into())
    }
}

impl Update {
    fn nothing(theta: &[f64]) -> Self {
        Self {
            status: UpdateStatus::NoSignal,
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

    fn accept(&mut self, accepted: Accepted) {
        let Accepted { alpha, theta, comparison, backtracks } = accepted;
        self.status = UpdateStatus::Stepped;
        (self.alpha, self.theta, self.comparison, self.backtracks) = (alpha, theta, comparison, backtracks);
    }
}
