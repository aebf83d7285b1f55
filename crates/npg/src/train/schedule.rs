//! Settings that may change between iterations, for your own schedules.

use super::Trainer;
use crate::config::{Config, Schedule};
use crate::value::{Baseline, Optimizer};
use crate::{Error, Result};

impl Trainer {
    /// Sets the KL budget of all following steps, in nats. It replaces any schedule.
    ///
    /// # Errors
    /// [`Error::Config`] unless it is finite and positive.
    pub fn set_kl_step(&mut self, kl_step: f64) -> Result<()> {
        self.reconfigure(|config| {
            config.algorithm.kl_step = kl_step;
            config.algorithm.kl_step_schedule = Schedule::Constant;
        })
    }

    /// Sets the learning rate of the baseline's Adam for all following fits. Baselines that are fitted in another way ignore
    /// it.
    ///
    /// # Errors
    /// [`Error::Config`] unless it is finite and positive.
    pub fn set_value_learning_rate(&mut self, learning_rate: f64) -> Result<()> {
        self.reconfigure(|config| config.value.learning_rate = learning_rate)?;
        if let Baseline::Mlp(mlp) = &mut self.baseline
            && let Optimizer::Adam(adam) = &mut mlp.optimizer
        {
            adam.learning_rate = learning_rate;
        }
        Ok(())
    }

    fn reconfigure(&mut self, change: impl FnOnce(&mut Config)) -> Result<()> {
        let mut config = self.config.clone();
        change(&mut config);
        let mistakes = config.validate();
        if !mistakes.is_empty() {
            return Err(Error::Config(mistakes));
        }
        self.config = config;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::registry;

    fn trainer(learning_rate: f64) -> Trainer {
        let mut config = Config::default();
        config.run.steps = 2048;
        config.rollout.batch_steps = 512;
        config.value.learning_rate = learning_rate;
        Trainer::new(config, registry::make("CartPole-v1", &toml::Table::new()).unwrap()).unwrap()
    }

    #[test]
    fn what_is_set_holds_from_the_next_iteration_on() {
        let mut changed = trainer(1e-3);
        changed.config.algorithm.kl_step_schedule = Schedule::Linear;
        changed.step().unwrap().unwrap();
        changed.set_kl_step(0.002).unwrap();
        changed.set_value_learning_rate(0.05).unwrap();
        let row = changed.step().unwrap().unwrap().metrics;
        assert!((row.get("npg/kl_predicted").unwrap() / 0.002 - 1.0).abs() < 1e-6, "{:?}", row.get("npg/kl_predicted"));
        let Baseline::Mlp(mlp) = &changed.baseline else { panic!("the default is an MLP") };
        let Optimizer::Adam(adam) = &mlp.optimizer else { panic!("by Adam") };
        assert_eq!(adam.learning_rate, 0.05);
        assert_eq!((changed.config().algorithm.kl_step, changed.config().value.learning_rate), (0.002, 0.05));
        assert_eq!(changed.config().algorithm.kl_step_schedule, Schedule::Constant);
    }

    #[test]
    fn setting_what_is_there_changes_no_bits() {
        let [mut plain, mut set] = [trainer(0.02), trainer(1e-3)];
        set.set_value_learning_rate(0.02).unwrap();
        set.set_kl_step(plain.config().algorithm.kl_step).unwrap();
        for trainer in [&mut plain, &mut set] {
            trainer.step().unwrap().unwrap();
        }
        assert!(plain.policy() == set.policy() && plain.baseline == set.baseline);
    }

    #[test]
    fn what_is_out_of_range_is_refused_and_changes_nothing() {
        let mut trainer = trainer(1e-3);
        for value in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let message = trainer.set_value_learning_rate(value).unwrap_err().to_string();
            assert!(message.contains("value.learning_rate"), "{message}");
            let message = trainer.set_kl_step(value).unwrap_err().to_string();
            assert!(message.contains("algorithm.kl_step"), "{message}");
        }
        assert_eq!(trainer.config().value.learning_rate, 1e-3);
    }
}
