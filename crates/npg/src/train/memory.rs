//! Checks whether the training of a configuration fits into memory. An allocation that fails ends the process, and if it
//! succeeds but is too large, the system ends it later. So the check comes first. It counts less than training really
//! takes, so no configuration that could run is refused.

use crate::config::{self, Config, Direction, NetworkKind, Solver, ValueKind};
use crate::env::Spec;
use crate::network::{Entrance, InputKind, TILE};
use crate::policy::{Distribution, Encoder, Policy, WIDE};
use crate::value::Baseline;
use crate::{Error, Mistake, Result};

/// The memory that is assumed if the system does not tell how much is free: 16 GiB.
const UNKNOWN: u64 = 16 << 30;

/// Bytes that training keeps for each parameter: parameters, gradient and the solver's or optimizer's vectors in f64.
const PARAMETER: u128 = 64;

/// # Errors
/// [`Error::Config`] with everything that does not fit, its size, and the free memory.
pub(super) fn check(config: &Config, spec: &Spec) -> Result<()> {
    let mistakes = mistakes(config, spec, available());
    if mistakes.is_empty() { Ok(()) } else { Err(Error::Config(mistakes)) }
}

/// The free memory must exceed the total by one part in this many, because not everything is counted.
const MARGIN: u128 = 4;

/// One part of training that may be too large.
struct Need {
    key: &'static str,
    bytes: u128,
    what: String,
    remedy: &'static str,
}

fn mistakes(config: &Config, spec: &Spec, available: u64) -> Vec<Mistake> {
    let needs = needs(config, spec);
    let total: u128 = needs.iter().map(|need| need.bytes).sum();
    let mut too_large: Vec<&Need> = needs.iter().filter(|need| need.bytes > available.into()).collect();
    if too_large.is_empty() && (total > available.into() || !can_be_had(total + total / MARGIN)) {
        too_large.extend(needs.iter().max_by_key(|need| need.bytes)); // the one to reduce first
    }
    let mistake = |Need { key, bytes, what, remedy }: &Need| {
        let free = gibibytes(available.into());
        let others = if *bytes > available.into() {
            String::new()
        } else {
            format!(", at least {} with everything else", gibibytes(total))
        };
        Mistake {
            key: (*key).into(),
            message: format!(
                "needs {} for {what}{others}, but only {free} of memory is free; {remedy}",
                gibibytes(*bytes)
            ),
        }
    };
    too_large.into_iter().map(mistake).collect()
}

/// Whether the system lets this process allocate that many bytes; it may have limits of its own. The memory is never touched.
fn can_be_had(bytes: u128) -> bool {
    usize::try_from(bytes).is_ok_and(|bytes| Vec::<u8>::new().try_reserve_exact(bytes).is_ok())
}

/// Everything large that training keeps: the policy, the batch, the environments, the solver and the baseline.
fn needs(config: &Config, spec: &Spec) -> Vec<Need> {
    let rollout = &config.rollout;
    let encoder = Encoder::new(&spec.observation, Policy::reading(&config.policy, None));
    let inputs = encoder.inputs() as u128;
    let rows = u128::from((rollout.batch_steps as u64).min(config.run.steps));
    let parameters = policy_parameters(config, spec, &encoder);
    let mut needs = vec![
        Need {
            key: "policy.hidden",
            bytes: PARAMETER * parameters,
            what: format!("{parameters} parameters"),
            remedy: "use narrower or fewer layers",
        },
        Need {
            key: "rollout.batch_steps",
            bytes: rows * (bytes_of_row(spec, &encoder) + 40),
            what: format!("a batch of {rows} rows of {inputs} numbers"),
            remedy: "use fewer steps per iteration",
        },
        Need {
            key: "rollout.n_envs",
            // The observations and their moments in f64, the network inputs in f32, and the tile that is being computed.
            bytes: 24 * spec.observation.len() as u128 * rollout.n_envs as u128
                + 4 * inputs * (rollout.n_envs + TILE) as u128,
            what: format!("observations of {inputs} numbers"),
            remedy: "use smaller observations, or fewer environments",
        },
    ];
    needs.extend(of_solver(&config.algorithm, rows, parameters - unread(&encoder, rows)));
    let critic = Encoder::new(&spec.observation, Baseline::reading(&config.value, None));
    needs.extend(of_baseline(&config.value, &critic));
    needs
}

/// The matrices that the solver of the natural direction forms, for this many states and parameters.
fn of_solver(algorithm: &config::Algorithm, rows: u128, parameters: u128) -> Option<Need> {
    if algorithm.direction != Direction::Natural {
        return None;
    }
    let key = "algorithm.solver";
    match algorithm.solver {
        Solver::Cholesky => Some(Need {
            key,
            bytes: 2 * 8 * parameters * parameters,
            what: format!("two matrices of {parameters} x {parameters} numbers, F and its factor"),
            remedy: "use algorithm.solver = \"cg\", which forms neither, or a smaller network",
        }),
        Solver::Woodbury => {
            let rows = (rows as f64 * algorithm.fisher_fraction) as u128;
            Some(Need {
                key,
                bytes: 8 * rows * (parameters + 2 * rows),
                what: format!("the scores, {rows} x {parameters} numbers, and two matrices of {rows} x {rows}"),
                remedy: "use algorithm.solver = \"cg\", which forms neither, or a smaller rollout.batch_steps or \
                         algorithm.fisher_fraction",
            })
        }
        Solver::Cg | Solver::Auto => None,
    }
}

/// The memory of the value baseline, which reads observations in this way.
fn of_baseline(value: &config::Value, encoder: &Encoder) -> Option<Need> {
    match value.kind {
        ValueKind::None => None,
        ValueKind::Linear => {
            let features = 2 * encoder.inputs() as u128 + crate::value::TIME_FEATURES as u128;
            Some(Need {
                key: "value.kind",
                bytes: 2 * 8 * features * features,
                what: format!("two matrices of {features} x {features} numbers"),
                remedy: "use another kind of baseline",
            })
        }
        ValueKind::MlpAdam | ValueKind::MlpGaussNewton => {
            let (first, inputs) = first_layers(encoder, &value.encoder);
            let parameters = first + network_parameters(inputs, &value.hidden, 1);
            Some(Need {
                key: "value.hidden",
                bytes: PARAMETER * parameters,
                what: format!("{parameters} parameters"),
                remedy: "use narrower or fewer layers",
            })
        }
    }
}

/// A lower bound on the bytes of an observation in a batch. In wide observations, a number may take only one byte.
fn bytes_of_row(spec: &Spec, encoder: &Encoder) -> u128 {
    let inputs = encoder.inputs();
    if inputs > WIDE || spec.observation.len() > WIDE { spec.observation.len() as u128 } else { 4 * inputs as u128 }
}

/// The number of the policy's parameters, without those of state-dependent exploration.
fn policy_parameters(config: &Config, spec: &Spec, encoder: &Encoder) -> u128 {
    let policy = &config.policy;
    let (first, inputs) = first_layers(encoder, &policy.encoder);
    let columns = Distribution::new(&spec.action, policy.head).layout(policy).affine;
    match policy.network {
        NetworkKind::Mlp | NetworkKind::NatureCnn | NetworkKind::Cnn => {
            first + network_parameters(inputs, &policy.hidden, columns as u128)
        }
        NetworkKind::Linear => first + network_parameters(inputs, &[], columns as u128),
        NetworkKind::Rbf => network_parameters(policy.rbf_features as u128, &[], columns as u128),
    }
}

/// The parameters in rows of embeddings that a batch of `rows` states cannot read. No solver sees them.
fn unread(encoder: &Encoder, rows: u128) -> u128 {
    let Entrance::Parts { parts, .. } = encoder.entrance(&[]) else { return 0 };
    let of_kind = |kind: InputKind| match kind {
        InputKind::Numbers(_) | InputKind::Image(_) => 0,
        InputKind::Index { count, width } => (count as u128).saturating_sub(rows) * width as u128,
    };
    parts.into_iter().flatten().map(of_kind).sum()
}

/// The number of parameters of embeddings, of convolutions and of the MLPs of parts, and how many numbers come out of them.
pub(super) fn first_layers(encoder: &Encoder, widths: &[usize]) -> (u128, u128) {
    let Entrance::Parts { parts, widths, convolutions } = encoder.entrance(widths) else {
        return (0, encoder.inputs() as u128);
    };
    let (mut parameters, mut outputs) = (0, 0);
    for part in parts {
        let mut inputs = 0;
        for kind in part {
            match kind {
                InputKind::Numbers(count) => inputs += count as u128,
                InputKind::Index { count, width } => {
                    inputs += width as u128;
                    parameters += count as u128 * width as u128;
                }
                InputKind::Image(mut grid) => {
                    for filters in &convolutions {
                        let patch = (filters.kernel * filters.kernel * grid.channels) as u128;
                        parameters += (patch + 1) * filters.channels as u128;
                        grid = filters.of(grid).unwrap_or(grid); // one that does not fit has been refused
                    }
                    inputs += grid.len() as u128;
                }
            }
        }
        if let Some((last, before)) = widths.split_last() {
            parameters += network_parameters(inputs, before, *last as u128);
            inputs = *last as u128;
        }
        outputs += inputs;
    }
    (parameters, outputs)
}

/// The number of weights and biases in fully connected layers.
fn network_parameters(inputs: u128, hidden: &[usize], outputs: u128) -> u128 {
    let ends = hidden.iter().map(|width| *width as u128).chain([outputs]);
    let layers = ends.scan(inputs, |before, width| Some((std::mem::replace(before, width) + 1) * width));
    layers.sum()
}

fn gibibytes(bytes: u128) -> String {
    format!("{:.1} GiB", bytes as f64 / (1u64 << 30) as f64)
}

/// The number of bytes that this process can still allocate: the memory that the system says is available, or the limit of
/// the process if that is less.
fn available() -> u64 {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let of_system = read("/proc/meminfo").and_then(|text| field(&text, "MemAvailable:"));
    let of_container = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .iter()
        .filter_map(|path| read(path)?.trim().parse().ok());
    of_container.chain(of_system.map(|kibibytes| kibibytes * 1024)).chain(address_space()).min().unwrap_or(UNKNOWN)
}

/// The number that follows `name` at the start of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
}

/// The limit of `ulimit -v`.
#[cfg(unix)]
fn address_space() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::As).current
}

#[cfg(not(unix))]
fn address_space() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::registry;

    /// The errors of some settings for CartPole-v1 with that much free memory.
    fn refused(settings: &str, available: u64) -> Vec<String> {
        let config = Config::from_toml("test", settings).unwrap();
        let spec = registry::make("CartPole-v1", &toml::Table::new()).unwrap().spec();
        mistakes(&config, &spec, available).into_iter().map(|p| format!("{}: {}", p.key, p.message)).collect()
    }

    #[test]
    fn matrices_that_do_not_fit_are_refused_with_their_size() {
        const FREE: u64 = 8 << 30;
        assert_eq!(
            refused("algorithm.solver = \"cholesky\"\npolicy.hidden = [256, 256]", FREE),
            [
                "algorithm.solver: needs 68.1 GiB for two matrices of 67586 x 67586 numbers, F and its factor, but only 8.0 GiB \
              of memory is free; use algorithm.solver = \"cg\", which forms neither, or a smaller network"
            ]
        );
        let message = &refused("algorithm.solver = \"woodbury\"\nrollout.batch_steps = 100000", FREE)[0];
        assert!(
            message.starts_with("algorithm.solver: needs 152.") && message.contains("100000 x 100000"),
            "{message}"
        );
        for (settings, key) in
            [("policy.hidden = [16384, 16384]", "policy.hidden: "), ("value.hidden = [16384, 16384]", "value.hidden: ")]
        {
            let message = &refused(settings, FREE)[0];
            assert!(message.starts_with(key), "{message}");
        }
        assert!(
            refused("rollout.batch_steps = 100000000\nrun.steps = 100000000", 1 << 30)[0]
                .starts_with("rollout.batch_steps: ")
        );
    }

    #[test]
    fn what_fits_part_by_part_and_not_together_is_refused() {
        let settings = "policy.hidden = [4096, 4096]\nvalue.hidden = [4096, 4096]";
        assert_eq!(refused(settings, 4 << 30), [""; 0]);
        let message = &refused(settings, 3 << 29)[0];
        assert!(
            message.contains("needs 1.0 GiB for") && message.contains(", at least 2.0 GiB with everything else"),
            "{message}"
        );
    }

    #[test]
    fn what_fits_or_is_never_formed_is_not_refused() {
        const FREE: u64 = 1 << 30;
        for settings in [
            "",
            "algorithm.solver = \"cholesky\"",
            "algorithm.solver = \"woodbury\"",
            "algorithm.solver = \"cg\"\npolicy.hidden = [256, 256]",
            "algorithm.direction = \"vanilla\"\nalgorithm.solver = \"cholesky\"\npolicy.hidden = [256, 256]",
            "algorithm.solver = \"woodbury\"\nrollout.batch_steps = 100000\nrun.steps = 1000",
            "value.kind = \"linear\"",
        ] {
            assert_eq!(refused(settings, FREE), [""; 0], "{settings}");
        }
        assert!(available() > 1 << 20);
    }
}
