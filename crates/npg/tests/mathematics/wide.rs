//! Wide observations: a batch keeps them in their own type. The results must equal those of a ready matrix bit for bit.

use npg::config::{self, Config, NetworkKind, Std, ValueKind};
use npg::env::{ActionMut, ActionRows, Space, Spec};
use npg::network::kernels::Matrix;
use npg::normalize::{Moments, Normalizer};
use npg::policy::{Inputs, Observations, Policy, WIDE};
use npg::problem::{PolicySnapshot, States, Surrogate};
use npg::random::{Purpose, Stream};
use npg::reduce::Reducer;

use npg::value::{Baseline, Visited};

const ROWS: usize = 150;
const WIDTH: usize = WIDE + 21;

struct Wide {
    policy: Policy,
    ready: Matrix,
    kept: Observations,
    actions: ActionRows,
    advantages: Vec<f64>,
}

fn wide(network: NetworkKind, action: Space, std: Std) -> Wide {
    let spec = Spec {
        id: "Wide-v0".into(),
        observation: Space::uniform_box(WIDTH, 0.0, 255.0),
        action,
        max_episode_steps: None,
        reward_threshold: None,
    };
    let mut config = Config::default();
    (config.policy.network, config.policy.hidden, config.policy.rbf_features) = (network, vec![3], 5);
    config.policy.std = std;
    let mut policy = Policy::new(&config.policy, &config.normalize, &spec, 0);
    let mut rng = Stream::new(0, Purpose::Test, 0);
    let pixels: Vec<Vec<f64>> = (0..ROWS).map(|_| (0..WIDTH).map(|_| rng.below(256) as f64).collect()).collect();
    let mut moments = Moments::new(WIDTH);
    pixels.iter().for_each(|row| moments.push(row));
    policy.encoder.normalizer = Some(Normalizer::new(moments, 10.0));
    let (mut ready, mut kept) = (Matrix::zeros(ROWS, WIDTH), Observations::zeros(&policy, ROWS));
    for (index, row) in pixels.iter().enumerate() {
        policy.encoder.write(row, ready.row_mut(index));
        kept.put(index, row);
    }
    assert_eq!(kept.bytes(), ROWS * WIDTH, "a byte a pixel");
    let mut actions = ActionRows::zeros(policy.distribution.width(), ROWS);
    for row in 0..ROWS {
        let ActionMut { integers, reals } = actions.row_mut(row);
        integers.iter_mut().for_each(|a| *a = rng.below(2) as i64);
        reals.iter_mut().for_each(|a| *a = rng.normal());
    }
    let advantages = (0..ROWS).map(|_| rng.normal()).collect();
    Wide { policy, ready, kept, actions, advantages }
}

/// Everything that an update computes from states.
fn computed(case: &Wide, inputs: Inputs<'_>, fraction: f64) -> Vec<f64> {
    let weights: Vec<f64> = (0..ROWS).map(|row| 0.5 + row as f64 / (ROWS - 1) as f64).collect();
    let at = PolicySnapshot::new(&case.policy, States { weights: Some(&weights), ..States::of(inputs) }, fraction);
    let v: Vec<f64> = (0..case.policy.theta.len()).map(|i| (i % 7) as f64 - 3.0).collect();
    let moved: Vec<f64> = case.policy.theta.iter().zip(&v).map(|(theta, v)| theta + 1e-3 * v).collect();
    let mut all = at.fisher_product(&v);
    all.extend(at.policy_gradient(&case.actions, &case.advantages, 0.1));
    let scores = at.scores(&case.actions);
    all.extend((0..scores.rows()).map(|row| scores[(row, row % scores.columns())]));
    let fisher = at.dense_fisher();
    all.extend((0..fisher.columns()).map(|j| fisher[(j / 2, j)]));
    let surrogate = Surrogate { actions: &case.actions, advantages: &case.advantages, entropy: 0.0, discounts: None };
    let comparison = at.compare(&moved, surrogate);
    all.extend([comparison.kl, comparison.surrogate, comparison.entropy]);
    all
}

#[test]
fn observations_in_their_own_type_give_every_product_to_the_bit() {
    let reals = || Space::uniform_box(2, -1.0, 1.0);
    for (network, action, std) in [
        (NetworkKind::Mlp, Space::Discrete(2), Std::StateIndependent),
        (NetworkKind::Mlp, reals(), Std::StateDependent),
        (NetworkKind::Mlp, reals(), Std::Sde),
        (NetworkKind::Linear, reals(), Std::Sde),
        (NetworkKind::Linear, Space::Discrete(2), Std::StateIndependent),
        (NetworkKind::Rbf, Space::Discrete(2), Std::StateIndependent),
    ] {
        let case = wide(network, action, std);
        for fraction in [1.0, 0.3] {
            let ready = computed(&case, (&case.ready).into(), fraction);
            let kept = computed(&case, Inputs::Kept(&case.kept), fraction);
            assert!(ready.iter().all(|x| x.is_finite()) && ready.iter().any(|x| *x != 0.0));
            assert!(ready.iter().zip(&kept).all(|(a, b)| a.to_bits() == b.to_bits()), "{network:?}, {fraction}");
        }
    }
}

#[test]
fn observations_in_their_own_type_fit_every_baseline_to_the_bit() {
    let case = wide(NetworkKind::Mlp, Space::Discrete(2), Std::StateIndependent);
    let steps: Vec<u32> = (0..ROWS as u32).collect();
    for kind in [ValueKind::MlpAdam, ValueKind::MlpGaussNewton, ValueKind::Linear] {
        let fitted = |inputs: Inputs<'_>| {
            let config = config::Value { kind, hidden: vec![3], epochs: 2, ..config::Value::default() };
            let states = Visited { inputs, steps: &steps };
            let mut baseline = Baseline::new(&config, WIDTH, 0);
            assert!(
                baseline
                    .fit(
                        &Reducer::of_rows(states.inputs.rows()),
                        states,
                        &case.advantages,
                        &mut Stream::new(0, Purpose::Minibatch, 0)
                    )
                    .accepted
            );
            let values = baseline.predict(states);
            assert!(values.iter().any(|x| *x != 0.0));
            values
        };
        assert_eq!(fitted((&case.ready).into()), fitted(Inputs::Kept(&case.kept)), "{kind:?}");
    }
}
