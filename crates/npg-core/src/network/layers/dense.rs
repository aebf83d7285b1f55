//! An affine layer, h' = activation(h W + b), where the last layer has no activation. The parameters are the weights,
//! row-major \[inputs x outputs\], and then the biases.

use super::super::LARGE;
use super::super::init::orthogonal;
use super::super::kernels::{
    Activation, Left, Matrix, Narrow, Start, add_column_sums, add_product, pack, pack_transposed, product,
};
use super::activation::{self, Slopes, multiply_by_slopes};
use super::{Back, Initial, Layer, Purpose, Seen, Substitution, Tiles};
use crate::random::Stream;

/// The shape of an affine layer.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Dense {
    pub inputs: usize,
    pub outputs: usize,
    /// The number of columns of the matrix that the layer writes. The first ones are its outputs; the others become zero.
    pub columns: usize,
    pub activation: Option<Activation>,
    /// Whether no layer before this one has parameters.
    pub is_front: bool,
}

/// f32 copies of the parameters.
#[derive(Clone, Debug)]
pub(in super::super) struct PackedDense {
    /// inputs x columns. The columns of other layers are zero.
    weights: Matrix,
    /// outputs x inputs. It has no rows if nothing reads it.
    transposed: Matrix,
    /// One row.
    biases: Matrix,
}

impl Dense {
    fn is_narrow(&self) -> bool {
        !self.is_front && Narrow::suits(self.inputs, self.outputs)
    }

    fn weights(&self) -> usize {
        self.inputs * self.outputs
    }
}

impl Layer for Dense {
    type Packed = PackedDense;
    type Kept = Slopes;
    type Work = Option<Narrow>;

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn parameters(&self) -> usize {
        self.weights() + self.outputs
    }

    fn tiles(&self) -> Tiles {
        if self.weights() > LARGE { Tiles::Many } else { Tiles::Any }
    }

    fn initialize(&self, initial: Initial, theta: &mut [f64], rng: &mut Stream) {
        let weights = orthogonal(self.inputs, self.outputs, initial.gain, rng);
        theta[..weights.len()].copy_from_slice(&weights);
    }

    fn room(&self, purpose: Purpose) -> PackedDense {
        let is_transposed = match purpose {
            Purpose::Forward => false,
            Purpose::Products => !self.is_front,
            Purpose::Tangent => self.is_narrow(),
        };
        PackedDense {
            weights: Matrix::zeros(self.inputs, self.columns),
            transposed: Matrix::zeros(if is_transposed { self.outputs } else { 0 }, self.inputs),
            biases: Matrix::zeros(1, self.columns),
        }
    }

    fn pack(&self, theta: &[f64], packed: &mut PackedDense) {
        let (weights, biases) = theta.split_at(self.weights());
        pack(weights, self.outputs, &mut packed.weights);
        pack(biases, self.outputs, &mut packed.biases);
        if packed.transposed.rows() > 0 {
            pack_transposed(weights, &mut packed.transposed);
        }
    }

    fn kept(&self, capacity: usize, products: bool) -> Slopes {
        activation::slopes(self.activation, capacity, self.columns, products)
    }

    fn work(&self, _: usize) -> Option<Narrow> {
        self.is_narrow().then(|| Narrow::new(self.inputs, self.outputs, self.columns))
    }

    fn forward(&self, packed: &PackedDense, rows: usize, input: &Matrix, kept: &mut Slopes, output: &mut Matrix) {
        let bias = Start::Bias(packed.biases.as_slice());
        product(rows, self.inputs, Left::rows(input), &packed.weights, bias, output);
        if let Some(activation) = self.activation {
            activation::apply(activation, rows, output, kept);
        }
    }

    fn jvp(
        &self,
        seen: Seen<'_, Self>,
        tangent: &PackedDense,
        moved: Option<&Matrix>,
        work: &mut Option<Narrow>,
        output: &mut Matrix,
    ) {
        let (rows, input) = (seen.rows, seen.input);
        match work.as_mut().filter(|narrow| narrow.takes(&[input, output])) {
            Some(narrow) => {
                let moved = moved.map(|moved| (moved, &seen.packed.transposed));
                narrow.product(tangent.biases.row(0), [(input, &tangent.transposed)].into_iter().chain(moved), output);
            }
            None => {
                let bias = Start::Bias(tangent.biases.as_slice());
                product(rows, self.inputs, Left::rows(input), &tangent.weights, bias, output);
                if let Some(moved) = moved {
                    let weights = &seen.packed.weights;
                    product(rows, self.inputs, Left::rows(moved), weights, Start::Accumulate, output);
                }
            }
        }
        if let Some(activation) = self.activation {
            multiply_by_slopes(activation, rows, (seen.output, seen.kept), output);
        }
    }

    fn pull_back(&self, seen: Seen<'_, Self>, _: &mut Option<Narrow>, cotangent: &mut Matrix, back: Option<Back<'_>>) {
        if let Some(activation) = self.activation {
            multiply_by_slopes(activation, seen.rows, (seen.output, seen.kept), cotangent);
        }
        if let Some(back) = back {
            let start = if back.adds { Start::Accumulate } else { Start::Zero };
            let transposed = &seen.packed.transposed;
            product(seen.rows, self.outputs, Left::rows(cotangent), transposed, start, back.cotangent);
        }
    }

    fn accumulate(&self, seen: Seen<'_, Self>, work: &mut Option<Narrow>, cotangent: &Matrix, gradient: &mut [f64]) {
        let (weights, biases) = gradient.split_at_mut(self.weights());
        match work.as_mut().filter(|narrow| narrow.takes(&[seen.input, cotangent])) {
            Some(narrow) => narrow.add_product(seen.rows, seen.input, cotangent, weights),
            None => {
                add_product(self.inputs, seen.rows, Left::columns(seen.input), cotangent, self.outputs, weights);
            }
        }
        add_column_sums(seen.rows, cotangent, self.outputs, biases);
    }

    fn row_gradient(
        &self,
        seen: Seen<'_, Self>,
        row: usize,
        _: &Option<Narrow>,
        cotangent: &Matrix,
        gradient: &mut [f64],
    ) {
        let cotangent = cotangent.row(row);
        let (weights, biases) = gradient.split_at_mut(self.weights());
        for (slots, x) in weights.chunks_exact_mut(self.outputs).zip(seen.input.row(row)) {
            for (slot, c) in slots.iter_mut().zip(cotangent) {
                *slot = f64::from(*x) * f64::from(*c);
            }
        }
        for (slot, c) in biases.iter_mut().zip(cotangent) {
            *slot = f64::from(*c);
        }
    }

    /// W'_jk = a_j W_jk, b'_k = b_k + sum_j b_j W_jk.
    fn substitute_inputs(&self, theta: &mut [f64], relation: &[(f64, f64)]) -> Substitution {
        let (weights, biases) = theta.split_at_mut(self.weights());
        for (row, (a, b)) in weights.chunks_exact_mut(self.outputs).zip(relation) {
            for (weight, bias) in row.iter_mut().zip(&mut *biases) {
                *bias += b * *weight;
                *weight *= a;
            }
        }
        Substitution::Done
    }

    fn transform_output(&self, theta: &mut [f64], factor: f64, shift: f64) {
        theta.iter_mut().for_each(|weight| *weight *= factor);
        theta[self.weights()..].iter_mut().for_each(|bias| *bias += shift);
    }

    fn set_biases(&self, theta: &mut [f64], first: usize, value: f64) {
        theta[self.weights() + first..].fill(value);
    }
}
