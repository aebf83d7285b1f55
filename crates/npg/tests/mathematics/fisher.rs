//! The Fisher matrix in four ways: by products, as a dense matrix, by its definition (outer products of scores, summed over
//! actions), and as the Hessian of the KL. Also the properties that it must have.

use crate::cases::{Case, families, family, matrix};
use crate::oracle::{add_outer, distance, dot, image, moved, norm};
use faer::{Mat, Side};
use npg::env::ActionRows;
use npg::problem::{PolicySnapshot, States};
use npg::solve::Dense;

fn column(matrix: &Dense, j: usize) -> Vec<f64> {
    (0..matrix.rows()).map(|i| matrix[(i, j)]).collect()
}

/// In ascending order.
fn eigenvalues(matrix: &Dense) -> Vec<f64> {
    let matrix = Mat::from_fn(matrix.rows(), matrix.columns(), |i, j| matrix[(i, j)]);
    matrix.self_adjoint_eigenvalues(Side::Lower).unwrap()
}

#[test]
fn products_and_the_dense_matrix_are_the_expected_outer_product_of_scores() {
    for family in families() {
        let case = Case::new(&family, 150, 2);
        for (weights, states) in [(&case.ones, case.states()), (&case.weights, case.weighted())] {
            let at = PolicySnapshot::new(&case.policy, states, 1.0);
            let expected = case.oracle.fisher(&case.policy.theta, &case.states, weights);
            let dense = at.dense_fisher();
            let largest = expected.iter().map(|row| norm(row)).fold(0.0, f64::max);
            for (j, row) in expected.iter().enumerate() {
                let error = norm(&moved(&column(&dense, j), -1.0, row)) / largest;
                assert!(error < 1e-6, "{}, column {j} of the dense matrix: {error:e}", case.name);
                let mut unit = vec![0.0; row.len()];
                unit[j] = 1.0;
                let error = norm(&moved(&at.fisher_product(&unit), -1.0, row)) / largest;
                assert!(error < 1e-6, "{}, product with unit vector {j}: {error:e}", case.name);
            }
            let v = case.direction(&mut case.rng());
            let error = distance(&at.fisher_product(&v), &image(&expected, &v));
            assert!(error < 2e-6, "{}: {error:e}", case.name);
        }
    }
}

#[test]
fn a_product_is_the_hessian_of_kl_times_the_vector() {
    for family in families() {
        let case = Case::new(&family, 70, 3);
        let (theta, h) = (&case.policy.theta, 1e-4);
        for (weights, states) in [(&case.ones, case.states()), (&case.weights, case.weighted())] {
            let v = case.direction(&mut case.rng());
            let v: Vec<f64> = v.iter().map(|x| x / norm(&v)).collect();
            let kl = |along: f64, i: usize, aside: f64| {
                let mut other = moved(theta, along, &v);
                other[i] += aside;
                case.oracle.mean_kl(theta, &other, &case.states, weights)
            };
            let mixed = |i| (kl(h, i, h) - kl(h, i, -h) - kl(-h, i, h) + kl(-h, i, -h)) / (4.0 * h * h);
            let expected: Vec<f64> = (0..theta.len()).map(mixed).collect();
            let product = PolicySnapshot::new(&case.policy, states, 1.0).fisher_product(&v);
            let error = distance(&product, &expected);
            assert!(error < 1e-5, "{}: {error:e}", case.name);
        }
    }
}

#[test]
fn products_are_symmetric_and_positive_semi_definite() {
    for family in families() {
        let case = Case::new(&family, 300, 4); // more than one chunk of the reduction
        let at = PolicySnapshot::new(&case.policy, case.weighted(), 1.0);
        let mut rng = case.rng();
        for _ in 0..10 {
            let (u, v) = (case.direction(&mut rng), case.direction(&mut rng));
            let (fu, fv) = (at.fisher_product(&u), at.fisher_product(&v));
            let scale = norm(&u) * norm(&fv);
            assert!((dot(&u, &fv) - dot(&v, &fu)).abs() < 1e-6 * scale, "{} is not symmetric", case.name);
            assert!(dot(&v, &fv) > 0.0, "{}: v^T F v = {:e}", case.name, dot(&v, &fv));
        }
        let dense = at.dense_fisher();
        assert_eq!(dense, dense.transposed(), "{}", case.name);
        let least = eigenvalues(&dense)[0];
        assert!(least >= -1e-9, "{}: eigenvalue {least:e}", case.name);
    }
}

/// A softmax does not change if all its logits grow alike. F is singular along these directions, and must not become
/// negative.
#[test]
fn the_flat_directions_of_a_softmax_have_no_curvature() {
    for name in ["categorical, linear", "categorical", "multi-discrete"] {
        let case = Case::new(&family(name), 300, 5);
        let at = PolicySnapshot::new(&case.policy, case.states(), 1.0);
        let classes = case.policy.distribution.outputs();
        let mut flat = vec![0.0; case.policy.theta.len()];
        let first = flat.len() - classes; // the last layer's biases are the last parameters
        flat[first..].fill(1.0);
        let curvature = at.fisher_norm(&flat);
        assert!(curvature.abs() < 1e-6, "{name}: {curvature:e}");
    }
}

/// This block is often left out. For a state-independent log std it is 2 I, and it has no cross terms with other parameters.
#[test]
fn log_std_parameters_are_part_of_it() {
    for (name, dimensions) in [("gaussian", 2), ("gaussian, linear", 2), ("gaussian, rbf", 1)] {
        let case = Case::new(&family(name), 70, 6);
        let at = PolicySnapshot::new(&case.policy, case.states(), 1.0);
        let parameters = case.policy.theta.len();
        for j in parameters - dimensions..parameters {
            let mut unit = vec![0.0; parameters];
            unit[j] = 1.0;
            let product = at.fisher_product(&unit);
            let expected: Vec<f64> = unit.iter().map(|x| 2.0 * x).collect();
            assert!(norm(&moved(&product, -1.0, &expected)) < 1e-6, "{name}: {product:?}");
        }
    }
    // A state-dependent log std: no diagonal entry of its part vanishes.
    for name in ["gaussian, state-dependent", "gaussian, sde", "gaussian, sde, linear"] {
        let case = Case::new(&family(name), 70, 6);
        let diagonal = PolicySnapshot::new(&case.policy, case.states(), 1.0).dense_fisher();
        let parameters = case.policy.theta.len();
        assert!((parameters - 2..parameters).all(|j| diagonal[(j, j)] > 1e-2), "{name}");
    }
}

/// Some programs take the outer product of one sampled score for the Fisher matrix; it has rank one. Summed over actions, one
/// state gives the rank of the distribution's metric: one for each logit or bit, minus one for each softmax, and two for each
/// normal.
#[test]
fn its_rank_on_one_state_is_that_of_the_metric() {
    for (name, rank) in [("gaussian", 4), ("multi-binary", 3), ("categorical", 3), ("multi-discrete", 3)] {
        let case = Case::new(&family(name), 1, 7);
        let dense = PolicySnapshot::new(&case.policy, case.states(), 1.0).dense_fisher();
        let values = eigenvalues(&dense);
        let largest = values[values.len() - 1];
        assert_eq!(values.iter().filter(|x| **x > 1e-6 * largest).count(), rank, "{name}: {values:?}");
    }
}

/// The result equals, bit for bit, that of a batch that is thinned by hand. Its weights have mean one, as those of a whole
/// batch have.
#[test]
fn a_fraction_of_the_states_is_evenly_spread() {
    let case = Case::new(&family("gaussian"), 200, 8);
    let v = case.direction(&mut case.rng());
    for (fraction, count) in [(0.5, 100), (0.25, 50), (0.3, 60), (0.004, 1), (1e-9, 1)] {
        let rows: Vec<usize> = (0..count).map(|i| i * 200 / count).collect();
        let gaps: Vec<usize> = rows.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().max().unwrap_or(&1) - gaps.iter().min().unwrap_or(&1) <= 1);
        let thinned: Vec<Vec<f64>> = rows.iter().map(|row| case.states[*row].clone()).collect();
        let mean = rows.iter().map(|row| case.weights[*row]).sum::<f64>() / count as f64;
        let weights: Vec<f64> = rows.iter().map(|row| case.weights[*row] / mean).collect();
        let (inputs, weights) = (matrix(&thinned), Some(&weights[..]));
        let expected = PolicySnapshot::new(&case.policy, States { weights, ..States::of(&inputs) }, 1.0);
        let part = PolicySnapshot::new(&case.policy, case.weighted(), fraction);
        assert_eq!(part.rows(), count);
        assert_eq!(part.fisher_product(&v), expected.fisher_product(&v), "fraction {fraction}");
        assert_eq!(part.dense_fisher(), expected.dense_fisher(), "fraction {fraction}");
        let actions = thinned_actions(&case.actions, &rows);
        assert_eq!(part.scores(&case.actions), expected.scores(&actions), "fraction {fraction}");
    }
}

fn thinned_actions(actions: &ActionRows, rows: &[usize]) -> ActionRows {
    let mut thinned = ActionRows::zeros(actions.width(), 0);
    rows.iter().for_each(|row| thinned.push(actions.row(*row)));
    thinned
}

#[test]
fn scores_are_derivatives_of_log_probabilities() {
    for family in families() {
        let case = Case::new(&family, 70, 9);
        let scores = PolicySnapshot::new(&case.policy, case.weighted(), 1.0).scores(&case.actions);
        for row in [0, 13, 63, 64, 69] {
            let expected = case.oracle.scores(&case.policy.theta, &case.states[row], &[case.action(row)]);
            let expected: Vec<f64> = expected[0].iter().map(|s| s * case.weights[row].sqrt()).collect();
            let actual: Vec<f64> = (0..expected.len()).map(|j| scores[(row, j)]).collect();
            let error = distance(&actual, &expected);
            assert!(error < 1e-5, "{}, row {row}: {error:e}", case.name);
        }
    }
}

/// The empirical Fisher matrix S^T S / N tends to the exact one. Every entry is within six standard errors of its samples.
/// False alarms are rarer than 2e-9 for each entry and 1e-6 for each family. The seed is fixed.
#[test]
fn the_empirical_fisher_converges_to_the_exact_one() {
    for name in ["categorical, linear", "multi-binary, linear", "gaussian, linear", "gaussian, sde, linear"] {
        let few = Case::new(&family(name), 8, 10);
        let repeats = 2500;
        let rows = few.rows() * repeats;
        let inputs = matrix(&(0..rows).map(|row| few.states[row % few.rows()].clone()).collect::<Vec<_>>());
        let at = PolicySnapshot::new(&few.policy, States::of(&inputs), 1.0);
        let mut actions = ActionRows::zeros(few.policy.distribution.width(), rows);
        let mut rng = few.rng();
        for row in 0..rows {
            few.policy.distribution.sample(at.outputs(row), &mut rng, actions.row_mut(row));
        }
        let scores = at.scores(&actions);
        let parameters = few.policy.theta.len();
        let mut mean = vec![vec![0.0; parameters]; parameters];
        let mut square = mean.clone();
        for row in 0..rows {
            let score: Vec<f64> = (0..parameters).map(|j| scores[(row, j)]).collect();
            let squared: Vec<f64> = score.iter().map(|s| s * s).collect();
            add_outer(&mut mean, &score, 1.0 / rows as f64);
            add_outer(&mut square, &squared, 1.0 / rows as f64);
        }
        let exact = few.oracle.fisher(&few.policy.theta, &few.states, &few.ones);
        for i in 0..parameters {
            for j in 0..parameters {
                let error = ((square[i][j] - mean[i][j].powi(2)) / rows as f64).sqrt();
                let z = (mean[i][j] - exact[i][j]) / error.max(1e-9);
                assert!(z.abs() < 6.0, "{name} ({i},{j}): {} against {}", mean[i][j], exact[i][j]);
            }
        }
    }
}
