//! Plain charts side by side, with lines and dots. Each has its own key.

use super::axes::{Axis, Panel, Scale};
use super::font::Weight;
use super::key::{Entry, Swatch, key_rows};
use super::palette::{INK, MUTED};
use super::scene::{Anchor, Circle, Figure, Item, Point, Rectangle, Stroke, named, text};

/// One panel.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// What the panel shows, with the unit.
    pub title: String,
    /// The label of the horizontal axis.
    pub x_label: String,
    /// The label of the vertical axis.
    pub y_label: String,
    /// The spacing of the horizontal and of the vertical axis.
    pub scales: [Scale; 2],
    /// The series, from back to front.
    pub series: Vec<Plotted>,
}

/// The points of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Plotted {
    /// The name in the key. A series without a name is not in the key.
    pub label: String,
    /// The points (x, y). A point that is not finite interrupts the line.
    pub points: Vec<(f64, f64)>,
    /// The style of the line. Its color is also that of the dots.
    pub stroke: Stroke,
    /// What is drawn at the points.
    pub mark: Mark,
}

/// How points are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A line through the points.
    Line,
    /// A dot at each point.
    Dots,
    /// A line and dots.
    LineAndDots,
}

/// Width of a figure.
const WIDTH: f64 = 1000.0;
/// The room to the left of each panel, for tick labels.
const LEFT: f64 = 66.0;
/// The room to the right of the last panel.
const RIGHT: f64 = 24.0;
/// Height of the panels.
const HEIGHT: f64 = 300.0;

/// The figure of `charts` side by side under one title.
pub fn charts(title: &str, charts: &[Chart]) -> Figure {
    let count = charts.len().max(1) as f64;
    let width = (WIDTH - RIGHT - LEFT * count) / count;
    let left = |column: usize| LEFT + column as f64 * (width + LEFT);
    let heading = 62.0;
    let keys: Vec<(Vec<Item>, f64)> = charts
        .iter()
        .enumerate()
        .map(|(i, c)| key_rows(&c.key(), [left(i), heading + 20.0], width + 20.0, 11.5))
        .collect();
    let top = keys.iter().map(|(_, bottom)| *bottom).fold(heading, f64::max) + 14.0;
    let mut items = vec![text([LEFT, 32.0], Anchor::Start, title, 19.0, Weight::Medium, INK)];
    for (i, (chart, (key, _))) in charts.iter().zip(keys).enumerate() {
        items.push(text([left(i), heading], Anchor::Start, &chart.title, 14.0, Weight::Medium, INK));
        items.extend(key);
        items.extend(chart.draw([left(i), top], width));
    }
    Figure { width: WIDTH, height: top + HEIGHT + 58.0, items }
}

impl Chart {
    fn key(&self) -> Vec<Entry> {
        let swatch = |s: &Plotted| match s.mark {
            Mark::Dots => Swatch::Dot(s.stroke.color),
            Mark::Line | Mark::LineAndDots => Swatch::Line(s.stroke, None),
        };
        let named = self.series.iter().filter(|s| !s.label.is_empty());
        named.map(|s| Entry { swatch: swatch(s), label: s.label.clone(), strong: true }).collect()
    }

    fn draw(&self, [left, top]: Point, width: f64) -> Vec<Item> {
        let points = || self.series.iter().flat_map(|s| &s.points).filter(|(x, y)| x.is_finite() && y.is_finite());
        let panel = Panel {
            area: Rectangle { x: left, y: top, width, height: HEIGHT },
            x: Axis::covering(self.scales[0], points().map(|p| p.0), 5),
            y: Axis::covering(self.scales[1], points().map(|p| p.1), 5),
        };
        let place = [left + 0.5 * width, top + HEIGHT + 40.0];
        let label = text(place, Anchor::Middle, &self.x_label, 12.0, Weight::Regular, MUTED);
        let data = panel.data(self.series.iter().map(|s| s.draw(&panel)).collect());
        vec![panel.frame(), data, label, panel.y_label(&self.y_label)]
    }
}

impl Plotted {
    fn draw(&self, panel: &Panel) -> Item {
        let mut items = Vec::new();
        if self.mark != Mark::Dots {
            items.push(panel.line(self.points.iter().copied(), self.stroke));
        }
        if self.mark != Mark::Line {
            let dot = |&(x, y): &(f64, f64)| {
                let (center, radius) = (panel.point(x, y), 1.4 + self.stroke.width);
                Item::Circle(Circle { center, radius, fill: self.stroke.color, stroke: None })
            };
            items.extend(self.points.iter().map(dot));
        }
        named("series", Some(self.label.clone()), items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hue;

    #[test]
    fn every_series_is_in_the_key_and_in_the_panel() {
        let series = |label: &str, mark| Plotted {
            label: label.into(),
            points: vec![(1.0, 1.0), (10.0, f64::NAN), (100.0, 3.0)],
            stroke: Stroke::solid(hue(0), 1.5),
            mark,
        };
        let chart = Chart {
            title: "Return".into(),
            x_label: "iteration".into(),
            y_label: "of an episode".into(),
            scales: [Scale::Log, Scale::Linear],
            series: vec![series("first", Mark::Line), series("second", Mark::LineAndDots)],
        };
        let svg = charts("Two charts", &[chart.clone(), chart]).to_svg();
        for (word, count) in [
            ("Two charts", 1),
            (">Return</text>", 2),
            (">first</text>", 2),
            (">iteration</text>", 2),
            (">of an episode</text>", 2),
            ("<circle", 4),
        ] {
            assert_eq!(svg.matches(word).count(), count, "{word}\n{svg}");
        }
    }
}
