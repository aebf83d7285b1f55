//! Trains with presets and compares the final policies with exact optima. Each policy is valued in closed form, without
//! sampling and without a time limit.
//!
//! `benchmarks/exact.sh` does the same for ten seeds.

#![allow(clippy::unwrap_used)] // a test: its helpers may panic too

use npg::config::Layers;
use npg::env::{quadratic, registry};
use npg::exact::gaussian::AffineGaussian;
use npg::exact::mdp::TabularPolicy;
use npg::train::Trainer;

/// A trainer that has trained with the preset of environment `id`.
fn trained(id: &str, seed: u64) -> Trainer {
    let mut layers = Layers::default();
    layers.preset(id);
    layers.set(&format!("run.seed={seed}"));
    let (config, source) = layers.resolve_for(id).unwrap();
    let mut trainer = Trainer::new(config, source).unwrap();
    while let Some(iteration) = trainer.step() {
        iteration.unwrap();
    }
    trainer
}

/// (J* - J) / |J*| of the final policy of an environment that is a table.
fn tabular_loss(id: &str, seed: u64) -> f64 {
    let trainer = trained(id, seed);
    let config = trainer.config();
    let mdp = registry::table(id, &config.env).unwrap().mdp(config.advantage.gamma).unwrap();
    let policy = TabularPolicy::of(trainer.policy()).unwrap();
    let best = mdp.policy_iteration().j;
    (best - mdp.evaluate(&policy).j) / best.abs()
}

#[test]
fn frozen_lake_is_crossed_as_well_as_can_be() {
    let loss = tabular_loss("FrozenLake-v1", 0);
    assert!((0.0..0.02).contains(&loss), "{loss}");
}

#[test]
fn cliff_walking_ends_on_the_shortest_way() {
    let loss = tabular_loss("CliffWalking-v1", 1); // about one seed in twenty ends on a longer path
    assert!((0.0..0.02).contains(&loss), "{loss}");
}

#[test]
fn the_taxi_drives_as_well_as_can_be() {
    let loss = tabular_loss("Taxi-v4", 0);
    assert!((0.0..0.02).contains(&loss), "{loss}");
}

#[test]
fn the_regulator_ends_at_its_optimum() {
    for seed in 0..3 {
        let trainer = trained("LQR-v0", seed);
        let config = trainer.config();
        let lqr = quadratic::lqr(&config.env, config.advantage.gamma).unwrap();
        let policy = AffineGaussian::of(trainer.policy()).unwrap();
        let (j, best) = (lqr.affine(&policy).unwrap().value, lqr.optimum().unwrap());
        assert!((0.0..0.02).contains(&((best.value - j) / best.value.abs())), "{j} of {}", best.value);
        assert!((policy.k - best.k).abs() < 0.2 && policy.sigma < 0.05, "{policy:?}");
    }
}
