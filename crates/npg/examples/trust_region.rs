//! Whether steps keep their budget, and whether policies keep what they have learned. Twenty random tasks, whose optimum is
//! deterministic.
//!
//!     cargo run --release -p npg --example trust_region
//!     cargo run --release -p npg --example trust_region -- algorithm.kl_tolerance=none
//!     cargo run --release -p npg --example trust_region -- --steps 500000 algorithm.name=trpo
//!
//! Trains each task on ten seeds with npg's defaults and the given settings. Training takes `--steps` steps, or else twice as
//! long as it takes to come within 2 % of the best possible return. Returns are exact: the mean return of an episode of the
//! stochastic policy, by recursion over the table. Prints for each task the worst seed's final return relative to that seed's
//! own best, the largest measured KL of a step in units of the budget, and the number of updates that were shortened or found
//! no step. Exits with 1 if a seed keeps less than 98 %, or if a step measures more than twice its budget.

#![allow(clippy::print_stdout, reason = "an example shows what it finds")]

use std::error::Error;
use std::sync::Arc;

use npg::config::{Config, Layers};
use npg::env::tabular::{Garnet, Table, TableOutcome, TabularEnv};
use npg::exact::mdp::TabularPolicy;
use npg::random::{Purpose, Stream};
use npg::train::Trainer;
use npg::update::UpdateStatus;

const SEEDS: u64 = 10;
/// A policy this close to the best possible return has solved its task.
const SOLVED: f64 = 0.98;
/// The share of its own best return that a policy must keep, and the number of budgets that a step may measure.
const KEPT: f64 = 0.98;
const LARGEST_KL: f64 = 2.0;

struct Task {
    name: String,
    table: Arc<Table>,
    horizon: u32,
}

/// In each state one action is right and pays 1. The next state is random.
fn guess(index: u64, rng: &mut Stream) -> Task {
    let (states, actions) = (2 + rng.below(5), 2 + rng.below(4));
    let next = |reward: f64| -> Vec<TableOutcome> {
        let probability = 1.0 / states as f64;
        (0..states).map(|next| TableOutcome { probability, next, reward, terminated: false }).collect()
    };
    let mut rows = Vec::new();
    for _ in 0..states {
        let right = rng.below(actions);
        rows.extend((0..actions).map(|action| next(f64::from(u8::from(action == right)))));
    }
    let table = Table::new(vec![1.0 / states as f64; states], actions, rows).expect("a sound table");
    Task { name: format!("guess {index}: {states} x {actions}"), table: Arc::new(table), horizon: 20 }
}

/// Each step pays 1. In each state one action is wrong and ends the episode.
fn survive(index: u64, rng: &mut Stream) -> Task {
    let (states, actions) = (1 + rng.below(5), 2 + rng.below(3));
    let mut rows = Vec::new();
    for state in 0..states {
        let wrong = rng.below(actions);
        rows.extend((0..actions).map(|action| {
            let (next, terminated) = ((state + 1 + action) % states, action == wrong);
            vec![TableOutcome { probability: 1.0, next, reward: 1.0, terminated }]
        }));
    }
    let table = Table::new(vec![1.0 / states as f64; states], actions, rows).expect("a sound table");
    Task { name: format!("survive {index}: {states} x {actions}"), table: Arc::new(table), horizon: 50 }
}

fn garnet(index: u64, rng: &mut Stream) -> Task {
    let (states, actions) = (4 + rng.below(6), 2 + rng.below(3));
    let table = Garnet { states, actions, branching: 3, seed: 1000 + index }.table().expect("a small process");
    Task { name: format!("garnet {index}: {states} x {actions}"), table: Arc::new(table), horizon: 50 }
}

impl Task {
    /// The mean return of an episode, where state and time decide by `best` of the values of actions.
    fn value(&self, choose: impl Fn(usize, &[f64]) -> f64) -> f64 {
        let (states, actions) = (self.table.states(), self.table.actions());
        let mut later = vec![0.0; states];
        for _ in 0..self.horizon {
            let of = |state: usize| {
                let worth = |o: &TableOutcome| o.reward + if o.terminated { 0.0 } else { later[o.next] };
                let of = |a: usize| self.table.outcomes(state, a).iter().map(|o| o.probability * worth(o)).sum::<f64>();
                choose(state, &(0..actions).map(of).collect::<Vec<_>>())
            };
            later = (0..states).map(of).collect();
        }
        self.table.start().iter().zip(&later).map(|(p, v)| p * v).sum()
    }

    fn best(&self) -> f64 {
        self.value(|_, values| values.iter().copied().fold(f64::NEG_INFINITY, f64::max))
    }

    fn of(&self, policy: &npg::policy::Policy) -> f64 {
        let policy = TabularPolicy::of(policy).expect("states and actions are discrete");
        self.value(|state, values| policy.row(state).iter().zip(values).map(|(p, v)| p * v).sum())
    }

    fn train(&self, config: Config, steps: Option<u64>) -> Result<Run, Box<dyn Error>> {
        let (table, horizon) = (Arc::clone(&self.table), self.horizon);
        let source = move || TabularEnv::new("random", Some(horizon), None, Arc::clone(&table));
        let goal = SOLVED * self.best();
        let budget = config.algorithm.kl_step;
        let mut trainer = Trainer::new(config, Box::new(source))?;
        let mut run = Run::default();
        while let Some(iteration) = trainer.step() {
            let iteration = iteration?;
            run.updates += 1;
            run.last = self.of(trainer.policy());
            run.best = run.best.max(run.last);
            let metric = |name: &str| iteration.metrics.get(name).unwrap_or(f64::NAN);
            run.largest_kl = run.largest_kl.max(metric("npg/kl") / budget);
            match iteration.status {
                UpdateStatus::Stepped => run.shortened += u32::from(metric("npg/backtracks") > 0.0),
                _ => run.without_step += 1,
            }
            run.step_seconds += metric("time/step_seconds");
            run.update_seconds +=
                metric("time/gradient_seconds") + metric("time/solve_seconds") + metric("time/step_seconds");
            if run.last >= goal && run.solved.is_none() {
                run.solved = Some(iteration.steps);
            }
            if steps.is_none() && run.solved.is_some_and(|solved| iteration.steps >= 2 * solved) {
                break;
            }
        }
        Ok(run)
    }
}

/// What one training was like.
#[derive(Default)]
struct Run {
    updates: u32,
    last: f64,
    best: f64,
    largest_kl: f64,
    shortened: u32,
    without_step: u32,
    solved: Option<u64>,
    step_seconds: f64,
    update_seconds: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut settings: Vec<String> = std::env::args().skip(1).collect();
    let mut steps = None;
    if let Some(at) = settings.iter().position(|argument| argument == "--steps") {
        steps = Some(settings.get(at + 1).ok_or("--steps wants a number")?.parse::<u64>()?);
        settings.drain(at..at + 2);
    }
    let mut rng = Stream::new(2026, Purpose::World, 0);
    let mut tasks: Vec<Task> = (0..8).map(|index| guess(index, &mut rng)).collect();
    tasks.extend((0..7).map(|index| survive(index, &mut rng)));
    tasks.extend((0..5).map(|index| garnet(index, &mut rng)));
    println!(
        "{:<18} {:>7} {:>9} {:>8} {:>8} {:>7} {:>10} {:>8}",
        "task", "solved", "steps", "best", "kept", "KL", "shortened", "no step"
    );
    let (mut worst, mut largest, mut solved, mut counts) = (f64::INFINITY, 0.0f64, 0, [0; 3]);
    let mut seconds = [0.0; 2];
    for task in &tasks {
        let mut runs = Vec::new();
        for seed in 0..SEEDS {
            let mut layers = Layers::default();
            settings.iter().for_each(|setting| layers.set(setting));
            layers.set(&format!("run.seed={seed}"));
            layers.set(&format!("run.steps={}", steps.unwrap_or(1_000_000)));
            runs.push(task.train(layers.resolve()?, steps)?);
        }
        let least = |of: fn(&Run) -> f64| runs.iter().map(of).fold(f64::INFINITY, f64::min);
        let count = |of: fn(&Run) -> u32| runs.iter().map(of).sum::<u32>();
        let kept = least(|run| run.last / run.best);
        let kl = -least(|run| -run.largest_kl);
        let all = [count(|run| run.updates), count(|run| run.shortened), count(|run| run.without_step)];
        let reached = runs.iter().filter_map(|run| run.solved).collect::<Vec<_>>();
        let mean = reached.iter().sum::<u64>() as f64 / reached.len() as f64;
        println!(
            "{:<18} {:>4}/{SEEDS} {mean:>9.0} {:>7.1}% {:>7.1}% {kl:>7.2} {:>9.1}% {:>7.1}%",
            task.name,
            reached.len(),
            100.0 * least(|run| run.best) / task.best(),
            100.0 * kept,
            100.0 * f64::from(all[1]) / f64::from(all[0]),
            100.0 * f64::from(all[2]) / f64::from(all[0]),
        );
        worst = worst.min(kept);
        largest = largest.max(kl);
        solved += reached.len();
        counts.iter_mut().zip(all).for_each(|(sum, n)| *sum += n);
        runs.iter().for_each(|run| seconds = [seconds[0] + run.step_seconds, seconds[1] + run.update_seconds]);
    }
    println!(
        "{solved} of {} solved; the worst keeps {:.1} % of its best; largest KL {largest:.3} budgets; of {} updates {} shortened, {} without a step; \
         steps take {:.0} % of the updates' time",
        tasks.len() as u64 * SEEDS,
        100.0 * worst,
        counts[0],
        counts[1],
        counts[2],
        100.0 * seconds[0] / seconds[1]
    );
    if worst < KEPT || largest > LARGEST_KL {
        return Err("a policy lost what it had learned, or a step left its budget".into());
    }
    Ok(())
}
