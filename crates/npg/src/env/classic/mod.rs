//! Classic control: the dynamics, spaces, rewards and limits of Gymnasium 1.4, step for step.
//!
//! Where Gymnasium's numbers pass through f32 (bounds, some states and actions), they do so here as well;
//! `tests/gymnasium.rs` replays recorded transitions. Observations are given in f64, before the cast to f32.
//! Resets draw from the same distributions but from npg's own streams, so episodes differ from Gymnasium's.

mod cartpole;

pub use cartpole::CartPole;

use super::registry::Entry;
use super::{EnvOption, Kind, Space};

/// The environments of this family.
pub(super) static ENTRIES: &[Entry] = &[Entry {
    id: "CartPole-v1",
    sentence: "Balance a pole on a cart by pushing the cart left or right.",
    options: &[EnvOption {
        name: "sutton_barto_reward",
        kind: Kind::Flag(false),
        sentence: "Reward 0 a step and -1 at the fall, instead of 1 a step.",
    }],
    build: |options| {
        let sutton_barto_reward = options.flag("sutton_barto_reward");
        Ok(Box::new(move || CartPole::new(sutton_barto_reward)))
    },
}];

/// A box symmetric about 0, with its bounds rounded to f32 as Gymnasium stores them.
fn symmetric(high: &[f64]) -> Space {
    let high: Vec<_> = high.iter().map(|&bound| single(bound)).collect();
    Space::Box { low: high.iter().map(|bound| -bound).collect(), high }
}

/// `x` rounded to f32.
fn single(x: f64) -> f64 {
    f64::from(x as f32)
}

/// The state in what [`Env::save`](super::Env::save) gave.
fn restored<const N: usize>(state: &[f64]) -> Result<[f64; N], String> {
    let state: [f64; N] =
        state.try_into().map_err(|_| format!("a state of {N} numbers expected, got {}", state.len()))?;
    match state.iter().find(|x| !x.is_finite()) {
        None => Ok(state),
        Some(x) => Err(format!("a state of finite numbers expected, got {x}")),
    }
}

/// The index in `action`, which must be below `n`.
fn choice(action: super::Action<'_>, n: usize) -> Result<usize, String> {
    let index = action.index();
    if index < n { Ok(index) } else { Err(format!("an action below {n} expected, got {index}")) }
}
