//! The gain that an update predicts for J, the expected discounted return of an episode, in the environment's units of reward.

use super::{Comparison, bounds};

/// The factors that turn averages over sampled states into sums over an episode, and advantages into rewards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpisodeScale {
    /// Discount factor.
    pub gamma: f64,
    /// The time limit of an episode; `None` if there is none.
    pub horizon: Option<u32>,
    /// D = E[ sum of gamma^t over the steps of an episode ]: at most 1 / (1 - gamma).
    pub discounted_length: f64,
    /// The mean over the sampled states of the step within the episode.
    pub mean_step: f64,
    /// The reward that one unit of the surrogate's advantages is worth. It undoes normalization and scaling.
    pub advantage_unit: f64,
    /// The largest magnitude of a sampled advantage, in the surrogate's units.
    pub advantage_max: f64,
}

/// The surrogate's gain in J, and lower bounds on the true gain J' - J.
///
/// They are estimates. Means over the batch replace expectations, the largest advantage and divergence of the batch replace those
/// over all states, and estimated advantages replace true ones. The surrogate is measured on the batch to which the step was
/// fitted, so it is too high by what the step gains from the noise of that batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PredictedGain {
    /// Abar = E[ sum over t of gamma^t (pi'/pi - 1) A ] over an episode of the old policy.
    pub surrogate: f64,
    /// eps_max, the largest magnitude of an advantage, in units of reward.
    pub advantage_max: f64,
    /// How far the states can have drifted at the mean step: [`bounds::drift`] there. It is concave in time, so the mean over the
    /// steps is even lower.
    pub drift: f64,
    /// [`bounds::series`], up to the time limit if there is one.
    pub series: f64,
    /// [`bounds::trpo`] with the largest total variation.
    pub trpo: f64,
    /// [`bounds::trpo`] with the bound on it by Pinsker's inequality from the largest KL(old || new).
    pub trpo_kl: f64,
    /// [`bounds::cpo`] with the mean total variation.
    pub cpo: f64,
    /// [`bounds::cpo`] with the bounds on it by Pinsker's inequality from the mean and largest KL(old || new).
    pub cpo_kl: f64,
}

impl PredictedGain {
    /// The predicted gain of a step that was measured with [`Surrogate::discounts`](crate::problem::Surrogate::discounts).
    ///
    /// Abar is D times the mean of (pi'/pi - 1) A in which a state has the weight gamma^t. That ratio estimator is consistent for
    /// batches that cut episodes anywhere. The plain sum over a batch divided by its number of episodes would count cut episodes
    /// as whole ones. eps_A comes from |E_{a~pi'} A| <= 2 TV(s) eps_max. Means over d are (1 - gamma) D times those over visited
    /// states, because the policies cannot differ once an episode has ended.
    pub fn new(comparison: &Comparison, episodes: &EpisodeScale) -> Self {
        let EpisodeScale { gamma, horizon, discounted_length, mean_step, advantage_unit, .. } = *episodes;
        let Comparison { kl_max, tv_max: alpha, discounted, .. } = *comparison;
        let advantage_max = episodes.advantage_max * advantage_unit; // eps_max
        let surrogate = discounted.surrogate * advantage_unit * discounted_length;
        // Without a discount, the bounds over d are infinitely low anyway, and D may be infinite.
        let under_d = |mean: f64| if gamma < 1.0 { (1.0 - gamma) * discounted_length * mean } else { mean };
        let alpha_kl = crate::policy::distribution::pinsker(kl_max);
        let (eps_a, eps_a_kl) = (2.0 * alpha * advantage_max, 2.0 * alpha_kl * advantage_max);
        Self {
            surrogate,
            advantage_max,
            drift: bounds::drift(alpha, mean_step),
            series: match horizon {
                Some(horizon) => bounds::series_until(surrogate, gamma, eps_a, alpha, horizon),
                None => bounds::series(surrogate, gamma, eps_a, alpha),
            },
            trpo: bounds::trpo(surrogate, gamma, advantage_max, alpha),
            trpo_kl: bounds::trpo(surrogate, gamma, advantage_max, alpha_kl),
            cpo: bounds::cpo(surrogate, gamma, eps_a, under_d(discounted.tv)),
            cpo_kl: bounds::cpo(
                surrogate,
                gamma,
                eps_a_kl,
                crate::policy::distribution::pinsker(under_d(discounted.kl)),
            ),
        }
    }
}
