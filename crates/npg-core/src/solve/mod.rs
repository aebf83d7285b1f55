//! Solvers of (F + damping I) x = g.
//!
//! | solver | F | cost |
//! |---|---|---|
//! | [`conjugate_gradient`] | exact over actions, matrix free | one Fisher product per iteration |
//! | [`cholesky`] | exact over actions, dense | parameters^2 memory, parameters^3 / 3 time |
//! | [`woodbury`] | empirical, from the scores of sampled actions | samples^2 memory, samples^2 x parameters time |

mod cholesky;
mod conjugate_gradient;
mod dense;
mod woodbury;

pub use cholesky::cholesky;
pub use conjugate_gradient::{CgOptions, Preconditioner, conjugate_gradient};
pub use dense::Dense;
pub(crate) use dense::Factor;
pub use woodbury::woodbury;

/// What a solver keeps from one update to the next. It is saved in checkpoints.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SolverState {
    /// The direction of the last step that was taken, for momentum and for warm starts of conjugate gradients. `None` after a
    /// refusal.
    pub last_direction: Option<Vec<f64>>,
}

/// A solution and its accuracy.
#[derive(Clone, Debug, PartialEq)]
pub struct Solution {
    /// x.
    pub x: Vec<f64>,
    /// The number of iterations; `None` for direct solvers.
    pub iterations: Option<usize>,
    /// ||g - (F + damping I) x|| / ||g||, as the solver's own recursion computes it; `None` for direct solvers.
    pub residual: Option<f64>,
}

/// Why there is no solution.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SolveError {
    /// A product is not finite.
    #[error("the Fisher product is not finite in iteration {iteration}")]
    NotFinite {
        /// The iteration, from 1; 0 is the product with the initial x.
        iteration: usize,
    },
    /// p^T (F + damping I) p <= 0 for the first search direction p: the operator is not positive definite, and there is no x.
    #[error("the curvature {curvature:e} along the first search direction is not positive: raise algorithm.damping")]
    NotPositive {
        /// p^T (F + damping I) p.
        curvature: f64,
    },
    /// The dense matrix is singular, exactly or up to rounding.
    #[error("the matrix of order {order} is not positive definite: raise algorithm.damping")]
    NotFactorizable {
        /// The number of rows of the matrix.
        order: usize,
    },
    /// The problem does not have what the solver needs.
    #[error("this problem has no {0}: use another algorithm.solver")]
    NotOffered(&'static str),
}

#[cfg(test)]
mod tests;
