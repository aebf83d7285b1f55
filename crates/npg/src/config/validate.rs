//! Checks of a whole configuration: the range of every key, and the requirements between keys.

use super::{Config, Direction, Estimator, HeadName, KEYS, Solver, Std, ValueKind};
use crate::Mistake;

/// A conflict between keys: all keys involved, the one to change first in front, and the message.
struct Clash {
    keys: &'static [&'static str],
    message: String,
}

impl Config {
    /// All mistakes in the configuration; empty if it can be used.
    ///
    /// [`super::Layers`] checks this already. Use it for configurations that were made in code.
    pub fn validate(&self) -> Vec<Mistake> {
        let ranges = KEYS.iter().filter_map(|key| {
            let message = key.kind.check(&key.get(self)).err()?;
            Some(Mistake { key: key.path.into(), message })
        });
        let mut mistakes: Vec<Mistake> = ranges.collect();
        mistakes.extend(clashes(self, &mistakes));
        mistakes
    }
}

/// The conflicts between keys, except for keys that already have another mistake.
pub(super) fn clashes(config: &Config, known: &[Mistake]) -> Vec<Mistake> {
    let is_known = |key: &&str| known.iter().any(|mistake| mistake.key == *key);
    let fresh = all_clashes(config).into_iter().filter(|clash| !clash.keys.iter().any(is_known));
    fresh.map(|clash| Mistake { key: clash.keys[0].into(), message: clash.message }).collect()
}

fn all_clashes(config: &Config) -> Vec<Clash> {
    let mut clashes = Vec::new();
    of_the_update(config, &mut clashes);
    of_the_networks(config, &mut clashes);
    clashes
}

/// Notes a conflict between `keys` unless `holds`.
fn demand(clashes: &mut Vec<Clash>, holds: bool, keys: &'static [&'static str], message: &dyn Fn() -> String) {
    if !holds {
        clashes.push(Clash { keys, message: message() });
    }
}

/// The conflicts between the keys of sampling, advantages and the update.
fn of_the_update(config: &Config, clashes: &mut Vec<Clash>) {
    let Config { algorithm, rollout, advantage, value, .. } = config;
    let mut demand = |holds, keys, message: &dyn Fn() -> String| demand(clashes, holds, keys, message);
    demand(rollout.batch_steps >= rollout.n_envs, &["rollout.batch_steps", "rollout.n_envs"], &|| {
        format!(
            "must be at least rollout.n_envs = {}, but is {}: every environment takes a step in an iteration",
            rollout.n_envs, rollout.batch_steps
        )
    });
    let natural = algorithm.direction == Direction::Natural;
    demand(
        !(natural && algorithm.solver == Solver::Woodbury && algorithm.damping == 0.0),
        &["algorithm.damping", "algorithm.solver", "algorithm.direction"],
        &|| {
            "must be above 0 with solver = \"woodbury\": the empirical Fisher of N samples has rank N at most, \
             and the identity divides by the damping"
                .into()
        },
    );
    demand(
        algorithm.momentum == 0.0 || (natural && algorithm.damping > 0.0),
        &["algorithm.momentum", "algorithm.damping", "algorithm.direction"],
        &|| {
            "does nothing without damping or with direction = \"vanilla\": it enters as damping times momentum times the \
             last direction"
                .into()
        },
    );
    demand(
        !(value.kind == ValueKind::None && advantage.estimator == Estimator::Gae && advantage.lambda < 1.0),
        &["advantage.lambda", "value.kind", "advantage.estimator"],
        &|| {
            format!(
                "must be 1 with value.kind = \"none\", but is {}: without a baseline lambda only discounts rewards \
                 a second time (or take advantage.estimator = \"monte-carlo\")",
                advantage.lambda
            )
        },
    );
}

/// The conflicts between the keys of the policy's and the baseline's networks.
fn of_the_networks(config: &Config, clashes: &mut Vec<Clash>) {
    let Config { policy, value, .. } = config;
    let mut demand = |holds, keys, message: &dyn Fn() -> String| demand(clashes, holds, keys, message);
    demand(!(policy.network.has_hidden() && policy.hidden.is_empty()), &["policy.hidden", "policy.network"], &|| {
        "has no layers; for a policy without hidden layers take policy.network = \"linear\"".into()
    });
    demand(
        policy.head != HeadName::Beta || policy.std == Std::StateIndependent,
        &["policy.std", "policy.head"],
        &|| "needs policy.head = \"gaussian\" or \"squashed\": a Beta distribution has no log std".into(),
    );
    demand(!policy.layer_norm || policy.network.has_hidden(), &["policy.layer_norm", "policy.network"], &|| {
        format!("needs hidden layers, and a policy with policy.network = \"{}\" has none", policy.network.name())
    });
    demand(policy.encoder.is_empty() || policy.network.has_hidden(), &["policy.encoder", "policy.network"], &|| {
        let name = policy.network.name();
        format!("needs hidden layers: a policy with policy.network = \"{name}\" reads observations as they are")
    });
    for (network, convolutions, keys) in [
        (policy.network, &policy.convolutions, &["policy.convolutions", "policy.network"]),
        (value.network, &value.convolutions, &["value.convolutions", "value.network"]),
    ] {
        demand(!(network.is_convolutional() && convolutions.is_empty()), keys, &|| {
            format!("has no layers; without convolutions take {} = \"mlp\"", keys[1])
        });
    }
    let is_mlp = matches!(value.kind, ValueKind::MlpAdam | ValueKind::MlpGaussNewton);
    demand(value.encoder.is_empty() || is_mlp, &["value.encoder", "value.kind"], &|| {
        "needs a baseline with layers: value.kind = \"mlp-adam\" or \"mlp-gauss-newton\"".into()
    });
    let has_hidden = is_mlp && !value.hidden.is_empty();
    demand(!value.layer_norm || has_hidden, &["value.layer_norm", "value.kind", "value.hidden"], &|| {
        "needs a baseline with hidden layers: value.kind = \"mlp-adam\" or \"mlp-gauss-newton\" and value.hidden not \
         empty"
            .into()
    });
}

#[cfg(test)]
mod tests {
    use super::super::NetworkKind;
    use super::*;

    fn keys(config: &Config) -> Vec<String> {
        config.validate().into_iter().map(|mistake| mistake.key).collect()
    }

    #[test]
    fn momentum_that_does_nothing_is_refused() {
        let mut config = Config::default();
        config.algorithm.momentum = 0.9;
        assert_eq!(config.validate(), []);
        config.algorithm.damping = 0.0;
        assert_eq!(keys(&config), ["algorithm.momentum"]);
        config.algorithm.damping = 0.1;
        config.algorithm.direction = Direction::Vanilla;
        assert_eq!(keys(&config), ["algorithm.momentum"]);
    }

    #[test]
    fn layer_normalization_without_hidden_layers_is_refused() {
        let mut config = Config::default();
        (config.policy.layer_norm, config.value.layer_norm) = (true, true);
        assert_eq!(config.validate(), []);
        config.policy.network = NetworkKind::Rbf;
        config.value.hidden.clear();
        assert_eq!(keys(&config), ["policy.layer_norm", "value.layer_norm"]);
        config.policy.layer_norm = false;
        config.value = super::super::Value { kind: ValueKind::Linear, ..Config::default().value };
        assert_eq!(keys(&config), [""; 0]);
        config.value.layer_norm = true;
        assert_eq!(keys(&config), ["value.layer_norm"]);
    }

    #[test]
    fn encoders_need_layers() {
        let mut config = Config::default();
        (config.policy.encoder, config.value.encoder) = (vec![8], vec![8]);
        assert_eq!(config.validate(), []);
        (config.policy.network, config.value.kind) = (NetworkKind::Linear, ValueKind::Linear);
        assert_eq!(keys(&config), ["policy.encoder", "value.encoder"]);
    }

    #[test]
    fn the_default_is_valid() {
        assert_eq!(Config::default().validate(), []);
    }

    #[test]
    fn keys_demand_things_of_each_other() {
        let mut config = Config::default();
        config.rollout.n_envs = 4096;
        config.algorithm.solver = Solver::Woodbury;
        config.algorithm.damping = 0.0;
        config.value.kind = ValueKind::None;
        config.policy.hidden.clear();
        let expected = ["rollout.batch_steps", "algorithm.damping", "advantage.lambda", "policy.hidden"];
        assert_eq!(keys(&config), expected);
        config.algorithm.direction = Direction::Vanilla; // there is no solve, so damping does not matter
        config.advantage.estimator = Estimator::MonteCarlo;
        config.policy.network = NetworkKind::Linear;
        assert_eq!(keys(&config), ["rollout.batch_steps"]);
    }

    #[test]
    fn a_key_out_of_range_is_reported_once() {
        let mut config = Config::default();
        config.rollout.batch_steps = 0;
        config.algorithm.kl_step = f64::NAN;
        config.run.seed = u64::MAX;
        assert_eq!(keys(&config), ["algorithm.kl_step", "rollout.batch_steps", "run.seed"]);
    }
}
