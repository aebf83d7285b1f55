//! The checkpoints of a run: which ones there are, which one a choice means, and which ones are no longer needed.

use std::io::ErrorKind;
use std::path::PathBuf;

use super::{Provenance, RunDir, names_in, remove};
use crate::atomic::UNFINISHED;
use crate::checkpoint::Archive;
use crate::{Error, FileFault, Result};

/// The number of latest checkpoints that are kept: the newest, and one more in case the newest is damaged.
const KEPT: usize = 2;

/// A choice of a checkpoint: `latest`, `best`, or a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CheckpointChoice {
    /// The checkpoint after the most steps.
    #[default]
    Latest,
    /// The checkpoint with the best evaluation.
    Best,
    /// A file: a path, or the name of a file in the run's checkpoints directory.
    File(PathBuf),
}

impl From<&str> for CheckpointChoice {
    fn from(text: &str) -> Self {
        match text {
            "latest" => Self::Latest,
            "best" => Self::Best,
            file => Self::File(file.into()),
        }
    }
}

/// A checkpoint that was read.
#[derive(Debug)]
pub struct OpenedCheckpoint {
    /// The path of its file.
    pub path: PathBuf,
    /// The content of the file.
    pub archive: Archive,
    /// For each newer checkpoint that was skipped, the reason, newest first.
    pub skipped: Vec<Error>,
}

impl RunDir {
    /// The checkpoints with their steps, newest first, without `best`.
    ///
    /// # Errors
    /// [`Error::Io`] if the directory cannot be read. A missing directory has no checkpoints.
    pub fn list_checkpoints(&self) -> Result<Vec<(u64, PathBuf)>> {
        let names = match names_in(&self.checkpoints()) {
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            names => names?,
        };
        let mut steps: Vec<u64> = names.iter().filter_map(|name| steps_of(name)).collect();
        steps.sort_unstable_by(|a, b| b.cmp(a));
        Ok(steps.into_iter().map(|steps| (steps, self.checkpoint(steps))).collect())
    }

    /// The files that may serve as `choice`, in the order in which to try them. For `latest` they are all checkpoints, newest
    /// first, so that an older one can replace a damaged one. Never empty.
    ///
    /// # Errors
    /// [`Error::Run`] if there is none. The error lists the checkpoints that exist.
    pub fn find_checkpoint(&self, choice: &CheckpointChoice) -> Result<Vec<PathBuf>> {
        let all: Vec<_> = self.list_checkpoints()?.into_iter().map(|(_, path)| path).collect();
        let (found, what) = match choice {
            CheckpointChoice::Latest if !all.is_empty() => return Ok(all),
            CheckpointChoice::Latest => (None, "no latest checkpoint".into()),
            CheckpointChoice::Best => (there(self.best())?, "no best checkpoint".into()),
            CheckpointChoice::File(file) => {
                let found = match there(file.clone())?.filter(|file| !file.is_dir()) {
                    None => there(self.checkpoints().join(file))?,
                    found => found,
                };
                (found, format!("no checkpoint {}", file.display()))
            }
        };
        if let Some(found) = found {
            return Ok(vec![found]);
        }
        let best = there(self.best())?;
        let there = all.iter().chain(&best).filter_map(|path| path.file_name());
        let there: Vec<_> = there.map(|name| name.to_string_lossy()).collect();
        /// For a run that ended before its first checkpoint or has lost its checkpoints.
        const REMEDY: &str = "put its checkpoints there, or train it anew (`npg train ... --force` replaces a run)";
        let run = self.path().display();
        Err(Error::Run(match &there[..] {
            [] => format!("{run} has no checkpoint at all: {}\n{REMEDY}", self.why_there_is_none()),
            _ => format!("{run} has {what}; it has {}", there.join(", ")),
        }))
    }

    fn why_there_is_none(&self) -> String {
        let directory = self.checkpoints();
        let place = directory.display();
        match directory.read_link() {
            Ok(target) => format!("{place} is a symbolic link to {}, where there are no checkpoints", target.display()),
            Err(_) if directory.is_dir() => format!("there is none in {place}"),
            Err(_) => format!("there is no {place}"),
        }
    }

    /// Reads the first sound checkpoint of [`RunDir::find_checkpoint`]. Only checkpoints that could be read and turned out to
    /// be damaged are skipped.
    ///
    /// # Errors
    /// The errors of [`RunDir::find_checkpoint`]. If all checkpoints are damaged, the error of the first one. An error at
    /// once if a checkpoint cannot be read, because that may change in a moment, and if a sound checkpoint does not fit,
    /// because that calls for a newer npg and not for an older checkpoint.
    pub fn open_checkpoint(&self, choice: &CheckpointChoice) -> Result<OpenedCheckpoint> {
        let mut skipped = Vec::new();
        for path in self.find_checkpoint(choice)? {
            match Archive::read(&path) {
                Ok(archive) => return Ok(OpenedCheckpoint { path, archive, skipped }),
                Err(error @ Error::File { fault: FileFault::Damaged(_) | FileFault::Foreign { .. }, .. }) => {
                    skipped.push(error);
                }
                Err(error) => return Err(error),
            }
        }
        Err(skipped.swap_remove(0))
    }

    /// The id of the environment that a checkpoint belongs to. It must be that of the run, if the run's provenance tells.
    ///
    /// # Errors
    /// [`Error::File`] if the checkpoint belongs to another environment, names none, or lacks some of its options.
    pub fn environment_of(&self, opened: &OpenedCheckpoint) -> Result<String> {
        let fault = |fault| Error::File { path: opened.path.clone(), fault };
        let id: String = opened.archive.field("env").map_err(fault)?;
        let unsaved = opened.archive.unsaved_options().map_err(fault)?;
        if !unsaved.is_empty() {
            let unsaved = unsaved.join(", ");
            let message =
                format!("it belongs to {id} with options that no file can hold ({unsaved}): load it in Python");
            return Err(fault(FileFault::Mismatch(message)));
        }
        match Provenance::load(&self.provenance())? {
            Some(run) if run.env != id => {
                Err(fault(FileFault::Mismatch(format!("it belongs to {id}, but this run belongs to {}", run.env))))
            }
            _ => Ok(id),
        }
    }

    /// Removes all checkpoints except the last two and the best one.
    ///
    /// # Errors
    /// [`Error::Io`] if one cannot be removed.
    pub fn prune_checkpoints(&self) -> Result<()> {
        let oldest_kept = self.list_checkpoints()?.get(KEPT - 1).map_or(0, |(steps, _)| *steps);
        self.remove_checkpoints(|steps| steps.is_some_and(|steps| steps < oldest_kept))
    }

    /// Renames the checkpoints after `steps`, newest first, and returns their new names. A run that is resumed from an older
    /// checkpoint, because the newest is damaged, takes a different course from there. It would otherwise find the later
    /// checkpoints as the latest ones, or overwrite them. They may still be wanted, so nothing is removed. The best one stays
    /// as it is.
    ///
    /// # Errors
    /// [`Error::Io`] if one cannot be renamed.
    pub fn set_aside_checkpoints_after(&self, steps: u64) -> Result<Vec<PathBuf>> {
        let later = self.list_checkpoints()?.into_iter().filter(|(of, _)| *of > steps);
        later.map(|(_, path)| self.set_aside(path)).collect()
    }

    fn set_aside(&self, path: PathBuf) -> Result<PathBuf> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let free = |place: &PathBuf| place.symlink_metadata().is_err();
        let first = self.checkpoints().join(format!("damaged-{name}"));
        let numbered = (2..).map(|n: u64| self.checkpoints().join(format!("damaged-{n}-{name}")));
        let place = std::iter::once(first).chain(numbered).find(free).expect("there is always a larger number");
        std::fs::rename(&path, &place).map_err(|source| Error::Io { doing: "rename", path, source })?;
        Ok(place)
    }

    /// Removes the unfinished files of killed processes. Only the owner of the [`super::Lock`] may call this, because a file
    /// that another process is writing looks the same.
    ///
    /// # Errors
    /// [`Error::Io`] if one cannot be removed, and [`Error::Run`] if the checkpoints directory is a link.
    pub fn remove_unfinished(&self) -> Result<()> {
        let checkpoints = self.has_checkpoints_directory()?.then(|| self.checkpoints());
        for directory in std::iter::once(self.path().to_path_buf()).chain(checkpoints) {
            for name in names_in(&directory)?.iter().filter(|name| name.ends_with(UNFINISHED)) {
                remove(&directory.join(name))?;
            }
        }
        Ok(())
    }

    /// Removes the checkpoints whose steps (`None` for the best one) are `unwanted`.
    pub(super) fn remove_checkpoints(&self, unwanted: impl Fn(Option<u64>) -> bool) -> Result<()> {
        if !self.has_checkpoints_directory()? {
            return Ok(());
        }
        let directory = self.checkpoints();
        for name in names_in(&directory)? {
            let is_unwanted = match steps_of(&name) {
                Some(steps) => unwanted(Some(steps)),
                None => name == "best.safetensors" && unwanted(None),
            };
            if is_unwanted {
                remove(&directory.join(name))?;
            }
        }
        Ok(())
    }
}

/// `path` if something is there. A link counts even if it leads to nothing, because its target may be on a disk that is not
/// mounted.
fn there(path: PathBuf) -> Result<Option<PathBuf>> {
    match path.symlink_metadata() {
        Ok(_) => Ok(Some(path)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(source) => Err(Error::Io { doing: "read", path, source }),
    }
}

/// The steps in a name `step-<at least 12 digits>.safetensors`.
fn steps_of(name: &str) -> Option<u64> {
    let steps: u64 = name.strip_prefix("step-")?.strip_suffix(".safetensors")?.parse().ok()?;
    (format!("step-{steps:012}.safetensors") == name).then_some(steps)
}
