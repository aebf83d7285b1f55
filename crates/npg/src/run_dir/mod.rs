//! Run directories: the files of a run, the places of new runs, and how old runs are found again.
//!
//! ```text
//! runs/<env>/<algorithm>-<k>/seed-<n>/        one run: one seed of one command
//!     config.toml  provenance.json            what was run, and by what
//!     metrics.jsonl  progress.csv  eval.csv   what came out (see `logs`)
//!     events.out.tfevents.*  log.txt
//!     checkpoints/step-000000004096.safetensors  checkpoints/best.safetensors
//!     lock                                    who trains it at present
//! ```

mod checkpoints;
mod lock;
mod provenance;
mod resolve;

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

pub use checkpoints::{CheckpointChoice, OpenedCheckpoint};
pub use lock::Lock;
pub use provenance::Provenance;
pub use resolve::{resolve, unbegun};

use crate::atomic::UNFINISHED;
use crate::config::Config;
use crate::regular::{self, Links};
use crate::{Error, Result};

/// No configuration has this many bytes, and no provenance of a run that was resumed a thousand times.
const MOST: u64 = 16 << 20;

/// The directory of one run: one seed of one command. It only gives names; nothing is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// The run in the directory `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The seed in the directory's name, as in `seed-3`.
    pub fn seed(&self) -> Option<u64> {
        seed_of(self.path.file_name()?.to_str()?)
    }

    /// The resolved configuration.
    pub fn config(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// The content of [`RunDir::config`]; `None` if there is no such file or it is not a valid configuration.
    pub(crate) fn read_config(&self) -> Option<Config> {
        let mut text = String::new();
        let file = regular::open(&self.config(), OpenOptions::new().read(true), Links::Follow).ok()?;
        file.take(MOST).read_to_string(&mut text).ok()?;
        Config::from_toml("config.toml", &text).ok()
    }

    /// The version, the machine and the command; see [`Provenance`].
    pub fn provenance(&self) -> PathBuf {
        self.path.join("provenance.json")
    }

    /// One JSON object for each iteration.
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// One row for each iteration.
    pub fn progress(&self) -> PathBuf {
        self.path.join("progress.csv")
    }

    /// One row for each evaluation.
    pub fn eval(&self) -> PathBuf {
        self.path.join("eval.csv")
    }

    /// The events of the run as text, with their times.
    pub fn log(&self) -> PathBuf {
        self.path.join("log.txt")
    }

    /// The directory of the checkpoints.
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// Whether the checkpoints directory exists.
    ///
    /// # Errors
    /// [`Error::Run`] if something else is in its place, such as a link to a directory; [`Error::Io`] if the system does not
    /// tell.
    pub(super) fn has_checkpoints_directory(&self) -> Result<bool> {
        directory_at(&self.checkpoints())
    }

    /// Creates the checkpoints directory if it does not exist.
    ///
    /// # Errors
    /// [`Error::Run`] if something else is in its place, [`Error::Io`] if it cannot be created.
    pub fn make_checkpoints_directory(&self) -> Result<()> {
        if self.has_checkpoints_directory()? { Ok(()) } else { create_all(&self.checkpoints()) }
    }

    /// The checkpoint after `steps` environment steps.
    pub fn checkpoint(&self, steps: u64) -> PathBuf {
        self.checkpoints().join(format!("step-{steps:012}.safetensors"))
    }

    /// The checkpoint with the best evaluation so far.
    pub fn best(&self) -> PathBuf {
        self.checkpoints().join("best.safetensors")
    }
}

/// Creates `ROOT/<environment>/<algorithm>-<k>/seed-<n>/` for all `seeds`. k is one more than the largest existing number.
///
/// Commands that start at the same time get different numbers.
///
/// # Errors
/// [`Error::Io`] if a directory cannot be created.
pub fn create_numbered(root: &Path, environment: &str, algorithm: &str, seeds: &[u64]) -> Result<Vec<RunDir>> {
    let (parent, stem) = (root.join(sanitized(environment)), sanitized(algorithm));
    create_all(&parent)?;
    let taken = names_in(&parent)?.iter().filter_map(|name| number_after(name, &format!("{stem}-"))).max();
    let mut k = taken.unwrap_or(0).saturating_add(1);
    let group = loop {
        let group = parent.join(format!("{stem}-{k}"));
        match std::fs::create_dir(&group) {
            Ok(()) => break group,
            Err(error) if error.kind() == ErrorKind::AlreadyExists && k < u64::MAX => k += 1,
            Err(source) => return Err(Error::Io { doing: "create", path: group, source }),
        }
    };
    create_at(&group, seeds, false)
}

/// Creates `OUT/seed-<n>/` for all `seeds`. With `force`, an existing seed loses the files of its old run; files that no run
/// writes stay.
///
/// # Errors
/// [`Error::Run`] if a seed exists without `force` (then nothing was created), if another process is training it, or if it is
/// a link; [`Error::Io`] if a directory cannot be created or an old file cannot be removed.
pub fn create_at(out: &Path, seeds: &[u64], force: bool) -> Result<Vec<RunDir>> {
    let runs: Vec<_> = seeds.iter().map(|seed| RunDir::new(out.join(format!("seed-{seed}")))).collect();
    let refused = |run: &RunDir| {
        let path = run.path.display();
        Error::Run(format!("{path} exists already; choose another directory, or replace that run with --force"))
    };
    if let Some(run) = runs.iter().find(|run| !force && run.path.symlink_metadata().is_ok()) {
        return Err(refused(run));
    }
    create_all(out)?;
    for run in &runs {
        match std::fs::create_dir(&run.path) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists && force => clear(run)?,
            // Another command has created it since the check above.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(refused(run)),
            Err(source) => return Err(Error::Io { doing: "create", path: run.path.clone(), source }),
        }
        run.make_checkpoints_directory()?;
    }
    Ok(runs)
}

/// `id` as the name of a directory. Characters other than `[A-Za-z0-9._-]` become `_`.
///
/// ```
/// assert_eq!(npg::run_dir::sanitized("gym:ALE/Pong-v5"), "gym_ALE_Pong-v5");
/// ```
pub fn sanitized(id: &str) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let name: String = id.chars().map(keep).collect();
    // "." and ".." are not names of new directories, and an empty name is impossible.
    if name.trim_matches('.').is_empty() { "_".repeat(name.len().max(1)) } else { name }
}

/// Removes the files of a run and nothing else. It follows no link, and refuses a run that is still going on.
fn clear(run: &RunDir) -> Result<()> {
    directory_at(&run.path)?;
    run.has_checkpoints_directory()?;
    let _lock = run.lock()?;
    for name in names_in(&run.path)? {
        let known = ["config.toml", "provenance.json", "metrics.jsonl", "progress.csv", "eval.csv", "log.txt"];
        if known.contains(&name.as_str()) || name.starts_with("events.out.tfevents.") || name.ends_with(UNFINISHED) {
            remove(&run.path.join(name))?;
        }
    }
    run.remove_checkpoints(|_| true)
}

/// Whether a directory, and not a link to one, is at `path`.
fn directory_at(path: &Path) -> Result<bool> {
    regular::is_directory(path).map_err(|source| match source.kind() {
        ErrorKind::InvalidInput | ErrorKind::NotADirectory => {
            Error::Run(format!("cannot use {}: {source}\nput a directory in its place", path.display()))
        }
        _ => Error::Io { doing: "read", path: path.to_path_buf(), source },
    })
}

/// Removes the file `path`. It is fine if the file is gone already.
fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(Error::Io { doing: "remove", path: path.to_path_buf(), source })
        }
        _ => Ok(()),
    }
}

/// Creates a directory and its parents.
fn create_all(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(|source| match path.ancestors().find(|it| it.symlink_metadata().is_ok()) {
        Some(taken) if !taken.is_dir() => {
            let what = if taken.is_symlink() {
                "a symbolic link that does not lead to a directory"
            } else {
                "not a directory"
            };
            Error::Run(format!("{} is {what}; remove it, or choose another place with --out", taken.display()))
        }
        _ => Error::Io { doing: "create", path: path.to_path_buf(), source },
    })
}

/// The names of everything in a directory. Names that are not UTF-8 are not npg's and are left out.
fn names_in(directory: &Path) -> Result<Vec<String>> {
    let io = |source| Error::Io { doing: "read", path: directory.to_path_buf(), source };
    let entries = std::fs::read_dir(directory).map_err(io)?;
    let names = entries.map(|entry| Ok(entry?.file_name().into_string().ok())).collect::<std::io::Result<Vec<_>>>();
    Ok(names.map_err(io)?.into_iter().flatten().collect())
}

/// The number n if `name` is `<prefix><n>`, written without leading zeros.
fn number_after(name: &str, prefix: &str) -> Option<u64> {
    let digits = name.strip_prefix(prefix)?;
    let number: u64 = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

fn seed_of(name: &str) -> Option<u64> {
    number_after(name, "seed-")
}

#[cfg(test)]
mod tests;
