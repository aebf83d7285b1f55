//! Checks closed forms against enumeration and numerical integration, and gradients and metrics against differences.

use super::*;
use crate::env::ActionRows;
use crate::random::Purpose;

/// Every family, and some products of families.
fn families() -> Vec<Distribution> {
    let of = |space: Space| Distribution::new(&space, HeadName::Gaussian);
    let mixed = |heads: &[AnyHead]| Distribution::product(heads.to_vec());
    let (categorical, bits, normal) = (Categorical { count: 3 }, Bernoulli { count: 2 }, Gaussian { count: 1 });
    vec![
        of(Space::Discrete(2)),
        of(Space::Discrete(5)),
        of(Space::MultiDiscrete(vec![2, 3])),
        of(Space::MultiBinary(3)),
        of(Space::uniform_box(1, -1.0, 1.0)),
        of(Space::uniform_box(2, -1.0, 1.0)),
        mixed(&[Beta { count: 1 }.into()]),
        mixed(&[Beta { count: 2 }.into()]),
        mixed(&[categorical.into(), normal.into()]),
        mixed(&[normal.into(), bits.into(), categorical.into()]),
        of(Space::Parametrized([1, 0, 1].map(|count| Space::uniform_box(count, -1.0, 1.0)).to_vec())),
        of(Space::Tuple(vec![
            Space::uniform_box(1, -1.0, 1.0),
            Space::Tuple(vec![Space::Discrete(3), Space::MultiBinary(1)]),
        ])),
    ]
}

fn outputs(distribution: &Distribution, rng: &mut Stream) -> Vec<f32> {
    (0..distribution.outputs()).map(|_| (0.7 * rng.normal()) as f32).collect()
}

/// An owned action, and its weight in a sum or an integral.
#[derive(Clone, Default)]
struct Point {
    integers: Vec<i64>,
    reals: Vec<f64>,
    weight: f64,
}

impl Point {
    fn action(&self) -> Action<'_> {
        Action::new(&self.integers, &self.reals)
    }
}

/// The values of each number of an action with their weights: all values of an integer, and a midpoint grid for a real, over
/// +-12 sigma of a normal or over the unit interval.
fn axes(part: &Part, outputs: &[f32]) -> Vec<Vec<(f64, f64)>> {
    let outputs = &outputs[part.outputs.clone()];
    let classes = part.head.classes().into_iter().map(|n| (0..n).map(|i| (i as f64, 1.0)).collect());
    let count = part.head.width().reals;
    let grid = |j: usize| {
        if part.head.is_on_unit_interval() {
            // x = 1 / (1 + exp(-z)) on a grid of z. The integrand vanishes smoothly at both ends.
            let (cells, width) = (500, 0.12);
            let x = |i| 1.0 / (1.0 + (-(f64::from(i) + 0.5 - 0.5 * f64::from(cells)) * width).exp());
            return (0..cells).map(|i| (x(i), width * x(i) * (1.0 - x(i)))).collect();
        }
        // The last outputs are the means and the log stds.
        let normals = &outputs[outputs.len() - 2 * count..];
        let (mean, std, cells) = (f64::from(normals[j]), f64::from(normals[count + j]).exp(), 600);
        let width = 24.0 * std / f64::from(cells);
        (0..cells).map(|i| (mean - 12.0 * std + (f64::from(i) + 0.5) * width, width)).collect()
    };
    classes.chain((0..count).map(grid)).collect()
}

/// The axes of each choice: the parameters of the other choices have one value.
fn choices(part: &Part, axes: Vec<Vec<(f64, f64)>>) -> Vec<Vec<Vec<(f64, f64)>>> {
    let AnyHead::Parametrized(Parametrized { counts }) = &part.head else { return vec![axes] };
    let owners = || counts.iter().enumerate().flat_map(|(k, count)| std::iter::repeat_n(k, *count));
    let of = |choice: usize| {
        let parameters = axes[1..].iter().zip(owners());
        let parameters = parameters.map(|(axis, k)| if k == choice { axis.clone() } else { vec![(0.3, 1.0)] });
        std::iter::once(vec![(choice as f64, 1.0)]).chain(parameters).collect()
    };
    (0..counts.len()).map(of).collect()
}

/// Every action with its weight.
fn quadrature(distribution: &Distribution, outputs: &[f32]) -> Vec<Point> {
    let mut points = vec![Point { weight: 1.0, ..Point::default() }];
    for part in &distribution.parts {
        let before = points;
        points = Vec::new();
        for axes in choices(part, axes(part, outputs)) {
            let mut longer = before.clone();
            for (index, axis) in axes.into_iter().enumerate() {
                let is_real = index >= part.head.width().integers;
                longer = longer.iter().flat_map(|point| axis.iter().map(|at| extended(point, is_real, *at))).collect();
            }
            points.extend(longer);
        }
    }
    points
}

fn extended(point: &Point, is_real: bool, (value, weight): (f64, f64)) -> Point {
    let mut point = point.clone();
    point.weight *= weight;
    if is_real {
        point.reals.push(value);
    } else {
        point.integers.push(value as i64);
    }
    point
}

fn score(distribution: &Distribution, outputs: &[f32], action: Action<'_>) -> Vec<f64> {
    let mut slot = vec![0.0; distribution.outputs()];
    distribution.add_score(outputs, action, 1.0, &mut slot);
    slot
}

fn drawn(distribution: &Distribution, outputs: &[f32], rng: &mut Stream) -> ActionRows {
    let mut rows = ActionRows::zeros(distribution.width(), 1);
    distribution.sample(outputs, rng, rows.row_mut(0));
    rows
}

#[test]
fn densities_integrate_to_one_and_entropy_kl_tv_to_their_definitions() {
    let mut rng = Stream::new(1, Purpose::Test, 0);
    for distribution in families() {
        let (p, q) = (outputs(&distribution, &mut rng), outputs(&distribution, &mut rng));
        let (mut one, mut entropy, mut kl, mut tv) = (0.0, 0.0, 0.0, 0.0);
        for point in quadrature(&distribution, &p) {
            let (action, weight) = (point.action(), point.weight);
            let (log_p, log_q) = (distribution.log_prob(&p, action), distribution.log_prob(&q, action));
            one += weight * log_p.exp();
            entropy -= weight * log_p.exp() * log_p;
            kl += weight * log_p.exp() * (log_p - log_q);
            tv += 0.5 * weight * (log_p.exp() - log_q.exp()).abs();
        }
        assert!((one - 1.0).abs() < 1e-9, "{distribution:?}: {one}");
        assert!((entropy - distribution.entropy(&p)).abs() < 1e-6, "{distribution:?}");
        assert!((kl - distribution.kl(&p, &q)).abs() < 1e-6, "{distribution:?}: {kl} {}", distribution.kl(&p, &q));
        assert!(distribution.kl(&p, &p).abs() < 1e-12);
        match distribution.total_variation(&p, &q) {
            TotalVariation::Exact(value) => assert!((value - tv).abs() < 1e-9, "{distribution:?}"),
            // The grid covers p. The mass of q outside of it makes the true distance larger than `tv`, but by less than 1e-3.
            TotalVariation::Bound(value) => assert!(value >= tv - 1e-3, "{distribution:?}: {value} below {tv}"),
        }
    }
}

/// A comparison equals the separate functions to the bit, even if standard deviations stay the same from row to row.
#[test]
fn a_comparison_is_its_parts() {
    let mut rng = Stream::new(4, Purpose::Test, 0);
    let more = [Space::MultiDiscrete(vec![3, 2, 4]), Space::uniform_box(6, -1.0, 1.0)];
    for distribution in
        families().into_iter().chain(more.iter().map(|space| Distribution::new(space, HeadName::Gaussian)))
    {
        let mut comparer = Comparer::new(&distribution);
        let (mut p, mut q) = (outputs(&distribution, &mut rng), outputs(&distribution, &mut rng));
        for row in 0..4 {
            let moved = if row < 2 { distribution.width().total().min(p.len()) } else { p.len() };
            for outputs in [&mut p, &mut q] {
                outputs[..moved].iter_mut().for_each(|output| *output = (0.7 * rng.normal()) as f32);
            }
            let drawn = drawn(&distribution, &p, &mut rng);
            let action = drawn.row(0);
            let expected = Difference {
                log_ratio: distribution.log_prob(&q, action) - distribution.log_prob(&p, action),
                kl: distribution.kl(&p, &q),
                kl_reverse: distribution.kl(&q, &p),
                tv: distribution.total_variation(&p, &q).value(),
                entropy_p: distribution.entropy(&p),
                entropy_q: distribution.entropy(&q),
            };
            assert_eq!(comparer.compare(&p, &q, action), expected, "{distribution:?}, row {row}");
        }
    }
}

#[test]
fn scores_and_entropy_gradients_are_derivatives() {
    let mut rng = Stream::new(2, Purpose::Test, 0);
    for distribution in families() {
        let p = outputs(&distribution, &mut rng);
        let points = quadrature(&distribution, &p);
        let action = points[points.len() / 3].action();
        let analytic = score(&distribution, &p, action);
        let mut entropy_gradient = vec![0.0; p.len()];
        distribution.add_entropy_gradient(&p, 1.0, &mut entropy_gradient);
        for j in 0..p.len() {
            let h = 2f32.powi(-10);
            let (mut up, mut down) = (p.clone(), p.clone());
            up[j] += h;
            down[j] -= h;
            let width = f64::from(up[j]) - f64::from(down[j]);
            let slope = (distribution.log_prob(&up, action) - distribution.log_prob(&down, action)) / width;
            assert!((slope - analytic[j]).abs() < 1e-4 * (1.0 + slope.abs()), "{distribution:?} output {j}");
            let slope = (distribution.entropy(&up) - distribution.entropy(&down)) / width;
            assert!((slope - entropy_gradient[j]).abs() < 1e-4, "{distribution:?} output {j}");
        }
    }
}

/// M = E\[score score^T\], M v by `apply_metric`, and M = U^T U by `metric_root`: three routes to the same matrix.
#[test]
fn the_metric_is_the_expected_outer_product_of_scores() {
    let mut rng = Stream::new(3, Purpose::Test, 0);
    for distribution in families() {
        let p = outputs(&distribution, &mut rng);
        let n = p.len();
        let mut expected = vec![0.0; n * n];
        for point in quadrature(&distribution, &p) {
            let s = score(&distribution, &p, point.action());
            let probability = point.weight * distribution.log_prob(&p, point.action()).exp();
            for i in 0..n {
                for j in 0..n {
                    expected[i * n + j] += probability * s[i] * s[j];
                }
            }
        }
        let mut metric = Matrix::zeros(1, distribution.metric_len());
        distribution.metric(&p, metric.row_mut(0));
        let mut rooted = vec![0.0; n * n];
        let mut u = vec![0.0f32; n];
        for index in 0..distribution.metric_rank() {
            distribution.metric_root(metric.row(0), index, &mut u);
            for i in 0..n {
                for j in 0..n {
                    rooted[i * n + j] += f64::from(u[i]) * f64::from(u[j]);
                }
            }
        }
        for j in 0..n {
            let mut v = Matrix::zeros(1, n);
            v.row_mut(0)[j] = 1.0;
            distribution.apply_metric(1, &metric, &mut v);
            for i in 0..n {
                let scale = 1.0 + expected[i * n + j].abs();
                assert!(
                    (f64::from(v.row(0)[i]) - expected[i * n + j]).abs() < 1e-5 * scale,
                    "{distribution:?} ({i},{j})"
                );
                assert!((rooted[i * n + j] - expected[i * n + j]).abs() < 1e-5 * scale, "{distribution:?} ({i},{j})");
            }
        }
    }
}

/// The frequencies are within 5 standard errors (a false alarm has a probability below 1e-6 for each class). The seed is
/// fixed.
#[test]
fn samples_have_their_probabilities() {
    let mut rng = Stream::new(4, Purpose::Test, 0);
    let distribution = Distribution::new(&Space::Discrete(4), HeadName::Gaussian);
    let p = outputs(&distribution, &mut rng);
    let mut counts = [0.0; 4];
    let n = 40_000;
    for _ in 0..n {
        counts[drawn(&distribution, &p, &mut rng).row(0).index()] += 1.0;
    }
    for (class, count) in counts.iter().enumerate() {
        let probability = distribution.log_prob(&p, Action::of_integers(&[class as i64])).exp();
        let error = (probability * (1.0 - probability) / f64::from(n)).sqrt();
        assert!((count / f64::from(n) - probability).abs() < 5.0 * error);
    }
}

/// A logit of -infinity forbids its class. Without probability, the class adds nothing to an entropy or a KL.
#[test]
fn forbidden_classes_count_for_nothing() {
    let distribution = Distribution::new(&Space::Discrete(3), HeadName::Gaussian);
    let (masked, plain) = ([0.5, f32::NEG_INFINITY, -0.5], [0.5, -0.5]);
    let two = Distribution::new(&Space::Discrete(2), HeadName::Gaussian);
    assert!((distribution.entropy(&masked) - two.entropy(&plain)).abs() < 1e-15);
    assert_eq!(distribution.kl(&masked, &masked), 0.0);
    let other = [0.1, f32::NEG_INFINITY, 0.3];
    assert!((distribution.kl(&masked, &other) - two.kl(&plain, &[0.1, 0.3])).abs() < 1e-15);
    assert_eq!(distribution.kl(&[0.0, 0.0, 0.0], &other), f64::INFINITY, "what was possible is forbidden");
    let (mut gradient, mut expected) = ([0.0; 3], [0.0; 2]);
    distribution.add_entropy_gradient(&masked, 1.0, &mut gradient);
    two.add_entropy_gradient(&plain, 1.0, &mut expected);
    assert_eq!(gradient[1], 0.0);
    assert!((gradient[0] - expected[0]).abs() < 1e-15 && (gradient[2] - expected[1]).abs() < 1e-15);

    let bits = Distribution::new(&Space::MultiBinary(2), HeadName::Gaussian);
    let certain = [f32::INFINITY, f32::NEG_INFINITY];
    assert_eq!((bits.entropy(&certain), bits.kl(&certain, &certain)), (0.0, 0.0));
    let mut gradient = [0.0; 2];
    bits.add_entropy_gradient(&certain, 1.0, &mut gradient);
    assert_eq!(gradient, [0.0; 2]);
}

/// The reals of all boxes have one head, which comes last, because the outputs that do not depend on the state come last.
#[test]
fn the_heads_of_a_tuple() {
    let inner = Space::Tuple(vec![Space::MultiDiscrete(vec![3, 4]), Space::uniform_box(1, -1.0, 1.0)]);
    let space = Space::Tuple(vec![Space::uniform_box(2, 0.0, 1.0), Space::Discrete(2), inner, Space::MultiBinary(3)]);
    let distribution = Distribution::new(&space, HeadName::Gaussian);
    assert_eq!(distribution.width(), ActionWidth { integers: 6, reals: 3 });
    let classes: Vec<Vec<usize>> = distribution.heads().map(AnyHead::classes).collect();
    assert_eq!(classes, [vec![2], vec![3], vec![4], vec![2, 2, 2], vec![]]);
    let layout = distribution.layout(&settings::Policy::default());
    assert_eq!((layout.affine, layout.constants, layout.exploration), (2 + 3 + 4 + 3 + 3, 3, 0));
    let dependent = settings::Policy { std: settings::Std::StateDependent, log_std_init: -1.5, ..Default::default() };
    assert_eq!(distribution.initial_bias(&dependent), Some((2 + 3 + 4 + 3 + 3, -1.5)));
}

/// The parameters of the choices that were not taken may be anything.
#[test]
fn parameters_of_other_choices_count_for_nothing() {
    let distribution = Distribution::product(vec![Parametrized { counts: vec![1, 2] }.into()]);
    let mut rng = Stream::new(9, Purpose::Test, 0);
    let p = outputs(&distribution, &mut rng);
    for (choice, same, other) in [(0, [0.4, 5.0, 6.0], [0.4, -7.0, 8.0]), (1, [5.0, 0.1, 0.2], [-6.0, 0.1, 0.2])] {
        let of = |reals: &[f64; 3]| {
            let integers = [choice];
            let action = Action::new(&integers, reals);
            (distribution.log_prob(&p, action), score(&distribution, &p, action))
        };
        assert_eq!(of(&same), of(&other));
        let score = of(&same).1;
        let unused = if choice == 0 { [3, 4, 6, 7].as_slice() } else { &[2, 5] };
        assert!(unused.iter().all(|output| score[*output] == 0.0), "{score:?}");
    }
    let drawn = (0..50).map(|_| drawn(&distribution, &p, &mut rng));
    for action in drawn {
        let (choice, reals) = (action.row(0).integers()[0], action.row(0).reals());
        let is_mean = |j: usize| reals[j] == f64::from(p[2 + j]);
        assert_eq!([0, 1, 2].map(is_mean), if choice == 0 { [false, true, true] } else { [true, false, false] });
    }
}
