//! The inner loops: products of small f32 matrices, activations, and f64 vector updates.
//!
//! Every element of a product is one chain of fused multiply-adds over k in order, whatever the number of rows,
//! the vector width or the number of threads: the same inputs give the same bits everywhere.
//!
//! Columns are padded with zeros to a multiple of [`LANE`], so no kernel needs masks.

/// Columns of every matrix are padded to a multiple of this many f32.
pub const LANE: usize = 16;

/// `columns` rounded up to a multiple of [`LANE`].
pub const fn padded(columns: usize) -> usize {
    columns.div_ceil(LANE) * LANE
}

#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
struct Line([f32; LANE]);

/// A row-major f32 matrix, aligned to cache lines, its columns padded with zeros to a multiple of [`LANE`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    data: Vec<Line>,
}

impl Matrix {
    /// All zeros.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Self { rows, columns, data: vec![Line([0.0; LANE]); rows * padded(columns) / LANE] }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns without padding.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Distance of one row from the next, in f32: the padded number of columns.
    pub fn stride(&self) -> usize {
        padded(self.columns)
    }

    /// All values, padding included.
    pub fn as_slice(&self) -> &[f32] {
        // SAFETY: Line is repr(C) and holds LANE f32 without padding bytes, so the vector's lines are
        // rows * stride contiguous, initialised f32.
        unsafe { std::slice::from_raw_parts(self.data.as_ptr().cast(), self.data.len() * LANE) }
    }

    /// All values, padding included. Whoever writes the padding must leave it zero.
    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        // SAFETY: as in `as_slice`, and the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.data.as_mut_ptr().cast(), self.data.len() * LANE) }
    }

    /// Row `row` without padding.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.as_slice()[row * self.stride()..][..self.columns]
    }

    /// Row `row` without padding.
    pub fn row_mut(&mut self, row: usize) -> &mut [f32] {
        let (stride, columns) = (self.stride(), self.columns);
        &mut self.as_mut_slice()[row * stride..][..columns]
    }

    /// Changes the number of rows; new rows are zero.
    pub fn set_rows(&mut self, rows: usize) {
        self.rows = rows;
        self.data.resize(rows * padded(self.columns) / LANE, Line([0.0; LANE]));
    }
}

/// What a product is added to.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a> {
    /// Zero.
    Zero,
    /// The same row (of padded length) for every row of the result.
    Bias(&'a [f32]),
    /// What the result holds already.
    Accumulate,
}

/// Left operand: element (i, k) is `values[i * row_stride + k * k_stride]`, so it may be read transposed.
#[derive(Clone, Copy, Debug)]
pub struct Left<'a> {
    /// The values.
    pub values: &'a [f32],
    /// Distance of neighbors in i.
    pub row_stride: usize,
    /// Distance of neighbors in k.
    pub k_stride: usize,
}

/// c\[i\]\[j\] = start + sum over k < `depth` of left(i, k) b\[k\]\[j\], for i < `rows` and every padded column j of `b`.
/// One FMA chain over k in order. `c` and `b` have the same padded stride.
pub fn product(rows: usize, depth: usize, left: Left<'_>, b: &Matrix, start: Start<'_>, c: &mut Matrix) {
    let stride = b.stride();
    assert!(c.stride() == stride && c.rows() >= rows && b.rows() >= depth, "shapes of a product disagree");
    let b = b.as_slice();
    let c = c.as_mut_slice();
    for i in 0..rows {
        for j in 0..stride {
            let mut sum = match start {
                Start::Zero => 0.0,
                Start::Bias(bias) => bias[j],
                Start::Accumulate => c[i * stride + j],
            };
            for k in 0..depth {
                sum = left.values[i * left.row_stride + k * left.k_stride].mul_add(b[k * stride + j], sum);
            }
            c[i * stride + j] = sum;
        }
    }
}

/// sum\[i * columns + j\] += sum over k < `depth` of left(i, k) b\[k\]\[j\], for i < `rows`, j < `columns`: the chain over k
/// in f32, its addition to `sum` in f64.
pub fn add_product(rows: usize, depth: usize, left: Left<'_>, b: &Matrix, columns: usize, sum: &mut [f64]) {
    let stride = b.stride();
    let b = b.as_slice();
    for i in 0..rows {
        for j in 0..columns {
            let mut chain = 0.0f32;
            for k in 0..depth {
                chain = left.values[i * left.row_stride + k * left.k_stride].mul_add(b[k * stride + j], chain);
            }
            sum[i * columns + j] += f64::from(chain);
        }
    }
}

/// sum\[j\] += sum of column j over the first `rows` rows: the chain in f32, its addition in f64.
pub fn add_column_sums(rows: usize, b: &Matrix, columns: usize, sum: &mut [f64]) {
    let stride = b.stride();
    let b = b.as_slice();
    for j in 0..columns {
        let mut chain = 0.0f32;
        for k in 0..rows {
            chain += b[k * stride + j];
        }
        sum[j] += f64::from(chain);
    }
}

/// Nonlinearity of a hidden layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Hyperbolic tangent.
    Tanh,
    /// max(x, 0).
    Relu,
    /// x Phi(x), by the tanh approximation of Hendrycks & Gimpel 2016.
    Gelu,
    /// x sigmoid(x).
    Silu,
}

impl Activation {
    /// Replaces every value by its activation.
    pub fn apply(self, values: &mut [f32]) {
        for x in values {
            *x = self.value_and_slope(*x).0;
        }
    }

    /// Replaces every value by its activation and writes the derivative at it to `slopes`.
    pub fn apply_with_slopes(self, values: &mut [f32], slopes: &mut [f32]) {
        for (x, slope) in values.iter_mut().zip(slopes) {
            (*x, *slope) = self.value_and_slope(*x);
        }
    }

    fn value_and_slope(self, x: f32) -> (f32, f32) {
        match self {
            Activation::Tanh => {
                let y = x.tanh();
                (y, 1.0 - y * y)
            }
            Activation::Relu => (x.max(0.0), if x > 0.0 { 1.0 } else { 0.0 }),
            Activation::Gelu => {
                let (a, b) = (0.797_884_6, 0.044_715);
                let t = (a * (x + b * x * x * x)).tanh();
                let slope = 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * a * (1.0 + 3.0 * b * x * x);
                (0.5 * x * (1.0 + t), slope)
            }
            Activation::Silu => {
                let s = 1.0 / (1.0 + (-x).exp());
                (x * s, s * (1.0 + x * (1.0 - s)))
            }
        }
    }
}

/// Replaces every value by its sine and, where given, writes the cosine to `slopes`.
pub fn sine(values: &mut [f32]) {
    for x in values {
        *x = x.sin();
    }
}

/// values\[i\] *= factors\[i\].
pub fn multiply(values: &mut [f32], factors: &[f32]) {
    for (x, f) in values.iter_mut().zip(factors) {
        *x *= f;
    }
}

/// Dot product in f64 over eight interleaved partial sums, added in a fixed order.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len(), "lengths of a dot product disagree");
    let mut sums = [0.0f64; 8];
    for (i, (x, y)) in a.iter().zip(b).enumerate() {
        sums[i % 8] = x.mul_add(*y, sums[i % 8]);
    }
    ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]))
}

/// y += a x.
pub fn axpy(a: f64, x: &[f64], y: &mut [f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y = a.mul_add(*x, *y);
    }
}

/// Writes `weights`, row-major \[rows x columns\] unpadded, as f32 into `matrix`.
pub fn pack(weights: &[f64], rows: usize, columns: usize, matrix: &mut Matrix) {
    for row in 0..rows {
        for (slot, weight) in matrix.row_mut(row).iter_mut().zip(&weights[row * columns..][..columns]) {
            *slot = *weight as f32;
        }
    }
}

/// Writes the transpose of `weights`, row-major \[rows x columns\] unpadded, as f32 into `matrix`.
pub fn pack_transposed(weights: &[f64], rows: usize, columns: usize, matrix: &mut Matrix) {
    for row in 0..rows {
        for column in 0..columns {
            matrix.row_mut(column)[row] = weights[row * columns + column] as f32;
        }
    }
}

/// Settings of one Adam step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// Step size alpha.
    pub learning_rate: f64,
    /// Decay of the mean of gradients.
    pub beta1: f64,
    /// Decay of the mean of squared gradients.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Number t of this step, from 1.
    pub step: u64,
}

/// One step of Adam against `gradient`.
pub fn adam(theta: &mut [f64], gradient: &[f64], m: &mut [f64], v: &mut [f64], step: &AdamStep) {
    let t = step.step as i32;
    for i in 0..theta.len() {
        m[i] += (1.0 - step.beta1) * (gradient[i] - m[i]);
        v[i] += (1.0 - step.beta2) * (gradient[i] * gradient[i] - v[i]);
        let root = (v[i] / (1.0 - step.beta2.powi(t))).sqrt() + step.epsilon;
        theta[i] -= step.learning_rate / (1.0 - step.beta1.powi(t)) * m[i] / root;
    }
}
