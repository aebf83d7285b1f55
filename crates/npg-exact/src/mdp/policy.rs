//! Tabular softmax policies.

use super::Evaluation;

/// pi(a|s) = softmax of the logits of state s. Every distribution over actions is possible in this class of policies.
///
/// A logit may be minus infinity (probability 0), but not all logits of a state.
#[derive(Clone, Debug, PartialEq)]
pub struct TabularPolicy {
    actions: usize,
    logits: Vec<f64>,
    probabilities: Vec<f64>,
}

impl TabularPolicy {
    /// The policy with these logits, S x A numbers.
    ///
    /// # Errors
    /// If a logit is NaN or infinity, or if all logits of a state are minus infinity.
    pub fn softmax(actions: usize, logits: Vec<f64>) -> Result<Self, String> {
        check_shape("logits", actions, &logits)?;
        let mut probabilities = logits.clone();
        for (state, row) in probabilities.chunks_mut(actions).enumerate() {
            let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            if !top.is_finite() || row.iter().any(|z| z.is_nan()) {
                return Err(format!("logits[{state}] are {row:?}, but they must be finite"));
            }
            row.iter_mut().for_each(|z| *z = libm::exp(*z - top));
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|p| *p /= sum);
        }
        Ok(Self { actions, logits, probabilities })
    }

    /// The policy with these probabilities, S x A numbers. The logits are their logarithms.
    ///
    /// # Errors
    /// If a row is not a distribution.
    pub fn from_probabilities(actions: usize, mut probabilities: Vec<f64>) -> Result<Self, String> {
        check_shape("policy", actions, &probabilities)?;
        for (state, row) in probabilities.chunks_mut(actions).enumerate() {
            super::check_probabilities(&format!("policy[{state}]"), row)?;
            let sum: f64 = row.iter().sum();
            if (sum - 1.0).abs() > super::SUM_TOLERANCE {
                return Err(format!("policy[{state}] sums to {sum}, but it must be 1"));
            }
            row.iter_mut().for_each(|p| *p /= sum);
        }
        let logits = probabilities.iter().map(|p| libm::log(*p)).collect();
        Ok(Self { actions, logits, probabilities })
    }

    /// The policy in which all actions are equally likely everywhere.
    pub fn uniform(states: usize, actions: usize) -> Self {
        let probabilities = vec![1.0 / actions as f64; states * actions];
        Self { actions, logits: vec![0.0; states * actions], probabilities }
    }

    /// The policy that always takes action `choice[s]` in state s.
    pub fn deterministic(actions: usize, choice: &[usize]) -> Self {
        let mut probabilities = vec![0.0; choice.len() * actions];
        choice.iter().enumerate().for_each(|(state, action)| probabilities[state * actions + action] = 1.0);
        let logits = probabilities.iter().map(|p| libm::log(*p)).collect();
        Self { actions, logits, probabilities }
    }

    /// The policy of a network, in each of the states 0..S of a discrete observation. None if its action space or its observation
    /// space is not discrete.
    pub fn of(policy: &npg_core::policy::Policy) -> Option<Self> {
        use npg_core::env::Space;
        use npg_core::network::kernels::Matrix;
        use npg_core::policy::{AnyHead, Categorical};
        use npg_core::problem::{PolicySnapshot, States};
        let (Space::Discrete(states), Some(AnyHead::Categorical(Categorical { count }))) =
            (&policy.encoder.space, policy.distribution.only_head())
        else {
            return None;
        };
        let (states, actions) = (*states, *count);
        let mut inputs = Matrix::zeros(states, policy.inputs());
        (0..states).for_each(|state| policy.encoder.write(&[state as f64], inputs.row_mut(state)));
        let at = PolicySnapshot::new(policy, States::of(&inputs), 1.0);
        let logits = (0..states).flat_map(|s| at.outputs(s)[..actions].iter().map(|z| f64::from(*z))).collect();
        Self::softmax(actions, logits).ok()
    }

    /// The number of actions A.
    pub fn actions(&self) -> usize {
        self.actions
    }

    /// The number of states S.
    pub fn states(&self) -> usize {
        self.probabilities.len() / self.actions
    }

    /// The logits theta, S x A numbers.
    pub fn logits(&self) -> &[f64] {
        &self.logits
    }

    /// pi(a|s), S x A numbers.
    pub fn probabilities(&self) -> &[f64] {
        &self.probabilities
    }

    /// pi(.|s), one number for each action.
    pub fn row(&self, state: usize) -> &[f64] {
        &self.probabilities[state * self.actions..][..self.actions]
    }

    /// The policy with logits theta + alpha x. A logit of minus infinity stays so.
    ///
    /// # Errors
    /// If a logit overflows.
    pub fn moved(&self, alpha: f64, x: &[f64]) -> Result<Self, String> {
        Self::softmax(self.actions, self.logits.iter().zip(x).map(|(z, x)| alpha.mul_add(*x, *z)).collect())
    }

    /// An exact natural gradient step of size eta in all states, including those that are never visited: pi'(a|s) is
    /// proportional to pi(a|s) exp(eta A(s,a) / (1-gamma)). This is soft policy iteration by multiplicative weights (Kakade
    /// 2001; Agarwal et al. 2021, lemma 15).
    ///
    /// # Errors
    /// If a logit overflows.
    pub fn multiplicative_weights(&self, evaluation: &Evaluation, eta: f64) -> Result<Self, String> {
        self.moved(eta / (1.0 - evaluation.gamma), &evaluation.advantage)
    }

    /// KL(self || other) in each state in nats. It is infinite if `other` never takes an action that `self` may take.
    pub fn kl(&self, other: &Self) -> Vec<f64> {
        let of = |state: usize| {
            let (p, q) = (self.log_row(state), other.log_row(state));
            p.iter().zip(&q).map(|(p, q)| kl_term(*p, *q)).sum()
        };
        (0..self.states()).map(of).collect()
    }

    /// The total variation 1/2 sum |p - q| in each state.
    pub fn total_variation(&self, other: &Self) -> Vec<f64> {
        self.by_state(other, |p, q| 0.5 * (p - q).abs()).collect()
    }

    /// The entropy in each state, in nats.
    pub fn entropy(&self) -> Vec<f64> {
        self.by_state(self, |p, _| if p > 0.0 { -p * libm::log(p) } else { 0.0 }).collect()
    }

    /// log pi(.|s), even if pi underflows.
    fn log_row(&self, state: usize) -> Vec<f64> {
        let row = &self.logits[state * self.actions..][..self.actions];
        let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let log_sum = libm::log(row.iter().map(|z| libm::exp(z - top)).sum::<f64>());
        row.iter().map(|z| z - top - log_sum).collect()
    }

    fn by_state<'a>(&'a self, other: &'a Self, term: impl Fn(f64, f64) -> f64 + 'a) -> impl Iterator<Item = f64> + 'a {
        let rows = self.probabilities.chunks(self.actions).zip(other.probabilities.chunks(self.actions));
        rows.map(move |(p, q)| p.iter().zip(q).map(|(p, q)| term(*p, *q)).sum())
    }
}

fn check_shape(name: &str, actions: usize, table: &[f64]) -> Result<(), String> {
    match table.len() {
        numbers if actions > 0 && numbers > 0 && numbers % actions == 0 => Ok(()),
        numbers => Err(format!("{name} has {numbers} numbers, but it must have {actions} for each state")),
    }
}

/// p log(p/q) - p + q, computed from the logarithms of p and q. No term is negative, and small steps lose no digits.
fn kl_term(log_p: f64, log_q: f64) -> f64 {
    let (p, step) = (libm::exp(log_p), log_q - log_p);
    match step {
        _ if p == 0.0 => libm::exp(log_q),
        step if step.abs() < 1.0 => p * (libm::expm1(step) - step),
        step => libm::exp(log_q) - p - p * step,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divergences_of_sharp_policies_are_finite() {
        let sharp = |z: f64| TabularPolicy::softmax(2, vec![0.0, -z]).unwrap();
        assert_eq!(sharp(2000.0).kl(&sharp(3000.0)), [0.0]);
        assert!((sharp(0.0).kl(&sharp(3000.0))[0] - (1500.0 + 0.5f64.ln())).abs() < 1e-9);
        let never = TabularPolicy::deterministic(2, &[0]);
        assert_eq!((never.kl(&sharp(0.0))[0], sharp(0.0).kl(&never)[0]), (2f64.ln(), f64::INFINITY));
        let exact = 0.5 * (0.5f64 / 0.6).ln() + 0.5 * (0.5f64 / 0.4).ln();
        let row = |p: f64| TabularPolicy::from_probabilities(2, vec![p, 1.0 - p]).unwrap();
        assert!((row(0.5).kl(&row(0.6))[0] - exact).abs() < 1e-15);
        assert!((row(0.5).kl(&row(0.5 + 1e-7))[0] / 2e-14 - 1.0).abs() < 1e-6, "1/2 F step^2, F = 4");
    }

    #[test]
    fn bad_policies_are_named() {
        let message = |logits: Vec<f64>| TabularPolicy::softmax(2, logits).unwrap_err();
        assert!(message(vec![0.0, 0.0, f64::NAN, 1.0]).starts_with("logits[1] are [NaN, 1.0]"));
        assert!(message(vec![f64::NEG_INFINITY; 2]).starts_with("logits[0]"));
        let error = TabularPolicy::from_probabilities(2, vec![0.5, 0.4]).unwrap_err();
        assert_eq!(error, "policy[0] sums to 0.9, but it must be 1");
        assert_eq!(message(vec![0.0; 3]), "logits has 3 numbers, but it must have 2 for each state");
    }
}
