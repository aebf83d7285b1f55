//! NumPy arrays as slices, and back.
//!
//! A slice is a view of the memory, and memory may be in any order. So only an array that declares C order is read directly. All
//! others go through `npg._arrays`, which knows every layout and type that NumPy can make.

use npg::env::Actions;
use numpy::{Element, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::errors::mistake;

/// An array of numbers as f64 in C order, whatever the caller passed.
pub(crate) struct Doubles<'py>(PyReadonlyArrayDyn<'py, f64>);

impl<'py> Doubles<'py> {
    /// Any array, list or number. `what` is its name in messages.
    pub(crate) fn of(array: &Bound<'py, PyAny>, what: &str) -> PyResult<Self> {
        if let Some(array) = as_it_lies::<f64>(array) {
            return Ok(Self(array));
        }
        let convert = array.py().import("npg._arrays")?.getattr("doubles")?;
        Ok(Self(convert.call1((array, what))?.extract()?))
    }

    /// An array with one axis and `length` numbers.
    pub(crate) fn vector(array: &Bound<'py, PyAny>, length: usize, what: &str) -> PyResult<Self> {
        let array = Self::of(array, what)?;
        match array.shape() {
            [n] if *n == length => Ok(array),
            [n] => Err(mistake(format!("{what}: {n} numbers, not {length}"))),
            shape => Err(mistake(format!("{what} has shape {shape:?}; it must have [{length}]"))),
        }
    }

    /// An array of rows with `columns` numbers each.
    pub(crate) fn rows(array: &Bound<'py, PyAny>, columns: usize, what: &str) -> PyResult<Self> {
        let array = Self::of(array, what)?;
        match array.shape() {
            [_, n] if *n == columns => Ok(array),
            [_, n] => Err(mistake(format!("{what}: {n} columns, but {columns} are expected"))),
            shape => Err(mistake(format!("{what} has shape {shape:?}; it must have [rows, {columns}]"))),
        }
    }

    /// Length of each axis.
    pub(crate) fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    /// The numbers, in C order.
    pub(crate) fn values(&self) -> &[f64] {
        self.0.as_slice().expect("checked when it was made")
    }
}

/// The array if it has this type and is in C order and aligned. In classes derived from NumPy's array, the memory may mean
/// something else, as in masked arrays.
fn as_it_lies<'py, T: Element>(array: &Bound<'py, PyAny>) -> Option<PyReadonlyArrayDyn<'py, T>> {
    if !array.is_exact_instance_of::<PyUntypedArray>() {
        return None;
    }
    let array: PyReadonlyArrayDyn<'_, T> = array.extract().ok()?;
    // `as_slice` also accepts Fortran order.
    (array.is_c_contiguous() && array.as_slice().is_ok()).then_some(array)
}

/// Writes an array of any type of number into `to`, in C order. `what` is its name in messages.
pub(crate) fn read(array: &Bound<'_, PyAny>, to: &mut [f64], what: &str) -> PyResult<()> {
    fn copy<T: Element + Copy>(array: &Bound<'_, PyAny>, to: &mut [f64], f: impl Fn(T) -> f64) -> Option<usize> {
        let array = as_it_lies::<T>(array)?;
        let slice = array.as_slice().ok()?;
        if slice.len() == to.len() {
            to.iter_mut().zip(slice).for_each(|(slot, x)| *slot = f(*x));
        }
        Some(slice.len())
    }
    let length = copy::<f32>(array, to, f64::from)
        .or_else(|| copy::<f64>(array, to, |x| x))
        .or_else(|| copy::<i64>(array, to, |x| x as f64))
        .or_else(|| copy::<u8>(array, to, f64::from));
    let length = match length {
        Some(length) => length,
        None => {
            let array = Doubles::of(array, what)?;
            if array.values().len() == to.len() {
                to.copy_from_slice(array.values());
            }
            array.values().len()
        }
    };
    if length == to.len() {
        return Ok(());
    }
    Err(mistake(format!("{what}: it has {length} numbers, not {}", to.len())))
}

/// Actions as an array with one row each: int64 or float64, and float64 if they have both integers, which come first, and reals.
pub(crate) fn action_array<'py>(py: Python<'py>, actions: Actions<'_>) -> PyResult<Bound<'py, PyAny>> {
    let width = actions.width();
    let shape = [actions.rows(), width.total()];
    if width.reals == 0 {
        return Ok(PyArray1::from_slice(py, actions.integers()).reshape(shape)?.into_any());
    }
    if width.integers == 0 {
        return Ok(PyArray1::from_slice(py, actions.reals()).reshape(shape)?.into_any());
    }
    let mut numbers = Vec::with_capacity(shape[0] * shape[1]);
    for action in (0..actions.rows()).map(|row| actions.row(row)) {
        numbers.extend(action.integers().iter().map(|x| *x as f64));
        numbers.extend(action.reals());
    }
    Ok(PyArray1::from_vec(py, numbers).reshape(shape)?.into_any())
}

/// An array of `rows` rows.
pub(crate) fn matrix<'py, T: Element + Copy>(
    py: Python<'py>,
    values: &[T],
    columns: usize,
) -> PyResult<Bound<'py, PyArray2<T>>> {
    let rows = values.len().checked_div(columns).unwrap_or(0);
    PyArray1::from_slice(py, values).reshape([rows, columns])
}
