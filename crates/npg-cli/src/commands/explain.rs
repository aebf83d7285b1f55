//! `npg explain [NAME]`: the meaning of keys, environments, metrics, columns, flags and terms.

use clap::CommandFactory;
use npg::config::{KEYS, Key, Kind, TABLES, find};
use npg::env::registry::{self, Entry};
use npg::metrics::{METRICS, Metric};
use npg::theory::{Claim, SECTIONS};

use crate::args::Cli;
use crate::glossary::{self, TERMS, Term};
use crate::text;

/// Everything about one name, or a list of all names if the name is empty.
pub(crate) fn explain(name: &str) -> npg::Result<String> {
    if name.is_empty() {
        return Ok(everything());
    }
    let width = text::width().min(100);
    if let Some(text) = by_full_name(name, width) {
        return Ok(text);
    }
    let parts = by_any_name(name, width);
    if !parts.is_empty() {
        return Ok(parts.join("\n"));
    }
    let message = match npg::nearest(&glossary::normal(name), known_names()) {
        Some(near) => format!("nothing has this name; did you mean `{near}`?"),
        None => "nothing has this name; `npg explain` lists everything".into(),
    };
    Err(npg::Error::config(name, message))
}

/// The key, environment or metric with exactly this name.
fn by_full_name(name: &str, width: usize) -> Option<String> {
    let key = find(name).map(|key| key_text(key, width));
    let environment = || registry::entries().find(|entry| entry.id == name).map(environment_text);
    let metric = || METRICS.iter().find(|metric| metric.name == name).map(metric_text);
    let measure = || {
        let measured = name.strip_prefix("env/").filter(|rest| !rest.is_empty())?;
        Some(text::wrapped(
            &format!("{name}: `{measured}`, which the environment measures; a mean over the batch."),
            width,
        ))
    };
    key.or_else(environment).or_else(metric).or_else(measure)
}

/// Everything that this name can mean: as a short form, in another spelling, or in other programs.
fn by_any_name(name: &str, width: usize) -> Vec<String> {
    let word = glossary::normal(name);
    let keys: Vec<&Key> = KEYS.iter().filter(|key| key.name() == word).collect();
    let metrics: Vec<&Metric> = METRICS.iter().filter(|metric| short(metric) == word).collect();
    let mut parts: Vec<String> = keys.iter().map(|key| key_text(key, width)).collect();
    let tables = TABLES.iter().filter(|table| table.name == word);
    parts.extend(tables.map(|table| format!("[{}] {}\n\n{}", table.name, table.summary, key_list(table.name))));
    let term = glossary::term(&word);
    parts.extend(term.map(|term| text::wrapped(&format!("{name}: {}", term.sentence), width)));
    parts.extend(metrics.iter().map(|metric| metric_text(metric)));
    parts.extend(registry::entries().filter(|entry| is_environment(entry, &word)).map(environment_text));
    parts.extend(claims().filter(|claim| glossary::normal(claim.name) == word).map(|claim| claim_text(claim, width)));
    let is_shown = |name: &str| keys.iter().any(|k| k.path == name) || metrics.iter().any(|m| m.name == name);
    let mut rows = related(term, is_shown);
    rows.extend(values(&word));
    rows.extend(options(&word));
    rows.extend(commands(&word));
    if !rows.is_empty() {
        let heading = if parts.is_empty() { format!("{name}\n\n") } else { String::new() };
        parts.push(heading + &text::columns(&rows));
    }
    parts
}

/// A metric's name without the part before the slash.
fn short(metric: &Metric) -> &'static str {
    metric.name.split_once('/').map_or(metric.name, |(_, name)| name)
}

/// Whether `word` is the environment's id in another spelling, with or without its version.
fn is_environment(entry: &Entry, word: &str) -> bool {
    let id = glossary::normal(entry.id);
    id == word || id.rsplit_once("_v").is_some_and(|(name, _)| name == word)
}

fn claims() -> impl Iterator<Item = &'static Claim> {
    SECTIONS.iter().flat_map(|section| section.claims)
}

/// The keys and metrics that belong to a term and have not been shown yet.
fn related(term: Option<&Term>, is_shown: impl Fn(&str) -> bool) -> Vec<[String; 2]> {
    let names = term.map_or(&[][..], |term| term.see).iter().filter(|name| !is_shown(name));
    let sentence = |name: &str| {
        let key = find(name).map(|key| key.summary);
        key.or_else(|| METRICS.iter().find(|metric| metric.name == name).map(|metric| metric.sentence))
    };
    names.filter_map(|name| Some([format!("  {name}"), sentence(name)?.into()])).collect()
}

/// The keys that take `word` as a value.
fn values(word: &str) -> impl Iterator<Item = [String; 2]> {
    KEYS.iter().filter_map(move |key| {
        let Kind::Name(names) = &key.kind else { return None };
        let value = names.iter().find(|name| glossary::normal(name) == word)?;
        Some([format!("  {} = \"{value}\"", key.path), key.summary.into()])
    })
}

/// The environments' options of that name.
fn options(word: &str) -> impl Iterator<Item = [String; 2]> {
    let of = |entry: &'static Entry| entry.options.iter().map(move |option| (entry, option));
    let named = registry::entries().flat_map(of).filter(move |(_, option)| option.name == word);
    named.map(|(entry, option)| [format!("  env.{} of {}", option.name, entry.id), option.sentence.to_string()])
}

/// The commands and flags of that name.
fn commands(word: &str) -> Vec<[String; 2]> {
    let mut rows = Vec::new();
    let help = |text: Option<&clap::builder::StyledStr>| text.map(ToString::to_string).unwrap_or_default();
    for command in Cli::command().get_subcommands() {
        if glossary::normal(command.get_name()) == word {
            rows.push([format!("  npg {}", command.get_name()), help(command.get_about())]);
        }
        for argument in command.get_arguments() {
            if let Some(flag) = argument.get_long().filter(|flag| glossary::normal(flag) == word) {
                rows.push([format!("  npg {} --{flag}", command.get_name()), help(argument.get_help())]);
            }
        }
    }
    rows
}

fn known_names() -> impl Iterator<Item = &'static str> {
    let keys = KEYS.iter().flat_map(|key| [key.path, key.name()]);
    keys.chain(TABLES.iter().map(|table| table.name))
        .chain(registry::ids())
        .chain(METRICS.iter().flat_map(|metric| [metric.name, short(metric)]))
        .chain(claims().map(|claim| claim.name))
        .chain(TERMS.iter().flat_map(|term| term.words).copied().filter(|word| word.len() > 2))
}

fn claim_text(claim: &Claim, width: usize) -> String {
    let about = text::wrapped(&format!("{}: {}", claim.name, claim.sentence), width);
    let facts = [["  source".into(), claim.source.into()], ["  check".into(), format!("npg theory {}", claim.name)]];
    format!("{about}\n{}", text::columns(&facts))
}

fn everything() -> String {
    let mut page = String::new();
    for table in TABLES {
        page.push_str(&format!("[{}] {}\n{}\n", table.name, table.summary, key_list(table.name)));
    }
    page.push_str("[env] The environment's own options; `npg explain ENV` lists them.\n\nLogged metrics\n");
    let rows: Vec<[String; 2]> =
        METRICS.iter().map(|metric| [format!("  {}", metric.name), metric.sentence.into()]).collect();
    page + &text::columns(&rows)
}

fn key_list(table: &str) -> String {
    let keys = KEYS.iter().filter(|key| key.table() == table);
    let rows: Vec<[String; 3]> =
        keys.map(|key| [format!("  {}", key.path), key.default_value().to_string(), key.summary.into()]).collect();
    text::columns(&rows)
}

fn key_text(key: &Key, width: usize) -> String {
    let facts = [["  default".into(), key.default_value().to_string()], ["  takes".into(), key.kind.to_string()]];
    format!("{}: {}\n\n{}\n{}", key.path, key.summary, text::columns(&facts), text::wrapped(key.details, width))
}

fn environment_text(entry: &Entry) -> String {
    let options = entry.options.iter().map(|option| {
        [format!("  env.{}", option.name), option.default_value().to_string(), option.sentence.to_string()]
    });
    let options: Vec<[String; 3]> = options.collect();
    let list = if options.is_empty() { "It takes no options.\n".into() } else { text::columns(&options) };
    format!("{}: {}\n\n{list}", entry.id, entry.sentence)
}

fn metric_text(metric: &Metric) -> String {
    let facts = [["  unit".into(), metric.unit.into()], ["  healthy".into(), metric.healthy.into()]];
    format!("{}: {}\n\n{}", metric.name, metric.sentence, text::columns(&facts))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the program prints, a user may ask for.
    fn printed() -> Vec<String> {
        let mut words: Vec<&str> = crate::progress::heads();
        words.extend(METRICS.iter().flat_map(|metric| [metric.name, short(metric)]));
        words.extend(KEYS.iter().flat_map(|key| [key.path, key.name()]));
        words.extend(TABLES.iter().map(|table| table.name));
        words.extend(registry::ids().chain(claims().map(|claim| claim.name)).chain(npg::plot::PANELS));
        for key in KEYS {
            if let Kind::Name(names) = &key.kind {
                words.extend(names.iter().copied());
            }
        }
        // The heads of `npg envs` and `npg presets`, and the fields of `npg eval --json` and `npg train --json`.
        words.extend([
            "id",
            "observation",
            "action",
            "time limit",
            "threshold",
            "preset",
            "algorithm",
            "steps",
            "measured",
        ]);
        words.extend([
            "env",
            "episodes",
            "return_mean",
            "return_std",
            "return_min",
            "return_max",
            "length_mean",
            "seed",
        ]);
        words.extend(["checkpoint", "algo", "run_dir", "final_return_mean", "best_return_mean", "steps_per_second"]);
        let mut words: Vec<String> = words.into_iter().map(String::from).collect();
        for command in Cli::command().get_subcommands() {
            words.push(command.get_name().into());
            words.extend(command.get_arguments().filter_map(|it| it.get_long()).map(|flag| format!("--{flag}")));
        }
        words
    }

    #[test]
    fn every_word_that_is_printed_is_explained() {
        let unknown: Vec<_> = printed().into_iter().filter(|word| explain(word).is_err()).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }

    #[test]
    fn words_of_the_field_lead_to_the_setting() {
        for (word, name) in [
            ("kl", "npg/kl"),
            ("ev", "train/explained_variance"),
            ("gae", "advantage.lambda"),
            ("cg", "npg/cg_iterations"),
            ("res", "npg/cg_residual"),
            ("batch", "rollout/ep_rew_batch"),
            ("lr", "value.learning_rate"),
            ("--lr", "value.learning_rate"),
            ("learning rate", "value.learning_rate"),
            ("Batch Size", "rollout.batch_steps"),
            ("n_steps", "rollout.batch_steps"),
            ("clip", "normalize.clip"),
            ("target-kl", "algorithm.kl_step"),
            ("entropy", "algorithm.entropy_coefficient"),
            ("ent_coef", "algorithm.entropy_coefficient"),
            ("gamma", "advantage.gamma"),
            ("lambda", "advantage.lambda"),
            ("net_arch", "policy.hidden"),
            ("hidden", "value.hidden"),
            ("cartpole", "CartPole-v1"),
            ("cholesky", "algorithm.solver"),
            ("Fisher matrix", "algorithm.damping"),
            ("pinsker", "npg theory pinsker"),
            ("g", "npg/gradient_norm"),
            ("env/distance", "`distance`"),
        ] {
            let text = explain(word).unwrap_or_else(|error| panic!("{error}"));
            assert!(text.contains(name), "{word}:\n{text}");
        }
    }
}
