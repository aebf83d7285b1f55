//! State-value baselines V(s), which are subtracted from returns to get advantages. They are fitted to value targets after
//! each batch.

mod adam;
mod gauss_newton;
mod linear;

pub use adam::Adam;
pub use gauss_newton::GaussNewton;
pub use linear::{LinearBaseline, TIME_FEATURES};

use crate::network::{Entrance, Hidden, Kept, Network, Outputs, TILE, Tile};
use crate::policy::{Inputs, Reading};
use crate::random::{Purpose, Stream};
use crate::reduce::{Pool, Reducer};
use crate::settings::{self, ValueKind};
use rayon::prelude::*;

/// States, as baselines see them: the network inputs and the step within the episode.
#[derive(Clone, Copy, Debug)]
pub struct Visited<'a> {
    /// One row for each state.
    pub inputs: Inputs<'a>,
    /// One number for each state.
    pub steps: &'a [u32],
}

/// The result of a fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// The mean squared error after the fit, in squared scaled rewards. For Adam it is the error over the last epoch, where
    /// each minibatch is measured before its step.
    pub loss: f64,
    /// False if the fit was refused because something was not finite. The baseline is then unchanged.
    pub accepted: bool,
}

/// A value baseline.
#[derive(Clone, Debug, PartialEq)]
pub enum Baseline {
    /// An MLP and its optimizer.
    Mlp(Box<MlpBaseline>),
    /// Ridge regression on features of observation and time.
    Linear(LinearBaseline),
    /// Zero everywhere.
    None,
}

/// An MLP with one output, and its optimizer.
#[derive(Clone, Debug, PartialEq)]
pub struct MlpBaseline {
    /// The layers of the network, without their parameters.
    pub network: Network,
    /// The parameters of the network.
    pub theta: Vec<f64>,
    /// The optimizer that fits it.
    pub optimizer: Optimizer,
}

/// The optimizer of an MLP baseline, with its state.
#[derive(Clone, Debug, PartialEq)]
pub enum Optimizer {
    /// Adam on minibatches.
    Adam(Adam),
    /// Damped Gauss-Newton on the whole batch.
    GaussNewton(GaussNewton),
}

impl Baseline {
    /// What a baseline of this configuration reads of an observation. Ridge regression needs one-hot vectors.
    pub fn reading(config: &settings::Value, clip: Option<f64>) -> Reading<'_> {
        let is_mlp = matches!(config.kind, ValueKind::MlpAdam | ValueKind::MlpGaussNewton);
        let embedding = if is_mlp { config.embedding } else { 0 };
        let convolutions = if is_mlp && config.network.is_convolutional() { &config.convolutions[..] } else { &[] };
        Reading { keys: &config.keys, embedding, convolutions, clip }
    }

    /// A new baseline for these inputs. The initial parameters are drawn from the seed.
    pub fn new(config: &settings::Value, entrance: impl Into<Entrance>, seed: u64) -> Self {
        let entrance = entrance.into();
        let optimizer = match config.kind {
            ValueKind::None => return Baseline::None,
            ValueKind::Linear => return Baseline::Linear(LinearBaseline::new(entrance.inputs(), config.ridge)),
            ValueKind::MlpAdam | ValueKind::MlpGaussNewton => config.kind,
        };
        let (activation, layer_norm) = (config.activation.into(), config.layer_norm);
        let hidden = Hidden { widths: &config.hidden, activation, layer_norm };
        let outputs = Outputs { affine: 1, ..Outputs::default() };
        let network = Network::new(entrance, hidden, outputs);
        let theta = network.initial(1.0, 0.0, &mut Stream::new(seed, Purpose::ValueInit, 0));
        let optimizer = match optimizer {
            ValueKind::MlpGaussNewton => Optimizer::GaussNewton(GaussNewton::new(config)),
            _ => Optimizer::Adam(Adam::new(config, network.parameters())),
        };
        Baseline::Mlp(Box::new(MlpBaseline { network, theta, optimizer }))
    }

    /// The value of each state.
    pub fn predict(&self, states: Visited<'_>) -> Vec<f64> {
        match self {
            Baseline::None => vec![0.0; states.inputs.rows()],
            Baseline::Linear(linear) => linear.predict(states),
            Baseline::Mlp(mlp) => mlp.predict(states.inputs),
        }
    }

    /// Replaces V by factor * V + shift. [`Baseline::None`] stays zero.
    pub fn transform(&mut self, factor: f64, shift: f64) {
        match self {
            Baseline::None => {}
            Baseline::Linear(linear) => linear.transform(factor, shift),
            Baseline::Mlp(mlp) => mlp.network.transform_output(&mut mlp.theta, factor, shift),
        }
    }

    /// Rewrites V for other inputs; see [`Network::substitute_inputs`].
    pub fn substitute_inputs(&mut self, relation: &[(f64, f64)]) {
        match self {
            Baseline::None => {}
            Baseline::Linear(linear) => linear.substitute_inputs(relation),
            Baseline::Mlp(mlp) => mlp.network.substitute_inputs(&mut mlp.theta, relation),
        }
    }

    /// Fits V to `targets`, one for each state; sums over them are taken by `reducer`. `rng` shuffles the minibatches. A fit
    /// with a result that is not finite is undone, and is not `accepted`.
    pub fn fit(&mut self, reducer: &Reducer, states: Visited<'_>, targets: &[f64], rng: &mut Stream) -> Fit {
        match self {
            Baseline::None => Fit { loss: reducer.mean_of(|row| targets[row] * targets[row]), accepted: true },
            Baseline::Linear(linear) => linear.fit(reducer, states, targets),
            Baseline::Mlp(mlp) => match states.inputs.compacted(&mlp.network, reducer) {
                None => {
                    let mut fitted = mlp.as_ref().clone();
                    let fit = fitted.fit(reducer, states, targets, rng);
                    if fit.accepted {
                        **mlp = fitted;
                    }
                    fit
                }
                // Rows of embeddings that the batch does not read stay as they are, and so do their moments in Adam.
                Some((network, kept)) => {
                    let mut fitted = mlp.gathered(network, &kept);
                    let fit = fitted.fit(reducer, states, targets, rng);
                    if fit.accepted {
                        mlp.scatter(fitted, &kept);
                    }
                    fit
                }
            },
        }
    }

    /// Everything that a fit changes, by name: parameters and the optimizer's state. A checkpoint saves and restores it.
    pub fn state(&mut self) -> Vec<(&'static str, BaselineState<'_>)> {
        use BaselineState::{Count, Numbers};
        match self {
            Baseline::None => Vec::new(),
            Baseline::Linear(linear) => vec![("weights", Numbers(&mut linear.weights))],
            Baseline::Mlp(mlp) => {
                let MlpBaseline { theta, optimizer, .. } = mlp.as_mut();
                let mut state = vec![("theta", Numbers(theta))];
                match optimizer {
                    Optimizer::Adam(adam) => {
                        state.extend([("adam_m", Numbers(&mut adam.m)), ("adam_v", Numbers(&mut adam.v))]);
                        state.push(("adam_t", Count(&mut adam.t)));
                    }
                    Optimizer::GaussNewton(newton) => {
                        state.push(("damping", Numbers(std::slice::from_mut(&mut newton.damping))));
                    }
                }
                state
            }
        }
    }
}

impl MlpBaseline {
    fn predict(&self, inputs: Inputs<'_>) -> Vec<f64> {
        let Self { network, theta, .. } = self;
        match inputs.compacted(network, &Reducer::of_rows(inputs.rows())) {
            Some((network, kept)) => predict(&network, &kept.gather(theta), inputs),
            None => predict(network, theta, inputs),
        }
    }

    /// Fits the network, whatever comes of it.
    fn fit(&mut self, reducer: &Reducer, states: Visited<'_>, targets: &[f64], rng: &mut Stream) -> Fit {
        let Self { network, theta, optimizer } = self;
        let loss = match optimizer {
            Optimizer::Adam(adam) => adam.fit(network, theta, states.inputs, targets, rng),
            Optimizer::GaussNewton(newton) => newton.fit(reducer, (network, theta), states.inputs, targets),
        };
        Fit { loss, accepted: loss.is_finite() && theta.iter().all(|t| t.is_finite()) }
    }

    /// The same with a smaller network, to which the `kept` parameters belong.
    fn gathered(&self, network: Network, kept: &Kept) -> Self {
        let optimizer = match &self.optimizer {
            Optimizer::Adam(adam) => Optimizer::Adam(adam.gathered(kept)),
            newton @ Optimizer::GaussNewton(_) => newton.clone(),
        };
        Self { network, theta: kept.gather(&self.theta), optimizer }
    }

    /// Takes back what [`MlpBaseline::gathered`] gave.
    fn scatter(&mut self, from: Self, kept: &Kept) {
        kept.scatter(&from.theta, &mut self.theta);
        match (&mut self.optimizer, from.optimizer) {
            (Optimizer::Adam(adam), Optimizer::Adam(from)) => adam.scatter(&from, kept),
            (own, from) => *own = from,
        }
    }
}

/// A part of a baseline's state.
#[derive(Debug)]
pub enum BaselineState<'a> {
    /// Finite numbers.
    Numbers(&'a mut [f64]),
    /// A count that goes on growing.
    Count(&'a mut u64),
}

/// The fraction of the variance of `targets` that `predictions` explain, 1 - Var(y - p) / Var(y). It is 1 for perfect
/// predictions, 0 for a constant, and negative for worse ones. It is NaN if the targets do not vary or if there are fewer
/// than two.
pub fn explained_variance(reducer: &Reducer, predictions: &[f64], targets: &[f64]) -> f64 {
    let moments = reducer.moments(|row| [targets[row], targets[row] - predictions[row]]);
    if moments.count < 2.0 || moments.squares[0] == 0.0 {
        return f64::NAN;
    }
    1.0 - moments.squares[1] / moments.squares[0]
}

/// The network's only output for every row of `inputs`.
fn predict(network: &Network, theta: &[f64], inputs: Inputs<'_>) -> Vec<f64> {
    let packed = network.pack(theta);
    let rows = inputs.rows();
    let mut values = vec![0.0; rows];
    let size = network.tile_rows();
    let tiles = Pool::default();
    values.par_chunks_mut(size).enumerate().with_min_len(4 * TILE / size).for_each(|(index, values)| {
        tiles.with(
            || Tile::new(network, size, false),
            |tile| {
                tile.set_rows(values.len());
                inputs.fill((0..values.len()).map(|slot| index * size + slot), &mut tile.inputs);
                network.forward(&packed, tile);
                values.iter_mut().enumerate().for_each(|(slot, v)| *v = f64::from(tile.outputs().row(slot)[0]));
            },
        );
    });
    values
}

#[cfg(test)]
mod tests;
