//! The Woodbury solve on sampled scores, for fewer samples than parameters.
//!
//! (S^T S / N + lambda I)^-1 g = (g - S^T (S S^T + N lambda I)^-1 S g) / lambda, S the N x parameters scores.

use super::{Solution, SolveError};
use faer::linalg::solvers::Solve;
use faer::{Mat, Side};

/// Solves with the *empirical* Fisher S^T S / N; a `damping` that is not positive is refused.
pub fn woodbury(scores: &Mat<f64>, g: &[f64], damping: f64) -> Result<Solution, SolveError> {
    let (samples, parameters) = (scores.nrows(), scores.ncols());
    if damping <= 0.0 {
        return Err(SolveError::NotFactorisable { order: samples });
    }
    let mut gram = scores * scores.transpose();
    for i in 0..samples {
        gram[(i, i)] += samples as f64 * damping;
    }
    let factor = gram.llt(Side::Lower).map_err(|_| SolveError::NotFactorisable { order: samples })?;
    let g = Mat::from_fn(parameters, 1, |i, _| g[i]);
    let inner = factor.solve(scores * &g);
    let correction = scores.transpose() * inner;
    let x = (0..parameters).map(|i| (g[(i, 0)] - correction[(i, 0)]) / damping).collect();
    Ok(Solution { x, iterations: None, residual: None })
}
