//! Finite worlds as tables: sampled for the trainer, exact for [`crate::exact::mdp`].
//!
//! An environment of this family is a [`Table`]: its states, its actions and the outcomes of each. [`TabularEnv`] draws
//! from it; [`Table::mdp`] is the same process in closed form, so that a trained policy can be valued exactly.
//! FrozenLake, CliffWalking and Taxi are those of Gymnasium 1.4.

mod frozen_lake;
mod sampled;
mod table;

pub use frozen_lake::FrozenLake;
pub use sampled::TabularEnv;
pub use table::{Table, TableOutcome};

use super::options::Values;
use super::registry::Entry;
use super::{EnvOption, Kind};
use crate::error::{Error, Result};

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
];

const fn lake_options(map: &'static str) -> [EnvOption; 7] {
    let rate = Kind::Real { default: 1.0 / 3.0, low: 0.0, high: 1.0 };
    [
        EnvOption {
            name: "map_name",
            kind: Kind::Choice { default: map, of: &["4x4", "8x8"] },
            sentence: "Which lake, where `desc` gives none.",
        },
        EnvOption {
            name: "desc",
            kind: Kind::Text(""),
            sentence: "A lake of one's own, rows of S (start), F (ice), H (hole), G (goal) with / between: \"SF/HG\".",
        },
        EnvOption { name: "is_slippery", kind: Kind::Flag(true), sentence: "Whether steps go astray." },
        EnvOption {
            name: "success_rate",
            kind: rate,
            sentence: "Probability that a step on slippery ice goes where it should; else to either side.",
        },
        EnvOption { name: "reward_goal", kind: Kind::real(1.0), sentence: "Reward for reaching the goal." },
        EnvOption { name: "reward_hole", kind: Kind::real(0.0), sentence: "Reward for falling into a hole." },
        EnvOption { name: "reward_frozen", kind: Kind::real(0.0), sentence: "Reward for any other step." },
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
