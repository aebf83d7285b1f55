//! A policy, states and actions of given sizes, for the programs beside this file.
#![allow(dead_code, reason = "each program uses its part")]

use npg::config::Config;
use npg::env::{ActionRows, ActionWidth, Space, Spec};
use npg::network::kernels::Matrix;
use npg::policy::Policy;
use npg::problem::{PolicySnapshot, States};
use npg::random::{Purpose, Stream};
use npg::solve::{CgOptions, conjugate_gradient};

/// Inputs and actions of HalfCheetah.
pub(crate) const INPUTS: usize = 17;
/// See [`INPUTS`].
pub(crate) const ACTIONS: usize = 6;
/// Damping of the solves.
pub(crate) const DAMPING: f64 = 0.1;

/// What is fixed about an environment with so many observations and actions.
pub(crate) fn spec(inputs: usize, actions: usize) -> Spec {
    Spec {
        id: "numbers".into(),
        observation: Space::uniform_box(inputs, f64::NEG_INFINITY, f64::INFINITY),
        action: Space::uniform_box(actions, -1.0, 1.0),
        max_episode_steps: Some(1000),
        reward_threshold: None,
    }
}

/// A policy, states, actions taken there, and a vector of parameters.
pub(crate) struct World {
    /// A tanh network's.
    pub(crate) policy: Policy,
    /// Standard normal numbers.
    pub(crate) states: Matrix,
    /// Likewise.
    pub(crate) actions: ActionRows,
    /// Something to multiply F by.
    pub(crate) v: Vec<f64>,
}

impl World {
    /// Of `inputs`, hidden layers and `actions`, with so many rows.
    pub(crate) fn new(inputs: usize, hidden: &[usize], actions: usize, rows: usize) -> Self {
        let mut config = Config::default();
        config.policy.hidden = hidden.to_vec();
        let spec = spec(inputs, actions);
        let policy = Policy::new(&config.policy, &config.normalize, &spec, 0);
        let mut rng = Stream::new(0, Purpose::Test, 0);
        let mut states = Matrix::zeros(rows, inputs);
        (0..rows).for_each(|row| states.row_mut(row).iter_mut().for_each(|x| *x = rng.normal() as f32));
        let values = (0..rows * actions).map(|_| rng.normal()).collect();
        let v = (0..policy.theta.len()).map(|i| (i as f64).sin()).collect();
        Self { policy, states, actions: ActionRows::from_numbers(ActionWidth::of(&spec.action), values), v }
    }

    /// The policy at all states.
    pub(crate) fn at(&self) -> PolicySnapshot<'_> {
        PolicySnapshot::new(&self.policy, self.all(), 1.0)
    }

    /// All states, counted alike.
    pub(crate) fn all(&self) -> States<'_> {
        States::of(&self.states)
    }

    /// (F + damping I)^-1 v by so many iterations.
    pub(crate) fn cg(&self, iterations: usize) -> Vec<f64> {
        let at = self.at();
        let options = CgOptions { iterations, tolerance: 0.0, damping: DAMPING, start: None, preconditioner: None };
        conjugate_gradient(|v| at.fisher_product(v), &self.v, options).expect("F is finite").x
    }
}
