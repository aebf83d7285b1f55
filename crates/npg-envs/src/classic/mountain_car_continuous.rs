//! MountainCarContinuous-v0: the mountain car with a force of any strength, and a cost for it.
//!
//! The state is the position (m, in [-1.2, 0.6]) and the velocity (m per step, in [-0.07, 0.07]), and both are observed. The
//! force f is the action a clipped to [-1, 1]. Each step computes
//!
//! ```text
//! velocity += 0.0015 f - 0.0025 cos(3 position)
//! position += velocity
//! reward    = -0.1 a^2, and 100 more at the goal      (a is not clipped here)
//! ```
//!
//! Position and velocity are clipped to their ranges, and the car stops at the left wall. The episode terminates when the
//! position is at least 0.45 and the velocity at least `goal_velocity` (option, 0). An episode starts at rest, uniformly in
//! [-0.6, -0.4].
//!
//! Source: Gymnasium 1.4 (after Sigaud, de Broissia, Schaul and Martin H.). There the action is f32, and so is the state
//! after a step. Its arithmetic and comparisons are then in f32. Only a reset leaves an f64 state. The same roundings are
//! made here.

use super::mountain_car::{GRAVITY, MAX_SPEED, POSITIONS, START};
use super::{bounds, restored, single};
use npg_core::env::{Action, Ending, Env, Outcome, Space, Spec};
use npg_core::random::Stream;

const POWER: f64 = 0.0015; // m per step^2
const GOAL_POSITION: f64 = 0.45; // m

/// The car with a real action.
#[derive(Clone, Debug)]
pub struct MountainCarContinuous {
    goal_velocity: f64,
    /// The position and the velocity. They are f32 numbers, except right after a reset.
    state: [f64; 2],
}

impl MountainCarContinuous {
    /// A car at rest that must pass the flag with at least `goal_velocity` (m per step).
    pub fn new(goal_velocity: f64) -> Self {
        Self { goal_velocity, state: [0.0; 2] }
    }
}

impl Env for MountainCarContinuous {
    fn spec(&self) -> Spec {
        Spec {
            id: "MountainCarContinuous-v0".into(),
            observation: bounds(&[POSITIONS[0], -MAX_SPEED], &[POSITIONS[1], MAX_SPEED]),
            action: Space::uniform_box(1, -1.0, 1.0),
            max_episode_steps: Some(999),
            reward_threshold: Some(90.0),
        }
    }

    fn reset(&mut self, rng: &mut Stream, observation: &mut [f64]) -> Result<(), String> {
        self.state = [rng.uniform(START[0], START[1]), 0.0];
        observation.copy_from_slice(&self.state);
        Ok(())
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Stream, observation: &mut [f64]) -> Result<Outcome, String> {
        let action = action.reals()[0] as f32;
        let [position, velocity] = self.state;
        // An operation in f64 that is then rounded equals the operation in f32. Double rounding is harmless for + and x.
        let in_single = self.state.iter().all(|&x| x == single(x));
        let round = |x: f64| if in_single { single(x) } else { x };

        let slope = GRAVITY * libm::cos(round(3.0 * position));
        let push = if action.abs() <= 1.0 {
            f64::from(action * POWER as f32 - slope as f32)
        } else {
            f64::from(action.clamp(-1.0, 1.0)) * POWER - slope // In Gymnasium a clipped force is a Python float.
        };
        let max_speed = round(MAX_SPEED);
        let velocity = round(velocity + round(push)).clamp(-max_speed, max_speed);
        let [left, right] = POSITIONS.map(round);
        let position = round(position + velocity).clamp(left, right);
        let velocity = if position == left && velocity < 0.0 { 0.0 } else { velocity };

        let arrived = position >= round(GOAL_POSITION) && velocity >= round(self.goal_velocity);
        self.state = [single(position), single(velocity)];
        observation.copy_from_slice(&self.state);
        let price = f64::from(action) * f64::from(action) * 0.1;
        Ok(if arrived {
            Outcome { reward: 100.0 - price, ending: Ending::Terminated }
        } else {
            Outcome { reward: -price, ending: Ending::Running }
        })
    }

    fn save(&self) -> Option<Vec<f64>> {
        Some(self.state.to_vec())
    }

    fn load(&mut self, state: &[f64]) -> Result<(), String> {
        self.state = restored(state)?;
        Ok(())
    }

    fn begin_at(&mut self, state: &[f64], observation: &mut [f64]) -> Result<(), String> {
        self.load(state)?;
        observation.copy_from_slice(&self.state);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use npg_core::random::Purpose;

    fn step(state: [f64; 2], action: f64, goal_velocity: f64) -> ([f64; 2], Outcome) {
        let mut env = MountainCarContinuous::new(goal_velocity);
        env.load(&state).unwrap();
        let mut rng = Stream::new(0, Purpose::Test, 0);
        let outcome = env.step(Action::of_reals(&[action]), &mut rng, &mut [0.0; 2]).unwrap();
        (env.state, outcome)
    }

    #[test]
    fn starts_at_rest_in_its_range() {
        let mut rng = Stream::new(1, Purpose::Test, 0);
        let mut env = MountainCarContinuous::new(0.0);
        let mut observation = [0.0; 2];
        for _ in 0..1000 {
            env.reset(&mut rng, &mut observation).unwrap();
            assert!((-0.6..-0.4).contains(&observation[0]) && observation[1] == 0.0);
        }
    }

    #[test]
    fn the_force_is_clipped_and_the_price_is_not() {
        let (clipped, outcome) = step([-0.5, 0.0], 3.0, 0.0);
        assert_eq!(clipped, step([-0.5, 0.0], 1.5, 0.0).0);
        assert!((outcome.reward + 0.9).abs() < 1e-12);
    }

    #[test]
    fn the_goal_needs_its_velocity() {
        let (_, outcome) = step([0.44, 0.05], 0.0, 0.0);
        assert_eq!(outcome, Outcome { reward: 100.0, ending: Ending::Terminated });
        assert_eq!(step([0.44, 0.05], 0.0, 0.06).1, Outcome { reward: 0.0, ending: Ending::Running });
    }

    #[test]
    fn the_left_wall_stops_the_car() {
        assert_eq!(step([-1.19, -0.06], 0.0, 0.0).0, [single(-1.2), 0.0]);
    }
}
