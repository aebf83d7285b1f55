//! The figure of `npg field`: the vanilla and natural gradients of the regulator side by side, after figure 1 of Peters and
//! Schaal 2008. It is drawn as a still figure, with the paths of learners, or as an animation of learners.

mod bands;

use bands::Bands;
use npg_plot::{
    Anchor, Animation, ArrowStyle, Axis, Circle, Color, Figure, Frame, Group, INK, Item, MUTED, Panel, Rectangle,
    Scale, Stroke, Weight, arrow, dot, hue, named, text,
};

use npg_core::settings::Direction;
use npg_exact::field::{Field, Walks, Window, along};
use npg_exact::flow::Flow;

const WIDTH: f64 = 1000.0;
const LEFT: f64 = 60.0;
const GAP: f64 = 56.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 128.0;
const HEIGHT: f64 = 350.0;

/// Draws `field` within `window`: the arrows of vanilla gradients on the left and of natural gradients on the right, over
/// bands of equal return. With `walks`, the paths of learners are drawn over fainter arrows.
///
/// The arrows have the same length on paper and start at their point. Their direction is that of the gradient in (k, sigma),
/// seen through the axes, so that paths are tangent to them. All bands of return cover the same area.
pub fn gradient_field(field: &Field, window: &Window, walks: Option<&Walks>) -> Figure {
    let (mut items, panels) = background(field, window, walks.is_some());
    let none = Walks::default();
    let walks = walks.unwrap_or(&none);
    for ((panel, flows), color) in panels.iter().zip([&walks.vanilla, &walks.natural]).zip(COLORS) {
        let ways = flows.iter().map(|flow| way(panel, flow, f64::INFINITY, color)).collect();
        items.push(panel.data(ways));
        items.extend(mark(panel, field));
    }
    Figure { width: WIDTH, height: TOP + HEIGHT + 54.0, items }
}

/// The same figure with moving learners. Each frame shows one moment of all `walks`, at the same speed.
pub fn walking(field: &Field, window: &Window, walks: &Walks) -> Animation {
    let (mut background, panels) = background(field, window, true);
    panels.iter().for_each(|panel| background.extend(mark(panel, field)));
    let end = walks.vanilla.iter().chain(&walks.natural).map(|flow| flow.last().0).fold(0.0, f64::max);
    let frame = |i: usize| {
        let ways = |(panel, flows): (&Panel, &Vec<Flow<2>>), color: Color| -> Item {
            let until = end * i as f64 / MOVING as f64;
            panel.data(flows.iter().map(|flow| way(panel, flow, until, color)).collect())
        };
        let sides = panels.iter().zip([&walks.vanilla, &walks.natural]).zip(COLORS);
        let hundredths = if i == 0 || i == MOVING { 120 } else { 4 };
        Frame { items: sides.map(|(side, color)| ways(side, color)).collect(), hundredths }
    };
    let frames = (0..=MOVING).map(frame).collect();
    Animation { width: WIDTH, height: TOP + HEIGHT + 54.0, background, frames }
}

/// The colors of vanilla and natural gradients.
const COLORS: [Color; 2] = [hue(0), hue(1)];
/// The number of frames in which learners move, 25 a second.
const MOVING: usize = 110;

/// Everything except the paths, and the two panels.
fn background(field: &Field, window: &Window, faint: bool) -> (Vec<Item>, [Panel; 2]) {
    let mut items = heading(field, faint);
    let width = (WIDTH - LEFT - GAP - RIGHT) / 2.0;
    let panel = |left: f64| Panel {
        area: Rectangle { x: left, y: TOP, width, height: HEIGHT },
        x: Axis::new(Scale::Linear, window.k[0], window.k[1], 5),
        y: Axis::new(Scale::Linear, window.sigma[0], window.sigma[1], 5),
    };
    let panels = [panel(LEFT), panel(LEFT + width + GAP)];
    let bands = Bands::of(field, window);
    let sides = panels.iter().zip([Direction::Vanilla, Direction::Natural]).zip(COLORS);
    for ((panel, direction), color) in sides {
        items.push(panel.frame());
        items.push(bands.draw(panel)); // over the grid, whose lines would cross it
        items.extend(labels(panel, field, direction, color));
        items.push(arrows(panel, field, direction, if faint { color.with_alpha(0.38) } else { color }));
    }
    (items, panels)
}

fn heading(field: &Field, walking: bool) -> Vec<Item> {
    let world = &field.lqr;
    let title = "Where the gradient points, and where the natural gradient points";
    let noise = if world.noise > 0.0 { format!(" + w, w ~ N(0, {})", short(world.noise)) } else { String::new() };
    let (next, cost) = (sum([(world.a, "s"), (world.b, "u")]), sum([(world.q, "s²"), (world.r, "u²")]));
    let what =
        format!("Regulator s' = {next}{noise}, reward −½ ({cost}), γ = {}, policy u ~ N(k s, σ²)", short(world.gamma));
    let infinite = if field.local.iter().any(Option::is_none) { ", darkest: minus infinity" } else { "" };
    let lines = if walking { "; lines: learners at unit speed, until σ is nearly 0" } else { "" };
    let how = format!("Lighter: larger return J{infinite}; arrows: directions, all equally long{lines}");
    vec![
        text([LEFT, 36.0], Anchor::Start, title, 19.0, Weight::Medium, INK),
        text([LEFT, 58.0], Anchor::Start, &what, 13.0, Weight::Regular, MUTED),
        text([LEFT, 76.0], Anchor::Start, &how, 13.0, Weight::Regular, MUTED),
    ]
}

/// A sum of multiples of symbols, such as 0.9 s + 0.8 u, s − u, or 0.
fn sum(terms: [(f64, &str); 2]) -> String {
    let mut text = String::new();
    for (factor, symbol) in terms.into_iter().filter(|(factor, _)| *factor != 0.0) {
        text += match (text.is_empty(), factor < 0.0) {
            (true, false) => "",
            (true, true) => "−",
            (false, false) => " + ",
            (false, true) => " − ",
        };
        let size = short(factor.abs());
        text += &if size == "1" { symbol.to_owned() } else { format!("{size} {symbol}") };
    }
    if text.is_empty() { "0".into() } else { text }
}

/// `x` with at most four decimal places, or as a power of ten.
fn short(x: f64) -> String {
    let text = match x.abs() {
        0.0 | 1e-3..1e5 => format!("{x:.4}"),
        _ => return format!("{x:.2e}").replace('-', "−"),
    };
    text.trim_end_matches('0').trim_end_matches('.').replace('-', "−")
}

/// The title and the axis labels of a panel.
fn labels(panel: &Panel, field: &Field, direction: Direction, color: Color) -> Vec<Item> {
    let Rectangle { x, y, width, height } = panel.area;
    let name = match direction {
        Direction::Vanilla => "Vanilla gradient",
        Direction::Natural => "Natural gradient",
    };
    let mut items = vec![
        text([x, y - 14.0], Anchor::Start, name, 15.0, Weight::Medium, color),
        text([x - 8.0, y - 14.0], Anchor::End, "σ", 14.0, Weight::Regular, MUTED),
        text([x + 0.5 * width, y + height + 38.0], Anchor::Middle, "gain k", 12.5, Weight::Regular, MUTED),
    ];
    if let Some(cosine) = field.cosine(direction) {
        let note = format!("mean cosine to the optimum's direction {cosine:.2}").replace('-', "−");
        items.push(text([x + width, y - 14.0], Anchor::End, &note, 12.5, Weight::Regular, MUTED));
    }
    items
}

fn arrows(panel: &Panel, field: &Field, direction: Direction, color: Color) -> Item {
    let apart = |values: &[f64], axis: &Axis, pixels: f64| {
        let steps = values.windows(2).map(|pair| (pair[1] - pair[0]) / (axis.high - axis.low) * pixels);
        steps.fold(f64::INFINITY, f64::min)
    };
    let [x, y] = [apart(&field.k, &panel.x, panel.area.width), apart(&field.sigma, &panel.y, panel.area.height)];
    let length = (0.84 * x.min(y)).clamp(6.0, 30.0);
    let style = ArrowStyle { length, width: (0.058 * length).max(0.8), color };
    let one = |(k, sigma, local): (f64, f64, Option<&_>)| {
        local.and_then(|local| along(local, direction)).map(|change| arrow(panel, [k, sigma], change, &style))
    };
    named("arrows", None, field.points().filter_map(one).flatten().collect())
}

/// The optimum, if it is within the panel.
fn mark(panel: &Panel, field: &Field) -> Vec<Item> {
    let Some(optimum) = field.optimum.filter(|it| it.k >= panel.x.low && it.k <= panel.x.high) else {
        return Vec::new();
    };
    if panel.y.low > 0.0 {
        return Vec::new();
    }
    let center = panel.point(optimum.k, 0.0);
    let ring = |radius, fill| Item::Circle(Circle { center, radius, fill, stroke: Some(Stroke::solid(INK, 1.6)) });
    let tooltip = format!("optimum: k = {:.4}, σ = 0, J = {:.4}", optimum.k, optimum.value);
    vec![named("optimum", Some(tooltip), vec![ring(6.5, Color::WHITE), ring(2.2, INK)])]
}

/// The path of a learner until `time`, with a ring at its start and a dot at its current place; empty if the learner never
/// moves.
fn way(panel: &Panel, flow: &Flow<2>, time: f64, color: Color) -> Item {
    if flow.points.len() < 2 {
        return Item::Group(Group::default());
    }
    let now = flow.at(time);
    let past = flow.times.iter().zip(&flow.points).take_while(|(t, _)| **t < time).map(|(_, x)| *x);
    let line: Vec<(f64, f64)> = past.chain([now]).map(|x| (x[0], x[1])).collect();
    let start = panel.point(flow.points[0][0], flow.points[0][1]);
    let head = panel.point(now[0], now[1]);
    let head = Circle { center: head, radius: 4.6, fill: color, stroke: Some(Stroke::solid(Color::WHITE, 1.2)) };
    let halo = panel.line(line.iter().copied(), Stroke::solid(Color::WHITE.with_alpha(0.75), 4.4));
    let items =
        vec![halo, panel.line(line, Stroke::solid(color, 2.4)), Item::Circle(dot(start, color)), Item::Circle(head)];
    named("way", None, items)
}

#[cfg(test)]
mod tests;
