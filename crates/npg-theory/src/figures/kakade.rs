//! The figure of `npg kakade`: the average reward over time on the plateau, and the regulator under rescaled parameters.

use npg_core::settings::Direction;
use npg_exact::kakade::{LqgCurve, TARGET, TwoStateFlow};
use npg_plot::{
    Anchor, Axis, Circle, Color, Entry, Figure, INK, Item, MUTED, Panel, Rectangle, Scale, Stroke, Swatch, Weight, hue,
    key_rows, named, si, text,
};

const WIDTH: f64 = 1000.0;
const LEFT: f64 = 60.0;
const GAP: f64 = 62.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 130.0;
const HEIGHT: f64 = 300.0;
/// The width of the first panel. The other two share the rest.
const LARGE: f64 = 400.0;
/// The style of lines that are not data.
const REFERENCE: Stroke = Stroke { color: MUTED, width: 1.2, dash: Some([2.0, 3.0]) };

/// Draws both experiments. `two_states` are learners of the two-state problem. `lqg` are learners of the regulator, with
/// several scalings for each direction.
pub fn kakade(two_states: &[TwoStateFlow], lqg: &[LqgCurve]) -> Figure {
    let title = "Kakade's experiments without sampling: exact gradients, followed as flows";
    let mut items = vec![text([LEFT, 36.0], Anchor::Start, title, 19.0, Weight::Medium, INK)];
    items.extend(plateau(two_states));
    let width = (WIDTH - LEFT - LARGE - 2.0 * GAP - RIGHT) / 2.0;
    for (column, direction) in [Direction::Vanilla, Direction::Natural].into_iter().enumerate() {
        let curves: Vec<&LqgCurve> = lqg.iter().filter(|curve| curve.direction == direction).collect();
        let all = lqg.iter().flat_map(|curve| curve.costs.iter().copied());
        let times = lqg.iter().flat_map(|curve| curve.times.iter().copied());
        let (first, last) = times.fold((f64::INFINITY, 0.0), |(low, high), t| (t.min(low), t.max(high)));
        let left = LEFT + LARGE + GAP + column as f64 * (width + GAP);
        let panel = Panel {
            area: Rectangle { x: left, y: TOP, width, height: HEIGHT },
            x: Axis::new(Scale::Log, first, last, 4),
            y: Axis::covering(Scale::Linear, all.chain([1.0]), 5),
        };
        items.extend(rescaled(&panel, direction, &curves));
    }
    Figure { width: WIDTH, height: TOP + HEIGHT + 54.0, items }
}

/// The color and the name of a direction.
fn look(direction: Direction) -> (Color, &'static str) {
    match direction {
        Direction::Vanilla => (hue(0), "vanilla gradient"),
        Direction::Natural => (hue(1), "natural gradient"),
    }
}

fn plateau(flows: &[TwoStateFlow]) -> Vec<Item> {
    let last = flows.iter().map(|flow| flow.flow.last().0).fold(10.0, f64::max);
    let panel = Panel {
        area: Rectangle { x: LEFT, y: TOP, width: LARGE, height: HEIGHT },
        x: Axis::new(Scale::Log, 0.01, 3.0 * last, 5),
        y: Axis::new(Scale::Linear, 0.6, 2.05, 6),
    };
    let note = "staying pays 1 in state i, 2 in state j; the best is 2";
    let mut items = captions(&panel, ["Two states: average reward", note, "average reward"]);
    let entry = |flow: &TwoStateFlow| {
        let (color, label) = look(flow.direction);
        Entry { swatch: Swatch::Line(Stroke::solid(color, 2.4), None), label: label.into(), strong: true }
    };
    items.extend(key_rows(&flows.iter().map(entry).collect::<Vec<_>>(), [LEFT, TOP - 14.0], LARGE, 12.5).0);
    items.push(panel.frame());
    let mut data = vec![panel.level(TARGET, REFERENCE), panel.level(1.0, REFERENCE)];
    for flow in flows {
        let (color, name) = look(flow.direction);
        let points = flow.flow.times.iter().copied().zip(flow.rewards.iter().copied());
        let line = panel.line(points.filter(|(time, _)| *time >= panel.x.low), Stroke::solid(color, 2.4));
        data.push(named("series", Some(name.into()), vec![line]));
    }
    items.push(panel.data(data));
    for flow in flows {
        let Some(time) = flow.time_to_target() else { continue };
        let (color, _) = look(flow.direction);
        let center = panel.point(time, TARGET);
        let ring = Some(Stroke::solid(Color::WHITE, 1.4));
        items.push(Item::Circle(Circle { center, radius: 4.6, fill: color, stroke: ring }));
        let words = if time < 1e4 { format!("{time:.2}") } else { format!("{:.2} million", time / 1e6) };
        let (at, anchor) = match center[0] < LEFT + 0.7 * LARGE {
            true => ([center[0] + 9.0, center[1] + 18.0], Anchor::Start),
            false => ([center[0] - 9.0, center[1] + 18.0], Anchor::End),
        };
        items.push(text(at, anchor, &words, 12.5, Weight::Medium, color));
    }
    let [_, y] = panel.point(1.0, TARGET);
    items.push(text([LEFT + 6.0, y - 6.0], Anchor::Start, "1.9", 12.0, Weight::Regular, MUTED));
    items.extend(plateau_note(&panel, flows));
    items
}

/// A note below the plateau of the slowest learner: what the learner waits for.
fn plateau_note(panel: &Panel, flows: &[TwoStateFlow]) -> Vec<Item> {
    let slowest = flows.iter().max_by(|a, b| a.flow.last().0.total_cmp(&b.flow.last().0));
    let Some(flow) = slowest else { return Vec::new() };
    let [x, y] = panel.point(flow.flow.last().0, 1.0);
    let steps = 1.0 / flow.least_weight_j();
    let unit = 10f64.powf(steps.log10().floor() - 1.0); // rounds to two digits
    let lines =
        ["a plateau: at worst one".to_owned(), format!("step in {} is in state j", si((steps / unit).round() * unit))];
    let line = |(i, words): (usize, &String)| {
        text([x - 10.0, y + 19.0 + 16.0 * i as f64], Anchor::End, words, 12.5, Weight::Regular, MUTED)
    };
    lines.iter().enumerate().map(line).collect()
}

fn rescaled(panel: &Panel, direction: Direction, curves: &[&LqgCurve]) -> Vec<Item> {
    let (title, note) = match direction {
        Direction::Vanilla => ("Regulator: cost, vanilla", "depends on the parameters' scales s1, s2"),
        Direction::Natural => ("Regulator: cost, natural", "does not depend on s1, s2"),
    };
    let mut items = captions(panel, [title, note, "cost"]);
    let mut entries = Vec::new();
    let mut data = Vec::new();
    for (index, curve) in curves.iter().enumerate() {
        // If curves are equal, wide lines lie below narrow ones, so that all of them are visible.
        let wider = if direction == Direction::Natural { 2.4 * (curves.len() - 1 - index) as f64 } else { 0.0 };
        let width = 2.2 + wider;
        let color = hue(2 + index);
        let [s1, s2] = curve.lqg.scales;
        let label = format!("{s1}, {s2}");
        let line =
            panel.line(curve.times.iter().copied().zip(curve.costs.iter().copied()), Stroke::solid(color, width));
        data.push(named("series", Some(format!("s1, s2 = {label}")), vec![line]));
        entries.push(Entry { swatch: Swatch::Line(Stroke::solid(color, width), None), label, strong: true });
    }
    let Rectangle { x, y, width, .. } = panel.area;
    items.extend(key_rows(&entries, [x - 4.0, y - 14.0], width + 30.0, 12.0).0);
    items.push(panel.frame());
    items.push(panel.data(data));
    items
}

/// The texts above, below and beside a panel.
fn captions(panel: &Panel, [title, note, label]: [&str; 3]) -> Vec<Item> {
    let Rectangle { x, y, width, height } = panel.area;
    vec![
        text([x, y - 58.0], Anchor::Start, title, 14.5, Weight::Medium, INK),
        text([x, y - 39.0], Anchor::Start, note, 12.0, Weight::Regular, MUTED),
        text([x + 0.5 * width, y + height + 38.0], Anchor::Middle, "time", 12.5, Weight::Regular, MUTED),
        panel.y_label(label),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use npg_exact::kakade::{Lqg, SCALINGS};

    #[test]
    fn both_experiments_are_drawn() {
        let both = [Direction::Vanilla, Direction::Natural];
        let flows = both.map(TwoStateFlow::new);
        let curves: Vec<LqgCurve> = both
            .iter()
            .flat_map(|direction| SCALINGS.map(|scales| Lqg { scales }.learn(*direction, &[0.1, 1.0, 10.0])))
            .collect();
        let svg = kakade(&flows, &curves).to_svg();
        assert_eq!((svg.matches("<g class=\"series\"").count(), svg.matches("rotate(-90").count()), (8, 3));
        assert!(
            svg.contains(">2.26<") && svg.contains(">2.68 million<") && svg.contains("step in 770k is in state j"),
            "{svg}"
        );
        assert!(!svg.contains("NaN"));
        assert!(kakade(&[], &[]).to_png().starts_with(b"\x89PNG"));
    }
}
