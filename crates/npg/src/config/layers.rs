//! Layers of settings: defaults < preset < `--config` < `--set` < flags. All mistakes in them are reported at once.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use toml::{Table, Value};

use super::{Config, KEYS, Key, TABLES, find, presets, validate};
use crate::env::{EnvSource, registry};
use crate::{Error, Mistake, Result, nearest};

/// No key path has this many parts. Tables are walked, cloned and dropped by recursion, so their depth must be limited.
const DEEPEST: usize = 64;

/// Settings on top of the defaults. Later layers override earlier ones.
///
/// ```
/// use npg::config::Layers;
/// let mut layers = Layers::default();
/// layers.toml("mine.toml", "algorithm.name = 'trpo'\nrollout.n_envs = 8");
/// layers.set("algorithm.kl_step=0.02");
/// layers.flag("--steps", "run.steps", 5000);
/// let config = layers.resolve().unwrap();
/// assert_eq!(config.algorithm.step.name(), "line-search");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Layers {
    layers: Vec<Layer>,
    mistakes: Vec<Mistake>,
}

/// The settings from one place.
#[derive(Clone, Debug)]
struct Layer {
    /// The name of the place for messages: a file name or a flag.
    name: String,
    table: Table,
}

impl Layers {
    /// Adds the preset of an environment, if there is one.
    pub fn preset(&mut self, environment: &str) {
        if let Some(preset) = presets::find(environment) {
            self.toml(preset.path, preset.text);
        }
    }

    /// Adds a TOML file.
    ///
    /// # Errors
    /// If the file cannot be read. Mistakes in its content are reported by [`Layers::resolve`].
    pub fn file(&mut self, path: &Path) -> Result<()> {
        let text = read(path).map_err(|source| Error::Io { doing: "read", path: path.into(), source })?;
        self.toml(path.display().to_string(), &text);
        Ok(())
    }

    /// Adds a TOML document called `name`.
    pub fn toml(&mut self, name: impl Into<String>, text: &str) {
        let name = name.into();
        match text.parse() {
            Ok(table) => self.table(name, table),
            Err(error) => {
                let (line, column) = position(text, &error);
                self.mistakes.push(Mistake {
                    key: format!("{name}:{line}:{column}"),
                    message: format!("not TOML: {}", one_line(&error)),
                });
            }
        }
    }

    /// Adds a table called `name`.
    pub fn table(&mut self, name: impl Into<String>, table: Table) {
        self.layers.push(Layer { name: name.into(), table });
    }

    /// Adds `key=value`, in the form of `--set`. The value is TOML, but words need no quotes.
    pub fn set(&mut self, assignment: &str) {
        let mut fail = |key: &str, message: String| self.mistakes.push(Mistake { key: key.into(), message });
        let Some((path, text)) = assignment.split_once('=') else {
            return fail(assignment.trim(), "has no value; write --set table.key=value".into());
        };
        let (path, text) = (path.trim(), text.trim());
        if path.split('.').any(str::is_empty) {
            return fail("--set", format!("`{path}` is not the path of a key; write --set table.key=value"));
        }
        if text.is_empty() {
            return fail(path, "has no value; write --set table.key=value".into());
        }
        let value = match text.parse::<Value>() {
            Ok(value) => value,
            Err(_) if is_bare_word(text) => Value::from(text),
            Err(error) => {
                let column = position(text, &error).1;
                let reason = one_line(&error);
                return fail(path, format!("not a TOML value: {reason} at character {column} of `{text}` (in --set)"));
            }
        };
        self.flag("--set", path, value);
    }

    /// Adds one value, such as that of the flag `--steps`. Messages call it `name`.
    pub fn flag(&mut self, name: &str, path: &str, value: impl Into<Value>) {
        let mut value = value.into();
        let depth = path.split('.').count();
        if depth > DEEPEST {
            let message = format!("no setting has a key path of {depth} parts; write table.key");
            return self.mistakes.push(Mistake { key: name.into(), message });
        }
        for part in path.rsplit('.') {
            value = Value::Table(Table::from_iter([(part.to_owned(), value)]));
        }
        let Value::Table(table) = value else { return };
        // All assignments of `--set` form one layer, so that keys which set others are applied before these.
        match self.layers.last_mut() {
            Some(last) if last.name == name => merge(&mut last.table, table),
            _ => self.table(name, table),
        }
    }

    /// The configuration, or [`Error::Config`] with every mistake in any layer.
    pub fn resolve(&self) -> Result<Config> {
        let (config, mistakes) = self.settle();
        if mistakes.is_empty() { Ok(config) } else { Err(Error::Config(mistakes)) }
    }

    /// The configuration, and the native environment `id` made with its `[env]`.
    ///
    /// # Errors
    /// [`Error::UnknownEnvironment`], or [`Error::Config`] with every mistake in any layer, including those that the
    /// environment finds in `[env]`.
    pub fn resolve_for(&self, id: &str) -> Result<(Config, Box<dyn EnvSource>)> {
        let (config, mut mistakes) = self.settle();
        match registry::make(id, &config.env) {
            Ok(source) if mistakes.is_empty() => return Ok((config, source)),
            Ok(_) => {}
            Err(Error::Config(more)) => mistakes.extend(more),
            Err(other) => return Err(other),
        }
        Err(Error::Config(mistakes))
    }

    /// The configuration that follows from everything valid in the layers, and all mistakes.
    fn settle(&self) -> (Config, Vec<Mistake>) {
        let mut config = Config::default();
        let mut mistakes = self.mistakes.clone();
        for layer in &self.layers {
            layer.apply(&mut config, &mut mistakes);
        }
        mistakes.extend(validate::clashes(&config, &mistakes));
        (config, mistakes)
    }
}

/// Reads a file or a pipe (`--config <(...)`), up to a limit, because devices may have no end.
fn read(path: &Path) -> io::Result<String> {
    /// No configuration has this many bytes.
    const MOST: u64 = 16 << 20;
    let mut text = String::new();
    File::open(path)?.take(MOST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MOST {
        return Err(io::Error::new(ErrorKind::FileTooLarge, format!("it has more than {MOST} bytes")));
    }
    Ok(text)
}

impl Layer {
    /// Applies the layer. Keys that set others come first, because the others may be in the layer too.
    fn apply(&self, config: &mut Config, mistakes: &mut Vec<Mistake>) {
        let mut fail = |key: String, message: String| {
            mistakes.push(Mistake { key, message: format!("{message} (in {})", self.name) });
        };
        let mut settings: Vec<(&Key, &Value)> = Vec::new();
        for (table, content) in &self.table {
            let keys = match content {
                Value::Table(keys) if table == "env" => {
                    merge(&mut config.env, keys.clone());
                    continue;
                }
                Value::Table(keys) if TABLES.iter().any(|known| known.name == table) => keys,
                Value::Table(_) => {
                    fail(table.clone(), unknown_table(table));
                    continue;
                }
                _ if table == "env" || TABLES.iter().any(|known| known.name == table) => {
                    fail(table.clone(), format!("expected a table, got {content}"));
                    continue;
                }
                _ => {
                    fail(table.clone(), unknown_key(table));
                    continue;
                }
            };
            for (name, value) in keys {
                let path = format!("{table}.{name}");
                match find(&path) {
                    Some(key) => settings.push((key, value)),
                    None => fail(path.clone(), unknown_key(&path)),
                }
            }
        }
        settings.sort_by_key(|(key, _)| !key.sets_others()); // a stable sort: policy.network before value.network
        for (key, value) in settings {
            if let Err(message) = key.set(config, value) {
                fail(key.path.into(), message);
            }
        }
    }
}

/// Merges `upper` into `lower`, including nested tables.
fn merge(lower: &mut Table, upper: Table) {
    for (key, value) in upper {
        match (lower.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge(below, above),
            (_, value) => {
                lower.insert(key, value);
            }
        }
    }
}

fn unknown_table(name: &str) -> String {
    match nearest(name, TABLES.iter().map(|table| table.name).chain(["env"])) {
        Some(near) => format!("unknown table; did you mean `{near}`?"),
        None => {
            let names: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
            format!("unknown table; there are {} and env", names.join(", "))
        }
    }
}

/// A hint with the same key in another table, or with the nearest path.
fn unknown_key(path: &str) -> String {
    let (table, name) = path.split_once('.').unwrap_or(("", path));
    let moved = KEYS.iter().find(|key| key.name() == name).map(|key| key.path);
    let beside = || {
        let names = KEYS.iter().filter(|key| key.table() == table);
        let near = nearest(name, names.clone().map(Key::name))?;
        names.clone().map(|key| key.path).find(|path| path.ends_with(&format!(".{near}")))
    };
    match moved.or_else(beside).or_else(|| nearest(path, KEYS.iter().map(|key| key.path))) {
        Some(near) => format!("unknown key; did you mean `{near}`?"),
        None => "unknown key; `npg explain` lists all keys".into(),
    }
}

/// Whether the text can be a string without quotes.
fn is_bare_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "-_./:+~@ ".contains(c))
}

/// The line and the column of a TOML error, both from 1.
fn position(text: &str, error: &toml::de::Error) -> (usize, usize) {
    let end = error.span().map_or(0, |span| span.start).min(text.len());
    let before = text.get(..end).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

fn one_line(error: &toml::de::Error) -> String {
    error.message().trim().replace('\n', ", ")
}
