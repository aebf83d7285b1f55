//! What npg's parts reach of what this machine can do, one line of JSON each:
//! `{"what": ..., "threads": n, "seconds": s, "flops": f, "peak": p}`, or `"bytes"` for memory. `flops` counts multiplications
//! and additions, `peak` is what one core's FMA units do in a second, measured just before. Seconds of the products are the
//! best of many, those of training medians over iterations, with the `"best"` beside. Arguments are parts of what to measure.
#![allow(clippy::print_stdout, reason = "that is what it is for")]

mod world;

use npg::config::{AlgorithmName, Config, Solver, ValueKind};
use npg::env::{Action, Ending, Env, Outcome, Spec};
use npg::network::kernels::{Left, Matrix, Start, fma_peak, product, seconds};
use npg::random::Stream;
use npg::train::Trainer;
use serde_json::{Value, json};
use std::hint::black_box;
use world::{ACTIONS, INPUTS, World, spec};

/// Iterations that a median is taken of.
const ITERATIONS: usize = 200;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let wants = |part: &str| wanted.is_empty() || wanted.iter().any(|wanted| part.contains(wanted.as_str()));
    if wants("products") {
        products();
    }
    if wants("memory") {
        memory();
    }
    for (inputs, hidden, actions) in [(INPUTS, [64, 64], ACTIONS), (INPUTS, [256, 256], ACTIONS), (348, [64, 64], 17)] {
        let what = format!("Fisher product {inputs}-{}-{}-{actions}", hidden[0], hidden[1]);
        if wants(&what) {
            fisher(&what, inputs, hidden, actions);
        }
    }
    for threads in [1, 2] {
        if wants("whole update") {
            training("whole update", threads, |_| {});
        }
        if wants("policy alone") {
            training("policy alone", threads, |config| {
                config.value.kind = ValueKind::None;
                config.advantage.lambda = 1.0;
            });
        }
    }
}

fn print(what: &str, threads: usize, time: f64, more: Value) {
    let mut line = json!({"what": what, "threads": threads, "seconds": time});
    if let (Some(line), Value::Object(more)) = (line.as_object_mut(), more) {
        line.extend(more);
    }
    println!("{line}");
}

fn on_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start").install(work)
}

/// Numbers in -1..1 without pattern.
fn values(length: usize) -> Vec<f32> {
    (0..length).map(|i| (i as f32 * 1.618_034).fract() * 2.0 - 1.0).collect()
}

/// The products that the passes are made of, one tile of 64 rows.
fn products() {
    for (depth, columns) in [(17, 64), (64, 64), (64, 16), (256, 256), (348, 64)] {
        let (left, mut b, mut c) = (values(64 * depth), Matrix::zeros(depth, columns), Matrix::zeros(64, columns));
        values(depth * columns).chunks(columns).enumerate().for_each(|(k, row)| b.row_mut(k).copy_from_slice(row));
        let peak = fma_peak();
        let time = seconds(|| {
            let left = Left { values: black_box(&left), row_stride: depth, k_stride: 1 };
            product(64, depth, left, &b, Start::Zero, &mut c);
        });
        let flops = 2 * 64 * depth * columns;
        print(&format!("product 64 x {depth} x {columns}"), 1, time, json!({"flops": flops, "peak": peak}));
    }
}

/// Reading, and reading and writing, of more than the caches hold.
fn memory() {
    let from = vec![1.0_f32; 1 << 26];
    for threads in [1, 2] {
        let part = from.len() / threads;
        let read = || {
            let sum =
                |part: &[f32]| part.chunks_exact(16).fold([0.0; 16], |sum, x| std::array::from_fn(|i| sum[i] + x[i]));
            std::thread::scope(|scope| {
                for part in from.chunks(part) {
                    scope.spawn(move || black_box(sum(part)));
                }
            });
        };
        let time = (0..5).map(|_| once(read)).fold(f64::INFINITY, f64::min);
        print("reading memory", threads, time, json!({"bytes": 4 * from.len()}));
    }
}

fn once(work: impl FnOnce()) -> f64 {
    let begin = std::time::Instant::now();
    work();
    begin.elapsed().as_secs_f64()
}

/// A Fisher product over 4096 states: F v = J^T M J v, 4 N (W_1 + 2 (W_2 + ... + W_L)) operations.
fn fisher(what: &str, inputs: usize, hidden: [usize; 2], actions: usize) {
    const ROWS: usize = 4096;
    let world = World::new(inputs, &hidden, actions, ROWS);
    let at = world.at();
    let deep = hidden[0] * hidden[1] + hidden[1] * actions;
    let flops = 4 * ROWS * (inputs * hidden[0] + 2 * deep);
    for threads in [1, 2] {
        let peak = on_threads(1, fma_peak);
        let time = on_threads(threads, || seconds(|| drop(black_box(at.fisher_product(black_box(&world.v))))));
        print(what, threads, time, json!({"flops": flops, "peak": peak}));
    }
}

/// An environment that costs nothing: observations are numbers of a stream.
struct Numbers;

impl Env for Numbers {
    fn spec(&self) -> Spec {
        spec(INPUTS, ACTIONS)
    }

    fn reset(&mut self, rng: &mut Stream, observation: &mut [f64]) -> Result<(), String> {
        observation.iter_mut().for_each(|x| *x = rng.uniform(0.0, 1.0));
        Ok(())
    }

    fn step(&mut self, action: Action<'_>, rng: &mut Stream, observation: &mut [f64]) -> Result<Outcome, String> {
        let reward = action.reals().iter().zip(&*observation).map(|(a, o)| a * o).sum();
        self.reset(rng, observation)?;
        Ok(Outcome { reward, ending: Ending::Running })
    }
}

/// Iterations at the settings that peers are compared at, with TRPO's line search.
fn training(name: &str, threads: usize, change: impl FnOnce(&mut Config)) {
    let mut config = Config::default();
    (config.algorithm.direction, config.algorithm.step) = AlgorithmName::Trpo.settings();
    config.algorithm.solver = Solver::Cg;
    config.algorithm.cg_iterations = 10;
    config.rollout.batch_steps = 2048;
    config.rollout.n_envs = 16;
    config.rollout.threads = threads;
    config.run.steps = 2048 * ITERATIONS as u64;
    change(&mut config);
    let peak = on_threads(1, fma_peak);
    let trainer = Trainer::new(config, Box::new(|| Numbers)).expect("a valid configuration");
    let rows: Vec<_> = trainer.map(|iteration| iteration.expect("numbers cannot fail").metrics).collect();
    for (phase, metric) in [
        ("sampling", "time/sample_seconds"),
        ("update", "time/update_seconds"),
        ("gradient", "time/gradient_seconds"),
        ("solve", "time/solve_seconds"),
        ("step", "time/step_seconds"),
        ("critic", "time/value_seconds"),
    ] {
        let mut times: Vec<f64> = rows.iter().filter_map(|row| row.get(metric)).collect();
        times.sort_unstable_by(f64::total_cmp);
        print(&format!("{name}: {phase}"), threads, times[times.len() / 2], json!({"peak": peak, "best": times[0]}));
    }
}
