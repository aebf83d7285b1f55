//! The measured KL of a step: what it is, and how close to the prediction it comes.

use crate::cases::{Case, families, natural, update, vanilla};
use npg::config::{Algorithm, Solver, StepRule};
use npg::problem::PolicySnapshot;
use npg::update::UpdateStatus;

/// Every number of a comparison is what the oracle gives, for small and for large steps.
#[test]
fn a_comparison_is_what_it_says() {
    for family in families() {
        let case = Case::new(&family, 150, 21);
        let (oracle, old) = (&case.oracle, &case.policy.theta);
        let at = PolicySnapshot::new(&case.policy, case.weighted(), 1.0);
        for scale in [0.01, 0.3] {
            let mut rng = case.rng();
            let new: Vec<f64> = old.iter().map(|t| f64::from((t + scale * rng.normal()) as f32)).collect();
            let surrogate = npg::problem::Surrogate { entropy: 0.3, ..case.surrogate() };
            let actual = at.compare(&new, surrogate);
            let (mut kl, mut reverse, mut largest, mut gain) = (0.0, 0.0, 0.0f64, 0.0);
            let (mut entropy, mut entropy_old) = (0.0, 0.0);
            for (row, state) in case.states.iter().enumerate() {
                let (p, q) = (oracle.outputs(old, state), oracle.outputs(&new, state));
                let weight = case.weights[row] / case.rows() as f64;
                kl += weight * oracle.kl(&p, &q);
                reverse += weight * oracle.kl(&q, &p);
                largest = largest.max(oracle.kl(&p, &q));
                entropy += weight * oracle.entropy(&q);
                entropy_old += weight * oracle.entropy(&p);
                let action = case.action(row);
                let ratio = (oracle.log_prob(&q, &action) - oracle.log_prob(&p, &action)).exp();
                gain += weight * (ratio - 1.0) * case.advantages[row];
            }
            gain += 0.3 * (entropy - entropy_old);
            // The outputs are f32, so first-order numbers have an error of 1e-7 of the log probabilities, and the KL has
            // less.
            let near = |actual: f64, expected: f64, what: &str| {
                let floor = if what.contains("KL") { 1e-7 } else { 1e-6 };
                let error = (actual - expected).abs();
                assert!(error < 1e-5 * expected.abs() + floor, "{}, {what}: {actual} {expected}", case.name);
            };
            near(actual.kl, kl, "KL(old || new)");
            near(actual.kl_reverse, reverse, "KL(new || old)");
            near(actual.kl_max, largest, "largest KL");
            near(actual.entropy, entropy, "entropy");
            near(actual.entropy_old, entropy_old, "old entropy");
            near(actual.surrogate, gain, "surrogate");
            // The two directions differ enough at the large step to tell one from the other.
            assert!(scale < 0.1 || (kl / reverse - 1.0).abs() > 0.01, "{}: {kl} {reverse}", case.name);
            assert!(actual.tv > 0.0 && actual.tv <= actual.tv_max && actual.tv <= (actual.kl / 2.0).sqrt() * 1.2);
            assert_eq!(actual.tv_exact, case.name.starts_with("categorical"));
        }
    }
}

/// OmniSafe's NPG logs the KL between a policy and itself, which is always 0. Here the KL is 0 only if no step was made.
#[test]
fn the_measured_kl_is_between_two_policies() {
    for family in families() {
        let case = Case::new(&family, 150, 22);
        let at = PolicySnapshot::new(&case.policy, case.states(), 1.0);
        let same = at.compare(&case.policy.theta, case.surrogate());
        assert!(same.kl.abs() < 1e-15 && same.kl_reverse.abs() < 1e-15 && same.surrogate == 0.0, "{same:?}");
        let step = update(&case.policy, case.states(), case.surrogate(), &natural(Solver::Cg, 0.1), 1e-3, None);
        let expected = case.oracle.mean_kl(&case.policy.theta, &step.theta, &case.states, &case.ones);
        assert!((step.comparison.kl / expected - 1.0).abs() < 1e-3, "{} against {expected}", step.comparison.kl);
        assert_eq!(step.comparison, at.compare(&step.theta, case.surrogate()));
    }
}

#[test]
fn the_measured_kl_is_within_5_percent_of_a_budget_of_1e_3() {
    for family in families() {
        let case = Case::new(&family, 1000, 23);
        for damping in [0.1, 1.0] {
            let step = update(&case.policy, case.states(), case.surrogate(), &natural(Solver::Cg, damping), 1e-3, None);
            assert_eq!(step.status, UpdateStatus::Stepped);
            let ratio = step.comparison.kl / 1e-3;
            assert!((ratio - 1.0).abs() < 0.05, "{}, damping {damping}: {ratio}", case.name);
        }
    }
}

/// The ratio differs from 1 by about the square root of the budget: a hundredth of the budget has a tenth of the difference.
/// This holds down to 1e-6 at least, which f32 outputs resolve.
#[test]
fn measured_over_predicted_kl_tends_to_one() {
    for family in families() {
        let case = Case::new(&family, 300, 24);
        let ratio = |kl_step: f64| {
            let step = update(&case.policy, case.states(), case.surrogate(), &natural(Solver::Cg, 0.1), kl_step, None);
            step.comparison.kl / step.kl_predicted
        };
        let errors = [1e-3, 1e-4, 1e-5, 1e-6].map(|kl_step| (ratio(kl_step) - 1.0).abs());
        assert!(errors[3] < 1e-3, "{}: {errors:?}", case.name);
        assert!(errors[2] < errors[0] / 5.0 && errors[3] < errors[1] / 5.0, "{}: {errors:?}", case.name);
    }
}

#[test]
fn the_line_search_accepts_only_within_the_measured_budget() {
    let mut backtracked = 0;
    for family in families() {
        let case = Case::new(&family, 150, 25);
        for kl_step in [1e-3, 0.1, 0.5] {
            for algorithm in [natural(Solver::Cg, 0.1), vanilla()] {
                let algorithm = Algorithm { step: StepRule::LineSearch, max_backtracks: 20, ..algorithm };
                let step = update(&case.policy, case.states(), case.surrogate(), &algorithm, kl_step, None);
                assert_eq!(step.status, UpdateStatus::Stepped, "{}", case.name);
                assert!(step.comparison.kl <= kl_step && step.comparison.surrogate > 0.0);
                let expected = case.oracle.mean_kl(&case.policy.theta, &step.theta, &case.states, &case.ones);
                assert!((step.comparison.kl / expected - 1.0).abs() < 1e-3);
                let shrunk = algorithm.backtrack_factor.powi(2 * step.backtracks as i32);
                assert!((step.kl_predicted / (kl_step * shrunk) - 1.0).abs() < 1e-9);
                backtracked += step.backtracks;
            }
        }
    }
    assert!(backtracked > 10, "{backtracked}: these problems are too easy to test anything");
}
