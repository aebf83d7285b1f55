//! Actions: the integers of discrete parts and the reals of boxes, of one environment or of many.

use super::Space;

/// An action of one environment, as the environment's own space understands it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Action<'a> {
    integers: &'a [i64],
    reals: &'a [f64],
}

impl<'a> Action<'a> {
    /// An action with both kinds of numbers.
    pub fn new(integers: &'a [i64], reals: &'a [f64]) -> Self {
        Self { integers, reals }
    }

    /// An action of a discrete, multi-discrete or multi-binary space.
    pub fn of_integers(integers: &'a [i64]) -> Self {
        Self { integers, reals: &[] }
    }

    /// An action of a box.
    pub fn of_reals(reals: &'a [f64]) -> Self {
        Self { integers: &[], reals }
    }

    /// The action of a discrete space.
    ///
    /// # Panics
    /// If the action space is a box. (The trainer passes actions of the space in [`super::Spec::action`].)
    #[inline] // environments of other crates ask at each step
    pub fn index(self) -> usize {
        let index = self.integers.first().expect("index() of an action without integers: the action space is a box");
        usize::try_from(*index).expect("actions are counted from 0")
    }

    /// The integers: one for a discrete space, one per part for multi-discrete and multi-binary spaces, none for a box. In a
    /// tuple, those of its parts one after the other.
    pub fn integers(self) -> &'a [i64] {
        self.integers
    }

    /// The reals: one per dimension for a box, none for other spaces. In a tuple, those of its boxes one after the other.
    pub fn reals(self) -> &'a [f64] {
        self.reals
    }
}

/// An action to write.
#[derive(Debug)]
pub struct ActionMut<'a> {
    /// See [`Action::integers`].
    pub integers: &'a mut [i64],
    /// See [`Action::reals`].
    pub reals: &'a mut [f64],
}

impl<'a> ActionMut<'a> {
    /// Writes another action of the same width.
    pub fn copy_from(&mut self, action: Action<'_>) {
        // Loops: most actions are too short for the call that copies slices.
        debug_assert_eq!((self.integers.len(), self.reals.len()), (action.integers.len(), action.reals.len()));
        self.integers.iter_mut().zip(action.integers).for_each(|(slot, x)| *slot = *x);
        self.reals.iter_mut().zip(action.reals).for_each(|(slot, x)| *slot = *x);
    }

    /// The first numbers, as many of each kind as `width` says, and the others.
    pub fn split_at(self, width: ActionWidth) -> (ActionMut<'a>, ActionMut<'a>) {
        let (integers, reals) = (self.integers.split_at_mut(width.integers), self.reals.split_at_mut(width.reals));
        (ActionMut { integers: integers.0, reals: reals.0 }, ActionMut { integers: integers.1, reals: reals.1 })
    }
}

impl<'a> Action<'a> {
    /// Splits off the first numbers, as many of each kind as `width` says.
    pub fn split_off(&mut self, width: ActionWidth) -> Action<'a> {
        let (integers, reals) = (self.integers.split_at(width.integers), self.reals.split_at(width.reals));
        (self.integers, self.reals) = (integers.1, reals.1);
        Action { integers: integers.0, reals: reals.0 }
    }
}

/// The count of numbers in an action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ActionWidth {
    /// Integers.
    pub integers: usize,
    /// Reals.
    pub reals: usize,
}

impl ActionWidth {
    /// The width of the actions of a space.
    pub fn of(space: &Space) -> Self {
        let mut width = Self::default();
        for leaf in space.leaves() {
            match leaf {
                Space::Box { .. } | Space::Image(_) => width.reals += leaf.len(),
                Space::Parametrized(boxes) => {
                    width.integers += 1;
                    width.reals += boxes.iter().map(Space::len).sum::<usize>();
                }
                other => width.integers += other.len(),
            }
        }
        width
    }

    /// Numbers of both kinds.
    pub fn total(self) -> usize {
        self.integers + self.reals
    }
}

/// Actions of several environments, one row each.
#[derive(Clone, Copy, Debug)]
pub struct Actions<'a> {
    width: ActionWidth,
    rows: usize,
    integers: &'a [i64],
    reals: &'a [f64],
}

impl<'a> Actions<'a> {
    /// Rows of `columns` integers.
    pub fn of_integers(integers: &'a [i64], columns: usize) -> Self {
        let rows = integers.len().checked_div(columns).unwrap_or(0);
        Self { width: ActionWidth { integers: columns, reals: 0 }, rows, integers, reals: &[] }
    }

    /// Rows of `columns` reals.
    pub fn of_reals(reals: &'a [f64], columns: usize) -> Self {
        let rows = reals.len().checked_div(columns).unwrap_or(0);
        Self { width: ActionWidth { integers: 0, reals: columns }, rows, integers: &[], reals }
    }

    /// The action in row `row`.
    #[inline]
    pub fn row(self, row: usize) -> Action<'a> {
        let ActionWidth { integers, reals } = self.width;
        Action { integers: &self.integers[row * integers..][..integers], reals: &self.reals[row * reals..][..reals] }
    }

    /// Number of rows.
    pub fn rows(self) -> usize {
        self.rows
    }

    /// Numbers of each row.
    pub fn width(self) -> ActionWidth {
        self.width
    }

    /// The same integers beside other reals, as many as before: the first of `reals`, row-major.
    pub(crate) fn with_reals(self, reals: &'a [f64]) -> Self {
        Self { reals: &reals[..self.reals.len()], ..self }
    }

    /// All integers, row-major.
    pub fn integers(self) -> &'a [i64] {
        self.integers
    }

    /// All reals, row-major.
    pub fn reals(self) -> &'a [f64] {
        self.reals
    }
}

/// Actions of many samples, one row each.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionRows {
    width: ActionWidth,
    rows: usize,
    integers: Vec<i64>,
    reals: Vec<f64>,
}

impl ActionRows {
    /// `rows` rows of zeros.
    pub fn zeros(width: ActionWidth, rows: usize) -> Self {
        let (integers, reals) = (vec![0; rows * width.integers], vec![0.0; rows * width.reals]);
        Self { width, rows, integers, reals }
    }

    /// Rows of numbers, row-major: first the integers of each action, then its reals. Integers are cut to whole numbers.
    pub fn from_numbers(width: ActionWidth, numbers: Vec<f64>) -> Self {
        let rows = numbers.len().checked_div(width.total()).unwrap_or(0);
        if width.integers == 0 {
            return Self { width, rows, integers: Vec::new(), reals: numbers };
        }
        let mut actions = Self::zeros(width, rows);
        for (row, numbers) in numbers.chunks_exact(width.total()).enumerate() {
            let (integers, reals) = numbers.split_at(width.integers);
            let slot = actions.row_mut(row);
            slot.integers.iter_mut().zip(integers).for_each(|(slot, x)| *slot = *x as i64);
            slot.reals.copy_from_slice(reals);
        }
        actions
    }

    /// Numbers of each row.
    pub fn width(&self) -> ActionWidth {
        self.width
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Row `row`.
    pub fn row(&self, row: usize) -> Action<'_> {
        let ActionWidth { integers, reals } = self.width;
        Action { integers: &self.integers[row * integers..][..integers], reals: &self.reals[row * reals..][..reals] }
    }

    /// The first `rows` rows.
    pub fn first(&self, rows: usize) -> Actions<'_> {
        let ActionWidth { integers, reals } = self.width;
        Actions {
            width: self.width,
            rows,
            integers: &self.integers[..rows * integers],
            reals: &self.reals[..rows * reals],
        }
    }

    /// All rows.
    pub fn all(&self) -> Actions<'_> {
        self.first(self.rows)
    }

    /// Row `row`, to write.
    pub fn row_mut(&mut self, row: usize) -> ActionMut<'_> {
        let ActionWidth { integers, reals } = self.width;
        ActionMut {
            integers: &mut self.integers[row * integers..][..integers],
            reals: &mut self.reals[row * reals..][..reals],
        }
    }

    /// Appends a row of the same width.
    pub fn push(&mut self, action: Action<'_>) {
        self.integers.extend_from_slice(action.integers);
        self.reals.extend_from_slice(action.reals);
        self.rows += 1;
    }

    /// Appends `others`, which have the same width.
    pub fn append(&mut self, others: Actions<'_>) {
        self.integers.extend_from_slice(others.integers);
        self.reals.extend_from_slice(others.reals);
        self.rows += others.rows;
    }
}
