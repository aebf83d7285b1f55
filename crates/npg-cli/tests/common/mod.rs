//! Runs the program in a directory of its own, and reads what it leaves there.

#![allow(dead_code)] // each test binary uses a part
#![allow(clippy::unwrap_used)] // a test: its helpers may panic too

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Map, Value};
use tempfile::TempDir;

/// A small and fast run on CartPole-v1 with 8 environments and 500 steps per iteration.
pub(crate) const SMALL: &str = "train CartPole-v1 --set rollout.batch_steps=500 --set policy.hidden=[8] --set value.hidden=[8] \
                         --set value.epochs=2 --set run.eval_episodes=3";

/// The search path, with the folder of the tested program in front.
pub(crate) fn with_npg_on_path() -> std::ffi::OsString {
    let npg = Path::new(assert_cmd::cargo::cargo_bin!("npg"));
    let rest = std::env::var_os("PATH").unwrap_or_default();
    let folders = npg.parent().map(PathBuf::from).into_iter().chain(std::env::split_paths(&rest));
    std::env::join_paths(folders).unwrap()
}

/// A working directory for the program.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A directory with a finished [`SMALL`] run in `out`.
    pub(crate) fn with_run(out: &str, flags: &str) -> Self {
        let place = Self::new();
        place.done(&format!("{SMALL} --steps 2000 --out {out} --quiet {flags}"));
        place
    }

    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.0.path().join(inside)
    }

    /// `npg` with the words of `line`. It is on the search path, as users have it.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = self.command_off_path(line);
        command.env("PATH", with_npg_on_path());
        command
    }

    /// Like [`Place::command`], but a shell would not find the program by its name.
    pub(crate) fn command_off_path(&self, line: &str) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("npg"));
        for name in ["NO_COLOR", "TERM", "COLUMNS", "RUST_BACKTRACE"] {
            command.env_remove(name);
        }
        command.args(line.split_whitespace()).current_dir(self.0.path());
        command
    }

    /// Runs `npg` to its end.
    pub(crate) fn npg(&self, line: &str) -> Ended {
        Ended::from(self.command(line).output().unwrap())
    }

    /// Runs `npg` to its end, which must be a success.
    pub(crate) fn done(&self, line: &str) -> Ended {
        let ended = self.npg(line);
        assert_eq!(ended.code, Some(0), "npg {line}\n{}\n{}", ended.out, ended.err);
        ended
    }

    /// Starts `npg` with pipes. It reacts to SIGINT even if this test is a background job that ignores it.
    pub(crate) fn start(&self, line: &str) -> Child {
        let mut command =
            if cfg!(target_os = "linux") { self.signaled("--default-signal=INT", line) } else { self.command(line) };
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Like [`Place::command`]. `how` tells `env` whether a signal is ignored from the start.
    pub(crate) fn signaled(&self, how: &str, line: &str) -> Command {
        let npg = self.command(line);
        let mut command = Command::new("env");
        command.arg(how).arg(npg.get_program()).args(npg.get_args()).current_dir(self.0.path());
        npg.get_envs().for_each(|(name, value)| match value {
            Some(value) => drop(command.env(name, value)),
            None => drop(command.env_remove(name)),
        });
        command
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap()
    }

    /// The names in a directory, sorted.
    pub(crate) fn names(&self, path: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(path)).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Every result of a run that must not depend on time, threads or interruptions: its metrics, its evaluations, and the
    /// tensors of its last and best checkpoints.
    pub(crate) fn results(&self, run: &str) -> Results {
        let last = self.names(&format!("{run}/checkpoints")).into_iter().filter(|name| name.starts_with("step-")).max();
        Results {
            metrics: json_lines(&self.read(&format!("{run}/metrics.jsonl"))).into_iter().map(without_times).collect(),
            evaluations: self.read(&format!("{run}/eval.csv")),
            last: tensors(&self.path(&format!("{run}/checkpoints/{}", last.unwrap()))),
            best: tensors(&self.path(&format!("{run}/checkpoints/best.safetensors"))),
        }
    }

    /// Replaces bytes of a file.
    pub(crate) fn damage(&self, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = std::fs::read(self.path(path)).unwrap();
        change(&mut bytes);
        std::fs::write(self.path(path), bytes).unwrap();
    }
}

#[derive(PartialEq)]
pub(crate) struct Results {
    pub(crate) metrics: Vec<Map<String, Value>>,
    pub(crate) evaluations: String,
    pub(crate) last: (Value, Vec<u8>),
    pub(crate) best: (Value, Vec<u8>),
}

impl Results {
    /// Like `==`, but says what differs.
    pub(crate) fn assert_same(&self, other: &Results, what: &str) {
        for (a, b) in self.metrics.iter().zip(&other.metrics) {
            assert_eq!(a, b, "{what}");
        }
        assert_eq!(self.metrics.len(), other.metrics.len(), "{what}");
        assert_eq!(self.evaluations, other.evaluations, "{what}");
        assert!(self.last == other.last, "{what}: the last checkpoints differ");
        assert!(self.best == other.best, "{what}: the best checkpoints differ");
    }
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// None if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Ended {
    /// The exit code, standard output and standard error, as one text.
    pub(crate) fn shown(&self) -> String {
        let end = self.code.map_or("ended by a signal".into(), |code| format!("exit code {code}"));
        format!("{end}\n{}{}{}", self.out, if self.err.is_empty() { "" } else { "--- stderr\n" }, self.err)
    }

    /// The events of `--json`.
    pub(crate) fn events(&self, event: &str) -> Vec<Map<String, Value>> {
        json_lines(&self.out).into_iter().filter(|line| line["event"] == event).collect()
    }
}

pub(crate) fn json_lines(text: &str) -> Vec<Map<String, Value>> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn without_times(mut row: Map<String, Value>) -> Map<String, Value> {
    row.retain(|name, _| !name.starts_with("time/"));
    row
}

/// The names, types, shapes and places of the tensors, and their bytes. The header is left out, because it has a time in it.
fn tensors(path: &Path) -> (Value, Vec<u8>) {
    let bytes = std::fs::read(path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    header.as_object_mut().unwrap().remove("__metadata__");
    (header, bytes[8 + length..].to_vec())
}

/// Replaces in a snapshot what differs from run to run or with every change of the numerics: times, rates, returns and the
/// rows of the table.
pub(crate) fn with_numbers_hidden(text: &str) -> String {
    let hidden = |line: &str| -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        let is_row = words.len() == 14 && words[4] == "±" || words.len() == 12 && words[3] == "-";
        if is_row && words[0] != "steps" {
            return format!("[row of {}]", words[0]);
        }
        if !(line.starts_with("evaluation, ") || line.contains(" done: ") || line.contains(" already finished: ")) {
            return line.into();
        }
        let mut shown: Vec<String> = words.iter().map(|word| (*word).into()).collect();
        for (i, word) in words.iter().enumerate() {
            let number = word.trim_matches(['(', ')', ',', ';']);
            let is_result = words[i.saturating_sub(1)] != "done:" && words.get(i + 1) != Some(&"steps:");
            if is_result && (number.contains('.') || words.get(i + 1) == Some(&"steps/s);")) {
                shown[i] = word.replace(number, "#");
            }
        }
        shown.join(" ")
    };
    text.lines().map(|line| hidden(line) + "\n").collect()
}
