//! The parts of an update as functions of NumPy arrays, on a policy's flat parameters.

use npg::advantage::{Segment, SegmentEnd};
use npg::env::ActionRows;
use npg::policy::Masks;
use npg::problem::{PolicySnapshot, States, Surrogate};
use npg::solve::CgOptions;
use npg::trust_region::Comparison;
use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::{Doubles, read};
use crate::errors::mistake;
use crate::policy::{self, Policy};
use crate::threads::on_all_cores;

/// Raw actions of the policy's kind, one row per state.
fn actions(policy: &Policy, array: &Bound<'_, PyAny>, rows: usize) -> PyResult<ActionRows> {
    let distribution = &policy.inner.distribution;
    let columns = distribution.width().total();
    let array = Doubles::rows(array, columns, "actions")?;
    if array.shape()[0] != rows {
        return Err(mistake(format!("actions: {} rows for {rows} states", array.shape()[0])));
    }
    let sizes: Vec<usize> = distribution.heads().flat_map(|head| head.classes()).collect();
    let mut actions = ActionRows::zeros(distribution.width(), rows);
    for (row, values) in array.values().chunks_exact(columns).enumerate() {
        let (integers, reals) = values.split_at(sizes.len());
        let slot = actions.row_mut(row);
        slot.reals.copy_from_slice(reals);
        for (column, ((action, size), slot)) in integers.iter().zip(&sizes).zip(slot.integers).enumerate() {
            if action.fract() != 0.0 || !(0.0..*size as f64).contains(action) {
                return Err(mistake(format!(
                    "actions[{row}, {column}] is {action}; it must be an integer in 0..{size}"
                )));
            }
            *slot = *action as i64;
        }
    }
    Ok(actions)
}

/// States and the raw actions taken in them.
fn samples(
    policy: &Policy,
    observations: &Bound<'_, PyAny>,
    taken: &Bound<'_, PyAny>,
) -> PyResult<(policy::States, ActionRows)> {
    let inputs = policy.inputs(observations)?;
    let actions = actions(policy, taken, inputs.inputs().rows())?;
    Ok((inputs, actions))
}

/// Action masks of shape (rows, values), as `npg.functional` takes them.
type GivenMasks<'py> = Option<PyReadonlyArray2<'py, bool>>;

/// The masks of the states, checked.
fn read_masks(policy: &Policy, given: &GivenMasks<'_>, rows: usize) -> PyResult<Option<Masks>> {
    let (inner, values) = (&policy.inner, policy.inner.distribution.mask_len());
    let Some(given) = given else {
        let missing = "the policy was trained with action masks: pass action_masks";
        return if inner.is_masked { Err(mistake(missing)) } else { Ok(None) };
    };
    if values == 0 || given.shape() != [rows, values] {
        return Err(mistake(format!("action_masks has shape {:?}; it must have [{rows}, {values}]", given.shape())));
    }
    let mut masks = Masks::new(inner, rows);
    for (row, mask) in given.as_slice()?.chunks_exact(values).enumerate() {
        let check = inner.distribution.check_mask(mask);
        check.map_err(|message| mistake(format!("action_masks[{row}]: {message}")))?;
        masks.row_mut(row).copy_from_slice(mask);
    }
    Ok(Some(masks))
}

fn states<'a>(given: &'a policy::States, masks: &'a Option<Masks>) -> States<'a> {
    States { masks: masks.as_ref(), ..States::of(given.inputs()) }
}

/// F v: see `npg.functional.fisher_product`.
#[pyfunction]
#[pyo3(signature = (policy, observations, v, masks = None))]
pub(crate) fn fisher_product<'py>(
    py: Python<'py>,
    policy: &Policy,
    observations: &Bound<'py, PyAny>,
    v: &Bound<'py, PyAny>,
    masks: GivenMasks<'py>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let inputs = policy.inputs(observations)?;
    let masks = read_masks(policy, &masks, inputs.inputs().rows())?;
    let v = Doubles::vector(v, policy.inner.theta.len(), "v")?;
    let (inner, v) = (&policy.inner, v.values());
    let product =
        py.detach(|| on_all_cores(|| PolicySnapshot::new(inner, states(&inputs, &masks), 1.0).fisher_product(v)))?;
    Ok(product.into_pyarray(py))
}

/// g: see `npg.functional.policy_gradient`.
#[pyfunction]
#[pyo3(signature = (policy, observations, taken, advantages, entropy_coefficient, masks = None))]
pub(crate) fn policy_gradient<'py>(
    py: Python<'py>,
    policy: &Policy,
    observations: &Bound<'py, PyAny>,
    taken: &Bound<'py, PyAny>,
    advantages: &Bound<'py, PyAny>,
    entropy_coefficient: f64,
    masks: GivenMasks<'py>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let (inputs, actions) = samples(policy, observations, taken)?;
    let masks = read_masks(policy, &masks, inputs.inputs().rows())?;
    let advantages = Doubles::vector(advantages, inputs.inputs().rows(), "advantages")?;
    let (inner, advantages) = (&policy.inner, advantages.values());
    let gradient = py.detach(|| {
        on_all_cores(|| {
            let at = PolicySnapshot::new(inner, states(&inputs, &masks), 1.0);
            at.policy_gradient(&actions, advantages, entropy_coefficient)
        })
    })?;
    Ok(gradient.into_pyarray(py))
}

/// log pi(a|s): see `npg.functional.log_prob`.
#[pyfunction]
#[pyo3(signature = (policy, observations, taken, masks = None, of_executed = false))]
pub(crate) fn log_prob<'py>(
    py: Python<'py>,
    policy: &Policy,
    observations: &Bound<'py, PyAny>,
    taken: &Bound<'py, PyAny>,
    masks: GivenMasks<'py>,
    of_executed: bool,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let (inputs, actions) = samples(policy, observations, taken)?;
    let masks = read_masks(policy, &masks, inputs.inputs().rows())?;
    let inner = &policy.inner;
    let values: Vec<f64> = py.detach(|| {
        on_all_cores(|| {
            let at = PolicySnapshot::new(inner, states(&inputs, &masks), 1.0);
            let jacobian = |row| if of_executed { inner.log_jacobian(actions.row(row)) } else { 0.0 };
            let log_prob = |row| inner.distribution.log_prob(at.outputs(row), actions.row(row));
            // So far out that both are infinite, the distribution falls faster than the map.
            let of_action = |row| Some(log_prob(row)).filter(|log| log.is_finite()).map(|log| log - jacobian(row));
            (0..at.rows()).map(|row| of_action(row).unwrap_or(f64::NEG_INFINITY)).collect()
        })
    })?;
    Ok(values.into_pyarray(py))
}

/// Compares the policy with parameters `theta` with the policy: see `npg.functional.compare`.
#[pyfunction]
#[pyo3(signature = (policy, theta, observations, taken, advantages, masks = None))]
pub(crate) fn compare<'py>(
    py: Python<'py>,
    policy: &Policy,
    theta: &Bound<'py, PyAny>,
    observations: &Bound<'py, PyAny>,
    taken: &Bound<'py, PyAny>,
    advantages: &Bound<'py, PyAny>,
    masks: GivenMasks<'py>,
) -> PyResult<Bound<'py, PyDict>> {
    let (inputs, actions) = samples(policy, observations, taken)?;
    let masks = read_masks(policy, &masks, inputs.inputs().rows())?;
    let advantages = Doubles::vector(advantages, inputs.inputs().rows(), "advantages")?;
    let theta = Doubles::vector(theta, policy.inner.theta.len(), "theta")?;
    let (inner, advantages, theta) = (&policy.inner, advantages.values(), theta.values());
    let surrogate = Surrogate { actions: &actions, advantages, entropy: 0.0, discounts: None };
    let comparison = py.detach(|| {
        on_all_cores(|| PolicySnapshot::new(inner, states(&inputs, &masks), 1.0).compare(theta, surrogate))
    })?;
    let Comparison { surrogate, kl, kl_max, kl_reverse, tv, tv_max, tv_exact, entropy, entropy_old, .. } = comparison;
    let fields = PyDict::new(py);
    for (name, value) in [
        ("surrogate", surrogate),
        ("kl", kl),
        ("kl_max", kl_max),
        ("kl_reverse", kl_reverse),
        ("tv", tv),
        ("tv_max", tv_max),
        ("entropy", entropy),
        ("entropy_old", entropy_old),
    ] {
        fields.set_item(name, value)?;
    }
    fields.set_item("tv_exact", tv_exact)?;
    Ok(fields)
}

/// x with (F + damping I) x = g: see `npg.functional.conjugate_gradient`.
#[pyfunction]
pub(crate) fn conjugate_gradient<'py>(
    py: Python<'py>,
    product: &Bound<'py, PyAny>,
    g: &Bound<'py, PyAny>,
    iterations: usize,
    tolerance: f64,
    damping: f64,
) -> PyResult<(Bound<'py, PyArray1<f64>>, usize, f64)> {
    let g = Doubles::of(g, "g")?;
    let g = g.values();
    let mut raised = None;
    let raised_in = std::cell::RefCell::new(&mut raised);
    let call = |v: &[f64]| -> PyResult<Vec<f64>> {
        let image = product.call1((PyArray1::from_slice(py, v),))?;
        let mut values = vec![0.0; v.len()];
        read(&image, &mut values, "the product")?;
        Ok(values)
    };
    let apply = |v: &[f64]| {
        call(v).unwrap_or_else(|error| {
            **raised_in.borrow_mut() = Some(error); // the solver stops at a number that is not finite
            vec![f64::NAN; v.len()]
        })
    };
    let solution = npg::solve::conjugate_gradient(
        apply,
        g,
        CgOptions { iterations, tolerance, damping, start: None, preconditioner: None },
    );
    if let Some(error) = raised {
        return Err(error);
    }
    let solution = solution.map_err(|error| mistake(error.to_string()))?;
    let (used, residual) = (solution.iterations.unwrap_or(0), solution.residual.unwrap_or(f64::NAN));
    Ok((solution.x.into_pyarray(py), used, residual))
}

/// alpha: see `npg.functional.step_size`.
#[pyfunction]
pub(crate) fn step_size(kl_step: f64, x_f_x: f64) -> PyResult<f64> {
    if !(kl_step > 0.0 && x_f_x > 0.0) {
        return Err(mistake(format!("kl_step and x^T F x must be positive, got {kl_step} and {x_f_x}")));
    }
    Ok(npg::step::alpha_from_kl(kl_step, x_f_x))
}

/// GAE: see `npg.functional.gae`. All arrays have shape (steps, environments).
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "the arguments of the Python function")]
pub(crate) fn advantages<'py>(
    py: Python<'py>,
    rewards: &Bound<'py, PyAny>,
    values: &Bound<'py, PyAny>,
    next_values: &Bound<'py, PyAny>,
    terminated: &Bound<'py, PyAny>,
    truncated: &Bound<'py, PyAny>,
    gamma: f64,
    lambda: f64,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let rewards = Doubles::of(rewards, "rewards")?;
    let &[steps, columns] = rewards.shape() else {
        return Err(mistake(format!("rewards has shape {:?}; it must have [steps, environments]", rewards.shape())));
    };
    let alike = |array: &Bound<'py, PyAny>, what: &str| {
        let array = Doubles::of(array, what)?;
        if array.shape() == [steps, columns] {
            return Ok(array);
        }
        Err(mistake(format!("{what} has shape {:?}, rewards {:?}", array.shape(), [steps, columns])))
    };
    let (values, next_values) = (alike(values, "values")?, alike(next_values, "next_values")?);
    let (terminated, truncated) = (alike(terminated, "terminated")?, alike(truncated, "truncated")?);
    let mut result = vec![0.0; steps * columns];
    for column in 0..columns {
        let of = |array: &Doubles<'py>| -> Vec<f64> {
            array.values().iter().skip(column).step_by(columns).copied().collect()
        };
        let (terminated, truncated) = (of(&terminated), of(&truncated));
        let mut segments = Vec::new();
        let mut begin = 0;
        for step in 0..steps {
            let end = match (terminated[step] != 0.0, truncated[step] != 0.0) {
                (true, _) => SegmentEnd::Terminated,
                (false, true) => SegmentEnd::Truncated(step),
                (false, false) if step + 1 == steps => SegmentEnd::BatchEnd(step),
                (false, false) => continue,
            };
            segments.push(Segment { rows: begin..step + 1, first_step: 0, end });
            begin = step + 1;
        }
        let (rewards, values, finals) = (of(&rewards), of(&values), of(&next_values));
        let advantages = npg::advantage::advantages(&segments, &rewards, &values, &finals, gamma, lambda);
        advantages.into_iter().enumerate().for_each(|(step, a)| result[step * columns + column] = a);
    }
    PyArray1::from_vec(py, result).reshape([steps, columns])
}
