//! A second, plain implementation of a policy in f64: the forward pass from the flat parameter vector, log probabilities,
//! sums over actions, and finite differences for derivatives. It shares no code with the library except the names of
//! activations.

use npg::config::ActivationName;

/// What the outputs mean. They are the logits of the classes, those of the bits, the means, and the log stds. An action has the
/// numbers of the classes, then the bits, then those of the normals.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heads {
    /// One softmax for each part.
    pub(crate) classes: Vec<usize>,
    /// Independent bits, one for each output.
    pub(crate) bits: usize,
    /// Independent normals.
    pub(crate) normals: usize,
    /// The class of the first part to which each normal belongs: it counts for nothing in an action of another class. Empty if
    /// all of them always count.
    pub(crate) owners: Vec<usize>,
}

impl Heads {
    /// Whether normal j counts in an action with these integers.
    fn counts(&self, j: usize, integers: &[f64]) -> bool {
        self.owners.is_empty() || self.owners[j] as f64 == integers[0]
    }
}

/// Where the log stds of normals come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum LogStd {
    /// They are parameters, after the biases of the last layer.
    Constant,
    /// They are outputs of the last layer.
    Affine,
    /// They are 1/2 log sum_i h_i^2 exp(2 L_ij), where h is the inputs of the last layer with a 1 appended.
    Exploration,
}

/// A state that has two parts: a number, and an index of `count` values with a number. The index has an embedding. With
/// `layer`, each part goes through a layer of that width.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts {
    pub(crate) count: usize,
    pub(crate) width: usize,
    pub(crate) layer: Option<usize>,
}

#[derive(Clone, Debug)]
pub(crate) struct Oracle {
    pub(crate) inputs: usize,
    pub(crate) parts: Option<Parts>,
    /// The shape of a state, if it is an image: rows, columns, channels.
    pub(crate) image: Option<[usize; 3]>,
    /// Filters, kernel and stride of each convolution of the image.
    pub(crate) convolutions: Vec<[usize; 3]>,
    /// The fixed weights, row-major [inputs x features], then the phases.
    pub(crate) features: Option<Vec<f32>>,
    pub(crate) hidden: Vec<usize>,
    pub(crate) activation: ActivationName,
    /// Whether the sums of the hidden units are normalized before the activation.
    pub(crate) layer_norm: bool,
    pub(crate) heads: Heads,
    pub(crate) log_std: LogStd,
    /// Whether some classes are forbidden in some states.
    pub(crate) masked: bool,
}

/// The step of first differences.
const H: f64 = 1e-5;

impl Oracle {
    /// The outputs for one state, which are all that the distribution needs.
    pub(crate) fn outputs(&self, theta: &[f64], state: &[f64]) -> Vec<f64> {
        let mut h = state.to_vec();
        if let Some(constants) = &self.features {
            let count = constants.len() / (self.inputs + 1);
            let weight = |i: usize, f: usize| f64::from(constants[i * count + f]);
            h = (0..count)
                .map(|f| {
                    (weight(self.inputs, f) + (0..self.inputs).map(|i| weight(i, f) * state[i]).sum::<f64>()).sin()
                })
                .collect();
        }
        let mut rest = theta;
        if let Some(Parts { count, width, layer }) = self.parts {
            let through = |rest: &mut &[f64], part: Vec<f64>| match layer {
                Some(layer) => affine(rest, &part, layer).into_iter().map(|x| self.activate(x)).collect(),
                None => part,
            };
            h = through(&mut rest, vec![state[0]]);
            let table = take(&mut rest, count * width);
            let row = &table[state[1] as usize * width..][..width];
            h.extend(through(&mut rest, [row, &state[2..]].concat()));
        }
        if let Some(mut image) = self.image {
            for filters in &self.convolutions {
                (h, image) = convolved(&mut rest, &h, image, *filters);
                h.iter_mut().for_each(|x| *x = self.activate(*x));
            }
        }
        for &width in &self.hidden {
            h = affine(&mut rest, &h, width);
            if self.layer_norm {
                h = normalized(&mut rest, &h);
            }
            h.iter_mut().for_each(|x| *x = self.activate(*x));
        }
        let (logits, d) = (self.heads.classes.iter().sum::<usize>() + self.heads.bits, self.heads.normals);
        let is_affine = self.log_std == LogStd::Affine;
        let mut outputs = affine(&mut rest, &h, logits + if is_affine { 2 * d } else { d });
        self.forbid(state, &mut outputs);
        match self.log_std {
            LogStd::Affine => {}
            LogStd::Constant => outputs.extend(take(&mut rest, d)),
            LogStd::Exploration => {
                let l = take(&mut rest, (h.len() + 1) * d);
                h.push(1.0);
                let variance = |j: usize| -> f64 { (0..h.len()).map(|i| (h[i] * l[i * d + j].exp()).powi(2)).sum() };
                outputs.extend((0..d).map(|j| 0.5 * variance(j).ln()));
            }
        }
        assert!(rest.is_empty(), "{} parameters are left over", rest.len());
        outputs
    }

    /// Gives probability 0 to what the mask of a state forbids.
    fn forbid(&self, state: &[f64], outputs: &mut [f64]) {
        let Some(mask) = self.mask(state) else { return };
        let count = self.heads.classes.iter().sum();
        let (classes, bits) = mask.split_at(count);
        for (logit, allowed) in outputs.iter_mut().zip(classes) {
            *logit = if *allowed { *logit } else { f64::NEG_INFINITY };
        }
        for (logit, allowed) in outputs[count..].iter_mut().zip(bits.chunks(2)) {
            *logit = match allowed {
                [false, _] => f64::INFINITY,
                [_, false] => f64::NEG_INFINITY,
                _ => *logit,
            };
        }
    }

    fn activate(&self, x: f64) -> f64 {
        match self.activation {
            ActivationName::Tanh => x.tanh(),
            ActivationName::Relu => x.max(0.0),
            ActivationName::Silu => x / (1.0 + (-x).exp()),
            ActivationName::Gelu => {
                0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3))).tanh())
            }
        }
    }

    /// The action mask of a state: class k of each part is forbidden if number k of the state is large, but never class 0. Bit
    /// k may not be 1 if number k of the state is large, and not 0 if it is small.
    pub(crate) fn mask(&self, state: &[f64]) -> Option<Vec<bool>> {
        let number = |index: usize| state[index % state.len()];
        let allowed = |class: usize| class == 0 || number(class) < 0.4;
        let Heads { classes, bits, .. } = &self.heads;
        let classes = classes.iter().flat_map(|size| (0..*size).map(allowed));
        let bits = (0..*bits).flat_map(|bit| [number(bit) > -0.8, number(bit) < 0.4]);
        self.masked.then(|| classes.chain(bits).collect())
    }

    /// log pi(action | outputs).
    pub(crate) fn log_prob(&self, outputs: &[f64], action: &[f64]) -> f64 {
        let Heads { classes, bits, normals, .. } = &self.heads;
        let (integers, reals) = action.split_at(classes.len() + bits);
        let (mut rest, mut total) = (outputs, self.log_prob_of_integers(outputs, integers));
        take(&mut rest, classes.iter().sum::<usize>() + bits);
        for (j, x) in reals.iter().enumerate().filter(|(j, _)| self.heads.counts(*j, integers)) {
            let z = (x - rest[j]) / rest[normals + j].exp();
            total += -0.5 * z * z - rest[normals + j] - 0.5 * (2.0 * std::f64::consts::PI).ln();
        }
        total
    }

    fn log_prob_of_integers(&self, mut outputs: &[f64], integers: &[f64]) -> f64 {
        let (classes, bits) = integers.split_at(self.heads.classes.len());
        let mut total = 0.0;
        for (size, class) in self.heads.classes.iter().zip(classes) {
            let logits = take(&mut outputs, *size);
            total += logits[*class as usize] - logits.iter().map(|l| l.exp()).sum::<f64>().ln();
        }
        let one = |l: f64| 1.0 / (1.0 + (-l).exp());
        for (bit, l) in bits.iter().zip(outputs) {
            total += if *bit > 0.5 { one(*l).ln() } else { one(-l).ln() };
        }
        total
    }

    /// Actions with their probabilities: all of them for integers, and three Gauss-Hermite nodes per dimension for normals. The
    /// nodes integrate polynomials of degree five exactly; outer products of scores have degree 4, and log ratios degree 2.
    pub(crate) fn actions(&self, outputs: &[f64]) -> Vec<(Vec<f64>, f64)> {
        let Heads { classes, bits, normals, .. } = &self.heads;
        let classes = classes.iter().map(|n| (0..*n).map(|i| i as f64).collect::<Vec<f64>>());
        let bits = std::iter::repeat_n(vec![0.0, 1.0], *bits);
        let mut points = combinations(classes.chain(bits).map(|axis| axis.into_iter().map(|x| (x, 1.0)).collect()));
        points.iter_mut().for_each(|(action, weight)| *weight = self.log_prob_of_integers(outputs, action).exp());
        points.retain(|(_, weight)| *weight > 0.0); // without the forbidden ones
        let of_normals = &outputs[outputs.len() - 2 * normals..];
        let reals = |integers: &[f64]| {
            combinations((0..*normals).map(|j| {
                let at = |z: f64| of_normals[j] + z * of_normals[normals + j].exp();
                if !self.heads.counts(j, integers) {
                    return vec![(at(0.0), 1.0)];
                }
                vec![(at(-(3f64.sqrt())), 1.0 / 6.0), (at(0.0), 2.0 / 3.0), (at(3f64.sqrt()), 1.0 / 6.0)]
            }))
        };
        let joined = |(integers, p): &(Vec<f64>, f64)| -> Vec<(Vec<f64>, f64)> {
            let longer = |(reals, w): &(Vec<f64>, f64)| ([&integers[..], reals].concat(), p * w);
            reals(integers).iter().map(longer).collect()
        };
        points.iter().flat_map(joined).collect()
    }

    pub(crate) fn entropy(&self, outputs: &[f64]) -> f64 {
        -self.actions(outputs).iter().map(|(a, p)| p * self.log_prob(outputs, a)).sum::<f64>()
    }

    /// KL(p || q).
    pub(crate) fn kl(&self, p: &[f64], q: &[f64]) -> f64 {
        self.actions(p).iter().map(|(a, w)| w * (self.log_prob(p, a) - self.log_prob(q, a))).sum()
    }

    /// The mean over states of w KL(theta || other).
    pub(crate) fn mean_kl(&self, theta: &[f64], other: &[f64], states: &[Vec<f64>], weights: &[f64]) -> f64 {
        let kl = |s: &[f64]| self.kl(&self.outputs(theta, s), &self.outputs(other, s));
        states.iter().zip(weights).map(|(s, w)| w * kl(s)).sum::<f64>() / states.len() as f64
    }

    /// grad log pi(action | state) of each of `actions`, by central differences.
    pub(crate) fn scores(&self, theta: &[f64], state: &[f64], actions: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let mut scores = vec![vec![0.0; theta.len()]; actions.len()];
        let mut moved = theta.to_vec();
        for i in 0..theta.len() {
            moved[i] = theta[i] + H;
            let up = self.outputs(&moved, state);
            moved[i] = theta[i] - H;
            let down = self.outputs(&moved, state);
            moved[i] = theta[i];
            for (score, action) in scores.iter_mut().zip(actions) {
                score[i] = (self.log_prob(&up, action) - self.log_prob(&down, action)) / (2.0 * H);
            }
        }
        scores
    }

    /// The Fisher matrix by its definition: the mean over states of w E_a[score score^T].
    pub(crate) fn fisher(&self, theta: &[f64], states: &[Vec<f64>], weights: &[f64]) -> Vec<Vec<f64>> {
        let mut fisher = vec![vec![0.0; theta.len()]; theta.len()];
        for (state, weight) in states.iter().zip(weights) {
            let (actions, probabilities): (Vec<_>, Vec<_>) =
                self.actions(&self.outputs(theta, state)).into_iter().unzip();
            for (score, p) in self.scores(theta, state, &actions).iter().zip(probabilities) {
                add_outer(&mut fisher, score, weight * p / states.len() as f64);
            }
        }
        fisher
    }

    /// d^T F d without F: the mean over states of w E_a[(d^T score)^2].
    pub(crate) fn fisher_norm(&self, theta: &[f64], d: &[f64], states: &[Vec<f64>], weights: &[f64]) -> f64 {
        let h = H / norm(d);
        let (up, down) = (moved(theta, h, d), moved(theta, -h, d));
        let of = |state: &Vec<f64>| -> f64 {
            let (up, down) = (self.outputs(&up, state), self.outputs(&down, state));
            let slope = |a: &[f64]| (self.log_prob(&up, a) - self.log_prob(&down, a)) / (2.0 * h);
            self.actions(&self.outputs(theta, state)).iter().map(|(a, p)| p * slope(a).powi(2)).sum()
        };
        states.iter().zip(weights).map(|(s, w)| w * of(s)).sum::<f64>() / states.len() as f64
    }
}

/// One layer. `theta` holds the weights, row-major [inputs x outputs], and then the biases.
/// A convolution of an image, and the shape of the result. Each pixel of the result is an affine function of a patch.
fn convolved(
    theta: &mut &[f64],
    h: &[f64],
    [rows, columns, channels]: [usize; 3],
    [filters, kernel, stride]: [usize; 3],
) -> (Vec<f64>, [usize; 3]) {
    let shape = [(rows - kernel) / stride + 1, (columns - kernel) / stride + 1, filters];
    let mut result = Vec::new();
    let parameters = take(theta, (kernel * kernel * channels + 1) * filters);
    for place in 0..shape[0] * shape[1] {
        let (top, left) = (place / shape[1] * stride, place % shape[1] * stride);
        let row = |y: usize| h[((top + y) * columns + left) * channels..][..kernel * channels].to_vec();
        let patch: Vec<f64> = (0..kernel).flat_map(row).collect();
        result.extend(affine(&mut &parameters[..], &patch, filters));
    }
    (result, shape)
}

fn affine(theta: &mut &[f64], h: &[f64], outputs: usize) -> Vec<f64> {
    let weights = take(theta, h.len() * outputs);
    let mut z = take(theta, outputs).to_vec();
    for (i, x) in h.iter().enumerate() {
        for (o, z) in z.iter_mut().enumerate() {
            *z += x * weights[i * outputs + o];
        }
    }
    z
}

/// One layer normalization: to mean 0 and variance 1, and then gains and biases.
fn normalized(theta: &mut &[f64], z: &[f64]) -> Vec<f64> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let center = mean(z);
    let centered: Vec<f64> = z.iter().map(|z| z - center).collect();
    let sigma = (mean(&centered.iter().map(|x| x * x).collect::<Vec<_>>()) + 1e-5).sqrt();
    let (gains, biases) = (take(theta, z.len()), take(theta, z.len()));
    centered.iter().zip(gains).zip(biases).map(|((x, gain), bias)| gain * x / sigma + bias).collect()
}

fn take<'a>(theta: &mut &'a [f64], count: usize) -> &'a [f64] {
    let (taken, rest) = theta.split_at(count);
    *theta = rest;
    taken
}

/// All combinations of one value of each axis, with the products of their weights.
fn combinations(axes: impl Iterator<Item = Vec<(f64, f64)>>) -> Vec<(Vec<f64>, f64)> {
    axes.fold(vec![(Vec::new(), 1.0)], |points, axis| {
        let longer = |(point, weight): &(Vec<f64>, f64)| -> Vec<(Vec<f64>, f64)> {
            axis.iter().map(|(x, w)| ([&point[..], &[*x]].concat(), weight * w)).collect()
        };
        points.iter().flat_map(longer).collect()
    })
}

pub(crate) fn add_outer(matrix: &mut [Vec<f64>], v: &[f64], weight: f64) {
    for (row, a) in matrix.iter_mut().zip(v) {
        for (slot, b) in row.iter_mut().zip(v) {
            *slot += weight * a * b;
        }
    }
}

pub(crate) fn moved(theta: &[f64], h: f64, v: &[f64]) -> Vec<f64> {
    theta.iter().zip(v).map(|(t, v)| t + h * v).collect()
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub(crate) fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

pub(crate) fn image(matrix: &[Vec<f64>], v: &[f64]) -> Vec<f64> {
    matrix.iter().map(|row| dot(row, v)).collect()
}

/// ||a - b|| / ||b||.
pub(crate) fn distance(a: &[f64], b: &[f64]) -> f64 {
    norm(&moved(a, -1.0, b)) / norm(b)
}

/// (matrix + damping I)^-1 g, by elimination with row pivoting.
pub(crate) fn solved(matrix: &[Vec<f64>], damping: f64, g: &[f64]) -> Vec<f64> {
    let n = g.len();
    let mut rows: Vec<Vec<f64>> = matrix.iter().zip(g).map(|(row, g)| [&row[..], &[*g]].concat()).collect();
    (0..n).for_each(|i| rows[i][i] += damping);
    for k in 0..n {
        let pivot = (k..n).max_by(|a, b| rows[*a][k].abs().total_cmp(&rows[*b][k].abs())).unwrap();
        rows.swap(k, pivot);
        let (done, below) = rows.split_at_mut(k + 1);
        for row in below {
            let factor = row[k] / done[k][k];
            row.iter_mut().zip(&done[k]).for_each(|(x, p)| *x -= factor * p);
        }
    }
    let mut x = vec![0.0; n];
    for k in (0..n).rev() {
        x[k] = (rows[k][n] - dot(&rows[k][k + 1..n], &x[k + 1..])) / rows[k][k];
    }
    x
}
