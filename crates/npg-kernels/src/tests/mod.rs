//! Tests of the kernels: equal bits on every path, and agreement with plain code.

mod elementwise;
mod products;
mod vectors;

/// Seeded pseudo-random numbers (SplitMix64).
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// In 0..=most.
    fn up_to(&mut self, most: usize) -> usize {
        (self.bits() % (most as u64 + 1)) as usize
    }

    /// In -1..1.
    fn value(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    fn values(&mut self, length: usize) -> Vec<f64> {
        (0..length).map(|_| self.value()).collect()
    }

    fn narrow(&mut self, length: usize) -> Vec<f32> {
        (0..length).map(|_| self.value() as f32).collect()
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| if x.is_nan() { u32::MAX } else { x.to_bits() }).collect()
}

fn bits64(values: &[f64]) -> Vec<u64> {
    values.iter().map(|x| if x.is_nan() { u64::MAX } else { x.to_bits() }).collect()
}
