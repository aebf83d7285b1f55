//! The other processes that hold parts of a batch.

use std::fmt::Debug;

/// The processes that compute one run together. Each of them holds some of the environments.
///
/// One value of this type serves one sequence of sums, which all processes form in the same order. Tasks that run at the same
/// time, such as the update of the policy and the fit of the baseline, need one each.
pub trait Peers: Debug + Send + Sync {
    /// The index of this process, from 0.
    fn rank(&self) -> usize;

    /// The number of processes, including this one. It must be a power of two.
    fn count(&self) -> usize;

    /// Sends numbers to process `peer`, and returns the numbers that it sends at the same time. That process makes the same
    /// call with this process's rank.
    fn exchange(&self, peer: usize, numbers: &[f64]) -> Vec<f64>;
}
