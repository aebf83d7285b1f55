use super::*;
use crate::FileFault;
use crate::checkpoint::Archive;

fn begun(run: &RunDir) {
    std::fs::write(run.config(), "").unwrap();
}

fn names(directory: &Path) -> Vec<String> {
    let mut names = names_in(directory).unwrap();
    names.sort();
    names
}

#[test]
fn numbers_follow_each_other_and_seeds_share_one() {
    let root = tempfile::tempdir().unwrap();
    let make = |algorithm, seeds: &[u64]| create_numbered(root.path(), "CartPole-v1", algorithm, seeds).unwrap();
    let first = make("npg", &[0, 1]);
    assert_eq!(first[0].path(), root.path().join("CartPole-v1/npg-1/seed-0"));
    assert_eq!(first[1].path(), root.path().join("CartPole-v1/npg-1/seed-1"));
    assert!(first[1].checkpoints().is_dir());
    assert_eq!(first[1].seed(), Some(1));
    assert_eq!(make("npg", &[0])[0].path(), root.path().join("CartPole-v1/npg-2/seed-0"));
    assert_eq!(make("trpo", &[7])[0].path(), root.path().join("CartPole-v1/trpo-1/seed-7"));
    // The number of a removed run is not used again while a later run exists. `npg-old` has no number.
    std::fs::remove_dir_all(root.path().join("CartPole-v1/npg-1")).unwrap();
    std::fs::create_dir(root.path().join("CartPole-v1/npg-old")).unwrap();
    assert_eq!(make("npg", &[0])[0].path(), root.path().join("CartPole-v1/npg-3/seed-0"));
}

#[test]
fn commands_that_start_together_get_different_numbers() {
    let root = tempfile::tempdir().unwrap();
    let mut paths: Vec<_> = std::thread::scope(|scope| {
        let make = || create_numbered(root.path(), "e", "npg", &[0, 1]).unwrap()[0].path().to_path_buf();
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(make)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), 16);
}

#[test]
fn ids_become_names_and_never_places() {
    assert_eq!(sanitized("Hopper-v5"), "Hopper-v5");
    assert_eq!(sanitized("a b/../\u{e9}\\c:\n"), "a_b_..___c__");
    assert_eq!(sanitized(".."), "__");
    assert_eq!(sanitized("."), "_");
    assert_eq!(sanitized(""), "_");
}

#[test]
fn a_seed_that_is_there_is_refused_and_force_replaces_only_a_run() {
    let out = tempfile::tempdir().unwrap();
    let run = &create_at(out.path(), &[3], false).unwrap()[0];
    let old = [run.config(), run.metrics(), run.checkpoint(5), run.best(), run.path().join("events.out.tfevents.1.x")];
    old.iter().for_each(|path| std::fs::write(path, "old").unwrap());
    let theirs = run.path().join("notes.md");
    std::fs::write(&theirs, "mine").unwrap();

    let message = create_at(out.path(), &[2, 3], false).unwrap_err().to_string();
    assert!(message.contains("seed-3 exists already") && message.contains("--force"), "{message}");
    assert!(!out.path().join("seed-2").exists(), "a refusal creates nothing");
    assert!(old.iter().all(|path| path.exists()));

    create_at(out.path(), &[2, 3], true).unwrap();
    assert_eq!(names(run.path()), ["checkpoints", "lock", "notes.md"]);
    assert!(names(&run.checkpoints()).is_empty());
    assert!(out.path().join("seed-2/checkpoints").is_dir());
}

#[test]
fn a_file_in_the_way_is_an_error_even_with_force() {
    let out = tempfile::tempdir().unwrap();
    std::fs::write(out.path().join("seed-0"), "a file").unwrap();
    assert!(matches!(create_at(out.path(), &[0], false), Err(Error::Run(_))));
    assert!(matches!(create_at(out.path(), &[0], true), Err(Error::Run(_))));
    assert!(matches!(create_at(&out.path().join("seed-0"), &[0], true), Err(Error::Run(_))));
}

#[test]
fn a_run_argument_is_a_seed_or_all_seeds_in_order() {
    let root = tempfile::tempdir().unwrap();
    let runs = create_numbered(root.path(), "e", "npg", &[10, 9, 2, 3]).unwrap();
    runs[..3].iter().for_each(begun);
    assert_eq!(resolve(runs[0].path()).unwrap(), [runs[0].clone()]);
    let group = runs[0].path().parent().unwrap();
    std::fs::create_dir(group.join("seed-x")).unwrap();
    std::fs::create_dir(group.join("seed-09")).unwrap();
    let seeds: Vec<_> = resolve(group).unwrap().iter().map(|run| run.seed().unwrap()).collect();
    assert_eq!(seeds, [2, 9, 10], "seed 3 never began");
}

#[test]
fn what_is_no_run_is_explained() {
    let root = tempfile::tempdir().unwrap();
    let message = |path: &Path| resolve(path).unwrap_err().to_string();
    begun(&create_numbered(root.path(), "e", "npg", &[0]).unwrap()[0]);
    let environment = root.path().join("e");
    assert!(message(&environment.join("ngp-1")).ends_with("e/ngp-1, did you mean `npg-1`?"));
    assert!(message(&root.path().join("elsewhere/deep")).starts_with("there is no run at "));
    assert!(message(&environment).ends_with("e/npg-1 is one"), "{}", message(&environment));
    begun(&create_numbered(root.path(), "e", "trpo", &[0]).unwrap()[0]);
    assert!(message(&environment).contains("it holds 2 runs, such as "));
    assert!(message(&environment.join("npg-1/seed-0/config.toml")).contains("is a file; a run is a directory"));
    assert!(message(&environment.join("npg-1/seed-0/checkpoints")).contains("is not a run"));
}

/// A run with sound checkpoints at these steps.
fn with_checkpoints(out: &Path, steps: &[u64]) -> RunDir {
    let run = create_at(out, &[0], false).unwrap().remove(0);
    for &steps in steps {
        let mut archive = Archive::new();
        archive.header = serde_json::json!({ "steps": steps });
        archive.write(run.checkpoint(steps)).unwrap();
    }
    run
}

#[test]
fn checkpoints_are_listed_newest_first_and_pruned_to_two_and_the_best() {
    let out = tempfile::tempdir().unwrap();
    let run = with_checkpoints(out.path(), &[5, 1_000_000_000_000, 999_999_999_999, 40]);
    std::fs::write(run.best(), "best").unwrap();
    std::fs::write(run.checkpoints().join("mine.txt"), "").unwrap();
    std::fs::write(run.checkpoints().join(format!(".abc{UNFINISHED}")), "").unwrap();
    let steps: Vec<_> = run.list_checkpoints().unwrap().into_iter().map(|(steps, _)| steps).collect();
    assert_eq!(steps, [1_000_000_000_000, 999_999_999_999, 40, 5]);
    run.prune_checkpoints().unwrap();
    run.remove_unfinished().unwrap();
    let left = ["best.safetensors", "mine.txt", "step-1000000000000.safetensors", "step-999999999999.safetensors"];
    assert_eq!(names(&run.checkpoints()), left);
    run.prune_checkpoints().unwrap();
    assert_eq!(names(&run.checkpoints()), left);
    assert!(RunDir::new(out.path().join("absent")).prune_checkpoints().is_ok());
}

#[test]
fn a_damaged_latest_checkpoint_gives_way_to_the_one_before() {
    let out = tempfile::tempdir().unwrap();
    let run = with_checkpoints(out.path(), &[100, 200, 300]);
    let opened = run.open_checkpoint(&CheckpointChoice::Latest).unwrap();
    assert_eq!((opened.path, opened.skipped.len()), (run.checkpoint(300), 0));
    let bytes = std::fs::read(run.checkpoint(300)).unwrap();
    std::fs::write(run.checkpoint(300), &bytes[..bytes.len() / 2]).unwrap();
    std::fs::write(run.checkpoint(200), "").unwrap();
    let opened = run.open_checkpoint(&CheckpointChoice::Latest).unwrap();
    assert_eq!(opened.archive.field::<u64>("steps").unwrap(), 100);
    assert!(matches!(
        &opened.skipped[..],
        [Error::File { fault: FileFault::Damaged(_), .. }, Error::File { fault: FileFault::Foreign { .. }, .. }]
    ));
    std::fs::write(run.checkpoint(100), "").unwrap();
    let error = run.open_checkpoint(&CheckpointChoice::Latest).unwrap_err();
    assert!(matches!(error, Error::File { fault: FileFault::Damaged(_), path } if path == run.checkpoint(300)));
}

#[test]
fn a_checkpoint_is_chosen_by_word_path_or_name() {
    let out = tempfile::tempdir().unwrap();
    let run = with_checkpoints(out.path(), &[7]);
    let find = |text: &str| run.find_checkpoint(&text.into());
    assert_eq!(find("latest").unwrap(), [run.checkpoint(7)]);
    let message = find("best").unwrap_err().to_string();
    assert!(message.ends_with("seed-0 has no best checkpoint; it has step-000000000007.safetensors"), "{message}");
    std::fs::write(run.best(), "").unwrap();
    assert_eq!(find("best").unwrap(), [run.best()]);
    assert_eq!(find(run.checkpoint(7).to_str().unwrap()).unwrap(), [run.checkpoint(7)]);
    assert_eq!(find("step-000000000007.safetensors").unwrap(), [run.checkpoint(7)]);
    let message = find("step-8").unwrap_err().to_string();
    assert!(message.contains("no checkpoint step-8; it has step-000000000007.safetensors, best.safetensors"));
    std::fs::remove_file(run.checkpoint(7)).unwrap();
    let message = find("latest").unwrap_err().to_string();
    assert!(message.ends_with("has no latest checkpoint; it has best.safetensors"), "{message}");
    std::fs::remove_file(run.best()).unwrap();
    let message = find("latest").unwrap_err().to_string();
    assert!(message.contains("has no checkpoint at all: there is none in "), "{message}");
    assert!(message.contains("/seed-0/checkpoints\nput its checkpoints there, or train it anew"), "{message}");
}

#[cfg(unix)]
#[test]
fn a_link_to_no_checkpoints_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let run = RunDir::new(directory.path().join("seed-0"));
    std::fs::create_dir(run.path()).unwrap();
    std::fs::create_dir(directory.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink("../elsewhere", run.checkpoints()).unwrap();
    let message = run.open_checkpoint(&CheckpointChoice::Latest).unwrap_err().to_string();
    assert!(
        message.contains("/seed-0/checkpoints is a symbolic link to ../elsewhere, where there are no checkpoints"),
        "{message}"
    );
    let message = run.make_checkpoints_directory().unwrap_err().to_string();
    assert!(message.ends_with("\nput a directory in its place"), "{message}");
}

#[cfg(unix)]
#[test]
fn what_is_in_the_place_of_the_lock_is_a_matter_of_the_run() {
    use std::os::unix::fs::symlink;
    let directory = tempfile::tempdir().unwrap();
    let run = RunDir::new(directory.path());
    let lock = run.lock_file();
    let refused = |what: &str| {
        let error = run.lock().unwrap_err();
        assert!(matches!(error, Error::Run(_)), "{what}: {error:?}");
        assert!(error.to_string().ends_with("\nremove it, and npg makes its own"), "{what}: {error}");
    };
    symlink("/dev/null", &lock).unwrap();
    refused("a link");
    std::fs::remove_file(&lock).unwrap();
    symlink("nowhere", &lock).unwrap();
    refused("a link to nothing");
    std::fs::remove_file(&lock).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&lock).status().unwrap().success());
    refused("a pipe");
    std::fs::remove_file(&lock).unwrap();
    std::fs::create_dir(&lock).unwrap();
    refused("a directory");
}

/// `cp -al` makes a backup of hard links. The two locks must not block each other, and writing one must not change the other.
#[cfg(unix)]
#[test]
fn a_lock_with_another_name_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let run = RunDir::new(directory.path());
    let backup = directory.path().join("backup");
    std::fs::write(run.lock_file(), "the content of another file").unwrap();
    std::fs::hard_link(run.lock_file(), &backup).unwrap();
    let lock = run.lock().unwrap();
    assert_eq!(std::fs::read_to_string(&backup).unwrap(), "the content of another file");
    assert!(run.lock().unwrap_err().to_string().contains("is in use by process"));
    drop(lock);
    assert!(run.lock().unwrap().holds());
}
