//! Exact worlds, in f64, in which J, its gradient, the Fisher matrix, the natural gradient and every bound have closed forms.
//! Tests compare the trainer with them.
//!
//! Conventions: J is the unnormalized discounted return E[sum gamma^t r_t]. d(s) = (1 - gamma) sum_t gamma^t P(s_t = s) is
//! the normalized discounted state distribution. Expectations under a policy are over s ~ d and a ~ pi, and F is an
//! expectation under d. Total variation is 1/2 sum |p - q|, and KL is in nats.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::disallowed_methods))] // the same bits on every machine

pub mod mdp;
pub mod gaussian;
pub mod lqr;
pub mod bandit;
pub mod field;
pub mod flow;
pub mod kakade;

/// The sum of products, term by term. It does not use the kernels, because it is used to check them.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
