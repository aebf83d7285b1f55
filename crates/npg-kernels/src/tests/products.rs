use super::super::dispatch::on_every_path;
use super::super::{
    CHAIN, Gathered, LANE, Left, Left64, Matrix, Narrow, Offsets, Start, add_column_sums, add_product, add_product64,
    pack, pack_transposed, padded, product, product_into, transpose,
};
use super::{Random, bits, bits64};
use std::ops::Range;

/// One product: its shape, its operands, and its initial values.
struct Case {
    rows: usize,
    depth: usize,
    columns: usize,
    left: Vec<f32>,
    row_stride: usize,
    k_stride: usize,
    b: Matrix,
    bias: Vec<f32>,
    c: Matrix,
}

impl Case {
    fn new(random: &mut Random, rows: usize, depth: usize, columns: usize) -> Self {
        let transposed = random.up_to(1) == 1;
        let gap = random.up_to(3);
        let (row_stride, k_stride) = if transposed { (1, rows + gap) } else { (depth + gap, 1) };
        let mut b = Matrix::zeros(depth + gap, columns);
        pack(&random.values((depth + gap) * columns), columns, &mut b);
        let mut c = Matrix::zeros(rows, columns);
        pack(&random.values(rows * columns), columns, &mut c);
        let mut bias = vec![0.0; c.stride()];
        bias[..columns].copy_from_slice(&random.narrow(columns));
        let left = random.narrow((rows + gap) * (depth + gap));
        Self { rows, depth, columns, left, row_stride, k_stride, b, bias, c }
    }

    fn some(random: &mut Random) -> Self {
        let (rows, depth, columns) = (random.up_to(20), random.up_to(150), 1 + random.up_to(129));
        Self::new(random, rows, depth, columns)
    }

    fn left(&self) -> Left<'_> {
        Left { values: &self.left, row_stride: self.row_stride, k_stride: self.k_stride }
    }

    fn starts(&self) -> [Start<'_>; 3] {
        [Start::Zero, Start::Bias(&self.bias), Start::Accumulate]
    }

    fn product(&self, start: Start<'_>) -> Matrix {
        let mut c = self.c.clone();
        product(self.rows, self.depth, self.left(), &self.b, start, &mut c);
        c
    }

    fn sums(&self) -> (Vec<f64>, Vec<f64>) {
        let mut sum: Vec<f64> = (0..self.rows * self.columns).map(|i| i as f64).collect();
        add_product(self.rows, self.depth, self.left(), &self.b, self.columns, &mut sum);
        let mut column_sums = vec![0.5; self.columns];
        add_column_sums(self.depth, &self.b, self.columns, &mut column_sums);
        (sum, column_sums)
    }

    /// The definition: element (i, j) of the product over the k in `range`, computed as one chain from `start`.
    fn chain(&self, range: Range<usize>, i: usize, j: usize, start: f32) -> f32 {
        range.fold(start, |sum, k| self.left[i * self.row_stride + k * self.k_stride].mul_add(self.b.row(k)[j], sum))
    }

    /// The ranges into which sums are cut.
    fn chains(&self) -> impl Iterator<Item = Range<usize>> {
        (0..self.depth).step_by(CHAIN).map(|first| first..self.depth.min(first + CHAIN))
    }
}

#[test]
fn every_path_gives_the_bits_of_the_definition() {
    let mut random = Random(1);
    for _ in 0..150 {
        let case = Case::some(&mut random);
        for start in case.starts() {
            for (path, c) in on_every_path(|| case.product(start)) {
                for i in 0..case.rows {
                    let expected: Vec<f32> = (0..case.columns)
                        .map(|j| match start {
                            Start::Zero => case.chain(0..case.depth, i, j, 0.0),
                            Start::Bias(bias) => case.chain(0..case.depth, i, j, bias[j]),
                            Start::Accumulate => case.chain(0..case.depth, i, j, case.c.row(i)[j]),
                        })
                        .collect();
                    assert_eq!(bits(c.row(i)), bits(&expected), "{path:?} row {i}");
                }
            }
        }
    }
}

/// Rows of these widths are further apart than their columns require.
#[test]
fn wide_rows_have_a_stride_of_their_own() {
    let mut random = Random(8);
    for columns in [511, 512, 513, 1024] {
        let case = Case::new(&mut random, 3, 5, columns);
        assert_eq!(case.b.stride() > padded(columns), columns != 513, "{columns}");
        let c = case.product(Start::Bias(&case.bias));
        for i in 0..3 {
            let expected: Vec<f32> = (0..columns).map(|j| case.chain(0..5, i, j, case.bias[j])).collect();
            assert_eq!(bits(c.row(i)), bits(&expected));
        }
        let (sum, _) = case.sums();
        for (at, sum) in sum.iter().enumerate() {
            let (i, j) = (at / columns, at % columns);
            assert_eq!(*sum, at as f64 + f64::from(case.chain(0..5, i, j, 0.0)));
        }
        let (mut transpose_of_c, mut back) = (Matrix::zeros(columns, 3), Matrix::zeros(3, columns));
        transpose(&c, &mut transpose_of_c);
        transpose(&transpose_of_c, &mut back);
        assert_eq!(bits(back.as_slice()), bits(c.as_slice()));
    }
}

#[test]
fn every_path_gives_the_bits_of_the_definition_of_sums() {
    let mut random = Random(2);
    for _ in 0..150 {
        let case = Case::some(&mut random);
        let mut expected = vec![];
        for i in 0..case.rows {
            expected.extend((0..case.columns).map(|j| {
                let before = (i * case.columns + j) as f64;
                case.chains().fold(before, |sum, range| sum + f64::from(case.chain(range, i, j, 0.0)))
            }));
        }
        let column = |range: Range<usize>, j: usize| f64::from(range.fold(0.0, |sum, k| sum + case.b.row(k)[j]));
        let columns = |j| case.chains().fold(0.5, |sum, range| sum + column(range, j));
        let expected_columns: Vec<f64> = (0..case.columns).map(columns).collect();
        for (path, (sum, column_sums)) in on_every_path(|| case.sums()) {
            assert_eq!(bits64(&sum), bits64(&expected), "{path:?}");
            assert_eq!(bits64(&column_sums), bits64(&expected_columns), "{path:?}");
        }
    }
}

#[test]
fn agrees_with_gemm() {
    let mut random = Random(3);
    for (rows, depth, columns) in [(64, 64, 64), (7, 376, 17), (20, 70, 130), (1, 17, 64)] {
        let case = Case::new(&mut random, rows, depth, columns);
        let c = case.product(Start::Zero);
        let mut expected = vec![0.0f32; rows * columns];
        // SAFETY: all three matrices have the shapes and strides that they are passed with.
        unsafe {
            gemm::gemm(
                rows,
                columns,
                depth,
                expected.as_mut_ptr(),
                1,
                columns as isize,
                false,
                case.left.as_ptr(),
                case.k_stride as isize,
                case.row_stride as isize,
                case.b.as_slice().as_ptr(),
                1,
                case.b.stride() as isize,
                0.0,
                1.0,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
        let tolerance = f32::EPSILON * depth as f32; // |terms| <= 1
        for (i, expected) in expected.chunks(columns).enumerate() {
            for (c, expected) in c.row(i).iter().zip(expected) {
                assert!((c - expected).abs() <= tolerance, "{c} {expected}");
            }
        }
    }
}

#[test]
fn padding_stays_zero() {
    let mut random = Random(4);
    for _ in 0..50 {
        let case = Case::some(&mut random);
        for start in case.starts() {
            let c = case.product(start);
            for line in c.as_slice().chunks_exact(c.stride()) {
                assert!(line[case.columns..].iter().all(|x| *x == 0.0));
            }
        }
    }
}

#[test]
fn rows_do_not_depend_on_their_number() {
    let mut random = Random(5);
    for columns in [1, 16, 64, 100] {
        let case = Case::new(&mut random, 40, 33, columns);
        let all = case.product(Start::Bias(&case.bias));
        for rows in 0..40 {
            let mut c = Matrix::zeros(rows, columns);
            product(rows, case.depth, case.left(), &case.b, Start::Bias(&case.bias), &mut c);
            for i in 0..rows {
                assert_eq!(bits(c.row(i)), bits(all.row(i)));
            }
        }
    }
}

#[test]
fn no_rows_no_depth_no_columns() {
    let left = Left { values: &[], row_stride: usize::MAX, k_stride: usize::MAX };
    let mut c = Matrix::zeros(3, 5);
    c.row_mut(1)[2] = 7.0;
    product(0, 4, left, &Matrix::zeros(4, 5), Start::Zero, &mut c);
    product(3, 0, left, &Matrix::zeros(0, 5), Start::Accumulate, &mut c);
    assert_eq!(c.row(1)[2], 7.0);
    product(3, 0, left, &Matrix::zeros(0, 5), Start::Zero, &mut c);
    assert!(c.as_slice().iter().all(|x| *x == 0.0));
    product(
        2,
        1,
        Left { values: &[1.0; 2], row_stride: 1, k_stride: 1 },
        &Matrix::zeros(1, 0),
        Start::Zero,
        &mut Matrix::zeros(2, 0),
    );
    add_product(0, 0, left, &Matrix::zeros(0, 5), 5, &mut []);
    add_column_sums(0, &Matrix::zeros(0, 5), 5, &mut [0.0; 5]);
}

/// Calls `product` with 3 rows, depth 4 and 5 columns, and operands of these sizes.
fn sized(left: usize, stride: usize, b_rows: usize, bias: usize, c_rows: usize, c_columns: usize) {
    let left = vec![0.0; left];
    let left = Left { values: &left, row_stride: stride, k_stride: 1 };
    let mut c = Matrix::zeros(c_rows, c_columns);
    product(3, 4, left, &Matrix::zeros(b_rows, 5), Start::Bias(&vec![0.0; bias]), &mut c);
}

#[test]
fn operands_of_the_right_size_are_accepted() {
    sized(12, 4, 4, LANE, 3, 5);
}

#[test]
#[should_panic(expected = "left operand")]
fn a_small_left_operand_panics() {
    sized(11, 4, 4, LANE, 3, 5);
}

#[test]
#[should_panic(expected = "left operand")]
fn an_overflowing_stride_panics() {
    sized(12, usize::MAX / 2 + 1, 4, LANE, 3, 5);
}

#[test]
#[should_panic(expected = "right operand")]
fn a_small_right_operand_panics() {
    sized(12, 4, 3, LANE, 3, 5);
}

#[test]
#[should_panic(expected = "bias")]
fn a_short_bias_panics() {
    sized(12, 4, 4, LANE - 1, 3, 5);
}

#[test]
#[should_panic(expected = "shapes")]
fn a_small_result_panics() {
    sized(12, 4, 4, LANE, 2, 5);
}

#[test]
#[should_panic(expected = "shapes")]
fn a_narrow_result_panics() {
    product(
        1,
        1,
        Left { values: &[1.0], row_stride: 1, k_stride: 1 },
        &Matrix::zeros(1, 17),
        Start::Zero,
        &mut Matrix::zeros(1, 16),
    );
}

/// Both have the same stride.
#[test]
#[should_panic(expected = "shapes")]
fn a_result_wider_by_the_added_line_panics() {
    let left = Left { values: &[1.0], row_stride: 1, k_stride: 1 };
    product(1, 1, left, &Matrix::zeros(1, 512), Start::Zero, &mut Matrix::zeros(1, 528));
}

#[test]
#[should_panic(expected = "sum")]
fn a_small_sum_panics() {
    let left = Left { values: &[1.0; 2], row_stride: 1, k_stride: 1 };
    add_product(2, 1, left, &Matrix::zeros(1, 5), 5, &mut [0.0; 9]);
}

#[test]
#[should_panic(expected = "column sums")]
fn column_sums_of_missing_rows_panic() {
    add_column_sums(2, &Matrix::zeros(1, 5), 5, &mut [0.0; 5]);
}

/// Each element is one chain over k, whatever the tile in which it is computed. Everything outside the product stays
/// unchanged.
#[test]
fn products_of_f64_have_the_same_bits_on_every_path() {
    let mut random = Random(15);
    for case in 0..60 {
        let (rows, depth, columns) = (random.up_to(13), random.up_to(40), 8 * random.up_to(11));
        let (transposed, gap) = (case % 2 == 1, random.up_to(3));
        let (row_stride, k_stride) = if transposed { (1, rows + gap) } else { (depth + gap, 1) };
        let left = random.values((rows + gap) * (depth + gap));
        let (b_stride, c_stride) = (columns + gap, columns + 2 * gap);
        let (b, c) = (random.values(depth * b_stride), random.values(rows * c_stride));
        let mut expected = c.clone();
        for i in 0..rows {
            for j in 0..columns {
                let chain = |sum: f64, k: usize| left[i * row_stride + k * k_stride].mul_add(b[k * b_stride + j], sum);
                expected[i * c_stride + j] = (0..depth).fold(c[i * c_stride + j], chain);
            }
        }
        for (path, value) in on_every_path(|| {
            let mut c = c.clone();
            let left = Left64 { values: &left, row_stride, k_stride };
            add_product64((rows, depth, columns), left, (&b, b_stride), (&mut c, c_stride));
            c
        }) {
            assert_eq!(bits64(&value), bits64(&expected), "{path:?} {rows} {depth} {columns}");
        }
    }
}

#[test]
#[should_panic(expected = "right operand of a product is too small")]
fn a_product_of_f64_reads_nothing_that_is_not_there() {
    let left = Left64 { values: &[1.0; 6], row_stride: 3, k_stride: 1 };
    add_product64((2, 3, 8), left, (&[0.0; 23], 8), (&mut [0.0; 16], 8));
}

#[test]
fn narrow_products_have_the_bits_of_plain_ones_on_every_path() {
    let mut random = Random(31);
    for (depth, columns, result_columns) in [(32, 1, 1), (33, 2, 4), (64, 8, 8), (100, 6, 20)] {
        let weights: Vec<Vec<f64>> = (0..2).map(|_| random.values(depth * columns)).collect();
        let lefts: Vec<Matrix> = (0..2).map(|_| filled(&mut random, CHAIN, depth)).collect();
        let right = filled(&mut random, CHAIN, result_columns);
        let bias = filled(&mut random, 1, result_columns);
        let rows = 1 + random.up_to(CHAIN - 1);
        let results = on_every_path(|| {
            let mut narrow = Narrow::new(depth, columns, result_columns);
            let (mut plain, mut exchanged) =
                (Matrix::zeros(CHAIN, result_columns), Matrix::zeros(CHAIN, result_columns));
            let (mut packed, mut transposed) = (Vec::new(), Vec::new());
            for weights in &weights {
                let mut copy = Matrix::zeros(depth, result_columns);
                pack(weights, columns, &mut copy);
                packed.push(copy);
                let mut copy = Matrix::zeros(columns, depth);
                pack_transposed(weights, &mut copy);
                transposed.push(copy);
            }
            let starts = [Start::Bias(bias.as_slice()), Start::Accumulate];
            for ((left, weights), start) in lefts.iter().zip(&packed).zip(starts) {
                product(CHAIN, depth, Left::rows(left), weights, start, &mut plain);
            }
            narrow.product(bias.row(0), lefts.iter().zip(&transposed), &mut exchanged);
            let (mut sum, mut exchanged_sum) = (vec![0.5; depth * columns], vec![0.5; depth * columns]);
            add_product(depth, rows, Left::columns(&lefts[0]), &right, columns, &mut sum);
            narrow.add_product(rows, &lefts[0], &right, &mut exchanged_sum);
            assert!(narrow.takes(&[&lefts[0], &right]) && !narrow.takes(&[&lefts[0], &bias]));
            ((bits(plain.as_slice()), bits64(&sum)), (bits(exchanged.as_slice()), bits64(&exchanged_sum)))
        });
        for (path, (plain, exchanged)) in results {
            assert!(plain == exchanged, "{path:?}, {depth} x {columns}");
        }
    }
}

fn filled(random: &mut Random, rows: usize, columns: usize) -> Matrix {
    let mut matrix = Matrix::zeros(rows, columns);
    pack(&random.values(rows * columns), columns, &mut matrix);
    matrix
}

/// A gathered operand gives the bits of the matrix that holds the same elements.
#[test]
fn gathered_elements_give_the_bits_of_a_matrix() {
    let mut random = Random(9);
    for _ in 0..60 {
        let mut case = Case::some(&mut random);
        let mut places = |count: usize| Offsets::new((0..count).map(|_| random.up_to(200)).collect::<Vec<usize>>());
        let (rows, depth) = (places(case.rows), places(case.depth));
        let values = random.narrow(401);
        case.left = rows.iter().flat_map(|i| depth.iter().map(move |k| i + k)).map(|at| values[at]).collect();
        (case.row_stride, case.k_stride) = (case.depth, 1);
        let gathered = Gathered { values: &values, rows: &rows, depth: &depth };
        for start in case.starts() {
            let expected = case.product(start);
            for (path, found) in on_every_path(|| {
                let mut c = case.c.clone();
                product(case.rows, case.depth, gathered, &case.b, start, &mut c);
                c
            }) {
                assert_eq!(bits(found.as_slice()), bits(expected.as_slice()), "{path:?}");
            }
        }
        let (expected, _) = case.sums();
        for (path, found) in on_every_path(|| {
            let mut sum: Vec<f64> = (0..case.rows * case.columns).map(|i| i as f64).collect();
            add_product(case.rows, case.depth, gathered, &case.b, case.columns, &mut sum);
            sum
        }) {
            assert_eq!(bits64(&found), bits64(&expected), "{path:?}");
        }
    }
}

/// Rows without padding get the bits that padded rows get, and nothing beyond them is written.
#[test]
fn products_into_rows_without_padding() {
    let mut random = Random(11);
    for _ in 0..60 {
        let case = Case::some(&mut random);
        for start in case.starts() {
            let expected = case.product(start);
            let rows = (0..case.rows).flat_map(|i| case.c.row(i)).copied();
            let before: Vec<f32> = rows.chain([7.0; 20]).collect();
            for (path, found) in on_every_path(|| {
                let mut c = before.clone();
                product_into(case.rows, case.depth, case.left(), (&case.b, case.columns), start, &mut c);
                c
            }) {
                let (found, beyond) = found.split_at(case.rows * case.columns);
                let expected: Vec<f32> = (0..case.rows).flat_map(|i| expected.row(i)).copied().collect();
                assert_eq!(bits(found), bits(&expected), "{path:?}");
                assert_eq!(beyond, [7.0; 20]);
            }
        }
    }
}

#[test]
#[should_panic(expected = "the left operand of a product is too small")]
fn a_gathered_operand_beyond_its_values_is_refused() {
    let offsets = Offsets::new([0, 3]);
    let gathered = Gathered { values: &[0.0; 6], rows: &offsets, depth: &offsets };
    product(2, 2, gathered, &Matrix::zeros(2, 1), Start::Zero, &mut Matrix::zeros(2, 1));
}
