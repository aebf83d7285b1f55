use super::tensorboard::decoded::{Event, events};
use super::*;
use std::path::Path;

fn text(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn event_files(run: &RunDir) -> Vec<PathBuf> {
    let all = std::fs::read_dir(run.path()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = all.filter(|path| path.to_string_lossy().contains("events.out.tfevents.")).collect();
    files.sort();
    files
}

fn all_events(run: &RunDir) -> Vec<Event> {
    event_files(run).iter().flat_map(|path| events(&std::fs::read(path).unwrap())).collect()
}

/// A run of `iterations` with 10 steps each, and an evaluation after every second one.
fn written(run: &RunDir, iterations: std::ops::RangeInclusive<u64>, mut log: RunLog) -> RunLog {
    for k in iterations {
        let metrics = [("npg/kl", 0.1 * k as f64), ("train/a,\"b\"", -0.0), ("rollout/ep_rew_mean", f64::NAN)];
        log.iteration(k, 10 * k, &metrics);
        if k % 2 == 0 {
            log.evaluation(10 * k, &[("return_mean", k as f64 / 3.0), ("episodes", 10.0)]);
        }
    }
    assert_eq!(log.take_warnings(), [""; 0]);
    log.take_warnings();
    assert!(run.log().exists());
    log
}

#[test]
fn rows_are_in_every_file_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let run = RunDir::new(directory.path());
    let mut log = written(&run, 1..=2, RunLog::create(&run));
    log.say("two\nlines");
    // This is read before `log` is dropped, so nothing is held back.
    let metrics = r#"{"iteration":1,"steps":10,"npg/kl":0.1,"train/a,\"b\"":-0.0,"rollout/ep_rew_mean":null}"#;
    assert_eq!(text(run.metrics()).lines().next(), Some(metrics));
    let progress =
        "iteration,steps,npg/kl,\"train/a,\"\"b\"\"\",rollout/ep_rew_mean\n1,10,0.1,-0.0,NaN\n2,20,0.2,-0.0,NaN\n";
    assert_eq!(text(run.progress()), progress);
    assert_eq!(text(run.eval()), "steps,return_mean,episodes\n20,0.6666666666666666,10\n");
    let said = text(run.log());
    let lines: Vec<_> = said.lines().map(|line| line.split_once(' ').unwrap()).collect();
    assert_eq!((lines[0].1, lines[1].1), ("two", "lines"));
    assert_eq!((lines[0].0.len(), &lines[0].0[10..11]), (24, "T"));

    let events = all_events(&run);
    assert_eq!((events[0].version.as_str(), events[0].step), ("brain.Event:2", 0));
    assert_eq!((events[1].session, events[1].step), (Some(1), 0));
    let tags: Vec<_> = events[2].scalars.iter().map(|(tag, _)| tag.as_str()).collect();
    assert_eq!(tags, ["npg/kl", "train/a,\"b\"", "rollout/ep_rew_mean"]);
    assert_eq!((events[2].step, events[2].scalars[0].1), (10, 0.1));
    assert_eq!(events[4].scalars, [("eval/return_mean".to_string(), 2.0 / 3.0), ("eval/episodes".into(), 10.0)]);
    assert!(events.iter().all(|event| event.wall_time > 1.7e9));
}

#[test]
fn numbers_read_back_exactly() {
    let numbers =
        [0.1, 1e300, 5e-324, 123456789.0, -7.0, 1e15, 1e16, 2f64.powi(53), f64::MIN_POSITIVE, -0.0, 0.0, 1e-7];
    let names: Vec<String> = (0..numbers.len()).map(|i| format!("x{i}")).collect();
    let metrics: Vec<_> = names.iter().map(String::as_str).zip(numbers).collect();
    let values = metrics.iter().map(|(name, value)| (*name, rows::number(*value)));
    let line = json_line([("steps", u64::MAX.into())].into_iter().chain(values));
    let read: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(read["steps"].as_u64(), Some(u64::MAX));
    let row = Csv::new(&["steps"]).row(&[("steps", 1)], &metrics);
    let fields: Vec<_> = row.lines().nth(1).unwrap().split(',').skip(1).collect();
    for ((name, number), field) in metrics.iter().zip(fields) {
        assert_eq!(read[name].as_f64().unwrap().to_bits(), number.to_bits(), "{line}");
        assert_eq!(field.parse::<f64>().unwrap().to_bits(), number.to_bits(), "{field}");
    }
    let row = Csv::new(&[]).row(&[], &[("a", f64::NAN), ("b", f64::INFINITY), ("c", f64::NEG_INFINITY)]);
    assert_eq!(row, "a,b,c\nNaN,inf,-inf\n");
}

#[test]
fn a_metric_that_comes_later_gets_a_column() {
    let directory = tempfile::tempdir().unwrap();
    let run = RunDir::new(directory.path());
    let mut log = RunLog::create(&run);
    log.iteration(1, 10, &[("a", 1.0), ("b", 2.0)]);
    log.iteration(2, 20, &[("b", 3.0)]);
    log.iteration(3, 30, &[("new, one", 5.0), ("b", 4.0), ("a", 6.0)]);
    log.iteration(4, 40, &[("new, one", 7.0), ("newer", 8.0)]);
    log.iteration(5, 50, &[("a", 9.0)]);
    assert_eq!(log.take_warnings(), [""; 0]);
    let before = text(run.progress());
    let rows = "1,10,1,2,,\n2,20,,3,,\n3,30,6,4,5,\n4,40,,,7,8\n";
    assert_eq!(before, format!("iteration,steps,a,b,\"new, one\",newer\n{rows}5,50,9,,,\n"));
    // Nothing else is left in the directory, and a resumed run knows the columns.
    let mut log = RunLog::resume(&run, 40);
    log.iteration(5, 50, &[("a", 9.0)]);
    log.iteration(6, 60, &[("newest", 1.0)]);
    assert_eq!(log.take_warnings(), [""; 0]);
    assert!(text(run.progress()).ends_with("5,50,9,,,,\n6,60,,,,,1\n"), "{}", text(run.progress()));
    let hidden = std::fs::read_dir(run.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'));
    assert_eq!(hidden.count(), 0);
}

#[test]
fn a_table_does_not_get_columns_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let run = RunDir::new(directory.path());
    let mut log = RunLog::create(&run);
    for k in 1..=200 {
        log.iteration(k, k, &[(&format!("x{k}"), k as f64), ("a", 1.0)]);
    }
    let warnings = log.take_warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].ends_with("progress.csv has no column for x102, and can get no more"), "{warnings:?}");
    let table = text(run.progress());
    let widths: Vec<usize> = table.lines().map(|row| row.split(',').count()).collect();
    assert_eq!((widths.len(), widths[0]), (201, 2 + 2 + 100));
    assert!(widths.iter().all(|width| *width == widths[0]));
}

#[test]
fn a_resumed_run_has_the_rows_of_an_uninterrupted_one() {
    let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [straight, resumed] = directories.each_ref().map(|directory| RunDir::new(directory.path()));
    written(&straight, 1..=9, RunLog::create(&straight));
    written(&resumed, 1..=7, RunLog::create(&resumed));
    // Beginnings of rows, as a power cut would leave them.
    for path in [resumed.metrics(), resumed.progress(), resumed.eval()] {
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(b"8").unwrap();
    }
    written(&resumed, 5..=9, RunLog::resume(&resumed, 40));
    for path in [RunDir::metrics, RunDir::progress, RunDir::eval] {
        assert_eq!(text(path(&resumed)), text(path(&straight)));
    }
    let sentence = "resumed after 40 steps; later rows removed: 4 of metrics.jsonl, 4 of progress.csv, 2 of eval.csv";
    assert!(text(resumed.log()).contains(sentence), "{}", text(resumed.log()));
    let events = all_events(&resumed);
    let restart = events.iter().rposition(|event| event.session == Some(1)).unwrap();
    // TensorBoard purges the steps from the restart's own step on.
    assert_eq!((events[restart].step, events[restart + 1].step), (41, 50));
    assert_eq!(event_files(&resumed).len(), 2);
}

#[test]
fn resuming_where_nothing_is_past_removes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let run = RunDir::new(directory.path());
    written(&run, 1..=4, RunLog::create(&run));
    let before = [run.metrics(), run.progress(), run.eval()].map(text);
    assert!(RunLog::resume(&run, 40).take_warnings().is_empty());
    assert_eq!([run.metrics(), run.progress(), run.eval()].map(text), before);
    assert!(text(run.log()).ends_with(" resumed after 40 steps\n"));
}

#[test]
fn a_line_of_the_log_that_was_cut_short_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let run = RunDir::new(directory.path());
    std::fs::write(run.log(), "2026-01-01T00:00:00.000Z whole\n2026-01-01T00:0").unwrap();
    RunLog::resume(&run, 0);
    let log = text(run.log());
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!((lines.len(), lines[0]), (2, "2026-01-01T00:00:00.000Z whole"), "{log}");
    assert!(lines[1].ends_with("Z resumed after 0 steps"), "{log}");
}

#[test]
fn resuming_without_logs_begins_them() {
    let directory = tempfile::tempdir().unwrap();
    let run = RunDir::new(directory.path());
    // A header that was cut short does not count.
    std::fs::write(run.progress(), "iteration,st").unwrap();
    written(&run, 3..=4, RunLog::resume(&run, 20));
    assert_eq!(text(run.metrics()).lines().count(), 2);
    assert!(text(run.progress()).starts_with("iteration,steps,npg/kl,"), "{}", text(run.progress()));
}

#[test]
fn unreadable_lines_are_left_in_place() {
    let directory = tempfile::tempdir().unwrap();
    let run = RunDir::new(directory.path());
    let rows = ["{\"steps\":10}\n", "\u{fffd}garbage\n", "{\"steps\":20}\n", "{\"steps\":30}\n", "garbage\n"];
    std::fs::write(run.metrics(), rows.concat()).unwrap();
    RunLog::resume(&run, 20);
    assert_eq!(text(run.metrics()), rows[..3].concat());
}

/// A row that was garbled and ends in a newline would be in the middle of the file after the next row, where `npg plot` refuses it.
#[test]
fn unreadable_lines_at_the_end_are_removed_with_a_note() {
    let directory = tempfile::tempdir().unwrap();
    let run = RunDir::new(directory.path());
    let good = "{\"steps\":10}\nwhat\n{\"steps\":20}\n";
    for bad in
        ["{\"iteration\":11,\"steps\":99999999999999,\"roll\n", "NaN garbage\n", "[]\n", "{\"steps\":1e400}\n[]\n"]
    {
        std::fs::write(run.metrics(), format!("{good}{bad}")).unwrap();
        RunLog::resume(&run, 20);
        assert_eq!(text(run.metrics()), good);
        assert!(text(run.log()).contains("rows removed"), "{}", text(run.log()));
    }
}

#[test]
fn somebody_elses_table_is_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    let run = RunDir::new(directory.path());
    std::fs::write(run.progress(), "name,age\nada,36\n").unwrap();
    let mut log = RunLog::resume(&run, 0);
    log.iteration(1, 10, &[("a", 1.0)]);
    let warnings = log.take_warnings();
    assert!(warnings[0].ends_with("its first line is not a header of npg; the run goes on without it"), "{warnings:?}");
    assert_eq!(text(run.progress()), "name,age\nada,36\n");
    assert_eq!(text(run.metrics()).lines().count(), 1);
}

#[test]
fn a_file_that_cannot_be_opened_is_given_up_with_one_warning() {
    let directory = tempfile::tempdir().unwrap();
    let run = RunDir::new(directory.path());
    std::fs::create_dir(run.metrics()).unwrap();
    let mut log = RunLog::create(&run);
    for k in 1..=3 {
        log.iteration(k, k, &[("a", 1.0)]);
    }
    let warnings = log.take_warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("cannot write ") && warnings[0].contains("metrics.jsonl"), "{warnings:?}");
    assert_eq!(text(run.progress()).lines().count(), 4);
    assert_eq!(all_events(&run).len(), 5);
    assert!(text(run.log()).contains(&warnings[0]));
    // Without the directory, every file is given up, and still nothing fails.
    let mut log = RunLog::create(&RunDir::new(directory.path().join("absent")));
    log.iteration(1, 1, &[("a", 1.0)]);
    log.say("unheard");
    assert_eq!(log.take_warnings().len(), 5);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_stops_one_file_and_not_the_run() {
    let directory = tempfile::tempdir().unwrap();
    let run = RunDir::new(directory.path());
    let mut log = RunLog::create(&run);
    log.progress.0.file = Some(OpenOptions::new().write(true).open("/dev/full").unwrap());
    for k in 1..=3 {
        log.iteration(k, k, &[("a", 1.0)]);
    }
    let warnings = log.take_warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("progress.csv: No space left on device"), "{warnings:?}");
    assert_eq!(text(run.metrics()).lines().count(), 3);
}

/// A run directory may come from anyone. Lines must not be added to, or cut from, files that its links lead to.
#[cfg(unix)]
#[test]
fn links_in_the_place_of_logs_are_not_followed() {
    let directory = tempfile::tempdir().unwrap();
    let run = RunDir::new(directory.path().join("run"));
    std::fs::create_dir(run.path()).unwrap();
    let own = directory.path().join("own.txt");
    let content = "{\"steps\":10}\n{\"steps\":30}\n";
    std::fs::write(&own, content).unwrap();
    for log in [run.metrics(), run.progress(), run.eval(), run.log()] {
        std::os::unix::fs::symlink(&own, log).unwrap();
    }
    for open in [RunLog::create as fn(&RunDir) -> RunLog, |run| RunLog::resume(run, 20)] {
        let mut log = open(&run);
        log.iteration(1, 40, &[("a", 1.0)]);
        log.evaluation(40, &[("b", 1.0)]);
        log.say("hello");
        let warnings = log.take_warnings();
        assert_eq!(warnings.len(), 4, "{warnings:?}");
        assert!(warnings.iter().all(|warning| warning.contains("it is a symbolic link")), "{warnings:?}");
        assert_eq!(text(&own), content);
    }
}

/// `cp -al` makes a backup of hard links, which must stay unchanged.
#[cfg(unix)]
#[test]
fn a_backup_of_hard_links_is_not_written_to() {
    let directory = tempfile::tempdir().unwrap();
    let run = RunDir::new(directory.path());
    let mut log = RunLog::create(&run);
    log.iteration(1, 10, &[("a", 1.0)]);
    log.evaluation(10, &[("b", 1.0)]);
    drop(log);
    let logs = [run.metrics(), run.progress(), run.eval(), run.log()];
    let backups = logs.clone().map(|log| log.with_extension("backup"));
    logs.iter().zip(&backups).for_each(|(log, backup)| std::fs::hard_link(log, backup).unwrap());
    let before = backups.clone().map(|backup| text(&backup));
    let mut log = RunLog::resume(&run, 10);
    log.iteration(2, 20, &[("a", 2.0)]);
    log.evaluation(20, &[("b", 2.0)]);
    log.say("hello");
    assert!(log.take_warnings().is_empty());
    assert_eq!(backups.map(|backup| text(&backup)), before);
    assert_eq!(text(run.metrics()).lines().count(), 2);
}

/// Guards against a sync for each row, which would take milliseconds. 40 metrics take about 20 microseconds on the author's
/// machine; the bound leaves room for slow machines.
#[test]
fn a_row_is_cheap() {
    let directory = tempfile::tempdir().unwrap();
    let run = RunDir::new(directory.path());
    let mut log = RunLog::create(&run);
    let names: Vec<String> = (0..40).map(|i| format!("npg/some_metric_{i}")).collect();
    let mut times: Vec<_> = (0..500u32)
        .map(|k| {
            let metrics: Vec<_> = names.iter().map(|name| (name.as_str(), f64::from(k).sin())).collect();
            let start = std::time::Instant::now();
            log.iteration(k.into(), k.into(), &metrics);
            start.elapsed()
        })
        .collect();
    times.sort();
    println!("a row of 40 metrics: median {:?}, 99th percentile {:?}", times[250], times[495]);
    assert!(times[250] < std::time::Duration::from_millis(2), "{:?}", times[250]);
}
