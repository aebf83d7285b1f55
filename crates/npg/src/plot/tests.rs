//! Figures of synthetic run directories.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::{CurveOptions, Figure, learning_curves, runs_in, seeds_in};
use crate::random::{Purpose, Stream};

/// Writes `seeds` noisy learning curves of `iterations` iterations into `run`. Each seed has its own steps.
fn synthetic(run: &Path, index: u64, seeds: u64, iterations: usize) {
    for seed in 0..seeds {
        let directory = run.join(format!("seed-{seed}"));
        fs::create_dir_all(&directory).unwrap();
        let mut rng = Stream::new(seed, Purpose::Test, index);
        let (mut metrics, mut evaluations) =
            (String::new(), String::from("steps,return_mean,return_std,length_mean,episodes\n"));
        let rate = (1.0 + 0.25 * rng.normal()) * (1.0 - 0.3 * index as f64);
        let (mut noise, batch) = (0.0, 1000 + 8 * seed);
        for iteration in 1..=iterations {
            let steps = batch * iteration as u64;
            noise = 0.85 * noise + 9.0 * rng.normal();
            let progress = 1.0 / (1.0 + (6.0 - 12.0 * rate * iteration as f64 / iterations as f64).exp());
            let mean = (20.0 + 475.0 * progress + noise * (1.0 - progress)).min(500.0);
            let shown = if iteration == 1 { "null".into() } else { format!("{mean:.3}") };
            let kl = 0.01 * (0.25 * rng.normal()).exp();
            let explained = 0.9 - 1.5 * (-(iteration as f64) / 12.0).exp() + 0.05 * rng.normal();
            let (promised, gain) = (1.0 + rng.normal().abs(), 0.8 + 2.0 * rng.normal());
            let realized = if iteration == 1 { "null".into() } else { format!("{gain:.3}") };
            let residual = 10f64.powf(-1.5 + 0.3 * rng.normal());
            writeln!(
                metrics,
                "{{\"iteration\":{iteration},\"steps\":{steps},\"rollout/ep_rew_mean\":{shown},\"npg/kl\":{kl:e},\
                 \"npg/kl_predicted\":0.01,\"train/explained_variance\":{explained},\"npg/cg_residual\":{residual:e},\
                 \"trust_region/surrogate\":{promised:.3},\"trust_region/discounted_return_se\":1.4,\
                 \"trust_region/realized_gain\":{realized},\"time/fps\":1e5}}"
            )
            .unwrap();
            if iteration % (iterations / 8).max(1) == 0 {
                writeln!(evaluations, "{},{:.3},10.5,200,20", iteration * 1000, (mean + 12.0).min(500.0)).unwrap();
            }
        }
        metrics.push_str("{\"iteration\":999,\"steps\":9999"); // a line that was cut short
        evaluations.push_str("99,1");
        fs::write(directory.join("metrics.jsonl"), metrics).unwrap();
        fs::write(directory.join("eval.csv"), evaluations).unwrap();
        fs::write(directory.join("config.toml"), "[algorithm]\nname = \"npg\"\nstep = \"kl\"\nkl_step = 0.01\n")
            .unwrap();
    }
}

fn count(svg: &str, class: &str) -> usize {
    svg.matches(&format!("<g class=\"{class}\"")).count()
}

fn error(runs: &[PathBuf]) -> String {
    learning_curves(runs, &CurveOptions::default()).unwrap_err().to_string()
}

/// `NPG_PLOT_LOOK=DIR` keeps the figures, so that they can be looked at.
fn look(name: &str, figure: &Figure) {
    if let Some(directory) = std::env::var_os("NPG_PLOT_LOOK") {
        for extension in ["svg", "png"] {
            super::save(figure, Path::new(&directory).join(name).with_extension(extension)).unwrap();
        }
    }
}

#[test]
fn two_runs_of_ten_seeds() {
    let directory = tempfile::tempdir().unwrap();
    let runs = ["npg-1", "trpo-1"].map(|name| directory.path().join("runs/CartPole-v1").join(name));
    synthetic(&runs[0], 0, 10, 100);
    synthetic(&runs[1], 1, 10, 100);
    let options = CurveOptions { threshold: Some(475.0), resamples: 200, ..CurveOptions::default() };
    let figure = learning_curves(&runs, &options).unwrap();
    look("two-runs", &figure);
    let svg = figure.to_svg();
    assert_eq!(figure.to_svg(), learning_curves(&runs, &options).unwrap().to_svg(), "same seed, same figure");
    // A center for each run in each of the five panels, as many bands, and thin lines and dots in the large panel.
    let classes = ["frame", "series", "band", "seed", "evaluations", "predicted", "budget", "threshold"];
    assert_eq!(classes.map(|class| count(&svg, class)), [5, 10, 10, 20, 2, 4, 1, 1]);
    assert_eq!(svg.matches("<circle").count(), 1 + 2 * 8);
    for label in ["CartPole-v1", "npg-1 (10 seeds)", "trpo-1 (10 seeds)", "100k", "threshold 475", "kl_step", "(nats)"]
    {
        assert!(svg.contains(label), "{label}");
    }
    assert!(svg.contains("interquartile mean of seeds") && !svg.contains("NaN") && !svg.contains("inf"));
    assert!(figure.to_png().len() < 1_000_000);
}

#[test]
fn a_single_seed() {
    let directory = tempfile::tempdir().unwrap();
    let run = directory.path().join("runs/CartPole-v1/npg-1");
    synthetic(&run, 0, 1, 60);
    for path in [run.clone(), run.join("seed-0")] {
        let figure = learning_curves(&[path], &CurveOptions::default()).unwrap();
        look("single-seed", &figure);
        let svg = figure.to_svg();
        // The only band is the standard error of the delivered gain.
        assert_eq!(["series", "band", "seed"].map(|class| count(&svg, class)), [5, 1, 0]);
        assert!(!svg.contains("bootstrap") && svg.contains("CartPole-v1"));
        assert!(svg.contains("Promised against delivered") && svg.contains("± 1 s.e."));
    }
}

/// A figure with these panels only.
fn only(run: &Path, panels: &[&str]) -> crate::Result<String> {
    let panels = panels.iter().map(|name| (*name).into()).collect();
    learning_curves(&[run.into()], &CurveOptions { panels, ..CurveOptions::default() }).map(|figure| {
        look(&format!("only-{}", figure.items.len()), &figure);
        figure.to_svg()
    })
}

#[test]
fn panels_can_be_drawn_alone_and_every_one_has_labels() {
    let directory = tempfile::tempdir().unwrap();
    let run = directory.path().join("runs/CartPole-v1/npg-1");
    synthetic(&run, 0, 2, 60);
    for panel in super::PANELS {
        let svg = only(&run, &[panel]).unwrap();
        assert_eq!((count(&svg, "frame"), svg.matches("rotate(-90").count()), (1, 1), "{panel}");
        assert!(svg.contains("CartPole-v1") && svg.contains("environment steps"), "{panel}");
    }
    assert!(only(&run, &["return"]).unwrap().contains("return of an episode"));
    assert_eq!(count(&only(&run, &["kl", "residual"]).unwrap(), "frame"), 2);
    let all = only(&run, &[]).unwrap();
    assert_eq!((count(&all, "frame"), all.matches("rotate(-90").count()), (5, 5));
    assert!(only(&run, &["loss"]).unwrap_err().to_string().contains("there are return, kl, gain"));
    let metrics = "{\"steps\":1000,\"rollout/ep_rew_mean\":1.0}\n";
    (0..2).for_each(|seed| fs::write(run.join(format!("seed-{seed}/metrics.jsonl")), metrics).unwrap());
    assert!(only(&run, &["residual"]).unwrap_err().to_string().contains("nothing was logged for residual"));
}

#[test]
fn three_seeds_and_eight_runs() {
    let directory = tempfile::tempdir().unwrap();
    let runs: Vec<PathBuf> = (0..8).map(|i| directory.path().join(format!("gamma-{i}"))).collect();
    runs.iter().for_each(|run| synthetic(run, 0, 3, 40));
    let options = CurveOptions { title: Some("Discount".into()), resamples: 50, ..CurveOptions::default() };
    let figure = learning_curves(&runs, &options).unwrap();
    look("eight-runs", &figure);
    let svg = figure.to_svg();
    assert!(svg.contains("mean of seeds") && !svg.contains("interquartile") && svg.contains(">Discount<"));
    let labels = CurveOptions { labels: vec!["one".into()], ..options };
    assert!(learning_curves(&runs, &labels).unwrap_err().to_string().contains("1 labels for 8 runs"));
}

/// Writes synthetic runs `names` for each of `environments`. The files tell the environment and the algorithm.
fn several(directory: &Path, environments: &[&str], names: &[&str], seeds: u64) -> Vec<PathBuf> {
    let mut runs = Vec::new();
    for (environment, (index, name)) in
        environments.iter().flat_map(|it| names.iter().enumerate().map(move |n| (it, n)))
    {
        let run = directory.join(environment).join(name);
        synthetic(&run, index as u64, seeds, 300);
        for seed in 0..seeds {
            let file = |file: &str| run.join(format!("seed-{seed}/{file}"));
            let algorithm = name.split('-').next().unwrap();
            fs::write(file("config.toml"), format!("[algorithm]\nname = \"{algorithm}\"\n")).unwrap();
            crate::run_dir::Provenance::of_this_process(environment).record(&file("provenance.json")).unwrap();
        }
        runs.push(run);
    }
    runs
}

#[test]
fn several_environments() {
    let directory = tempfile::tempdir().unwrap();
    let environments = ["Ant-v5", "Hopper-v5", "Humanoid-v5", "Pusher-v5", "Reacher-v5", "Swimmer-v5", "Walker2d-v5"];
    let runs = several(directory.path(), &environments, &["npg-1M", "trpo-1M"], 5);
    let options = CurveOptions { threshold: Some(475.0), resamples: 100, ..CurveOptions::default() };
    let figure = learning_curves(&runs, &options).unwrap();
    look("several-environments", &figure);
    let svg = figure.to_svg();
    let classes = ["frame", "series", "band", "evaluations", "seed", "predicted", "threshold"];
    assert_eq!(classes.map(|class| count(&svg, class)), [7, 14, 14, 14, 0, 0, 0]);
    // There is one key for all panels. It names the algorithms, and each has the same color everywhere.
    for (label, times) in
        [(">npg (5 seeds)<", 1), (">trpo (5 seeds)<", 1), (">environment steps<", 4), (">evaluation<", 1)]
    {
        assert_eq!(svg.matches(label).count(), times, "{label}");
    }
    for label in ["npg", "trpo"] {
        let mark = format!("<title>{label}</title>");
        let lines = svg.split(&mark).skip(1);
        let colors: Vec<&str> = lines.filter_map(|line| line.split("stroke=\"").nth(1)?.split('"').next()).collect();
        assert!(colors.len() == 7 && colors.iter().all(|color| *color == colors[0]), "{label}: {colors:?}");
    }
    let places: Vec<usize> = environments.iter().map(|id| svg.find(&format!(">{id}<")).unwrap()).collect();
    assert!(places.is_sorted() && svg.len() < 200_000, "{places:?}, {} bytes", svg.len());
    assert!((figure.width - 1000.0).abs() < 1e-9 && figure.height < 700.0, "{}", figure.height);

    let one = learning_curves(&runs[..2], &options).unwrap().to_svg();
    assert!(one.contains(">npg-1M (5 seeds)<") && count(&one, "seed") == 10, "one environment: the figure of before");
}

#[test]
fn labels_of_several_environments() {
    let directory = tempfile::tempdir().unwrap();
    let runs = several(directory.path(), &["Ant-v5", "Hopper-v5"], &["npg-1M", "npg-3M"], 2);
    let svg = |options: CurveOptions| learning_curves(&runs[..3], &options).map(|figure| figure.to_svg());
    let options = CurveOptions { resamples: 20, ..CurveOptions::default() };
    let default = svg(options.clone()).unwrap();
    assert!(default.contains(">npg-1M (2 seeds)<") && default.contains(">npg-3M (2 seeds)<"), "{default}");
    let labels = ["a", "b", "a"].map(str::to_owned).to_vec();
    let own = svg(CurveOptions { labels, title: Some("Two".into()), ..options.clone() }).unwrap();
    assert!(own.contains(">a (2 seeds)<") && own.contains(">b (2 seeds)<") && own.contains(">Two<"));

    fs::remove_dir_all(runs[2].join("seed-1")).unwrap();
    let fewer = svg(options.clone()).unwrap();
    assert!(fewer.contains(">npg-1M (1 to 2 seeds)<") && count(&fewer, "band") == 2, "{fewer}");
    fs::remove_file(runs[1].join("seed-1/provenance.json")).unwrap();
    let message = svg(options).unwrap_err().to_string();
    assert!(
        message.contains("Ant-v5/npg-3M does not tell one environment") && message.contains("plot it"),
        "{message}"
    );
}

/// One row, rows without any value, and numbers beyond any panel all give a figure.
#[test]
fn poor_data() {
    let directory = tempfile::tempdir().unwrap();
    let run = directory.path().join("seed-0");
    fs::create_dir(&run).unwrap();
    for (name, metrics) in [
        ("one-row", "{\"steps\":1000,\"rollout/ep_rew_mean\":20.0,\"npg/kl\":0.01,\"npg/cg_residual\":0.0}\n"),
        ("no-episode", "{\"steps\":1000,\"rollout/ep_rew_mean\":null}\n{\"steps\":2000,\"npg/kl\":null}\n"),
        ("zero-steps", "{\"steps\":0,\"rollout/ep_rew_mean\":1.0}\n"),
        (
            "huge",
            "{\"steps\":1,\"rollout/ep_rew_mean\":-1e300}\n{\"steps\":2e15,\"rollout/ep_rew_mean\":1e300,\"npg/kl\":1e-300}\n",
        ),
    ] {
        fs::write(run.join("metrics.jsonl"), metrics).unwrap();
        let figure = learning_curves(std::slice::from_ref(&run), &CurveOptions::default()).unwrap();
        look(name, &figure);
        let svg = figure.to_svg();
        assert!(!svg.contains("NaN") && !svg.contains("inf\""), "{name}: {svg}");
        assert_eq!(svg.contains("no episode has finished yet"), name == "no-episode");
        assert!(figure.to_png().starts_with(b"\x89PNG"));
    }
}

#[test]
fn rows_written_again_replace_the_earlier_ones() {
    let directory = tempfile::tempdir().unwrap();
    let row = |steps, value| format!("{{\"steps\":{steps},\"rollout/ep_rew_mean\":{value}}}\n");
    let metrics = [row(1, 10.0), row(2, 20.0), row(3, 30.0), row(2, 25.0), "\n".into()].concat();
    fs::write(directory.path().join("metrics.jsonl"), metrics).unwrap();
    let seeds = super::runs::read(directory.path()).unwrap();
    let rows: Vec<_> = seeds[0].rows.iter().map(|row| (row.steps, row.return_mean)).collect();
    assert_eq!(rows, [(1.0, Some(10.0)), (2.0, Some(25.0))]);
}

#[test]
fn a_tensorboard_log_of_the_python_agents_is_a_run_for_each_folder() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    for name in ["NPG_10", "NPG_2", "mine", "TRPO_1", "NPG_3"] {
        fs::create_dir_all(root.join(name)).unwrap();
        fs::write(root.join(name).join("metrics.jsonl"), "{\"steps\":1,\"rollout/ep_rew_mean\":2}\n").unwrap();
    }
    fs::write(root.join("NPG_3/metrics.jsonl"), "").unwrap(); // a run that has just started
    fs::create_dir_all(root.join("other")).unwrap();
    let names = |runs: Vec<PathBuf>| -> Vec<String> {
        runs.iter().map(|run| run.strip_prefix(root).unwrap().display().to_string()).collect()
    };
    let runs = runs_in(root);
    assert_eq!(names(runs.clone()), ["NPG_2", "NPG_10", "TRPO_1", "mine"]);
    let svg = learning_curves(&runs, &CurveOptions::default()).unwrap().to_svg();
    assert_eq!(count(&svg, "series"), 4);
    // Everything else means itself, even if it does not exist.
    assert_eq!(names(runs_in(&root.join("NPG_3"))), ["NPG_3"]);
    assert_eq!(names(runs_in(&root.join("other"))), ["other"]);
    assert_eq!(names(runs_in(&root.join("absent"))), ["absent"]);
    fs::create_dir_all(root.join("run/seed-0")).unwrap();
    fs::write(root.join("run/seed-0/metrics.jsonl"), "{\"steps\":1}\n").unwrap();
    assert_eq!(names(runs_in(&root.join("run"))), ["run"]);
    assert_eq!(names(seeds_in(&root.join("run")).unwrap()), ["run/seed-0"]);
    assert_eq!(names(seeds_in(&root.join("NPG_3")).unwrap()), ["NPG_3"]);
    assert!(seeds_in(&root.join("other")).is_err());
}

#[test]
fn errors_name_the_path_and_a_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let message = error(&[path("absent")]);
    assert!(message.contains("absent does not exist") && message.contains("npg train"), "{message}");
    fs::write(path("file"), "x").unwrap();
    assert!(error(&[path("file")]).contains("is a file, not a run"));
    assert!(error(&[directory.path().into()]).contains("is not a run"));
    assert!(error(&[]).contains("at least one run"));

    fs::create_dir_all(path("runs/npg-1/seed-0")).unwrap();
    let metrics = path("runs/npg-1/seed-0/metrics.jsonl");
    fs::write(&metrics, "").unwrap();
    let message = error(&[path("runs")]);
    assert!(message.contains("did you mean") && message.contains("npg-1?"), "{message}");
    let message = error(&[path("runs/npg-1")]);
    assert!(message.contains("npg-1 has no finished iteration yet"), "{message}");

    fs::write(&metrics, "{\"steps\":1}\nnonsense\n{\"steps\":3}\n").unwrap();
    let message = error(&[path("runs/npg-1")]);
    assert!(message.contains("metrics.jsonl") && message.contains("line 2"), "{message}");
    fs::write(&metrics, "{\"steps\":1}\n").unwrap();
    let evaluations = path("runs/npg-1/seed-0/eval.csv");
    fs::write(&evaluations, "steps,mean\n1,2\n").unwrap();
    assert!(error(&[path("runs/npg-1")]).contains("no column `return_mean`"));
    fs::write(&evaluations, "steps,return_mean\n1,x\n2,3\n").unwrap();
    assert!(error(&[path("runs/npg-1")]).contains("line 2: `1,x`"));
    fs::write(&evaluations, "steps,return_mean\n1,null\n2,3\n3").unwrap();
    assert_eq!(super::runs::read(&path("runs/npg-1")).unwrap()[0].evaluations, [(2.0, 3.0)]);
}

/// A run directory may come from anyone, and a pipe in it would never end.
#[cfg(unix)]
#[test]
fn pipes_and_devices_in_the_place_of_logs_are_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let seed = directory.path().join("npg-1/seed-0");
    fs::create_dir_all(&seed).unwrap();
    let pipe =
        |name: &str| assert!(std::process::Command::new("mkfifo").arg(seed.join(name)).status().unwrap().success());
    fs::write(seed.join("metrics.jsonl"), "{\"steps\":1}\n").unwrap();
    pipe("config.toml");
    assert_eq!(super::runs::read(&directory.path().join("npg-1")).unwrap()[0].kl_step, None);
    std::os::unix::fs::symlink("/dev/zero", seed.join("eval.csv")).unwrap();
    assert!(error(&[directory.path().join("npg-1")]).contains("not a regular file"));
    fs::remove_file(seed.join("eval.csv")).unwrap();
    fs::remove_file(seed.join("metrics.jsonl")).unwrap();
    pipe("metrics.jsonl");
    let message = error(&[directory.path().join("npg-1")]); // the message must come at all
    assert!(message.contains("npg-1"), "{message}");
}
