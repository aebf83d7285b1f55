//! The dense solver, which uses a Cholesky factorization.

use super::dense::{Dense, Factor};
use super::{Solution, SolveError};

/// Solves (F + damping I) x = g with the dense F. Only the diagonal of F and the elements below it are read.
///
/// An F that is singular up to rounding (a softmax without damping) is refused, because its x would be large noise. The units of
/// the parameters do not matter, because each pivot is compared with its own diagonal element.
pub fn cholesky(mut fisher: Dense, g: &[f64], damping: f64) -> Result<Solution, SolveError> {
    let order = fisher.rows();
    for i in 0..order {
        fisher[(i, i)] += damping;
    }
    let factor = Factor::of(fisher).ok_or(SolveError::NotFactorizable { order })?;
    Ok(Solution { x: factor.solve(g), iterations: None, residual: None })
}
