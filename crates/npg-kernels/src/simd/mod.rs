//! Sixteen f32, or eight f64, at a time: the one vocabulary in which the kernels are written.
//!
//! The number of lanes is the same for every instruction set; what differs is how many registers hold them. So a
//! kernel is written once, and since each operation rounds as IEEE 754 says, it gives the same bits everywhere.
//! (Which NaN comes out of an operation on NaNs is left open.)

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;
#[cfg(target_arch = "aarch64")]
pub(super) mod neon;
pub(super) mod scalar;

use super::LANE;

/// Values at any address, read and written in one plain move. (What std offers for unaligned access goes through the
/// stack in builds with debug assertions, which would cost the kernels two thirds of their speed there.)
#[derive(Clone, Copy)]
#[repr(C, packed)]
struct Unaligned<T>(T);

/// Number of f64 that are taken at a time; columns of f64 products come in multiples of it.
pub const LANE64: usize = 8;

/// An instruction set.
pub(super) trait Simd {
    /// Sixteen f32.
    type F32: Vector<Wide = Self::F64>;
    /// Eight f64.
    type F64: Vector64;
    /// How many vectors across a tile of a product is: with six rows, what the registers hold.
    const TILE: usize;
}

/// Sixteen f32.
///
/// A value exists only where the CPU has the instructions, because its makers `splat` and `load` are unsafe; so all
/// that is done with values is safe.
pub(super) trait Vector: Copy {
    /// Eight f64.
    type Wide: Vector64;

    /// All lanes `x`.
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

    /// All lanes `x`.
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
    /// self > other ? self : other; so `other` where either is NaN.
    fn max(self, other: Self) -> Self;
    /// self < other ? self : other; so `other` where either is NaN.
    fn min(self, other: Self) -> Self;
    /// self > 0 ? 1 : 0
    fn is_positive(self) -> Self;
    /// The bits, shifted left by `N`.
    fn bits_shl<const N: u32>(self) -> Self;
    /// The sum of the bits as integers, wrapping.
    fn bits_add(self, other: Self) -> Self;
    /// Exclusive or of the bits.
    fn bits_xor(self, other: Self) -> Self;
    /// Lanes 0 to 7, and 8 to 15.
    fn widen(self) -> (Self::Wide, Self::Wide);
    /// Lanes 0 to 7 and 8 to 15, rounded to f32.
    fn narrow(low: Self::Wide, high: Self::Wide) -> Self;
    /// Lanes alternately of `self` and `other`: the first sixteen, the last sixteen.
    fn zip(self, other: Self) -> (Self, Self);

    /// self limited to low..=high; NaN stays NaN.
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

/// Eight f64; safe to use for the same reason as [`Vector`].
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
    /// Square root.
    fn sqrt(self) -> Self;
}

const _: () = assert!(LANE == 2 * LANE64, "a vector of f32 widens to two of f64");
