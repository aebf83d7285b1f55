//! Bands of equal return behind the arrows.

use contour::ContourBuilder;
use npg_plot::{Color, Group, Item, Panel, Path, Rectangle, Stroke};

use npg_exact::field::{Field, Window, spaced};

/// The columns and rows of the grid from which contours are computed.
const FINE: (usize, usize) = (161, 101);
const LEVELS: usize = 13;
/// The color of the band with the smallest returns. The best band is white.
const LOW: [f64; 3] = [205.0, 214.0, 224.0];
/// The color of the lines between bands.
const CONTOUR: Color = Color::hex(0xAE_B8_C4);
/// The color where J is minus infinity.
const INFINITE: Color = Color::hex(0xB4_BE_CA);

/// Bands of equal return, from low to high. The first one covers everything where J is finite.
pub(super) struct Bands(Vec<Band>);

/// The region in which the return is above a level.
struct Band {
    color: Color,
    /// The numbers (k, sigma) along its boundary; those around holes run the other way. At the edge of the grid they are half
    /// a cell outside.
    loops: Vec<Vec<(f64, f64)>>,
}

impl Bands {
    pub(super) fn of(field: &Field, window: &Window) -> Self {
        let lqr = field.lqr;
        let (low, high) = ([window.k[0], window.sigma[0]], [window.k[1], window.sigma[1]]);
        let at = |k, sigma| lqr.at(k, sigma).map_or(f64::NEG_INFINITY, |local| local.value).max(f64::NEG_INFINITY);
        let columns = spaced(low[0], high[0], FINE.0);
        let row = |sigma| columns.iter().map(move |&k| at(k, sigma));
        let returns: Vec<f64> = spaced(low[1], high[1], FINE.1).into_iter().flat_map(row).collect();
        let levels = quantiles(&returns, LEVELS);
        // J may drop to minus infinity within one cell, where interpolated lines would be far off. 1 / (1 - J / unit) goes to
        // 0 instead. Returns are at most 0.
        let unit = levels.first().map_or(1.0, |level| -level).max(f64::MIN_POSITIVE);
        let bent = |value: &f64| 1.0 / (1.0 - value / unit);
        let thresholds: Vec<f64> = std::iter::once(f64::MIN_POSITIVE).chain(levels.iter().map(bent)).collect();
        let [k, sigma] = [(high[0] - low[0]) / (FINE.0 - 1) as f64, (high[1] - low[1]) / (FINE.1 - 1) as f64];
        // The library assumes that values belong to the centers of cells.
        let grid = ContourBuilder::new(FINE.0, FINE.1, true).x_step(k).y_step(sigma);
        let grid = grid.x_origin(low[0] - 0.5 * k).y_origin(low[1] - 0.5 * sigma);
        let lines = grid.lines(&returns.iter().map(bent).collect::<Vec<_>>(), &thresholds);
        let band = |(i, line): (usize, contour::Line)| {
            let share = (i as f64 / levels.len().max(1) as f64).powf(0.8);
            let rgb = LOW.map(|low| (low + (255.0 - low) * share).round() as u8);
            let loops = line.into_inner().0.into_iter().map(|ring| ring.into_iter().map(Into::into).collect());
            Band { color: Color { rgb, alpha: 1.0 }, loops: loops.collect() }
        };
        Self(lines.expect("the grid has a value for each point").into_iter().enumerate().map(band).collect())
    }

    pub(super) fn draw(&self, panel: &Panel) -> Item {
        let Rectangle { x, y, width, height } = panel.area;
        let corners = vec![[x, y], [x + width, y], [x + width, y + height], [x, y + height]];
        let mut items = vec![Item::Path(Path::area(corners, INFINITE))];
        for (i, band) in self.0.iter().enumerate() {
            let lift = [f64::NAN, f64::NAN];
            let place = |(k, sigma): &(f64, f64)| panel.point(*k, *sigma);
            let points = band.loops.iter().flat_map(|numbers| numbers.iter().map(place).chain([lift])).collect();
            let stroke = (i > 0).then(|| Stroke::solid(CONTOUR, 0.9));
            items.push(Item::Path(Path { stroke, ..Path::area(points, band.color) }));
        }
        Item::Group(Group { class: "contours", tooltip: None, clip: Some(panel.area), items })
    }
}

/// The increasing levels that divide the finite ones among `values` into `count` + 1 parts of equal size.
fn quantiles(values: &[f64], count: usize) -> Vec<f64> {
    let mut values: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    values.sort_unstable_by(f64::total_cmp);
    let at = |i: usize| values.get(values.len() * i / (count + 1)).copied();
    let mut levels: Vec<f64> = (1..=count).filter_map(at).collect();
    levels.dedup();
    levels
}

#[cfg(test)]
mod tests {
    use super::*;
    use npg_exact::lqr::Lqr;

    #[test]
    fn a_band_ends_where_the_return_is_its_level() {
        let field = Field::new(&Lqr::published(), spaced(-1.875, -0.125, 8), spaced(0.05, 0.5, 10));
        let window = field.window();
        let bands = Bands::of(&field, &window);
        assert_eq!(bands.0.len(), 1 + LEVELS);
        let is_inside = |x: f64, [low, high]: [f64; 2]| low < x && x < high;
        let mut before = f64::NEG_INFINITY;
        for band in &bands.0[1..] {
            let inside = band.loops.iter().flatten();
            let inside = inside.filter(|(k, sigma)| is_inside(*k, window.k) && is_inside(*sigma, window.sigma));
            let returns: Vec<f64> = inside.filter_map(|(k, sigma)| Some(field.lqr.at(*k, *sigma)?.value)).collect();
            let (low, high) = returns.iter().fold((0.0_f64, f64::NEG_INFINITY), |(l, h), r| (l.min(*r), h.max(*r)));
            assert!(returns.len() > 20 && high - low < -0.02 * low, "{low} to {high}");
            assert!(low > before, "{low} after {before}");
            before = high;
        }
    }

    #[test]
    fn levels_are_quantiles_of_what_is_finite() {
        let ramp: Vec<f64> = (0..10).map(f64::from).chain([f64::NEG_INFINITY]).collect();
        assert_eq!(quantiles(&ramp, 4), [2.0, 4.0, 6.0, 8.0]);
        assert_eq!(quantiles(&[1.0; 9], 3), [1.0]);
        assert!(quantiles(&[], 3).is_empty());
    }
}
