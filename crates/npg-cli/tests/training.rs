//! `npg train`: what it prints, what it writes, and which settings it takes.

#![allow(clippy::unwrap_used)] // a test: its helpers may panic too

mod common;

use std::process::Command;

use common::{Ended, Place, SMALL, with_numbers_hidden};
use npg::metrics::METRICS;

fn keys(object: &serde_json::Map<String, serde_json::Value>) -> Vec<&str> {
    object.keys().map(String::as_str).collect()
}

/// The fields of the first line of this event, in the order of the text.
fn fields(ended: &Ended, event: &str) -> Vec<String> {
    let line = ended.out.lines().find(|line| line.starts_with(&format!("{{\"event\":\"{event}\""))).unwrap();
    let words = line.split('"').skip(1).step_by(2);
    words
        .zip(line.split('"').skip(2).step_by(2))
        .filter(|(_, next)| next.starts_with(':'))
        .map(|(w, _)| w.into())
        .collect()
}

#[test]
fn in_a_pipe() {
    let place = Place::new();
    let ended = place.npg(&format!("{SMALL} --steps 1234 --seed 3 --eval-every 1000"));
    insta::assert_snapshot!(with_numbers_hidden(&ended.shown()), @r#"
    exit code 0
    CartPole-v1, npg, seed 3, 1.23k steps: runs/CartPole-v1/npg-1/seed-3
    steps  steps/s    eta   return ± 95 %   batch    len      kl    pred  cg     res      ev  entropy
    [row of 500]
    [row of 1k]
    evaluation, 1k steps: return # (std #), length #, 3 episodes
    [row of 1.23k]
    evaluation, 1.23k steps: return # (std #), length #, 3 episodes
    seed 3 done: 1.23k steps in # s (# steps/s); final return #, best #
      npg eval runs/CartPole-v1/npg-1/seed-3
      npg plot runs/CartPole-v1/npg-1/seed-3 -o curve.svg
      npg resume runs/CartPole-v1/npg-1/seed-3 --steps 2468
    "#);
    insta::assert_snapshot!(place.names("runs/CartPole-v1/npg-1/seed-3").join(" ").replace(char::is_numeric, "#"), @"checkpoints config.toml eval.csv events.out.tfevents.##########.npg-### lock log.txt metrics.jsonl progress.csv provenance.json");
    let log = place.read("runs/CartPole-v1/npg-1/seed-3/log.txt");
    let log: Vec<&str> = log.lines().map(|line| line.split_once(' ').unwrap().1).collect();
    insta::assert_snapshot!(log.join("\n"), @r#"
    CartPole-v1, npg, seed 3, 1234 steps
    done after 1234 steps
    "#);
}

#[test]
fn the_commands_that_a_run_ends_with_work_where_npg_is_not_on_the_path() {
    let place = Place::new();
    let ended = Ended::from(place.command_off_path(&format!("{SMALL} --steps 1000")).output().unwrap());
    let commands: Vec<&str> =
        ended.out.lines().filter(|line| line.starts_with("  ") && line.contains("/seed-0")).collect();
    assert_eq!(commands.len(), 3, "{}", ended.out);
    for command in commands {
        let done = Command::new("sh").args(["-c", command]).current_dir(place.path(".")).output().unwrap();
        assert_eq!(done.status.code(), Some(0), "{command}: {}", String::from_utf8_lossy(&done.stderr));
    }
    let slip = Ended::from(place.command_off_path("train Chess").output().unwrap());
    assert!(slip.err.contains("/npg envs` lists all environments"), "{}", slip.err);
}

#[test]
fn a_dry_run_prints_what_a_run_would_write() {
    let place = Place::new();
    let line = format!("{SMALL} --algo trpo --steps 500 --seeds 4..6 --threads 1 --out o --quiet");
    let dry = place.done(&format!("{line} --dry-run"));
    assert!(!place.path("o").exists() && dry.err.is_empty());
    place.done(&line);
    assert_eq!(dry.out, place.read("o/seed-4/config.toml"));
    assert_eq!(place.npg(&format!("{line} --dry-run --set rollout.batch_steps=0")).code, Some(2));
}

#[test]
fn for_programs() {
    let place = Place::new();
    let ended = place.done(&format!(
        "{SMALL} --steps 1600 --seeds 4..6 --out o --json --eval-every 600 --set algorithm.solver=cholesky"
    ));
    assert_eq!(ended.err, "");
    let order: Vec<String> = common::json_lines(&ended.out).iter().map(|e| e["event"].to_string()).collect();
    let one = ["start", "iteration", "iteration", "eval", "iteration", "eval", "iteration", "eval", "done"];
    let one: Vec<String> = one.iter().map(|event| format!("\"{event}\"")).collect();
    assert_eq!(order, [one.clone(), one].concat(), "one start and one done a seed");

    assert_eq!(fields(&ended, "start"), ["event", "env", "algo", "seed", "run_dir", "steps", "version"]);
    let names = METRICS.iter().map(|metric| metric.name);
    assert_eq!(
        fields(&ended, "iteration"),
        ["event", "iteration", "steps"].into_iter().chain(names).collect::<Vec<_>>()
    );
    let evaluation = ["event", "steps", "return_mean", "return_std", "length_mean", "episodes"];
    assert_eq!(fields(&ended, "eval"), evaluation);
    let done = "event env algo seed run_dir steps seconds steps_per_second final_return_mean best_return_mean";
    assert_eq!(fields(&ended, "done").join(" "), done);

    for (start, seed) in ended.events("start").iter().zip(4..) {
        assert_eq!((&start["env"], &start["algo"]), (&"CartPole-v1".into(), &"npg".into()));
        assert_eq!((&start["seed"], &start["steps"]), (&seed.into(), &1600.into()));
        assert_eq!(start["run_dir"], format!("o/seed-{seed}"));
        assert_eq!(start["version"], env!("CARGO_PKG_VERSION"));
    }
    let (iterations, evaluations) = (ended.events("iteration"), ended.events("eval"));
    assert_eq!(
        iterations.iter().map(|i| i["steps"].as_u64().unwrap()).collect::<Vec<_>>()[..4],
        [500, 1000, 1500, 1600]
    );
    assert_eq!(evaluations.iter().map(|i| i["steps"].as_u64().unwrap()).collect::<Vec<_>>()[..3], [1000, 1500, 1600]);
    assert!(iterations.iter().all(|i| i["npg/cg_iterations"].is_null() && i["npg/kl"].is_f64()), "nan is null");
    let done = &ended.events("done")[0];
    let number = |name: &str| done[name].as_f64().unwrap();
    assert!((number("steps_per_second") * number("seconds") / number("steps") - 1.0).abs() < 1e-9);
    let last = iterations[3]["time/time_elapsed"].as_f64().unwrap();
    assert!((number("seconds") - last).abs() < 1e-9, "no evaluation and no checkpoint counts");
    assert_eq!(done["final_return_mean"], evaluations[2]["return_mean"]);
    let best = evaluations[..3].iter().map(|e| e["return_mean"].as_f64().unwrap()).fold(f64::MIN, f64::max);
    assert_eq!(number("best_return_mean"), best);
    // The run's own files have the same numbers.
    let rows = common::json_lines(&place.read("o/seed-4/metrics.jsonl"));
    assert_eq!(rows.len(), 4);
    for (row, event) in rows.iter().zip(&iterations) {
        assert_eq!(keys(row), keys(event).into_iter().filter(|key| *key != "event").collect::<Vec<_>>());
        assert_eq!(row["npg/kl"], event["npg/kl"]);
    }
    assert_eq!(place.read("o/seed-4/eval.csv").lines().count(), 4);
    assert_eq!(place.read("o/seed-4/progress.csv").lines().count(), 5);
}

#[test]
fn several_seeds_one_after_the_other() {
    let place = Place::new();
    let ended = place.done(&format!("{SMALL} --steps 1000 --seeds 0..2 --algo trpo"));
    let shown: Vec<&str> = ended.out.lines().filter(|line| !line.starts_with("2 seeds: ")).collect();
    assert_eq!(shown.len() + 1, ended.out.lines().count());
    insta::assert_snapshot!(with_numbers_hidden(&shown.join("\n")), @r#"
    CartPole-v1, trpo, seed 0, 1k steps: runs/CartPole-v1/trpo-1/seed-0
    steps  steps/s    eta   return ± 95 %   batch    len      kl    pred  cg     res      ev  entropy
    [row of 500]
    [row of 1k]
    evaluation, 1k steps: return # (std #), length #, 3 episodes
    seed 0 done: 1k steps in # s (# steps/s); final return #, best #
    CartPole-v1, trpo, seed 1, 1k steps: runs/CartPole-v1/trpo-1/seed-1
    steps  steps/s    eta   return ± 95 %   batch    len      kl    pred  cg     res      ev  entropy
    [row of 500]
    [row of 1k]
    evaluation, 1k steps: return # (std #), length #, 3 episodes
    seed 1 done: 1k steps in # s (# steps/s); final return #, best #
      npg eval runs/CartPole-v1/trpo-1
      npg plot runs/CartPole-v1/trpo-1 -o curve.svg
      npg resume runs/CartPole-v1/trpo-1 --steps 2000
    "#);
    let ended = place.done(&format!("{SMALL} --steps 500 --seeds 7..9 --quiet"));
    assert!(ended.out.starts_with("seed 7 done: 500 steps in "), "{}", ended.out);
    assert_eq!(ended.out.lines().count(), 6, "{}", ended.out);
    assert_eq!(place.names("runs/CartPole-v1"), ["npg-1", "trpo-1"]);
    assert_eq!(place.names("runs/CartPole-v1/npg-1"), ["seed-7", "seed-8"]);
}

#[test]
fn a_run_that_is_there_is_refused_or_replaced() {
    let place = Place::with_run("o", "--seed 1");
    let config = place.read("o/seed-1/config.toml");
    let again = format!("{SMALL} --steps 500 --out o --seeds 0..3 --quiet");
    insta::assert_snapshot!(place.npg(&again).shown(), @r#"
    exit code 2
    --- stderr
    error: o/seed-1 exists already; choose another directory, or replace that run with --force
    "#);
    assert_eq!(place.names("o"), ["seed-1"], "a refusal leaves everything as it was");
    assert_eq!(place.read("o/seed-1/config.toml"), config);
    place.done(&format!("{again} --force"));
    assert_eq!(place.names("o"), ["seed-0", "seed-1", "seed-2"]);
    assert_eq!(common::json_lines(&place.read("o/seed-1/metrics.jsonl")).len(), 1);
    assert_eq!(place.names("o/seed-1/checkpoints").len(), 3);
    // If the trainer refuses a run, nothing is left of it either.
    assert_eq!(place.npg("train Pendulum-v1 --out p --init o --steps 100").code, Some(4));
    assert_eq!(place.npg("train CartPole-v1 --out p --init nowhere").code, Some(2));
    assert_eq!(place.npg("train CartPole-v1 --out p --init o --set policy.hidden=[7]").code, Some(2));
    assert_eq!(place.npg("train CartPole-v1 --out p --set algorithm.damping=-1").code, Some(2));
    assert!(!place.path("p").exists());
    // A file is in the way.
    assert_eq!(place.npg(&format!("{SMALL} --steps 500 --out o/seed-1/config.toml")).code, Some(2));
}

#[test]
fn until_a_return_is_reached() {
    let place = Place::new();
    let ended = place.done("train CartPole-v1 --until-return 40 --steps 90k --out o --set run.eval_episodes=2");
    assert!(
        ended.out.contains("\nthe mean training return has reached run.until_return\nseed 0 done: "),
        "{}",
        ended.out
    );
    let rows = common::json_lines(&place.read("o/seed-0/metrics.jsonl"));
    let reached = |row: &serde_json::Map<String, serde_json::Value>| {
        row["rollout/ep_rew_mean"].as_f64().unwrap() >= 40.0 && row["rollout/episodes"].as_f64().unwrap() >= 100.0
    };
    let (last, before) = rows.split_last().unwrap();
    assert!(reached(last) && !before.iter().any(reached) && last["steps"].as_u64().unwrap() < 40_000);
    let steps = last["steps"].as_u64().unwrap();
    // The run is finished, and goes on only if more steps are asked for.
    let resumed = place.done("resume o --json");
    assert_eq!((resumed.events("iteration").len(), &resumed.events("done")[0]["steps"]), (0, &steps.into()));
    let resumed = place.done(&format!("resume o --steps {}", steps + 3000));
    assert!(resumed.out.contains("run.until_return has been reached, so it is turned off"), "{}", resumed.out);
    assert_eq!(common::json_lines(&place.read("o/seed-0/metrics.jsonl")).last().unwrap()["steps"], steps + 3000);
}

#[test]
fn steps_and_environments_that_do_not_divide() {
    let place = Place::new();
    for (flags, expected) in [
        ("--steps 1", &[1][..]),
        ("--steps 1 --set algorithm.solver=woodbury --algo trpo", &[1]),
        ("--steps 3 --envs 8", &[3]),
        ("--steps 1203 --envs 1", &[500, 1000, 1203]),
        ("--steps 1000 --envs 7 --set rollout.batch_steps=333", &[333, 666, 999, 1000]),
        ("--steps 20 --envs 3 --set rollout.batch_steps=3", &[3, 6, 9, 12, 15, 18, 20]),
        ("--steps 700 --envs 500", &[500, 700]),
    ] {
        for environment in ["CartPole-v1", "Pendulum-v1"] {
            let line = SMALL.replace("CartPole-v1", environment);
            let ended = place.done(&format!("{line} --out o --force --json {flags}"));
            let steps: Vec<u64> = ended.events("iteration").iter().map(|i| i["steps"].as_u64().unwrap()).collect();
            assert_eq!(steps, expected, "{environment} {flags}");
            assert_eq!(ended.events("done")[0]["steps"], *expected.last().unwrap());
            assert!(ended.events("eval")[0]["return_mean"].is_f64());
        }
    }
}

#[test]
fn threads_change_times_only() {
    let place = Place::new();
    let run = |threads: u32| {
        let out = format!("threads-{threads}");
        place.done(&format!(
            "train Pendulum-v1 --steps 5000 --threads {threads} --out {out} -q --set run.eval_episodes=9"
        ));
        place.results(&format!("{out}/seed-0"))
    };
    let one = run(1);
    for threads in [2, 7] {
        one.assert_same(&run(threads), &format!("1 and {threads} threads"));
    }
}

/// A run of three small iterations must end well, with numbers that make sense.
fn assert_runs(place: &Place, environment: &str, flags: &str) {
    let line = SMALL.replace("CartPole-v1", environment);
    let ended = place.done(&format!("{line} --steps 1500 --out o --force --json {flags}"));
    let iterations = ended.events("iteration");
    assert_eq!(iterations.len(), 3, "{environment} {flags}");
    for iteration in &iterations {
        let number = |name: &str| iteration[name].as_f64();
        let what = || format!("{environment} {flags}: {iteration:?}");
        assert_eq!(number("npg/updated"), Some(1.0), "{}", what());
        assert!(number("npg/kl").is_some_and(|kl| kl > 0.0 && kl < 0.3), "{}", what());
        assert!(number("npg/kl_predicted").is_some_and(|kl| kl > 0.0 && kl < 0.05), "{}", what());
        assert!(number("train/entropy").is_some_and(|entropy| entropy.abs() < 10.0), "{}", what());
        assert!(number("npg/cg_residual").is_none_or(|residual| residual < 0.5), "{}", what());
        assert!(number("npg/step_size").is_some_and(|alpha| alpha > 0.0), "{}", what());
    }
}

#[test]
fn every_algorithm_and_solver() {
    let place = Place::new();
    for environment in ["CartPole-v1", "Pendulum-v1"] {
        for algorithm in ["npg", "trpo", "vpg"] {
            assert_runs(&place, environment, &format!("--algo {algorithm}"));
        }
        for solver in ["cg", "cholesky", "woodbury", "auto"] {
            assert_runs(&place, environment, &format!("--set algorithm.solver={solver}"));
        }
        for flags in [
            "algorithm.fisher_fraction=0.2",
            "algorithm.cg_warm_start=true",
            "algorithm.kl_step_schedule=linear",
            "algorithm.entropy_coefficient=0.01",
            "algorithm.discounted_states=true",
            "algorithm.direction=vanilla",
            "algorithm.step=fixed",
            "algorithm.damping=1",
            "advantage.estimator=monte-carlo",
            "advantage.normalize=false",
        ] {
            assert_runs(&place, environment, &format!("--set {flags}"));
        }
    }
}

#[test]
fn every_policy() {
    let place = Place::new();
    for std in ["state-independent", "state-dependent", "sde"] {
        for network in ["mlp", "linear", "rbf"] {
            let flags = format!("--set policy.std={std} --set policy.network={network}");
            assert_runs(&place, "Pendulum-v1", &flags);
            assert_runs(&place, "MountainCarContinuous-v0", &format!("{flags} --set policy.action_bounds=clip"));
        }
    }
    for network in ["linear", "rbf"] {
        assert_runs(&place, "CartPole-v1", &format!("--set policy.network={network}"));
    }
    for activation in ["tanh", "relu", "gelu", "silu"] {
        let flags = format!("--set policy.activation={activation} --set value.activation={activation}");
        assert_runs(&place, "CartPole-v1", &format!("{flags} --set policy.hidden=[8,7,6]"));
    }
    assert_runs(&place, "Acrobot-v1", "");
}

#[test]
fn every_baseline_and_normalizer() {
    let place = Place::new();
    for environment in ["CartPole-v1", "Pendulum-v1"] {
        for value in ["mlp-adam", "mlp-gauss-newton", "linear", "none --set advantage.lambda=1"] {
            assert_runs(&place, environment, &format!("--set value.kind={value}"));
        }
        for (observations, returns) in [(false, false), (false, true), (true, false)] {
            let flags = format!("--set normalize.observations={observations} --set normalize.returns={returns}");
            assert_runs(&place, environment, &flags);
        }
    }
}

#[test]
fn settings_in_their_order() {
    let place = Place::new();
    std::fs::write(
        place.path("my.toml"),
        "[algorithm]\nkl_step = 0.5\ndamping = 0.3\n[policy]\nhidden = [5]\n[run]\nsteps = 1e6\neval_episodes = 2\n",
    )
    .unwrap();
    place.done(
        "train CartPole-v1 --config my.toml --set algorithm.kl_step=0.03 --set run.steps=7 --steps 1k -q --out o",
    );
    let config: toml::Table = place.read("o/seed-0/config.toml").parse().unwrap();
    let at = |table: &str, key: &str| config[table][key].to_string();
    assert_eq!((at("algorithm", "kl_step"), at("algorithm", "damping")), ("0.03".into(), "0.3".into()));
    assert_eq!((at("run", "steps"), at("policy", "hidden")), ("1000".into(), "[5]".into()));
    assert_eq!(at("advantage", "lambda"), "0.98", "from the preset");
    // The stored settings of a run make the same run again.
    place.done("train CartPole-v1 --config o/seed-0/config.toml -q --out again");
    place.results("o/seed-0").assert_same(&place.results("again/seed-0"), "a run and its repetition");
}

#[test]
fn from_the_policy_of_another_run() {
    let place = Place::with_run("o", "");
    let ended = place.done(&format!("{SMALL} --steps 500 --out p --json --init o"));
    let first = place.done(&format!("{SMALL} --steps 500 --out q --json"));
    let entropy = |ended: &Ended| ended.events("iteration")[0]["train/entropy"].as_f64().unwrap();
    assert!(entropy(&first) > 0.69 && entropy(&ended) < 0.67, "a trained policy is less random");
}

#[test]
fn a_policy_with_action_masks_is_no_beginning_without_them() {
    let place = Place::new();
    place.done("train Taxi-v4 --steps 256 --set rollout.batch_steps=256 --set env.mask=true --out o -q");
    let again = "train Taxi-v4 --steps 256 --set rollout.batch_steps=256 -q --init o --out";
    let refused = place.npg(&format!("{again} p"));
    assert_eq!(refused.code, Some(2));
    assert!(refused.err.contains("--init: the policy in o/seed-0/"), "{}", refused.err);
    assert!(refused.err.contains("env.mask=true"), "{}", refused.err);
    place.done(&format!("{again} q --set env.mask=true"));
}

/// `npg train | head -1` must not end a run.
#[test]
fn a_reader_that_has_gone_does_not_stop_it() {
    let place = Place::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = place.command(&format!("{SMALL} --steps 1000 --out o")).stdout(writer).output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
    assert!(place.read("o/seed-0/log.txt").contains("done after 1000 steps"));
}

/// A failure to write logs never stops a run. A failure to write checkpoints must.
#[cfg(target_os = "linux")]
#[test]
fn logs_that_cannot_be_written() {
    let place = Place::with_run("o", "");
    let full = |name: &str| {
        let path = place.path(&format!("o/seed-0/{name}"));
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
    };
    ["metrics.jsonl", "eval.csv", "log.txt"].iter().for_each(|name| full(name));
    let ended = place.done("resume o --steps 3000 --json");
    assert_eq!(ended.events("done").len(), 1);
    let mut told: Vec<&str> = ended.err.lines().filter(|line| line.contains("cannot write")).collect();
    told.sort();
    insta::assert_snapshot!(told.join("\n"), @r#"
    note: cannot write o/seed-0/eval.csv: Is a directory (os error 21); the run goes on without it
    note: cannot write o/seed-0/log.txt: Is a directory (os error 21); the run goes on without it
    note: cannot write o/seed-0/metrics.jsonl: Is a directory (os error 21); the run goes on without it
    "#);
    assert_eq!(place.read("o/seed-0/progress.csv").lines().count(), 7, "the other logs go on");

    std::fs::create_dir(place.path("o/seed-0/checkpoints/step-000000004000.safetensors")).unwrap();
    let ended = place.done("resume o --steps 4000 --quiet");
    assert!(ended.err.contains("step-000000004000.safetensors: it is not a checkpoint of npg"), "{}", ended.err);
    assert!(place.path("o/seed-0/checkpoints/damaged-step-000000004000.safetensors").is_dir());
    assert!(place.path("o/seed-0/checkpoints/step-000000004000.safetensors").is_file());
}
