//! Rows that explain what lines, bands and dots mean. They stand above a panel, so that they never cover data.

use super::font::{Weight, text_width};
use super::palette::{INK, MUTED};
use super::scene::{Anchor, Circle, Color, Item, Path, Point, Stroke, Text};

/// A sample of how something is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Swatch {
    /// A line, on a band of the color if one is given.
    Line(Stroke, Option<Color>),
    /// A band without a line.
    Band(Color),
    /// A dot.
    Dot(Color),
}

/// One entry of a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The sample that is drawn.
    pub swatch: Swatch,
    /// The text beside the sample.
    pub label: String,
    /// Whether the entry names a series. It is then in full ink. Otherwise it explains a style.
    pub strong: bool,
}

/// The width of a sample, and its distance from the label.
const SWATCH: (f64, f64) = (24.0, 7.0);

/// Draws `entries` in rows that start at `at` (left end, baseline of the first row). No row is wider than `width`; `size` is
/// the font size. Returns the items, and the baseline of the last row.
pub fn key_rows(entries: &[Entry], at: Point, width: f64, size: f64) -> (Vec<Item>, f64) {
    let [mut x, mut y] = at;
    let mut items = Vec::new();
    for Entry { swatch, label, strong } in entries {
        let label = shortened(label, width - SWATCH.0 - SWATCH.1, size);
        // An eighth more than the embedded font needs, because the viewer's own font may be wider.
        let needed = SWATCH.0 + SWATCH.1 + 1.12 * text_width(&label, size, Weight::Regular);
        if x > at[0] && x + needed > at[0] + width {
            (x, y) = (at[0], y + 1.6 * size);
        }
        sample(*swatch, [x, y - 0.35 * size], size, &mut items);
        let color = if *strong { INK } else { MUTED };
        let place = [x + SWATCH.0 + SWATCH.1, y];
        items.push(Item::Text(Text {
            at: place,
            anchor: Anchor::Start,
            text: label,
            size,
            weight: Weight::Regular,
            color,
            is_upward: false,
        }));
        x += needed + 1.4 * size;
    }
    (items, y)
}

/// Draws a sample whose left end is at `at`, vertically centered.
fn sample(swatch: Swatch, at: Point, size: f64, items: &mut Vec<Item>) {
    let [x, y] = at;
    let (top, bottom, right) = (y - 0.4 * size, y + 0.4 * size, x + SWATCH.0);
    let band = |fill| Item::Path(Path::area(vec![[x, top], [right, top], [right, bottom], [x, bottom]], fill));
    match swatch {
        Swatch::Band(fill) => items.push(band(fill)),
        Swatch::Line(stroke, fill) => {
            items.extend(fill.map(band));
            items.push(Item::Path(Path::line(vec![[x, y], [right, y]], stroke)));
        }
        Swatch::Dot(color) => {
            items.push(Item::Circle(dot([x + 0.5 * SWATCH.0, y], color)));
        }
    }
}

/// The dot that marks a single measurement: white with a colored edge, so that lines behind it stay visible.
pub fn dot(center: Point, color: Color) -> Circle {
    Circle { center, radius: 3.2, fill: Color::WHITE, stroke: Some(Stroke::solid(color, 1.6)) }
}

/// The part of `label` that fits into `width`, followed by an ellipsis if something is missing.
fn shortened(label: &str, width: f64, size: f64) -> String {
    if text_width(label, size, Weight::Regular) <= width {
        return label.into();
    }
    let mut kept: String = label.into();
    while kept.pop().is_some() && text_width(&kept, size, Weight::Regular) > width - size {}
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(label: &str) -> Entry {
        Entry { swatch: Swatch::Line(Stroke::solid(INK, 2.0), Some(INK)), label: label.into(), strong: true }
    }

    #[test]
    fn rows_wrap() {
        let entries: Vec<Entry> = (0..10).map(|i| entry(&format!("run number {i}"))).collect();
        let (items, last) = key_rows(&entries, [10.0, 20.0], 300.0, 10.0);
        assert_eq!(items.len(), 30);
        assert_eq!(last, 20.0 + 4.0 * 16.0); // two entries fit in one row
        assert_eq!(key_rows(&[], [10.0, 20.0], 300.0, 10.0).1, 20.0);
    }

    #[test]
    fn long_labels_are_shortened() {
        let (items, last) = key_rows(&[entry(&"x".repeat(500))], [0.0, 0.0], 200.0, 10.0);
        let Item::Text(text) = &items[2] else { panic!("{items:?}") };
        assert!(text.text.ends_with('…') && text_width(&text.text, 10.0, Weight::Regular) < 170.0);
        assert_eq!(last, 0.0);
        assert_eq!(shortened("αβγ", 0.0, 10.0), "…");
    }
}
