//! A small Gaussian policy network in f64, with 3 inputs, 4 tanh units and 2 means, and its Fisher matrices.

use super::fishers::matrix_difference;
use super::instances::{damped, difference, largest, solved, times, transpose_times};
use faer::Mat;
use npg_core::random::{Purpose, Stream};

const INPUTS: usize = 3;
const HIDDEN: usize = 4;
const OUTPUTS: usize = 2;
/// The weights of the first layer (HIDDEN rows, bias last), then those of the second (OUTPUTS rows, bias last), then the log
/// stds.
const PARAMETERS: usize = HIDDEN * (INPUTS + 1) + OUTPUTS * (HIDDEN + 1) + OUTPUTS;

/// The network at one state.
struct At {
    /// The inputs, followed by a 1.
    inputs: Vec<f64>,
    /// The hidden activations, followed by a 1.
    hidden: Vec<f64>,
    /// The derivative of each mean in each pre-activation of the hidden layer: OUTPUTS x HIDDEN.
    back: Vec<f64>,
    sigma: [f64; OUTPUTS],
}

/// A random network at `count` random states.
fn network(count: usize, rng: &mut Stream) -> Vec<At> {
    let first: Vec<f64> = (0..HIDDEN * (INPUTS + 1)).map(|_| rng.normal()).collect();
    let second: Vec<f64> = (0..OUTPUTS * (HIDDEN + 1)).map(|_| rng.normal()).collect();
    let sigma = [0.5, 0.8];
    let mut at = || {
        let mut inputs: Vec<f64> = (0..INPUTS).map(|_| rng.normal()).collect();
        inputs.push(1.0);
        let unit = |row: &[f64]| libm::tanh(row.iter().zip(&inputs).map(|(w, x)| w * x).sum());
        let mut hidden: Vec<f64> = first.chunks(INPUTS + 1).map(unit).collect();
        let slope = |o: usize, h: usize| second[o * (HIDDEN + 1) + h] * (1.0 - hidden[h] * hidden[h]);
        let back = (0..OUTPUTS).flat_map(|o| (0..HIDDEN).map(move |h| (o, h))).map(|(o, h)| slope(o, h)).collect();
        hidden.push(1.0);
        At { inputs, hidden, back, sigma }
    };
    (0..count).map(|_| at()).collect()
}

impl At {
    /// The gradient of sum_o b_o mean_o + sum_o l_o log sigma_o in all parameters.
    fn pulled(&self, b: &[f64], l: &[f64]) -> Vec<f64> {
        let back = |h: usize| (0..OUTPUTS).map(|o| b[o] * self.back[o * HIDDEN + h]).sum::<f64>();
        let first = (0..HIDDEN).flat_map(|h| self.inputs.iter().map(move |x| back(h) * x));
        let second = b.iter().flat_map(|b| self.hidden.iter().map(move |a| b * a));
        first.chain(second).chain(l.iter().copied()).collect()
    }

    /// The rows of sqrt(M) J: the gradients of the means over sigma, and those of the log stds times sqrt(2).
    fn roots(&self) -> Vec<Vec<f64>> {
        let unit = |o: usize, x: f64| (0..OUTPUTS).map(|i| if i == o { x } else { 0.0 }).collect::<Vec<f64>>();
        let none = vec![0.0; OUTPUTS];
        let means = (0..OUTPUTS).map(|o| self.pulled(&unit(o, 1.0 / self.sigma[o]), &none));
        let stds = (0..OUTPUTS).map(|o| self.pulled(&none, &unit(o, 2f64.sqrt())));
        means.chain(stds).collect()
    }

    /// (d log p / d mean, d log p / d log sigma) of a sampled action.
    fn output_score(&self, rng: &mut Stream) -> (Vec<f64>, Vec<f64>) {
        let noise: Vec<f64> = (0..OUTPUTS).map(|_| rng.normal()).collect();
        let mean = noise.iter().zip(&self.sigma).map(|(z, sigma)| z / sigma).collect();
        (mean, noise.iter().map(|z| z * z - 1.0).collect())
    }
}

fn rows(rows: &[Vec<f64>]) -> Mat<f64> {
    Mat::from_fn(rows.len(), rows[0].len(), |i, j| rows[i][j])
}

fn relative(a: &[f64], b: &[f64]) -> f64 {
    difference(a, b) / largest(b.iter().map(|x| x.abs()))
}

fn scaled(m: &Mat<f64>, factor: f64) -> Mat<f64> {
    Mat::from_fn(m.nrows(), m.ncols(), |i, j| factor * m[(i, j)])
}

/// KL(N(m, s) || N(m', s')), where s is the log of the standard deviation.
fn gaussian_kl([m, s]: [f64; 2], [m_new, s_new]: [f64; 2]) -> f64 {
    let spread = libm::exp(2.0 * (s - s_new)) + (m - m_new).powi(2) * libm::exp(-2.0 * s_new);
    s_new - s + 0.5 * spread - 0.5
}

pub(super) fn gaussian_metric_error() -> f64 {
    largest([0.1f64, 0.5, 1.0, 10.0].into_iter().flat_map(|sigma| {
        let at = [0.3, libm::log(sigma)];
        [(0, sigma, sigma.powi(-2)), (1, 1.0, 2.0)].map(|(index, scale, metric)| {
            let h = 1e-3 * scale;
            let even = |h: f64| {
                let moved = |h: f64| std::array::from_fn(|i| at[i] + if i == index { h } else { 0.0 });
                gaussian_kl(at, moved(h)) + gaussian_kl(at, moved(-h))
            };
            ((16.0 * even(h) - even(2.0 * h)) / (12.0 * h * h) / metric - 1.0).abs()
        })
    }))
}

pub(super) fn push_through_error() -> f64 {
    let (samples, lambda) = (30, 0.01);
    largest((0..20).map(|index| {
        let mut rng = Stream::new(1, Purpose::Test, index);
        let s = Mat::from_fn(samples, 80, |_, _| rng.normal());
        let y: Vec<f64> = (0..samples).map(|_| rng.normal()).collect();
        let n = samples as f64;
        let g: Vec<f64> = transpose_times(&s, &y).iter().map(|x| x / n).collect();
        let direct = solved(&damped(&scaled(&(s.transpose() * &s), 1.0 / n), lambda), &g);
        let transformed = solved(&damped(&(&s * s.transpose()), n * lambda), &y);
        relative(&direct, &transpose_times(&s, &transformed))
    }))
}

pub(super) fn exact_woodbury_error() -> f64 {
    let mut rng = Stream::new(2, Purpose::Test, 0);
    let (count, lambda) = (20, 0.01);
    let u = rows(&network(count, &mut rng).iter().flat_map(At::roots).collect::<Vec<_>>());
    let g: Vec<f64> = (0..PARAMETERS).map(|_| rng.normal()).collect();
    let n = count as f64;
    let direct = solved(&damped(&scaled(&(u.transpose() * &u), 1.0 / n), lambda), &g);
    let inner = solved(&damped(&(&u * u.transpose()), n * lambda), &times(&u, &g));
    let correction = transpose_times(&u, &inner);
    let short: Vec<f64> = g.iter().zip(&correction).map(|(g, c)| (g - c) / lambda).collect();
    relative(&direct, &short)
}

pub(super) fn gram_error() -> f64 {
    let mut rng = Stream::new(3, Purpose::Test, 0);
    let states = network(20, &mut rng);
    let scores: Vec<(Vec<f64>, Vec<f64>)> = states.iter().map(|at| at.output_score(&mut rng)).collect();
    let s = rows(&states.iter().zip(&scores).map(|(at, (b, l))| at.pulled(b, l)).collect::<Vec<_>>());
    let dot = |a: &[f64], b: &[f64]| super::instances::dot(a, b);
    let back = |i: usize| -> Vec<f64> {
        (0..HIDDEN).map(|h| (0..OUTPUTS).map(|o| scores[i].0[o] * states[i].back[o * HIDDEN + h]).sum()).collect()
    };
    // `inputs` and `hidden` end with 1, which is the + 1 1^T of the biases.
    let element = |i: usize, j: usize| {
        dot(&states[i].inputs, &states[j].inputs) * dot(&back(i), &back(j))
            + dot(&states[i].hidden, &states[j].hidden) * dot(&scores[i].0, &scores[j].0)
            + dot(&scores[i].1, &scores[j].1)
    };
    matrix_difference((&s * s.transpose()).as_ref(), Mat::from_fn(20, 20, element).as_ref())
}

/// The relative errors (Frobenius norm) of G (x) A for the blocks of the first and of the second layer.
pub(super) fn kronecker_errors() -> [f64; 2] {
    let states = network(200, &mut Stream::new(4, Purpose::Test, 0));
    let n = states.len() as f64;
    let u = rows(&states.iter().flat_map(At::roots).collect::<Vec<_>>());
    let fisher = scaled(&(u.transpose() * &u), 1.0 / n);
    let slope = |at: &At, o: usize, h: usize| at.back[o * HIDDEN + h];
    let metric = |at: &At, o: usize| at.sigma[o].powi(-2);
    let mean = |of: &dyn Fn(&At) -> f64| states.iter().map(of).sum::<f64>() / n;
    let error = |first: usize,
                 units: usize,
                 width: usize,
                 a: &dyn Fn(&At, usize) -> f64,
                 g: &dyn Fn(&At, usize, usize) -> f64| {
        let size = units * width;
        let product = Mat::from_fn(size, size, |i, j| {
            let inputs = mean(&|at| a(at, i % width) * a(at, j % width));
            inputs * mean(&|at| g(at, i / width, j / width))
        });
        let block = fisher.as_ref().submatrix(first, first, size, size);
        (&product - block).norm_l2() / block.norm_l2()
    };
    let hidden =
        |at: &At, i: usize, j: usize| (0..OUTPUTS).map(|o| slope(at, o, i) * metric(at, o) * slope(at, o, j)).sum();
    let last = |at: &At, i: usize, j: usize| if i == j { metric(at, i) } else { 0.0 };
    [
        error(0, HIDDEN, INPUTS + 1, &|at, i| at.inputs[i], &hidden),
        error(HIDDEN * (INPUTS + 1), OUTPUTS, HIDDEN + 1, &|at, i| at.hidden[i], &last),
    ]
}
