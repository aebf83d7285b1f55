//! Which checkpoints a run has, which one is meant, and which are no longer needed.

use std::path::PathBuf;

use super::{Provenance, RunDir, names_in, remove};
use crate::atomic::UNFINISHED;
use crate::checkpoint::Archive;
use crate::error::{Error, FileFault, Result};

/// How many of the latest checkpoints stay: the newest, and one in case that the newest is damaged.
const KEPT: usize = 2;

/// Which checkpoint of a run: `latest`, `best`, or a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CheckpointChoice {
    /// The one after the most steps.
    #[default]
    Latest,
    /// The one with the best evaluation.
    Best,
    /// A file: a path, or the name of one in the run's checkpoints directory.
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
    /// Its file.
    pub path: PathBuf,
    /// Its content.
    pub archive: Archive,
    /// Why each newer checkpoint was passed over, newest first.
    pub skipped: Vec<Error>,
}

impl RunDir {
    /// The checkpoints by their steps, newest first; without `best`.
    ///
    /// # Errors
    /// [`Error::Io`] when the directory cannot be read; a missing one has no checkpoints.
    pub fn list_checkpoints(&self) -> Result<Vec<(u64, PathBuf)>> {
        if !self.checkpoints().exists() {
            return Ok(Vec::new());
        }
        let names = names_in(&self.checkpoints())?;
        let mut steps: Vec<u64> = names.iter().filter_map(|name| steps_of(name)).collect();
        steps.sort_unstable_by(|a, b| b.cmp(a));
        Ok(steps.into_iter().map(|steps| (steps, self.checkpoint(steps))).collect())
    }

    /// The files that may serve as `choice`, in the order in which to try them: for `latest` all by their steps,
    /// newest first, so that the one before can stand in for a damaged one. Never empty.
    ///
    /// # Errors
    /// [`Error::Run`] when there is none, saying which there are.
    pub fn find_checkpoint(&self, choice: &CheckpointChoice) -> Result<Vec<PathBuf>> {
        let all: Vec<_> = self.list_checkpoints()?.into_iter().map(|(_, path)| path).collect();
        let (found, what) = match choice {
            CheckpointChoice::Latest if !all.is_empty() => return Ok(all),
            CheckpointChoice::Latest => (None, "no latest checkpoint".into()),
            CheckpointChoice::Best => (Some(self.best()).filter(|best| best.exists()), "no best checkpoint".into()),
            CheckpointChoice::File(file) => {
                let places = [file.clone(), self.checkpoints().join(file)];
                (places.into_iter().find(|place| place.is_file()), format!("no checkpoint {}", file.display()))
            }
        };
        if let Some(found) = found {
            return Ok(vec![found]);
        }
        let best = Some(self.best()).filter(|best| best.exists());
        let there = all.iter().chain(&best).filter_map(|path| path.file_name());
        let there: Vec<_> = there.map(|name| name.to_string_lossy()).collect();
        let run = self.path().display();
        Err(Error::Run(match &there[..] {
            [] => format!("{run} has no checkpoint at all"),
            _ => format!("{run} has {what}; it has {}", there.join(", ")),
        }))
    }

    /// Reads the first of [`RunDir::find_checkpoint`] that is sound.
    ///
    /// # Errors
    /// As [`RunDir::find_checkpoint`]; when all are damaged, the error of the first; at once when one is sound but
    /// does not fit, for then it is a newer npg that is needed and not an older checkpoint.
    pub fn open_checkpoint(&self, choice: &CheckpointChoice) -> Result<OpenedCheckpoint> {
        let mut skipped = Vec::new();
        for path in self.find_checkpoint(choice)? {
            match Archive::read(&path) {
                Ok(archive) => return Ok(OpenedCheckpoint { path, archive, skipped }),
                Err(error @ Error::File { fault: FileFault::Mismatch(_), .. }) => return Err(error),
                Err(error) => skipped.push(error),
            }
        }
        Err(skipped.swap_remove(0))
    }

    /// The id of the environment that a checkpoint is of, which must be the run's own (as far as its provenance tells).
    ///
    /// # Errors
    /// [`Error::File`] for another environment, or a checkpoint that names none, or not all of its options.
    pub fn environment_of(&self, opened: &OpenedCheckpoint) -> Result<String> {
        let fault = |fault| Error::File { path: opened.path.clone(), fault };
        let id: String = opened.archive.field("env").map_err(fault)?;
        let unsaved = opened.archive.unsaved_options().map_err(fault)?;
        if !unsaved.is_empty() {
            let unsaved = unsaved.join(", ");
            let message = format!("it is of {id} with options that no file can hold ({unsaved}): load it in Python");
            return Err(fault(FileFault::Mismatch(message)));
        }
        match Provenance::read(&self.provenance()) {
            Some(run) if run.env != id => {
                Err(fault(FileFault::Mismatch(format!("it is of {id}, and this run is of {}", run.env))))
            }
            _ => Ok(id),
        }
    }

    /// Removes all checkpoints but the last two and the best, and what a killed process left unfinished.
    ///
    /// # Errors
    /// [`Error::Io`] when one cannot be removed.
    pub fn prune_checkpoints(&self) -> Result<()> {
        let oldest_kept = self.list_checkpoints()?.get(KEPT - 1).map_or(0, |(steps, _)| *steps);
        self.remove_checkpoints(|steps| steps.is_some_and(|steps| steps < oldest_kept))
    }

    /// Removes the checkpoints past `steps`: a run that is resumed from an older checkpoint (or because the newest
    /// is damaged) takes another course from there, and would find them as the latest. The best one stays.
    ///
    /// # Errors
    /// [`Error::Io`] when one cannot be removed.
    pub fn remove_checkpoints_after(&self, steps: u64) -> Result<()> {
        self.remove_checkpoints(|of| of.is_some_and(|of| of > steps))
    }

    /// Removes the checkpoints whose steps (None: the best one) are `unwanted`, and unfinished files.
    pub(super) fn remove_checkpoints(&self, unwanted: impl Fn(Option<u64>) -> bool) -> Result<()> {
        let directory = self.checkpoints();
        if !directory.exists() {
            return Ok(());
        }
        for name in names_in(&directory)? {
            let ours = match steps_of(&name) {
                Some(steps) => unwanted(Some(steps)),
                None => name.ends_with(UNFINISHED) || (name == "best.safetensors" && unwanted(None)),
            };
            if ours {
                remove(&directory.join(name))?;
            }
        }
        Ok(())
    }
}

/// The steps in `step-<at least 12 digits>.safetensors`.
fn steps_of(name: &str) -> Option<u64> {
    let steps: u64 = name.strip_prefix("step-")?.strip_suffix(".safetensors")?.parse().ok()?;
    (format!("step-{steps:012}.safetensors") == name).then_some(steps)
}
