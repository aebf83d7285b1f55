//! Processes that share a batch take the same step as one process with the whole batch, to the bit.

use super::*;
use crate::config::{Algorithm, AlgorithmName, Config, NetworkKind, Solver};
use crate::env::ActionRows;
use crate::env::registry;
use crate::network::kernels::Matrix;
use crate::npg::{UpdateStatus, update};
use crate::policy::Policy;
use crate::random::{Purpose, Stream};
use crate::reduce::Reducer;
use crate::reduce::tests::assert_same_on_ranks;
use crate::rollout::{Batch, Sampler};
use crate::solve::SolverState;
use std::ops::Range;

/// A policy, a batch that it sampled, and random numbers as advantages and weights.
struct World {
    policy: Policy,
    batch: Batch,
    advantages: Vec<f64>,
    weights: Vec<f64>,
}

fn world(id: &str, change: impl FnOnce(&mut Config)) -> World {
    let mut config = Config::default();
    change(&mut config);
    let source = registry::make(id, &config.env).unwrap();
    let policy = Policy::new(&config.policy, &config.normalize, &source.spec(), 0);
    let batch = Sampler::new(source.as_ref(), 10, 0.99, 0).unwrap().sample(&policy, 4500).unwrap();
    let mut rng = Stream::new(0, Purpose::Test, 0);
    let advantages = (0..batch.len()).map(|_| rng.normal()).collect();
    let weights = (0..batch.len()).map(|_| rng.uniform(0.5, 1.5)).collect();
    World { policy, batch, advantages, weights }
}

impl World {
    fn inputs(&self, rows: Range<usize>) -> Matrix {
        let mut part = Matrix::zeros(rows.len(), self.policy.inputs());
        rows.enumerate().for_each(|(slot, row)| part.row_mut(slot).copy_from_slice(self.batch.inputs.row(row)));
        part
    }

    fn actions(&self, rows: Range<usize>) -> ActionRows {
        let mut part = ActionRows::zeros(self.policy.distribution.width(), rows.len());
        rows.enumerate().for_each(|(slot, row)| part.row_mut(slot).copy_from(self.batch.actions.row(row)));
        part
    }

    /// Runs the update with the rows that this process holds. Returns the bits of the new parameters, the status, and the
    /// bits of every number about the update.
    fn update(&self, reducer: &Reducer, algorithm: &Algorithm) -> (Vec<u64>, UpdateStatus, Vec<u64>) {
        let here = reducer.here();
        let (inputs, actions) = (self.inputs(here.clone()), self.actions(here.clone()));
        let weights = algorithm.discounted_states.then(|| &self.weights[here.clone()]);
        let states = States { inputs: (&inputs).into(), weights, reducer: Some(reducer) };
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

fn check(id: &str, algorithm: &Algorithm, change: impl FnOnce(&mut Config)) {
    let world = world(id, change);
    let layout = crate::reduce::Layout::of_rows([450; 10]);
    let alone = world.update(&Reducer::new(layout.clone()), algorithm);
    assert_eq!(alone.1, UpdateStatus::Stepped);
    assert_ne!(alone.0, world.policy.theta.iter().map(|x| x.to_bits()).collect::<Vec<_>>());
    assert_same_on_ranks(&layout, |reducer| world.update(reducer, algorithm));
}

#[test]
fn processes_that_share_a_batch_step_to_the_same_policy() {
    check("CartPole-v1", &Algorithm::default(), |_| {});
    let (direction, step) = AlgorithmName::Trpo.settings();
    let line_search = Algorithm { direction, step, entropy_coefficient: 0.01, ..Algorithm::default() };
    check("Pendulum-v1", &line_search, |_| {});
}

#[test]
fn processes_that_share_a_batch_weigh_and_choose_the_same_states() {
    let algorithm = Algorithm { discounted_states: true, fisher_fraction: 0.6, ..Algorithm::default() };
    check("Pendulum-v1", &algorithm, |config| config.policy.hidden = vec![16]);
}

#[test]
fn processes_that_share_a_batch_form_the_same_matrices() {
    let linear = |config: &mut Config| config.policy.network = NetworkKind::Linear;
    let cholesky = Algorithm { solver: Solver::Cholesky, damping: 1e-3, ..Algorithm::default() };
    check("CartPole-v1", &cholesky, linear);
    // A matrix with more elements than are formed at once.
    check("CartPole-v1", &cholesky, |config| config.policy.hidden = vec![56]);
    let woodbury = Algorithm { solver: Solver::Woodbury, fisher_fraction: 0.5, ..Algorithm::default() };
    check("Pendulum-v1", &woodbury, linear);
}
