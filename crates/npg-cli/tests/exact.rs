//! `npg mdp`, `npg theory` and `npg convergence` as users see them.

mod common;

use common::Place;
use serde_json::Value;
use std::path::Path;

/// Two states and two actions. Everything about this process can be computed by hand.
const TWO: &str = r#"{"gamma": 0.5, "transition": [[[1, 0], [0, 1]], [[1, 0], [0, 1]]], "reward": [[0, 0], [1, 1]],
    "start": [1, 0]}"#;

fn json(place: &Place, line: &str) -> Value {
    serde_json::from_str(&place.done(line).out).expect("one JSON object on one line")
}

fn close(found: &Value, expected: &[f64]) {
    let numbers = |value: &Value| -> Vec<f64> {
        let all = value.as_array().map_or_else(Vec::new, Clone::clone);
        all.iter()
            .flat_map(|v| v.as_array().map_or_else(|| vec![v.clone()], Clone::clone))
            .filter_map(|v| v.as_f64())
            .collect()
    };
    let found = numbers(found);
    assert_eq!(found.len(), expected.len(), "{found:?} {expected:?}");
    assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-14), "{found:?} {expected:?}");
}

/// Action 1 goes to state 1, whose reward is 1. For the uniform policy V(0) = x / 2 and V(1) = 1 + x / 2, where x = (V(0) +
/// V(1)) / 2.
#[test]
fn a_small_process_by_hand() {
    let place = Place::new();
    std::fs::write(place.path("two.json"), TWO).unwrap();
    let found = json(&place, "mdp two.json --json --fisher --ascent natural --step 0.25 --iterations 3");
    close(&found["V"], &[0.5, 1.5]);
    close(&found["Q"], &[0.25, 0.75, 1.25, 1.75]);
    close(&found["A"], &[-0.25, 0.25, -0.25, 0.25]);
    close(&found["occupancy"], &[0.75, 0.25]);
    // d pi A / (1-gamma)
    close(&found["gradient"], &[-0.1875, 0.1875, -0.0625, 0.0625]);
    close(&found["natural_gradient"], &[-0.5, 0.5, -0.5, 0.5]);
    let (x, y) = (0.1875, 0.0625);
    close(&found["fisher"], &[x, -x, 0.0, 0.0, -x, x, 0.0, 0.0, 0.0, 0.0, y, -y, 0.0, 0.0, -y, y]);
    close(&found["optimal"]["V"], &[1.0, 2.0]);
    close(&found["optimal"]["policy"], &[0.0, 1.0, 0.0, 1.0]);
    assert_eq!(found["J"], 0.5);

    let ascent = found["ascent"].as_array().unwrap();
    assert_eq!(ascent.len(), 4);
    assert_eq!((&ascent[0]["iteration"], &ascent[0]["J"]), (&0.into(), &0.5.into()));
    assert!(ascent[0]["bound"].is_null());
    // In both states the logits move by -+ eta A / (1-gamma) = 0.125. Then J is the probability of action 1.
    let j = 1.0 / (1.0 + (-0.25f64).exp());
    assert!((ascent[1]["J"].as_f64().unwrap() - j).abs() < 1e-14, "{} {j}", ascent[1]);
    // log 2 / (0.25 T) + 1 / (0.25 T)
    assert!((ascent[3]["bound"].as_f64().unwrap() - (2f64.ln() + 1.0) / 0.75).abs() < 1e-14);
}

#[test]
fn steps_of_a_given_kl_and_policies_of_a_file() {
    let place = Place::new();
    let logits = TWO.replace("\"start\"", "\"logits\": [[0, 1], [0.5, 0]], \"start\"");
    std::fs::write(place.path("two.json"), &logits).unwrap();
    std::fs::write(place.path("policy.json"), "[[0.5, 0.5], [0.5, 0.5]]").unwrap();
    for method in ["vanilla", "natural", "soft-policy-iteration"] {
        let found = json(&place, &format!("mdp two.json --json --ascent {method} --kl 1e-6 --iterations 5"));
        let ascent = found["ascent"].as_array().unwrap();
        for step in &ascent[1..] {
            assert!((step["kl"].as_f64().unwrap() / 1e-6 - 1.0).abs() < 0.01, "{method} {step}");
            assert!(step["bound"].is_null(), "the theorem is about steps of a fixed size from the uniform policy");
        }
    }
    assert_ne!(json(&place, "mdp two.json --json")["J"], 0.5);
    assert_eq!(json(&place, "mdp two.json --json --policy uniform")["J"], 0.5);
    assert_eq!(json(&place, "mdp two.json --json --policy policy.json")["J"], 0.5);
    assert_eq!(json(&place, "mdp two.json --json --policy optimal")["J"], 1.0);
    assert_eq!(json(&place, "mdp two.json --json --policy optimal --gamma 0.75")["J"], 3.0);
}

/// The optimum of the slippery lake is 0.542 at gamma = 0.99. A trained policy must come close to it.
#[test]
fn an_environment_and_a_policy_trained_in_it() {
    let place = Place::new();
    let found = json(&place, "mdp FrozenLake-v1 --gamma 0.99 --json");
    assert!((found["optimal"]["J"].as_f64().unwrap() - 0.5420259).abs() < 1e-6, "{}", found["optimal"]["J"]);
    assert_eq!(found["V"].as_array().unwrap().len(), 16);
    let certain = json(&place, "mdp FrozenLake-v1 --gamma 0.99 --set env.is_slippery=false --json");
    assert!((certain["optimal"]["J"].as_f64().unwrap() - 0.99f64.powi(5)).abs() < 1e-12, "six steps to the goal");

    place.done("train FrozenLake-v1 --steps 20000 --out run --quiet");
    let trained = json(&place, "mdp FrozenLake-v1 --policy run --json");
    assert!(trained["J"].as_f64() > found["J"].as_f64(), "{}", trained["J"]);
    let row = &trained["policy"][0];
    assert!((row.as_array().unwrap().iter().filter_map(Value::as_f64).sum::<f64>() - 1.0).abs() < 1e-12);
}

#[test]
fn the_table_and_the_figure() {
    let place = Place::new();
    std::fs::write(place.path("two.json"), TWO).unwrap();
    let out = place.done("mdp two.json --ascent natural --step 0.25 -o f.svg").out;
    for line in ["two.json: 2 states, 2 actions, gamma 0.5", "J* of the optimum          1.00000", "f.svg"] {
        assert!(out.contains(line), "{line}\n{out}");
    }
    assert!(place.read("f.svg").contains("Gap to the optimum"));
}

#[test]
fn what_is_wrong_is_named() {
    let place = Place::new();
    for (file, from, to) in [
        ("sum", "[1, 0], [0, 1]]]", "[1, 0], [0, 0.9]]]"),
        ("large", "[1, 1]]", "[1, 1e308]]"),
        ("key", "\"start\"", "\"\\u001b[31m\": 0, \"start\""),
        ("gamma", "0.5", "1.0"),
        ("ragged", "[1, 1]]", "[1]]"),
        ("nan", "[1, 1]]", "[NaN, 1]]"),
    ] {
        assert!(TWO.contains(from), "{file}");
        std::fs::write(place.path(&format!("{file}.json")), TWO.replacen(from, to, 1)).unwrap();
    }
    for (line, code, message) in [
        ("mdp sum.json --json", 4, "transition[1][1] sums to 0.9, but it must be 1"),
        ("mdp large.json --json", 4, "reward[1][1] is 1e308: values would overflow with gamma 0.5"),
        ("mdp key.json --json", 4, "unknown key `\\u{1b}[31m`"),
        ("mdp Taxi-v4 --set env.fickle_passenger=true --json", 2, "env: only 500 of its 1000 states"),
        ("mdp FrozenLake-v1 --ascent natural --step 1 --iterations 2000000", 2, "1000000"),
        ("convergence -o moving.gif", 2, "must end in .svg"),
        ("train LQR-v0 --set env.horizon=4294967295", 2, "from 1 to 100000"),
        ("mdp gamma.json --json", 4, "gamma is 1, but it must be at least 0 and below 1"),
        ("mdp ragged.json --json", 4, "reward[1] has 1 numbers, but the rows before have 2"),
        ("mdp nan.json --json", 4, "reward holds NaN at line 1"),
        ("mdp none.json --json", 4, "cannot read none.json"),
        ("mdp FrozenLake-v2 --json", 2, "did you mean `FrozenLake-v1`?"),
        ("mdp CartPole-v1 --json", 2, "FrozenLake-v1"),
        ("mdp FrozenLake-v1 --gamma 1 --json", 2, "gamma is 1, but it must be at least 0 and below 1"),
        ("mdp FrozenLake-v1 --ascent natural --json", 2, "--step ETA or --kl EPS"),
        ("mdp FrozenLake-v1 --ascent natural --step -1 --json", 2, "--step: is -1, but it must be above 0"),
        ("mdp FrozenLake-v1 --policy none.json --json", 4, "cannot read none.json"),
        ("mdp FrozenLake-v1 -o figure.pdf", 2, "must end in .svg"),
        ("convergence --samples 5k", 2, "samples: is 5000; use 10000 to 10000000 transitions"),
        ("convergence --samples -1", 2, "samples: is -1, but it counts transitions"),
        ("convergence -o figure.pdf", 2, "must end in .svg"),
        ("theory cg-identiy", 2, "did you mean `cg-identity`?"),
    ] {
        let ended = place.npg(line);
        assert_eq!((ended.code, ended.err.contains(message)), (Some(code), true), "npg {line}\n{}", ended.err);
    }
}

#[test]
fn claims_are_checked_and_shown() {
    let place = Place::new();
    let out = place.done("theory tv-below-kl").out;
    assert!(out.contains("beware") && out.contains("4.899") && out.ends_with("all hold\n"), "{out}");
    let claim = json(&place, "theory performance-difference --json");
    assert_eq!((&claim["holds"], &claim["high"], &claim["low"]), (&true.into(), &1e-10.into(), &Value::Null));
    assert!(claim["value"].as_f64().unwrap() < 1e-12);
}

/// The sessions in the chapter on theory: "$ npg ...", and then lines of its output in order. A line `...` stands for any
/// lines, and `...` at the end of a line stands for the rest of it.
#[test]
fn the_chapter_shows_what_is_printed() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let page = std::fs::read_to_string(docs.join("theory.md")).unwrap();
    let place = Place::new();
    std::fs::create_dir_all(place.path("docs/examples")).unwrap();
    std::fs::copy(docs.join("examples/two-states.json"), place.path("docs/examples/two-states.json")).unwrap();

    let sessions: Vec<&str> = page.split("\n    $ npg ").skip(1).collect();
    assert!(sessions.len() >= 7, "{}", sessions.len());
    for session in sessions {
        let (command, rest) = session.split_once('\n').unwrap();
        let printed = place.done(command).out;
        let mut left = printed.lines();
        let shown = rest.lines().take_while(|line| line.is_empty() || line.starts_with("    "));
        for line in shown.map(str::trim).filter(|line| !line.is_empty() && *line != "...") {
            let is_it = |out: &str| line.strip_suffix("...").map_or(out == line, |begin| out.starts_with(begin));
            assert!(left.any(is_it), "npg {command}\nprints no `{line}`, or in another order:\n{printed}");
        }
    }
}

/// Uses batches of up to 10,000 transitions. The table, the figure and the JSON must agree.
#[test]
fn estimates_converge_to_exact_values() {
    let place = Place::new();
    let out = place.done("convergence --samples 10k -o c.svg").out;
    let rows: Vec<&str> = out.lines().take(13).collect();
    assert!(rows[0].starts_with("world") && rows[0].contains("error at 10k"), "{out}");
    assert!(out.ends_with("every estimate converges to the exact value as N^-1/2\nc.svg\n"), "{out}");
    assert!(place.read("c.svg").contains("Relative error of the natural direction"));

    let found = json(&place, "convergence --samples 10k --json");
    assert_eq!((&found["converges"], place.names(".")), (&true.into(), vec!["c.svg".to_owned()]));
    let curves = found["curves"].as_array().unwrap();
    assert_eq!(curves.len(), 12);
    for (curve, row) in curves.iter().zip(&rows[1..]) {
        assert!(row.starts_with(curve["world"].as_str().unwrap()), "{row}");
        let exponent =
            format!("{:.3} ± {:.3}", curve["exponent"].as_f64().unwrap(), curve["exponent_error"].as_f64().unwrap());
        assert!(row.contains(&exponent), "{row}: {exponent}");
        let samples: Vec<u64> =
            curve["points"].as_array().unwrap().iter().map(|p| p["samples"].as_u64().unwrap()).collect();
        assert_eq!(samples, [1000, 3000, 10_000]);
    }
}
