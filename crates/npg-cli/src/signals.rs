//! SIGINT, SIGTERM and SIGHUP: the first one asks the run to stop after its iteration, a second one kills the program. One that
//! was ignored from the start stays ignored.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;

use crate::exit::Exit;

/// The signal that the first listener has heard.
static HEARD: OnceLock<Arc<AtomicUsize>> = OnceLock::new();

/// Whether a signal has asked the program to stop.
pub fn is_asked_to_stop() -> bool {
    HEARD.get().is_some_and(|signal| signal.load(Ordering::Relaxed) != 0)
}

/// Whether the program listens for signals. Before it does, they end the process.
pub fn is_listening() -> bool {
    HEARD.get().is_some()
}

/// Makes a file that may not grow further (`ulimit -f`) an error for its writer, like a full disk. Otherwise the signal that
/// comes with it would end the program without a message.
pub(crate) fn make_file_limits_errors() {
    let _ = flag::register(SIGXFSZ, Arc::default()); // without it, everything else works
}

/// The signal that has arrived, if any.
pub(crate) struct Stop {
    signal: Arc<AtomicUsize>,
}

impl Stop {
    /// Starts to listen.
    pub(crate) fn listen() -> io::Result<Self> {
        let signal = Arc::new(AtomicUsize::new(0));
        let asked = Arc::new(AtomicBool::new(false));
        for number in [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|number| !is_ignored(*number)) {
            // In this order: the first signal finds `asked` unset and sets it, the second one finds it set.
            flag::register_conditional_default(number, Arc::clone(&asked))?;
            flag::register(number, Arc::clone(&asked))?;
            flag::register_usize(number, Arc::clone(&signal), number as usize)?;
        }
        HEARD.get_or_init(|| Arc::clone(&signal));
        Ok(Self { signal })
    }

    /// How the signal that has arrived ends the program.
    pub(crate) fn exit(&self) -> Option<Exit> {
        match self.signal.load(Ordering::Relaxed) as i32 {
            0 => None,
            SIGHUP => Some(Exit::Hangup),
            SIGINT => Some(Exit::Interrupt),
            _ => Some(Exit::Terminate),
        }
    }
}

/// Whether the process was started with this signal ignored, as `nohup` and `trap "" INT` do: it is then not to end by it.
/// Where the system does not tell, a run had better outlive its terminal.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.map_or(signal == SIGHUP, |mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_remembered_and_does_not_kill() {
        let stop = Stop::listen().unwrap();
        assert_eq!(stop.exit(), None);
        signal_hook::low_level::raise(SIGTERM).unwrap();
        assert_eq!(stop.exit(), Some(Exit::Terminate));
    }
}
