//! A convolution of an image (LeCun et al. 1989), without padding, followed by the activation function:
//!
//! h'_{y,x,o} = activation(b_o + sum over v, u, c of W_{v,u,c,o} h_{y s + v, x s + u, c}).
//!
//! v and u run over the kernel, c over the channels, and s is the stride. In each row, an image lies row by row, and the channels
//! of a pixel side by side. The patch of a result is `kernel` runs of numbers, and the kernels of npg gather it where it lies. So
//! forward pass, jvp and gradient are the products of a dense layer, with one row for each result; nothing is copied. Only the
//! cotangents of the inputs are first computed for each patch and then added up.
//!
//! The parameters are the weights, row-major \[kernel x kernel x channels x outputs\], and then the biases.

use super::super::init::orthogonal;
use super::super::kernels::{
    Activation, Gathered, Left, Matrix, Offsets, Start, add_column_sums, add_product, pack, pack_transposed, product,
    product_into,
};
use super::activation::{self, Slopes, multiply_by_slopes};
use super::{Back, Initial, Layer, Purpose, Seen, Tiles};
use crate::random::Stream;

/// The shape of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// The height, pixels.
    pub rows: usize,
    /// The width, pixels.
    pub columns: usize,
    /// The numbers of a pixel.
    pub channels: usize,
}

impl Grid {
    /// The number of numbers.
    pub fn len(&self) -> usize {
        self.rows * self.columns * self.channels
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One convolution: what it makes of any image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filters {
    /// The number of filters, which is the number of channels that it gives.
    pub channels: usize,
    /// The height and the width of a filter, pixels.
    pub kernel: usize,
    /// The distance between the places where it is applied, pixels.
    pub stride: usize,
}

impl Filters {
    /// The shape of the result; `None` if a filter does not fit into the image.
    pub fn of(self, image: Grid) -> Option<Grid> {
        let along = |length: usize| Some(length.checked_sub(self.kernel)? / self.stride + 1);
        Some(Grid { rows: along(image.rows)?, columns: along(image.columns)?, channels: self.channels })
    }
}

/// A convolution of images of one shape.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Convolution {
    input: Grid,
    filters: Filters,
    result: Grid,
    activation: Activation,
    is_front: bool,
    /// Where the patch of each result begins.
    places: Offsets,
    /// How far the numbers of a patch are from there.
    patch: Offsets,
}

/// f32 copies of the parameters.
#[derive(Clone, Debug)]
pub(in super::super) struct PackedConvolution {
    /// numbers of a patch x filters.
    weights: Matrix,
    /// filters x numbers of a patch. It has no rows if nothing reads it.
    transposed: Matrix,
    /// One row.
    biases: Matrix,
}

/// Working memory for one row.
#[derive(Clone, Debug)]
pub(in super::super) struct ConvolutionWork {
    /// results x filters: the cotangents of the results.
    results: Matrix,
    /// results x numbers of a patch: the cotangents of the patches. It has no rows if nothing reads it.
    patches: Matrix,
}

impl Convolution {
    /// The convolution of images of this shape; the filters must fit into them.
    pub(in super::super) fn new(input: Grid, filters: Filters, activation: Activation, is_front: bool) -> Self {
        let result = filters.of(input).expect("the filters fit into the image");
        let (kernel, stride, channels) = (filters.kernel, filters.stride, input.channels);
        let pixel = |y: usize, x: usize| (y * input.columns + x) * channels;
        let places = (0..result.rows).flat_map(|y| (0..result.columns).map(move |x| pixel(y * stride, x * stride)));
        let patch = (0..kernel).flat_map(|y| pixel(y, 0)..pixel(y, 0) + kernel * channels);
        let (places, patch) = (Offsets::new(places), Offsets::new(patch));
        Self { input, filters, result, activation, is_front, places, patch }
    }

    /// The shape of the results.
    pub(in super::super) fn result(&self) -> Grid {
        self.result
    }

    /// What it does, for the definition in the tests: input, filters, activation.
    #[cfg(test)]
    pub(in super::super) fn definition(&self) -> (Grid, Filters, Activation) {
        (self.input, self.filters, self.activation)
    }

    fn weights(&self) -> usize {
        self.patch.len() * self.filters.channels
    }

    /// The patches of an image, one row each.
    fn patches<'a>(&'a self, image: &'a [f32]) -> Gathered<'a> {
        Gathered { values: image, rows: &self.places, depth: &self.patch }
    }

    /// The patches transposed: one row for each number of a patch.
    fn transposed_patches<'a>(&'a self, image: &'a [f32]) -> Gathered<'a> {
        Gathered { values: image, rows: &self.patch, depth: &self.places }
    }

    /// Adds the weighted sums of all patches of an image to `output`, which starts from `start`.
    fn convolve(&self, image: &[f32], weights: &Matrix, start: Start<'_>, output: &mut [f32]) {
        let columns = (weights, self.filters.channels);
        product_into(self.places.len(), self.patch.len(), self.patches(image), columns, start, output);
    }

    /// Adds numbers for each patch to the pixels from which the patches come.
    fn add_patches(&self, patches: &Matrix, image: &mut [f32]) {
        let run = self.filters.kernel * self.input.channels;
        for (row, place) in self.places.iter().enumerate() {
            for (part, first) in patches.row(row).chunks_exact(run).zip(self.patch.iter().step_by(run)) {
                let pixels = &mut image[place + first..][..run];
                pixels.iter_mut().zip(part).for_each(|(pixel, x)| *pixel += x);
            }
        }
    }
}

impl Layer for Convolution {
    type Packed = PackedConvolution;
    type Kept = Slopes;
    type Work = ConvolutionWork;

    fn outputs(&self) -> usize {
        self.result.len()
    }

    fn parameters(&self) -> usize {
        self.weights() + self.filters.channels
    }

    /// A row has so many numbers that a large tile would not stay in the caches.
    fn tiles(&self) -> Tiles {
        Tiles::Few
    }

    fn initialize(&self, initial: Initial, theta: &mut [f64], rng: &mut Stream) {
        let weights = orthogonal(self.patch.len(), self.filters.channels, initial.gain, rng);
        theta[..weights.len()].copy_from_slice(&weights);
    }

    fn room(&self, purpose: Purpose) -> PackedConvolution {
        let (depth, filters) = (self.patch.len(), self.filters.channels);
        let is_transposed = purpose == Purpose::Products && !self.is_front;
        PackedConvolution {
            weights: Matrix::zeros(depth, filters),
            transposed: Matrix::zeros(if is_transposed { filters } else { 0 }, depth),
            biases: Matrix::zeros(1, filters),
        }
    }

    fn pack(&self, theta: &[f64], packed: &mut PackedConvolution) {
        let (weights, biases) = theta.split_at(self.weights());
        pack(weights, self.filters.channels, &mut packed.weights);
        pack(biases, self.filters.channels, &mut packed.biases);
        if packed.transposed.rows() > 0 {
            pack_transposed(weights, &mut packed.transposed);
        }
    }

    fn kept(&self, capacity: usize, products: bool) -> Slopes {
        activation::slopes(Some(self.activation), capacity, self.result.len(), products)
    }

    fn work(&self, _: usize) -> ConvolutionWork {
        let (results, depth) = (self.places.len(), self.patch.len());
        ConvolutionWork {
            results: Matrix::zeros(results, self.filters.channels),
            patches: Matrix::zeros(if self.is_front { 0 } else { results }, depth),
        }
    }

    fn forward(&self, packed: &PackedConvolution, rows: usize, input: &Matrix, kept: &mut Slopes, output: &mut Matrix) {
        let bias = Start::Bias(packed.biases.as_slice());
        for row in 0..rows {
            self.convolve(input.row(row), &packed.weights, bias, output.row_mut(row));
        }
        activation::apply(self.activation, rows, output, kept);
    }

    fn jvp(
        &self,
        seen: Seen<'_, Self>,
        tangent: &PackedConvolution,
        moved: Option<&Matrix>,
        _: &mut ConvolutionWork,
        output: &mut Matrix,
    ) {
        let bias = Start::Bias(tangent.biases.as_slice());
        for row in 0..seen.rows {
            let output = output.row_mut(row);
            self.convolve(seen.input.row(row), &tangent.weights, bias, output);
            if let Some(moved) = moved {
                self.convolve(moved.row(row), &seen.packed.weights, Start::Accumulate, output);
            }
        }
        multiply_by_slopes(self.activation, seen.rows, (seen.output, seen.kept), output);
    }

    fn pull_back(
        &self,
        seen: Seen<'_, Self>,
        work: &mut ConvolutionWork,
        cotangent: &mut Matrix,
        back: Option<Back<'_>>,
    ) {
        multiply_by_slopes(self.activation, seen.rows, (seen.output, seen.kept), cotangent);
        let Some(back) = back else { return };
        let (results, filters) = (self.places.len(), self.filters.channels);
        for row in 0..seen.rows {
            let left = Left { values: cotangent.row(row), row_stride: filters, k_stride: 1 };
            product(results, filters, left, &seen.packed.transposed, Start::Zero, &mut work.patches);
            let image = back.cotangent.row_mut(row);
            if !back.adds {
                image.fill(0.0);
            }
            self.add_patches(&work.patches, image);
        }
    }

    fn accumulate(&self, seen: Seen<'_, Self>, work: &mut ConvolutionWork, cotangent: &Matrix, gradient: &mut [f64]) {
        let (results, filters) = (self.places.len(), self.filters.channels);
        let (weights, biases) = gradient.split_at_mut(self.weights());
        for row in 0..seen.rows {
            for (result, own) in cotangent.row(row).chunks_exact(filters).enumerate() {
                work.results.row_mut(result).copy_from_slice(own);
            }
            let patches = self.transposed_patches(seen.input.row(row));
            add_product(self.patch.len(), results, patches, &work.results, filters, weights);
            add_column_sums(results, &work.results, filters, biases);
        }
    }

    fn row_gradient(
        &self,
        seen: Seen<'_, Self>,
        row: usize,
        _: &ConvolutionWork,
        cotangent: &Matrix,
        gradient: &mut [f64],
    ) {
        gradient.fill(0.0);
        let filters = self.filters.channels;
        let (weights, biases) = gradient.split_at_mut(self.weights());
        let image = seen.input.row(row);
        for (place, cotangent) in self.places.iter().zip(cotangent.row(row).chunks_exact(filters)) {
            for (slots, offset) in weights.chunks_exact_mut(filters).zip(self.patch.iter()) {
                let x = f64::from(image[place + offset]);
                slots.iter_mut().zip(cotangent).for_each(|(slot, c)| *slot += x * f64::from(*c));
            }
            biases.iter_mut().zip(cotangent).for_each(|(slot, c)| *slot += f64::from(*c));
        }
    }
}
