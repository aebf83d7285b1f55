//! Environments that follow a script, policies for them, and a comparison of whole batches.

use npg::config;
use npg::env::{Action, Ending, Env, EnvSource, Outcome, Space, Spec};
use npg::policy::Policy;
use npg::random::Stream;
use npg::rollout::{Batch, Sampler};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The point at which a scripted environment is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct At {
    pub(crate) env: usize,
    pub(crate) episode: usize,
    /// The number of steps done in the episode. It is 0 after the reset.
    pub(crate) step: u32,
}

/// What happens on arrival at a step; step 0 is the reset. The plan may spoil the observation, which is (env, episode, step).
pub(crate) type Plan = fn(At, &mut [f64]) -> Result<Outcome, String>;

#[derive(Clone)]
pub(crate) struct Script {
    pub(crate) plan: Plan,
    pub(crate) limit: Option<u32>,
    pub(crate) action: Space,
}

struct Scripted {
    script: Script,
    at: At,
    started: bool,
}

pub(crate) fn outcome(reward: f64, ending: Ending) -> Result<Outcome, String> {
    Ok(Outcome { reward, ending })
}

impl Script {
    pub(crate) fn new(limit: Option<u32>, plan: Plan) -> Self {
        Self { plan, limit, action: Space::Discrete(2) }
    }

    /// Makes environments that are numbered in the order in which they are made.
    pub(crate) fn source(&self) -> impl EnvSource + use<> {
        let (script, made) = (self.clone(), AtomicUsize::new(0));
        move || {
            let made = made.fetch_add(1, Ordering::SeqCst);
            // The first environment is only made to ask for its spec.
            Scripted { script: script.clone(), at: At { env: made.wrapping_sub(1), ..At::default() }, started: false }
        }
    }

    pub(crate) fn spec(&self) -> Spec {
        self.source().spec()
    }

    pub(crate) fn sampler(&self, n_envs: usize) -> Sampler {
        Sampler::new(&self.source(), n_envs, GAMMA, 1).unwrap()
    }
}

/// The discount of the returns whose moments are collected.
pub(crate) const GAMMA: f64 = 0.9;

impl Scripted {
    fn arrive(&self, observation: &mut [f64]) -> Result<Outcome, String> {
        observation.copy_from_slice(&[self.at.env as f64, self.at.episode as f64, f64::from(self.at.step)]);
        (self.script.plan)(self.at, observation)
    }
}

impl Env for Scripted {
    fn spec(&self) -> Spec {
        Spec {
            id: "Scripted".into(),
            observation: Space::uniform_box(3, f64::NEG_INFINITY, f64::INFINITY),
            action: self.script.action.clone(),
            max_episode_steps: self.script.limit,
            reward_threshold: None,
        }
    }

    fn reset(&mut self, _: &mut Stream, observation: &mut [f64]) -> Result<(), String> {
        self.at.episode += usize::from(self.started);
        self.at.step = 0;
        self.started = true;
        self.arrive(observation).map(|_| ())
    }

    fn step(&mut self, _: Action<'_>, _: &mut Stream, observation: &mut [f64]) -> Result<Outcome, String> {
        self.at.step += 1;
        self.arrive(observation)
    }
}

/// A small policy for a task. If asked for, its observations are normalized, and there are no statistics yet.
pub(crate) fn policy(spec: &Spec, std: config::Std, normalized: bool) -> Policy {
    let config = config::Policy { hidden: vec![8], output_gain: 1.0, std, ..config::Policy::default() };
    let normalize = config::Normalize { observations: normalized, ..config::Normalize::default() };
    Policy::new(&config, &normalize, spec, 3)
}

/// Panics at the first difference between two batches. All fields are compared bit by bit.
pub(crate) fn assert_same(a: &Batch, b: &Batch) {
    let bits = |values: &[f64]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(a.inputs, b.inputs);
    assert_eq!(a.observations, b.observations);
    assert_eq!(a.actions, b.actions);
    assert_eq!(bits(&a.rewards), bits(&b.rewards));
    assert_eq!(a.steps, b.steps);
    assert_eq!(a.segments, b.segments);
    assert_eq!(a.finals, b.finals);
    assert_eq!(a.final_steps, b.final_steps);
    assert_eq!(a.episodes, b.episodes);
    assert_eq!(a.diverged, b.diverged);
    assert_eq!(bits(&a.returns), bits(&b.returns));
    let (a, b) = (&a.observation_moments(), &b.observation_moments());
    assert_eq!((a.count, bits(&a.mean), bits(&a.squares)), (b.count, bits(&b.mean), bits(&b.squares)));
}
