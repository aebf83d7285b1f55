//! The keys of the configuration, and how their values are read and written by path.

use toml::Value;

use super::{Config, KEYS, Kind, NetworkKind};
use npg_envs::setting::described;

/// One key of the configuration.
pub struct Key {
    /// The path of the key, such as `algorithm.kl_step`.
    pub path: &'static str,
    /// The values that the key can have.
    pub kind: Kind,
    /// A summary in one sentence.
    pub summary: &'static str,
    /// The equation, the source, and when to change the value.
    pub details: &'static str,
    pub(super) read: fn(&Config) -> Value,
    pub(super) write: fn(&mut Config, &Value) -> Option<()>,
}

/// One table of the configuration.
pub struct KeyTable {
    /// The name of the table, such as `algorithm`.
    pub name: &'static str,
    /// A summary in one sentence.
    pub summary: &'static str,
}

impl Key {
    /// The name of the key's table.
    pub fn table(&self) -> &'static str {
        self.path.split_once('.').map_or("", |(table, _)| table)
    }

    /// The name of the key within its table.
    pub fn name(&self) -> &'static str {
        self.path.split_once('.').map_or(self.path, |(_, name)| name)
    }

    /// The value of the key in `config`.
    pub fn get(&self, config: &Config) -> Value {
        (self.read)(config)
    }

    /// The default value of the key.
    pub fn default_value(&self) -> Value {
        self.get(&Config::default())
    }

    /// Whether setting the key also sets others.
    pub(super) fn sets_others(&self) -> bool {
        matches!(self.path, "algorithm.name" | "policy.network" | "value.network")
    }

    /// Sets the key in `config`, or returns what is wrong with the value. `algorithm.name` also sets direction and step rule. The
    /// name of a network for images also sets its layers; that of the policy also sets those of the baseline.
    pub fn set(&self, config: &mut Config, value: &Value) -> Result<(), String> {
        let checked = self.kind.check(value)?;
        (self.write)(config, &checked).ok_or_else(|| format!("expected {}, got {}", self.kind, described(value)))?;
        if self.path == "algorithm.name" {
            (config.algorithm.direction, config.algorithm.step) = config.algorithm.name.settings();
        }
        let Config { policy, value, .. } = config;
        if self.path == "policy.network" {
            value.network = if policy.network.is_convolutional() { policy.network } else { NetworkKind::Mlp };
            if let Some(layers) = policy.network.image_layers() {
                (policy.convolutions, policy.hidden) = (layers.convolutions, layers.hidden);
                policy.activation = layers.activation;
            }
        }
        if (self.path == "policy.network" || self.path == "value.network")
            && let Some(layers) = value.network.image_layers()
        {
            (value.convolutions, value.hidden) = (layers.convolutions, layers.hidden);
            value.activation = layers.activation;
        }
        Ok(())
    }
}

/// The key with this path.
pub fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_in_range_and_paths_unique() {
        for (index, key) in KEYS.iter().enumerate() {
            assert_eq!(key.kind.check(&key.default_value()), Ok(key.default_value()), "{}", key.path);
            assert!(KEYS[..index].iter().all(|other| other.path != key.path), "{}", key.path);
            assert!(key.summary.ends_with('.') && key.summary.len() <= 100, "{}", key.path);
        }
    }

    #[test]
    fn whole_floats_are_integers_and_integers_are_numbers() {
        let mut config = Config::default();
        find("run.steps").unwrap().set(&mut config, &Value::from(1e6)).unwrap();
        find("run.until_return").unwrap().set(&mut config, &Value::from(475)).unwrap();
        assert_eq!((config.run.steps, config.run.until_return), (1_000_000, Some(475.0)));
        let problem = find("run.steps").unwrap().set(&mut config, &Value::from(0.5));
        assert_eq!(problem, Err("expected an integer >= 1, got the number 0.5".into()));
    }
}
