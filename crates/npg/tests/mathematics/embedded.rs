//! Indices with many values, of which a batch has few: an update leaves out the rows of the embedding that the batch does not
//! read, and must be the update of the whole policy.

use npg::config::{Algorithm, Config, Solver, ValueKind};
use npg::env::{ActionRows, Space, Spec};
use npg::network::kernels::Matrix;
use npg::policy::Policy;
use npg::problem::{SampledProblem, States, Surrogate};
use npg::random::{Purpose, Stream};
use npg::reduce::Reducer;
use npg::solve::SolverState;
use npg::update::{UpdateStatus, update, update_sampled};
use npg::value::{Baseline, Visited};

const ROWS: usize = 120;
const COUNT: usize = 5000;

fn spec() -> Spec {
    let parts = vec![Space::uniform_box(2, -1.0, 1.0), Space::Discrete(COUNT)];
    Spec {
        id: "Many-v0".into(),
        observation: Space::Tuple(parts),
        action: Space::Discrete(3),
        max_episode_steps: None,
        reward_threshold: None,
    }
}

/// A policy, and a batch of states of which every other number is a new one.
fn case() -> (Policy, Matrix, ActionRows, Vec<f64>) {
    let mut config = Config::default();
    (config.policy.hidden, config.policy.embedding, config.policy.output_gain) = (vec![6], 3, 1.0);
    config.normalize.observations = false;
    let policy = Policy::new(&config.policy, &config.normalize, &spec(), 0);
    let mut rng = Stream::new(5, Purpose::Test, 0);
    let mut inputs = Matrix::zeros(ROWS, policy.inputs());
    let mut actions = ActionRows::zeros(policy.distribution.width(), ROWS);
    for row in 0..ROWS {
        let index = if row % 2 == 0 { rng.below(COUNT) } else { 4321 };
        policy.encoder.write(&[rng.normal(), rng.normal(), index as f64], inputs.row_mut(row));
        actions.row_mut(row).integers[0] = rng.below(3) as i64;
    }
    let advantages = (0..ROWS).map(|_| rng.normal()).collect();
    (policy, inputs, actions, advantages)
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    let norm = |x: f64| x * x;
    let (far, size): (f64, f64) = (a.iter().zip(b).map(|(a, b)| norm(a - b)).sum(), a.iter().map(|a| norm(*a)).sum());
    (far / size).sqrt()
}

#[test]
fn an_update_leaves_out_what_the_batch_does_not_read_and_is_the_same() {
    let (policy, inputs, actions, advantages) = case();
    let surrogate = Surrogate { actions: &actions, advantages: &advantages, entropy: 0.01, discounts: None };
    let states = States::of(&inputs);
    for (solver, momentum) in [(Solver::Cg, 0.0), (Solver::Cg, 0.5), (Solver::Woodbury, 0.0)] {
        let algorithm = Algorithm { solver, momentum, cg_iterations: 40, ..Algorithm::default() };
        let problem = SampledProblem::new(&policy, states, surrogate, 1.0);
        // Neither knows what came before, or both do where the batch reads; the direction of an unread row is kept.
        let [mut whole, mut small] = [(); 2].map(|()| SolverState::default());
        for round in 0..2 {
            let expected = update(&problem, &algorithm, 0.01, &mut whole);
            let found = update_sampled(&policy, states, surrogate, &algorithm, 0.01, &mut small);
            assert_eq!((&found.status, &expected.status), (&UpdateStatus::Stepped, &UpdateStatus::Stepped));
            let step = |theta: &[f64]| theta.iter().zip(&policy.theta).map(|(a, b)| a - b).collect::<Vec<f64>>();
            let far = distance(&step(&expected.theta), &step(&found.theta));
            assert!(far < 1e-5, "{solver:?}, momentum {momentum}, round {round}: {far}");
            assert!(
                (found.kl_predicted - 0.01).abs() < 1e-12
                    && (found.comparison.kl - expected.comparison.kl).abs() < 1e-7
            );
            let kept = small.last_direction.as_ref().map(Vec::len);
            assert_eq!(kept, (momentum > 0.0).then_some(policy.theta.len()), "only what is read later is kept");
        }
    }
}

#[test]
fn a_fit_leaves_out_what_the_batch_does_not_read_and_is_the_same() {
    let (_, inputs, ..) = case();
    let targets: Vec<f64> = (0..ROWS).map(|row| f64::from(inputs.row(row)[0]) + 2.0 * (row % 2) as f64).collect();
    let steps = vec![0; ROWS];
    let visited = Visited { inputs: (&inputs).into(), steps: &steps };
    for kind in [ValueKind::MlpAdam, ValueKind::MlpGaussNewton] {
        let mut config = Config::default();
        (config.value.kind, config.value.hidden, config.value.embedding) = (kind, vec![6], 3);
        let observations = spec().observation;
        let encoder = npg::policy::Encoder::new(&observations, Baseline::reading(&config.value, None));
        let [whole, mut small] = [(); 2].map(|()| Baseline::new(&config.value, encoder.entrance(&[]), 0));
        let before = small.predict(visited);
        // With one state for each value of the index, nothing is left out.
        let all = Matrix::concatenate(3, [&inputs, &every_index()].into_iter());
        assert_eq!(before, whole.predict(Visited { inputs: (&all).into(), steps: &[0; ROWS + COUNT] })[..ROWS]);
        let fit = small.fit(&Reducer::of_rows(ROWS), visited, &targets, &mut Stream::new(0, Purpose::Minibatch, 0));
        assert!(fit.accepted);
        let fitted = small.predict(visited);
        let error = |values: &[f64]| values.iter().zip(&targets).map(|(v, y)| (v - y).powi(2)).sum::<f64>();
        assert!(error(&fitted) < error(&before), "{kind:?} learns");
        let (Baseline::Mlp(whole), Baseline::Mlp(own)) = (&whole, &small) else { unreachable!("both kinds are MLPs") };
        let read = |row: usize| inputs.row(row)[2] as usize;
        let is_read: Vec<bool> = (0..COUNT).map(|value| (0..ROWS).any(|row| read(row) == value)).collect();
        for (value, is_read) in is_read.iter().enumerate() {
            let row = 3 * value..3 * value + 3; // the embedding's parameters come first
            assert_eq!(own.theta[row.clone()] != whole.theta[row], *is_read, "{kind:?}: value {value}");
        }
    }
}

fn every_index() -> Matrix {
    let mut inputs = Matrix::zeros(COUNT, 3);
    (0..COUNT).for_each(|value| inputs.row_mut(value)[2] = value as f32);
    inputs
}
