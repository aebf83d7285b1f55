//! The linear-quadratic regulator with one state, s' = a s + b u + w with w ~ N(0, W) and reward -1/2 (q s^2 + r u^2) for the
//! action u. Its J, gradient, Fisher matrix and natural gradient have closed forms.
//!
//! Under the policy u ~ N(k s + bias, sigma^2), the state follows s' = c s + e + noise with c = a + b k and e = b bias, and
//! the value function is V(s) = -1/2 (P s^2 + 2 p s + ...). These formulas give figure 1 of Peters and Schaal 2008,
//! "Reinforcement learning of motor skills with policy gradients".

mod finite;
mod problem;

pub use problem::RegulatorProblem;

use super::gaussian::{ActionValue, AffineGaussian, Local, Sums};
use npg_core::{Error, Mistake, Result};

/// A linear-quadratic regulator with one state and one action.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lqr {
    /// The gain of the state: s' = a s + b u + w.
    pub a: f64,
    /// The gain of the action.
    pub b: f64,
    /// The cost of the state: the reward is -1/2 (q s^2 + r u^2).
    pub q: f64,
    /// The cost of the action.
    pub r: f64,
    /// The discount factor.
    pub gamma: f64,
    /// The variance W of the noise w of each step.
    pub noise: f64,
    /// The mean of the first state.
    pub start_mean: f64,
    /// The variance of the first state.
    pub start_var: f64,
}

/// The best policy u ~ N(k s, sigma^2). Its sigma is 0, and J is continuous in sigma.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Optimum {
    /// The gain.
    pub k: f64,
    /// J of the best policy.
    pub value: f64,
}

impl Lqr {
    /// The world of the published figure: no noise, start at 0, and a cost of actions that puts the optimum at
    /// (k, sigma) = (-1, 0).
    ///
    /// At sigma = 0 the state stays 0 and all k have the same J, so the optimum is the point where paths end as sigma falls to 0.
    /// The paper does not print its constants. These fit its contours within 1.4 %.
    pub const fn published() -> Self {
        let (a, b, gamma) = (0.9, 0.8, 0.95);
        // In the Riccati equation with q = 1, this puts a + b k* at a - b, that is, k* at -1. r is 0.0831.
        let r = gamma * b * (a - b) / (1.0 - gamma * a * (a - b));
        Self { a, b, q: 1.0, r, gamma, noise: 0.0, start_mean: 0.0, start_var: 0.0 }
    }

    /// A world with noise whose only optimum is at (k, sigma) = (-1, 0), because actions cost nothing. The natural
    /// gradient is everywhere parallel to -(1 + k, sigma / 2).
    pub const fn unique_optimum() -> Self {
        Self { a: 1.0, b: 1.0, q: 1.0, r: 0.0, gamma: 0.9, noise: 0.01, start_mean: 0.3, start_var: 0.01 }
    }

    /// The reward of action `u` in state `s`.
    pub fn reward(&self, s: f64, u: f64) -> f64 {
        -0.5 * (self.q * s * s + self.r * u * u)
    }

    /// The state after action `u` in state `s`, with noise `w` ~ N(0, `noise`).
    pub fn next(&self, s: f64, u: f64, w: f64) -> f64 {
        self.a * s + self.b * u + w
    }

    /// Checks the numbers.
    ///
    /// # Errors
    /// [`Error::Config`] with a mistake for each field that is not finite, for a `gamma` outside [0, 1), and for negative
    /// costs and variances.
    pub fn validate(&self) -> Result<()> {
        let Self { a, b, q, r, gamma, noise, start_mean, start_var } = *self;
        let mut mistakes = Vec::new();
        let mut ask = |name: &str, value: f64, sound: bool, range: &str| {
            if !(sound && value.is_finite()) {
                mistakes.push(Mistake { key: format!("lqr.{name}"), message: format!("is {value}; use {range}") });
            }
        };
        for (name, value) in [("a", a), ("b", b), ("start_mean", start_mean)] {
            ask(name, value, true, "a finite number");
        }
        ask("gamma", gamma, (0.0..1.0).contains(&gamma), "a discount from 0 to below 1");
        for (name, value) in [("q", q), ("r", r)] {
            ask(name, value, value >= 0.0, "a finite cost, at least 0");
        }
        for (name, value) in [("noise", noise), ("start_var", start_var)] {
            ask(name, value, value >= 0.0, "a finite variance, at least 0");
        }
        if mistakes.is_empty() { Ok(()) } else { Err(Error::Config(mistakes)) }
    }

    /// The values at u ~ N(k s, sigma^2), in (k, sigma). `None` if J is minus infinity, which is so for gamma (a + b k)^2 >=
    /// 1.
    ///
    /// At sigma = 0, F is infinite, and only J and its gradient are given. The natural gradient does not depend on the noise
    /// or the start. If these leave the state at 0, so that F is singular, it is the limit from other noises and starts.
    pub fn at(&self, k: f64, sigma: f64) -> Option<Local<2>> {
        Some(self.affine(&AffineGaussian { k, bias: 0.0, sigma })?.without_bias())
    }

    /// Like [`Lqr::at`] for a policy with bias, in (k, bias, sigma).
    pub fn affine(&self, policy: &AffineGaussian) -> Option<Local<3>> {
        let AffineGaussian { k, bias, sigma } = *policy;
        let (sums, action_value) = (self.sums(policy)?, self.action_value(policy)?);
        let cost = self.q + self.r * k * k;
        let actions = 2.0 * k * bias * sums.first + (bias * bias + sigma * sigma) * sums.total;
        action_value.local(-0.5 * (cost * sums.second + self.r * actions), &sums, sigma)
    }

    /// The action value as a function of the action; `None` if J is minus infinity.
    fn action_value(&self, policy: &AffineGaussian) -> Option<ActionValue> {
        let AffineGaussian { k, bias, .. } = *policy;
        self.sums(policy)?;
        let (cost, gamma) = (self.q + self.r * k * k, self.gamma);
        let (c, drift) = (self.a + self.b * k, self.b * bias);
        let square = cost / (1.0 - gamma * c * c); // P
        let linear = (self.r * k * bias + gamma * c * drift * square) / (1.0 - gamma * c); // p
        Some(ActionValue {
            state: self.r * k + gamma * self.b * c * square,
            constant: self.r * bias + gamma * self.b * (drift * square + linear),
            curvature: self.r + gamma * self.b * self.b * square,
        })
    }

    /// The gains between which J is finite, both excluded: gamma (a + b k)^2 < 1. They may be infinite. If there are no such
    /// gains, the first number is the larger one.
    pub fn finite_gains(&self) -> [f64; 2] {
        let reach = self.gamma.sqrt().recip();
        let [low, high] = [-1.0, 1.0].map(|sign: f64| (sign * reach - self.a) / self.b);
        match self.b {
            0.0 if self.a.abs() < reach => [f64::NEG_INFINITY, f64::INFINITY],
            0.0 => [f64::INFINITY, f64::NEG_INFINITY],
            _ => [low.min(high), low.max(high)],
        }
    }

    /// The discounted sums of the state's moments; `None` if they diverge.
    fn sums(&self, policy: &AffineGaussian) -> Option<Sums> {
        let (c, drift) = (self.a + self.b * policy.k, self.b * policy.bias);
        if !(self.gamma < 1.0 && self.gamma * c * c < 1.0) {
            return None; // NaN also ends here
        }
        let total = 1.0 / (1.0 - self.gamma); // D
        let first = (self.start_mean + self.gamma * drift * total) / (1.0 - self.gamma * c);
        let spread = (self.b * policy.sigma).powi(2) + self.noise;
        let pushed = 2.0 * c * drift * first + (drift * drift + spread) * total;
        Some(Sums { total, first, second: (self.start_square() + self.gamma * pushed) / (1.0 - self.gamma * c * c) })
    }

    /// E s_0^2.
    fn start_square(&self) -> f64 {
        self.start_mean * self.start_mean + self.start_var
    }

    /// The optimum among policies of finite J, from the Riccati equation. `None` if J of every policy is minus infinity, or
    /// if this is true of the limit that would be the best policy.
    ///
    /// P solves gamma b^2 P^2 + (r - gamma b^2 q - gamma a^2 r) P - q r = 0. Then k = -gamma a b P / (r + gamma b^2 P) and J
    /// = -1/2 P (E s_0^2 + gamma W / (1 - gamma)). The bias of the best affine policy is 0. If actions have neither a cost
    /// nor an effect, k is 0.
    pub fn optimum(&self) -> Option<Optimum> {
        let Self { a, b, q, r, gamma, .. } = *self;
        let square = gamma * b * b;
        let half = 0.5 * (r - square * q - gamma * a * a * r);
        let root = (half * half + square * q * r).sqrt();
        // The larger root stabilizes the state. This form of it does not cancel.
        let p = match half {
            _ if square == 0.0 => q / (1.0 - gamma * a * a),
            half if half > 0.0 => q * r / (half + root),
            half => (root - half) / square,
        };
        let k = match r + square * p {
            0.0 if b * gamma != 0.0 => -a / b, // neither states nor actions cost anything
            0.0 => 0.0,
            curvature => -gamma * a * b * p / curvature,
        };
        let value = self.at(k, 0.0)?.value;
        Some(Optimum { k, value })
    }
}

#[cfg(test)]
mod tests;
