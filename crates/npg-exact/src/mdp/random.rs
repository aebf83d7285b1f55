//! Random processes and policies.

use super::{Mdp, TabularPolicy, Transition};
use npg_core::random::Stream;

impl Mdp {
    /// A Garnet process (Archibald, McKinnon and Thomas 1995; Bhatnagar et al. 2009). Each state and action leads to
    /// `branching` different states, or to all if there are fewer. The probabilities are the spacings of sorted uniform
    /// numbers. Rewards are uniform in [0, 1), and the start is uniform over all states.
    ///
    /// # Panics
    /// If a size is 0, there are more than [`super::MAX_STATES`] states, or gamma is not in [0, 1).
    pub fn random(states: usize, actions: usize, branching: usize, gamma: f64, rng: &mut Stream) -> Self {
        let branching = branching.min(states);
        let mut transitions = Vec::with_capacity(states * actions * branching);
        let mut order: Vec<usize> = (0..states).collect();
        for row in 0..states * actions {
            let mut cuts: Vec<f64> = (1..branching).map(|_| rng.unit()).collect();
            cuts.extend([0.0, 1.0]);
            cuts.sort_unstable_by(f64::total_cmp);
            for i in 0..branching {
                order.swap(i, i + rng.below(states - i));
                let (state, action, probability) = (row / actions, row % actions, cuts[i + 1] - cuts[i]);
                transitions.push(Transition { state, action, next: order[i], probability });
            }
        }
        let reward = (0..states * actions).map(|_| rng.unit()).collect();
        let start = vec![1.0 / states as f64; states];
        Self::new(gamma, start, actions, reward, &transitions).expect("a generated process is sound")
    }
}

impl TabularPolicy {
    /// A policy whose logits are normal with standard deviation `scale`.
    pub fn random(states: usize, actions: usize, scale: f64, rng: &mut Stream) -> Self {
        let logits = (0..states * actions).map(|_| scale * rng.normal()).collect();
        Self::softmax(actions, logits).expect("normal numbers are finite")
    }
}
