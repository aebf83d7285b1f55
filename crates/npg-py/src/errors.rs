//! Errors of the library as Python exceptions.

use pyo3::exceptions::{PyFileNotFoundError, PyImportError, PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;

/// The exception that fits best.
pub(crate) fn exception(error: &npg::Error) -> PyErr {
    use npg::Error;
    let text = error.to_string();
    match error {
        Error::Config(_) | Error::UnknownEnvironment { .. } | Error::File { .. } | Error::Observation(_) => {
            PyValueError::new_err(text)
        }
        Error::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => PyFileNotFoundError::new_err(text),
        Error::Io { .. } => PyOSError::new_err(text),
        Error::Library { .. } => PyImportError::new_err(text),
        Error::Environment { .. } | Error::Policy { .. } | Error::Unsaved { .. } | Error::Run(_) => {
            PyRuntimeError::new_err(text)
        }
    }
}

/// The exception for a mistake of the caller.
pub(crate) fn mistake(text: impl Into<String>) -> PyErr {
    PyValueError::new_err(text.into())
}
