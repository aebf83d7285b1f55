//! Observations of many numbers, such as images, as a batch stores them: once, and in their own type.
//!
//! A network input takes four bytes, and again as many for every copy; a pixel takes one byte. If observations are wide, a
//! batch therefore stores their numbers in the narrowest type that represents all of them exactly. The network inputs are
//! computed from them when they are needed, one tile at a time. They have the same bits as inputs that are stored.

use super::Policy;
use super::encoder::{Code, Encoder, Part, hot};
use super::numbers::Numbers;
use crate::network::kernels::Matrix;
use crate::network::{Kept, Network, Packed, Scratch, Tile};
use crate::normalize::Moments;
use crate::reduce::Reducer;
use std::ops::Range;
use std::sync::Arc;

/// Observations of more network inputs than this are not stored as inputs: computing the inputs again costs less than the
/// memory.
pub const WIDE: usize = 512;

/// States as the network reads them, one row each.
#[derive(Clone, Copy, Debug)]
pub enum Inputs<'a> {
    /// Network inputs that are stored.
    Ready(&'a Matrix),
    /// Network inputs that are computed from stored observations, row by row.
    Kept(&'a Observations),
}

impl<'a> From<&'a Matrix> for Inputs<'a> {
    fn from(matrix: &'a Matrix) -> Self {
        Inputs::Ready(matrix)
    }
}

impl Inputs<'_> {
    /// Number of states.
    pub fn rows(&self) -> usize {
        match self {
            Inputs::Ready(matrix) => matrix.rows(),
            Inputs::Kept(observations) => observations.rows(),
        }
    }

    /// Writes the network inputs of row `row`.
    pub fn write(&self, row: usize, inputs: &mut [f32]) {
        match self {
            Inputs::Ready(matrix) => inputs.copy_from_slice(matrix.row(row)),
            Inputs::Kept(observations) => observations.write(row, inputs),
        }
    }

    /// The input `input` of row `row`, which is an index.
    fn index(&self, row: usize, input: usize) -> usize {
        match self {
            Inputs::Ready(matrix) => matrix.row(row)[input] as usize,
            Inputs::Kept(observations) => observations.index(row, input),
        }
    }

    /// The network without the rows of embeddings that these inputs do not read, here and in other processes. `None` if they
    /// read all.
    pub fn compacted(&self, network: &Network, reducer: &Reducer) -> Option<(Network, Kept)> {
        let columns = network.embedded_inputs();
        if columns.is_empty() {
            return None;
        }
        let of_column = |column: usize| (0..self.rows()).map(|row| self.index(row, column)).collect();
        let values: Vec<Vec<usize>> = columns.into_iter().map(of_column).collect();
        let distinct = |mut values: Vec<usize>| {
            values.sort_unstable();
            values.dedup();
            values
        };
        let everywhere = |values: Vec<usize>| {
            let here = distinct(values).into_iter().map(|value| value as f64).collect();
            distinct(reducer.gather(here).into_iter().map(|value| value as usize).collect())
        };
        network.compacted(values.into_iter().map(everywhere).collect())
    }

    /// Runs the forward pass of a tile that jvp and vjp products will follow. `rows` are the rows of the tile. The tile keeps
    /// its inputs only if they are stored here; otherwise [`Inputs::prepare`] must compute them again before each product.
    pub(crate) fn linearized(
        &self,
        (network, packed): (&Network, &Packed),
        rows: impl ExactSizeIterator<Item = usize>,
        scratch: &mut Scratch,
    ) -> Tile {
        let is_made = matches!(self, Inputs::Kept(_));
        let mut tile = if is_made {
            let mut tile = Tile::without_inputs(network, network.tile_rows(), true);
            std::mem::swap(&mut tile.inputs, scratch.room_for_inputs());
            tile
        } else {
            Tile::new(network, network.tile_rows(), true)
        };
        tile.set_rows(rows.len());
        self.fill(rows, &mut tile.inputs);
        network.forward(packed, &mut tile);
        if is_made {
            std::mem::swap(&mut tile.inputs, &mut scratch.inputs);
        }
        tile
    }

    /// Computes the inputs of `tile` again before a product, if the tile does not keep them. `rows` are the rows of the tile.
    pub(crate) fn prepare(&self, tile: &Tile, rows: impl Iterator<Item = usize>, scratch: &mut Scratch) {
        if let Some(inputs) = scratch.inputs_beside(tile) {
            self.fill(rows, inputs);
        }
    }

    /// Writes the inputs of `rows` into the first rows of `inputs`.
    pub(crate) fn fill(&self, rows: impl Iterator<Item = usize>, inputs: &mut Matrix) {
        for (slot, row) in rows.enumerate() {
            self.write(row, inputs.row_mut(slot));
        }
    }
}

/// Observations in their own type, one row each. The columns lie in blocks, and each block has its own type, because one
/// observation may combine an image with a vector of reals.
#[derive(Clone, Debug, PartialEq)]
pub struct Observations {
    /// Blocks of [`BLOCK`] columns each; the last one may have fewer.
    blocks: Vec<Numbers>,
    rows: usize,
    /// The numbers of a row; an index is one number.
    width: usize,
    encoder: Arc<Encoder>,
}

/// The number of columns in a block.
const BLOCK: usize = 512;

impl Observations {
    /// Room for `rows` observations, to be encoded as `policy` encodes them now.
    pub fn zeros(policy: &Policy, rows: usize) -> Self {
        Self::encoded(&policy.encoder, rows)
    }

    /// Room for `rows` observations, to be encoded as `encoder` encodes them now.
    pub fn encoded(encoder: &Encoder, rows: usize) -> Self {
        Self::new(rows, encoder.space.len(), Arc::new(encoder.clone()))
    }

    fn new(rows: usize, width: usize, encoder: Arc<Encoder>) -> Self {
        let blocks = (0..width).step_by(BLOCK).map(|first| Numbers::zeros(rows * BLOCK.min(width - first)));
        Self { blocks: blocks.collect(), rows, width, encoder }
    }

    /// Like [`Observations::zeros`], but reuses the memory of `spare` if it has the right size: an allocator that allocates
    /// and frees by turns does not return everything to the system. The old rows are not cleared.
    pub(crate) fn room(policy: &Policy, rows: usize, spare: Option<Observations>) -> Self {
        let fresh = Self::zeros(policy, 0);
        match spare.filter(|spare| (spare.rows, spare.width) == (rows, fresh.width)) {
            Some(Observations { blocks, .. }) => Self { blocks, rows, ..fresh },
            None => Self::new(rows, fresh.width, fresh.encoder),
        }
    }

    /// An empty store for observations of the same kind.
    pub(crate) fn none_of(&self) -> Self {
        Self::new(0, self.width, Arc::clone(&self.encoder))
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The size of all rows, in bytes.
    pub fn bytes(&self) -> usize {
        self.blocks.iter().map(|block| block.len() * block.size()).sum()
    }

    /// Adds the reals of an observation that the encoder reads to their moments.
    pub(crate) fn push_moments(&self, observation: &[f64], moments: &mut Moments) {
        self.encoder.push(observation, moments);
    }

    /// Stores an observation as row `row`.
    pub fn put(&mut self, row: usize, observation: &[f64]) {
        for (block, part) in self.blocks.iter_mut().zip(observation.chunks(BLOCK)) {
            block.set(row * part.len(), part);
        }
    }

    /// Appends an observation as a new row.
    pub fn push(&mut self, observation: &[f64]) {
        self.rows += 1;
        let (rows, width) = (self.rows, self.width);
        for (index, block) in self.blocks.iter_mut().enumerate() {
            block.resize(rows * BLOCK.min(width - index * BLOCK));
        }
        self.put(rows - 1, observation);
    }

    /// Writes the network inputs of row `row`.
    pub fn write(&self, row: usize, inputs: &mut [f32]) {
        for part in self.encoder.parts() {
            let inputs = &mut inputs[part.inputs.clone()];
            match (&part.code, &self.encoder.normalizer) {
                (Code::OneHot { sizes }, _) => {
                    inputs.fill(0.0);
                    let indices = part.numbers.clone().map(|column| self.number(row, column));
                    hot(sizes, indices).for_each(|at| inputs[at] = 1.0);
                }
                (Code::Reals { first }, Some(normalizer)) => {
                    for (block, at, begin) in self.spans(row, part.numbers.clone()) {
                        let (first, part) = (first + begin, &mut inputs[begin..begin + at.len()]);
                        match block {
                            Numbers::Bytes(all) => normalizer.apply_from(first, &all[at], part),
                            Numbers::Singles(all) => normalizer.apply_from(first, &all[at], part),
                            Numbers::Doubles(all) => normalizer.apply_from(first, &all[at], part),
                        }
                    }
                }
                (Code::Pixels(pixels), _) => {
                    for (block, at, begin) in self.spans(row, part.numbers.clone()) {
                        match block {
                            Numbers::Bytes(all) => pixels.write(begin, &all[at], f32::from, inputs),
                            Numbers::Singles(all) => pixels.write(begin, &all[at], |x| x, inputs),
                            Numbers::Doubles(all) => pixels.write(begin, &all[at], |x| x as f32, inputs),
                        }
                    }
                }
                (Code::Reals { .. }, None) | (Code::Bits | Code::Index { .. }, _) => {
                    self.singles(row, part.numbers.clone(), inputs)
                }
            }
        }
    }

    /// The columns `columns` of row `row`, block by block: the block, where they are in it, and how many came before.
    fn spans(&self, row: usize, columns: Range<usize>) -> impl Iterator<Item = (&Numbers, Range<usize>, usize)> {
        let first = columns.start / BLOCK;
        let last = columns.end.div_ceil(BLOCK).max(first);
        self.blocks[first..last].iter().zip(first..).map(move |(block, index)| {
            let width = BLOCK.min(self.width - index * BLOCK);
            let begin = columns.start.max(index * BLOCK);
            let within = begin - index * BLOCK..columns.end.min(index * BLOCK + width) - index * BLOCK;
            (block, row * width + within.start..row * width + within.end, begin - columns.start)
        })
    }

    fn singles(&self, row: usize, columns: Range<usize>, numbers: &mut [f32]) {
        for (block, at, begin) in self.spans(row, columns) {
            let part = &mut numbers[begin..begin + at.len()];
            block.singles(at, part);
        }
    }

    fn index(&self, row: usize, input: usize) -> usize {
        let is_read = |part: &&Part| part.inputs.start == input && matches!(part.code, Code::Index { .. });
        let part = self.encoder.parts().iter().find(is_read).expect("the input is an index");
        self.number(row, part.numbers.start) as usize
    }

    fn number(&self, row: usize, column: usize) -> f64 {
        let (index, within) = (column / BLOCK, column % BLOCK);
        let width = BLOCK.min(self.width - index * BLOCK);
        self.blocks[index].number(row * width + within)
    }

    /// Writes the numbers of row `row` as f32, before they are encoded.
    pub fn numbers(&self, row: usize, numbers: &mut [f32]) {
        self.singles(row, 0..self.width, numbers);
    }

    /// The rows of all `parts`, in order; all parts are of the same kind. Each part is freed as soon as it has been copied.
    pub(crate) fn concatenate(mut parts: Vec<Observations>) -> Option<Self> {
        if parts.len() < 2 {
            return parts.pop();
        }
        let mut all = parts[0].none_of();
        all.rows = parts.iter().map(Self::rows).sum();
        for (index, block) in all.blocks.iter_mut().enumerate() {
            let of_parts = parts.iter_mut().map(|part| std::mem::take(&mut part.blocks[index]));
            *block = Numbers::concatenate(of_parts.collect());
        }
        Some(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::{Space, Spec};
    use crate::normalize::Normalizer;
    use crate::random::{Purpose, Stream};
    use crate::settings;

    fn policy(observation: Space, normalizes: bool) -> Policy {
        let spec = Spec {
            id: "Test-v0".into(),
            observation,
            action: Space::Discrete(2),
            max_episode_steps: None,
            reward_threshold: None,
        };
        let normalize = settings::Normalize { observations: normalizes, ..settings::Normalize::default() };
        Policy::new(&settings::Policy::default(), &normalize, &spec, 0)
    }

    /// Four rows of pixels, of f32 or of f64.
    fn rows(unit: f64) -> Vec<Vec<f64>> {
        let mut rng = Stream::new(0, Purpose::Test, 0);
        (0..4).map(|_| (0..5).map(|_| rng.below(256) as f64 * unit).collect()).collect()
    }

    #[test]
    fn observations_are_kept_in_the_narrowest_type_that_holds_them_and_read_to_the_bit() {
        for normalizes in [false, true] {
            let mut policy = policy(Space::uniform_box(5, -1e9, 1e9), normalizes);
            let mut moments = Moments::new(5);
            rows(0.3).iter().for_each(|row| moments.push(row));
            policy.encoder.normalizer = policy.encoder.normalizer.map(|old| Normalizer::new(moments, old.clip()));
            for (unit, bytes) in [(1.0, 1), (0.25, 4), (-1.0, 4), (0.1, 8), (65536.0, 4)] {
                let rows = rows(unit);
                let mut kept = Observations::zeros(&policy, rows.len());
                rows.iter().enumerate().rev().for_each(|(index, row)| kept.put(index, row));
                assert_eq!(kept.bytes(), 4 * 5 * bytes, "numbers of {unit}");
                for (index, row) in rows.iter().enumerate() {
                    let (mut expected, mut found) = ([0.0; 5], [9.0; 5]);
                    policy.encoder.write(row, &mut expected);
                    kept.write(index, &mut found);
                    assert_eq!(found.map(f32::to_bits), expected.map(f32::to_bits), "numbers of {unit}");
                }
            }
        }
    }

    #[test]
    fn rows_of_several_types_are_joined_in_the_widest() {
        let policy = policy(Space::uniform_box(5, -1e9, 1e9), false);
        let parts: Vec<Observations> = [1.0, 0.1, 0.25]
            .map(|unit| {
                let mut part = Observations::zeros(&policy, 0);
                rows(unit).iter().for_each(|row| part.push(row));
                part
            })
            .into();
        let all = Observations::concatenate(parts).unwrap();
        assert_eq!((all.rows(), all.bytes()), (12, 12 * 5 * 8));
        let expected: Vec<Vec<f64>> = [1.0, 0.1, 0.25].into_iter().flat_map(rows).collect();
        for (index, row) in expected.iter().enumerate() {
            let mut found = [9.0; 5];
            all.write(index, &mut found);
            assert!(found.iter().zip(row).all(|(x, y)| *x == *y as f32), "row {index}");
        }
        assert!(Observations::concatenate(Vec::new()).is_none());
    }

    #[test]
    fn an_image_beside_a_vector_of_reals_stays_bytes() {
        let (pixels, width) = (10 * BLOCK, 10 * BLOCK + 3);
        let policy = policy(Space::uniform_box(width, -1e9, 1e9), false);
        let row: Vec<f64> = (0..width).map(|i| if i < pixels { (i % 256) as f64 } else { i as f64 / 3.0 }).collect();
        let mut kept = Observations::zeros(&policy, 2);
        kept.put(0, &row);
        kept.put(1, &row);
        assert_eq!(kept.bytes(), 2 * (pixels + 3 * 8));
        let mut found = vec![9.0; width];
        kept.write(1, &mut found);
        assert!(found.iter().zip(&row).all(|(x, y)| *x == *y as f32));
    }

    #[test]
    fn several_parts_are_read_to_the_bit_wherever_they_begin() {
        let image = Space::uniform_box(2 * BLOCK, 0.0, 255.0);
        let space = Space::Dict(vec![
            ("reals".into(), Space::uniform_box(3, -1e9, 1e9)),
            ("index".into(), Space::Discrete(5)),
            ("image".into(), image),
            ("bits".into(), Space::MultiBinary(2)),
            ("indices".into(), Space::MultiDiscrete(vec![300, 2])),
        ]);
        let mut rng = Stream::new(0, Purpose::Test, 0);
        let mut row = || {
            let pixels = (0..2 * BLOCK).map(|_| rng.below(256) as f64).collect::<Vec<_>>();
            [&[0.1, -7.0, 1e6, 4.0][..], &pixels, &[1.0, 0.0, 299.0, 1.0]].concat()
        };
        for normalizes in [false, true] {
            let mut policy = policy(space.clone(), normalizes);
            let rows = [row(), row(), row()];
            let mut moments = Moments::new(policy.encoder.reals());
            rows.iter().for_each(|row| policy.encoder.push(row, &mut moments));
            policy.encoder.normalizer.iter_mut().for_each(|normalizer| normalizer.update(&moments));
            let mut kept = Observations::zeros(&policy, 3);
            rows.iter().enumerate().for_each(|(index, row)| kept.put(index, row));
            for (index, row) in rows.iter().enumerate() {
                let (mut expected, mut found) = (vec![9.0; policy.inputs()], vec![8.0; policy.inputs()]);
                policy.encoder.write(row, &mut expected);
                kept.write(index, &mut found);
                assert!(expected.iter().zip(&found).all(|(a, b)| a.to_bits() == b.to_bits()), "row {index}");
                let mut numbers = vec![0.0; row.len()];
                kept.numbers(index, &mut numbers);
                assert!(row.iter().zip(&numbers).all(|(a, b)| *a as f32 == *b));
            }
        }
    }

    #[test]
    fn indices_take_the_room_of_an_index() {
        for (space, element) in
            [(Space::Discrete(1000), vec![700.0]), (Space::MultiDiscrete(vec![300, 2, 400]), vec![299.0, 0.0, 301.0])]
        {
            let policy = policy(space.clone(), true);
            let mut kept = Observations::zeros(&policy, 1);
            kept.put(0, &element);
            assert_eq!(kept.bytes(), 4 * element.len());
            let (mut expected, mut found) = (vec![9.0; space.encoded_len()], vec![9.0; space.encoded_len()]);
            policy.encoder.write(&element, &mut expected);
            kept.write(0, &mut found);
            assert_eq!(found, expected);
        }
    }
}
