//! The worlds in which estimates are compared with closed forms. Each has a fixed policy, and the limits of the trainer's
//! gradient, Fisher product and natural direction at that policy.
//!
//! The trainer's mean over a batch weights the states of an episode by gamma^t, normalized to a mean weight of 1. As the
//! batch grows, it tends to E[sum_t gamma^t f(s_t, a_t)] / C. Both the sum and C = E[sum_t gamma^t] are over the steps of the
//! episode. C is sum(d) / (1-gamma) in a finite process, whose d has no mass after the end, 1 / (1-gamma) in a process that
//! never ends, and 1 if an episode is one step. So g tends to grad J / C, and F to its expectation under d / sum(d).

use super::Quantity;
use faer::linalg::solvers::Solve;
use faer::{Mat, Side};
use npg_core::env::EnvSource;
use npg_core::policy::Policy;
use npg_core::random::{Purpose, Stream};
use npg_core::settings::{self, Algorithm, NetworkKind, Solver};
use npg_core::{Error, Result};
use npg_envs::quadratic;
use npg_envs::registry;
use npg_exact::gaussian::{AffineGaussian, Local};
use npg_exact::mdp::{Evaluation, Mdp, TabularPolicy};

/// A world with a policy, and the exact quantities at that policy.
pub struct World {
    /// The name of the world.
    pub name: &'static str,
    /// The discount factor.
    pub gamma: f64,
    /// The policy at which everything is measured.
    pub policy: Policy,
    /// The vector v of the Fisher product F v.
    pub probe: Vec<f64>,
    /// The settings with which the trainer solves for the natural direction.
    pub algorithm: Algorithm,
    pub(super) source: Box<dyn EnvSource>,
    /// The exact values V of the states 0..S, used as the baseline; `None` in a world without a baseline.
    pub(super) values: Option<Vec<f64>>,
    gradient: Vec<f64>,
    product: Vec<f64>,
    direction: Vec<f64>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("name", &self.name).finish_non_exhaustive()
    }
}

/// lambda of the natural direction, for the trainer and for the exact solution. Without it, F of a softmax is singular.
const DAMPING: f64 = 0.01;

/// How a world is made from an environment.
struct Recipe {
    name: &'static str,
    id: &'static str,
    /// The options of the environment, as TOML.
    options: &'static str,
    gamma: f64,
    solver: Solver,
}

/// FrozenLake-v1 with a softmax policy. Episodes end in holes and at the goal; a step at the time limit of 100 would have a
/// weight of 2e-10. The exact V is the baseline, and the value of episodes that the batch cuts off.
///
/// # Errors
/// Those of [`worlds`].
pub fn frozen_lake() -> Result<World> {
    Recipe { name: "FrozenLake", id: "FrozenLake-v1", options: "", gamma: 0.8, solver: Solver::Cg }.tabular()
}

/// A random process of 10 states and 3 actions with a softmax policy. It never ends; episodes are cut off after 125 steps
/// (gamma^125 = 8e-13). The exact V is the baseline, and the value at the time limit.
///
/// # Errors
/// Those of [`worlds`].
pub fn random_mdp() -> Result<World> {
    let options = "states = 10\nactions = 3\nhorizon = 125";
    Recipe { name: "random MDP", id: "Garnet-v0", options, gamma: 0.8, solver: Solver::Cg }.tabular()
}

/// LQR-v0 in episodes of 125 steps (gamma^125 = 8e-13), without a baseline.
/// # Errors
/// Those of [`worlds`].
/// As [`worlds`].
pub fn regulator() -> Result<World> {
    let options = "b = 0.7\nr = 0.5\nhorizon = 125";
    let recipe = Recipe { name: "LQR", id: "LQR-v0", options, gamma: 0.8, solver: Solver::Cholesky };
    let lqr = quadratic::lqr(&recipe.options()?, recipe.gamma)?;
    recipe.gaussian([-0.6, 0.1, -1.2], |policy| lqr.affine(policy))
}

/// Bandit-v0, without a baseline. An episode is one step, so the discount does not matter.
///
/// # Errors
/// Those of [`worlds`].
pub fn bandit() -> Result<World> {
    let recipe = Recipe { name: "bandit", id: "Bandit-v0", options: "", gamma: 0.0, solver: Solver::Cholesky };
    let bandit = quadratic::bandit(&recipe.options()?)?;
    recipe.gaussian([0.3, 0.2, -0.5], |policy| bandit.at(policy))
}

/// All four worlds.
///
/// # Errors
/// Those of [`registry::make`], which these options do not cause.
pub fn worlds() -> Result<Vec<World>> {
    Ok(vec![frozen_lake()?, random_mdp()?, regulator()?, bandit()?])
}

impl World {
    /// The limit of the estimates of `quantity`, one number for each parameter.
    pub fn exact(&self, quantity: Quantity) -> &[f64] {
        match quantity {
            Quantity::Gradient => &self.gradient,
            Quantity::FisherProduct => &self.product,
            Quantity::NaturalDirection => &self.direction,
        }
    }
}

impl Recipe {
    fn options(&self) -> Result<toml::Table> {
        self.options.parse().map_err(|error| Error::config(self.id, format!("bad options: {error}")))
    }

    /// A world with a softmax policy over the states of a table. The policy is between a random one and the best one.
    fn tabular(self) -> Result<World> {
        let refused = |message| Error::config(self.id, message);
        let mdp = registry::table(self.id, &self.options()?)?.mdp(self.gamma).map_err(refused)?;
        let best = mdp.policy_iteration().choice;
        let mut rng = Stream::new(0, Purpose::World, u64::MAX); // far from the streams of random processes
        let logits = best.iter().flat_map(|best| (0..mdp.actions()).map(move |a| if a == *best { 1.0 } else { 0.0 }));
        let biases = (0..mdp.actions()).map(|_| 0.0);
        let theta: Vec<f64> = logits.chain(biases).map(|center| center + 0.5 * rng.normal()).collect();
        let (source, policy) = self.policy(theta)?;
        let table = TabularPolicy::of(&policy).ok_or_else(|| refused("has no tabular policy".into()))?;
        let at = mdp.evaluate(&table);
        let (gradient, fisher) = in_parameters(&mdp, &table, &at);
        Ok(self.world(source, policy, Some(at.v), (gradient, fisher)))
    }

    /// A Gaussian policy with the parameters `theta`: gain, bias, log std.
    fn gaussian(self, theta: [f64; 3], at: impl Fn(&AffineGaussian) -> Option<Local<3>>) -> Result<World> {
        let (source, policy) = self.policy(theta.to_vec())?;
        let affine = AffineGaussian::of(&policy);
        let local = affine.and_then(|affine| Some(at(&affine)?.in_log_sigma(affine.sigma)));
        let Some(Local { gradient, fisher: Some(fisher), .. }) = local else {
            return Err(Error::config(self.id, "has no finite J at this policy"));
        };
        // 1 / C is 1 - gamma; the bandit's gamma of 0 makes it 1.
        let gradient = gradient.iter().map(|g| (1.0 - self.gamma) * g).collect();
        let fisher = Mat::from_fn(3, 3, |i, j| fisher[i][j]);
        Ok(self.world(source, policy, None, (gradient, fisher)))
    }

    /// The environment, and a policy with a linear network that reads observations without normalization.
    fn policy(&self, theta: Vec<f64>) -> Result<(Box<dyn EnvSource>, Policy)> {
        let source = registry::make(self.id, &self.options()?)?;
        let linear = settings::Policy { network: NetworkKind::Linear, ..settings::Policy::default() };
        let plain = settings::Normalize { observations: false, ..settings::Normalize::default() };
        let policy = Policy { theta, ..Policy::new(&linear, &plain, &source.spec(), 0) };
        Ok((source, policy))
    }

    fn world(
        self,
        source: Box<dyn EnvSource>,
        policy: Policy,
        values: Option<Vec<f64>>,
        (gradient, fisher): (Vec<f64>, Mat<f64>),
    ) -> World {
        let mut rng = Stream::new(0, Purpose::World, u64::MAX - 1);
        let probe: Vec<f64> = gradient.iter().map(|_| rng.normal()).collect();
        let algorithm = Algorithm {
            solver: self.solver,
            damping: DAMPING,
            cg_iterations: 1000, // until the tolerance stops it
            cg_tolerance: 1e-5,  // a thousandth of the error of a million transitions
            discounted_states: true,
            ..Algorithm::default()
        };
        let product = times(&fisher, &probe);
        let direction = damped_solution(fisher, &gradient, DAMPING);
        let (name, gamma) = (self.name, self.gamma);
        World { name, gamma, policy, probe, algorithm, source, values, gradient, product, direction }
    }
}

/// grad J / C and F under d / sum(d), in the parameters of a linear network over one-hot states.
///
/// The parameters are W (S x A, row-major) and then b (A). The logits of s are row s of W plus b. The gradient in W is
/// therefore that in the logits, the gradient in b is its sum over states, and F = J^T F_logits J.
fn in_parameters(mdp: &Mdp, policy: &TabularPolicy, at: &Evaluation) -> (Vec<f64>, Mat<f64>) {
    let alive: f64 = at.occupancy.iter().sum();
    let (logits, actions) = (policy.logits().len(), policy.actions());
    let scale = (1.0 - mdp.gamma()) / alive; // 1 / C
    let mut gradient: Vec<f64> = mdp.gradient(policy, at).iter().map(|g| scale * g).collect();
    let bias = |a: usize| gradient.iter().skip(a).step_by(actions).sum::<f64>();
    let biases: Vec<f64> = (0..actions).map(bias).collect();
    gradient.extend(biases);
    let jacobian = Mat::from_fn(logits, logits + actions, |row, column| {
        let own = column == row || column == logits + row % actions;
        f64::from(u8::from(own))
    });
    let of_logits = mdp.fisher(policy, at);
    let fisher = jacobian.transpose() * of_logits * &jacobian;
    (gradient, Mat::from_fn(logits + actions, logits + actions, |i, j| fisher[(i, j)] / alive))
}

/// The product M x.
fn times(m: &Mat<f64>, x: &[f64]) -> Vec<f64> {
    (0..m.nrows()).map(|i| x.iter().enumerate().map(|(j, x)| m[(i, j)] * x).sum()).collect()
}

/// (F + lambda I)^-1 g, which is positive definite for lambda > 0.
fn damped_solution(mut fisher: Mat<f64>, g: &[f64], damping: f64) -> Vec<f64> {
    (0..g.len()).for_each(|i| fisher[(i, i)] += damping);
    let factor = fisher.llt(Side::Lower).expect("F is positive semidefinite and the damping positive");
    let x = factor.solve(Mat::from_fn(g.len(), 1, |i, _| g[i]));
    (0..g.len()).map(|i| x[(i, 0)]).collect()
}
