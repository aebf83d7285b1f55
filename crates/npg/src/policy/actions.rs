//! Columns of actions: integers or reals, one row a sample.

use super::{ActionMut, Distribution};
use crate::env::{Action, Actions};

/// Actions of many samples, row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum ActionRows {
    /// Integer columns.
    Integers {
        /// Row-major values.
        values: Vec<i64>,
        /// Values a row.
        columns: usize,
    },
    /// Real columns.
    Reals {
        /// Row-major values.
        values: Vec<f64>,
        /// Values a row.
        columns: usize,
    },
}

impl ActionRows {
    /// `rows` rows of zeros, of the distribution's kind.
    pub fn zeros(distribution: &Distribution, rows: usize) -> Self {
        let columns = distribution.columns();
        if distribution.is_real() {
            ActionRows::Reals { values: vec![0.0; rows * columns], columns }
        } else {
            ActionRows::Integers { values: vec![0; rows * columns], columns }
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        let (values, columns) = match self {
            ActionRows::Integers { values, columns } => (values.len(), *columns),
            ActionRows::Reals { values, columns } => (values.len(), *columns),
        };
        values.checked_div(columns).unwrap_or(0)
    }

    /// Row `row`.
    pub fn row(&self, row: usize) -> Action<'_> {
        match self {
            ActionRows::Integers { values, columns } => Action::Integers(&values[row * columns..][..*columns]),
            ActionRows::Reals { values, columns } => Action::Reals(&values[row * columns..][..*columns]),
        }
    }

    /// The first `rows` rows.
    pub fn first(&self, rows: usize) -> Actions<'_> {
        match self {
            ActionRows::Integers { values, columns } => {
                Actions::Integers { values: &values[..rows * columns], columns: *columns }
            }
            ActionRows::Reals { values, columns } => {
                Actions::Reals { values: &values[..rows * columns], columns: *columns }
            }
        }
    }

    /// Row `row`, to write.
    pub fn row_mut(&mut self, row: usize) -> ActionMut<'_> {
        match self {
            ActionRows::Integers { values, columns } => ActionMut::Integers(&mut values[row * *columns..][..*columns]),
            ActionRows::Reals { values, columns } => ActionMut::Reals(&mut values[row * *columns..][..*columns]),
        }
    }

    /// Copies row `from` of `other`, which has the same kind, into row `row`.
    pub fn copy_row(&mut self, row: usize, other: &ActionRows, from: usize) {
        match (self.row_mut(row), other.row(from)) {
            (ActionMut::Integers(slot), Action::Integers(a)) => slot.copy_from_slice(a),
            (ActionMut::Reals(slot), Action::Reals(a)) => slot.copy_from_slice(a),
            _ => unreachable!("both come from one distribution"),
        }
    }

    /// Appends `others`, which have the same kind.
    pub fn append(&mut self, others: Actions<'_>) {
        match (self, others) {
            (ActionRows::Integers { values, .. }, Actions::Integers { values: more, .. }) => {
                values.extend_from_slice(more);
            }
            (ActionRows::Reals { values, .. }, Actions::Reals { values: more, .. }) => values.extend_from_slice(more),
            _ => unreachable!("both come from one distribution"),
        }
    }
}
