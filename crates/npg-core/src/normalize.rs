//! Running moments of observations and returns.
//!
//! Moments are merged by the pairwise formula of Chan, Golub & LeVeque 1983, which does not cancel. They change only
//! between iterations, so a batch is updated with the normalizer with which it was sampled.

/// Count, mean and sum of squared deviations of each dimension.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// The number of samples.
    pub count: f64,
    /// The mean of each dimension.
    pub mean: Vec<f64>,
    /// The sum of squared deviations from the mean, for each dimension.
    pub squares: Vec<f64>,
}

impl Moments {
    /// The moments of no samples.
    pub fn new(dimensions: usize) -> Self {
        Self { count: 0.0, mean: vec![0.0; dimensions], squares: vec![0.0; dimensions] }
    }

    /// Adds one sample (Welford 1962).
    pub fn push(&mut self, sample: &[f64]) {
        self.count += 1.0;
        let rate = 1.0 / self.count;
        for ((mean, squares), x) in self.mean.iter_mut().zip(&mut self.squares).zip(sample) {
            let before = x - *mean;
            *mean += before * rate;
            *squares += before * (x - *mean);
        }
    }

    /// Adds all samples of `other`.
    pub fn merge(&mut self, other: &Moments) {
        merge((&mut self.count, &mut self.mean, &mut self.squares), (other.count, &other.mean, &other.squares));
    }

    /// The count, the means and the sums of squared deviations, in one vector.
    pub(crate) fn to_numbers(&self) -> Vec<f64> {
        [&[self.count], &self.mean[..], &self.squares[..]].concat()
    }

    /// The inverse of [`Moments::to_numbers`].
    pub(crate) fn from_numbers(numbers: &[f64]) -> Self {
        let (means, squares) = numbers[1..].split_at(numbers.len() / 2);
        Self { count: numbers[0], mean: means.to_vec(), squares: squares.to_vec() }
    }

    /// The population variance of dimension `j`; 1 before the second sample.
    pub fn variance(&self, j: usize) -> f64 {
        if self.count < 2.0 { 1.0 } else { self.squares[j] / self.count }
    }
}

/// Adds the samples of `other` to a count, means and sums of squared deviations: the pairwise formula.
pub(crate) fn merge((count, mean, squares): (&mut f64, &mut [f64], &mut [f64]), other: (f64, &[f64], &[f64])) {
    let (other_count, other_mean, other_squares) = other;
    if other_count == 0.0 {
        return;
    }
    let total = *count + other_count;
    let share = other_count / total;
    for j in 0..mean.len() {
        let delta = other_mean[j] - mean[j];
        mean[j] += delta * share;
        squares[j] += other_squares[j] + delta * delta * *count * share;
    }
    *count = total;
}

/// A standard deviation below this fraction of 1 + |mean| is rounding error: the dimension has been constant so far.
const ROUNDING: f64 = 1e-12;

/// (x - mean) / std, clipped. For dimensions that have been constant so far it is x - mean, and before any sample the identity.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalizer {
    moments: Moments,
    clip: f64,
    /// 1 / std, or 1 for constant dimensions.
    scales: Vec<f64>,
}

impl Normalizer {
    /// A normalizer with the given moments, clipping at +-`clip`.
    pub fn new(moments: Moments, clip: f64) -> Self {
        let mut normalizer = Self { scales: Vec::new(), moments, clip };
        normalizer.refresh();
        normalizer
    }

    /// The moments so far.
    pub fn moments(&self) -> &Moments {
        &self.moments
    }

    /// The largest magnitude of a normalized value.
    pub fn clip(&self) -> f64 {
        self.clip
    }

    /// Includes new samples in the moments.
    pub fn update(&mut self, samples: &Moments) {
        self.moments.merge(samples);
        self.refresh();
    }

    fn refresh(&mut self) {
        let scale = |j: usize| {
            let std = self.moments.variance(j).sqrt();
            if std > ROUNDING * (1.0 + self.moments.mean[j].abs()) { 1.0 / std } else { 1.0 }
        };
        self.scales = (0..self.moments.mean.len()).map(scale).collect();
    }

    /// Writes the normalized `values` to `out` as f32.
    pub fn apply<T: Copy + Into<f64>>(&self, values: &[T], out: &mut [f32]) {
        self.apply_from(0, values, out);
    }

    /// Like [`Normalizer::apply`], for the dimensions from `first` on.
    pub fn apply_from<T: Copy + Into<f64>>(&self, first: usize, values: &[T], out: &mut [f32]) {
        let statistics = self.moments.mean[first..].iter().zip(&self.scales[first..]);
        for ((x, (mean, scale)), slot) in values.iter().zip(statistics).zip(out) {
            let x: f64 = (*x).into();
            *slot = ((x - mean) * scale).clamp(-self.clip, self.clip) as f32;
        }
    }

    /// For each dimension (a, b) with z = a z' + b, where this normalizer maps a value to z and `newer` maps it to z', apart from
    /// clipping. It is (1, 0) (no correction) if a standard deviation changes by more than a factor of two, for example when a
    /// dimension was constant until now: clipping makes the linear relation meaningless there.
    pub fn change_of_variables(&self, newer: &Normalizer) -> Vec<(f64, f64)> {
        let relation = |j: usize| {
            let ratio = self.scales[j] / newer.scales[j];
            let shift = (newer.moments.mean[j] - self.moments.mean[j]) * self.scales[j];
            if (0.5..=2.0).contains(&ratio) { (ratio, shift) } else { (1.0, 0.0) }
        };
        (0..self.scales.len()).map(relation).collect()
    }

    /// The scale of dimension `j`: 1 / its standard deviation, or 1 if it has been constant so far.
    pub fn scale(&self, j: usize) -> f64 {
        self.scales[j]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn two_pass(samples: &[f64]) -> (f64, f64) {
        let mean = samples.iter().sum::<f64>() / samples.len() as f64;
        (mean, samples.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / samples.len() as f64)
    }

    fn pushed(samples: &[f64]) -> Moments {
        let mut moments = Moments::new(1);
        samples.iter().for_each(|x| moments.push(&[*x]));
        moments
    }

    proptest! {
        #[test]
        fn merging_equals_two_passes(samples in prop::collection::vec(-10.0..10.0f64, 2..60), cut in 0usize..60, offset in -1e6..1e6f64) {
            let samples: Vec<f64> = samples.iter().map(|x| x + offset).collect();
            let cut = cut.min(samples.len());
            let mut merged = pushed(&samples[..cut]);
            merged.merge(&pushed(&samples[cut..]));
            let (mean, variance) = two_pass(&samples);
            prop_assert!((merged.mean[0] - mean).abs() <= 1e-9 * (1.0 + mean.abs()));
            prop_assert!((merged.variance(0) - variance).abs() <= 1e-8 * (1.0 + variance));
        }
    }

    /// The textbook formula E[x^2] - E[x]^2 loses every digit here.
    #[test]
    fn a_large_offset_does_not_cancel() {
        let samples: Vec<f64> = (0..1000).map(|i| 1e9 + f64::from(i % 2)).collect();
        assert!((pushed(&samples).variance(0) - 0.25).abs() < 1e-6);
    }

    #[test]
    fn the_identity_before_samples() {
        let mut out = [0.0f32; 2];
        Normalizer::new(Moments::new(2), 10.0).apply(&[0.5, -20.0f64], &mut out);
        assert!((out[0] - 0.5).abs() < 1e-6);
        assert_eq!(out[1], -10.0);
    }
}
