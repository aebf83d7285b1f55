//! The distance of a new policy from the old one on the sampled states, and the gain that the surrogate predicts.

mod predicted_gain;
pub mod bounds;

pub use predicted_gain::{EpisodeScale, PredictedGain};

/// A surrogate below this fraction of the mean size of its terms is 0 with rounding error, because gradients are sums of f32. For
/// a direction that fits only noise, the fraction is at least 1 / sqrt(states).
const ROUNDING: f64 = 1e-6;

/// The number of fields of a [`Comparison`] that are means.
pub(crate) const MEANS: usize = 10;
/// The number of fields of a [`Comparison`] that are maxima.
pub(crate) const MAXIMA: usize = 3;

/// A new policy compared with the old one, averaged over the (weighted) states of the batch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Comparison {
    /// Surrogate gain E[ (pi'/pi - 1) A ] plus the change of the entropy bonus.
    pub surrogate: f64,
    /// Mean of |(pi'/pi - 1) A|, the size of the surrogate's terms.
    pub surrogate_size: f64,
    /// Mean KL(old || new), nats: the KL of the trust region.
    pub kl: f64,
    /// Largest KL(old || new) of a sampled state.
    pub kl_max: f64,
    /// Mean KL(new || old), nats.
    pub kl_reverse: f64,
    /// Largest KL(new || old) of a sampled state.
    pub kl_reverse_max: f64,
    /// Mean total variation, or the mean of its bound.
    pub tv: f64,
    /// Largest total variation (or bound) of a sampled state.
    pub tv_max: f64,
    /// Whether `tv` and `tv_max` are exact.
    pub tv_exact: bool,
    /// Mean entropy of the new policy, nats.
    pub entropy: f64,
    /// Mean entropy of the old policy, nats.
    pub entropy_old: f64,
    /// Averages in which a state has the weight gamma^t.
    pub discounted: Discounted,
}

/// Averages with the weights of [`Surrogate::discounts`](crate::problem::Surrogate::discounts) instead of those of the
/// states. They are zero without these weights.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Discounted {
    /// E[ (pi'/pi - 1) A ], without any entropy bonus.
    pub surrogate: f64,
    /// KL(old || new), nats.
    pub kl: f64,
    /// Total variation, or its bound.
    pub tv: f64,
}

impl Comparison {
    /// Whether every number that a step depends on is finite.
    pub fn is_finite(&self) -> bool {
        let numbers = [self.surrogate, self.kl, self.kl_reverse, self.tv, self.entropy];
        numbers.iter().all(|x| x.is_finite())
    }

    /// Whether the surrogate's terms cancel up to rounding. For example, every state has the same action with the same ratio, and
    /// normalized advantages add up to zero. The batch has no information about such a step, at any length.
    pub fn is_rounding(&self) -> bool {
        self.surrogate.abs() < ROUNDING * self.surrogate_size
    }

    /// The fields that are means, followed by those that are maxima. The means are sums until they are divided by the number
    /// of states.
    fn numbers(&mut self) -> [&mut f64; MEANS + MAXIMA] {
        let Discounted { surrogate, kl, tv } = &mut self.discounted;
        [
            &mut self.surrogate,
            &mut self.surrogate_size,
            &mut self.kl,
            &mut self.kl_reverse,
            &mut self.tv,
            &mut self.entropy,
            &mut self.entropy_old,
            surrogate,
            kl,
            tv,
            &mut self.kl_max,
            &mut self.kl_reverse_max,
            &mut self.tv_max,
        ]
    }

    /// Adds these sums over some states to the sums over others, and takes the larger of the maxima.
    pub(crate) fn add_to(mut self, sums: &mut [f64]) {
        let (means, maxima) = sums.split_at_mut(MEANS);
        let numbers = self.numbers();
        means.iter_mut().zip(&numbers).for_each(|(sum, x)| *sum += **x);
        maxima.iter_mut().zip(&numbers[MEANS..]).for_each(|(max, x)| *max = max.max(**x));
    }

    /// The comparison with these sums and maxima over `states` states.
    pub(crate) fn of_sums(sums: &[f64], states: usize, tv_exact: bool) -> Self {
        let mut comparison = Comparison { tv_exact, ..Comparison::default() };
        comparison.numbers().into_iter().zip(sums).for_each(|(number, sum)| *number = *sum);
        let scale = 1.0 / states as f64;
        comparison.numbers().into_iter().take(MEANS).for_each(|mean| *mean *= scale);
        comparison
    }
}
