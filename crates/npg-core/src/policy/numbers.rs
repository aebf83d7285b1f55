//! A vector of numbers in the narrowest type that holds them. Wide observations are stored in it.

use std::ops::Range;

/// Numbers in the narrowest of three types that represents all of them exactly.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Numbers {
    Bytes(Vec<u8>),
    Singles(Vec<f32>),
    Doubles(Vec<f64>),
}

impl Default for Numbers {
    /// No numbers.
    fn default() -> Self {
        Numbers::Bytes(Vec::new())
    }
}

impl Numbers {
    pub(super) fn zeros(length: usize) -> Self {
        Numbers::Bytes(vec![0; length])
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Numbers::Bytes(all) => all.len(),
            Numbers::Singles(all) => all.len(),
            Numbers::Doubles(all) => all.len(),
        }
    }

    /// The size of one number, in bytes.
    pub(super) fn size(&self) -> usize {
        match self {
            Numbers::Bytes(_) => 1,
            Numbers::Singles(_) => 4,
            Numbers::Doubles(_) => 8,
        }
    }

    pub(super) fn resize(&mut self, length: usize) {
        match self {
            Numbers::Bytes(all) => all.resize(length, 0),
            Numbers::Singles(all) => all.resize(length, 0.0),
            Numbers::Doubles(all) => all.resize(length, 0.0),
        }
    }

    pub(super) fn set(&mut self, at: usize, numbers: &[f64]) {
        loop {
            let is_exact = match self {
                Numbers::Bytes(all) => narrow(numbers, &mut all[at..][..numbers.len()], |x| x as u8),
                Numbers::Singles(all) => narrow(numbers, &mut all[at..][..numbers.len()], |x| x as f32),
                Numbers::Doubles(all) => narrow(numbers, &mut all[at..][..numbers.len()], |x| x),
            };
            if is_exact {
                return;
            }
            self.widen();
        }
    }

    /// Converts all numbers to the next wider type.
    fn widen(&mut self) {
        *self = match std::mem::take(self) {
            Numbers::Bytes(all) => Numbers::Singles(all.into_iter().map(f32::from).collect()),
            Numbers::Singles(all) => Numbers::Doubles(all.into_iter().map(f64::from).collect()),
            doubles @ Numbers::Doubles(_) => doubles,
        };
    }

    pub(super) fn number(&self, at: usize) -> f64 {
        match self {
            Numbers::Bytes(all) => all[at].into(),
            Numbers::Singles(all) => all[at].into(),
            Numbers::Doubles(all) => all[at],
        }
    }

    /// Writes a range of the numbers as f32.
    pub(super) fn singles(&self, at: Range<usize>, to: &mut [f32]) {
        match self {
            Numbers::Bytes(all) => to.iter_mut().zip(&all[at]).for_each(|(slot, x)| *slot = f32::from(*x)),
            Numbers::Singles(all) => to.copy_from_slice(&all[at]),
            Numbers::Doubles(all) => to.iter_mut().zip(&all[at]).for_each(|(slot, x)| *slot = *x as f32),
        }
    }

    pub(super) fn concatenate(mut parts: Vec<Numbers>) -> Self {
        let size = parts.iter().map(Self::size).max().unwrap_or(1);
        let length: usize = parts.iter().map(Self::len).sum();
        for part in &mut parts {
            while part.size() < size {
                part.widen();
            }
        }
        let mut parts = parts.into_iter();
        let mut all = parts.next().unwrap_or_default();
        let more = length - all.len();
        match &mut all {
            Numbers::Bytes(all) => all.reserve_exact(more),
            Numbers::Singles(all) => all.reserve_exact(more),
            Numbers::Doubles(all) => all.reserve_exact(more),
        }
        for part in parts {
            match (&mut all, part) {
                (Numbers::Bytes(all), Numbers::Bytes(part)) => all.extend(part),
                (Numbers::Singles(all), Numbers::Singles(part)) => all.extend(part),
                (Numbers::Doubles(all), Numbers::Doubles(part)) => all.extend(part),
                _ => unreachable!("all were made of one size"),
            }
        }
        all
    }
}

/// Writes `from` in another type. Returns false if that type cannot represent one of the numbers exactly, including the sign
/// of a zero.
fn narrow<T: Copy + Into<f64>>(from: &[f64], to: &mut [T], cast: impl Fn(f64) -> T) -> bool {
    let mut is_exact = true;
    for (slot, x) in to.iter_mut().zip(from) {
        *slot = cast(*x);
        let held: f64 = (*slot).into();
        is_exact &= held.to_bits() == x.to_bits();
    }
    is_exact
}
