//! Episodes that scripts/mujoco_episodes.py plays in Gymnasium.

use serde_json::{Value, json};
use std::path::Path;

/// What to play: a task, its options as TOML, the number of episodes, the largest number of steps of each, and the number of
/// first observations.
pub(crate) struct Case {
    pub(crate) id: &'static str,
    pub(crate) options: toml::Table,
    pub(crate) episodes: usize,
    pub(crate) steps: usize,
    pub(crate) resets: usize,
}

/// What Gymnasium returned for a case.
pub(crate) struct Played {
    pub(crate) limit: Option<u64>,
    pub(crate) threshold: Option<f64>,
    /// The bounds of the actions.
    pub(crate) bounds: [Vec<f64>; 2],
    pub(crate) episodes: Vec<Vec<Step>>,
    /// Observations after resets.
    pub(crate) firsts: Vec<Vec<f64>>,
}

/// One step in Gymnasium.
pub(crate) struct Step {
    /// What npg saves: MuJoCo's integration state before the step, and the position whose velocity is rewarded.
    pub(crate) before: Vec<f64>,
    pub(crate) action: Vec<f64>,
    pub(crate) observation: Vec<f64>,
    pub(crate) reward: f64,
    pub(crate) terminated: bool,
}

/// Lets Gymnasium play all cases. Returns also which libmujoco it used.
pub(crate) fn play(python: &Path, cases: &[Case]) -> (Value, Vec<Played>) {
    let folder = tempfile::tempdir().unwrap();
    let list: Vec<Value> = cases.iter().map(request).collect();
    let file = folder.path().join("cases.json");
    std::fs::write(&file, json!(list).to_string()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/mujoco_episodes.py");
    let output = std::process::Command::new(python)
        .arg(script)
        .args([&file, folder.path()])
        .current_dir(folder.path()) // MuJoCo writes its log there
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let index: Value = serde_json::from_slice(&std::fs::read(folder.path().join("index.json")).unwrap()).unwrap();
    let played = index["cases"].as_array().unwrap().iter().enumerate().map(|(number, facts)| {
        let bytes = std::fs::read(folder.path().join(format!("{number}.f64"))).unwrap();
        let numbers: Vec<f64> = bytes.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect();
        read(facts, &numbers, cases[number].resets)
    });
    let played = played.collect();
    (index, played)
}

fn request(case: &Case) -> Value {
    json!({"id": case.id, "options": case.options, "episodes": case.episodes, "steps": case.steps, "resets": case.resets})
}

fn read(facts: &Value, mut numbers: &[f64], resets: usize) -> Played {
    let size = |name: &str| facts[name].as_u64().unwrap() as usize;
    let vector = |name: &str| facts[name].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
    let (state, action, observation) = (size("state"), size("action"), size("observation"));
    let mut take = |count: usize| {
        let (taken, rest) = numbers.split_at(count);
        numbers = rest;
        taken.to_vec()
    };
    let mut step = || Step {
        before: take(state + 1),
        action: take(action),
        observation: take(observation),
        reward: take(1)[0],
        terminated: take(1)[0] == 1.0,
    };
    let lengths = facts["lengths"].as_array().unwrap().iter().map(|length| length.as_u64().unwrap());
    let episodes = lengths.map(|length| (0..length).map(|_| step()).collect()).collect();
    let firsts = (0..resets).map(|_| take(observation)).collect();
    assert!(numbers.is_empty());
    let threshold = facts["threshold"].as_f64();
    Played { limit: facts["limit"].as_u64(), threshold, bounds: [vector("low"), vector("high")], episodes, firsts }
}
