//! Compares all solvers with each other and with the definition of the residual.

use super::*;
use crate::random::{Purpose, Stream};

/// A = S^T S / N, with N rows of normal numbers in S.
fn problem(samples: usize, parameters: usize) -> (Dense, Dense, Vec<f64>) {
    let mut rng = Stream::new(5, Purpose::Test, 0);
    let mut scores = Dense::zeros(samples, parameters);
    (0..samples).for_each(|i| scores.row_mut(i).iter_mut().for_each(|x| *x = rng.normal()));
    let product = |i, j| (0..samples).map(|k| scores[(k, i)] * scores[(k, j)]).sum::<f64>() / samples as f64;
    let fisher = Dense::from_fn(parameters, parameters, product);
    let g = (0..parameters).map(|_| rng.normal()).collect();
    (scores, fisher, g)
}

fn product(fisher: &Dense, v: &[f64]) -> Vec<f64> {
    fisher.times(v)
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    let norm = b.iter().map(|x| x * x).sum::<f64>().sqrt();
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt() / norm
}

#[test]
fn all_solvers_agree() {
    for (samples, parameters) in [(60, 20), (15, 40)] {
        let (scores, fisher, g) = problem(samples, parameters);
        for damping in [0.5, 0.01] {
            let options = CgOptions { iterations: 500, tolerance: 1e-13, damping, start: None, preconditioner: None };
            let cg = conjugate_gradient(|v| product(&fisher, v), &g, options).unwrap();
            let dense = cholesky(fisher.clone(), &g, damping).unwrap();
            let push_through = woodbury(&scores, &g, damping).unwrap();
            assert!(distance(&cg.x, &dense.x) < 1e-9);
            assert!(distance(&push_through.x, &dense.x) < 1e-9);
        }
    }
}

/// A preconditioner does not change the solution. A diagonal one compensates for badly chosen units at once.
#[test]
fn a_preconditioner_saves_iterations() {
    let (_, fisher, g) = problem(200, 30);
    let units: Vec<f64> = (0..30).map(|i| libm::pow(10.0, f64::from(i % 5))).collect();
    let scaled = Dense::from_fn(30, 30, |i, j| units[i] * fisher[(i, j)] * units[j]);
    let divided = |r: &[f64]| (0..30).map(|i| r[i] / scaled[(i, i)]).collect::<Vec<f64>>();
    let options = CgOptions { iterations: 2000, tolerance: 1e-10, damping: 0.0, start: None, preconditioner: None };
    let plain = conjugate_gradient(|v| product(&scaled, v), &g, options).unwrap();
    let helped = CgOptions { preconditioner: Some(&divided), ..options };
    let preconditioned = conjugate_gradient(|v| product(&scaled, v), &g, helped).unwrap();
    let expected = cholesky(scaled.clone(), &g, 0.0).unwrap();
    assert!(distance(&preconditioned.x, &expected.x) < 1e-6);
    let [plain, preconditioned] = [plain, preconditioned].map(|solution| solution.iterations.unwrap());
    assert!(preconditioned <= 40 && 2 * preconditioned < plain, "{preconditioned} iterations against {plain}");
}

/// The reported residual is the true one after every number of iterations, so p and r do not share storage.
#[test]
fn the_residual_is_true_and_x_a_x_equals_g_x() {
    let (_, fisher, g) = problem(200, 50);
    let damping = 0.1;
    let mut last = f64::INFINITY;
    for iterations in [1, 2, 5, 10] {
        let options = CgOptions { iterations, tolerance: 0.0, damping, start: None, preconditioner: None };
        let cg = conjugate_gradient(|v| product(&fisher, v), &g, options).unwrap();
        let mut image = product(&fisher, &cg.x);
        image.iter_mut().zip(&cg.x).for_each(|(i, x)| *i += damping * x);
        let residual = cg.residual.unwrap();
        assert!((distance(&image, &g) - residual).abs() < 1e-12);
        let (xax, gx) = (dot(&cg.x, &image), dot(&g, &cg.x));
        assert!((xax - gx).abs() < 1e-10 * gx, "{xax} {gx}");
        assert!(residual < last, "CG did not improve");
        last = residual;
    }
    assert!(last < 0.05, "ten iterations leave {last}");
}

#[test]
fn a_warm_start_at_the_solution_needs_no_iteration() {
    let (_, fisher, g) = problem(60, 20);
    let x = cholesky(fisher.clone(), &g, 0.1).unwrap().x;
    let options = CgOptions { iterations: 10, tolerance: 1e-8, damping: 0.1, start: Some(&x), preconditioner: None };
    let cg = conjugate_gradient(|v| product(&fisher, v), &g, options).unwrap();
    assert_eq!(cg.iterations, Some(0));
}

#[test]
fn bad_operators_are_refused() {
    let options = CgOptions { iterations: 3, tolerance: 0.0, damping: 0.0, start: None, preconditioner: None };
    let negative = conjugate_gradient(|v| v.iter().map(|x| -x).collect(), &[1.0, 2.0], options);
    assert_eq!(negative, Err(SolveError::NotPositive { curvature: -5.0 }));
    let nan = conjugate_gradient(|v| vec![f64::NAN; v.len()], &[1.0, 2.0], options);
    assert_eq!(nan, Err(SolveError::NotFinite { iteration: 1 }));
    let start = Some(&[f64::NAN, 0.0][..]);
    let poisoned = conjugate_gradient(<[f64]>::to_vec, &[1.0, 2.0], CgOptions { start, ..options });
    assert_eq!(poisoned, Err(SolveError::NotFinite { iteration: 0 }));
    assert_eq!(cholesky(Dense::zeros(2, 2), &[1.0, 1.0], 0.0), Err(SolveError::NotFactorizable { order: 2 }));
}

/// What is solved before a direction of negative curvature is kept, however small or large that curvature is.
#[test]
fn a_later_negative_curvature_ends_the_solve_with_an_uphill_direction() {
    let g = [1.0, 1.0, 1.0];
    for last in [-1e-22, -1e-3, -10.0] {
        let product = |v: &[f64]| vec![2.0 * v[0], v[1], last * v[2]];
        let options = CgOptions { iterations: 10, tolerance: 1e-12, damping: 0.0, start: None, preconditioner: None };
        let once = conjugate_gradient(product, &g, CgOptions { iterations: 1, ..options });
        if last < -5.0 {
            assert_eq!(once, Err(SolveError::NotPositive { curvature: 3.0 + last }));
            continue;
        }
        let all = conjugate_gradient(product, &g, options).unwrap();
        assert!(all.iterations >= once.unwrap().iterations && dot(&g, &all.x) > 0.0, "{all:?}");
        assert!(all.residual.unwrap() > 1e-3, "{all:?}");
    }
}

/// Without damping, only the rounding error of g is left in directions without curvature.
#[test]
fn a_singular_matrix_gives_the_shortest_solution_or_an_error() {
    let (_, mut fisher, _) = problem(60, 20);
    for i in 0..20 {
        (fisher[(i, 19)], fisher[(19, i)]) = (0.0, 0.0);
    }
    let mut rng = Stream::new(6, Purpose::Test, 0);
    let z: Vec<f64> = (0..20).map(|i| if i < 19 { rng.normal() } else { 0.0 }).collect();
    let mut g = product(&fisher, &z);
    g[19] = 1e-8; // the norm of g is about 5
    for flat in [1e-9, 0.0, -1e-9] {
        let mut noisy = fisher.clone();
        noisy[(19, 19)] = flat;
        let options = CgOptions { iterations: 100, tolerance: 0.0, damping: 0.0, start: None, preconditioner: None };
        let cg = conjugate_gradient(|v| product(&noisy, v), &g, options).unwrap();
        assert!(distance(&cg.x, &z) < 1e-6, "{flat}: {:?} instead of {z:?}", cg.x);
    }
    let singular = Err(SolveError::NotFactorizable { order: 20 });
    for i in 0..20 {
        fisher[(19, i)] = fisher[(18, i)];
    }
    fisher[(19, 19)] = fisher[(18, 18)] * (1.0 + 1e-14);
    fisher[(19, 18)] = fisher[(18, 18)];
    assert_eq!(cholesky(fisher, &g, 0.0), singular);
}

/// This was refused once: iterations after convergence divided zero by zero.
#[test]
fn more_iterations_than_needed_do_no_harm() {
    let (_, fisher, g) = problem(60, 20);
    let options = CgOptions { iterations: 10_000, tolerance: 0.0, damping: 0.1, start: None, preconditioner: None };
    let cg = conjugate_gradient(|v| product(&fisher, v), &g, options).unwrap();
    assert!(distance(&cg.x, &cholesky(fisher, &g, 0.1).unwrap().x) < 1e-12);
    assert!(cg.iterations.unwrap() < 100);
}

/// The damping takes effect exactly, however small it is compared with the largest curvature (1 / sigma^2 of a narrow
/// Gaussian).
#[test]
fn flat_directions_have_the_curvature_of_the_damping() {
    let product = |v: &[f64]| vec![1e4 * v[0], 0.0 * v[1]];
    let options = CgOptions { iterations: 10, tolerance: 1e-12, damping: 1e-4, start: None, preconditioner: None };
    let cg = conjugate_gradient(product, &[1.0, 1.0], options).unwrap();
    assert!(distance(&cg.x, &[1.0 / (1e4 + 1e-4), 1e4]) < 1e-12, "{cg:?}");
}

/// The Fisher metric of a mean is 1 / sigma^2, and that of log sigma is 2. They differ more and more as sigma falls, but the
/// matrix is not singular.
#[test]
fn a_narrow_gaussian_has_a_regular_fisher_matrix() {
    let fisher = Dense::from_fn(2, 2, |i, j| if i == j { [1e13, 2.0][i] } else { 0.0 });
    assert!(distance(&cholesky(fisher, &[1e13, 2.0], 0.0).unwrap().x, &[1.0, 1.0]) < 1e-14);
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
