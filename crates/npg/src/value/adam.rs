//! An MLP fitted by Adam (Kingma & Ba 2015) on minibatches of squared errors.

use crate::config;
use crate::network::kernels::{AdamStep, adam};
use crate::network::{Network, Packed, Scratch, Tile};
use crate::policy::Inputs;
use crate::random::Stream;
use crate::reduce::{self, Cut, Pool};

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// Adam's settings and state.
#[derive(Clone, Debug, PartialEq)]
pub struct Adam {
    epochs: usize,
    minibatch: usize,
    pub(crate) learning_rate: f64,
    /// First moments.
    pub(super) m: Vec<f64>,
    /// Second moments.
    pub(super) v: Vec<f64>,
    /// Steps taken.
    pub(super) t: u64,
}

impl Adam {
    pub(super) fn new(config: &config::Value, parameters: usize) -> Self {
        Self {
            epochs: config.epochs,
            minibatch: config.minibatch,
            learning_rate: config.learning_rate,
            m: vec![0.0; parameters],
            v: vec![0.0; parameters],
            t: 0,
        }
    }

    /// All epochs; returns the mean squared error over the last one, each minibatch before its step.
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
        let mut tiles: Vec<Tile> = Vec::new();
        let cut = |rows| Cut::new(rows, network.tile_rows());
        tiles.resize_with(cut(self.minibatch.min(targets.len())).tiles(), || {
            Tile::new(network, network.tile_rows(), true)
        });
        let scratch = Pool::default();
        let mut loss = 0.0;
        for _ in 0..self.epochs {
            rng.shuffle(&mut order);
            loss = 0.0;
            for minibatch in order.chunks(self.minibatch) {
                let count = cut(minibatch.len()).tiles();
                let sums = gradient((network, &packed, &scratch), &mut tiles[..count], minibatch, (inputs, targets));
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

/// Gradient of the minibatch's mean squared error, then the sum of squared errors.
fn gradient(
    (network, packed, scratch): (&Network, &Packed, &Pool<Scratch>),
    tiles: &mut [Tile],
    minibatch: &[usize],
    (inputs, targets): (Inputs<'_>, &[f64]),
) -> Vec<f64> {
    let cut = Cut::new(minibatch.len(), network.tile_rows());
    let parameters = network.parameters();
    let scale = 2.0 / minibatch.len() as f64;
    reduce::sum_mut(cut, tiles, parameters + 1, (scratch, || Scratch::new(network)), |scratch, index, tile, sum| {
        let rows = &minibatch[cut.rows(index)];
        tile.set_rows(rows.len());
        inputs.fill(rows.iter().copied(), &mut tile.inputs);
        network.forward(packed, tile);
        for (slot, &row) in rows.iter().enumerate() {
            let error = f64::from(tile.outputs().row(slot)[0]) - targets[row];
            scratch.outputs.row_mut(slot)[0] = (scale * error) as f32;
            sum[parameters] += error * error;
        }
        network.vjp(packed, tile, scratch, &mut sum[..parameters]);
    })
}
