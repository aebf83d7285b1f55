//! Short runs of many configurations. Digests of all their results are recorded: of parameters, baselines, statistics, random
//! streams and environments. The digests hold on every CPU, for every path of the kernels and for any number of threads. A
//! commit that changes one of them changes results. `UPDATE_GOLDEN=1 cargo test -p npg --test golden` records the new
//! digests, and CHANGELOG.md must mention the change.

#![allow(clippy::unwrap_used)] // a test: its helpers may panic too

use npg::config::Layers;
use npg::env::{Action, Ending, Env, EnvSource, Image, Outcome, Space, Spec, registry};
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
    (
        "images",
        "Walk-image",
        &["policy.network=cnn", "policy.convolutions=[[6, 4, 2], [10, 2, 1]]", "policy.hidden=[20]", LESS, FEWER],
    ),
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
    (
        "parts",
        "Walk-parts",
        &[
            "policy.encoder=[9, 6]",
            "policy.std=sde",
            "value.encoder=[5]",
            "value.layer_norm=true",
            "policy.embedding=3",
        ],
    ),
    (
        "embedded",
        "Walk-parts",
        &["policy.embedding=2", "value.kind=mlp-gauss-newton", "algorithm.cg_warm_start=true", "value.embedding=2"],
    ),
    (
        "one-part-for-the-policy",
        "Walk-parts",
        &["policy.keys=['pose']", "value.keys=['gear', 'rest']", "value.embedding=4"],
    ),
    ("linear-of-parts", "Walk-parts", &["policy.network=linear", "value.kind=linear", "value.keys=['pose', 'rest']"]),
    ("long-parameters", "Walk-box", &["policy.hidden=[130, 130]", "policy.std=sde", "value.epochs=1", LESS, FEWER]),
];

/// A point that moves by plain arithmetic. It has kinds of spaces that no built-in environment has.
#[derive(Clone)]
struct Walk {
    action: Space,
    observation: Space,
    at: [f64; 3],
}

/// A vector, an index with many values, and a tuple of a number and bits.
fn parts() -> Space {
    let rest = Space::Tuple(vec![Space::uniform_box(1, -10.0, 10.0), Space::MultiBinary(2)]);
    let gear = Space::Discrete(1200);
    let parts = [("pose", Space::uniform_box(2, -10.0, 10.0)), ("gear", gear), ("rest", rest)];
    Space::Dict(parts.map(|(name, part)| (name.into(), part)).to_vec())
}

impl Walk {
    fn of(kind: &str) -> Option<Self> {
        let action = match kind {
            "Walk-multi-discrete" => Space::MultiDiscrete(vec![3, 2, 4]),
            "Walk-multi-binary" => Space::MultiBinary(3),
            "Walk-box" | "Walk-parts" => Space::Box { low: vec![-1.0, -2.0, 0.0], high: vec![1.0, 3.0, 10.0] },
            "Walk-parametrized" => Space::Parametrized([2, 0, 1].map(|n| Space::uniform_box(n, -1.0, 1.0)).to_vec()),
            "Walk-tuple" => {
                let inner = Space::Tuple(vec![Space::MultiBinary(2), Space::uniform_box(1, -2.0, 2.0)]);
                Space::Tuple(vec![Space::uniform_box(2, -1.0, 3.0), Space::Discrete(3), inner])
            }
            "Walk-wide" | "Walk-image" => Space::Discrete(3),
            _ => return None,
        };
        let observation = match kind {
            "Walk-wide" => Space::uniform_box(700, 0.0, 255.0),
            "Walk-image" => Space::Image(Image {
                rows: 14,
                columns: 10,
                channels: 5,
                is_channels_first: true,
                low: 0.0,
                high: 255.0,
            }),
            "Walk-parts" => parts(),
            _ => Space::uniform_box(3, -10.0, 10.0),
        };
        Some(Self { action, observation, at: [0.0; 3] })
    }

    fn look(&self, observation: &mut [f64]) {
        if observation.len() == 3 {
            observation.copy_from_slice(&self.at);
        } else if let Space::Dict(_) = self.observation {
            let gear = ((self.at[2] + 10.0) * 60.0).clamp(0.0, 1199.0).floor();
            let bit = |j: usize| f64::from(u8::from(self.at[j] > 0.0));
            observation.copy_from_slice(&[self.at[0], self.at[1], gear, self.at[2], bit(0), bit(1)]);
        } else {
            let shade = |j: usize| ((self.at[j % 3] + 2.0) * 60.0 + j as f64).clamp(0.0, 255.0).floor();
            observation.iter_mut().enumerate().for_each(|(j, value)| *value = shade(j));
        }
    }
}

impl Env for Walk {
    fn spec(&self) -> Spec {
        let (action, observation, max_episode_steps) = (self.action.clone(), self.observation.clone(), Some(40));
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

/// The digests of the state after each iteration. With `resumes`, the run is saved and restored after each.
fn run(environment: &str, settings: &[&str], threads: usize, resumes: bool) -> Vec<String> {
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
        if resumes {
            let source = match Walk::of(environment) {
                Some(walk) => Box::new(move || walk.clone()),
                None => registry::make(environment, &trainer.config().env).unwrap(),
            };
            trainer = Trainer::restore(&archive, source).unwrap().0;
        }
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
            (path, run(environment, settings, 1 + index, index > 0))
        });
        let (first, digests) = of_paths.next().unwrap();
        assert!(digests.len() >= 3, "{name}: {} iterations", digests.len());
        for (path, others) in of_paths {
            assert_eq!(others, digests, "{name}: {path:?}, resumed after each iteration, differs from {first:?}");
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
