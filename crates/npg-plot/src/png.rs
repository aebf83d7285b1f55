//! Draws a figure in pixels, and encodes it as a PNG image.

use tiny_skia::{FillRule, LineJoin, Mask, Paint, PathBuilder, Pixmap, Rect, StrokeDash, Transform};

use super::font;
use super::scene::{Anchor, Circle, Color, Figure, Group, Item, Path, Rectangle, Stroke, Text};

/// The number of device pixels for one pixel of the figure.
const SCALE: f64 = 2.0;
/// The longest edge of an image, in device pixels.
const LARGEST: f64 = 16_384.0;

pub(super) fn encode(figure: &Figure) -> Vec<u8> {
    let mut canvas = Canvas::new(figure.width, figure.height, SCALE);
    canvas.draw(&figure.items);
    canvas.pixels.encode_png().expect("an image of valid size is encoded into memory")
}

/// An image on which figures are drawn.
#[derive(Clone)]
pub(super) struct Canvas {
    pub(super) pixels: Pixmap,
    /// The number of device pixels for one pixel of the figure.
    scale: f32,
}

impl Canvas {
    /// A white image of `width` by `height` pixels of the figure.
    pub(super) fn new(width: f64, height: f64, scale: f64) -> Self {
        let edge = |length: f64| ((length * scale).ceil().min(LARGEST) as u32).max(1); // NaN becomes 0, then 1
        let mut pixels = Pixmap::new(edge(width), edge(height)).expect("both edges are between 1 and the largest");
        pixels.fill(tiny_skia::Color::WHITE);
        Self { pixels, scale: scale as f32 }
    }

    /// Draws `items` over the current content.
    pub(super) fn draw(&mut self, items: &[Item]) {
        self::items(items, None, self);
    }

    fn transform(&self) -> Transform {
        Transform::from_scale(self.scale, self.scale)
    }
}

fn items(items: &[Item], mask: Option<&Mask>, canvas: &mut Canvas) {
    for item in items {
        match item {
            Item::Path(path) => self::path(path, mask, canvas),
            Item::Circle(circle) => self::circle(circle, mask, canvas),
            Item::Text(text) => self::text(text, mask, canvas),
            Item::Group(group) => self::group(group, mask, canvas),
        }
    }
}

fn path(path: &Path, mask: Option<&Mask>, canvas: &mut Canvas) {
    let mut builder = PathBuilder::new();
    for part in path.parts() {
        for (index, [x, y]) in part.iter().map(|point| point.map(|v| v as f32)).enumerate() {
            if index == 0 { builder.move_to(x, y) } else { builder.line_to(x, y) }
        }
        if path.closed {
            builder.close();
        }
    }
    draw(builder, path.fill, path.stroke, mask, canvas);
}

fn circle(circle: &Circle, mask: Option<&Mask>, canvas: &mut Canvas) {
    let [x, y] = circle.center.map(|v| v as f32);
    if x.is_finite() && y.is_finite() {
        let mut builder = PathBuilder::new();
        builder.push_circle(x, y, circle.radius as f32);
        draw(builder, Some(circle.fill), circle.stroke, mask, canvas);
    }
}

/// Fills and strokes the path in `builder`. Draws nothing if the path is empty or has coordinates that cannot be drawn.
fn draw(builder: PathBuilder, fill: Option<Color>, stroke: Option<Stroke>, mask: Option<&Mask>, canvas: &mut Canvas) {
    let Some(path) = builder.finish() else { return };
    let transform = canvas.transform();
    if let Some(color) = fill {
        canvas.pixels.fill_path(&path, &paint(color), FillRule::Winding, transform, mask);
    }
    if let Some(Stroke { color, width, dash }) = stroke {
        let stroke = tiny_skia::Stroke {
            width: width as f32,
            line_join: LineJoin::Round,
            dash: dash.and_then(|dash| StrokeDash::new(dash.map(|v| v as f32).to_vec(), 0.0)),
            ..tiny_skia::Stroke::default()
        };
        canvas.pixels.stroke_path(&path, &paint(color), &stroke, transform, mask);
    }
}

fn group(group: &Group, mask: Option<&Mask>, canvas: &mut Canvas) {
    let clip = group.clip.map(|area| clipped(area, mask, canvas));
    items(&group.items, clip.as_ref().or(mask), canvas);
}

/// `mask`, which then also hides everything outside `area`.
fn clipped(area: Rectangle, mask: Option<&Mask>, canvas: &Canvas) -> Mask {
    let fresh = || Mask::new(canvas.pixels.width(), canvas.pixels.height()).expect("the canvas has a valid size");
    let [x, y, width, height] = [area.x, area.y, area.width, area.height].map(|v| v as f32);
    let Some(inside) = Rect::from_xywh(x, y, width, height).map(PathBuilder::from_rect) else { return fresh() };
    match mask {
        None => {
            let mut mask = fresh();
            mask.fill_path(&inside, FillRule::Winding, true, canvas.transform());
            mask
        }
        Some(mask) => {
            let mut mask = mask.clone();
            mask.intersect_path(&inside, FillRule::Winding, true, canvas.transform());
            mask
        }
    }
}

fn text(text: &Text, mask: Option<&Mask>, canvas: &mut Canvas) {
    let width = font::text_width(&text.text, text.size, text.weight);
    let [x, y] = text.at;
    let left = match text.anchor {
        Anchor::Start => x,
        Anchor::Middle => x - 0.5 * width,
        Anchor::End => x - width,
    };
    let Some(outline) = font::outline(&text.text, text.size, text.weight, [left, y]).finish() else { return };
    let turn =
        if text.is_upward { Transform::from_rotate_at(-90.0, x as f32, y as f32) } else { Transform::identity() };
    let transform = canvas.transform().pre_concat(turn);
    canvas.pixels.fill_path(&outline, &paint(text.color), FillRule::Winding, transform, mask);
}

fn paint(color: Color) -> Paint<'static> {
    let [red, green, blue] = color.rgb;
    let mut paint = Paint::default();
    paint.set_color_rgba8(red, green, blue, (color.alpha.clamp(0.0, 1.0) * 255.0).round() as u8);
    paint
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Weight;

    fn pixels(figure: &Figure) -> Pixmap {
        Pixmap::decode_png(&encode(figure)).unwrap()
    }

    fn rgb(image: &Pixmap, x: u32, y: u32) -> [u8; 3] {
        let pixel = image.pixel(x, y).unwrap().demultiply();
        [pixel.red(), pixel.green(), pixel.blue()]
    }

    #[test]
    fn areas_are_filled_and_clipped() {
        let square = vec![[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]];
        let clip = |width| Some(Rectangle { x: 0.0, y: 0.0, width, height: 10.0 });
        let area = Item::Path(Path::area(square, Color::hex(0xD55E00)));
        let inner = Item::Group(Group { clip: clip(5.0), items: vec![area], ..Group::default() });
        let outer = Item::Group(Group { clip: clip(8.0), items: vec![inner], ..Group::default() });
        let image = pixels(&Figure { width: 20.0, height: 12.5, items: vec![outer] });
        assert_eq!((image.width(), image.height()), (40, 25));
        assert_eq!(rgb(&image, 4, 4), [0xD5, 0x5E, 0x00]);
        assert_eq!(rgb(&image, 12, 4), [255, 255, 255]);
    }

    #[test]
    fn text_is_dark_where_it_stands() {
        let label = |anchor, is_upward| {
            Item::Text(Text {
                at: [20.0, 15.0],
                anchor,
                text: "H".into(),
                size: 12.0,
                weight: Weight::Regular,
                color: Color::hex(0),
                is_upward,
            })
        };
        let ink = |anchor, columns: std::ops::Range<u32>| {
            let image = pixels(&Figure { width: 40.0, height: 20.0, items: vec![label(anchor, false)] });
            columns.flat_map(|x| (0..40).map(move |y| (x, y))).any(|(x, y)| rgb(&image, x, y)[0] < 128)
        };
        assert!(ink(Anchor::Start, 40..80) && !ink(Anchor::Start, 0..40));
        assert!(ink(Anchor::End, 0..40) && !ink(Anchor::End, 40..80));
        assert!(ink(Anchor::Middle, 0..40) && ink(Anchor::Middle, 40..80));
        // Upward text is to the left of its place, whatever the anchor is, and starts there.
        let image = pixels(&Figure { width: 40.0, height: 20.0, items: vec![label(Anchor::Start, true)] });
        let dark = |columns: std::ops::Range<u32>, rows: std::ops::Range<u32>| {
            columns.flat_map(|x| rows.clone().map(move |y| (x, y))).any(|(x, y)| rgb(&image, x, y)[0] < 128)
        };
        assert!(dark(20..40, 10..30) && !dark(42..80, 0..40) && !dark(0..80, 32..40));
    }

    /// No figure, however unusual, stops the program.
    #[test]
    fn odd_figures_are_drawn() {
        let stroke = Stroke { dash: Some([0.0, 0.0]), ..Stroke::solid(Color::hex(0), f64::NAN) };
        let line = Path::line(vec![[f64::NAN, 0.0], [1e300, -1e300], [3.0, f64::INFINITY]], stroke);
        let dot = Circle { center: [f64::NAN, 1.0], radius: -1.0, fill: Color::hex(0), stroke: None };
        for (width, height) in [(0.0, -5.0), (f64::NAN, 3.0), (8.0, 8.0)] {
            let items = vec![Item::Path(line.clone()), Item::Circle(dot.clone()), Item::Group(Group::default())];
            let figure = Figure { width, height, items };
            assert!(encode(&figure).starts_with(b"\x89PNG") && figure.to_svg().ends_with("</svg>\n"));
        }
    }
}
