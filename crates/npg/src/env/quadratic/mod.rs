//! Linear-quadratic worlds with one state, sampled: what [`crate::exact::lqr`] and [`crate::exact::bandit`] have in closed
//! form.
//!
//! States and actions are unbounded reals, so a linear network with a Gaussian is the policy of the closed forms,
//! [`AffineGaussian::of`](crate::exact::gaussian::AffineGaussian::of).

mod bandit;
mod lqr;

pub use bandit::BanditEnv;
pub use lqr::LqrEnv;

use super::options::Values;
use super::registry::Entry;
use super::{EnvOption, Kind};
use crate::error::Error;
use crate::exact::bandit::Bandit;
use crate::exact::lqr::Lqr;

/// The environments of this family.
pub(super) static ENTRIES: &[Entry] = &[
    Entry {
        id: "LQR-v0",
        sentence: "Regulate one state with linear dynamics to 0, at a quadratic cost.",
        options: LQR,
        build: |options| {
            let (lqr, horizon) = (lqr_of(options, 0.0), options.integer("horizon") as u32); // in range by its kind
            Ok(Box::new(move || LqrEnv::new(lqr, horizon)))
        },
        table: None,
    },
    Entry {
        id: "Bandit-v0",
        sentence: "Take one action near a target that depends on the state, at a quadratic cost.",
        options: BANDIT,
        build: |options| {
            let bandit = bandit_of(options);
            Ok(Box::new(move || BanditEnv::new(bandit)))
        },
        table: None,
    },
];

const DEFAULT: Lqr = Lqr::unique_optimum();

const LQR: &[EnvOption] = &[
    EnvOption { name: "a", kind: Kind::real(DEFAULT.a), sentence: "Gain of the state: s' = a s + b u + w." },
    EnvOption { name: "b", kind: Kind::real(DEFAULT.b), sentence: "Gain of the action u." },
    EnvOption {
        name: "q",
        kind: positive(DEFAULT.q),
        sentence: "Cost of the state: the reward is -(q s^2 + r u^2) / 2.",
    },
    EnvOption { name: "r", kind: positive(DEFAULT.r), sentence: "Cost of the action." },
    EnvOption { name: "noise", kind: positive(DEFAULT.noise), sentence: "Variance of the noise w." },
    EnvOption { name: "start_mean", kind: Kind::real(DEFAULT.start_mean), sentence: "Mean of the first state." },
    EnvOption { name: "start_var", kind: positive(DEFAULT.start_var), sentence: "Variance of the first state." },
    EnvOption {
        name: "horizon",
        kind: Kind::Integer { default: 100, low: 1, high: 100_000 },
        sentence: "Time limit in steps.",
    },
];

const BANDIT: &[EnvOption] = &[
    EnvOption { name: "target_gain", kind: Kind::real(1.0), sentence: "Slope of the target in the state." },
    EnvOption { name: "target_bias", kind: Kind::real(-0.5), sentence: "The target in state 0." },
    EnvOption { name: "q", kind: positive(1.0), sentence: "Cost of the squared distance from the target." },
    EnvOption { name: "r", kind: positive(0.25), sentence: "Cost of the squared action." },
    EnvOption { name: "mean", kind: Kind::real(0.5), sentence: "Mean of the state." },
    EnvOption { name: "var", kind: positive(1.0), sentence: "Variance of the state." },
];

/// A real number of at least 0.
const fn positive(default: f64) -> Kind {
    Kind::Real { default, low: 0.0, high: f64::INFINITY }
}

/// The regulator that `LQR-v0` with these options samples, with discount `gamma`, which belongs to the run.
///
/// # Errors
/// [`Error::Config`] with every option that is unknown, of a wrong type or out of range, and a discount that is none.
pub fn lqr(options: &toml::Table, gamma: f64) -> Result<Lqr, Error> {
    let lqr = lqr_of(&Values::read("LQR-v0", LQR, options)?, gamma);
    lqr.validate()?;
    Ok(lqr)
}

/// The bandit that `Bandit-v0` with these options samples.
///
/// # Errors
/// [`Error::Config`] with every option that is unknown, of a wrong type or out of range.
pub fn bandit(options: &toml::Table) -> Result<Bandit, Error> {
    Ok(bandit_of(&Values::read("Bandit-v0", BANDIT, options)?))
}

fn lqr_of(options: &Values, gamma: f64) -> Lqr {
    let [a, b, q, r] = ["a", "b", "q", "r"].map(|name| options.real(name));
    let [noise, start_mean, start_var] = ["noise", "start_mean", "start_var"].map(|name| options.real(name));
    Lqr { a, b, q, r, gamma, noise, start_mean, start_var }
}

fn bandit_of(options: &Values) -> Bandit {
    let [target_gain, target_bias] = ["target_gain", "target_bias"].map(|name| options.real(name));
    let [q, r, mean, var] = ["q", "r", "mean", "var"].map(|name| options.real(name));
    Bandit { target_gain, target_bias, q, r, mean, var }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_the_exact_worlds() {
        let none = toml::Table::new();
        assert_eq!(lqr(&none, 0.9).unwrap(), Lqr::unique_optimum());
        assert_eq!(bandit(&none).unwrap(), Bandit::default());
        assert!(lqr(&none, 1.0).unwrap_err().to_string().starts_with("lqr.gamma: is 1"));
        assert!(lqr(&"q = -1".parse().unwrap(), 0.9).unwrap_err().to_string().starts_with("env.q: "));
    }
}
