//! The places where libmujoco may be: the library that the user names, the Python package, and the loader's own path.
//!
//! Python is never started. Its package is searched for in the file system.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::{Library, Version};

/// The environment variable that names the library.
pub const VARIABLE: &str = "NPG_MUJOCO_LIB";

/// No usable libmujoco was found. It tells which files were tried, and what was wrong with each of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// The files that were tried, each with its reason.
    pub tried: Vec<(PathBuf, String)>,
    /// How the user named the library, if so. Nothing else is tried then.
    pub named_by: Option<&'static str>,
}

impl std::error::Error for Missing {}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let oldest = Version::OLDEST;
        match self.named_by {
            Some(who) => write!(f, "MuJoCo {oldest} or newer is needed, and {who} does not name it")?,
            None => write!(f, "MuJoCo {oldest} or newer is needed and was not found")?,
        }
        for (path, reason) in &self.tried {
            write!(f, "\n  {}: {reason}", path.display())?;
        }
        let too_old = self.tried.iter().any(|(_, reason)| reason.starts_with("it is older"));
        write!(f, "\n`pip install {}mujoco` gets it", if too_old { "--upgrade " } else { "" })
    }
}

/// The prefix of the Python environment that this process runs in, if it is a Python.
static PYTHON: OnceLock<PathBuf> = OnceLock::new();

/// Says that this process is a Python whose packages are below `prefix`. Its package `mujoco` is then preferred to those of
/// other environments. Only the first call has an effect.
pub fn use_python(prefix: PathBuf) {
    let _ = PYTHON.set(prefix); // a later call changes nothing, as documented
}

/// Finds and opens libmujoco. It tries `named` (a file, or a folder that contains it), or else the library that [`VARIABLE`]
/// names, or else the package `mujoco` of the active Python, or else the libmujoco of the system's loader.
///
/// # Errors
/// [`Missing`] with everything that was tried.
pub fn find(named: Option<&Path>) -> Result<&'static Library, Missing> {
    let variable = env::var_os(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    let by_user = match (named, variable) {
        (Some(path), _) => Some((path.to_owned(), "--mujoco-lib")),
        (None, Some(path)) => Some((path, VARIABLE)),
        (None, None) => None,
    };
    let (candidates, named_by) = match by_user {
        Some((path, who)) if path.is_dir() => {
            let inside = libraries_in(&path);
            (if inside.is_empty() { vec![path] } else { inside }, Some(who))
        }
        Some((path, who)) => (vec![path], Some(who)),
        None => (everywhere(), None),
    };
    let mut missing = Missing { tried: Vec::new(), named_by };
    for path in candidates {
        match Library::open(&path) {
            Ok(library) => return Ok(library),
            Err(reason) => missing.tried.push((path, reason)),
        }
    }
    Err(missing)
}

/// The libraries of Python packages, with those of the active environment first, and the loader's library last.
fn everywhere() -> Vec<PathBuf> {
    let (mut paths, mut seen) = (Vec::new(), Vec::new()); // lib64 is often a link to lib
    for prefix in prefixes() {
        for site in sites(&prefix) {
            for path in libraries_in(&site.join("mujoco")) {
                let real = path.canonicalize().ok();
                if !seen.contains(&real) {
                    seen.push(real);
                    paths.push(path);
                }
            }
        }
    }
    let name = if cfg!(windows) {
        "mujoco.dll"
    } else if cfg!(target_os = "macos") {
        "libmujoco.dylib"
    } else {
        "libmujoco.so"
    };
    paths.push(name.into());
    paths
}

/// The folders below which Python environments keep their packages: the active environment, the environments of the
/// interpreters on PATH, and the user's own folder.
fn prefixes() -> Vec<PathBuf> {
    let variables = ["VIRTUAL_ENV", "CONDA_PREFIX"].iter().filter_map(env::var_os).map(PathBuf::from);
    let mut prefixes: Vec<PathBuf> = PYTHON.get().cloned().into_iter().collect();
    prefixes.extend(variables.filter(|path| !path.as_os_str().is_empty()));
    let path = env::var_os("PATH").unwrap_or_default();
    for folder in env::split_paths(&path) {
        for name in ["python3", "python", "python3.exe", "python.exe"] {
            let interpreter = folder.join(name);
            if !interpreter.is_file() {
                continue;
            }
            // A virtual environment's interpreter is a link, and its packages are next to the link.
            let real = interpreter.canonicalize().ok();
            for file in [Some(interpreter), real].into_iter().flatten() {
                prefixes.extend(file.parent().map(Path::to_owned)); // Windows
                prefixes.extend(file.parent().and_then(Path::parent).map(Path::to_owned));
            }
        }
    }
    prefixes.push("/usr/local".into());
    let home = env::var_os(if cfg!(windows) { "USERPROFILE" } else { "HOME" });
    prefixes.extend(home.map(|home| Path::new(&home).join(".local")));
    prefixes
}

/// The folders of installed packages below `prefix`, with the newest Python first.
fn sites(prefix: &Path) -> Vec<PathBuf> {
    let mut sites = Vec::new();
    for lib in ["lib", "lib64", "Lib"] {
        let lib = prefix.join(lib);
        sites.push(lib.join("site-packages")); // Windows
        let mut pythons: Vec<PathBuf> = entries(&lib, |name| name.starts_with("python3"));
        pythons.sort_by_key(|path| std::cmp::Reverse(numbers(path)));
        sites.extend(pythons.iter().flat_map(|python| [python.join("site-packages"), python.join("dist-packages")]));
    }
    sites
}

/// The files in `folder` that are named like libmujoco, with the newest first.
fn libraries_in(folder: &Path) -> Vec<PathBuf> {
    let mut found = entries(folder, |name| {
        let base = name.strip_prefix("lib").unwrap_or(name);
        base.starts_with("mujoco.") && [".so", ".dylib", ".dll"].iter().any(|kind| base.contains(kind))
    });
    found.sort_by_key(|path| std::cmp::Reverse(numbers(path)));
    found
}

fn entries(folder: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let listed = std::fs::read_dir(folder).into_iter().flatten().flatten();
    listed.filter(|entry| entry.file_name().to_str().is_some_and(&wanted)).map(|entry| entry.path()).collect()
}

/// The whole numbers in a file name, in order. Those of `libmujoco.so.3.17.0` are 3, 17 and 0.
fn numbers(path: &Path) -> Vec<u64> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_an_environment_comes_first() {
        let root = tempfile::tempdir().unwrap();
        let make = |path: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        };
        make("lib/python3.9/site-packages/mujoco/libmujoco.so.3.20.0");
        make("lib/python3.12/site-packages/mujoco/libmujoco.so.3.9.0");
        make("lib/python3.12/site-packages/mujoco/libmujoco.so.3.17.0");
        make("lib/python3.12/site-packages/mujoco/_functions.cpython-312-x86_64-linux-gnu.so");
        make("lib/python3.12/dist-packages/other/libmujoco.so.5.0.0");
        let found: Vec<_> = sites(root.path())
            .iter()
            .flat_map(|site| libraries_in(&site.join("mujoco")))
            .map(|p| numbers(&p))
            .collect();
        assert_eq!(found, [vec![3, 17, 0], vec![3, 9, 0], vec![3, 20, 0]]);
    }

    #[test]
    fn an_old_one_is_to_be_upgraded() {
        let tried = vec![("libmujoco.so.3.3.7".into(), "it is older than 3.17.0".into())];
        let text = Missing { tried, named_by: None }.to_string();
        assert!(
            text.ends_with("\n  libmujoco.so.3.3.7: it is older than 3.17.0\n`pip install --upgrade mujoco` gets it")
        );
    }

    #[test]
    fn what_is_named_and_is_no_library_is_said() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("libmujoco.so.9.9.9");
        std::fs::write(&file, "not a library").unwrap();
        for named in [root.path(), &file] {
            let missing = find(Some(named)).unwrap_err();
            assert_eq!((missing.tried.len(), missing.tried[0].0.as_path()), (1, file.as_path()));
            let text = missing.to_string();
            assert!(
                text.starts_with("MuJoCo 3.17.0 or newer is needed, and --mujoco-lib does not name it\n"),
                "{text}"
            );
            assert!(text.ends_with("\n`pip install mujoco` gets it"), "{text}");
        }
    }
}
