//! The display in a pipe: a header, then lines in aligned columns.

use super::ProgressRow;
use super::columns::Layout;

/// A line is printed after each of these fractions of the run,
const FRACTION: f64 = 0.02;
/// or after so many seconds.
const SECONDS: f64 = 60.0;

/// What has been printed so far.
#[derive(Default)]
pub(super) struct Plain {
    printed: Option<Printed>,
    /// The newest row, if it has not been printed.
    pending: Option<ProgressRow>,
}

struct Printed {
    steps: u64,
    seconds: f64,
}

impl Plain {
    /// The text to print if `row` is the state `now` seconds after the start.
    pub(super) fn update(&mut self, row: &ProgressRow, now: f64) -> String {
        let is_due = self.printed.as_ref().is_none_or(|last| {
            row.steps.saturating_sub(last.steps) as f64 >= FRACTION * row.total_steps as f64
                || now - last.seconds >= SECONDS
        });
        if !is_due {
            self.pending = Some(row.clone());
            return String::new();
        }
        let header = if self.printed.is_none() { Layout::ALL.header(row) + "\n" } else { String::new() };
        self.printed = Some(Printed { steps: row.steps, seconds: now });
        self.pending = None;
        header + &Layout::ALL.cells(row) + "\n"
    }

    /// The last row, if it has not been printed.
    pub(super) fn end(&mut self) -> String {
        self.pending.take().map_or_else(String::new, |row| Layout::ALL.cells(&row) + "\n")
    }
}
