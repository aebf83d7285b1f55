//! Speed of what training is made of: network passes, the Fisher product, conjugate gradients, GAE, an iteration.
//!
//! `cargo bench -p npg --bench training` prints a summary (best of many runs, with the fraction of one core's FMA peak
//! that was measured in the same run) and then Criterion's own figures.
#![allow(missing_docs, clippy::print_stdout)]

use criterion::Criterion;
use npg::advantage::{Segment, SegmentEnd, advantages};
use npg::config::{Config, Solver};
use npg::env::{Space, Spec, registry};
use npg::linearize::{Linearized, States};
use npg::network::kernels::{Matrix, fma_peak, seconds};
use npg::network::{Scratch, TILE, Tile};
use npg::policy::Policy;
use npg::random::{Purpose, Stream};
use npg::solve::{CgOptions, conjugate_gradient};
use npg::train::Trainer;
use std::hint::black_box;
use std::time::Duration;

const ROWS: usize = 4096;
const INPUTS: usize = 17;
const ACTIONS: usize = 6;
/// Weights of the layers 17-64-64-6.
const WEIGHTS: [f64; 3] = [(INPUTS * 64) as f64, 64.0 * 64.0, (64 * ACTIONS) as f64];

/// Floating-point operations of one Fisher product: 4 N (W_1 + 2 (W_2 + ... + W_L)).
fn fisher_flops() -> f64 {
    4.0 * ROWS as f64 * (WEIGHTS[0] + 2.0 * (WEIGHTS[1] + WEIGHTS[2]))
}

fn policy() -> Policy {
    let spec = Spec {
        id: "bench".into(),
        observation: Space::cube(INPUTS, f64::NEG_INFINITY, f64::INFINITY),
        action: Space::cube(ACTIONS, -1.0, 1.0),
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

fn on_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start").install(work)
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
    let states = States { inputs: &inputs, weights: None };
    let at = Linearized::new(&policy, states, 1.0);
    let v: Vec<f64> = policy.theta.iter().enumerate().map(|(i, _)| (i as f64).sin()).collect();
    summary(&policy, &at, &v);

    let mut criterion = Criterion::default().configure_from_args().warm_up_time(Duration::from_millis(300));
    criterion = criterion.measurement_time(Duration::from_secs(2)).sample_size(20);
    let network = &policy.network;
    let packed = network.pack_with_transposes(&policy.theta);
    let tangent = network.pack_tangent(&packed, &v);
    let (mut tile, mut scratch) = (Tile::new(network, TILE, true), Scratch::new(network));
    let mut gradient = vec![0.0; network.parameters()];
    criterion.bench_function("forward, 64 rows", |b| b.iter(|| network.forward(&packed, &mut tile)));
    criterion.bench_function("jvp, 64 rows", |b| b.iter(|| network.jvp(&packed, &tangent, &tile, &mut scratch)));
    criterion.bench_function("vjp, 64 rows", |b| b.iter(|| network.vjp(&packed, &tile, &mut scratch, &mut gradient)));
    criterion.bench_function("Fisher product, 4096 rows", |b| b.iter(|| at.fisher_product(black_box(&v))));
    let options = CgOptions { iterations: 10, tolerance: 0.0, damping: 0.1, start: None };
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
    let end = |i| if i % 3 == 0 { SegmentEnd::Cut(0) } else { SegmentEnd::Terminated };
    let segments = (0..32).map(|i| Segment { rows: i * 128..(i + 1) * 128, first_step: 0, end: end(i) }).collect();
    (segments, (0..ROWS).map(|i| (i as f64).sin()).collect())
}

fn summary(policy: &Policy, at: &Linearized<'_>, v: &[f64]) {
    let peak = on_threads(1, fma_peak);
    println!("FMA peak of one core: {:.1} GFLOP/s\n", peak / 1e9);
    let report = |name: &str, flops: f64, time: f64| {
        let rate = flops / time;
        println!(
            "{name:<44} {:9.1} us {:7.1} GFLOP/s {:5.1} % of one core's peak",
            1e6 * time,
            rate / 1e9,
            100.0 * rate / peak
        );
        rate
    };

    // Passes of one tile.
    let network = &policy.network;
    let packed = network.pack_with_transposes(&policy.theta);
    let tangent = network.pack_tangent(&packed, v);
    let mut tile = Tile::new(network, TILE, true);
    let mut scratch = Scratch::new(network);
    let mut gradient = vec![0.0; network.parameters()];
    let all: f64 = WEIGHTS.iter().sum();
    let deep = WEIGHTS[1] + WEIGHTS[2];
    let rows = TILE as f64;
    report("forward, 64 rows", 2.0 * rows * all, seconds(|| network.forward(&packed, &mut tile)));
    report("jvp, 64 rows", 2.0 * rows * (all + deep), seconds(|| network.jvp(&packed, &tangent, &tile, &mut scratch)));
    let vjp = seconds(|| network.vjp(&packed, &tile, &mut scratch, &mut gradient));
    report("vjp, 64 rows", 2.0 * rows * (all + deep), vjp);

    // The Fisher product and a solve with it, on one and two threads.
    let mut rates = Vec::new();
    for threads in [1, 2] {
        let time = on_threads(threads, || seconds(|| drop(black_box(at.fisher_product(black_box(v))))));
        rates.push(report(&format!("Fisher product, 4096 rows, {threads} thread(s)"), fisher_flops(), time));
    }
    println!("{:<44} {:.2} times one thread", "two threads", rates[1] / rates[0]);
    let options = CgOptions { iterations: 10, tolerance: 0.0, damping: 0.1, start: None };
    let solve = || seconds(|| drop(black_box(conjugate_gradient(|v| at.fisher_product(v), v, options))));
    report("conjugate gradients, 10 iterations, 1 thread", 10.0 * fisher_flops(), on_threads(1, solve));

    let (segments, numbers) = episodes();
    let gae = seconds(|| drop(black_box(advantages(&segments, &numbers, &numbers, &[0.5], 0.99, 0.95))));
    println!("{:<44} {:9.1} us", "GAE, 4096 rows", 1e6 * gae);
    for id in ["CartPole-v1", "Pendulum-v1"] {
        let mut trainer = trainer(id);
        let iteration = seconds(|| drop(trainer.step()));
        let name = format!("an iteration of 2048 steps, {id}");
        println!("{name:<44} {:9.1} us {:9.0} steps/s", 1e6 * iteration, 2048.0 / iteration);
    }
    println!();
}
