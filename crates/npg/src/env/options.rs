//! Options of native environments: the values that each takes, and how they are read from a configuration.
//!
//! All of them are checked before the environment is made, so that a bad one never reaches training.

use crate::error::{Error, Problem, nearest};

/// An option of an environment.
#[derive(Debug)]
pub struct EnvOption {
    /// Its key in `[env]`.
    pub name: &'static str,
    /// Its type, default and range.
    pub kind: Kind,
    /// What it does, in one sentence.
    pub sentence: &'static str,
}

/// The type of an option, with its default and its possible values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// True or false.
    Flag(bool),
    /// A finite real number. Integers are accepted too.
    Real {
        /// Its default.
        default: f64,
        /// Smallest value.
        low: f64,
        /// Largest value.
        high: f64,
    },
    /// A whole number.
    Integer {
        /// Its default.
        default: i64,
        /// Smallest value.
        low: i64,
        /// Largest value.
        high: i64,
    },
    /// One of some words.
    Choice {
        /// Its default.
        default: &'static str,
        /// All words.
        of: &'static [&'static str],
    },
    /// Any text, with its default.
    Text(&'static str),
    /// The smallest and the largest value of something, which may be infinite, with their defaults.
    Range(f64, f64),
    /// The name or the index of something, with its default.
    Name(&'static str),
}

impl Kind {
    /// Any finite real number.
    pub const fn real(default: f64) -> Self {
        Kind::Real { default, low: f64::NEG_INFINITY, high: f64::INFINITY }
    }

    /// The type in one word.
    pub fn type_name(&self) -> &'static str {
        match self {
            Kind::Flag(_) => "bool",
            Kind::Real { .. } => "float",
            Kind::Integer { .. } => "integer",
            Kind::Choice { .. } | Kind::Text(_) | Kind::Name(_) => "string",
            Kind::Range(..) => "range",
        }
    }

    /// The default as TOML.
    pub fn default(&self) -> toml::Value {
        match *self {
            Kind::Flag(default) => default.into(),
            Kind::Real { default, .. } => default.into(),
            Kind::Integer { default, .. } => default.into(),
            Kind::Choice { default, .. } | Kind::Text(default) | Kind::Name(default) => default.into(),
            Kind::Range(low, high) => vec![low, high].into(),
        }
    }

    /// `value` in the option's own type, or what is expected instead.
    fn check(&self, value: &toml::Value) -> Result<toml::Value, String> {
        use toml::Value::{Array, Boolean, Float, Integer, String};
        let fits = match (*self, value) {
            (Kind::Flag(_), Boolean(_)) => true,
            (Kind::Real { low, high, .. }, Float(x)) => x.is_finite() && (low..=high).contains(x),
            (Kind::Real { .. }, Integer(x)) => return self.check(&Float(*x as f64)),
            (Kind::Integer { low, high, .. }, Integer(x)) => (low..=high).contains(x),
            (Kind::Choice { of, .. }, String(word)) => of.contains(&word.as_str()),
            (Kind::Text(_) | Kind::Name(_), String(_)) => true,
            (Kind::Name(_), Integer(index)) if *index >= 0 => return Ok(index.to_string().into()),
            (Kind::Range(..), Array(bounds)) => match bounds.iter().map(number).collect::<Option<Vec<f64>>>() {
                Some(bounds) if bounds.len() == 2 && bounds[0] <= bounds[1] => return Ok(bounds.into()),
                _ => false,
            },
            _ => false,
        };
        if fits { Ok(value.clone()) } else { Err(format!("expected {}, got {value}", self.expected())) }
    }

    /// The values that are expected, as a phrase.
    fn expected(&self) -> String {
        match *self {
            Kind::Flag(_) => "true or false".into(),
            Kind::Real { low, high, .. } => {
                format!("a finite number{}", range(low, high, f64::NEG_INFINITY, f64::INFINITY))
            }
            Kind::Integer { low, high, .. } => format!("a whole number{}", range(low, high, i64::MIN, i64::MAX)),
            Kind::Choice { of, .. } => format!("one of \"{}\"", of.join("\", \"")),
            Kind::Text(_) => "a text in quotes".into(),
            Kind::Range(..) => "the smallest and the largest value, such as [-1.0, inf]".into(),
            Kind::Name(_) => "a name in quotes, or an index of 0 or more".into(),
        }
    }
}

/// A real or whole number.
fn number(value: &toml::Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|x| x as f64))
}

/// The bounds as a phrase, without infinite ones.
fn range<T: PartialEq + std::fmt::Display>(low: T, high: T, least: T, greatest: T) -> String {
    match (low != least, high != greatest) {
        (true, true) => format!(" from {low} to {high}"),
        (true, false) => format!(" of at least {low}"),
        (false, true) => format!(" of at most {high}"),
        (false, false) => String::new(),
    }
}

/// The options of one environment after the check. Each has a value of its own type.
///
/// The accessors panic for a name that the environment does not list, or lists with another type, because that is a mistake in
/// the environment's own table.
#[derive(Clone, Debug)]
pub struct Values(toml::Table);

impl Values {
    /// Checks `given` against the options that environment `id` takes and fills in the defaults.
    ///
    /// # Errors
    /// [`Error::Config`] with all problems at once, with the keys `env.<name>`.
    pub fn read(id: &str, options: &[EnvOption], given: &toml::Table) -> Result<Self, Error> {
        let mut values: toml::Table =
            options.iter().map(|option| (option.name.into(), option.kind.default())).collect();
        let mut problems = Vec::new();
        for (name, value) in given {
            let checked = match options.iter().find(|option| option.name == name) {
                Some(option) => option.kind.check(value),
                None => Err(unknown(id, options, name)),
            };
            match checked {
                Ok(value) => drop(values.insert(name.clone(), value)),
                Err(message) => problems.push(Problem { key: format!("env.{name}"), message }),
            }
        }
        if problems.is_empty() { Ok(Self(values)) } else { Err(Error::Config(problems)) }
    }

    /// The flag `name`.
    pub fn flag(&self, name: &str) -> bool {
        self.0[name].as_bool().expect("the table of options says bool")
    }

    /// The real number `name`.
    pub fn real(&self, name: &str) -> f64 {
        self.0[name].as_float().expect("the table of options says float")
    }

    /// The whole number `name`.
    pub fn integer(&self, name: &str) -> i64 {
        self.0[name].as_integer().expect("the table of options says integer")
    }

    /// The word `name`.
    pub fn choice(&self, name: &str) -> &str {
        self.0[name].as_str().expect("the table of options says string")
    }

    /// The least and the greatest value of the range `name`.
    pub fn range(&self, name: &str) -> [f64; 2] {
        let bounds = self.0[name].as_array().and_then(|bounds| {
            let [low, high] = bounds.as_slice() else { return None };
            Some([number(low)?, number(high)?])
        });
        bounds.expect("the table of options says range")
    }

    /// The text `name`.
    pub fn text(&self, name: &str) -> &str {
        self.choice(name)
    }
}

/// What to say of the option `name`, which is none of `options`.
fn unknown(id: &str, options: &[EnvOption], name: &str) -> String {
    let names: Vec<_> = options.iter().map(|option| option.name).collect();
    match nearest(name, names.iter().copied()) {
        Some(near) => format!("{id} has no such option, did you mean `{near}`?"),
        None if names.is_empty() => format!("{id} takes no options"),
        None => format!("{id} has no such option; it takes `{}`", names.join("`, `")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: &[EnvOption] = &[
        EnvOption { name: "slippery", kind: Kind::Flag(true), sentence: "Slips." },
        EnvOption { name: "gravity", kind: Kind::real(9.8), sentence: "Pulls." },
        EnvOption {
            name: "noise",
            kind: Kind::Real { default: 0.0, low: 0.0, high: f64::INFINITY },
            sentence: "Shakes.",
        },
        EnvOption { name: "size", kind: Kind::Integer { default: 4, low: 2, high: 9 }, sentence: "Grows." },
        EnvOption { name: "map", kind: Kind::Choice { default: "small", of: &["small", "large"] }, sentence: "Maps." },
        EnvOption { name: "desc", kind: Kind::Text("SG"), sentence: "Draws." },
        EnvOption { name: "height", kind: Kind::Range(-1.0, f64::INFINITY), sentence: "Bounds." },
        EnvOption { name: "body", kind: Kind::Name("torso"), sentence: "Names." },
    ];

    fn read(text: &str) -> Result<Values, Error> {
        Values::read("Ice-v0", OPTIONS, &text.parse().unwrap())
    }

    #[test]
    fn what_is_not_given_is_the_default() {
        let values = read("").unwrap();
        assert!(values.flag("slippery"));
        assert_eq!((values.real("gravity"), values.integer("size"), values.choice("map")), (9.8, 4, "small"));
        assert_eq!(values.text("desc"), "SG");
        assert_eq!((values.range("height"), values.text("body")), ([-1.0, f64::INFINITY], "torso"));
    }

    #[test]
    fn what_is_given_is_taken_and_integers_are_numbers() {
        let values =
            read("slippery = false\ngravity = 10\nnoise = 0.5\nsize = 9\nmap = 'large'\ndesc = 'SFG'").unwrap();
        assert!(!values.flag("slippery"));
        assert_eq!((values.real("gravity"), values.real("noise")), (10.0, 0.5));
        assert_eq!((values.integer("size"), values.choice("map")), (9, "large"));
        assert_eq!(values.text("desc"), "SFG");
        let values = read("height = [0, 1.5]\nbody = 3").unwrap();
        assert_eq!((values.range("height"), values.text("body")), ([0.0, 1.5], "3"));
        assert_eq!(read("body = 'leg'").unwrap().text("body"), "leg");
    }

    #[test]
    fn ranges_have_two_ends_in_order() {
        for height in ["1", "[1]", "[2, 1]", "[0, nan]", "[0, 1, 2]", "['a', 'b']"] {
            let text = read(&format!("height = {height}")).unwrap_err().to_string();
            assert!(text.starts_with("env.height: expected the least and the greatest value, "), "{text}");
        }
        assert_eq!(
            read("body = -1").unwrap_err().to_string(),
            "env.body: expected a name in quotes or an index from 0 on, got -1"
        );
    }

    #[test]
    fn all_problems_come_at_once() {
        let given =
            "slipery = false\ngravity = nan\nnoise = -1\nsize = 10\nmap = 'huge'\ndesc = 1\nslippery = 1\nxyz = 0";
        let text = read(given).unwrap_err().to_string();
        let mut lines: Vec<_> = text.lines().collect();
        lines.sort_unstable();
        assert_eq!(
            lines,
            [
                "env.desc: expected a text in quotes, got 1",
                "env.gravity: expected a finite number, got nan",
                "env.map: expected one of \"small\", \"large\", got \"huge\"",
                "env.noise: expected a finite number of at least 0, got -1.0",
                "env.size: expected a whole number from 2 to 9, got 10",
                "env.slipery: Ice-v0 has no such option, did you mean `slippery`?",
                "env.slippery: expected true or false, got 1",
                "env.xyz: Ice-v0 has no such option; it takes `slippery`, `gravity`, `noise`, `size`, `map`, `desc`, `height`, `body`",
            ]
        );
    }

    #[test]
    fn an_environment_without_options_says_so() {
        let error = Values::read("Bare-v0", &[], &"a = 1".parse().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "env.a: Bare-v0 takes no options");
    }
}
