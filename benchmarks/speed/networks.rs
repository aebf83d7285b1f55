//! The products of networks with convolutions, one line of JSON each, as in limits.rs:
//! `{"what": ..., "threads": n, "seconds": s, "flops": f, "peak": p}`. Seconds are medians over rounds. Arguments: the rows,
//! then the rounds.
#![allow(clippy::print_stdout, reason = "that is what it is for")]

use npg::config::{Config, NetworkKind};
use npg::env::{ActionRows, ActionWidth, Image, Space, Spec};
use npg::network::kernels::fma_peak;
use npg::policy::{Inputs, Observations, Policy};
use npg::problem::{PolicySnapshot, States};
use npg::random::{Purpose, Stream};
use serde_json::json;
use std::hint::black_box;
use std::time::Instant;

/// The actions of Pong.
const ACTIONS: usize = 6;
/// Multiplications of one state in each layer of the network of Mnih et al. 2015 at 84 x 84 x 4 pixels.
const LAYERS: [usize; 5] = [20 * 20 * 256 * 32, 9 * 9 * 512 * 64, 7 * 7 * 576 * 64, 3136 * 512, 512 * ACTIONS];

fn main() {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse().expect("a number"));
    let (rows, rounds) = (numbers.next().unwrap_or(512), numbers.next().unwrap_or(7));
    let mut config = Config::default();
    let layers = NetworkKind::NatureCnn.image_layers().expect("it is for images");
    config.policy.network = NetworkKind::NatureCnn;
    (config.policy.convolutions, config.policy.hidden) = (layers.convolutions, layers.hidden);
    config.policy.activation = layers.activation;
    let image = Image { rows: 84, columns: 84, channels: 4, is_channels_first: true, low: 0.0, high: 255.0 };
    let spec = Spec {
        id: "images".into(),
        observation: Space::Image(image),
        action: Space::Discrete(ACTIONS),
        max_episode_steps: None,
        reward_threshold: None,
    };
    let policy = Policy::new(&config.policy, &config.normalize, &spec, 0);
    let mut rng = Stream::new(0, Purpose::Test, 0);
    let mut observations = Observations::zeros(&policy, rows);
    for row in 0..rows {
        let pixels: Vec<f64> = (0..image.len()).map(|_| rng.below(256) as f64).collect();
        observations.put(row, &pixels);
    }
    let actions = (0..rows).map(|_| rng.below(ACTIONS) as f64).collect();
    let actions = ActionRows::from_numbers(ActionWidth::of(&spec.action), actions);
    let advantages: Vec<f64> = (0..rows).map(|_| rng.normal()).collect();
    let v: Vec<f64> = (0..policy.theta.len()).map(|i| (i as f64).sin()).collect();
    let (all, deep) = (LAYERS.iter().sum::<usize>(), LAYERS[1..].iter().sum::<usize>());

    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start");
        let peak = pool.install(fma_peak);
        let states = || States::of(Inputs::Kept(&observations));
        let forward = || PolicySnapshot::new(&policy, states(), 1.0);
        let at = pool.install(forward);
        let works: [(&str, usize, &(dyn Fn() + Sync)); 3] = [
            ("forward", 2 * all, &|| drop(black_box(forward()))),
            ("gradient", 2 * all + 2 * (all + deep), &|| {
                drop(black_box(forward().policy_gradient(&actions, &advantages, 0.0)))
            }),
            ("Fisher product", 4 * (all + deep), &|| drop(black_box(at.fisher_product(&v)))),
        ];
        for (what, flops, work) in works {
            let mut times: Vec<f64> = (0..rounds)
                .map(|_| {
                    let begin = Instant::now();
                    pool.install(work);
                    begin.elapsed().as_secs_f64()
                })
                .collect();
            times.sort_by(f64::total_cmp);
            let line = json!({"what": format!("NatureCNN {what}"), "threads": threads, "seconds": times[times.len() / 2],
                "flops": flops * rows, "peak": peak});
            println!("{line}");
        }
    }
}
