//! Arrows in a panel. They show directions and all have the same length on paper.

use super::axes::Panel;
use super::scene::{Color, Item, Path, Point, Stroke};

/// The style of arrows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ArrowStyle {
    /// Length in pixels.
    pub length: f64,
    /// Width of the shaft in pixels.
    pub width: f64,
    /// Color.
    pub color: Color,
}

/// An arrow that starts at `place` and points in the direction of `change`. Both are numbers on the axes of `panel`, which
/// are linear. On paper the arrow is `style.length` long, whatever the size of `change`. Empty if `change` has no direction.
pub fn arrow(panel: &Panel, place: [f64; 2], change: [f64; 2], style: &ArrowStyle) -> Vec<Item> {
    let tail = panel.point(place[0], place[1]);
    let Some(along) = on_paper(panel, change).filter(|_| tail.iter().all(|v| v.is_finite())) else {
        return Vec::new();
    };
    let across = [-along[1], along[0]];
    let at = |forth: f64, aside: f64| -> Point {
        [tail[0] + forth * along[0] + aside * across[0], tail[1] + forth * along[1] + aside * across[1]]
    };
    let ArrowStyle { length, width, color } = *style;
    let head = (4.2 * width).min(0.6 * length);
    let shaft = Path::line(vec![tail, at(length - 0.8 * head, 0.0)], Stroke::solid(color, width));
    let corners = vec![at(length, 0.0), at(length - head, 0.42 * head), at(length - head, -0.42 * head)];
    vec![Item::Path(shaft), Item::Path(Path::area(corners, color))]
}

/// The direction of `change` on paper, with y downward and length 1.
fn on_paper(panel: &Panel, change: [f64; 2]) -> Option<Point> {
    let largest = change[0].abs().max(change[1].abs());
    let [x, y] = change.map(|v| v / largest); // so that squares neither overflow nor vanish
    let seen =
        [x * panel.area.width / (panel.x.high - panel.x.low), -y * panel.area.height / (panel.y.high - panel.y.low)];
    let length = seen[0].hypot(seen[1]);
    (length.is_finite() && length > 0.0).then(|| seen.map(|v| v / length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axes::{Axis, Scale};
    use crate::scene::Rectangle;

    #[test]
    fn arrows_are_equally_long_on_paper() {
        let area = Rectangle { x: 0.0, y: 0.0, width: 100.0, height: 300.0 };
        let panel = Panel { area, x: Axis::new(Scale::Linear, 0.0, 1.0, 3), y: Axis::new(Scale::Linear, 0.0, 1.0, 3) };
        let style = ArrowStyle { length: 20.0, width: 1.0, color: Color::hex(0) };
        let tip = |change| match &arrow(&panel, [0.5, 0.5], change, &style)[1] {
            Item::Path(head) => head.points[0],
            other => panic!("{other:?}"),
        };
        assert_eq!(tip([1.0, 0.0]), [70.0, 150.0]);
        assert_eq!(tip([0.0, -1e-300]), [50.0, 170.0], "down, however short");
        let [x, y] = tip([3.0, 1.0]); // this is 45 degrees on this paper
        assert!((x - 50.0 - 200f64.sqrt()).abs() < 1e-12 && (150.0 - y - 200f64.sqrt()).abs() < 1e-12);
        for change in [[0.0, 0.0], [f64::NAN, 1.0], [f64::INFINITY, 1.0]] {
            assert!(arrow(&panel, [0.5, 0.5], change, &style).is_empty());
        }
        assert!(arrow(&panel, [f64::NAN, 0.5], [1.0, 0.0], &style).is_empty());
    }
}
