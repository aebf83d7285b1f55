//! Environments with impossible specs. Each must give a configuration error that names the fault, and not a panic later on.

#![allow(clippy::unwrap_used)] // a test: its helpers may panic too

use npg::config::Config;
use npg::env::{Action, Ending, Env, Outcome, Space, Spec};
use npg::random::Stream;
use npg::train::Trainer;
use npg::{Error, policy::Policy};

struct Declared(Spec);

impl Env for Declared {
    fn spec(&self) -> Spec {
        self.0.clone()
    }

    fn reset(&mut self, _rng: &mut Stream, observation: &mut [f64]) -> Result<(), String> {
        observation.fill(0.0);
        Ok(())
    }

    fn step(&mut self, _action: Action<'_>, _rng: &mut Stream, observation: &mut [f64]) -> Result<Outcome, String> {
        observation.fill(0.0);
        Ok(Outcome { reward: 1.0, ending: Ending::Running })
    }
}

fn spec(observation: Space, action: Space) -> Spec {
    let id = "Declared-v0".into();
    Spec { id, observation, action, max_episode_steps: Some(5), reward_threshold: None }
}

fn trained(spec: &Spec) -> npg::Result<()> {
    let mut config = Config::default();
    config.rollout.n_envs = 2;
    config.rollout.batch_steps = 64;
    config.run.steps = 128;
    let spec = spec.clone();
    for iteration in Trainer::new(config, Box::new(move || Declared(spec.clone())))? {
        iteration?;
    }
    Ok(())
}

fn bounds(low: &[f64], high: &[f64]) -> Space {
    Space::Box { low: low.to_vec(), high: high.to_vec() }
}

#[test]
fn impossible_specs_are_configuration_errors() {
    let (good, inf, nan) = (Space::Discrete(2), f64::INFINITY, f64::NAN);
    let impossible = [
        (bounds(&[0.0, 1.0], &[1.0, 0.0]), "low 1 and high 0 in dimension 1"),
        (bounds(&[nan], &[1.0]), "low NaN and high 1 in dimension 0"),
        (bounds(&[0.0], &[nan]), "low 0 and high NaN"),
        (bounds(&[inf], &[inf]), "low inf and high inf"),
        (bounds(&[-inf], &[-inf]), "low -inf and high -inf"),
        (bounds(&[0.0, 0.0], &[1.0]), "2 lower and 1 upper bounds"),
        (bounds(&[], &[1.0]), "0 lower and 1 upper bounds"),
        (Space::Discrete(0), "a discrete space of 0 elements"),
        (Space::MultiDiscrete(vec![2, 0]), "0 elements in part 1"),
    ];
    for (space, message) in impossible {
        for (place, spec) in
            [("observation space", spec(space.clone(), good.clone())), ("action space", spec(good.clone(), space))]
        {
            let error = trained(&spec).unwrap_err();
            assert!(matches!(&error, Error::Config(_)), "{error}");
            let text = error.to_string();
            assert!(text.contains(&format!("{place} of Declared-v0")) && text.contains(message), "{text}");
        }
    }
    for empty in [bounds(&[], &[]), Space::MultiDiscrete(vec![]), Space::MultiBinary(0)] {
        let text = trained(&spec(good.clone(), empty)).unwrap_err().to_string();
        assert!(text.contains("action space of Declared-v0") && text.contains("it has no numbers"), "{text}");
    }
    let steps = Spec { max_episode_steps: Some(0), ..spec(good.clone(), good.clone()) };
    assert!(matches!(trained(&steps), Err(Error::Config(_))));
    let threshold = Spec { reward_threshold: Some(nan), ..spec(good.clone(), good) };
    assert!(matches!(trained(&threshold), Err(Error::Config(_))));
}

#[test]
fn unusual_specs_train() {
    let inf = f64::INFINITY;
    let actions = [
        bounds(&[0.5], &[0.5]),
        bounds(&[-inf, 5.0, -inf], &[inf, inf, -5.0]),
        bounds(&[-f64::MAX], &[f64::MAX]),
        Space::Discrete(1),
        Space::MultiDiscrete(vec![1, 3]),
        Space::MultiBinary(2),
    ];
    let observations = [bounds(&[], &[]), bounds(&[-inf], &[inf]), Space::Discrete(1), Space::MultiBinary(0)];
    for action in &actions {
        for observation in &observations {
            let spec = spec(observation.clone(), action.clone());
            trained(&spec).unwrap_or_else(|error| panic!("{spec:?}: {error}"));
        }
    }
}

/// Raw actions far outside the bounds are executed within them.
#[test]
fn executed_actions_are_finite_and_inside() {
    let huge = [f64::NEG_INFINITY, -f64::MAX, -1e308, -5.0, 0.0, 5.0, 1e308, f64::MAX, f64::INFINITY];
    for low in huge {
        for high in huge.into_iter().filter(|high| low <= *high && low < f64::INFINITY && *high > f64::NEG_INFINITY) {
            let spec = spec(Space::Discrete(1), bounds(&[low], &[high]));
            let config = Config::default();
            let policy = Policy::new(&config.policy, &config.normalize, &spec, 0);
            for raw in [-1e9, -1.0, 0.0, 1.0, 1e9] {
                let mut executed = [f64::NAN];
                policy.action_map.execute(&[raw], &mut executed);
                assert!(executed[0].is_finite() && executed[0] >= low && executed[0] <= high, "{low} {high} {raw}");
            }
        }
    }
}
