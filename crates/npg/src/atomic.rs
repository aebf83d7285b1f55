//! Writes files so that a reader finds either the whole old one or the whole new one (invariant 10 of ARCHITECTURE.md).

use std::fs::File;
use std::io;
use std::path::Path;

use crate::{Error, Result};

/// The end of the name of every unfinished file. If one stays behind, its process was killed.
pub(crate) const UNFINISHED: &str = ".npg-tmp";

/// Writes `bytes` to `path` in one piece: temporary file in the same directory, write, fsync, rename, fsync of the directory.
///
/// A reader of `path` finds the whole old file or the whole new one, also during this call and after a power cut.
/// The directory must exist.
///
/// # Errors
/// [`Error::Io`] if the operating system refuses any part. An old file at `path` is then still there.
pub fn write_atomically(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let path = path.as_ref();
    replace(path, bytes).map_err(|source| Error::Io { doing: "write", path: path.to_path_buf(), source })
}

fn replace(path: &Path, mut bytes: &[u8]) -> io::Result<()> {
    replace_by(path, &mut bytes)
}

/// Writes everything that `content` has to `path` in one piece.
pub(crate) fn replace_by(path: &Path, content: &mut impl io::Read) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".").suffix(UNFINISHED);
    #[cfg(unix)]
    {
        // Temporary files are private by default, but a user's results should be as readable as the umask says.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(directory).map_err(without_path)?;
    io::copy(content, &mut file).map_err(without_path)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_directory(directory)
}

/// The operating system's error, without the temporary file's name that tempfile has appended.
fn without_path(error: io::Error) -> io::Error {
    match error.to_string().split_once(" at path ") {
        Some((said, _)) => io::Error::new(error.kind(), said),
        None => error,
    }
}

/// Makes the rename itself durable. Some file systems cannot sync a directory and say so, which is not a failure.
#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    match File::open(directory)?.sync_all() {
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        result => result,
    }
}

/// On this system, directories cannot be opened for syncing.
#[cfg(not(unix))]
fn sync_directory(_directory: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_and_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.bin");
        write_atomically(&path, b"old").unwrap();
        write_atomically(&path, b"new and longer").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new and longer");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_refusal_names_the_file_and_keeps_the_old_one() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("absent").join("a.bin");
        let message = write_atomically(&missing, b"x").unwrap_err().to_string();
        assert!(message.starts_with("cannot write ") && message.contains("a.bin"), "{message}");
        assert!(!message.contains(UNFINISHED), "{message}");
        // A directory cannot be replaced by a file; the attempt leaves no temporary file.
        let taken = directory.path().join("taken");
        std::fs::create_dir(&taken).unwrap();
        assert!(write_atomically(&taken, b"x").is_err());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_what_the_umask_allows() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let (plain, atomic) = (directory.path().join("plain"), directory.path().join("atomic"));
        std::fs::write(&plain, b"x").unwrap();
        write_atomically(&atomic, b"x").unwrap();
        let mode = |path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&plain), mode(&atomic));
    }
}
