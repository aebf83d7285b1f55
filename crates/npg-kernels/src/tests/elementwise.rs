use super::super::dispatch::on_every_path;
use super::super::{Activation, exp, multiply, multiply_by_relu_slopes, multiply_by_tanh_slopes, sigmoid, sine};
use super::{Random, bits};

const ACTIVATIONS: [Activation; 4] = [Activation::Tanh, Activation::Relu, Activation::Gelu, Activation::Silu];

/// Zeros, the smallest and largest numbers, infinities and NaN, and numbers in between, of both signs.
fn special() -> Vec<f32> {
    let sizes = [0.0, f32::from_bits(1), f32::MIN_POSITIVE, 1e-20, 1e-4, 0.5, 1.0, 9.01, 9.45, 20.0, 87.5, 88.8, 103.9];
    let sizes = sizes.into_iter().chain([104.1, 1e5, 1e10, 2e19, f32::MAX, f32::INFINITY, f32::NAN]);
    sizes.flat_map(|x| [x, -x]).collect()
}

/// About a hundred values in every binade of both signs, and evenly spaced values within +-limit.
fn sweep(limit: f32) -> Vec<f32> {
    let every_binade = (0..u32::MAX / 83_777).map(|i| f32::from_bits(i * 83_777)).filter(|x| x.is_finite());
    let even = (0..=400_000).map(|i| limit * (i as f32 / 200_000.0 - 1.0));
    every_binade.chain(even).collect()
}

/// The largest error within +-limit, in units in the last place of the exact value.
fn largest_error(function: impl Fn(&mut [f32]), exact: impl Fn(f64) -> f64, limit: f32) -> f64 {
    let mut x = sweep(limit);
    x.retain(|x| x.abs() <= limit);
    let mut y = x.clone();
    function(&mut y);
    let mut largest = 0.0f64;
    for (x, y) in x.into_iter().zip(y) {
        let exact = exact(f64::from(x));
        let rounded = (exact as f32).abs();
        if rounded == f32::INFINITY {
            assert_eq!(y, exact as f32, "at {x}");
            continue;
        }
        let unit = f64::from(f32::from_bits(rounded.to_bits() + 1) - rounded);
        let error =
            (f64::from(y) - exact).abs() / if unit.is_finite() { unit } else { f64::from(f32::MAX) * 2f64.powi(-24) };
        assert!(error < 100.0, "{y} at {x} should be {exact}");
        largest = largest.max(error);
    }
    largest
}

#[test]
fn errors_are_a_few_units_of_the_last_place() {
    let tanh = largest_error(|x| Activation::Tanh.apply(x), f64::tanh, f32::MAX);
    assert!(tanh < 5.7, "tanh {tanh}");
    let exp = largest_error(exp, f64::exp, f32::MAX);
    assert!(exp < 1.1, "exp {exp}");
    let sigmoid = largest_error(sigmoid, |x| 1.0 / (1.0 + (-x).exp()), 87.0);
    assert!(sigmoid < 2.5, "sigmoid {sigmoid}");
    let sine = largest_error(sine, f64::sin, 1e5);
    assert!(sine < 2.1, "sine {sine}");
}

#[test]
fn limits_and_special_values() {
    let on = |function: &dyn Fn(&mut [f32]), x: f32| {
        let mut values = [x];
        function(&mut values);
        values[0]
    };
    let inf = f32::INFINITY;
    for x in [1e-45, 1e-30, 0.0, -0.0] {
        assert_eq!(on(&|x| Activation::Tanh.apply(x), x).to_bits(), x.to_bits());
        assert_eq!(on(&|x| sine(x), x), x);
    }
    for (x, y) in [(9.45, 1.0), (f32::MAX, 1.0), (inf, 1.0), (-inf, -1.0)] {
        assert_eq!(on(&|x| Activation::Tanh.apply(x), x), y);
    }
    for (x, y) in [(0.0, 1.0), (inf, inf), (-inf, 0.0), (89.0, inf), (-104.0, 0.0)] {
        assert_eq!(on(&|x| exp(x), x), y);
    }
    assert!(on(&|x| sine(x), inf).is_nan());
    for x in [1e6, 1e12, f32::MAX] {
        assert!(on(&|x| sine(x), x).abs() <= 1.0);
    }
    for activation in ACTIVATIONS {
        assert!(on(&|x| activation.apply(x), f32::NAN).is_nan());
        let unbounded = activation != Activation::Tanh;
        let (mut values, mut slopes) = ([inf, -inf, f32::MAX, f32::MIN], [0.0; 4]);
        activation.apply_with_slopes(&mut values, &mut slopes);
        assert_eq!(values, if unbounded { [inf, 0.0, f32::MAX, 0.0] } else { [1.0, -1.0, 1.0, -1.0] });
        assert_eq!(slopes, if unbounded { [1.0, 0.0, 1.0, 0.0] } else { [0.0; 4] });
    }
    for function in [exp, sine, sigmoid] {
        assert!(on(&function, f32::NAN).is_nan());
    }
}

#[test]
fn tanh_is_at_most_one_and_odd() {
    let mut y = sweep(10.0);
    let mut minus_y: Vec<f32> = y.iter().map(|x| -x).collect();
    Activation::Tanh.apply(&mut y);
    Activation::Tanh.apply(&mut minus_y);
    for (y, minus_y) in y.iter().zip(&minus_y) {
        assert!(y.abs() <= 1.0 && *y == -minus_y);
    }
}

#[test]
fn activations_and_slopes_are_those_of_their_definitions() {
    let gelu_inner = |x: f64| (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
    let definition = |activation, x: f64| match activation {
        Activation::Tanh => x.tanh(),
        Activation::Relu => x.max(0.0),
        Activation::Gelu => x / (1.0 + (-2.0 * gelu_inner(x)).exp()),
        Activation::Silu => x / (1.0 + (-x).exp()),
    };
    for activation in ACTIVATIONS {
        let mut x = sweep(12.0);
        x.retain(|x| x.abs() <= 200.0 && x.abs() >= 1e-4);
        let (mut values, mut slopes, mut alone) = (x.clone(), vec![0.0; x.len()], x.clone());
        activation.apply_with_slopes(&mut values, &mut slopes);
        activation.apply(&mut alone);
        assert_eq!(bits(&values), bits(&alone));
        for ((x, value), slope) in x.into_iter().zip(values).zip(slopes) {
            let x = f64::from(x);
            let (exact, h) = (definition(activation, x), 1e-5);
            assert!((f64::from(value) - exact).abs() <= 5e-7 * x.abs(), "{activation:?} {value} at {x}");
            let exact = (definition(activation, x + h) - definition(activation, x - h)) / (2.0 * h);
            assert!((f64::from(slope) - exact).abs() < 2e-6, "{activation:?} slope {slope} at {x} should be {exact}");
        }
    }
}

#[test]
fn every_path_and_every_position_gives_the_same_bits() {
    let mut random = Random(21);
    let mut x = special();
    x.extend((0..4000).map(|_| f32::from_bits(random.bits() as u32)));
    x.extend((0..4000).map(|_| 20.0 * random.value() as f32));
    let compute = |x: &[f32]| {
        let mut results = vec![];
        for activation in ACTIVATIONS {
            let (mut values, mut slopes, mut alone) = (x.to_vec(), vec![0.0; x.len()], x.to_vec());
            activation.apply_with_slopes(&mut values, &mut slopes);
            activation.apply(&mut alone);
            results.extend([values, slopes, alone]);
        }
        for function in [exp, sine, sigmoid] {
            let mut values = x.to_vec();
            function(&mut values);
            results.push(values);
        }
        let mut values = x.to_vec();
        multiply(&mut values, &results[0]);
        results.push(values);
        // The slopes of tanh and of relu, stored and recomputed.
        for (first, by_slopes) in [(0, multiply_by_tanh_slopes as fn(&mut [f32], &[f32])), (3, multiply_by_relu_slopes)]
        {
            let (mut stored, mut recomputed) = (x.to_vec(), x.to_vec());
            multiply(&mut stored, &results[first + 1]);
            by_slopes(&mut recomputed, &results[first]);
            assert_eq!(bits(&stored), bits(&recomputed));
            results.push(recomputed);
        }
        results
    };
    let paths = on_every_path(|| compute(&x));
    for (path, results) in &paths {
        for (i, (result, first)) in results.iter().zip(&paths[0].1).enumerate() {
            assert_eq!(bits(result), bits(first), "{path:?}, result {i}");
        }
    }
    for length in 0..40 {
        let from = random.up_to(1000);
        for (part, whole) in compute(&x[from..from + length]).iter().zip(&paths[0].1) {
            assert_eq!(bits(part), bits(&whole[from..from + length]));
        }
    }
}
