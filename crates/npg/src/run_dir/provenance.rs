//! The origin of a run: the program, the machine and the command.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::MOST;
use crate::atomic::write_atomically;
use crate::regular::{self, Links};
use crate::utc;
use crate::{Error, Result};

/// The content of provenance.json. It is enough to find the program again and to explain a difference in speed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The id of the environment.
    pub env: String,
    /// The version of npg.
    pub version: String,
    /// The revision of the sources, if it was known at build time.
    pub git_revision: Option<String>,
    /// Whether the sources differed from that revision.
    pub git_dirty: Option<bool>,
    /// The model of the processor, or its architecture if the system does not tell the model.
    pub cpu: String,
    /// The number of cores that this process may use.
    pub cores: usize,
    /// The operating system and its version.
    pub os: String,
    /// The command line.
    pub command: Vec<String>,
    /// The time when it was started, in UTC.
    pub started: String,
    /// The same facts about every command that resumed the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resumed: Vec<Provenance>,
}

impl Provenance {
    /// The provenance of this process, now, for a run in the environment with this id.
    pub fn of_this_process(environment: &str) -> Self {
        let (git_revision, git_dirty) = revision(option_env!("NPG_GIT"));
        Self {
            env: environment.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            git_revision,
            git_dirty,
            cpu: std::fs::read_to_string("/proc/cpuinfo")
                .ok()
                .and_then(|text| cpu_model(&text))
                .unwrap_or_else(|| std::env::consts::ARCH.into()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            os: os(),
            command: std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect(),
            started: utc::seconds(SystemTime::now()),
            resumed: Vec::new(),
        }
    }

    /// The content of `path`; `None` if it cannot be read.
    pub fn read(path: &Path) -> Option<Self> {
        Self::load(path).ok().flatten()
    }

    /// The content of `path`; `None` if there is no such file, or if npg did not write it.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read.
    pub fn load(path: &Path) -> Result<Option<Self>> {
        let io = |source| Error::Io { doing: "read", path: path.to_path_buf(), source };
        let mut bytes = Vec::new();
        match regular::open(path, OpenOptions::new().read(true), Links::Follow) {
            Ok(file) => file.take(MOST).read_to_end(&mut bytes).map_err(io)?,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io(error)),
        };
        Ok(serde_json::from_slice(&bytes).ok())
    }

    /// Writes the provenance to `path`. If the file already has that of an earlier command, this one is added there under
    /// `resumed`.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read or written.
    pub fn record(self, path: &Path) -> Result<()> {
        let whole = match Self::load(path)? {
            Some(mut earlier) => {
                earlier.resumed.push(self);
                earlier
            }
            None => self,
        };
        let mut text = serde_json::to_string_pretty(&whole).expect("strings, integers and lists always serialize");
        text.push('\n');
        write_atomically(path, text.as_bytes())
    }
}

/// Splits `<hash>` or `<hash>-dirty`, the output of `git describe --dirty`.
fn revision(described: Option<&str>) -> (Option<String>, Option<bool>) {
    match described.filter(|text| !text.is_empty()) {
        None => (None, None),
        Some(text) => {
            let clean = text.strip_suffix("-dirty");
            (Some(clean.unwrap_or(text).into()), Some(clean.is_some()))
        }
    }
}

/// The first `model name` in /proc/cpuinfo. ARM machines have none.
fn cpu_model(cpuinfo: &str) -> Option<String> {
    let (_, model) = cpuinfo.lines().filter_map(|line| line.split_once(':')).find(|(k, _)| k.trim() == "model name")?;
    Some(model.trim().to_string()).filter(|model| !model.is_empty())
}

fn os() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{} {}", std::env::consts::OS, release.trim()).trim_end().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_commands_are_added_to_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("provenance.json");
        let first = Provenance::of_this_process("CartPole-v1");
        first.clone().record(&path).unwrap();
        let read = || Provenance::read(&path).unwrap();
        assert_eq!(read(), first);
        Provenance { version: "9".into(), ..first.clone() }.record(&path).unwrap();
        assert_eq!(read().resumed.len(), 1);
        assert_eq!(read().resumed[0].version, "9");
        // A file that cannot be parsed is replaced, because keeping it would be wrong.
        std::fs::write(&path, "{").unwrap();
        first.clone().record(&path).unwrap();
        assert_eq!(read(), first);
    }

    #[test]
    fn facts_are_never_empty() {
        let this = Provenance::of_this_process("CartPole-v1");
        assert!(this.cores >= 1 && !this.cpu.is_empty() && !this.os.is_empty() && !this.command.is_empty());
        assert!(this.started.ends_with('Z'));
    }

    #[test]
    fn unknown_machines_and_builds_are_told_apart_from_known_ones() {
        assert_eq!(cpu_model("processor: 0\nmodel name\t: A B @ 2\nmodel name: C"), Some("A B @ 2".into()));
        assert_eq!(cpu_model("processor: 0\nBogoMIPS: 50"), None);
        assert_eq!(revision(None), (None, None));
        assert_eq!(revision(Some("")), (None, None));
        assert_eq!(revision(Some("abc")), (Some("abc".into()), Some(false)));
        assert_eq!(revision(Some("abc-dirty")), (Some("abc".into()), Some(true)));
    }
}
