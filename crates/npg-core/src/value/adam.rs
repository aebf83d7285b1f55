//! An MLP baseline, fitted by Adam (Kingma & Ba 2015) on minibatches of squared errors.
//!
//! One process owns such a fit and holds the whole batch. The fit consists of hundreds of small steps, each of which needs
//! the one before, and a minibatch has too few rows to be shared (docs/decisions/0002-overlapped-fit.md).

use crate::network::kernels::{AdamStep, adam};
use crate::network::{Kept, Network, Packed, Scratch, Tile, Tiling};
use crate::policy::Inputs;
use crate::random::Stream;
use crate::reduce::{Pool, Reducer};
use crate::settings;

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// The settings of Adam, and its state.
#[derive(Clone, Debug, PartialEq)]
pub struct Adam {
    epochs: usize,
    minibatch: usize,
    /// Step size, which a schedule may change.
    pub learning_rate: f64,
    /// First moments.
    pub(super) m: Vec<f64>,
    /// Second moments.
    pub(super) v: Vec<f64>,
    /// The number of steps taken.
    pub(super) t: u64,
}

impl Adam {
    pub(super) fn new(config: &settings::Value, parameters: usize) -> Self {
        Self {
            epochs: config.epochs,
            minibatch: config.minibatch,
            learning_rate: config.learning_rate,
            m: vec![0.0; parameters],
            v: vec![0.0; parameters],
            t: 0,
        }
    }

    /// The same for the `kept` parameters.
    pub(super) fn gathered(&self, kept: &Kept) -> Self {
        Self { m: kept.gather(&self.m), v: kept.gather(&self.v), ..*self }
    }

    /// Takes back what [`Adam::gathered`] gave.
    pub(super) fn scatter(&mut self, from: &Self, kept: &Kept) {
        kept.scatter(&from.m, &mut self.m);
        kept.scatter(&from.v, &mut self.v);
        self.t = from.t;
    }

    /// Runs all epochs. Returns the mean squared error over the last epoch, where each minibatch is measured before its step.
    pub(super) fn fit(
        &mut self,
        network: &Network,
        theta: &mut [f64],
        inputs: Inputs<'_>,
        targets: &[f64],
        rng: &mut Stream,
    ) -> f64 {
        let mut order: Vec<usize> = (0..targets.len()).collect();
        let mut packed = network.pack_with_transposes(theta);
        // Every minibatch is summed as a batch of its own. The last one may be shorter.
        let full = Minibatch::new(network, self.minibatch.min(targets.len()));
        let rest = Minibatch::new(network, targets.len() % self.minibatch);
        let mut loss = 0.0;
        for _ in 0..self.epochs {
            rng.shuffle(&mut order);
            loss = 0.0;
            for rows in order.chunks(self.minibatch) {
                let minibatch = if rows.len() == full.reducer.rows() { &full } else { &rest };
                let sums = minibatch.gradient(&packed, rows, inputs, targets);
                loss += sums[network.parameters()];
                self.step(theta, &sums[..network.parameters()]);
                network.repack(theta, &mut packed);
            }
        }
        loss / targets.len() as f64
    }

    fn step(&mut self, theta: &mut [f64], gradient: &[f64]) {
        self.t += 1;
        let step =
            AdamStep { learning_rate: self.learning_rate, beta1: BETA1, beta2: BETA2, epsilon: EPSILON, step: self.t };
        adam(theta, gradient, &mut self.m, &mut self.v, &step);
    }
}

/// Sums over minibatches with a fixed number of rows.
struct Minibatch<'a> {
    network: &'a Network,
    reducer: Reducer,
    tiling: Tiling,
    /// Working memory for a leaf.
    memory: Pool<(Tile, Scratch)>,
}

impl<'a> Minibatch<'a> {
    fn new(network: &'a Network, rows: usize) -> Self {
        let reducer = Reducer::of_rows(rows);
        Self { network, tiling: Tiling::new(network, &reducer), reducer, memory: Pool::default() }
    }

    /// The gradient of the mean squared error of `rows`, followed by the sum of squared errors.
    fn gradient(&self, packed: &Packed, rows: &[usize], inputs: Inputs<'_>, targets: &[f64]) -> Vec<f64> {
        let network = self.network;
        let parameters = network.parameters();
        let scale = 2.0 / rows.len() as f64;
        let add = |tile: &mut Tile, scratch: &mut Scratch, rows: &[usize], sum: &mut [f64]| {
            tile.set_rows(rows.len());
            inputs.fill(rows.iter().copied(), &mut tile.inputs);
            network.forward(packed, tile);
            for (slot, &row) in rows.iter().enumerate() {
                let error = f64::from(tile.outputs().row(slot)[0]) - targets[row];
                scratch.outputs.row_mut(slot)[0] = (scale * error) as f32;
                sum[parameters] += error * error;
            }
            network.vjp(packed, tile, scratch, &mut sum[..parameters]);
        };
        let make = || (Tile::new(network, network.tile_rows(), true), Scratch::new(network));
        self.reducer.sum(parameters + 1, |part, sum| {
            self.memory.with(make, |(tile, scratch)| {
                self.tiling.of_part(part).for_each(|index| add(tile, scratch, &rows[self.tiling.rows(index)], sum));
            });
        })
    }
}
