//! Vanilla and natural gradients of the regulator over the plane of its policies, (k, sigma): the arrows of figure 1
//! of Peters and Schaal 2008, "Reinforcement learning of motor skills with policy gradients", in numbers.

use super::flow::{Flow, Limits, follow};
use super::gaussian::Local;
use super::lqr::{Lqr, Optimum};
use npg_core::settings::Direction;

/// The regulator at the points of a grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The world.
    pub lqr: Lqr,
    /// The gains of the grid, increasing.
    pub k: Vec<f64>,
    /// The standard deviations of the grid, increasing, at least 0.
    pub sigma: Vec<f64>,
    /// The values at (`k[i]`, `sigma[j]`), at index `i * sigma.len() + j`; `None` if J is minus infinity there.
    pub local: Vec<Option<Local<2>>>,
    /// The point to which all arrows should point.
    pub optimum: Option<Optimum>,
}

/// The starts of learners, as fractions of the plane. In the published figure the first is (k, sigma) = (-1.8, 0.4).
pub const STARTS: [[f64; 2]; 5] = [[0.1, 0.8], [0.9, 0.8], [0.3, 0.42], [0.7, 0.42], [0.42, 0.96]];

/// The paths of learners from the same starts, in (k, sigma).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Walks {
    /// The paths of learners that follow the gradient.
    pub vanilla: Vec<Flow<2>>,
    /// The paths of learners that follow the natural gradient.
    pub natural: Vec<Flow<2>>,
}

/// `count` evenly spaced numbers from `low` to `high`, both included.
pub fn spaced(low: f64, high: f64, count: usize) -> Vec<f64> {
    let share = |i: usize| if count > 1 { i as f64 / (count - 1) as f64 } else { 0.0 };
    // They are exact at both ends, and round if the ends and the distance are.
    (0..count).map(|i| if i + 1 == count { high } else { low + (high - low) * share(i) }).collect()
}

impl Field {
    /// Computes the field of `lqr` over all pairs of `k` and `sigma`.
    pub fn new(lqr: &Lqr, k: Vec<f64>, sigma: Vec<f64>) -> Self {
        let local = k.iter().flat_map(|&k| sigma.iter().map(move |&sigma| lqr.at(k, sigma))).collect();
        Self { lqr: *lqr, k, sigma, local, optimum: lqr.optimum() }
    }

    /// k, sigma and the values there, in order.
    pub fn points(&self) -> impl Iterator<Item = (f64, f64, Option<&Local<2>>)> {
        let places = self.k.iter().flat_map(|&k| self.sigma.iter().map(move |&sigma| (k, sigma)));
        places.zip(&self.local).map(|((k, sigma), local)| (k, sigma, local.as_ref()))
    }

    /// The part of the plane that the grid covers: half a step more in k at both ends, and sigma from 0 on if at most two
    /// steps are missing there.
    pub fn window(&self) -> Window {
        let ends = |values: &[f64]| {
            let (low, high) = (values.first().copied().unwrap_or(0.0), values.last().copied().unwrap_or(0.0));
            let step = if high > low { (high - low) / (values.len() - 1) as f64 } else { 0.1 * low.abs().max(1.0) };
            (low, high, step)
        };
        let (low, high, step) = ends(&self.k);
        let k = [low - 0.5 * step, high + 0.5 * step];
        let (low, high, step) = ends(&self.sigma);
        Window { k, sigma: [if low <= 2.0 * step { 0.0 } else { low - 0.5 * step }, high.max(low + step)] }
    }

    /// Learners that start from [`STARTS`], as fractions of the part of the plane in which J is finite, and walk until sigma is a
    /// twenty-fifth of the largest one shown. There are none if J is finite nowhere in the plane.
    pub fn walks(&self) -> Walks {
        let Window { k, sigma } = self.window();
        let until = Window { k, sigma: [sigma[0].max(0.04 * sigma[1]), sigma[1]] };
        let finite = self.lqr.finite_gains();
        let k = [k[0].max(finite[0]), k[1].min(finite[1])];
        if k[0].is_nan() || k[1].is_nan() || k[0] > k[1] {
            return Walks { vanilla: Vec::new(), natural: Vec::new() };
        }
        let start = |share: [f64; 2]| [k[0] + share[0] * (k[1] - k[0]), sigma[0] + share[1] * (sigma[1] - sigma[0])];
        let from = |direction| STARTS.map(|share| walk(&self.lqr, direction, start(share), &until)).to_vec();
        Walks { vanilla: from(Direction::Vanilla), natural: from(Direction::Natural) }
    }

    /// The mean cosine, in (k, sigma), between the direction of learning and that of the optimum. `None` if no point has
    /// both.
    pub fn cosine(&self, direction: Direction) -> Option<f64> {
        let optimum = self.optimum?;
        let cosine = |(k, sigma, local): (f64, f64, Option<&Local<2>>)| {
            let way = unit([optimum.k - k, -sigma])?;
            let arrow = unit(along(local?, direction)?)?;
            Some(way[0] * arrow[0] + way[1] * arrow[1])
        };
        let cosines: Vec<f64> = self.points().filter_map(cosine).collect();
        (!cosines.is_empty()).then(|| cosines.iter().sum::<f64>() / cosines.len() as f64)
    }
}

/// The direction of learning, not normalized. `None` for natural gradients if F is infinite.
pub fn along(local: &Local<2>, direction: Direction) -> Option<[f64; 2]> {
    match direction {
        Direction::Vanilla => Some(local.gradient),
        Direction::Natural => local.natural,
    }
}

/// `x` scaled to length 1; `None` if it has no direction.
pub fn unit(x: [f64; 2]) -> Option<[f64; 2]> {
    // The components are scaled first, because squares of numbers below 1e-154 are 0.
    let largest = x[0].abs().max(x[1].abs());
    let scaled = x.map(|v| v / largest);
    let length = libm::hypot(scaled[0], scaled[1]); // NaN if a component is NaN, or if both are infinite or 0
    (length.is_finite() && largest.is_finite()).then(|| scaled.map(|v| v / length))
}

/// The part of the plane in which a learner walks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// The lowest and the highest gain.
    pub k: [f64; 2],
    /// The lowest and the highest standard deviation.
    pub sigma: [f64; 2],
}

/// The path of a learner that follows `direction` at unit speed in (k, sigma) from `start`, until it leaves `window`.
pub fn walk(lqr: &Lqr, direction: Direction, start: [f64; 2], window: &Window) -> Flow<2> {
    let Window { k, sigma } = *window;
    let span = (k[1] - k[0]).abs() + (sigma[1] - sigma[0]).abs();
    // No sensible path is longer, and such short steps make a smooth line.
    let limits = Limits { time: 10.0 * span, longest: 0.005 * span, growth: 0.0, tolerance: 1e-9, steps: 100_000 };
    let slope = |x: &[f64; 2]| unit(along(&lqr.at(x[0], x[1])?, direction)?);
    let outside = |x: &[f64; 2]| [k[0] - x[0], x[0] - k[1], sigma[0] - x[1], x[1] - sigma[1]];
    follow(slope, start, &limits, |x| outside(x).into_iter().fold(f64::NEG_INFINITY, f64::max))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::End;

    /// The grid of the published figure.
    fn published(lqr: Lqr) -> Field {
        Field::new(&lqr, spaced(-1.875, -0.125, 8), spaced(0.05, 0.5, 10))
    }

    #[test]
    fn natural_arrows_point_at_the_optimum() {
        for (lqr, cosines) in [(Lqr::published(), [0.61, 0.97]), (Lqr::unique_optimum(), [0.75, 0.97])] {
            let field = published(lqr);
            assert_eq!(field.points().count(), 80);
            assert_eq!(field.window(), Window { k: [-2.0, 0.0], sigma: [0.0, 0.5] });
            for (direction, expected) in [Direction::Vanilla, Direction::Natural].into_iter().zip(cosines) {
                let cosine = field.cosine(direction).unwrap();
                assert!((cosine - expected).abs() < 0.005, "{direction:?} {cosine}");
            }
        }
        let lost = Field::new(&Lqr { b: 0.0, a: 2.0, ..Lqr::published() }, vec![0.0], vec![0.1]);
        assert_eq!((lost.cosine(Direction::Natural), lost.local[0]), (None, None));
    }

    #[test]
    fn the_vanilla_learner_runs_out_of_exploration() {
        let window = Window { k: [-2.0, 0.0], sigma: [0.02, 0.5] };
        let end = |direction| {
            let flow = walk(&Lqr::published(), direction, [-1.8, 0.4], &window);
            assert_eq!(flow.end, End::Event);
            // At unit speed, no point is further from the start than the time that has passed.
            assert!(flow.times.iter().zip(&flow.points).all(|(t, x)| (x[0] + 1.8).hypot(x[1] - 0.4) <= t + 1e-9));
            assert!((flow.last().1[1] - 0.02).abs() < 1e-12);
            flow.last().1[0]
        };
        let (vanilla, natural) = (end(Direction::Vanilla), end(Direction::Natural));
        assert!((vanilla + 1.75).abs() < 0.005 && (natural + 1.0).abs() < 0.005, "{vanilla} {natural}");
    }

    #[test]
    fn walks_that_cannot_begin_end_where_they_begin() {
        let window = Window { k: [-9.0, 9.0], sigma: [0.02, 0.5] };
        let free = Lqr { q: 0.0, r: 0.0, ..Lqr::published() }; // no direction is better
        let wide = Field::new(&Lqr::published(), spaced(-4.0, 2.0, 13), vec![0.0, 1.0]);
        assert!(wide.walks().natural.iter().all(|flow| flow.end == End::Event), "they begin where J is finite");
        for (lqr, start) in [(free, [-1.0, 0.4]), (Lqr::published(), [5.0, 0.4]), (Lqr::published(), [-1.0, 0.01])] {
            assert_eq!(walk(&lqr, Direction::Natural, start, &window).points, [start]);
        }
    }

    #[test]
    fn directions_survive_small_numbers() {
        assert_eq!(unit([3e-300, -4e-300]).map(|x| x.map(|v| (v * 10.0).round())), Some([6.0, -8.0]));
        assert_eq!((unit([0.0, 0.0]), unit([f64::NAN, 1.0]), unit([f64::INFINITY, 1.0])), (None, None, None));
        assert_eq!(spaced(-1.875, -0.125, 8)[3], -1.125);
        assert_eq!((spaced(2.0, 2.0, 1), spaced(0.0, 1.0, 0)), (vec![2.0], vec![]));
    }
}
