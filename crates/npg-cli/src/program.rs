//! How this program was called. The commands that it prints must run as they are, also from `cargo run` and if `npg` is not on
//! the path.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::text::shell_word;

/// The name in most messages.
const NAME: &str = "npg";

static PROGRAM: OnceLock<String> = OnceLock::new();

/// Remembers how this process was called.
pub(crate) fn called_as(name: &OsStr) {
    let here = std::env::current_dir().unwrap_or_default();
    let _ = PROGRAM.set(command(Path::new(name), std::env::var_os("PATH"), &here)); // only the first call of a process counts
}

/// The word that starts this program in the user's shell.
pub(crate) fn name() -> &'static str {
    PROGRAM.get().map_or(NAME, String::as_str)
}

/// The message with this word at the beginning of its commands, such as `` `npg envs` ``.
pub(crate) fn runnable(message: &str) -> String {
    match name() {
        NAME => message.into(),
        name => message.replace("`npg ", &format!("`{name} ")),
    }
}

/// The word for a program that was called as `called` from the folder `here`.
fn command(called: &Path, path: Option<OsString>, here: &Path) -> String {
    let Some(name) = called.file_name() else { return NAME.into() };
    let is_bare = called.components().count() == 1;
    if is_bare || on_path(name, path).is_some_and(|found| is_same(&found, &here.join(called))) {
        return shell_word(name);
    }
    let word = match called.strip_prefix(here) {
        Ok(inside) if inside.components().count() == 1 => Path::new(".").join(inside),
        Ok(inside) => inside.into(),
        Err(_) => called.into(),
    };
    shell_word(word)
}

/// The file that a shell finds by this name.
fn on_path(name: &OsStr, path: Option<OsString>) -> Option<PathBuf> {
    std::env::split_paths(&path?).map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn is_same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_finds_the_program_again() {
        let place = tempfile::tempdir().unwrap();
        let here = place.path().canonicalize().unwrap();
        std::fs::create_dir_all(here.join("target/release")).unwrap();
        let built = here.join("target/release/npg");
        for file in [&built, &here.join("npg")] {
            std::fs::write(file, "").unwrap();
        }
        let on = |folder: &Path| Some(folder.as_os_str().to_owned());
        let release = built.parent().unwrap();
        // The shell found it, or would.
        assert_eq!(command(Path::new("npg"), None, &here), "npg");
        assert_eq!(command(&built, on(release), &here), "npg");
        // `cargo run`, with another npg on the path or none; from the folder and from elsewhere.
        for path in [None, on(&here)] {
            assert_eq!(command(&built, path.clone(), &here), "target/release/npg");
            assert_eq!(command(Path::new("target/release/npg"), path.clone(), &here), "target/release/npg");
            assert_eq!(command(&built, path, Path::new("/elsewhere")), built.to_str().unwrap());
        }
        assert_eq!(command(&here.join("npg"), None, &here), "./npg");
        assert_eq!(command(Path::new("/a folder/npg"), None, &here), "'/a folder/npg'");
    }
}
