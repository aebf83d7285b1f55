//! Taxi-v4: fetch a passenger at one of four stops and take them to another.
//!
//! ```text
//! +---------+
//! |R: | : :G|   a grid of 5 x 5, walls |; stops R, G, Y, B are numbered 0 to 3
//! | : | : : |
//! | : : : : |
//! | | : | : |
//! |Y| : |B: |
//! +---------+
//! ```
//!
//! The state is ((row x 5 + column) x 5 + passenger) x 4 + destination, and it is observed. The passenger is at a stop (0 to
//! 3) or in the taxi (4). The actions 0 to 3 drive south, north, east and west, unless there is a wall. Action 4 picks the
//! passenger up, and action 5 sets them down. A step earns -1. To set the passenger down at the destination earns 20 and
//! terminates the episode. To pick up or set down where that is impossible earns -10. Setting down at another stop is
//! allowed. An episode starts anywhere, with the passenger at any stop except the destination.
//!
//! In the rain, a drive that no wall stops goes in its direction with `rainy_probability`, and otherwise to the left or right
//! of it. Whether a fickle passenger changes their mind is drawn at the start: with `fickle_probability`, the first drive
//! that moves them changes the destination to one of the other three. The observation does not show it.
//!
//! Source: Dietterich, "Hierarchical reinforcement learning with the MAXQ value function decomposition" (2000), sections
//! 3.1 and 7.1; Gymnasium 1.4, whose table this is, entry by entry (`tests/tables.rs`).

use super::{Table, TableOutcome, moved};

/// The number of states that can be distinguished.
const STATES: usize = 500;
const ACTIONS: usize = 6;
/// The cells of the stops R, G, Y, B.
const STOPS: [usize; 4] = [0, 4, 20, 23];
/// South, north, east, west, as (rows, columns).
const MOVES: [(isize, isize); 4] = [(1, 0), (-1, 0), (0, 1), (0, -1)];
/// The directions to the left and right of each.
const ASIDE: [[usize; 2]; 4] = [[2, 3], [3, 2], [1, 0], [0, 1]];
/// Cells with a wall on their east side.
const WALLS: [usize; 6] = [1, 6, 15, 17, 20, 22];
/// The passenger is in the taxi.
const IN_TAXI: usize = 4;

/// The options of the taxi.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Taxi {
    /// In the rain, the probability that a drive goes in its direction.
    pub rain: Option<f64>,
    /// The probability that a fickle passenger changes the destination.
    pub fickle: Option<f64>,
}

impl Taxi {
    /// The table of outcomes. With a fickle passenger it has a second half of the states, in which the destination will
    /// change; the observation does not tell the halves apart.
    ///
    /// # Errors
    /// If a number is not a probability.
    pub fn table(&self) -> Result<Table, String> {
        let start: Vec<f64> = (0..STATES).map(starts).collect();
        let rows: Vec<_> = (0..STATES * ACTIONS).map(|row| self.outcomes(row / ACTIONS, row % ACTIONS)).collect();
        let Some(fickle) = self.fickle else { return Table::new(start, ACTIONS, rows) };
        let changing = rows.iter().enumerate().map(|(row, outcomes)| changing(row / ACTIONS, outcomes));
        let rows = rows.iter().cloned().chain(changing).collect();
        let start = [1.0 - fickle, fickle].iter().flat_map(|half| start.iter().map(move |p| half * p)).collect();
        Ok(Table::new(start, ACTIONS, rows)?.hidden(STATES))
    }

    fn outcomes(&self, state: usize, action: usize) -> Vec<TableOutcome> {
        let (cell, passenger, destination) = (state / 20, state / 4 % 5, state % 4);
        let certain = TableOutcome { probability: 1.0, next: state, reward: -1.0, terminated: false };
        let at = |cell: usize, passenger: usize| (cell * 5 + passenger) * 4 + destination;
        let stop = STOPS.iter().position(|stop| *stop == cell);
        let outcome = match (action, stop) {
            (0..4, _) => {
                return self
                    .drives(cell, action)
                    .map(|(to, p)| TableOutcome { probability: p, next: at(to, passenger), ..certain })
                    .collect();
            }
            (4, Some(stop)) if stop == passenger => TableOutcome { next: at(cell, IN_TAXI), ..certain },
            (5, Some(stop)) if passenger == IN_TAXI => {
                let arrived = stop == destination;
                let reward = if arrived { 20.0 } else { -1.0 };
                TableOutcome { next: at(cell, stop), reward, terminated: arrived, ..certain }
            }
            _ => TableOutcome { reward: -10.0, ..certain },
        };
        vec![outcome]
    }

    /// The cells to which a drive from `cell` leads, with their probabilities.
    fn drives(&self, cell: usize, direction: usize) -> impl Iterator<Item = (usize, f64)> {
        let to = driven(cell, direction);
        let [left, right] = ASIDE[direction].map(|aside| if to == cell { cell } else { driven(cell, aside) });
        let straight = self.rain.unwrap_or(1.0);
        let slip = (1.0 - straight) / 2.0;
        let ways = if self.rain.is_some() { 3 } else { 1 };
        [(to, straight), (left, slip), (right, slip)].into_iter().take(ways)
    }
}

/// The cell in direction `direction` of `cell`, or `cell` itself if a wall or the edge is between.
fn driven(cell: usize, direction: usize) -> usize {
    let to = moved(cell, MOVES[direction], [5, 5]);
    if direction >= 2 && to != cell && WALLS.contains(&cell.min(to)) { cell } else { to }
}

/// The probability that an episode starts in `state`.
fn starts(state: usize) -> f64 {
    let (passenger, destination) = (state / 4 % 5, state % 4);
    if passenger < IN_TAXI && passenger != destination { 1.0 / 300.0 } else { 0.0 }
}

/// The same outcomes for a passenger who is about to change the destination. The first drive that moves them does it.
fn changing(state: usize, outcomes: &[TableOutcome]) -> Vec<TableOutcome> {
    let later = |outcome: &TableOutcome| vec![TableOutcome { next: STATES + outcome.next, ..*outcome }];
    let now = |outcome: &TableOutcome| {
        let others = (0..4).filter(|destination| *destination != state % 4);
        let probability = outcome.probability / 3.0;
        others.map(|to| TableOutcome { probability, next: outcome.next / 4 * 4 + to, ..*outcome }).collect()
    };
    let moves = |outcome: &TableOutcome| state / 4 % 5 == IN_TAXI && outcome.next / 20 != state / 20;
    outcomes.iter().flat_map(|outcome| if moves(outcome) { now(outcome) } else { later(outcome) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With no discount, the best policy earns 7.93 on average: 21 minus 13.07 steps.
    #[test]
    fn the_best_return() {
        let mdp = Taxi::default().table().unwrap().mdp(1.0 - 1e-9).unwrap();
        let best = mdp.policy_iteration().j;
        assert!((7.9..8.0).contains(&best), "{best}");
    }

    #[test]
    fn a_fickle_passenger_is_no_mdp_of_what_is_observed() {
        let table = Taxi { rain: None, fickle: Some(0.3) }.table().unwrap();
        assert_eq!((table.states(), table.observations()), (1000, 500));
        assert!((table.start()[..500].iter().sum::<f64>() - 0.7).abs() < 1e-12);
        let message = table.mdp(0.99).unwrap_err();
        assert_eq!(message, "only 500 of its 1000 states can be distinguished, so its observations are not an MDP");
    }
}
