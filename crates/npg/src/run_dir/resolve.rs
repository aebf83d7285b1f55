//! Finds the run directories that a RUN argument means.

use std::io::ErrorKind;
use std::path::Path;

use super::{RunDir, names_in, seed_of};
use crate::{Error, Result, nearest};

/// The runs that `run` means: itself if it is the directory of a seed, or all seeds in it, in numeric order.
///
/// Seeds that have not started (with neither config.toml nor checkpoints) are left out.
///
/// # Errors
/// [`Error::Run`] if it does not exist or contains no run, with a hint at what may have been meant; [`Error::Io`] if it
/// cannot be read.
pub fn resolve(run: &Path) -> Result<Vec<RunDir>> {
    let shown = run.display();
    match run.metadata() {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Err(absent(run));
        }
        Err(source) => return Err(Error::Io { doing: "read", path: run.into(), source }),
        Ok(metadata) if !metadata.is_dir() => {
            return Err(Error::Run(format!("{shown} is a file; a run is a directory, such as runs/CartPole-v1/npg-1")));
        }
        Ok(_) => {}
    }
    if is_run(run)? {
        return Ok(vec![RunDir::new(run)]);
    }
    let seeds = seeds_in(run)?;
    let mut runs = Vec::new();
    for seed in &seeds {
        if is_run(seed.path())? {
            runs.push(seed.clone());
        }
    }
    if runs.is_empty() && (!seeds.is_empty() || RunDir::new(run).lock_file().is_file()) {
        return Err(Error::Run(format!(
            "{shown} has no checkpoint yet; if its training was ended before the first one, nothing is lost: train it \
             anew, with --force"
        )));
    }
    if runs.is_empty() {
        return Err(Error::Run(format!(
            "{shown} is not a run: it has neither config.toml nor checkpoints, and no seed-<n> that has{}",
            deeper(run, &names_in(run)?)
        )));
    }
    Ok(runs)
}

/// The error if nothing is at `run`. It names the target if `run` is a link, or what may have been meant.
fn absent(run: &Path) -> Error {
    let shown = run.display();
    if let Ok(target) = run.read_link() {
        return Error::Run(format!("{shown} is a symbolic link to {}, where there is nothing", target.display()));
    }
    let name = run.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let siblings = names_in(run.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")));
    let siblings = siblings.unwrap_or_default();
    let meant = nearest(&name, siblings.iter().map(String::as_str));
    let hint = meant.map_or_else(String::new, |meant| format!(", did you mean `{meant}`?"));
    Error::Run(format!("there is no run at {shown}{hint}"))
}

/// The seeds of `run` whose directory has neither a run nor metrics, because their command ended before it started them. Empty
/// if `run` is the directory of a seed.
///
/// # Errors
/// [`Error::Io`] if the directory cannot be read.
pub fn unbegun(run: &Path) -> Result<Vec<u64>> {
    let mut unbegun = Vec::new();
    if is_run(run)? {
        return Ok(unbegun);
    }
    for seed in seeds_in(run)? {
        if !is_run(seed.path())? && !seed.metrics().is_file() {
            unbegun.extend(seed.seed());
        }
    }
    Ok(unbegun)
}

/// The directories `seed-<n>` in `run`, in numeric order.
fn seeds_in(run: &Path) -> Result<Vec<RunDir>> {
    let mut seeds: Vec<u64> = names_in(run)?.iter().filter_map(|name| seed_of(name)).collect();
    seeds.sort_unstable();
    let runs = seeds.iter().map(|seed| RunDir::new(run.join(format!("seed-{seed}"))));
    Ok(runs.filter(|run| run.path().is_dir()).collect())
}

/// Whether a directory has a run. A run that has lost its config.toml still has the configuration in its checkpoints. A
/// directory that cannot be read is an error, because it must not be left out silently.
fn is_run(directory: &Path) -> Result<bool> {
    let run = RunDir::new(directory);
    match run.config().metadata() {
        Ok(metadata) if metadata.is_file() => Ok(true),
        Err(source) if !matches!(source.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Err(Error::Io { doing: "read", path: run.config(), source })
        }
        _ => match run.list_checkpoints() {
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotADirectory => Ok(false),
            found => found.map(|found| !found.is_empty()),
        },
    }
}

/// A hint for a directory above the runs, such as runs/CartPole-v1: the runs that it contains.
fn deeper(directory: &Path, names: &[String]) -> String {
    let has_runs = |name: &&String| {
        let inside = directory.join(name);
        let is_run = |directory: &Path| is_run(directory).unwrap_or(false);
        is_run(&inside)
            || names_in(&inside)
                .is_ok_and(|names| names.iter().any(|name| seed_of(name).is_some() && is_run(&inside.join(name))))
    };
    let mut runs: Vec<_> = names.iter().filter(has_runs).map(|name| directory.join(name)).collect();
    runs.sort();
    match runs.first() {
        None => String::new(),
        Some(first) if runs.len() == 1 => format!(", but {} is one", first.display()),
        Some(first) => format!(", but it holds {} runs, such as {}", runs.len(), first.display()),
    }
}
