//! The one place that sums over samples and episodes: it fixes the order of every addition.
//!
//! A batch lies environment after environment ([`Layout`]). A [`Reducer`] cuts it into halves, first the list of environments
//! ([0, n) into [0, n/2) and [n/2, n), and so on) and then the rows of a single one, down to leaves of about 256 rows. That
//! binary tree depends on the layout alone. A leaf adds its rows in order, and the sums of two halves are added, up to the
//! root, in f64. So a sum has the same bits however the work is divided:
//!
//! * **Threads** take any subtrees as they become free. Each walks depth first, so that a partial sum is added while it is still
//!   in the caches, and there are only as many of them as a path has nodes.
//! * **Processes** ([`Peers`]), 2^k of them, hold the environments of one subtree at depth k each. They exchange their sums with
//!   their neighbors, then with those at distance 2, 4, ...: each exchange is one level of the tree. All of them end up with
//!   the same bits. What one process has summed is a vector of numbers, whatever the quantity.
//!
//! What may be cut is a list of *units of work*: rows today, or whole segments ([`Layout::of_units`]).
//!
//! Sums, largest values ([`Reducer::sums_and_maxima`]), moments (merged by the formula of Chan et al.) and lists
//! ([`Reducer::gather`]) all go up the same tree. Not everything is a sum over the batch: the fit of a baseline by minibatches
//! has one owner ([`crate::value::Adam`]), and statistics of at most 100 episodes are computed by every process from the same list.

mod peers;
mod tree;
#[cfg(test)]
pub(crate) mod tests;

pub use peers::Peers;
pub use tree::Layout;

use crate::network::kernels::axpy;
use crate::normalize::{Moments, merge};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use tree::Node;

/// Vectors of more numbers are added by several threads, so many numbers each.
const SLICE: usize = 1 << 13;
/// Matrices of more elements are formed in few parts.
const LARGE: usize = 1 << 17;
/// The depth of the nodes that are those parts.
const PARTS_DEPTH: u32 = 2;

/// How the rows of one batch are summed, on the threads of this process and together with its peers.
#[derive(Clone, Debug)]
pub struct Reducer {
    layout: Arc<Layout>,
    /// The subtree of the rows that are here, and its depth in the tree of the batch.
    rows: Node,
    depth: u32,
    /// Likewise over environments, down to single ones.
    environments: Node,
    peers: Option<Arc<dyn Peers>>,
    /// Partial sums to be used again: allocating them anew for every Fisher product costs more page faults than it is worth.
    partials: Arc<Pool<Vec<f64>>>,
}

/// A part of the rows that are here, which is summed in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its rows, counted from the first that is here.
    pub rows: Range<usize>,
    /// The leaves that it consists of, likewise. It is one, except for the parts of a large matrix.
    pub leaves: Range<usize>,
}

/// How the numbers of two halves become those of the whole.
#[derive(Clone, Copy)]
enum Merge {
    /// The first numbers are sums, so many of them, and the others largest values.
    SumsThenMaxima(usize),
    /// A count, means and sums of squared deviations.
    Moments,
}

impl Merge {
    fn merge(self, left: &mut [f64], right: &[f64]) {
        match self {
            Merge::SumsThenMaxima(sums) => {
                add(&mut left[..sums], &right[..sums]);
                left[sums..].iter_mut().zip(&right[sums..]).for_each(|(a, b)| *a = a.max(*b));
            }
            Merge::Moments => {
                let (count, left) = left.split_first_mut().expect("there is a count");
                let (means, squares) = left.split_at_mut(left.len() / 2);
                let (right_means, right_squares) = right[1..].split_at(means.len());
                merge((count, means, squares), (right[0], right_means, right_squares));
            }
        }
    }
}

fn add(left: &mut [f64], right: &[f64]) {
    if left.len() > 2 * SLICE {
        left.par_chunks_mut(SLICE).zip(right.par_chunks(SLICE)).for_each(|(left, right)| axpy(1.0, right, left));
    } else {
        axpy(1.0, right, left);
    }
}

impl Reducer {
    /// For a batch that is here as a whole.
    pub fn new(layout: Layout) -> Self {
        let (rows, environments) = (Node::of(&layout), Node::of_environments(layout.environments()));
        let (layout, partials) = (Arc::new(layout), Arc::default());
        Self { layout, rows, depth: 0, environments, peers: None, partials }
    }

    /// For rows that may be cut anywhere, as those of one environment.
    pub fn of_rows(rows: usize) -> Self {
        Self::new(Layout::of_rows([rows]))
    }

    /// For a batch of which each of the peers, a power of two, holds one subtree: `layout` is that of the whole batch. None where the
    /// tree has fewer subtrees, because there are too few environments or rows, and for a number that is no power of two.
    pub fn among(layout: Layout, peers: Arc<dyn Peers>) -> Option<Self> {
        let (rank, count) = (peers.rank(), peers.count());
        if !count.is_power_of_two() || rank >= count {
            return None;
        }
        let whole = Self::new(layout);
        let rows = whole.rows.subtree(rank, count)?.clone();
        let environments = whole.environments.subtree(rank, count)?.clone();
        Some(Self { rows, depth: count.ilog2(), environments, peers: Some(peers), ..whole })
    }

    /// Number of rows of the whole batch.
    pub fn rows(&self) -> usize {
        self.layout.rows()
    }

    /// The rows of the batch that are here.
    pub fn here(&self) -> Range<usize> {
        self.rows.rows.clone()
    }

    /// The environments whose rows are here.
    pub fn environments(&self) -> Range<usize> {
        self.environments.environments.clone()
    }

    /// The rows here of each leaf, from left to right.
    pub fn leaves(&self) -> Vec<Range<usize>> {
        let mut leaves = Vec::with_capacity(self.rows.leaves.len());
        self.rows.for_each_leaf(&mut |leaf| leaves.push(leaf.part_of(&self.rows).rows));
        leaves
    }

    /// The rows here out of `count` evenly spread rows of the batch.
    pub fn spread(&self, count: usize) -> Vec<usize> {
        let (rows, here) = (self.rows(), self.here());
        let all = (0..count).map(|i| i * rows / count);
        all.filter(|row| here.contains(row)).map(|row| row - here.start).collect()
    }

    /// How `count` evenly spread rows of the batch are summed, as a batch of their own. None as for [`Reducer::among`].
    pub fn of_spread(&self, count: usize) -> Option<Self> {
        let mut counts = vec![0; self.layout.environments()];
        let mut environment = 0;
        for row in (0..count).map(|i| i * self.rows() / count) {
            while row >= self.layout.rows_of(environment).end {
                environment += 1;
            }
            counts[environment] += 1;
        }
        let layout = Layout::of_rows(counts);
        match &self.peers {
            None => Some(Self::new(layout)),
            Some(peers) => Self::among(layout, Arc::clone(peers)),
        }
    }

    /// The sum over the rows of the batch of vectors of `width`: `add` adds a leaf to a vector that begins as zeros. The leaves are
    /// shared out among the threads.
    pub fn sum(&self, width: usize, add: impl Fn(&Part, &mut [f64]) + Sync) -> Vec<f64> {
        let walk = Walk { reducer: self, root: &self.rows, width, merge: Merge::SumsThenMaxima(width), add: &add };
        self.combine(walk.on_threads(&self.rows), walk.merge)
    }

    /// As [`Reducer::sum`], for matrices of so many elements. A large one is formed in four parts, one after the other, because each
    /// part needs the memory of a matrix; there it is `add` that may use all threads. (Among more than four peers the last
    /// bits of a large matrix depend on their number.)
    pub fn sum_matrix(&self, elements: usize, add: impl Fn(&Part, &mut [f64]) + Sync) -> Vec<f64> {
        if elements <= LARGE {
            return self.sum(elements, add);
        }
        let merge = Merge::SumsThenMaxima(elements);
        let walk = Walk { reducer: self, root: &self.rows, width: elements, merge, add: &add };
        self.combine(walk.in_turn(&self.rows, PARTS_DEPTH.saturating_sub(self.depth)), merge)
    }

    /// Sums and largest values over the rows, first the ones and then the others, on this thread: `add` adds a part to numbers
    /// that begin as zeros.
    pub fn sums_and_maxima(&self, sums: usize, maxima: usize, add: impl Fn(&Part, &mut [f64])) -> Vec<f64> {
        self.reduce(&self.rows, sums + maxima, Merge::SumsThenMaxima(sums), add)
    }

    /// The sum over the rows of one number each.
    pub fn sum_of(&self, number: impl Fn(usize) -> f64) -> f64 {
        self.sums_and_maxima(1, 0, |part, sum| part.rows.clone().for_each(|row| sum[0] += number(row)))[0]
    }

    /// The mean over the rows of one number each; NaN without rows.
    pub fn mean_of(&self, number: impl Fn(usize) -> f64) -> f64 {
        self.sum_of(number) / self.rows() as f64
    }

    /// The largest over the rows of one number each, none of which is negative; 0 without rows.
    pub fn largest(&self, number: impl Fn(usize) -> f64) -> f64 {
        self.sums_and_maxima(0, 1, |part, max| part.rows.clone().for_each(|row| max[0] = max[0].max(number(row))))[0]
    }

    /// The moments over the rows of N numbers each.
    pub fn moments<const N: usize>(&self, sample: impl Fn(usize) -> [f64; N]) -> Moments {
        self.moments_of_some(|row| Some(sample(row)))
    }

    /// The moments of N numbers each, over the rows that have such numbers.
    pub fn moments_of_some<const N: usize>(&self, sample: impl Fn(usize) -> Option<[f64; N]>) -> Moments {
        let numbers = self.reduce(&self.rows, 1 + 2 * N, Merge::Moments, |part, numbers| {
            let mut moments = Moments::new(N);
            part.rows.clone().filter_map(&sample).for_each(|sample| moments.push(&sample));
            numbers.copy_from_slice(&moments.to_numbers());
        });
        Moments::from_numbers(&numbers)
    }

    /// The moments of all samples of all environments, from those of each environment that is here.
    pub fn join_moments(&self, of_environments: &[Moments], dimensions: usize) -> Moments {
        let numbers = self.reduce(&self.environments, 1 + 2 * dimensions, Merge::Moments, |part, numbers| {
            let mut moments = Moments::new(dimensions);
            part.rows.clone().for_each(|environment| moments.merge(&of_environments[environment]));
            numbers.copy_from_slice(&moments.to_numbers());
        });
        Moments::from_numbers(&numbers)
    }

    /// The largest of one number of each process.
    pub fn largest_of_all(&self, number: f64) -> f64 {
        self.combine(vec![number], Merge::SumsThenMaxima(0))[0]
    }

    /// The sum of a count of each process.
    pub fn count_of_all(&self, count: u64) -> u64 {
        self.combine(vec![count as f64], Merge::SumsThenMaxima(1))[0] as u64
    }

    /// The numbers of all processes, one's after the other's: here those of its own environments, in their order.
    pub fn gather(&self, mut numbers: Vec<f64>) -> Vec<f64> {
        self.exchange(&mut numbers, |left, right| left.extend_from_slice(right));
        numbers
    }

    /// Walks on this thread.
    fn reduce(&self, root: &Node, width: usize, merge: Merge, add: impl Fn(&Part, &mut [f64])) -> Vec<f64> {
        let numbers = Walk { reducer: self, root, width, merge, add: &add }.in_turn(root, u32::MAX);
        self.combine(numbers, merge)
    }

    /// What is summed here and what the peers have summed, together.
    fn combine(&self, mut numbers: Vec<f64>, merge: Merge) -> Vec<f64> {
        self.exchange(&mut numbers, |left, right| merge.merge(left, right));
        numbers
    }

    /// Recursive doubling: the rest of the way up the tree, one level with each exchange. Neighbors merge the same two halves.
    fn exchange(&self, numbers: &mut Vec<f64>, merge: impl Fn(&mut Vec<f64>, &[f64])) {
        let Some(peers) = &self.peers else { return };
        for level in 0..self.depth {
            let other = peers.rank() ^ (1 << level);
            let mut received = peers.exchange(other, numbers);
            if other < peers.rank() {
                std::mem::swap(numbers, &mut received);
            }
            merge(numbers, &received);
        }
    }
}

/// One walk over a tree.
struct Walk<'a, F> {
    reducer: &'a Reducer,
    root: &'a Node,
    width: usize,
    merge: Merge,
    add: &'a F,
}

impl<F: Fn(&Part, &mut [f64])> Walk<'_, F> {
    /// The numbers of a node, whose halves are cut in halves so many times at most.
    fn in_turn(&self, node: &Node, levels: u32) -> Vec<f64> {
        match node.halves.as_deref().filter(|_| levels > 0) {
            None => self.part(node),
            Some([left, right]) => self.merged(self.in_turn(left, levels - 1), self.in_turn(right, levels - 1)),
        }
    }

    fn part(&self, node: &Node) -> Vec<f64> {
        let mut numbers = self.reducer.partials.take().unwrap_or_default();
        numbers.clear();
        numbers.resize(self.width, 0.0);
        (self.add)(&node.part_of(self.root), &mut numbers);
        numbers
    }

    fn merged(&self, mut left: Vec<f64>, right: Vec<f64>) -> Vec<f64> {
        self.merge.merge(&mut left, &right);
        self.reducer.partials.give_back(right);
        left
    }
}

impl<F: Fn(&Part, &mut [f64]) + Sync> Walk<'_, F> {
    /// The numbers of a node. Both halves may be walked at the same time.
    fn on_threads(&self, node: &Node) -> Vec<f64> {
        match node.halves.as_deref() {
            None => self.part(node),
            Some([left, right]) => {
                let (left, right) = rayon::join(|| self.on_threads(left), || self.on_threads(right));
                self.merged(left, right)
            }
        }
    }
}

/// Working memory that is used again: each piece of work takes one and gives it back.
#[derive(Debug)]
pub struct Pool<S> {
    free: Mutex<Vec<S>>,
}

impl<S> Default for Pool<S> {
    /// With none yet.
    fn default() -> Self {
        Self { free: Mutex::default() }
    }
}

impl<S> Pool<S> {
    /// Does `work` with a free one, or one that `make` makes.
    pub fn with<R>(&self, make: impl FnOnce() -> S, work: impl FnOnce(&mut S) -> R) -> R {
        let mut taken = self.take().unwrap_or_else(make);
        let result = work(&mut taken);
        self.give_back(taken);
        result
    }

    fn take(&self) -> Option<S> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give_back(&self, taken: S) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(taken);
    }
}
