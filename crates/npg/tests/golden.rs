//! Short runs of many configurations. Digests of all their results are recorded: of parameters, baselines, statistics, random
//! streams and environments. The digests hold on every CPU, for every path of the kernels and for any number of threads. A
//! commit that changes one of them changes results. `UPDATE_GOLDEN=1 cargo test -p npg --test golden` records the new
//! digests, and CHANGELOG.md must mention the change.

#![allow(clippy::unwrap_used)] // a test: its helpers may panic too

use npg::config::Layers;
use npg::env::{Action, Ending, Env, EnvSource, Outcome, Space, Spec};
use npg::network::kernels::{Path, force_path};
use npg::random::Stream;
use npg::train::Trainer;
use std::path::PathBuf;

/// Settings for runs with large networks.
const LESS: &str = "run.steps=600";
const FEWER: &str = "rollout.batch_steps=200";

/// The name, the environment and the settings of each run. Each has at least three iterations.
const RUNS: &[(&str, &str, &[&str])] = &[
    ("categorical", "CartPole-v1", &[]),
    ("gaussian", "Pendulum-v1", &[]),
    ("gaussian-state-dependent", "Pendulum-v1", &["policy.std=state-dependent", "policy.hidden=[24]"]),
    ("gaussian-sde", "MountainCarContinuous-v0", &["policy.std=sde", "policy.sde_steps=8"]),
    ("multi-discrete", "Walk-multi-discrete", &[]),
    ("multi-binary", "Walk-multi-binary", &[]),
    ("gaussian-bounds", "Walk-box", &["policy.action_bounds=clip"]),
    ("bytes-kept", "Walk-wide", &["policy.hidden=[12]", LESS, FEWER]),
    ("tabular-exact-world", "FrozenLake-v1", &["policy.network=linear", "algorithm.damping=1e-4"]),
    ("tabular-large", "Taxi-v4", &["policy.network=linear", "value.kind=linear", "value.ridge=1e-5"]),
    ("masked", "Taxi-v4", &["env.mask=true"]),
    ("tuple", "Walk-tuple", &["policy.head=squashed"]),
    ("parametrized", "Walk-parametrized", &["policy.std=state-dependent"]),
    ("garnet", "Garnet-v0", &["algorithm.entropy_coefficient=0.02"]),
    ("bandit-auto-cholesky", "Bandit-v0", &["policy.network=linear", "value.kind=none", "advantage.lambda=1"]),
    ("regulator", "LQR-v0", &["policy.network=linear", "algorithm.solver=cholesky", "algorithm.damping=0.001"]),
    ("cholesky-several-panels", "Acrobot-v1", &["algorithm.solver=cholesky", "policy.hidden=[12, 10]"]),
    ("woodbury", "CartPole-v1", &["algorithm.solver=woodbury", "rollout.batch_steps=200"]),
    ("line-search", "CartPole-v1", &["algorithm.name=trpo", "algorithm.accept_ratio=0.9", "algorithm.kl_step=1"]),
    ("vanilla", "CartPole-v1", &["algorithm.name=vpg"]),
    ("vanilla-budget", "Pendulum-v1", &["algorithm.direction=vanilla", "algorithm.step=kl"]),
    ("warm-start-fraction", "Acrobot-v1", &["algorithm.cg_warm_start=true", "algorithm.fisher_fraction=0.3"]),
    ("momentum-schedule", "Pendulum-v1", &["algorithm.momentum=0.9", "algorithm.kl_step_schedule=linear"]),
    ("gauss-newton", "Acrobot-v1", &["value.kind=mlp-gauss-newton", "value.hidden=[32, 32]"]),
    ("monte-carlo", "MountainCar-v0", &["advantage.estimator=monte-carlo", "algorithm.discounted_states=true"]),
    (
        "several-leaves",
        "Pendulum-v1",
        &["run.steps=6000", "rollout.batch_steps=2000", "algorithm.discounted_states=true"],
    ),
    ("rbf", "Pendulum-v1", &["policy.network=rbf", "policy.rbf_features=60"]),
    ("relu", "CartPole-v1", &["policy.activation=relu", "value.activation=gelu"]),
    ("silu", "Pendulum-v1", &["policy.activation=silu", "value.activation=relu"]),
    ("gelu", "CartPole-v1", &["policy.activation=gelu", "value.activation=silu"]),
    ("beta", "Pendulum-v1", &["policy.head=beta", "algorithm.entropy_coefficient=0.01"]),
    ("layer-norm", "Pendulum-v1", &["policy.layer_norm=true", "policy.activation=silu", "value.layer_norm=true"]),
    (
        "layer-norm-sde-gauss-newton",
        "Pendulum-v1",
        &["policy.layer_norm=true", "policy.std=sde", "value.layer_norm=true", "value.kind=mlp-gauss-newton"],
    ),
    ("nothing-normalized", "Pendulum-v1", &["normalize.observations=false", "normalize.returns=false"]),
    (
        "wide-layers",
        "CartPole-v1",
        &["policy.hidden=[200, 100]", "value.hidden=[130, 130]", "value.epochs=1", LESS, FEWER],
    ),
    ("long-parameters", "Walk-box", &["policy.hidden=[130, 130]", "policy.std=sde", "value.epochs=1", LESS, FEWER]),
];

/// A point that moves by plain arithmetic. It has kinds of spaces that no built-in environment has.
#[derive(Clone)]
struct Walk {
    action: Space,
    width: usize,
    at: [f64; 3],
}

impl Walk {
    fn of(kind: &str) -> Option<Self> {
        let (action, width) = match kind {
            "Walk-multi-discrete" => (Space::MultiDiscrete(vec![3, 2, 4]), 3),
            "Walk-multi-binary" => (Space::MultiBinary(3), 3),
            "Walk-box" => (Space::Box { low: vec![-1.0, -2.0, 0.0], high: vec![1.0, 3.0, 10.0] }, 3),
            "Walk-parametrized" => {
                (Space::Parametrized([2, 0, 1].map(|n| Space::uniform_box(n, -1.0, 1.0)).to_vec()), 3)
            }
            "Walk-tuple" => {
                let inner = Space::Tuple(vec![Space::MultiBinary(2), Space::uniform_box(1, -2.0, 2.0)]);
                (Space::Tuple(vec![Space::uniform_box(2, -1.0, 3.0), Space::Discrete(3), inner]), 3)
            }
            "Walk-wide" => (Space::Discrete(3), 700),
            _ => return None,
        };
        Some(Self { action, width, at: [0.0; 3] })
    }

    fn look(&self, observation: &mut [f64]) {
        if self.width == 3 {
            observation.copy_from_slice(&self.at);
        } else {
            let shade = |j: usize| ((self.at[j % 3] + 2.0) * 60.0 + j as f64).clamp(0.0, 255.0).floor();
            observation.iter_mut().enumerate().for_each(|(j, value)| *value = shade(j));
        }
    }
}

impl Env for Walk {
    fn spec(&self) -> Spec {
        let (low, high) = if self.width == 3 { (-10.0, 10.0) } else { (0.0, 255.0) };
        let observation = Space::uniform_box(self.width, low, high);
        let (action, max_episode_steps) = (self.action.clone(), Some(40));
        Spec { id: "Walk".into(), observation, action, max_episode_steps, reward_threshold: None }
    }

    fn reset(&mut self, rng: &mut Stream, observation: &mut [f64]) -> Result<(), String> {
        self.at = [0; 3].map(|_| rng.uniform(-1.0, 1.0));
        self.look(observation);
        Ok(())
    }

    fn step(&mut self, action: Action<'_>, rng: &mut Stream, observation: &mut [f64]) -> Result<Outcome, String> {
        let moved = |j: usize| match action.integers() {
            [] => action.reals()[j],
            integers if action.reals().is_empty() => integers[j % integers.len()] as f64 - 0.7,
            integers => 0.5 * integers[j % integers.len()] as f64 - 0.3 + 0.4 * action.reals()[j],
        };
        for j in 0..3 {
            self.at[j] = (0.9 * self.at[j] + 0.1 * moved(j) + 0.01 * rng.normal()).clamp(-10.0, 10.0);
        }
        self.look(observation);
        let reward = -self.at.iter().map(|x| x * x).sum::<f64>();
        let ending = if self.at[0] > 1.5 { Ending::Terminated } else { Ending::Running };
        Ok(Outcome { reward, ending })
    }

    fn save(&self) -> Option<Vec<f64>> {
        Some(self.at.to_vec())
    }

    fn load(&mut self, state: &[f64]) -> Result<(), String> {
        self.at = state.try_into().map_err(|_| "three numbers are a state".to_owned())?;
        Ok(())
    }
}

/// The FNV-1a hash.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

/// The digests of the state after each iteration.
fn run(environment: &str, settings: &[&str], threads: usize) -> Vec<String> {
    let mut layers = Layers::default();
    let common = ["run.steps=1500", "rollout.batch_steps=500", "rollout.n_envs=10", "run.seed=7"];
    common.iter().chain(settings).for_each(|setting| layers.set(setting));
    layers.set(&format!("rollout.threads={threads}"));
    let mut trainer = match Walk::of(environment) {
        Some(walk) => {
            let source: Box<dyn EnvSource> = Box::new(move || walk.clone());
            Trainer::new(layers.resolve().unwrap(), source).unwrap()
        }
        None => {
            let (config, source) = layers.resolve_for(environment).unwrap();
            Trainer::new(config, source).unwrap()
        }
    };
    let mut digests = Vec::new();
    while let Some(iteration) = trainer.step() {
        iteration.unwrap();
        let mut archive = trainer.save();
        archive.header = serde_json::Value::Null; // it contains times
        digests.push(format!("{:016x}", digest(&archive.to_bytes())));
    }
    digests
}

fn line(name: &str, digests: &[String]) -> String {
    format!("{name} {}\n", digests.join(" "))
}

fn recorded() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden.txt")
}

/// This is one test, because the choice of the kernels' path holds for the whole process.
#[test]
fn runs_leave_the_recorded_bits_on_every_path_of_the_kernels() {
    let paths: Vec<Path> = Path::ALL.into_iter().filter(|path| path.available()).collect();
    let mut now = String::new();
    for (name, environment, settings) in RUNS {
        let mut of_paths = paths.iter().enumerate().map(|(index, path)| {
            force_path(*path);
            (path, run(environment, settings, 1 + index))
        });
        let (first, digests) = of_paths.next().unwrap();
        assert!(digests.len() >= 3, "{name}: {} iterations", digests.len());
        for (path, others) in of_paths {
            assert_eq!(others, digests, "{name}: {path:?} differs from {first:?}");
        }
        now += &line(name, &digests);
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(recorded(), &now).unwrap();
    }
    let before = std::fs::read_to_string(recorded()).unwrap();
    let differ: Vec<_> = now.lines().zip(before.lines()).filter(|(now, before)| now != before).collect();
    assert!(
        differ.is_empty() && now.lines().count() == before.lines().count(),
        "these runs have other results than were recorded (now, before): {differ:#?}"
    );
}
