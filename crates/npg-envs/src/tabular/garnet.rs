//! Garnet-v0: a random process of a given size.
//!
//! Each state and action leads to `branching` different states, drawn without replacement. Their probabilities are the
//! spacings of sorted uniform numbers. The reward of each state and action is drawn uniformly from [0, 1). An episode starts
//! in any state and never ends by itself. The same sizes and the same `seed` give the same process in every run.
//!
//! Source: Archibald, McKinnon and Thomas, "On the generation of Markov decision processes" (1995); Bhatnagar, Sutton,
//! Ghavamzadeh and Lee, "Natural actor-critic algorithms" (2009), section 8.

use super::Table;
use npg_core::random::{Purpose, Stream};
use npg_exact::mdp::Mdp;

/// The largest number of outcomes of a process. They take 200 MB.
const MAX_OUTCOMES: usize = 5_000_000;

/// The size of a process and its seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Garnet {
    /// Number of states.
    pub states: usize,
    /// Number of actions.
    pub actions: usize,
    /// The number of states that may follow a state and an action. It is limited to the number of states.
    pub branching: usize,
    /// The number of the process among all processes of this size.
    pub seed: u64,
}

impl Garnet {
    /// The table of outcomes.
    ///
    /// # Errors
    /// If a size is 0 or the process would not fit into memory.
    pub fn table(&self) -> Result<Table, String> {
        let Self { states, actions, branching, seed } = *self;
        let branching = branching.min(states);
        let outcomes = states.saturating_mul(actions).saturating_mul(branching);
        if outcomes == 0 || outcomes > MAX_OUTCOMES || states > npg_exact::mdp::MAX_STATES {
            let sizes = format!("{states} states x {actions} actions x {branching} next states");
            return Err(format!("a process of {sizes} is too large; it may have 1 to {MAX_OUTCOMES} outcomes"));
        }
        let gamma = 0.0; // a table has no discount
        Ok(Table::of(&Mdp::random(states, actions, branching, gamma, &mut Stream::new(seed, Purpose::World, 0))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Garnet = Garnet { states: 6, actions: 3, branching: 4, seed: 0 };

    #[test]
    fn it_has_the_size_that_was_asked_for() {
        let table = SMALL.table().unwrap();
        assert_eq!((table.states(), table.actions()), (6, 3));
        for (state, action) in (0..6).flat_map(|s| (0..3).map(move |a| (s, a))) {
            let outcomes = table.outcomes(state, action);
            let mut next: Vec<_> = outcomes.iter().map(|o| o.next).collect();
            next.sort_unstable();
            next.dedup();
            assert_eq!((outcomes.len(), next.len()), (4, 4));
            assert!(outcomes.iter().all(|o| !o.terminated && (0.0..1.0).contains(&o.reward)));
        }
    }

    #[test]
    fn the_seed_names_the_process() {
        assert_eq!(SMALL.table(), SMALL.table());
        assert_ne!(SMALL.table(), Garnet { seed: 1, ..SMALL }.table());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let large = Garnet { states: 10_000, actions: 100, branching: 10, seed: 0 };
        assert!(large.table().unwrap_err().starts_with("a process of 10000 states x 100 actions x 10 next states"));
        assert!(Garnet { actions: 0, ..SMALL }.table().is_err());
    }
}
