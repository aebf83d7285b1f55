//! The inner loops: products of small f32 matrices and of f64 matrices, activations, and f64 vector updates.
//!
//! Every element of a product is one chain of fused multiply-adds over k in order, whatever the number of rows, the vector
//! width or the number of threads. Activations are polynomials of fused multiply-adds without branches. Sums have a fixed
//! order. The same inputs therefore give the same bits everywhere, with every instruction set. (The only exception is which
//! NaN results from NaNs.) The instruction set is chosen at run time ([`path`]).
//!
//! Columns are padded with zeros to a multiple of [`LANE`], so no kernel needs masks.
//! The kernels are written once, over the trait `simd::Vector` of sixteen f32, and compiled for each instruction set.

mod matrix; // what the kernels work on

mod left; // the left operands of products

mod gemm; // products

mod gemm64; // products of f64

mod narrow; // products of few columns

mod destination; // the destinations of products

mod elementwise; // activations

mod functions; // tanh, exp, sine, ... of one vector

mod vectors; // f64: dot, axpy, Adam

mod dispatch; // the choice of the instruction set

mod simd; // the instruction sets

mod peak; // the peak speed of the CPU

#[cfg(test)]
mod tests;

pub use dispatch::{Path, force_path, path};
pub use elementwise::{Activation, exp, multiply, multiply_by_relu_slopes, multiply_by_tanh_slopes, sigmoid, sine};
pub use gemm::{CHAIN, Start, add_column_sums, add_product, product, product_into};
pub use gemm64::{Left64, add_product64};
pub use left::{Gathered, Left, LeftOperand, Offsets};
pub use matrix::{LANE, Matrix, pack, pack_transposed, padded, transpose};
pub use narrow::Narrow;
pub use peak::{fma_peak, seconds};
pub use simd::LANE64;
pub use vectors::{AdamStep, adam, axpy, dot};
