//! The dense solve, by Cholesky factorization.

use super::dense::{Dense, Factor};
use super::{Solution, SolveError};

/// Solves (F + damping I) x = g with the dense F, of which what is on and below the diagonal is read.
///
/// An F that is singular but for rounding (a softmax without damping) is refused: its x would be noise, far away. The units
/// of the parameters do not matter: each pivot is compared with its own diagonal element.
pub fn cholesky(mut fisher: Dense, g: &[f64], damping: f64) -> Result<Solution, SolveError> {
    let order = fisher.rows();
    for i in 0..order {
        fisher[(i, i)] += damping;
    }
    let factor = Factor::of(fisher).ok_or(SolveError::NotFactorisable { order })?;
    Ok(Solution { x: factor.solve(g), iterations: None, residual: None })
}
