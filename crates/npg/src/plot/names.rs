//! Names for runs, derived from the places of their directories.

use std::path::{Component, Path, PathBuf};

use crate::run_dir::sanitized;

/// The names in a figure.
#[derive(Debug, PartialEq)]
pub(super) struct Names {
    /// One for each run. They are all different unless a run was given twice.
    pub(super) labels: Vec<String>,
    /// The environment of all runs, if they lie in `runs/<env>/`.
    pub(super) environment: Option<String>,
}

/// The labels are the shortest ends of the paths that differ. The directory of a seed keeps at least the name of its run.
pub(super) fn of(runs: &[PathBuf]) -> Names {
    let paths: Vec<Vec<String>> = runs.iter().map(|run| parts(run)).collect();
    let labels = shortest_ends(&paths, &vec![""; paths.len()]);
    let mut environments = paths.iter().map(|path| {
        let runs = path.iter().rposition(|part| part == "runs")?;
        (path.len() > runs + 2).then(|| path[runs + 1].clone())
    });
    let first = environments.next().flatten();
    let environment = first.filter(|first| environments.all(|other| other.as_ref() == Some(first)));
    Names { labels, environment }
}

/// Labels that differ among the runs of each environment. `environments` gives the environment of each run; directories with
/// its name are left out.
pub(super) fn within(runs: &[PathBuf], environments: &[&str]) -> Vec<String> {
    let path = |(run, environment): (&PathBuf, &&str)| {
        let mut path = parts(run);
        path.retain(|part| *part != sanitized(environment));
        path
    };
    let paths: Vec<Vec<String>> = runs.iter().zip(environments).map(path).collect();
    shortest_ends(&paths, environments)
}

/// The shortest ends of `paths`, with the same number of names for each, that differ within each of the `groups`.
fn shortest_ends(paths: &[Vec<String>], groups: &[&str]) -> Vec<String> {
    let longest = paths.iter().map(Vec::len).max().unwrap_or(0);
    let labels = |extra: usize| -> Vec<String> {
        let label = |path: &Vec<String>| {
            let is_seed = path.last().is_some_and(|name| name.starts_with("seed-"));
            let kept = (1 + usize::from(is_seed) + extra).min(path.len());
            path[path.len() - kept..].join("/")
        };
        paths.iter().map(label).collect()
    };
    let distinct = |labels: &Vec<String>| are_distinct(groups, labels);
    (0..longest).map(labels).find(distinct).unwrap_or_else(|| labels(0))
}

/// Whether labels of the same group are all different.
pub(super) fn are_distinct(groups: &[&str], labels: &[String]) -> bool {
    let mut pairs: Vec<(&&str, &String)> = groups.iter().zip(labels).collect();
    pairs.sort();
    pairs.windows(2).all(|pair| pair[0] != pair[1])
}

/// The names along the path, from the root if it can be found.
fn parts(run: &Path) -> Vec<String> {
    let path = std::path::absolute(run).unwrap_or_else(|_| run.to_path_buf());
    let path = std::fs::canonicalize(&path).unwrap_or(path);
    path.components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(runs: &[&str]) -> (Vec<String>, Option<String>) {
        let Names { labels, environment } = of(&runs.iter().map(PathBuf::from).collect::<Vec<_>>());
        (labels, environment)
    }

    #[test]
    fn labels_are_as_short_as_they_can_be() {
        let env = Some("CartPole-v1".to_string());
        let paths = ["/a/runs/CartPole-v1/npg-1", "/a/runs/CartPole-v1/trpo-1"];
        assert_eq!(names(&paths), (vec!["npg-1".into(), "trpo-1".into()], env.clone()));
        assert_eq!(names(&["/a/runs/CartPole-v1/npg-1/seed-3"]), (vec!["npg-1/seed-3".into()], env));
        let paths = ["/runs/CartPole-v1/npg-1", "/runs/Pendulum-v1/npg-1"];
        assert_eq!(names(&paths), (vec!["CartPole-v1/npg-1".into(), "Pendulum-v1/npg-1".into()], None));
        assert_eq!(names(&["/x/out"]), (vec!["out".into()], None));
        assert_eq!(names(&["/x/out", "/x/out"]).0, ["out", "out"]);
        assert_eq!(names(&[]), (vec![], None));
    }

    #[test]
    fn labels_of_several_environments_leave_these_out() {
        let labels = |runs: &[(&str, &str)]| {
            let paths: Vec<PathBuf> = runs.iter().map(|(run, _)| PathBuf::from(run)).collect();
            within(&paths, &runs.iter().map(|(_, environment)| *environment).collect::<Vec<_>>())
        };
        let short = [("/x/A-v1/npg-1", "A-v1"), ("/x/A-v1/npg-2", "A-v1"), ("/x/B-v1/npg-1", "B-v1")];
        assert_eq!(labels(&short), ["npg-1", "npg-2", "npg-1"]);
        let sweeps = [("/old/A-v1/npg-1", "A-v1"), ("/new/A-v1/npg-1", "A-v1"), ("/new/B-v1/npg-1", "B-v1")];
        assert_eq!(labels(&sweeps), ["old/npg-1", "new/npg-1", "new/npg-1"]);
        assert_eq!(labels(&[("/x/A-v1/npg-1", "A-v1"), ("/x/A-v1/npg-1", "A-v1")]), ["npg-1", "npg-1"]);
    }
}
