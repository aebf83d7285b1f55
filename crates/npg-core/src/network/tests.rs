//! The forward pass is checked against a plain f64 reference, jvp against central differences of that reference, and vjp
//! against jvp.

use super::*;
use crate::random::{Purpose, Stream};

/// The network's definition, written plainly in f64 on the flat vector.
fn reference(network: &Network, theta: &[f64], input: &[f64]) -> Vec<f64> {
    let mut h = input.to_vec();
    for placed in &network.layers[..network.hidden] {
        h = layer_reference(&placed.layer, &theta[placed.parameters.clone()], &h);
    }
    let heads = network.heads().iter();
    heads.flat_map(|head| layer_reference(&head.layer, &theta[head.parameters.clone()], &h)).collect()
}

fn layer_reference(layer: &AnyLayer, theta: &[f64], h: &[f64]) -> Vec<f64> {
    let sum = |width: usize, o: usize| h.iter().enumerate().map(|(i, h)| h * theta[i * width + o]).sum::<f64>();
    match layer {
        AnyLayer::FourierFeatures(features) => {
            let (constants, count) = (features.constants(), features.count());
            let constant = |index: usize| f64::from(constants[index]);
            (0..count)
                .map(|f| {
                    (0..h.len()).map(|i| constant(i * count + f) * h[i]).sum::<f64>() + constant(h.len() * count + f)
                })
                .map(f64::sin)
                .collect()
        }
        AnyLayer::Embedding(embedding) => theta[h[0] as usize * embedding.width..][..embedding.width].to_vec(),
        AnyLayer::Branches(branches) => {
            let of_branch = |branch: &layers::Branch| {
                let own = &h[branch.inputs.clone()];
                let network = branch.network.as_ref();
                network.map_or(own.to_vec(), |network| reference(network, &theta[branch.parameters()], own))
            };
            branches.branches().iter().flat_map(of_branch).collect()
        }
        AnyLayer::Convolution(convolution) => {
            let (image, filters, activation) = convolution.definition();
            let Filters { channels: outputs, kernel, stride } = filters;
            let result = filters.of(image).unwrap();
            let (weights, biases) = theta.split_at(kernel * kernel * image.channels * outputs);
            let of_place = |y: usize, x: usize, o: usize| {
                let mut z = biases[o];
                for (v, u, c) in (0..kernel)
                    .flat_map(|v| (0..kernel).map(move |u| (v, u)))
                    .flat_map(|(v, u)| (0..image.channels).map(move |c| (v, u, c)))
                {
                    let pixel = h[((y * stride + v) * image.columns + x * stride + u) * image.channels + c];
                    z += pixel * weights[((v * kernel + u) * image.channels + c) * outputs + o];
                }
                activation_reference(activation, z)
            };
            let places = (0..result.rows).flat_map(|y| (0..result.columns).map(move |x| (y, x)));
            places.flat_map(|(y, x)| (0..outputs).map(move |o| (y, x, o))).map(|(y, x, o)| of_place(y, x, o)).collect()
        }
        AnyLayer::Dense(dense) => {
            let z = (0..dense.outputs).map(|o| theta[h.len() * dense.outputs + o] + sum(dense.outputs, o));
            z.map(|z| dense.activation.map_or(z, |activation| activation_reference(activation, z))).collect()
        }
        AnyLayer::LayerNorm(norm) => {
            let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
            let centered: Vec<f64> = h.iter().map(|z| z - mean(h)).collect();
            let sigma = (mean(&centered.iter().map(|x| x * x).collect::<Vec<f64>>()) + 1e-5).sqrt();
            let (gains, biases) = theta.split_at(h.len());
            let sums = centered.iter().zip(gains).zip(biases).map(|((x, gain), bias)| gain * x / sigma + bias);
            sums.map(|sum| activation_reference(norm.activation, sum)).collect()
        }
        AnyLayer::Constant(_) => theta.to_vec(),
        AnyLayer::Exploration(exploration) => (0..exploration.actions)
            .map(|j| {
                let e = |i: usize| (2.0 * theta[i * exploration.actions + j]).exp();
                let variance: f64 = (0..=h.len()).map(|i| h.get(i).unwrap_or(&1.0).powi(2) * e(i)).sum();
                0.5 * variance.ln()
            })
            .collect(),
    }
}

fn activation_reference(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Tanh => x.tanh(),
        Activation::Relu => x.max(0.0),
        Activation::Gelu => {
            0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3))).tanh())
        }
        Activation::Silu => x / (1.0 + (-x).exp()),
    }
}

fn networks() -> Vec<Network> {
    use Activation::{Gelu, Relu, Silu, Tanh};
    let mut rng = Stream::new(11, Purpose::Test, 0);
    let affine = |affine| Outputs { affine, ..Outputs::default() };
    let network = |inputs, widths, activation, outputs| {
        Network::new(inputs, Hidden { widths, activation, layer_norm: false }, outputs)
    };
    let normalized = |inputs, widths, activation, outputs| {
        Network::new(inputs, Hidden { widths, activation, layer_norm: true }, outputs)
    };
    let linear = Hidden { widths: &[], activation: Tanh, layer_norm: false };
    vec![
        network(4, &[64, 64], Tanh, affine(2)),
        network(17, &[33, 20, 9], Silu, affine(6)),
        network(3, &[70], Gelu, Outputs { affine: 2, constants: 2, exploration: 0 }),
        network(5, &[12, 8], Relu, affine(3)),
        network(3, &[], Tanh, Outputs { affine: 1, constants: 1, exploration: 0 }),
        network(2, &[16, 8], Tanh, Outputs { affine: 2, constants: 0, exploration: 2 }),
        network(2, &[], Tanh, Outputs { affine: 1, constants: 0, exploration: 1 }),
        normalized(4, &[64, 33], Tanh, affine(2)),
        normalized(6, &[20, 9], Gelu, Outputs { affine: 2, constants: 2, exploration: 0 }),
        normalized(3, &[150], Relu, Outputs { affine: 2, constants: 0, exploration: 2 }),
        Network::new(Entrance::Features(FourierFeatures::new(3, 40, 1.0, &mut rng)), linear, affine(2)),
        of_parts(&[], Hidden { widths: &[20], activation: Tanh, layer_norm: false }, affine(3)),
        of_parts(&[], linear, Outputs { affine: 2, constants: 1, exploration: 0 }),
        of_parts(&[9, 6], Hidden { widths: &[], activation: Silu, layer_norm: false }, affine(2)),
        of_parts(&[33], Hidden { widths: &[12], activation: Tanh, layer_norm: true }, affine(2)),
        of_parts(&[8], linear, Outputs { affine: 2, constants: 0, exploration: 2 }),
        of_images(&[[32, 3, 2], [5, 2, 1], [16, 1, 1]], &[], false, Hidden { activation: Silu, ..linear }),
        of_images(&[[10, 2, 1]], &[], false, Hidden { widths: &[20], ..linear }),
        of_images(&[[7, 5, 1], [20, 1, 1]], &[], false, Hidden { widths: &[9], activation: Gelu, layer_norm: true }),
        of_images(&[[17, 4, 3]], &[], true, Hidden { widths: &[12], activation: Silu, layer_norm: false }),
        of_images(&[[4, 2, 2], [3, 2, 1]], &[6], true, Hidden { widths: &[12], activation: Relu, layer_norm: false }),
    ]
}

/// An image of 7 x 6 pixels, or two of them beside an index and reals.
fn of_images(filters: &[[usize; 3]], widths: &[usize], has_more: bool, hidden: Hidden<'_>) -> Network {
    let image = InputKind::Image(Grid { rows: 7, columns: 6, channels: 3 });
    let small = InputKind::Image(Grid { rows: 5, columns: 5, channels: 1 });
    let beside = vec![InputKind::Numbers(2), small, InputKind::Index { count: 7, width: 3 }];
    let parts = if has_more { vec![vec![image], beside] } else { vec![vec![image]] };
    let convolution = |&[channels, kernel, stride]: &[usize; 3]| Filters { channels, kernel, stride };
    let convolutions = filters.iter().map(convolution).collect();
    Network::new(
        Entrance::Parts { parts, widths: widths.to_vec(), convolutions },
        hidden,
        Outputs { affine: 2, ..Outputs::default() },
    )
}

/// Reals, an index beside reals, and two indices.
fn of_parts(widths: &[usize], hidden: Hidden<'_>, outputs: Outputs) -> Network {
    let index = |count, width| InputKind::Index { count, width };
    let mixed = vec![InputKind::Numbers(2), index(7, 3), InputKind::Numbers(1)];
    let parts = vec![vec![InputKind::Numbers(3)], mixed, vec![index(5, 2), index(2, 4)]];
    Network::new(Entrance::Parts { parts, widths: widths.to_vec(), convolutions: vec![] }, hidden, outputs)
}

/// The number of values of each input that is an index.
fn indices(network: &Network) -> Vec<Option<usize>> {
    match &network.layers[0].layer {
        AnyLayer::Branches(branches) => {
            let of_branch =
                |branch: &layers::Branch| branch.network.as_ref().map_or(vec![None; branch.inputs.len()], indices);
            branches.branches().iter().flat_map(of_branch).collect()
        }
        AnyLayer::Embedding(embedding) => vec![Some(embedding.count)],
        _ => vec![None; network.inputs()],
    }
}

/// Which inputs are pixels. They are never normalized.
fn pixels(network: &Network) -> Vec<bool> {
    match &network.layers[0].layer {
        AnyLayer::Branches(branches) => {
            let of_branch =
                |branch: &layers::Branch| branch.network.as_ref().map_or(vec![false; branch.inputs.len()], pixels);
            branches.branches().iter().flat_map(of_branch).collect()
        }
        first => vec![matches!(first, AnyLayer::Convolution(_)); network.inputs()],
    }
}

struct Case {
    network: Network,
    theta: Vec<f64>,
    inputs: Vec<Vec<f64>>,
    tile: Tile,
    packed: Packed,
}

fn case(network: Network, rows: usize, rng: &mut Stream) -> Case {
    let mut theta = network.initial(1.0, -0.5, rng);
    theta.iter_mut().for_each(|t| *t += 0.1 * rng.normal());
    let indices = indices(&network);
    let mut input = |index: &Option<usize>| match index {
        Some(count) => rng.below(*count) as f64,
        None => f64::from(rng.normal() as f32),
    };
    let inputs: Vec<Vec<f64>> = (0..rows).map(|_| indices.iter().map(&mut input).collect()).collect();
    let mut tile = Tile::new(&network, TILE, true);
    tile.set_rows(rows);
    for (row, input) in inputs.iter().enumerate() {
        for (slot, x) in tile.inputs.row_mut(row).iter_mut().zip(input) {
            *slot = *x as f32;
        }
    }
    let packed = network.pack_with_transposes(&theta);
    network.forward(&packed, &mut tile);
    Case { network, theta, inputs, tile, packed }
}

#[test]
fn forward_equals_the_reference() {
    let mut rng = Stream::new(1, Purpose::Test, 0);
    for network in networks() {
        let case = case(network, 13, &mut rng);
        for (row, input) in case.inputs.iter().enumerate() {
            let expected = reference(&case.network, &case.theta, input);
            for (a, b) in case.tile.outputs().row(row).iter().zip(&expected) {
                assert!((f64::from(*a) - b).abs() < 2e-5 * (1.0 + b.abs()), "{a} against {b} in {:?}", case.network);
            }
        }
    }
}

/// A direction is rewritten like the parameters: at the rewritten theta + v, the outputs are those at theta + v.
#[test]
fn substituted_inputs_leave_the_outputs() {
    let mut rng = Stream::new(6, Purpose::Test, 0);
    for network in networks() {
        let case = case(network, 5, &mut rng);
        let v: Vec<f64> = case.theta.iter().map(|_| 0.1 * rng.normal()).collect();
        let mut changed = |(index, is_pixel): (&Option<usize>, bool)| match index {
            None if !is_pixel => ((0.2 * rng.normal()).exp(), rng.normal()),
            _ => (1.0, 0.0),
        };
        let pixels = pixels(&case.network);
        let relation: Vec<(f64, f64)> =
            indices(&case.network).iter().zip(pixels.iter().copied()).map(&mut changed).collect();
        let rewritten = |vector: &[f64]| {
            let mut vector = vector.to_vec();
            case.network.substitute_inputs(&mut vector, &relation);
            vector
        };
        let sum = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a + b).collect::<Vec<f64>>();
        let (theta, direction) = (rewritten(&case.theta), rewritten(&v));
        let explores = case.network.exploration_parameters(&case.theta).is_some();
        let has_reals = pixels.contains(&false);
        let possible = case.network.features().is_none() && !(explores && case.network.hidden == 0) && has_reals;
        assert_eq!(possible, theta != case.theta, "{:?}", case.network);
        for input in &case.inputs {
            let other: Vec<f64> =
                input.iter().zip(&relation).map(|(x, (a, b))| if possible { (x - b) / a } else { *x }).collect();
            for (before, after) in
                [(case.theta.clone(), theta.clone()), (sum(&case.theta, &v), sum(&theta, &direction))]
            {
                let (before, after) =
                    (reference(&case.network, &before, input), reference(&case.network, &after, &other));
                for (a, b) in before.iter().zip(&after) {
                    assert!((a - b).abs() < 1e-12 * (1.0 + a.abs()), "{a} against {b} in {:?}", case.network);
                }
            }
        }
    }
}

#[test]
fn jvp_equals_central_differences_and_vjp_is_its_transpose() {
    let mut rng = Stream::new(2, Purpose::Test, 0);
    for network in networks() {
        let rows = 11;
        let case = case(network, rows, &mut rng);
        let v: Vec<f64> = case.theta.iter().map(|_| rng.normal()).collect();
        let mut tangent = case.network.tangent();
        case.network.pack_tangent(&case.packed, &v, &mut tangent);
        let mut scratch = Scratch::new(&case.network);
        case.network.jvp(&case.packed, &tangent, &case.tile, &mut scratch);
        let pushed = scratch.outputs.clone();

        let h = 1e-5;
        let moved = |sign: f64| case.theta.iter().zip(&v).map(|(t, v)| t + sign * h * v).collect::<Vec<_>>();
        let (plus, minus) = (moved(1.0), moved(-1.0));
        for (row, input) in case.inputs.iter().enumerate() {
            let (up, down) = (reference(&case.network, &plus, input), reference(&case.network, &minus, input));
            for (j, a) in pushed.row(row).iter().enumerate() {
                let expected = (up[j] - down[j]) / (2.0 * h);
                let scale = 1.0 + expected.abs();
                assert!(
                    (f64::from(*a) - expected).abs() < 2e-4 * scale,
                    "{a} against {expected} in {:?}",
                    case.network
                );
            }
        }

        // <c, J v> = <J^T c, v>, and the gradients of the rows add up to the gradient of the tile.
        let outputs = case.network.outputs();
        let (mut inner, mut size) = (0.0, 0.0);
        for row in 0..rows {
            for j in 0..outputs {
                let c = rng.normal() as f32;
                scratch.outputs.row_mut(row)[j] = c;
                inner += f64::from(c) * f64::from(pushed.row(row)[j]);
                size += (f64::from(c) * f64::from(pushed.row(row)[j])).abs();
            }
        }
        let parameters = case.network.parameters();
        let mut gradient = vec![0.0; parameters];
        case.network.vjp(&case.packed, &case.tile, &mut scratch, &mut gradient);
        let outer = kernels::dot(&gradient, &v);
        assert!((inner - outer).abs() < 1e-6 * size, "{inner} against {outer} in {:?}", case.network);

        let mut each = vec![0.0; rows * parameters];
        case.network.vjp_rows(&case.packed, &case.tile, &mut scratch, &mut each);
        for p in 0..parameters {
            let sum: f64 = (0..rows).map(|r| each[r * parameters + p]).sum();
            assert!(
                (sum - gradient[p]).abs() < 1e-4 * (1.0 + sum.abs()),
                "parameter {p}: {sum} against {}",
                gradient[p]
            );
        }
    }
}

#[test]
fn a_rows_bits_do_not_depend_on_its_company() {
    let mut rng = Stream::new(3, Purpose::Test, 0);
    for network in networks() {
        let case = case(network, 37, &mut rng);
        let mut alone = Tile::new(&case.network, 1, false);
        for row in [0, 5, 36] {
            let input = case.tile.inputs.row(row).to_vec();
            alone.inputs.row_mut(0).copy_from_slice(&input);
            case.network.forward(&case.packed, &mut alone);
            assert_eq!(alone.outputs().row(0), case.tile.outputs().row(row));
        }
    }
}

/// Rows of embeddings that nothing reads are left out. Everything else keeps its bits.
#[test]
fn a_compact_network_is_the_whole_one_where_it_reads() {
    let mut rng = Stream::new(7, Purpose::Test, 0);
    let index = |count, width| InputKind::Index { count, width };
    let mixed = vec![InputKind::Numbers(2), index(700, 3), InputKind::Numbers(1)];
    for widths in [vec![], vec![9]] {
        let parts = vec![vec![index(500, 2)], mixed.clone(), vec![InputKind::Numbers(2), index(3, 1)]];
        let hidden = Hidden { widths: &[12], activation: Activation::Tanh, layer_norm: false };
        let outputs = Outputs { affine: 2, ..Outputs::default() };
        let entrance = Entrance::Parts { parts, widths, convolutions: vec![] };
        let case = case(Network::new(entrance, hidden, outputs), 13, &mut rng);
        assert_eq!(case.network.embedded_inputs(), [0, 3, 7]);
        let present = |input: &usize| {
            let mut values: Vec<usize> = case.inputs.iter().map(|row| row[*input] as usize).collect();
            values.sort_unstable();
            values.dedup();
            values
        };
        let (small, kept) = case.network.compacted([0, 3, 7].iter().map(present).collect()).unwrap();
        let theta = kept.gather(&case.theta);
        assert!(theta.len() == small.parameters() && 3 * small.parameters() < case.network.parameters());
        let mut back = case.theta.iter().map(|t| t + 1.0).collect::<Vec<f64>>();
        kept.scatter(&theta, &mut back);
        assert_eq!(back.iter().zip(&case.theta).filter(|(a, b)| a == b).count(), theta.len());

        let packed = small.pack_with_transposes(&theta);
        let mut tile = Tile::new(&small, TILE, true);
        tile.set_rows(13);
        (0..13).for_each(|row| tile.inputs.row_mut(row).copy_from_slice(case.tile.inputs.row(row)));
        small.forward(&packed, &mut tile);
        let [mut own, mut whole] = [&small, &case.network].map(Scratch::new);
        for row in 0..13 {
            assert_eq!(tile.outputs().row(row), case.tile.outputs().row(row));
            for j in 0..2 {
                let c = rng.normal() as f32;
                (own.outputs.row_mut(row)[j], whole.outputs.row_mut(row)[j]) = (c, c);
            }
        }
        let mut gradients = [vec![0.0; small.parameters()], vec![0.0; case.network.parameters()]];
        small.vjp(&packed, &tile, &mut own, &mut gradients[0]);
        case.network.vjp(&case.packed, &case.tile, &mut whole, &mut gradients[1]);
        assert_eq!(gradients[0], kept.gather(&gradients[1]));
        let elsewhere = gradients[1].iter().filter(|g| **g != 0.0).count();
        assert_eq!(elsewhere, gradients[0].iter().filter(|g| **g != 0.0).count());
        let all: Vec<usize> = (0..500).collect();
        assert!(case.network.compacted(vec![all, (0..700).collect(), vec![0, 1, 2]]).is_none(), "nothing is gained");
    }
}

#[test]
fn orthogonal_columns() {
    let mut rng = Stream::new(4, Purpose::Test, 0);
    for (rows, columns) in [(7, 3), (3, 7), (5, 5)] {
        let w = orthogonal(rows, columns, 2.0, &mut rng);
        let dot = |a: usize, b: usize| -> f64 {
            if rows >= columns {
                (0..rows).map(|i| w[i * columns + a] * w[i * columns + b]).sum()
            } else {
                (0..columns).map(|j| w[a * columns + j] * w[b * columns + j]).sum()
            }
        };
        for a in 0..rows.min(columns) {
            for b in 0..rows.min(columns) {
                let expected = if a == b { 4.0 } else { 0.0 };
                assert!((dot(a, b) - expected).abs() < 1e-12);
            }
        }
    }
}
