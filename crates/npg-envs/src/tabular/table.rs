//! Tables of outcomes, from which both a sampled environment and its exact process are made.

use npg_core::random::Stream;
use npg_exact::mdp::{MAX_STATES, Mdp, Transition};

/// The largest distance of a sum of probabilities from 1. It allows only for rounding errors.
const SUM_TOLERANCE: f64 = 1e-9;

/// One outcome that may follow a state and an action.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TableOutcome {
    /// Its probability.
    pub probability: f64,
    /// The next state.
    pub next: usize,
    /// The reward.
    pub reward: f64,
    /// Whether the episode ends. `next` is still observed, but nothing is earned from there.
    pub terminated: bool,
}

/// A finite process as a table. It lists the outcomes of each of S states and A actions, like the `P` of Gymnasium's
/// environments.
///
/// ```
/// # mod npg { pub use npg_envs as env; }
/// use npg::env::tabular::{Table, TableOutcome};
/// // One state. Action 0 pays 1 and stays, action 1 ends the episode.
/// let stay = TableOutcome { probability: 1.0, next: 0, reward: 1.0, terminated: false };
/// let end = TableOutcome { reward: 0.0, terminated: true, ..stay };
/// let table = Table::new(vec![1.0], 2, vec![vec![stay], vec![end]])?;
/// assert_eq!(table.mdp(0.5)?.policy_iteration().j, 2.0);
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    actions: usize,
    observations: usize,
    start: Vec<f64>,
    /// Sums of `start` up to and including each state, for sampling.
    start_sums: Vec<f64>,
    /// The start of each row (s, a) in `outcomes`; S A + 1 numbers.
    offsets: Vec<usize>,
    outcomes: Vec<TableOutcome>,
    /// Sums of a row's probabilities up to and including each outcome, for sampling.
    sums: Vec<f64>,
}

impl Table {
    /// The table with the distribution `start` of the first state and the outcomes of each state and action, S x A rows.
    ///
    /// # Errors
    /// A sentence that names the entry, its value and what it must be.
    pub fn new(start: Vec<f64>, actions: usize, rows: Vec<Vec<TableOutcome>>) -> Result<Self, String> {
        let states = start.len();
        if states == 0 || states > MAX_STATES {
            return Err(format!("there are {states} states, but there must be 1 to {MAX_STATES}"));
        }
        if actions == 0 || rows.len() != states * actions {
            return Err(format!(
                "there are {} rows, but there must be one for each of {states} x {actions}",
                rows.len()
            ));
        }
        let mut table = Self {
            actions,
            observations: states,
            start_sums: sums("start", start.iter().copied())?,
            start,
            offsets: vec![0],
            outcomes: Vec::new(),
            sums: Vec::new(),
        };
        for (row, outcomes) in rows.into_iter().enumerate() {
            let place = format!("row[{}][{}]", row / actions, row % actions);
            if let Some(outcome) = outcomes.iter().find(|o| o.next >= states || !o.reward.is_finite()) {
                return Err(format!("{place} has {outcome:?}: states are below {states}, rewards finite"));
            }
            table.sums.extend(sums(&place, outcomes.iter().map(|o| o.probability))?);
            table.outcomes.extend(outcomes);
            table.offsets.push(table.outcomes.len());
        }
        Ok(table)
    }

    /// The table of an exact process. Each transition pays the expected reward of its state and action. If a row's
    /// probabilities sum to less than 1, the episode ends with the missing probability, in the state where it was.
    pub fn of(mdp: &Mdp) -> Self {
        let row = |row: usize| {
            let (state, action) = (row / mdp.actions(), row % mdp.actions());
            let reward = mdp.reward()[row];
            let outcome = |(next, probability)| TableOutcome { probability, next, reward, terminated: false };
            let mut outcomes: Vec<_> = mdp.next(state, action).map(outcome).collect();
            let ends = 1.0 - outcomes.iter().map(|o| o.probability).sum::<f64>();
            if ends > SUM_TOLERANCE {
                outcomes.push(TableOutcome { probability: ends, next: state, reward, terminated: true });
            }
            outcomes
        };
        let rows = (0..mdp.states() * mdp.actions()).map(row).collect();
        Self::new(mdp.start().to_vec(), mdp.actions(), rows).expect("an exact process is sound")
    }

    /// The same table, of which only the state modulo `observations` is observed.
    pub(super) fn hidden(self, observations: usize) -> Self {
        Self { observations, ..self }
    }

    /// Number of states S.
    pub fn states(&self) -> usize {
        self.start.len()
    }

    /// Number of actions A.
    pub fn actions(&self) -> usize {
        self.actions
    }

    /// The number of observations: S, or less if part of the state is hidden.
    pub fn observations(&self) -> usize {
        self.observations
    }

    /// The observation in `state`.
    pub fn observation(&self, state: usize) -> usize {
        state % self.observations
    }

    /// The distribution of the first state.
    pub fn start(&self) -> &[f64] {
        &self.start
    }

    /// What may follow `state` and `action`. An outcome may appear more than once.
    pub fn outcomes(&self, state: usize, action: usize) -> &[TableOutcome] {
        &self.outcomes[self.row(state, action)]
    }

    /// Whether the action can lead to another state or end the episode. Others only cost a step.
    pub fn has_effect(&self, state: usize, action: usize) -> bool {
        self.outcomes(state, action).iter().any(|outcome| outcome.terminated || outcome.next != state)
    }

    /// The exact process with discount `gamma`. It has expected rewards, no transition for an outcome that terminates, and no
    /// time limit.
    ///
    /// # Errors
    /// If part of the state is hidden, so that a policy over observations is not a policy over states, or if `gamma` is not in
    /// [0, 1).
    pub fn mdp(&self, gamma: f64) -> Result<Mdp, String> {
        if self.observations < self.states() {
            let (states, seen) = (self.states(), self.observations);
            return Err(format!(
                "only {seen} of its {states} states can be distinguished, so its observations are not an MDP"
            ));
        }
        let mut transitions = Vec::with_capacity(self.outcomes.len());
        let mut reward = Vec::with_capacity(self.offsets.len());
        for row in 0..self.states() * self.actions {
            let (state, action) = (row / self.actions, row % self.actions);
            let outcomes = self.outcomes(state, action);
            reward.push(outcomes.iter().map(|o| o.probability * o.reward).sum());
            transitions.extend(outcomes.iter().filter(|o| !o.terminated).map(|o| Transition {
                state,
                action,
                next: o.next,
                probability: o.probability,
            }));
        }
        Mdp::ending(gamma, self.start.clone(), self.actions, reward, &transitions)
    }

    /// Draws the first state.
    pub fn draw_start(&self, rng: &mut Stream) -> usize {
        drawn(&self.start_sums, rng)
    }

    /// Draws what follows `state` and `action`: one number of the stream.
    pub fn draw(&self, state: usize, action: usize, rng: &mut Stream) -> &TableOutcome {
        let row = self.row(state, action);
        &self.outcomes[row.start + drawn(&self.sums[row], rng)]
    }

    fn row(&self, state: usize, action: usize) -> std::ops::Range<usize> {
        let row = state * self.actions + action;
        self.offsets[row]..self.offsets[row + 1]
    }
}

/// Sums of probabilities up to and including each one. From the last possible outcome on they are infinite, so that a draw never
/// exceeds all of them because of rounding.
fn sums(name: &str, probabilities: impl Iterator<Item = f64>) -> Result<Vec<f64>, String> {
    let (mut sum, mut last, mut sums) = (0.0, 0, Vec::new());
    for (at, probability) in probabilities.enumerate() {
        if !(0.0..=1.0 + SUM_TOLERANCE).contains(&probability) {
            return Err(format!("{name}[{at}] is {probability}, but a probability must be from 0 to 1"));
        }
        if probability > 0.0 {
            last = at;
        }
        sum += probability;
        sums.push(sum);
    }
    if (sum - 1.0).abs() > SUM_TOLERANCE {
        return Err(format!("the probabilities of {name} sum to {sum}, but they must sum to 1"));
    }
    sums[last..].fill(f64::INFINITY);
    Ok(sums)
}

/// The first index whose sum is above a uniform draw. It never has probability 0.
fn drawn(sums: &[f64], rng: &mut Stream) -> usize {
    let u = rng.unit();
    sums.partition_point(|sum| *sum <= u)
}

#[cfg(test)]
mod tests {
    use super::*;
    use npg_core::random::Purpose;

    fn outcome(probability: f64, next: usize) -> TableOutcome {
        TableOutcome { probability, next, reward: 1.0, terminated: false }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let message = |start: &[f64], row: &[TableOutcome]| {
            Table::new(start.to_vec(), 1, vec![row.to_vec(); start.len()]).err().unwrap_or_default()
        };
        assert_eq!(message(&[1.0], &[outcome(1.0, 0)]), "");
        assert_eq!(message(&[], &[]), "there are 0 states, but there must be 1 to 10000");
        assert_eq!(
            message(&[0.5], &[outcome(1.0, 0)]),
            "the probabilities of start sum to 0.5, but they must sum to 1"
        );
        assert_eq!(message(&[1.0], &[]), "the probabilities of row[0][0] sum to 0, but they must sum to 1");
        let two = [outcome(1.5, 0), outcome(-0.5, 0)];
        assert_eq!(message(&[1.0], &two), "row[0][0][0] is 1.5, but a probability must be from 0 to 1");
        assert!(message(&[1.0], &[outcome(1.0, 1)]).ends_with("states are below 1, rewards finite"));
        let error = Table::new(vec![1.0], 2, vec![vec![outcome(1.0, 0)]]).unwrap_err();
        assert_eq!(error, "there are 1 rows, but there must be one for each of 1 x 2");
    }

    #[test]
    fn a_process_gives_itself_back() {
        let mut rng = Stream::new(1, Purpose::Test, 0);
        let mdp = Mdp::random(7, 3, 4, 0.9, &mut rng);
        let back = Table::of(&mdp).mdp(0.9).unwrap();
        let close = |ours: &[f64], theirs: &[f64]| ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 1e-15);
        assert!(close(back.start(), mdp.start()) && close(back.reward(), mdp.reward()));
        for (state, action) in (0..7).flat_map(|s| (0..3).map(move |a| (s, a))) {
            assert!(back.next(state, action).eq(mdp.next(state, action)));
        }
    }

    #[test]
    fn a_process_that_ends_gives_itself_back() {
        let half = Transition { state: 0, action: 0, next: 0, probability: 0.5 };
        let mdp = Mdp::ending(0.9, vec![1.0], 1, vec![1.0], &[half]).unwrap();
        let table = Table::of(&mdp);
        assert_eq!(table.outcomes(0, 0), [outcome(0.5, 0), TableOutcome { terminated: true, ..outcome(0.5, 0) }]);
        assert_eq!(table.mdp(0.9).unwrap(), mdp);
        assert!(table.mdp(1.0).unwrap_err().starts_with("gamma is 1"));
    }

    /// An impossible outcome is never drawn, first or last, whatever rounding does to the sums.
    #[test]
    fn the_impossible_does_not_happen() {
        let third = 1.0 / 3.0;
        let row =
            vec![outcome(0.0, 0), outcome(third, 1), outcome(third, 2), outcome(third - 1e-10, 3), outcome(0.0, 4)];
        let table = Table::new(vec![0.0, 0.0, 1.0, 0.0, 0.0], 1, vec![row; 5]).unwrap();
        let mut rng = Stream::new(1, Purpose::Test, 0);
        assert!((0..1000).all(|_| table.draw_start(&mut rng) == 2));
        assert!((0..10_000).all(|_| (1..4).contains(&table.draw(0, 0, &mut rng).next)));
    }
}
