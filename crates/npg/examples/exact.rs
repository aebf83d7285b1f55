//! Trains in worlds that are known exactly, and values each final policy exactly: without sampling and without a time limit.
//!
//!     cargo run --release -p npg --example exact -- FrozenLake-v1 0..10
//!     cargo run --release -p npg --example exact -- Taxi-v4 100..103 algorithm.kl_step=0.05 run.steps=300000
//!
//! Prints J of the final stochastic policy of each seed, the optimum J* of its class, and (J* - J) / |J*|, with the run's
//! discount. The settings are those of the preset, if there is one, and the given ones.

#![allow(clippy::print_stdout, reason = "an example shows what it finds")]

use npg::config::{Config, Layers};
use npg::env::{quadratic, registry};
use npg::exact::gaussian::AffineGaussian;
use npg::exact::mdp::TabularPolicy;
use npg::policy::Policy;
use npg::train::Trainer;

/// The largest share of |J*| that a final policy may lose.
const GOAL: f64 = 0.02;

/// J of `policy` and the optimum. None if the world's closed forms do not cover the class of the policy.
fn values(id: &str, config: &Config, policy: &Policy) -> Result<Option<(f64, f64)>, Box<dyn std::error::Error>> {
    let gamma = config.advantage.gamma;
    if id != "LQR-v0" {
        let mdp = registry::table(id, &config.env)?.mdp(gamma)?;
        return Ok(TabularPolicy::of(policy).map(|table| (mdp.evaluate(&table).j, mdp.policy_iteration().j)));
    }
    let (lqr, policy) = (quadratic::lqr(&config.env, gamma)?, AffineGaussian::of(policy));
    let value = |p| lqr.affine(&p).map_or(f64::NEG_INFINITY, |local| local.value);
    Ok(policy.zip(lqr.optimum()).map(|(policy, optimum)| (value(policy), optimum.value)))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [id, seeds, settings @ ..] = &args[..] else {
        return Err("usage: exact ENV FIRST..END [KEY=VALUE ...]".into());
    };
    let (first, end) = seeds.split_once("..").ok_or("seeds are FIRST..END, such as 0..10")?;
    let (first, end) = (first.parse::<u64>()?, end.parse::<u64>()?);
    let (mut reached, mut worst, mut seconds) = (0, f64::NEG_INFINITY, 0.0);
    for seed in first..end {
        let mut layers = Layers::default();
        layers.preset(id);
        settings.iter().for_each(|setting| layers.set(setting));
        layers.set(&format!("run.seed={seed}"));
        let (config, source) = layers.resolve_for(id)?;
        let mut trainer = Trainer::new(config, source)?;
        while let Some(iteration) = trainer.step() {
            iteration?;
        }
        let (j, best) = values(id, trainer.config(), trainer.policy())?.ok_or("set policy.network=linear")?;
        let loss = (best - j) / best.abs();
        let (steps, took) = (trainer.steps(), trainer.seconds());
        println!("{id} seed {seed}: J {j:.6} of {best:.6}, loss {:.3} %, {steps} steps in {took:.2} s", 100.0 * loss);
        reached += u32::from(loss <= GOAL);
        worst = loss.max(worst);
        seconds += took;
    }
    println!("{id}: {reached} of {} within 2 %, worst loss {:.3} %, {seconds:.1} s", end - first, 100.0 * worst);
    Ok(())
}
