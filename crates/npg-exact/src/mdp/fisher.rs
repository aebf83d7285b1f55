//! The policy gradient, the Fisher information and the natural gradient of a tabular softmax policy.

use super::{Evaluation, Mdp, TabularPolicy};
use faer::Mat;

impl Mdp {
    /// grad J = 1/(1-gamma) d(s) pi(a|s) A(s,a), S x A numbers (Sutton et al. 2000, theorem 1).
    pub fn gradient(&self, policy: &TabularPolicy, at: &Evaluation) -> Vec<f64> {
        let weight = |i: usize| at.occupancy[i / self.actions()] / (1.0 - self.gamma());
        let terms = policy.probabilities().iter().zip(&at.advantage).enumerate();
        terms.map(|(i, (pi, advantage))| weight(i) * pi * advantage).collect()
    }

    /// F v, S x A numbers: d (diag pi - pi pi^T) v in each state.
    pub fn fisher_product(&self, policy: &TabularPolicy, at: &Evaluation, v: &[f64]) -> Vec<f64> {
        let mut product = Vec::with_capacity(v.len());
        for (state, v) in v.chunks(self.actions()).enumerate() {
            let pi = policy.row(state);
            let mean = crate::dot(pi, v);
            product.extend(pi.iter().zip(v).map(|(pi, v)| at.occupancy[state] * pi * (v - mean)));
        }
        product
    }

    /// The dense F = E_d[diag pi - pi pi^T], S A x S A, with one block for each state. It is singular, because adding a
    /// number to all logits of a state changes nothing.
    pub fn fisher(&self, policy: &TabularPolicy, at: &Evaluation) -> Mat<f64> {
        let actions = self.actions();
        let mut fisher = Mat::zeros(self.reward().len(), self.reward().len());
        for state in 0..self.states() {
            let (pi, first) = (policy.row(state), state * actions);
            for a in 0..actions {
                for b in 0..actions {
                    let diagonal = if a == b { pi[a] } else { 0.0 };
                    fisher[(first + a, first + b)] = at.occupancy[state] * (diagonal - pi[a] * pi[b]);
                }
            }
        }
        fisher
    }

    /// The natural gradient of least norm, F^+ grad J, S x A numbers. It is A / (1-gamma) minus its mean over the actions of
    /// the state, and 0 if the state is never visited or the action never taken.
    ///
    /// It is solved in one block for each state. A dense pseudo-inverse would lose digits for sharp policies.
    pub fn natural_gradient(&self, policy: &TabularPolicy, at: &Evaluation) -> Vec<f64> {
        let mut natural = Vec::with_capacity(at.advantage.len());
        // This uses the logits, because a probability that underflows is not really 0, and neither is d after such actions.
        let visited = self.reachable(|i| policy.logits()[i] > f64::NEG_INFINITY);
        for (state, advantage) in at.advantage.chunks(self.actions()).enumerate() {
            let logits = &policy.logits()[state * self.actions()..][..self.actions()];
            let is_taken = |logit: f64| logit > f64::NEG_INFINITY;
            let taken = || logits.iter().zip(advantage).filter(|(logit, _)| is_taken(**logit));
            let mean = taken().map(|(_, a)| a).sum::<f64>() / taken().count() as f64;
            natural.extend(logits.iter().zip(advantage).map(|(logit, a)| {
                if visited[state] && is_taken(*logit) { (a - mean) / (1.0 - self.gamma()) } else { 0.0 }
            }));
        }
        natural
    }

    /// The compatible weights: the w of least norm that minimizes E[(w^T grad log pi - A)^2]. They are (1-gamma) F^+ grad J
    /// (Kakade 2001, theorem 1).
    pub fn compatible_weights(&self, policy: &TabularPolicy, at: &Evaluation) -> Vec<f64> {
        self.natural_gradient(policy, at).iter().map(|x| (1.0 - self.gamma()) * x).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdp::{Ascent, File, Method, StepSize};

    /// Huge steps make probabilities underflow. They still count, because otherwise the best action could be lost forever.
    #[test]
    fn natural_ascent_survives_probabilities_that_underflow() {
        let text = include_str!("../../../../docs/examples/two-states.json");
        let File { mdp, .. } = File::parse(text).unwrap();
        let (start, best) = (TabularPolicy::uniform(2, 2), mdp.policy_iteration().j);
        let reached = |method| {
            let ascent = Ascent { method, step: StepSize::Fixed(1000.0), iterations: 5 };
            mdp.ascend(&start, ascent).unwrap().0[5].j
        };
        assert!((reached(Method::Natural) - best).abs() < 1e-12);
        assert!((reached(Method::SoftPolicyIteration) - best).abs() < 1e-12);
    }
}
