//! Bands of equal return behind the arrows.

use crate::exact::field::{Bounds, Field, spaced};
use crate::plot::axes::Panel;
use crate::plot::contours::{Grid, Line};
use crate::plot::scene::{Color, Group, Item, Path, Rectangle, Stroke};

/// Columns and rows of the grid whose contours are drawn.
const FINE: (usize, usize) = (161, 101);
const LEVELS: usize = 13;
/// The band of the smallest returns; the best is white.
const LOW: [f64; 3] = [205.0, 214.0, 224.0];
/// Lines between bands.
const CONTOUR: Color = Color::hex(0xAE_B8_C4);
/// Where J is minus infinity.
const INFINITE: Color = Color::hex(0xB4_BE_CA);

/// Bands of equal return.
pub(super) struct Bands {
    /// Loops around all that is better than a level, and their color, from low to high.
    bands: Vec<(Vec<Line>, Color)>,
    /// The levels' lines.
    lines: Vec<Line>,
}

impl Bands {
    pub(super) fn of(field: &Field, bounds: &Bounds) -> Self {
        let lqr = field.lqr;
        let [k, sigma] = [bounds.k, bounds.sigma];
        let at = |k, sigma| lqr.at(k, sigma).map_or(f64::NEG_INFINITY, |local| local.value);
        let returns = Grid::new(spaced(k[0], k[1], FINE.0), spaced(sigma[0], sigma[1], FINE.1), at);
        let mut levels = returns.quantiles(LEVELS);
        // J runs to minus infinity within a cell, where lines between two values would be far off: 1 / (1 - J / unit)
        // runs to 0. Returns are at most 0.
        let unit = levels.first().map_or(1.0, |level| -level).max(f64::MIN_POSITIVE);
        let bent = |value: f64| 1.0 / (1.0 - value / unit);
        let values = returns.values.iter().map(|value| bent(*value)).collect();
        let grid = Grid { values, ..returns };
        levels.iter_mut().for_each(|level| *level = bent(*level));
        let share = |i: usize| (i as f64 / levels.len().max(1) as f64).powf(0.8);
        let color = |i: usize| {
            let [red, green, blue] = LOW.map(|low| (low + (255.0 - low) * share(i)).round() as u8);
            Color { rgb: [red, green, blue], alpha: 1.0 }
        };
        let finite = (grid.regions(f64::MIN_POSITIVE), color(0));
        let better = levels.iter().enumerate().map(|(i, level)| (grid.regions(*level), color(i + 1)));
        let lines = levels.iter().flat_map(|level| grid.lines(*level)).collect();
        Self { bands: std::iter::once(finite).chain(better).collect(), lines }
    }

    pub(super) fn draw(&self, panel: &Panel) -> Item {
        let Rectangle { x, y, width, height } = panel.area;
        let corners = vec![[x, y], [x + width, y], [x + width, y + height], [x, y + height]];
        let mut items = vec![Item::Path(Path::area(corners, INFINITE))];
        let point = |(x, y): &(f64, f64)| panel.point(*x, *y);
        for (loops, color) in &self.bands {
            let lift = [f64::NAN, f64::NAN];
            let points = loops.iter().flat_map(|line| line.iter().map(point).chain([lift])).collect();
            items.push(Item::Path(Path::area(points, *color)));
        }
        let stroke = Stroke::solid(CONTOUR, 0.9);
        items.extend(self.lines.iter().map(|line| panel.line(line.iter().copied(), stroke)));
        Item::Group(Group { class: "contours", tooltip: None, clip: Some(panel.area), items })
    }
}
