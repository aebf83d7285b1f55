//! The columns of the progress table, for terminals and pipes.

use super::ProgressRow;
use crate::text::{clock, count, decimal, short};

/// One column.
struct Column {
    title: fn(&ProgressRow) -> &'static str,
    width: usize,
    /// On a narrow terminal, columns of a high rank are left out first.
    rank: u8,
    cell: fn(&ProgressRow) -> Option<String>,
}

/// The return and its interval, in one cell.
fn returns(row: &ProgressRow) -> Option<String> {
    let mean = finite(row.return_mean, decimal)?;
    Some(finite(row.return_ci95, decimal).map_or(mean.clone(), |half_width| format!("{mean} ± {half_width}")))
}

/// A number as text, if there is one and it is finite.
fn finite(number: Option<f64>, text: fn(f64) -> String) -> Option<String> {
    number.filter(|number| number.is_finite()).map(text)
}

/// An episode's length, or a return, in a narrow column: with four digits there is no room for a decimal.
fn narrow(number: f64) -> String {
    if number.abs() < 999.95 { decimal(number) } else { format!("{number:.0}") }
}

/// Numbers close to 1 as decimals, and very negative ones as powers of ten.
fn fraction(number: f64) -> String {
    if number > -9.9995 { format!("{number:.3}") } else { format!("{number:.0e}") }
}

/// All but one of them fit into 79 columns, for the common terminals with 80.
static COLUMNS: [Column; 12] = [
    Column { title: |_| "steps", width: 5, rank: 0, cell: |row| Some(count(row.steps as f64)) },
    Column { title: |_| "steps/s", width: 7, rank: 4, cell: |row| finite(row.steps_per_second, count) },
    Column { title: |_| "eta", width: 5, rank: 2, cell: |row| finite(row.eta_seconds, clock) },
    Column { title: |_| "return ± 95 %", width: 14, rank: 1, cell: returns },
    Column { title: |_| "batch", width: 6, rank: 5, cell: |row| finite(row.return_batch, narrow) },
    Column { title: |_| "len", width: 5, rank: 6, cell: |row| finite(row.length_mean, narrow) },
    Column { title: |_| "kl", width: 6, rank: 3, cell: |row| finite(row.kl, short) },
    Column { title: |_| "pred", width: 6, rank: 7, cell: |row| finite(row.kl_predicted, short) },
    Column { title: |_| "cg", width: 2, rank: 10, cell: |row| finite(row.cg_iterations, count) },
    Column { title: |_| "res", width: 6, rank: 11, cell: |row| finite(row.cg_residual, short) },
    Column { title: |_| "ev", width: 6, rank: 9, cell: |row| finite(row.explained_variance, fraction) },
    Column { title: |row| row.spread_label, width: 7, rank: 8, cell: |row| finite(row.spread, short) },
];

/// The number of columns, of which the most important are shown, and the spaces between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    shown: u8,
    gap: usize,
}

impl Layout {
    /// All columns, with wide spaces.
    pub(super) const ALL: Layout = Layout { shown: COLUMNS.len() as u8, gap: 2 };

    /// The columns that fit into `width`. The first column is always shown.
    pub(super) fn fitting(width: usize) -> Layout {
        let needed = |layout: &Layout| -> usize {
            let widths = COLUMNS.iter().filter(|column| column.rank < layout.shown).map(|column| column.width);
            widths.map(|width| width + layout.gap).sum::<usize>() - layout.gap
        };
        let narrower = (1..=Self::ALL.shown).rev().map(|shown| Layout { shown, gap: 1 });
        let mut layouts = [Self::ALL].into_iter().chain(narrower);
        layouts.find(|layout| needed(layout) <= width).unwrap_or(Layout { shown: 1, gap: 1 })
    }

    /// The titles.
    pub(super) fn header(self, row: &ProgressRow) -> String {
        self.line(|column| (column.title)(row).to_owned())
    }

    /// The cells of a row.
    pub(super) fn cells(self, row: &ProgressRow) -> String {
        self.line(|column| (column.cell)(row).unwrap_or_else(|| "-".into()))
    }

    fn line(self, cell: impl Fn(&Column) -> String) -> String {
        let columns = COLUMNS.iter().filter(|column| column.rank < self.shown);
        let cells: Vec<String> =
            columns.map(|column| format!("{:>width$}", cell(column), width = column.width)).collect();
        cells.join(&" ".repeat(self.gap))
    }
}

/// The titles of all columns. The last column has two possible titles.
#[cfg(test)]
pub(super) fn heads() -> Vec<&'static str> {
    let rows = ["std", "entropy"].map(|spread_label| ProgressRow { spread_label, ..ProgressRow::default() });
    rows.iter().flat_map(|row| COLUMNS.iter().map(|column| (column.title)(row))).collect()
}
