//! Loads a trained policy from its files, in one line.

use std::path::{Path, PathBuf};

use crate::checkpoint::Archive;
use crate::env::{Spec, registry};
use crate::policy::Policy;
use crate::run_dir::{self, CheckpointChoice};
use crate::train::{load_policy, saved_config};
use crate::{Error, Result};

/// Loads the policy of a run or of a checkpoint file, for one of npg's own environments. A run means its latest checkpoint,
/// and several seeds mean the first one.
///
/// ```
/// # let path = std::env::temp_dir().join("npg-doc-load.safetensors");
/// # let mut config = npg::config::Config::default();
/// # config.run.steps = 2048;
/// # let mut trainer = npg::train::Trainer::new(config, npg::env::registry::make("CartPole-v1", &toml::Table::new())?)?;
/// # trainer.next();
/// # trainer.save().write(&path)?;
/// # let observation = [0.0; 4];
/// let policy = npg::load(&path)?; // or a run: "runs/CartPole-v1/npg-1"
/// let action = policy.act(&observation)?.as_action().index();
/// # assert!(action < 2);
/// assert_eq!(policy.act(&[0.0; 5]).unwrap_err().to_string(), "an observation of 5 numbers; this policy takes 4");
/// # std::fs::remove_file(path).expect("it was written");
/// # Ok::<(), npg::Error>(())
/// ```
///
/// # Errors
/// If there is no run, if its checkpoint cannot be read or is damaged, or if npg does not know the environment. For your own
/// environment, use [`load_for`].
pub fn load(path: impl AsRef<Path>) -> Result<Policy> {
    let (path, archive) = open(path.as_ref())?;
    let fault = |fault| Error::File { path: path.clone(), fault };
    let id: String = archive.field("env").map_err(fault)?;
    let config = saved_config(&archive).map_err(fault)?;
    let spec = registry::make_saved(&id, &config.env, None)?.spec();
    load_policy(&archive, &spec).map_err(fault)
}

/// Like [`load`], for any environment. `spec` is the result of its [`Env::spec`](crate::env::Env::spec).
///
/// # Errors
/// Like [`load`], and [`Error::File`] if the policy was trained in an environment with another id or other spaces.
pub fn load_for(path: impl AsRef<Path>, spec: &Spec) -> Result<Policy> {
    let (path, archive) = open(path.as_ref())?;
    load_policy(&archive, spec).map_err(|fault| Error::File { path, fault })
}

/// Opens the checkpoint that `path` is, or the latest one in it.
fn open(path: &Path) -> Result<(PathBuf, Archive)> {
    if path.is_file() {
        return Ok((path.into(), Archive::read(path)?));
    }
    let opened = run_dir::resolve(path)?[0].open_checkpoint(&CheckpointChoice::Latest)?;
    Ok((opened.path, opened.archive))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::env::{Ending, Env, Outcome, Space};
    use crate::random::Stream;
    use crate::train::Trainer;

    /// An environment whose observations have a given number of elements.
    struct Wide(usize);

    impl Env for Wide {
        fn spec(&self) -> Spec {
            Spec {
                id: "Wide".into(),
                observation: Space::uniform_box(self.0, -1.0, 1.0),
                action: Space::Discrete(2),
                max_episode_steps: None,
                reward_threshold: None,
            }
        }

        fn reset(&mut self, _: &mut Stream, _: &mut [f64]) -> Result<(), String> {
            Ok(())
        }

        fn step(&mut self, _: crate::env::Action<'_>, _: &mut Stream, _: &mut [f64]) -> Result<Outcome, String> {
            Ok(Outcome { reward: 0.0, ending: Ending::Terminated })
        }
    }

    #[test]
    fn other_spaces_are_told() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("wide.safetensors");
        let mut archive = Trainer::new(Config::default(), Box::new(|| Wide(9))).unwrap().save();
        archive.write(&path).unwrap();
        let action = load_for(&path, &Wide(9).spec()).unwrap().act(&[0.0; 9]).unwrap();
        assert!(action.as_action().index() < 2);
        let wider = Wide(10).spec();
        let other = Spec { action: Space::Discrete(3), ..Wide(9).spec() };
        let assert_told = |spec: &Spec, end: &str| {
            let message = load_for(&path, spec).unwrap_err().to_string();
            assert!(message.ends_with(end), "{message}");
        };
        assert_told(&wider, "its observations are Box(9), but those of Wide are Box(10)");
        assert_told(&other, "its actions are Discrete(2), but those of Wide are Discrete(3)");
        // Older files do not have their spaces.
        archive.header.as_object_mut().unwrap().remove("spaces");
        archive.write(&path).unwrap();
        assert_told(&wider, "its policy takes observations of 9 numbers, but those of this environment have 10");
        assert_told(&other, "its policy has 2 outputs for an action, but actions of this environment need 3");
        assert!(matches!(load(&path), Err(Error::UnknownEnvironment { .. })));
    }

    /// Before there were embeddings, every index was a one-hot vector.
    #[test]
    fn a_file_that_knows_no_embeddings_has_one_hot_vectors() {
        let options: toml::Table = "states = 1200".parse().unwrap();
        let source = || crate::env::registry::make("Garnet-v0", &options).unwrap();
        let mut config = Config { env: options.clone(), ..Config::default() };
        (config.policy.embedding, config.value.embedding, config.value.hidden) = (0, 0, vec![4]);
        config.policy.hidden = vec![4];
        let trainer = Trainer::new(config, source()).unwrap();
        let mut archive = trainer.save();
        let text: String = archive.field("config").unwrap();
        let older: Vec<&str> = text.lines().filter(|line| !line.starts_with("embedding")).collect();
        assert_eq!(text.lines().count() - older.len(), 2);
        archive.header["config"] = older.join("\n").into();
        let (restored, _) = Trainer::restore(&archive, source()).unwrap();
        assert_eq!(restored.policy(), trainer.policy());
        assert_eq!(restored.policy().inputs(), 1200);
    }
}
