//! The extension module `npg._npg`: what the Python package is made of. Everything that users see is in `python/npg`.

mod arrays;
mod errors;
mod files;
mod functions;
mod native;
mod policy;
mod source;
mod trainer;

use pyo3::prelude::*;

/// The module.
#[pymodule]
mod _npg {
    #[pymodule_export]
    use crate::files::{RunLog, checkpoint_of, read_header};
    #[pymodule_export]
    use crate::functions::{
        advantages, compare, conjugate_gradient, fisher_product, log_prob, policy_gradient, step_size,
    };
    #[pymodule_export]
    use crate::native::NativeGroup;
    #[pymodule_export]
    use crate::policy::Policy;
    #[pymodule_export]
    use crate::source::Source;
    #[pymodule_export]
    use crate::trainer::{Trainer, resolve};

    use pyo3::prelude::*;
    use std::ffi::OsString;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        npg::env::registry::use_gymnasium(crate::source::make_gymnasium);
        let prefix: std::path::PathBuf = module.py().import("sys")?.getattr("prefix")?.extract()?;
        npg::env::mujoco::use_python(prefix);
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }

    /// Runs the program with these arguments, the first of which is its name; returns its exit code.
    #[pyfunction]
    fn run_program(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
        py.detach(|| npg_cli::run(arguments) as u8)
    }

    /// Ids of the native environments.
    #[pyfunction]
    fn native_ids() -> Vec<&'static str> {
        npg::env::registry::ids().collect()
    }
}
