//! Classic control: the dynamics, spaces, rewards and limits of Gymnasium 1.4, step for step.
//!
//! Gymnasium rounds some numbers to f32: bounds, some states and some actions. They are rounded here as well.
//! `tests/gymnasium.rs` replays recorded transitions. Observations are given in f64, before the cast to f32. Resets draw from
//! the same distributions but from npg's own streams, so episodes differ from Gymnasium's.

mod acrobot;
mod cartpole;
mod mountain_car;
mod mountain_car_continuous;
mod pendulum;

pub use acrobot::{Acrobot, AcrobotOptions};
pub use cartpole::CartPole;
pub use mountain_car::MountainCar;
pub use mountain_car_continuous::MountainCarContinuous;
pub use pendulum::Pendulum;

use super::entry::Entry;
use crate::EnvOption;
use crate::setting::Kind;
use npg_core::env::{Action, Space, restored};

/// The environments of this family.
pub(super) static ENTRIES: &[Entry] = &[
    Entry {
        id: "CartPole-v1",
        sentence: "Balance a pole on a cart by pushing the cart left or right.",
        options: &[EnvOption::flag(
            "sutton_barto_reward",
            false,
            "Reward 0 for each step and -1 for the fall, instead of 1 for each step.",
        )],
        build: |options| {
            let sutton_barto_reward = options.flag("sutton_barto_reward");
            Ok(Box::new(move || CartPole::new(sutton_barto_reward)))
        },
        table: None,
    },
    Entry {
        id: "Pendulum-v1",
        sentence: "Swing a pendulum up with a weak torque and hold it upright.",
        options: &[EnvOption::real("g", 10.0, Kind::ANY_NUMBER, "Gravity in m/s^2.")],
        build: |options| {
            let gravity = options.real("g");
            Ok(Box::new(move || Pendulum::new(gravity)))
        },
        table: None,
    },
    Entry {
        id: "Acrobot-v1",
        sentence: "Swing the tip of a double pendulum above a bar with a torque at its elbow.",
        options: &[
            EnvOption::choice(
                "book_or_nips",
                "book",
                &["book", "nips"],
                "Equations of motion of Sutton and Barto's book, or of the paper of 1995, which lacks a term.",
            ),
            EnvOption::real(
                "torque_noise_max",
                0.0,
                Kind::NON_NEGATIVE,
                "Uniform noise of up to this many N m is added to each torque.",
            ),
        ],
        build: |options| {
            let nips = options.choice("book_or_nips") == "nips";
            let options = AcrobotOptions { nips, torque_noise_max: options.real("torque_noise_max") };
            Ok(Box::new(move || Acrobot::new(options)))
        },
        table: None,
    },
    Entry {
        id: "MountainCar-v0",
        sentence: "Drive a weak car up a hill by swinging back and forth, with three actions.",
        options: &[GOAL_VELOCITY],
        build: |options| {
            let goal_velocity = options.real("goal_velocity");
            Ok(Box::new(move || MountainCar::new(goal_velocity)))
        },
        table: None,
    },
    Entry {
        id: "MountainCarContinuous-v0",
        sentence: "Drive a weak car up a hill by swinging back and forth, with a force that costs reward.",
        options: &[GOAL_VELOCITY],
        build: |options| {
            let goal_velocity = options.real("goal_velocity");
            Ok(Box::new(move || MountainCarContinuous::new(goal_velocity)))
        },
        table: None,
    },
];

const GOAL_VELOCITY: EnvOption = EnvOption::real(
    "goal_velocity",
    0.0,
    Kind::ANY_NUMBER,
    "Smallest velocity, in m per step, at which the car must pass the flag.",
);

/// A box, with its bounds rounded to f32 as Gymnasium stores them.
fn bounds(low: &[f64], high: &[f64]) -> Space {
    let round = |bounds: &[f64]| bounds.iter().map(|&bound| single(bound)).collect();
    Space::Box { low: round(low), high: round(high) }
}

/// A box symmetric about 0, with its bounds rounded to f32.
fn symmetric(high: &[f64]) -> Space {
    let low: Vec<_> = high.iter().map(|bound| -bound).collect();
    bounds(&low, high)
}

/// `x` rounded to f32.
fn single(x: f64) -> f64 {
    f64::from(x as f32)
}

/// The index in `action`, which must be below `n`.
fn choice(action: Action<'_>, n: usize) -> Result<usize, String> {
    let index = action.index();
    if index < n { Ok(index) } else { Err(format!("expected an action below {n}, got {index}")) }
}
