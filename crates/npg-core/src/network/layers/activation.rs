//! The elementwise nonlinearity at the end of a hidden layer, and its derivative.

use super::super::kernels::{Activation, Matrix, multiply, multiply_by_relu_slopes, multiply_by_tanh_slopes};

/// The derivatives of an activation function. They are only stored if products follow, and never for tanh and relu: to compute
/// 1 - h^2, or whether h > 0, costs less than to read the result.
pub(super) type Slopes = Matrix;

/// Room for the derivatives in `columns` columns.
pub(super) fn slopes(activation: Option<Activation>, capacity: usize, columns: usize, products: bool) -> Slopes {
    let are_read = products && matches!(activation, Some(Activation::Gelu | Activation::Silu));
    if are_read { Matrix::zeros(capacity, columns) } else { Matrix::default() }
}

/// Sets values = activation(values), and writes the derivatives if there is room for them.
pub(super) fn apply(activation: Activation, rows: usize, values: &mut Matrix, slopes: &mut Slopes) {
    let used = rows * values.stride();
    let values = &mut values.as_mut_slice()[..used];
    if slopes.rows() > 0 {
        activation.apply_with_slopes(values, &mut slopes.as_mut_slice()[..used]);
    } else {
        activation.apply(values);
    }
}

/// Multiplies values elementwise by the derivative of the activation. `output` is the result of the activation.
pub(super) fn multiply_by_slopes(
    activation: Activation,
    rows: usize,
    (output, slopes): (&Matrix, &Slopes),
    values: &mut Matrix,
) {
    let used = rows * values.stride();
    let values = &mut values.as_mut_slice()[..used];
    match activation {
        Activation::Tanh => multiply_by_tanh_slopes(values, &output.as_slice()[..used]),
        Activation::Relu => multiply_by_relu_slopes(values, &output.as_slice()[..used]),
        Activation::Gelu | Activation::Silu => multiply(values, &slopes.as_slice()[..used]),
    }
}
