//! The embedded font: widths for the layout, and outlines for PNG.

use std::sync::LazyLock;
use tiny_skia::PathBuilder;
use ttf_parser::{Face, GlyphId, OutlineBuilder};

use super::scene::Point;

/// Weight of letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weight {
    /// Roboto Regular.
    #[default]
    Regular,
    /// Roboto Medium.
    Medium,
}

static REGULAR: LazyLock<Face<'static>> =
    LazyLock::new(|| face(include_bytes!("../assets/fonts/Roboto-Regular-subset.ttf")));
static MEDIUM: LazyLock<Face<'static>> =
    LazyLock::new(|| face(include_bytes!("../assets/fonts/Roboto-Medium-subset.ttf")));

fn face(bytes: &'static [u8]) -> Face<'static> {
    Face::parse(bytes, 0).expect("the embedded font is sound, as a test confirms")
}

fn of(weight: Weight) -> &'static Face<'static> {
    match weight {
        Weight::Regular => &REGULAR,
        Weight::Medium => &MEDIUM,
    }
}

/// The width of `text` in pixels at font size `size`, in the embedded font. A viewer of the SVG may use another sans-serif
/// font, whose widths differ by up to a tenth.
pub fn text_width(text: &str, size: f64, weight: Weight) -> f64 {
    let mut end = 0.0;
    glyphs(text, size, weight, |_, x| end = x);
    end
}

/// The outlines of `text`, whose baseline starts at `origin`.
pub(super) fn outline(text: &str, size: f64, weight: Weight, origin: Point) -> PathBuilder {
    let face = of(weight);
    let unit = size / f64::from(face.units_per_em());
    let mut pen = Pen { builder: PathBuilder::new(), origin, unit };
    glyphs(text, size, weight, |glyph, right| {
        face.outline_glyph(glyph, &mut pen);
        pen.origin[0] = origin[0] + right;
    });
    pen.builder
}

/// Calls `visit` with each glyph and its right end. A character that the font lacks becomes an empty box.
fn glyphs(text: &str, size: f64, weight: Weight, mut visit: impl FnMut(GlyphId, f64)) {
    let face = of(weight);
    let scale = size / f64::from(face.units_per_em());
    let mut x = 0.0;
    for character in text.chars() {
        let glyph = face.glyph_index(character).unwrap_or_default();
        x += f64::from(face.glyph_hor_advance(glyph).unwrap_or_default()) * scale;
        visit(glyph, x);
    }
}

/// Converts the outline of one glyph from font units, with y upward, to the pixels of the figure.
struct Pen {
    builder: PathBuilder,
    origin: Point,
    unit: f64,
}

impl Pen {
    fn place(&self, x: f32, y: f32) -> (f32, f32) {
        let [left, baseline] = self.origin;
        ((left + f64::from(x) * self.unit) as f32, (baseline - f64::from(y) * self.unit) as f32)
    }
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.place(x, y);
        self.builder.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.place(x, y);
        self.builder.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.place(x1, y1), self.place(x, y));
        self.builder.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.place(x1, y1), self.place(x2, y2), self.place(x, y));
        self.builder.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.builder.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_weights_have_the_characters_of_figures() {
        for weight in [Weight::Regular, Weight::Medium] {
            for character in "Az09 −×·±≤≥%⁻⁰¹²³⁴⁵⁶⁷⁸⁹θαλπσγΔ–…".chars() {
                assert!(of(weight).glyph_index(character).is_some(), "{character}");
            }
        }
    }

    #[test]
    fn digits_are_equally_wide_and_width_adds_up() {
        let width = |text| text_width(text, 12.0, Weight::Regular);
        assert_eq!(width("0"), width("8"));
        assert!((width("ab") - width("a") - width("b")).abs() < 1e-9);
        assert!(width("100k") > 20.0 && width("100k") < 30.0);
    }
}
