//! The worker threads of functions and of native environments; trainers have their own.
//!
//! A forked process has only the thread that forked, and waiting for the others would never end. So these threads belong to the
//! process that started them, and a child starts its own.

use std::sync::{Arc, Mutex};

use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::errors::mistake;

/// The threads, and the process that started them.
static POOL: Mutex<Option<(u32, Arc<ThreadPool>)>> = Mutex::new(None);

/// Runs `work` on as many threads as there are cores.
pub(crate) fn on_all_cores<T: Send>(work: impl FnOnce() -> T + Send) -> PyResult<T> {
    Ok(pool()?.install(work))
}

fn pool() -> PyResult<Arc<ThreadPool>> {
    let mut pool = POOL.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let process = std::process::id();
    match pool.take() {
        Some((owner, threads)) if owner == process => {
            *pool = Some((owner, Arc::clone(&threads)));
            return Ok(threads);
        }
        // It belongs to the parent. None of its threads exist here, so it must not be dropped.
        Some((_, threads)) => std::mem::forget(threads),
        None => {}
    }
    let started = ThreadPoolBuilder::new().thread_name(|index| format!("npg-worker-{index}")).build();
    let threads = Arc::new(started.map_err(|error| mistake(format!("cannot start worker threads: {error}")))?);
    *pool = Some((process, Arc::clone(&threads)));
    Ok(threads)
}
