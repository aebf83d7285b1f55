//! Updates that must not happen. The parameters stay as they are, bit for bit, and the update names the reason.

use crate::cases::{Case, families, family, natural, update, vanilla};
use npg::config::{Algorithm, Solver, StepRule};
use npg::problem::{PolicySnapshot, Problem, SampledProblem, States, Surrogate};
use npg::solve::SolverState;
use npg::trust_region::Comparison;
use npg::update::{Update, UpdateStatus};

fn updated(case: &Case, algorithm: &Algorithm, advantages: &[f64], warm_start: Option<&[f64]>) -> Update {
    let surrogate = Surrogate { advantages, ..case.surrogate() };
    update(&case.policy, case.states(), surrogate, algorithm, 0.01, warm_start)
}

fn assert_untouched(case: &Case, update: &Update) {
    assert_eq!(update.theta, case.policy.theta, "{:?}", update.status);
    assert_eq!((update.alpha, update.kl_predicted), (0.0, 0.0));
    // The policy is compared with itself: every divergence is 0, but the entropy is not.
    let measured = Comparison { entropy: 0.0, entropy_old: 0.0, tv_exact: false, ..update.comparison };
    assert_eq!(measured, Comparison::default());
}

fn assert_refused(case: &Case, update: &Update, reason: &str) {
    let UpdateStatus::Refused(said) = &update.status else { panic!("{:?} instead of: {reason}", update.status) };
    assert!(said.contains(reason), "{said}");
    assert_untouched(case, update);
}

/// One bad number among many must not be replaced by 0.
#[test]
fn advantages_that_are_not_finite() {
    for family in families() {
        let case = Case::new(&family, 100, 41);
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
            let mut advantages = case.advantages.clone();
            advantages[70] = bad;
            for algorithm in [natural(Solver::Cg, 0.1), natural(Solver::Woodbury, 0.1), vanilla()] {
                let update = updated(&case, &algorithm, &advantages, None);
                assert_refused(&case, &update, "the gradient is not finite");
            }
        }
    }
}

#[test]
fn actions_and_weights_that_are_not_finite() {
    let mut case = Case::new(&family("gaussian"), 100, 42);
    case.weights[99] = f64::NAN;
    let bad = update(&case.policy, case.weighted(), case.surrogate(), &natural(Solver::Cg, 0.1), 0.01, None);
    assert_refused(&case, &bad, "the gradient is not finite");
    case.actions.row_mut(99).reals[0] = f64::INFINITY;
    assert_refused(&case, &updated(&case, &vanilla(), &case.advantages, None), "the gradient is not finite");
}

/// A problem that says what others do not say.
struct Altered<'a> {
    problem: SampledProblem<'a>,
    /// Whether its natural gradient is said to point downhill.
    is_downhill: bool,
    /// A direction in which the policy is said not to change.
    flat: Option<Vec<f64>>,
}

impl Problem for Altered<'_> {
    fn theta(&self) -> &[f64] {
        self.problem.theta()
    }

    fn gradient(&self) -> Vec<f64> {
        self.problem.gradient()
    }

    fn fisher_product(&self, v: &[f64]) -> Vec<f64> {
        self.problem.fisher_product(v)
    }

    fn fisher_norm(&self, v: &[f64]) -> f64 {
        if self.flat.as_deref() == Some(v) { -1e-22 } else { self.problem.fisher_norm(v) }
    }

    fn compare(&self, theta: &[f64]) -> Comparison {
        self.problem.compare(theta)
    }

    fn unmoved(&self) -> Comparison {
        self.problem.unmoved()
    }

    fn natural_gradient(&self) -> Option<Vec<f64>> {
        self.is_downhill.then(|| self.gradient().iter().map(|g| -g).collect())
    }
}

/// g^T x <= 0 must be refused. With `abs` around it, the step would go downhill.
#[test]
fn a_direction_that_points_downhill() {
    let case = Case::new(&family("gaussian"), 100, 43);
    let problem = SampledProblem::new(&case.policy, case.states(), case.surrogate(), 1.0);
    let problem = Altered { problem, is_downhill: true, flat: None };
    let refused = npg::update::update(&problem, &natural(Solver::Auto, 0.0), 0.01, &mut SolverState::default());
    assert_refused(&case, &refused, "is not positive: x does not point uphill");
    assert!(refused.g_x < 0.0);
}

#[test]
fn warm_starts_that_are_not_finite() {
    let case = Case::new(&family("gaussian"), 100, 44);
    let algorithm = Algorithm { cg_warm_start: true, ..natural(Solver::Cg, 0.1) };
    let mut start = vec![0.0; case.policy.theta.len()];
    start[3] = f64::NAN;
    assert_refused(&case, &updated(&case, &algorithm, &case.advantages, Some(&start)), "not finite");
    start[3] = 1e200; // finite, but not in f32
    assert_refused(&case, &updated(&case, &algorithm, &case.advantages, Some(&start)), "not finite");
}

#[test]
fn systems_without_a_solution() {
    let case = Case::new(&family("categorical"), 100, 45);
    let negative = natural(Solver::Cg, -10.0);
    assert_refused(&case, &updated(&case, &negative, &case.advantages, None), "raise algorithm.damping");
    for solver in [Solver::Cholesky, Solver::Woodbury] {
        let singular = natural(solver, 0.0);
        let update = updated(&case, &singular, &case.advantages, None);
        assert_refused(&case, &update, "raise algorithm.damping");
    }
}

/// x^T F x = 0 leaves alpha undefined: here F is estimated on states of weight zero.
#[test]
fn a_direction_that_does_not_change_the_policy() {
    let mut case = Case::new(&family("gaussian"), 100, 46);
    case.weights = (0..100).map(|row| if row % 2 == 0 { 0.0 } else { 2.0 }).collect();
    for rule in [StepRule::Kl, StepRule::LineSearch] {
        let algorithm = Algorithm { step: rule, fisher_fraction: 0.5, ..natural(Solver::Cg, 0.1) };
        let update = update(&case.policy, case.weighted(), case.surrogate(), &algorithm, 0.01, None);
        assert_refused(&case, &update, "x^T F x = 0e0 is not positive");
    }
}

#[test]
fn steps_into_nowhere() {
    for family in families() {
        let case = Case::new(&family, 100, 47);
        for alpha in [1e300, f64::INFINITY, f64::NAN] {
            let algorithm = Algorithm { step: StepRule::Fixed, alpha, ..vanilla() };
            let refused = updated(&case, &algorithm, &case.advantages, None);
            let reason = if alpha.is_finite() { "the new policy is not finite" } else { "the step size is" };
            assert_refused(&case, &refused, reason);
        }
        let update = update(&case.policy, case.states(), case.surrogate(), &vanilla(), f64::NAN, None);
        assert_refused(&case, &update, "the step size is NaN");
    }
}

/// A batch without a signal is neither a step nor an error. An entropy bonus is a signal.
#[test]
fn no_signal() {
    for family in families() {
        let case = Case::new(&family, 100, 48);
        let zeros = vec![0.0; 100];
        for algorithm in [natural(Solver::Cg, 0.1), natural(Solver::Cholesky, 0.1), vanilla()] {
            let update = updated(&case, &algorithm, &zeros, None);
            assert_eq!(update.status, UpdateStatus::NoSignal);
            assert_untouched(&case, &update);
        }
        let surrogate = Surrogate { advantages: &zeros, entropy: 0.1, ..case.surrogate() };
        let update = update(&case.policy, case.states(), surrogate, &natural(Solver::Cg, 0.1), 0.01, None);
        assert_eq!(update.status, UpdateStatus::Stepped);
        assert!(update.comparison.entropy > update.comparison.entropy_old);
    }
    // Equal advantages that are normalized over the batch are no signal either.
    let case = Case::new(&family("categorical"), 100, 48);
    let mut equal = vec![0.1 + 0.2; 100];
    npg::advantage::normalize(&mut equal, &npg::reduce::Reducer::of_rows(100));
    assert_eq!(updated(&case, &natural(Solver::Cg, 0.1), &equal, None).status, UpdateStatus::NoSignal);
}

/// A failed search keeps the old parameters. Several programs keep the last ones that they tried.
#[test]
fn a_line_search_that_fails() {
    for family in families() {
        let case = Case::new(&family, 100, 49);
        let search = Algorithm { step: StepRule::LineSearch, ..natural(Solver::Cg, 0.1) };
        let greedy = Algorithm { accept_ratio: 1e6, max_backtracks: 5, ..search.clone() };
        let failed = updated(&case, &greedy, &case.advantages, None);
        assert_eq!((&failed.status, failed.backtracks), (&UpdateStatus::LineSearchFailed, 5));
        assert_untouched(&case, &failed);
        assert!(failed.solution.is_some(), "the solve was good");
        assert!(failed.g_x > 0.0);

        // Without backtracking a step fails exactly if the full step's measured KL exceeds the budget.
        let once = Algorithm { max_backtracks: 0, ..search };
        for kl_step in [0.01, 0.3] {
            let textbook = Algorithm { kl_tolerance: None, ..natural(Solver::Cg, 0.1) };
            let full = update(&case.policy, case.states(), case.surrogate(), &textbook, kl_step, None);
            let tried = update(&case.policy, case.states(), case.surrogate(), &once, kl_step, None);
            assert!(full.comparison.surrogate > 0.0);
            if full.comparison.kl <= kl_step {
                assert_eq!((tried.status, tried.theta), (UpdateStatus::Stepped, full.theta));
            } else {
                assert_eq!(tried.status, UpdateStatus::LineSearchFailed);
                assert_untouched(&case, &tried);
            }
        }
    }
}

/// Comparing the old parameters with new ones does not change their linearization.
#[test]
fn a_comparison_changes_nothing() {
    let case = Case::new(&family("gaussian"), 100, 50);
    let at = PolicySnapshot::new(&case.policy, States::of(&case.inputs), 1.0);
    let v = case.direction(&mut case.rng());
    let before = at.fisher_product(&v);
    at.compare(&v, case.surrogate());
    assert_eq!(at.fisher_product(&v), before);
}

/// If a policy stays, its entropy is still logged. Otherwise the log would have holes exactly where people look.
#[test]
fn a_policy_that_stays_has_its_entropy() {
    for family in families() {
        let case = Case::new(&family, 100, 47);
        let update = updated(&case, &natural(Solver::Cg, 0.1), &vec![0.0; case.rows()], None);
        assert_eq!(update.status, UpdateStatus::NoSignal);
        assert_untouched(&case, &update);
        let at = PolicySnapshot::new(&case.policy, case.states(), 1.0);
        let expected = at.compare(&case.policy.theta, case.surrogate());
        assert_eq!(update.comparison.tv_exact, expected.tv_exact);
        for entropy in [update.comparison.entropy, update.comparison.entropy_old] {
            assert!((entropy - expected.entropy_old).abs() < 1e-12 * (1.0 + entropy.abs()), "{}", case.name);
        }
    }
}

/// A warm start far off leaves a direction that points downhill after one iteration. Then the solve begins again from 0.
#[test]
fn a_bad_warm_start_is_given_up() {
    let case = Case::new(&family("gaussian"), 150, 41);
    let algorithm = Algorithm { cg_iterations: 1, cg_tolerance: 0.0, ..natural(Solver::Cg, 0.1) };
    let cold = update(&case.policy, case.states(), case.surrogate(), &algorithm, 0.01, None);
    let far: Vec<f64> = cold.solution.unwrap().x.iter().map(|x| -1e3 * x).collect();
    let warm = Algorithm { cg_warm_start: true, ..algorithm };
    let update = update(&case.policy, case.states(), case.surrogate(), &warm, 0.01, Some(&far));
    assert_eq!(update.status, UpdateStatus::Stepped);
    assert_eq!(update.theta, cold.theta);
}

/// A loose tolerance takes the warm start as it is. If the policy no longer changes along it, up to rounding, then it is not
/// the step's direction.
#[test]
fn a_warm_start_without_curvature_is_given_up() {
    let case = Case::new(&family("gaussian"), 150, 41);
    let algorithm = Algorithm { cg_tolerance: 0.5, cg_warm_start: true, ..natural(Solver::Cg, 0.1) };
    let cold = updated(&case, &algorithm, &case.advantages, None);
    let exact = updated(&case, &natural(Solver::Cholesky, 0.1), &case.advantages, None).solution.unwrap().x;
    let problem = SampledProblem::new(&case.policy, case.states(), case.surrogate(), 1.0);
    let mut state = SolverState { last_direction: Some(exact.clone()) };
    let problem = Altered { problem, is_downhill: false, flat: Some(exact) };
    let update = npg::update::update(&problem, &algorithm, 0.01, &mut state);
    assert_eq!(update.status, UpdateStatus::Stepped);
    assert_eq!(update.theta, cold.theta);
}
