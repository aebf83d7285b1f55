//! Acrobot-v1: a double pendulum with a motor at the elbow; swing its tip above the bar.
//!
//! The state is the angle theta1 of the first link (rad, 0 hangs down), the angle theta2 of the second link relative to the
//! first, and their velocities. The torque at the elbow is -1, 0 or 1 N m for the actions 0, 1 and 2. Both links have length
//! 1 m, mass 1 kg, their center of mass in the middle and moment of inertia 1 kg m^2. With g = 9.8 m/s^2, the equations are
//!
//! ```text
//! d1   = 3.5 + cos theta2          d2 = 1.25 + 0.5 cos theta2
//! phi2 = 0.5 g sin(theta1 + theta2)
//! phi1 = -0.5 theta2'^2 sin theta2 - theta1' theta2' sin theta2 + 1.5 g sin theta1 + phi2
//! theta2'' = (torque + d2 / d1 phi1 - 0.5 theta1'^2 sin theta2 - phi2) / (1.25 - d2^2 / d1)
//! theta1'' = -(d2 theta2'' + phi1) / d1
//! ```
//!
//! They are integrated with one Runge-Kutta step (fourth order) of 0.2 s. Then the angles are wrapped to [-pi, pi] and the
//! velocities are clipped to +-4 pi and +-9 pi rad/s. The episode terminates when the tip's height -cos theta1 - cos(theta1 +
//! theta2) exceeds 1. Each step earns -1, and the last one 0. The observation is (cos theta1, sin theta1, cos theta2, sin
//! theta2, theta1', theta2'). An episode starts uniformly in [-0.1, 0.1] in all four state variables.
//!
//! Source: Sutton, "Generalization in reinforcement learning" (NIPS 1995); Sutton and Barto's book, which has the
//! term in theta1'^2 that the paper's equations lack (`book_or_nips = "nips"` leaves it out, as in Gymnasium).

use std::f64::consts::PI;

use super::{choice, restored, single, symmetric};
use npg_core::env::{Action, Ending, Env, Outcome, Space, Spec};
use npg_core::random::Stream;

const GRAVITY: f64 = 9.8; // m/s^2
const TIME_STEP: f64 = 0.2; // s
const MAX_SPEEDS: [f64; 2] = [4.0 * PI, 9.0 * PI]; // rad/s

/// The double pendulum.
#[derive(Clone, Debug)]
pub struct Acrobot {
    options: AcrobotOptions,
    /// theta1, theta2, theta1', theta2'.
    state: [f64; 4],
}

/// The options of an [`Acrobot`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AcrobotOptions {
    /// Whether to use the equations of the NIPS paper instead of the book's.
    pub nips: bool,
    /// The largest uniform noise that is added to each torque (N m).
    pub torque_noise_max: f64,
}

impl Acrobot {
    /// An acrobot that hangs at rest.
    pub fn new(options: AcrobotOptions) -> Self {
        Self { options, state: [0.0; 4] }
    }

    /// The time derivative of `state` under `torque`.
    fn derivative(&self, state: &[f64; 4], torque: f64) -> [f64; 4] {
        let [theta1, theta2, speed1, speed2] = *state;
        let (sin2, cos2) = libm::sincos(theta2);
        let d1 = 3.5 + cos2;
        let d2 = 1.25 + 0.5 * cos2;
        let phi2 = 0.5 * GRAVITY * libm::sin(theta1 + theta2);
        let phi1 = -0.5 * (speed2 * speed2) * sin2 - speed2 * speed1 * sin2 + 1.5 * GRAVITY * libm::sin(theta1) + phi2;
        let book = if self.options.nips { 0.0 } else { 0.5 * (speed1 * speed1) * sin2 };
        let acceleration2 = (torque + d2 / d1 * phi1 - book - phi2) / (1.25 - d2 * d2 / d1);
        let acceleration1 = -(d2 * acceleration2 + phi1) / d1;
        [speed1, speed2, acceleration1, acceleration2]
    }

    /// The state after one step of the classical Runge-Kutta rule.
    fn integrated(&self, torque: f64) -> [f64; 4] {
        let start = self.state;
        let ahead = |time: f64, slope: [f64; 4]| std::array::from_fn(|i| start[i] + time * slope[i]);
        let k1 = self.derivative(&start, torque);
        let k2 = self.derivative(&ahead(TIME_STEP / 2.0, k1), torque);
        let k3 = self.derivative(&ahead(TIME_STEP / 2.0, k2), torque);
        let k4 = self.derivative(&ahead(TIME_STEP, k3), torque);
        ahead(TIME_STEP / 6.0, std::array::from_fn(|i| k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]))
    }

    fn observe(&self, observation: &mut [f64]) {
        let [theta1, theta2, speed1, speed2] = self.state;
        let ((sin1, cos1), (sin2, cos2)) = (libm::sincos(theta1), libm::sincos(theta2));
        observation.copy_from_slice(&[cos1, sin1, cos2, sin2, speed1, speed2]);
    }
}

impl Env for Acrobot {
    fn spec(&self) -> Spec {
        Spec {
            id: "Acrobot-v1".into(),
            observation: symmetric(&[1.0, 1.0, 1.0, 1.0, MAX_SPEEDS[0], MAX_SPEEDS[1]]),
            action: Space::Discrete(3),
            max_episode_steps: Some(500),
            reward_threshold: Some(-100.0),
        }
    }

    fn reset(&mut self, rng: &mut Stream, observation: &mut [f64]) -> Result<(), String> {
        self.state = std::array::from_fn(|_| single(rng.uniform(-0.1, 0.1))); // Gymnasium's first state is f32.
        self.observe(observation);
        Ok(())
    }

    fn step(&mut self, action: Action<'_>, rng: &mut Stream, observation: &mut [f64]) -> Result<Outcome, String> {
        let mut torque = [-1.0, 0.0, 1.0][choice(action, 3)?];
        let noise = self.options.torque_noise_max;
        if noise > 0.0 {
            torque += rng.uniform(-noise, noise);
        }
        let [theta1, theta2, speed1, speed2] = self.integrated(torque);
        self.state = [
            wrapped(theta1),
            wrapped(theta2),
            speed1.clamp(-MAX_SPEEDS[0], MAX_SPEEDS[0]),
            speed2.clamp(-MAX_SPEEDS[1], MAX_SPEEDS[1]),
        ];
        self.observe(observation);
        let above = -observation[0] - libm::cos(self.state[1] + self.state[0]) > 1.0;
        Ok(if above {
            Outcome { reward: 0.0, ending: Ending::Terminated }
        } else {
            Outcome { reward: -1.0, ending: Ending::Running }
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
        self.observe(observation);
        Ok(())
    }
}

/// `angle` in [-pi, pi], moved by whole turns.
fn wrapped(mut angle: f64) -> f64 {
    if angle.abs() > 100.0 {
        angle %= 2.0 * PI; // only needed for a loaded state; one step turns less than twice
    }
    while angle > PI {
        angle -= 2.0 * PI;
    }
    while angle < -PI {
        angle += 2.0 * PI;
    }
    angle
}

#[cfg(test)]
mod tests {
    use super::*;
    use npg_core::random::Purpose;

    fn run(options: AcrobotOptions, state: [f64; 4], index: u64) -> Vec<f64> {
        let mut rng = Stream::new(3, Purpose::Test, index);
        let mut env = Acrobot::new(options);
        env.load(&state).unwrap();
        env.step(Action::of_integers(&[2]), &mut rng, &mut [0.0; 6]).unwrap();
        env.save().unwrap()
    }

    #[test]
    fn starts_uniformly_in_its_range() {
        let mut rng = Stream::new(1, Purpose::Test, 0);
        let mut env = Acrobot::new(AcrobotOptions::default());
        let mut greatest = 0.0f64;
        for _ in 0..1000 {
            env.reset(&mut rng, &mut [0.0; 6]).unwrap();
            greatest = env.save().unwrap().iter().fold(greatest, |most, x| most.max(x.abs()));
        }
        assert!((0.0999..=0.1 + 1e-8).contains(&greatest), "{greatest}");
    }

    /// Without torque the book's equations keep the energy; the step of 0.2 s loses a little of it.
    #[test]
    fn energy_is_kept_without_torque() {
        let energy = |[theta1, theta2, speed1, speed2]: [f64; 4]| {
            let cos2 = theta2.cos();
            let (d1, d2) = (3.5 + cos2, 1.25 + 0.5 * cos2);
            let kinetic = 0.5 * d1 * speed1 * speed1 + d2 * speed1 * speed2 + 0.5 * 1.25 * speed2 * speed2;
            kinetic - GRAVITY * (1.5 * theta1.cos() + 0.5 * (theta1 + theta2).cos())
        };
        let mut rng = Stream::new(0, Purpose::Test, 0);
        let mut env = Acrobot::new(AcrobotOptions::default());
        let start = [0.3, 0.5, 0.0, 0.0];
        env.load(&start).unwrap();
        for _ in 0..20 {
            env.step(Action::of_integers(&[1]), &mut rng, &mut [0.0; 6]).unwrap();
        }
        assert!((energy(env.state) - energy(start)).abs() < 0.02, "{} {}", energy(env.state), energy(start));
    }

    #[test]
    fn options_change_the_dynamics() {
        let state = [0.3, 1.0, 2.0, -1.0];
        let book = run(AcrobotOptions::default(), state, 0);
        assert_ne!(run(AcrobotOptions { nips: true, ..Default::default() }, state, 0), book);
        let noisy = AcrobotOptions { torque_noise_max: 0.5, ..Default::default() };
        assert_ne!(run(noisy, state, 0), book);
        assert_ne!(run(noisy, state, 0), run(noisy, state, 1));
        assert_eq!(run(noisy, state, 1), run(noisy, state, 1));
    }

    #[test]
    fn angles_wrap_from_anywhere() {
        for angle in [0.5, PI, -PI, 4.0, -4.0, 1e4, -1e300] {
            assert!(wrapped(angle).abs() <= PI, "{angle}");
        }
        assert_eq!(wrapped(4.0), 4.0 - 2.0 * PI);
    }
}
