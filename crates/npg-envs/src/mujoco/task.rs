//! What defines a task: first states, observations and rewards. The physics is the same for all tasks.

use npg_core::random::Stream;
use npg_mujoco::Simulation;

/// A task on a model.
///
/// A step runs the physics, then [`Task::observe`] and then [`Task::reward`]. [`Task::position`] is called before and after.
pub trait Task: Send + Sync {
    /// The fields of `mjData` that the task reads, each with the smallest number of values that it needs. [`View::get`] gives
    /// every field of real numbers that is listed here. `qpos`, `qvel` and `ctrl` are always available.
    fn reads(&self) -> &[(&'static str, usize)];

    /// Draws the first state of an episode. At the call, the positions and velocities are the model's own.
    fn start(&self, qpos: &mut [f64], qvel: &mut [f64], rng: &mut Stream);

    /// Appends what the policy observes. The number of values must always be the same.
    fn observe(&self, now: &View<'_>, observation: &mut Vec<f64>);

    /// The position whose velocity is rewarded, in m, such as a torso's x. [`Task::reward`] gets its mean velocity over the
    /// step. It is saved with the state.
    fn position(&self, _now: &View<'_>) -> f64 {
        0.0
    }

    /// The reward of the step to `now`. `velocity` is that of [`Task::position`], in m/s.
    fn reward(&self, now: &View<'_>, velocity: f64, action: &[f64]) -> StepReward;
}

/// The result of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReward {
    /// The reward.
    pub reward: f64,
    /// Whether the rules of the task end the episode.
    pub terminated: bool,
}

/// What a task can read of a simulation.
///
/// After a step, the positions of bodies and everything else that MuJoCo derives are those before the last physics step, as
/// with `mj_step` in C and in Gymnasium.
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
    /// If it is not listed in [`Task::reads`].
    pub fn get(self, name: &str) -> &'a [f64] {
        match self.fields.iter().position(|field| *field == name) {
            Some(index) => self.simulation.field(index),
            None => panic!("the task does not say that it reads `{name}`"),
        }
    }

    /// Row `index` of the field `name`, whose rows are vectors in space, such as `xpos` or `site_xpos`.
    ///
    /// # Panics
    /// As [`View::get`], and if there is no such row.
    pub fn point(self, name: &str, index: usize) -> [f64; 3] {
        let row = &self.get(name)[3 * index..][..3];
        [row[0], row[1], row[2]]
    }
}

/// Adds noise that is uniform in -scale..scale.
pub(super) fn add_uniform(values: &mut [f64], scale: f64, rng: &mut Stream) {
    values.iter_mut().for_each(|x| *x += rng.uniform(-scale, scale));
}

/// Draws a first state: adds uniform noise of the same scale to the model's positions and velocities.
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

/// Whether `x` is strictly between the ends of a range.
pub(super) fn inside(x: f64, [low, high]: [f64; 2]) -> bool {
    low < x && x < high
}

/// What the planar walkers observe: the positions, without x if `exclude` is set, and the velocities clipped to 10.
pub(super) fn observe_walker(now: &View<'_>, exclude: bool, observation: &mut Vec<f64>) {
    observation.extend(without(now.qpos(), 1, exclude));
    observation.extend(now.qvel().iter().map(|v| v.clamp(-10.0, 10.0)));
}

/// `positions`, without the first `skipped` ones if `exclude` is set.
pub(super) fn without(positions: &[f64], skipped: usize, exclude: bool) -> &[f64] {
    if exclude { &positions[skipped..] } else { positions }
}
