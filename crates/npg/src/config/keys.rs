//! A key of the configuration: its kind, and how its value is checked, read and written by path.

use std::fmt;
use std::ops::{Bound, RangeBounds};

use toml::Value;

use super::{Config, KEYS};
use crate::error::nearest;

/// One key of the configuration.
pub struct Key {
    /// Path, such as `algorithm.kl_step`.
    pub path: &'static str,
    /// The values that it takes.
    pub kind: Kind,
    /// One sentence.
    pub summary: &'static str,
    /// The equation, the source, and when to change it.
    pub details: &'static str,
    pub(super) read: fn(&Config) -> Value,
    pub(super) write: fn(&mut Config, &Value) -> Option<()>,
}

/// One table of the configuration.
pub struct Table {
    /// Its name, such as `algorithm`.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
}

/// The values that a key takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// true or false.
    Bool,
    /// An integer between bounds, both included. TOML's `1e6` counts as an integer.
    Integer(u64, u64),
    /// A finite number between bounds.
    Number(Bound<f64>, Bound<f64>),
    /// A finite number with a lower bound, or `"none"`.
    OptionalNumber(Bound<f64>),
    /// One of these names.
    Name(&'static [&'static str]),
    /// A list of layer widths.
    Widths,
}

impl Kind {
    /// The largest integer that TOML can hold.
    pub const MAX: u64 = i64::MAX as u64;
    /// The most hidden layers of a network.
    pub const MAX_LAYERS: usize = 64;
    /// The most units of a hidden layer.
    pub const MAX_WIDTH: usize = 16_384;
    /// A number above 0.
    pub const POSITIVE: Kind = Kind::Number(Bound::Excluded(0.0), Bound::Unbounded);
    /// A number of at least 0.
    pub const NON_NEGATIVE: Kind = Kind::Number(Bound::Included(0.0), Bound::Unbounded);

    /// The value in its normal form (`1e6` becomes the integer 1000000, and `1` the number 1.0), or what is wrong with it.
    pub fn check(&self, value: &Value) -> Result<Value, String> {
        let mistyped = || format!("expected {self}, got {}", described(value));
        let outside = || format!("must be {self}, but is {value}");
        match self {
            Kind::Bool => value.as_bool().map(Value::from).ok_or_else(mistyped),
            Kind::Integer(low, high) => {
                let integer = integer(value).ok_or_else(mistyped)?;
                match u64::try_from(integer) {
                    Ok(number) if (*low..=*high).contains(&number) => Ok(Value::from(integer)),
                    _ => Err(outside()),
                }
            }
            Kind::Number(low, high) => {
                let number = number(value).ok_or_else(mistyped)?;
                let inside = number.is_finite() && (*low, *high).contains(&number);
                if inside { Ok(Value::from(number)) } else { Err(outside()) }
            }
            Kind::OptionalNumber(_) if value.as_str() == Some("none") => Ok(value.clone()),
            Kind::OptionalNumber(low) => {
                let number = number(value).ok_or_else(mistyped)?;
                let inside = number.is_finite() && (*low, Bound::Unbounded).contains(&number);
                if inside { Ok(Value::from(number)) } else { Err(outside()) }
            }
            Kind::Name(names) => {
                let name = value.as_str().ok_or_else(mistyped)?;
                if names.contains(&name) {
                    return Ok(value.clone());
                }
                let hint = nearest(name, names.iter().copied()).map(|name| format!("; did you mean \"{name}\"?"));
                Err(outside() + &hint.unwrap_or_default())
            }
            Kind::Widths => {
                let items = value.as_array().ok_or_else(mistyped)?;
                if items.len() > Self::MAX_LAYERS {
                    return Err(format!("must be {self}, but has {} items", items.len()));
                }
                let width = Kind::Integer(1, Self::MAX_WIDTH as u64);
                let checked = items.iter().enumerate().map(|(index, item)| {
                    width.check(item).map_err(|_| format!("must be {self}, but item {} is {item}", index + 1))
                });
                checked.collect::<Result<Vec<_>, _>>().map(Value::Array)
            }
        }
    }
}

/// The expected values, as part of a sentence.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Bool => write!(f, "true or false"),
            Kind::Integer(low, high) if *high == Self::MAX => write!(f, "an integer >= {low}"),
            Kind::Integer(low, high) => write!(f, "an integer from {low} to {high}"),
            Kind::Number(low, high) => {
                write!(f, "a number")?;
                match low {
                    Bound::Included(low) => write!(f, " >= {low}")?,
                    Bound::Excluded(low) => write!(f, " > {low}")?,
                    Bound::Unbounded => {}
                }
                let and = if *low == Bound::Unbounded { "" } else { " and" };
                match high {
                    Bound::Included(high) => write!(f, "{and} <= {high}"),
                    Bound::Excluded(high) => write!(f, "{and} < {high}"),
                    Bound::Unbounded => Ok(()),
                }
            }
            Kind::OptionalNumber(low) => write!(f, "{} or \"none\"", Kind::Number(*low, Bound::Unbounded)),
            Kind::Name(names) => {
                let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
                write!(f, "one of {}", quoted.join(", "))
            }
            Kind::Widths => {
                write!(f, "a list of at most {} integers from 1 to {}", Self::MAX_LAYERS, Self::MAX_WIDTH)
            }
        }
    }
}

/// A value as part of a sentence.
fn described(value: &Value) -> String {
    match value {
        Value::String(_) => format!("the string {value}"),
        Value::Integer(_) => format!("the integer {value}"),
        Value::Float(_) => format!("the number {value}"),
        Value::Boolean(_) => value.to_string(),
        Value::Datetime(_) => format!("the date {value}"),
        Value::Array(_) => format!("the list {value}"),
        Value::Table(_) => "a table".into(),
    }
}

/// Integers, and floats that are whole and exact in f64.
fn integer(value: &Value) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
    match *value {
        Value::Integer(integer) => Some(integer),
        Value::Float(float) if float.fract() == 0.0 && float.abs() <= EXACT => Some(float as i64),
        _ => None,
    }
}

fn number(value: &Value) -> Option<f64> {
    match *value {
        Value::Integer(integer) => Some(integer as f64),
        Value::Float(float) => Some(float),
        _ => None,
    }
}

impl Key {
    /// The name of its table.
    pub fn table(&self) -> &'static str {
        self.path.split_once('.').map_or("", |(table, _)| table)
    }

    /// Its name within the table.
    pub fn name(&self) -> &'static str {
        self.path.split_once('.').map_or(self.path, |(_, name)| name)
    }

    /// Its value in `config`.
    pub fn get(&self, config: &Config) -> Value {
        (self.read)(config)
    }

    /// Its default.
    pub fn default_value(&self) -> Value {
        self.get(&Config::default())
    }

    /// Sets it, or returns what is wrong with the value. `algorithm.name` also sets direction and step rule.
    pub fn set(&self, config: &mut Config, value: &Value) -> Result<(), String> {
        let checked = self.kind.check(value)?;
        (self.write)(config, &checked).ok_or_else(|| format!("expected {}, got {}", self.kind, described(value)))?;
        if self.path == "algorithm.name" {
            (config.algorithm.direction, config.algorithm.step) = config.algorithm.name.settings();
        }
        Ok(())
    }
}

/// The key of that path.
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

    #[test]
    fn bounds_are_kept() {
        let unit = Kind::Number(Bound::Excluded(0.0), Bound::Included(1.0));
        assert_eq!(unit.check(&Value::from(1)), Ok(Value::from(1.0)));
        assert_eq!(unit.check(&Value::from(0)), Err("must be a number > 0 and <= 1, but is 0".into()));
        assert!(unit.check(&Value::from(f64::NAN)).is_err());
        assert!(Kind::POSITIVE.check(&Value::from(f64::INFINITY)).is_err());
        let widths = Value::Array(vec![Value::from(64), Value::from(0)]);
        let message = "must be a list of at most 64 integers from 1 to 16384, but item 2 is 0";
        assert_eq!(Kind::Widths.check(&widths), Err(message.into()));
    }
}
