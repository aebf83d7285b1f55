//! Bandit-v0: one step of the Gaussian linear-quadratic bandit.
//!
//! The observation is s ~ N(mean, var), the action u is any real number, and the reward is -(q (u - target_gain s -
//! target_bias)^2 + r u^2) / 2. The episode terminates with its first step. The defaults are those of [`Bandit`].

use npg_core::env::{Action, Ending, Env, Outcome, Space, Spec, restored};
use npg_core::random::Stream;
use npg_exact::bandit::Bandit;

/// The bandit as an environment that samples.
#[derive(Clone, Debug)]
pub struct BanditEnv {
    bandit: Bandit,
    state: f64,
}

impl BanditEnv {
    /// A bandit before its first episode.
    pub fn new(bandit: Bandit) -> Self {
        Self { bandit, state: 0.0 }
    }
}

impl Env for BanditEnv {
    fn spec(&self) -> Spec {
        Spec {
            id: "Bandit-v0".into(),
            observation: Space::uniform_box(1, f64::NEG_INFINITY, f64::INFINITY),
            action: Space::uniform_box(1, f64::NEG_INFINITY, f64::INFINITY),
            max_episode_steps: Some(1),
            reward_threshold: None,
        }
    }

    fn reset(&mut self, rng: &mut Stream, observation: &mut [f64]) -> Result<(), String> {
        self.state = self.bandit.mean + self.bandit.var.sqrt() * rng.normal();
        observation[0] = self.state;
        Ok(())
    }

    fn step(&mut self, action: Action<'_>, _: &mut Stream, observation: &mut [f64]) -> Result<Outcome, String> {
        observation[0] = self.state;
        let reward = self.bandit.reward(self.state, action.reals()[0]);
        Ok(Outcome { reward, ending: Ending::Terminated })
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

    /// The mean reward of a policy over 10,000 episodes is within 5 standard errors of its J. False alarms are rarer than
    /// 1e-6, and the seed is fixed.
    #[test]
    fn sampled_rewards_are_those_of_the_closed_form() {
        let bandit = Bandit::default();
        let policy = AffineGaussian { k: 0.4, bias: 0.3, sigma: 0.5 };
        let mut rng = Stream::new(1, Purpose::Test, 0);
        let mut env = BanditEnv::new(bandit);
        let mut observation = [0.0];
        let mut episode = || {
            env.reset(&mut rng, &mut observation).unwrap();
            let action = policy.mean(observation[0]) + policy.sigma * rng.normal();
            let outcome = env.step(Action::of_reals(&[action]), &mut rng, &mut observation).unwrap();
            assert_eq!(outcome.ending, Ending::Terminated);
            outcome.reward
        };
        let rewards: Vec<f64> = (0..10_000).map(|_| episode()).collect();
        let error = npg_core::stats::standard_deviation(&rewards) / 100.0;
        let value = bandit.at(&policy).unwrap().value;
        assert!((npg_core::stats::mean(&rewards) - value).abs() < 5.0 * error, "{value} +- {error}");
    }
}
