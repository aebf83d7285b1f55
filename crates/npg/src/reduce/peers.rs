//! The other processes that hold parts of a batch.

use std::fmt::Debug;

/// The processes that compute one run together, each on the environments that it holds.
///
/// One of these serves one sequence of sums, which all processes form in the same order. What goes on at the same time, such as
/// the policy's update and the baseline's fit, needs one each.
pub trait Peers: Debug + Send + Sync {
    /// Which of them this process is, from 0.
    fn rank(&self) -> usize;

    /// How many there are, this one included: a power of two.
    fn count(&self) -> usize;

    /// Sends numbers to process `peer` and gives the numbers that it sends meanwhile. It calls this with this process's rank.
    fn exchange(&self, peer: usize, numbers: &[f64]) -> Vec<f64>;
}
