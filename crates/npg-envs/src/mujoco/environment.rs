//! Environments of any task: stepping, saving, and what happens when a simulation diverges.

use super::reported;
use super::task::{Task, View};
use npg_core::env::{Action, Ending, Env, EnvGroup, EnvSource, Outcome, Singles, Space, Spec};
use npg_core::random::Stream;
use npg_core::{Error, Result};
use npg_mujoco::{Model, Simulation};
use std::sync::Arc;

/// The fixed properties of an environment, except its task and its model.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The id of the environment.
    pub id: String,
    /// The number of physics steps in a step of the environment.
    pub frame_skip: u32,
    /// The time limit in steps of the environment.
    pub max_episode_steps: Option<u32>,
    /// The mean return at which the task counts as solved.
    pub reward_threshold: Option<f64>,
    /// Whether a diverged simulation stops the run, instead of ending the episode.
    pub divergence_stops: bool,
}

/// Makes environments of one task.
#[derive(Clone)]
pub struct MujocoSource {
    shared: Arc<Shared>,
}

/// What all environments of a source have in common.
struct Shared {
    model: Arc<Model>,
    task: Box<dyn Task>,
    settings: Settings,
    fields: Vec<&'static str>,
    spec: Spec,
    /// The duration of a step of the environment in seconds.
    dt: f64,
}

impl std::fmt::Debug for MujocoSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MujocoSource").field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}

impl MujocoSource {
    /// Environments of `task` on `model`. Actions are the controls, bounded as the model's actuators are.
    ///
    /// # Errors
    /// [`Error::Config`] if the model lacks what the task reads, or an actuator has no bounds.
    pub fn new(model: Arc<Model>, task: impl Task + 'static, settings: Settings) -> Result<Self> {
        let is_state = |name: &str| ["qpos", "qvel", "ctrl"].contains(&name);
        let fields: Vec<&str> = task.reads().iter().map(|(name, _)| *name).filter(|name| !is_state(name)).collect();
        let mut simulation = Simulation::new(&model, &fields).map_err(reported)?;
        simulation.forward().map_err(reported)?;
        let view = View { simulation: &simulation, fields: &fields };
        for &(name, least) in task.reads() {
            let len = match name {
                "qpos" => view.qpos().len(),
                "qvel" => view.qvel().len(),
                "ctrl" => view.ctrl().len(),
                _ => view.get(name).len(),
            };
            if len < least {
                let message = format!("the model has {len} values of `{name}`; {} reads {least}", settings.id);
                return Err(Error::config("env.xml_file", message));
            }
        }
        let mut observation = Vec::new();
        task.observe(&view, &mut observation);
        let timestep = model.constants("opt.timestep").map_err(reported)?.first().copied().unwrap_or_default();
        let spec = Spec {
            id: settings.id.clone(),
            observation: Space::uniform_box(observation.len(), f64::NEG_INFINITY, f64::INFINITY),
            action: actions(&model)?,
            max_episode_steps: settings.max_episode_steps,
            reward_threshold: settings.reward_threshold,
        };
        let dt = timestep * f64::from(settings.frame_skip);
        Ok(Self { shared: Arc::new(Shared { model, task: Box::new(task), settings, fields, spec, dt }) })
    }

    /// Makes one environment.
    ///
    /// # Errors
    /// If MuJoCo has no memory for another simulation.
    pub fn make(&self) -> Result<MujocoEnv> {
        let simulation = Simulation::new(&self.shared.model, &self.shared.fields).map_err(reported)?;
        Ok(MujocoEnv { shared: self.shared.clone(), simulation, position: 0.0, observation: Vec::new() })
    }
}

impl EnvSource for MujocoSource {
    fn spec(&self) -> Spec {
        self.shared.spec.clone()
    }

    fn group(&self, count: usize) -> Result<Box<dyn EnvGroup>> {
        let environments = (0..count).map(|_| self.make()).collect::<Result<Vec<_>>>()?;
        Ok(Box::new(Singles { environments }))
    }
}

/// The controls of a model within their bounds. The bounds are rounded to f32, as in Gymnasium.
fn actions(model: &Model) -> Result<Space> {
    let bounds = model.constants("actuator_ctrlrange").map_err(reported)?;
    let single = |x: f64| f64::from(x as f32);
    let (low, high): (Vec<f64>, Vec<f64>) = bounds.chunks_exact(2).map(|b| (single(b[0]), single(b[1]))).unzip();
    if low.is_empty() {
        return Err(Error::config("env.xml_file", "the model has no actuators"));
    }
    match low.iter().zip(&high).position(|(low, high)| low >= high) {
        None => Ok(Space::Box { low, high }),
        Some(index) => {
            let message = format!("actuator {index} of the model has no bounds; give it a ctrlrange");
            Err(Error::config("env.xml_file", message))
        }
    }
}

/// One environment: a simulation, and the position that the task measures.
pub struct MujocoEnv {
    shared: Arc<Shared>,
    simulation: Simulation,
    /// [`Task::position`] after the last step.
    position: f64,
    observation: Vec<f64>,
}

impl std::fmt::Debug for MujocoEnv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MujocoEnv").field("id", &self.shared.spec.id).finish_non_exhaustive()
    }
}

impl MujocoEnv {
    fn view(&self) -> View<'_> {
        View { simulation: &self.simulation, fields: &self.shared.fields }
    }

    fn observe(&mut self, observation: &mut [f64]) -> Result<(), String> {
        let mut seen = std::mem::take(&mut self.observation);
        seen.clear();
        self.shared.task.observe(&self.view(), &mut seen);
        if seen.len() != observation.len() {
            return Err(format!("the task observes {} numbers, not {} as before", seen.len(), observation.len()));
        }
        observation.copy_from_slice(&seen);
        self.observation = seen;
        Ok(())
    }

    /// Begins an episode at the current positions and velocities.
    fn begin(&mut self, observation: &mut [f64]) -> Result<(), String> {
        self.simulation.forward().map_err(|error| error.to_string())?;
        if self.has_diverged() {
            return Err("the simulation has diverged in its first state".into());
        }
        self.position = self.shared.task.position(&self.view());
        self.observe(observation)
    }

    /// Whether MuJoCo had to reset a state with bad numbers, or the state has one now.
    fn has_diverged(&self) -> bool {
        self.simulation.has_diverged() || !self.simulation.state().iter().all(|x| x.is_finite())
    }
}

impl Env for MujocoEnv {
    fn spec(&self) -> Spec {
        self.shared.spec.clone()
    }

    fn reset(&mut self, rng: &mut Stream, observation: &mut [f64]) -> Result<(), String> {
        self.simulation.reset().map_err(|error| error.to_string())?;
        let (qpos, qvel) = self.simulation.positions_and_velocities_mut();
        self.shared.task.start(qpos, qvel, rng);
        self.begin(observation)
    }

    fn step(&mut self, action: Action<'_>, _: &mut Stream, observation: &mut [f64]) -> Result<Outcome, String> {
        let action = action.reals();
        self.simulation.ctrl_mut().copy_from_slice(action);
        self.simulation.step(self.shared.settings.frame_skip).map_err(|error| error.to_string())?;
        if self.has_diverged() {
            return if self.shared.settings.divergence_stops {
                Err("the simulation has diverged (env.on_divergence = \"truncate\" ends the episode instead)".into())
            } else {
                Ok(Outcome { reward: 0.0, ending: Ending::Diverged })
            };
        }
        let position = self.shared.task.position(&self.view());
        let velocity = (position - self.position) / self.shared.dt;
        self.position = position;
        self.observe(observation)?;
        let step = self.shared.task.reward(&self.view(), velocity, action);
        let ending = if step.terminated { Ending::Terminated } else { Ending::Running };
        Ok(Outcome { reward: step.reward, ending })
    }

    /// MuJoCo's integration state, then the task's position.
    fn save(&self) -> Option<Vec<f64>> {
        Some([self.simulation.state(), &[self.position]].concat())
    }

    fn load(&mut self, state: &[f64]) -> Result<(), String> {
        let len = self.simulation.state().len();
        if state.len() != len + 1 || !state.iter().all(|x| x.is_finite()) {
            return Err(format!("expected a state of {} finite numbers, got {} numbers", len + 1, state.len()));
        }
        self.simulation.reset().map_err(|error| error.to_string())?;
        self.simulation.state_mut().copy_from_slice(&state[..len]);
        self.position = state[len];
        Ok(())
    }

    fn begin_at(&mut self, state: &[f64], observation: &mut [f64]) -> Result<(), String> {
        self.simulation.reset().map_err(|error| error.to_string())?;
        let (qpos, qvel) = self.simulation.positions_and_velocities_mut();
        if state.len() != qpos.len() + qvel.len() {
            let (positions, velocities) = (qpos.len(), qvel.len());
            return Err(format!(
                "expected {positions} positions and {velocities} velocities, got {} numbers",
                state.len()
            ));
        }
        qpos.copy_from_slice(&state[..qpos.len()]);
        qvel.copy_from_slice(&state[qpos.len()..]);
        self.begin(observation)
    }
}
