//! Processes that share a batch take the same step as one process with the whole batch, to the bit.

use super::*;
use crate::env::{ActionRows, Space, Spec};
use crate::network::kernels::Matrix;
use crate::policy::{Actor, HeldNoise, Policy};
use crate::random::{Purpose, Stream};
use crate::reduce::Reducer;
use crate::reduce::tests::assert_same_on_ranks;
use crate::settings::{self, Algorithm, AlgorithmName, NetworkKind, Solver};
use crate::solve::SolverState;
use crate::update::{UpdateStatus, update};
use std::ops::Range;

/// Rows of a batch.
const ROWS: usize = 4500;

/// A policy, a batch of random observations with its actions there, and random numbers as advantages and weights.
struct World {
    policy: Policy,
    inputs: Matrix,
    actions: ActionRows,
    advantages: Vec<f64>,
    weights: Vec<f64>,
}

fn world(observation: usize, action: Space, settings: &settings::Policy) -> World {
    let observation = Space::uniform_box(observation, f64::NEG_INFINITY, f64::INFINITY);
    let spec = Spec { id: "World".into(), observation, action, max_episode_steps: None, reward_threshold: None };
    let policy = Policy::new(settings, &settings::Normalize::default(), &spec, 0);
    let mut rng = Stream::new(0, Purpose::Test, 0);
    let mut inputs = Matrix::zeros(ROWS, policy.inputs());
    let mut actor = Actor::new(&policy, ROWS);
    for row in 0..ROWS {
        let observation: Vec<f64> = (0..policy.inputs()).map(|_| rng.normal()).collect();
        inputs.row_mut(row).copy_from_slice(actor.observe(row, &observation));
    }
    actor.infer(ROWS);
    (0..ROWS).for_each(|row| actor.sample(row, &mut rng, &mut HeldNoise::default()));
    let mut actions = ActionRows::zeros(policy.distribution.width(), ROWS);
    (0..ROWS).for_each(|row| actions.row_mut(row).copy_from(actor.raw().row(row)));
    let advantages = (0..ROWS).map(|_| rng.normal()).collect();
    let weights = (0..ROWS).map(|_| rng.uniform(0.5, 1.5)).collect();
    World { policy, inputs, actions, advantages, weights }
}

impl World {
    fn inputs(&self, rows: Range<usize>) -> Matrix {
        let mut part = Matrix::zeros(rows.len(), self.policy.inputs());
        rows.enumerate().for_each(|(slot, row)| part.row_mut(slot).copy_from_slice(self.inputs.row(row)));
        part
    }

    fn actions(&self, rows: Range<usize>) -> ActionRows {
        let mut part = ActionRows::zeros(self.policy.distribution.width(), rows.len());
        rows.enumerate().for_each(|(slot, row)| part.row_mut(slot).copy_from(self.actions.row(row)));
        part
    }

    /// Runs the update with the rows that this process holds. Returns the bits of the new parameters, the status, and the
    /// bits of every number about the update.
    fn update(&self, reducer: &Reducer, algorithm: &Algorithm) -> (Vec<u64>, UpdateStatus, Vec<u64>) {
        let here = reducer.here();
        let (inputs, actions) = (self.inputs(here.clone()), self.actions(here.clone()));
        let weights = algorithm.discounted_states.then(|| &self.weights[here.clone()]);
        let states = States { weights, reducer: Some(reducer), ..States::of(&inputs) };
        let surrogate = Surrogate {
            actions: &actions,
            advantages: &self.advantages[here.clone()],
            entropy: algorithm.entropy_coefficient,
            discounts: Some(&self.weights[here]),
        };
        let problem = SampledProblem::new(&self.policy, states, surrogate, algorithm.fisher_fraction);
        let update = update(&problem, algorithm, 0.01, &mut SolverState::default());
        let bits = |numbers: &[f64]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        let unmoved = problem.unmoved();
        let mut numbers = vec![update.alpha, update.g_x, update.kl_predicted, unmoved.entropy];
        for comparison in [update.comparison, unmoved] {
            let mut sums = [0.0; crate::trust_region::MEANS + crate::trust_region::MAXIMA];
            comparison.add_to(&mut sums);
            numbers.extend(sums);
        }
        (bits(&update.theta), update.status, bits(&numbers))
    }
}

fn check(world: &World, algorithm: &Algorithm) {
    let layout = crate::reduce::Layout::of_rows([ROWS / 10; 10]);
    let alone = world.update(&Reducer::new(layout.clone()), algorithm);
    assert_eq!(alone.1, UpdateStatus::Stepped);
    assert_ne!(alone.0, world.policy.theta.iter().map(|x| x.to_bits()).collect::<Vec<_>>());
    assert_same_on_ranks(&layout, |reducer| world.update(reducer, algorithm));
}

/// A policy that chooses between two actions, and one with a torque.
fn worlds(settings: &settings::Policy) -> [World; 2] {
    [world(4, Space::Discrete(2), settings), world(3, Space::uniform_box(1, -2.0, 2.0), settings)]
}

#[test]
fn processes_that_share_a_batch_step_to_the_same_policy() {
    let [choice, torque] = worlds(&settings::Policy::default());
    check(&choice, &Algorithm::default());
    let (direction, step) = AlgorithmName::Trpo.settings();
    check(&torque, &Algorithm { direction, step, entropy_coefficient: 0.01, ..Algorithm::default() });
}

#[test]
fn processes_that_share_a_batch_weigh_and_choose_the_same_states() {
    let [_, torque] = worlds(&settings::Policy { hidden: vec![16], ..settings::Policy::default() });
    check(&torque, &Algorithm { discounted_states: true, fisher_fraction: 0.6, ..Algorithm::default() });
}

#[test]
fn processes_that_share_a_batch_form_the_same_matrices() {
    let [choice, torque] = worlds(&settings::Policy { network: NetworkKind::Linear, ..settings::Policy::default() });
    let cholesky = Algorithm { solver: Solver::Cholesky, damping: 1e-3, ..Algorithm::default() };
    check(&choice, &cholesky);
    check(&torque, &Algorithm { solver: Solver::Woodbury, fisher_fraction: 0.5, ..Algorithm::default() });
    // A matrix with more elements than are formed at once.
    let [choice, _] = worlds(&settings::Policy { hidden: vec![56], ..settings::Policy::default() });
    check(&choice, &cholesky);
}
