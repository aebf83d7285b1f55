//! AVX-512: one register holds a vector.

use super::{Simd, Unaligned, Vector, Vector64};
use std::arch::x86_64::*;

/// AVX-512 (F, VL, DQ).
pub(crate) struct Avx512;

impl Simd for Avx512 {
    type F32 = F32x16;
    type F64 = F64x8;
    const TILE: usize = 4;
}

/// Sixteen f32 in one register.
#[derive(Clone, Copy)]
pub(crate) struct F32x16(__m512);

/// Eight f64 in one register.
#[derive(Clone, Copy)]
pub(crate) struct F64x8(__m512d);

impl Vector for F32x16 {
    type Wide = F64x8;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self(_mm512_set1_ps(x)) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self((*from.cast::<Unaligned<__m512>>()).0) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { *to.cast() = Unaligned(self.0) }
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: a value exists, so the CPU has AVX-512.
        unsafe { Self(_mm512_fmadd_ps(self.0, factor.0, addend.0)) }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has AVX-512.
        unsafe { Self(_mm512_add_ps(self.0, other.0)) }
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has AVX-512.
        unsafe { Self(_mm512_sub_ps(self.0, other.0)) }
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has AVX-512.
        unsafe { Self(_mm512_mul_ps(self.0, other.0)) }
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has AVX-512.
        unsafe { Self(_mm512_div_ps(self.0, other.0)) }
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has AVX-512.
        unsafe { Self(_mm512_max_ps(self.0, other.0)) }
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has AVX-512.
        unsafe { Self(_mm512_min_ps(self.0, other.0)) }
    }
    #[inline(always)]
    fn is_positive(self) -> Self {
        // SAFETY: a value exists, so the CPU has AVX-512.
        unsafe {
            let positive = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, _mm512_setzero_ps());
            Self(_mm512_maskz_mov_ps(positive, _mm512_set1_ps(1.0)))
        }
    }
    #[inline(always)]
    fn bits_shl<const N: u32>(self) -> Self {
        // SAFETY: a value exists, so the CPU has AVX-512.
        unsafe { Self(_mm512_castsi512_ps(_mm512_slli_epi32::<N>(_mm512_castps_si512(self.0)))) }
    }
    #[inline(always)]
    fn bits_add(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has AVX-512.
        unsafe {
            Self(_mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(self.0), _mm512_castps_si512(other.0))))
        }
    }
    #[inline(always)]
    fn bits_xor(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has AVX-512.
        unsafe {
            Self(_mm512_castsi512_ps(_mm512_xor_si512(_mm512_castps_si512(self.0), _mm512_castps_si512(other.0))))
        }
    }
    #[inline(always)]
    fn widen(self) -> (F64x8, F64x8) {
        // SAFETY: a value exists, so the CPU has AVX-512.
        unsafe {
            let high = _mm512_extractf32x8_ps::<1>(self.0);
            (F64x8(_mm512_cvtps_pd(_mm512_castps512_ps256(self.0))), F64x8(_mm512_cvtps_pd(high)))
        }
    }
    #[inline(always)]
    fn narrow(low: F64x8, high: F64x8) -> Self {
        // SAFETY: values exist, so the CPU has AVX-512.
        unsafe {
            let low = _mm512_castps256_ps512(_mm512_cvtpd_ps(low.0));
            Self(_mm512_insertf32x8::<1>(low, _mm512_cvtpd_ps(high.0)))
        }
    }
    #[inline(always)]
    fn zip(self, other: Self) -> (Self, Self) {
        // SAFETY: a value exists, so the CPU has AVX-512.
        unsafe {
            let first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            let last = _mm512_add_epi32(first, _mm512_set1_epi32(8));
            (Self(_mm512_permutex2var_ps(self.0, first, other.0)), Self(_mm512_permutex2var_ps(self.0, last, other.0)))
        }
    }
}

impl Vector64 for F64x8 {
    #[inline(always)]
    unsafe fn splat(x: f64) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self(_mm512_set1_pd(x)) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f64) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self((*from.cast::<Unaligned<__m512d>>()).0) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f64) {
        // SAFETY: the caller's promise.
        unsafe { *to.cast() = Unaligned(self.0) }
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: a value exists, so the CPU has AVX-512.
        unsafe { Self(_mm512_fmadd_pd(self.0, factor.0, addend.0)) }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has AVX-512.
        unsafe { Self(_mm512_add_pd(self.0, other.0)) }
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has AVX-512.
        unsafe { Self(_mm512_mul_pd(self.0, other.0)) }
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has AVX-512.
        unsafe { Self(_mm512_div_pd(self.0, other.0)) }
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        // SAFETY: a value exists, so the CPU has AVX-512.
        unsafe { Self(_mm512_sqrt_pd(self.0)) }
    }
}
