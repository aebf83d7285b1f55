//! State-dependent exploration: its noise is held for some steps, and has the variance that the log std gives.

use crate::scripted::{Script, outcome};
use npg::config::{self, NetworkKind, Std};
use npg::env::{Ending, Space};
use npg::policy::{Actor, HeldNoise, Policy};
use npg::random::{Purpose, Stream};

fn policy(network: NetworkKind, sde_steps: usize, inputs: usize, actions: usize) -> Policy {
    let config = config::Policy {
        network,
        hidden: vec![5],
        std: Std::Sde,
        sde_steps,
        output_gain: 1.0,
        log_std_init: -0.7,
        rbf_features: 6,
        ..config::Policy::default()
    };
    let normalize = config::Normalize { observations: false, ..config::Normalize::default() };
    let spec = crate::cases::spec(Space::uniform_box(inputs, -1.0, 1.0), Space::uniform_box(actions, -1.0, 1.0));
    let mut policy = Policy::new(&config, &normalize, &spec, 9);
    let mut rng = Stream::new(9, Purpose::Test, 0);
    policy.theta.iter_mut().for_each(|t| *t += 0.4 * rng.normal());
    policy
}

/// The observation is constant, so the action changes exactly when the noise does: after `sde_steps` steps and at the start
/// of an episode, but not at the end of a batch.
#[test]
fn noise_is_held_for_its_steps_and_drawn_anew_with_every_episode() {
    let script = Script {
        action: Space::uniform_box(2, -1.0, 1.0),
        ..Script::new(Some(10), |_, observation| {
            observation.copy_from_slice(&[0.3, -0.5, 0.8]);
            outcome(1.0, Ending::Running)
        })
    };
    for (network, hold) in
        [(NetworkKind::Linear, 4), (NetworkKind::Mlp, 4), (NetworkKind::Rbf, 1), (NetworkKind::Mlp, 64)]
    {
        let policy = policy(network, hold, 3, 2);
        let mut sampler = script.sampler(3);
        let mut actions = vec![Vec::new(); 3];
        for steps in [21, 7, 33, 59] {
            let batch = sampler.sample(&policy, steps).unwrap();
            for row in 0..steps {
                let env = (0..3).rev().find(|env| row >= env * (steps / 3) + (*env).min(steps % 3)).unwrap();
                actions[env].push((batch.steps[row], batch.actions.row(row).reals().to_vec()));
            }
        }
        for actions in &actions {
            assert!(actions.len() >= 39);
            for pair in actions.windows(2) {
                let drawn = (pair[1].0 as usize).is_multiple_of(hold); // step 0 included
                assert_eq!(pair[0].1 != pair[1].1, drawn, "hold {hold}, at step {} of an episode", pair[1].0);
                assert!(!drawn || pair[0].1.iter().zip(&pair[1].1).all(|(a, b)| a != b));
            }
        }
        assert_ne!(actions[0][0].1, actions[1][0].1, "environments have noise of their own");
    }
}

/// Over draws of the noise matrix, an action in a state is normal with the outputs' mean and log std, and its dimensions are
/// independent. With n = 40,000 draws, the tolerances are 5 sigma / sqrt n for the mean, 5 sigma^2 sqrt(2 / n) for the
/// variance, 5 / sqrt n for the correlation, and 5 sqrt(d / 2 n) for the mean log probability, which is minus the entropy.
/// Each false alarm is rarer than 6e-7, and the seed is fixed.
#[test]
fn samples_have_the_variance_that_the_log_std_says() {
    let n = 40_000;
    for network in [NetworkKind::Linear, NetworkKind::Mlp, NetworkKind::Rbf] {
        let policy = policy(network, 1, 3, 2);
        for observation in [[0.3, -0.5, 0.8], [2.0, 1.0, -3.0], [0.0; 3]] {
            let mut actor = Actor::new(&policy, 1);
            actor.observe(0, &observation);
            actor.infer(1);
            let outputs = actor.outputs(0).to_vec();
            let (mut rng, mut noise) = (Stream::new(10, Purpose::Action, 0), HeldNoise::default());
            let (mut sums, mut squares, mut product, mut log_prob) = ([0.0; 2], [0.0; 2], 0.0, 0.0);
            for _ in 0..n {
                actor.sample(0, &mut rng, &mut noise);
                let action = actor.raw().row(0);
                log_prob += policy.distribution.log_prob(&outputs, action);
                let z = [0, 1].map(|j| (action.reals()[j] - f64::from(outputs[j])) / f64::from(outputs[2 + j]).exp());
                for j in 0..2 {
                    sums[j] += z[j];
                    squares[j] += z[j] * z[j];
                }
                product += z[0] * z[1];
            }
            let n = f64::from(n);
            for j in 0..2 {
                assert!((sums[j] / n).abs() < 5.0 / n.sqrt(), "mean of action {j}: {} sigma", sums[j] / n);
                assert!((squares[j] / n - 1.0).abs() < 5.0 * (2.0 / n).sqrt(), "variance {j}: {}", squares[j] / n);
            }
            assert!((product / n).abs() < 5.0 / n.sqrt(), "correlation {}", product / n);
            let entropy = policy.distribution.entropy(&outputs);
            assert!((log_prob / n + entropy).abs() < 5.0 * (1.0 / n).sqrt());
        }
    }
}

/// A matrix of another shape, which a damaged file may contain, is replaced and not read out of bounds.
#[test]
fn noise_of_a_wrong_shape_is_drawn_anew() {
    let policy = policy(NetworkKind::Mlp, 8, 3, 2);
    let mut actor = Actor::new(&policy, 1);
    actor.observe(0, &[0.1, 0.2, 0.3]);
    actor.infer(1);
    let mut noise = HeldNoise { normals: vec![0.5; 3], age: 1 };
    actor.sample(0, &mut Stream::new(1, Purpose::Action, 0), &mut noise);
    assert_eq!((noise.normals.len(), noise.age), (12, 1));
}
