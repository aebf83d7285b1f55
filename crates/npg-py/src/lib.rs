//! The extension module `npg._npg`, on which the Python package is built. Everything that users see is in `python/npg`.

mod arrays;
mod errors;
mod files;
mod functions;
mod link;
mod native;
mod policy;
mod source;
mod threads;
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
    use std::sync::mpsc::channel;

    use crate::link::{Desk, Farewell, is_lost, make_calls, set_program};
    use pyo3::exceptions::{PyKeyboardInterrupt, PyRuntimeError};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        npg::env::registry::use_gymnasium(crate::source::make_gymnasium);
        let prefix: std::path::PathBuf = module.py().import("sys")?.getattr("prefix")?.extract()?;
        npg::env::mujoco::use_python(prefix);
        module.add("LONGEST_EPISODE", npg::evaluate::LONGEST)?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }

    /// Runs the program with these arguments, of which the first is its name, and returns its exit code. Environments in
    /// Python are called on this thread.
    #[pyfunction]
    fn run_program(py: Python<'_>, arguments: Vec<OsString>) -> PyResult<u8> {
        let (sender, calls) = channel();
        set_program(Some(Desk::here(py, sender.clone())?));
        let work = move || {
            let _farewell = Farewell(sender);
            let code = npg_cli::run(arguments) as u8;
            if is_lost() {
                std::process::exit(i32::from(code)); // the thread that would do so is stuck inside of an environment
            }
            code
        };
        let program = std::thread::Builder::new().name("npg".into()).stack_size(STACK).spawn(work)?;
        // Python sees an interrupt as well. The program that listens for it ends in order, and saves its run first.
        let result = make_calls(py, calls, |py| match py.check_signals() {
            Err(error) if npg_cli::is_listening() && error.is_instance_of::<PyKeyboardInterrupt>(py) => Ok(()),
            other => other,
        });
        set_program(None);
        result?;
        let panicked = |_| PyRuntimeError::new_err("the program panicked; this is a bug in npg");
        program.join().map_err(panicked)
    }

    /// That of a main thread.
    const STACK: usize = 8 << 20;

    /// Ids of the native environments.
    #[pyfunction]
    fn native_ids() -> Vec<&'static str> {
        npg::env::registry::ids().collect()
    }
}
