//! The parts of a figure: paths, circles and text in pixels, with y downward. This module knows nothing about data, and
//! nothing about file formats except their extensions.

use super::font::Weight;
use std::ffi::OsStr;
use std::fmt;
use std::path::Path as FilePath;

/// A place in pixels: x to the right, y downward. A path is interrupted at a point that is not finite.
pub type Point = [f64; 2];

/// A drawing on white.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Width in pixels.
    pub width: f64,
    /// Height in pixels.
    pub height: f64,
    /// The items, from back to front.
    pub items: Vec<Item>,
}

impl Figure {
    /// The figure as a standalone SVG document.
    pub fn to_svg(&self) -> String {
        super::svg::document(self)
    }

    /// The figure as a PNG, with two device pixels for each pixel of the figure.
    pub fn to_png(&self) -> Vec<u8> {
        super::png::encode(self)
    }
}

/// What can be drawn into a file.
pub trait Drawing {
    /// The bytes of a file of the format that the extension of `path` names.
    ///
    /// # Errors
    /// [`WrongFormat`] if it names no format, or one that this cannot be drawn in.
    fn encode(&self, path: impl AsRef<FilePath>) -> Result<Vec<u8>, WrongFormat>;
}

impl Drawing for Figure {
    fn encode(&self, path: impl AsRef<FilePath>) -> Result<Vec<u8>, WrongFormat> {
        Ok(match Format::of_figure(path)? {
            Format::Svg => self.to_svg().into_bytes(),
            Format::Png | Format::Gif => self.to_png(),
        })
    }
}

/// A sentence about a file's name whose extension does not name a fitting format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongFormat(String);

impl WrongFormat {
    pub(super) fn new(path: &FilePath, extensions: &str) -> Self {
        Self(format!("`{}` must end in {extensions}", path.display()))
    }
}

impl fmt::Display for WrongFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongFormat {}

/// A file format of figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Scalable Vector Graphics.
    Svg,
    /// Portable Network Graphics.
    Png,
    /// Graphics Interchange Format, for an [`Animation`](super::Animation) only.
    Gif,
}

impl Format {
    /// The format of `path`'s extension, in upper or lower case.
    ///
    /// # Errors
    /// [`WrongFormat`] with the extensions that there are.
    pub fn of(path: impl AsRef<FilePath>) -> Result<Self, WrongFormat> {
        Self::named_by(path.as_ref()).ok_or_else(|| WrongFormat::new(path.as_ref(), ".svg, .png or .gif"))
    }

    /// Like [`Format::of`], for a [`Figure`]. It does not move, so it cannot be a GIF.
    ///
    /// # Errors
    /// [`WrongFormat`] with the extensions that there are.
    pub fn of_figure(path: impl AsRef<FilePath>) -> Result<Self, WrongFormat> {
        match Self::named_by(path.as_ref()) {
            Some(Format::Gif) => Err(WrongFormat::new(path.as_ref(), ".svg or .png; a .gif is for what moves")),
            Some(format) => Ok(format),
            None => Err(WrongFormat::new(path.as_ref(), ".svg or .png")),
        }
    }

    fn named_by(path: &FilePath) -> Option<Self> {
        let extension = path.extension().map(OsStr::to_ascii_lowercase)?;
        let formats = [("svg", Format::Svg), ("png", Format::Png), ("gif", Format::Gif)];
        formats.into_iter().find(|(name, _)| extension == *name).map(|(_, format)| format)
    }
}

/// One thing to draw.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A line or a filled shape.
    Path(Path),
    /// A circle.
    Circle(Circle),
    /// A line of text.
    Text(Text),
    /// Items that belong together.
    Group(Group),
}

/// A line through points, or the shape that it encloses.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Path {
    /// The corners, in order.
    pub points: Vec<Point>,
    /// Whether the last point is joined to the first.
    pub closed: bool,
    /// The color of the inside.
    pub fill: Option<Color>,
    /// The style of the line.
    pub stroke: Option<Stroke>,
}

impl Path {
    /// A line through `points`.
    pub fn line(points: Vec<Point>, stroke: Stroke) -> Self {
        Self { points, stroke: Some(stroke), ..Self::default() }
    }

    /// The filled shape with these corners.
    pub fn area(points: Vec<Point>, fill: Color) -> Self {
        Self { points, closed: true, fill: Some(fill), ..Self::default() }
    }

    /// The uninterrupted parts of at least two points.
    pub(super) fn parts(&self) -> impl Iterator<Item = &[Point]> {
        self.points.split(|[x, y]| !(x.is_finite() && y.is_finite())).filter(|part| part.len() > 1)
    }
}

/// A circle.
#[derive(Clone, Debug, PartialEq)]
pub struct Circle {
    /// The place of the center. Nothing is drawn if it is not finite.
    pub center: Point,
    /// The radius in pixels.
    pub radius: f64,
    /// The color of the inside.
    pub fill: Color,
    /// The style of the edge.
    pub stroke: Option<Stroke>,
}

/// One line of text.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    /// The place at which the baseline starts, is centered, or ends.
    pub at: Point,
    /// Which of these the place is.
    pub anchor: Anchor,
    /// The text.
    pub text: String,
    /// Font size in pixels.
    pub size: f64,
    /// Weight of the letters.
    pub weight: Weight,
    /// Color of the letters.
    pub color: Color,
    /// Whether the text runs upward, like the label of a vertical axis.
    pub is_upward: bool,
}

/// One line of upright text.
pub fn text(at: Point, anchor: Anchor, text: &str, size: f64, weight: Weight, color: Color) -> Item {
    Item::Text(Text { at, anchor, text: text.into(), size, weight, color, is_upward: false })
}

/// Which part of a text stands at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// The start of the text.
    Start,
    /// The middle of the text.
    Middle,
    /// The end of the text.
    End,
}

/// Items that belong together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// The name for style sheets and tests: the `class` in SVG.
    pub class: &'static str,
    /// The text that a browser shows when the mouse rests on the group.
    pub tooltip: Option<String>,
    /// If given, nothing is drawn outside this area.
    pub clip: Option<Rectangle>,
    /// The items, from back to front.
    pub items: Vec<Item>,
}

/// A group of items with a name, and with a text that a browser shows when the mouse rests on it.
pub fn named(class: &'static str, tooltip: Option<String>, items: Vec<Item>) -> Item {
    Item::Group(Group { class, tooltip, clip: None, items })
}

/// An upright rectangle in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rectangle {
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

/// The style of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stroke {
    /// Its color.
    pub color: Color,
    /// Its width in pixels.
    pub width: f64,
    /// The lengths of dashes and of the gaps between them; solid if absent.
    pub dash: Option<[f64; 2]>,
}

impl Stroke {
    /// A solid line.
    pub const fn solid(color: Color, width: f64) -> Self {
        Self { color, width, dash: None }
    }
}

/// An sRGB color.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Color {
    /// Red, green and blue.
    pub rgb: [u8; 3],
    /// 0 is transparent, 1 opaque.
    pub alpha: f64,
}

impl Color {
    /// White, opaque.
    pub const WHITE: Color = Color::hex(0xFF_FF_FF);

    /// An opaque color written as `0xRRGGBB`.
    pub const fn hex(rgb: u32) -> Self {
        Self { rgb: [(rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8], alpha: 1.0 }
    }

    /// The same color with another opacity.
    pub const fn with_alpha(self, alpha: f64) -> Self {
        Self { alpha, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extension_names_the_format() {
        assert_eq!(Format::of("a/b.SVG").unwrap(), Format::Svg);
        assert_eq!(Format::of_figure("b.png").unwrap(), Format::Png);
        assert_eq!(Format::of("b.gif").unwrap(), Format::Gif);
        for name in ["b.pdf", "b", "png", "b.gif"] {
            let message = Format::of_figure(name).unwrap_err().to_string();
            assert!(message.contains(name) && message.contains(".svg or .png"), "{message}");
        }
        assert!(Format::of("b.pdf").unwrap_err().to_string().contains(".svg, .png or .gif"));
    }

    #[test]
    fn the_extension_chooses_the_bytes() {
        let square = Path::area(vec![[2.0, 2.0], [8.0, 2.0], [8.0, 8.0]], Color::hex(0));
        let figure = Figure { width: 10.0, height: 10.0, items: vec![Item::Path(square)] };
        assert!(figure.encode("a.svg").unwrap().starts_with(b"<svg "));
        assert!(figure.encode("a.PNG").unwrap().starts_with(b"\x89PNG"));
        assert!(figure.encode("a.gif").is_err());
    }

    #[test]
    fn pen_lifts_at_points_that_are_not_finite() {
        let nan = f64::NAN;
        let path = Path { points: vec![[0.0, 0.0], [1.0, 1.0], [nan, 2.0], [3.0, 3.0]], ..Path::default() };
        assert_eq!(path.parts().count(), 1);
    }
}
