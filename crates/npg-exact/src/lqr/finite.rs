//! The regulator over a finite number of steps, by recursions instead of closed forms.

use super::Lqr;
use crate::gaussian::{ActionValue, AffineGaussian, Local, Sums};

impl Lqr {
    /// The values for J_T = E[sum_{t<T} gamma^t r_t] with T = `horizon`, in (k, bias, sigma), for any `gamma` from 0 to 1 and
    /// any policy. F weights the T states by gamma^t, normalized.
    ///
    /// The result is exact: it goes backward over value functions -1/2 (P s^2 + 2 p s + ...), and forward over the two
    /// moments of the state. The natural gradient solves F x = grad J and depends on the moments. `None` if a number
    /// overflows, or if `horizon` is 0.
    pub fn finite(&self, policy: &AffineGaussian, horizon: usize) -> Option<Local<3>> {
        let action_values = self.action_values(policy, horizon);
        let (sigma, c, drift) = (policy.sigma, self.a + self.b * policy.k, self.b * policy.bias);
        let spread = (self.b * sigma).powi(2) + self.noise;
        let (mut mean, mut square, mut weight) = (self.start_mean, self.start_square(), 1.0);
        let (mut sums, mut value, mut gradient) = (Sums::default(), 0.0, [0.0; 3]);
        for action_value in action_values.iter().rev() {
            let now = Sums { total: weight, first: weight * mean, second: weight * square };
            value += self.expected_reward(policy, &now);
            let part = action_value.gradient(&now, sigma);
            (0..3).for_each(|i| gradient[i] += part[i]);
            sums.total += now.total;
            sums.first += now.first;
            sums.second += now.second;
            square = c * c * square + 2.0 * c * drift * mean + drift * drift + spread;
            mean = c * mean + drift;
            weight *= self.gamma;
        }
        let fisher = sums.fisher(sigma);
        let natural = fisher.and_then(|f| solve(&f, &gradient));
        let finite = horizon > 0 && value.is_finite() && gradient.iter().all(|x| x.is_finite());
        finite.then_some(Local { value, gradient, fisher, natural })
    }

    /// The action value as a function of the action at each step, the last step first.
    fn action_values(&self, policy: &AffineGaussian, horizon: usize) -> Vec<ActionValue> {
        let AffineGaussian { k, bias, .. } = *policy;
        let (c, drift, gamma) = (self.a + self.b * k, self.b * bias, self.gamma);
        let (mut square, mut linear) = (0.0, 0.0); // P and p of the following step
        let mut action_values = Vec::with_capacity(horizon);
        for _ in 0..horizon {
            let pull = drift * square + linear;
            action_values.push(ActionValue {
                state: self.r * k + gamma * self.b * c * square,
                constant: self.r * bias + gamma * self.b * pull,
                curvature: self.r + gamma * self.b * self.b * square,
            });
            linear = self.r * k * bias + gamma * c * pull;
            square = self.q + self.r * k * k + gamma * c * c * square;
        }
        action_values
    }

    /// The expected reward under the state's moments `now`, times their weight.
    fn expected_reward(&self, policy: &AffineGaussian, now: &Sums) -> f64 {
        let AffineGaussian { k, bias, sigma } = *policy;
        let actions = k * k * now.second + 2.0 * k * bias * now.first + (bias * bias + sigma * sigma) * now.total;
        -0.5 * (self.q * now.second + self.r * actions)
    }
}

/// F^-1 g for a matrix whose last parameter is uncorrelated with the others. `None` if the state has no variance over the
/// horizon, because k and bias cannot be told apart then.
fn solve(f: &[[f64; 3]; 3], g: &[f64; 3]) -> Option<[f64; 3]> {
    let determinant = f[0][0] * f[1][1] - f[0][1] * f[1][0];
    let k = (g[0] * f[1][1] - f[0][1] * g[1]) / determinant;
    let bias = (f[0][0] * g[1] - g[0] * f[1][0]) / determinant;
    // If the determinant is 0, rounding leaves a few units in the last place of the products.
    (determinant > 1e-14 * f[0][0] * f[1][1]).then(|| [k, bias, g[2] / f[2][2]])
}
