//! Runs that are interrupted, killed, damaged or prolonged, and `npg resume`.

#![cfg(unix)]
#![allow(clippy::unwrap_used)] // a test: its helpers may panic too

mod common;

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::Child;
use std::time::{Duration, Instant};

use common::{Ended, Place, SMALL, json_lines};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// 40 iterations that take many milliseconds each, so that a signal comes in time. The run uses every part of its state.
const LONG: &str = "train Pendulum-v1 --steps 20100 --json --set rollout.batch_steps=500 --set policy.hidden=[8] \
                    --set policy.std=sde --set algorithm.cg_warm_start=true --set algorithm.kl_step_schedule=linear \
                    --set value.epochs=120 --set run.eval_every=2000 --set run.eval_episodes=3";

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id() as i32), signal).unwrap();
}

/// Starts a run and sends it a signal after it has printed this many iterations.
fn interrupted(place: &Place, line: &str, iterations: usize, signal: Signal) -> Ended {
    interrupted_after(place, line, ("\"iteration\",", iterations), signal)
}

/// Starts a run and sends it a signal after it has printed a text so many times.
fn interrupted_after(place: &Place, line: &str, (text, times): (&str, usize), signal: Signal) -> Ended {
    let mut child = place.start(line);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut out = String::new();
    while out.matches(text).count() < times {
        out += &(lines.next().expect("the run goes on").unwrap() + "\n");
    }
    send(&child, signal);
    lines.for_each(|line| out += &(line.unwrap() + "\n"));
    let ended = Ended::from(child.wait_with_output().unwrap());
    Ended { out, ..ended }
}

#[test]
fn an_interrupted_run_goes_on_as_if_nothing_had_happened() {
    let place = Place::new();
    place.done(&format!("{LONG} --out whole"));
    let whole = place.results("whole/seed-0");
    for (signal, code, after) in [(Signal::SIGINT, 130, 3), (Signal::SIGTERM, 143, 11)] {
        let out = signal.as_str();
        let ended = interrupted(&place, &format!("{LONG} --out {out}"), after, signal);
        assert_eq!(ended.code, Some(code), "{}", ended.err);
        assert!(ended.events("done").is_empty());
        let steps = ended.events("iteration").last().unwrap()["steps"].as_u64().unwrap();
        let told = format!("stopped after {steps} of 20100 steps; continue with: npg resume {out}/seed-0\n");
        assert!(ended.err.ends_with(&told), "{}", ended.err);
        assert!(place.path(&format!("{out}/seed-0/checkpoints/step-{steps:012}.safetensors")).exists());
        let resumed = place.done(&format!("resume {out} --json"));
        assert_eq!(
            resumed.events("iteration")[0]["steps"],
            steps + 500,
            "the iteration was finished, none is repeated"
        );
        assert_eq!(resumed.events("done")[0]["steps"], 20_100);
        assert_eq!(resumed.err, "");
        place.results(&format!("{out}/seed-0")).assert_same(&whole, out);
    }
}

#[test]
fn an_interrupted_evaluation_is_made_again_before_the_run_goes_on() {
    let place = Place::new();
    let line = "train Pendulum-v1 --steps 1000 --json --set rollout.batch_steps=500 --set policy.hidden=[8] \
                --set run.eval_every=500 --set run.eval_episodes=1000";
    place.done(&format!("{line} --out whole"));
    let ended = interrupted(&place, &format!("{line} --out o"), 1, Signal::SIGTERM);
    assert_eq!(ended.code, Some(143), "{}", ended.err);
    assert!(ended.events("eval").is_empty());
    let told = "note: the evaluation is given up, because the run is to stop\nstopped after 500 of 1000 steps; ";
    assert!(ended.err.starts_with(told), "{}", ended.err);
    let resumed = place.done("resume o --json");
    let steps: Vec<_> = resumed.events("eval").iter().map(|row| row["steps"].as_u64()).collect();
    assert_eq!(steps, [Some(500), Some(1000)]);
    place.results("o/seed-0").assert_same(&place.results("whole/seed-0"), "resumed in an evaluation");
}

/// Neither at the end of a run nor twice at the same place is an evaluation lost.
#[test]
fn an_evaluation_that_is_interrupted_again_and_the_last_one_are_made_later() {
    let place = Place::new();
    let settings = "--set rollout.batch_steps=500 --set policy.hidden=[8] --set run.eval_every=500 \
                    --set run.eval_episodes=2000";
    let line = format!("train Pendulum-v1 --steps 1000 --json {settings}");
    place.done(&format!("{line} --out whole"));
    let ended = interrupted(&place, &format!("{line} --out o"), 1, Signal::SIGTERM);
    assert_eq!(ended.code, Some(143), "{}", ended.err);
    let again = interrupted_after(&place, "resume o --json", ("\"start\",", 1), Signal::SIGTERM);
    assert_eq!(again.code, Some(143), "{}", again.err);
    assert!(again.events("iteration").is_empty() && again.events("eval").is_empty());
    let last = interrupted(&place, "resume o --json", 1, Signal::SIGTERM);
    assert_eq!(last.code, Some(143), "the evaluation at the end: {}", last.err);
    assert!(last.events("done").is_empty());
    let resumed = place.done("resume o --json");
    let steps: Vec<_> = resumed.events("eval").iter().map(|row| row["steps"].as_u64()).collect();
    assert_eq!(steps, [Some(1000)]);
    assert!(resumed.events("iteration").is_empty() && resumed.events("done")[0]["final_return_mean"].is_number());
    place.results("o/seed-0").assert_same(&place.results("whole/seed-0"), "interrupted three times");
}

#[test]
fn a_killed_run_goes_on_from_its_last_checkpoint() {
    let place = Place::new();
    place.done(&format!("{LONG} --out whole"));
    let whole = place.results("whole/seed-0");
    // The second run has only the checkpoints by time. The third run has those of every third iteration as well.
    for (every, after) in [(1, 7), (0, 5), (3, 9)] {
        let out = format!("killed-{every}");
        let line = format!("{LONG} --out {out} --set run.checkpoint_iterations={every}");
        let ended = interrupted(&place, &line, after, Signal::SIGKILL);
        assert_eq!((ended.code, ended.err.as_str()), (None, ""));
        // Half a row, and half a checkpoint that was never renamed.
        place.damage(&format!("{out}/seed-0/metrics.jsonl"), |bytes| bytes.extend(b"{\"iteration\":99,\"st"));
        std::fs::write(place.path(&format!("{out}/seed-0/checkpoints/.abc.npg-tmp")), "half").unwrap();
        place.done(&format!("resume {out} --quiet"));
        place.results(&format!("{out}/seed-0")).assert_same(&whole, &out);
        assert_eq!(place.names(&format!("{out}/seed-0/checkpoints")).len(), 3, "the best, the last two");
        let csv = |run: &str| place.read(&format!("{run}/seed-0/progress.csv")).lines().count();
        assert_eq!(csv(&out), csv("whole"));
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let place = Place::new();
    // One iteration takes long.
    let line = "train CartPole-v1 --steps 1e9 --set rollout.batch_steps=1e7 --out o --json --set value.epochs=1000";
    let mut child = place.start(line);
    let begun = Instant::now();
    while !place.path("o/seed-0/log.txt").exists() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it does not begin");
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut sent = 0;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "still alive after {sent} signals");
        send(&child, Signal::SIGINT);
        sent += 1;
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(status.signal(), Some(2), "{status}");
    assert!(sent > 1);
    // What was there before the run began is enough to begin again.
    assert_eq!(place.names("o/seed-0/checkpoints"), ["step-000000000000.safetensors"]);
}

#[test]
fn all_seeds_of_an_interrupted_command_are_resumed() {
    let place = Place::new();
    let line = format!("{LONG} --seeds 0..3 --out o");
    let ended = interrupted(&place, &line, 45, Signal::SIGINT);
    assert_eq!(ended.code, Some(130));
    assert_eq!((ended.events("start").len(), ended.events("done").len()), (2, 1));
    assert!(ended.err.ends_with("continue with: npg resume o\n"), "{}", ended.err);
    let resumed = place.done("resume o --json");
    assert_eq!((resumed.events("start").len(), resumed.events("done").len()), (3, 3));
    for seed in 0..3 {
        place.done(&format!("{LONG} --seed {seed} --out single"));
        let run = format!("seed-{seed}");
        place.results(&format!("o/{run}")).assert_same(&place.results(&format!("single/{run}")), &run);
    }
}

#[test]
fn a_finished_run_is_left_alone() {
    let place = Place::with_run("o", "");
    let files = || {
        let names = place.names("o/seed-0");
        let time = |name: &String| place.path(&format!("o/seed-0/{name}")).metadata().unwrap().modified().unwrap();
        names.iter().map(|name| (name.clone(), time(name))).collect::<Vec<_>>()
    };
    let before = files();
    let shown = common::with_numbers_hidden(&place.npg("resume o").shown());
    insta::assert_snapshot!(shown, @r#"
    exit code 0
    CartPole-v1, npg, seed 0, 2k steps: o/seed-0
    o/seed-0 was already finished: 2k steps; final return #, best #
      npg eval o/seed-0
      npg plot o/seed-0 -o curve.svg
      npg resume o/seed-0 --steps 4000
    "#);
    let resumed = place.done("resume o/seed-0 --json");
    assert_eq!((resumed.events("start").len(), resumed.events("done").len()), (1, 1));
    let done = &resumed.events("done")[0];
    assert!(done["seconds"].as_f64().unwrap() > 0.0 && done["final_return_mean"].is_f64());
    insta::assert_snapshot!(place.npg("resume o --steps 1999").shown(), @r#"
    exit code 2
    --- stderr
    error: run.steps: is 1999, but 2000 steps are done already
    `npg explain run.steps` tells more
    "#);
    insta::assert_snapshot!(place.npg("resume o --steps 0").shown(), @r#"
    exit code 2
    --- stderr
    error: run.steps: must be at least 1, but --steps is 0
    `npg explain run.steps` tells more
    "#);
    assert_eq!(files(), before);
}

#[test]
fn a_longer_run() {
    let place = Place::with_run("o", "");
    let seconds = |ended: &Ended| ended.events("done")[0]["seconds"].as_f64().unwrap();
    let before = seconds(&place.done("resume o --json"));
    let resumed = place.done("resume o --steps 3200 --json");
    insta::assert_snapshot!(resumed.err, @"note: the total is now 3200 steps (it was 2000), and schedules follow it");
    assert_eq!(resumed.events("start")[0]["steps"], 3200);
    assert!(seconds(&resumed) > before, "the time before counts");
    let config: toml::Table = place.read("o/seed-0/config.toml").parse().unwrap();
    assert_eq!(config["run"]["steps"].as_integer(), Some(3200));
    // Nothing in this run depends on the total, so the result equals that of a run that had this total from the beginning.
    place.done(&format!("{SMALL} --steps 3200 --out whole --quiet"));
    let (extended, whole) = (place.results("o/seed-0"), place.results("whole/seed-0"));
    assert!(extended.metrics == whole.metrics && extended.last == whole.last);
    let provenance: serde_json::Value = serde_json::from_str(&place.read("o/seed-0/provenance.json")).unwrap();
    assert_eq!(provenance["env"], "CartPole-v1");
    assert_eq!(
        provenance["resumed"][0]["command"].as_array().unwrap()[1..],
        ["resume", "o", "--steps", "3200", "--json"]
    );
}

#[test]
fn a_longer_run_that_is_killed_keeps_its_new_total() {
    let place = Place::new();
    place.done(&format!("{} --steps 1000 --out o", LONG.replace("--steps 20100", "")));
    let line = "resume o --steps 20100 --json";
    assert_eq!(interrupted(&place, line, 2, Signal::SIGKILL).code, None);
    assert_eq!(place.done("resume o --json").events("done")[0]["steps"], 20_100);
}

#[test]
fn damaged_runs() {
    let place = Place::with_run("o", "--set run.checkpoint_iterations=1");
    let newest = "o/seed-0/checkpoints/step-000000002000.safetensors";
    let whole = place.results("o/seed-0");
    for change in [
        (|bytes| bytes.truncate(bytes.len() / 2)) as fn(&mut Vec<u8>),
        |bytes| *bytes.last_mut().unwrap() ^= 1,
        |bytes| bytes[100] ^= 1,
        |bytes| bytes.clear(),
        |bytes| *bytes = vec![0; 1000],
    ] {
        place.damage(newest, change);
        let resumed = place.npg("resume o --json");
        assert!(
            resumed.err.starts_with(&format!("note: skipped a checkpoint: cannot use {newest}: it is ")),
            "{}",
            resumed.err
        );
        assert_eq!((resumed.code, resumed.events("iteration").len()), (Some(0), 1), "from the checkpoint before");
        place.results("o/seed-0").assert_same(&whole, "from the checkpoint before");
    }
    place.damage(newest, Vec::clear);
    insta::assert_snapshot!(place.npg("resume o").shown().lines().take(4).collect::<Vec<_>>().join("\n"), @r#"
    exit code 0
    CartPole-v1, npg, seed 0, 2k steps: o/seed-0
    skipped a checkpoint: cannot use o/seed-0/checkpoints/step-000000002000.safetensors: it is not a checkpoint of npg
    steps  steps/s    eta   return ± 95 %   batch    len      kl    pred  cg     res      ev  entropy
    "#);
    for name in place.names("o/seed-0/checkpoints") {
        place.damage(&format!("o/seed-0/checkpoints/{name}"), |bytes| bytes.truncate(300));
    }
    insta::assert_snapshot!(place.npg("resume o").shown(), @r#"
    exit code 4
    --- stderr
    error: cannot use o/seed-0/checkpoints/step-000000002000.safetensors: it is damaged: invalid header length
    "#);
}

#[test]
fn runs_that_lack_files() {
    let place = Place::with_run("o", "");
    let run = |name: &str| place.path(&format!("o/seed-0/{name}"));
    ["config.toml", "metrics.jsonl", "progress.csv", "eval.csv", "log.txt", "provenance.json"]
        .iter()
        .for_each(|name| std::fs::remove_file(run(name)).unwrap());
    place.done("resume o --steps 3000 --quiet");
    assert_eq!(json_lines(&place.read("o/seed-0/metrics.jsonl")).len(), 2);
    let config: toml::Table = place.read("o/seed-0/config.toml").parse().unwrap();
    assert_eq!(config["run"]["steps"].as_integer(), Some(3000));

    // A checkpoint of another environment does not belong here.
    place.done("train Pendulum-v1 --steps 5000 --out p --quiet --set run.eval_episodes=1");
    let foreign = "p/seed-0/checkpoints/step-000000005000.safetensors";
    std::fs::copy(place.path(foreign), place.path("o/seed-0/checkpoints/step-000000005000.safetensors")).unwrap();
    insta::assert_snapshot!(place.npg("resume o --steps 9000").shown(), @r#"
    exit code 4
    --- stderr
    error: cannot use o/seed-0/checkpoints/step-000000005000.safetensors: it does not fit: it belongs to Pendulum-v1, but this run belongs to CartPole-v1
    "#);

    std::fs::remove_dir_all(run("checkpoints")).unwrap();
    insta::assert_snapshot!(place.npg("resume o").shown(), @r#"
    exit code 2
    --- stderr
    error: o/seed-0 has no checkpoint at all: there is no o/seed-0/checkpoints
    put its checkpoints there, or train it anew (`npg train ... --force` replaces a run)
    "#);
    insta::assert_snapshot!(place.npg("resume q").shown(), @r#"
    exit code 2
    --- stderr
    error: there is no run at q
    "#);
    insta::assert_snapshot!(place.npg("resume .").shown(), @r#"
    exit code 2
    --- stderr
    error: . is not a run: it has neither config.toml nor checkpoints, and no seed-<n> that has, but it holds 2 runs, such as ./o
    "#);
}

#[test]
fn a_run_without_a_first_checkpoint_has_lost_nothing_and_is_told_so() {
    let place = Place::new();
    std::fs::create_dir_all(place.path("o/seed-0/checkpoints")).unwrap();
    std::fs::write(place.path("o/seed-0/lock"), "").unwrap();
    for run in ["o", "o/seed-0"] {
        let ended = place.npg(&format!("resume {run}"));
        let told = "has no checkpoint yet; if its training was ended before the first one, nothing is lost: train it \
                    anew, with --force";
        assert_eq!((ended.code, ended.err), (Some(2), format!("error: {run} {told}\n")));
    }
    place.done(&format!("{SMALL} --steps 500 --out o --force --quiet"));
}
