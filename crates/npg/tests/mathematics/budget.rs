//! The budget of the measured KL is kept even where the quadratic model fails: for policies that are nearly deterministic.

use npg::config::{Algorithm, Config, Direction, StepRule};
use npg::env::tabular::{Table, TableOutcome, TabularEnv};
use npg::exact::mdp::TabularPolicy;
use npg::train::Trainer;
use std::sync::Arc;

const BUDGET: f64 = 0.01;

/// Two states. In each, one of the two actions is right and pays 1. Episodes have 20 steps.
fn bits() -> Arc<Table> {
    let to = |reward: f64| {
        let next = |next| TableOutcome { probability: 0.5, next, reward, terminated: false };
        vec![next(0), next(1)]
    };
    Arc::new(Table::new(vec![0.5, 0.5], 2, vec![to(1.0), to(0.0), to(0.0), to(1.0)]).unwrap())
}

/// One state. Action 1 ends the episode, and action 0 pays 1.
fn fragile() -> Arc<Table> {
    let stay = TableOutcome { probability: 1.0, next: 0, reward: 1.0, terminated: false };
    let end = TableOutcome { terminated: true, ..stay };
    Arc::new(Table::new(vec![1.0], 2, vec![vec![stay], vec![end]]).unwrap())
}

/// Trains with the defaults except for the given settings. Returns the largest measured KL of a step, the number of steps
/// that were shortened or given up, and the smallest probability of a right action at the end.
fn trained(table: &Arc<Table>, seed: u64, algorithm: Algorithm) -> (f64, f64, f64) {
    let mut config = Config { algorithm, ..Config::default() };
    config.run.seed = seed;
    config.run.steps = 120_000;
    let shared = Arc::clone(table);
    let source = move || TabularEnv::new("bits", Some(20), None, Arc::clone(&shared));
    let mut trainer = Trainer::new(config, Box::new(source)).unwrap();
    let (mut largest, mut shortened) = (0.0f64, 0.0);
    while let Some(iteration) = trainer.step() {
        let iteration = iteration.unwrap();
        largest = largest.max(iteration.metrics.get("npg/kl").unwrap());
        shortened = iteration.metrics.get("npg/shortened").unwrap();
    }
    let policy = TabularPolicy::of(trainer.policy()).unwrap();
    let right = |state: usize| policy.row(state)[state.min(1)];
    (largest, shortened, (0..policy.states()).map(right).fold(1.0, f64::min))
}

/// With the textbook step, all four seeds of the first task end below 0.9, after steps of up to 1e9 nats.
#[test]
fn solved_policies_stay_solved() {
    for (table, seeds) in [(bits(), 0..3), (fragile(), 0..2)] {
        for seed in seeds {
            let (largest, shortened, right) = trained(&table, seed, Algorithm::default());
            assert!(largest <= 1.5 * BUDGET, "seed {seed}: {largest} nats");
            assert!(right > 0.98, "seed {seed}: the right action has probability {right}");
            assert!(shortened > 0.0, "seed {seed}: this task is too easy to test anything");
        }
    }
}

#[test]
fn the_vanilla_direction_keeps_the_budget_too() {
    let algorithm = Algorithm { direction: Direction::Vanilla, step: StepRule::Kl, ..Algorithm::default() };
    let (largest, _, right) = trained(&bits(), 0, algorithm);
    assert!(largest <= 1.5 * BUDGET && right > 0.98, "{largest} nats, {right}");
}

#[test]
fn the_textbook_step_is_there_for_those_who_ask() {
    let algorithm = Algorithm { kl_tolerance: None, ..Algorithm::default() };
    let (largest, shortened, _) = trained(&bits(), 0, algorithm);
    assert!(largest > 100.0 * BUDGET, "{largest} nats: the model did not fail, so the tests above show nothing");
    assert_eq!(shortened, 0.0);
}
