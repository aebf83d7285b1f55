//! Finite worlds as tables. The trainer samples from them, and [`npg_exact::mdp`] solves them exactly.
//!
//! An environment of this family is a [`Table`]: its states, its actions and the outcomes of each. [`TabularEnv`] draws from
//! it. [`Table::mdp`] is the same process in closed form, so that a trained policy can be valued exactly.
//! FrozenLake, CliffWalking and Taxi are those of Gymnasium 1.4.

mod table;
mod sampled;
mod frozen_lake;
mod cliff_walking;
mod taxi;
mod garnet;

pub use cliff_walking::cliff_walking;
pub use frozen_lake::FrozenLake;
pub use garnet::Garnet;
pub use sampled::TabularEnv;
pub use table::{Table, TableOutcome};
pub use taxi::Taxi;

use super::EnvOption;
use super::entry::Entry;
use super::options::Values;
use crate::setting::Kind;
use npg_core::{Error, Result};
use std::sync::Arc;

/// The environments of this family.
pub(super) static ENTRIES: &[Entry] = &[
    Entry {
        id: "FrozenLake-v1",
        sentence: "Cross a frozen lake of 4 x 4 tiles on slippery ice without falling into a hole.",
        options: &lake_options("4x4"),
        build: |options| Ok(TabularEnv::source("FrozenLake-v1", Some(100), Some(0.7), lake(options)?)),
        table: Some(lake),
    },
    Entry {
        id: "FrozenLake8x8-v1",
        sentence: "Cross a frozen lake of 8 x 8 tiles on slippery ice without falling into a hole.",
        options: &lake_options("8x8"),
        build: |options| Ok(TabularEnv::source("FrozenLake8x8-v1", Some(200), Some(0.85), lake(options)?)),
        table: Some(lake),
    },
    Entry {
        id: "CliffWalking-v1",
        sentence: "Walk from one end of a cliff to the other without falling.",
        options: &[slippery_ground(false)],
        build: |options| Ok(TabularEnv::source("CliffWalking-v1", None, None, cliff(options)?)),
        table: Some(cliff),
    },
    Entry {
        id: "CliffWalkingSlippery-v1",
        sentence: "Walk from one end of a cliff to the other on slippery ground.",
        options: &[slippery_ground(true)],
        build: |options| Ok(TabularEnv::source("CliffWalkingSlippery-v1", None, None, cliff(options)?)),
        table: Some(cliff),
    },
    Entry {
        id: "Taxi-v4",
        sentence: "Fetch a passenger at one of four stops of a small town and bring them to another.",
        options: &[
            EnvOption::flag("is_rainy", false, "Whether a drive may go to the left or right instead."),
            EnvOption::real(
                "rainy_probability",
                0.8,
                Kind::UNIT,
                "Probability that a drive in the rain goes in its direction.",
            ),
            EnvOption::flag(
                "fickle_passenger",
                false,
                "Whether passengers may change their destination once, on their first move.",
            ),
            EnvOption::real(
                "fickle_probability",
                0.3,
                Kind::UNIT,
                "Probability that a fickle passenger changes the destination.",
            ),
            EnvOption::flag("mask", false, "Whether an action mask forbids actions without an effect."),
        ],
        build: |options| {
            let (table, has_masks) = (Arc::new(taxi(options)?), options.flag("mask"));
            Ok(Box::new(move || {
                let taxi = TabularEnv::new("Taxi-v4", Some(200), Some(8.0), Arc::clone(&table));
                if has_masks { taxi.with_action_masks() } else { taxi }
            }))
        },
        table: Some(taxi),
    },
    Entry {
        id: "Garnet-v0",
        sentence: "Earn rewards in a random process of a given size.",
        options: &[
            EnvOption::integer("states", 20, (1, 10_000), "Number of states."),
            EnvOption::integer("actions", 4, (1, 10_000), "Number of actions."),
            EnvOption::integer(
                "branching",
                3,
                (1, 10_000),
                "States that may follow a state and an action; at most all.",
            ),
            EnvOption::integer("seed", 0, (0, i64::MAX), "The number of the process among those of that size."),
            EnvOption::integer("horizon", 1000, (1, 100_000), "Time limit in steps."),
        ],
        build: |options| {
            let horizon = options.integer("horizon") as u32; // in range by its kind
            Ok(TabularEnv::source("Garnet-v0", Some(horizon), None, garnet(options)?))
        },
        table: Some(garnet),
    },
];

const fn lake_options(map: &'static str) -> [EnvOption; 7] {
    [
        EnvOption::choice("map_name", map, &["4x4", "8x8"], "Which lake, where `desc` gives none."),
        EnvOption::text(
            "desc",
            "",
            "Your own lake, as rows of S (start), F (ice), H (hole), G (goal) with / between: \"SF/HG\".",
        ),
        EnvOption::flag("is_slippery", true, "Whether steps may go to either side."),
        EnvOption::real(
            "success_rate",
            1.0 / 3.0,
            Kind::UNIT,
            "Probability that a step on slippery ice goes in its direction; otherwise it goes to either side.",
        ),
        EnvOption::real("reward_goal", 1.0, Kind::ANY_NUMBER, "Reward for reaching the goal."),
        EnvOption::real("reward_hole", 0.0, Kind::ANY_NUMBER, "Reward for falling into a hole."),
        EnvOption::real("reward_frozen", 0.0, Kind::ANY_NUMBER, "Reward for any other step."),
    ]
}

fn lake(options: &Values) -> Result<Table> {
    let map = match (options.text("desc"), options.text("map_name")) {
        ("", "8x8") => frozen_lake::LARGE,
        ("", _) => frozen_lake::SMALL,
        (map, _) => map,
    };
    let success_rate = if options.flag("is_slippery") { options.real("success_rate") } else { 1.0 };
    let rewards = ["reward_goal", "reward_hole", "reward_frozen"].map(|name| options.real(name));
    let lake = FrozenLake { map: map.into(), success_rate, rewards };
    lake.table().map_err(|message| Error::config("env.desc", message))
}

const fn slippery_ground(default: bool) -> EnvOption {
    let sentence = "Whether a step may also go to either side, with equal probability.";
    EnvOption::flag("is_slippery", default, sentence)
}

fn cliff(options: &Values) -> Result<Table> {
    Ok(cliff_walking(options.flag("is_slippery")))
}

fn taxi(options: &Values) -> Result<Table> {
    let probability = |flag: &str, name: &str| options.flag(flag).then(|| options.real(name));
    let rain = probability("is_rainy", "rainy_probability");
    let taxi = Taxi { rain, fickle: probability("fickle_passenger", "fickle_probability") };
    taxi.table().map_err(|message| Error::config("env", message))
}

/// The process of `Garnet-v0` with these options.
fn garnet(options: &Values) -> Result<Table> {
    let size = |name: &str| options.integer(name) as usize; // at least 1 by its kind
    let [states, actions, branching] = ["states", "actions", "branching"].map(size);
    let garnet = Garnet { states, actions, branching, seed: options.integer("seed") as u64 };
    garnet.table().map_err(|message| Error::config("env.states", message))
}

/// The cell after a step of (rows, columns) from `cell` in a grid of `size`. At the edge, the cell stays the same.
pub(super) fn moved(cell: usize, step: (isize, isize), size: [usize; 2]) -> usize {
    let [height, width] = size;
    let row = (cell / width).saturating_add_signed(step.0).min(height - 1);
    let column = (cell % width).saturating_add_signed(step.1).min(width - 1);
    row * width + column
}
