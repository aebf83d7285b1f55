//! Checkpoints with a correct checksum and senseless content. Every loader must return a value or an error, and the value
//! must be usable without a panic.

#![allow(clippy::unwrap_used)] // a test: its helpers may panic too

use npg::checkpoint::Archive;
use npg::config::{Config, Std};
use npg::env::registry;
use npg::train::{Trainer, load_policy, saved_config};
use serde_json::{Value, json};

/// A checkpoint after one iteration of a run that uses every part of the state.
fn checkpoint(id: &str) -> Archive {
    let mut config = Config::default();
    config.rollout.n_envs = 2;
    config.rollout.batch_steps = 90;
    config.rollout.threads = 1;
    config.policy.hidden = vec![4, 4];
    config.policy.std = Std::Sde;
    config.value.hidden = vec![4, 4];
    config.value.epochs = 1;
    config.algorithm.cg_warm_start = true;
    config.run.steps = 1000;
    let mut trainer = Trainer::new(config, registry::make(id, &toml::Table::new()).unwrap()).unwrap();
    trainer.step().unwrap().unwrap();
    let mut archive = trainer.save();
    archive.header["best_return"] = json!(1.0);
    archive.header["evaluated"] = json!([0, null]);
    archive
}

/// Does everything that the program does with a checkpoint. The error says what refused it.
fn use_all(archive: &Archive) -> Result<(), String> {
    let archive = Archive::from_bytes(&archive.to_bytes()).map_err(|fault| fault.to_string())?;
    let config = saved_config(&archive).map_err(|fault| fault.to_string())?;
    let id: String = archive.field("env").map_err(|fault| fault.to_string())?;
    let source = registry::make(&id, &config.env).map_err(|error| error.to_string())?;
    let policy = load_policy(&archive, &source.spec()).map_err(|fault| fault.to_string());
    let restored = Trainer::restore(&archive, source).map_err(|error| error.to_string());
    if let Ok((trainer, _)) = restored {
        assert!(policy.is_ok(), "what can be resumed can be evaluated");
        let mut trainer = trainer;
        if let Some(iteration) = trainer.step() {
            iteration.map_err(|error| error.to_string())?;
        }
        trainer.save();
        return Ok(());
    }
    restored.map(|_| ())
}

#[test]
fn what_was_saved_can_be_used() {
    for id in ["CartPole-v1", "Pendulum-v1", "FrozenLake-v1"] {
        use_all(&checkpoint(id)).unwrap();
    }
}

#[test]
fn headers() {
    let whole = checkpoint("Pendulum-v1");
    let values = [
        Value::Null,
        json!(-1),
        json!(u64::MAX),
        json!(1e300),
        json!(""),
        json!("x"),
        json!([]),
        json!({}),
        json!(true),
    ];
    for name in whole.header.as_object().unwrap().keys() {
        for value in &values {
            let mut archive = whole.clone();
            archive.header[name] = value.clone();
            let _ = use_all(&archive);
        }
        let mut archive = whole.clone();
        archive.header.as_object_mut().unwrap().remove(name);
        let unused = ["npg", "algo", "seed", "best_return", "evaluated", "restarts", "shortened", "spaces"];
        let is_used = !unused.contains(&name.as_str());
        assert_eq!(use_all(&archive).is_err(), is_used, "{name}");
    }
    for value in values {
        let mut archive = whole.clone();
        archive.header = value;
        use_all(&archive).unwrap_err();
    }
}

/// A configuration must not make the loader allocate or compute more than the file contains.
#[test]
fn configurations() {
    let whole = checkpoint("Pendulum-v1");
    let text: String = whole.field("config").unwrap();
    let begun = std::time::Instant::now();
    for (from, to) in [
        ("hidden = [4, 4]", "hidden = [16384, 16384, 16384, 16384, 16384, 16384]"),
        ("encoder = []", "encoder = [16384, 16384, 16384, 16384, 16384, 16384]"),
        ("n_envs = 2", "n_envs = 65536"),
        ("network = \"mlp\"", "network = \"rbf\""),
        ("network = \"mlp\"", "network = \"linear\""),
        ("std = \"sde\"", "std = \"state-independent\""),
        ("kind = \"mlp-adam\"", "kind = \"linear\""),
        ("kind = \"mlp-adam\"", "kind = \"mlp-gauss-newton\""),
        ("observations = true", "observations = false"),
        ("[policy]", "[policy"),
        ("[policy]", "[politics]"),
    ] {
        assert!(text.contains(from), "{from}");
        let mut archive = whole.clone();
        archive.header["config"] = text.replace(from, to).into();
        let result = use_all(&archive);
        assert!(result.is_err() || from.starts_with("observations"), "{to}");
    }
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

#[test]
fn tensors() {
    for id in ["Pendulum-v1", "CartPole-v1", "FrozenLake-v1"] {
        let whole = checkpoint(id);
        let names: Vec<String> = whole.names().map(Into::into).collect();
        for name in &names {
            let shape = whole.shape(name).unwrap().to_vec();
            let count: usize = shape.iter().product();
            for value in [0.0, -1.0, 1e300, -1e300, f64::NAN, f64::INFINITY] {
                let mut archive = whole.clone();
                if let Ok(mut data) = whole.any_f64(name, &shape) {
                    data.fill(value);
                    archive.insert_f64(name, &shape, &data);
                } else if let Ok(mut data) = whole.any_f32(name, &shape) {
                    data.fill(value as f32);
                    archive.insert_f32(name, &shape, &data);
                }
                let _ = use_all(&archive);
            }
            for value in [0, 1, 1 << 31, u64::from(u32::MAX), u64::MAX / 2, u64::MAX] {
                let Ok(data) = whole.u64(name, &shape) else { break };
                for at in 0..count {
                    let mut archive = whole.clone();
                    let mut data = data.clone();
                    data[at] = value;
                    archive.insert_u64(name, &shape, &data);
                    let _ = use_all(&archive);
                }
            }
            // Lengths whose sum is right.
            if let Ok(mut lengths) = whole.u64(name, &shape)
                && name.ends_with("/lengths")
                && lengths[0] > 0
            {
                lengths[0] -= 1;
                lengths[1] += 1;
                let mut archive = whole.clone();
                archive.insert_u64(name, &shape, &lengths);
                let _ = use_all(&archive); // noise of another length is drawn anew
            }
            for other in [vec![], vec![0], vec![count + 1], vec![1, count], vec![count, 0]] {
                if other == shape {
                    continue;
                }
                let mut archive = whole.clone();
                archive.insert_f64(name, &other, &vec![0.5; other.iter().product()]);
                let result = use_all(&archive);
                assert!(result.is_err() || name == "rollout/recent", "{name} as {other:?}");
            }
        }
    }
}

/// An index that is saved as a number must be one of its space.
#[test]
fn saved_indices() {
    let whole = checkpoint("FrozenLake-v1");
    for index in [0.0, 15.0, 16.0, 99.0, -1.0, 0.5] {
        let mut archive = whole.clone();
        archive.insert_f64("environments/observations", &[2], &[index, 3.0]);
        archive.insert_u64("environments/observations/lengths", &[2], &[1, 1]);
        let result = use_all(&archive);
        assert_eq!(result.is_ok(), [0.0, 15.0].contains(&index), "{index}: {result:?}");
    }
}
