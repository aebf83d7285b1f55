//! Compares the closed forms with sums over time, differences and samples.

use super::*;
use npg_core::random::{Purpose, Stream};

const RICH: Lqr = Lqr { a: 1.1, b: 0.7, q: 0.9, r: 0.3, gamma: 0.93, noise: 0.05, start_mean: 0.4, start_var: 0.2 };
const POLICY: AffineGaussian = AffineGaussian { k: -0.9, bias: 0.3, sigma: 0.4 };

fn assert_close(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "{a} {b}");
}

fn policy(x: [f64; 3]) -> AffineGaussian {
    AffineGaussian { k: x[0], bias: x[1], sigma: x[2] }
}

/// The central differences of `value` at `here`.
fn differences<const N: usize>(here: [f64; N], value: impl Fn([f64; N]) -> f64) -> [f64; N] {
    let step = 1e-5;
    std::array::from_fn(|i| {
        let moved = |by: f64| std::array::from_fn(|j| here[j] + if i == j { by } else { 0.0 });
        (value(moved(step)) - value(moved(-step))) / (2.0 * step)
    })
}

/// sum gamma^t (1, E s_t, E s_t^2) and J, term by term.
fn series(lqr: &Lqr, policy: &AffineGaussian, steps: usize) -> ([f64; 3], f64) {
    let AffineGaussian { k, bias, sigma } = *policy;
    let (mut sums, mut value, mut weight) = ([0.0; 3], 0.0, 1.0);
    let (mut mean, mut square) = (lqr.start_mean, lqr.start_mean.powi(2) + lqr.start_var);
    for _ in 0..steps {
        let action = k * k * square + 2.0 * k * bias * mean + bias * bias + sigma * sigma;
        value += weight * -0.5 * (lqr.q * square + lqr.r * action);
        sums = std::array::from_fn(|i| sums[i] + weight * [1.0, mean, square][i]);
        let cross = k * square + bias * mean; // E s u
        let next = lqr.a * lqr.a * square + 2.0 * lqr.a * lqr.b * cross + lqr.b * lqr.b * action + lqr.noise;
        mean = lqr.a * mean + lqr.b * (k * mean + bias);
        square = next;
        weight *= lqr.gamma;
    }
    (sums, value)
}

#[test]
fn closed_forms_are_the_series() {
    for (lqr, policy) in [(RICH, POLICY), (Lqr::unique_optimum(), policy([-0.4, -0.2, 0.3]))] {
        let local = lqr.affine(&policy).unwrap();
        let (sums, value) = series(&lqr, &policy, 3000);
        assert_close(local.value, value, 1e-12);
        let fisher = local.fisher.unwrap();
        let precision = 1.0 / policy.sigma.powi(2);
        assert_close(fisher[0][0], precision * sums[2] / sums[0], 1e-12);
        assert_close(fisher[0][1], precision * sums[1] / sums[0], 1e-12);
        assert_close(fisher[1][1], precision, 1e-12);
        assert_close(fisher[2][2], 2.0 * precision, 1e-12);
        assert_eq!([fisher[0][2], fisher[1][2], fisher[2][0], fisher[2][1]], [0.0; 4]);
    }
}

#[test]
fn gradients_are_differences_and_natural_gradients_solve() {
    let here = [POLICY.k, POLICY.bias, POLICY.sigma];
    let local = RICH.affine(&POLICY).unwrap();
    let expected = differences(here, |x| RICH.affine(&policy(x)).unwrap().value);
    (0..3).for_each(|i| assert_close(local.gradient[i], expected[i], 1e-8));

    let logarithmic = local.in_log_sigma(POLICY.sigma);
    let value = |x: [f64; 3]| RICH.affine(&policy([x[0], x[1], x[2].exp()])).unwrap().value;
    let expected = differences([here[0], here[1], here[2].ln()], value);
    (0..3).for_each(|i| assert_close(logarithmic.gradient[i], expected[i], 1e-8));
    assert_close(logarithmic.fisher.unwrap()[2][2], 2.0, 1e-12); // the Fisher information of log sigma, whatever sigma is

    for local in [local, logarithmic, RICH.finite(&POLICY, 7).unwrap()] {
        let (fisher, natural) = (local.fisher.unwrap(), local.natural.unwrap());
        for (row, g) in fisher.iter().zip(local.gradient) {
            assert_close(row.iter().zip(natural).map(|(f, x)| f * x).sum(), g, 1e-12);
        }
    }
}

#[test]
fn without_bias_it_is_the_formula_of_the_figure() {
    let (k, sigma) = (-0.8, 0.25);
    let local = RICH.at(k, sigma).unwrap();
    let (c, d) = (RICH.a + RICH.b * k, 1.0 / (1.0 - RICH.gamma));
    let keeps = 1.0 - RICH.gamma * c * c;
    let m0 = RICH.start_mean.powi(2) + RICH.start_var;
    let m = (m0 + RICH.gamma * d * (RICH.b.powi(2) * sigma * sigma + RICH.noise)) / keeps;
    let p = (RICH.q + RICH.r * k * k) / keeps;
    assert_close(local.value, -0.5 * ((RICH.q + RICH.r * k * k) * m + RICH.r * sigma * sigma * d), 1e-14);
    let slopes = [RICH.r * k + RICH.gamma * RICH.b * c * p, RICH.r + RICH.gamma * RICH.b * RICH.b * p];
    assert_close(local.gradient[0], -m * slopes[0], 1e-14);
    assert_close(local.gradient[1], -sigma * d * slopes[1], 1e-14);
    let natural = local.natural.unwrap();
    assert_close(natural[0], -sigma * sigma * d * slopes[0], 1e-14);
    assert_close(natural[1], -0.5 * sigma.powi(3) * d * slopes[1], 1e-14);
    let fisher = local.fisher.unwrap();
    assert_close(fisher[0][0], m / d / sigma.powi(2), 1e-14);
    assert_close(fisher[0][0] * natural[0], local.gradient[0], 1e-13);
    assert_close(fisher[1][1] * natural[1], local.gradient[1], 1e-13);
    assert_eq!((fisher[0][1], fisher[1][0]), (0.0, 0.0));
}

#[test]
fn finite_horizons_are_series_and_differences() {
    for (gamma, k, horizon) in [(0.93, -0.9, 1), (1.0, -0.9, 20), (0.5, 3.0, 8)] {
        let (lqr, here) = (Lqr { gamma, ..RICH }, [k, 0.3, 0.4]);
        let local = lqr.finite(&policy(here), horizon).unwrap();
        let (sums, value) = series(&lqr, &policy(here), horizon);
        assert_close(local.value, value, 1e-12);
        assert_close(local.fisher.unwrap()[0][0], sums[2] / sums[0] / 0.16, 1e-12);
        let expected = differences(here, |x| lqr.finite(&policy(x), horizon).unwrap().value);
        (0..3).for_each(|i| assert_close(local.gradient[i], expected[i], 1e-7));
    }
    // A long horizon is like an infinite one: gamma^2000 is 1e-63.
    let (long, endless) = (RICH.finite(&POLICY, 2000).unwrap(), RICH.affine(&POLICY).unwrap());
    assert_close(long.value, endless.value, 1e-12);
    (0..3).for_each(|i| assert_close(long.gradient[i], endless.gradient[i], 1e-12));
    (0..3).for_each(|i| assert_close(long.natural.unwrap()[i], endless.natural.unwrap()[i], 1e-10));
    assert!(RICH.finite(&POLICY, 0).is_none());
    let fixed = Lqr { start_var: 0.0, ..RICH }; // there is only one state, so k and bias have the same effect
    assert!(fixed.finite(&POLICY, 1).unwrap().natural.is_none());
}

/// 20,000 episodes of 12 steps. Their mean is within 4 standard errors (a false alarm has a probability of 6e-5).
#[test]
fn sampled_returns_have_the_mean_j() {
    let mut rng = Stream::new(7, Purpose::Test, 0);
    let episode = |rng: &mut Stream| {
        let mut s = RICH.start_mean + RICH.start_var.sqrt() * rng.normal();
        let (mut total, mut weight) = (0.0, 1.0);
        for _ in 0..12 {
            let u = POLICY.mean(s) + POLICY.sigma * rng.normal();
            total += weight * RICH.reward(s, u);
            s = RICH.next(s, u, RICH.noise.sqrt() * rng.normal());
            weight *= RICH.gamma;
        }
        total
    };
    let returns: Vec<f64> = (0..20_000).map(|_| episode(&mut rng)).collect();
    let mean = returns.iter().sum::<f64>() / 2e4;
    let variance = returns.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 2e4;
    let expected = RICH.finite(&POLICY, 12).unwrap().value;
    assert!((mean - expected).abs() < 4.0 * (variance / 2e4).sqrt(), "{mean} {expected}");
}

#[test]
fn the_riccati_equation_finds_the_optimum() {
    for lqr in [RICH, Lqr::published(), Lqr { a: 1.7, q: 0.01, r: 5.0, ..RICH }, Lqr { q: 0.0, a: 1.3, ..RICH }] {
        let best = lqr.optimum().unwrap();
        // dJ/dk is 0 there for any sigma, and J falls on both sides.
        let local = lqr.at(best.k, 0.1).unwrap();
        assert!(local.gradient[0].abs() < 1e-12 * (1.0 + local.value.abs()), "{lqr:?} {local:?}");
        assert!(lqr.at(best.k + 0.01, 0.1).unwrap().value < local.value);
        assert!(lqr.at(best.k - 0.01, 0.1).unwrap().value < local.value);
        assert_eq!(lqr.at(best.k, 0.0).unwrap().value, best.value);
        // An affine policy is no better.
        assert!(lqr.affine(&AffineGaussian { k: best.k, bias: 0.1, sigma: 0.0 }).unwrap().value < best.value);
    }
    for lqr in [Lqr::published(), Lqr::unique_optimum()] {
        assert_close(lqr.optimum().unwrap().k, -1.0, 1e-14);
    }
    assert_close(Lqr::published().r, 0.0831, 1e-4);
    // With a cost of 1 for both, taken literally, the optimum is not at -1.
    let literal = Lqr { a: 1.0, b: 1.0, q: 1.0, r: 1.0, gamma: 0.9, ..RICH };
    assert_close(literal.optimum().unwrap().k, -0.588, 1e-3);
}

#[test]
fn degenerate_worlds_have_an_answer() {
    let free = Lqr { q: 0.0, r: 0.0, ..RICH };
    assert_eq!(free.optimum().unwrap().value, 0.0);
    assert_eq!(Lqr { b: 0.0, a: 0.5, ..RICH }.optimum().unwrap().k, 0.0);
    assert_eq!(Lqr { b: 0.0, a: 2.0, ..RICH }.optimum(), None); // nothing stabilizes the state
    assert_eq!(Lqr { gamma: 0.0, ..RICH }.optimum().unwrap().k, 0.0); // the future does not count
    assert_eq!(Lqr { gamma: 0.0, r: 0.0, b: 0.0, ..RICH }.optimum().unwrap().k, 0.0);
    assert_eq!(Lqr { q: 1e308, a: 1e200, ..RICH }.optimum(), None);
}

#[test]
fn where_j_is_infinite_there_is_nothing() {
    let lqr = Lqr::published();
    let [low, high] = lqr.finite_gains(); // where gamma c^2 = 1
    assert!(lqr.at(high - 1e-6, 0.1).is_some() && lqr.at(high + 1e-6, 0.1).is_none());
    assert!(lqr.at(low + 1e-6, 0.1).is_some() && lqr.at(low - 1e-6, 0.1).is_none());
    assert_eq!(Lqr { b: -lqr.b, ..lqr }.finite_gains(), [-high, -low]);
    let (all, none) = ([f64::NEG_INFINITY, f64::INFINITY], [f64::INFINITY, f64::NEG_INFINITY]);
    assert_eq!([Lqr { b: 0.0, ..lqr }, Lqr { gamma: 0.0, ..lqr }].map(|lqr| lqr.finite_gains()), [all; 2]);
    assert_eq!(Lqr { b: 0.0, a: 1.1, ..lqr }.finite_gains(), none);
    for k in [f64::NAN, f64::INFINITY, 1e300] {
        assert!(lqr.at(k, 0.1).is_none());
        assert!(Lqr { gamma: 0.0, ..lqr }.at(k, f64::INFINITY).is_none());
    }
    assert!(Lqr { gamma: 1.0, ..lqr }.at(-1.0, 0.1).is_none());
}

#[test]
fn at_sigma_0_only_j_and_its_gradient_are_known() {
    let local = Lqr::unique_optimum().at(-0.5, 0.0).unwrap();
    assert!(local.value < 0.0 && local.gradient[0] < 0.0 && local.gradient[1] == 0.0);
    assert_eq!((local.fisher, local.natural), (None, None));
    assert_eq!(Lqr::published().at(-0.5, 0.0).unwrap().value, 0.0); // the state stays at 0
    assert!(Lqr::published().at(-0.5, 1e-200).unwrap().fisher.is_none()); // 1 / sigma^2 overflows
}

/// The natural direction depends neither on the noise nor on the start. In the second world it is -(1 + k, sigma / 2).
#[test]
fn natural_directions_of_the_figure() {
    let unique = Lqr::unique_optimum();
    for (k, sigma) in [(-1.8, 0.4), (-0.3, 0.1), (-1.2, 0.5)] {
        let natural = unique.at(k, sigma).unwrap().natural.unwrap();
        assert_close(natural[0] * 0.5 * sigma, natural[1] * (1.0 + k), 1e-13);
        let other = Lqr { noise: 3.0, start_mean: -2.0, start_var: 0.5, ..unique };
        let others = other.at(k, sigma).unwrap().natural.unwrap();
        (0..2).for_each(|i| assert_close(others[i], natural[i], 1e-14));
    }
}

#[test]
fn bad_numbers_are_named() {
    for lqr in [RICH, Lqr::published(), Lqr::unique_optimum()] {
        lqr.validate().unwrap();
    }
    let message = Lqr { gamma: 1.0, q: -2.0, noise: f64::INFINITY, a: f64::NAN, ..RICH }.validate().unwrap_err();
    let message = message.to_string();
    for part in
        ["lqr.gamma: is 1; use a discount from 0 to below 1", "lqr.q: is -2;", "lqr.noise: is inf", "lqr.a: is NaN"]
    {
        assert!(message.contains(part), "{message}");
    }
}
