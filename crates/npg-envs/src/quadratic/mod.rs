//! Linear-quadratic worlds with one state as environments that sample. [`npg_exact::lqr`] and [`npg_exact::bandit`]
//! have their closed forms.
//!
//! States and actions are unbounded real numbers. So a linear network with a Gaussian is the policy of the closed forms,
//! [`AffineGaussian::of`](npg_exact::gaussian::AffineGaussian::of).

mod bandit;
mod lqr;

pub use bandit::BanditEnv;
pub use lqr::LqrEnv;

use super::EnvOption;
use super::entry::Entry;
use super::options::Values;
use crate::setting::Kind;
use npg_core::Error;
use npg_exact::bandit::Bandit;
use npg_exact::lqr::Lqr;

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
    EnvOption::real("a", DEFAULT.a, Kind::ANY_NUMBER, "Gain of the state: s' = a s + b u + w."),
    EnvOption::real("b", DEFAULT.b, Kind::ANY_NUMBER, "Gain of the action u."),
    EnvOption::real("q", DEFAULT.q, Kind::NON_NEGATIVE, "Cost of the state: the reward is -(q s^2 + r u^2) / 2."),
    EnvOption::real("r", DEFAULT.r, Kind::NON_NEGATIVE, "Cost of the action."),
    EnvOption::real("noise", DEFAULT.noise, Kind::NON_NEGATIVE, "Variance of the noise w."),
    EnvOption::real("start_mean", DEFAULT.start_mean, Kind::ANY_NUMBER, "Mean of the first state."),
    EnvOption::real("start_var", DEFAULT.start_var, Kind::NON_NEGATIVE, "Variance of the first state."),
    EnvOption::integer("horizon", 100, (1, 100_000), "Time limit in steps."),
];

const BANDIT: &[EnvOption] = &[
    EnvOption::real("target_gain", 1.0, Kind::ANY_NUMBER, "Slope of the target in the state."),
    EnvOption::real("target_bias", -0.5, Kind::ANY_NUMBER, "The target in state 0."),
    EnvOption::real("q", 1.0, Kind::NON_NEGATIVE, "Cost of the squared distance from the target."),
    EnvOption::real("r", 0.25, Kind::NON_NEGATIVE, "Cost of the squared action."),
    EnvOption::real("mean", 0.5, Kind::ANY_NUMBER, "Mean of the state."),
    EnvOption::real("var", 1.0, Kind::NON_NEGATIVE, "Variance of the state."),
];

/// The regulator that `LQR-v0` with these options samples. The discount `gamma` belongs to the run.
///
/// # Errors
/// [`Error::Config`] with every option that is unknown, of a wrong type or out of range, and for an invalid discount.
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
