//! A network with only those rows of its embeddings that a batch reads. All other rows have no part in the batch: their gradient
//! is 0, and so are their rows and columns of F. What is computed without them is exact, and costs nothing for them. They stay as
//! they are in an update and in a fit, whatever momentum they have.

use super::Network;
use super::layers::{AnyLayer, Branches, Embedding};
use std::ops::Range;

/// Which parameters of a network are also parameters of a smaller one.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// In the order of the flat vector.
    ranges: Vec<Range<usize>>,
}

impl Kept {
    /// The kept ones of all parameters, or of a vector like them.
    pub fn gather(&self, all: &[f64]) -> Vec<f64> {
        self.ranges.iter().flat_map(|range| &all[range.clone()]).copied().collect()
    }

    /// Writes the kept ones back.
    pub fn scatter(&self, mut kept: &[f64], all: &mut [f64]) {
        for range in &self.ranges {
            let (own, rest) = kept.split_at(range.len());
            all[range.clone()].copy_from_slice(own);
            kept = rest;
        }
    }

    fn len(&self) -> usize {
        self.ranges.iter().map(Range::len).sum()
    }

    fn push(&mut self, range: Range<usize>) {
        match self.ranges.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => self.ranges.push(range),
        }
    }
}

impl Network {
    /// The inputs that are indices and have an embedding.
    pub fn embedded_inputs(&self) -> Vec<usize> {
        match self.layers.first().map(|placed| &placed.layer) {
            Some(AnyLayer::Embedding(_)) => vec![0],
            Some(AnyLayer::Branches(branches)) => {
                let of_branch = |(first, network): (usize, &Network)| {
                    network.embedded_inputs().into_iter().map(move |input| first + input)
                };
                branches.networks().map(|(branch, own)| (branch.inputs.start, own)).flat_map(of_branch).collect()
            }
            _ => Vec::new(),
        }
    }

    /// This network with only those rows of its embeddings that have a value in `present`: for each of
    /// [`Network::embedded_inputs`] the values that occur, in ascending order. `None` if these are all rows.
    pub fn compacted(&self, present: Vec<Vec<usize>>) -> Option<(Network, Kept)> {
        let mut kept = Kept { ranges: Vec::new() };
        let network = self.shrunk(0, &mut present.into_iter(), &mut kept);
        (kept.len() < self.parameters).then_some((network, kept))
    }

    /// The parameters of this network begin at `first`.
    fn shrunk(&self, first: usize, present: &mut impl Iterator<Item = Vec<usize>>, kept: &mut Kept) -> Network {
        let mut layers = Vec::with_capacity(self.layers.len());
        for placed in &self.layers {
            let begin = first + placed.parameters.start;
            layers.push(match &placed.layer {
                AnyLayer::Embedding(embedding) => {
                    let rows = present.next().expect("one list for each embedding");
                    rows.iter()
                        .for_each(|row| kept.push(begin + row * embedding.width..begin + (row + 1) * embedding.width));
                    Embedding { present: Some(rows.into()), ..embedding.clone() }.into()
                }
                AnyLayer::Branches(branches) => {
                    let own = branches.branches().iter().map(|branch| {
                        let begin = begin + branch.parameters().start;
                        let network = branch.network.as_ref().map(|network| network.shrunk(begin, present, kept));
                        (branch.inputs.len(), network)
                    });
                    Branches::new(own.collect()).into()
                }
                other => {
                    kept.push(begin..first + placed.parameters.end);
                    other.clone()
                }
            });
        }
        Network::of(self.inputs, layers, self.hidden, self.front)
    }
}
