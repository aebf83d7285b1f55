//! Compares tables with those of Gymnasium 1.4, entry by entry, and samples from a table with the table.
//!
//! `scripts/record_tables.py` made the recordings and describes them.

#![allow(clippy::unwrap_used)] // a test: its helpers may panic too

use npg::env::tabular::{Table, TableOutcome};
use npg::env::{Actions, Ending, Outcome, Space, registry};
use npg::random::{Purpose, Stream};
use serde_json::Value;
use std::collections::BTreeMap;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/gymnasium");

fn recordings() -> Vec<Value> {
    let text = std::fs::read_to_string(format!("{FOLDER}/tables.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn options(entry: &Value) -> toml::Table {
    serde_json::from_value(entry["options"].clone()).unwrap()
}

/// The rows of a recorded file, ordered by state and then by action.
fn rows(entry: &Value) -> Vec<Vec<TableOutcome>> {
    let text = std::fs::read_to_string(format!("{FOLDER}/{}", entry["file"].as_str().unwrap())).unwrap();
    let mut lines = text.lines();
    let probabilities: Vec<f64> = lines.next().unwrap().split(',').map(|p| p.parse().unwrap()).collect();
    let outcome = |text: &str| {
        let fields: Vec<&str> = text.split(' ').collect();
        TableOutcome {
            probability: probabilities[fields[0].parse::<usize>().unwrap()],
            next: fields[1].parse().unwrap(),
            reward: fields[2].parse().unwrap(),
            terminated: fields[3] == "1",
        }
    };
    lines.map(|line| line.split(',').map(outcome).collect()).collect()
}

/// Every entry of every table has the same outcomes in the same order. Probabilities are equal up to rounding, and the rest
/// is equal exactly.
#[test]
fn every_entry_is_gymnasiums() {
    let recordings = recordings();
    assert_eq!(recordings.len(), 11);
    for entry in &recordings {
        let (id, theirs) = (entry["id"].as_str().unwrap(), rows(entry));
        let ours = registry::table(id, &options(entry)).unwrap();
        assert_eq!(
            (ours.states() as u64, ours.actions() as u64),
            (entry["states"].as_u64().unwrap(), entry["actions"].as_u64().unwrap())
        );
        assert_eq!(theirs.len(), ours.states() * ours.actions());
        for (row, theirs) in theirs.iter().enumerate() {
            let (state, action) = (row / ours.actions(), row % ours.actions());
            let ours = ours.outcomes(state, action);
            let equal = |(a, b): (&TableOutcome, &TableOutcome)| {
                (a.probability - b.probability).abs() <= 1e-15
                    && *a == TableOutcome { probability: a.probability, ..*b }
            };
            let same = ours.len() == theirs.len() && ours.iter().zip(theirs).all(equal);
            assert!(same, "{id} {:?} state {state} action {action}: {ours:?} and {theirs:?}", entry["options"]);
        }
        for (state, p) in ours.start().iter().enumerate() {
            let theirs = entry["start"][state.to_string()].as_f64().unwrap_or(0.0);
            assert!((p - theirs).abs() <= 1e-15, "{id} starts in {state}: {p} and {theirs}");
        }
    }
}

#[test]
fn specs() {
    for entry in recordings() {
        let id = entry["id"].as_str().unwrap();
        let spec = registry::make(id, &options(&entry)).unwrap().spec();
        assert_eq!(spec.id, id);
        assert_eq!(spec.observation, Space::Discrete(entry["states"].as_u64().unwrap() as usize));
        assert_eq!(spec.action, Space::Discrete(entry["actions"].as_u64().unwrap() as usize));
        assert_eq!(spec.max_episode_steps.map(u64::from), entry["max_episode_steps"].as_u64());
        assert_eq!(spec.reward_threshold, entry["reward_threshold"].as_f64());
    }
}

/// Whether these counts can be those of draws with these probabilities. Each next state's count is checked against Chernoff's
/// bound, P(count >= q n) <= exp(-n KL(q || p)), on both sides. A true table fails with a probability below 10^-9 for each
/// next state.
fn plausible(probabilities: &BTreeMap<usize, f64>, counts: &BTreeMap<usize, f64>) -> bool {
    let n: f64 = counts.values().sum();
    let term = |q: f64, p: f64| if q > 0.0 { q * (q / p).ln() } else { 0.0 };
    let fits = |(next, p): (&usize, &f64)| {
        let q = counts.get(next).unwrap_or(&0.0) / n;
        n * (term(q, *p) + term(1.0 - q, 1.0 - p)) < 21.5 // exp(-21.5) is half of 10^-9
    };
    counts.keys().all(|next| probabilities.contains_key(next)) && probabilities.iter().all(fits)
}

#[test]
fn counts_of_another_table_are_not_plausible() {
    let even = [(0, 0.5), (1, 0.5)].into();
    assert!(plausible(&even, &[(0, 480.0), (1, 520.0)].into()));
    assert!(!plausible(&even, &[(0, 350.0), (1, 650.0)].into()));
    assert!(!plausible(&even, &[(0, 1000.0)].into()), "the other never came");
    assert!(!plausible(&even, &[(0, 500.0), (1, 499.0), (2, 1.0)].into()), "the third cannot come");
}

/// The probabilities of the next states. Those of the same state are added, and impossible states are left out.
fn next_states(table: &Table, state: usize, action: usize) -> BTreeMap<usize, f64> {
    let mut next = BTreeMap::new();
    for outcome in table.outcomes(state, action).iter().filter(|outcome| outcome.probability > 0.0) {
        *next.entry(outcome.next).or_insert(0.0) += outcome.probability;
    }
    next
}

/// What Gymnasium's fickle passengers did, compared with npg's table of them. Gymnasium has no such table. The counts are
/// recorded, and there are fewer than 100 next states.
#[test]
fn fickle_passengers_do_as_gymnasiums() {
    let options: toml::Table = "fickle_passenger = true".parse().unwrap();
    let table = registry::table("Taxi-v4", &options).unwrap();
    let mut counts: BTreeMap<(usize, usize), BTreeMap<usize, f64>> = BTreeMap::new();
    for line in std::fs::read_to_string(format!("{FOLDER}/fickle.csv")).unwrap().lines() {
        let [state, fickle, action, next, after, count]: [usize; 6] =
            line.split(',').map(|x| x.parse().unwrap()).collect::<Vec<_>>().try_into().unwrap();
        counts.entry((500 * fickle + state, action)).or_default().insert(500 * after + next, count as f64);
    }
    assert_eq!(counts.len(), 72);
    assert!(counts.values().any(|next| next.len() == 3), "some destination changes");
    for ((state, action), counts) in &counts {
        let next = next_states(&table, *state, *action);
        assert!(plausible(&next, counts), "state {state} action {action}: {counts:?}");
    }
}

/// What environments do on the trainer's own path, compared with their tables: the next states, rewards and endings of every
/// state and action, and the first states. The seed is fixed. There are about 10^4 next states, so another seed would fail
/// with a probability of at most 10^-5.
#[test]
fn what_is_sampled_is_what_the_table_says() {
    let rain = "is_rainy = true\nrainy_probability = 0.5";
    let garnet = "states = 12\nbranching = 5";
    for (id, options) in
        [("FrozenLake-v1", ""), ("CliffWalkingSlippery-v1", ""), ("Garnet-v0", garnet), ("Taxi-v4", rain)]
    {
        let options = options.parse().unwrap();
        let table = registry::table(id, &options).unwrap();
        let mut group = registry::make(id, &options).unwrap().group(1).unwrap();
        let mut rng = [Stream::new(11, Purpose::Test, 0)];
        let mut observation = [f64::NAN];
        for (state, action) in (0..table.states()).flat_map(|s| (0..table.actions()).map(move |a| (s, a))) {
            let mut counts = BTreeMap::new();
            for _ in 0..1000 {
                group.load(0, &[state as f64]).unwrap();
                let mut outcome = [Outcome { reward: f64::NAN, ending: Ending::Diverged }];
                let taken = [action as i64];
                let actions = Actions::of_integers(&taken, 1);
                group.step(&[0], actions, &mut rng, &mut observation, &mut outcome).unwrap();
                let next = observation[0] as usize;
                let terminated = outcome[0].ending == Ending::Terminated;
                let known = |o: &TableOutcome| {
                    o.next == next && o.reward == outcome[0].reward && o.terminated == terminated && o.probability > 0.0
                };
                assert!(table.outcomes(state, action).iter().any(known), "{id} {state} {action}: {outcome:?}");
                *counts.entry(next).or_insert(0.0) += 1.0;
            }
            let next = next_states(&table, state, action);
            assert!(plausible(&next, &counts), "{id} state {state} action {action}: {counts:?}");
        }
        let mut counts = BTreeMap::new();
        for _ in 0..20 * table.states() {
            group.reset(0, &mut rng[0], &mut observation).unwrap();
            *counts.entry(observation[0] as usize).or_insert(0.0) += 1.0;
        }
        let start = table.start().iter().copied().enumerate().filter(|(_, p)| *p > 0.0).collect();
        assert!(plausible(&start, &counts), "{id} starts: {counts:?}");
    }
}
