//! Claims about the experiments of Kakade 2001.

use super::{Claim, Demand};
use npg_core::settings::Direction;
use npg_exact::field::spaced;
use npg_exact::kakade::{Lqg, SCALINGS, TwoStateFlow, largest_spread};

const SOURCE: &str = "Kakade 2001, section 5";

pub(super) static CLAIMS: &[Claim] = &[
    Claim {
        name: "plateau",
        sentence: "Two states: the vanilla flow stays on a plateau before it reaches an average reward of 1.9.",
        source: SOURCE,
        measured: "time until then",
        demand: Demand::Within(2.6e6, 2.8e6),
        is_about_error: false,
        measure: || TwoStateFlow::new(Direction::Vanilla).time_to_target().unwrap_or(f64::NAN),
    },
    Claim {
        name: "starved-state",
        sentence: "On that plateau the better state is hardly visited, and the vanilla gradient weights it by its visits.",
        source: SOURCE,
        measured: "least share of time in that state",
        demand: Demand::AtMost(1e-5),
        is_about_error: false,
        measure: || TwoStateFlow::new(Direction::Vanilla).least_weight_j(),
    },
    Claim {
        name: "no-plateau",
        sentence: "The natural flow reaches an average reward of 1.9 within a few units of time.",
        source: SOURCE,
        measured: "time until then",
        demand: Demand::AtMost(10.0),
        is_about_error: false,
        measure: || TwoStateFlow::new(Direction::Natural).time_to_target().unwrap_or(f64::NAN),
    },
    Claim {
        name: "scaling-natural",
        sentence: "Regulator over 20 steps: the undamped natural flow does not depend on the scale of the parameters.",
        source: SOURCE,
        measured: "largest difference of the costs under three scalings",
        demand: Demand::AtMost(1e-6),
        is_about_error: false,
        measure: || spread(Direction::Natural),
    },
    Claim {
        name: "scaling-vanilla",
        sentence: "The vanilla flow depends on the scale of the parameters.",
        source: SOURCE,
        measured: "largest difference of the costs under three scalings",
        demand: Demand::AtLeast(0.1),
        is_about_error: false,
        measure: || spread(Direction::Vanilla),
    },
];

/// The largest difference between the costs of three learners with the same policies but differently scaled parameters.
fn spread(direction: Direction) -> f64 {
    let times = spaced(0.1, 5.0, 50);
    let curves = SCALINGS.map(|scales| Lqg { scales }.learn(direction, &times));
    if curves.iter().all(|curve| curve.times.len() == times.len()) { largest_spread(&curves) } else { f64::NAN }
}
