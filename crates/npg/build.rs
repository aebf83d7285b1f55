//! Tells release builds which revision of the sources they are made of: `NPG_GIT` is `<hash>` or `<hash>-dirty`.
//! Never fails: sources from elsewhere than a git checkout have no revision.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Builds for development would be made anew for every commit, and nobody publishes their results.
    if std::env::var("PROFILE").as_deref() != Ok("release") {
        return;
    }
    // A copy of these files inside of another project's repository is not at that project's revision.
    if git(&["ls-files", "--error-unmatch", "build.rs"]).is_none() {
        return;
    }
    if let Some(revision) = git(&["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]) {
        println!("cargo::rustc-env=NPG_GIT={revision}");
    }
    // What may make the sources differ from the revision, and what changes with every commit.
    println!("cargo::rerun-if-changed=../../crates");
    println!("cargo::rerun-if-changed=../../Cargo.lock");
    let commits = git(&["rev-parse", "--git-path", "logs/HEAD"]);
    if let Some(commits) = commits.filter(|path| Path::new(path).exists()) {
        println!("cargo::rerun-if-changed={commits}");
    }
}

/// What git prints, where there is a git, and it succeeds.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).env("GIT_OPTIONAL_LOCKS", "0").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_string()).filter(|text| !text.is_empty())
}
