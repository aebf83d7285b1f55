//! Speed of what training is made of: network passes, the Fisher product, conjugate gradients, GAE, an iteration.
//!
//! `cargo bench -p npg --bench training` prints Criterion's figures; `benchmarks/speed.sh limits` prints what fraction of the
//! machine's peak they are.
#![allow(missing_docs, clippy::print_stdout)]

use criterion::Criterion;
use npg::advantage::{Segment, SegmentEnd, advantages};
use npg::config::{Config, Solver};
use npg::env::{Space, Spec, registry};
use npg::network::kernels::Matrix;
use npg::network::{Scratch, TILE, Tile};
use npg::policy::Policy;
use npg::problem::{PolicySnapshot, States};
use npg::random::{Purpose, Stream};
use npg::solve::{CgOptions, conjugate_gradient};
use npg::train::Trainer;
use std::hint::black_box;
use std::time::Duration;

const ROWS: usize = 4096;
const INPUTS: usize = 17;
const ACTIONS: usize = 6;
fn policy() -> Policy {
    let spec = Spec {
        id: "bench".into(),
        observation: Space::uniform_box(INPUTS, f64::NEG_INFINITY, f64::INFINITY),
        action: Space::uniform_box(ACTIONS, -1.0, 1.0),
        max_episode_steps: None,
        reward_threshold: None,
    };
    let config = Config::default();
    Policy::new(&config.policy, &config.normalize, &spec, 0)
}

fn inputs() -> Matrix {
    let mut rng = Stream::new(0, Purpose::Test, 0);
    let mut inputs = Matrix::zeros(ROWS, INPUTS);
    for row in 0..ROWS {
        inputs.row_mut(row).iter_mut().for_each(|x| *x = rng.normal() as f32);
    }
    inputs
}

/// CartPole-v1 at the settings that peers are compared at: 64x64 twice, 2048 steps, CG 10 on the full batch, critic 10
/// epochs in minibatches of 128.
fn trainer(id: &str) -> Trainer {
    let mut config = Config::default();
    config.algorithm.solver = Solver::Cg;
    config.run.steps = 1 << 50;
    Trainer::new(config, registry::make(id, &toml::Table::new()).expect("a native environment")).expect("valid")
}

fn main() {
    let (policy, inputs) = (policy(), inputs());
    let states = States::of(&inputs);
    let at = PolicySnapshot::new(&policy, states, 1.0);
    let v: Vec<f64> = policy.theta.iter().enumerate().map(|(i, _)| (i as f64).sin()).collect();

    let mut criterion = Criterion::default().configure_from_args().warm_up_time(Duration::from_millis(300));
    criterion = criterion.measurement_time(Duration::from_secs(2)).sample_size(20);
    let network = &policy.network;
    let packed = network.pack_with_transposes(&policy.theta);
    let mut tangent = network.tangent();
    network.pack_tangent(&packed, &v, &mut tangent);
    let (mut tile, mut scratch) = (Tile::new(network, TILE, true), Scratch::new(network));
    let mut gradient = vec![0.0; network.parameters()];
    criterion.bench_function("forward, 64 rows", |b| b.iter(|| network.forward(&packed, &mut tile)));
    criterion.bench_function("jvp, 64 rows", |b| b.iter(|| network.jvp(&packed, &tangent, &tile, &mut scratch)));
    criterion.bench_function("vjp, 64 rows", |b| b.iter(|| network.vjp(&packed, &tile, &mut scratch, &mut gradient)));
    criterion.bench_function("Fisher product, 4096 rows", |b| b.iter(|| at.fisher_product(black_box(&v))));
    let options = CgOptions { iterations: 10, tolerance: 0.0, damping: 0.1, start: None, preconditioner: None };
    criterion.bench_function("conjugate gradients, 10 iterations", |b| {
        b.iter(|| conjugate_gradient(|v| at.fisher_product(v), black_box(&v), options));
    });
    let (segments, numbers) = episodes();
    criterion.bench_function("GAE, 4096 rows", |b| {
        b.iter(|| advantages(black_box(&segments), &numbers, &numbers, &[0.5], 0.99, 0.95));
    });
    for id in ["CartPole-v1", "Pendulum-v1"] {
        let mut trainer = trainer(id);
        criterion.bench_function(&format!("an iteration of 2048 steps, {id}"), |b| b.iter(|| trainer.step()));
    }
    criterion.final_summary();
}

fn episodes() -> (Vec<Segment>, Vec<f64>) {
    let end = |i| if i % 3 == 0 { SegmentEnd::BatchEnd(0) } else { SegmentEnd::Terminated };
    let segments = (0..32).map(|i| Segment { rows: i * 128..(i + 1) * 128, first_step: 0, end: end(i) }).collect();
    (segments, (0..ROWS).map(|i| (i as f64).sin()).collect())
}
