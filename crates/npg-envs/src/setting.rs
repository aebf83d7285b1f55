//! The values that a setting can have. A setting is a key of the configuration or an option of an environment.

use npg_core::nearest;
use std::fmt;
use std::ops::{Bound, RangeBounds};
use toml::Value;

/// The values that a setting can have.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// true or false.
    Bool,
    /// An integer between bounds, both included. TOML's `1e6` counts as an integer.
    Integer(i64, i64),
    /// A finite number between bounds.
    Number(Bound<f64>, Bound<f64>),
    /// A finite number with a lower bound, or `"none"`.
    OptionalNumber(Bound<f64>),
    /// One of these names.
    Name(&'static [&'static str]),
    /// A list of layer widths.
    Widths,
    /// A list of convolutions: the number of filters, their size and their stride.
    Filters,
    /// A list of names.
    Names,
    /// Any text.
    Text,
    /// The name or the index of something. An index is stored as text.
    NameOrIndex,
    /// The smallest and the largest value of something. Either may be infinite.
    Range,
}

impl Kind {
    /// The largest integer that TOML can hold.
    pub const MAX: i64 = i64::MAX;
    /// The most hidden layers of a network.
    pub const MAX_LAYERS: usize = 64;
    /// The most units of a hidden layer.
    pub const MAX_WIDTH: usize = 16_384;
    /// The most filters of a convolution, and their largest size and stride.
    pub const MAX_FILTERS: usize = 4096;
    /// A number above 0.
    pub const POSITIVE: Kind = Kind::Number(Bound::Excluded(0.0), Bound::Unbounded);
    /// A number of at least 0.
    pub const NON_NEGATIVE: Kind = Kind::Number(Bound::Included(0.0), Bound::Unbounded);

    /// Any finite number.
    pub const ANY_NUMBER: Kind = Kind::Number(Bound::Unbounded, Bound::Unbounded);
    /// A number from 0 to 1.
    pub const UNIT: Kind = Kind::Number(Bound::Included(0.0), Bound::Included(1.0));

    /// The value in its normal form (`1e6` becomes the integer 1000000, and `1` the number 1.0), or a description of what is
    /// wrong with it.
    pub fn check(&self, value: &Value) -> Result<Value, String> {
        let mistyped = || format!("expected {self}, got {}", described(value));
        let outside = || format!("must be {self}, but is {value}");
        match self {
            Kind::Bool => value.as_bool().map(Value::from).ok_or_else(mistyped),
            Kind::Integer(low, high) => {
                let integer = integer(value).ok_or_else(mistyped)?;
                if (*low..=*high).contains(&integer) { Ok(Value::from(integer)) } else { Err(outside()) }
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
                let width = Kind::Integer(1, Self::MAX_WIDTH as i64);
                let checked = items.iter().enumerate().map(|(index, item)| {
                    width.check(item).map_err(|_| format!("must be {self}, but item {} is {item}", index + 1))
                });
                checked.collect::<Result<Vec<_>, _>>().map(Value::Array)
            }
            Kind::Filters => {
                let items = value.as_array().ok_or_else(mistyped)?;
                if items.len() > Self::MAX_LAYERS {
                    return Err(format!("must be {self}, but has {} items", items.len()));
                }
                let number = Kind::Integer(1, Self::MAX_FILTERS as i64);
                let three = |item: &Value| {
                    let numbers = item.as_array().filter(|numbers| numbers.len() == 3)?;
                    numbers.iter().map(|own| number.check(own).ok()).collect::<Option<Vec<_>>>().map(Value::Array)
                };
                let checked = items.iter().enumerate().map(|(index, item)| {
                    three(item).ok_or_else(|| format!("must be {self}, but item {} is {item}", index + 1))
                });
                checked.collect::<Result<Vec<_>, _>>().map(Value::Array)
            }
            Kind::Names => {
                let items = value.as_array().ok_or_else(mistyped)?;
                let wrong = items.iter().position(|item| !item.is_str());
                wrong.map_or(Ok(value.clone()), |index| {
                    Err(format!("must be {self}, but item {} is {}", index + 1, items[index]))
                })
            }
            Kind::Text => value.as_str().map(Value::from).ok_or_else(mistyped),
            Kind::NameOrIndex => match value {
                Value::String(_) => Ok(value.clone()),
                Value::Integer(index) if *index >= 0 => Ok(Value::from(index.to_string())),
                Value::Integer(_) => Err(outside()),
                _ => Err(mistyped()),
            },
            Kind::Range => {
                let items = value.as_array().ok_or_else(mistyped)?;
                match items.iter().map(number).collect::<Option<Vec<f64>>>().as_deref() {
                    Some([low, high]) if low <= high => Ok(Value::from(vec![*low, *high])),
                    _ => Err(outside()),
                }
            }
        }
    }
}

/// Writes the expected values as part of a sentence.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Bool => write!(f, "true or false"),
            Kind::Integer(low, high) if *high == Self::MAX => write!(f, "an integer >= {low}"),
            Kind::Integer(low, high) => write!(f, "an integer from {low} to {high}"),
            Kind::Number(low, high) => {
                write!(
                    f,
                    "{}",
                    if (low, high) == (&Bound::Unbounded, &Bound::Unbounded) { "a finite number" } else { "a number" }
                )?;
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
            Kind::Filters => write!(
                f,
                "a list of at most {} convolutions [filters, kernel, stride], such as [[16, 3, 1]], of integers from 1 to {}",
                Self::MAX_LAYERS,
                Self::MAX_FILTERS
            ),
            Kind::Names => write!(f, "a list of names in quotes"),
            Kind::Text => write!(f, "a text in quotes"),
            Kind::NameOrIndex => write!(f, "a name in quotes, or an index of 0 or more"),
            Kind::Range => write!(f, "the smallest and the largest value, such as [-1.0, inf]"),
            Kind::Widths => {
                write!(f, "a list of at most {} integers from 1 to {}", Self::MAX_LAYERS, Self::MAX_WIDTH)
            }
        }
    }
}

/// Describes a value as part of a sentence.
pub fn described(value: &Value) -> String {
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

/// Accepts integers, and floats that are whole and exactly representable.
fn integer(value: &Value) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
    match *value {
        Value::Integer(integer) => Some(integer),
        Value::Float(float) if float.fract() == 0.0 && float.abs() <= EXACT => Some(float as i64),
        _ => None,
    }
}

/// Accepts integers and floats.
pub fn number(value: &Value) -> Option<f64> {
    match *value {
        Value::Integer(integer) => Some(integer as f64),
        Value::Float(float) => Some(float),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let names = Value::Array(vec![Value::from("a"), Value::from(0)]);
        let message = "must be a list of names in quotes, but item 2 is 0";
        assert_eq!(Kind::Names.check(&names), Err(message.into()));
    }

    #[test]
    fn ranges_have_two_ends_in_order() {
        let check = |text: &str| Kind::Range.check(&format!("x = {text}").parse::<toml::Table>().unwrap()["x"]);
        assert_eq!(check("[0, inf]"), Ok(Value::from(vec![0.0, f64::INFINITY])));
        for range in ["[1]", "[2, 1]", "[0, nan]", "[0, 1, 2]", "['a', 'b']"] {
            let message = check(range).unwrap_err();
            assert!(
                message.starts_with("must be the smallest and the largest value, such as [-1.0, inf]"),
                "{message}"
            );
        }
        assert!(check("1").unwrap_err().ends_with("got the integer 1"));
    }

    #[test]
    fn an_index_is_a_name() {
        assert_eq!(Kind::NameOrIndex.check(&Value::from(3)), Ok(Value::from("3")));
        assert_eq!(Kind::NameOrIndex.check(&Value::from("leg")), Ok(Value::from("leg")));
        let message = Kind::NameOrIndex.check(&Value::from(-1)).unwrap_err();
        assert_eq!(message, "must be a name in quotes, or an index of 0 or more, but is -1");
    }
}
