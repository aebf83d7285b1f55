//! Options of native environments: the values that each takes, and how they are read from a configuration.
//!
//! All of them are checked before the environment is made, so that a bad one never reaches training.

use crate::setting::{Kind, number};
use npg_core::{Error, Mistake, nearest};

/// An option of an environment.
#[derive(Debug)]
pub struct EnvOption {
    /// Its key in `[env]`.
    pub name: &'static str,
    /// The values that it takes.
    pub kind: Kind,
    default: Default,
    /// What it does, in one sentence.
    pub sentence: &'static str,
}

/// The value of an option that is not given.
#[derive(Clone, Copy, Debug)]
enum Default {
    Flag(bool),
    Integer(i64),
    Real(f64),
    Text(&'static str),
    Range(f64, f64),
}

impl EnvOption {
    /// True or false.
    pub const fn flag(name: &'static str, default: bool, sentence: &'static str) -> Self {
        Self { name, kind: Kind::Bool, default: Default::Flag(default), sentence }
    }

    /// A number of the given kind.
    pub const fn real(name: &'static str, default: f64, kind: Kind, sentence: &'static str) -> Self {
        Self { name, kind, default: Default::Real(default), sentence }
    }

    /// An integer between `low` and `high`, both included.
    pub const fn integer(name: &'static str, default: i64, (low, high): (i64, i64), sentence: &'static str) -> Self {
        Self { name, kind: Kind::Integer(low, high), default: Default::Integer(default), sentence }
    }

    /// One of some words.
    pub const fn choice(
        name: &'static str,
        default: &'static str,
        words: &'static [&'static str],
        sentence: &'static str,
    ) -> Self {
        Self { name, kind: Kind::Name(words), default: Default::Text(default), sentence }
    }

    /// Any text.
    pub const fn text(name: &'static str, default: &'static str, sentence: &'static str) -> Self {
        Self { name, kind: Kind::Text, default: Default::Text(default), sentence }
    }

    /// The name or the index of something.
    pub const fn name_or_index(name: &'static str, default: &'static str, sentence: &'static str) -> Self {
        Self { name, kind: Kind::NameOrIndex, default: Default::Text(default), sentence }
    }

    /// The smallest and the largest value of something, which may be infinite.
    pub const fn range(name: &'static str, [low, high]: [f64; 2], sentence: &'static str) -> Self {
        Self { name, kind: Kind::Range, default: Default::Range(low, high), sentence }
    }

    /// The default as TOML.
    pub fn default_value(&self) -> toml::Value {
        match self.default {
            Default::Flag(flag) => flag.into(),
            Default::Integer(integer) => integer.into(),
            Default::Real(number) => number.into(),
            Default::Text(text) => text.into(),
            Default::Range(low, high) => vec![low, high].into(),
        }
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
    /// [`Error::Config`] with all mistakes at once, with the keys `env.<name>`.
    pub fn read(id: &str, options: &[EnvOption], given: &toml::Table) -> Result<Self, Error> {
        let mut values: toml::Table =
            options.iter().map(|option| (option.name.into(), option.default_value())).collect();
        let mut mistakes = Vec::new();
        for (name, value) in given {
            let checked = match options.iter().find(|option| option.name == name) {
                Some(option) => option.kind.check(value),
                None => Err(unknown(id, options, name)),
            };
            match checked {
                Ok(value) => drop(values.insert(name.clone(), value)),
                Err(message) => mistakes.push(Mistake { key: format!("env.{name}"), message }),
            }
        }
        if mistakes.is_empty() { Ok(Self(values)) } else { Err(Error::Config(mistakes)) }
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

    /// The smallest and the largest value of the range `name`.
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

/// The message about the option `name`, which is not one of `options`.
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
        EnvOption::flag("slippery", true, "Slips."),
        EnvOption::real("gravity", 9.8, Kind::ANY_NUMBER, "Pulls."),
        EnvOption::real("noise", 0.0, Kind::NON_NEGATIVE, "Shakes."),
        EnvOption::integer("size", 4, (2, 9), "Grows."),
        EnvOption::choice("map", "small", &["small", "large"], "Maps."),
        EnvOption::text("desc", "SG", "Draws."),
        EnvOption::range("height", [-1.0, f64::INFINITY], "Bounds."),
        EnvOption::name_or_index("body", "torso", "Names."),
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
    fn all_mistakes_come_at_once() {
        let given =
            "slipery = false\ngravity = nan\nnoise = -1\nsize = 10\nmap = 'huge'\ndesc = 1\nslippery = 1\nxyz = 0";
        let text = read(given).unwrap_err().to_string();
        let mut lines: Vec<_> = text.lines().collect();
        lines.sort_unstable();
        assert_eq!(
            lines,
            [
                "env.desc: expected a text in quotes, got the integer 1",
                "env.gravity: must be a finite number, but is nan",
                "env.map: must be one of \"small\", \"large\", but is \"huge\"",
                "env.noise: must be a number >= 0, but is -1",
                "env.size: must be an integer from 2 to 9, but is 10",
                "env.slipery: Ice-v0 has no such option, did you mean `slippery`?",
                "env.slippery: expected true or false, got the integer 1",
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
