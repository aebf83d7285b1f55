//! The display on a terminal: rows that stay, one for every tenth of the run, and below them the newest row and
//! a bar, drawn again in place.
//!
//! The cursor always rests at the start of the line below the bar and is never hidden, so nothing has to be
//! restored, however the program ends.

use super::ProgressRow;
use super::columns::Layout;

/// Seconds between two drawings.
const INTERVAL: f64 = 0.1;
/// A row stays for every this many parts of the run.
const PARTS: u64 = 10;
/// Longest bar, in columns.
const BAR: usize = 40;

/// What is on the screen.
pub(super) struct Live {
    has_color: bool,
    /// Lines at the bottom that the next drawing replaces.
    lines: usize,
    /// Of the last drawing.
    layout: Option<Layout>,
    /// When the last drawing was.
    drawn: Option<f64>,
    /// Part of the run that the last row that stays belongs to.
    part: u64,
    /// The newest row, if it is not among those that stay.
    newest: Option<ProgressRow>,
}

impl Live {
    pub(super) fn new(has_color: bool) -> Self {
        Self { has_color, lines: 0, layout: None, drawn: None, part: 0, newest: None }
    }

    /// What to print when `row` is the state, `now` seconds after the start; mostly nothing.
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

    /// A line that stays, in the place of the newest row and the bar, which come back with the next update.
    pub(super) fn note(&mut self, note: &str) -> String {
        self.drawn = None;
        format!("{}{note}\n", self.erased())
    }

    /// The bar goes, the newest row stays.
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

    /// The row, below titles if there are none yet or the terminal's width asks for others.
    fn table(&mut self, row: &ProgressRow, width: usize) -> String {
        let width = width.saturating_sub(1); // a line as long as the terminal is wide may wrap
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
