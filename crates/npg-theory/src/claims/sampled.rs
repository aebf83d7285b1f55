//! Claims about the trainer: what it computes from samples converges to the exact quantities.

use super::instances::largest;
use super::{Claim, Demand};
use crate::convergence::{Curve, Plan, World, bandit, converge, frozen_lake, random_mdp, regulator};
use npg_core::Result;

/// Batches of up to 100,000 transitions, which take about a second for each world. `npg convergence` goes up to a million.
const PLAN: Plan = Plan { samples: 100_000, replicates: 4, seed: 0 };
const SOURCE: &str = "central limit theorem; Sutton et al. 2000, theorem 1";
const MEASURED: &str = "of gradient, Fisher product, natural direction: largest distance of the exponent from -1/2, \
                        in standard errors, 1,000 to 100,000 transitions";

pub(super) static CLAIMS: &[Claim] = &[
    Claim {
        name: "sampled-frozen-lake",
        sentence: "On FrozenLake the trainer's gradient, Fisher product and natural direction converge as N^-1/2.",
        source: SOURCE,
        measured: MEASURED,
        demand: Demand::AtMost(4.0),
        is_about_error: false,
        measure: || rate(frozen_lake(), 0),
    },
    Claim {
        name: "sampled-mdp",
        sentence: "In a random MDP they converge at the same rate.",
        source: SOURCE,
        measured: MEASURED,
        demand: Demand::AtMost(4.0),
        is_about_error: false,
        measure: || rate(random_mdp(), 1),
    },
    Claim {
        name: "sampled-regulator",
        sentence: "In the regulator they converge at the same rate, with the chain rule between sigma and log sigma.",
        source: SOURCE,
        measured: MEASURED,
        demand: Demand::AtMost(4.0),
        is_about_error: false,
        measure: || rate(regulator(), 2),
    },
    Claim {
        name: "sampled-bandit",
        sentence: "In the bandit they converge at the same rate.",
        source: SOURCE,
        measured: MEASURED,
        demand: Demand::AtMost(4.0),
        is_about_error: false,
        measure: || rate(bandit(), 3),
    },
    Claim {
        name: "sampled-limit",
        sentence: "Their limits are exact: grad J over the discounted life of an episode, F, and (F + lambda I)^-1 g.",
        source: "closed forms in f64",
        measured: "largest error of a mean over 8 batches of 32,000 transitions, over the limit of chance (0.27 %)",
        demand: Demand::AtMost(1.0),
        is_about_error: false,
        measure: || {
            let curves = converge(&Plan { samples: 32_000, replicates: 8, seed: 1 });
            curves.map_or(f64::NAN, |curves| largest(curves.iter().map(|curve| curve.worst_z / curve.z_limit)))
        },
    },
];

/// The largest distance of an exponent from -1/2, in its standard errors.
fn rate(world: Result<World>, numbered: usize) -> f64 {
    let distance = |curve: &Curve| (curve.slope + 0.5).abs() / curve.slope_error;
    let curves = world.and_then(|world| world.curves(&PLAN, numbered));
    curves.map_or(f64::NAN, |curves| largest(curves.iter().map(distance)))
}
