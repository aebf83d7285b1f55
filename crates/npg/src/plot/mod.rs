//! Figures, as SVG, PNG or GIF: learning curves of runs, and pictures of the exact worlds. [`save`] writes them.
//!
//! `curves` and `quantity` compose the figure of `npg plot`, `grid` its figure of several environments. They are drawn with the
//! shapes and axes of the crate `npg-plot`.

mod curves;
mod grid;
mod heading;
mod names;
mod promises;
mod quantity;
mod runs;
mod series;

pub use curves::{CurveOptions, PANELS, learning_curves};
#[doc(inline)]
pub use npg_plot::*;
#[doc(inline)]
pub use npg_theory::figures::{gradient_field, kakade, walking};
pub use runs::{runs_in, seeds_in};

use crate::atomic::write_atomically;
use crate::{Error, Result};
use std::path;

/// Writes a figure or an animation in the format that the extension of `path` names, in one piece.
///
/// # Errors
/// [`Error::Config`] for an extension that names no format that it can have, [`Error::Io`] if the file cannot be written. An
/// earlier file is then still there.
pub fn save(drawing: &impl Drawing, path: impl AsRef<path::Path>) -> Result<()> {
    let bytes = drawing.encode(&path).map_err(wrong_format)?;
    write_atomically(path, &bytes)
}

/// [`Format::of`] with an error of npg.
///
/// # Errors
/// [`Error::Config`] with the extensions that there are.
pub fn format_of(path: impl AsRef<path::Path>) -> Result<Format> {
    Format::of(path).map_err(wrong_format)
}

/// [`Format::of_figure`] with an error of npg.
///
/// # Errors
/// [`Error::Config`] with the extensions that there are.
pub fn format_of_figure(path: impl AsRef<path::Path>) -> Result<Format> {
    Format::of_figure(path).map_err(wrong_format)
}

fn wrong_format(error: WrongFormat) -> Error {
    Error::config("figure", error.to_string())
}

#[cfg(test)]
mod tests;
