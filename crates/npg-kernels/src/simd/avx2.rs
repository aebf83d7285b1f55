//! AVX2 with FMA: two registers hold a vector.

use super::{Simd, Unaligned, Vector, Vector64};
use std::arch::x86_64::*;

/// AVX2 and FMA.
pub(crate) struct Avx2;

impl Simd for Avx2 {
    type F32 = F32x16;
    type F64 = F64x8;
    const TILE: usize = 1;
}

/// Sixteen f32 in two registers.
#[derive(Clone, Copy)]
pub(crate) struct F32x16([__m256; 2]);

/// Eight f64 in two registers.
#[derive(Clone, Copy)]
pub(crate) struct F64x8([__m256d; 2]);

impl Vector for F32x16 {
    type Wide = F64x8;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self([_mm256_set1_ps(x); 2]) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            let second = from.wrapping_add(8).cast::<Unaligned<__m256>>();
            Self([(*from.cast::<Unaligned<__m256>>()).0, (*second).0])
        }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe {
            *to.cast() = Unaligned(self.0[0]);
            *to.wrapping_add(8).cast() = Unaligned(self.0[1]);
        }
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: a value exists, so the CPU has AVX2 and FMA.
        unsafe {
            Self([
                _mm256_fmadd_ps(self.0[0], factor.0[0], addend.0[0]),
                _mm256_fmadd_ps(self.0[1], factor.0[1], addend.0[1]),
            ])
        }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has AVX2 and FMA.
        unsafe { Self([_mm256_add_ps(self.0[0], other.0[0]), _mm256_add_ps(self.0[1], other.0[1])]) }
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has AVX2 and FMA.
        unsafe { Self([_mm256_sub_ps(self.0[0], other.0[0]), _mm256_sub_ps(self.0[1], other.0[1])]) }
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has AVX2 and FMA.
        unsafe { Self([_mm256_mul_ps(self.0[0], other.0[0]), _mm256_mul_ps(self.0[1], other.0[1])]) }
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has AVX2 and FMA.
        unsafe { Self([_mm256_div_ps(self.0[0], other.0[0]), _mm256_div_ps(self.0[1], other.0[1])]) }
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has AVX2 and FMA.
        unsafe { Self([_mm256_max_ps(self.0[0], other.0[0]), _mm256_max_ps(self.0[1], other.0[1])]) }
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has AVX2 and FMA.
        unsafe { Self([_mm256_min_ps(self.0[0], other.0[0]), _mm256_min_ps(self.0[1], other.0[1])]) }
    }
    #[inline(always)]
    fn is_positive(self) -> Self {
        // SAFETY: a value exists, so the CPU has AVX2 and FMA.
        unsafe {
            Self([
                _mm256_and_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(self.0[0], _mm256_setzero_ps()), _mm256_set1_ps(1.0)),
                _mm256_and_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(self.0[1], _mm256_setzero_ps()), _mm256_set1_ps(1.0)),
            ])
        }
    }
    #[inline(always)]
    fn bits_shl<const N: u32>(self) -> Self {
        // SAFETY: a value exists, so the CPU has AVX2 and FMA.
        unsafe {
            Self([
                _mm256_castsi256_ps(_mm256_sll_epi32(_mm256_castps_si256(self.0[0]), _mm_cvtsi32_si128(N as i32))),
                _mm256_castsi256_ps(_mm256_sll_epi32(_mm256_castps_si256(self.0[1]), _mm_cvtsi32_si128(N as i32))),
            ])
        }
    }
    #[inline(always)]
    fn bits_add(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has AVX2 and FMA.
        unsafe {
            Self([
                _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(self.0[0]), _mm256_castps_si256(other.0[0]))),
                _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(self.0[1]), _mm256_castps_si256(other.0[1]))),
            ])
        }
    }
    #[inline(always)]
    fn bits_xor(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has AVX2 and FMA.
        unsafe { Self([_mm256_xor_ps(self.0[0], other.0[0]), _mm256_xor_ps(self.0[1], other.0[1])]) }
    }
    #[inline(always)]
    fn widen(self) -> (F64x8, F64x8) {
        let [a, b] = self.0;
        // SAFETY: a value exists, so the CPU has AVX2 and FMA.
        unsafe {
            let low = [_mm256_cvtps_pd(_mm256_castps256_ps128(a)), _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(a))];
            let high = [_mm256_cvtps_pd(_mm256_castps256_ps128(b)), _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(b))];
            (F64x8(low), F64x8(high))
        }
    }
    #[inline(always)]
    fn narrow(low: F64x8, high: F64x8) -> Self {
        // SAFETY: values exist, so the CPU has AVX2 and FMA.
        unsafe {
            Self([
                _mm256_set_m128(_mm256_cvtpd_ps(low.0[1]), _mm256_cvtpd_ps(low.0[0])),
                _mm256_set_m128(_mm256_cvtpd_ps(high.0[1]), _mm256_cvtpd_ps(high.0[0])),
            ])
        }
    }
    #[inline(always)]
    fn zip(self, other: Self) -> (Self, Self) {
        (zip_register(self.0[0], other.0[0]), zip_register(self.0[1], other.0[1]))
    }
}

/// The lanes of `a` and `b`, alternating.
#[inline(always)]
fn zip_register(a: __m256, b: __m256) -> F32x16 {
    // SAFETY: only `zip` calls this, on values, and where they exist the CPU has AVX2 and FMA.
    unsafe {
        let (low, high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b)); // of each half of the register
        F32x16([_mm256_permute2f128_ps::<0x20>(low, high), _mm256_permute2f128_ps::<0x31>(low, high)])
    }
}

impl Vector64 for F64x8 {
    #[inline(always)]
    unsafe fn splat(x: f64) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self([_mm256_set1_pd(x); 2]) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f64) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            let second = from.wrapping_add(4).cast::<Unaligned<__m256d>>();
            Self([(*from.cast::<Unaligned<__m256d>>()).0, (*second).0])
        }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f64) {
        // SAFETY: the caller's promise.
        unsafe {
            *to.cast() = Unaligned(self.0[0]);
            *to.wrapping_add(4).cast() = Unaligned(self.0[1]);
        }
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: a value exists, so the CPU has AVX2 and FMA.
        unsafe {
            Self([
                _mm256_fmadd_pd(self.0[0], factor.0[0], addend.0[0]),
                _mm256_fmadd_pd(self.0[1], factor.0[1], addend.0[1]),
            ])
        }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has AVX2 and FMA.
        unsafe { Self([_mm256_add_pd(self.0[0], other.0[0]), _mm256_add_pd(self.0[1], other.0[1])]) }
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has AVX2 and FMA.
        unsafe { Self([_mm256_mul_pd(self.0[0], other.0[0]), _mm256_mul_pd(self.0[1], other.0[1])]) }
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        // SAFETY: a value exists, so the CPU has AVX2 and FMA.
        unsafe { Self([_mm256_div_pd(self.0[0], other.0[0]), _mm256_div_pd(self.0[1], other.0[1])]) }
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        // SAFETY: a value exists, so the CPU has AVX2 and FMA.
        unsafe { Self([_mm256_sqrt_pd(self.0[0]), _mm256_sqrt_pd(self.0[1])]) }
    }
}
