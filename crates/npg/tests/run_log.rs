//! A run is killed in the middle of a row and resumed. Other programs must read its log as that of one run.
//!
//! If `NPG_TENSORBOARD_PYTHON` names a Python that has the package `tensorboard`, scripts/check_tensorboard.py checks the
//! event files as well.

use std::io::Write;
use std::path::Path;

use npg::logs::RunLog;
use npg::run_dir::{RunDir, create_at};

/// Iterations of 64 steps. Some numbers are not finite, and every fifth iteration has an evaluation.
fn write(log: &mut RunLog, iterations: std::ops::RangeInclusive<u64>) {
    for k in iterations {
        let x = k as f64;
        let metrics = [
            ("rollout/ep_rew_mean", if k < 3 { f64::NAN } else { 20.0 * x.sqrt() }),
            ("npg/kl", 0.01 + 1e-3 * x.sin()),
            ("npg/cg_residual", 1e-42 * x),
            ("npg/step_size", 1e300 * x),
            ("train/explained_variance", if k == 7 { f64::NEG_INFINITY } else { -0.0 }),
        ];
        log.iteration(k, 64 * k, &metrics);
        if k % 5 == 0 {
            log.evaluation(64 * k, &[("return_mean", 3.0 * x), ("return_std", x / 7.0), ("episodes", 10.0)]);
        }
    }
}

/// Leaves half a row at the end of `path`.
fn tear(path: &Path) -> std::io::Result<()> {
    let whole = std::fs::read(path)?;
    std::fs::OpenOptions::new().append(true).open(path)?.write_all(&whole[..30])
}

#[test]
fn a_killed_and_resumed_run_reads_as_one() {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("run_log");
    let run: RunDir = create_at(&out, &[0], true).unwrap().remove(0);
    write(&mut RunLog::create(&run), 1..=30);
    tear(&run.metrics()).unwrap();
    for entry in std::fs::read_dir(run.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().contains("events.out.tfevents.") {
            tear(&path).unwrap();
        }
    }
    // The last checkpoint was after iteration 20. The run is then killed and resumed once more, at the end of iteration 40.
    let mut log = RunLog::resume(&run, 20 * 64);
    write(&mut log, 21..=40);
    write(&mut RunLog::resume(&run, 40 * 64), 41..=50);
    assert_eq!(log.take_warnings(), [""; 0]);

    let metrics = std::fs::read_to_string(run.metrics()).unwrap();
    let rows: Vec<serde_json::Value> = metrics.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(rows.iter().map(|row| row["iteration"].as_u64().unwrap()).eq(1..=50));
    assert_eq!(std::fs::read_to_string(run.progress()).unwrap().lines().count(), 51);
    assert_eq!(std::fs::read_to_string(run.eval()).unwrap().lines().count(), 11);

    if let Some(python) = std::env::var_os("NPG_TENSORBOARD_PYTHON") {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/check_tensorboard.py");
        let check = |run: &RunDir| {
            let output = std::process::Command::new(&python).arg(&script).arg(run.path()).output().unwrap();
            (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let (agrees, said) = check(&run);
        assert!(agrees, "{said}");
        assert!(said.contains("EventAccumulator: 280 of 280 scalars of 8 tags agree"), "{said}");
        assert!(said.contains("the web page: 280 of 280 scalars of 8 tags agree"), "{said}");
        // The script must notice a difference.
        std::fs::write(run.metrics(), metrics.replacen("\"npg/kl\":0.01", "\"npg/kl\":0.02", 1)).unwrap();
        let (agrees, said) = check(&run);
        assert!(!agrees && said.contains("npg/kl: (64, "), "{said}");
        std::fs::write(run.metrics(), metrics).unwrap();
    }
}
