//! Fixed amounts of npg's hot work on one thread, to be counted under callgrind: `counted fisher|critic|update|sampling|nothing`.
//! See regression.py.

mod world;

use npg::config::{AlgorithmName, Config};
use npg::env::registry;
use npg::problem::{SampledProblem, Surrogate};
use npg::random::{Purpose, Stream};
use npg::reduce::Reducer;
use npg::rollout::Sampler;
use npg::solve::SolverState;
use npg::update::update;
use npg::value::{Baseline, Visited};
use std::hint::black_box;
use world::{ACTIONS, INPUTS, World};

const ROWS: usize = 2048;

fn main() {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().expect("threads start");
    let what = std::env::args().nth(1).expect("usage: counted WHAT");
    let config = Config::default();
    let world = World::new(INPUTS, &[64, 64], ACTIONS, ROWS);
    match what.as_str() {
        "nothing" => {}
        "fisher" => {
            let at = world.at();
            (0..10).for_each(|_| drop(black_box(at.fisher_product(&world.v))));
        }
        "critic" => {
            let mut baseline = Baseline::new(&config.value, INPUTS, 0);
            let steps = vec![0; ROWS];
            let targets: Vec<f64> = (0..ROWS).map(|i| (i as f64).cos()).collect();
            let states = Visited { inputs: (&world.states).into(), steps: &steps };
            black_box(baseline.fit(
                &Reducer::of_rows(states.inputs.rows()),
                states,
                &targets,
                &mut Stream::new(0, Purpose::Minibatch, 0),
            ));
        }
        "update" => {
            let mut algorithm = config.algorithm.clone();
            (algorithm.direction, algorithm.step) = AlgorithmName::Trpo.settings();
            let advantages: Vec<f64> = (0..ROWS).map(|i| (i as f64).cos()).collect();
            let surrogate =
                Surrogate { actions: &world.actions, advantages: &advantages, entropy: 0.0, discounts: None };
            let problem = SampledProblem::new(&world.policy, world.all(), surrogate, algorithm.fisher_fraction);
            black_box(update(&problem, &algorithm, 0.01, &mut SolverState::default()));
        }
        "sampling" => {
            let source = registry::make("CartPole-v1", &config.env).expect("a native environment");
            let policy = npg::policy::Policy::new(&config.policy, &config.normalize, &source.spec(), 0);
            let mut sampler = Sampler::new(source.as_ref(), 16, 0.99, 0).expect("a native environment");
            black_box(sampler.sample(&policy, 8 * ROWS).expect("CartPole cannot fail"));
        }
        other => panic!("{other} is not fisher, critic, update, sampling or nothing"),
    }
}
