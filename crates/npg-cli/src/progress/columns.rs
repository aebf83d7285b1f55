//! The columns of the progress table, for terminals and pipes alike.

use super::ProgressRow;
use crate::text::{clock, count, decimal, significant};

/// One column.
struct Column {
    title: fn(&ProgressRow) -> &'static str,
    width: usize,
    /// Columns of a high rank go first when the terminal is narrow.
    rank: u8,
    cell: fn(&ProgressRow) -> Option<String>,
}

/// Returns and their interval, in one cell.
fn returns(row: &ProgressRow) -> Option<String> {
    let mean = finite(row.return_mean, decimal)?;
    Some(finite(row.return_ci95, decimal).map_or(mean.clone(), |half_width| format!("{mean} ± {half_width}")))
}

/// A number as text, if it is there and finite.
fn finite(number: Option<f64>, text: fn(f64) -> String) -> Option<String> {
    number.filter(|number| number.is_finite()).map(text)
}

/// Everything close to 1 in decimals, the hopelessly negative in powers of ten.
fn fraction(number: f64) -> String {
    if number > -10.0 { format!("{number:.3}") } else { format!("{number:.1e}") }
}

static COLUMNS: [Column; 11] = [
    Column { title: |_| "steps", width: 5, rank: 0, cell: |row| Some(count(row.steps as f64)) },
    Column { title: |_| "steps/s", width: 7, rank: 4, cell: |row| finite(row.steps_per_second, count) },
    Column { title: |_| "eta", width: 7, rank: 2, cell: |row| finite(row.eta_seconds, clock) },
    Column { title: |_| "return ± 95 %", width: 14, rank: 1, cell: returns },
    Column { title: |_| "length", width: 6, rank: 5, cell: |row| finite(row.length_mean, decimal) },
    Column { title: |_| "kl", width: 7, rank: 3, cell: |row| finite(row.kl, significant) },
    Column { title: |_| "kl pred", width: 7, rank: 6, cell: |row| finite(row.kl_predicted, significant) },
    Column { title: |_| "cg", width: 2, rank: 9, cell: |row| finite(row.cg_iterations, count) },
    Column { title: |_| "cg res", width: 7, rank: 10, cell: |row| finite(row.cg_residual, significant) },
    Column { title: |_| "expl var", width: 8, rank: 8, cell: |row| finite(row.explained_variance, fraction) },
    Column { title: |row| row.spread_label, width: 7, rank: 7, cell: |row| finite(row.spread, significant) },
];

/// Blanks between columns.
const GAP: usize = 2;

/// The number of columns, the most important ones, that fit into `width`. The first always does.
pub(super) fn fitting(width: usize) -> u8 {
    let mut used = 0;
    for rank in 0..COLUMNS.len() as u8 {
        used += COLUMNS.iter().find(|column| column.rank == rank).map_or(0, |column| column.width + GAP);
        if rank > 0 && used - GAP > width {
            return rank;
        }
    }
    COLUMNS.len() as u8
}

/// All columns.
pub(super) const ALL: u8 = COLUMNS.len() as u8;

/// The titles of the `shown` most important columns.
pub(super) fn header(row: &ProgressRow, shown: u8) -> String {
    line(shown, |column| (column.title)(row).to_owned())
}

/// The cells of the `shown` most important columns.
pub(super) fn cells(row: &ProgressRow, shown: u8) -> String {
    line(shown, |column| (column.cell)(row).unwrap_or_else(|| "-".into()))
}

fn line(shown: u8, cell: impl Fn(&Column) -> String) -> String {
    let columns = COLUMNS.iter().filter(|column| column.rank < shown);
    let cells: Vec<String> = columns.map(|column| format!("{:>width$}", cell(column), width = column.width)).collect();
    cells.join("  ")
}
