//! Spaces of observations and actions, with Gymnasium's names.

use std::fmt;

/// A space of observations or actions.
#[derive(Clone, Debug, PartialEq)]
pub enum Space {
    /// Vectors of reals between bounds, which may be infinite.
    Box {
        /// Lower bound of each dimension.
        low: Vec<f64>,
        /// Upper bound of each dimension.
        high: Vec<f64>,
    },
    /// Images: numbers on a grid, all of them between the same bounds. As an action, the same as a box.
    Image(Image),
    /// One of 0..n.
    Discrete(usize),
    /// One of 0..n for each part.
    MultiDiscrete(Vec<usize>),
    /// n bits.
    MultiBinary(usize),
    /// Several parts, each of any kind.
    Tuple(Vec<Space>),
    /// Several parts, each with its name (Gymnasium's Dict).
    Dict(Vec<(String, Space)>),
    /// One of several choices, each with parameters in a box of its own, which may have no numbers (Masson et al. 2016). An
    /// element has the choice and the parameters of all choices; only those of the choice that is taken count. Only for actions,
    /// and only as the whole space.
    Parametrized(Vec<Space>),
}

/// The shape and the bounds of images. Their numbers come row by row, and the channels of a pixel side by side; or, if the
/// channels are first, one whole channel after the other (as in PyTorch).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Image {
    /// The height, pixels.
    pub rows: usize,
    /// The width, pixels.
    pub columns: usize,
    /// The numbers of one pixel.
    pub channels: usize,
    /// Whether the channels are the first dimension and not the last one.
    pub is_channels_first: bool,
    /// The lower bound of all numbers.
    pub low: f64,
    /// The upper bound of all numbers.
    pub high: f64,
}

impl Image {
    /// The number of numbers.
    pub fn len(&self) -> usize {
        self.rows * self.columns * self.channels
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The dimensions in their order.
    pub fn shape(&self) -> [usize; 3] {
        match self.is_channels_first {
            true => [self.channels, self.rows, self.columns],
            false => [self.rows, self.columns, self.channels],
        }
    }
}

impl Space {
    /// A box with the same bounds in every dimension.
    pub fn uniform_box(dimensions: usize, low: f64, high: f64) -> Self {
        Space::Box { low: vec![low; dimensions], high: vec![high; dimensions] }
    }

    /// Whether it is a tuple or a dict.
    pub fn has_parts(&self) -> bool {
        matches!(self, Space::Tuple(_) | Space::Dict(_))
    }

    /// The parts of a tuple or a dict, in order; none for other spaces.
    pub fn parts(&self) -> impl Iterator<Item = &Space> {
        let (unnamed, named): (&[Space], &[(String, Space)]) = match self {
            Space::Tuple(parts) => (parts, &[]),
            Space::Dict(parts) => (&[], parts),
            _ => (&[], &[]),
        };
        unnamed.iter().chain(named.iter().map(|(_, part)| part))
    }

    /// The spaces without parts that the space consists of, in order: those in its parts and in the parts of these, or the
    /// space itself.
    pub fn leaves(&self) -> Vec<&Space> {
        match self {
            Space::Tuple(_) | Space::Dict(_) => self.parts().flat_map(Space::leaves).collect(),
            leaf => vec![leaf],
        }
    }

    /// The number of elements of one value as the environment writes or reads it (1 for a discrete space).
    pub fn len(&self) -> usize {
        match self {
            Space::Tuple(_) | Space::Dict(_) => self.parts().map(Space::len).sum(),
            Space::Parametrized(boxes) => 1 + boxes.iter().map(Space::len).sum::<usize>(),
            Space::Box { low, .. } => low.len(),
            Space::Image(image) => image.len(),
            Space::Discrete(_) => 1,
            Space::MultiDiscrete(sizes) => sizes.len(),
            Space::MultiBinary(bits) => *bits,
        }
    }

    /// The number of values of an action mask: those of a discrete part, one part after the other. A bit is a part with the
    /// values 0 and 1. Boxes have none.
    pub fn mask_len(&self) -> usize {
        match self {
            Space::Tuple(_) | Space::Dict(_) => self.parts().map(Space::mask_len).sum(),
            Space::Parametrized(boxes) => boxes.len(),
            Space::Discrete(count) => *count,
            Space::MultiDiscrete(sizes) => sizes.iter().sum(),
            Space::MultiBinary(bits) => 2 * bits,
            Space::Box { .. } | Space::Image(_) => 0,
        }
    }

    /// The integers of an element, in order: the name of each, and the number of its values. The name says where it is in the
    /// element, such as `part "arm", part 1`. It is empty for an element that is one integer.
    pub(crate) fn integers(&self) -> Vec<(String, usize)> {
        let numbered =
            |sizes: &[usize]| sizes.iter().enumerate().map(|(i, size)| (format!("part {i}"), *size)).collect();
        let within = |outer: String, part: &Space| {
            let named = move |(inner, size): (String, usize)| {
                let name = if inner.is_empty() { outer.clone() } else { format!("{outer}, {inner}") };
                (name, size)
            };
            part.integers().into_iter().map(named)
        };
        match self {
            Space::Tuple(parts) => {
                parts.iter().enumerate().flat_map(|(i, part)| within(format!("part {i}"), part)).collect()
            }
            Space::Dict(parts) => parts.iter().flat_map(|(key, part)| within(format!("part {key:?}"), part)).collect(),
            Space::Parametrized(boxes) => vec![(String::new(), boxes.len())],
            Space::Discrete(count) => vec![(String::new(), *count)],
            Space::MultiDiscrete(sizes) => numbered(sizes),
            Space::MultiBinary(bits) => numbered(&vec![2; *bits]),
            Space::Box { .. } | Space::Image(_) => Vec::new(),
        }
    }

    /// Whether an element has no numbers at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of elements of one value as a network reads it. Indices become one-hot vectors.
    pub fn encoded_len(&self) -> usize {
        match self {
            Space::Tuple(_) | Space::Dict(_) => self.parts().map(Space::encoded_len).sum(),
            Space::Parametrized(boxes) => boxes.len() + boxes.iter().map(Space::encoded_len).sum::<usize>(),
            Space::Box { low, .. } => low.len(),
            Space::Image(image) => image.len(),
            Space::Discrete(n) => *n,
            Space::MultiDiscrete(sizes) => sizes.iter().sum(),
            Space::MultiBinary(bits) => *bits,
        }
    }

    /// What makes the space impossible, if anything does: it has no elements, or a network cannot read them.
    pub fn fault(&self) -> Option<String> {
        match self {
            Space::Box { low, high } => {
                if low.len() != high.len() {
                    return Some(format!("a box with {} lower and {} upper bounds", low.len(), high.len()));
                }
                let mut bounds = low.iter().zip(high).enumerate();
                let (index, (low, high)) = bounds.find(|(_, (low, high))| !box_holds_something(**low, **high))?;
                Some(format!("a box with low {low} and high {high} in dimension {index}: low must not be above high"))
            }
            Space::Image(Image { low, high, .. }) if !box_holds_something(*low, *high) => {
                Some(format!("an image with low {low} and high {high}: low must not be above high"))
            }
            Space::Discrete(0) => Some("a discrete space of 0 elements: it needs at least 1".into()),
            Space::MultiDiscrete(sizes) => {
                let index = sizes.iter().position(|size| *size == 0)?;
                Some(format!("a multi-discrete space of 0 elements in part {index}: it needs at least 1"))
            }
            Space::Image(_) | Space::Discrete(_) | Space::MultiBinary(_) => None,
            Space::Parametrized(boxes) if boxes.is_empty() => Some("parametrized without any choice".into()),
            Space::Parametrized(boxes) => boxes.iter().enumerate().find_map(|(index, space)| match space {
                Space::Box { .. } => space.fault().map(|fault| format!("{fault} (of choice {index})")),
                other => Some(format!("{other:?} as the parameters of choice {index}: they must be a box")),
            }),
            Space::Tuple(_) | Space::Dict(_) => self.fault_of_parts(),
        }
    }

    fn fault_of_parts(&self) -> Option<String> {
        let leaves = self.leaves();
        if leaves.iter().any(|leaf| matches!(leaf, Space::Parametrized(_))) {
            return Some("a part of choices with parameters: choices with parameters must be the whole space".into());
        }
        if let Space::Dict(parts) = self
            && let Some((name, _)) = parts
                .iter()
                .enumerate()
                .find_map(|(index, (name, _))| parts[..index].iter().find(|(earlier, _)| earlier == name))
        {
            return Some(format!("two parts with the name {name:?}"));
        }
        let fault = |(index, part): (usize, &Space)| {
            let place = match self {
                Space::Dict(parts) => format!("{:?}", parts[index].0),
                _ => index.to_string(),
            };
            Some(format!("{} (in part {place})", part.fault()?))
        };
        self.parts().enumerate().find_map(fault)
    }

    /// Whether `element` is in the space and finite as an f32. The bounds of a box are not checked. The error is the first
    /// (index, value) that is wrong.
    pub fn check(&self, element: &[f64]) -> Result<(), (usize, f64)> {
        let is_index = |x: f64, size: usize| x.fract() == 0.0 && x >= 0.0 && x < size as f64;
        let wrong = match self {
            Space::Box { .. } | Space::Image(_) => element.iter().position(|x| !fits_f32(*x)),
            Space::MultiBinary(_) => element.iter().position(|x| *x != 0.0 && *x != 1.0),
            Space::Discrete(size) => element.iter().position(|x| !is_index(*x, *size)),
            Space::MultiDiscrete(sizes) => element.iter().zip(sizes).position(|(x, size)| !is_index(*x, *size)),
            Space::Tuple(_) | Space::Dict(_) => return check_parts(element, 0, self.parts()),
            Space::Parametrized(boxes) => {
                Space::Discrete(boxes.len()).check(&element[..1])?;
                return check_parts(element, 1, boxes);
            }
        };
        wrong.map_or(Ok(()), |index| Err((index, element[index])))
    }

    /// Checks an observation as [`Space::check`] does. The error is a sentence with the index and the value.
    pub(crate) fn check_observation(&self, observation: &[f64]) -> Result<(), String> {
        // All numbers of a box are looked at first, without a branch for each, because nearly always all of them are good.
        if matches!(self, Space::Box { .. } | Space::Image(_))
            && observation.iter().fold(true, |good, x| good & fits_f32(*x))
        {
            return Ok(());
        }
        self.check(observation).map_err(|(index, value)| self.wrong_observation(index, value))
    }

    #[cold]
    fn wrong_observation(&self, index: usize, value: f64) -> String {
        match self {
            Space::Box { .. } | Space::Image(_) if value.is_finite() => {
                format!("observation[{index}] is {value:e}; it must fit an f32")
            }
            Space::Box { .. } | Space::Image(_) => format!("observation[{index}] is {value}; it must be finite"),
            _ => format!("observation[{index}] is {value}; it is not an element of {self:?}"),
        }
    }
}

/// [`Space::check`] of the parts of an element, which begin at number `begin`.
fn check_parts<'a>(
    element: &[f64],
    mut begin: usize,
    parts: impl IntoIterator<Item = &'a Space>,
) -> Result<(), (usize, f64)> {
    for part in parts {
        let own = &element[begin..begin + part.len()];
        part.check(own).map_err(|(index, value)| (begin + index, value))?;
        begin += own.len();
    }
    Ok(())
}

/// What is wrong with the mask of an action with these integers ([`Space::integers`]): it must allow a value of each. It has as
/// many values as they have together.
pub(crate) fn check_mask(mask: &[bool], integers: &[(String, usize)]) -> Result<(), String> {
    let mut rest = mask;
    for (name, size) in integers {
        let values;
        (values, rest) = rest.split_at(*size);
        if values.contains(&true) {
            continue;
        }
        return Err(if *size == mask.len() {
            "the action mask forbids every action".into()
        } else {
            format!("the action mask forbids every value of {name} of the action")
        });
    }
    Ok(())
}

/// A space on one line, such as `Dict("pose": Box(2 x [-1, 1], [0, inf]), "gear": Discrete(5))`. Equal lines mean equal spaces.
/// `{:#}` leaves out bounds, so that `Box(3)` is any box of three numbers. Checkpoints have such lines.
impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_short = f.alternate();
        let shown = |space: &Space| if is_short { format!("{space:#}") } else { format!("{space}") };
        let listed = |spaces: &[Space]| spaces.iter().map(shown).collect::<Vec<_>>().join(", ");
        match self {
            Space::Box { low, .. } if is_short => write!(f, "Box({})", low.len()),
            Space::Box { low, high } => write!(f, "Box({})", bounds(low.iter().zip(high))),
            Space::Image(image) => {
                let [first, second, third] = image.shape();
                let order = if image.is_channels_first { ", channels first" } else { "" };
                write!(f, "Image({first} x {second} x {third}{order}")?;
                if !is_short {
                    write!(f, ", [{}, {}]", image.low, image.high)?;
                }
                write!(f, ")")
            }
            Space::Discrete(count) => write!(f, "Discrete({count})"),
            Space::MultiDiscrete(sizes) => {
                write!(f, "MultiDiscrete({})", runs(sizes.iter().map(usize::to_string)))
            }
            Space::MultiBinary(bits) => write!(f, "MultiBinary({bits})"),
            Space::Tuple(parts) => write!(f, "Tuple({})", listed(parts)),
            Space::Dict(parts) => {
                let parts: Vec<_> = parts.iter().map(|(name, part)| format!("{name:?}: {}", shown(part))).collect();
                write!(f, "Dict({})", parts.join(", "))
            }
            Space::Parametrized(boxes) => write!(f, "Parametrized({})", listed(boxes)),
        }
    }
}

fn bounds<'a>(bounds: impl Iterator<Item = (&'a f64, &'a f64)>) -> String {
    runs(bounds.map(|(low, high)| format!("[{low}, {high}]")))
}

/// The items with commas between them, where equal neighbors are counted: `3 x 1, 2`.
fn runs(items: impl Iterator<Item = String>) -> String {
    let mut runs: Vec<(usize, String)> = Vec::new();
    for item in items {
        match runs.last_mut() {
            Some((count, last)) if *last == item => *count += 1,
            _ => runs.push((1, item)),
        }
    }
    let shown = runs.into_iter().map(|(count, item)| if count == 1 { item } else { format!("{count} x {item}") });
    shown.collect::<Vec<_>>().join(", ")
}

/// Whether `x` is finite as an f32: it is not NaN, and its magnitude is below the middle between the largest f32 and 2^128,
/// from which on it is rounded to infinity.
fn fits_f32(x: f64) -> bool {
    const MIDDLE: f64 = f32::MAX as f64 + (1u128 << 103) as f64;
    x.abs() < MIDDLE
}

/// Whether some real number lies between the bounds. Neither of them is NaN.
fn box_holds_something(low: f64, high: f64) -> bool {
    low <= high && low < f64::INFINITY && high > f64::NEG_INFINITY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_an_f32_is_what_the_cast_leaves_finite() {
        let largest = f64::from(f32::MAX);
        let middle = largest + 2f64.powi(103);
        assert!(fits_f32(largest) && fits_f32(middle.next_down()) && !fits_f32(middle));
        for x in [0.0, largest, middle.next_down(), middle, middle.next_up(), f64::MAX, f64::INFINITY, f64::NAN] {
            assert_eq!((fits_f32(x), fits_f32(-x)), ((x as f32).is_finite(), (-x as f32).is_finite()), "{x:e}");
        }
    }

    #[test]
    fn indices_are_whole_and_within() {
        let space = Space::MultiDiscrete(vec![2, 3]);
        assert_eq!(space.check(&[1.0, 2.0]), Ok(()));
        assert_eq!(space.check(&[1.0, 3.0]), Err((1, 3.0)));
        assert_eq!(space.check(&[0.5, 0.0]), Err((0, 0.5)));
        assert_eq!(Space::Discrete(3).check(&[-1.0]), Err((0, -1.0)));
        assert!(Space::Discrete(3).check(&[f64::NAN]).is_err());
    }

    #[test]
    fn the_parts_of_an_element_are_checked_one_after_the_other() {
        let space = Space::Tuple(vec![Space::uniform_box(1, 0.0, 1.0), Space::Discrete(2)]);
        assert_eq!((space.len(), space.mask_len(), space.check(&[0.5, 1.0])), (2, 2, Ok(())));
        assert_eq!(space.check(&[0.5, 2.0]), Err((1, 2.0)));
        let space = Space::Parametrized(vec![Space::uniform_box(1, 0.0, 1.0), Space::uniform_box(0, 0.0, 0.0)]);
        assert_eq!((space.len(), space.mask_len(), space.check(&[1.0, 0.5])), (2, 2, Ok(())));
        assert_eq!(space.check(&[2.0, 0.5]), Err((0, 2.0)));
        assert_eq!(space.check(&[1.0, f64::INFINITY]), Err((1, f64::INFINITY)));
    }

    #[test]
    fn a_dict_is_a_tuple_with_names() {
        let named = |names: [&str; 2]| {
            let parts =
                [Space::uniform_box(1, 0.0, 1.0), Space::Tuple(vec![Space::Discrete(2), Space::MultiBinary(3)])];
            Space::Dict(names.map(String::from).into_iter().zip(parts).collect())
        };
        let space = named(["a", "b"]);
        assert_eq!((space.len(), space.mask_len(), space.encoded_len(), space.leaves().len()), (5, 8, 6, 3));
        assert_eq!(space.check(&[0.5, 1.0, 0.0, 1.0, 0.0]), Ok(()));
        assert_eq!(space.check(&[0.5, 1.0, 0.0, 2.0, 0.0]), Err((3, 2.0)));
        assert_eq!(space.fault(), None);
        assert_eq!(named(["a", "a"]).fault().unwrap(), "two parts with the name \"a\"");
        let nested = Space::Dict(vec![("a".into(), Space::Tuple(vec![Space::Discrete(0)]))]);
        assert!(nested.fault().unwrap().ends_with("(in part 0) (in part \"a\")"));
        assert!(Space::Dict(vec![("a".into(), Space::Parametrized(vec![]))]).fault().is_some());
    }

    /// Checkpoints have these lines, so they must not change.
    #[test]
    fn a_space_is_shown_on_one_line() {
        let reals = Space::Box { low: vec![-1.0, -1.0, 0.1], high: vec![1.0, 1.0, f64::INFINITY] };
        let inner = Space::Tuple(vec![Space::Discrete(5), Space::MultiDiscrete(vec![2, 2, 3]), Space::MultiBinary(4)]);
        let space = Space::Dict(vec![("arm \"2\"".into(), reals.clone()), ("b".into(), inner)]);
        let rest = "\"b\": Tuple(Discrete(5), MultiDiscrete(2 x 2, 3), MultiBinary(4)))";
        assert_eq!(space.to_string(), format!(r#"Dict("arm \"2\"": Box(2 x [-1, 1], [0.1, inf]), {rest}"#));
        assert_eq!(format!("{space:#}"), format!(r#"Dict("arm \"2\"": Box(3), {rest}"#));
        let choices = Space::Parametrized(vec![reals, Space::uniform_box(0, 0.0, 0.0)]);
        assert_eq!(choices.to_string(), "Parametrized(Box(2 x [-1, 1], [0.1, inf]), Box())");
    }

    #[test]
    fn bits_are_0_or_1() {
        assert_eq!(Space::MultiBinary(2).check(&[0.0, 1.0]), Ok(()));
        for bad in [5.0, 0.5, -1.0] {
            assert_eq!(Space::MultiBinary(2).check(&[1.0, bad]), Err((1, bad)));
        }
        assert!(Space::MultiBinary(2).check(&[f64::NAN, 0.0]).is_err());
    }

    #[test]
    fn a_box_refuses_what_is_not_finite() {
        let space = Space::uniform_box(2, -1.0, 1.0);
        assert_eq!(space.check(&[-7.0, 0.0]), Ok(()), "bounds aside");
        assert_eq!(space.check(&[0.0, f64::INFINITY]), Err((1, f64::INFINITY)));
        assert_eq!(space.check(&[-1e39, 0.0]), Err((0, -1e39)), "infinite in f32");
    }

    /// Parts have the names by which the action is indexed, and boxes between them count.
    #[test]
    fn a_mask_is_checked_part_by_part_under_the_names_of_the_parts() {
        let still = || Space::Box { low: vec![-1.0], high: vec![1.0] };
        let arm = Space::Tuple(vec![still(), Space::MultiDiscrete(vec![2, 2])]);
        let space =
            Space::Dict(vec![("arm".into(), arm), ("gear".into(), Space::Discrete(3)), ("pull".into(), still())]);
        let integers = space.integers();
        let forbidden = |index: usize, size: usize| {
            let mut mask = [true; 7];
            mask[index..index + size].fill(false);
            check_mask(&mask, &integers).unwrap_err()
        };
        let expected = |name: &str| format!("the action mask forbids every value of {name} of the action");
        assert_eq!(forbidden(2, 2), expected("part \"arm\", part 1, part 1"));
        assert_eq!(forbidden(4, 3), expected("part \"gear\""));
        assert_eq!(check_mask(&[true; 7], &integers), Ok(()));
        let alone = check_mask(&[false; 2], &Space::Discrete(2).integers());
        assert_eq!(alone.unwrap_err(), "the action mask forbids every action");
    }
}
