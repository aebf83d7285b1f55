//! All sums over samples and episodes are computed in one place, `reduce`. Sums that are computed elsewhere are listed here
//! with what they sum over, so that somebody looks at every new one.
#![allow(clippy::unwrap_used)] // a test

use std::path::{Path, PathBuf};

/// Where samples and episodes are at hand: the sources of two crates.
const PARTS: [(&str, &[&str]); 2] = [
    (
        "../npg-core/src",
        &["advantage.rs", "normalize.rs", "update.rs", "problem", "rollout", "step.rs", "trust_region", "value"],
    ),
    ("src", &["train"]),
];

/// The code of a sum or a maximum contains one of these.
const SUMS: &[&str] = &[".sum()", ".sum::<", ".fold(", "::mean(", "::variance(", "::mean_interval("];

/// The file, a part of the line, and what the line sums over.
const OTHERS: &[(&str, &str, &str)] = &[
    ("rollout/recording.rs", "counts.iter().sum()", "numbers of rows"),
    ("train/memory.rs", "need.bytes", "parts of the memory"),
    ("train/memory.rs", "layers.sum()", "layers"),
    ("train/memory.rs", "map(of_kind).sum()", "embeddings"),
    ("train/state.rs", "hidden.windows(2)", "layers"),
    ("train/rewards.rs", "worth_of_one", "steps of an imagined episode"),
    ("train/report.rs", "rev().fold(beyond", "rewards of one segment, backwards"),
    ("train/report.rs", "stats::mean(&lengths)", "the window of 100 episodes, the same in every process"),
    ("train/mod.rs", "self.recent.iter()", "the window of 100 episodes"),
    ("train/iteration.rs", "stats::mean_interval(&totals)", "the window of 100 episodes"),
    ("train/iteration.rs", "stats::mean(&lengths)", "the window of 100 episodes"),
    ("train/iteration.rs", "stats::mean(&ended)", "the gathered episodes of a batch, the same in every process"),
    ("value/linear.rs", "features.iter().zip(&self.weights)", "features"),
    ("value/linear.rs", "gram[(i, i)]", "features"),
];

fn sources(path: &Path, all: &mut Vec<PathBuf>) {
    if path.is_dir() {
        std::fs::read_dir(path).unwrap().for_each(|entry| sources(&entry.unwrap().path(), all));
    } else if !["tests.rs", "ranks.rs"].iter().any(|name| path.ends_with(name)) {
        all.push(path.to_owned());
    }
}

#[test]
fn sums_over_samples_are_added_in_one_place() {
    let mut files = Vec::new();
    for (root, parts) in PARTS {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(root);
        let mut found = Vec::new();
        parts.iter().for_each(|part| sources(&root.join(part), &mut found));
        files.extend(found.into_iter().map(|path| (path.strip_prefix(&root).unwrap().to_owned(), path)));
    }
    let (mut unknown, mut seen) = (Vec::new(), vec![false; OTHERS.len()]);
    for (name, path) in &files {
        let text = std::fs::read_to_string(path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let is_sum = |line: &str| !line.trim_start().starts_with("//") && SUMS.iter().any(|sum| line.contains(sum));
        for line in code.lines().filter(|line| is_sum(line)) {
            match OTHERS.iter().position(|(file, part, _)| name == Path::new(file) && line.contains(part)) {
                Some(index) => seen[index] = true,
                None => unknown.push(format!("{}: {}", name.display(), line.trim())),
            }
        }
    }
    assert!(unknown.is_empty(), "sums over samples go through reduce::Reducer; list others in this test: {unknown:#?}");
    let gone: Vec<_> = OTHERS.iter().zip(seen).filter(|(_, seen)| !seen).collect();
    assert!(gone.is_empty(), "these are no longer there: {gone:#?}");
}
