//! Compares sampled estimates with exact quantities: what the functions of training compute from a batch converges to the
//! closed forms as N^-1/2.
//!
//! In each of four [`worlds`](worlds()) a batch of N transitions is sampled, and from it the gradient, a Fisher product
//! and the natural direction are computed by the trainer's own [`Sampler`], [`advantages`], [`discounted_weights`],
//! [`policy_gradient`](npg_core::problem::PolicySnapshot::policy_gradient),
//! [`fisher_product`](npg_core::problem::PolicySnapshot::fisher_product) and [`update`]: Monte Carlo advantages (lambda = 1) that
//! are not normalized, states weighted by gamma^t. Every batch is sampled anew, with its own seed. What the estimates must tend
//! to is in [`World::exact`].

mod statistics;
mod worlds;

pub use worlds::{World, bandit, frozen_lake, random_mdp, regulator, worlds};

use npg_core::advantage::{advantages, discounted_weights};
use npg_core::network::kernels::Matrix;
use npg_core::problem::{Problem, SampledProblem, States, Surrogate};
use npg_core::rollout::Sampler;
use npg_core::solve::SolverState;
use npg_core::update::update;
use npg_core::{Error, Result};
use statistics::{Replicates, exponent, relative_error, worst_z, z_limit};

/// The number of environments in a sampler.
const ENVIRONMENTS: usize = 8;
/// The fewest transitions in a batch: an episode of 125 steps in each environment. All batches are multiples of it.
pub const UNIT: usize = 1000;
/// The smallest and the largest size of the largest batches. A fit needs three sizes, and 10^7 transitions take a few GB.
const RANGE: [usize; 2] = [10 * UNIT, 10_000 * UNIT];
/// The rate of false alarms of all comparisons with exact vectors together. It equals the probability of a normal number
/// beyond three standard errors.
const ALARM: f64 = 0.0027;
/// The number of curves in all worlds.
const CURVES: f64 = 12.0;
/// The distance of an exponent from -1/2 that is allowed in addition to four standard errors, because terms of higher order
/// show in small batches.
pub const SLOPE_TOLERANCE: f64 = 0.02;
/// There are this many times more small batches than large ones. Together they still cost less than the large ones.
const MORE: usize = 4;
/// The number of sizes whose variances are pooled: the largest, down to a tenth of it.
const POOLED: usize = 3;

/// An estimated quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// The policy gradient g.
    Gradient,
    /// F v for a fixed random v.
    FisherProduct,
    /// (F + lambda I)^-1 g.
    NaturalDirection,
}

impl Quantity {
    /// All quantities.
    pub const ALL: [Self; 3] = [Self::Gradient, Self::FisherProduct, Self::NaturalDirection];

    /// The name of the quantity.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gradient => "gradient",
            Self::FisherProduct => "Fisher product",
            Self::NaturalDirection => "natural direction",
        }
    }
}

/// The amount of sampling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The number of transitions in the largest batches.
    pub samples: usize,
    /// The number of independent batches of that size, and of every size above a tenth of it. There are four times as many
    /// smaller batches. It must be at least 3.
    pub replicates: usize,
    /// The seed of the samples. Worlds and policies do not depend on it.
    pub seed: u64,
}

/// The error of the estimates from batches of one size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The number of transitions in a batch, N.
    pub samples: usize,
    /// The number of batches of this size.
    pub replicates: usize,
    /// The root mean square over the replicates of ||estimate - exact|| / ||exact||.
    pub error: f64,
    /// The standard error of `error`.
    pub standard_error: f64,
}

/// The convergence of the estimates of one quantity in one world.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// The name of the world.
    pub world: &'static str,
    /// The estimated quantity.
    pub quantity: Quantity,
    /// The errors, from the smallest batches to the largest.
    pub points: Vec<Point>,
    /// The exponent p of error ~ N^p, fitted to all points.
    pub slope: f64,
    /// The standard error of the exponent.
    pub slope_error: f64,
    /// The largest |mean over replicates - exact| of a component at the largest N, in standard errors of that mean.
    pub worst_z: f64,
    /// The limit that `worst_z` exceeds by chance with a probability of at most 0.0027 / 12. For the twelve curves of four
    /// worlds together, false alarms are as likely as one normal number beyond three standard errors.
    pub z_limit: f64,
}

impl Curve {
    /// Whether the error falls as N^-1/2: the exponent must be within four of its standard errors and [`SLOPE_TOLERANCE`] of
    /// -1/2. A false alarm has a probability below 1e-4, as far as logarithms of errors are normal.
    pub fn has_rate(&self) -> bool {
        (self.slope + 0.5).abs() <= SLOPE_TOLERANCE + 4.0 * self.slope_error
    }

    /// Whether the mean over the largest batches agrees with the exact vector.
    pub fn has_limit(&self) -> bool {
        self.worst_z <= self.z_limit
    }

    /// Whether both hold.
    pub fn converges(&self) -> bool {
        self.has_rate() && self.has_limit()
    }
}

impl Plan {
    /// The sizes of batches: from the largest downwards by factors of sqrt(10), rounded to multiples of [`UNIT`].
    ///
    /// # Errors
    /// [`Error::Config`] for fewer than 10,000 or more than 10^7 transitions, and for fewer than 3 replicates.
    pub fn sizes(&self) -> Result<Vec<usize>> {
        let [low, high] = RANGE;
        if !(low..=high).contains(&self.samples) {
            let message = format!("is {}; use {low} to {high} transitions", self.samples);
            return Err(Error::config("samples", message));
        }
        if self.replicates < 3 {
            let message = format!("is {}; standard errors need at least 3", self.replicates);
            return Err(Error::config("replicates", message));
        }
        let units = |step: i32| (self.samples as f64 / UNIT as f64 / libm::pow(10f64, 0.5 * f64::from(step))).round();
        let mut sizes: Vec<usize> = (0..8).map(|step| units(step) as usize * UNIT).filter(|size| *size > 0).collect();
        sizes.dedup();
        sizes.reverse();
        Ok(sizes)
    }

    /// The number of independent batches of one size.
    pub fn replicates_of(&self, samples: usize) -> usize {
        if 9 * samples < self.samples { MORE * self.replicates } else { self.replicates }
    }

    /// The seed of batch `index`.
    fn seed_of(&self, index: usize) -> u64 {
        // An odd factor: no two seeds share a first batch, and the batches of neighboring seeds are more than 10^18 apart.
        self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(index as u64)
    }
}

/// Samples in all four worlds. Returns twelve curves, world by world.
///
/// # Errors
/// Those of [`Plan::sizes`], and those that environments report.
pub fn converge(plan: &Plan) -> Result<Vec<Curve>> {
    let worlds = worlds()?;
    let curves = worlds.iter().enumerate().map(|(index, world)| world.curves(plan, index));
    Ok(curves.collect::<Result<Vec<_>>>()?.concat())
}

impl World {
    /// One curve for each quantity. Worlds that are `numbered` differently sample with different seeds.
    ///
    /// Only one batch exists at a time, so that large ones fit into memory. The trainer's functions use all threads.
    ///
    /// # Errors
    /// Those of [`converge`].
    pub fn curves(&self, plan: &Plan, numbered: usize) -> Result<Vec<Curve>> {
        let sizes = plan.sizes()?;
        let mut batches = Vec::with_capacity(sizes.len());
        for (place, &samples) in sizes.iter().enumerate() {
            let first = (numbered * sizes.len() + place) * MORE * plan.replicates;
            let estimate = |replicate| self.estimate(samples, plan.seed_of(first + replicate));
            batches.push((0..plan.replicates_of(samples)).map(estimate).collect::<Result<Vec<_>>>()?);
        }
        let of = |quantity: usize| -> Vec<(usize, Replicates)> {
            let estimates = |batches: &Vec<[Vec<f64>; 3]>| batches.iter().map(|all| all[quantity].clone()).collect();
            sizes.iter().copied().zip(batches.iter().map(estimates)).collect()
        };
        Ok(Quantity::ALL.into_iter().enumerate().map(|(index, quantity)| self.curve(quantity, &of(index))).collect())
    }

    /// The curve of one quantity, from its estimates for each size of batch.
    fn curve(&self, quantity: Quantity, estimates: &[(usize, Replicates)]) -> Curve {
        let exact = self.exact(quantity);
        let points: Vec<Point> =
            estimates.iter().map(|(samples, batches)| relative_error(*samples, batches, exact)).collect();
        let (slope, slope_error) = exponent(&points);
        let (worst_z, degrees) = worst_z(&estimates[estimates.len().saturating_sub(POOLED)..], exact);
        let z_limit = z_limit(ALARM / CURVES, exact.len(), degrees);
        Curve { world: self.name, quantity, points, slope, slope_error, worst_z, z_limit }
    }

    /// The estimates of every quantity from one batch of `samples` transitions, in the order of [`Quantity::ALL`].
    ///
    /// # Errors
    /// Those that the environment reports.
    pub fn estimate(&self, samples: usize, seed: u64) -> Result<[Vec<f64>; 3]> {
        let mut sampler = Sampler::new(self.source.as_ref(), ENVIRONMENTS, self.gamma, seed)?;
        let batch = sampler.sample(&self.policy, samples)?;
        let values = self.baseline(&batch.inputs);
        let finals = self.baseline(&batch.finals);
        let advantages = advantages(&batch.segments, &batch.rewards, &values, &finals, self.gamma, 1.0);
        let weights = discounted_weights(&batch.segments, &batch.reducer, self.gamma);
        let states = States {
            weights: Some(&weights),
            reducer: Some(&batch.reducer),
            masks: batch.masks.as_ref(),
            ..States::of(batch.states())
        };
        let surrogate = Surrogate { actions: &batch.actions, advantages: &advantages, entropy: 0.0, discounts: None };
        let problem = SampledProblem::new(&self.policy, states, surrogate, self.algorithm.fisher_fraction);
        let (gradient, product) = (problem.gradient(), problem.fisher_product(&self.probe));
        let update = update(&problem, &self.algorithm, self.algorithm.kl_step, &mut SolverState::default());
        // A rejected update has no direction. It is reported as NaN, so that no check can pass by accident.
        let nothing = || vec![f64::NAN; gradient.len()];
        let direction = update.solution.map_or_else(nothing, |solution| solution.x);
        Ok([gradient, product, direction])
    }

    /// The value of each row's one-hot state; 0 in a world without a baseline.
    fn baseline(&self, inputs: &Matrix) -> Vec<f64> {
        let Some(values) = &self.values else { return vec![0.0; inputs.rows()] };
        let value = |row: usize| inputs.row(row).iter().zip(values).map(|(x, v)| f64::from(*x) * v).sum();
        (0..inputs.rows()).map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Plan = Plan { samples: 10_000, replicates: 4, seed: 0 };

    #[test]
    fn sizes_go_down_by_half_decades() {
        let sizes = |samples| Plan { samples, ..SMALL }.sizes().unwrap();
        assert_eq!(sizes(1_000_000), [1000, 3000, 10_000, 32_000, 100_000, 316_000, 1_000_000]);
        assert_eq!(sizes(20_000), [1000, 2000, 6000, 20_000]);
        assert_eq!(sizes(10_000_000).last(), Some(&10_000_000));
        let message = |plan: Plan| plan.sizes().unwrap_err().to_string();
        assert_eq!(message(Plan { samples: 9999, ..SMALL }), "samples: is 9999; use 10000 to 10000000 transitions");
        assert!(message(Plan { replicates: 2, ..SMALL }).starts_with("replicates: is 2; "));
    }

    #[test]
    fn threads_do_not_change_the_curves() {
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| random_mdp().unwrap().curves(&SMALL, 0).unwrap())
        };
        assert_eq!(run(1), run(3));
    }

    /// All seeds are different, so no batch is counted twice, neither in one run nor in that of the next seed.
    #[test]
    fn no_batch_is_sampled_twice() {
        let seeds = |seed| (0..1000).map(move |index| Plan { seed, ..SMALL }.seed_of(index));
        let mut all: Vec<u64> = seeds(0).chain(seeds(1)).chain(seeds(u64::MAX)).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 3000);
    }

    /// The purpose of the checks: estimates that tend to something else are detected.
    #[test]
    fn a_policy_that_is_not_the_worlds_is_found_out() {
        let plan = Plan { samples: 100_000, ..SMALL };
        let mut world = bandit().unwrap();
        world.policy.theta[2] += 0.1; // the log std
        for curve in world.curves(&plan, 0).unwrap() {
            assert!(!curve.has_limit(), "{curve:?}");
            assert!(!curve.has_rate(), "{curve:?}");
        }
    }
}
