//! Closed forms against enumeration and numerical integration; gradients and metrics against differences of them.

use super::*;
use crate::random::Purpose;

fn spaces() -> Vec<Space> {
    vec![
        Space::Discrete(2),
        Space::Discrete(5),
        Space::MultiDiscrete(vec![2, 3]),
        Space::MultiBinary(3),
        Space::cube(1, -1.0, 1.0),
        Space::cube(2, -1.0, 1.0),
    ]
}

fn outputs(distribution: &Distribution, rng: &mut Stream) -> Vec<f32> {
    (0..distribution.outputs()).map(|_| (0.7 * rng.normal()) as f32).collect()
}

/// Every action with its weight: all of a finite space, a midpoint grid over +-12 sigma of a Gaussian.
fn quadrature(space: &Space, outputs: &[f32]) -> (Vec<Vec<f64>>, Vec<f64>) {
    let axes: Vec<Vec<(f64, f64)>> = match space {
        Space::Discrete(n) => vec![(0..*n).map(|i| (i as f64, 1.0)).collect()],
        Space::MultiDiscrete(sizes) => sizes.iter().map(|n| (0..*n).map(|i| (i as f64, 1.0)).collect()).collect(),
        Space::MultiBinary(n) => (0..*n).map(|_| vec![(0.0, 1.0), (1.0, 1.0)]).collect(),
        Space::Box { low, .. } => (0..low.len())
            .map(|j| {
                let (mean, std) = (f64::from(outputs[j]), f64::from(outputs[low.len() + j]).exp());
                let cells = 600;
                let width = 24.0 * std / f64::from(cells);
                (0..cells).map(|i| (mean - 12.0 * std + (f64::from(i) + 0.5) * width, width)).collect()
            })
            .collect(),
    };
    let mut points = vec![(Vec::new(), 1.0)];
    for axis in axes {
        points = points
            .into_iter()
            .flat_map(|(point, weight)| {
                axis.iter().map(move |(x, w)| ([point.clone(), vec![*x]].concat(), weight * w)).collect::<Vec<_>>()
            })
            .collect();
    }
    points.into_iter().unzip()
}

fn log_prob(distribution: &Distribution, outputs: &[f32], action: &[f64]) -> f64 {
    if distribution.is_real() {
        distribution.log_prob(outputs, Action::Reals(action))
    } else {
        let action: Vec<i64> = action.iter().map(|x| *x as i64).collect();
        distribution.log_prob(outputs, Action::Integers(&action))
    }
}

fn score(distribution: &Distribution, outputs: &[f32], action: &[f64]) -> Vec<f64> {
    let mut slot = vec![0.0; distribution.outputs()];
    if distribution.is_real() {
        distribution.add_score(outputs, Action::Reals(action), 1.0, &mut slot);
    } else {
        let action: Vec<i64> = action.iter().map(|x| *x as i64).collect();
        distribution.add_score(outputs, Action::Integers(&action), 1.0, &mut slot);
    }
    slot
}

#[test]
fn densities_integrate_to_one_and_entropy_kl_tv_to_their_definitions() {
    let mut rng = Stream::new(1, Purpose::Test, 0);
    for space in spaces() {
        let distribution = Distribution::new(&space);
        let (p, q) = (outputs(&distribution, &mut rng), outputs(&distribution, &mut rng));
        let (points, weights) = quadrature(&space, &p);
        let (mut one, mut entropy, mut kl, mut tv) = (0.0, 0.0, 0.0, 0.0);
        for (action, weight) in points.iter().zip(&weights) {
            let (log_p, log_q) = (log_prob(&distribution, &p, action), log_prob(&distribution, &q, action));
            one += weight * log_p.exp();
            entropy -= weight * log_p.exp() * log_p;
            kl += weight * log_p.exp() * (log_p - log_q);
            tv += 0.5 * weight * (log_p.exp() - log_q.exp()).abs();
        }
        assert!((one - 1.0).abs() < 1e-9, "{space:?}: {one}");
        assert!((entropy - distribution.entropy(&p)).abs() < 1e-6, "{space:?}");
        assert!((kl - distribution.kl(&p, &q)).abs() < 1e-6, "{space:?}: {kl} {}", distribution.kl(&p, &q));
        assert!(distribution.kl(&p, &p).abs() < 1e-12);
        match distribution.total_variation(&p, &q) {
            TotalVariation::Exact(value) => assert!((value - tv).abs() < 1e-9, "{space:?}"),
            // The grid covers p; what q has outside only makes the true distance larger than `tv`, by less than 1e-3.
            TotalVariation::Bound(value) => assert!(value >= tv - 1e-3, "{space:?}: {value} below {tv}"),
        }
    }
}

/// Everything at once is everything one by one, to the bit; also where standard deviations stay from row to row.
#[test]
fn a_comparison_is_its_parts() {
    let mut rng = Stream::new(4, Purpose::Test, 0);
    let more = [Space::MultiDiscrete(vec![3, 2, 4]), Space::cube(6, -1.0, 1.0)];
    for space in spaces().into_iter().chain(more) {
        let distribution = Distribution::new(&space);
        let mut comparer = crate::policy::Comparer::new(&distribution);
        let (mut p, mut q) = (outputs(&distribution, &mut rng), outputs(&distribution, &mut rng));
        for row in 0..4 {
            let means = if distribution.is_real() { distribution.columns() } else { p.len() };
            let fresh = [outputs(&distribution, &mut rng), outputs(&distribution, &mut rng)];
            let moved = if row < 2 { means } else { p.len() };
            p[..moved].copy_from_slice(&fresh[0][..moved]);
            q[..moved].copy_from_slice(&fresh[1][..moved]);
            let (mut integers, mut reals) = (vec![0; distribution.columns()], vec![0.0; distribution.columns()]);
            let action = if distribution.is_real() {
                distribution.sample(&p, &mut rng, ActionMut::Reals(&mut reals));
                Action::Reals(&reals)
            } else {
                distribution.sample(&p, &mut rng, ActionMut::Integers(&mut integers));
                Action::Integers(&integers)
            };
            let expected = crate::policy::Difference {
                log_ratio: distribution.log_prob(&q, action) - distribution.log_prob(&p, action),
                kl: distribution.kl(&p, &q),
                kl_reverse: distribution.kl(&q, &p),
                tv: distribution.total_variation(&p, &q).value(),
                entropy_p: distribution.entropy(&p),
                entropy_q: distribution.entropy(&q),
            };
            assert_eq!(comparer.compare(&p, &q, action), expected, "{space:?}, row {row}");
        }
    }
}

#[test]
fn scores_and_entropy_gradients_are_derivatives() {
    let mut rng = Stream::new(2, Purpose::Test, 0);
    for space in spaces() {
        let distribution = Distribution::new(&space);
        let p = outputs(&distribution, &mut rng);
        let (points, _) = quadrature(&space, &p);
        let action = &points[points.len() / 3];
        let analytic = score(&distribution, &p, action);
        let mut entropy_gradient = vec![0.0; p.len()];
        distribution.add_entropy_gradient(&p, 1.0, &mut entropy_gradient);
        for j in 0..p.len() {
            let h = 2f32.powi(-10);
            let (mut up, mut down) = (p.clone(), p.clone());
            up[j] += h;
            down[j] -= h;
            let width = f64::from(up[j]) - f64::from(down[j]);
            let slope = (log_prob(&distribution, &up, action) - log_prob(&distribution, &down, action)) / width;
            assert!((slope - analytic[j]).abs() < 1e-4 * (1.0 + slope.abs()), "{space:?} output {j}");
            let slope = (distribution.entropy(&up) - distribution.entropy(&down)) / width;
            assert!((slope - entropy_gradient[j]).abs() < 1e-4, "{space:?} output {j}");
        }
    }
}

/// M = E[score score^T], M v by `apply_metric`, and M = U^T U by `metric_root`: three routes to one matrix.
#[test]
fn the_metric_is_the_expected_outer_product_of_scores() {
    let mut rng = Stream::new(3, Purpose::Test, 0);
    for space in spaces() {
        let distribution = Distribution::new(&space);
        let p = outputs(&distribution, &mut rng);
        let n = p.len();
        let (points, weights) = quadrature(&space, &p);
        let mut expected = vec![0.0; n * n];
        for (action, weight) in points.iter().zip(&weights) {
            let s = score(&distribution, &p, action);
            let probability = weight * log_prob(&distribution, &p, action).exp();
            for i in 0..n {
                for j in 0..n {
                    expected[i * n + j] += probability * s[i] * s[j];
                }
            }
        }
        let mut metric = Matrix::zeros(1, n);
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
                assert!((f64::from(v.row(0)[i]) - expected[i * n + j]).abs() < 1e-5 * scale, "{space:?} ({i},{j})");
                assert!((rooted[i * n + j] - expected[i * n + j]).abs() < 1e-5 * scale, "{space:?} ({i},{j})");
            }
        }
    }
}

/// Frequencies within 5 standard errors (false alarm below 1e-6 a class); the seed is fixed.
#[test]
fn samples_have_their_probabilities() {
    let mut rng = Stream::new(4, Purpose::Test, 0);
    let distribution = Distribution::new(&Space::Discrete(4));
    let p = outputs(&distribution, &mut rng);
    let mut counts = [0.0; 4];
    let n = 40_000;
    for _ in 0..n {
        let mut action = [0i64];
        distribution.sample(&p, &mut rng, ActionMut::Integers(&mut action));
        counts[action[0] as usize] += 1.0;
    }
    for (class, count) in counts.iter().enumerate() {
        let probability = log_prob(&distribution, &p, &[class as f64]).exp();
        let error = (probability * (1.0 - probability) / f64::from(n)).sqrt();
        assert!((count / f64::from(n) - probability).abs() < 5.0 * error);
    }
}

/// A logit of -infinity forbids its class: what has no probability adds nothing to an entropy or a KL.
#[test]
fn forbidden_classes_count_for_nothing() {
    let distribution = Distribution::new(&Space::Discrete(3));
    let (masked, plain) = ([0.5, f32::NEG_INFINITY, -0.5], [0.5, -0.5]);
    let two = Distribution::new(&Space::Discrete(2));
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

    let bits = Distribution::new(&Space::MultiBinary(2));
    let certain = [f32::INFINITY, f32::NEG_INFINITY];
    assert_eq!((bits.entropy(&certain), bits.kl(&certain, &certain)), (0.0, 0.0));
}
