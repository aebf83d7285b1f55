//! The theory of npg, checked: [`claims`] that are measured, [`convergence`] of the trainer's estimates to exact values, and
//! [`figures`] of the exact worlds.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::disallowed_methods))] // the same bits on every machine

pub mod claims;
pub mod convergence;
#[allow(clippy::disallowed_methods, reason = "figures need not have the same bits on every machine")]
pub mod figures;
