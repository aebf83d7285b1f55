//! Memory does not grow over a long training.
#![allow(clippy::unwrap_used)] // a test
#![cfg(target_os = "linux")]

use npg::config::Config;
use npg::env::registry;
use npg::train::Trainer;

/// The resident memory of this process in KiB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_thousand_iterations_take_no_more_memory_than_a_hundred() {
    let mut config = Config::default();
    config.rollout.n_envs = 16;
    config.rollout.batch_steps = 512;
    config.rollout.threads = 2;
    config.run.steps = u64::MAX >> 1;
    let source = registry::make("Pendulum-v1", &config.env).unwrap();
    let mut trainer = Trainer::new(config, source).unwrap();
    let mut run = |iterations: usize| {
        (0..iterations).for_each(|_| drop(trainer.step().unwrap().unwrap()));
        resident()
    };
    let before = run(100);
    let after = run(1000);
    assert!(after - before < 1024.0, "{before} KiB after 100 iterations, {after} KiB after 1,100");
}
