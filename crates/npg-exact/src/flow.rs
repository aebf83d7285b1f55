//! Flows, which are solutions of dx/dt = f(x). They are computed with the adaptive Runge-Kutta method of Dormand and Prince
//! 1980 ("A family of embedded Runge-Kutta formulae"), of fifth order, whose embedded fourth-order method estimates the
//! error.

/// The length and the accuracy of a flow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// The latest time at which it ends.
    pub time: f64,
    /// The longest step at the beginning, in units of time.
    pub longest: f64,
    /// Later steps may be longer by this fraction of the elapsed time.
    pub growth: f64,
    /// The error allowed in a step, in units of 1 + |x| for each component.
    pub tolerance: f64,
    /// The maximum number of steps that are tried.
    pub steps: usize,
}

/// The reason why a flow ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The event has happened.
    Event,
    /// The time limit was reached.
    Time,
    /// It could not be followed further, because f is not known there or the steps were used up.
    Stuck,
}

/// A flow at the times that the method chose.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow<const N: usize> {
    /// The times, from 0 on, increasing.
    pub times: Vec<f64>,
    /// The point at each of `times`. There is at least the start.
    pub points: Vec<[f64; N]>,
    /// Why the flow ended.
    pub end: End,
}

impl<const N: usize> Flow<N> {
    /// The last time and point.
    pub fn last(&self) -> (f64, [f64; N]) {
        let last = self.times.len() - 1; // the start is always there
        (self.times[last], self.points[last])
    }

    /// The point at `time`, interpolated linearly between two points, or the nearest end.
    pub fn at(&self, time: f64) -> [f64; N] {
        let after = self.times.partition_point(|t| *t <= time);
        if after == 0 {
            return self.points[0];
        }
        if after == self.times.len() {
            return self.last().1;
        }
        let share = (time - self.times[after - 1]) / (self.times[after] - self.times[after - 1]);
        std::array::from_fn(|i| self.points[after - 1][i] * (1.0 - share) + self.points[after][i] * share)
    }
}

/// Follows dx/dt = `f` from `start` until `event` is no longer negative, and finds that moment within a step by bisection.
/// `f` returns `None` where it is not defined.
pub fn follow<const N: usize>(
    f: impl Fn(&[f64; N]) -> Option<[f64; N]>,
    start: [f64; N],
    limits: &Limits,
    event: impl Fn(&[f64; N]) -> f64,
) -> Flow<N> {
    let mut flow = Flow { times: vec![0.0], points: vec![start], end: End::Stuck };
    if event(&start) >= 0.0 {
        flow.end = End::Event;
        return flow;
    }
    let mut length = (1e-3 * limits.time).min(limits.longest);
    for _ in 0..limits.steps {
        let (time, x) = flow.last();
        if time >= limits.time {
            flow.end = End::Time;
            return flow;
        }
        length = length.min(limits.longest + limits.growth * time).min(limits.time - time);
        if time + length <= time {
            return flow; // there is no number between the two
        }
        let Some((next, error)) = step(&f, &x, length) else {
            length *= 0.2;
            continue;
        };
        let error = norm(&error, &x, &next) / limits.tolerance;
        if error <= 1.0 {
            if event(&next) >= 0.0 {
                let (length, next) = first_moment(&f, &x, length, &event).unwrap_or((length, next));
                flow.push(time + length, next, End::Event);
                return flow;
            }
            // The very last step must end exactly on time.
            let now = if length == limits.time - time { limits.time } else { time + length };
            flow.push(now, next, End::Stuck);
        }
        // The step length aims below the tolerance, so that few steps are rejected (Hairer, Norsett and Wanner 1993, II.4).
        length *= (0.9 * libm::pow(error, -0.2)).clamp(0.2, 5.0);
    }
    flow
}

impl<const N: usize> Flow<N> {
    fn push(&mut self, time: f64, point: [f64; N], end: End) {
        self.times.push(time);
        self.points.push(point);
        self.end = end;
    }
}

/// The shortest step up to `length` at whose end `event` has just happened, and that end.
fn first_moment<const N: usize>(
    f: &impl Fn(&[f64; N]) -> Option<[f64; N]>,
    x: &[f64; N],
    length: f64,
    event: &impl Fn(&[f64; N]) -> f64,
) -> Option<(f64, [f64; N])> {
    let (mut before, mut after) = (0.0, length);
    for _ in 0..60 {
        let middle = 0.5 * (before + after);
        let (point, _) = step(f, x, middle)?;
        if event(&point) >= 0.0 { after = middle } else { before = middle }
    }
    Some((after, step(f, x, after)?.0))
}

/// The weights of the earlier slopes for the point of each further slope.
const STAGES: [&[f64]; 6] = [
    &[1.0 / 5.0],
    &[3.0 / 40.0, 9.0 / 40.0],
    &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
    &[19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0],
    &[9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0],
    &[35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
];
/// The weights of the slopes in the difference between the fifth-order and the fourth-order result.
const ERROR: [f64; 7] =
    [71.0 / 57600.0, 0.0, -71.0 / 16695.0, 71.0 / 1920.0, -17253.0 / 339200.0, 22.0 / 525.0, -1.0 / 40.0];

/// One step: its end and its error. `None` if a slope is not known or not finite.
fn step<const N: usize>(
    f: &impl Fn(&[f64; N]) -> Option<[f64; N]>,
    x: &[f64; N],
    length: f64,
) -> Option<([f64; N], [f64; N])> {
    let slope = |x: &[f64; N]| f(x).filter(|slope| slope.iter().all(|v| v.is_finite()));
    let mut slopes = [[0.0; N]; 7];
    slopes[0] = slope(x)?;
    let mut next = *x;
    for (stage, weights) in STAGES.iter().enumerate() {
        let sum = |i: usize| weights.iter().zip(&slopes).map(|(weight, slope)| weight * slope[i]).sum::<f64>();
        next = std::array::from_fn(|i| x[i] + length * sum(i)); // the last of these points is the end of the step
        slopes[stage + 1] = slope(&next)?;
    }
    let error = |i: usize| ERROR.iter().zip(&slopes).map(|(weight, slope)| weight * slope[i]).sum::<f64>();
    Some((next, std::array::from_fn(|i| length * error(i))))
}

/// The largest error of a component, in units of 1 + the size of the component.
fn norm<const N: usize>(error: &[f64; N], x: &[f64; N], next: &[f64; N]) -> f64 {
    (0..N).map(|i| error[i].abs() / (1.0 + x[i].abs().max(next[i].abs()))).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { time: 10.0, longest: f64::INFINITY, growth: 0.0, tolerance: 1e-10, steps: 100_000 };

    #[test]
    fn a_circle_closes() {
        let turn = 2.0 * std::f64::consts::PI;
        let flow = follow(|x| Some([-x[1], x[0]]), [1.0, 0.0], &Limits { time: turn, ..LIMITS }, |_| -1.0);
        let (time, x) = flow.last();
        assert_eq!((time, flow.end), (turn, End::Time));
        assert!((x[0] - 1.0).abs() < 1e-8 && x[1].abs() < 1e-8, "{x:?}");
        assert!((20..2000).contains(&flow.times.len()));
        let middle = flow.at(0.5 * turn); // on a chord
        assert!((middle[0] + 1.0).abs() < 1e-2 && middle[1].abs() < 1e-2);
        assert_eq!((flow.at(-1.0), flow.at(99.0)), ([1.0, 0.0], x));
    }

    /// Halving the step divides the error of one step by 2^6, and its estimate by 2^5.
    #[test]
    fn the_method_is_of_fifth_order() {
        let f = |x: &[f64; 1]| Some([x[0]]);
        let off = |length: f64| {
            let (x, error) = step(&f, &[1.0], length).unwrap();
            ((x[0] - length.exp()).abs(), error[0].abs())
        };
        let ((a, b), (c, d)) = (off(0.4), off(0.2));
        assert!((a / c).log2() > 5.7 && (a / c).log2() < 6.3, "{}", (a / c).log2());
        assert!((b / d).log2() > 4.7 && (b / d).log2() < 5.3, "{}", (b / d).log2());
    }

    #[test]
    fn events_are_met_exactly() {
        // x = e^t reaches 100 at ln 100.
        let flow = follow(|x| Some([x[0]]), [1.0], &LIMITS, |x| x[0] - 100.0);
        let (time, x) = flow.last();
        assert_eq!(flow.end, End::Event);
        assert!((time - 100f64.ln()).abs() < 1e-9 && (x[0] - 100.0).abs() < 1e-9, "{time} {x:?}");
        assert_eq!(follow(|x| Some(*x), [5.0], &LIMITS, |_| 0.0).times, [0.0]);
    }

    #[test]
    fn it_ends_where_the_slope_is_not_known() {
        let flow = follow(|x| (x[0] < 2.0).then_some([1.0]), [1.0], &LIMITS, |_| -1.0);
        assert_eq!(flow.end, End::Stuck);
        assert!((flow.last().0 - 1.0).abs() < 1e-9);
        assert_eq!(follow(|_| None, [1.0], &LIMITS, |_| -1.0).times, [0.0]);
        assert_eq!(follow(|_| Some([f64::NAN]), [1.0], &LIMITS, |_| -1.0).end, End::Stuck);
        // x' = x^2 leaves every bound at t = 1.
        let flow = follow(|x| Some([x[0] * x[0]]), [1.0], &Limits { steps: 2000, ..LIMITS }, |_| -1.0);
        assert!(flow.end == End::Stuck && flow.last().0 <= 1.0 + 1e-9);
    }

    #[test]
    fn steps_are_no_longer_than_asked() {
        let flow = follow(|_| Some([1.0]), [0.0], &Limits { longest: 0.25, ..LIMITS }, |_| -1.0);
        assert!(flow.times.windows(2).all(|pair| pair[1] - pair[0] <= 0.25 + 1e-12) && flow.times.len() >= 41);
        assert_eq!(flow.last().0, 10.0);
        let flow = follow(|_| Some([1.0]), [0.0], &Limits { longest: 0.1, growth: 0.5, ..LIMITS }, |_| -1.0);
        assert!(flow.times.windows(2).all(|pair| pair[1] <= 0.1 + 1.5 * pair[0] + 1e-12) && flow.times.len() < 15);
    }
}
