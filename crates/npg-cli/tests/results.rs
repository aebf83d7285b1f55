//! `npg eval` and `npg plot`.

#![allow(clippy::unwrap_used)] // a test: its helpers may panic too

mod common;

use common::{Place, SMALL, json_lines};

const FILE: &str = "o/seed-0/checkpoints/step-000000002000.safetensors";

#[test]
fn an_evaluation_for_programs() {
    let place = Place::with_run("o", "");
    let json = |flags: &str| {
        let ended = place.done(&format!("eval o --json {flags}"));
        assert_eq!((ended.out.lines().count(), ended.err.as_str()), (1, ""));
        ended.out
    };
    let out = json("");
    let order: Vec<&str> = out.split('"').skip(1).step_by(2).collect();
    let fields = "env CartPole-v1 episodes return_mean return_std return_min return_max length_mean seed cut diverged checkpoint";
    assert_eq!(order[..order.len() - 1].join(" "), fields);
    let number = |text: &str, name: &str| json_lines(text)[0][name].as_f64().unwrap();
    let row = &json_lines(&out)[0];
    assert_eq!((&row["episodes"], &row["seed"], &row["checkpoint"]), (&100.into(), &0.into(), &FILE.into()));
    assert!(number(&out, "return_min") <= number(&out, "return_mean"));
    assert!(number(&out, "return_mean") <= number(&out, "return_max"));
    assert_eq!(number(&out, "return_mean"), number(&out, "length_mean"), "a reward of 1 a step");

    assert_eq!(json(""), out, "the same again");
    assert_eq!(json("--checkpoint step-000000002000.safetensors"), out);
    assert_eq!(json(&format!("--checkpoint {FILE}")), out);
    assert_ne!(number(&json("--seed 1"), "return_mean"), number(&out, "return_mean"), "other starts");
    assert!(number(&json("--stochastic"), "return_mean") < number(&out, "return_mean"), "noise does no good here");
    let one = json("--episodes 1 --checkpoint best");
    assert!(json_lines(&one)[0]["return_std"].is_null(), "one episode has no spread");
    assert!(one.contains("checkpoints/best.safetensors"));
    // The last evaluation of the run itself, whose seed is 0.
    let last = place.read("o/seed-0/eval.csv");
    let mean: f64 = last.lines().last().unwrap().split(',').nth(1).unwrap().parse().unwrap();
    assert_eq!(number(&json("--episodes 3"), "return_mean"), mean);
}

#[test]
fn an_evaluation_for_people() {
    let place = Place::with_run("o", "--seeds 0..3");
    let shown = place.done("eval o/seed-1 --episodes 5").out;
    assert!(shown.starts_with("CartPole-v1: return ") && shown.lines().count() == 1, "{shown}");
    assert!(
        shown.ends_with(", 5 deterministic episodes, o/seed-1/checkpoints/step-000000002000.safetensors\n"),
        "{shown}"
    );
    let shown = place.done("eval o --episodes 1 --stochastic").out;
    assert_eq!(shown.lines().count(), 4);
    assert!(shown.contains(", 1 sampled episode, ") && !shown.contains("NaN"), "{shown}");
    assert!(shown.lines().last().unwrap().starts_with("3 seeds: mean return "), "{shown}");
    assert_eq!(place.done("eval o --episodes 1 --json").out.lines().count(), 3);
    assert_eq!(place.done("eval o --episodes 1 --json --checkpoint best").out.matches("best.safetensors").count(), 3);
    insta::assert_snapshot!(place.npg(&format!("eval o --checkpoint {FILE}")).shown(), @r#"
    exit code 2
    --- stderr
    error: o/seed-0/checkpoints/step-000000002000.safetensors is one policy, but o has 3 seeds; name the seed's directory
    "#);
}

#[test]
fn policies_that_cannot_be_evaluated() {
    let place = Place::with_run("o", "--set run.checkpoint_iterations=1");
    place.done(&format!("{} --steps 2000 --out p --quiet", SMALL.replace("CartPole-v1", "Acrobot-v1")));
    std::fs::write(place.path("notes.txt"), "a text").unwrap();
    let shown = |line: &str| place.npg(line).shown().lines().take(3).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(shown("eval nowhere"), @r#"
    exit code 2
    --- stderr
    error: there is no run at nowhere
    "#);
    insta::assert_snapshot!(shown("eval notes.txt"), @r#"
    exit code 2
    --- stderr
    error: notes.txt is a file; a run is a directory, such as runs/CartPole-v1/npg-1
    "#);
    insta::assert_snapshot!(shown("eval o/seed-0/checkpoints"), @r#"
    exit code 2
    --- stderr
    error: o/seed-0/checkpoints is not a run: it has neither config.toml nor checkpoints, and no seed-<n> that has
    "#);
    insta::assert_snapshot!(shown("eval o --episodes 0"), @r#"
    exit code 2
    --- stderr
    error: invalid value '0' for '--episodes <N>': 0 is not in 1..=4294967295
    "#);
    insta::assert_snapshot!(shown("eval o --seed -1"), @r#"
    exit code 2
    --- stderr
    error: invalid value '-1' for '--seed <S>': expected a whole number, 0 or larger
    "#);
    insta::assert_snapshot!(shown("eval o --checkpoint newest"), @r#"
    exit code 2
    --- stderr
    error: o/seed-0 has no checkpoint newest; it has step-000000002000.safetensors, step-000000001500.safetensors, best.safetensors
    "#);
    insta::assert_snapshot!(shown("eval o --checkpoint notes.txt"), @r#"
    exit code 4
    --- stderr
    error: cannot use notes.txt: it is not a checkpoint of npg
    "#);
    insta::assert_snapshot!(shown("eval o --checkpoint p/seed-0/checkpoints/best.safetensors"), @r#"
    exit code 4
    --- stderr
    error: cannot use p/seed-0/checkpoints/best.safetensors: it does not fit: it belongs to Acrobot-v1, but this run belongs to CartPole-v1
    "#);
}

/// The program must notice any changed byte and any cut.
#[test]
fn damaged_checkpoints() {
    let place = Place::with_run("o", "--set run.checkpoint_iterations=1");
    let whole = std::fs::read(place.path(FILE)).unwrap();
    let header = u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let positions = [0, 7, 8, 40, 8 + header / 2, 8 + header, whole.len() / 2, whole.len() - 1];
    for position in positions {
        for change in [
            (|bytes, position| bytes.truncate(position)) as fn(&mut Vec<u8>, usize),
            |bytes, position| bytes[position] ^= 1,
            |bytes, position| bytes[position] ^= 0x80,
            |bytes, position| bytes.insert(position, 0),
        ] {
            std::fs::write(place.path("x.safetensors"), &whole).unwrap();
            place.damage("x.safetensors", |bytes| change(bytes, position));
            let ended = place.npg("eval o --checkpoint x.safetensors");
            assert_eq!(ended.code, Some(4), "{position}: {}", ended.shown());
            assert!(ended.err.starts_with("error: cannot use x.safetensors: it is "), "{}", ended.err);
        }
    }
    // The newest checkpoint is damaged. The one before it is used, and the program says so.
    place.damage(FILE, |bytes| bytes.truncate(1000));
    let ended = place.done("eval o --episodes 2 --json");
    assert!(ended.out.contains("step-000000001500.safetensors"), "{}", ended.out);
    assert!(
        ended.err.starts_with(&format!("note: skipped a checkpoint: cannot use {FILE}: it is damaged: ")),
        "{}",
        ended.err
    );
}

#[test]
fn figures() {
    let place = Place::with_run("o", "--seeds 0..2 --eval-every 1000");
    place.done(&format!("{SMALL} --steps 3000 --out t --quiet --algo trpo --set algorithm.solver=cg"));
    assert_eq!(place.done("plot o").out, "plot.svg\n");
    place.done("plot o t -o both.svg");
    place.done("plot t/seed-0 -o one.png");
    let (plot, both) = (place.read("plot.svg"), place.read("both.svg"));
    assert!(plot.starts_with("<svg") && plot.trim_end().ends_with("</svg>"));
    for text in [
        "CartPole-v1",
        ">o (2 seeds)",
        ">t",
        "KL divergence",
        "Explained variance",
        "conjugate gradients",
        "threshold 475",
    ] {
        assert!(both.contains(text), "{text}");
    }
    place.done("plot o t --only return --only kl -o two.svg");
    let two = place.read("two.svg");
    assert_eq!((both.matches("\"frame\"").count(), two.matches("\"frame\"").count()), (5, 2));
    assert!(two.contains(">return of an episode<") && two.contains(">KL, nats<") && !two.contains("Explained"));
    assert_eq!(place.npg("plot o --only loss").code, Some(2));
    assert!(std::fs::read(place.path("one.png")).unwrap().starts_with(b"\x89PNG\r\n\x1a\n"));

    place.done(&format!("{} --steps 2000 --out a --quiet", SMALL.replace("CartPole-v1", "Acrobot-v1")));
    place.done("plot o a t -o grid.svg");
    let grid = place.read("grid.svg");
    for text in ["CartPole-v1", "Acrobot-v1", "npg (1 to 2 seeds)", "trpo", "Learning curves"] {
        assert_eq!(grid.matches(&format!(">{text}</text>")).count(), 1, "{text}");
    }

    insta::assert_snapshot!(place.npg("plot o -o figure.jpg").shown(), @r#"
    exit code 2
    --- stderr
    error: figure: `figure.jpg` must end in .svg or .png
    "#);
    insta::assert_snapshot!(place.npg("plot o -o no-such-folder/figure.svg").shown(), @r#"
    exit code 1
    --- stderr
    error: cannot write no-such-folder/figure.svg: No such file or directory (os error 2)
    "#);
    insta::assert_snapshot!(place.npg("plot o nowhere").shown(), @r#"
    exit code 2
    --- stderr
    error: there is no run at nowhere
    "#);
    // A run that has only just begun.
    std::fs::write(place.path("t/seed-0/metrics.jsonl"), "").unwrap();
    insta::assert_snapshot!(place.npg("plot o t").shown(), @r#"
    exit code 2
    --- stderr
    error: t has no finished iteration yet; wait for its first row of metrics.jsonl
    "#);
    std::fs::remove_file(place.path("t/seed-0/metrics.jsonl")).unwrap();
    assert_eq!(place.npg("plot o t").code, Some(2));
}
