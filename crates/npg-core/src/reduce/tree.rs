//! The binary tree along which sums over the rows of a batch are added.

use super::Part;
use npg_kernels::CHAIN;
use std::ops::Range;

/// A node with fewer than twice as many rows is not cut further: its halves would be too small to hand to another thread.
const LEAST: usize = 4 * CHAIN;
/// A batch has about this many leaves at most, because every leaf of a sum needs a vector that is cleared and added.
const MOST: usize = 64;

/// The order of the rows of a batch: one environment after the other, and within each environment units that are never cut.
///
/// ```
/// # use npg_core as npg;
/// use npg::reduce::Layout;
/// let rows = Layout::of_rows([300, 200]); // which may be cut anywhere
/// let episodes = Layout::of_units([vec![120, 180], vec![200]]); // which are summed whole
/// assert_eq!((rows.rows(), episodes.rows()), (500, 500));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The first row of each unit, followed by the number of rows.
    units: Vec<usize>,
    /// The first unit of each environment, followed by the number of units.
    environments: Vec<usize>,
}

impl Layout {
    /// A layout with the given number of rows for each environment. They may be cut at any multiple of [`CHAIN`] from the
    /// environment's first row.
    pub fn of_rows(counts: impl IntoIterator<Item = usize>) -> Self {
        let tiles = |count: usize| (0..count).step_by(CHAIN).map(move |first| CHAIN.min(count - first));
        Self::of_units(counts.into_iter().map(tiles))
    }

    /// A layout with the given lengths of units, in rows, for each environment. A unit is never cut: a recurrent policy, for
    /// example, processes a whole segment at once.
    pub fn of_units<U: IntoIterator<Item = usize>>(environments: impl IntoIterator<Item = U>) -> Self {
        let mut layout = Self { units: vec![0], environments: vec![0] };
        let mut rows = 0;
        for environment in environments {
            for length in environment {
                rows += length;
                layout.units.push(rows);
            }
            layout.environments.push(layout.units.len() - 1);
        }
        layout
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        *self.units.last().expect("zero is there from the beginning")
    }

    /// The number of environments.
    pub fn environments(&self) -> usize {
        self.environments.len() - 1
    }

    /// The rows of environment `index`.
    pub(super) fn rows_of(&self, index: usize) -> Range<usize> {
        self.units[self.environments[index]]..self.units[self.environments[index + 1]]
    }
}

/// A node of the tree: consecutive rows, and the two halves that they are cut into. A leaf has no halves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) rows: Range<usize>,
    pub(super) environments: Range<usize>,
    /// The leaves below this node, counted from the left. A leaf counts itself.
    pub(super) leaves: Range<usize>,
    pub(super) halves: Option<Box<[Node; 2]>>,
}

impl Node {
    /// The tree of a batch. It depends on the layout alone.
    pub(super) fn of(layout: &Layout) -> Self {
        let least = LEAST.max(layout.rows() / MOST);
        Growth { layout, least }.node(0..layout.environments(), 0..layout.units.len() - 1, 0)
    }

    /// The tree over this many environments, down to single ones. Its rows are environments.
    pub(super) fn of_environments(count: usize) -> Self {
        let layout = Layout::of_units((0..count).map(|_| [1]));
        Growth { layout: &layout, least: 1 }.node(0..count, 0..count, 0)
    }

    /// The subtree of `rank` out of `count`, a power of two, counted from the left. `None` if the tree has fewer subtrees, or
    /// if two of them would share an environment.
    pub(super) fn subtree(&self, rank: usize, count: usize) -> Option<&Node> {
        let mut node = self;
        for level in (0..count.ilog2()).rev() {
            let halves = node.halves.as_deref()?;
            if halves[0].environments.end > halves[1].environments.start {
                return None;
            }
            node = &halves[rank >> level & 1];
        }
        Some(node)
    }

    pub(super) fn for_each_leaf(&self, work: &mut impl FnMut(&Node)) {
        match self.halves.as_deref() {
            None => work(self),
            Some(halves) => halves.iter().for_each(|half| half.for_each_leaf(work)),
        }
    }

    /// This node as a part of the tree below `root`.
    pub(super) fn part_of(&self, root: &Node) -> Part {
        let of = |range: &Range<usize>, first: usize| range.start - first..range.end - first;
        Part { rows: of(&self.rows, root.rows.start), leaves: of(&self.leaves, root.leaves.start) }
    }
}

/// Builds a tree from a layout.
struct Growth<'a> {
    layout: &'a Layout,
    /// Nodes with fewer than twice as many rows are leaves.
    least: usize,
}

impl Growth<'_> {
    fn node(&self, environments: Range<usize>, units: Range<usize>, first_leaf: usize) -> Node {
        let rows = self.layout.units[units.start]..self.layout.units[units.end];
        let mut node = Node { rows, environments, leaves: first_leaf..first_leaf + 1, halves: None };
        if let Some(cuts) = self.cut(&node, units) {
            let [(environments, units), right] = cuts;
            let left = self.node(environments, units, first_leaf);
            let right = self.node(right.0, right.1, left.leaves.end);
            node.leaves.end = right.leaves.end;
            node.halves = Some(Box::new([left, right]));
        }
        node
    }

    /// The environments and units of both halves. Environments are halved by their number; the units of a single environment
    /// are cut at the boundary that is nearest to the middle row.
    fn cut(&self, node: &Node, units: Range<usize>) -> Option<[(Range<usize>, Range<usize>); 2]> {
        if node.rows.len() < 2 * self.least {
            return None;
        }
        let environments = node.environments.clone();
        if environments.len() > 1 {
            let middle = environments.start + environments.len() / 2;
            let unit = self.layout.environments[middle];
            return Some([
                (environments.start..middle, units.start..unit),
                (middle..environments.end, unit..units.end),
            ]);
        }
        let middle = node.rows.start + node.rows.len() / 2;
        let unit = (units.start + 1..units.end).min_by_key(|unit| self.layout.units[*unit].abs_diff(middle))?;
        Some([(environments.clone(), units.start..unit), (environments, unit..units.end)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(node: &Node) -> Vec<Node> {
        let mut leaves = Vec::new();
        node.for_each_leaf(&mut |leaf| leaves.push(leaf.clone()));
        leaves
    }

    fn layouts() -> Vec<Layout> {
        let mut layouts: Vec<Layout> = [0, 1, 63, 64, 65, 511, 512, 513, 2048, 64 * 64 * 4 + 1, 100_000]
            .iter()
            .flat_map(|rows| [1, 2, 3, 10, 16, 100].map(|n| (rows, n)))
            .map(|(rows, n)| Layout::of_rows((0..n).map(|i| rows / n + usize::from(i < rows % n))))
            .collect();
        layouts.push(Layout::of_rows([]));
        layouts.push(Layout::of_rows([0, 5000, 0, 3, 0]));
        layouts
    }

    #[test]
    fn leaves_hold_every_row_once_and_in_order() {
        for layout in layouts() {
            let tree = Node::of(&layout);
            let leaves = leaves(&tree);
            assert_eq!(tree.leaves, 0..leaves.len());
            let mut next = 0;
            for (index, leaf) in leaves.iter().enumerate() {
                assert_eq!((leaf.leaves.clone(), leaf.rows.start), (index..index + 1, next));
                assert!(leaf.rows.len() < 2 * LEAST.max(layout.rows() / MOST));
                next = leaf.rows.end;
            }
            assert_eq!(next, layout.rows());
        }
    }

    #[test]
    fn a_batch_has_about_64_leaves_at_most() {
        for layout in layouts() {
            let count = Node::of(&layout).leaves.len();
            assert!(count <= 2 * MOST, "{count} leaves of {} rows", layout.rows());
        }
        assert_eq!(Node::of(&Layout::of_rows([65_536])).leaves.len(), 64);
        assert_eq!(Node::of(&Layout::of_rows([128; 16])).leaves.len(), 8);
        assert_eq!(Node::of(&Layout::of_rows([205; 10])).leaves.len(), 6);
    }

    /// Environments are cut before rows, so that the part of a process does not depend on the number of rows.
    #[test]
    fn a_subtree_holds_the_same_environments_whatever_the_rows() {
        for n in [4, 5, 10, 16, 100] {
            let small = Node::of(&Layout::of_rows(vec![600; n]));
            let large = Node::of(&Layout::of_rows(vec![2000; n]));
            let single = Node::of_environments(n);
            for rank in 0..4 {
                let environments = |tree: &Node| tree.subtree(rank, 4).unwrap().environments.clone();
                assert_eq!(environments(&small), environments(&large));
                assert_eq!(environments(&small), environments(&single));
            }
        }
        let one = Node::of(&Layout::of_rows([10_000]));
        assert_eq!(one.subtree(0, 1), Some(&one));
        assert_eq!(one.subtree(0, 2), None, "two processes cannot share an environment");
        assert_eq!(Node::of(&Layout::of_rows([10; 10])).subtree(0, 2), None, "there is one leaf only");
    }

    #[test]
    fn units_are_never_cut() {
        let lengths = [[700, 1, 900, 20], [1000, 30, 30, 30]];
        let layout = Layout::of_units(lengths);
        let tree = Node::of(&layout);
        let ends: Vec<usize> = leaves(&tree).iter().map(|leaf| leaf.rows.end).collect();
        assert_eq!(ends, [700, 701, 1601, 1621, 2621, 2711]);
    }
}
