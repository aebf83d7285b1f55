//! The dense solve, by Cholesky factorization.

use super::{Solution, SolveError};
use faer::linalg::solvers::Solve;
use faer::{Mat, Side};

/// Pivots below this fraction of the largest are what rounding makes of zero: F's rows are f32, their squares f64.
const SINGULAR: f64 = 1e-12;

/// Solves (F + damping I) x = g with the dense F, which is consumed.
///
/// An F that is singular but for rounding (a softmax without damping) is refused: its x would be noise, far away.
pub fn cholesky(mut fisher: Mat<f64>, g: &[f64], damping: f64) -> Result<Solution, SolveError> {
    let order = fisher.nrows();
    for i in 0..order {
        fisher[(i, i)] += damping;
    }
    let factor = fisher.llt(Side::Lower).map_err(|_| SolveError::NotFactorisable { order })?;
    let pivots = || factor.L().diagonal().column_vector().iter().map(|l| l * l);
    if pivots().fold(f64::INFINITY, f64::min) <= SINGULAR * pivots().fold(0.0, f64::max) {
        return Err(SolveError::NotFactorisable { order });
    }
    let solution = factor.solve(Mat::from_fn(order, 1, |i, _| g[i]));
    Ok(Solution { x: (0..order).map(|i| solution[(i, 0)]).collect(), iterations: None, residual: None })
}
