//! Regular files and real directories. A run directory may come from anyone. If one of its files were a link, npg would read,
//! cut or append to whatever the link names. A pipe would block npg, and reading a device might never end.

use crate::atomic::replace_by;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// Whether a last component that is a symbolic link is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Links {
    /// For files that are only read. They may be elsewhere.
    Follow,
    /// For everything that is written, cut or removed.
    Refuse,
}

/// Opens the regular file `path`. `options` must not truncate: whether it is a regular file is known only once it is open, and
/// anything else must not be damaged by that.
pub(crate) fn open(path: &Path, options: &mut OpenOptions, links: Links) -> io::Result<File> {
    let file = match open_unchecked(path, options, links) {
        Err(error) if links == Links::Refuse && is_link(path) => return Err(io::Error::new(error.kind(), LINK)),
        other => other?,
    };
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"))
    }
}

/// Opens the regular file `path` for writing. If its content has other names (hard links, as in a backup by `cp -al`), the file
/// is replaced by a copy first, so that the others stay as they are.
pub(crate) fn open_own(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let file = open(path, options, Links::Refuse)?;
    if !has_other_names(&file)? {
        return Ok(file);
    }
    replace_by(path, &mut open(path, OpenOptions::new().read(true), Links::Refuse)?)?;
    open(path, options, Links::Refuse)
}

#[cfg(unix)]
pub(crate) fn has_other_names(file: &File) -> io::Result<bool> {
    Ok(std::os::unix::fs::MetadataExt::nlink(&file.metadata()?) > 1)
}

#[cfg(not(unix))]
pub(crate) fn has_other_names(_: &File) -> io::Result<bool> {
    Ok(false)
}

/// The whole regular file `path` as text. Bytes that are not UTF-8 become replacement characters.
///
/// # Errors
/// Also if the file is longer than `most` bytes.
pub(crate) fn read_text(path: &Path, most: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    open(path, OpenOptions::new().read(true), Links::Follow)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(ErrorKind::FileTooLarge, format!("it has more than {most} bytes")));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Opens with flags by which opening a pipe does not wait for its other end.
#[cfg(unix)]
fn open_unchecked(path: &Path, options: &mut OpenOptions, links: Links) -> io::Result<File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    let nofollow = if links == Links::Refuse { OFlags::NOFOLLOW } else { OFlags::empty() };
    options.custom_flags((OFlags::NONBLOCK | nofollow).bits() as i32).open(path)
}

#[cfg(not(unix))]
fn open_unchecked(path: &Path, options: &mut OpenOptions, links: Links) -> io::Result<File> {
    if links == Links::Refuse && is_link(path) {
        return Err(ErrorKind::InvalidInput.into());
    }
    options.open(path)
}

/// Whether something other than a regular file is at `path`.
pub(crate) fn is_something_else(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| !metadata.is_file())
}

fn is_link(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink())
}

/// Whether a directory is at `path`. False if there is nothing.
///
/// # Errors
/// If there is something else, such as a link to a directory, or if the system does not tell.
pub(crate) fn is_directory(path: &Path) -> io::Result<bool> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => Ok(true),
        Ok(metadata) if metadata.is_symlink() => Err(io::Error::new(ErrorKind::InvalidInput, LINK)),
        Ok(_) => Err(io::Error::new(ErrorKind::NotADirectory, "it is not a directory")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

const LINK: &str = "it is a symbolic link, and npg does not write or remove anything through a link";

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_opened_and_nothing_waits() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("file"), "text").unwrap();
        std::os::unix::fs::symlink(path("file"), path("link")).unwrap();
        std::os::unix::fs::symlink(path("absent"), path("dangling")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
        let open =
            |name: &str, links| open(&path(name), OpenOptions::new().read(true).append(true).create(true), links);
        assert!(open("file", Links::Refuse).is_ok());
        assert!(open("new", Links::Refuse).is_ok());
        assert!(open("link", Links::Follow).is_ok());
        for name in ["link", "dangling"] {
            let error = open(name, Links::Refuse).unwrap_err().to_string();
            assert!(error.contains("a symbolic link"), "{name}: {error}");
        }
        assert!(open("pipe", Links::Refuse).is_err());
        assert!(super::open(&path("pipe"), OpenOptions::new().read(true), Links::Follow).is_err());
        assert!(!path("absent").exists(), "nothing is made through a link");
        assert!(super::open(directory.path(), OpenOptions::new().read(true), Links::Follow).is_err());
    }
}
