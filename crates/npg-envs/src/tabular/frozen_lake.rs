//! FrozenLake-v1 and FrozenLake8x8-v1: walk over ice from the start to the goal without falling into a hole.
//!
//! The state is row x columns + column, and it is observed. The actions 0, 1, 2 and 3 go left, down, right and up; at the
//! edge the agent stays. On slippery ice a step goes in its direction with probability `success_rate`, and otherwise to
//! either side, equally likely. The episode terminates in a hole and at the goal. The reward depends on the tile that is
//! entered: 1 for the goal, 0 for a hole and 0 for ice. An episode starts on one of the tiles S, equally likely.
//!
//! Source: Gymnasium 1.4, whose table this is, entry by entry (`tests/tables.rs`).

use super::{Table, TableOutcome, moved};

/// Left, down, right, up, as (rows, columns).
const MOVES: [(isize, isize); 4] = [(0, -1), (1, 0), (0, 1), (-1, 0)];

/// The lake of 4 x 4 tiles: S start, F ice, H hole, G goal.
pub(super) const SMALL: &str = "SFFF/FHFH/FFFH/HFFG";
/// The lake of 8 x 8 tiles.
pub(super) const LARGE: &str = "SFFFFFFF/FFFFFFFF/FFFHFFFF/FFFFFHFF/FFFHFFFF/FHHFFFHF/FHFFHFHF/FFFHFFFG";

/// The options of a lake.
#[derive(Clone, Debug, PartialEq)]
pub struct FrozenLake {
    /// The tiles, row by row, with `/` between the rows: S start, F ice, H hole, G goal.
    pub map: String,
    /// The probability that a step goes in its direction. It is 1 for ice that is not slippery.
    pub success_rate: f64,
    /// The rewards for entering the goal, a hole and ice.
    pub rewards: [f64; 3],
}

impl FrozenLake {
    /// The table of outcomes.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the map or with a number.
    pub fn table(&self) -> Result<Table, String> {
        let rows: Vec<&[u8]> = self.map.split('/').map(str::as_bytes).collect();
        let (height, width) = (rows.len(), rows[0].len());
        if let Some(row) = rows.iter().position(|row| row.len() != width || row.is_empty()) {
            return Err(format!(
                "row {row} of the map has {} tiles, but all rows must have {width} > 0",
                rows[row].len()
            ));
        }
        let tiles: Vec<u8> = rows.concat();
        if let Some(at) = tiles.iter().position(|tile| !b"SFHG".contains(tile)) {
            let letter = char::from(tiles[at]);
            return Err(format!("`{letter}` in row {} of the map is not a tile; use S, F, H, G", at / width));
        }
        let starts = tiles.iter().filter(|tile| **tile == b'S').count();
        if starts == 0 {
            return Err("the map has no start; add a tile S".into());
        }
        let start = tiles.iter().map(|tile| if *tile == b'S' { 1.0 / starts as f64 } else { 0.0 }).collect();
        let outcomes = |state: usize, action: usize| {
            let tile = |next: usize, probability: f64| {
                let (reward, terminated) = match tiles[next] {
                    b'G' => (self.rewards[0], true),
                    b'H' => (self.rewards[1], true),
                    _ => (self.rewards[2], false),
                };
                TableOutcome { probability, next, reward, terminated }
            };
            if b"GH".contains(&tiles[state]) {
                // Nothing follows here, but Gymnasium's table has a row for it.
                return vec![TableOutcome { probability: 1.0, next: state, reward: 0.0, terminated: true }];
            }
            let to = |direction: usize| moved(state, MOVES[direction % 4], [height, width]);
            if self.success_rate == 1.0 {
                return vec![tile(to(action), 1.0)];
            }
            let aside = (1.0 - self.success_rate) / 2.0;
            vec![tile(to(action + 3), aside), tile(to(action), self.success_rate), tile(to(action + 1), aside)]
        };
        let rows = (0..tiles.len() * 4).map(|row| outcomes(row / 4, row % 4)).collect();
        Table::new(start, 4, rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_that_is_none_is_refused() {
        let message = |map: &str| {
            let lake = FrozenLake { map: map.into(), success_rate: 1.0, rewards: [1.0, 0.0, 0.0] };
            lake.table().err().unwrap_or_default()
        };
        assert_eq!(message("SG"), "");
        assert_eq!(message(""), "row 0 of the map has 0 tiles, but all rows must have 0 > 0");
        assert_eq!(message("SF/FFG"), "row 1 of the map has 3 tiles, but all rows must have 2 > 0");
        assert_eq!(message("SF/xG"), "`x` in row 1 of the map is not a tile; use S, F, H, G");
        assert_eq!(message("FF/FG"), "the map has no start; add a tile S");
    }

    /// The probability of ever reaching the goal, to which J tends as gamma tends to 1.
    #[test]
    fn the_small_lake_can_be_crossed_in_fourteen_of_seventeen() {
        let lake = FrozenLake { map: SMALL.into(), success_rate: 1.0 / 3.0, rewards: [1.0, 0.0, 0.0] };
        let best = lake.table().unwrap().mdp(1.0 - 1e-7).unwrap().policy_iteration().j;
        assert!((best - 14.0 / 17.0).abs() < 1e-5, "{best}");
    }
}
