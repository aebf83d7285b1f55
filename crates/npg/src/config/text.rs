//! The configuration as text: the resolved TOML of a run, and the reference page of all keys.

use std::fmt::Write;

use toml::{Table, Value};

use super::{Config, KEYS, Layers, TABLES};
use crate::Result;

impl Config {
    /// The whole configuration as TOML, with a comment on every key, in a fixed order. [`Config::from_toml`] reads back
    /// exactly the same configuration.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        for table in TABLES {
            if table.name == "run" {
                text.push_str(&env_text(&self.env));
            }
            let _ = writeln!(text, "[{}]", table.name);
            for key in KEYS.iter().filter(|key| key.table() == table.name) {
                let setting = format!("{} = {}", key.name(), key.get(self));
                let _ = writeln!(text, "{setting:<32} # {}", key.summary);
            }
            text.push('\n');
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    }

    /// The default configuration, changed by the TOML document `text`. Messages call the document `name`.
    ///
    /// # Errors
    /// [`crate::Error::Config`] with every mistake in the document.
    pub fn from_toml(name: &str, text: &str) -> Result<Self> {
        let mut layers = Layers::default();
        layers.toml(name, text);
        layers.resolve()
    }
}

/// The environment's own options as `[env]` with its subtables.
fn env_text(env: &Table) -> String {
    if env.is_empty() {
        return "[env]\n\n".into();
    }
    let whole = Table::from_iter([("env".to_owned(), Value::Table(env.clone()))]);
    let mut text = toml::to_string(&whole).expect("a TOML table can be written as TOML");
    if !text.ends_with("\n\n") {
        text.push('\n');
    }
    text
}

/// All keys as a page of Markdown.
pub fn reference() -> String {
    let mut page = String::from(
        "# Configuration\n\n\
        Every key, with its default, what it takes, and when to change it. `npg explain KEY` prints the same.\n\
        Keys stand in TOML tables in presets and in files for `--config`; on the command line they are\n\
        `--set table.key=value`. Precedence: defaults < preset < `--config` < `--set` < flags.\n\n\
        `[env]` holds the environment's own options.\n",
    );
    for table in TABLES {
        let _ = write!(page, "\n## [{}]\n\n{}\n", table.name, table.summary);
        for key in KEYS.iter().filter(|key| key.table() == table.name) {
            let _ = write!(
                page,
                "\n### `{}`\n\n{} Default: `{}`. Takes {}.\n\n{}\n",
                key.path,
                key.summary,
                key.default_value(),
                key.kind,
                key.details
            );
        }
    }
    page
}
