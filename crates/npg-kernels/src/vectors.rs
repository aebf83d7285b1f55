//! Vectors of f64: parameters, gradients, and the vectors of solvers.

use super::dispatch::{Task, run};
use super::simd::{LANE64, Simd, Vector64};

/// The dot product, computed with eight interleaved partial sums that are added in a fixed order. Panics if the lengths
/// differ.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len(), "lengths of a dot product disagree");
    run(Dot { a, b })
}

/// y += a x, rounded once for each element. Panics if the lengths differ.
pub fn axpy(a: f64, x: &[f64], y: &mut [f64]) {
    assert_eq!(x.len(), y.len(), "lengths of a vector sum disagree");
    run(Axpy { a, x, y });
}

/// The settings of one step of Adam (Kingma & Ba 2015, algorithm 1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// The step size alpha.
    pub learning_rate: f64,
    /// The decay rate of the mean of gradients.
    pub beta1: f64,
    /// The decay rate of the mean of squared gradients.
    pub beta2: f64,
    /// Keeps the division finite. It is added to sqrt(v hat), as in algorithm 1.
    pub epsilon: f64,
    /// The number t of this step, from 1.
    pub step: u64,
}

/// Takes one step of Adam against `gradient`: updates the moments `m` and `v`, and then `theta`. Panics if the lengths
/// differ.
pub fn adam(theta: &mut [f64], gradient: &[f64], m: &mut [f64], v: &mut [f64], step: &AdamStep) {
    let length = theta.len();
    let agree = gradient.len() == length && m.len() == length && v.len() == length;
    assert!(agree, "lengths of an Adam step disagree");
    // alpha m hat / (sqrt(v hat) + epsilon) = scale m / (sqrt(v) + offset)
    let root = (1.0 - power(step.beta2, step.step)).sqrt();
    let scale = step.learning_rate * root / (1.0 - power(step.beta1, step.step));
    let constants = [step.beta1, step.beta2, scale, step.epsilon * root];
    run(Adam { theta, gradient, m, v, constants });
}

/// x to the power n, by repeated squaring. `powi` may differ from one platform to another.
fn power(mut x: f64, mut n: u64) -> f64 {
    let mut product = 1.0;
    while n > 0 {
        if n % 2 == 1 {
            product *= x;
        }
        x *= x;
        n /= 2;
    }
    product
}

/// The elements of `rest`, at most eight, followed by zeros.
#[inline(always)]
fn eight(rest: &[f64]) -> [f64; LANE64] {
    let mut line = [0.0; LANE64];
    line[..rest.len()].copy_from_slice(rest);
    line
}

struct Dot<'a> {
    a: &'a [f64],
    b: &'a [f64],
}

impl Task for Dot<'_> {
    type Output = f64;

    #[inline(always)]
    unsafe fn run<S: Simd>(self) -> f64 {
        let mut sums = [0.0; LANE64];
        let ((a, a_rest), (b, b_rest)) = (self.a.as_chunks::<LANE64>(), self.b.as_chunks::<LANE64>());
        // SAFETY: the caller vouches for the CPU, and a line holds eight values.
        unsafe {
            let mut sum = S::F64::splat(0.0);
            for (x, y) in a.iter().zip(b) {
                sum = S::F64::load(x.as_ptr()).mul_add(S::F64::load(y.as_ptr()), sum);
            }
            if !a_rest.is_empty() {
                let (x, y) = (eight(a_rest), eight(b_rest));
                sum = S::F64::load(x.as_ptr()).mul_add(S::F64::load(y.as_ptr()), sum);
            }
            sum.store(sums.as_mut_ptr());
        }
        ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]))
    }
}

struct Axpy<'a> {
    a: f64,
    x: &'a [f64],
    y: &'a mut [f64],
}

impl Task for Axpy<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let ((x, x_rest), (y, y_rest)) = (self.x.as_chunks::<LANE64>(), self.y.as_chunks_mut::<LANE64>());
        for (x, y) in x.iter().zip(y) {
            // SAFETY: the caller vouches for the CPU, and a line holds eight values.
            unsafe {
                let sum = S::F64::splat(self.a).mul_add(S::F64::load(x.as_ptr()), S::F64::load(y.as_ptr()));
                sum.store(y.as_mut_ptr());
            }
        }
        for (x, y) in x_rest.iter().zip(y_rest) {
            *y = self.a.mul_add(*x, *y);
        }
    }
}

struct Adam<'a> {
    theta: &'a mut [f64],
    gradient: &'a [f64],
    m: &'a mut [f64],
    v: &'a mut [f64],
    /// beta1, beta2, scale, offset.
    constants: [f64; 4],
}

impl Adam<'_> {
    /// # Safety
    /// The CPU has the instruction set of `V`.
    #[inline(always)]
    unsafe fn line<V: Vector64>(constants: [f64; 4], lines: [&mut [f64; LANE64]; 3], g: &[f64; LANE64]) {
        let ([beta1, beta2, scale, offset], [theta, m, v]) = (constants, lines);
        // SAFETY: the caller vouches for the CPU, and a line holds eight values.
        unsafe {
            let g = V::load(g.as_ptr());
            let mean = V::splat(beta1).mul_add(V::load(m.as_ptr()), V::splat(1.0 - beta1).mul(g));
            let square = V::splat(beta2).mul_add(V::load(v.as_ptr()), V::splat(1.0 - beta2).mul(g.mul(g)));
            let ratio = mean.div(square.sqrt().add(V::splat(offset)));
            V::splat(-scale).mul_add(ratio, V::load(theta.as_ptr())).store(theta.as_mut_ptr());
            mean.store(m.as_mut_ptr());
            square.store(v.as_mut_ptr());
        }
    }
}

impl Task for Adam<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let (theta, theta_rest) = self.theta.as_chunks_mut::<LANE64>();
        let (m, m_rest) = self.m.as_chunks_mut::<LANE64>();
        let (v, v_rest) = self.v.as_chunks_mut::<LANE64>();
        let (g, g_rest) = self.gradient.as_chunks::<LANE64>();
        for (((theta, m), v), g) in theta.iter_mut().zip(m).zip(v).zip(g) {
            // SAFETY: the caller vouches for the CPU.
            unsafe { Self::line::<S::F64>(self.constants, [theta, m, v], g) };
        }
        if !g_rest.is_empty() {
            let mut rest = [eight(theta_rest), eight(m_rest), eight(v_rest)];
            // SAFETY: the caller vouches for the CPU.
            unsafe { Self::line::<S::F64>(self.constants, rest.each_mut(), &eight(g_rest)) };
            for (to, from) in [theta_rest, m_rest, v_rest].into_iter().zip(rest) {
                to.copy_from_slice(&from[..to.len()]);
            }
        }
    }
}
