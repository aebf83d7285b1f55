//! Properties that every MuJoCo environment must have, whatever Gymnasium does.

use super::{has_mujoco, tasks};
use npg::Error;
use npg::checkpoint::Archive;
use npg::config::Config;
use npg::env::registry::make;
use npg::env::{Actions, Ending, EnvGroup, Outcome, Space};
use npg::random::{Purpose, Stream};
use npg::train::Trainer;

/// One environment and its random stream.
struct One {
    group: Box<dyn EnvGroup>,
    rng: [Stream; 1],
    observation: Vec<f64>,
    action: Vec<f64>,
}

impl One {
    fn new(id: &str, options: &str, seed: u64) -> Self {
        let source = make(id, &options.parse().unwrap()).unwrap();
        let Space::Box { high, .. } = source.spec().action else { panic!("{id}") };
        let rng = [Stream::new(seed, Purpose::Test, 0)];
        let observation = vec![f64::NAN; source.spec().observation.len()];
        let mut one = Self { group: source.group(1).unwrap(), rng, observation, action: high };
        one.reset();
        one
    }

    fn reset(&mut self) {
        self.group.reset(0, &mut self.rng[0], &mut self.observation).unwrap();
    }

    fn step(&mut self) -> Result<Outcome, String> {
        let mut outcomes = [Outcome { reward: f64::NAN, ending: Ending::Running }];
        self.action.iter_mut().for_each(|a| *a = -*a); // the strongest action, in alternating directions
        let actions = Actions::of_reals(&self.action, self.action.len());
        let stepped = self.group.step(&[0], actions, &mut self.rng, &mut self.observation, &mut outcomes);
        stepped.map_err(|fault| fault.message)?;
        Ok(outcomes[0])
    }

    /// The observations and rewards of some steps, as bits.
    fn bits(&mut self, steps: usize) -> Vec<u64> {
        let mut bits = Vec::new();
        for _ in 0..steps {
            bits.push(self.step().unwrap().reward.to_bits());
            bits.extend(self.observation.iter().map(|x| x.to_bits()));
        }
        bits
    }
}

/// This must also hold during contacts, and in an environment that was in another state before.
#[test]
fn a_state_that_is_saved_goes_on_with_the_same_bits() {
    if !has_mujoco() {
        return;
    }
    for entry in tasks() {
        let mut first = One::new(entry.id, "", 1);
        let mut second = One::new(entry.id, "", 2);
        for steps in [0, 10, 50] {
            first.bits(steps);
            second.bits(7);
            let state = first.group.save(0).unwrap();
            second.group.load(0, &state).unwrap();
            second.action.clone_from(&first.action);
            assert_eq!(second.group.save(0).unwrap(), state);
            assert!(first.bits(20) == second.bits(20), "{} after {steps} steps", entry.id);
        }
        let mut state = first.group.save(0).unwrap();
        assert!(second.group.load(0, &state[1..]).is_err());
        state[3] = f64::NAN;
        assert!(second.group.load(0, &state).is_err());
    }
}

/// The metrics and parameters of a run, as bits, from its current state to its end.
fn trace(trainer: &mut Trainer) -> Vec<u64> {
    let mut bits = Vec::new();
    while let Some(iteration) = trainer.step() {
        let iteration = iteration.unwrap();
        let values = iteration.metrics.values().into_iter().filter(|(name, _)| !name.starts_with("time/"));
        bits.extend(values.map(|(_, value)| value.to_bits()));
        bits.extend(trainer.policy().theta.iter().map(|t| t.to_bits()));
    }
    bits
}

#[test]
fn runs_do_not_depend_on_threads_and_can_be_resumed() {
    if !has_mujoco() {
        return;
    }
    for id in ["HalfCheetah-v5", "Ant-v5", "Humanoid-v5"] {
        let source = || make(id, &toml::Table::new()).unwrap();
        let mut config = Config::default();
        (config.rollout.n_envs, config.rollout.batch_steps, config.run.steps) = (6, 250, 750);
        config.rollout.threads = 1;
        let expected = trace(&mut Trainer::new(config.clone(), source()).unwrap());
        config.rollout.threads = 3;
        assert!(trace(&mut Trainer::new(config.clone(), source()).unwrap()) == expected, "{id}: threads");

        config.run.steps = 500;
        let mut first = Trainer::new(config.clone(), source()).unwrap();
        let mut bits = trace(&mut first);
        first.set_total_steps(750);
        let archive = Archive::from_bytes(&first.save().to_bytes()).unwrap();
        let (mut second, continued) = Trainer::restore(&archive, source()).unwrap();
        assert!(continued);
        bits.extend(trace(&mut second));
        assert!(bits == expected, "{id}: resumed");
    }
}

#[test]
fn a_diverged_simulation_ends_its_episode_or_the_run() {
    if !has_mujoco() {
        return;
    }
    for (id, nq) in [("Hopper-v5", 6), ("Ant-v5", 15)] {
        for (options, stops) in [("", false), ("on_divergence = 'error'", true)] {
            let mut one = One::new(id, options, 1);
            let mut state = one.group.save(0).unwrap();
            state[1 + nq + 3] = 9e9; // a velocity; the time and the positions come before it
            one.group.load(0, &state).unwrap();
            match one.step() {
                Ok(outcome) => assert!(outcome.ending == Ending::Diverged && !stops, "{id}: {outcome:?}"),
                Err(message) => assert!(stops && message.contains("diverged"), "{id}: {message}"),
            }
            one.reset();
            assert_ne!(one.step().unwrap().ending, Ending::Diverged, "a reset forgets it");
        }
    }
}

#[test]
fn what_is_wrong_with_a_model_is_said() {
    if !has_mujoco() {
        return;
    }
    let assets = concat!(env!("CARGO_MANIFEST_DIR"), "/../npg-envs/assets/mujoco");
    let refused = |id, options: String| {
        let Err(Error::Config(problems)) = make(id, &options.parse().unwrap()) else { panic!("{options}") };
        assert_eq!(problems.len(), 1);
        (problems[0].key.clone(), problems[0].message.clone())
    };
    let (key, message) = refused("Hopper-v5", format!("xml_file = '{assets}/inverted_pendulum.xml'"));
    assert_eq!(key, "env.xml_file");
    assert_eq!(message, "the model has 2 values of `qpos`; Hopper-v5 reads 3");
    let (key, message) = refused("Hopper-v5", "xml_file = 'no/such.xml'".into());
    assert!(key == "env.xml_file" && message.contains("no/such.xml"), "{message}");
    let (_, message) = refused("Reacher-v5", format!("xml_file = '{assets}/hopper.xml'"));
    assert_eq!(message, "the model has no body `fingertip`, which the task reads");
    let (key, message) = refused("Ant-v5", "main_body = 'tail'".into());
    assert!(key == "env.main_body" && message.contains("no body `tail`"), "{message}");
    assert!(make("Hopper-v5", &format!("xml_file = '{assets}/hopper.xml'").parse().unwrap()).is_ok());
}
