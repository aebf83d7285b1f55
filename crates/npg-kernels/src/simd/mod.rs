//! Vectors of sixteen f32 or eight f64, in terms of which all kernels are written.
//!
//! The number of lanes is the same for every instruction set; only the number of registers that hold them differs. A kernel
//! is therefore written once. Each operation rounds as IEEE 754 requires, so the kernel gives the same bits everywhere. (The
//! only exception is which NaN results from an operation on NaNs.)

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;
#[cfg(target_arch = "aarch64")]
pub(super) mod neon;
pub(super) mod scalar;

use super::LANE;

/// A value at any address, which is read and written in one plain move. (The functions of std for unaligned access go through
/// the stack in builds with debug assertions, which would cost the kernels two thirds of their speed there.)
#[derive(Clone, Copy)]
#[repr(C, packed)]
struct Unaligned<T>(T);

/// The number of f64 that are processed at a time. The number of columns in f64 products is a multiple of it.
pub const LANE64: usize = 8;

/// An instruction set.
pub(super) trait Simd {
    /// The type of sixteen f32.
    type F32: Vector<Wide = Self::F64>;
    /// The type of eight f64.
    type F64: Vector64;
    /// The width of a product's tile in vectors. With six rows, such a tile fills the registers.
    const TILE: usize;
}

/// Sixteen f32.
///
/// A value can exist only if the CPU has the instructions, because the functions that make one, `splat` and `load`, are
/// unsafe. All operations on values are therefore safe.
pub(super) trait Vector: Copy {
    /// The type of eight f64.
    type Wide: Vector64;

    /// A vector with `x` in all lanes.
    ///
    /// # Safety
    /// The CPU has the instruction set.
    unsafe fn splat(x: f32) -> Self;
    /// # Safety
    /// The CPU has the instruction set, and `from` is valid for reading sixteen f32.
    unsafe fn load(from: *const f32) -> Self;
    /// # Safety
    /// `to` is valid for writing sixteen f32.
    unsafe fn store(self, to: *mut f32);

    /// A vector with `x` in all lanes.
    #[inline(always)]
    fn set(self, x: f32) -> Self {
        // SAFETY: `self` exists, so the CPU has the instruction set.
        unsafe { Self::splat(x) }
    }
    /// self * factor + addend, rounded once.
    fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// self + other
    fn add(self, other: Self) -> Self;
    /// self - other
    fn sub(self, other: Self) -> Self;
    /// self * other
    fn mul(self, other: Self) -> Self;
    /// self / other
    fn div(self, other: Self) -> Self;
    /// self > other ? self : other. The result is `other` if either is NaN.
    fn max(self, other: Self) -> Self;
    /// self < other ? self : other. The result is `other` if either is NaN.
    fn min(self, other: Self) -> Self;
    /// self > 0 ? 1 : 0
    fn is_positive(self) -> Self;
    /// The bits, shifted left by `N`.
    fn bits_shl<const N: u32>(self) -> Self;
    /// The sum of the bits as integers, wrapping.
    fn bits_add(self, other: Self) -> Self;
    /// The exclusive or of the bits.
    fn bits_xor(self, other: Self) -> Self;
    /// Lanes 0 to 7, and lanes 8 to 15.
    fn widen(self) -> (Self::Wide, Self::Wide);
    /// Lanes 0 to 7 and 8 to 15, rounded to f32.
    fn narrow(low: Self::Wide, high: Self::Wide) -> Self;
    /// The lanes of `self` and `other`, alternating: the first sixteen, and the last sixteen.
    fn zip(self, other: Self) -> (Self, Self);

    /// self limited to low..=high. NaN stays NaN.
    #[inline(always)]
    fn clamp(self, low: f32, high: f32) -> Self {
        self.set(low).max(self.set(high).min(self))
    }
    /// The polynomial with these coefficients, highest power first.
    #[inline(always)]
    fn polynomial<const N: usize>(self, coefficients: [f32; N]) -> Self {
        let mut sum = self.set(coefficients[0]);
        for &c in &coefficients[1..] {
            sum = sum.mul_add(self, self.set(c));
        }
        sum
    }
}

/// Eight f64. They are safe to use for the same reason as a [`Vector`].
pub(super) trait Vector64: Copy {
    /// # Safety
    /// The CPU has the instruction set.
    unsafe fn splat(x: f64) -> Self;
    /// # Safety
    /// The CPU has the instruction set, and `from` is valid for reading eight f64.
    unsafe fn load(from: *const f64) -> Self;
    /// # Safety
    /// `to` is valid for writing eight f64.
    unsafe fn store(self, to: *mut f64);

    /// self * factor + addend, rounded once.
    fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// self + other
    fn add(self, other: Self) -> Self;
    /// self * other
    fn mul(self, other: Self) -> Self;
    /// self / other
    fn div(self, other: Self) -> Self;
    /// The square root.
    fn sqrt(self) -> Self;
}

const _: () = assert!(LANE == 2 * LANE64, "a vector of f32 widens to two of f64");
