//! The problem that an update solves: everything that depends on where the policy's gradients come from.
//!
//! [`update`](crate::update::update), the solvers and the step rules see a policy only through the trait [`Problem`]. It has two
//! kinds of implementations: [`SampledProblem`], which is a batch of observations on the threads of this machine, and the
//! exact worlds of the crate `npg-exact`, in which all expectations have closed forms.

mod compare;
mod fisher;
mod gradient;
mod sampled;
mod snapshot;
#[cfg(test)]
mod ranks;

pub use sampled::{SampledProblem, Surrogate};
pub use snapshot::{PolicySnapshot, States};

use crate::network::kernels::dot;
use crate::solve::Dense;
use crate::trust_region::Comparison;

/// A policy that is to be improved, seen at its current parameters theta.
///
/// All vectors have one number for each parameter. F is the Fisher information E_s[ J^T M J ] and never includes damping.
pub trait Problem {
    /// The current parameters theta.
    fn theta(&self) -> &[f64];

    /// The gradient g of the surrogate at theta; at theta it is also the gradient of J, up to the units of the advantages.
    fn gradient(&self) -> Vec<f64>;

    /// F v.
    fn fisher_product(&self, v: &[f64]) -> Vec<f64>;

    /// x^T F x: twice the predicted KL of a step x.
    fn fisher_norm(&self, x: &[f64]) -> f64 {
        dot(x, &self.fisher_product(x))
    }

    /// The policy at other parameters, compared with the one at theta.
    fn compare(&self, theta: &[f64]) -> Comparison;

    /// The policy at theta, compared with itself: everything is zero except for the entropy.
    fn unmoved(&self) -> Comparison;

    /// Whether the gradient is zero by construction, for example because all advantages are zero. A computed gradient then
    /// contains only rounding errors.
    fn is_flat(&self) -> bool {
        false
    }

    /// The dense F, for the Cholesky solver; `None` if the problem cannot form it.
    fn dense_fisher(&self) -> Option<Dense> {
        None
    }

    /// One row for each sample: the scores grad log pi(a|s) of the sampled actions, for the Woodbury solver; `None` if the
    /// problem has no samples.
    fn scores(&self) -> Option<Dense> {
        None
    }

    /// The solution of F x = g if it has a closed form; the one of least norm if F is singular. `None` if a solver has to
    /// find it.
    fn natural_gradient(&self) -> Option<Vec<f64>> {
        None
    }
}
