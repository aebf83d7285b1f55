//! Arrays, for any CPU. `mul_add` is a library call if the CPU has no fused multiply-add, which is slow, but gives the same
//! bits.

use super::{LANE64, Simd, Vector, Vector64};
use crate::LANE;
use std::array::from_fn;

/// Plain Rust.
pub(crate) struct Scalar;

impl Simd for Scalar {
    type F32 = [f32; LANE];
    type F64 = [f64; LANE64];
    const TILE: usize = 1;
}

impl Vector for [f32; LANE] {
    type Wide = [f64; LANE64];

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        [x; LANE]
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller guarantees sixteen readable f32; an array of f32 has their layout and alignment.
        unsafe { *from.cast::<Self>() }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller guarantees sixteen writable f32; an array of f32 has their layout and alignment.
        unsafe { *to.cast::<Self>() = self }
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        from_fn(|i| self[i].mul_add(factor[i], addend[i]))
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        from_fn(|i| self[i] + other[i])
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        from_fn(|i| self[i] - other[i])
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        from_fn(|i| self[i] * other[i])
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        from_fn(|i| self[i] / other[i])
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        from_fn(|i| if self[i] > other[i] { self[i] } else { other[i] })
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        from_fn(|i| if self[i] < other[i] { self[i] } else { other[i] })
    }
    #[inline(always)]
    fn is_positive(self) -> Self {
        from_fn(|i| if self[i] > 0.0 { 1.0 } else { 0.0 })
    }
    #[inline(always)]
    fn bits_shl<const N: u32>(self) -> Self {
        from_fn(|i| f32::from_bits(self[i].to_bits() << N))
    }
    #[inline(always)]
    fn bits_add(self, other: Self) -> Self {
        from_fn(|i| f32::from_bits(self[i].to_bits().wrapping_add(other[i].to_bits())))
    }
    #[inline(always)]
    fn bits_xor(self, other: Self) -> Self {
        from_fn(|i| f32::from_bits(self[i].to_bits() ^ other[i].to_bits()))
    }
    #[inline(always)]
    fn widen(self) -> (Self::Wide, Self::Wide) {
        (from_fn(|i| f64::from(self[i])), from_fn(|i| f64::from(self[LANE64 + i])))
    }
    #[inline(always)]
    fn narrow(low: Self::Wide, high: Self::Wide) -> Self {
        from_fn(|i| if i < LANE64 { low[i] as f32 } else { high[i - LANE64] as f32 })
    }
    #[inline(always)]
    fn zip(self, other: Self) -> (Self, Self) {
        let pick = |i: usize| if i.is_multiple_of(2) { self[i / 2] } else { other[i / 2] };
        (from_fn(pick), from_fn(|i| pick(LANE + i)))
    }
}

impl Vector64 for [f64; LANE64] {
    #[inline(always)]
    unsafe fn splat(x: f64) -> Self {
        [x; LANE64]
    }
    #[inline(always)]
    unsafe fn load(from: *const f64) -> Self {
        // SAFETY: the caller guarantees eight readable f64; an array of f64 has their layout and alignment.
        unsafe { *from.cast::<Self>() }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f64) {
        // SAFETY: the caller guarantees eight writable f64; an array of f64 has their layout and alignment.
        unsafe { *to.cast::<Self>() = self }
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        from_fn(|i| self[i].mul_add(factor[i], addend[i]))
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        from_fn(|i| self[i] + other[i])
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        from_fn(|i| self[i] * other[i])
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        from_fn(|i| self[i] / other[i])
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        self.map(f64::sqrt)
    }
}
