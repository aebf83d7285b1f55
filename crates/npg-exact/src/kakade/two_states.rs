//! Two states, i and j. The agent may stay in a state or cross to the other one. Staying pays 1 in state i and 2 in state j,
//! and crossing pays 0. pi(stay; s) = sigmoid(theta_s), and the objective is the average reward per step.
//!
//! The more the agent learns to stay in i, the less often it visits j. Vanilla gradients weight a state by its visits: they
//! learn to stay in i, and then learn almost nothing as long as j is hardly visited.

use crate::flow::{End, Flow, Limits, follow};
use crate::gaussian::Local;
use npg_core::settings::Direction;

/// The probabilities of staying in i and in j at the start. As in the paper, most of the time is spent in i.
pub const START: [f64; 2] = [0.8, 0.1];
/// The average reward that counts as learned. The best is 2.
pub const TARGET: f64 = 1.9;

/// The world at one policy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TwoStates {
    /// The stationary probabilities of i and j.
    pub weights: [f64; 2],
    /// The average reward per step (`value`), its gradient, its Fisher matrix under `weights`, and its natural gradient, all
    /// in theta.
    pub local: Local<2>,
}

/// The world at the policy pi(stay; s) = sigmoid(`theta`_s).
pub fn two_states(theta: [f64; 2]) -> TwoStates {
    let stay = theta.map(|x| 1.0 / (1.0 + libm::exp(-x)));
    let cross = theta.map(|x| 1.0 / (1.0 + libm::exp(x))); // not 1 - stay, which would lose digits
    let total = cross[0] + cross[1];
    let weights = [cross[1] / total, cross[0] / total];
    let reward = weights[0] * stay[0] + 2.0 * weights[1] * stay[1];
    // The derivatives of the reward in the probabilities, from (stay_i cross_j + 2 stay_j cross_i) / total.
    let slopes = [cross[1] - 2.0 * stay[1] + reward, 2.0 * cross[0] - stay[0] + reward].map(|x| x / total);
    let spread = [stay[0] * cross[0], stay[1] * cross[1]]; // d stay / d theta, and the variance of the score
    let fisher = [[weights[0] * spread[0], 0.0], [0.0, weights[1] * spread[1]]];
    let local = Local {
        value: reward,
        gradient: [slopes[0] * spread[0], slopes[1] * spread[1]],
        fisher: Some(fisher),
        natural: Some([slopes[0] / weights[0], slopes[1] / weights[1]]),
    };
    TwoStates { weights, local }
}

/// A learner that follows its gradient from [`START`] to [`TARGET`].
#[derive(Clone, Debug, PartialEq)]
pub struct TwoStateFlow {
    /// The direction that it follows.
    pub direction: Direction,
    /// Its parameters over time. Unless it got stuck, the last ones reach [`TARGET`].
    pub flow: Flow<2>,
    /// The average reward at each time.
    pub rewards: Vec<f64>,
    /// The stationary probability of j at each time.
    pub weights_j: Vec<f64>,
}

impl TwoStateFlow {
    /// Integrates dtheta/dt, which is the gradient or the natural gradient.
    pub fn new(direction: Direction) -> Self {
        let start = START.map(|p| libm::log(p / (1.0 - p)));
        let slope = |theta: &[f64; 2]| {
            let local = two_states(*theta).local;
            match direction {
                Direction::Vanilla => Some(local.gradient),
                Direction::Natural => local.natural,
            }
        };
        // The steps are short enough for a figure with the logarithm of time.
        let limits = Limits { time: 1e9, longest: 0.005, growth: 0.05, tolerance: 1e-10, steps: 1_000_000 };
        let flow = follow(slope, start, &limits, |theta| two_states(*theta).local.value - TARGET);
        let worlds: Vec<TwoStates> = flow.points.iter().map(|theta| two_states(*theta)).collect();
        let rewards = worlds.iter().map(|world| world.local.value).collect();
        let weights_j = worlds.iter().map(|world| world.weights[1]).collect();
        Self { direction, flow, rewards, weights_j }
    }

    /// The time at which the average reward reaches [`TARGET`].
    pub fn time_to_target(&self) -> Option<f64> {
        (self.flow.end == End::Event).then(|| self.flow.last().0)
    }

    /// The smallest weight of j at any time.
    pub fn least_weight_j(&self) -> f64 {
        self.weights_j.iter().copied().fold(1.0, f64::min)
    }

    /// The fraction of the whole time in which the average reward was within `margin` of `level`.
    pub fn share_near(&self, level: f64, margin: f64) -> f64 {
        let near =
            |i: usize| (self.rewards[i] - level).abs() <= margin && (self.rewards[i + 1] - level).abs() <= margin;
        let times = &self.flow.times;
        let inside: f64 = (0..times.len() - 1).filter(|i| near(*i)).map(|i| times[i + 1] - times[i]).sum();
        inside / self.flow.last().0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The average reward, computed by running the chain. Its second eigenvalue is 1 - cross_i - cross_j.
    fn simulated(theta: [f64; 2]) -> f64 {
        let stay = theta.map(|x| 1.0 / (1.0 + (-x).exp()));
        let mut weights = [0.5, 0.5];
        for _ in 0..10_000 {
            let moved = [weights[0] * (1.0 - stay[0]), weights[1] * (1.0 - stay[1])];
            weights = [weights[0] - moved[0] + moved[1], weights[1] - moved[1] + moved[0]];
        }
        weights[0] * stay[0] + 2.0 * weights[1] * stay[1]
    }

    #[test]
    fn closed_forms_are_the_chain_and_differences() {
        for theta in [[1.3, -2.1], [-0.4, 0.7], [3.0, 2.0]] {
            let world = two_states(theta);
            let local = world.local;
            assert!((local.value - simulated(theta)).abs() < 1e-12);
            assert!((world.weights[0] + world.weights[1] - 1.0).abs() < 1e-15);
            for i in 0..2 {
                let moved = |by: f64| two_states(std::array::from_fn(|j| theta[j] + if i == j { by } else { 0.0 }));
                let difference = (moved(1e-5).local.value - moved(-1e-5).local.value) / 2e-5;
                assert!((difference - local.gradient[i]).abs() < 1e-9);
                let stay = 1.0 / (1.0 + (-theta[i]).exp());
                // E score^2, where the score is 1 - stay for staying and -stay for crossing.
                let information = stay * (1.0 - stay).powi(2) + (1.0 - stay) * stay * stay;
                let (fisher, natural) = (local.fisher.unwrap(), local.natural.unwrap());
                assert!((fisher[i][i] - world.weights[i] * information).abs() < 1e-15);
                assert!((fisher[i][i] * natural[i] - local.gradient[i]).abs() < 1e-14);
            }
        }
    }

    /// The plateau of the paper's figure 1: vanilla learning stays near a reward of 1, and natural learning passes it.
    #[test]
    fn the_vanilla_learner_sits_on_a_plateau() {
        let (vanilla, natural) = (TwoStateFlow::new(Direction::Vanilla), TwoStateFlow::new(Direction::Natural));
        let (slow, fast) = (vanilla.time_to_target().unwrap(), natural.time_to_target().unwrap());
        assert!((slow / 2.684e6 - 1.0).abs() < 1e-3, "{slow}");
        assert!((fast - 2.257).abs() < 1e-3, "{fast}");
        assert!((vanilla.least_weight_j() / 1.297e-6 - 1.0).abs() < 1e-3, "{}", vanilla.least_weight_j());
        assert!((natural.least_weight_j() - 0.058).abs() < 1e-3, "{}", natural.least_weight_j());
        assert!(vanilla.share_near(1.0, 0.01) > 0.999, "{}", vanilla.share_near(1.0, 0.01));
        assert!(vanilla.rewards.windows(2).all(|pair| pair[1] >= pair[0] - 1e-9), "a gradient only climbs");
    }
}
