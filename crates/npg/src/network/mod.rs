//! Networks.
pub mod kernels;
