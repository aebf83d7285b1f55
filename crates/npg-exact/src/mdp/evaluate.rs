//! The values of a policy: V, Q, A, its state distribution and J.

use super::{Mdp, TabularPolicy};
use crate::dot;
use faer::Mat;
use faer::linalg::solvers::Solve;

/// Linear systems of up to this many states are solved by LU factorization. Larger ones are solved by sweeps over the sparse
/// rows, whose number grows as 1 / (1 - gamma).
pub const DENSE: usize = 1024;

/// The exact values of a policy in a process. Errors are rounding errors: about 1e-14 / (1-gamma) of the largest |V|.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The discount factor.
    pub gamma: f64,
    /// V(s) = E[sum_t gamma^t r_t | s_0 = s], one number for each state.
    pub v: Vec<f64>,
    /// Q(s,a) = r(s,a) + gamma E V(s'), S x A.
    pub q: Vec<f64>,
    /// A(s,a) = Q(s,a) - V(s), S x A.
    pub advantage: Vec<f64>,
    /// d(s) = (1-gamma) sum_t gamma^t P(s_t = s), one number for each state. It sums to 1 if no episode ends.
    pub occupancy: Vec<f64>,
    /// J = E_rho V.
    pub j: f64,
}

impl Mdp {
    /// V, Q, A, d and J of `policy`.
    ///
    /// # Panics
    /// If the policy has another number of states or actions.
    pub fn evaluate(&self, policy: &TabularPolicy) -> Evaluation {
        let shape = (policy.states(), policy.actions());
        assert_eq!(shape, (self.states(), self.actions()), "the policy is for another process");
        let chain = Chain::new(self, policy);
        let (v, mut occupancy) = if self.states() <= DENSE { chain.solve() } else { (chain.sweep(), chain.push()) };
        // In states that no path reaches, rounding errors are replaced by 0.
        let reached = self.reachable(|i| policy.probabilities()[i] > 0.0);
        occupancy.iter_mut().zip(reached).filter(|(_, reached)| !reached).for_each(|(d, _)| *d = 0.0);
        let q = self.action_values(&v);
        let actions = self.actions();
        let advantage = q.iter().enumerate().map(|(i, q)| q - v[i / actions]).collect();
        let j = dot(self.start(), &v);
        Evaluation { gamma: self.gamma(), v, q, advantage, occupancy, j }
    }

    /// Whether each state can be reached from the start by actions that may be taken. Actions are given by their index in S x
    /// A.
    pub(super) fn reachable(&self, may_be_taken: impl Fn(usize) -> bool) -> Vec<bool> {
        let mut reached: Vec<bool> = self.start().iter().map(|p| *p > 0.0).collect();
        let mut open: Vec<usize> = (0..reached.len()).filter(|s| reached[*s]).collect();
        while let Some(state) = open.pop() {
            for action in (0..self.actions()).filter(|a| may_be_taken(state * self.actions() + a)) {
                for (next, _) in self.next(state, action) {
                    if !std::mem::replace(&mut reached[next], true) {
                        open.push(next);
                    }
                }
            }
        }
        reached
    }

    /// r(s,a) + gamma E V(s'), S x A.
    pub(super) fn action_values(&self, v: &[f64]) -> Vec<f64> {
        let actions = self.actions();
        let value = |i: usize| {
            let ahead: f64 = self.next(i / actions, i % actions).map(|(next, p)| p * v[next]).sum();
            self.gamma().mul_add(ahead, self.reward()[i])
        };
        (0..self.reward().len()).map(value).collect()
    }
}

/// The Markov chain of a policy in a process.
struct Chain<'a> {
    mdp: &'a Mdp,
    /// The expected reward in each state.
    reward: Vec<f64>,
    /// The start of each state's row.
    offsets: Vec<usize>,
    next: Vec<(usize, f64)>,
}

impl<'a> Chain<'a> {
    fn new(mdp: &'a Mdp, policy: &TabularPolicy) -> Self {
        let (mut offsets, mut next, mut reward) = (vec![0], Vec::with_capacity(mdp.transitions()), Vec::new());
        for state in 0..mdp.states() {
            let row = policy.row(state);
            for (action, pi) in row.iter().enumerate().filter(|(_, pi)| **pi > 0.0) {
                next.extend(mdp.next(state, action).map(|(to, p)| (to, pi * p)));
            }
            offsets.push(next.len());
            reward.push(dot(row, &mdp.reward()[state * row.len()..][..row.len()]));
        }
        Self { mdp, reward, offsets, next }
    }

    fn row(&self, state: usize) -> &[(usize, f64)] {
        &self.next[self.offsets[state]..self.offsets[state + 1]]
    }

    /// Solves (I - gamma P) v = r and (I - gamma P)^T d = (1-gamma) rho, each with one step of iterative refinement.
    fn solve(&self) -> (Vec<f64>, Vec<f64>) {
        let (states, gamma) = (self.mdp.states(), self.mdp.gamma());
        let mut system = Mat::<f64>::identity(states, states);
        for state in 0..states {
            self.row(state).iter().for_each(|(to, p)| system[(state, *to)] -= gamma * p);
        }
        let factor = system.partial_piv_lu();
        let solve = |rhs: &[f64]| column(&factor.solve(column_of(rhs)));
        let mut v = solve(&self.reward);
        let correction = solve(&(0..states).map(|s| self.residual(&v, s)).collect::<Vec<_>>());
        v.iter_mut().zip(&correction).for_each(|(v, c)| *v += c);

        let solve = |rhs: &[f64]| column(&factor.solve_transpose(column_of(rhs)));
        let inflow: Vec<f64> = self.mdp.start().iter().map(|p| (1.0 - gamma) * p).collect();
        let mut d = solve(&inflow);
        let pushed = self.pushed(&d, &inflow);
        let correction = solve(&pushed.iter().zip(&d).map(|(pushed, d)| pushed - d).collect::<Vec<_>>());
        // Rounding must not give a negative mass.
        d.iter_mut().zip(&correction).for_each(|(d, c)| *d = if *d + c > 1e-300 { *d + c } else { 0.0 });
        (v, d)
    }

    /// r + gamma P v - v in one state.
    fn residual(&self, v: &[f64], state: usize) -> f64 {
        let ahead: f64 = self.row(state).iter().map(|(to, p)| p * v[*to]).sum();
        self.reward[state] - (v[state] - self.mdp.gamma() * ahead)
    }

    /// `inflow` + gamma P^T d.
    fn pushed(&self, d: &[f64], inflow: &[f64]) -> Vec<f64> {
        let mut pushed = inflow.to_vec();
        for (state, mass) in d.iter().enumerate() {
            self.row(state).iter().for_each(|(to, p)| pushed[*to] += self.mdp.gamma() * p * mass);
        }
        pushed
    }

    /// Computes the values by Gauss-Seidel sweeps until only rounding changes them. Each sweep reduces the error at least by
    /// the factor gamma. The number of sweeps is therefore limited, even if rounding keeps changing the values.
    fn sweep(&self) -> Vec<f64> {
        let mut v = vec![0.0; self.mdp.states()];
        let most = 1.0 + (libm::log(f64::EPSILON) / libm::log(self.mdp.gamma())).ceil();
        for _ in 0..most as u64 {
            let (mut change, mut largest) = (0.0_f64, 0.0_f64);
            for state in 0..v.len() {
                let residual = self.residual(&v, state);
                v[state] += residual;
                change = change.max(residual.abs());
                largest = largest.max(v[state].abs());
            }
            if change <= 4.0 * f64::EPSILON * largest {
                break;
            }
        }
        v
    }

    /// Computes the occupancies: follows the start distribution and adds up the mass until nothing more arrives.
    fn push(&self) -> Vec<f64> {
        let gamma = self.mdp.gamma();
        let nothing = vec![0.0; self.mdp.states()];
        let mut mass: Vec<f64> = self.mdp.start().iter().map(|p| (1.0 - gamma) * p).collect();
        let mut d = mass.clone();
        while mass.iter().sum::<f64>() > (1.0 - gamma) * f64::EPSILON * d.iter().sum::<f64>() {
            mass = self.pushed(&mass, &nothing);
            d.iter_mut().zip(&mass).for_each(|(d, m)| *d += m);
        }
        d
    }
}

fn column_of(values: &[f64]) -> Mat<f64> {
    Mat::from_fn(values.len(), 1, |i, _| values[i])
}

fn column(matrix: &Mat<f64>) -> Vec<f64> {
    (0..matrix.nrows()).map(|i| matrix[(i, 0)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use npg_core::random::{Purpose, Stream};

    /// The Bellman equation, the flow equation and J = sum of d r / (1-gamma) hold with both methods of solving.
    #[test]
    fn equations_hold_by_both_ways() {
        let mut rng = Stream::new(1, Purpose::Test, 0);
        for (states, gamma) in [(1, 0.0), (7, 0.5), (60, 0.99), (40, 0.999)] {
            let mdp = Mdp::random(states, 3, 4, gamma, &mut rng);
            let policy = TabularPolicy::random(states, 3, 2.0, &mut rng);
            let chain = Chain::new(&mdp, &policy);
            let (v, d) = chain.solve();
            let scale = 1.0 / (1.0 - gamma);
            for s in 0..states {
                assert!(chain.residual(&v, s).abs() < 1e-14 * scale);
            }
            assert!((d.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            let j = dot(mdp.start(), &v);
            assert!((dot(&d, &chain.reward) * scale - j).abs() < 1e-13 * scale * scale, "{states} {gamma}");
            for (a, b) in chain.sweep().iter().zip(&v) {
                assert!((a - b).abs() < 1e-13 * scale * scale, "{a} {b}");
            }
            for (a, b) in chain.push().iter().zip(&d) {
                assert!((a - b).abs() < 1e-13 * scale, "{a} {b}");
            }
            let evaluation = mdp.evaluate(&policy);
            for s in 0..states {
                let row = &evaluation.advantage[s * 3..][..3];
                assert!(dot(policy.row(s), row).abs() < 1e-13 * scale, "E_pi A = 0");
            }
        }
    }

    #[test]
    fn large_processes_are_solved_by_sweeps() {
        let mut rng = Stream::new(4, Purpose::Test, 0);
        let mdp = Mdp::random(DENSE + 1, 2, 3, 0.9, &mut rng);
        let policy = TabularPolicy::random(DENSE + 1, 2, 1.0, &mut rng);
        let at = mdp.evaluate(&policy);
        let earned: f64 =
            (0..2 * (DENSE + 1)).map(|i| at.occupancy[i / 2] * policy.probabilities()[i] * mdp.reward()[i]).sum();
        assert!((earned / 0.1 - at.j).abs() < 1e-11, "{earned} {}", at.j);
        let best = mdp.policy_iteration();
        assert!(best.q.iter().enumerate().all(|(i, q)| *q <= best.v[i / 2] + 1e-11));
    }

    #[test]
    fn states_without_a_path_have_no_mass() {
        let stay = |state| super::super::Transition { state, action: 0, next: state, probability: 1.0 };
        let mdp = Mdp::new(0.9, vec![1.0, 0.0], 1, vec![1.0, 2.0], &[stay(0), stay(1)]).unwrap();
        let evaluation = mdp.evaluate(&TabularPolicy::uniform(2, 1));
        assert_eq!(evaluation.occupancy[1], 0.0);
        assert!((evaluation.j - 10.0).abs() < 1e-13 && (evaluation.v[1] - 20.0).abs() < 1e-13);
    }
}
