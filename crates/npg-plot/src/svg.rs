//! A figure as an SVG document.

use std::fmt::Write as _;

use super::font::Weight;
use super::scene::{Anchor, Circle, Color, Figure, Group, Item, Path, Stroke, Text};
use super::simplify::simplified;

/// The font with which the layout was measured, then similar fonts, then whatever font the viewer has.
const FONTS: &str = "Roboto, 'Helvetica Neue', Arial, sans-serif";
/// Points closer than this to the simplified line, in pixels, are left out. The difference is invisible, and files are a
/// third of the size.
const TOLERANCE: f64 = 0.05;

pub(super) fn document(figure: &Figure) -> String {
    let (width, height) = (number(figure.width), number(figure.height));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"{FONTS}\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#FFFFFF\"/>\n"
    );
    let mut clips = 0;
    items(&figure.items, &mut clips, &mut svg);
    svg.push_str("</svg>\n");
    svg
}

fn items(items: &[Item], clips: &mut usize, svg: &mut String) {
    for item in items {
        match item {
            Item::Path(path) => self::path(path, svg),
            Item::Circle(circle) => self::circle(circle, svg),
            Item::Text(text) => self::text(text, svg),
            Item::Group(group) => self::group(group, clips, svg),
        }
    }
}

fn path(path: &Path, svg: &mut String) {
    let mut data = String::new();
    for part in path.parts() {
        for (index, [x, y]) in simplified(part, TOLERANCE).iter().enumerate() {
            let command = if index == 0 { 'M' } else { 'L' };
            add(&mut data, format_args!("{command}{} {}", number(*x), number(*y)));
        }
        if path.closed {
            data.push('Z');
        }
    }
    if !data.is_empty() {
        let (fill, stroke) = (path.fill, path.stroke);
        add(svg, format_args!("<path d=\"{data}\"{}{}/>\n", self::fill(fill), self::stroke(stroke)));
    }
}

fn circle(circle: &Circle, svg: &mut String) {
    let [x, y] = circle.center;
    if x.is_finite() && y.is_finite() {
        let (x, y, radius) = (number(x), number(y), number(circle.radius));
        let style = [fill(Some(circle.fill)), stroke(circle.stroke)].concat();
        add(svg, format_args!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"{style}/>\n"));
    }
}

fn text(text: &Text, svg: &mut String) {
    let anchor = match text.anchor {
        Anchor::Start => "",
        Anchor::Middle => " text-anchor=\"middle\"",
        Anchor::End => " text-anchor=\"end\"",
    };
    let weight = match text.weight {
        Weight::Regular => "",
        Weight::Medium => " font-weight=\"500\"",
    };
    let (x, y, size) = (number(text.at[0]), number(text.at[1]), number(text.size));
    let turn = if text.is_upward { format!(" transform=\"rotate(-90 {x} {y})\"") } else { String::new() };
    let (fill, words) = (fill(Some(text.color)), escape(&text.text));
    add(
        svg,
        format_args!("<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\"{anchor}{weight}{fill}{turn}>{words}</text>\n"),
    );
}

fn group(group: &Group, clips: &mut usize, svg: &mut String) {
    let class = if group.class.is_empty() { String::new() } else { format!(" class=\"{}\"", group.class) };
    let mut clip = String::new();
    if let Some(area) = group.clip {
        let (x, y, width, height) = (number(area.x), number(area.y), number(area.width), number(area.height));
        let rectangle = format!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/>");
        add(svg, format_args!("<clipPath id=\"clip{clips}\">{rectangle}</clipPath>\n"));
        clip = format!(" clip-path=\"url(#clip{clips})\"");
        *clips += 1;
    }
    add(svg, format_args!("<g{class}{clip}>\n"));
    if let Some(tooltip) = &group.tooltip {
        add(svg, format_args!("<title>{}</title>\n", escape(tooltip)));
    }
    items(&group.items, clips, svg);
    svg.push_str("</g>\n");
}

fn fill(color: Option<Color>) -> String {
    match color {
        None => " fill=\"none\"".into(),
        Some(color) => format!(" fill=\"{}\"{}", hex(color), opacity("fill-opacity", color)),
    }
}

fn stroke(stroke: Option<Stroke>) -> String {
    let Some(Stroke { color, width, dash }) = stroke else { return String::new() };
    let dashes =
        dash.map_or_else(String::new, |[on, off]| format!(" stroke-dasharray=\"{} {}\"", number(on), number(off)));
    let (paint, opacity, width) = (hex(color), opacity("stroke-opacity", color), number(width));
    format!(" stroke=\"{paint}\"{opacity} stroke-width=\"{width}\" stroke-linejoin=\"round\"{dashes}")
}

fn hex(color: Color) -> String {
    let [red, green, blue] = color.rgb;
    format!("#{red:02X}{green:02X}{blue:02X}")
}

fn opacity(name: &str, color: Color) -> String {
    if color.alpha < 1.0 { format!(" {name}=\"{}\"", number(color.alpha)) } else { String::new() }
}

/// A number with two decimals, which are hundredths of a pixel. Trailing zeros are dropped.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

/// Text for XML: markup is escaped, and characters that XML 1.0 forbids are replaced.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\t' => escaped.push(' '),
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => escaped.push(char::REPLACEMENT_CHARACTER),
            c => escaped.push(c),
        }
    }
    escaped
}

fn add(target: &mut String, arguments: std::fmt::Arguments<'_>) {
    target.write_fmt(arguments).expect("writing into a string cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::Rectangle;

    #[test]
    fn numbers_are_short() {
        for (value, text) in [(1.0, "1"), (0.126, "0.13"), (-0.001, "0"), (120.0, "120"), (1.5, "1.5")] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn document_is_exact() {
        let line = Path::line(vec![[0.0, 1.0], [2.5, 3.0]], Stroke::solid(Color::hex(0x0072B2).with_alpha(0.5), 2.0));
        let label = Text {
            at: [1.0, 2.0],
            anchor: Anchor::End,
            text: "a < b & \"c\"\u{1}".into(),
            size: 12.0,
            weight: Weight::Medium,
            color: Color::hex(0),
            is_upward: false,
        };
        let group = Group {
            class: "series",
            tooltip: Some("npg-1".into()),
            clip: Some(Rectangle { x: 0.0, y: 0.0, width: 4.0, height: 5.0 }),
            items: vec![Item::Path(line), Item::Text(label)],
        };
        let figure = Figure { width: 40.0, height: 30.0, items: vec![Item::Group(group)] };
        let expected = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"40\" height=\"30\" viewBox=\"0 0 40 30\" \
            font-family=\"Roboto, 'Helvetica Neue', Arial, sans-serif\">\n\
            <rect width=\"40\" height=\"30\" fill=\"#FFFFFF\"/>\n\
            <clipPath id=\"clip0\"><rect x=\"0\" y=\"0\" width=\"4\" height=\"5\"/></clipPath>\n\
            <g class=\"series\" clip-path=\"url(#clip0)\">\n<title>npg-1</title>\n\
            <path d=\"M0 1L2.5 3\" fill=\"none\" stroke=\"#0072B2\" stroke-opacity=\"0.5\" stroke-width=\"2\" \
            stroke-linejoin=\"round\"/>\n\
            <text x=\"1\" y=\"2\" font-size=\"12\" text-anchor=\"end\" font-weight=\"500\" fill=\"#000000\">\
            a &lt; b &amp; \"c\"\u{FFFD}</text>\n</g>\n</svg>\n";
        assert_eq!(document(&figure), expected);
    }
}
