//! Every policy family on a small random problem: the policy of the library, the oracle of the same policy, and states,
//! actions and advantages.

use crate::oracle::{Heads, LogStd, Oracle, Parts};
use npg::config::{self, ActivationName, Algorithm, Direction, NetworkKind, Solver, Std, StepRule};
use npg::env::{ActionRows, Image, Space, Spec};
use npg::network::kernels::Matrix;
use npg::network::{Entrance, Filters, Hidden, InputKind, Network};
use npg::policy::{Masks, Policy};
use npg::problem::{PolicySnapshot, SampledProblem, States, Surrogate};
use npg::random::{Purpose, Stream};
use npg::solve::SolverState;
use npg::update::Update;

/// The update of a policy from a sample. `last` is the solution of the update before, if there was one.
pub(crate) fn update(
    policy: &Policy,
    states: States<'_>,
    surrogate: Surrogate<'_>,
    algorithm: &Algorithm,
    kl_step: f64,
    last: Option<&[f64]>,
) -> Update {
    let problem = SampledProblem::new(policy, states, surrogate, algorithm.fisher_fraction);
    let mut state = SolverState { last_direction: last.map(<[f64]>::to_vec) };
    npg::update::update(&problem, algorithm, kl_step, &mut state)
}

/// A kind of policy.
#[derive(Clone)]
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) space: Space,
    pub(crate) config: config::Policy,
    /// Whether some values of the action are forbidden in some states.
    pub(crate) masked: bool,
    /// The parts of a state, if it has several.
    pub(crate) parts: Option<Parts>,
    /// The shape of a state, if it is an image: rows, columns, channels.
    pub(crate) image: Option<[usize; 3]>,
}

impl Family {
    fn observation(&self) -> Space {
        let Some([rows, columns, channels]) = self.image else { return Space::uniform_box(INPUTS, -1.0, 1.0) };
        Space::Image(Image { rows, columns, channels, is_channels_first: false, low: 0.0, high: 1.0 })
    }
}

/// The number of observations of every case that is not of images.
pub(crate) const INPUTS: usize = 3;

/// Every kind of action space, log std, network and activation.
pub(crate) fn families() -> Vec<Family> {
    let family = |name, space, hidden: &[usize], activation, std| Family {
        name,
        space,
        config: config::Policy {
            network: if hidden.is_empty() { NetworkKind::Linear } else { NetworkKind::Mlp },
            hidden: hidden.to_vec(),
            activation,
            std,
            output_gain: 1.0,
            log_std_init: -0.5,
            ..config::Policy::default()
        },
        masked: false,
        parts: None,
        image: None,
    };
    use ActivationName::{Gelu, Relu, Silu, Tanh};
    use Std::{Sde, StateDependent, StateIndependent};
    let reals = |n| Space::uniform_box(n, -1.0, 1.0);
    let mut rbf = family("gaussian, rbf", reals(1), &[], Tanh, StateIndependent);
    (rbf.config.network, rbf.config.rbf_features) = (NetworkKind::Rbf, 12);
    let normalized = |mut family: Family| {
        family.config.layer_norm = true;
        family
    };
    let masked = |family: Family| Family { masked: true, ..family };
    let observed = |family, layer| Family { parts: Some(Parts { count: 4, width: 2, layer }), ..family };
    let seen = |mut family: Family, convolutions: &[[usize; 3]]| {
        let filters = |&[channels, kernel, stride]: &[usize; 3]| Filters { channels, kernel, stride };
        family.config.network = NetworkKind::Cnn;
        family.config.convolutions = convolutions.iter().map(filters).collect();
        Family { image: Some([4, 5, 2]), ..family }
    };
    // The boxes come last, wherever they are.
    let parts = || {
        let inner = Space::Tuple(vec![Space::Discrete(3), reals(1), Space::MultiBinary(1)]);
        Space::Tuple(vec![reals(1), Space::Discrete(2), inner])
    };
    let choices = || Space::Parametrized(vec![reals(1), reals(0), reals(2)]);
    vec![
        family("categorical", Space::Discrete(4), &[5, 4], Tanh, StateIndependent),
        family("categorical, linear", Space::Discrete(3), &[], Tanh, StateIndependent),
        family("multi-discrete", Space::MultiDiscrete(vec![2, 3]), &[6], Gelu, StateIndependent),
        family("multi-binary", Space::MultiBinary(3), &[5], Silu, StateIndependent),
        family("multi-binary, linear", Space::MultiBinary(2), &[], Tanh, StateIndependent),
        family("gaussian", reals(2), &[5, 3], Tanh, StateIndependent),
        family("gaussian, linear", reals(2), &[], Tanh, StateIndependent),
        rbf,
        family("gaussian, state-dependent", reals(2), &[5], Relu, StateDependent),
        family("gaussian, sde", reals(2), &[4, 3], Tanh, Sde),
        family("gaussian, sde, linear", reals(1), &[], Tanh, Sde),
        normalized(family("categorical, layer norm", Space::Discrete(3), &[7, 5], Tanh, StateIndependent)),
        normalized(family("gaussian, sde, layer norm", reals(2), &[8], Silu, Sde)),
        masked(family("categorical, masked", Space::Discrete(5), &[6], Tanh, StateIndependent)),
        masked(family("multi-discrete, masked, linear", Space::MultiDiscrete(vec![3, 4]), &[], Tanh, StateIndependent)),
        family("parametrized", choices(), &[5], Tanh, StateIndependent),
        family("parametrized, state-dependent", choices(), &[6], Silu, StateDependent),
        masked(family("parametrized, masked, linear", choices(), &[], Tanh, StateIndependent)),
        family("tuple", parts(), &[5], Tanh, StateIndependent),
        family("tuple, state-dependent", parts(), &[], Tanh, StateDependent),
        masked(family("tuple, masked", parts(), &[6, 4], Tanh, StateIndependent)),
        masked(family("multi-binary, masked", Space::MultiBinary(3), &[5], Tanh, StateIndependent)),
        observed(family("categorical, embedded", Space::Discrete(3), &[5], Tanh, StateIndependent), None),
        observed(family("gaussian, linear, embedded", reals(2), &[], Tanh, StateIndependent), None),
        observed(family("gaussian, sde, parts", reals(2), &[4], Silu, Sde), Some(3)),
        observed(masked(family("multi-discrete, masked, parts", parts(), &[], Tanh, StateIndependent)), Some(2)),
        seen(family("categorical, image", Space::Discrete(3), &[6], Silu, StateIndependent), &[[4, 2, 1], [3, 2, 2]]),
        seen(family("gaussian, sde, image", reals(2), &[5], Tanh, Sde), &[[3, 3, 1]]),
        seen(
            masked(family("categorical, masked, image", Space::Discrete(4), &[4], Gelu, StateIndependent)),
            &[[2, 1, 3]],
        ),
        // Products with the few outputs of a wide layer have code of their own.
        family("categorical, wide", Space::Discrete(2), &[33], Silu, StateIndependent),
        family("gaussian, wide", reals(1), &[34], Tanh, StateIndependent),
        family("gaussian, sde, wide", reals(1), &[32], Gelu, Sde),
    ]
}

pub(crate) fn family(name: &str) -> Family {
    families().into_iter().find(|f| f.name == name).unwrap()
}

/// A policy with its oracle, and a batch.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) policy: Policy,
    pub(crate) oracle: Oracle,
    pub(crate) inputs: Matrix,
    pub(crate) masks: Option<Masks>,
    /// `inputs`, row by row, in f64.
    pub(crate) states: Vec<Vec<f64>>,
    pub(crate) actions: ActionRows,
    pub(crate) advantages: Vec<f64>,
    /// Positive weights with mean one.
    pub(crate) weights: Vec<f64>,
    /// As many weights, all of them one.
    pub(crate) ones: Vec<f64>,
}

/// The network of a policy whose states have parts.
fn of_parts(parts: Parts, config: &config::Policy, policy: &Policy) -> Network {
    let index = InputKind::Index { count: parts.count, width: parts.width };
    let kinds = vec![vec![InputKind::Numbers(1)], vec![index, InputKind::Numbers(1)]];
    let widths = parts.layer.into_iter().collect();
    let entrance = Entrance::Parts { parts: kinds, widths, convolutions: Vec::new() };
    let (activation, layer_norm) = (config.activation.into(), config.layer_norm);
    let hidden = Hidden { widths: &config.hidden[..], activation, layer_norm };
    let is_linear = config.network == NetworkKind::Linear;
    let hidden = if is_linear { Hidden { widths: &[], ..hidden } } else { hidden };
    Network::new(entrance, hidden, policy.distribution.layout(config))
}

/// `x`, rounded to f32.
pub(crate) fn single(x: f64) -> f64 {
    f64::from(x as f32)
}

pub(crate) fn spec(observation: Space, action: Space) -> Spec {
    Spec { id: "test".into(), observation, action, max_episode_steps: None, reward_threshold: None }
}

impl Case {
    /// A problem of `rows` states. Parameters and states are f32 numbers, so that the library and the oracle see the same
    /// ones.
    pub(crate) fn new(family: &Family, rows: usize, seed: u64) -> Self {
        let mut rng = Stream::new(seed, Purpose::Test, 0);
        let plain = config::Normalize { observations: false, ..config::Normalize::default() };
        let spec = spec(family.observation(), family.space.clone());
        let width = spec.observation.len();
        let mut policy = Policy::new(&family.config, &plain, &spec, seed);
        if let Some(parts) = family.parts {
            policy.network = of_parts(parts, &family.config, &policy);
            policy.theta = policy.network.initial(1.0, family.config.log_std_init, &mut rng);
        }
        policy.theta.iter_mut().for_each(|t| *t = single(*t + 0.3 * rng.normal()));
        let oracle = Oracle {
            inputs: width,
            parts: family.parts,
            image: family.image,
            convolutions: family.config.convolutions.iter().map(|f| [f.channels, f.kernel, f.stride]).collect(),
            features: policy.network.features().map(|f| f.constants()),
            hidden: if family.config.network.has_hidden() { family.config.hidden.clone() } else { Vec::new() },
            activation: family.config.activation,
            layer_norm: family.config.layer_norm,
            heads: heads(&family.space),
            log_std: match family.config.std {
                Std::StateIndependent => LogStd::Constant,
                Std::StateDependent => LogStd::Affine,
                Std::Sde => LogStd::Exploration,
            },
            masked: family.masked,
        };
        let number = |rng: &mut Stream, j| match family.parts {
            Some(parts) if j == 1 => rng.below(parts.count) as f64,
            _ => single(rng.normal()),
        };
        let state = |rng: &mut Stream| (0..width).map(|j| number(rng, j)).collect();
        let states: Vec<Vec<f64>> = (0..rows).map(|_| state(&mut rng)).collect();
        let inputs = matrix(&states);
        let mut actions = ActionRows::zeros(policy.distribution.width(), rows);
        let masks = masks(&policy, &oracle, &states);
        let at = PolicySnapshot::new(&policy, States { masks: masks.as_ref(), ..States::of(&inputs) }, 1.0);
        for row in 0..rows {
            policy.distribution.sample(at.outputs(row), &mut rng, actions.row_mut(row));
        }
        drop(at);
        // The advantages depend on the action, so there is something to learn besides the noise.
        let advantages = (0..rows).map(|row| rng.normal() + plain_action(&actions, row)[0]).collect();
        let raw: Vec<f64> = (0..rows).map(|_| rng.uniform(0.2, 2.0)).collect();
        let mean = raw.iter().sum::<f64>() / rows as f64;
        let weights = raw.iter().map(|w| w / mean).collect();
        let (name, ones) = (family.name, vec![1.0; rows]);
        Case { name, policy, oracle, inputs, masks, states, actions, advantages, weights, ones }
    }

    pub(crate) fn rows(&self) -> usize {
        self.states.len()
    }

    pub(crate) fn states(&self) -> States<'_> {
        States { masks: self.masks.as_ref(), ..States::of(&self.inputs) }
    }

    pub(crate) fn weighted(&self) -> States<'_> {
        States { weights: Some(&self.weights), ..self.states() }
    }

    pub(crate) fn surrogate(&self) -> Surrogate<'_> {
        Surrogate { actions: &self.actions, advantages: &self.advantages, entropy: 0.0, discounts: None }
    }

    /// The action of row `row` in the form that the oracle takes.
    pub(crate) fn action(&self, row: usize) -> Vec<f64> {
        plain_action(&self.actions, row)
    }

    pub(crate) fn rng(&self) -> Stream {
        Stream::new(77, Purpose::Test, self.rows() as u64)
    }

    /// A random direction in parameter space.
    pub(crate) fn direction(&self, rng: &mut Stream) -> Vec<f64> {
        self.policy.theta.iter().map(|_| rng.normal()).collect()
    }

    /// 1/2 d^T F d of a step to `theta`, computed by the oracle.
    pub(crate) fn quadratic_kl(&self, theta: &[f64], weights: &[f64]) -> f64 {
        let d: Vec<f64> = theta.iter().zip(&self.policy.theta).map(|(new, old)| new - old).collect();
        0.5 * self.oracle.fisher_norm(&self.policy.theta, &d, &self.states, weights)
    }
}

/// The heads of a space in which no part of classes comes after one of bits.
fn heads(space: &Space) -> Heads {
    let mut heads = Heads::default();
    for leaf in space.leaves() {
        match leaf {
            Space::Discrete(n) => heads.classes.push(*n),
            Space::MultiDiscrete(sizes) => heads.classes.extend(sizes),
            Space::MultiBinary(n) => heads.bits += n,
            Space::Box { low, .. } => heads.normals += low.len(),
            Space::Parametrized(boxes) => {
                heads.classes.push(boxes.len());
                heads.owners = boxes.iter().enumerate().flat_map(|(k, own)| vec![k; own.len()]).collect();
                heads.normals = heads.owners.len();
            }
            Space::Image(_) | Space::Tuple(_) | Space::Dict(_) => unreachable!("no action, or no leaf"),
        }
    }
    heads
}

fn masks(policy: &Policy, oracle: &Oracle, states: &[Vec<f64>]) -> Option<Masks> {
    let mut masks = Masks::new(policy, states.len());
    for (row, state) in states.iter().enumerate() {
        masks.row_mut(row).copy_from_slice(&oracle.mask(state)?);
    }
    Some(masks)
}

pub(crate) fn matrix(rows: &[Vec<f64>]) -> Matrix {
    let mut matrix = Matrix::zeros(rows.len(), rows[0].len());
    for (index, row) in rows.iter().enumerate() {
        matrix.row_mut(index).iter_mut().zip(row).for_each(|(slot, x)| *slot = *x as f32);
    }
    matrix
}

pub(crate) fn plain_action(actions: &ActionRows, row: usize) -> Vec<f64> {
    let action = actions.row(row);
    action.integers().iter().map(|x| *x as f64).chain(action.reals().iter().copied()).collect()
}

/// Natural gradients with a solver and a damping.
pub(crate) fn natural(solver: Solver, damping: f64) -> Algorithm {
    Algorithm {
        direction: Direction::Natural,
        step: StepRule::Kl,
        solver,
        damping,
        cg_iterations: 10,
        ..Algorithm::default()
    }
}

/// The vanilla direction with a KL budget.
pub(crate) fn vanilla() -> Algorithm {
    Algorithm { direction: Direction::Vanilla, step: StepRule::Kl, ..Algorithm::default() }
}
