//! Exact ascent by the vanilla gradient, the natural gradient or soft policy iteration.

use super::{Evaluation, ExactProblem, Mdp, TabularPolicy};
use crate::dot;
use npg_core::problem::Problem;
use npg_core::settings::{Algorithm, Direction, Solver, StepRule};
use npg_core::solve::SolverState;
use npg_core::update::{UpdateStatus, update};

/// The method of improving a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// theta' = theta + alpha grad J.
    Vanilla,
    /// theta' = theta + eta F^+ grad J. States that are never visited do not change.
    Natural,
    /// pi' proportional to pi exp(eta A / (1-gamma)) in all states.
    SoftPolicyIteration,
}

impl Method {
    /// The names of the methods, in the order of the variants.
    pub const NAMES: [&'static str; 3] = ["vanilla", "natural", "soft-policy-iteration"];

    /// The method with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Method::Vanilla, Method::Natural, Method::SoftPolicyIteration];
        all.into_iter().zip(Self::NAMES).find(|(_, own)| *own == name).map(|(method, _)| method)
    }
}

/// The length of each step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StepSize {
    /// This multiple of the direction.
    Fixed(f64),
    /// The multiple whose predicted KL is this many nats.
    Kl(f64),
}

/// The settings of [`Mdp::ascend`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ascent {
    /// The method that gives the direction.
    pub method: Method,
    /// The length of the steps.
    pub step: StepSize,
    /// The number of steps T.
    pub iterations: usize,
}

/// A policy during the ascent.
#[derive(Clone, Debug, PartialEq)]
pub struct Iterate {
    /// The number of the iteration; 0 is the start.
    pub iteration: usize,
    /// J of the policy.
    pub j: f64,
    /// KL(before || now) of the step that led here, as a mean over d of the policy before; 0 at the start.
    pub kl: f64,
    /// The upper bound on J* - J by the convergence theorem, if the theorem applies.
    pub bound: Option<f64>,
}

/// log(A) / (eta T) + 1 / ((1-gamma)^2 T). It bounds J* - J after T natural steps of size eta from the uniform policy, for
/// rewards in [0, 1] (Agarwal et al. 2021, theorem 16).
pub fn convergence_bound(actions: usize, eta: f64, gamma: f64, iterations: usize) -> f64 {
    let t = iterations as f64;
    libm::log(actions as f64) / (eta * t) + 1.0 / ((1.0 - gamma).powi(2) * t)
}

impl Mdp {
    /// Improves `start` by exact steps of the trainer's own [`update`]. Returns T + 1 iterates and the last policy.
    ///
    /// A step of a given KL keeps its budget as measured, as in training (`algorithm.kl_tolerance`). If nothing is left to
    /// gain, the policy does not change.
    ///
    /// # Errors
    /// If a step makes a logit overflow.
    pub fn ascend(&self, start: &TabularPolicy, ascent: Ascent) -> Result<(Vec<Iterate>, TabularPolicy), String> {
        let eta = self.step_of_theorem(start, ascent);
        let mut policy = start.clone();
        let mut at = self.evaluate(&policy);
        let mut iterates = vec![Iterate { iteration: 0, j: at.j, kl: 0.0, bound: None }];
        for iteration in 1..=ascent.iterations {
            let step = self.step(&policy, &at, ascent);
            let moved = match step {
                Some((alpha, x)) => {
                    policy.moved(alpha, &x).map_err(|error| format!("iteration {iteration}: {error}"))?
                }
                None => policy.clone(),
            };
            let kl = dot(&at.occupancy, &policy.kl(&moved));
            policy = moved;
            at = self.evaluate(&policy);
            let bound = eta.map(|eta| convergence_bound(self.actions(), eta, self.gamma(), iteration));
            iterates.push(Iterate { iteration, j: at.j, kl, bound });
        }
        Ok((iterates, policy))
    }

    /// The step size and the direction that the update chooses; `None` if it does not move the policy.
    fn step(&self, policy: &TabularPolicy, at: &Evaluation, ascent: Ascent) -> Option<(f64, Vec<f64>)> {
        let (direction, x) = match ascent.method {
            Method::Vanilla => (Direction::Vanilla, self.gradient(policy, at)),
            Method::Natural => (Direction::Natural, self.natural_gradient(policy, at)),
            // This is also the natural gradient, but it includes states that are never visited.
            Method::SoftPolicyIteration => {
                (Direction::Natural, at.advantage.iter().map(|a| a / (1.0 - self.gamma())).collect())
            }
        };
        let exact = Algorithm { direction, solver: Solver::Auto, damping: 0.0, momentum: 0.0, ..Algorithm::default() };
        let problem = ExactProblem::with_direction(self, policy, at, x.clone());
        let (problem, algorithm, eps) = match ascent.step {
            StepSize::Fixed(alpha) => (problem, Algorithm { step: StepRule::Fixed, alpha, ..exact }, 0.0),
            StepSize::Kl(eps) => (problem.in_unit_of(&x), Algorithm { step: StepRule::Kl, ..exact }, eps),
        };
        let update = update(&problem, &algorithm, eps, &mut SolverState::default());
        match (update.status, ascent.step) {
            (UpdateStatus::Stepped, _) => {
                let vanilla = || problem.gradient();
                Some((update.alpha, update.solution.map_or_else(vanilla, |solution| solution.x)))
            }
            // If probabilities are so small that the gradient underflows, the closed form still points uphill.
            (_, StepSize::Fixed(alpha)) => Some((alpha, x)),
            (_, StepSize::Kl(_)) => None,
        }
    }

    /// The step size eta, if the convergence theorem applies. It needs natural steps of a fixed size from the uniform policy,
    /// and rewards in [0, 1].
    fn step_of_theorem(&self, start: &TabularPolicy, ascent: Ascent) -> Option<f64> {
        let uniform = start.probabilities().iter().all(|p| (p * self.actions() as f64 - 1.0).abs() < 1e-12);
        let in_unit = self.reward().iter().all(|r| (0.0..=1.0).contains(r));
        match ascent.step {
            StepSize::Fixed(eta) if eta > 0.0 && uniform && in_unit && ascent.method != Method::Vanilla => Some(eta),
            _ => None,
        }
    }
}
