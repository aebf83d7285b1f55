//! The dense solve, by Cholesky factorization.

use super::{Solution, SolveError};
use faer::linalg::solvers::Solve;
use faer::{Mat, Side};

/// Solves (F + damping I) x = g with the dense F, which is consumed.
pub fn cholesky(mut fisher: Mat<f64>, g: &[f64], damping: f64) -> Result<Solution, SolveError> {
    let order = fisher.nrows();
    for i in 0..order {
        fisher[(i, i)] += damping;
    }
    let factor = fisher.llt(Side::Lower).map_err(|_| SolveError::NotFactorisable { order })?;
    let solution = factor.solve(Mat::from_fn(order, 1, |i, _| g[i]));
    Ok(Solution { x: (0..order).map(|i| solution[(i, 0)]).collect(), iterations: None, residual: None })
}
