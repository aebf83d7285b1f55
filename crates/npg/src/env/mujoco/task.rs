//! What a task is: starts, observations, rewards. The physics is the same for all.

use crate::random::Stream;
use npg_mujoco::Simulation;

/// A task on a model.
///
/// The order of a step is: the physics, then [`Task::observe`], then [`Task::reward`]; [`Task::position`] is asked before
/// and after.
pub trait Task: Send + Sync {
    /// Fields of `mjData` that it reads, each with the least number of values that it needs. Every field of real numbers
    /// is available to [`View::get`] if it stands here; `qpos`, `qvel` and `ctrl` always are.
    fn reads(&self) -> &[(&'static str, usize)];

    /// Draws the first state of an episode: on entry the positions and velocities are the model's own.
    fn start(&self, qpos: &mut [f64], qvel: &mut [f64], rng: &mut Stream);

    /// Appends what the policy sees. Its length must always be the same.
    fn observe(&self, now: &View<'_>, observation: &mut Vec<f64>);

    /// What the task is about the speed of, in m, such as a torso's x: [`Task::reward`] gets its mean velocity over the
    /// step. It is part of what is saved with the state.
    fn position(&self, _now: &View<'_>) -> f64 {
        0.0
    }

    /// What the step to `now` was worth. `velocity` is that of [`Task::position`], in m/s.
    fn reward(&self, now: &View<'_>, velocity: f64, action: &[f64]) -> StepReward;
}

/// What a step was worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReward {
    /// Reward.
    pub reward: f64,
    /// Whether the episode is over by the rules of the task.
    pub terminated: bool,
}

/// What a task sees of a simulation.
///
/// After a step, positions of bodies and all else that MuJoCo derives are those before the step's last substep, as with
/// `mj_step` in C and in Gymnasium.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub(super) simulation: &'a Simulation,
    /// Names of the simulation's fields, in its order.
    pub(super) fields: &'a [&'static str],
}

impl<'a> View<'a> {
    /// Generalized positions.
    pub fn qpos(self) -> &'a [f64] {
        self.simulation.qpos()
    }

    /// Generalized velocities.
    pub fn qvel(self) -> &'a [f64] {
        self.simulation.qvel()
    }

    /// The controls of the step.
    pub fn ctrl(self) -> &'a [f64] {
        self.simulation.ctrl()
    }

    /// The field `name` of `mjData`, row by row.
    ///
    /// # Panics
    /// If it does not stand in [`Task::reads`].
    pub fn get(self, name: &str) -> &'a [f64] {
        match self.fields.iter().position(|field| *field == name) {
            Some(index) => self.simulation.field(index),
            None => panic!("the task does not say that it reads `{name}`"),
        }
    }

    /// Row `index` of the field `name`, whose rows are vectors of space: `xpos`, `site_xpos`.
    ///
    /// # Panics
    /// As [`View::get`], and for a row that is not there.
    pub fn point(self, name: &str, index: usize) -> [f64; 3] {
        let row = &self.get(name)[3 * index..][..3];
        [row[0], row[1], row[2]]
    }
}

/// Adds noise that is uniform in -scale..scale.
pub(super) fn add_uniform(values: &mut [f64], scale: f64, rng: &mut Stream) {
    values.iter_mut().for_each(|x| *x += rng.uniform(-scale, scale));
}

/// A start around the model's own: adds the same uniform noise to positions and velocities.
pub(super) fn start_uniform(qpos: &mut [f64], qvel: &mut [f64], scale: f64, rng: &mut Stream) {
    add_uniform(qpos, scale, rng);
    add_uniform(qvel, scale, rng);
}

/// `weight` times the sum of squared forces, clipped to a range.
pub(super) fn clipped_cost(weight: f64, forces: &[f64], [low, high]: [f64; 2]) -> f64 {
    (weight * squares(forces)).clamp(low, high)
}

/// Adds normal noise with standard deviation `scale`.
pub(super) fn add_normal(values: &mut [f64], scale: f64, rng: &mut Stream) {
    values.iter_mut().for_each(|x| *x += scale * rng.normal());
}

/// The sum of squares.
pub(super) fn squares(values: &[f64]) -> f64 {
    values.iter().map(|x| x * x).sum()
}

/// The distance of two points.
pub(super) fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    squares(&[a[0] - b[0], a[1] - b[1], a[2] - b[2]]).sqrt()
}

/// Whether `x` is between the ends of a range, which do not belong to it.
pub(super) fn inside(x: f64, [low, high]: [f64; 2]) -> bool {
    low < x && x < high
}

/// What the planar walkers see: positions, without x if it is to be left out, and velocities clipped to 10.
pub(super) fn observe_walker(now: &View<'_>, exclude: bool, observation: &mut Vec<f64>) {
    observation.extend(without(now.qpos(), 1, exclude));
    observation.extend(now.qvel().iter().map(|v| v.clamp(-10.0, 10.0)));
}

/// `positions` without the first `skipped`, if they are to be left out.
pub(super) fn without(positions: &[f64], skipped: usize, exclude: bool) -> &[f64] {
    if exclude { &positions[skipped..] } else { positions }
}
