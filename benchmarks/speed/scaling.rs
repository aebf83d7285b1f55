//! How costs grow with sizes, one line of JSON each: `{"what": ..., "along": ..., "size": n, "seconds": s}`. Best of at least
//! three calls on two threads, those of training medians over iterations.
#![allow(clippy::print_stdout, reason = "that is what it is for")]

use npg::config::{Config, Solver};
use npg::env::registry;
use npg::env::{Space, Spec};
use npg::linearize::{Linearized, States};
use npg::network::kernels::Matrix;
use npg::policy::{ActionRows, Policy};
use npg::random::{Purpose, Stream};
use npg::solve::{CgOptions, cholesky, conjugate_gradient, woodbury};
use npg::train::Trainer;
use serde_json::json;
use std::hint::black_box;
use std::time::Instant;

const INPUTS: usize = 17;
const ACTIONS: usize = 6;
const DAMPING: f64 = 0.1;

fn main() {
    rayon::ThreadPoolBuilder::new().num_threads(2).build_global().expect("threads start");
    for width in [8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3072] {
        let world = World::new(&[width, width], 1024);
        print("Fisher product, 1,024 states", "parameters", world.parameters(), world.product());
    }
    for power in 10..=20 {
        let world = World::new(&[64, 64], 1 << power);
        print("Fisher product, 64 x 64", "batch", 1 << power, world.product());
    }
    let world = World::new(&[64, 64], 2048);
    for iterations in [1, 2, 4, 8, 16, 32, 64, 128] {
        print("solve by CG, 64 x 64, 2,048 states", "CG iterations", iterations, best(|| world.cg(iterations)));
    }
    for power in 0..=12 {
        print("iteration of 8,192 steps, CartPole-v1", "environments", 1 << power, iteration(1 << power));
    }
    for states in [128, 2048] {
        for width in [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48] {
            let world = World::new(&[width], states);
            let along = format!("parameters ({states} states)");
            print("CG, 10 iterations", &along, world.parameters(), best(|| world.cg(10)));
            print("Cholesky", &along, world.parameters(), best(|| world.cholesky()));
            if states <= 128 {
                print("Woodbury", &along, world.parameters(), best(|| world.woodbury()));
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

/// A policy, states, and actions taken there.
struct World {
    policy: Policy,
    states: Matrix,
    actions: ActionRows,
    v: Vec<f64>,
}

impl World {
    fn new(hidden: &[usize], rows: usize) -> Self {
        let mut config = Config::default();
        config.policy.hidden = hidden.to_vec();
        let spec = Spec {
            id: "numbers".into(),
            observation: Space::cube(INPUTS, f64::NEG_INFINITY, f64::INFINITY),
            action: Space::cube(ACTIONS, -1.0, 1.0),
            max_episode_steps: None,
            reward_threshold: None,
        };
        let policy = Policy::new(&config.policy, &config.normalize, &spec, 0);
        let mut rng = Stream::new(0, Purpose::Test, 0);
        let mut states = Matrix::zeros(rows, INPUTS);
        (0..rows).for_each(|row| states.row_mut(row).iter_mut().for_each(|x| *x = rng.normal() as f32));
        let actions =
            ActionRows::Reals { values: (0..rows * ACTIONS).map(|_| rng.normal()).collect(), columns: ACTIONS };
        let v = (0..policy.theta.len()).map(|i| (i as f64).sin()).collect();
        Self { policy, states, actions, v }
    }

    fn parameters(&self) -> usize {
        self.v.len()
    }

    fn at(&self) -> Linearized<'_> {
        Linearized::new(&self.policy, States { inputs: &self.states, weights: None }, 1.0)
    }

    /// Seconds of F v, the forward pass left out.
    fn product(&self) -> f64 {
        let at = self.at();
        best(|| at.fisher_product(&self.v))
    }

    fn cg(&self, iterations: usize) -> Vec<f64> {
        let at = self.at();
        let options = CgOptions { iterations, tolerance: 0.0, damping: DAMPING, start: None };
        conjugate_gradient(|v| at.fisher_product(v), &self.v, options).expect("F is finite").x
    }

    fn cholesky(&self) -> Vec<f64> {
        cholesky(self.at().dense_fisher(), &self.v, DAMPING).expect("F is damped").x
    }

    fn woodbury(&self) -> Vec<f64> {
        woodbury(&self.at().scores(&self.actions), &self.v, DAMPING).expect("F is damped").x
    }
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
