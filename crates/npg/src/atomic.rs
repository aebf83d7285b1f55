//! Files that are either the old ones or the new ones, never half of each (design invariant 10).

use std::fs::File;
use std::io;
use std::path::Path;

use crate::error::{Error, Result};

/// What the name of every unfinished file ends with; one that stays behind was left by a killed process.
pub(crate) const UNFINISHED: &str = ".npg-tmp";

/// Puts `bytes` at `path` in one piece: temporary file beside it, write, fsync, rename, fsync of the directory.
///
/// Whoever reads `path` during this, or after a power cut, finds the whole old file or the whole new one.
/// The directory must exist.
///
/// # Errors
/// [`Error::Io`] when the operating system refuses any part; a file that stood at `path` is then still there.
pub fn write_atomically(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let path = path.as_ref();
    replace(path, bytes).map_err(|source| Error::Io { doing: "write", path: path.to_path_buf(), source })
}

fn replace(path: &Path, mut bytes: &[u8]) -> io::Result<()> {
    replace_by(path, &mut bytes)
}

/// Puts everything that `content` has at `path` in one piece.
pub(crate) fn replace_by(path: &Path, content: &mut impl io::Read) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".").suffix(UNFINISHED);
    #[cfg(unix)]
    {
        // Temporary files are private by default; a user's results are as readable as the umask says.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(directory).map_err(without_path)?;
    io::copy(content, &mut file).map_err(without_path)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_directory(directory)
}

/// What the operating system said, without the temporary file's name that tempfile has appended.
fn without_path(error: io::Error) -> io::Error {
    match error.to_string().split_once(" at path ") {
        Some((said, _)) => io::Error::new(error.kind(), said),
        None => error,
    }
}

/// Makes the rename itself durable. File systems that cannot sync a directory say so; that is not a failure.
#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    match File::open(directory)?.sync_all() {
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        result => result,
    }
}

/// Directories cannot be opened for syncing here.
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
