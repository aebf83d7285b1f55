//! The native environments: which ones there are, which options they take, and how they are made by id.
//!
//! Each family lists its environments in its own module. A new family needs one new line in `FAMILIES`.

pub use super::entry::{Entry, MakeTable};

use super::options::Values;
use super::tabular::Table;
use super::{classic, mujoco, quadratic, tabular};
use npg_core::env::EnvSource;
use npg_core::{Error, Result, nearest};
use std::sync::OnceLock;

/// The tables of all families, in the order in which they are listed to users.
static FAMILIES: &[&[Entry]] = &[classic::ENTRIES, tabular::ENTRIES, quadratic::ENTRIES, mujoco::ENTRIES];

/// Makes the environment `id` with the given options (the table `[env]` of a configuration).
///
/// ```
/// # mod npg { pub use {npg_core::Error, npg_envs as env}; }
/// let cart_pole = npg::env::registry::make("CartPole-v1", &toml::Table::new())?;
/// assert_eq!(cart_pole.spec().max_episode_steps, Some(500));
/// # Ok::<(), npg::Error>(())
/// ```
///
/// # Errors
/// [`Error::UnknownEnvironment`] with the nearest id. [`Error::Config`] with every option that is unknown, of a wrong type or
/// out of range. [`Error::Library`] for an environment of Gymnasium without Python.
pub fn make(id: &str, options: &toml::Table) -> Result<Box<dyn EnvSource>> {
    if let Some(id) = id.strip_prefix(GYMNASIUM_SCHEME) {
        return make_gymnasium(id, options);
    }
    let entry = find(id)?;
    (entry.build)(&Values::read(entry.id, entry.options, options)?)
}

/// The table of the environment `id`, from which its exact process comes.
///
/// ```
/// # mod npg { pub use {npg_core::Error, npg_envs as env}; }
/// let lake = npg::env::registry::table("FrozenLake-v1", &toml::Table::new())?;
/// assert_eq!((lake.states(), lake.actions()), (16, 4));
/// # Ok::<(), npg::Error>(())
/// ```
///
/// # Errors
/// Those of [`make`], and [`Error::Config`] if the environment is not a table.
pub fn table(id: &str, options: &toml::Table) -> Result<Table> {
    let entry = find(id)?;
    let Some(table) = entry.table else {
        let tables: Vec<_> = entries().filter(|entry| entry.table.is_some()).map(|entry| entry.id).collect();
        return Err(Error::config(id, format!("has no table of states; these have: {}", tables.join(", "))));
    };
    table(&Values::read(entry.id, entry.options, options)?)
}

/// Makes an environment that is not native from the part of its id after the colon and from its options.
pub type MakeForeign = fn(&str, &toml::Table) -> Result<Box<dyn EnvSource>>;

/// The function that makes Gymnasium's environments.
static GYMNASIUM: OnceLock<MakeForeign> = OnceLock::new();

/// The prefix of the ids of Gymnasium's environments, such as `gym:LunarLander-v3`.
pub const GYMNASIUM_SCHEME: &str = "gym:";

/// Lets `make` make Gymnasium's environments, which need Python. The Python package calls this. Only the first call has an
/// effect.
pub fn use_gymnasium(make: MakeForeign) {
    let _ = GYMNASIUM.set(make); // a later call changes nothing, as documented
}

/// Whether [`use_gymnasium`] was called.
pub fn has_gymnasium() -> bool {
    GYMNASIUM.get().is_some()
}

/// Like [`make`], for an id that was read from a file. Gymnasium's id `module:Name` imports a Python module, and no file may
/// cause that. So the user must have named the same environment, which is `named`.
///
/// # Errors
/// Those of [`make`]. [`Error::Run`] if the id imports a module and the user named no environment, or if the user named
/// another one.
pub fn make_saved(id: &str, options: &toml::Table, named: Option<&str>) -> Result<Box<dyn EnvSource>> {
    match (named, imported_module(id)) {
        (Some(named), _) if named != id => Err(Error::Run(format!("the run is of {id}, and {named} was asked for"))),
        (None, Some(module)) => Err(Error::Run(format!(
            "the run is of {id}, which imports the Python module `{module}`, and no file has npg import anything; if \
             you trust that module, name the environment yourself: --env {id}"
        ))),
        _ => make(id, options),
    }
}

/// The Python module that making the environment `id` imports.
pub fn imported_module(id: &str) -> Option<&str> {
    let (module, _) = id.strip_prefix(GYMNASIUM_SCHEME)?.rsplit_once(':')?;
    Some(module)
}

fn make_gymnasium(id: &str, options: &toml::Table) -> Result<Box<dyn EnvSource>> {
    let Some(make) = GYMNASIUM.get() else {
        let reason = format!(
            "{GYMNASIUM_SCHEME}{id} is an environment of Gymnasium, which needs Python, and this program has none: \
             `pip install .` in npg's repository gives an `npg` that has it"
        );
        return Err(Error::Library { name: "Python", reason });
    };
    make(id, options)
}

fn find(id: &str) -> Result<&'static Entry> {
    entries()
        .find(|entry| entry.id == id)
        .ok_or_else(|| Error::UnknownEnvironment { id: id.into(), nearest: nearest(id, ids()).map(String::from) })
}

/// The ids of all native environments.
pub fn ids() -> impl Iterator<Item = &'static str> {
    entries().map(|entry| entry.id)
}

/// All native environments.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    FAMILIES.iter().copied().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setting::Kind;
    use npg_core::env::{ActionRows, ActionWidth, Ending, Outcome, Space};
    use npg_core::random::{Purpose, Stream};

    /// The environment with its defaults. None if it needs a library that is not installed; the error must then say how to
    /// install it.
    fn installed(id: &str) -> Option<Box<dyn EnvSource>> {
        match make(id, &toml::Table::new()) {
            Ok(source) => Some(source),
            Err(Error::Library { name: "MuJoCo", reason }) => {
                assert!(reason.contains("`pip install mujoco`"), "{reason}");
                None
            }
            Err(error) => panic!("{id}: {error}"),
        }
    }

    /// Every environment of the table can be made, reset, stepped, saved and loaded, and reports its own id.
    #[test]
    fn every_entry_works_with_its_defaults() {
        for entry in entries() {
            let Some(source) = installed(entry.id) else { continue };
            let spec = source.spec();
            assert_eq!(spec.id, entry.id);
            assert!(entry.sentence.ends_with('.'), "{}", entry.id);

            let mut group = source.group(2).unwrap();
            assert_eq!(group.len(), 2);
            let mut rngs = [0, 1].map(|index| Stream::new(5, Purpose::Test, index));
            let width = spec.observation.len();
            let mut observations = vec![f64::NAN; 2 * width];
            for (index, row) in observations.chunks_mut(width).enumerate() {
                group.reset(index, &mut rngs[index], row).unwrap();
            }
            assert!(observations.iter().all(|x| x.is_finite()), "{}", entry.id);

            let actions = ActionRows::from_numbers(ActionWidth::of(&spec.action), vec![0.5; 2 * spec.action.len()]);
            let mut outcomes = [Outcome { reward: f64::NAN, ending: Ending::Diverged }; 2];
            let before = group.save(1);
            group.step(&[0, 1], actions.all(), &mut rngs, &mut observations, &mut outcomes).unwrap();
            let ending = if spec.max_episode_steps == Some(1) { Ending::Terminated } else { Ending::Running };
            assert!(outcomes.iter().all(|o| o.reward.is_finite() && o.ending == ending), "{}", entry.id);
            if let Some(before) = before {
                group.load(1, &before).unwrap();
                assert_eq!(group.save(1).unwrap(), before);
                assert!(group.load(0, &[]).is_err(), "{}", entry.id);
            }
        }
    }

    #[test]
    fn ids_are_unique() {
        let mut sorted: Vec<_> = ids().collect();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), ids().count());
    }

    #[test]
    fn an_unknown_id_gets_the_nearest() {
        let error = make("CartPole-v0", &toml::Table::new()).err().unwrap();
        assert_eq!(error.to_string(), "unknown environment `CartPole-v0`, did you mean `CartPole-v1`?");
        let error = make("Chess", &toml::Table::new()).err().unwrap();
        assert_eq!(error.to_string(), "unknown environment `Chess`");
    }

    #[test]
    fn a_file_cannot_have_a_module_imported() {
        let none = toml::Table::new();
        let message = |id, named| make_saved(id, &none, named).err().unwrap().to_string();
        let text = message("gym:evil:Thing-v0", None);
        assert!(text.contains("module `evil`") && text.ends_with("--env gym:evil:Thing-v0"), "{text}");
        assert!(message("gym:a:evil:Thing-v0", None).contains("module `a:evil`"));
        assert!(message("gym:evil:Thing-v0", Some("gym:good:Thing-v0")).contains("gym:good:Thing-v0 was asked for"));
        // With the environment named by the user, only Python is missing.
        assert!(message("gym:evil:Thing-v0", Some("gym:evil:Thing-v0")).contains("needs Python"));
        assert!(message("gym:Thing-v0", None).contains("needs Python"));
        assert!(make_saved("CartPole-v1", &none, None).is_ok());
    }

    #[test]
    fn a_table_is_what_is_sampled() {
        for entry in entries() {
            match table(entry.id, &toml::Table::new()) {
                Ok(table) => {
                    let spec = make(entry.id, &toml::Table::new()).unwrap().spec();
                    assert_eq!(spec.observation, Space::Discrete(table.observations()), "{}", entry.id);
                    assert_eq!(spec.action, Space::Discrete(table.actions()), "{}", entry.id);
                }
                Err(error) => {
                    let text = error.to_string();
                    let expected = format!("{}: has no table of states; these have: FrozenLake-v1, ", entry.id);
                    assert!(text.starts_with(&expected), "{text}");
                }
            }
        }
        assert!(table("FrozenLake-v0", &toml::Table::new()).is_err());
    }

    #[test]
    fn every_option_is_documented_and_refuses_a_wrong_type() {
        for entry in entries() {
            let mut options = toml::Table::new();
            for option in entry.options {
                assert!(option.sentence.ends_with('.'), "{}.{}", entry.id, option.name);
                let wrong = if option.kind == Kind::Bool { "yes".into() } else { true.into() };
                options.insert(option.name.into(), wrong);
            }
            options.insert("no_such_option".into(), 1.into());
            let Err(Error::Config(mistakes)) = make(entry.id, &options) else { panic!("{} took it", entry.id) };
            assert_eq!(mistakes.len(), entry.options.len() + 1);
            assert!(mistakes.iter().all(|mistake| mistake.key.starts_with("env.")));
        }
    }
}
