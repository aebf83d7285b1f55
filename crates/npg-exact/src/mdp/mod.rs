//! Finite Markov decision processes, with states 0..S, actions 0..A, rewards that depend on state and action, and a discount.
//!
//! ```
//! # mod npg { pub use npg_exact as exact; }
//! use npg::exact::mdp::{Mdp, Transition, TabularPolicy};
//! // One state; action 0 pays 1 and stays, action 1 pays nothing and ends the episode.
//! let stay = Transition { state: 0, action: 0, next: 0, probability: 1.0 };
//! let mdp = Mdp::ending(0.5, vec![1.0], 2, vec![1.0, 0.0], &[stay])?;
//! let uniform = TabularPolicy::uniform(1, 2);
//! assert!((mdp.evaluate(&uniform).j - 0.5 / (1.0 - 0.25)).abs() < 1e-15);
//! assert_eq!(mdp.policy_iteration().j, 2.0);
//! # Ok::<(), String>(())
//! ```
//!
//! Tables over states and actions are row-major slices of S x A numbers. Costs are those of sparse rows, except for linear
//! systems of up to [`DENSE`] states and the dense Fisher matrix.

mod ascent;
mod bounds;
mod control;
mod evaluate;
mod fisher;
mod file;
mod finite;
mod policy;
mod problem;
mod random;

pub use ascent::{Ascent, Iterate, Method, StepSize, convergence_bound};
pub use bounds::{Divergence, LowerBounds};
pub use control::Optimum;
pub use evaluate::{DENSE, Evaluation};
pub use file::{File, policy_from_json};
pub use finite::FiniteHorizon;
pub use policy::TabularPolicy;
pub use problem::ExactProblem;

/// The maximum number of states of an [`Mdp`].
pub const MAX_STATES: usize = 10_000;
/// The largest allowed value |r| / (1 - gamma). It is far enough from overflow for differences and sums.
const MAX_VALUE: f64 = 1e300;
/// The maximum number of transitions in 1 / (1 - gamma) sweeps, which take about a minute.
const MAX_WORK: f64 = 1e9;
/// How far a sum of probabilities may be from 1. It allows only for the rounding of printed numbers.
const SUM_TOLERANCE: f64 = 1e-9;

/// The probability of one next state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transition {
    /// The state s.
    pub state: usize,
    /// The action a.
    pub action: usize,
    /// The next state s'.
    pub next: usize,
    /// P(s' | s, a).
    pub probability: f64,
}

/// A finite Markov decision process with sparse transitions.
///
/// If the probabilities of a state and an action sum to less than 1, the rest is the probability that the episode ends there,
/// after which nothing more is earned. That mass is in no state, so an occupancy then sums to less than 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Mdp {
    gamma: f64,
    actions: usize,
    start: Vec<f64>,
    reward: Vec<f64>,
    /// The start of each row (s, a) in `next` and `probability`; S A + 1 numbers.
    offsets: Vec<usize>,
    next: Vec<u32>,
    probability: Vec<f64>,
}

impl Mdp {
    /// A process that never ends: the probabilities of every state and action sum to 1.
    ///
    /// `start` is the distribution rho of the first state, and `reward` has S x A numbers. The probabilities of transitions
    /// that appear twice are added.
    ///
    /// # Errors
    /// A sentence that names the entry, its value and what it must be.
    pub fn new(
        gamma: f64,
        start: Vec<f64>,
        actions: usize,
        reward: Vec<f64>,
        transitions: &[Transition],
    ) -> Result<Self, String> {
        let mut mdp = Self::ending(gamma, start, actions, reward, transitions)?;
        for row in 0..mdp.reward.len() {
            let range = mdp.offsets[row]..mdp.offsets[row + 1];
            let sum = mdp.probability[range.clone()].iter().fold(0.0, |sum, p| sum + p); // sum() of no entries would be -0
            if (sum - 1.0).abs() > SUM_TOLERANCE {
                return Err(format!("transition{} sums to {sum}, but it must be 1", mdp.place(row)));
            }
            mdp.probability[range].iter_mut().for_each(|p| *p /= sum);
        }
        Ok(mdp)
    }

    /// Like [`Mdp::new`], but if probabilities sum to less than 1, the episode ends with the remaining probability.
    ///
    /// # Errors
    /// Those of [`Mdp::new`].
    pub fn ending(
        gamma: f64,
        mut start: Vec<f64>,
        actions: usize,
        reward: Vec<f64>,
        transitions: &[Transition],
    ) -> Result<Self, String> {
        let states = start.len();
        if !(0.0..1.0).contains(&gamma) {
            return Err(format!("gamma is {gamma}, but it must be at least 0 and below 1"));
        }
        if states == 0 || states > MAX_STATES {
            return Err(format!("start has {states} states, but it must have 1 to {MAX_STATES}"));
        }
        if actions == 0 || reward.len() != states * actions {
            let rows = reward.len();
            return Err(format!(
                "reward has {rows} numbers, but it must have {states} x {actions}, one per state and action"
            ));
        }
        check_probabilities("start", &start)?;
        let sum: f64 = start.iter().sum();
        if (sum - 1.0).abs() > SUM_TOLERANCE {
            return Err(format!("start sums to {sum}, but it must be 1"));
        }
        start.iter_mut().for_each(|p| *p /= sum);
        if let Some(at) = reward.iter().position(|r| !r.is_finite()) {
            return Err(format!("reward[{}][{}] is {}, but it must be finite", at / actions, at % actions, reward[at]));
        }
        let mut mdp =
            Self { gamma, actions, start, reward, offsets: Vec::new(), next: Vec::new(), probability: Vec::new() };
        mdp.fill(transitions)?;
        mdp.check_size()?;
        Ok(mdp)
    }

    /// Refuses values that would overflow, and sweeps that would take too long.
    fn check_size(&self) -> Result<(), String> {
        let (gamma, steps) = (self.gamma, 1.0 / (1.0 - self.gamma));
        if let Some(at) = self.reward.iter().position(|r| r.abs() > MAX_VALUE / steps) {
            let (place, reward) = (self.place(at), self.reward[at]);
            return Err(format!(
                "reward{place} is {reward:e}: values would overflow with gamma {gamma}; scale the rewards"
            ));
        }
        let work = steps * (self.transitions() + self.states()) as f64;
        if self.states() > DENSE && work > MAX_WORK {
            let (states, most) = (self.states(), 1.0 - (self.transitions() + self.states()) as f64 / MAX_WORK);
            return Err(format!(
                "gamma is {gamma}, with {states} states it may be at most {most}: sweeps grow as 1 / (1 - gamma)"
            ));
        }
        Ok(())
    }

    /// Sorts the transitions into rows, and adds the probabilities of those that appear twice.
    fn fill(&mut self, transitions: &[Transition]) -> Result<(), String> {
        let (states, actions) = (self.states(), self.actions);
        for Transition { state, action, next, probability } in transitions {
            let place = format_args!("transition[{state}][{action}][{next}]").to_string();
            for (index, count, what) in
                [(state, states, "states"), (action, actions, "actions"), (next, states, "states")]
            {
                if *index >= count {
                    return Err(format!("{place}: there are only {count} {what}, counted from 0"));
                }
            }
            if !(0.0..=1.0 + SUM_TOLERANCE).contains(probability) {
                return Err(format!("{place} is {probability}, but a probability must be from 0 to 1"));
            }
        }
        let mut sorted: Vec<&Transition> = transitions.iter().filter(|t| t.probability > 0.0).collect();
        sorted.sort_by_key(|t| (t.state, t.action, t.next)); // a stable sort, so that sums do not depend on chance
        let mut last = None;
        self.offsets.push(0);
        for t in sorted {
            let key = (t.state * actions + t.action, t.next);
            while self.offsets.len() <= key.0 {
                self.offsets.push(self.next.len());
            }
            match self.probability.last_mut() {
                Some(sum) if last == Some(key) => *sum += t.probability,
                _ => {
                    self.next.push(t.next as u32);
                    self.probability.push(t.probability);
                }
            }
            last = Some(key);
        }
        self.offsets.resize(states * actions + 1, self.next.len());
        for row in 0..states * actions {
            let sum: f64 = self.probability[self.offsets[row]..self.offsets[row + 1]].iter().sum();
            if sum > 1.0 + SUM_TOLERANCE {
                return Err(format!("transition{} sums to {sum}, but it must be 1", self.place(row)));
            }
        }
        Ok(())
    }

    fn place(&self, row: usize) -> String {
        format!("[{}][{}]", row / self.actions, row % self.actions)
    }

    /// The number of states S.
    pub fn states(&self) -> usize {
        self.start.len()
    }

    /// The number of actions A.
    pub fn actions(&self) -> usize {
        self.actions
    }

    /// The discount factor gamma.
    pub fn gamma(&self) -> f64 {
        self.gamma
    }

    /// The distribution rho of the first state.
    pub fn start(&self) -> &[f64] {
        &self.start
    }

    /// The expected rewards, S x A numbers.
    pub fn reward(&self) -> &[f64] {
        &self.reward
    }

    /// The next states of `state` after `action`, with their probabilities.
    pub fn next(&self, state: usize, action: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let row = state * self.actions + action;
        let range = self.offsets[row]..self.offsets[row + 1];
        self.next[range.clone()].iter().zip(&self.probability[range]).map(|(next, p)| (*next as usize, *p))
    }

    /// Whether an episode can end.
    pub fn ends(&self) -> bool {
        let sum = |row: usize| self.probability[self.offsets[row]..self.offsets[row + 1]].iter().sum::<f64>();
        (0..self.reward.len()).any(|row| sum(row) < 1.0 - SUM_TOLERANCE)
    }

    /// The number of stored transitions.
    pub fn transitions(&self) -> usize {
        self.next.len()
    }

    /// The same process with another discount factor.
    ///
    /// # Errors
    /// If `gamma` is not in [0, 1), or too close to 1 for these rewards or for this many states.
    pub fn with_gamma(mut self, gamma: f64) -> Result<Self, String> {
        if !(0.0..1.0).contains(&gamma) {
            return Err(format!("gamma is {gamma}, but it must be at least 0 and below 1"));
        }
        self.gamma = gamma;
        self.check_size()?;
        Ok(self)
    }
}

/// Checks that all probabilities are finite and none is negative.
fn check_probabilities(name: &str, probabilities: &[f64]) -> Result<(), String> {
    match probabilities.iter().position(|p| !(0.0..=1.0 + SUM_TOLERANCE).contains(p)) {
        None => Ok(()),
        Some(at) => Err(format!("{name}[{at}] is {}, but a probability must be from 0 to 1", probabilities[at])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(gamma: f64, start: &[f64], reward: &[f64], transitions: &[[f64; 4]]) -> String {
        let transitions: Vec<_> = transitions
            .iter()
            .map(|t| Transition { state: t[0] as usize, action: t[1] as usize, next: t[2] as usize, probability: t[3] })
            .collect();
        Mdp::new(gamma, start.to_vec(), 1, reward.to_vec(), &transitions).err().unwrap_or_default()
    }

    #[test]
    fn what_is_wrong_is_named() {
        let nan = f64::NAN;
        let good = [[0.0, 0.0, 1.0, 1.0], [1.0, 0.0, 0.0, 0.5], [1.0, 0.0, 1.0, 0.5]];
        assert_eq!(message(0.9, &[1.0, 0.0], &[0.0, 1.0], &good), "");
        for (found, expected) in [
            (message(1.0, &[1.0], &[0.0], &good), "gamma is 1, but it must be at least 0 and below 1"),
            (message(nan, &[1.0], &[0.0], &good), "gamma is NaN, but it must be at least 0 and below 1"),
            (message(0.9, &[], &[], &good), "start has 0 states, but it must have 1 to 10000"),
            (message(0.9, &[0.5, 0.4], &[0.0, 0.0], &good), "start sums to 0.9, but it must be 1"),
            (message(0.9, &[1.5, -0.5], &[0.0; 2], &good), "start[0] is 1.5, but a probability must be from 0 to 1"),
            (message(0.9, &[1.0, 0.0], &[0.0, nan], &good), "reward[1][0] is NaN, but it must be finite"),
            (message(0.9, &[1.0], &[0.0], &good), "transition[0][0][1]: there are only 1 states, counted from 0"),
            (message(0.9, &[1.0, 0.0], &[0.0; 2], &good[1..]), "transition[0][0] sums to 0, but it must be 1"),
            (
                message(0.9, &[1.0, 0.0], &[0.0, 1e308], &good),
                "reward[1][0] is 1e308: values would overflow with gamma 0.9; scale the rewards",
            ),
            (message(0.9, &[1.0, 0.0], &[0.0; 2], &good[..2]), "transition[1][0] sums to 0.5, but it must be 1"),
        ] {
            assert_eq!(found, expected);
        }
        let twice = [good[0], good[1], good[1]];
        assert_eq!(message(0.9, &[1.0, 0.0], &[0.0; 2], &twice), "", "transitions that stand twice are added");
    }
}
