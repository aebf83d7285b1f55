//! The one place that sums over samples and episodes. It fixes the order of every addition.
//!
//! The rows of a batch are ordered by environment ([`Layout`]). A [`Reducer`] cuts the batch into halves: first the list of
//! environments ([0, n) into [0, n/2) and [n/2, n), and so on), then the rows of a single environment, down to leaves of
//! about 256 rows. This binary tree depends on the layout alone. A leaf adds its rows in order, and the sums of two halves
//! are added, up to the root, all in f64. A sum therefore has the same bits however the work is divided:
//!
//! * **Threads** take subtrees as they become free. Each thread walks its subtree depth first, so that a partial sum is added
//!   while it is still in the caches, and there are only as many partial sums as there are nodes on a path.
//! * **Processes** ([`Peers`]): each of 2^k processes holds the environments of one subtree at depth k. They exchange their
//!   sums with their neighbors, and then with those at distance 2, 4, and so on; each exchange is one level of the tree. All
//!   of them get the same bits. What a process has summed is always a vector of numbers, whatever the quantity is.
//!
//! The batch is cut between *units of work*: rows today, or whole segments ([`Layout::of_units`]).
//!
//! Sums, maxima ([`Reducer::sums_and_maxima`]), moments (merged by the formula of Chan et al.) and lists
//! ([`Reducer::gather`]) all go up the same tree. Two things are not sums over the batch. The fit of a baseline by
//! minibatches has one owner ([`crate::value::Adam`]). Statistics of at most 100 episodes are computed by every process from
//! the same list.

mod peers;
mod tree;
#[cfg(test)]
pub(crate) mod tests;

pub use peers::Peers;
pub use tree::Layout;

use crate::normalize::{Moments, merge};
use npg_kernels::axpy;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use tree::Node;

/// Vectors of more than twice as many numbers are added by several threads, each of which adds this many.
const SLICE: usize = 1 << 13;
/// Matrices of more elements than this are formed in a few parts.
const LARGE: usize = 1 << 17;
/// The depth of the nodes that are those parts.
const PARTS_DEPTH: u32 = 2;

/// Sums over one batch, on the threads of this process and together with its peers.
#[derive(Clone, Debug)]
pub struct Reducer {
    layout: Arc<Layout>,
    /// The subtree of the rows that this process holds, and its depth in the tree of the batch.
    rows: Node,
    depth: u32,
    /// The same subtree over environments, down to single ones.
    environments: Node,
    peers: Option<Arc<dyn Peers>>,
    /// Partial sums to reuse. Allocating them anew for every Fisher product would cost many page faults.
    partials: Arc<Pool<Vec<f64>>>,
}

/// A part of this process's rows, which is summed in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its rows, counted from the first one that this process holds.
    pub rows: Range<usize>,
    /// Its leaves, counted likewise. A part is a single leaf, except for the parts of a large matrix.
    pub leaves: Range<usize>,
}

/// How the numbers of two halves are combined.
#[derive(Clone, Copy)]
enum Merge {
    /// The first numbers, as many as given here, are sums; the others are maxima.
    SumsThenMaxima(usize),
    /// A count, means, and sums of squared deviations.
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
    /// The reducer of a batch that this process holds as a whole.
    pub fn new(layout: Layout) -> Self {
        let (rows, environments) = (Node::of(&layout), Node::of_environments(layout.environments()));
        let (layout, partials) = (Arc::new(layout), Arc::default());
        Self { layout, rows, depth: 0, environments, peers: None, partials }
    }

    /// The reducer of rows that may be cut anywhere, like those of a single environment.
    pub fn of_rows(rows: usize) -> Self {
        Self::new(Layout::of_rows([rows]))
    }

    /// The reducer of a batch of which each peer holds one subtree; `layout` is that of the whole batch. `None` if the number
    /// of peers is not a power of two, or if the tree has too few subtrees because there are too few environments or rows.
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

    /// The number of rows of the whole batch.
    pub fn rows(&self) -> usize {
        self.layout.rows()
    }

    /// The rows of the batch that this process holds.
    pub fn here(&self) -> Range<usize> {
        self.rows.rows.clone()
    }

    /// The environments whose rows this process holds.
    pub fn environments(&self) -> Range<usize> {
        self.environments.environments.clone()
    }

    /// The rows of each leaf that this process holds, from left to right.
    pub fn leaves(&self) -> Vec<Range<usize>> {
        let mut leaves = Vec::with_capacity(self.rows.leaves.len());
        self.rows.for_each_leaf(&mut |leaf| leaves.push(leaf.part_of(&self.rows).rows));
        leaves
    }

    /// The rows that this process holds among `count` evenly spread rows of the batch.
    pub fn spread(&self, count: usize) -> Vec<usize> {
        let (rows, here) = (self.rows(), self.here());
        let all = (0..count).map(|i| i * rows / count);
        all.filter(|row| here.contains(row)).map(|row| row - here.start).collect()
    }

    /// The reducer of `count` evenly spread rows of the batch, as a batch of their own. `None` for the reasons of
    /// [`Reducer::among`].
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

    /// The sum of vectors of `width` numbers over the rows of the batch. `add` adds the rows of a leaf to a vector that
    /// starts as zeros. The leaves are distributed over the threads.
    pub fn sum(&self, width: usize, add: impl Fn(&Part, &mut [f64]) + Sync) -> Vec<f64> {
        let walk = Walk { reducer: self, root: &self.rows, width, merge: Merge::SumsThenMaxima(width), add: &add };
        self.combine(walk.on_threads(&self.rows), walk.merge)
    }

    /// Like [`Reducer::sum`], for matrices with this number of elements. A large matrix is formed in four parts, one after
    /// the other, because each part needs the memory of a whole matrix. In that case `add` may use all threads. (With more
    /// than four peers, the last bits of a large matrix depend on their number.)
    pub fn sum_matrix(&self, elements: usize, add: impl Fn(&Part, &mut [f64]) + Sync) -> Vec<f64> {
        if elements <= LARGE {
            return self.sum(elements, add);
        }
        let merge = Merge::SumsThenMaxima(elements);
        let walk = Walk { reducer: self, root: &self.rows, width: elements, merge, add: &add };
        self.combine(walk.in_turn(&self.rows, PARTS_DEPTH.saturating_sub(self.depth)), merge)
    }

    /// Sums over the rows, followed by maxima over the rows, computed on this thread. `add` adds a part to numbers that start
    /// as zeros.
    pub fn sums_and_maxima(&self, sums: usize, maxima: usize, add: impl Fn(&Part, &mut [f64])) -> Vec<f64> {
        self.reduce(&self.rows, sums + maxima, Merge::SumsThenMaxima(sums), add)
    }

    /// The sum of one number for each row.
    pub fn sum_of(&self, number: impl Fn(usize) -> f64) -> f64 {
        self.sums_and_maxima(1, 0, |part, sum| part.rows.clone().for_each(|row| sum[0] += number(row)))[0]
    }

    /// The mean of one number for each row; NaN without rows.
    pub fn mean_of(&self, number: impl Fn(usize) -> f64) -> f64 {
        self.sum_of(number) / self.rows() as f64
    }

    /// The maximum of one number for each row; 0 without rows. The numbers must not be negative.
    pub fn largest(&self, number: impl Fn(usize) -> f64) -> f64 {
        self.sums_and_maxima(0, 1, |part, max| part.rows.clone().for_each(|row| max[0] = max[0].max(number(row))))[0]
    }

    /// The moments of N numbers for each row.
    pub fn moments<const N: usize>(&self, sample: impl Fn(usize) -> [f64; N]) -> Moments {
        self.moments_of_some(|row| Some(sample(row)))
    }

    /// The moments of N numbers, over the rows that have them.
    pub fn moments_of_some<const N: usize>(&self, sample: impl Fn(usize) -> Option<[f64; N]>) -> Moments {
        let numbers = self.reduce(&self.rows, 1 + 2 * N, Merge::Moments, |part, numbers| {
            let mut moments = Moments::new(N);
            part.rows.clone().filter_map(&sample).for_each(|sample| moments.push(&sample));
            numbers.copy_from_slice(&moments.to_numbers());
        });
        Moments::from_numbers(&numbers)
    }

    /// The moments of all samples of all environments, given those of each environment that this process holds.
    pub fn join_moments(&self, of_environments: &[Moments], dimensions: usize) -> Moments {
        let numbers = self.reduce(&self.environments, 1 + 2 * dimensions, Merge::Moments, |part, numbers| {
            let mut moments = Moments::new(dimensions);
            part.rows.clone().for_each(|environment| moments.merge(&of_environments[environment]));
            numbers.copy_from_slice(&moments.to_numbers());
        });
        Moments::from_numbers(&numbers)
    }

    /// The maximum of one number from each process.
    pub fn largest_of_all(&self, number: f64) -> f64 {
        self.combine(vec![number], Merge::SumsThenMaxima(0))[0]
    }

    /// The sum of one count from each process.
    pub fn count_of_all(&self, count: u64) -> u64 {
        self.combine(vec![count as f64], Merge::SumsThenMaxima(1))[0] as u64
    }

    /// The numbers of all processes, concatenated in the order of their environments. Each process passes its own numbers.
    pub fn gather(&self, mut numbers: Vec<f64>) -> Vec<f64> {
        self.exchange(&mut numbers, |left, right| left.extend_from_slice(right));
        numbers
    }

    /// Walks the tree on this thread.
    fn reduce(&self, root: &Node, width: usize, merge: Merge, add: impl Fn(&Part, &mut [f64])) -> Vec<f64> {
        let numbers = Walk { reducer: self, root, width, merge, add: &add }.in_turn(root, u32::MAX);
        self.combine(numbers, merge)
    }

    /// Combines the numbers of this process with those of its peers.
    fn combine(&self, mut numbers: Vec<f64>, merge: Merge) -> Vec<f64> {
        self.exchange(&mut numbers, |left, right| merge.merge(left, right));
        numbers
    }

    /// Goes the rest of the way up the tree by recursive doubling: one level with each exchange. Neighbors merge the same two
    /// halves.
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

/// A walk over one tree.
struct Walk<'a, F> {
    reducer: &'a Reducer,
    root: &'a Node,
    width: usize,
    merge: Merge,
    add: &'a F,
}

impl<F: Fn(&Part, &mut [f64])> Walk<'_, F> {
    /// The numbers of a node, computed on this thread. Its halves are cut again, up to `levels` times.
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
    /// The numbers of a node. Both halves may be computed at the same time.
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

/// Working memory that is reused: each task takes one piece and gives it back.
#[derive(Debug)]
pub struct Pool<S> {
    free: Mutex<Vec<S>>,
}

impl<S> Default for Pool<S> {
    /// An empty pool.
    fn default() -> Self {
        Self { free: Mutex::default() }
    }
}

impl<S> Pool<S> {
    /// Calls `work` with a free piece, or with a new one from `make`.
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
