//! Gaussian policies whose mean is affine in one state, and the values of J and its derivatives at one of them.

use npg_core::network::kernels::Matrix;
use npg_core::policy::{AnyHead, Gaussian, Policy};
use npg_core::problem::{PolicySnapshot, States};

/// The policy a ~ N(k s + bias, sigma^2).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AffineGaussian {
    /// The gain of the mean.
    pub k: f64,
    /// The mean at s = 0.
    pub bias: f64,
    /// The standard deviation, at least 0.
    pub sigma: f64,
}

impl AffineGaussian {
    /// The mean of the action in state `s`.
    pub fn mean(&self, s: f64) -> f64 {
        self.k * s + self.bias
    }

    /// The policy of a linear network with state-independent noise, with one real number as observation and one as action, before
    /// observations or actions are clipped. None for any other policy.
    pub fn of(policy: &Policy) -> Option<Self> {
        let affine = policy.network.features().is_none() && policy.network.parameters() == 3; // slope, bias, log std
        let is_normal = policy.distribution.only_head() == Some(&AnyHead::Gaussian(Gaussian { count: 1 }));
        if policy.inputs() != 1 || !affine || !is_normal {
            return None;
        }
        let mut inputs = Matrix::zeros(2, 1);
        inputs.row_mut(1)[0] = 1.0;
        let at = PolicySnapshot::new(policy, States::of(&inputs), 1.0);
        let [low, high] = [0, 1].map(|row| f64::from(at.outputs(row)[0]));
        let (center, scale) =
            policy.encoder.normalizer.as_ref().map_or((0.0, 1.0), |n| (n.moments().mean[0], n.scale(0)));
        let k = (high - low) * scale;
        Some(Self { k, bias: low - k * center, sigma: libm::exp(f64::from(at.outputs(0)[1])) })
    }
}

/// The values at one policy with `N` parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Local<const N: usize> {
    /// J.
    pub value: f64,
    /// grad J.
    pub gradient: [f64; N],
    /// F under the normalized state distribution. `None` if it is infinite, which is at sigma = 0.
    pub fisher: Option<[[f64; N]; N]>,
    /// F^-1 grad J, the natural gradient. `None` if F is infinite, or singular without a limit.
    pub natural: Option<[f64; N]>,
}

impl Local<3> {
    /// The same values in (k, bias, log sigma). `sigma` is that of the policy. At sigma = 0 the last parameter is minus
    /// infinity, and the last component of the gradient is 0.
    pub fn in_log_sigma(&self, sigma: f64) -> Self {
        let scale = [1.0, 1.0, sigma]; // d sigma / d log sigma = sigma
        let row = |f: [f64; 3], i: usize| std::array::from_fn(|j| scale[i] * scale[j] * f[j]);
        Self {
            value: self.value,
            gradient: std::array::from_fn(|i| scale[i] * self.gradient[i]),
            fisher: self.fisher.map(|f| std::array::from_fn(|i| row(f[i], i))),
            natural: self.natural.map(|x| std::array::from_fn(|i| x[i] / scale[i])),
        }
    }

    /// The same values in (k, sigma), for a policy whose bias is 0 and stays 0.
    ///
    /// In [`Lqr::affine`](super::lqr::Lqr::affine) the component of the natural gradient along the bias is 0 there, so
    /// leaving the parameter out changes no other component.
    pub(super) fn without_bias(&self) -> Local<2> {
        let kept = |x: [f64; 3]| [x[0], x[2]];
        Local {
            value: self.value,
            gradient: kept(self.gradient),
            fisher: self.fisher.map(|f| [kept(f[0]), kept(f[2])]),
            natural: self.natural.map(kept),
        }
    }
}

/// The weights of the states, and their products with the state and its square, each summed over time: D, M1, M2.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sums {
    pub(super) total: f64,
    pub(super) first: f64,
    pub(super) second: f64,
}

impl Sums {
    /// F in (k, bias, sigma) for actions with standard deviation `sigma`. The scores are (s, 1) (a - mean) / sigma^2 and ((a
    /// - mean)^2 / sigma^2 - 1) / sigma. `None` if an element is not finite.
    pub(super) fn fisher(&self, sigma: f64) -> Option<[[f64; 3]; 3]> {
        let precision = 1.0 / (sigma * sigma);
        let [first, second] = [self.first, self.second].map(|moment| moment / self.total * precision);
        let f = [[second, first, 0.0], [first, precision, 0.0], [0.0, 0.0, 2.0 * precision]];
        f.as_flattened().iter().all(|x| x.is_finite()).then_some(f)
    }
}

/// The action value as a function of the action. In a world with linear dynamics and quadratic rewards it is a parabola: its
/// slope at the policy's mean is -(`state` s + `constant`), and its curvature is -`curvature`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ActionValue {
    pub(super) state: f64,
    pub(super) constant: f64,
    pub(super) curvature: f64,
}

impl ActionValue {
    /// grad J in (k, bias, sigma). A Gaussian's gradient in its mean is the mean slope; its gradient in sigma is sigma times
    /// the mean curvature.
    pub(super) fn gradient(&self, sums: &Sums, sigma: f64) -> [f64; 3] {
        let ActionValue { state, constant, curvature } = self;
        let Sums { total, first, second } = sums;
        [-(state * second + constant * first), -(state * first + constant * total), -sigma * total * curvature]
    }

    /// F^-1 grad J, in which the moments of the state cancel. If they make F singular, this is the limit.
    pub(super) fn natural(&self, sums: &Sums, sigma: f64) -> [f64; 3] {
        let ActionValue { state, constant, curvature } = self;
        [*state, *constant, 0.5 * sigma * curvature].map(|x| -sigma * sigma * sums.total * x)
    }

    /// The values at a policy whose J is `value`; `None` if that or its gradient is not finite.
    pub(super) fn local(&self, value: f64, sums: &Sums, sigma: f64) -> Option<Local<3>> {
        let (value, gradient) = (value + 0.0, self.gradient(sums, sigma).map(|x| x + 0.0)); // turns -0 into 0
        let fisher = sums.fisher(sigma);
        let natural = fisher.map(|_| self.natural(sums, sigma).map(|x| x + 0.0));
        let finite = value.is_finite() && gradient.iter().all(|x| x.is_finite());
        finite.then_some(Local { value, gradient, fisher, natural })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use npg_core::env::{Space, Spec};
    use npg_core::normalize::{Moments, Normalizer};
    use npg_core::settings;

    #[test]
    fn it_is_read_off_a_linear_network() {
        let real = Space::uniform_box(1, f64::NEG_INFINITY, f64::INFINITY);
        let (observation, action) = (real.clone(), real);
        let spec = Spec { id: "test".into(), observation, action, max_episode_steps: None, reward_threshold: None };
        let policy = |network| {
            let config = settings::Policy { network, log_std_init: -1.0, ..settings::Policy::default() };
            let normalize = settings::Normalize { observations: false, ..settings::Normalize::default() };
            let mut policy = Policy::new(&config, &normalize, &spec, 0);
            policy.theta[..2].copy_from_slice(&[0.5, -0.25]);
            policy
        };
        let mut linear = policy(settings::NetworkKind::Linear);
        let plain = AffineGaussian::of(&linear).unwrap();
        assert_eq!((plain.k, plain.bias), (0.5, -0.25));
        assert!((plain.sigma - f64::exp(-1.0)).abs() < 1e-7);

        let mut moments = Moments::new(1);
        [1.0, 5.0].iter().for_each(|x| moments.push(&[*x])); // mean 3, standard deviation 2
        linear.encoder.normalizer = Some(Normalizer::new(moments, 10.0));
        let normalized = AffineGaussian::of(&linear).unwrap();
        assert!((normalized.k - 0.25).abs() < 1e-8 && (normalized.bias + 1.0).abs() < 1e-7, "{normalized:?}");

        assert_eq!(AffineGaussian::of(&policy(settings::NetworkKind::Mlp)), None);
    }
}
