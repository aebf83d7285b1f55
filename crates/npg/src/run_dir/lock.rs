//! The lock by which only one process at a time writes into a run directory. The system releases the lock when the process
//! ends, however it ends, so a lock file that is left behind locks nothing.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::path::PathBuf;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::RunDir;
use crate::atomic::write_atomically;
use crate::regular::{self, Links};
use crate::utc;
use crate::{Error, Result};

/// The right to write into a run directory, until it is dropped.
#[derive(Debug)]
pub struct Lock {
    /// `None` if the file system has no locks.
    file: Option<File>,
}

/// The process that uses a run directory, as its file `lock` says.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    pid: u32,
    host: String,
    command: Vec<String>,
    started: String,
}

impl RunDir {
    /// The file by which the directory is locked.
    pub fn lock_file(&self) -> PathBuf {
        self.path().join("lock")
    }

    /// Locks the directory for this process.
    ///
    /// # Errors
    /// [`Error::Run`] if another process has the lock (the error says which), or if something else is in the place of the
    /// file, such as a link; [`Error::Io`] if the file cannot be written.
    pub fn lock(&self) -> Result<Lock> {
        let path = self.lock_file();
        let io = |source| Error::Io { doing: "lock", path: path.clone(), source };
        let options = &mut OpenOptions::new();
        let opened = regular::open(&path, options.read(true).write(true).create(true), Links::Refuse);
        let mut file = match opened {
            Err(source) if regular::is_something_else(&path) => {
                let message = format!("cannot use {}: {source}\nremove it, and npg makes its own", path.display());
                return Err(Error::Run(message));
            }
            other => other.map_err(io)?,
        };
        // A lock file with other names (hard links, as in a backup by `cp -al`) is replaced. The old lock is held until then,
        // which keeps others out.
        let shared = regular::has_other_names(&file).map_err(io)? && file.try_lock().is_ok();
        let before = shared.then_some(&file).map(File::try_clone).transpose().map_err(io)?;
        if shared {
            write_atomically(&path, b"")?;
            file = regular::open(&path, OpenOptions::new().read(true).write(true), Links::Refuse).map_err(io)?;
        }
        match file.try_lock() {
            Ok(()) => drop(before),
            Err(TryLockError::WouldBlock) => return Err(Error::Run(self.taken(&mut file))),
            Err(TryLockError::Error(error)) if has_no_locks(&error) => return Ok(Lock { file: None }),
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        let holder = serde_json::to_string(&Holder::this_process()).expect("strings and a number always serialize");
        let sign = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all((holder + "\n").as_bytes())
        };
        sign(&mut file).map_err(io)?;
        Ok(Lock { file: Some(file) })
    }

    /// The message that another process uses the directory.
    fn taken(&self, file: &mut File) -> String {
        /// No command line has this many bytes.
        const MOST: u64 = 1 << 20;
        let run = self.path().display();
        let mut text = String::new();
        let read = file.take(MOST).read_to_string(&mut text).ok();
        let holder: Option<Holder> = read.and_then(|_| serde_json::from_str(&text).ok());
        let who = holder.map_or("another process".into(), |holder| {
            let Holder { pid, host, command, started } = holder;
            format!("process {pid} on {host}, since {started}: {}", command.join(" "))
        });
        format!("{run} is in use by {who}\nwait for its end or stop it; `npg eval` and `npg plot` can be run meanwhile")
    }
}

impl Lock {
    /// Whether the lock keeps others out. Some network file systems have no locks.
    pub fn holds(&self) -> bool {
        self.file.is_some()
    }
}

impl Holder {
    fn this_process() -> Self {
        Self {
            pid: std::process::id(),
            host: host(),
            command: std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect(),
            started: utc::seconds(SystemTime::now()),
        }
    }
}

#[cfg(unix)]
fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn host() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_else(|_| "this machine".into())
}

/// Whether the file system has no locks, like some network file systems. A run can be trained there all the same.
fn has_no_locks(error: &io::Error) -> bool {
    #[cfg(unix)]
    let is_out = error.raw_os_error() == Some(rustix::io::Errno::NOLCK.raw_os_error());
    #[cfg(not(unix))]
    let is_out = false;
    is_out || error.kind() == ErrorKind::Unsupported
}
