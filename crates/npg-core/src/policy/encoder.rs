//! Turns an observation, as the environment gave it, into network inputs: the parts that a network reads. Indices become
//! one-hot vectors, or stay indices if they have many values; reals are normalized, and pixels that convolutions read are scaled;
//! everything is cast to f32. Until then an observation keeps its own form.

use super::observations::WIDE;
use crate::env::{Image, Space};
use crate::network::{Entrance, Filters, Grid, InputKind};
use crate::normalize::{Moments, Normalizer};
use std::ops::Range;

/// Indices with more values than this can be embedded.
pub(super) const MANY: usize = 1000;
/// The most values of an index that is embedded: an f32 holds every integer up to this one.
pub(super) const MOST: usize = 1 << 24;

/// Which parts of an observation are read, and how.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading<'a> {
    /// The names of the parts of a dict, or the indices of those of a tuple; empty for all of them.
    pub keys: &'a [String],
    /// The width of the embedding of an index with more than 1,000 values; 0 for one-hot vectors.
    pub embedding: usize,
    /// The convolutions of each image; empty if images are read like other reals.
    pub convolutions: &'a [Filters],
    /// The magnitude at which normalized reals are clipped; `None` if they are not normalized.
    pub clip: Option<f64>,
}

/// What a policy or a baseline does to an observation before its network reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoder {
    /// The space of the observations.
    pub space: Space,
    /// The statistics of the reals of the observations; `None` if they are not normalized.
    pub normalizer: Option<Normalizer>,
    parts: Vec<Part>,
    /// The width of embeddings.
    embedding: usize,
    /// The convolutions of images.
    convolutions: Vec<Filters>,
}

/// A part of an observation: where its numbers are, and where they are among the network's inputs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    /// The index of the part of the dict or tuple to which it belongs.
    pub key: usize,
    pub numbers: Range<usize>,
    pub inputs: Range<usize>,
    pub code: Code,
}

/// How the numbers of a part become inputs.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Code {
    /// Reals. The first of them is that dimension of the normalizer.
    Reals { first: usize },
    /// The pixels of an image.
    Pixels(Pixels),
    /// Bits, as they are.
    Bits,
    /// Indices with that many values each, as one-hot vectors.
    OneHot { sizes: Vec<usize> },
    /// An index of so many values, as it is.
    Index { count: usize },
}

/// How the pixels of an image become inputs: (x - low) scale, with the channels of a pixel side by side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pixels {
    image: Image,
    low: f32,
    scale: f32,
}

impl Pixels {
    fn new(image: Image) -> Self {
        let range = image.high - image.low;
        let scale = if range > 0.0 { 1.0 / range } else { 1.0 };
        Self { image, low: image.low as f32, scale: scale as f32 }
    }

    fn grid(&self) -> Grid {
        let Image { rows, columns, channels, .. } = self.image;
        Grid { rows, columns, channels }
    }

    /// Writes the inputs of the numbers from number `first` of the image on.
    pub(super) fn write<T: Copy>(&self, first: usize, numbers: &[T], single: impl Fn(T) -> f32, inputs: &mut [f32]) {
        let scaled = |x: T| (single(x) - self.low) * self.scale;
        if !self.image.is_channels_first {
            let slots = inputs[first..].iter_mut().zip(numbers);
            return slots.for_each(|(slot, x)| *slot = scaled(*x));
        }
        let pixels = self.image.rows * self.image.columns;
        let (mut channel, mut pixel) = (first / pixels, first % pixels);
        let mut rest = numbers;
        while !rest.is_empty() {
            let own;
            (own, rest) = rest.split_at(rest.len().min(pixels - pixel));
            let slots = inputs[pixel * self.image.channels + channel..].iter_mut().step_by(self.image.channels);
            slots.zip(own).for_each(|(slot, x)| *slot = scaled(*x));
            (channel, pixel) = (channel + 1, 0);
        }
    }
}

impl Code {
    /// How many of its `numbers` are reals that can be normalized.
    fn reals(&self, numbers: usize) -> usize {
        if let Self::Reals { .. } = self { numbers } else { 0 }
    }
}

/// How a space without parts is coded: for each code, how many numbers of the observation and how many inputs it has. `reals` are
/// the reals before it.
fn codes(leaf: &Space, reals: usize, reading: Reading<'_>) -> Vec<(Code, usize, usize)> {
    let embedding = reading.embedding;
    let Some(sizes) = index_sizes(leaf) else {
        let code = match leaf {
            Space::Image(image) if !reading.convolutions.is_empty() => Code::Pixels(Pixels::new(*image)),
            Space::Box { .. } | Space::Image(_) => Code::Reals { first: reals },
            _ => Code::Bits,
        };
        return vec![(code, leaf.len(), leaf.len())];
    };
    if embedding == 0 || sizes.iter().all(|size| *size <= MANY) {
        return vec![(Code::OneHot { sizes: sizes.to_vec() }, sizes.len(), sizes.iter().sum())];
    }
    let of_index = |size: &usize| match *size {
        size if size > MANY => (Code::Index { count: size }, 1, 1),
        size => (Code::OneHot { sizes: vec![size] }, 1, size),
    };
    sizes.iter().map(of_index).collect()
}

/// The name of part `index` of a space.
fn key(space: &Space, index: usize) -> String {
    match space {
        Space::Dict(parts) => parts[index].0.clone(),
        _ => index.to_string(),
    }
}

impl Encoder {
    /// An encoder of the observations in `space`.
    pub fn new(space: &Space, reading: Reading<'_>) -> Self {
        let (mut parts, mut reals) = (Vec::new(), 0);
        let (mut number, mut input) = (0, 0);
        let whole = std::slice::from_ref(&space);
        let keys: Vec<&Space> = if space.has_parts() { space.parts().collect() } else { whole.to_vec() };
        for (index, part) in keys.into_iter().enumerate() {
            if !(reading.keys.is_empty() || reading.keys.contains(&key(space, index))) {
                number += part.len();
                continue;
            }
            for (code, numbers, inputs) in part.leaves().into_iter().flat_map(|leaf| {
                let codes = codes(leaf, reals, reading);
                let of_code = |(code, numbers, _): &(Code, usize, usize)| code.reals(*numbers);
                reals += codes.iter().map(of_code).sum::<usize>();
                codes
            }) {
                let (numbers, inputs) = (number..number + numbers, input..input + inputs);
                (number, input) = (numbers.end, inputs.end);
                parts.push(Part { key: index, numbers, inputs, code });
            }
        }
        let moments = (reals > 0).then(|| Moments::new(reals));
        let normalizer = reading.clip.zip(moments).map(|(clip, moments)| Normalizer::new(moments, clip));
        let (embedding, convolutions) = (reading.embedding, reading.convolutions.to_vec());
        Self { space: space.clone(), normalizer, parts, embedding, convolutions }
    }

    /// What is wrong with a reading, if anything is: the name of the setting (such as `keys`), and the message.
    pub fn fault(space: &Space, reading: Reading<'_>) -> Option<(&'static str, String)> {
        let names: Vec<String> = (0..space.parts().count()).map(|index| key(space, index)).collect();
        if let Some(unknown) = reading.keys.iter().find(|key| !names.contains(key)) {
            let message = match &names[..] {
                [] => format!("names {unknown:?}, but observations are {space:#}, which has no parts"),
                names => format!("names {unknown:?}, but the parts of observations are {}", names.join(", ")),
            };
            return Some(("keys", message));
        }
        let encoder = Self::new(space, reading);
        if let Some((_, count)) = encoder.indices().find(|(_, count)| *count > MOST) {
            let message =
                format!("cannot be of {count} values: at most {MOST} can be embedded; cut the index into several");
            return Some(("embedding", message));
        }
        if let Some(fault) = encoder.fault_of_images() {
            return Some(fault);
        }
        let is_nothing = encoder.inputs() == 0 && !reading.keys.is_empty();
        is_nothing.then(|| ("keys", "leaves nothing to read: these parts have no numbers".into()))
    }

    /// What is wrong with the convolutions, if there are any.
    fn fault_of_images(&self) -> Option<(&'static str, String)> {
        if self.convolutions.is_empty() {
            return None;
        }
        let images =
            || self.parts.iter().filter_map(|part| if let Code::Pixels(own) = &part.code { Some(own) } else { None });
        if images().next().is_none() {
            let message = format!(
                "needs an image, but observations are {:#}; an image is a Box of three dimensions with the same finite bounds \
                 everywhere; without one, use \"mlp\"",
                self.space
            );
            return Some(("network", message));
        }
        images().find_map(|pixels| {
            let mut grid = pixels.grid();
            for (index, filters) in self.convolutions.iter().enumerate() {
                let Grid { rows, columns, .. } = grid;
                let kernel = filters.kernel;
                let Some(next) = filters.of(grid) else {
                    let message = format!(
                        "has filters of {kernel} x {kernel} pixels in convolution {index}, which reads {rows} x {columns}; \
                         take smaller filters or fewer convolutions, such as [[16, 3, 1]], or larger images"
                    );
                    return Some(("convolutions", message));
                };
                grid = next;
            }
            None
        })
    }

    /// The inputs that are indices: which input, and the number of values.
    pub fn indices(&self) -> impl Iterator<Item = (usize, usize)> {
        self.parts.iter().filter_map(|part| match part.code {
            Code::Index { count } => Some((part.inputs.start, count)),
            _ => None,
        })
    }

    /// Whether another encoder does the same, apart from statistics.
    pub fn is_alike(&self, other: &Encoder) -> bool {
        let clip = |encoder: &Encoder| encoder.normalizer.as_ref().map(Normalizer::clip);
        self.parts == other.parts && clip(self) == clip(other)
    }

    /// The inputs as a network sees them. Each part of the observation gets an MLP of these widths, if there are any.
    pub fn entrance(&self, widths: &[usize]) -> Entrance {
        let kind = |part: &Part| match part.code {
            Code::Index { count } => InputKind::Index { count, width: self.embedding },
            Code::Pixels(pixels) => InputKind::Image(pixels.grid()),
            _ => InputKind::Numbers(part.inputs.len()),
        };
        let by_key = self.parts.chunk_by(|a, b| a.key == b.key);
        let parts: Vec<Vec<InputKind>> = by_key.map(|parts| parts.iter().map(kind).collect()).collect();
        let is_plain = parts.iter().flatten().all(|kind| matches!(kind, InputKind::Numbers(_)));
        if is_plain && widths.is_empty() {
            return Entrance::Numbers(self.inputs());
        }
        Entrance::Parts { parts, widths: widths.to_vec(), convolutions: self.convolutions.clone() }
    }

    /// The number of network inputs.
    pub fn inputs(&self) -> usize {
        self.parts.last().map_or(0, |part| part.inputs.end)
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The number of reals in an observation: those that can be normalized.
    pub fn reals(&self) -> usize {
        self.parts.iter().map(|part| part.code.reals(part.numbers.len())).sum()
    }

    /// Adds the reals of an observation to their moments.
    pub(crate) fn push(&self, observation: &[f64], moments: &mut Moments) {
        let dimensions = moments.mean.len();
        if dimensions == observation.len() {
            moments.push(observation); // there is nothing but reals
        } else if dimensions > 0 {
            let is_real = |part: &&Part| matches!(part.code, Code::Reals { .. });
            let reals = self.parts.iter().filter(is_real).flat_map(|part| &observation[part.numbers.clone()]);
            moments.push(&reals.copied().collect::<Vec<f64>>());
        }
    }

    /// Writes the network inputs for `observation`, which must lie in the space ([`Space::check`]).
    pub fn write<T: Copy + Into<f64>>(&self, observation: &[T], inputs: &mut [f32]) {
        for part in &self.parts {
            let (numbers, inputs) = (&observation[part.numbers.clone()], &mut inputs[part.inputs.clone()]);
            match (&part.code, &self.normalizer) {
                (Code::OneHot { sizes }, _) => {
                    inputs.fill(0.0);
                    hot(sizes, numbers.iter().map(|index| (*index).into())).for_each(|at| inputs[at] = 1.0);
                }
                (Code::Reals { first }, Some(normalizer)) => normalizer.apply_from(*first, numbers, inputs),
                (Code::Pixels(pixels), _) => pixels.write(0, numbers, |x| x.into() as f32, inputs),
                (Code::Reals { .. }, None) | (Code::Bits | Code::Index { .. }, _) => {
                    inputs.iter_mut().zip(numbers).for_each(|(slot, x)| *slot = (*x).into() as f32);
                }
            }
        }
    }

    /// Adds the moments of observations to the statistics. Returns the change of variables of each network input
    /// ([`Normalizer::change_of_variables`]); `None` without statistics, and for the first ones.
    pub fn update(&mut self, moments: &Moments) -> Option<Vec<(f64, f64)>> {
        let normalizer = self.normalizer.as_mut()?;
        let before = normalizer.clone();
        normalizer.update(moments);
        let is_first = before.moments().count == 0.0;
        let of_reals = (!is_first).then(|| before.change_of_variables(normalizer))?;
        Some(self.change_of_inputs(&of_reals))
    }

    /// The change of variables of each network input, from that of each normalized real.
    fn change_of_inputs(&self, of_reals: &[(f64, f64)]) -> Vec<(f64, f64)> {
        let mut of_inputs = vec![(1.0, 0.0); self.inputs()];
        for part in &self.parts {
            if let Code::Reals { first } = part.code {
                of_inputs[part.inputs.clone()].copy_from_slice(&of_reals[first..first + part.numbers.len()]);
            }
        }
        of_inputs
    }
}

/// The positions of the ones in the concatenated one-hot vectors of `indices`.
pub(super) fn hot<'a>(sizes: &'a [usize], indices: impl Iterator<Item = f64> + 'a) -> impl Iterator<Item = usize> + 'a {
    let firsts = sizes.iter().scan(0, |next, size| Some(std::mem::replace(next, *next + size)));
    firsts.zip(indices).map(|(first, index)| first + index as usize)
}

/// An observation in the form that checkpoints store: indices as one-hot vectors unless these are wide, and nothing
/// normalized.
pub(crate) fn expanded(space: &Space, observation: &[f64]) -> Vec<f64> {
    if space.encoded_len() > WIDE {
        return observation.to_vec();
    }
    let (mut vectors, mut rest) = (Vec::new(), observation);
    for leaf in space.leaves() {
        let (numbers, tail) = rest.split_at(leaf.len());
        rest = tail;
        match index_sizes(leaf) {
            Some(sizes) => {
                let first = vectors.len();
                vectors.resize(first + leaf.encoded_len(), 0.0);
                hot(sizes, numbers.iter().copied()).for_each(|at| vectors[first + at] = 1.0);
            }
            None => vectors.extend_from_slice(numbers),
        }
    }
    vectors
}

/// The inverse of [`expanded`]; indices may also be stored as they are. A vector without a 1 becomes index 0. `None` if the
/// number of numbers fits neither.
pub(crate) fn contracted(space: &Space, saved: &[f64]) -> Option<Vec<f64>> {
    if saved.len() != space.encoded_len() {
        return (saved.len() == space.len()).then(|| saved.to_vec());
    }
    let (mut observation, mut rest) = (Vec::new(), saved);
    for leaf in space.leaves() {
        let Some(sizes) = index_sizes(leaf) else {
            let (numbers, tail) = rest.split_at(leaf.len());
            observation.extend_from_slice(numbers);
            rest = tail;
            continue;
        };
        for size in sizes {
            let (vector, tail) = rest.split_at(*size);
            rest = tail;
            observation.push(vector.iter().position(|x| *x == 1.0).unwrap_or(0) as f64);
        }
    }
    Some(observation)
}

/// The number of values of each index of a space without parts; `None` if it is not made of indices.
fn index_sizes(leaf: &Space) -> Option<&[usize]> {
    match leaf {
        Space::Discrete(size) => Some(std::slice::from_ref(size)),
        Space::MultiDiscrete(sizes) => Some(sizes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading<'a>() -> Reading<'a> {
        Reading { clip: Some(10.0), ..Reading::default() }
    }

    #[test]
    fn only_the_named_parts_are_read() {
        let keys = ["d", "b"].map(String::from);
        let mut encoder = Encoder::new(&mixed(), Reading { keys: &keys, ..reading() });
        assert_eq!((encoder.inputs(), encoder.reals()), (9, 1));
        let row = [9.0, 9.0, 2.0, 1.0, 0.0, 1.0, 2.0, 250.0];
        let mut moments = Moments::new(1);
        [250.0, 252.0].iter().for_each(|last| encoder.push(&[&row[..7], &[*last]].concat(), &mut moments));
        encoder.normalizer.as_mut().unwrap().update(&moments);
        let mut inputs = [9.0; 9];
        encoder.write(&row, &mut inputs);
        assert_eq!(inputs, [0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, -1.0], "in the order of the space");
        let fault = |keys: &[&str]| {
            let keys: Vec<String> = keys.iter().map(|key| (*key).into()).collect();
            Encoder::fault(&mixed(), Reading { keys: &keys, ..reading() }).map(|(_, message)| message)
        };
        assert_eq!(fault(&["a", "d"]), None);
        assert_eq!(fault(&["a", "x"]).unwrap(), "names \"x\", but the parts of observations are a, b, c, d");
        let (_, alone) = Encoder::fault(&Space::Discrete(3), Reading { keys: &keys, ..reading() }).unwrap();
        assert_eq!(alone, "names \"d\", but observations are Discrete(3), which has no parts");
    }

    #[test]
    fn indices_with_many_values_stay_indices_if_they_are_embedded() {
        let space = Space::Dict(vec![
            ("few".into(), Space::Discrete(3)),
            ("many".into(), Space::MultiDiscrete(vec![2, 1_000_000])),
        ]);
        let encoder = Encoder::new(&space, Reading { embedding: 4, ..reading() });
        assert_eq!(encoder.inputs(), 6);
        let mut inputs = [9.0; 6];
        encoder.write(&[2.0, 0.0, 999_999.0], &mut inputs);
        assert_eq!(inputs, [0.0, 0.0, 1.0, 1.0, 0.0, 999_999.0]);
        let index = InputKind::Index { count: 1_000_000, width: 4 };
        let parts = vec![vec![InputKind::Numbers(3)], vec![InputKind::Numbers(2), index]];
        assert_eq!(encoder.entrance(&[]), Entrance::Parts { parts, widths: vec![], convolutions: vec![] });
        assert_eq!(Encoder::new(&space, reading()).inputs(), 1_000_005);
        let (key, huge) = Encoder::fault(&Space::Discrete(MOST + 1), Reading { embedding: 4, ..reading() }).unwrap();
        assert_eq!(key, "embedding");
        assert!(huge.starts_with("cannot be of 16777217 values: at most 16777216"), "{huge}");
    }

    /// Reals, an index, bits, two indices, and reals again.
    fn mixed() -> Space {
        let inner = Space::Tuple(vec![Space::MultiDiscrete(vec![2, 3]), Space::uniform_box(1, 0.0, 255.0)]);
        Space::Dict(vec![
            ("a".into(), Space::uniform_box(2, -1.0, 1.0)),
            ("b".into(), Space::Discrete(3)),
            ("c".into(), Space::MultiBinary(2)),
            ("d".into(), inner),
        ])
    }

    #[test]
    fn indices_become_one_hot_and_come_back() {
        let space = Space::MultiDiscrete(vec![2, 3]);
        let vectors = expanded(&space, &[1.0, 2.0]);
        assert_eq!(vectors, [0.0, 1.0, 0.0, 0.0, 1.0]);
        assert_eq!(contracted(&space, &vectors).unwrap(), [1.0, 2.0]);
        assert_eq!(contracted(&space, &[1.0, 2.0]).unwrap(), [1.0, 2.0]);
        assert_eq!(contracted(&space, &[1.0]), None);
        let mut inputs = [9.0; 5];
        Encoder::new(&space, reading()).write(&[1u8, 2], &mut inputs);
        assert_eq!(inputs, [0.0, 1.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn wide_indices_are_stored_as_they_are() {
        let space = Space::Discrete(1_000_000);
        assert_eq!(expanded(&space, &[999_999.0]), [999_999.0]);
        assert_eq!(contracted(&space, &[999_999.0]).unwrap(), [999_999.0]);
    }

    #[test]
    fn reals_are_normalized_in_f64_whatever_their_type() {
        let mut encoder = Encoder::new(&Space::uniform_box(1, 0.0, 255.0), reading());
        let mut moments = Moments::new(1);
        [250.0, 252.0].iter().for_each(|x| encoder.push(&[*x], &mut moments));
        encoder.normalizer.as_mut().unwrap().update(&moments);
        let mut inputs = [[9.0]; 3];
        encoder.write(&[254u8], &mut inputs[0]);
        encoder.write(&[254f32], &mut inputs[1]);
        encoder.write(&[254f64], &mut inputs[2]);
        assert_eq!(inputs, [[3.0]; 3]);
        assert_eq!(expanded(&encoder.space, &[0.5]), [0.5]);
        assert_eq!(contracted(&encoder.space, &[0.5]).unwrap(), [0.5]);
    }

    #[test]
    fn of_several_parts_only_the_reals_are_normalized() {
        let mut encoder = Encoder::new(&mixed(), reading());
        assert_eq!((encoder.inputs(), encoder.reals()), (13, 3));
        let rows = [[1.0, 10.0, 2.0, 1.0, 0.0, 1.0, 2.0, 250.0], [3.0, 14.0, 0.0, 1.0, 0.0, 0.0, 1.0, 252.0]];
        let mut moments = Moments::new(encoder.reals());
        rows.iter().for_each(|row| encoder.push(row, &mut moments));
        encoder.normalizer.as_mut().unwrap().update(&moments);
        let mut inputs = [9.0; 13];
        encoder.write(&rows[0], &mut inputs);
        assert_eq!(inputs, [-1.0, -1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, -1.0]);
        let changes = encoder.change_of_inputs(&[(2.0, 0.5), (3.0, 0.5), (4.0, 0.5)]);
        let same = [(1.0, 0.0); 10];
        assert_eq!(changes, [&[(2.0, 0.5), (3.0, 0.5)][..], &same, &[(4.0, 0.5)]].concat());
        let saved = expanded(&mixed(), &rows[0]);
        assert_eq!(saved, [1.0, 10.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 250.0]);
        assert_eq!(contracted(&mixed(), &saved).unwrap(), rows[0]);
    }
}
