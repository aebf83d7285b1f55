//! How the program ends: the exit codes, and the text of an error.

use std::io::{IsTerminal, Write};

use npg::Error;

use crate::{program, slips, text};

/// Why the program ended. The number is its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It did its work.
    Done = 0,
    /// Something failed while running.
    Failure = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// The environment failed.
    Environment = 3,
    /// A file is unreadable, damaged or foreign.
    File = 4,
    /// A library that is opened at run time is missing.
    Library = 5,
    /// SIGHUP: the terminal is gone.
    Hangup = 129,
    /// SIGINT.
    Interrupt = 130,
    /// SIGTERM.
    Terminate = 143,
}

impl Exit {
    fn of(error: &anyhow::Error) -> Self {
        match error.downcast_ref::<Error>() {
            Some(Error::Config(_) | Error::UnknownEnvironment { .. } | Error::Run(_) | Error::Observation(_)) => {
                Exit::Usage
            }
            Some(Error::Environment { .. }) => Exit::Environment,
            Some(Error::File { .. }) => Exit::File,
            Some(Error::Library { .. }) => Exit::Library,
            Some(Error::Io { doing, .. }) if *doing == "read" => Exit::File,
            Some(Error::Io { .. } | Error::Unsaved { .. } | Error::Policy { .. }) | None => Exit::Failure,
        }
    }
}

/// What to do next, as the context of an error.
#[derive(Debug)]
pub(crate) struct Next(pub(crate) String);

impl std::fmt::Display for Next {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Prints an error (what, where, the value, what to do next) and returns its exit code.
pub(crate) fn report(error: &anyhow::Error) -> Exit {
    let mut stderr = std::io::stderr();
    let label = if text::has_color(stderr.is_terminal()) { "\x1b[1;31merror:\x1b[0m" } else { "error:" };
    let text = program::runnable(&message(error));
    let _ = writeln!(stderr, "{label} {}", text::harmless(&text)); // nowhere left to say that stderr is closed
    Exit::of(error)
}

fn message(error: &anyhow::Error) -> String {
    if let Some(Next(next)) = error.downcast_ref() {
        return format!("{}\n{next}", chain(error));
    }
    let next = match error.downcast_ref::<Error>() {
        Some(Error::Config(mistakes)) if mistakes.len() > 1 => {
            let lines: String = mistakes.iter().map(|p| format!("\n  {}: {}", p.key, p.message)).collect();
            return format!(
                "{} mistakes in the configuration{lines}\n`npg explain KEY` tells what values a key takes",
                mistakes.len()
            );
        }
        Some(Error::Config(mistakes)) => match mistakes.first() {
            Some(mistake) if npg::config::find(&mistake.key).is_some() => {
                format!("\n`npg explain {}` tells more", mistake.key)
            }
            _ => String::new(),
        },
        Some(Error::UnknownEnvironment { id, .. }) => format!("\n{}", slips::about_environment(id)),
        _ => String::new(),
    };
    format!("{}{next}", chain(error))
}

/// The error and its causes, down to the library's error, which names its own cause.
fn chain(error: &anyhow::Error) -> String {
    let mut parts = Vec::new();
    for cause in error.chain().skip(usize::from(error.is::<Next>())) {
        parts.push(cause.to_string());
        if cause.is::<Error>() {
            break;
        }
    }
    parts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use npg::{FileFault, Mistake};

    #[test]
    fn every_error_has_its_exit_code() {
        let path = || "checkpoint".into();
        let io = |doing| Error::Io { doing, path: path(), source: std::io::ErrorKind::NotFound.into() };
        let environment = Error::Environment { environment: 0, episode: 1, step: 2, message: "x is NaN".into() };
        let damaged = Error::File { path: path(), fault: FileFault::Damaged("cut short".into()) };
        let unknown = Error::UnknownEnvironment { id: "Go".into(), nearest: None };
        for (error, code) in [
            (Error::config("a.b", "is wrong"), Exit::Usage),
            (unknown, Exit::Usage),
            (Error::Run("no such run".into()), Exit::Usage),
            (environment, Exit::Environment),
            (damaged, Exit::File),
            (Error::Library { name: "MuJoCo", reason: "it was not found".into() }, Exit::Library),
            (io("read"), Exit::File),
            (io("write"), Exit::Failure),
        ] {
            let text = error.to_string();
            assert_eq!(Exit::of(&anyhow::Error::from(error).context("while testing")), code, "{text}");
        }
        assert_eq!(Exit::of(&anyhow::anyhow!("anything else")), Exit::Failure);
    }

    #[test]
    fn several_mistakes_are_listed() {
        let mistake = |key: &str| Mistake { key: key.into(), message: "is wrong".into() };
        let error = anyhow::Error::from(Error::Config(vec![mistake("a.b"), mistake("c.d")]));
        let expected = "2 mistakes in the configuration\n  a.b: is wrong\n  c.d: is wrong\n\
                        `npg explain KEY` tells what values a key takes";
        assert_eq!(message(&error), expected);
        let error = anyhow::Error::from(Error::Run("it failed".into())).context(Next("try again".into()));
        assert_eq!((message(&error).as_str(), Exit::of(&error)), ("it failed\ntry again", Exit::Usage));
    }
}
