//! Claims about total variation and KL.

use super::instances::{Instance, MANY, instances, largest};
use super::{Claim, Demand};
use npg_core::policy::distribution::{bretagnolle_huber, pinsker};
use npg_exact::mdp::TabularPolicy;

pub(super) static CLAIMS: &[Claim] = &[
    Claim {
        name: "pinsker",
        sentence: "TV <= sqrt(KL / 2).",
        source: "Pinsker 1964",
        measured: "largest TV - sqrt(KL / 2) over the states of 1,000 MDPs",
        demand: Demand::AtMost(1e-15),
        is_about_error: false,
        measure: || excess(pinsker),
    },
    Claim {
        name: "bretagnolle-huber",
        sentence: "TV <= sqrt(1 - exp(-KL)), which is better for large KL.",
        source: "Bretagnolle and Huber 1979",
        measured: "largest TV - sqrt(1 - exp(-KL)) over the states of 1,000 MDPs",
        demand: Demand::AtMost(1e-15),
        is_about_error: false,
        measure: || excess(bretagnolle_huber),
    },
    Claim {
        name: "tv-below-kl",
        sentence: "TV is not bounded by KL, but by its square root.",
        source: "a slip in study notes",
        measured: "TV / KL of (.5, .5) and (.6, .4)",
        demand: Demand::AtLeast(4.8),
        is_about_error: true,
        measure: || {
            let row = |p: f64| TabularPolicy::from_probabilities(2, vec![p, 1.0 - p]).expect("it sums to 1");
            let (p, q) = (row(0.5), row(0.6));
            p.total_variation(&q)[0] / p.kl(&q)[0]
        },
    },
];

/// The largest excess of TV over the bound that `bound` derives from KL, in either direction.
fn excess(bound: fn(f64) -> f64) -> f64 {
    let of = |at: Instance| {
        let (tv, kl, reverse) =
            (at.policy.total_variation(&at.other), at.policy.kl(&at.other), at.other.kl(&at.policy));
        largest(tv.iter().zip(kl.iter().zip(reverse)).map(|(tv, (kl, reverse))| tv - bound(kl.min(reverse))))
    };
    largest(instances(MANY).map(of))
}
