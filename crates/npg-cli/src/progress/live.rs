//! The display on a terminal: one permanent row for every tenth of the run, and below them the newest row and a bar, which
//! are redrawn in place.
//!
//! The cursor always rests at the start of the line below the bar and is never hidden. So nothing has to be restored,
//! however the program ends.

use super::ProgressRow;
use super::columns::Layout;

/// Seconds between two drawings.
const INTERVAL: f64 = 0.1;
/// The number of parts of the run that get a permanent row.
const PARTS: u64 = 10;
/// The length of the longest bar, in columns.
const BAR: usize = 40;

/// What is on the screen.
pub(super) struct Live {
    has_color: bool,
    /// Lines at the bottom that the next drawing replaces.
    lines: usize,
    /// The width at the last drawing.
    layout: Option<Layout>,
    /// The time of the last drawing.
    drawn: Option<f64>,
    /// The part of the run to which the last permanent row belongs.
    part: u64,
    /// The newest row, if it is not permanent.
    newest: Option<ProgressRow>,
}

impl Live {
    pub(super) fn new(has_color: bool) -> Self {
        Self { has_color, lines: 0, layout: None, drawn: None, part: 0, newest: None }
    }

    /// The text to print if `row` is the state `now` seconds after the start; mostly nothing.
    pub(super) fn update(&mut self, row: &ProgressRow, now: f64, width: impl FnOnce() -> usize) -> String {
        let part = PARTS * row.steps / row.total_steps.max(1);
        let is_due = self.drawn.is_none_or(|drawn| now - drawn >= INTERVAL);
        if !is_due && part == self.part {
            self.newest = Some(row.clone());
            return String::new();
        }
        self.drawn = Some(now);
        let width = width();
        let text = self.erased() + &self.table(row, width) + &self.bar(row, width);
        if part == self.part {
            self.newest = Some(row.clone());
            self.lines = 2;
        } else {
            self.newest = None;
            self.lines = 1;
            self.part = part;
        }
        text
    }

    /// A permanent line in the place of the newest row and the bar, which return with the next update.
    pub(super) fn note(&mut self, note: &str) -> String {
        self.drawn = None;
        format!("{}{note}\n", self.erased())
    }

    /// Removes the bar and keeps the newest row.
    pub(super) fn end(&mut self, width: impl FnOnce() -> usize) -> String {
        let text = self.erased();
        match self.newest.take() {
            Some(row) => text + &self.table(&row, width()),
            None => text,
        }
    }

    /// Moves to the first of the lines to be replaced and clears to the end of the screen. The terminal may have shown
    /// `^C` where the cursor rested.
    fn erased(&mut self) -> String {
        match std::mem::take(&mut self.lines) {
            0 => "\r\x1b[J".into(),
            lines => format!("\r\x1b[{lines}A\x1b[J"),
        }
    }

    /// The row, with titles above it if there are none yet or if the width of the terminal has changed the columns.
    fn table(&mut self, row: &ProgressRow, width: usize) -> String {
        let width = width.saturating_sub(1); // a line of the full width may wrap
        let layout = Layout::fitting(width);
        let cut = |line: String| line.chars().take(width).collect::<String>();
        let cells = cut(layout.cells(row));
        if self.layout.replace(layout) == Some(layout) {
            return format!("{cells}\n");
        }
        let titles = self.colored("\x1b[2m", &cut(layout.header(row)));
        format!("{titles}\n{cells}\n")
    }

    fn bar(&self, row: &ProgressRow, width: usize) -> String {
        let fraction = (row.steps as f64 / row.total_steps.max(1) as f64).min(1.0);
        let percent = format!("{} %", (100.0 * fraction) as u64);
        let length = BAR.min(width.saturating_sub(percent.len() + 2));
        let full = (fraction * length as f64) as usize;
        let done = self.colored("\x1b[36m", &"━".repeat(full));
        format!("{done}{} {percent}\n", "─".repeat(length - full))
    }

    fn colored(&self, code: &str, text: &str) -> String {
        if self.has_color { format!("{code}{text}\x1b[0m") } else { text.to_owned() }
    }
}
