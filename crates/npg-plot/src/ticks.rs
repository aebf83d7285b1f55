//! Round numbers for ticks, and their labels.

use super::axes::{Axis, Scale};

/// The multiples of 1, 2 or 5 times a power of ten in [low, high]: about `count` of them.
pub(super) fn linear(low: f64, high: f64, count: usize) -> Vec<f64> {
    let step = round_step((high - low) / count.max(1) as f64);
    // A ten-thousandth of a step compensates for rounding at both ends.
    let (first, last) = ((low / step - 1e-4).ceil(), (high / step + 1e-4).floor());
    if !(first.is_finite() && last.is_finite() && last - first < 1000.0) {
        return Vec::new(); // the range is so narrow that its numbers do not differ by a step
    }
    (0..=(last - first).max(0.0) as usize).map(|i| (first + i as f64) * step).filter(|t| low - step < *t).collect()
}

/// 1, 2 or 5 times a power of ten, whichever is closest to `raw` in ratio.
fn round_step(raw: f64) -> f64 {
    let power = raw.log10().floor();
    let factor = match raw / 10f64.powf(power) {
        mantissa if mantissa < 2f64.sqrt() => 1.0,
        mantissa if mantissa < 10f64.sqrt() => 2.0,
        mantissa if mantissa < 50f64.sqrt() => 5.0,
        _ => 10.0,
    };
    factor * 10f64.powf(power)
}

/// The powers of ten in [low, high], thinned to about `count`. If the range contains fewer than three, also their multiples
/// by 2 and 5 or by 3, or the ticks of a linear axis.
pub(super) fn log(low: f64, high: f64, count: usize) -> Vec<f64> {
    let (first, last) = ((low.log10() - 1e-6).ceil() as i32, (high.log10() + 1e-6).floor() as i32);
    let decades = last - first + 1;
    if decades >= 3 {
        let every = (decades as usize).div_ceil(count.max(2)) as i32;
        return (first..=last).filter(|power| power.rem_euclid(every) == 0).map(|power| 10f64.powi(power)).collect();
    }
    let inside = |t: &f64| *t >= low * (1.0 - 1e-6) && *t <= high * (1.0 + 1e-6);
    let factors: &[f64] = if decades == 2 && count < 6 { &[1.0, 3.0] } else { &[1.0, 2.0, 5.0] };
    let fine: Vec<f64> = (first - 1..=last)
        .flat_map(|power| factors.iter().map(move |factor| factor * 10f64.powi(power)))
        .filter(inside)
        .collect();
    if fine.len() >= 2 { fine } else { linear(low, high, count).into_iter().filter(|t| *t > 0.0).collect() }
}

/// A label for each tick of `axis`: 0.05, 2000, 50k, 1.5M, 2×10⁻⁵, 10⁻³.
pub(super) fn labels(axis: &Axis) -> Vec<String> {
    let largest = axis.ticks.iter().fold(0.0, |largest: f64, tick| largest.max(tick.abs()));
    let smallest = axis.ticks.iter().fold(f64::INFINITY, |smallest: f64, tick| smallest.min(tick.abs()));
    match axis.scale {
        Scale::Log if largest > 2000.0 || smallest < 0.5e-3 => axis.ticks.iter().map(|tick| power(*tick)).collect(),
        Scale::Log => axis.ticks.iter().map(|tick| signed(*tick, places(*tick))).collect(),
        Scale::Linear if !(0.5e-3..1e15).contains(&largest) => axis.ticks.iter().map(|tick| power(*tick)).collect(),
        Scale::Linear if largest >= 10_000.0 => axis.ticks.iter().map(|tick| si(*tick)).collect(),
        Scale::Linear => {
            let places = axis.ticks.iter().map(|tick| places(*tick)).max().unwrap_or(0);
            axis.ticks.iter().map(|tick| if *tick == 0.0 { "0".into() } else { signed(*tick, places) }).collect()
        }
    }
}

/// `value` with k, M, G or T for thousands, millions, and so on.
pub fn si(value: f64) -> String {
    let (unit, suffix) = match value.abs() {
        size if size >= 1e12 => (1e12, "T"),
        size if size >= 1e9 => (1e9, "G"),
        size if size >= 1e6 => (1e6, "M"),
        size if size >= 1e3 => (1e3, "k"),
        _ => (1.0, ""),
    };
    format!("{}{suffix}", signed(value / unit, places(value / unit)))
}

/// The number of decimal places that `value` needs, at most 6. Rounding errors of ticks do not count.
fn places(value: f64) -> usize {
    (0..6)
        .find(|places| {
            let scaled = value.abs() * 10f64.powi(*places);
            (scaled - scaled.round()).abs() < 1e-6 * scaled.max(1e-3)
        })
        .unwrap_or(6) as usize
}

fn signed(value: f64, places: usize) -> String {
    format!("{value:.places$}").replace('-', "−")
}

/// `value` as a multiple of a power of ten.
fn power(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let mut exponent = value.abs().log10().floor() as i32;
    let mut mantissa = value / 10f64.powi(exponent);
    if mantissa.abs() > 9.999_999 {
        (mantissa, exponent) = (mantissa / 10.0, exponent + 1);
    }
    let raised: String = exponent.to_string().chars().map(superscript).collect();
    match signed(mantissa, places(mantissa)).as_str() {
        "1" => format!("10{raised}"),
        "−1" => format!("−10{raised}"),
        mantissa => format!("{mantissa}×10{raised}"),
    }
}

fn superscript(character: char) -> char {
    match character {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        digit => char::from_u32(u32::from('⁰') + digit.to_digit(10).unwrap_or(0)).unwrap_or(digit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(scale: Scale, low: f64, high: f64, count: usize) -> String {
        labels(&Axis::new(scale, low, high, count)).join(" ")
    }

    #[test]
    fn linear_ticks_are_round() {
        for (low, high, expected) in [
            (0.0, 100_000.0, "0 20k 40k 60k 80k 100k"),
            (0.0, 1_000_000.0, "0 200k 400k 600k 800k 1M"),
            (0.0, 3e6, "0 500k 1M 1.5M 2M 2.5M 3M"),
            (-1700.0, -100.0, "−1500 −1000 −500"),
            (0.0, 500.0, "0 100 200 300 400 500"),
            (-0.25, 1.0, "−0.2 0 0.2 0.4 0.6 0.8 1.0"),
            (0.0, 0.012, "0 0.002 0.004 0.006 0.008 0.010 0.012"),
            (0.0, 4e-5, "0 10⁻⁵ 2×10⁻⁵ 3×10⁻⁵ 4×10⁻⁵"),
            (-3e20, 0.0, "−3×10²⁰ −2.5×10²⁰ −2×10²⁰ −1.5×10²⁰ −10²⁰ −5×10¹⁹ 0"),
            (0.9999, 1.0001, "0.99990 0.99995 1.00000 1.00005 1.00010"),
        ] {
            assert_eq!(texts(Scale::Linear, low, high, 5), expected);
        }
    }

    #[test]
    fn log_ticks_are_powers_or_round_between_them() {
        for (low, high, count, expected) in [
            (1e-4, 1.0, 5, "10⁻⁴ 10⁻³ 10⁻² 10⁻¹ 10⁰"),
            (0.01, 10.0, 5, "0.01 0.1 1 10"),
            (1e-12, 1.0, 4, "10⁻¹² 10⁻⁸ 10⁻⁴ 10⁰"),
            (0.004, 0.07, 6, "0.005 0.01 0.02 0.05"),
            (0.011, 0.019, 4, "0.012 0.014 0.016 0.018"),
        ] {
            assert_eq!(texts(Scale::Log, low, high, count), expected);
        }
    }

    /// 2,000 random ranges: at least two and no more than three times the ticks asked for, all inside.
    #[test]
    fn any_range_has_ticks() {
        let mut rng = npg_core::random::Stream::new(0, npg_core::random::Purpose::Test, 0);
        for _ in 0..2000 {
            let low = rng.normal() * 10f64.powf(rng.uniform(-8.0, 8.0));
            let high = low + 10f64.powf(rng.uniform(-8.0, 8.0)).max(low.abs() * 1e-6);
            let axis = Axis::new(Scale::Linear, low, high, 5);
            assert!((2..=12).contains(&axis.ticks.len()), "{axis:?}");
            assert!(axis.ticks.iter().all(|t| (-1e-3..=1.001).contains(&axis.place(*t))), "{axis:?}");
            let (low, high) = (low.abs().max(1e-8), low.abs().max(1e-8) * 10f64.powf(rng.uniform(0.01, 9.0)));
            let axis = Axis::new(Scale::Log, low, high, 5);
            assert!((2..=12).contains(&axis.ticks.len()), "{axis:?}");
            assert!(axis.ticks.iter().all(|t| (-1e-3..=1.001).contains(&axis.place(*t))), "{axis:?}");
        }
    }

    #[test]
    fn steps_are_short() {
        for (value, text) in [(0.0, "0"), (999.0, "999"), (50_000.0, "50k"), (1_250_000.0, "1.25M"), (2e9, "2G")] {
            assert_eq!(si(value), text);
        }
    }
}
