//! Axes and panels: the places of numbers, the grid, and the ticks.

use super::font::Weight;
use super::palette::{GRID, MUTED};
use super::scene::{Anchor, Color, Group, Item, Path, Point, Rectangle, Stroke, Text, named};
use super::ticks;

/// Font size of tick labels.
const TICK_SIZE: f64 = 12.0;

/// How numbers are spaced along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences have equal lengths.
    Linear,
    /// Equal ratios have equal lengths. Only positive numbers have a place.
    Log,
}

/// The range of one axis and its ticks.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// How numbers are spaced.
    pub scale: Scale,
    /// The number at the start of the axis. It is below `high`.
    pub low: f64,
    /// The number at the end of the axis.
    pub high: f64,
    /// The numbers with a grid line and a label.
    pub ticks: Vec<f64>,
}

impl Axis {
    /// An axis from `low` to `high` with about `count` ticks. If these do not form a valid range, a similar range that is
    /// valid is used.
    pub fn new(scale: Scale, low: f64, high: f64, count: usize) -> Self {
        let (low, high) = if low <= high { (low, high) } else { (high, low) };
        let (low, high) = match scale {
            Scale::Linear if !(low.is_finite() && high.is_finite()) => (0.0, 1.0),
            Scale::Linear if high - low > 1e-12 * low.abs().max(high.abs()) => (low.max(-1e300), high.min(1e300)),
            Scale::Linear => (low - 0.1 * low.abs().clamp(0.5, 1e300), high + 0.1 * high.abs().clamp(0.5, 1e300)),
            Scale::Log if !(low > 0.0 && high.is_finite()) => (0.1, 1.0),
            Scale::Log if high / low > 1.0 + 1e-9 => (low, high),
            Scale::Log => (low / 2.0, high * 2.0),
        };
        let ticks = match scale {
            Scale::Linear => ticks::linear(low, high, count),
            Scale::Log => ticks::log(low, high, count),
        };
        Self { scale, low, high, ticks }
    }

    /// An axis that shows all of `values`, with a margin of a twentieth of its length at each end, and about `count` ticks.
    /// Values without a place on the scale are left out. Without any value, the axis is that of an invalid range (see
    /// [`Axis::new`]).
    pub fn covering(scale: Scale, values: impl IntoIterator<Item = f64>, count: usize) -> Self {
        let shown = |x: &f64| x.is_finite() && (scale == Scale::Linear || *x > 0.0);
        let (low, high) = values
            .into_iter()
            .filter(shown)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        let exact = Self::new(scale, low, high, count);
        let spare = 0.05;
        match scale {
            Scale::Linear => {
                let spare = spare * (exact.high - exact.low);
                Self::new(scale, exact.low - spare, exact.high + spare, count)
            }
            Scale::Log => {
                let spare = (exact.high / exact.low).powf(spare);
                Self::new(scale, exact.low / spare, exact.high * spare, count)
            }
        }
    }

    /// The position of `value` on the axis: 0 at the start, 1 at the end, and NaN if it has no place.
    pub fn place(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log if value > 0.0 => (value / self.low).ln() / (self.high / self.low).ln(),
            Scale::Log => f64::NAN,
        }
    }
}

/// A rectangle with two axes in which data are drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// The area of the data. Ticks and labels stand outside, to the left and below.
    pub area: Rectangle,
    /// The horizontal axis, from left to right.
    pub x: Axis,
    /// The vertical axis, from bottom to top.
    pub y: Axis,
}

impl Panel {
    /// The place of the numbers `x` and `y`. It is not finite if a number has no place on its axis. Places far outside are
    /// moved closer, so that every renderer can draw lines to them.
    pub fn point(&self, x: f64, y: f64) -> Point {
        let place = |axis: &Axis, value| axis.place(value).clamp(-20.0, 20.0);
        let Rectangle { x: left, y: top, width, height } = self.area;
        [left + width * place(&self.x, x), top + height * (1.0 - place(&self.y, y))]
    }

    /// The line through these numbers (x, y).
    pub fn line(&self, numbers: impl IntoIterator<Item = (f64, f64)>, stroke: Stroke) -> Item {
        Item::Path(Path::line(numbers.into_iter().map(|(x, y)| self.point(x, y)).collect(), stroke))
    }

    /// The areas between `low` and `high` over `x`, with gaps where a number has no place.
    pub fn band(&self, x: &[f64], low: &[f64], high: &[f64], fill: Color) -> Vec<Item> {
        let edge = |y: &[f64]| -> Vec<Point> { x.iter().zip(y).map(|(&x, &y)| self.point(x, y)).collect() };
        let sides: Vec<(Point, Point)> = edge(low).into_iter().zip(edge(high)).collect();
        sides
            .split(|(low, high)| !low.iter().chain(high).all(|v| v.is_finite()))
            .filter(|part| part.len() > 1)
            .map(|part| {
                let there = part.iter().map(|(low, _)| *low);
                let back = part.iter().rev().map(|(_, high)| *high);
                Item::Path(Path::area(there.chain(back).collect(), fill))
            })
            .collect()
    }

    /// A line across the panel at the height of `y`.
    pub fn level(&self, y: f64, stroke: Stroke) -> Item {
        self.line([(self.x.low, y), (self.x.high, y)], stroke)
    }

    /// Data, clipped at the edges of the panel.
    pub fn data(&self, items: Vec<Item>) -> Item {
        // The clip area is a little larger, so that lines along an edge and dots at the ends stay whole.
        let Rectangle { x, y, width, height } = self.area;
        let clip = Rectangle { x: x - 5.0, y: y - 2.0, width: width + 10.0, height: height + 4.0 };
        Item::Group(Group { class: "data", tooltip: None, clip: Some(clip), items })
    }

    /// The label of the vertical axis.
    pub fn y_label(&self, label: &str) -> Item {
        Item::Text(Text {
            at: [self.area.x - 50.0, self.area.y + 0.5 * self.area.height],
            anchor: Anchor::Middle,
            text: label.into(),
            size: TICK_SIZE,
            weight: Weight::Regular,
            color: MUTED,
            is_upward: true,
        })
    }

    /// The grid and the tick labels, which are drawn before the data.
    pub fn frame(&self) -> Item {
        let Rectangle { x: left, y: top, width, height } = self.area;
        let bottom = top + height;
        let label = |at, anchor, text| {
            let (weight, is_upward) = (Weight::Regular, false);
            Item::Text(Text { at, anchor, text, size: TICK_SIZE, weight, color: MUTED, is_upward })
        };
        let mut items = Vec::new();
        for (&tick, text) in self.y.ticks.iter().zip(ticks::labels(&self.y)) {
            let [_, y] = self.point(self.x.low, tick);
            items.push(Item::Path(Path::line(vec![[left, y], [left + width, y]], Stroke::solid(GRID, 1.0))));
            let at = [left - 8.0, y + 0.35 * TICK_SIZE];
            items.push(label(at, Anchor::End, text));
        }
        for (&tick, text) in self.x.ticks.iter().zip(ticks::labels(&self.x)) {
            let [x, _] = self.point(tick, self.y.low);
            items.push(Item::Path(Path::line(vec![[x, top], [x, bottom]], Stroke::solid(GRID, 1.0))));
            let at = [x, bottom + 6.0 + TICK_SIZE];
            items.push(label(at, Anchor::Middle, text));
        }
        let base = vec![[left, bottom], [left + width, bottom]];
        items.push(Item::Path(Path::line(base, Stroke::solid(MUTED.with_alpha(0.6), 1.0))));
        named("frame", None, items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(scale: Scale) -> Panel {
        let area = Rectangle { x: 10.0, y: 20.0, width: 100.0, height: 50.0 };
        Panel { area, x: Axis::new(Scale::Linear, 0.0, 10.0, 5), y: Axis::new(scale, 0.01, 1.0, 5) }
    }

    #[test]
    fn numbers_have_places() {
        assert_eq!(panel(Scale::Linear).point(0.0, 1.0), [10.0, 20.0]);
        assert_eq!(panel(Scale::Log).point(10.0, 0.1), [110.0, 45.0]);
        assert!(panel(Scale::Log).point(5.0, 0.0)[1].is_nan());
        assert!(panel(Scale::Linear).point(5.0, f64::NAN)[1].is_nan());
        assert!(panel(Scale::Linear).point(5.0, 1e300)[1].abs() < 2000.0);
    }

    #[test]
    fn covering_spares_room_and_never_fails() {
        let axis = Axis::covering(Scale::Linear, [0.0, 10.0, f64::NAN], 5);
        assert_eq!((axis.low, axis.high), (-0.5, 10.5));
        let axis = Axis::covering(Scale::Log, [0.0, -3.0, 1.0, 100.0], 5);
        assert!(axis.low > 0.7 && axis.low < 0.8 && axis.high < 130.0);
        for values in [vec![], vec![f64::NAN], vec![0.0], vec![7.0; 3], vec![1e300, -1e300], vec![f64::INFINITY]] {
            for scale in [Scale::Linear, Scale::Log] {
                let axis = Axis::covering(scale, values.clone(), 5);
                assert!(axis.low < axis.high && axis.high.is_finite() && !axis.ticks.is_empty(), "{values:?} {axis:?}");
            }
        }
    }

    #[test]
    fn bands_have_gaps_where_numbers_are_missing() {
        let x = [0.0, 1.0, 2.0, 3.0, 4.0];
        let band = panel(Scale::Linear).band(&x, &[0.0; 5], &[1.0, 1.0, f64::NAN, 1.0, 1.0], GRID);
        assert_eq!(band.len(), 2);
    }
}
