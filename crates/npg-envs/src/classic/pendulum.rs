//! Pendulum-v1: swing up a rigid pendulum with a torque that is too weak to lift it, and hold it there.
//!
//! The state is the angle theta (rad, 0 is upright, not wrapped) and the angular velocity (rad/s). The torque u is clipped to
//! +-2 N m. Gravity g is 10 m/s^2 unless the option `g` says otherwise. With the mass m = 1 kg and the length l = 1 m, the
//! equation and the reward are
//!
//! ```text
//! theta'' = 3 g / (2 l) sin theta + 3 / (m l^2) u
//! reward  = -(theta^2 + 0.1 theta'^2 + 0.001 u^2)      theta in [-pi, pi), before the step
//! ```
//!
//! The equation is integrated with semi-implicit Euler steps of 0.05 s: first the velocity (clipped to +-8 rad/s), then the
//! angle. The observation is (cos theta, sin theta, theta'). The episode never terminates. It starts uniformly with theta in
//! [-pi, pi] and theta' in [-1, 1].
//!
//! Source: Gymnasium 1.4. Its actions are f32, so the torque is rounded to f32 and its terms are computed in f32.

use std::f64::consts::PI;

use super::{restored, symmetric};
use npg_core::env::{Action, Ending, Env, Outcome, Space, Spec};
use npg_core::random::Stream;

const MAX_SPEED: f64 = 8.0; // rad/s
const MAX_TORQUE: f32 = 2.0; // N m
const TIME_STEP: f64 = 0.05; // s

/// The pendulum; mass and length are 1.
#[derive(Clone, Debug)]
pub struct Pendulum {
    /// Gravity in m/s^2.
    gravity: f64,
    /// theta, theta'.
    state: [f64; 2],
}

impl Pendulum {
    /// A pendulum at rest, upright, under `gravity` (m/s^2).
    pub fn new(gravity: f64) -> Self {
        Self { gravity, state: [0.0; 2] }
    }

    fn observe(&self, observation: &mut [f64]) {
        let (sin, cos) = libm::sincos(self.state[0]);
        observation.copy_from_slice(&[cos, sin, self.state[1]]);
    }
}

impl Env for Pendulum {
    fn spec(&self) -> Spec {
        Spec {
            id: "Pendulum-v1".into(),
            observation: symmetric(&[1.0, 1.0, MAX_SPEED]),
            action: Space::uniform_box(1, f64::from(-MAX_TORQUE), f64::from(MAX_TORQUE)),
            max_episode_steps: Some(200),
            reward_threshold: None,
        }
    }

    fn reset(&mut self, rng: &mut Stream, observation: &mut [f64]) -> Result<(), String> {
        self.state = [rng.uniform(-PI, PI), rng.uniform(-1.0, 1.0)];
        self.observe(observation);
        Ok(())
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Stream, observation: &mut [f64]) -> Result<Outcome, String> {
        let [theta, theta_dot] = self.state;
        let torque = (action.reals()[0] as f32).clamp(-MAX_TORQUE, MAX_TORQUE);
        let angle = wrapped(theta);
        let cost = angle * angle + 0.1 * (theta_dot * theta_dot) + f64::from(0.001 * (torque * torque));

        let acceleration = 3.0 * self.gravity / 2.0 * libm::sin(theta) + f64::from(3.0 * torque);
        let theta_dot = (theta_dot + acceleration * TIME_STEP).clamp(-MAX_SPEED, MAX_SPEED);
        self.state = [theta + theta_dot * TIME_STEP, theta_dot];
        self.observe(observation);
        Ok(Outcome { reward: -cost, ending: Ending::Running })
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
        self.observe(observation);
        Ok(())
    }
}

/// `angle` in [-pi, pi).
fn wrapped(angle: f64) -> f64 {
    let turned = angle + PI;
    let within = (0.0..2.0 * PI).contains(&turned); // spares a slow remainder
    (if within { turned } else { turned.rem_euclid(2.0 * PI) }) - PI
}

#[cfg(test)]
mod tests {
    use super::*;
    use npg_core::random::Purpose;

    #[test]
    fn starts_uniformly_in_its_range() {
        let mut rng = Stream::new(1, Purpose::Test, 0);
        let mut env = Pendulum::new(10.0);
        let mut greatest = [0.0f64; 2];
        for _ in 0..2000 {
            env.reset(&mut rng, &mut [0.0; 3]).unwrap();
            let state = env.save().unwrap();
            greatest = [greatest[0].max(state[0].abs()), greatest[1].max(state[1].abs())];
        }
        assert!((0.99 * PI..=PI).contains(&greatest[0]) && (0.99..=1.0).contains(&greatest[1]), "{greatest:?}");
    }

    #[test]
    fn without_gravity_only_the_clipped_torque_turns_it() {
        let mut env = Pendulum::new(0.0);
        let mut observation = [0.0; 3];
        let mut rng = Stream::new(0, Purpose::Test, 0);
        env.load(&[1.0, 0.5]).unwrap();
        let outcome = env.step(Action::of_reals(&[7.0]), &mut rng, &mut observation).unwrap();
        assert!((outcome.reward + 1.0 + 0.025 + 0.004).abs() < 1e-9, "{outcome:?}");
        assert_eq!(observation[2], 0.5 + 3.0 * 2.0 * 0.05);
    }

    #[test]
    fn angles_wrap() {
        for (angle, expected) in [(0.5, 0.5), (PI, -PI), (-PI, -PI), (2.0 * PI, 0.0), (-7.0, 2.0 * PI - 7.0)] {
            assert!((wrapped(angle) - expected).abs() < 1e-15, "{angle}");
        }
    }
}
