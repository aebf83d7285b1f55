//! Branches: the inputs are cut into parts, each part goes through a network of its own or stays as it is, and the results are
//! joined. It is the first layer of a network whose observations have parts. The parameters are those of the branches, one
//! branch after the other.

use super::super::kernels::Matrix;
use super::super::{Network, Packed, Scratch, Tile};
use super::{Back, Initial, Layer, Purpose, Seen, Substitution, Tiles};
use crate::random::Stream;
use std::ops::Range;

/// Branches side by side.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Branches {
    branches: Vec<Branch>,
}

/// A part of the inputs, and what becomes of it.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Branch {
    pub inputs: Range<usize>,
    outputs: Range<usize>,
    parameters: Range<usize>,
    /// `None` if the part stays as it is.
    pub network: Option<Network>,
}

/// What a forward pass leaves of one branch: nothing, or the tile of its network.
type Left = Option<Tile>;

const IN_FRONT: &str = "branches come first, so nothing before them changes";

impl Branches {
    /// The branches of these networks, which read the inputs in order, so many each.
    pub(in super::super) fn new(networks: Vec<(usize, Option<Network>)>) -> Self {
        let (mut input, mut output, mut parameter) = (0, 0, 0);
        let branch = |(width, network): (usize, Option<Network>)| {
            let (wide, trained) = network.as_ref().map_or((width, 0), |own| (own.outputs(), own.parameters()));
            let (inputs, outputs) = (input..input + width, output..output + wide);
            let parameters = parameter..parameter + trained;
            (input, output, parameter) = (inputs.end, outputs.end, parameters.end);
            Branch { inputs, outputs, parameters, network }
        };
        Self { branches: networks.into_iter().map(branch).collect() }
    }

    pub(in super::super) fn branches(&self) -> &[Branch] {
        &self.branches
    }

    /// The branches that have a network, with it.
    pub(in super::super) fn networks(&self) -> impl Iterator<Item = (&Branch, &Network)> {
        self.branches.iter().filter_map(|branch| Some((branch, branch.network.as_ref()?)))
    }
}

impl Branch {
    /// Where its parameters are among those of all branches.
    pub(in super::super) fn parameters(&self) -> Range<usize> {
        self.parameters.clone()
    }

    fn copy_in(&self, rows: usize, from: &Matrix, to: &mut Matrix) {
        (0..rows).for_each(|row| to.row_mut(row).copy_from_slice(&from.row(row)[self.inputs.clone()]));
    }

    fn copy_out(&self, rows: usize, from: &Matrix, to: &mut Matrix) {
        (0..rows).for_each(|row| to.row_mut(row)[self.outputs.clone()].copy_from_slice(from.row(row)));
    }
}

impl Layer for Branches {
    /// One for each network.
    type Packed = Vec<Packed>;
    /// One for each branch.
    type Kept = Vec<Left>;
    /// One for each network.
    type Work = Vec<Scratch>;

    fn outputs(&self) -> usize {
        self.branches.last().map_or(0, |branch| branch.outputs.end)
    }

    fn parameters(&self) -> usize {
        self.branches.last().map_or(0, |branch| branch.parameters.end)
    }

    fn tiles(&self) -> Tiles {
        let of_layers = || self.networks().flat_map(|(_, network)| network.tiles());
        [Tiles::Few, Tiles::Many].into_iter().find(|tiles| of_layers().any(|own| own == *tiles)).unwrap_or(Tiles::Any)
    }

    fn initialize(&self, initial: Initial, theta: &mut [f64], rng: &mut Stream) {
        for (branch, network) in self.networks() {
            network.initialize(initial, &mut theta[branch.parameters()], rng);
        }
    }

    fn room(&self, purpose: Purpose) -> Vec<Packed> {
        self.networks().map(|(_, network)| network.room(purpose)).collect()
    }

    fn pack(&self, theta: &[f64], packed: &mut Vec<Packed>) {
        for ((branch, network), packed) in self.networks().zip(packed) {
            network.repack(&theta[branch.parameters()], packed);
        }
    }

    fn pack_tangent(&self, at: &Vec<Packed>, v: &[f64], tangent: &mut Vec<Packed>) {
        for (((branch, network), at), tangent) in self.networks().zip(at).zip(tangent) {
            network.pack_tangent(at, &v[branch.parameters()], tangent);
        }
    }

    fn kept(&self, capacity: usize, products: bool) -> Vec<Left> {
        let left = |branch: &Branch| branch.network.as_ref().map(|network| Tile::new(network, capacity, products));
        self.branches.iter().map(left).collect()
    }

    fn work(&self, rows: usize) -> Vec<Scratch> {
        self.networks().map(|(_, network)| Scratch::for_rows(network, rows)).collect()
    }

    fn forward(&self, packed: &Vec<Packed>, rows: usize, input: &Matrix, kept: &mut Vec<Left>, output: &mut Matrix) {
        let mut packed = packed.iter();
        for (branch, left) in self.branches.iter().zip(kept) {
            let (Some(network), Some(tile)) = (&branch.network, left) else {
                for row in 0..rows {
                    let slots = &mut output.row_mut(row)[branch.outputs.clone()];
                    slots.copy_from_slice(&input.row(row)[branch.inputs.clone()]);
                }
                continue;
            };
            tile.set_rows(rows);
            branch.copy_in(rows, input, &mut tile.inputs);
            network.forward(packed.next().expect("one for each network"), tile);
            branch.copy_out(rows, tile.outputs(), output);
        }
    }

    fn jvp(
        &self,
        seen: Seen<'_, Self>,
        tangent: &Vec<Packed>,
        moved: Option<&Matrix>,
        work: &mut Vec<Scratch>,
        output: &mut Matrix,
    ) {
        assert!(moved.is_none(), "{IN_FRONT}");
        let mut of_networks = seen.packed.iter().zip(tangent).zip(work);
        for (branch, left) in self.branches.iter().zip(seen.kept) {
            let (Some(network), Some(tile)) = (&branch.network, left) else {
                (0..seen.rows).for_each(|row| output.row_mut(row)[branch.outputs.clone()].fill(0.0));
                continue;
            };
            let ((packed, tangent), scratch) = of_networks.next().expect("one for each network");
            network.jvp(packed, tangent, tile, scratch);
            branch.copy_out(seen.rows, &scratch.outputs, output);
        }
    }

    fn pull_back(&self, seen: Seen<'_, Self>, work: &mut Vec<Scratch>, cotangent: &mut Matrix, back: Option<Back<'_>>) {
        assert!(back.is_none(), "{IN_FRONT}");
        let tiles = seen.kept.iter().flatten();
        for ((((branch, network), packed), tile), scratch) in self.networks().zip(seen.packed).zip(tiles).zip(work) {
            for row in 0..seen.rows {
                scratch.outputs.row_mut(row).copy_from_slice(&cotangent.row(row)[branch.outputs.clone()]);
            }
            network.back_propagate(packed, tile, scratch);
        }
    }

    fn accumulate(&self, seen: Seen<'_, Self>, work: &mut Vec<Scratch>, _: &Matrix, gradient: &mut [f64]) {
        let tiles = seen.kept.iter().flatten();
        for ((((branch, network), packed), tile), scratch) in self.networks().zip(seen.packed).zip(tiles).zip(work) {
            network.accumulate(packed, tile, scratch, &mut gradient[branch.parameters()]);
        }
    }

    fn row_gradient(&self, seen: Seen<'_, Self>, row: usize, work: &Vec<Scratch>, _: &Matrix, gradient: &mut [f64]) {
        let tiles = seen.kept.iter().flatten();
        for ((((branch, network), packed), tile), scratch) in self.networks().zip(seen.packed).zip(tiles).zip(work) {
            network.row_gradient(packed, tile, row, scratch, &mut gradient[branch.parameters()]);
        }
    }

    /// Networks of branches are rewritten. What stays as it is must be rewritten by the next layer.
    fn substitute_inputs(&self, theta: &mut [f64], relation: &[(f64, f64)]) -> Substitution {
        let mut left = vec![(1.0, 0.0); self.outputs()];
        for branch in &self.branches {
            let relation = &relation[branch.inputs.clone()];
            match &branch.network {
                Some(network) => network.substitute_inputs(&mut theta[branch.parameters()], relation),
                None => left[branch.outputs.clone()].copy_from_slice(relation),
            }
        }
        Substitution::Left(left)
    }
}
