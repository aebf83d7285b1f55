//! The Woodbury solver on sampled scores, for fewer samples than parameters.
//!
//! (S^T S / N + lambda I)^-1 g = (g - S^T (S S^T + N lambda I)^-1 S g) / lambda, where S are the N x parameters scores.

use super::dense::{Dense, Factor};
use super::{Solution, SolveError};
use crate::network::kernels::axpy;

/// Solves with the *empirical* Fisher S^T S / N. The `damping` must be positive; otherwise the solve is refused.
pub fn woodbury(scores: &Dense, g: &[f64], damping: f64) -> Result<Solution, SolveError> {
    let samples = scores.rows();
    if damping <= 0.0 {
        return Err(SolveError::NotFactorizable { order: samples });
    }
    let mut gram = scores.row_products();
    for i in 0..samples {
        gram[(i, i)] += samples as f64 * damping;
    }
    let factor = Factor::of(gram).ok_or(SolveError::NotFactorizable { order: samples })?;
    let inner = factor.solve(&scores.times(g));
    let mut x = g.to_vec();
    inner.iter().enumerate().for_each(|(i, weight)| axpy(-weight, scores.row(i), &mut x));
    x.iter_mut().for_each(|x| *x /= damping);
    Ok(Solution { x, iterations: None, residual: None })
}
