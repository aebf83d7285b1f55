//! Every kind of baseline learns a function that it can represent, and refuses targets that are not finite.

use super::*;
use crate::network::kernels::Matrix;

fn data(rows: usize) -> (Matrix, Vec<u32>, Vec<f64>) {
    let mut rng = Stream::new(8, Purpose::Test, 0);
    let mut inputs = Matrix::zeros(rows, 3);
    let mut targets = Vec::new();
    let steps: Vec<u32> = (0..rows as u32).map(|i| i % 50).collect();
    for row in 0..rows {
        let x = inputs.row_mut(row);
        x.iter_mut().for_each(|x| *x = rng.uniform(-1.0, 1.0) as f32);
        targets.push(f64::from(x[0]) - 0.5 * f64::from(x[1]).powi(2) + 0.2);
    }
    (inputs, steps, targets)
}

fn fitted(config: &settings::Value, rounds: usize) -> (Baseline, f64) {
    let (inputs, steps, targets) = data(640);
    let states = Visited { inputs: (&inputs).into(), steps: &steps };
    let mut baseline = Baseline::new(config, 3, 0);
    for round in 0..rounds {
        let fit = baseline.fit(
            &Reducer::of_rows(states.inputs.rows()),
            states,
            &targets,
            &mut Stream::new(0, Purpose::Minibatch, round as u64),
        );
        assert!(fit.accepted);
    }
    let errors: f64 = baseline.predict(states).iter().zip(&targets).map(|(v, y)| (v - y).powi(2)).sum();
    (baseline, errors / targets.len() as f64)
}

fn kind(kind: ValueKind) -> settings::Value {
    settings::Value { kind, hidden: vec![32, 32], ..settings::Value::default() }
}

#[test]
fn every_kind_learns() {
    let variance = 0.35;
    assert!(fitted(&kind(ValueKind::MlpAdam), 20).1 < 0.01 * variance);
    assert!(fitted(&kind(ValueKind::MlpGaussNewton), 3).1 < 0.01 * variance);
    // Quadratic targets lie in the span of the linear features, so only the effect of the ridge is left.
    assert!(fitted(&kind(ValueKind::Linear), 1).1 < 1e-8);
}

/// One Gauss-Newton fit of ten steps beats one Adam fit of ten epochs, as second-order steps should on a smooth fit.
#[test]
fn gauss_newton_is_faster_than_adam_here() {
    assert!(fitted(&kind(ValueKind::MlpGaussNewton), 1).1 < fitted(&kind(ValueKind::MlpAdam), 1).1);
}

#[test]
fn targets_that_are_not_finite_leave_the_baseline_as_it_was() {
    for kind in [kind(ValueKind::MlpAdam), kind(ValueKind::MlpGaussNewton), kind(ValueKind::Linear)] {
        let (inputs, steps, mut targets) = data(100);
        targets[7] = f64::NAN;
        let mut baseline = Baseline::new(&kind, 3, 0);
        let before = baseline.clone();
        let states = Visited { inputs: (&inputs).into(), steps: &steps };
        let fit = baseline.fit(
            &Reducer::of_rows(states.inputs.rows()),
            states,
            &targets,
            &mut Stream::new(0, Purpose::Minibatch, 0),
        );
        assert!(!fit.accepted);
        assert_eq!(baseline, before);
    }
}

#[test]
fn the_state_is_all_that_a_fit_changes() {
    for kind in [kind(ValueKind::MlpAdam), kind(ValueKind::MlpGaussNewton), kind(ValueKind::Linear)] {
        let (mut fitted, _) = fitted(&kind, 1);
        let mut other = Baseline::new(&kind, 3, 1);
        assert_ne!(other, fitted);
        for ((name, to), (from_name, from)) in other.state().into_iter().zip(fitted.state()) {
            assert_eq!(name, from_name);
            match (to, from) {
                (BaselineState::Numbers(to), BaselineState::Numbers(from)) => to.copy_from_slice(from),
                (BaselineState::Count(to), BaselineState::Count(from)) => *to = *from,
                _ => panic!("{name} has two types"),
            }
        }
        assert_eq!(other, fitted);
    }
}

/// A constant input has the same column as the constant feature 1.
#[test]
fn a_linear_baseline_without_ridge_learns_beside_a_constant_input() {
    let config = settings::Value { ridge: 0.0, ..kind(ValueKind::Linear) };
    let (mut inputs, steps, targets) = data(640);
    (0..640).for_each(|row| inputs.row_mut(row)[2] = 1.0);
    let states = Visited { inputs: (&inputs).into(), steps: &steps };
    let mut baseline = Baseline::new(&config, 3, 0);
    let fit = baseline.fit(
        &Reducer::of_rows(states.inputs.rows()),
        states,
        &targets,
        &mut Stream::new(0, Purpose::Minibatch, 0),
    );
    assert!(fit.accepted && fit.loss < 1e-8, "{fit:?}");
}

#[test]
fn baselines_stay_the_same_function_of_other_inputs() {
    let relation = [(2.0, 0.1), (0.5, -0.2), (1.0, 0.0)];
    let (inputs, steps, _) = data(50);
    for kind in [kind(ValueKind::MlpAdam), kind(ValueKind::Linear)] {
        let (mut baseline, _) = fitted(&kind, 1);
        let before = baseline.predict(Visited { inputs: (&inputs).into(), steps: &steps });
        baseline.substitute_inputs(&relation);
        let mut others = inputs.clone();
        for row in 0..50 {
            // x = a x' + b
            let pairs = others.row_mut(row).iter_mut().zip(relation);
            pairs.for_each(|(x, (a, b))| *x = ((f64::from(*x) - b) / a) as f32);
        }
        let after = baseline.predict(Visited { inputs: (&others).into(), steps: &steps });
        assert!(before.iter().zip(&after).all(|(a, b)| (a - b).abs() < 1e-5));
    }
}

/// If a baseline already meets its targets, nothing is left to fit, and the damping must not grow because of rounding.
#[test]
fn gauss_newton_keeps_its_damping_where_nothing_is_left_to_fit() {
    let (mut baseline, _) = fitted(&kind(ValueKind::MlpGaussNewton), 1);
    let (inputs, steps, _) = data(640);
    let states = Visited { inputs: (&inputs).into(), steps: &steps };
    let met = baseline.predict(states);
    let damping = |baseline: &Baseline| match baseline {
        Baseline::Mlp(mlp) => match &mlp.optimizer {
            Optimizer::GaussNewton(newton) => newton.damping,
            Optimizer::Adam(_) => f64::NAN,
        },
        _ => f64::NAN,
    };
    let before = damping(&baseline);
    for round in 0..100 {
        assert!(
            baseline
                .fit(
                    &Reducer::of_rows(states.inputs.rows()),
                    states,
                    &met,
                    &mut Stream::new(0, Purpose::Minibatch, round)
                )
                .accepted
        );
    }
    assert_eq!(damping(&baseline), before);
}

#[test]
fn explained_variance_has_known_values() {
    let targets = [1.0, 2.0, 3.0, 4.0];
    let explained = |predictions: &[f64], targets: &[f64]| {
        explained_variance(&Reducer::of_rows(targets.len()), predictions, targets)
    };
    assert_eq!(explained(&targets, &targets), 1.0);
    assert!(explained(&[9.0; 4], &targets).abs() < 1e-15);
    assert!((explained(&[4.0, 3.0, 2.0, 1.0], &targets) + 3.0).abs() < 1e-12);
    assert!(explained(&[0.0; 4], &[0.1; 4]).is_nan() && explained(&[0.0], &[5.0]).is_nan());
}

/// Baselines that are fitted to the whole batch. Its parts may be held by several processes.
#[test]
fn processes_that_share_a_batch_fit_the_same_baseline() {
    let (inputs, steps, targets) = data(4096);
    let layout = crate::reduce::Layout::of_rows([512; 8]);
    for kind in [kind(ValueKind::Linear), kind(ValueKind::MlpGaussNewton), kind(ValueKind::None)] {
        crate::reduce::tests::assert_same_on_ranks(&layout, |reducer| {
            let here = reducer.here();
            let mut part = Matrix::zeros(here.len(), 3);
            here.clone().enumerate().for_each(|(slot, row)| part.row_mut(slot).copy_from_slice(inputs.row(row)));
            let states = Visited { inputs: (&part).into(), steps: &steps[here.clone()] };
            let mut baseline = Baseline::new(&kind, 3, 0);
            let fit = baseline.fit(reducer, states, &targets[here.clone()], &mut Stream::new(0, Purpose::Minibatch, 0));
            let explained = explained_variance(reducer, &baseline.predict(states), &targets[here.clone()]);
            let mut advantages = targets[here].to_vec();
            let unit = crate::advantage::normalize(&mut advantages, reducer);
            assert!(fit.accepted);
            (baseline, fit.loss.to_bits(), explained.to_bits(), unit.to_bits())
        });
    }
}
