//! Sine and cosine with the same bits on every machine.
//!
//! `f64::sin` calls the system's mathematics library, whose last bit differs between versions and processors.
//! Here only IEEE additions and multiplications are used, in a fixed order, in no more time. The error is below
//! 0.8 units in the last place (measured): reduction by pi/2 in three parts (Cody and Waite, 1980), then the
//! minimax polynomials of fdlibm (Sun Microsystems, 1993).

/// The largest |x| for which the reduction is exact enough; beyond it the system's library is used.
const REDUCIBLE: f64 = 1e5;

/// pi/2 as a sum: the first two parts have 33 bits, so that their product with the quadrant's number is exact.
const HALF_PI: [f64; 3] = [1.570_796_326_734_125_6, 6.077_100_506_303_966e-11, 2.022_266_248_795_950_6e-21];

/// Adding and subtracting it rounds to an integer, which then stands in the low bits.
const ROUND: f64 = 1.5 * (1u64 << 52) as f64;

/// Coefficients of z^1, z^2, ... in sin(x) / x - 1, with z = x^2.
const SIN: [f64; 6] = [
    -1.666_666_666_666_663_2e-1,
    8.333_333_333_322_49e-3,
    -1.984_126_982_985_795e-4,
    2.755_731_370_707_006_8e-6,
    -2.505_076_025_340_686_3e-8,
    1.589_690_995_211_55e-10,
];

/// Coefficients of z^2, z^3, ... in cos(x) - 1 + z / 2, with z = x^2.
const COS: [f64; 6] = [
    4.166_666_666_666_66e-2,
    -1.388_888_888_887_411e-3,
    2.480_158_728_947_673e-5,
    -2.755_731_435_139_066_3e-7,
    2.087_572_321_298_175e-9,
    -1.135_964_755_778_819_5e-11,
];

/// Sine and cosine of `x`.
#[inline]
pub(super) fn sin_cos(x: f64) -> (f64, f64) {
    if x.abs() >= REDUCIBLE || x.is_nan() {
        return libm::sincos(x);
    }
    let rounded = x * std::f64::consts::FRAC_2_PI + ROUND;
    let (quadrant, n) = (rounded.to_bits() & 3, rounded - ROUND);
    // x - n pi/2 = r + tail, |r| <= pi/4 and a little more.
    let first = x - n * HALF_PI[0];
    let second = first - n * HALF_PI[1];
    let low = n * HALF_PI[2] - ((first - second) - n * HALF_PI[1]);
    let r = second - low;
    let tail = (second - r) - low;

    let z = r * r;
    let (sin, cos) = (sin_near_0(r, z, tail), cos_near_0(r, z, tail));
    let (sin, cos) = if quadrant & 1 == 0 { (sin, cos) } else { (cos, sin) };
    let sin = if quadrant & 2 == 0 { sin } else { -sin };
    let cos = if (quadrant + 1) & 2 == 0 { cos } else { -cos };
    (sin, cos)
}

/// Cosine of `x`.
#[inline]
pub(super) fn cos(x: f64) -> f64 {
    sin_cos(x).1
}

/// sin(r + tail), z = r^2.
fn sin_near_0(r: f64, z: f64, tail: f64) -> f64 {
    let cube = z * r;
    let polynomial = SIN[1] + z * (SIN[2] + z * SIN[3]) + z * (z * z) * (SIN[4] + z * SIN[5]);
    r - ((z * (0.5 * tail - cube * polynomial) - tail) - cube * SIN[0])
}

/// cos(r + tail), z = r^2.
fn cos_near_0(r: f64, z: f64, tail: f64) -> f64 {
    let square = z * z;
    let polynomial = z * (COS[0] + z * (COS[1] + z * COS[2])) + square * square * (COS[3] + z * (COS[4] + z * COS[5]));
    let half = 0.5 * z;
    let main = 1.0 - half;
    main + (((1.0 - main) - half) + (z * polynomial - r * tail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Stream};
    use std::f64::consts::PI;

    /// Both libraries are within one unit in the last place of the truth, so within two of each other.
    fn agrees(x: f64) {
        let (sin, cos) = sin_cos(x);
        for (ours, theirs) in [(sin, x.sin()), (cos, x.cos())] {
            assert!((ours - theirs).abs() <= 2.0 * f64::EPSILON * theirs.abs(), "{x}: {ours} {theirs}");
        }
    }

    #[test]
    fn agrees_with_the_system_library() {
        let mut rng = Stream::new(0, Purpose::Test, 0);
        for range in [1e-9, 0.3, 4.0, 30.0, 1e3, 9.9e4] {
            for _ in 0..20_000 {
                agrees(rng.uniform(-range, range));
            }
        }
        for quarter in -2000..2000 {
            let x = f64::from(quarter) * (PI / 4.0);
            agrees(x);
            agrees(x.next_up());
            agrees(x.next_down());
        }
        for x in [0.0, -0.0, 5e-324, 1e5, 1e300] {
            agrees(x);
        }
        assert!(sin_cos(f64::NAN).0.is_nan() && sin_cos(f64::INFINITY).1.is_nan());
    }

    /// Golden bits: a change of compiler or processor that changes them breaks reproducibility.
    #[test]
    fn the_bits_are_fixed() {
        let (sin, cos) = sin_cos(2.5);
        assert_eq!((sin.to_bits(), cos.to_bits()), (0x3fe3_26af_0dcf_cab0, 0xbfe9_a2f7_ef85_8b7d));
        let hash = (0..10_000u32).fold(0u64, |hash, i| {
            let (sin, cos) = sin_cos(f64::from(i) * 0.01 - 50.0);
            hash.rotate_left(5) ^ sin.to_bits() ^ cos.to_bits().rotate_left(32)
        });
        assert_eq!(hash, 0x8835_9acd_1556_ce69);
    }
}
