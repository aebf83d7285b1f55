//! Optimal policies: policy iteration and value iteration.

use super::{Mdp, TabularPolicy};

/// An optimal policy and its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimum {
    /// J* = E_rho V*.
    pub j: f64,
    /// V*, one number for each state.
    pub v: Vec<f64>,
    /// Q*, S x A numbers.
    pub q: Vec<f64>,
    /// An optimal deterministic policy.
    pub policy: TabularPolicy,
    /// Its action in each state.
    pub choice: Vec<usize>,
}

/// Actions whose values differ by less than this fraction of the largest |Q| are equally good. Otherwise rounding could make
/// policy iteration cycle.
const TIE: f64 = 1e-12;

impl Mdp {
    /// The optimum by policy iteration (Howard 1960), which starts from the best actions after a few sweeps of value
    /// iteration. It ends when no action is better by more than rounding.
    pub fn policy_iteration(&self) -> Optimum {
        let mut q = self.action_values(&vec![0.0; self.states()]);
        for _ in 0..100 {
            q = self.action_values(&self.best_values(&q));
        }
        let mut choice = self.greedy(&q, None);
        loop {
            let policy = TabularPolicy::deterministic(self.actions(), &choice);
            let at = self.evaluate(&policy);
            let better = self.greedy(&at.q, Some(&choice));
            if better == choice {
                return Optimum { j: at.j, v: at.v, q: at.q, policy, choice };
            }
            choice = better;
        }
    }

    /// V* to within `error` in each state, by value iteration: at most log(largest V / error) / log(1/gamma) sweeps.
    pub fn value_iteration(&self, error: f64) -> Vec<f64> {
        let mut v = vec![0.0; self.states()];
        loop {
            let next = self.best_values(&self.action_values(&v));
            let change = v.iter().zip(&next).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            let largest = next.iter().map(|v| v.abs()).fold(0.0, f64::max);
            v = next;
            // ||V* - v|| <= gamma / (1-gamma) change. The change cannot get below rounding.
            if change * self.gamma() <= error * (1.0 - self.gamma()) || change <= f64::EPSILON * largest {
                return v;
            }
        }
    }

    /// max_a Q(s,a).
    fn best_values(&self, q: &[f64]) -> Vec<f64> {
        q.chunks(self.actions()).map(|row| row.iter().copied().fold(f64::NEG_INFINITY, f64::max)).collect()
    }

    /// argmax_a Q(s,a). It is the present choice if that is among the best actions, and otherwise the first of the best.
    fn greedy(&self, q: &[f64], present: Option<&[usize]>) -> Vec<usize> {
        let tie = TIE * q.iter().map(|q| q.abs()).fold(0.0, f64::max);
        let best = |(state, row): (usize, &[f64])| {
            let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let good = |action: &usize| row[*action] >= top - tie;
            let present = present.map(|choice| choice[state]).filter(good);
            present.or_else(|| (0..row.len()).find(good)).expect("one of the values is the largest")
        };
        q.chunks(self.actions()).enumerate().map(best).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use npg_core::random::{Purpose, Stream};

    /// Both methods agree, no deterministic policy of a small process is better, and Bellman's optimality equation holds.
    #[test]
    fn the_optimum_is_the_best_of_all_policies() {
        let mut rng = Stream::new(2, Purpose::Test, 0);
        for _ in 0..20 {
            let mdp = Mdp::random(4, 3, 3, 0.9, &mut rng);
            let optimum = mdp.policy_iteration();
            let all =
                (0..81).map(|code| TabularPolicy::deterministic(3, &[code % 3, code / 3 % 3, code / 9 % 3, code / 27]));
            let best = all.map(|policy| mdp.evaluate(&policy).j).fold(f64::NEG_INFINITY, f64::max);
            assert!((optimum.j - best).abs() < 1e-12, "{} {best}", optimum.j);
            for (a, b) in mdp.value_iteration(1e-11).iter().zip(&optimum.v) {
                assert!((a - b).abs() < 1e-11);
            }
            for (row, v) in optimum.q.chunks(3).zip(&optimum.v) {
                assert!((row.iter().copied().fold(f64::NEG_INFINITY, f64::max) - v).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn ties_do_not_go_round_in_circles() {
        let step = |state, action| super::super::Transition { state, action, next: 1 - state, probability: 1.0 };
        let transitions = [step(0, 0), step(0, 1), step(1, 0), step(1, 1)];
        let mdp = Mdp::new(0.99, vec![0.5; 2], 2, vec![0.1; 4], &transitions).unwrap();
        assert_eq!(mdp.policy_iteration().choice, [0, 0]);
    }
}
