//! Sampling, compared with a plain simulation of scripted environments: every row, segment, final observation and episode.

use crate::scripted::{At, GAMMA, Script, outcome, policy};
use npg::advantage::{self, SegmentEnd};
use npg::config::Std;
use npg::env::Ending;
use npg::normalize::Moments;
use npg::policy::Policy;
use npg::rollout::{Batch, Sampler};

/// Episodes of 1 to 5 steps. The fifth step is past the time limit. Every other episode terminates.
fn varied(at: At) -> (f64, Ending) {
    let length = 1 + (3 * at.env + 2 * at.episode) as u32 % 5;
    let ending = match (at.step == length, (at.env + at.episode) % 2) {
        (false, _) => Ending::Running,
        (true, 0) => Ending::Terminated,
        (true, _) => Ending::Truncated,
    };
    (at.env as f64 + 0.1 * at.episode as f64 + 0.01 * f64::from(at.step), ending)
}

fn script() -> Script {
    Script::new(Some(4), |at, _| {
        let (reward, ending) = varied(at);
        outcome(reward, ending)
    })
}

/// What a sampler of `script()` must return. It goes one environment at a time and one step at a time.
#[derive(Default)]
struct Simulation {
    at: Vec<At>,
    total: Vec<f64>,
    discounted: Vec<f64>,
}

#[derive(Debug, Default)]
struct Expected {
    rows: Vec<At>,
    rewards: Vec<f64>,
    returns: Vec<f64>,
    /// The first row, one past the last row, the step of the first row, how the segment ended, and where.
    segments: Vec<(usize, usize, u32, &'static str, At)>,
    /// The time, the environment, the total reward and the length.
    episodes: Vec<(usize, usize, f64, u32)>,
}

impl Simulation {
    fn new(n_envs: usize) -> Self {
        let at = (0..n_envs).map(|env| At { env, ..At::default() }).collect();
        Self { at, total: vec![0.0; n_envs], discounted: vec![0.0; n_envs] }
    }

    fn batch(&mut self, steps: usize) -> Expected {
        let n_envs = self.at.len();
        let mut batch = Expected::default();
        for env in 0..n_envs {
            let count = steps / n_envs + usize::from(env < steps % n_envs);
            let mut begin = (batch.rows.len(), self.at[env].step);
            for time in 0..count {
                let at = &mut self.at[env];
                batch.rows.push(*at);
                at.step += 1;
                let (reward, mut ending) = varied(*at);
                if ending == Ending::Running && at.step == 4 {
                    ending = Ending::Truncated;
                }
                self.total[env] += reward;
                self.discounted[env] = reward + GAMMA * self.discounted[env];
                batch.rewards.push(reward);
                batch.returns.push(self.discounted[env]);
                let kind = match ending {
                    Ending::Terminated => "terminated",
                    Ending::Truncated => "truncated",
                    _ if time + 1 == count => "cut",
                    _ => continue,
                };
                batch.segments.push((begin.0, batch.rows.len(), begin.1, kind, *at));
                if kind != "cut" {
                    batch.episodes.push((time, env, self.total[env], at.step));
                    *at = At { episode: at.episode + 1, step: 0, ..*at };
                    (self.total[env], self.discounted[env]) = (0.0, 0.0);
                    begin = (batch.rows.len(), 0);
                }
            }
        }
        batch.episodes.sort_by_key(|(time, env, ..)| (*time, *env));
        batch
    }
}

fn observed(at: &At) -> [f32; 3] {
    [at.env as f32, at.episode as f32, at.step as f32]
}

fn assert_moments(moments: &Moments, samples: &[Vec<f64>]) {
    assert_eq!(moments.count, samples.len() as f64);
    for j in 0..moments.mean.len() {
        let mean = samples.iter().map(|s| s[j]).sum::<f64>() / samples.len() as f64;
        let squares: f64 = samples.iter().map(|s| (s[j] - mean).powi(2)).sum();
        assert!((moments.mean[j] - mean).abs() < 1e-12 * (1.0 + mean.abs()));
        assert!((moments.squares[j] - squares).abs() < 1e-11 * (1.0 + squares));
    }
}

fn assert_expected(batch: &Batch, expected: &Expected) {
    assert_eq!(batch.len(), expected.rows.len());
    for (row, at) in expected.rows.iter().enumerate() {
        assert_eq!(batch.inputs.row(row), observed(at), "row {row}");
        assert_eq!(batch.steps[row], at.step);
    }
    assert_eq!(batch.rewards, expected.rewards);
    assert_eq!(batch.segments.len(), expected.segments.len());
    for (segment, (first, end, step, kind, last)) in batch.segments_by_row().zip(&expected.segments) {
        assert_eq!((segment.rows.clone(), segment.first_step), (*first..*end, *step));
        let (actual, r#final) = match segment.end {
            SegmentEnd::Terminated => ("terminated", None),
            SegmentEnd::Truncated(row) => ("truncated", Some(row)),
            SegmentEnd::BatchEnd(row) => ("cut", Some(row)),
        };
        assert_eq!(actual, *kind);
        if let Some(row) = r#final {
            assert_eq!(batch.finals.row(row), observed(last), "the observation after the last step, before any reset");
            assert_eq!(batch.final_steps[row], last.step);
        }
    }
    let bootstraps = expected.segments.iter().filter(|s| s.3 != "terminated").count();
    assert_eq!((batch.finals.rows(), batch.final_steps.len()), (bootstraps, bootstraps));
    assert_eq!(batch.episodes.len(), expected.episodes.len());
    for (episode, (_, _, total, length)) in batch.episodes.iter().zip(&expected.episodes) {
        assert!((episode.total - total).abs() < 1e-12 && episode.length == *length, "{episode:?} {total} {length}");
    }
    let seen: Vec<Vec<f64>> = expected.rows.iter().map(|at| observed(at).map(f64::from).to_vec()).collect();
    assert_moments(&batch.observation_moments(), &seen);
    assert_eq!(batch.returns.len(), expected.returns.len());
    assert!(batch.returns.iter().zip(&expected.returns).all(|(a, b)| (a - b).abs() < 1e-12));
    assert_eq!(batch.diverged, 0);
}

trait ByRow {
    fn segments_by_row(&self) -> std::vec::IntoIter<npg::advantage::Segment>;
}

impl ByRow for Batch {
    /// The segments in the order of their rows. Groups step their environments together, so the segments of a group come in
    /// the order of time.
    fn segments_by_row(&self) -> std::vec::IntoIter<npg::advantage::Segment> {
        let mut segments = self.segments.clone();
        segments.sort_by_key(|segment| segment.rows.start);
        segments.into_iter()
    }
}

/// A batch has exactly the requested number of steps, and the first environments take the remainder. Final observations are
/// the true ones. Episodes and returns go on in the next batch. The numbers of environments and steps are chosen so that they
/// divide each other badly.
#[test]
fn batches_are_what_a_plain_simulation_gives() {
    let script = script();
    let policy = policy(&script.spec(), Std::StateIndependent, false);
    for n_envs in [1, 2, 3, 4, 5, 7, 9, 13] {
        let (mut sampler, mut simulation) = (script.sampler(n_envs), Simulation::new(n_envs));
        for steps in [n_envs, 31, 1, 100, 7, 64, 65, 2 * n_envs - 1] {
            assert_expected(&sampler.sample(&policy, steps).unwrap(), &simulation.batch(steps));
        }
    }
}

/// Every row of a batch belongs to exactly one segment.
#[test]
fn segments_cover_the_batch() {
    let script = script();
    let policy = policy(&script.spec(), Std::StateIndependent, true);
    let batch = script.sampler(7).sample(&policy, 150).unwrap();
    let mut next = 0;
    for segment in batch.segments_by_row() {
        assert_eq!(segment.rows.start, next);
        assert!(!segment.rows.is_empty());
        next = segment.rows.end;
    }
    assert_eq!(next, 150);
}

/// A reward of 1 forever is worth 1 / (1 - gamma) everywhere. The advantage would be negative if a time limit or the end of a
/// batch counted as the end of the rewards (as in baselines, garage and mjrl). It would also be negative if npg bootstrapped
/// from the state after the reset, which is worth 0 in this value function, or if an advantage leaked into the episode
/// before.
#[test]
fn time_limits_are_not_termination_and_nothing_leaks() {
    let script = Script::new(Some(5), |at, _| {
        let dies = at.env == 1 && at.episode == 1 && at.step == 3;
        outcome(1.0, if dies { Ending::Terminated } else { Ending::Running })
    });
    let policy = policy(&script.spec(), Std::StateIndependent, false);
    let mut sampler = script.sampler(3);
    let worth = 1.0 / (1.0 - GAMMA);
    for steps in [17, 33, 10] {
        let batch = sampler.sample(&policy, steps).unwrap();
        // The first observation of an episode has the value 0, so that a bootstrap from a reset would show.
        let values: Vec<f64> = batch.steps.iter().map(|step| if *step == 0 { 0.0 } else { worth }).collect();
        let finals: Vec<f64> = (0..batch.finals.rows())
            .map(|row| {
                assert!(batch.finals.row(row)[2] >= 1.0 && batch.finals.row(row)[2] == batch.final_steps[row] as f32);
                worth
            })
            .collect();
        for lambda in [0.0, 0.5, 1.0] {
            let advantages = advantage::advantages(&batch.segments, &batch.rewards, &values, &finals, GAMMA, lambda);
            for segment in &batch.segments {
                for row in segment.rows.clone() {
                    // The only loss is that of the rewards after the one termination, weighted by gamma and lambda.
                    let distance = (segment.rows.end - 1 - row) as i32;
                    let lost = match segment.end {
                        SegmentEnd::Terminated => GAMMA * worth * (GAMMA * lambda).powi(distance),
                        _ => 0.0,
                    };
                    let baseline = if batch.steps[row] == 0 { worth } else { 0.0 };
                    let error = advantages[row] - (baseline - lost);
                    assert!(error.abs() < 1e-9, "row {row}, step {}: {}", batch.steps[row], advantages[row]);
                }
            }
        }
        let ended = batch.segments.iter().filter(|s| s.end == SegmentEnd::Terminated).count();
        assert_eq!(ended, usize::from(steps == 33), "one environment dies, once");
    }
}

/// Some programs normalize in each worker. Then the advantages of every worker have mean 0.
#[test]
fn advantages_are_normalized_over_the_whole_batch() {
    let script = script();
    let policy = policy(&script.spec(), Std::StateIndependent, false);
    let batch = script.sampler(9).sample(&policy, 500).unwrap();
    let zeros = vec![0.0; 500];
    let mut advantages =
        advantage::advantages(&batch.segments, &batch.rewards, &zeros, &zeros[..batch.finals.rows()], GAMMA, 1.0);
    let before = advantages.clone();
    advantage::normalize(&mut advantages, &batch.reducer);
    let moments = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (mean, (values.iter().map(|a| (a - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt())
    };
    let (mean, std) = moments(&advantages);
    assert!(mean.abs() < 1e-12 && (std - 1.0).abs() < 1e-12);
    let (mean, std) = moments(&before);
    for (after, before) in advantages.iter().zip(&before) {
        assert!((after - (before - mean) / std).abs() < 1e-12, "one shift and one scale for all rows");
    }
    assert!(moments(&advantages[..56]).0 < -0.5, "the first environment's rewards are the smallest");
}

/// Sampling does not change a policy. The update sees the same inputs that the network saw. The ratio of new to old
/// probabilities begins at exactly 1.
#[test]
fn nothing_moves_between_sampling_and_updating() {
    let source = npg::env::registry::make("Pendulum-v1", &toml::Table::new()).unwrap();
    let mut policy = policy(&source.spec(), Std::StateIndependent, true);
    let mut sampler = Sampler::new(source.as_ref(), 5, GAMMA, 2).unwrap();
    // The policy of the last batch, and the inputs from which its cut segments bootstrapped.
    let mut last: Option<(Policy, Vec<Vec<f32>>)> = None;
    for _ in 0..3 {
        let before = policy.clone();
        let batch = sampler.sample(&policy, 203).unwrap();
        assert_eq!(policy, before);
        let mut row = [0.0f32; 3];
        for index in 0..batch.len() {
            let observation: Vec<f64> = batch.observations.row(index).iter().map(|x| f64::from(*x)).collect();
            policy.encoder.write(&observation, &mut row);
            let error = row.iter().zip(batch.inputs.row(index)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(error < 1e-4, "row {index} was normalized with other statistics: {error}");
        }
        let states = npg::problem::States::of(batch.states());
        let at = npg::problem::PolicySnapshot::new(&policy, states, 1.0);
        let advantages: Vec<f64> = batch.rewards.clone();
        let surrogate =
            npg::problem::Surrogate { actions: &batch.actions, advantages: &advantages, entropy: 0.0, discounts: None };
        let same = at.compare(&policy.theta, surrogate);
        assert_eq!((same.surrogate, same.kl), (0.0, 0.0));
        // The mean log probability of the raw actions over the batch is close to minus the entropy, so they are the actions
        // of these inputs. The tolerance is four standard errors of a normal's log probability. False alarms are rarer than
        // 1e-4, and the seed is fixed.
        let log_prob =
            (0..batch.len()).map(|row| policy.distribution.log_prob(at.outputs(row), batch.actions.row(row)));
        let mean = log_prob.sum::<f64>() / batch.len() as f64;
        assert!((mean + same.entropy).abs() < 4.0 * (0.5 / batch.len() as f64).sqrt(), "{mean} {}", same.entropy);

        // A cut segment bootstraps from the observation with which the next batch begins, under the old statistics.
        if let Some((old, finals)) = last {
            for (env, inputs) in finals.iter().enumerate() {
                let first = env * 40 + env.min(3);
                let observation: Vec<f64> = batch.observations.row(first).iter().map(|x| f64::from(*x)).collect();
                old.encoder.write(&observation, &mut row);
                assert!(row.iter().zip(inputs).all(|(a, b)| (a - b).abs() < 1e-4), "{row:?} {inputs:?}");
            }
        }
        let cuts = batch.segments_by_row().filter_map(|segment| match segment.end {
            SegmentEnd::BatchEnd(row) => Some(batch.finals.row(row).to_vec()),
            _ => None,
        });
        last = Some((policy.clone(), cuts.collect()));
        policy.encoder.normalizer.as_mut().unwrap().update(&batch.observation_moments());
    }
}
