//! Figures as SVG or PNG, without system fonts: the learning curves of runs, and pictures of the exact worlds, which may be
//! animated (GIF).
//!
//! A [`Figure`] is a list of shapes in pixels (`scene`). `axes` turns numbers into places and draws ticks, `key` draws the
//! rows that explain lines, and `arrows` draws directions in a plane. `curves` and `quantity` compose the figure of `npg
//! plot`, and `grid` its figure of several environments. `field` and `kakade` compose the figures of the commands with these
//! names. `svg` and `png` draw the same shapes, and `animation` draws several frames.

mod animation;
mod arrows;
mod axes;
mod chart;
mod curves;
mod field;
mod font;
mod grid;
mod heading;
mod kakade;
mod key;
mod names;
mod palette;
mod png;
mod promises;
mod quantity;
mod runs;
mod scene;
mod series;
mod simplify;
mod svg;
mod ticks;

pub use animation::{Animation, Frame};
pub use arrows::{ArrowStyle, arrow};
pub use axes::{Axis, Panel, Scale};
pub use chart::{Chart, Mark, Plotted, charts};
pub use curves::{CurveOptions, PANELS, learning_curves};
pub use field::{gradient_field, walking};
pub use font::{Weight, text_width};
pub use kakade::kakade;
pub use key::{Entry, Swatch, key_rows};
pub use palette::{BAND_ALPHA, GRID, INK, MUTED, dash, hue};
pub use runs::runs_in;
pub use scene::{Anchor, Circle, Color, Figure, Format, Group, Item, Path, Point, Rectangle, Stroke, Text, named};

#[cfg(test)]
mod tests;
