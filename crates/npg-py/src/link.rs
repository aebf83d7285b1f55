//! Calls into Python, made by the thread that asked for training.
//!
//! The library samples on its own threads. But an environment in Python may depend on its caller's thread and context (context
//! variables, NumPy's error state, an event loop, signal handlers, SQLite connections). So no thread of the library calls one.
//! It sends the call to the caller's thread, which waits in `Trainer.step`, or in `run_program` for the program, and makes the
//! call there.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use npg::env::Fault;
use pyo3::exceptions::{PyBaseException, PyException, PyTimeoutError};
use pyo3::prelude::*;

/// How often a waiting thread checks for signals and for calls that hang.
const WATCH: Duration = Duration::from_millis(50);

/// How long a thread that makes calls waits actively for the next one before it sleeps. Waking up takes about as long.
const SPIN: Duration = Duration::from_micros(30);

/// How long closing environments may take before it is no longer waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the program lets an iteration continue after a signal.
const GRACE: Duration = Duration::from_secs(2);

/// The thread that makes calls.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    calls: Sender<Message>,
    /// Its number in Python.
    thread: u64,
}

impl Desk {
    /// The desk of this thread, which makes the calls that `calls` sends.
    pub(crate) fn here(py: Python<'_>, calls: Sender<Message>) -> PyResult<Self> {
        Ok(Self { calls, thread: py.import("threading")?.call_method0("get_ident")?.extract()? })
    }
}

/// A message to the thread that makes calls.
pub(crate) enum Message {
    /// A call to make.
    Call(Box<dyn FnOnce(Python<'_>) + Send>),
    /// There will be no more calls.
    Over,
}

/// Announces that there will be no more calls when it is dropped, also by a panic.
pub(crate) struct Farewell(pub(crate) Sender<Message>);

impl Drop for Farewell {
    fn drop(&mut self) {
        let _ = self.0.send(Message::Over); // nobody is left to be told
    }
}

/// The thread that makes calls for the program's environments, while it runs.
static PROGRAM: Mutex<Option<Desk>> = Mutex::new(None);

/// Whether a call of the program cannot be ended. Its thread is lost then.
static IS_LOST: AtomicBool = AtomicBool::new(false);

/// Sets the thread that makes calls for the program's environments from now on.
pub(crate) fn set_program(desk: Option<Desk>) {
    *locked(&PROGRAM) = desk;
}

/// Whether a call of the program cannot be ended.
pub(crate) fn is_lost() -> bool {
    IS_LOST.load(Ordering::Relaxed)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Makes calls until there are no more. `between` is called after each one, and regularly while waiting. Its error ends the loop.
pub(crate) fn make_calls(
    py: Python<'_>,
    mut calls: Receiver<Message>,
    mut between: impl FnMut(Python<'_>) -> PyResult<()>,
) -> PyResult<()> {
    loop {
        let received;
        (received, calls) = py.detach(move || (next(&calls), calls));
        match received {
            Ok(Message::Call(call)) => call(py),
            Ok(Message::Over) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {}
        }
        between(py)?;
    }
}

fn next(calls: &Receiver<Message>) -> Result<Message, RecvTimeoutError> {
    let begin = Instant::now();
    while begin.elapsed() < SPIN {
        match calls.try_recv() {
            Ok(message) => return Ok(message),
            Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
            Err(TryRecvError::Empty) => std::hint::spin_loop(),
        }
    }
    calls.recv_timeout(WATCH)
}

/// Makes one call for the program on the thread for its calls, or on this thread if there is none.
pub(crate) fn for_program<T: Send + 'static>(call: impl FnOnce(Python<'_>) -> T + Send + 'static) -> Option<T> {
    let Some(desk) = locked(&PROGRAM).clone() else { return Some(Python::attach(call)) };
    let (answer, answers) = sync_channel(1);
    let made = move |py: Python<'_>| {
        let _ = answer.send(call(py)); // the waiting thread may have given up
    };
    desk.calls.send(Message::Call(Box::new(made))).ok()?;
    answers.recv().ok()
}

/// The state that a trainer's environments share with the thread that waits for them.
#[derive(Debug)]
pub(crate) struct Link {
    /// Whether any environment is in Python.
    is_python: bool,
    /// Whether this state belongs to the program.
    is_program: bool,
    /// The thread that makes calls; None if each thread makes its own calls.
    desk: Mutex<Option<Desk>>,
    /// The exception of an environment.
    raised: Mutex<Option<PyErr>>,
    origin: Instant,
    /// Milliseconds from `origin` to the start of the current call into Python, plus 1; 0 if there is none.
    since: AtomicU64,
    /// Calls into single environments that a group had made at the last check.
    calls: AtomicU64,
    /// The most milliseconds that a call may take; 0 for no limit.
    timeout: AtomicU64,
    /// Whether the current call has taken longer.
    is_expired: AtomicBool,
    /// Whether further calls must fail.
    is_stopped: AtomicBool,
    /// When the program noticed that it was asked to stop.
    asked: Mutex<Option<Instant>>,
}

impl Link {
    pub(crate) fn new(is_python: bool, is_program: bool) -> Arc<Self> {
        Arc::new(Self {
            is_python,
            is_program,
            desk: Mutex::new(if is_program { locked(&PROGRAM).clone() } else { None }),
            raised: Mutex::new(None),
            origin: Instant::now(),
            since: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            timeout: AtomicU64::new(0),
            is_expired: AtomicBool::new(false),
            is_stopped: AtomicBool::new(false),
            asked: Mutex::new(None),
        })
    }

    /// Whether environments are in Python.
    pub(crate) fn is_python(&self) -> bool {
        self.is_python
    }

    /// Sets the thread that makes calls from now on.
    pub(crate) fn set_desk(&self, desk: Option<Desk>) {
        *locked(&self.desk) = desk;
    }

    /// Sets the most seconds that a call into an environment may take.
    pub(crate) fn set_timeout(&self, seconds: Option<f64>) {
        let milliseconds = seconds.map_or(0, |seconds| (seconds * 1e3).clamp(1.0, 1e15) as u64);
        self.timeout.store(milliseconds, Ordering::Relaxed);
    }

    /// The exception of an environment, once.
    pub(crate) fn take_raised(&self) -> Option<PyErr> {
        locked(&self.raised).take()
    }

    /// The exception of an environment, once, if it is not an ordinary one: KeyboardInterrupt, SystemExit.
    pub(crate) fn take_interrupt(&self, py: Python<'_>) -> Option<PyErr> {
        let mut raised = locked(&self.raised);
        raised.take_if(|error| !error.is_instance_of::<PyException>(py))
    }

    /// Sets whether further calls fail. If so, the current iteration ends with an error.
    pub(crate) fn stop(&self, is_stopped: bool) {
        self.is_stopped.store(is_stopped, Ordering::Relaxed);
    }

    fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed) || self.asked_for() > GRACE
    }

    /// The time since the program was asked to stop.
    fn asked_for(&self) -> Duration {
        if !self.is_program || !npg_cli::is_asked_to_stop() {
            return Duration::ZERO;
        }
        locked(&self.asked).get_or_insert_with(Instant::now).elapsed()
    }

    /// Calls into Python on the thread that makes calls. An exception is kept, and its message is returned.
    pub(crate) fn call<T: Send + 'static>(
        self: &Arc<Self>,
        object: &Arc<Py<PyAny>>,
        f: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<T> + Send + 'static,
    ) -> Result<T, Fault> {
        if self.is_stopped() {
            return Err(fault("it was interrupted"));
        }
        let Some(desk) = locked(&self.desk).clone() else {
            return Python::attach(|py| self.make(object.bind(py), f));
        };
        let (answer, answers) = sync_channel(1);
        let (link, callee) = (Arc::clone(self), Arc::clone(object));
        let made = move |py: Python<'_>| {
            let _ = answer.send(link.make(callee.bind(py), f)); // the waiting thread may have given up
        };
        let gone = || fault("training has ended already");
        desk.calls.send(Message::Call(Box::new(made))).map_err(|_| gone())?;
        loop {
            match answers.recv_timeout(self.tick()) {
                Ok(result) => return result,
                Err(RecvTimeoutError::Disconnected) => return Err(gone()),
                Err(RecvTimeoutError::Timeout) => self.watch(object, desk.thread)?,
            }
        }
    }

    /// Closes a group of environments on the thread for its calls, or on this thread if nobody makes calls any more.
    pub(crate) fn close(&self, object: &Arc<Py<PyAny>>) {
        let (answer, answers) = sync_channel::<()>(1);
        let callee = Arc::clone(object);
        let close = move |py: Python<'_>| {
            let _ = callee.bind(py).call_method0("close"); // nobody is left to be told
            drop(answer);
        };
        let desk = locked(&self.desk).clone();
        match desk.map(|desk| desk.calls.send(Message::Call(Box::new(close)))) {
            Some(Ok(())) => {
                let _ = answers.recv_timeout(PATIENCE);
            }
            _ => {
                Python::try_attach(|py| {
                    // An agent may be collected while an exception propagates, and calls would lose that exception.
                    let pending = PyErr::take(py);
                    let _ = object.bind(py).call_method0("close");
                    if let Some(pending) = pending {
                        pending.restore(py);
                    }
                });
            }
        }
    }

    /// The call itself.
    fn make<T>(&self, object: &Bound<'_, PyAny>, f: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<T>) -> Result<T, Fault> {
        self.since.store(self.now(), Ordering::Relaxed);
        let mut result = f(object);
        let taken = self.seconds_in_call();
        self.since.store(0, Ordering::Relaxed);
        if self.is_expired.swap(false, Ordering::Relaxed) {
            settle(object.py());
            let is_told = |error: &PyErr| {
                error.is_instance_of::<PyTimeoutError>(object.py()) && !error.value(object.py()).to_string().is_empty()
            };
            if !result.as_ref().is_err_and(is_told) {
                let error = PyTimeoutError::new_err(self.overdue(taken));
                error.set_cause(object.py(), result.err());
                result = Err(error);
            }
        }
        result.map_err(|error| {
            let environment = object.getattr("at").and_then(|at| at.extract()).unwrap_or(0);
            let message = format!("it raised {}", describe(error.value(object.py())));
            *locked(&self.raised) = Some(error);
            Fault { environment, message }
        })
    }

    fn now(&self) -> u64 {
        self.origin.elapsed().as_millis() as u64 + 1
    }

    /// The seconds that the current call into Python has taken.
    fn seconds_in_call(&self) -> f64 {
        match self.since.load(Ordering::Relaxed) {
            0 => 0.0,
            since => self.now().saturating_sub(since) as f64 * 1e-3,
        }
    }

    /// The most seconds that a call may take.
    fn limit(&self) -> f64 {
        match self.timeout.load(Ordering::Relaxed) {
            0 => f64::INFINITY,
            milliseconds => milliseconds as f64 * 1e-3,
        }
    }

    /// How often the current call is checked.
    fn tick(&self) -> Duration {
        Duration::from_secs_f64((self.limit() / 10.0).clamp(0.02, 0.5))
    }

    /// Checks the current call, and ends it if it has taken too long.
    fn watch(&self, object: &Py<PyAny>, thread: u64) -> Result<(), Fault> {
        let is_asked = self.asked_for() > GRACE;
        if self.limit().is_infinite() && !is_asked {
            return Ok(());
        }
        Python::attach(|py| {
            // While Python's lock is held, the call is either over or does not end before this returns.
            let object = object.bind(py);
            let calls = object.getattr("calls").and_then(|calls| calls.extract()).unwrap_or(0);
            let since = self.since.load(Ordering::Relaxed);
            if since == 0 {
                return Ok(());
            }
            if self.calls.swap(calls, Ordering::Relaxed) != calls && !is_asked {
                self.since.store(self.now(), Ordering::Relaxed); // meanwhile it is inside of another environment
                return Ok(());
            }
            let at_once = object.getattr("calls_at_once").and_then(|n| n.extract()).unwrap_or(1.0);
            let (seconds, limit) = (self.seconds_in_call(), if is_asked { 0.0 } else { at_once * self.limit() });
            if seconds <= limit {
                return Ok(());
            }
            self.end_call(object, thread, seconds)
        })
    }

    /// Ends the current call of a thread, which has taken that many seconds, if that is possible.
    fn end_call(&self, object: &Bound<'_, PyAny>, thread: u64, seconds: f64) -> Result<(), Fault> {
        self.is_expired.store(true, Ordering::Relaxed);
        let message = self.overdue(seconds);
        let tried =
            calls_module(object.py()).and_then(|module| module.call_method1("end_call", (object, thread, &message)));
        let is_hopeless = tried.and_then(|answer| answer.extract()).unwrap_or(false);
        if is_hopeless && self.is_program {
            IS_LOST.store(true, Ordering::Relaxed);
            return Err(fault(&message));
        }
        Ok(())
    }

    /// The message about a call that has taken that many seconds.
    fn overdue(&self, seconds: f64) -> String {
        if self.asked_for() > GRACE {
            return format!("a call into the environment was ended after {seconds:.1} s, on request");
        }
        let remedy = if self.is_program { "--env-timeout" } else { "timeout" };
        format!(
            "a call into the environment has taken {seconds:.1} s; if it does not hang, use a longer {remedy} than {} s",
            self.limit()
        )
    }
}

fn fault(message: &str) -> Fault {
    Fault { environment: 0, message: message.into() }
}

/// Tells Python that a call that should be ended is over. The exception that ends it may come as late as here.
fn settle(py: Python<'_>) {
    let settled = || calls_module(py).and_then(|module| module.call_method0("settle"));
    if settled().is_err() {
        let _ = settled(); // it is raised only once
    }
}

fn calls_module(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    py.import("npg._calls")
}

/// An exception as text, such as "ValueError: bad action".
pub(crate) fn describe(error: &Bound<'_, PyBaseException>) -> String {
    let name = error.get_type().name().map_or_else(|_| "an exception".into(), |name| name.to_string());
    format!("{name}: {error}")
}
