//! LQR-v0: the linear-quadratic regulator with one state.
//!
//! The state s is observed, and the action u is any real number. A step leads to s' = a s + b u + w with w ~ N(0, noise), and
//! earns -(q s^2 + r u^2) / 2 of the state before it. An episode starts at s ~ N(start_mean, start_var) and never ends by
//! itself. The defaults are [`Lqr::unique_optimum`], whose best policy is u = -s.

use npg_core::env::{Action, Ending, Env, Outcome, Space, Spec, restored};
use npg_core::random::Stream;
use npg_exact::lqr::Lqr;

/// The largest magnitude of a state. Its square, which is a cost, must fit into f32.
const LARGEST: f64 = 1e19;

/// The regulator as an environment that samples.
#[derive(Clone, Debug)]
pub struct LqrEnv {
    lqr: Lqr,
    horizon: u32,
    state: f64,
}

impl LqrEnv {
    /// A regulator with a time limit of `horizon` steps. Its discount is not used.
    pub fn new(lqr: Lqr, horizon: u32) -> Self {
        Self { lqr, horizon, state: 0.0 }
    }
}

impl Env for LqrEnv {
    fn spec(&self) -> Spec {
        Spec {
            id: "LQR-v0".into(),
            observation: Space::uniform_box(1, f64::NEG_INFINITY, f64::INFINITY),
            action: Space::uniform_box(1, f64::NEG_INFINITY, f64::INFINITY),
            max_episode_steps: Some(self.horizon),
            reward_threshold: None,
        }
    }

    fn reset(&mut self, rng: &mut Stream, observation: &mut [f64]) -> Result<(), String> {
        self.state = self.lqr.start_mean + self.lqr.start_var.sqrt() * rng.normal();
        observation[0] = self.state;
        Ok(())
    }

    fn step(&mut self, action: Action<'_>, rng: &mut Stream, observation: &mut [f64]) -> Result<Outcome, String> {
        let action = action.reals()[0];
        let reward = self.lqr.reward(self.state, action);
        let noise = self.lqr.noise.sqrt() * rng.normal();
        self.state = self.lqr.next(self.state, action, noise);
        observation[0] = self.state;
        let ending = if self.state.abs() <= LARGEST { Ending::Running } else { Ending::Diverged };
        Ok(Outcome { reward, ending })
    }

    fn save(&self) -> Option<Vec<f64>> {
        Some(vec![self.state])
    }

    fn load(&mut self, state: &[f64]) -> Result<(), String> {
        [self.state] = restored(state)?;
        Ok(())
    }

    fn begin_at(&mut self, state: &[f64], observation: &mut [f64]) -> Result<(), String> {
        self.load(state)?;
        observation[0] = self.state;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use npg_core::random::Purpose;
    use npg_exact::gaussian::AffineGaussian;

    /// The mean discounted return of a policy over 10,000 episodes is within 5 standard errors of its J. False alarms are
    /// rarer than 1e-6, and the seed is fixed.
    #[test]
    fn sampled_returns_are_those_of_the_closed_form() {
        let lqr = Lqr { r: 0.5, b: 0.7, ..Lqr::unique_optimum() };
        let policy = AffineGaussian { k: -0.6, bias: 0.2, sigma: 0.3 };
        let mut rng = Stream::new(1, Purpose::Test, 0);
        let mut env = LqrEnv::new(lqr, 200); // gamma^200 is 7e-10
        let mut observation = [0.0];
        let mut episode = || {
            env.reset(&mut rng, &mut observation).unwrap();
            let mut total = 0.0;
            for step in 0..200 {
                let action = policy.mean(observation[0]) + policy.sigma * rng.normal();
                let outcome = env.step(Action::of_reals(&[action]), &mut rng, &mut observation).unwrap();
                total += lqr.gamma.powi(step) * outcome.reward;
            }
            total
        };
        let returns: Vec<f64> = (0..10_000).map(|_| episode()).collect();
        let error = npg_core::stats::standard_deviation(&returns) / 100.0;
        let value = lqr.affine(&policy).unwrap().value;
        assert!((npg_core::stats::mean(&returns) - value).abs() < 5.0 * error, "{value} +- {error}");
        assert!(error < 0.01 * value.abs());
    }

    #[test]
    fn a_state_that_grows_without_end_diverges() {
        let mut rng = Stream::new(1, Purpose::Test, 0);
        let mut env = LqrEnv::new(Lqr { a: 10.0, ..Lqr::unique_optimum() }, 100);
        env.load(&[1.0]).unwrap();
        let mut step = || env.step(Action::of_reals(&[0.0]), &mut rng, &mut [0.0]).unwrap().ending;
        assert!((0..18).all(|_| step() == Ending::Running));
        assert!((0..2).any(|_| step() == Ending::Diverged));
    }
}
