//! CartPole-v1: a pole hinged on a cart that runs on a track without friction.
//!
//! The state is the position x (m) and the velocity of the cart, and the angle theta (rad, 0 is upright) and the angular
//! velocity of the pole. The force F is -10 N for action 0 and 10 N for action 1. With the total mass M = 1.1 kg, the pole's
//! mass m = 0.1 kg and half the pole's length l = 0.5 m, the equations are
//!
//! ```text
//! t       = (F + m l theta'^2 sin theta) / M
//! theta'' = (g sin theta - t cos theta) / (l (4/3 - m cos^2 theta / M))
//! x''     = t - m l theta'' cos theta / M
//! ```
//!
//! They are integrated with explicit Euler steps of 0.02 s. The episode terminates when |x| > 2.4 m or |theta| > 12 degrees.
//! Each step earns 1, and so does the last one. An episode starts uniformly in [-0.05, 0.05] in all four state variables.
//!
//! Source: Barto, Sutton and Anderson, "Neuronlike adaptive elements that can solve difficult learning control
//! problems" (1983), with the equations of Florian (2007) without friction, as in Gymnasium.

use std::f64::consts::PI;

use super::{choice, restored, symmetric};
use npg_core::env::{Action, Ending, Env, Outcome, Space, Spec};
use npg_core::random::Stream;

const GRAVITY: f64 = 9.8; // m/s^2
const POLE_MASS: f64 = 0.1; // kg
const TOTAL_MASS: f64 = 1.0 + POLE_MASS; // kg
const HALF_LENGTH: f64 = 0.5; // m
const POLE_MOMENT: f64 = POLE_MASS * HALF_LENGTH; // kg m
const FORCE: f64 = 10.0; // N
const TIME_STEP: f64 = 0.02; // s
const POSITION_LIMIT: f64 = 2.4; // m
const ANGLE_LIMIT: f64 = 12.0 * 2.0 * PI / 360.0; // rad

/// The cart and its pole.
#[derive(Clone, Debug)]
pub struct CartPole {
    sutton_barto_reward: bool,
    /// x, x', theta, theta'.
    state: [f64; 4],
}

impl CartPole {
    /// A cart at rest in the middle with an upright pole. With `sutton_barto_reward`, a step earns 0 and the fall -1, instead
    /// of 1 for each step.
    pub fn new(sutton_barto_reward: bool) -> Self {
        Self { sutton_barto_reward, state: [0.0; 4] }
    }
}

impl Env for CartPole {
    fn spec(&self) -> Spec {
        Spec {
            id: "CartPole-v1".into(),
            // These are twice the limits, so that the observation at the fall is within the bounds.
            observation: symmetric(&[2.0 * POSITION_LIMIT, f64::INFINITY, 2.0 * ANGLE_LIMIT, f64::INFINITY]),
            action: Space::Discrete(2),
            max_episode_steps: Some(500),
            reward_threshold: Some(475.0),
        }
    }

    fn reset(&mut self, rng: &mut Stream, observation: &mut [f64]) -> Result<(), String> {
        self.state = std::array::from_fn(|_| rng.uniform(-0.05, 0.05));
        observation.copy_from_slice(&self.state);
        Ok(())
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Stream, observation: &mut [f64]) -> Result<Outcome, String> {
        let force = [-FORCE, FORCE][choice(action, 2)?];
        let [x, x_dot, theta, theta_dot] = self.state;
        let (sin, cos) = libm::sincos(theta);
        let thrust = (force + POLE_MOMENT * (theta_dot * theta_dot) * sin) / TOTAL_MASS;
        let theta_acc =
            (GRAVITY * sin - cos * thrust) / (HALF_LENGTH * (4.0 / 3.0 - POLE_MASS * (cos * cos) / TOTAL_MASS));
        let x_acc = thrust - POLE_MOMENT * theta_acc * cos / TOTAL_MASS;
        self.state = [
            x + TIME_STEP * x_dot,
            x_dot + TIME_STEP * x_acc,
            theta + TIME_STEP * theta_dot,
            theta_dot + TIME_STEP * theta_acc,
        ];
        observation.copy_from_slice(&self.state);

        let fallen = self.state[0].abs() > POSITION_LIMIT || self.state[2].abs() > ANGLE_LIMIT;
        let reward = match (self.sutton_barto_reward, fallen) {
            (false, _) => 1.0,
            (true, false) => 0.0,
            (true, true) => -1.0,
        };
        Ok(Outcome { reward, ending: if fallen { Ending::Terminated } else { Ending::Running } })
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
    fn starts_uniformly_in_its_range() {
        let mut rng = Stream::new(1, Purpose::Test, 0);
        let mut env = CartPole::new(false);
        let mut observation = [0.0; 4];
        let (mut least, mut greatest) = (0.0f64, 0.0f64);
        for _ in 0..1000 {
            env.reset(&mut rng, &mut observation).unwrap();
            least = observation.iter().copied().fold(least, f64::min);
            greatest = observation.iter().copied().fold(greatest, f64::max);
        }
        assert!((-0.05..-0.0499).contains(&least) && (0.0499..0.05).contains(&greatest), "{least} {greatest}");
    }

    #[test]
    fn a_push_to_one_side_lets_the_pole_fall_to_the_other() {
        let mut rng = Stream::new(2, Purpose::Test, 0);
        for (action, sutton_barto_reward, rewards) in [(0, false, [1.0, 1.0]), (1, true, [0.0, -1.0])] {
            let mut env = CartPole::new(sutton_barto_reward);
            let mut observation = [0.0; 4];
            for step in 0.. {
                assert!(step < 20);
                let outcome = env.step(Action::of_integers(&[action]), &mut rng, &mut observation).unwrap();
                let fallen = outcome.ending == Ending::Terminated;
                assert_eq!(outcome.reward, rewards[usize::from(fallen)]);
                if fallen {
                    break;
                }
            }
            assert_eq!(observation[2] > 0.0, action == 0);
        }
    }

    #[test]
    fn refuses_actions_and_states_that_are_none() {
        let mut env = CartPole::new(false);
        let mut rng = Stream::new(0, Purpose::Test, 0);
        let error = env.step(Action::of_integers(&[2]), &mut rng, &mut [0.0; 4]).unwrap_err();
        assert_eq!(error, "expected an action below 2, got 2");
        assert_eq!(env.load(&[0.0; 3]).unwrap_err(), "expected a state of 4 numbers, got 3");
        assert!(env.load(&[0.0, f64::NAN, 0.0, 0.0]).is_err());
        assert_eq!(env.save().unwrap(), [0.0; 4]);
    }
}
