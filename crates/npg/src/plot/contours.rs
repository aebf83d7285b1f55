//! Contours of values on a grid, by marching squares (Lorensen and Cline 1987, in two dimensions).

use std::collections::BTreeMap;

/// Values at the points of a rectangular grid; what is not a number counts as below every level.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// Columns, increasing, at least one.
    pub x: Vec<f64>,
    /// Rows, increasing, at least one.
    pub y: Vec<f64>,
    /// At (`x[i]`, `y[j]`), index `i * y.len() + j`.
    pub values: Vec<f64>,
}

/// A line through numbers (x, y).
pub type Line = Vec<(f64, f64)>;

/// The side of a cell that a line crosses: its left or lower end, and whether it goes up.
type Side = (usize, usize, bool);

impl Grid {
    /// The grid of `value` at every pair of `x` and `y`.
    pub fn new(x: Vec<f64>, y: Vec<f64>, value: impl Fn(f64, f64) -> f64) -> Self {
        let values = x.iter().flat_map(|&x| y.iter().map(move |&y| (x, y))).map(|(x, y)| value(x, y)).collect();
        Self { x, y, values }
    }

    /// The lines on which the value is `level`, with larger values to their left; those that do not end at the grid's
    /// edge end where they begin.
    pub fn lines(&self, level: f64) -> Vec<Line> {
        let mut next = BTreeMap::new();
        for i in 0..self.x.len().saturating_sub(1) {
            for j in 0..self.y.len().saturating_sub(1) {
                next.extend(self.crossings(i, j, level));
            }
        }
        let ends: Vec<Side> = next.values().copied().collect();
        let mut lines = Vec::new();
        // Lines from edge to edge first, from their beginnings; what then remains are loops.
        let begins = |side: &Side| !ends.contains(side);
        let (mut open, loops): (Vec<Side>, Vec<Side>) = next.keys().copied().partition(begins);
        open.extend(loops);
        for first in open {
            let mut line = Vec::new();
            let mut side = first;
            while let Some(after) = next.remove(&side) {
                line.push(self.place(side, level));
                side = after;
            }
            if !line.is_empty() {
                line.push(self.place(side, level));
                lines.push(line);
            }
        }
        lines
    }

    /// Loops around all that is at least `level`, counterclockwise with y upward; loops around holes run clockwise.
    /// Along the grid's edge they follow it.
    pub fn regions(&self, level: f64) -> Vec<Line> {
        let framed = |v: &[f64]| -> Vec<f64> {
            let ends = [v.first(), v.last()].map(|end| end.copied().into_iter());
            let [first, last] = ends;
            first.chain(v.iter().copied()).chain(last).collect()
        };
        let rows = self.y.len();
        let mut values = vec![f64::NEG_INFINITY; rows + 2];
        for column in self.values.chunks(rows.max(1)) {
            values.push(f64::NEG_INFINITY);
            values.extend(column);
            values.push(f64::NEG_INFINITY);
        }
        values.extend(vec![f64::NEG_INFINITY; rows + 2]);
        Self { x: framed(&self.x), y: framed(&self.y), values }.lines(level)
    }

    /// Levels that divide the grid's finite values into `count` + 1 equally large parts, increasing.
    pub fn quantiles(&self, count: usize) -> Vec<f64> {
        let mut values: Vec<f64> = self.values.iter().copied().filter(|v| v.is_finite()).collect();
        values.sort_unstable_by(f64::total_cmp);
        let at = |i: usize| values.get(values.len() * i / (count + 1)).copied();
        let mut levels: Vec<f64> = (1..=count).filter_map(at).collect();
        levels.dedup();
        levels
    }

    fn value(&self, i: usize, j: usize) -> f64 {
        let value = self.values[i * self.y.len() + j];
        if value.is_nan() { f64::NEG_INFINITY } else { value }
    }

    /// The parts of lines in the cell whose lower left corner is (i, j): from which side to which.
    fn crossings(&self, i: usize, j: usize, level: f64) -> Vec<(Side, Side)> {
        let corners = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)]; // counterclockwise
        let sides = [(i, j, false), (i + 1, j, true), (i, j + 1, false), (i, j, true)];
        let values = corners.map(|(i, j)| self.value(i, j));
        let high = values.map(|value| value >= level);
        // Side n is between corners n and n + 1. Larger values are to the left of a line that enters where, walking
        // counterclockwise, they end, and leaves where they begin.
        let leaves = |n: usize| !high[n % 4] && high[(n + 1) % 4];
        let is_saddle = high[0] == high[2] && high[1] == high[3] && high[0] != high[1];
        let joined = is_saddle && values.iter().sum::<f64>() >= 4.0 * level;
        let enters = (0..4).filter(|&n| high[n] && !high[(n + 1) % 4]);
        enters
            .filter_map(|n| {
                // Where the center of a saddle is high, the line goes around the low corner ahead.
                let ahead = (1..4).map(|step| if joined { n + step } else { n + 4 - step });
                let end = ahead.map(|n| n % 4).find(|&n| leaves(n))?;
                Some((sides[n], sides[end]))
            })
            .collect()
    }

    /// Where on a side the value is `level`.
    fn place(&self, (i, j, up): Side, level: f64) -> (f64, f64) {
        let (to_i, to_j) = if up { (i, j + 1) } else { (i + 1, j) };
        let (from, to) = (self.value(i, j), self.value(to_i, to_j));
        let share = match (from.is_finite(), to.is_finite()) {
            (true, true) => (level - from) / (to - from),
            (true, false) => 0.0, // at the point that has a value
            _ => 1.0,
        };
        let between = |a: f64, b: f64| a + (b - a) * share;
        (between(self.x[i], self.x[to_i]), between(self.y[j], self.y[to_j]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(low: f64, high: f64, count: usize) -> Vec<f64> {
        (0..count).map(|i| low + (high - low) * i as f64 / (count - 1) as f64).collect()
    }

    /// Twice the enclosed area, positive if counterclockwise.
    fn area(line: &Line) -> f64 {
        line.windows(2).map(|pair| 0.5 * (pair[0].0 * pair[1].1 - pair[1].0 * pair[0].1)).sum()
    }

    #[test]
    fn a_hill_has_a_round_contour() {
        let grid = Grid::new(axis(-2.0, 2.0, 81), axis(-2.0, 2.0, 81), |x, y| -(x * x + y * y));
        let lines = grid.lines(-1.0);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0][0], lines[0][lines[0].len() - 1], "it is closed");
        assert!(lines[0].iter().all(|(x, y)| (x.hypot(*y) - 1.0).abs() < 1e-3));
        assert!((area(&lines[0]) - std::f64::consts::PI).abs() < 0.01, "counterclockwise");
        assert_eq!(grid.regions(-1.0), lines);
        assert!(grid.lines(1.0).is_empty() && grid.regions(1.0).is_empty());
        // All of the square, along its edge.
        let all = grid.regions(-100.0);
        assert!(all.len() == 1 && (area(&all[0]) - 16.0).abs() < 1e-12);
    }

    #[test]
    fn holes_run_the_other_way_and_lines_end_at_the_edge() {
        let ring = Grid::new(axis(-2.0, 2.0, 81), axis(-2.0, 2.0, 81), |x, y| -(x.hypot(y) - 1.0).abs());
        let mut areas: Vec<f64> = ring.regions(-0.5).iter().map(area).collect();
        areas.sort_unstable_by(f64::total_cmp);
        let pi = std::f64::consts::PI;
        assert!((areas[0] + 0.25 * pi).abs() < 0.02 && (areas[1] - 2.25 * pi).abs() < 0.02, "{areas:?}");

        let slope = Grid::new(axis(0.0, 1.0, 3), axis(0.0, 1.0, 4), |x, y| x + 0.0 * y);
        let lines = slope.lines(0.25);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].iter().all(|(x, _)| *x == 0.25));
        // Larger values are to the left of a line that goes down.
        assert_eq!((lines[0][0].1, lines[0][3].1), (1.0, 0.0));
        assert!((slope.regions(0.25).iter().map(area).sum::<f64>() - 0.75).abs() < 1e-12);
    }

    #[test]
    fn saddles_are_decided_by_their_center() {
        let saddle = |low: f64| Grid { x: vec![0.0, 1.0], y: vec![0.0, 1.0], values: vec![1.0, low, low, 1.0] };
        let areas = |low: f64| saddle(low).regions(0.0).iter().map(area).collect::<Vec<_>>();
        assert_eq!(areas(-0.5).len(), 1, "joined");
        assert_eq!(areas(-2.0).len(), 2, "apart");
        assert!(areas(-2.0).iter().all(|area| *area > 0.0));
    }

    #[test]
    fn what_is_not_a_number_is_low() {
        let grid = Grid::new(axis(0.0, 3.0, 4), axis(0.0, 1.0, 2), |x, _| if x > 1.5 { f64::NAN } else { 1.0 });
        let regions = grid.regions(0.5);
        assert!(regions.len() == 1 && (area(&regions[0]) - 1.0).abs() < 1e-12);
        assert_eq!(grid.quantiles(3), [1.0]);
        let empty = Grid { x: vec![], y: vec![], values: vec![] };
        assert!(empty.lines(0.0).is_empty() && empty.regions(0.0).is_empty() && empty.quantiles(3).is_empty());
        let ramp = Grid::new(axis(0.0, 9.0, 10), vec![0.0], |x, _| x);
        assert_eq!(ramp.quantiles(4), [2.0, 4.0, 6.0, 8.0]);
    }
}
