//! The parts of an update as functions of NumPy arrays, on a policy's flat parameters.

use npg::advantage::{Segment, SegmentEnd};
use npg::linearize::{Linearized, States};
use npg::network::kernels::Matrix;
use npg::policy::ActionRows;
use npg::solve::CgOptions;
use npg::trust_region::{Comparison, Signal};
use numpy::{
    IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods,
};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::mistake;
use crate::policy::Policy;

/// A vector whose length is right.
fn vector<'a>(array: &'a PyReadonlyArray1<'_, f64>, length: usize, what: &str) -> PyResult<&'a [f64]> {
    let values = array.as_slice().map_err(|_| mistake(format!("{what}: the array is not contiguous")))?;
    if values.len() == length {
        Ok(values)
    } else {
        Err(mistake(format!("{what}: {} numbers, not {length}", values.len())))
    }
}

/// Raw actions of the policy's kind, one row a state.
fn actions(policy: &Policy, array: &Bound<'_, PyAny>, rows: usize) -> PyResult<ActionRows> {
    let distribution = &policy.inner.distribution;
    let columns = distribution.columns();
    let mut values = vec![0.0; rows * columns];
    crate::arrays::read(array, &mut values, "actions")?;
    if distribution.is_real() {
        return Ok(ActionRows::Reals { values, columns });
    }
    let values: Vec<i64> = values.into_iter().map(|x| x as i64).collect();
    let sizes: Vec<i64> = distribution
        .heads()
        .iter()
        .flat_map(|head| match head {
            npg::policy::Head::Categorical { count, .. } => vec![*count as i64],
            npg::policy::Head::Bernoulli { count, .. } => vec![2; *count],
            npg::policy::Head::Gaussian { .. } => Vec::new(),
        })
        .collect();
    for (index, (action, size)) in values.iter().zip(sizes.iter().cycle()).enumerate() {
        if !(0..*size).contains(action) {
            let (row, column) = (index / columns, index % columns);
            return Err(mistake(format!("actions[{row}, {column}] is {action}; it must be in 0..{size}")));
        }
    }
    Ok(ActionRows::Integers { values, columns })
}

/// States and the raw actions taken in them.
fn samples(
    policy: &Policy,
    observations: &PyReadonlyArray2<'_, f64>,
    taken: &Bound<'_, PyAny>,
) -> PyResult<(Matrix, ActionRows)> {
    let inputs = policy.inputs(observations)?;
    let actions = actions(policy, taken, inputs.rows())?;
    Ok((inputs, actions))
}

fn states(inputs: &Matrix) -> States<'_> {
    States { inputs, weights: None }
}

/// F v: see `npg.functional.fisher_product`.
#[pyfunction]
pub(crate) fn fisher_product<'py>(
    py: Python<'py>,
    policy: &Policy,
    observations: PyReadonlyArray2<'py, f64>,
    v: PyReadonlyArray1<'py, f64>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let inputs = policy.inputs(&observations)?;
    let v = vector(&v, policy.inner.theta.len(), "v")?;
    let inner = &policy.inner;
    Ok(py.detach(|| Linearized::new(inner, states(&inputs), 1.0).fisher_product(v)).into_pyarray(py))
}

/// g: see `npg.functional.policy_gradient`.
#[pyfunction]
pub(crate) fn policy_gradient<'py>(
    py: Python<'py>,
    policy: &Policy,
    observations: PyReadonlyArray2<'py, f64>,
    taken: &Bound<'py, PyAny>,
    advantages: PyReadonlyArray1<'py, f64>,
    entropy_coefficient: f64,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let (inputs, actions) = samples(policy, &observations, taken)?;
    let advantages = vector(&advantages, inputs.rows(), "advantages")?;
    let inner = &policy.inner;
    let gradient = py.detach(|| {
        let at = Linearized::new(inner, states(&inputs), 1.0);
        npg::gradient::policy_gradient(&at, &actions, advantages, entropy_coefficient)
    });
    Ok(gradient.into_pyarray(py))
}

/// log pi(a|s): see `npg.functional.log_prob`.
#[pyfunction]
pub(crate) fn log_prob<'py>(
    py: Python<'py>,
    policy: &Policy,
    observations: PyReadonlyArray2<'py, f64>,
    taken: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let (inputs, actions) = samples(policy, &observations, taken)?;
    let inner = &policy.inner;
    let values: Vec<f64> = py.detach(|| {
        let at = Linearized::new(inner, states(&inputs), 1.0);
        (0..at.rows()).map(|row| inner.distribution.log_prob(at.outputs(row), actions.row(row))).collect()
    });
    Ok(values.into_pyarray(py))
}

/// The policy with parameters `theta` against the policy: see `npg.functional.compare`.
#[pyfunction]
pub(crate) fn compare<'py>(
    py: Python<'py>,
    policy: &Policy,
    theta: PyReadonlyArray1<'py, f64>,
    observations: PyReadonlyArray2<'py, f64>,
    taken: &Bound<'py, PyAny>,
    advantages: PyReadonlyArray1<'py, f64>,
) -> PyResult<Bound<'py, PyDict>> {
    let (inputs, actions) = samples(policy, &observations, taken)?;
    let advantages = vector(&advantages, inputs.rows(), "advantages")?;
    let theta = vector(&theta, policy.inner.theta.len(), "theta")?;
    let inner = &policy.inner;
    let signal = Signal { actions: &actions, advantages, entropy: 0.0, discounts: None };
    let comparison = py.detach(|| {
        let at = Linearized::new(inner, states(&inputs), 1.0);
        npg::trust_region::compare(&at, theta, signal)
    });
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
    g: PyReadonlyArray1<'py, f64>,
    iterations: usize,
    tolerance: f64,
    damping: f64,
) -> PyResult<(Bound<'py, PyArray1<f64>>, usize, f64)> {
    let g = g.as_slice()?;
    let mut raised = None;
    let raised_in = std::cell::RefCell::new(&mut raised);
    let call = |v: &[f64]| -> PyResult<Vec<f64>> {
        let image = product.call1((PyArray1::from_slice(py, v),))?;
        let mut values = vec![0.0; v.len()];
        crate::arrays::read(&image, &mut values, "the product")?;
        Ok(values)
    };
    let apply = |v: &[f64]| {
        call(v).unwrap_or_else(|error| {
            **raised_in.borrow_mut() = Some(error); // the solver stops at what is not finite
            vec![f64::NAN; v.len()]
        })
    };
    let solution = npg::solve::conjugate_gradient(apply, g, CgOptions { iterations, tolerance, damping, start: None });
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
    rewards: PyReadonlyArray2<'py, f64>,
    values: PyReadonlyArray2<'py, f64>,
    next_values: PyReadonlyArray2<'py, f64>,
    terminated: PyReadonlyArray2<'py, bool>,
    truncated: PyReadonlyArray2<'py, bool>,
    gamma: f64,
    lambda: f64,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let (steps, columns) = (rewards.shape()[0], rewards.shape()[1]);
    for (name, shape) in [
        ("values", values.shape()),
        ("next_values", next_values.shape()),
        ("terminated", terminated.shape()),
        ("truncated", truncated.shape()),
    ] {
        if shape != rewards.shape() {
            return Err(mistake(format!("{name} has shape {shape:?}, rewards {:?}", rewards.shape())));
        }
    }
    let (rewards, values, next_values) = (rewards.as_array(), values.as_array(), next_values.as_array());
    let (terminated, truncated) = (terminated.as_array(), truncated.as_array());
    let mut result = vec![0.0; steps * columns];
    for column in 0..columns {
        let mut segments = Vec::new();
        let mut begin = 0;
        for step in 0..steps {
            let end = match (terminated[[step, column]], truncated[[step, column]]) {
                (true, _) => SegmentEnd::Terminated,
                (false, true) => SegmentEnd::Truncated(step),
                (false, false) if step + 1 == steps => SegmentEnd::Cut(step),
                (false, false) => continue,
            };
            segments.push(Segment { rows: begin..step + 1, first_step: 0, end });
            begin = step + 1;
        }
        let of = |array: numpy::ndarray::ArrayView2<'_, f64>| array.column(column).to_vec();
        let (rewards, values, finals) = (of(rewards), of(values), of(next_values));
        let advantages = npg::advantage::advantages(&segments, &rewards, &values, &finals, gamma, lambda);
        advantages.into_iter().enumerate().for_each(|(step, a)| result[step * columns + column] = a);
    }
    PyArray1::from_vec(py, result).reshape([steps, columns])
}
