//! Figures: learning curves of runs, as SVG or PNG, without system fonts.
//!
//! A [`Figure`] is a list of shapes in pixels (`scene`). `axes` turns numbers into places and draws ticks, `key` the
//! rows that explain lines, `curves` and
//! `quantity` compose the figure of `npg plot`. `svg` and `png` draw the same shapes.

mod axes;
mod curves;
mod font;
mod key;
mod names;
mod palette;
mod png;
mod promises;
mod quantity;
mod runs;
mod scene;
mod series;
mod svg;
mod ticks;

pub use axes::{Axis, Panel, Scale};
pub use curves::{CurveOptions, learning_curves};
pub use font::{Weight, text_width};
pub use key::{Entry, Swatch, key_rows};
pub use palette::{BAND_ALPHA, GRID, INK, MUTED, dash, hue};
pub use scene::{Anchor, Circle, Color, Figure, Format, Group, Item, Path, Point, Rectangle, Stroke, Text, named};

#[cfg(test)]
mod tests;
