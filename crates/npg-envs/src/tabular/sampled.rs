//! The sampled environment of a table.

use super::Table;
use npg_core::env::{Action, Ending, Env, EnvSource, Outcome, Space, Spec};
use npg_core::random::Stream;
use std::sync::Arc;

/// An environment that draws its transitions from a table. It observes the index of the state.
#[derive(Clone, Debug)]
pub struct TabularEnv {
    spec: Spec,
    table: Arc<Table>,
    state: usize,
    has_masks: bool,
}

impl TabularEnv {
    /// The environment `id` with a time limit and a threshold.
    pub fn new(id: &str, max_episode_steps: Option<u32>, reward_threshold: Option<f64>, table: Arc<Table>) -> Self {
        let spec = Spec {
            id: id.into(),
            observation: Space::Discrete(table.observations()),
            action: Space::Discrete(table.actions()),
            max_episode_steps,
            reward_threshold,
        };
        Self { spec, table, state: 0, has_masks: false }
    }

    /// The same environment with action masks, which forbid actions without an effect ([`Table::has_effect`]).
    pub fn with_action_masks(self) -> Self {
        Self { has_masks: true, ..self }
    }

    /// A source of such environments, which share the table.
    pub(super) fn source(
        id: &'static str,
        max_episode_steps: Option<u32>,
        reward_threshold: Option<f64>,
        table: Table,
    ) -> Box<dyn EnvSource> {
        let table = Arc::new(table);
        Box::new(move || Self::new(id, max_episode_steps, reward_threshold, Arc::clone(&table)))
    }

    fn observe(&self, observation: &mut [f64]) {
        observation[0] = self.table.observation(self.state) as f64;
    }
}

impl Env for TabularEnv {
    fn spec(&self) -> Spec {
        self.spec.clone()
    }

    fn reset(&mut self, rng: &mut Stream, observation: &mut [f64]) -> Result<(), String> {
        self.state = self.table.draw_start(rng);
        self.observe(observation);
        Ok(())
    }

    fn step(&mut self, action: Action<'_>, rng: &mut Stream, observation: &mut [f64]) -> Result<Outcome, String> {
        let (action, actions) = (action.index(), self.table.actions());
        if action >= actions {
            return Err(format!("expected an action below {actions}, got {action}"));
        }
        let outcome = self.table.draw(self.state, action, rng);
        let ending = if outcome.terminated { Ending::Terminated } else { Ending::Running };
        let reward = outcome.reward;
        self.state = outcome.next;
        self.observe(observation);
        Ok(Outcome { reward, ending })
    }

    fn action_mask(&self, mask: &mut [bool]) -> bool {
        if self.has_masks {
            mask.iter_mut().enumerate().for_each(|(action, slot)| *slot = self.table.has_effect(self.state, action));
        }
        self.has_masks
    }

    fn save(&self) -> Option<Vec<f64>> {
        Some(vec![self.state as f64])
    }

    fn load(&mut self, state: &[f64]) -> Result<(), String> {
        let states = self.table.states();
        match state {
            [x] if x.fract() == 0.0 && (0.0..states as f64).contains(x) => self.state = *x as usize,
            _ => return Err(format!("expected the index of one of {states} states, got {state:?}")),
        }
        Ok(())
    }

    fn begin_at(&mut self, state: &[f64], observation: &mut [f64]) -> Result<(), String> {
        self.load(state)?;
        self.observe(observation);
        Ok(())
    }
}
