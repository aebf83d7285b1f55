//! Turns an observation, as the environment gave it, into network inputs. Indices become one-hot vectors, reals are
//! normalized, and everything is cast to f32. Until then an observation keeps its own form.

use crate::env::Space;
use crate::normalize::Normalizer;

/// What a policy does to an observation before the network reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoder {
    /// The space of the observations.
    pub space: Space,
    /// The statistics of the observations; `None` if they are not normalized.
    pub normalizer: Option<Normalizer>,
}

impl Encoder {
    /// The number of network inputs.
    pub fn inputs(&self) -> usize {
        self.space.encoded_len()
    }

    /// Writes the network inputs for `observation`, which must lie in the space ([`Space::check`]).
    pub fn write<T: Copy + Into<f64>>(&self, observation: &[T], inputs: &mut [f32]) {
        match (index_sizes(&self.space), &self.normalizer) {
            (Some(sizes), _) => {
                inputs.fill(0.0);
                hot(sizes, observation.iter().map(|index| (*index).into())).for_each(|at| inputs[at] = 1.0);
            }
            (None, Some(normalizer)) => normalizer.apply(observation, inputs),
            (None, None) => inputs.iter_mut().zip(observation).for_each(|(slot, x)| *slot = (*x).into() as f32),
        }
    }
}

/// The number of values that each index of an observation can have; `None` if the observation is not made of indices.
pub(super) fn index_sizes(space: &Space) -> Option<&[usize]> {
    match space {
        Space::Box { .. } | Space::MultiBinary(_) => None,
        Space::Tuple(_) | Space::Parametrized(_) => None, // no observation has parts
        Space::Discrete(size) => Some(std::slice::from_ref(size)),
        Space::MultiDiscrete(sizes) => Some(sizes),
    }
}

/// The positions of the ones in the concatenated one-hot vectors of `indices`.
pub(super) fn hot<'a>(sizes: &'a [usize], indices: impl Iterator<Item = f64> + 'a) -> impl Iterator<Item = usize> + 'a {
    let firsts = sizes.iter().scan(0, |next, size| Some(std::mem::replace(next, *next + size)));
    firsts.zip(indices).map(|(first, index)| first + index as usize)
}

/// An observation in the form that checkpoints store: indices as one-hot vectors, and nothing normalized.
pub(crate) fn expanded(space: &Space, observation: &[f64]) -> Vec<f64> {
    let Some(sizes) = index_sizes(space) else { return observation.to_vec() };
    let mut vectors = vec![0.0; sizes.iter().sum()];
    hot(sizes, observation.iter().copied()).for_each(|at| vectors[at] = 1.0);
    vectors
}

/// The inverse of [`expanded`]. A vector without a 1 becomes index 0.
pub(crate) fn contracted(space: &Space, vectors: &[f64]) -> Vec<f64> {
    let Some(sizes) = index_sizes(space) else { return vectors.to_vec() };
    let mut rest = vectors;
    let index = |size: &usize| {
        let (vector, tail) = rest.split_at(*size);
        rest = tail;
        vector.iter().position(|x| *x == 1.0).unwrap_or(0) as f64
    };
    sizes.iter().map(index).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalize::Moments;

    #[test]
    fn indices_become_one_hot_and_come_back() {
        let space = Space::MultiDiscrete(vec![2, 3]);
        let vectors = expanded(&space, &[1.0, 2.0]);
        assert_eq!(vectors, [0.0, 1.0, 0.0, 0.0, 1.0]);
        assert_eq!(contracted(&space, &vectors), [1.0, 2.0]);
        let encoder = Encoder { space, normalizer: None };
        let mut inputs = [9.0; 5];
        encoder.write(&[1u8, 2], &mut inputs);
        assert_eq!(inputs, [0.0, 1.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn reals_are_normalized_in_f64_whatever_their_type() {
        let mut moments = Moments::new(1);
        [250.0, 252.0].iter().for_each(|x| moments.push(&[*x]));
        let normalizer = Some(Normalizer::new(moments, 10.0));
        let encoder = Encoder { space: Space::uniform_box(1, 0.0, 255.0), normalizer };
        let mut inputs = [[9.0]; 3];
        encoder.write(&[254u8], &mut inputs[0]);
        encoder.write(&[254f32], &mut inputs[1]);
        encoder.write(&[254f64], &mut inputs[2]);
        assert_eq!(inputs, [[3.0]; 3]);
        assert_eq!(expanded(&encoder.space, &[0.5]), [0.5]);
        assert_eq!(contracted(&encoder.space, &[0.5]), [0.5]);
    }
}
