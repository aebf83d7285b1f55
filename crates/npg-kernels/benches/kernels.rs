//! The speed of the kernels. Products are given as a fraction of this core's FMA peak and compared with the crate `gemm`.
//! Elementwise functions are given in ns per element and compared with std. Run `cargo bench -p npg-kernels --bench kernels`,
//! with NPG_BENCH_PATH=avx2 for another instruction set.
#![allow(missing_docs, clippy::print_stdout)]

use criterion::Criterion;
use npg_kernels::{
    Activation, AdamStep, Gathered, Left, Matrix, Offsets, Path, Start, adam, add_product, axpy, dot, exp, fma_peak,
    force_path, pack, pack_transposed, path, product, seconds, sine,
};
use std::hint::black_box;
use std::time::Duration;

fn main() {
    if let Ok(name) = std::env::var("NPG_BENCH_PATH") {
        let path = Path::ALL.into_iter().find(|path| format!("{path:?}").eq_ignore_ascii_case(&name));
        force_path(path.expect("NPG_BENCH_PATH is avx512, avx2, neon or scalar"));
    }
    summary();
    let mut criterion = Criterion::default().configure_from_args().warm_up_time(Duration::from_millis(200));
    criterion = criterion.measurement_time(Duration::from_secs(1)).sample_size(20);
    for shape in &mut shapes() {
        criterion.bench_function(shape.name, |b| b.iter(|| shape.run()));
    }
    let mut values = values(4096);
    criterion.bench_function("tanh of 4096", |b| b.iter(|| Activation::Tanh.apply(&mut values)));
    criterion.final_summary();
}

/// Numbers in -1..1 without a pattern.
fn values(length: usize) -> Vec<f32> {
    (0..length).map(|i| (i as f32 * 1.618_034).fract() * 2.0 - 1.0).collect()
}

/// A product of `rows` x `depth` by `depth` x `columns`. If there is a `sum`, it is that of a gradient, and the left operand
/// is read transposed.
struct Shape {
    name: &'static str,
    rows: usize,
    depth: usize,
    columns: usize,
    left: Vec<f32>,
    b: Matrix,
    c: Matrix,
    sum: Option<Vec<f64>>,
    /// The patches of an image, from which the left operand is gathered: the places of their first numbers, and how far their
    /// numbers are from there.
    patches: Option<[Offsets; 2]>,
}

impl Shape {
    fn new(name: &'static str, [rows, depth, columns]: [usize; 3], gradient: bool) -> Self {
        let mut b = Matrix::zeros(depth, columns);
        values(depth * columns).chunks(columns).enumerate().for_each(|(k, row)| b.row_mut(k).copy_from_slice(row));
        let sum = gradient.then(|| vec![0.0; rows * columns]);
        let (left, c) = (values(rows * depth), Matrix::zeros(rows, columns));
        Self { name, rows, depth, columns, left, b, c, sum, patches: None }
    }

    /// The products of a convolution of a `size` x `size` image of `channels` channels, `kernel` x `kernel` by `stride`.
    fn convolution(
        name: &'static str,
        [size, channels, kernel, stride]: [usize; 4],
        columns: usize,
        gradient: bool,
    ) -> Self {
        let outputs = (size - kernel) / stride + 1;
        let grid = |count: usize, step: usize| {
            (0..count).flat_map(move |y| (0..count).map(move |x| (y * size + x) * step * channels))
        };
        let positions = Offsets::new(grid(outputs, stride));
        let patch = Offsets::new(grid(kernel, 1).flat_map(|first| first..first + channels));
        let (count, depth) = (positions.len(), patch.len());
        let shape = if gradient { [depth, count, columns] } else { [count, depth, columns] };
        let patches = Some(if gradient { [patch, positions] } else { [positions, patch] });
        Self { patches, ..Self::new(name, shape, gradient) }
    }

    fn strides(&self) -> (usize, usize) {
        if self.sum.is_some() { (1, self.rows) } else { (self.depth, 1) }
    }

    fn run(&mut self) {
        let (row_stride, k_stride) = self.strides();
        if let Some([rows, depth]) = &self.patches {
            let left = Gathered { values: black_box(&self.left), rows, depth };
            return match &mut self.sum {
                Some(sum) => add_product(self.rows, self.depth, left, &self.b, self.columns, sum),
                None => product(self.rows, self.depth, left, &self.b, Start::Zero, &mut self.c),
            };
        }
        let left = Left { values: black_box(&self.left), row_stride, k_stride };
        match &mut self.sum {
            Some(sum) => add_product(self.rows, self.depth, left, &self.b, self.columns, sum),
            None => product(self.rows, self.depth, left, &self.b, Start::Zero, &mut self.c),
        }
    }

    /// The same product by the crate `gemm`, without the sum in f64.
    fn run_gemm(&mut self) {
        let (row_stride, k_stride) = self.strides();
        let (rows, columns, stride) = (self.rows, self.columns, self.c.stride() as isize);
        let c = self.c.as_mut_slice().as_mut_ptr();
        // SAFETY: all three matrices have the shapes and strides that they are passed with.
        unsafe {
            let (left, b) = (black_box(&self.left).as_ptr(), self.b.as_slice().as_ptr());
            let (row_stride, k_stride, one) = (row_stride as isize, k_stride as isize, gemm::Parallelism::None);
            gemm::gemm(
                rows, columns, self.depth, c, 1, stride, false, left, k_stride, row_stride, b, 1, stride, 0.0, 1.0,
                false, false, false, one,
            );
        }
    }
}

fn shapes() -> Vec<Shape> {
    vec![
        Shape::new("product 64 x 64 x 64", [64, 64, 64], false),
        Shape::new("product 256 x 64 x 64", [256, 64, 64], false),
        Shape::new("product 8 x 64 x 64", [8, 64, 64], false),
        Shape::new("product 1 x 64 x 64", [1, 64, 64], false),
        Shape::new("product 64 x 17 x 64", [64, 17, 64], false),
        Shape::new("product 64 x 348 x 64", [64, 348, 64], false),
        Shape::new("product 64 x 64 x 16", [64, 64, 16], false),
        Shape::new("product 64 x 256 x 256", [64, 256, 256], false),
        Shape::new("gradient 64 x 64, 64 rows", [64, 64, 64], true),
        Shape::new("gradient 64 x 64, 128 rows", [64, 128, 64], true),
        Shape::new("gradient 348 x 64, 64 rows", [348, 64, 64], true),
        Shape::new("gradient 256 x 256, 64 rows", [256, 64, 256], true),
        Shape::new("product 64 x 3136 x 512", [64, 3136, 512], false),
        Shape::new("product 256 x 3136 x 512", [256, 3136, 512], false),
        Shape::new("gradient 3136 x 512, 64 rows", [3136, 64, 512], true),
        Shape::convolution("84 x 84 x 4, 8 x 8 by 4", [84, 4, 8, 4], 32, false),
        Shape::convolution("20 x 20 x 32, 4 x 4 by 2", [20, 32, 4, 2], 64, false),
        Shape::convolution("9 x 9 x 64, 3 x 3", [9, 64, 3, 1], 64, false),
        Shape::convolution("10 x 10 x 4, 3 x 3", [10, 4, 3, 1], 16, false),
        Shape::convolution("gradient 8 x 8 by 4", [84, 4, 8, 4], 32, true),
        Shape::convolution("gradient 4 x 4 by 2", [20, 32, 4, 2], 64, true),
        Shape::convolution("gradient 3 x 3", [9, 64, 3, 1], 64, true),
        Shape::new("pull back 81 x 64 x 512", [81, 64, 512], false),
        Shape::new("pull back 49 x 64 x 576", [49, 64, 576], false),
    ]
}

fn summary() {
    let mut peak = fma_peak();
    println!("{:?}, FMA peak of one core {:.1} GFLOP/s", path(), peak / 1e9);
    println!("{:<28} {:>8} {:>8} {:>8}   {:>8}", "", "us", "GFLOP/s", "of peak", "gemm");
    for mut shape in shapes() {
        let operations = (2 * shape.rows * shape.depth * shape.columns) as f64;
        let own = seconds(|| shape.run());
        let gemm = seconds(|| shape.run_gemm());
        peak = peak.max(fma_peak());
        let (own_speed, gemm_speed) = (operations / own, operations / gemm);
        println!(
            "{:<28} {:8.2} {:8.1} {:7.1}%   {:7.1}%",
            shape.name,
            own * 1e6,
            own_speed / 1e9,
            100.0 * own_speed / peak,
            100.0 * gemm_speed / peak
        );
    }
    println!("\n{:<28} {:>8} {:>8}   ns an element", "4096 elements", "own", "std");
    elementwise("tanh", |x| Activation::Tanh.apply(x), f32::tanh);
    let mut slopes = vec![0.0; 4096];
    elementwise("tanh and slope", |x| Activation::Tanh.apply_with_slopes(x, &mut slopes), f32::tanh);
    elementwise("gelu", |x| Activation::Gelu.apply(x), |x| 0.5 * x * (1.0 + (0.8 * (x + 0.045 * x * x * x)).tanh()));
    elementwise("silu", |x| Activation::Silu.apply(x), |x| x / (1.0 + (-x).exp()));
    elementwise("exp", exp, f32::exp);
    elementwise("sine", sine, f32::sin);

    let (a, mut theta) = (vec![0.5; 4480], vec![0.1; 4480]);
    let (mut m, mut v) = (a.clone(), a.clone());
    let step = AdamStep { learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, step: 10 };
    let (mut w, mut w_transposed) = (Matrix::zeros(70, 64), Matrix::zeros(64, 70));
    println!("\n{:<28} {:>8}", "4480 f64", "us");
    println!("{:<28} {:8.2}", "dot", 1e6 * seconds(|| _ = black_box(dot(black_box(&a), &theta))));
    println!("{:<28} {:8.2}", "axpy", 1e6 * seconds(|| axpy(1e-9, black_box(&a), &mut theta)));
    println!("{:<28} {:8.2}", "adam", 1e6 * seconds(|| adam(&mut theta, black_box(&a), &mut m, &mut v, &step)));
    println!("{:<28} {:8.2}", "pack 70 x 64", 1e6 * seconds(|| pack(black_box(&a), 64, &mut w)));
    println!("{:<28} {:8.2}\n", "pack_transposed", 1e6 * seconds(|| pack_transposed(black_box(&a), &mut w_transposed)));
}

fn elementwise(name: &str, own: impl FnMut(&mut [f32]), std: impl Fn(f32) -> f32) {
    let own = nanoseconds(own);
    let std = nanoseconds(|x| x.iter_mut().for_each(|x| *x = std(*x)));
    println!("{name:<28} {own:8.3} {std:8.3}");
}

/// The time for each of 4096 elements within -4..4, including the time to copy them first.
fn nanoseconds(mut function: impl FnMut(&mut [f32])) -> f64 {
    let from: Vec<f32> = values(4096).into_iter().map(|x| 4.0 * x).collect();
    let mut to = from.clone();
    let call = || {
        to.copy_from_slice(&from);
        function(&mut to);
        black_box(&to);
    };
    seconds(call) * 1e9 / 4096.0
}
