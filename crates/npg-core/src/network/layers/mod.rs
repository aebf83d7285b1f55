//! The layers of a network, one file each. They are registered at the end of this file; the passes know none of them.

mod activation;
mod branches;
mod constant;
mod convolution;
mod dense;
mod embedding;
mod fourier;
mod gsde;
mod norm;

#[cfg(test)]
pub(super) use branches::Branch;
pub(super) use branches::Branches;
pub(super) use constant::Constant;
pub(super) use convolution::Convolution;
pub use convolution::{Filters, Grid};
pub(super) use dense::Dense;
pub(super) use embedding::Embedding;
pub use fourier::FourierFeatures;
pub(super) use gsde::Exploration;
pub(super) use norm::LayerNorm;

use super::kernels::Matrix;
use crate::random::Stream;
use std::fmt::Debug;

/// One layer: its shape and its fixed numbers. Its parameters are a range of the network's flat vector.
///
/// The matrices of a pass have one row for each row of the tile. The outputs of the *heads*, which are layers side by side,
/// are columns of one matrix, and each head knows its own columns. The first head writes whole rows; the others write their
/// columns after it.
pub(super) trait Layer {
    /// f32 copies of the parameters, or of a tangent of them.
    type Packed: Clone + Debug;
    /// What the forward pass keeps for the products, besides the outputs.
    type Kept: Clone + Debug;
    /// Working memory of one thread.
    type Work: Clone + Debug;

    /// The number of outputs.
    fn outputs(&self) -> usize;

    /// The number of parameters.
    fn parameters(&self) -> usize;

    /// Which tile size suits the layer.
    fn tiles(&self) -> Tiles {
        Tiles::Any
    }

    /// Writes the initial parameters. All of them are zero before.
    fn initialize(&self, initial: Initial, theta: &mut [f64], rng: &mut Stream);

    /// Room for f32 copies.
    fn room(&self, purpose: Purpose) -> Self::Packed;

    /// Writes the f32 copies of the parameters.
    fn pack(&self, theta: &[f64], packed: &mut Self::Packed);

    /// Writes the f32 copies of a tangent `v` at the parameters `at`.
    fn pack_tangent(&self, _at: &Self::Packed, v: &[f64], tangent: &mut Self::Packed) {
        self.pack(v, tangent);
    }

    /// Room for what a forward pass of `capacity` rows keeps. With `products`, jvp and vjp can follow.
    fn kept(&self, capacity: usize, products: bool) -> Self::Kept;

    /// Working memory for tiles of `rows` rows.
    fn work(&self, rows: usize) -> Self::Work;

    /// Computes the outputs of `rows` rows.
    fn forward(&self, packed: &Self::Packed, rows: usize, input: &Matrix, kept: &mut Self::Kept, output: &mut Matrix);

    /// Computes the change of the outputs along a tangent. The inputs change by `moved`; `None` means that they do not
    /// change.
    fn jvp(
        &self,
        seen: Seen<'_, Self>,
        tangent: &Self::Packed,
        moved: Option<&Matrix>,
        work: &mut Self::Work,
        output: &mut Matrix,
    );

    /// Takes the cotangents of the outputs, and adds the cotangents of the inputs to `back`, or overwrites it with them. It
    /// may rewrite the cotangents and leave results in `work`, because `accumulate` or `row_gradient` of the same rows
    /// follows.
    fn pull_back(&self, seen: Seen<'_, Self>, work: &mut Self::Work, cotangent: &mut Matrix, back: Option<Back<'_>>);

    /// Adds the gradient, summed over the rows. `pull_back` must come first.
    fn accumulate(&self, seen: Seen<'_, Self>, work: &mut Self::Work, cotangent: &Matrix, gradient: &mut [f64]);

    /// Writes the gradient of one row. `pull_back` must come first.
    fn row_gradient(
        &self,
        seen: Seen<'_, Self>,
        row: usize,
        work: &Self::Work,
        cotangent: &Matrix,
        gradient: &mut [f64],
    );

    /// Rewrites parameters for inputs x' in place of x = a x' + b, so that the outputs do not change. `relation` has (a, b)
    /// for each input. The map must be linear in the parameters.
    fn substitute_inputs(&self, _theta: &mut [f64], _relation: &[(f64, f64)]) -> Substitution {
        Substitution::Impossible
    }

    /// Replaces each output y by factor * y + shift, if the layer is affine and reads inputs.
    fn transform_output(&self, _theta: &mut [f64], _factor: f64, _shift: f64) {}

    /// Sets the biases of such a layer, from output `first` on.
    fn set_biases(&self, _theta: &mut [f64], _first: usize, _value: f64) {}

    /// The parameters, if they are the log stds of state-dependent exploration.
    fn exploration<'a>(&self, _theta: &'a [f64]) -> Option<&'a [f64]> {
        None
    }
}

/// What a layer made of a substitution of its inputs.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Substitution {
    /// It cannot be rewritten.
    Impossible,
    /// Its outputs do not change.
    Done,
    /// Its outputs change in this way, and the next layer must be rewritten for it.
    Left(Vec<(f64, f64)>),
}

/// The tile size that suits a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tiles {
    /// Few rows: a row has so many numbers that more rows would not stay in the caches, or the layer rounds the gradient of a
    /// whole tile, so that its bits depend on the size of the tile.
    Few,
    /// Any number of rows.
    Any,
    /// Many rows: the parameters do not stay in the first-level cache from one product to the next.
    Many,
}

/// What initial parameters depend on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Initial {
    /// The gain of weights.
    pub gain: f64,
    /// The value of parameters that are log stds.
    pub log_std: f64,
}

/// The purpose of f32 copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The parameters, for forward passes.
    Forward,
    /// The parameters, for forward passes, jvp and vjp.
    Products,
    /// A tangent.
    Tangent,
}

/// Where the cotangents of a layer's inputs go.
#[derive(Debug)]
pub(super) struct Back<'a> {
    pub cotangent: &'a mut Matrix,
    /// Whether they are added to the previous values.
    pub adds: bool,
}

/// What one layer saw in a forward pass.
#[derive(Debug)]
pub(super) struct Seen<'a, L: Layer + ?Sized> {
    pub packed: &'a L::Packed,
    pub rows: usize,
    pub input: &'a Matrix,
    pub output: &'a Matrix,
    pub kept: &'a L::Kept,
}

impl<'a, L: Layer> Seen<'a, L> {
    fn of<K: Layer>(self, packed: &'a K::Packed, kept: &'a K::Kept) -> Seen<'a, K> {
        Seen { packed, kept, rows: self.rows, input: self.input, output: self.output }
    }
}

/// One enum for all kinds of layers, and one for each type that belongs to them.
macro_rules! register {
    ($dollar:tt $($kind:ident),*) => {
        /// Calls a function of the layer at hand, with its part of the forward pass and its working memory.
        macro_rules! each {
            ($dollar any:expr, $dollar all:expr, $dollar memory:expr,
                ($dollar layer:ident, $dollar seen:ident, $dollar work:ident) => $dollar call:expr) => {
                match ($dollar any, $dollar all.packed, $dollar all.kept, $dollar memory) {
                    $((
                        AnyLayer::$kind($dollar layer),
                        AnyPacked::$kind(packed),
                        AnyKept::$kind(kept),
                        AnyWork::$kind($dollar work),
                    ) => {
                        let $dollar seen = $dollar all.of(packed, kept);
                        $dollar call
                    })*
                    _ => other_kinds(),
                }
            };
        }

        /// Any layer.
        #[derive(Clone, Debug, PartialEq)]
        pub(super) enum AnyLayer { $($kind($kind)),* }

        /// [`Layer::Packed`] of any layer.
        #[derive(Clone, Debug)]
        pub(super) enum AnyPacked { $($kind(<$kind as Layer>::Packed)),* }

        /// [`Layer::Kept`] of any layer.
        #[derive(Clone, Debug)]
        pub(super) enum AnyKept { $($kind(<$kind as Layer>::Kept)),* }

        /// [`Layer::Work`] of any layer.
        #[derive(Clone, Debug)]
        pub(super) enum AnyWork { $($kind(<$kind as Layer>::Work)),* }

        $(impl From<$kind> for AnyLayer {
            fn from(layer: $kind) -> Self {
                Self::$kind(layer)
            }
        })*

        impl Layer for AnyLayer {
            type Packed = AnyPacked;
            type Kept = AnyKept;
            type Work = AnyWork;

            fn outputs(&self) -> usize {
                match self { $(Self::$kind(layer) => layer.outputs()),* }
            }

            fn parameters(&self) -> usize {
                match self { $(Self::$kind(layer) => layer.parameters()),* }
            }

            fn tiles(&self) -> Tiles {
                match self { $(Self::$kind(layer) => layer.tiles()),* }
            }

            fn initialize(&self, initial: Initial, theta: &mut [f64], rng: &mut Stream) {
                match self { $(Self::$kind(layer) => layer.initialize(initial, theta, rng)),* }
            }

            fn room(&self, purpose: Purpose) -> AnyPacked {
                match self { $(Self::$kind(layer) => AnyPacked::$kind(layer.room(purpose))),* }
            }

            fn pack(&self, theta: &[f64], packed: &mut AnyPacked) {
                match (self, packed) {
                    $((Self::$kind(layer), AnyPacked::$kind(packed)) => layer.pack(theta, packed),)*
                    _ => other_kinds(),
                }
            }

            fn pack_tangent(&self, at: &AnyPacked, v: &[f64], tangent: &mut AnyPacked) {
                match (self, at, tangent) {
                    $((Self::$kind(layer), AnyPacked::$kind(at), AnyPacked::$kind(tangent)) => {
                        layer.pack_tangent(at, v, tangent);
                    })*
                    _ => other_kinds(),
                }
            }

            fn kept(&self, capacity: usize, products: bool) -> AnyKept {
                match self { $(Self::$kind(layer) => AnyKept::$kind(layer.kept(capacity, products))),* }
            }

            fn work(&self, rows: usize) -> AnyWork {
                match self { $(Self::$kind(layer) => AnyWork::$kind(layer.work(rows))),* }
            }

            fn forward(
                &self,
                packed: &AnyPacked,
                rows: usize,
                input: &Matrix,
                kept: &mut AnyKept,
                output: &mut Matrix,
            ) {
                match (self, packed, kept) {
                    $((Self::$kind(layer), AnyPacked::$kind(packed), AnyKept::$kind(kept)) => {
                        layer.forward(packed, rows, input, kept, output);
                    })*
                    _ => other_kinds(),
                }
            }

            fn jvp(
                &self,
                seen: Seen<'_, Self>,
                tangent: &AnyPacked,
                moved: Option<&Matrix>,
                work: &mut AnyWork,
                output: &mut Matrix,
            ) {
                match (self, seen.packed, seen.kept, tangent, work) {
                    $((
                        Self::$kind(layer),
                        AnyPacked::$kind(packed),
                        AnyKept::$kind(kept),
                        AnyPacked::$kind(tangent),
                        AnyWork::$kind(work),
                    ) => layer.jvp(seen.of(packed, kept), tangent, moved, work, output),)*
                    _ => other_kinds(),
                }
            }

            fn pull_back(
                &self,
                seen: Seen<'_, Self>,
                work: &mut AnyWork,
                cotangent: &mut Matrix,
                back: Option<Back<'_>>,
            ) {
                each!(self, seen, work, (layer, seen, work) => layer.pull_back(seen, work, cotangent, back))
            }

            fn accumulate(
                &self,
                seen: Seen<'_, Self>,
                work: &mut AnyWork,
                cotangent: &Matrix,
                gradient: &mut [f64],
            ) {
                each!(self, seen, work, (layer, seen, work) => layer.accumulate(seen, work, cotangent, gradient))
            }

            fn row_gradient(
                &self,
                seen: Seen<'_, Self>,
                row: usize,
                work: &AnyWork,
                cotangent: &Matrix,
                gradient: &mut [f64],
            ) {
                each!(self, seen, work, (layer, seen, work) => layer.row_gradient(seen, row, work, cotangent, gradient))
            }

            fn substitute_inputs(&self, theta: &mut [f64], relation: &[(f64, f64)]) -> Substitution {
                match self { $(Self::$kind(layer) => layer.substitute_inputs(theta, relation)),* }
            }

            fn transform_output(&self, theta: &mut [f64], factor: f64, shift: f64) {
                match self { $(Self::$kind(layer) => layer.transform_output(theta, factor, shift)),* }
            }

            fn set_biases(&self, theta: &mut [f64], first: usize, value: f64) {
                match self { $(Self::$kind(layer) => layer.set_biases(theta, first, value)),* }
            }

            fn exploration<'a>(&self, theta: &'a [f64]) -> Option<&'a [f64]> {
                match self { $(Self::$kind(layer) => layer.exploration(theta)),* }
            }
        }
    };
}

register!($ Dense, LayerNorm, Convolution, FourierFeatures, Embedding, Branches, Constant, Exploration);

#[cold]
fn other_kinds() -> ! {
    unreachable!("a tile, its copies and its scratch are made for one network");
}
