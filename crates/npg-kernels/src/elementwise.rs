//! Activations and other functions of one value each. The result for a value does not depend on its neighbors.

use super::dispatch::{Task, run};
use super::functions::{
    Exp, Function, Gelu, Identity, Relu, Sigmoid, Silu, Sine, Slope, SlopeOfRelu, SlopeOfTanh, Tanh,
};
use super::matrix::LANE;
use super::simd::{Simd, Vector};
use std::marker::PhantomData;

/// The nonlinearity of a hidden layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Hyperbolic tangent.
    Tanh,
    /// max(x, 0).
    Relu,
    /// x Phi(x), by the tanh approximation of Hendrycks & Gimpel 2016.
    Gelu,
    /// x sigmoid(x).
    Silu,
}

impl Activation {
    /// Replaces every value by its activation. NaN stays NaN.
    pub fn apply(self, values: &mut [f32]) {
        match self {
            Activation::Tanh => apply::<Tanh>(values),
            Activation::Relu => apply::<Relu>(values),
            Activation::Gelu => apply::<Gelu>(values),
            Activation::Silu => apply::<Silu>(values),
        }
    }

    /// Replaces every value by its activation, and writes the derivatives to `slopes`. Panics if the lengths differ.
    pub fn apply_with_slopes(self, values: &mut [f32], slopes: &mut [f32]) {
        assert_eq!(values.len(), slopes.len(), "numbers of values and slopes disagree");
        match self {
            Activation::Tanh => apply_with_slopes::<Tanh>(values, slopes),
            Activation::Relu => apply_with_slopes::<Relu>(values, slopes),
            Activation::Gelu => apply_with_slopes::<Gelu>(values, slopes),
            Activation::Silu => apply_with_slopes::<Silu>(values, slopes),
        }
    }
}

/// Replaces every value by its sine. It is accurate to 3 units in the last place up to |x| = 1e5. For larger values, the
/// result is only known to be within -1..=1.
pub fn sine(values: &mut [f32]) {
    apply::<Sine>(values);
}

/// Replaces every value by its exponential, to within 2 units in the last place.
pub fn exp(values: &mut [f32]) {
    apply::<Exp>(values);
}

/// Replaces every value by its logistic function 1 / (1 + e^-x), to within 3 units in the last place down to x = -87.
pub fn sigmoid(values: &mut [f32]) {
    apply::<Sigmoid>(values);
}

/// values\[i\] *= factors\[i\]. Panics if the lengths differ.
pub fn multiply(values: &mut [f32], factors: &[f32]) {
    assert_eq!(values.len(), factors.len(), "numbers of values and factors disagree");
    run(MultiplyBy { values, others: factors, function: PhantomData::<Identity> });
}

/// values\[i\] *= 1 - tanhs\[i\]^2, which is the derivative of tanh at the value that gave tanhs\[i\]. Panics if the lengths
/// differ.
pub fn multiply_by_tanh_slopes(values: &mut [f32], tanhs: &[f32]) {
    assert_eq!(values.len(), tanhs.len(), "numbers of values and tangents disagree");
    run(MultiplyBy { values, others: tanhs, function: PhantomData::<SlopeOfTanh> });
}

/// values\[i\] *= 1 if outputs\[i\] > 0, and 0 otherwise, which is the derivative of max(x, 0) at the value that gave outputs\[i\].
/// Panics if the lengths differ.
pub fn multiply_by_relu_slopes(values: &mut [f32], outputs: &[f32]) {
    assert_eq!(values.len(), outputs.len(), "numbers of values and outputs disagree");
    run(MultiplyBy { values, others: outputs, function: PhantomData::<SlopeOfRelu> });
}

fn apply<F: Function>(values: &mut [f32]) {
    run(Apply { values, function: PhantomData::<F> });
}

fn apply_with_slopes<F: Slope>(values: &mut [f32], slopes: &mut [f32]) {
    run(ApplyWithSlopes { values, slopes, function: PhantomData::<F> });
}

struct Apply<'a, F> {
    values: &'a mut [f32],
    function: PhantomData<F>,
}

impl<F: Function> Task for Apply<'_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let (lines, rest) = self.values.as_chunks_mut::<LANE>();
        for line in lines {
            // SAFETY: the caller vouches for the CPU, and a line holds sixteen values.
            unsafe { F::value(S::F32::load(line.as_ptr())).store(line.as_mut_ptr()) };
        }
        if !rest.is_empty() {
            let mut line = [0.0; LANE];
            line[..rest.len()].copy_from_slice(rest);
            // SAFETY: the caller vouches for the CPU, and a line holds sixteen values.
            unsafe { F::value(S::F32::load(line.as_ptr())).store(line.as_mut_ptr()) };
            rest.copy_from_slice(&line[..rest.len()]);
        }
    }
}

struct ApplyWithSlopes<'a, F> {
    values: &'a mut [f32],
    slopes: &'a mut [f32],
    function: PhantomData<F>,
}

impl<F: Slope> Task for ApplyWithSlopes<'_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let (lines, rest) = self.values.as_chunks_mut::<LANE>();
        let (slope_lines, slope_rest) = self.slopes.as_chunks_mut::<LANE>();
        for (line, slopes) in lines.iter_mut().zip(slope_lines) {
            // SAFETY: the caller vouches for the CPU.
            unsafe { line_with_slopes::<F, S::F32>(line, slopes) };
        }
        if !rest.is_empty() {
            let (mut line, mut slopes) = ([0.0; LANE], [0.0; LANE]);
            line[..rest.len()].copy_from_slice(rest);
            // SAFETY: the caller vouches for the CPU.
            unsafe { line_with_slopes::<F, S::F32>(&mut line, &mut slopes) };
            rest.copy_from_slice(&line[..rest.len()]);
            slope_rest.copy_from_slice(&slopes[..rest.len()]);
        }
    }
}

/// # Safety
/// The CPU has the instruction set of `V`.
#[inline(always)]
unsafe fn line_with_slopes<F: Slope, V: Vector>(line: &mut [f32; LANE], slopes: &mut [f32; LANE]) {
    // SAFETY: the caller vouches for the CPU, and each line holds sixteen values.
    unsafe {
        let (value, slope) = F::value_and_slope(V::load(line.as_ptr()));
        value.store(line.as_mut_ptr());
        slope.store(slopes.as_mut_ptr());
    }
}

/// Multiplies by a function of other values.
struct MultiplyBy<'a, F> {
    values: &'a mut [f32],
    others: &'a [f32],
    function: PhantomData<F>,
}

impl<F: Function> Task for MultiplyBy<'_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let (lines, rest) = self.values.as_chunks_mut::<LANE>();
        let (other_lines, other_rest) = self.others.as_chunks::<LANE>();
        for (line, others) in lines.iter_mut().zip(other_lines) {
            // SAFETY: the caller vouches for the CPU.
            unsafe { multiply_line::<F, S::F32>(line, others) };
        }
        if !rest.is_empty() {
            let (mut line, mut others) = ([0.0; LANE], [0.0; LANE]);
            line[..rest.len()].copy_from_slice(rest);
            others[..rest.len()].copy_from_slice(other_rest);
            // SAFETY: the caller vouches for the CPU.
            unsafe { multiply_line::<F, S::F32>(&mut line, &others) };
            rest.copy_from_slice(&line[..rest.len()]);
        }
    }
}

/// # Safety
/// The CPU has the instruction set of `V`.
#[inline(always)]
unsafe fn multiply_line<F: Function, V: Vector>(line: &mut [f32; LANE], others: &[f32; LANE]) {
    // SAFETY: the caller vouches for the CPU, and each line holds sixteen values.
    unsafe { V::load(line.as_ptr()).mul(F::value(V::load(others.as_ptr()))).store(line.as_mut_ptr()) };
}
