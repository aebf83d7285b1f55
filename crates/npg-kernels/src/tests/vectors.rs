use super::super::dispatch::on_every_path;
use super::super::{AdamStep, Matrix, adam, axpy, dot, pack, pack_transposed, transpose};
use super::{Random, bits64};

#[test]
fn dot_has_the_same_bits_on_every_path() {
    let mut random = Random(11);
    for length in 0..100 {
        let (a, b) = (random.values(length), random.values(length));
        let mut sums = [0.0f64; 8];
        for (i, (x, y)) in a.iter().zip(&b).enumerate() {
            sums[i % 8] = x.mul_add(*y, sums[i % 8]);
        }
        let expected = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
        for (path, value) in on_every_path(|| dot(&a, &b)) {
            assert_eq!(value.to_bits(), expected.to_bits(), "{path:?} {length}");
        }
    }
}

#[test]
fn axpy_has_the_same_bits_on_every_path() {
    let mut random = Random(12);
    for length in 0..40 {
        let (a, x, y) = (random.value(), random.values(length), random.values(length));
        let expected: Vec<f64> = x.iter().zip(&y).map(|(x, y)| a.mul_add(*x, *y)).collect();
        for (path, value) in on_every_path(|| {
            let mut y = y.clone();
            axpy(a, &x, &mut y);
            y
        }) {
            assert_eq!(bits64(&value), bits64(&expected), "{path:?} {length}");
        }
    }
}

#[test]
fn adam_is_adam_with_the_same_bits_on_every_path() {
    let mut random = Random(13);
    for length in [0, 1, 7, 8, 9, 64, 101] {
        let theta = random.values(length);
        let gradients: Vec<Vec<f64>> = (0..5).map(|_| random.values(length)).collect();
        let (alpha, beta1, beta2, epsilon) = (1e-2, 0.9, 0.999, 1e-8);
        let results = on_every_path(|| {
            let (mut theta, mut m, mut v) = (theta.clone(), vec![0.0; length], vec![0.0; length]);
            for (t, g) in gradients.iter().enumerate() {
                let step = AdamStep { learning_rate: alpha, beta1, beta2, epsilon, step: t as u64 + 1 };
                adam(&mut theta, g, &mut m, &mut v, &step);
            }
            [theta, m, v]
        });
        for (path, vectors) in &results {
            assert_eq!(bits64(&vectors.concat()), bits64(&results[0].1.concat()), "{path:?}");
        }
        // Algorithm 1 of the paper, word for word.
        let (mut expected, mut m, mut v) = (theta.clone(), vec![0.0; length], vec![0.0; length]);
        for (t, g) in gradients.iter().enumerate() {
            for i in 0..length {
                m[i] = beta1 * m[i] + (1.0 - beta1) * g[i];
                v[i] = beta2 * v[i] + (1.0 - beta2) * g[i] * g[i];
                let m_hat = m[i] / (1.0 - beta1.powi(t as i32 + 1));
                let v_hat: f64 = v[i] / (1.0 - beta2.powi(t as i32 + 1));
                expected[i] -= alpha * m_hat / (v_hat.sqrt() + epsilon);
            }
        }
        for (x, expected) in results[0].1[0].iter().zip(&expected) {
            assert!((x - expected).abs() < 1e-14, "{x} {expected}");
        }
    }
}

#[test]
fn weights_are_packed_and_transposed_on_every_path() {
    let mut random = Random(14);
    for _ in 0..60 {
        let (rows, columns) = (random.up_to(70), random.up_to(70));
        let weights = random.values(rows * columns);
        for (path, [packed, turned, turned_back]) in on_every_path(|| {
            let mut packed = Matrix::zeros(rows, columns);
            pack(&weights, columns, &mut packed);
            let mut turned = Matrix::zeros(columns, rows);
            pack_transposed(&weights, &mut turned);
            let mut turned_back = Matrix::zeros(rows, columns);
            transpose(&turned, &mut turned_back);
            [packed, turned, turned_back]
        }) {
            let mut expected = [Matrix::zeros(rows, columns), Matrix::zeros(columns, rows)];
            for i in 0..rows {
                for j in 0..columns {
                    expected[0].row_mut(i)[j] = weights[i * columns + j] as f32;
                    expected[1].row_mut(j)[i] = weights[i * columns + j] as f32;
                }
            }
            assert!([&packed, &turned] == [&expected[0], &expected[1]], "{path:?} {rows} x {columns}");
            assert!(turned_back == packed, "{path:?} {rows} x {columns}");
        }
    }
}

#[test]
#[should_panic(expected = "size of the weights")]
fn too_few_weights_panic() {
    pack_transposed(&[0.0; 5], &mut Matrix::zeros(2, 3));
}

#[test]
#[should_panic(expected = "shapes of a transpose")]
fn a_transpose_to_the_same_shape_panics() {
    transpose(&Matrix::zeros(2, 3), &mut Matrix::zeros(2, 3));
}
