//! What a run directory guarantees: one process at a time, nothing through links, nothing lost, nothing silent.

#![cfg(unix)]
#![allow(clippy::unwrap_used)] // a test: its helpers may panic too

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use common::{Ended, Place, SMALL, json_lines};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use npg::checkpoint::Archive;

/// A run that goes on until it is stopped, with iterations of some milliseconds.
const ENDLESS: &str = "train CartPole-v1 --steps 1e9 --json --set rollout.batch_steps=500 --set policy.hidden=[8] \
                       --set value.hidden=[8] --set value.epochs=2";

/// Waits until `is_so`.
fn wait(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what} does not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn wait_for(place: &Place, path: &str) {
    wait(path, || place.path(path).exists());
}

/// Waits for the checkpoint that follows the first iteration, or a later one.
fn wait_for_a_checkpoint(place: &Place, run: &str) {
    let folder = format!("{run}/checkpoints");
    let is_later = |name: &String| name.starts_with("step-") && name != "step-000000000000.safetensors";
    wait("a checkpoint", || place.path(&folder).exists() && place.names(&folder).iter().any(is_later));
}

/// A child process that is killed when the test ends, however it ends.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill(); // it may have ended
        let _ = self.0.wait();
    }
}

fn endless(place: &Place, line: &str) -> Killed {
    let child = place.command(line).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    Killed(child)
}

#[test]
fn a_run_belongs_to_one_process_and_others_are_told_which() {
    let place = Place::new();
    let first = endless(&place, &format!("{ENDLESS} --out o"));
    wait_for_a_checkpoint(&place, "o/seed-0"); // long before run.checkpoint_seconds
    let told = format!("error: o/seed-0 is in use by process {} on ", first.0.id());
    for line in ["resume o --steps 2e9".to_string(), format!("{ENDLESS} --out o --force")] {
        let second = place.npg(&line);
        assert_eq!(second.code, Some(2), "{line}: {}", second.err);
        assert!(
            second.err.starts_with(&told) && second.err.contains("train CartPole-v1 --steps 1e9"),
            "{}",
            second.err
        );
    }
    place.done("eval o --episodes 1");
    drop(first); // kill -9: the lock goes with the process, and the checkpoint stays
    let again = endless(&place, "resume o --json");
    wait_for(&place, "o/seed-0/provenance.json");
    kill(Pid::from_raw(again.0.id() as i32), Signal::SIGTERM).unwrap();
    let steps: Vec<u64> =
        json_lines(&place.read("o/seed-0/metrics.jsonl")).iter().map(|row| row["steps"].as_u64().unwrap()).collect();
    assert!(steps.is_sorted_by(|a, b| a < b), "{steps:?}");
}

#[test]
fn a_checkpoint_that_cannot_be_read_for_a_moment_is_not_passed_over() {
    let place = Place::with_run("o", "--set run.checkpoint_iterations=1");
    let (newest, hidden) = ("o/seed-0/checkpoints/step-000000002000.safetensors", "hidden");
    fs::rename(place.path(newest), place.path(hidden)).unwrap();
    for target in ["step-000000002000.safetensors", "not-mounted"] {
        symlink(target, place.path(newest)).unwrap(); // to itself, or to nothing
        let ended = place.npg("resume o --steps 3000");
        assert_eq!(ended.code, Some(4), "{}", ended.err);
        assert!(ended.err.starts_with(&format!("error: cannot read {newest}: ")), "{}", ended.err);
        assert_eq!(place.npg("eval o --episodes 1").code, Some(4));
        assert_eq!(place.names("o/seed-0/checkpoints").len(), 3);
        fs::remove_file(place.path(newest)).unwrap();
    }
    fs::rename(place.path(hidden), place.path(newest)).unwrap();
    assert_eq!(place.done("resume o --steps 3000 --json").events("iteration").len(), 2);
}

#[test]
fn what_was_passed_over_is_kept() {
    let place = Place::with_run("o", "--set run.checkpoint_iterations=1");
    let newest = "step-000000002000.safetensors";
    for copies in 1..=2 {
        place.damage(&format!("o/seed-0/checkpoints/{newest}"), |bytes| bytes.truncate(1000 + copies));
        place.done("resume o --quiet");
        let kept: Vec<String> =
            place.names("o/seed-0/checkpoints").into_iter().filter(|name| name.starts_with("damaged-")).collect();
        assert_eq!(kept.len(), copies, "{kept:?}");
        let name = if copies == 1 { format!("damaged-{newest}") } else { format!("damaged-{copies}-{newest}") };
        let bytes = fs::read(place.path(&format!("o/seed-0/checkpoints/{name}"))).unwrap();
        assert_eq!(bytes.len(), 1000 + copies);
        assert!(place.read("o/seed-0/log.txt").contains(&format!("kept, but not used: o/seed-0/checkpoints/{name}")));
    }
    place.done("eval o --episodes 1");
}

/// The resume ends before its first step, as if it had been killed there. The new total must be stored by then, because the
/// next resume reads it.
#[test]
fn a_new_total_is_kept_when_the_resume_ends_before_its_first_step() {
    let place = Place::with_run("o", "");
    fs::remove_file(place.path("o/seed-0/config.toml")).unwrap();
    fs::create_dir(place.path("o/seed-0/config.toml")).unwrap();
    assert_eq!(place.npg("resume o --steps 3000").code, Some(1));
    assert_eq!(json_lines(&place.read("o/seed-0/metrics.jsonl")).last().unwrap()["steps"], 2000);
    fs::remove_dir(place.path("o/seed-0/config.toml")).unwrap();
    assert_eq!(place.done("resume o --json").events("done")[0]["steps"], 3000);
    assert!(place.read("o/seed-0/config.toml").contains("\nsteps = 3000"));
}

#[test]
fn seeds_that_were_never_begun_are_named_with_the_command_that_begins_them() {
    let place = Place::new();
    place.done(&format!("{SMALL} --steps 1000 --out o --seeds 0..2 --quiet"));
    for seed in [2, 3, 5] {
        fs::create_dir(place.path(&format!("o/seed-{seed}"))).unwrap();
    }
    assert!(
        place.done("eval o --episodes 1").err.contains("note: o also has the seeds 2..4, 5, which were never started")
    );
    let ended = place.npg("resume o --quiet");
    assert_eq!(ended.code, Some(1));
    insta::assert_snapshot!(ended.err, @r#"
    error: o has seeds that were never started and cannot be resumed: 2..4, 5
    start them with:
      npg train CartPole-v1 --config o/seed-0/config.toml --out o --force --seeds 2..4
      npg train CartPole-v1 --config o/seed-0/config.toml --out o --force --seed 5
    "#);
    for command in ended.err.lines().filter_map(|line| line.strip_prefix("  npg ")) {
        place.done(&format!("{command} --quiet"));
    }
    place.done("resume o --quiet");
    for seed in [2, 5] {
        place.done(&format!("{SMALL} --steps 1000 --out single --seed {seed} --quiet"));
        let run = format!("seed-{seed}");
        place.results(&format!("o/{run}")).assert_same(&place.results(&format!("single/{run}")), &run);
    }
}

#[test]
fn nothing_is_removed_or_written_through_a_link() {
    let place = Place::with_run("o", "");
    // A directory of checkpoints that belongs to somebody else.
    fs::rename(place.path("o/seed-0/checkpoints"), place.path("theirs")).unwrap();
    symlink("../../theirs", place.path("o/seed-0/checkpoints")).unwrap();
    fs::write(place.path("theirs/.half.npg-tmp"), "").unwrap();
    let before = place.names("theirs");
    for line in [format!("{SMALL} --steps 500 --out o --force"), "resume o --steps 3000".into()] {
        let ended = place.npg(&line);
        assert_eq!(ended.code, Some(2), "{line}: {}", ended.err);
        assert!(ended.err.contains("o/seed-0/checkpoints: it is a symbolic link"), "{}", ended.err);
        assert_eq!(place.names("theirs"), before);
    }
    // A seed's directory that belongs to somebody else.
    symlink("../o/seed-0", place.path("p")).unwrap();
    fs::create_dir(place.path("q")).unwrap();
    symlink("../o/seed-0", place.path("q/seed-0")).unwrap();
    let files = place.names("o/seed-0");
    let ended = place.npg(&format!("{SMALL} --steps 500 --out q --force"));
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    assert_eq!(place.names("o/seed-0"), files);
}

#[test]
fn what_is_done_to_old_checkpoints_does_not_end_training() {
    let place = Place::new();
    let child = endless(&place, &format!("{ENDLESS} --out o --set run.checkpoint_seconds=0"));
    wait_for_a_checkpoint(&place, "o/seed-0");
    // First a checkpoint that cannot be removed, and then none at all.
    fs::create_dir(place.path("o/seed-0/checkpoints/step-000000000001.safetensors")).unwrap();
    let told = "an old checkpoint could not be removed: cannot remove ";
    wait(told, || place.read("o/seed-0/log.txt").contains(told));
    let gone = place.path("gone");
    fs::rename(place.path("o/seed-0/checkpoints"), &gone).unwrap();
    wait_for(&place, "o/seed-0/checkpoints");
    kill(Pid::from_raw(child.0.id() as i32), Signal::SIGTERM).unwrap();
    let mut child = child;
    assert_eq!(child.0.wait().unwrap().code(), Some(143));
    place.done("eval o --episodes 1");
}

/// `nohup` makes a run ignore SIGHUP, so that it outlives its terminal. `trap "" INT` does the same with SIGINT. At any other
/// signal the run is saved.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_that_was_ignored_from_the_start_stays_ignored_and_any_other_has_the_run_saved() {
    let place = Place::new();
    let start = |how: &str, out: &str, signal: Signal| {
        let mut command = place.signaled(how, &format!("{ENDLESS} --out {out}"));
        let child = Killed(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        wait_for_a_checkpoint(&place, &format!("{out}/seed-0"));
        kill(Pid::from_raw(child.0.id() as i32), signal).unwrap();
        child
    };
    for (signal, code) in [(Signal::SIGHUP, 129), (Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let name = signal.as_str();
        let mut plain = start(&format!("--default-signal={name}"), name, signal);
        assert_eq!(plain.0.wait().unwrap().code(), Some(code));
        let log = place.read(&format!("{name}/seed-0/log.txt"));
        assert!(log.lines().last().unwrap().contains("stopped on request after "), "{log}");
        let out = format!("{name}-ignored");
        let mut deaf = start(&format!("--ignore-signal={name}"), &out, signal);
        let rows = || place.read(&format!("{out}/seed-0/metrics.jsonl")).lines().count();
        let (before, begun) = (rows(), Instant::now());
        while rows() < before + 3 {
            assert!(begun.elapsed() < Duration::from_secs(60) && deaf.0.try_wait().unwrap().is_none(), "{name}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_not_a_success() {
    let place = Place::new();
    for flags in ["--json", "--quiet", ""] {
        let out = format!("o{flags}");
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = place.command(&format!("{SMALL} --steps 1000 --out {out} {flags}"));
        let ended = Ended::from(command.stdout(full).output().unwrap());
        assert_eq!(ended.code, Some(1), "{flags}");
        let told = format!("the training is complete, in '{out}/seed-0'\n").replace("'o/seed-0'", "o/seed-0");
        assert!(ended.err.contains("cannot write to standard output: No space left on device"), "{}", ended.err);
        assert!(ended.err.ends_with(&told) || ended.err.ends_with(&told.replace('\'', "")), "{}", ended.err);
        place.done(&format!("eval {out} --episodes 1"));
    }
    for arguments in
        ["eval o/seed-0 --episodes 1", "explain kl", "envs", "presets", "--help", "--version", "train --help"]
    {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let ended = Ended::from(place.command(arguments).stdout(full).output().unwrap());
        assert_eq!(ended.code, Some(1), "{arguments}: {}", ended.err);
        assert!(
            ended.err.starts_with("error: cannot write to standard output: No space left on device"),
            "{}",
            ended.err
        );
    }
}

/// The system also sends a signal, which ends a program that does not expect it.
#[cfg(target_os = "linux")]
#[test]
fn a_limit_on_the_size_of_files_is_an_error_that_is_told() {
    let place = Place::new();
    let npg = place.command(&format!("{SMALL} --steps 1000 --out o --quiet"));
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "ulimit -f 1; exec \"$0\" \"$@\""]).arg(npg.get_program()).args(npg.get_args());
    let ended = Ended::from(command.current_dir(npg.get_current_dir().unwrap()).output().unwrap());
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(ended.err.contains("File too large"), "{}", ended.err);
}

#[test]
fn a_run_that_has_changed_nothing_says_so() {
    let place = Place::new();
    // The mean advantage of a single transition is its own, so its normalized advantage is 0.
    let ended = place.done("train CartPole-v1 --steps 20 --envs 1 --set rollout.batch_steps=1 --out o --quiet");
    assert_eq!(
        ended.err,
        "note: none of 20 updates has changed the policy; the last one: no update: all advantages are equal\n"
    );
}

/// A cause is told once, when it first comes up. The end tells how often it came.
#[test]
fn a_run_says_at_its_end_how_many_updates_changed_nothing() {
    let place = Place::new();
    let ended =
        place.done("train CartPole-v1 --algo trpo --set algorithm.max_backtracks=0 --steps 10000 --json --out o");
    let updated = |row: &serde_json::Map<_, serde_json::Value>| row["npg/updated"] == 1.0;
    let rows = ended.events("iteration");
    let unchanged = rows.iter().filter(|row| !updated(row)).count();
    assert!(0 < unchanged && unchanged < rows.len(), "{unchanged}");
    let note = format!("{unchanged} of {} updates did not change the policy", rows.len());
    let log = place.read("o/seed-0/log.txt");
    assert_eq!(log.matches("no update: none of the lengths").count(), 2, "{log}");
    assert!(log.contains(&note), "{log}");
}

#[test]
fn evaluations_that_were_cut_are_told_to_a_quiet_run() {
    let place = Place::new();
    let line = "train CliffWalking-v1 --steps 2000 --set run.eval_episodes=1 --out o --quiet";
    let ended = place.done(line);
    assert!(ended.err.contains("1 of 1 evaluation episodes had not ended after 50000 steps"), "{}", ended.err);
}

#[test]
fn rewards_that_would_overflow_the_statistics_are_the_environments_error() {
    let place = Place::new();
    let ended = place.npg("train LQR-v0 --steps 4096 --set env.r=1e153 --out o");
    assert_eq!(ended.code, Some(3), "{}", ended.err);
    let told = "error: environment 0, episode 0, step 1: the reward is -";
    assert!(ended.err.starts_with(told) && ended.err.contains("at most 1e100"), "{}", ended.err);
    assert!(ended.err.contains("scale the reward"), "{}", ended.err);
    // The largest value that is accepted is saved and loaded.
    place.done("train LQR-v0 --steps 4096 --set env.r=1e90 --out p --quiet --set run.eval_episodes=2");
    place.done("resume p --steps 8192 --quiet");
    for setting in ["policy.output_gain=1e300", "policy.rbf_bandwidth=1e-300", "normalize.clip=1e300"] {
        let ended = place.npg(&format!("train CartPole-v1 --steps 4096 --set {setting} --out q"));
        assert_eq!(ended.code, Some(2), "{setting}");
        assert!(ended.err.contains(setting.split('=').next().unwrap()), "{}", ended.err);
        assert!(!place.path("q").exists());
    }
}

#[test]
fn a_files_text_cannot_command_the_terminal() {
    let place = Place::with_run("o", "");
    fs::remove_file(place.path("o/seed-0/provenance.json")).unwrap();
    let path = place.path("o/seed-0/checkpoints/step-000000002000.safetensors");
    let mut archive = Archive::read(&path).unwrap();
    archive.header["env"] = "\u{1b}]0;owned\u{7}\u{9b}31m".into();
    archive.write(&path).unwrap();
    for line in ["eval o", "resume o --steps 3000"] {
        let ended = place.npg(line);
        let shown = ended.shown();
        assert!(shown.contains("\\u{1b}]0;owned\\u{7}\\u{9b}31m"), "{shown}");
        assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
    }
}

#[test]
fn a_checkpoint_cannot_have_a_module_imported() {
    let place = Place::with_run("o", "");
    fs::remove_file(place.path("o/seed-0/provenance.json")).unwrap();
    let path = place.path("o/seed-0/checkpoints/step-000000002000.safetensors");
    let mut archive = Archive::read(&path).unwrap();
    archive.header["env"] = "gym:evil:Thing-v0".into();
    archive.write(&path).unwrap();
    for line in ["eval o", "resume o --steps 3000"] {
        let ended = place.npg(line);
        assert_eq!(ended.code, Some(2), "{}", ended.err);
        assert!(ended.err.ends_with("name the environment yourself: --env gym:evil:Thing-v0\n"), "{}", ended.err);
        // If the user names the environment, only Python is missing here.
        assert_eq!(place.npg(&format!("{line} --env gym:evil:Thing-v0")).code, Some(5));
        assert_eq!(place.npg(&format!("{line} --env gym:other:Thing-v0")).code, Some(2));
    }
}

#[test]
fn a_file_in_the_place_of_a_directory_is_named() {
    let place = Place::new();
    fs::write(place.path("file"), "").unwrap();
    symlink("nowhere", place.path("link")).unwrap();
    for (out, told) in [
        ("file", "file is not a directory"),
        ("file/a/b", "file is not a directory"),
        ("link", "link is a symbolic link that does not lead to a directory"),
    ] {
        let ended = place.npg(&format!("{SMALL} --steps 500 --out {out}"));
        let remedy = "; remove it, or choose another place with --out";
        assert_eq!((ended.code, ended.err), (Some(2), format!("error: {told}{remedy}\n")), "{out}");
    }
    let ended = place.npg("eval link");
    assert_eq!(ended.err, "error: link is a symbolic link to nowhere, where there is nothing\n");
}

#[test]
fn the_commands_that_a_run_ends_with_take_its_directory_for_no_option() {
    let place = Place::new();
    let ended = place.done(&format!("{SMALL} --steps 500 --out=-x --quiet"));
    assert!(ended.out.contains("  npg eval ./-x/seed-0\n"), "{}", ended.out);
    place.done("eval ./-x/seed-0 --episodes 1");
}
