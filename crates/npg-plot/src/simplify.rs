//! Removes points from lines where this cannot be seen (Ramer 1972; Douglas and Peucker 1973).

use super::scene::Point;

/// `points` without those that are within `tolerance` of the straight line between the remaining neighbors. Both ends stay.
pub(super) fn simplified(points: &[Point], tolerance: f64) -> Vec<Point> {
    if points.len() < 3 {
        return points.to_vec();
    }
    let mut is_kept = vec![false; points.len()];
    let mut spans = vec![(0, points.len() - 1)];
    while let Some((from, to)) = spans.pop() {
        (is_kept[from], is_kept[to]) = (true, true);
        let off = |i: usize| distance(points[i], points[from], points[to]);
        let farthest = (from + 1..to).max_by(|a, b| off(*a).total_cmp(&off(*b)));
        if let Some(middle) = farthest.filter(|middle| off(*middle) > tolerance) {
            spans.extend([(from, middle), (middle, to)]);
        }
    }
    points.iter().zip(is_kept).filter_map(|(point, is_kept)| is_kept.then_some(*point)).collect()
}

/// The distance from `point` to the nearest point between `a` and `b`. The ends count, because a line may turn back.
fn distance(point: Point, a: Point, b: Point) -> f64 {
    let (along, to) = ([b[0] - a[0], b[1] - a[1]], [point[0] - a[0], point[1] - a[1]]);
    let square = along[0] * along[0] + along[1] * along[1];
    let share = if square > 0.0 { ((along[0] * to[0] + along[1] * to[1]) / square).clamp(0.0, 1.0) } else { 0.0 };
    (to[0] - share * along[0]).hypot(to[1] - share * along[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_on_the_line_goes_and_what_does_not_stays() {
        let straight: Vec<Point> = (0..100).map(|i| [f64::from(i), 2.0 * f64::from(i)]).collect();
        assert_eq!(simplified(&straight, 0.05), [[0.0, 0.0], [99.0, 198.0]]);
        let there_and_back = [[0.0, 0.0], [5.0, 0.0], [9.0, 0.0], [1.0, 0.0]];
        assert_eq!(simplified(&there_and_back, 0.05), [[0.0, 0.0], [9.0, 0.0], [1.0, 0.0]]);
        let square = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.0]];
        assert_eq!(simplified(&square, 0.05), square);
        assert!(simplified(&[], 0.05).is_empty());
        assert_eq!(simplified(&square[..1], 0.05), square[..1]);
    }

    #[test]
    fn no_point_is_farther_off_than_the_tolerance() {
        let circle: Vec<Point> = (0..=1000)
            .map(|i| f64::from(i) * std::f64::consts::TAU / 1000.0)
            .map(|turn| [100.0 * turn.cos(), 100.0 * turn.sin()])
            .collect();
        let fewer = simplified(&circle, 0.05);
        assert!((64..160).contains(&fewer.len()), "{}", fewer.len());
        let off = |point: &Point| fewer.windows(2).map(|ends| distance(*point, ends[0], ends[1])).fold(1e9, f64::min);
        assert!(circle.iter().all(|point| off(point) <= 0.05));
    }
}
