//! MountainCar-v0: a car too weak for the hill must swing back and forth to reach the flag.
//!
//! The state is the position (m, in [-1.2, 0.6]) and the velocity (m per step, in [-0.07, 0.07]), and both are observed. The
//! actions 0, 1 and 2 push left, not at all, and right. Each step computes
//!
//! ```text
//! velocity += 0.001 (action - 1) - 0.0025 cos(3 position)
//! position += velocity
//! ```
//!
//! Both are clipped to their ranges, and the car stops at the left wall. The episode terminates when the position is at least
//! 0.5 and the velocity at least `goal_velocity` (option, 0). Each step earns -1. An episode starts at rest, uniformly in
//! [-0.6, -0.4].
//!
//! Source: Moore, "Efficient memory-based learning for robot control" (1990), in the form of Sutton and Barto's
//! book and Gymnasium 1.4.

use super::{bounds, choice, restored};
use npg_core::env::{Action, Ending, Env, Outcome, Space, Spec};
use npg_core::random::Stream;

/// Leftmost and rightmost position (m).
pub(super) const POSITIONS: [f64; 2] = [-1.2, 0.6];
/// Largest speed (m per step).
pub(super) const MAX_SPEED: f64 = 0.07;
/// The range of positions in which the car starts, at rest (m).
pub(super) const START: [f64; 2] = [-0.6, -0.4];
/// The deceleration by the slope, to be multiplied by its cosine (m per step^2).
pub(super) const GRAVITY: f64 = 0.0025;
const FORCE: f64 = 0.001; // m per step^2
const GOAL_POSITION: f64 = 0.5; // m

/// The car with three actions.
#[derive(Clone, Debug)]
pub struct MountainCar {
    goal_velocity: f64,
    /// Position, velocity.
    state: [f64; 2],
}

impl MountainCar {
    /// A car at rest that must pass the flag with at least `goal_velocity` (m per step).
    pub fn new(goal_velocity: f64) -> Self {
        Self { goal_velocity, state: [0.0; 2] }
    }
}

impl Env for MountainCar {
    fn spec(&self) -> Spec {
        Spec {
            id: "MountainCar-v0".into(),
            observation: bounds(&[POSITIONS[0], -MAX_SPEED], &[POSITIONS[1], MAX_SPEED]),
            action: Space::Discrete(3),
            max_episode_steps: Some(200),
            reward_threshold: Some(-110.0),
        }
    }

    fn reset(&mut self, rng: &mut Stream, observation: &mut [f64]) -> Result<(), String> {
        self.state = [rng.uniform(START[0], START[1]), 0.0];
        observation.copy_from_slice(&self.state);
        Ok(())
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Stream, observation: &mut [f64]) -> Result<Outcome, String> {
        let push = [-FORCE, 0.0, FORCE][choice(action, 3)?];
        let [position, velocity] = self.state;
        let velocity = (velocity + (push - GRAVITY * libm::cos(3.0 * position))).clamp(-MAX_SPEED, MAX_SPEED);
        let position = (position + velocity).clamp(POSITIONS[0], POSITIONS[1]);
        let stopped = position == POSITIONS[0] && velocity < 0.0;
        self.state = [position, if stopped { 0.0 } else { velocity }];
        observation.copy_from_slice(&self.state);

        let arrived = position >= GOAL_POSITION && self.state[1] >= self.goal_velocity;
        Ok(Outcome { reward: -1.0, ending: if arrived { Ending::Terminated } else { Ending::Running } })
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

    #[test]
    fn starts_at_rest_in_its_range() {
        let mut rng = Stream::new(1, Purpose::Test, 0);
        let mut env = MountainCar::new(0.0);
        let mut observation = [0.0; 2];
        let mut seen = [0.0f64, -1.0];
        for _ in 0..1000 {
            env.reset(&mut rng, &mut observation).unwrap();
            assert_eq!(observation[1], 0.0);
            seen = [seen[0].min(observation[0]), seen[1].max(observation[0])];
        }
        assert!((-0.6..-0.599).contains(&seen[0]) && (-0.401..-0.4).contains(&seen[1]), "{seen:?}");
    }

    /// Always pushing in the direction of motion reaches the flag, and the car never exceeds its speed limit.
    #[test]
    fn pumping_reaches_the_flag() {
        let mut rng = Stream::new(1, Purpose::Test, 0);
        let mut terminated = |goal_velocity| {
            let mut env = MountainCar::new(goal_velocity);
            let mut observation = [0.0; 2];
            env.load(&[-0.5, 0.0]).unwrap();
            (0..200).any(|_| {
                let action = if env.state[1] < 0.0 { 0 } else { 2 };
                let outcome = env.step(Action::of_integers(&[action]), &mut rng, &mut observation).unwrap();
                assert_eq!(outcome.reward, -1.0);
                outcome.ending == Ending::Terminated
            })
        };
        assert!(terminated(0.0));
        assert!(!terminated(0.0701));
    }
}
