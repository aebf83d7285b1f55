//! What a family says of each of its environments.

use super::options::{EnvOption, Values};
use super::tabular::Table;
use npg_core::Result;
use npg_core::env::EnvSource;

/// Makes a table from checked options.
pub type MakeTable = fn(&Values) -> Result<Table>;

/// A native environment.
#[derive(Debug)]
pub struct Entry {
    /// Its id, such as `CartPole-v1`.
    pub id: &'static str,
    /// What the task is, in one sentence.
    pub sentence: &'static str,
    /// The options it takes.
    pub options: &'static [EnvOption],
    /// Makes it from checked options.
    pub build: fn(&Values) -> Result<Box<dyn EnvSource>>,
    /// Its table, if it has finitely many states.
    pub table: Option<MakeTable>,
}
