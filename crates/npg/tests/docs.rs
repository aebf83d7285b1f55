//! Checks the pages in docs/ against the code, and checks their links.

#![allow(clippy::unwrap_used)] // a test: its helpers may panic too

use npg::env::registry;
use npg::metrics::METRICS;
use npg::theory::{Claim, SECTIONS};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// All metrics as a Markdown page.
fn metrics_page() -> String {
    let mut page = String::from(
        "# Metrics\n\n\
        Every number that an iteration logs, in the order of the columns of progress.csv. `npg explain NAME` prints the\n\
        same. Names are those of Stable-Baselines3 if the quantity is the same. `npg/...` and `trust_region/...` are npg's own.\n\
        The latter are explained under [promised against delivered](trust-region.md); `trust_region.report = false` turns them\n\
        off. Numbers that an iteration does not have are null in JSON and `NaN` in CSV. Other numbers that environments\n\
        measure, such as those in Gymnasium's `info`, are logged as `env/<name>`, the mean over the batch. progress.csv gets a\n\
        column for such a number when it first appears.\n\n\
        | name | unit | what it is | when all is well |\n|---|---|---|---|\n",
    );
    for metric in METRICS {
        let [unit, sentence, healthy] =
            [metric.unit, metric.sentence, metric.healthy].map(|text| text.replace('|', "\\|"));
        let _ = writeln!(page, "| `{}` | {unit} | {sentence} | {healthy} |", metric.name);
    }
    page
}

/// `UPDATE_DOCS=1 cargo test -p npg --test docs` rewrites the page.
#[test]
fn the_metrics_page_is_up_to_date() {
    let path = root().join("docs/metrics.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, metrics_page()).unwrap();
    }
    let page = std::fs::read_to_string(&path).unwrap();
    assert!(page == metrics_page(), "docs/metrics.md is behind the table: run this test with UPDATE_DOCS=1");
}

#[test]
fn every_environment_has_its_row() {
    let page = std::fs::read_to_string(root().join("docs/environments.md")).unwrap();
    for entry in registry::entries() {
        let row = page.lines().find(|line| line.starts_with(&format!("| {} |", entry.id)));
        let row = row.unwrap_or_else(|| panic!("docs/environments.md has no row for {}", entry.id));
        match registry::make(entry.id, &toml::Table::new()) {
            Ok(source) => {
                let spec = source.spec();
                let number = |number: Option<String>| format!("| {} |", number.unwrap_or_else(|| "-".into()));
                let limit = number(spec.max_episode_steps.map(|steps| steps.to_string()));
                let threshold = number(spec.reward_threshold.map(|threshold| threshold.to_string()));
                assert!(row.contains(&limit) && row.contains(&threshold), "{row}");
            }
            Err(npg::Error::Library { .. }) => {} // ./test installs it
            Err(error) => panic!("{error}"),
        }
        for option in entry.options {
            let default = option.default_value();
            assert!(row.contains(&format!("`{}` ({default})", option.name)), "{}: {}", entry.id, option.name);
        }
    }
}

/// The environment that the book shows is the one in the example.
#[test]
fn the_book_shows_the_example() {
    let page = std::fs::read_to_string(root().join("docs/environments.md")).unwrap();
    let example = std::fs::read_to_string(root().join("crates/npg/examples/own_environment.rs")).unwrap();
    let shown = page.split("impl Env for Cart {").nth(1).unwrap().split("\n}\n").next().unwrap();
    let ours = example.split("impl Env for Cart {").nth(1).unwrap();
    assert!(ours.starts_with(shown.trim_end()), "docs/environments.md shows another environment than the example");
}

/// The chapter on theory, without quotation marks and line breaks.
fn theory() -> String {
    let page = std::fs::read_to_string(root().join("docs/theory.md")).unwrap();
    page.lines().map(|line| line.trim_start_matches("> ")).collect::<Vec<_>>().join(" ")
}

fn claims() -> impl Iterator<Item = &'static Claim> {
    SECTIONS.iter().flat_map(|section| section.claims)
}

#[test]
fn the_chapter_on_theory_has_every_claim_and_no_other() {
    let page = theory();
    let name = |rest: &str| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect::<String>();
    let mut named: BTreeSet<String> = page.split("npg theory ").skip(1).map(name).collect();
    named.remove(""); // the command without a claim
    let known: BTreeSet<String> = claims().map(|claim| claim.name.to_owned()).collect();
    let differ: Vec<_> = named.symmetric_difference(&known).collect();
    assert!(differ.is_empty(), "on one side only: {differ:?}");
    for title in SECTIONS.iter().map(|section| section.title) {
        assert!(page.contains(&format!("## {title} ")), "docs/theory.md has no section `{title}`");
    }
}

/// The chapter says "`npg theory NAME` prints NUMBER". The number must be right to four digits. Every claim about an error in
/// circulation must have one.
#[test]
fn the_chapter_on_theory_shows_what_is_printed() {
    let page = theory();
    for claim in claims() {
        let shown = page.split(&format!("`npg theory {}` prints ", claim.name)).nth(1);
        let Some(shown) = shown.and_then(|rest| rest.split(' ').next()) else {
            assert!(!claim.is_about_error, "docs/theory.md does not say what `npg theory {}` prints", claim.name);
            continue;
        };
        let value: f64 = shown.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
        let measured = claim.check().value;
        assert!((measured / value - 1.0).abs() < 1e-3, "{}: docs/theory.md has {value}, not {measured}", claim.name);
    }
}

/// All pages that people read.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md"), root().join("ARCHITECTURE.md")];
    pages.extend([root().join("CONTRIBUTING.md"), root().join("CHANGELOG.md")]);
    for folder in ["docs", "docs/decisions"] {
        let files = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        pages.extend(files.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    pages
}

/// The anchors that GitHub and mdBook give to the headings.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let anchor = |heading: &str| -> String {
        let lower = heading.to_lowercase().replace(' ', "-");
        lower.chars().filter(|c| c.is_alphanumeric() || *c == '-' || *c == '_').collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn links_lead_somewhere() {
    let mut problems = Vec::new();
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("http") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let found = target.exists()
                && (anchor.is_empty()
                    || anchors(&std::fs::read_to_string(&target).unwrap()).iter().any(|a| a == anchor));
            if !found {
                problems.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn the_book_has_every_page() {
    let summary = std::fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    let docs = root().join("docs");
    for page in pages().iter().filter_map(|page| page.strip_prefix(&docs).ok()) {
        let name = page.to_str().unwrap();
        assert!(name == "SUMMARY.md" || summary.contains(&format!("({name})")), "docs/SUMMARY.md lacks {name}");
    }
}
