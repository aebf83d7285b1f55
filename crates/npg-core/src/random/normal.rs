//! Standard normal numbers by the ziggurat (Marsaglia & Tsang 2000), with the same bits on every machine.
//!
//! Libraries compute the tables and the tail with the system's `exp` and `ln`, whose last bit differs between processors.

use std::sync::LazyLock;

/// The number of layers, which have equal areas under the density.
const LAYERS: usize = 256;

/// The start of the tail for this number of layers.
const TAIL: f64 = 3.654_152_885_361_009;

/// The density without its constant factor.
fn density(x: f64) -> f64 {
    libm::exp(-0.5 * x * x)
}

struct Ziggurat {
    /// The right edges of the layers. The first edge belongs to the base, which is as wide as if the tail were part of the
    /// rectangle; the last one is 0, at the top.
    edges: [f64; LAYERS + 1],
    /// The density at each edge.
    heights: [f64; LAYERS + 1],
}

static ZIGGURAT: LazyLock<Ziggurat> = LazyLock::new(|| {
    let tail_area = std::f64::consts::FRAC_PI_2.sqrt() * libm::erfc(TAIL * std::f64::consts::FRAC_1_SQRT_2);
    let area = TAIL * density(TAIL) + tail_area;
    let mut edges = [0.0; LAYERS + 1];
    edges[0] = area / density(TAIL);
    edges[1] = TAIL;
    for i in 1..LAYERS - 1 {
        edges[i + 1] = (-2.0 * libm::log(area / edges[i] + density(edges[i]))).sqrt();
    }
    Ziggurat { heights: edges.map(density), edges }
});

/// A uniform number in (0, 1].
fn unit_above_0(word: u64) -> f64 {
    ((word >> 11) + 1) as f64 * (1.0 / (1u64 << 53) as f64)
}

/// A standard normal number from random `words`.
#[inline]
pub(super) fn sample(mut words: impl FnMut() -> u64) -> f64 {
    let Ziggurat { edges, heights } = &*ZIGGURAT;
    loop {
        let word = words();
        let layer = word as usize % LAYERS;
        let u = (word >> 12) as f64 * (1.0 / (1u64 << 51) as f64) - 1.0; // in [-1, 1), from other bits than the layer
        let x = u * edges[layer];
        if x.abs() < edges[layer + 1] {
            return x;
        }
        if layer == 0 {
            return beyond(words).copysign(u);
        }
        let share = (words() >> 11) as f64 * (1.0 / (1u64 << 53) as f64);
        let height = heights[layer + 1] + (heights[layer] - heights[layer + 1]) * share;
        if height < density(x) {
            return x;
        }
    }
}

/// A normal number beyond the last layer (Marsaglia 1964).
#[cold]
fn beyond(mut words: impl FnMut() -> u64) -> f64 {
    loop {
        let x = -libm::log(unit_above_0(words())) / TAIL;
        if -2.0 * libm::log(unit_above_0(words())) >= x * x {
            return TAIL + x;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Stream};

    /// All layers have the same area, and the top one ends at the maximum of the density.
    #[test]
    fn layers_have_equal_areas() {
        let Ziggurat { edges, heights } = &*ZIGGURAT;
        assert_eq!((edges[LAYERS], heights[LAYERS]), (0.0, 1.0));
        let area = edges[0] * heights[1];
        for i in 1..LAYERS {
            assert!(edges[i] > edges[i + 1]);
            let layer = edges[i] * (heights[i + 1] - heights[i]);
            assert!((layer / area - 1.0).abs() < 1e-9, "layer {i}: {layer} against {area}");
        }
    }

    /// The counts in bins are compared with the distribution function, including the tail beyond the last layer. Each is
    /// within 5 standard errors (a false alarm has a total probability below 1e-5, and the seed is fixed).
    #[test]
    fn normal_numbers_have_the_normal_distribution() {
        let bounds = [-TAIL, -3.0, -2.0, -1.0, -0.5, -0.1, 0.0, 0.2, 0.7, 1.5, 2.5, 3.3, TAIL, f64::INFINITY];
        let below = |x: f64| 0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2);
        let mut rng = Stream::new(0, Purpose::Test, 1);
        let n = 4_000_000;
        let mut counts = [0u32; 14];
        for _ in 0..n {
            let x = rng.normal();
            counts[bounds.iter().position(|bound| x < *bound).expect("finite")] += 1;
        }
        let mut before = 0.0;
        for (count, bound) in counts.iter().zip(bounds) {
            let p = below(bound) - before;
            before += p;
            let (expected, error) = (f64::from(n) * p, (f64::from(n) * p * (1.0 - p)).sqrt());
            assert!((f64::from(*count) - expected).abs() < 5.0 * error, "below {bound}: {count}, expected {expected}");
        }
    }
}
