//! NEON, which every 64-bit ARM has: four registers hold a vector.

use super::{Simd, Vector, Vector64};
use std::arch::aarch64::*;
use std::array::from_fn;

/// NEON.
pub(crate) struct Neon;

impl Simd for Neon {
    type F32 = F32x16;
    type F64 = F64x8;
    const TILE: usize = 1;
}

/// Sixteen f32 in four registers.
#[derive(Clone, Copy)]
pub(crate) struct F32x16([float32x4_t; 4]);

/// Eight f64 in four registers.
#[derive(Clone, Copy)]
pub(crate) struct F64x8([float64x2_t; 4]);

impl Vector for F32x16 {
    type Wide = F64x8;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self([vdupq_n_f32(x); 4]) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self(from_fn(|i| vld1q_f32(from.add(4 * i)))) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        for (i, x) in self.0.into_iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe { vst1q_f32(to.add(4 * i), x) }
        }
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: a value exists, so the CPU has NEON.
        unsafe { Self(from_fn(|i| vfmaq_f32(addend.0[i], self.0[i], factor.0[i]))) }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has NEON.
        unsafe { Self(from_fn(|i| vaddq_f32(self.0[i], other.0[i]))) }
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has NEON.
        unsafe { Self(from_fn(|i| vsubq_f32(self.0[i], other.0[i]))) }
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has NEON.
        unsafe { Self(from_fn(|i| vmulq_f32(self.0[i], other.0[i]))) }
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has NEON.
        unsafe { Self(from_fn(|i| vdivq_f32(self.0[i], other.0[i]))) }
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has NEON.
        unsafe { Self(from_fn(|i| vbslq_f32(vcgtq_f32(self.0[i], other.0[i]), self.0[i], other.0[i]))) }
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has NEON.
        unsafe { Self(from_fn(|i| vbslq_f32(vcltq_f32(self.0[i], other.0[i]), self.0[i], other.0[i]))) }
    }
    #[inline(always)]
    fn is_positive(self) -> Self {
        // SAFETY: a value exists, so the CPU has NEON.
        unsafe { Self(self.0.map(|x| vbslq_f32(vcgtq_f32(x, vdupq_n_f32(0.0)), vdupq_n_f32(1.0), vdupq_n_f32(0.0)))) }
    }
    #[inline(always)]
    fn bits_shl<const N: u32>(self) -> Self {
        // SAFETY: a value exists, so the CPU has NEON.
        unsafe {
            Self(self.0.map(|x| vreinterpretq_f32_u32(vshlq_u32(vreinterpretq_u32_f32(x), vdupq_n_s32(N as i32)))))
        }
    }
    #[inline(always)]
    fn bits_add(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has NEON.
        unsafe {
            Self(from_fn(|i| {
                vreinterpretq_f32_u32(vaddq_u32(vreinterpretq_u32_f32(self.0[i]), vreinterpretq_u32_f32(other.0[i])))
            }))
        }
    }
    #[inline(always)]
    fn bits_xor(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has NEON.
        unsafe {
            Self(from_fn(|i| {
                vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(self.0[i]), vreinterpretq_u32_f32(other.0[i])))
            }))
        }
    }
    #[inline(always)]
    fn widen(self) -> (F64x8, F64x8) {
        let [a, b, c, d] = self.0;
        // SAFETY: a value exists, so the CPU has NEON.
        unsafe {
            let low = [
                vcvt_f64_f32(vget_low_f32(a)),
                vcvt_high_f64_f32(a),
                vcvt_f64_f32(vget_low_f32(b)),
                vcvt_high_f64_f32(b),
            ];
            let high = [
                vcvt_f64_f32(vget_low_f32(c)),
                vcvt_high_f64_f32(c),
                vcvt_f64_f32(vget_low_f32(d)),
                vcvt_high_f64_f32(d),
            ];
            (F64x8(low), F64x8(high))
        }
    }
    #[inline(always)]
    fn narrow(low: F64x8, high: F64x8) -> Self {
        let pair = |a, b| {
            // SAFETY: values exist, so the CPU has NEON.
            unsafe { vcvt_high_f32_f64(vcvt_f32_f64(a), b) }
        };
        let ([a, b, c, d], [e, f, g, h]) = (low.0, high.0);
        Self([pair(a, b), pair(c, d), pair(e, f), pair(g, h)])
    }
    #[inline(always)]
    fn zip(self, other: Self) -> (Self, Self) {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        // SAFETY: a value exists, so the CPU has NEON.
        unsafe {
            (
                Self([vzip1q_f32(a, e), vzip2q_f32(a, e), vzip1q_f32(b, f), vzip2q_f32(b, f)]),
                Self([vzip1q_f32(c, g), vzip2q_f32(c, g), vzip1q_f32(d, h), vzip2q_f32(d, h)]),
            )
        }
    }
}

impl Vector64 for F64x8 {
    #[inline(always)]
    unsafe fn splat(x: f64) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self([vdupq_n_f64(x); 4]) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f64) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self(from_fn(|i| vld1q_f64(from.add(2 * i)))) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f64) {
        for (i, x) in self.0.into_iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe { vst1q_f64(to.add(2 * i), x) }
        }
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: a value exists, so the CPU has NEON.
        unsafe { Self(from_fn(|i| vfmaq_f64(addend.0[i], self.0[i], factor.0[i]))) }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has NEON.
        unsafe { Self(from_fn(|i| vaddq_f64(self.0[i], other.0[i]))) }
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has NEON.
        unsafe { Self(from_fn(|i| vmulq_f64(self.0[i], other.0[i]))) }
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has NEON.
        unsafe { Self(from_fn(|i| vdivq_f64(self.0[i], other.0[i]))) }
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        // SAFETY: a value exists, so the CPU has NEON.
        unsafe { Self(self.0.map(|x| vsqrtq_f64(x))) }
    }
}
