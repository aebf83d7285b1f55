//! Spaces of observations and actions, with Gymnasium's names.

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
    /// One of 0..n.
    Discrete(usize),
    /// One of 0..n for each part.
    MultiDiscrete(Vec<usize>),
    /// n bits.
    MultiBinary(usize),
    /// Several parts, each of any kind. Only actions may have parts.
    Tuple(Vec<Space>),
    /// One of several choices, each with parameters in a box of its own, which may have no numbers (Masson et al. 2016). An
    /// element has the choice and the parameters of all choices; only those of the choice that is taken count. Only for actions,
    /// and only as the whole space.
    Parametrized(Vec<Space>),
}

impl Space {
    /// A box with the same bounds in every dimension.
    pub fn uniform_box(dimensions: usize, low: f64, high: f64) -> Self {
        Space::Box { low: vec![low; dimensions], high: vec![high; dimensions] }
    }

    /// The spaces without parts that the space consists of, in order: those in a tuple and in the tuples in it, or the space
    /// itself.
    pub fn leaves(&self) -> Vec<&Space> {
        match self {
            Space::Tuple(parts) => parts.iter().flat_map(Space::leaves).collect(),
            leaf => vec![leaf],
        }
    }

    /// The number of elements of one value as the environment writes or reads it (1 for a discrete space).
    pub fn len(&self) -> usize {
        match self {
            Space::Tuple(parts) => parts.iter().map(Space::len).sum(),
            Space::Parametrized(boxes) => 1 + boxes.iter().map(Space::len).sum::<usize>(),
            Space::Box { low, .. } => low.len(),
            Space::Discrete(_) => 1,
            Space::MultiDiscrete(sizes) => sizes.len(),
            Space::MultiBinary(bits) => *bits,
        }
    }

    /// The number of values of an action mask: those of a discrete part, one part after the other. A bit is a part with the
    /// values 0 and 1. Boxes have none.
    pub fn mask_len(&self) -> usize {
        match self {
            Space::Tuple(parts) => parts.iter().map(Space::mask_len).sum(),
            Space::Parametrized(boxes) => boxes.len(),
            Space::Discrete(count) => *count,
            Space::MultiDiscrete(sizes) => sizes.iter().sum(),
            Space::MultiBinary(bits) => 2 * bits,
            Space::Box { .. } => 0,
        }
    }

    /// The number of values of each integer of an element, in order.
    fn classes(&self) -> Vec<usize> {
        match self {
            Space::Tuple(parts) => parts.iter().flat_map(Space::classes).collect(),
            Space::Parametrized(boxes) => vec![boxes.len()],
            Space::Discrete(count) => vec![*count],
            Space::MultiDiscrete(sizes) => sizes.clone(),
            Space::MultiBinary(bits) => vec![2; *bits],
            Space::Box { .. } => Vec::new(),
        }
    }

    /// What is wrong with an action mask, which must have [`Space::mask_len`] values.
    pub(super) fn check_mask(&self, mask: &[bool]) -> Result<(), String> {
        check_mask(mask, self.classes())
    }

    /// Whether an element has no numbers at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of elements of one value as a network reads it. Indices become one-hot vectors.
    pub fn encoded_len(&self) -> usize {
        match self {
            Space::Tuple(parts) => parts.iter().map(Space::encoded_len).sum(),
            Space::Parametrized(boxes) => boxes.len() + boxes.iter().map(Space::encoded_len).sum::<usize>(),
            Space::Box { low, .. } => low.len(),
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
            Space::Discrete(0) => Some("a discrete space of 0 elements: it needs at least 1".into()),
            Space::MultiDiscrete(sizes) => {
                let index = sizes.iter().position(|size| *size == 0)?;
                Some(format!("a multi-discrete space of 0 elements in part {index}: it needs at least 1"))
            }
            Space::Discrete(_) | Space::MultiBinary(_) => None,
            Space::Parametrized(boxes) if boxes.is_empty() => Some("parametrized without any choice".into()),
            Space::Parametrized(boxes) => boxes.iter().enumerate().find_map(|(index, space)| match space {
                Space::Box { .. } => space.fault().map(|fault| format!("{fault} (of choice {index})")),
                other => Some(format!("{other:?} as the parameters of choice {index}: they must be a box")),
            }),
            Space::Tuple(parts) if parts.iter().any(|part| matches!(part, Space::Parametrized(_))) => {
                Some("a tuple with a parametrized part: choices with parameters must be the whole space".into())
            }
            Space::Tuple(parts) => {
                let mut faults = parts.iter().enumerate().filter_map(|(index, part)| Some((index, part.fault()?)));
                faults.next().map(|(index, fault)| format!("{fault} (in part {index} of a tuple)"))
            }
        }
    }

    /// Whether `element` is in the space and finite as an f32. The bounds of a box are not checked. The error is the first
    /// (index, value) that is wrong.
    pub fn check(&self, element: &[f64]) -> Result<(), (usize, f64)> {
        let is_index = |x: f64, size: usize| x.fract() == 0.0 && x >= 0.0 && x < size as f64;
        let wrong = match self {
            Space::Box { .. } => element.iter().position(|x| !fits_f32(*x)),
            Space::MultiBinary(_) => element.iter().position(|x| *x != 0.0 && *x != 1.0),
            Space::Discrete(size) => element.iter().position(|x| !is_index(*x, *size)),
            Space::MultiDiscrete(sizes) => element.iter().zip(sizes).position(|(x, size)| !is_index(*x, *size)),
            Space::Tuple(parts) | Space::Parametrized(parts) => {
                let mut begin = 0;
                if let Space::Parametrized(_) = self {
                    Space::Discrete(parts.len()).check(&element[..1])?;
                    begin = 1;
                }
                for part in parts {
                    let own = &element[begin..begin + part.len()];
                    part.check(own).map_err(|(index, value)| (begin + index, value))?;
                    begin += own.len();
                }
                None
            }
        };
        wrong.map_or(Ok(()), |index| Err((index, element[index])))
    }

    /// Checks an observation as [`Space::check`] does. The error is a sentence with the index and the value.
    pub(crate) fn check_observation(&self, observation: &[f64]) -> Result<(), String> {
        // All numbers of a box are looked at first, without a branch for each, because nearly always all of them are good.
        if matches!(self, Space::Box { .. }) && observation.iter().fold(true, |good, x| good & fits_f32(*x)) {
            return Ok(());
        }
        self.check(observation).map_err(|(index, value)| self.wrong_observation(index, value))
    }

    #[cold]
    fn wrong_observation(&self, index: usize, value: f64) -> String {
        match self {
            Space::Box { .. } if value.is_finite() => format!("observation[{index}] is {value:e}; it must fit an f32"),
            Space::Box { .. } => format!("observation[{index}] is {value}; it must be finite"),
            _ => format!("observation[{index}] is {value}; it is not an element of {self:?}"),
        }
    }
}

/// What is wrong with an action mask of parts of these sizes: it must allow a value of each.
pub(crate) fn check_mask(mask: &[bool], sizes: impl IntoIterator<Item = usize>) -> Result<(), String> {
    let mut rest = mask;
    for (part, size) in sizes.into_iter().enumerate() {
        let values;
        (values, rest) = rest.split_at(size);
        if values.contains(&true) {
            continue;
        }
        return Err(if size == mask.len() {
            "the action mask forbids every action".into()
        } else {
            format!("the action mask forbids every value of part {part} of the action")
        });
    }
    Ok(())
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
}
