//! Compares every task with Gymnasium's own, live, on the same libmujoco.

use super::episodes::{Case, Played, Step, play};
use super::tasks;
use npg::env::registry::make;
use npg::env::{Actions, Ending, EnvGroup, Outcome, Space, mujoco};
use npg::random::{Purpose, Stream};
use std::path::PathBuf;

/// The largest difference that counts as rounding. Sums of squares, sines and norms are not computed in the same order.
const ROUNDING: f64 = 1e-12;

/// Options of each task that differ from the defaults, all at once.
const OTHERS: &[(&str, &str)] = &[
    ("HalfCheetah-v5", "frame_skip = 3, forward_reward_weight = 2.0, ctrl_cost_weight = 0.3, reset_noise_scale = 0.5"),
    ("Hopper-v5", "terminate_when_unhealthy = false, healthy_reward = 0.5, healthy_z_range = [1.1, 1.3]"),
    ("Hopper-v5", "healthy_state_range = [-2.0, 2.0], healthy_angle_range = [-0.1, 0.3], frame_skip = 2"),
    (
        "Walker2d-v5",
        "terminate_when_unhealthy = false, healthy_z_range = [1.1, 1.3], healthy_angle_range = [-0.1, 0.1]",
    ),
    ("Ant-v5", "include_cfrc_ext_in_observation = false, main_body = 2, healthy_z_range = [0.4, 0.7]"),
    (
        "Ant-v5",
        "main_body = 'torso', contact_force_range = [-0.1, 3.0], contact_cost_weight = 0.1, healthy_reward = 3.0",
    ),
    ("Humanoid-v5", "include_cinert_in_observation = false, include_cfrc_ext_in_observation = false, frame_skip = 2"),
    ("Humanoid-v5", "include_cvel_in_observation = false, include_qfrc_actuator_in_observation = false"),
    ("Humanoid-v5", "contact_cost_weight = 1e-3, contact_cost_range = [0.1, 0.5], terminate_when_unhealthy = false"),
    (
        "HumanoidStandup-v5",
        "include_cinert_in_observation = false, include_cvel_in_observation = false, frame_skip = 2",
    ),
    ("HumanoidStandup-v5", "impact_cost_weight = 1e-3, impact_cost_range = [0.1, 0.5], uph_cost_weight = 9.0"),
    ("Swimmer-v5", "frame_skip = 6, forward_reward_weight = 0.5, ctrl_cost_weight = 0.01, reset_noise_scale = 0.0"),
    ("InvertedPendulum-v5", "frame_skip = 4, reset_noise_scale = 0.1"),
    ("InvertedDoublePendulum-v5", "frame_skip = 3, healthy_reward = 2.5, reset_noise_scale = 0.3"),
    ("Reacher-v5", "frame_skip = 5, reward_dist_weight = 2.0, reward_control_weight = 0.3"),
    ("Pusher-v5", "frame_skip = 3, reward_near_weight = 2.0, reward_dist_weight = 0.2, reward_control_weight = 1.0"),
];

/// Ten whole episodes of each task with its defaults, and two short ones with other options.
fn cases() -> Vec<Case> {
    let defaults = tasks().map(|entry| {
        let options = toml::Table::new();
        Case { id: entry.id, options, episodes: 10, steps: 1000, resets: 500 }
    });
    let others = OTHERS.iter().map(|(id, options)| {
        let document: toml::Table = format!("env = {{ {options} }}").parse().unwrap();
        let mut options = document["env"].as_table().unwrap().clone();
        let exclude = "exclude_current_positions_from_observation";
        if tasks().any(|entry| entry.id == *id && entry.options.iter().any(|option| option.name == exclude)) {
            options.insert(exclude.into(), false.into());
        }
        Case { id, options, episodes: 2, steps: 100, resets: 200 }
    });
    defaults.chain(others).collect()
}

/// The environment of a case. It is stepped alone.
struct Replay {
    group: Box<dyn EnvGroup>,
    rng: [Stream; 1],
}

/// What npg returned for a step.
struct Made {
    observation: Vec<f64>,
    outcome: Outcome,
}

impl Replay {
    fn load(&mut self, step: &Step) {
        self.group.load(0, &step.before).unwrap();
    }

    fn step(&mut self, step: &Step) -> Made {
        let mut observation = vec![f64::NAN; step.observation.len()];
        let mut outcomes = [Outcome { reward: f64::NAN, ending: Ending::Diverged }];
        let actions = Actions::of_reals(&step.action, step.action.len());
        self.group.step(&[0], actions, &mut self.rng, &mut observation, &mut outcomes).unwrap();
        Made { observation, outcome: outcomes[0] }
    }
}

/// The largest differences of a case.
#[derive(Default)]
struct Differences {
    steps: usize,
    observation: f64,
    reward: f64,
}

impl Differences {
    fn compare(&mut self, step: &Step, made: &Made, place: &str) {
        let far = |a: f64, b: f64| if a == b { 0.0 } else { (a - b).abs() };
        self.steps += 1;
        for (index, (&theirs, &ours)) in step.observation.iter().zip(&made.observation).enumerate() {
            assert!(far(theirs, ours) <= ROUNDING, "{place}, observation[{index}]: {theirs} there, {ours} here");
            self.observation = self.observation.max(far(theirs, ours));
        }
        let (theirs, ours) = (step.reward, made.outcome.reward);
        assert!(far(theirs, ours) <= ROUNDING, "{place}: reward {theirs} there, {ours} here");
        self.reward = self.reward.max(far(theirs, ours));
        let ending = if step.terminated { Ending::Terminated } else { Ending::Running };
        assert_eq!(made.outcome.ending, ending, "{place}");
    }
}

#[test]
fn every_task_is_that_of_gymnasium() {
    let Some(python) = std::env::var_os("NPG_MUJOCO_PYTHON").map(PathBuf::from) else { return };
    let cases = cases();
    let (index, played) = play(&python, &cases);
    let library = mujoco::library().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(index["mujoco"], library.version.to_string(), "NPG_MUJOCO_LIB names another than NPG_MUJOCO_PYTHON has");
    println!("gymnasium {}, mujoco {}", index["gymnasium"], index["mujoco"]);
    println!("{:<26} {:>8} {:>12} {:>12} {:>12}", "", "steps", "observation", "reward", "free running");
    for (case, played) in cases.iter().zip(&played) {
        let source = make(case.id, &case.options).unwrap();
        let spec = source.spec();
        let [low, high] = played.bounds.clone();
        assert_eq!(spec.action, Space::Box { low, high }, "{}", case.id);
        assert_eq!(spec.max_episode_steps.map(u64::from), played.limit, "{}", case.id);
        assert_eq!(spec.reward_threshold, played.threshold, "{}", case.id);
        assert_eq!(spec.observation.len(), played.firsts[0].len(), "{}: {:?}", case.id, case.options);
        let mut replay = Replay { group: source.group(1).unwrap(), rng: [Stream::new(0, Purpose::Test, 0)] };

        let mut each = Differences::default();
        let mut free = Differences::default();
        for (number, episode) in played.episodes.iter().enumerate() {
            for (count, step) in episode.iter().enumerate() {
                replay.load(step);
                each.compare(step, &replay.step(step), &format!("{}, episode {number}, step {count}", case.id));
            }
            // Here the state is not set. All bits of the state must be the same for the first 20 steps.
            replay.load(&episode[0]);
            for (count, step) in episode.iter().take(20).enumerate() {
                let place = format!("{}, episode {number}, free step {count}", case.id);
                let state = replay.group.save(0).unwrap();
                assert_eq!(state[..state.len() - 1], step.before[..state.len() - 1], "{place}");
                free.compare(step, &replay.step(step), &place);
            }
        }
        let (a, b, c) = (each.observation, each.reward, free.observation.max(free.reward));
        println!("{:<26} {:>8} {a:>12.1e} {b:>12.1e} {c:>12.1e}", case.id, each.steps);
        starts_are_alike(case, played, &mut replay);
    }
}

/// The means and standard deviations of first observations must agree within 6 standard errors, or within 1e-9 if nothing is
/// random. Seeds are fixed on both sides. The variance of a sample's variance is taken as 4 times that of a normal
/// distribution, because inertias and forces have heavier tails.
fn starts_are_alike(case: &Case, played: &Played, replay: &mut Replay) {
    let n = played.firsts.len() as f64;
    let mut rng = Stream::new(3, Purpose::Test, 1);
    let mut ours = vec![vec![0.0; played.firsts[0].len()]; played.firsts.len()];
    ours.iter_mut().for_each(|row| replay.group.reset(0, &mut rng, row).unwrap());
    for index in 0..ours[0].len() {
        let moments = |rows: &[Vec<f64>]| {
            let column: Vec<f64> = rows.iter().map(|row| row[index]).collect();
            (npg::stats::mean(&column), npg::stats::standard_deviation(&column))
        };
        let ((mean, std), (other_mean, other_std)) = (moments(&ours), moments(&played.firsts));
        let pooled = ((std * std + other_std * other_std) / 2.0).sqrt();
        let place =
            format!("{}, first observation[{index}]: {mean} +- {std}, not {other_mean} +- {other_std}", case.id);
        assert!((mean - other_mean).abs() <= 6.0 * pooled * (2.0 / n).sqrt() + 1e-9, "{place}");
        assert!((std - other_std).abs() <= 6.0 * pooled * (4.0 / n).sqrt() + 1e-9, "{place}");
    }
}
