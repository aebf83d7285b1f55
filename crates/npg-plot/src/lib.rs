//! Figures as SVG, PNG or animated GIF, without system fonts. This crate takes numbers and knows nothing about npg.
//!
//! A [`Figure`] is a list of shapes in pixels (`scene`). `axes` maps numbers to places in a panel and draws ticks, `key` draws
//! the rows that explain lines, `arrows` draws directions, and `chart` draws lines and marks. `svg` and `png` draw the same
//! shapes, and `animation` draws several figures in a row.

#![forbid(unsafe_code)]

mod animation;
mod arrows;
mod axes;
mod chart;
mod font;
mod key;
mod palette;
mod png;
mod scene;
mod simplify;
mod svg;
mod ticks;

pub use animation::{Animation, Frame};
pub use arrows::{ArrowStyle, arrow};
pub use axes::{Axis, Panel, Scale};
pub use chart::{Chart, Mark, Plotted, charts};
pub use font::{Weight, text_width};
pub use key::{Entry, Swatch, dot, key_rows};
pub use palette::{BAND_ALPHA, GRID, INK, MUTED, dash, hue};
pub use scene::{
    Anchor, Circle, Color, Drawing, Figure, Format, Group, Item, Path, Point, Rectangle, Stroke, Text, WrongFormat,
    named, text,
};
pub use ticks::si;
