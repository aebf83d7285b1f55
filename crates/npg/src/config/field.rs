//! Conversion between fields of the configuration and TOML values.

use toml::Value;

use super::{
    ActionBounds, ActivationName, AlgorithmName, Direction, Estimator, HeadName, NetworkKind, Schedule, Solver, Std,
    StepRule, ValueKind,
};
use crate::network::Filters;

/// A field of the configuration that has a TOML value.
pub(super) trait Field {
    fn value(&self) -> Value;
    /// `None` if the value has another type. [`Kind`] checks ranges.
    fn assign(&mut self, value: &Value) -> Option<()>;
}

impl Field for bool {
    fn value(&self) -> Value {
        Value::from(*self)
    }

    fn assign(&mut self, value: &Value) -> Option<()> {
        *self = value.as_bool()?;
        Some(())
    }
}

impl Field for u64 {
    fn value(&self) -> Value {
        // An integer that TOML cannot hold becomes -1, which is outside the range of every key.
        Value::from(i64::try_from(*self).unwrap_or(-1))
    }

    fn assign(&mut self, value: &Value) -> Option<()> {
        *self = value.as_integer()?.try_into().ok()?;
        Some(())
    }
}

impl Field for usize {
    fn value(&self) -> Value {
        (*self as u64).value()
    }

    fn assign(&mut self, value: &Value) -> Option<()> {
        *self = value.as_integer()?.try_into().ok()?;
        Some(())
    }
}

impl Field for f64 {
    fn value(&self) -> Value {
        Value::from(*self)
    }

    fn assign(&mut self, value: &Value) -> Option<()> {
        *self = value.as_float()?;
        Some(())
    }
}

impl Field for Option<f64> {
    fn value(&self) -> Value {
        self.map_or_else(|| Value::from("none"), Value::from)
    }

    fn assign(&mut self, value: &Value) -> Option<()> {
        *self = if value.as_str() == Some("none") { None } else { Some(value.as_float()?) };
        Some(())
    }
}

impl Field for Vec<usize> {
    fn value(&self) -> Value {
        Value::Array(self.iter().map(Field::value).collect())
    }

    fn assign(&mut self, value: &Value) -> Option<()> {
        let widths = value.as_array()?.iter().map(|item| usize::try_from(item.as_integer()?).ok());
        *self = widths.collect::<Option<_>>()?;
        Some(())
    }
}

impl Field for Vec<Filters> {
    fn value(&self) -> Value {
        let three = |filters: &Filters| [filters.channels, filters.kernel, filters.stride].map(|x| x.value());
        Value::Array(self.iter().map(|filters| Value::Array(three(filters).into())).collect())
    }

    fn assign(&mut self, value: &Value) -> Option<()> {
        let filters = |item: &Value| {
            let mut numbers: Vec<usize> = Vec::new();
            numbers.assign(item)?;
            let [channels, kernel, stride] = numbers[..].try_into().ok()?;
            Some(Filters { channels, kernel, stride })
        };
        *self = value.as_array()?.iter().map(filters).collect::<Option<_>>()?;
        Some(())
    }
}

impl Field for Vec<String> {
    fn value(&self) -> Value {
        Value::Array(self.iter().map(|name| Value::from(name.as_str())).collect())
    }

    fn assign(&mut self, value: &Value) -> Option<()> {
        *self = value.as_array()?.iter().map(|item| item.as_str().map(String::from)).collect::<Option<_>>()?;
        Some(())
    }
}

/// The names of enums are their values.
macro_rules! by_name {
    ($($name:ident),* $(,)?) => {
        $(impl Field for $name {
            fn value(&self) -> Value {
                self.name().into()
            }

            fn assign(&mut self, value: &Value) -> Option<()> {
                *self = Self::from_name(value.as_str()?)?;
                Some(())
            }
        })*
    };
}

by_name!(
    ActionBounds,
    ActivationName,
    AlgorithmName,
    Direction,
    Estimator,
    HeadName,
    NetworkKind,
    Schedule,
    Solver,
    Std,
    StepRule,
    ValueKind,
);
