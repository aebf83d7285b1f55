//! Choosing one action for one observation: for programs that use a trained policy.

use super::{Actor, Policy};
use crate::env::Action;
use crate::error::{Error, Result};

/// An owned action, in the form that the environment takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    /// One integer for a discrete space, one for each part of a multi-discrete or multi-binary space, and none for a box. In a
    /// tuple, those of its parts one after the other.
    pub integers: Vec<i64>,
    /// One number for each dimension of a box, within its bounds; none for other spaces. In a tuple, those of its boxes one after
    /// the other.
    pub reals: Vec<f64>,
}

impl Chosen {
    /// A borrowed view of the action, which is what [`crate::env::Env::step`] takes.
    pub fn as_action(&self) -> Action<'_> {
        Action::new(&self.integers, &self.reals)
    }
}

impl Policy {
    /// The deterministic action (the mode of the distribution) in one state, as the environment executes it. The policy and
    /// its observation statistics do not change. Each call packs the network's parameters anew; an [`Actor`] packs them once,
    /// and can also sample.
    ///
    /// # Errors
    /// [`Error::Observation`] if the observation has the wrong length, is not finite, or is not an index of its space, and if
    /// the policy was trained with action masks.
    pub fn act(&self, observation: &[f64]) -> Result<Chosen> {
        self.act_masked(observation, None)
    }

    /// As [`Policy::act`], for an environment with action masks: a value of the action is forbidden if it is false in `mask`,
    /// which has [`Space::mask_len`](crate::env::Space::mask_len) values.
    ///
    /// # Errors
    /// As [`Policy::act`], and for a mask of another length, or one that forbids every value of a part.
    pub fn act_masked(&self, observation: &[f64], mask: Option<&[bool]>) -> Result<Chosen> {
        let space = &self.encoder.space;
        if observation.len() != space.len() {
            let (given, taken) = (numbers(observation.len()), space.len());
            return Err(Error::Observation(format!("an observation of {given}; this policy takes {taken}")));
        }
        space.check_observation(observation).map_err(Error::Observation)?;
        match mask {
            Some(mask) => self.distribution.check_mask(mask).map_err(Error::Observation)?,
            None if self.is_masked => return Err(Error::Observation(MASK_MISSING.into())),
            None => {}
        }
        let mut actor = Actor::new(self, 1);
        actor.observe(0, observation);
        actor.infer(1);
        mask.into_iter().for_each(|mask| actor.forbid(0, mask));
        actor.take_deterministic_action(0);
        let chosen = actor.executed(1).row(0);
        Ok(Chosen { integers: chosen.integers().to_vec(), reals: chosen.reals().to_vec() })
    }
}

const MASK_MISSING: &str = "the policy was trained with action masks, so an action needs one: `act_masked`";

fn numbers(count: usize) -> String {
    if count == 1 { "1 number".into() } else { format!("{count} numbers") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::{Space, Spec};
    use crate::settings;

    fn spec(observation: Space, action: Space) -> Spec {
        Spec { id: "Test-v0".into(), observation, action, max_episode_steps: None, reward_threshold: None }
    }

    /// Four numbers are seen, and one of two actions is chosen.
    fn choice() -> Spec {
        spec(Space::uniform_box(4, -5.0, 5.0), Space::Discrete(2))
    }

    /// A torque within bounds.
    fn torque() -> Spec {
        spec(Space::uniform_box(3, -1.0, 1.0), Space::uniform_box(1, -2.0, 2.0))
    }

    /// One of 16 cells is seen.
    fn grid() -> Spec {
        spec(Space::Discrete(16), Space::Discrete(4))
    }

    fn policy(spec: &Spec) -> Policy {
        Policy::new(&settings::Policy::default(), &settings::Normalize::default(), spec, 0)
    }

    #[test]
    fn one_observation_gives_one_action() {
        assert!(matches!(policy(&choice()).act(&[0.1; 4]).unwrap().as_action().index(), 0 | 1));
        let [torque] = policy(&torque()).act(&[1.0, 0.0, 0.5]).unwrap().as_action().reals()[..] else { panic!() };
        assert!((-2.0..=2.0).contains(&torque));
        assert!(policy(&grid()).act(&[15.0]).is_ok());
    }

    #[test]
    fn a_beta_policy_needs_bounds_on_both_sides() {
        let config = settings::Policy { head: settings::HeadName::Beta, ..settings::Policy::default() };
        let mistakes = |spec: &Spec| Policy::mistakes(&config, spec);
        assert_eq!((mistakes(&torque()), mistakes(&choice())), (vec![], vec![]));
        let parts = vec![Space::Discrete(2), Space::uniform_box(1, 0.0, f64::INFINITY)];
        assert_eq!(mistakes(&spec(Space::Discrete(2), Space::Tuple(parts)))[0].key, "policy.head");
        let unbounded = spec(Space::uniform_box(1, -1.0, 1.0), Space::uniform_box(1, -2.0, f64::INFINITY));
        assert_eq!(mistakes(&unbounded)[0].key, "policy.head");
    }

    #[test]
    fn held_noise_needs_actions_of_reals_only() {
        let config = settings::Policy { std: settings::Std::Sde, ..settings::Policy::default() };
        let parts = vec![Space::Discrete(2), Space::uniform_box(1, -1.0, 1.0)];
        let mistakes = Policy::mistakes(&config, &spec(Space::Discrete(3), Space::Tuple(parts.clone())));
        let boxes = spec(Space::Discrete(3), Space::Tuple(parts[1..].to_vec()));
        assert_eq!(Policy::mistakes(&config, &boxes), vec![]);
        assert_eq!(mistakes[0].key, "policy.std");
        assert_eq!((Policy::mistakes(&config, &torque()), Policy::mistakes(&config, &choice())), (vec![], vec![]));
    }

    #[test]
    fn a_tuple_gives_integers_and_reals_within_their_bounds() {
        let inner = Space::Tuple(vec![Space::Discrete(3), Space::uniform_box(1, 5.0, 6.0)]);
        let spec = spec(Space::uniform_box(1, -1.0, 1.0), Space::Tuple(vec![Space::uniform_box(1, 0.0, 1.0), inner]));
        let Chosen { integers, reals } = policy(&spec).act(&[0.3]).unwrap();
        assert!(integers.len() == 1 && (0..3).contains(&integers[0]));
        assert!(reals.len() == 2 && (0.0..=1.0).contains(&reals[0]) && (5.0..=6.0).contains(&reals[1]));
    }

    #[test]
    fn a_wrong_observation_is_named() {
        let message = |spec: Spec, observation: &[f64]| policy(&spec).act(observation).unwrap_err().to_string();
        assert_eq!(message(choice(), &[0.0; 5]), "an observation of 5 numbers; this policy takes 4");
        assert_eq!(message(choice(), &[0.0, f64::NAN, 0.0, 0.0]), "observation[1] is NaN; it must be finite");
        assert_eq!(message(grid(), &[16.0]), "observation[0] is 16; it is not an element of Discrete(16)");
    }
}
