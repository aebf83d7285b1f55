//! Two experiments of Kakade 2001, "A Natural Policy Gradient", section 5, without sampling. The gradients, the Fisher
//! matrices and the flows that follow them are exact.

mod lqg;
mod two_states;

pub use lqg::{Lqg, LqgCurve, SCALINGS, largest_spread};
pub use two_states::{START, TARGET, TwoStateFlow, TwoStates, two_states};
