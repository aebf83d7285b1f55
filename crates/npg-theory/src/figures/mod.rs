//! Figures of the exact worlds: `field` and `kakade` draw those of the commands of these names.

mod field;
mod kakade;

pub use field::{gradient_field, walking};
pub use kakade::kakade;
