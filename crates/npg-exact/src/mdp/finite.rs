//! Finite horizons. Values depend on the remaining time, so advantages have a time index.

use super::{Mdp, TabularPolicy};
use crate::dot;

/// A stationary policy over T steps, t = 0..T. `v[t]` has one number for each state; `q[t]` and `advantage[t]` have S x A
/// numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct FiniteHorizon {
    /// V_t(s) = E[sum_{u=t}^{T-1} gamma^(u-t) r_u | s_t = s].
    pub v: Vec<Vec<f64>>,
    /// Q_t(s,a).
    pub q: Vec<Vec<f64>>,
    /// A_t(s,a) = Q_t(s,a) - V_t(s).
    pub advantage: Vec<Vec<f64>>,
    /// p_t(s) = P(s_t = s), t = 0..T.
    pub states: Vec<Vec<f64>>,
    /// J = E_rho V_0.
    pub j: f64,
}

impl Mdp {
    /// Evaluates `policy` over `horizon` steps by backward recursion.
    pub fn evaluate_finite(&self, policy: &TabularPolicy, horizon: usize) -> FiniteHorizon {
        let mut left = vec![0.0; self.states()];
        let (mut v, mut q, mut advantage) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..horizon {
            let of_actions = self.action_values(&left);
            left = of_actions.chunks(self.actions()).enumerate().map(|(s, row)| dot(policy.row(s), row)).collect();
            advantage.push(of_actions.iter().enumerate().map(|(i, q)| q - left[i / self.actions()]).collect());
            v.push(left.clone());
            q.push(of_actions);
        }
        v.reverse();
        q.reverse();
        advantage.reverse();
        let mut states = self.state_distributions(policy, horizon);
        states.truncate(horizon);
        FiniteHorizon { j: dot(self.start(), &left), v, q, advantage, states }
    }

    /// p_t(s) = P(s_t = s) for t = 0..=`horizon`. The sum over s is less than 1 if episodes have ended.
    pub fn state_distributions(&self, policy: &TabularPolicy, horizon: usize) -> Vec<Vec<f64>> {
        let mut all = vec![self.start().to_vec()];
        for t in 0..horizon {
            let mut next = vec![0.0; self.states()];
            for (state, mass) in all[t].iter().enumerate().filter(|(_, mass)| **mass > 0.0) {
                for (action, pi) in policy.row(state).iter().enumerate() {
                    self.next(state, action).for_each(|(to, p)| next[to] += mass * pi * p);
                }
            }
            all.push(next);
        }
        all
    }
}

impl FiniteHorizon {
    /// sum_t gamma^t E_{s ~ p_t, a ~ pi'}[A_t(s,a)] for the state distributions `states` of any policy. With those of pi'
    /// it is J' - J exactly (Kakade and Langford 2002, lemma 6.1, at a finite horizon); with those of pi it is the
    /// surrogate.
    pub fn expected_advantage(&self, gamma: f64, states: &[Vec<f64>], policy: &TabularPolicy) -> f64 {
        let term = |(t, (p, a)): (usize, (&Vec<f64>, &Vec<f64>))| gamma.powi(t as i32) * dot(p, &means(policy, a));
        states.iter().zip(&self.advantage).enumerate().map(term).sum()
    }

    /// max_s |E_{a ~ pi'} A_t(s,a)|, one number for each time.
    pub fn largest_expected_advantages(&self, policy: &TabularPolicy) -> Vec<f64> {
        let largest = |a: &Vec<f64>| means(policy, a).iter().map(|x| x.abs()).fold(0.0, f64::max);
        self.advantage.iter().map(largest).collect()
    }
}

/// E_{a ~ pi} of a table, one number for each state.
pub(super) fn means(policy: &TabularPolicy, table: &[f64]) -> Vec<f64> {
    table.chunks(policy.actions()).enumerate().map(|(state, row)| dot(policy.row(state), row)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use npg_core::random::{Purpose, Stream};

    #[test]
    fn a_long_horizon_is_the_discounted_problem() {
        let mut rng = Stream::new(3, Purpose::Test, 0);
        let mdp = Mdp::random(6, 3, 3, 0.8, &mut rng);
        let policy = TabularPolicy::random(6, 3, 1.0, &mut rng);
        let (finite, endless) = (mdp.evaluate_finite(&policy, 200), mdp.evaluate(&policy));
        assert!((finite.j - endless.j).abs() < 1e-13);
        let d = |s: usize| (0..200).map(|t| 0.2 * 0.8f64.powi(t as i32) * finite.states[t][s]).sum::<f64>();
        (0..6).for_each(|s| assert!((d(s) - endless.occupancy[s]).abs() < 1e-14));
    }
}
