//! The colors and dashes of figures.

use super::scene::Color;

/// The color of titles and values.
pub const INK: Color = Color::hex(0x1F_23_28);
/// The color of tick labels, explanations and reference lines.
pub const MUTED: Color = Color::hex(0x5F_66_70);
/// The color of grid lines.
pub const GRID: Color = Color::hex(0xE8_EA_ED);
/// The opacity of bands. Bands that overlap can both be seen.
pub const BAND_ALPHA: f64 = 0.16;

/// The colors of Okabe and Ito 2008, which color-blind readers can tell apart, ordered by their contrast with white. Their
/// yellow is left out, because it has too little contrast.
const HUES: [Color; 7] = [
    Color::hex(0x00_72_B2), // blue
    Color::hex(0xD5_5E_00), // vermilion
    Color::hex(0x00_9E_73), // bluish green
    Color::hex(0xCC_79_A7), // reddish purple
    Color::hex(0xE6_9F_00), // orange
    Color::hex(0x56_B4_E9), // sky blue
    Color::hex(0x3C_3C_3C), // black, softened
];

/// The color of series `index`. The colors repeat after seven; see [`dash`].
pub const fn hue(index: usize) -> Color {
    HUES[index % HUES.len()]
}

/// The dashes of series `index`: solid for the first seven, and then a different pattern for each repetition of the colors.
pub const fn dash(index: usize) -> Option<[f64; 2]> {
    match index / HUES.len() {
        0 => None,
        1 => Some([8.0, 3.0]),
        2 => Some([2.0, 3.0]),
        _ => Some([12.0, 4.0]),
    }
}
