//! Named, counter-based streams of random numbers.
//!
//! Every random number belongs to a stream, which is named by (seed, purpose, index). Its place in that stream is a counter.
//! Nothing depends on threads, on time or on the order in which streams are used, and saving a stream means saving its
//! position (invariant 4 of ARCHITECTURE.md).

mod normal; // the ziggurat

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng};

/// How many numbers of 64 bits the generator makes at once. They are four blocks of ChaCha.
const READY: usize = 32;

/// The purpose of a stream. The number is part of the stream's name: never reuse or renumber one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    /// Initial parameters of the policy.
    PolicyInit = 1,
    /// Initial parameters of the value baseline.
    ValueInit = 2,
    /// Resets and noise inside training environment `index`.
    Environment = 3,
    /// Actions sampled in training environment `index`.
    Action = 4,
    /// The order of the value baseline's minibatches.
    Minibatch = 5,
    /// Resets and noise inside evaluation episode `index`.
    EvaluationEnvironment = 6,
    /// Actions sampled in evaluation episode `index`.
    EvaluationAction = 7,
    /// Resampling for confidence intervals.
    Bootstrap = 8,
    /// Random instances in tests and examples.
    Test = 9,
    /// Random worlds. The seed is an option of the environment.
    World = 10,
    /// Actions sampled for a caller of the Python package.
    Prediction = 11,
}

/// A stream of random numbers from ChaCha with 8 rounds. There are 2^64 streams for each seed and purpose.
///
/// ```
/// # use npg_core as npg;
/// use npg::random::{Purpose, Stream};
/// let mut a = Stream::new(7, Purpose::Test, 0);
/// a.uniform(0.0, 1.0);
/// let mut b = Stream::new(7, Purpose::Test, 0);
/// b.seek(a.position());
/// assert_eq!(a.uniform(-1.0, 1.0), b.uniform(-1.0, 1.0));
/// ```
#[derive(Clone, Debug)]
pub struct Stream {
    generator: ChaCha8Rng,
    /// The numbers that were made last. They are kept here because a draw is then a read, which is inlined where it is needed.
    ready: [u64; READY],
    /// The first of them that has not been drawn.
    next: usize,
}

impl Stream {
    /// The stream (seed, purpose, index), at its beginning.
    pub fn new(seed: u64, purpose: Purpose, index: u64) -> Self {
        let mut key = [0u8; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..12].copy_from_slice(&(purpose as u32).to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(index);
        Self { generator: rng, ready: [0; READY], next: READY }
    }

    /// The number of 32-bit words that have been drawn.
    pub fn position(&self) -> u64 {
        (self.generator.get_word_pos() as u64).wrapping_sub(2 * (READY - self.next) as u64)
    }

    /// Continues after `position` words.
    pub fn seek(&mut self, position: u64) {
        self.generator.set_word_pos(u128::from(position));
        self.next = READY;
    }

    /// 64 random bits.
    #[inline]
    fn bits(&mut self) -> u64 {
        if self.next == READY {
            self.refill();
        }
        let bits = self.ready[self.next];
        self.next += 1;
        bits
    }

    #[cold]
    #[inline(never)]
    fn refill(&mut self) {
        self.ready.fill_with(|| self.generator.next_u64());
        self.next = 0;
    }

    /// A uniform number in [0, 1), a multiple of 2^-53.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// A uniform number in [low, high).
    #[inline]
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A standard normal number.
    #[inline]
    pub fn normal(&mut self) -> f64 {
        normal::sample(|| self.bits())
    }

    /// A uniform integer in 0..n, with a bias below n / 2^64. `n` must be positive.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.bits()) * n as u128) >> 64) as usize
    }

    /// Shuffles the items in place (Fisher-Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_and_seek_continues() {
        let draw = |seed, purpose, index| Stream::new(seed, purpose, index).unit();
        let base = draw(1, Purpose::Action, 0);
        assert_eq!(base, draw(1, Purpose::Action, 0));
        assert_ne!(base, draw(2, Purpose::Action, 0));
        assert_ne!(base, draw(1, Purpose::Environment, 0));
        assert_ne!(base, draw(1, Purpose::Action, 1));

        let mut a = Stream::new(3, Purpose::Test, 5);
        for _ in 0..37 {
            a.normal();
        }
        let mut b = Stream::new(3, Purpose::Test, 5);
        b.seek(a.position());
        assert_eq!(a.normal(), b.normal());
        assert_eq!(a.below(1000), b.below(1000));
    }

    /// The numbers are the generator's own, wherever a stream begins: also in the middle of what is made at once, and at an odd
    /// word, which no stream of ours reaches.
    #[test]
    fn a_stream_has_the_numbers_of_its_generator_from_any_position() {
        let mut key = [0; 32];
        (key[0], key[8]) = (3, Purpose::Test as u8);
        for begin in 0..3 * READY as u64 {
            let mut generator = ChaCha8Rng::from_seed(key);
            generator.set_stream(5);
            generator.set_word_pos(u128::from(begin));
            let mut stream = Stream::new(3, Purpose::Test, 5);
            stream.unit();
            stream.seek(begin);
            for drawn in 0..3 * READY as u64 {
                assert_eq!(stream.position(), begin + 2 * drawn);
                assert_eq!(stream.bits(), generator.next_u64(), "{drawn} after {begin}");
            }
        }
    }

    /// The mean and the variance are within 5 standard errors. A false alarm has a probability below 1e-6 for each, and the
    /// seed is fixed.
    #[test]
    fn moments() {
        let mut rng = Stream::new(0, Purpose::Test, 0);
        let n = 100_000;
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..n {
            let z = rng.normal();
            sum += z;
            squares += z * z;
        }
        let n = f64::from(n);
        assert!((sum / n).abs() < 5.0 / n.sqrt());
        assert!((squares / n - 1.0).abs() < 5.0 * (2.0 / n).sqrt());
    }
}
