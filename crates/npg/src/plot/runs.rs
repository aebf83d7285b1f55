//! Reading run directories: the metrics and evaluations of each seed.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::series::Series;
use crate::regular;
use crate::run_dir::Provenance;
use crate::{Error, FileFault, Result};

/// No configuration and no log of a run have more bytes than these.
const MOST: [u64; 2] = [1 << 20, 4 << 30];

/// One seed of a run.
pub(super) struct Seed {
    /// The name of its directory.
    pub(super) name: String,
    /// The rows of metrics.jsonl, at increasing steps.
    pub(super) rows: Vec<Row>,
    /// The (steps, mean return) pairs of eval.csv, at increasing steps.
    pub(super) evaluations: Vec<(f64, f64)>,
    /// `algorithm.kl_step` in config.toml; `None` if the step rule does not use it.
    pub(super) kl_step: Option<f64>,
    /// `algorithm.name` in config.toml.
    pub(super) algorithm: Option<String>,
    /// The environment in provenance.json.
    pub(super) environment: Option<String>,
}

/// What figures need from one iteration. Absent and non-finite numbers are `None`.
#[derive(Clone, Debug, Default, PartialEq, serde::Deserialize)]
pub(super) struct Row {
    pub(super) steps: f64,
    #[serde(rename = "rollout/ep_rew_mean", default)]
    pub(super) return_mean: Option<f64>,
    #[serde(rename = "npg/kl", default)]
    pub(super) kl: Option<f64>,
    #[serde(rename = "npg/kl_predicted", default)]
    pub(super) kl_predicted: Option<f64>,
    #[serde(rename = "train/explained_variance", default)]
    pub(super) explained_variance: Option<f64>,
    #[serde(rename = "npg/cg_residual", default)]
    pub(super) cg_residual: Option<f64>,
    #[serde(rename = "trust_region/surrogate", default)]
    pub(super) promised: Option<f64>,
    #[serde(rename = "trust_region/realized_gain", default)]
    pub(super) realized: Option<f64>,
    #[serde(rename = "trust_region/discounted_return_se", default)]
    pub(super) return_se: Option<f64>,
}

impl Seed {
    /// One quantity along the run.
    pub(super) fn series(&self, value: impl Fn(&Row) -> Option<f64>) -> Series {
        Series::new(self.rows.iter().map(|row| (row.steps, value(row))))
    }
}

/// The seeds of `run`, in numerical order. `run` is the directory of a seed or a directory of several seeds. Seeds without a
/// finished iteration are left out.
pub(super) fn read(run: &Path) -> Result<Vec<Seed>> {
    let directories = seeds_in(run)?;
    let mut seeds = Vec::new();
    for directory in &directories {
        let rows = read_metrics(&directory.join("metrics.jsonl"))?;
        let evaluations = read_evaluations(&directory.join("eval.csv"))?;
        if !rows.is_empty() {
            let name = directory.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
            let settings = read_algorithm(&directory.join("config.toml")).unwrap_or_default();
            let algorithm = settings.get("name").and_then(|name| name.as_str()).map(str::to_owned);
            let environment = Provenance::read(&directory.join("provenance.json")).map(|it| it.env);
            seeds.push(Seed { name, rows, evaluations, kl_step: kl_step(&settings), algorithm, environment });
        }
    }
    if seeds.is_empty() {
        let run = run.display();
        return Err(Error::Run(format!(
            "{run} has no finished iteration yet; wait for its first row of metrics.jsonl"
        )));
    }
    Ok(seeds)
}

/// The runs that `directory` means in a figure. It is either one run, or a `tensorboard_log` of the Python agents. Each
/// folder in such a log, such as `NPG_1`, is one call of `learn`; folders without a finished iteration are left out.
pub fn runs_in(directory: &Path) -> Vec<PathBuf> {
    let is_written = |path: &PathBuf| fs::metadata(path.join("metrics.jsonl")).is_ok_and(|found| found.len() > 0);
    let alone = || vec![directory.to_path_buf()];
    if directory.join("metrics.jsonl").exists() || has_seeds(directory) {
        return alone();
    }
    let Ok(entries) = fs::read_dir(directory) else { return alone() };
    let mut inside: Vec<PathBuf> = entries.filter_map(|it| it.ok().map(|it| it.path())).filter(is_written).collect();
    // NPG_2 comes before NPG_10.
    inside.sort_by_key(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (stem, number) = name.rsplit_once('_').unwrap_or((&name, ""));
        (stem.to_owned(), number.parse::<u64>().unwrap_or(0), name.clone())
    });
    if inside.is_empty() { alone() } else { inside }
}

/// The directories of the seeds of `run` that have metrics, in numerical order: itself, or `seed-<n>` in it.
///
/// # Errors
/// [`Error::Run`] if there is none, with a hint at what may have been meant; [`Error::Io`] if it cannot be read.
pub fn seeds_in(run: &Path) -> Result<Vec<PathBuf>> {
    if run.join("metrics.jsonl").is_file() {
        return Ok(vec![run.to_path_buf()]);
    }
    let entries = match fs::read_dir(run) {
        Ok(entries) => entries,
        Err(source) if source.kind() == ErrorKind::NotFound => {
            return Err(Error::Run(format!("{} does not exist; {REMEDY}", run.display())));
        }
        Err(source) if source.kind() == ErrorKind::NotADirectory => {
            return Err(Error::Run(format!("{} is a file, not a run; {REMEDY}", run.display())));
        }
        Err(source) => return Err(io("read", run, source)),
    };
    let inside: BTreeSet<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    let mut seeds: Vec<(u64, PathBuf)> = inside
        .iter()
        .filter(|path| path.join("metrics.jsonl").is_file())
        .filter_map(|path| Some((path.file_name()?.to_str()?.strip_prefix("seed-")?.parse().ok()?, path.clone())))
        .collect();
    seeds.sort();
    if seeds.is_empty() {
        let is_run = |path: &&PathBuf| path.join("metrics.jsonl").is_file() || has_seeds(path);
        let advice = match inside.iter().find(is_run) {
            Some(path) => format!("did you mean {}?", path.display()),
            None => REMEDY.into(),
        };
        return Err(Error::Run(format!(
            "{} is not a run: it has neither metrics.jsonl nor seed-*/metrics.jsonl; {advice}",
            run.display()
        )));
    }
    Ok(seeds.into_iter().map(|(_, path)| path).collect())
}

const REMEDY: &str = "give a directory that `npg train` wrote, such as runs/CartPole-v1/npg-1";

fn has_seeds(path: &Path) -> bool {
    let seed = |entry: fs::DirEntry| {
        entry.file_name().to_string_lossy().starts_with("seed-") && entry.path().join("metrics.jsonl").is_file()
    };
    fs::read_dir(path).is_ok_and(|entries| entries.filter_map(|entry| entry.ok()).any(seed))
}

/// The rows of metrics.jsonl. A last line that is cut short is ignored, because the run may be writing it or may have been
/// killed. Rows that a resumed run wrote again replace the earlier ones.
fn read_metrics(path: &Path) -> Result<Vec<Row>> {
    let text = read_text(path)?;
    let mut rows: Vec<Row> = Vec::new();
    for (number, line) in lines(&text) {
        let row: Row = match serde_json::from_str(line) {
            Ok(row) => row,
            Err(_) if is_torn(&text, line) => break,
            Err(error) => return Err(damaged(path, format!("line {number}: {error}"))),
        };
        rows.truncate(rows.partition_point(|earlier| earlier.steps < row.steps));
        rows.push(row);
    }
    Ok(rows)
}

/// The (steps, return_mean) pairs of eval.csv; empty if there is no such file. A last line that is cut short is ignored.
fn read_evaluations(path: &Path) -> Result<Vec<(f64, f64)>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = read_text(path)?;
    let mut lines = lines(&text);
    let Some((_, header)) = lines.next() else { return Ok(Vec::new()) };
    let column = |name| {
        let found = header.split(',').position(|field| field.trim() == name);
        found.ok_or_else(|| damaged(path, format!("it has no column `{name}`")))
    };
    let (steps, return_mean) = (column("steps")?, column("return_mean")?);
    let columns = header.split(',').count();
    let mut evaluations: Vec<(f64, f64)> = Vec::new();
    for (number, line) in lines {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let parse = |column: usize| fields.get(column).and_then(|field| field.parse::<f64>().ok());
        match (parse(steps), parse(return_mean)) {
            (Some(steps), Some(value)) if fields.len() == columns => {
                evaluations.truncate(evaluations.partition_point(|earlier| earlier.0 < steps));
                evaluations.push((steps, value));
            }
            // A mean that is not finite is an empty field or null.
            (Some(_), None) if fields.len() == columns && matches!(fields[return_mean], "" | "null") => {}
            _ if is_torn(&text, line) => break,
            _ => return Err(damaged(path, format!("line {number}: `{line}` does not fit the columns `{header}`"))),
        }
    }
    Ok(evaluations)
}

/// The table `algorithm` of config.toml; `None` if it is absent or unreadable.
fn read_algorithm(path: &Path) -> Option<toml::Table> {
    let config: toml::Table = regular::read_text(path, MOST[0]).ok()?.parse().ok()?;
    config.get("algorithm")?.as_table().cloned()
}

/// The KL budget in these settings; `None` if it is absent or the step rule does not use it.
fn kl_step(algorithm: &toml::Table) -> Option<f64> {
    let uses = algorithm.get("step").and_then(|step| step.as_str()) != Some("fixed");
    let kl_step = algorithm.get("kl_step").and_then(|value| value.as_float());
    kl_step.filter(|kl_step| uses && kl_step.is_finite() && *kl_step > 0.0)
}

fn read_text(path: &Path) -> Result<String> {
    // A line that was cut within a character counts as cut short, so bytes that are not UTF-8 must not stop the reading.
    regular::read_text(path, MOST[1]).map_err(|source| io("read", path, source))
}

/// The lines that are not blank, with their numbers from 1.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line)).filter(|(_, line)| !line.trim().is_empty())
}

/// Whether `line` is the last line of `text` and was cut short.
fn is_torn(text: &str, line: &str) -> bool {
    !text.ends_with('\n') && std::ptr::eq(text.as_bytes().as_ptr_range().end, line.as_bytes().as_ptr_range().end)
}

fn io(doing: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::Io { doing, path: path.to_path_buf(), source }
}

fn damaged(path: &Path, what: String) -> Error {
    Error::File { path: path.to_path_buf(), fault: FileFault::Damaged(what) }
}
