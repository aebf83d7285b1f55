//! CliffWalking-v1 and CliffWalkingSlippery-v1: walk along the edge of a cliff from one end to the other.
//!
//! The world is a grid of 4 x 12 cells. The state is row x 12 + column, and it is observed. The actions 0, 1, 2 and 3 go up,
//! right, down and left; at the edge the agent stays. On slippery ground a step goes in its direction or to either side, with
//! equal probability. The episode starts at the lower left and terminates at the lower right. The cliff is between them: a
//! step into it leads back to the start and has a reward of -100. Every other step earns -1. There is no time limit.
//!
//! Source: Sutton and Barto, "Reinforcement Learning" (2018), example 6.6; Gymnasium 1.4, whose table this is, entry by
//! entry (`tests/tables.rs`), including states that are never left or entered.

use super::{Table, TableOutcome, moved};

/// Rows and columns.
const SIZE: [usize; 2] = [4, 12];
/// Up, right, down, left, as (rows, columns).
const MOVES: [(isize, isize); 4] = [(-1, 0), (0, 1), (1, 0), (0, -1)];
const START: usize = 36;
const GOAL: usize = 47;

/// The table of outcomes.
pub fn cliff_walking(slippery: bool) -> Table {
    let cells = SIZE[0] * SIZE[1];
    let outcome = |cell: usize, direction: usize, probability: f64| {
        let to = moved(cell, MOVES[direction % 4], SIZE);
        let falls = (START + 1..GOAL).contains(&to);
        let (next, reward) = if falls { (START, -100.0) } else { (to, -1.0) };
        TableOutcome { probability, next, reward, terminated: to == GOAL }
    };
    let row = |row: usize| {
        let (cell, action) = (row / 4, row % 4);
        let directions = if slippery { action + 3..=action + 5 } else { action..=action };
        let probability = if slippery { 1.0 / 3.0 } else { 1.0 };
        directions.map(|direction| outcome(cell, direction, probability)).collect()
    };
    let start = (0..cells).map(|cell| if cell == START { 1.0 } else { 0.0 }).collect();
    Table::new(start, 4, (0..cells * 4).map(row).collect()).expect("the grid is sound")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Up, along the edge, down: 13 steps.
    #[test]
    fn the_shortest_way_is_along_the_edge() {
        let best = cliff_walking(false).mdp(1.0 - 1e-9).unwrap().policy_iteration();
        assert!((best.j + 13.0).abs() < 1e-6, "{}", best.j);
    }
}
