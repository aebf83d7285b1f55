//! NumPy arrays as slices, and back.

use numpy::{Element, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray2, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::errors::mistake;

/// Writes an array of any float, integer or boolean type into `to`, in C order; `what` names it in messages.
pub(crate) fn read(array: &Bound<'_, PyAny>, to: &mut [f64], what: &str) -> PyResult<()> {
    fn copy<T: Element + Copy>(array: &Bound<'_, PyAny>, to: &mut [f64], f: impl Fn(T) -> f64) -> Option<PyResult<()>> {
        let array: PyReadonlyArrayDyn<'_, T> = array.extract().ok()?;
        if array.len() != to.len() {
            return Some(Err(mistake(format!("it has {} numbers, not {}", array.len(), to.len()))));
        }
        match array.as_slice() {
            Ok(slice) => to.iter_mut().zip(slice).for_each(|(slot, x)| *slot = f(*x)),
            Err(_) => to.iter_mut().zip(array.as_array().iter()).for_each(|(slot, x)| *slot = f(*x)),
        }
        Some(Ok(()))
    }
    let read = copy::<f32>(array, to, f64::from)
        .or_else(|| copy::<f64>(array, to, |x| x))
        .or_else(|| copy::<i64>(array, to, |x| x as f64))
        .or_else(|| copy::<u8>(array, to, f64::from))
        .or_else(|| copy::<i32>(array, to, f64::from))
        .or_else(|| copy::<bool>(array, to, |x| f64::from(u8::from(x))));
    match read {
        Some(result) => result.map_err(|error| mistake(format!("{what}: {}", error.value(array.py())))),
        None => Err(mistake(format!("{what}: an array of numbers expected, got {}", array.get_type().name()?))),
    }
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

/// The rows of a C-ordered f64 matrix of `columns` columns.
pub(crate) fn rows<'a>(array: &'a PyReadonlyArray2<'_, f64>, columns: usize, what: &str) -> PyResult<&'a [f64]> {
    if array.shape()[1] != columns {
        return Err(mistake(format!("{what}: {} columns, but {columns} are expected", array.shape()[1])));
    }
    array.as_slice().map_err(|_| mistake(format!("{what}: the array is not C-contiguous")))
}
