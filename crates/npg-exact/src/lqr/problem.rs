//! The regulator as the problem of the trainer's own update, in the parameters (k, bias, log sigma).

use super::Lqr;
use crate::gaussian::{ActionValue, AffineGaussian, Local, Sums};
use npg_core::problem::Problem;
use npg_core::solve::Dense;
use npg_core::trust_region::Comparison;

/// An affine Gaussian policy in a regulator. Means over states use the normalized discounted state distribution. The gradient
/// is that of J, and the surrogate is in units of J.
#[derive(Clone, Debug)]
pub struct RegulatorProblem {
    policy: AffineGaussian,
    sums: Sums,
    action_value: ActionValue,
    local: Local<3>,
    theta: [f64; 3],
}

impl RegulatorProblem {
    /// The problem of improving `policy`. `None` if J is minus infinity, or if sigma is not positive, where F is infinite.
    pub fn new(lqr: &Lqr, policy: AffineGaussian) -> Option<Self> {
        let (sums, action_value) = (lqr.sums(&policy)?, lqr.action_value(&policy)?);
        let local = lqr.affine(&policy)?.in_log_sigma(policy.sigma);
        local.fisher?;
        let theta = [policy.k, policy.bias, libm::log(policy.sigma)];
        Some(Self { policy, sums, action_value, local, theta })
    }

    /// The policy with parameters `theta`.
    ///
    /// # Panics
    /// If there are not three parameters.
    pub fn policy(theta: &[f64]) -> AffineGaussian {
        let &[k, bias, log_sigma] = theta else { panic!("a regulator's policy has 3 parameters, not {}", theta.len()) };
        AffineGaussian { k, bias, sigma: libm::exp(log_sigma) }
    }

    fn fisher(&self) -> [[f64; 3]; 3] {
        self.local.fisher.expect("checked when the problem was made")
    }

    fn entropy(log_sigma: f64) -> f64 {
        log_sigma + 0.5 * (1.0 + libm::log(2.0 * std::f64::consts::PI))
    }
}

impl Problem for RegulatorProblem {
    fn theta(&self) -> &[f64] {
        &self.theta
    }

    fn gradient(&self) -> Vec<f64> {
        self.local.gradient.to_vec()
    }

    fn fisher_product(&self, v: &[f64]) -> Vec<f64> {
        self.fisher().iter().map(|row| row.iter().zip(v).map(|(f, v)| f * v).sum()).collect()
    }

    /// The states are unbounded, so divergences have no largest value over them: the maxima are infinite if the difference
    /// between the mean actions depends on the state. The total variation is the bound of Pinsker's inequality.
    fn compare(&self, theta: &[f64]) -> Comparison {
        let (old, new) = (self.policy, Self::policy(theta));
        let Sums { total, first, second } = self.sums;
        let (dk, shift) = (new.k - old.k, new.bias - old.bias);
        let log_ratio = theta[2] - self.theta[2]; // log sigma' / sigma
        let square = (dk * dk * second + 2.0 * dk * shift * first) / total + shift * shift; // E (mean' - mean)^2
        // E over a' ~ pi' of A(s, a') is the parabola of the action value at the new mean, minus the cost of the wider noise.
        let slope = self.action_value.state * (dk * second + shift * first)
            + self.action_value.constant * (dk * first + shift * total);
        let spread = new.sigma * new.sigma - old.sigma * old.sigma;
        let bend = 0.5 * self.action_value.curvature * total * (square + spread);
        let kl =
            |log_ratio: f64, sigma: f64| 0.5 * (libm::expm1(-2.0 * log_ratio) + square / (sigma * sigma)) + log_ratio;
        let (kl, kl_reverse) = (kl(log_ratio, new.sigma), kl(-log_ratio, old.sigma));
        let most = |kl: f64| if dk == 0.0 { kl } else { f64::INFINITY };
        let tv = npg_core::policy::distribution::pinsker(kl.min(kl_reverse));
        Comparison {
            surrogate: -slope - bend,
            surrogate_size: slope.abs() + bend.abs(),
            kl,
            kl_max: most(kl),
            kl_reverse,
            kl_reverse_max: most(kl_reverse),
            tv,
            tv_max: if dk == 0.0 { tv } else { 1.0 },
            entropy: Self::entropy(theta[2]),
            ..self.unmoved()
        }
    }

    fn unmoved(&self) -> Comparison {
        let entropy = Self::entropy(self.theta[2]);
        Comparison { entropy, entropy_old: entropy, ..Comparison::default() }
    }

    fn dense_fisher(&self) -> Option<Dense> {
        let fisher = self.fisher();
        Some(Dense::from_fn(3, 3, |i, j| fisher[i][j]))
    }

    fn natural_gradient(&self) -> Option<Vec<f64>> {
        self.local.natural.map(|x| x.to_vec())
    }
}
