//! Environments that can only step all together and that begin an episode with a step of its own, as vector environments of
//! Gymnasium do.

#![allow(clippy::unwrap_used)] // a test

use npg::advantage::SegmentEnd;
use npg::config::Config;
use npg::env::{Actions, Ending, EnvGroup, EnvSource, Fault, Measure, Outcome, Space, Spec};
use npg::evaluate::{Plan, evaluate};
use npg::policy::Policy;
use npg::random::Stream;
use npg::rollout::Sampler;
use npg::train::Trainer;

/// The length of each environment's episodes. Those of the second environment are truncated.
const LENGTHS: [u32; 3] = [3, 5, 100];

/// Environments whose observation is (environment, episode, step) and whose reward is the number of the step, counted from 1.
struct Counting {
    episodes: Vec<u32>,
    steps: Vec<u32>,
    begins: Vec<bool>,
    /// Whether an episode has ended, so that a step needs a reset first.
    is_over: Vec<bool>,
    calls: u64,
    /// The call in which all simulations diverge.
    diverges: Option<u64>,
    /// The call in which environment 0 fails.
    fails: Option<u64>,
}

impl Counting {
    fn new(count: usize) -> Self {
        let (zeros, begins, is_over) = (vec![0; count], vec![false; count], vec![false; count]);
        Self { episodes: zeros.clone(), steps: zeros, begins, is_over, calls: 0, diverges: None, fails: None }
    }

    fn observe(&self, index: usize, observation: &mut [f64]) {
        observation.copy_from_slice(&[index as f64, f64::from(self.episodes[index]), f64::from(self.steps[index])]);
    }
}

impl EnvGroup for Counting {
    fn len(&self) -> usize {
        self.episodes.len()
    }

    fn reset(&mut self, index: usize, _: &mut Stream, observation: &mut [f64]) -> Result<(), Fault> {
        if self.calls == 0 {
            self.observe(index, observation); // only the very first episode begins without a step
        } else {
            self.begins[index] = true;
        }
        Ok(())
    }

    fn step(
        &mut self,
        which: &[usize],
        _: Actions<'_>,
        _: &mut [Stream],
        observations: &mut [f64],
        outcomes: &mut [Outcome],
    ) -> Result<(), Fault> {
        assert_eq!(which, (0..self.len()).collect::<Vec<_>>(), "all together");
        self.calls += 1;
        if self.fails == Some(self.calls) {
            return Err(Fault { environment: 0, message: "it broke".into() });
        }
        for index in 0..self.len() {
            let began = std::mem::take(&mut self.begins[index]);
            assert!(began || !self.is_over[index], "a step of an episode that is over");
            (self.episodes[index], self.steps[index]) =
                if began { (self.episodes[index] + 1, 0) } else { (self.episodes[index], self.steps[index] + 1) };
            let is_over = !began && self.steps[index] == LENGTHS[index % 3];
            let ending = match (began, is_over) {
                (true, _) => Ending::Began,
                (_, false) => Ending::Running,
                (_, true) if index % 3 == 1 => Ending::Truncated,
                (_, true) => Ending::Terminated,
            };
            let ending = if self.diverges == Some(self.calls) { Ending::Diverged } else { ending };
            self.is_over[index] = matches!(ending, Ending::Terminated | Ending::Truncated | Ending::Diverged);
            outcomes[index] = Outcome { reward: if began { 1e9 } else { f64::from(self.steps[index]) }, ending };
            self.observe(index, &mut observations[3 * index..3 * index + 3]);
        }
        Ok(())
    }

    fn save(&self, _: usize) -> Option<Vec<f64>> {
        None
    }

    fn load(&mut self, index: usize, _: &[f64]) -> Result<(), Fault> {
        Err(Fault { environment: index, message: "no state".into() })
    }

    fn steps_together(&self) -> bool {
        true
    }

    fn take_measures(&mut self) -> Vec<Measure> {
        vec![Measure { name: "calls".into(), sum: 6.0, count: 4 }]
    }
}

/// Whether the next batch is sampled ahead.
struct Ahead(bool);

impl EnvSource for Ahead {
    fn spec(&self) -> Spec {
        Source.spec()
    }

    fn group(&self, count: usize) -> npg::Result<Box<dyn EnvGroup>> {
        Source.group(count)
    }

    fn group_size(&self, n_envs: usize) -> usize {
        n_envs
    }

    fn samples_on_one_thread(&self) -> bool {
        self.0
    }
}

struct Source;

impl EnvSource for Source {
    fn spec(&self) -> Spec {
        Spec {
            id: "Counting-v0".into(),
            observation: Space::uniform_box(3, 0.0, 1e9),
            action: Space::Discrete(2),
            max_episode_steps: None,
            reward_threshold: None,
        }
    }

    fn group(&self, count: usize) -> npg::Result<Box<dyn EnvGroup>> {
        Ok(Box::new(Counting::new(count)))
    }

    fn group_size(&self, n_envs: usize) -> usize {
        n_envs
    }
}

/// Environments that all diverge in the same call.
struct Diverging(u64);

impl EnvSource for Diverging {
    fn spec(&self) -> Spec {
        Source.spec()
    }

    fn group(&self, count: usize) -> npg::Result<Box<dyn EnvGroup>> {
        Ok(Box::new(Counting { diverges: Some(self.0), ..Counting::new(count) }))
    }

    fn group_size(&self, n_envs: usize) -> usize {
        n_envs
    }
}

fn config() -> Config {
    let mut config = Config::default();
    config.normalize.observations = false;
    config.rollout.n_envs = 6;
    config.rollout.batch_steps = 64;
    config.run.steps = 256;
    config
}

#[test]
fn every_row_is_a_transition_of_its_episode() {
    let config = config();
    let policy = Policy::new(&config.policy, &config.normalize, &Source.spec(), 0);
    let mut sampler = Sampler::new(&Source, 6, 0.99, 0).unwrap();
    let mut episodes = 0;
    for round in 0..5 {
        let batch = sampler.sample(&policy, 64).unwrap();
        assert_eq!(batch.len(), 64);
        let counts: Vec<usize> =
            (0..6).map(|env| (0..64).filter(|row| batch.inputs.row(*row)[0] == env as f32).count()).collect();
        assert_eq!(counts, [11, 11, 11, 11, 10, 10], "the remainder goes to the first ones");
        for row in 0..64 {
            let seen = batch.inputs.row(row);
            assert_eq!(seen[2], batch.steps[row] as f32, "the step within the episode");
            assert_eq!(batch.rewards[row], f64::from(seen[2]) + 1.0, "never the reward of a reset");
        }
        for segment in &batch.segments {
            let rows: Vec<&[f32]> = segment.rows.clone().map(|row| batch.inputs.row(row)).collect();
            let (first, last) = (rows[0], rows[rows.len() - 1]);
            assert!(rows.windows(2).all(|pair| pair[1][1] == pair[0][1] && pair[1][2] == pair[0][2] + 1.0));
            assert_eq!(segment.first_step, first[2] as u32);
            let over = last[2] as u32 + 1 == LENGTHS[last[0] as usize % 3];
            match segment.end {
                SegmentEnd::Terminated => assert!(over && last[0] as usize % 3 != 1),
                SegmentEnd::Truncated(at) | SegmentEnd::BatchEnd(at) => {
                    assert_eq!(over, matches!(segment.end, SegmentEnd::Truncated(_)), "round {round}");
                    let beyond = batch.finals.row(at);
                    assert_eq!(beyond, [last[0], last[1], last[2] + 1.0], "the true last observation");
                }
            }
        }
        assert!(batch.episodes.iter().all(|e| LENGTHS.contains(&e.length)));
        let sum = |n: u32| f64::from(n * (n + 1) / 2);
        assert!(batch.episodes.iter().all(|e| e.total == sum(e.length)), "also where they went on unrecorded");
        episodes += batch.episodes.len();
    }
    assert!(episodes > 50);
}

/// An environment whose part of the batch is full goes on unrecorded while the others fill theirs. If it diverges then, its
/// rows must not be ended again, because they are in a segment already.
#[test]
fn a_divergence_after_a_full_part_leaves_each_row_in_one_segment() {
    let config = config();
    for call in 1..16 {
        let policy = Policy::new(&config.policy, &config.normalize, &Source.spec(), 0);
        let mut sampler = Sampler::new(&Diverging(call), 6, 0.99, 0).unwrap();
        let batch = sampler.sample(&policy, 64).unwrap();
        let mut rows: Vec<usize> = batch.segments.iter().flat_map(|segment| segment.rows.clone()).collect();
        rows.sort_unstable();
        assert_eq!(rows, (0..64).collect::<Vec<_>>(), "diverged in call {call}");
    }
}

#[test]
fn what_environments_measure_is_a_metric() {
    let mut trainer = Trainer::new(config(), Box::new(Source)).unwrap();
    let iteration = trainer.step().unwrap().unwrap();
    assert_eq!(iteration.metrics.get("env/calls"), Some(1.5), "a mean");
    assert_eq!(iteration.steps, 64);
}

/// Compares all metrics except the times, and the parameters.
#[test]
fn sampling_ahead_changes_nothing() {
    let run = |ahead| {
        let mut config = config();
        config.normalize.observations = true;
        config.run.steps = 500; // the last batch is shorter
        let mut trainer = Trainer::new(config, Box::new(Ahead(ahead))).unwrap();
        let rows: Vec<Vec<(String, u64)>> = (&mut trainer)
            .map(|iteration| {
                let row = iteration.unwrap().metrics;
                let numbers = row.values().into_iter().filter(|(name, _)| !name.starts_with("time/"));
                numbers.map(|(name, value)| (name.to_string(), value.to_bits())).collect()
            })
            .collect();
        (rows, trainer.policy().theta.clone(), trainer.steps())
    };
    let (rows, theta, steps) = run(true);
    assert_eq!((rows.len(), steps), (8, 500));
    assert_eq!((rows, theta, steps), run(false));
}

/// The environments have already taken the steps of that batch, whatever the total is now.
#[test]
fn a_batch_that_was_sampled_ahead_is_used_after_the_total_has_changed() {
    let ends = |total, new_total| {
        let mut config = config();
        config.run.steps = total;
        let mut trainer = Trainer::new(config, Box::new(Ahead(true))).unwrap();
        trainer.step().unwrap().unwrap();
        trainer.set_total_steps(new_total);
        trainer.map(|iteration| iteration.unwrap().steps).collect::<Vec<u64>>()
    };
    assert_eq!(ends(256, 256), [128, 192, 256]);
    assert_eq!(ends(100, 200), [100, 164, 200], "36 steps were sampled ahead");
    assert_eq!(ends(256, 100), [128], "64 steps were sampled ahead");
}

/// Native environments, which can be saved. Their source samples on one thread.
struct OneThread;

impl EnvSource for OneThread {
    fn spec(&self) -> Spec {
        native().spec()
    }

    fn group(&self, count: usize) -> npg::Result<Box<dyn EnvGroup>> {
        native().group(count)
    }

    fn samples_on_one_thread(&self) -> bool {
        true
    }
}

fn native() -> Box<dyn EnvSource> {
    npg::env::registry::make("CartPole-v1", &toml::Table::new()).unwrap()
}

/// A batch that was sampled ahead is not in a checkpoint, so the saved environments must be in the state before it.
#[test]
fn a_run_on_one_thread_is_resumed_as_the_uninterrupted_one() {
    let end = |trainer: &mut Trainer| {
        trainer.for_each(|iteration| drop(iteration.unwrap()));
        trainer.policy().theta.clone()
    };
    let begin = || Trainer::new(config(), Box::new(OneThread)).unwrap();
    let expected = end(&mut begin());
    for cut in 1..4 {
        let mut first = begin();
        first.by_ref().take(cut).for_each(|iteration| drop(iteration.unwrap()));
        let (mut second, continued) = Trainer::restore(&first.save(), Box::new(OneThread)).unwrap();
        assert!(continued);
        assert_eq!(end(&mut second), expected, "cut after {cut} iterations");
    }
}

/// Environments that have finished go on meanwhile, as environments do: they begin a new episode.
#[test]
fn evaluation_waits_for_the_longest_episode() {
    let config = config();
    let policy = Policy::new(&config.policy, &config.normalize, &Source.spec(), 0);
    let result = evaluate(&policy, &Source, Plan { episodes: 3, seed: 0, stochastic: true }).unwrap();
    assert_eq!(result.lengths, [3.0, 5.0, 100.0]);
    assert_eq!(result.returns, [6.0, 15.0, 5050.0]);
    assert_eq!((result.cut, result.diverged, result.note()), (0, 0, None));
}

#[test]
fn an_evaluation_says_how_many_episodes_diverged() {
    let config = config();
    let policy = Policy::new(&config.policy, &config.normalize, &Source.spec(), 0);
    let result = evaluate(&policy, &Diverging(4), Plan { episodes: 3, seed: 0, stochastic: true }).unwrap();
    assert_eq!(result.lengths, [3.0, 3.0, 3.0], "the step that did not survive does not count");
    assert_eq!((result.cut, result.diverged), (0, 2), "the first episode was over before");
    let note = result.note().unwrap();
    assert!(note.starts_with("2 of 3 evaluation episodes ended because the simulation diverged"), "{note}");
}

/// Environments of which the first fails in one call.
struct Failing(u64);

impl EnvSource for Failing {
    fn spec(&self) -> Spec {
        Source.spec()
    }

    fn group(&self, count: usize) -> npg::Result<Box<dyn EnvGroup>> {
        Ok(Box::new(Counting { fails: Some(self.0), ..Counting::new(count) }))
    }
}

/// Environment 0 has episodes of 3 steps. Its second episode begins with call 4, while the other environments go on.
#[test]
fn an_evaluation_says_if_a_failure_came_after_the_episode_that_counts() {
    let config = config();
    let policy = Policy::new(&config.policy, &config.normalize, &Source.spec(), 0);
    let told = |call| {
        let plan = Plan { episodes: 3, seed: 0, stochastic: true };
        evaluate(&policy, &Failing(call), plan).unwrap_err().to_string()
    };
    assert_eq!(told(3), "environment 0, episode 0, step 3: it broke (in evaluation)");
    assert_eq!(told(6), "environment 0, episode 0, step 2: it broke (in evaluation, after the episode that counts)");
}

/// An episode begins in the given state, and its first observation is of that state.
#[test]
fn native_environments_begin_in_given_states() {
    let observation = |id: &str, state: &[f64]| {
        let source = npg::env::registry::make(id, &toml::Table::new()).unwrap();
        let mut group = source.group(2).unwrap();
        let mut observation = vec![f64::NAN; source.spec().observation.len()];
        group.begin_at(1, state, &mut observation).map(|()| observation).map_err(|fault| fault.message)
    };
    assert_eq!(observation("CartPole-v1", &[0.1, 0.2, 0.03, 0.4]).unwrap(), [0.1, 0.2, 0.03, 0.4]);
    assert_eq!(observation("MountainCar-v0", &[-0.5, 0.01]).unwrap(), [-0.5, 0.01]);
    assert_eq!(observation("Pendulum-v1", &[0.0, 2.0]).unwrap(), [1.0, 0.0, 2.0]);
    assert_eq!(observation("FrozenLake-v1", &[7.0]).unwrap(), [7.0]);
    assert_eq!(observation("LQR-v0", &[0.25]).unwrap(), [0.25]);
    assert!(observation("CartPole-v1", &[0.1]).unwrap_err().contains("expected a state of 4 numbers, got 1"));
    assert!(observation("FrozenLake-v1", &[16.0]).unwrap_err().contains("one of 16 states"));
}
