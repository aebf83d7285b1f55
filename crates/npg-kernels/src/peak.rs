//! The peak speed of this core, to which the kernels are compared.

use super::dispatch::{Task, run};
use super::simd::{Simd, Vector};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Measures how many f32 operations per second one core performs in fused multiply-adds (two operations each) on registers,
/// with the instruction set in use. It takes the best of many short runs, so that a busy machine has little influence.
#[doc(hidden)]
pub fn fma_peak() -> f64 {
    (0..200).map(|_| run(Chains { steps: 10_000 })).fold(0.0, f64::max)
}

/// The seconds that one call takes. It takes the best of many batches, so that a busy machine has little influence. For
/// benchmarks.
#[doc(hidden)]
pub fn seconds(mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut calls = 0;
    while start.elapsed() < Duration::from_millis(5) {
        call();
        calls += 1;
    }
    let batch = 1 + calls / 50; // about 0.1 ms
    let time = |_| {
        let start = Instant::now();
        (0..batch).for_each(|_| call());
        start.elapsed().as_secs_f64() / f64::from(batch)
    };
    (0..500).map(time).fold(f64::INFINITY, f64::min)
}

/// As many independent chains as a tile of a product has.
struct Chains {
    steps: u32,
}

impl Task for Chains {
    type Output = f64;

    #[inline(always)]
    unsafe fn run<S: Simd>(self) -> f64 {
        // SAFETY: the caller vouches for the CPU.
        unsafe { if S::TILE == 4 { self.chains::<S::F32, 24>() } else { self.chains::<S::F32, 6>() } }
    }
}

impl Chains {
    /// # Safety
    /// The CPU has the instruction set of `V`.
    #[inline(always)]
    unsafe fn chains<V: Vector, const N: usize>(&self) -> f64 {
        // SAFETY: the caller vouches for the CPU.
        let (factor, mut sums) = unsafe { (V::splat(black_box(0.999)), [V::splat(black_box(0.0)); N]) };
        let addend = factor.set(black_box(0.001));
        let start = Instant::now();
        for _ in 0..self.steps {
            for sum in &mut sums {
                *sum = sum.mul_add(factor, addend);
            }
        }
        let mut line = [0.0; super::LANE];
        for sum in sums {
            // SAFETY: a line has room for sixteen values.
            unsafe { sum.store(line.as_mut_ptr()) };
            black_box(&line);
        }
        let operations = 2 * super::LANE * N * self.steps as usize;
        operations as f64 / start.elapsed().as_secs_f64()
    }
}
