//! How costs grow with sizes, one line of JSON each: `{"what": ..., "along": ..., "size": n, "seconds": s}`. Best of at least
//! three calls on two threads, those of training medians over iterations.
#![allow(clippy::print_stdout, reason = "that is what it is for")]

mod world;

use npg::config::{Config, Solver};
use npg::env::registry;
use npg::solve::{cholesky, woodbury};
use npg::train::Trainer;
use serde_json::json;
use std::hint::black_box;
use std::time::Instant;
use world::{ACTIONS, DAMPING, INPUTS, World};

fn main() {
    rayon::ThreadPoolBuilder::new().num_threads(2).build_global().expect("threads start");
    for width in [8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3072] {
        let world = World::new(INPUTS, &[width, width], ACTIONS, 1024);
        print("Fisher product, 1,024 states", "parameters", parameters(&world), product(&world));
    }
    for power in 10..=20 {
        let world = World::new(INPUTS, &[64, 64], ACTIONS, 1 << power);
        print("Fisher product, 64 x 64", "batch", 1 << power, product(&world));
    }
    let world = World::new(INPUTS, &[64, 64], ACTIONS, 2048);
    for iterations in [1, 2, 4, 8, 16, 32] {
        print("solve by CG, 64 x 64, 2,048 states", "CG iterations", iterations, best(|| world.cg(iterations)));
    }
    for power in 0..=12 {
        print("iteration of 8,192 steps, CartPole-v1", "environments", 1 << power, iteration(1 << power));
    }
    for states in [128, 2048] {
        for width in [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48] {
            let world = World::new(INPUTS, &[width], ACTIONS, states);
            let along = format!("parameters ({states} states)");
            print("CG, 10 iterations", &along, parameters(&world), best(|| world.cg(10)));
            print(
                "Cholesky",
                &along,
                parameters(&world),
                best(|| cholesky(world.at().dense_fisher(), &world.v, DAMPING).expect("F is damped").x),
            );
            if states <= 128 {
                print(
                    "Woodbury",
                    &along,
                    parameters(&world),
                    best(|| woodbury(&world.at().scores(&world.actions), &world.v, DAMPING).expect("F is damped").x),
                );
            }
        }
    }
}

fn print(what: &str, along: &str, size: usize, seconds: f64) {
    println!("{}", json!({"what": what, "along": along, "size": size, "seconds": seconds}));
}

/// Seconds of a call, the best of at least three and of a quarter of a second.
fn best<R>(call: impl Fn() -> R) -> f64 {
    let (begin, mut least, mut calls) = (Instant::now(), f64::INFINITY, 0);
    while calls < 3 || begin.elapsed().as_secs_f64() < 0.25 {
        let begin = Instant::now();
        black_box(call());
        least = least.min(begin.elapsed().as_secs_f64());
        calls += 1;
    }
    least
}

/// Seconds of F v, the forward pass left out.
fn product(world: &World) -> f64 {
    let at = world.at();
    best(|| at.fisher_product(&world.v))
}

fn parameters(world: &World) -> usize {
    world.v.len()
}

/// Median seconds of an iteration with so many environments.
fn iteration(environments: usize) -> f64 {
    let mut config = Config::default();
    config.algorithm.solver = Solver::Cg;
    config.rollout.n_envs = environments;
    config.rollout.batch_steps = 8192;
    config.rollout.threads = 2;
    config.run.steps = 8192 * 15;
    let source = registry::make("CartPole-v1", &config.env).expect("a native environment");
    let mut trainer = Trainer::new(config, source).expect("a valid configuration");
    let mut times = Vec::new();
    loop {
        let begin = Instant::now();
        let Some(iteration) = trainer.step() else { break };
        iteration.expect("CartPole cannot fail");
        times.push(begin.elapsed().as_secs_f64());
    }
    times.sort_unstable_by(f64::total_cmp);
    times[times.len() / 2]
}
