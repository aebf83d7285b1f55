//! Environments that misbehave: they diverge or return numbers that are not finite.

use crate::scripted::{At, Plan, Script, outcome, policy};
use npg::Error;
use npg::advantage::SegmentEnd;
use npg::config::Std;
use npg::env::{Ending, Space};
use npg::policy::Policy;
use npg::rollout::Batch;

fn plain(script: &Script) -> Policy {
    policy(&script.spec(), Std::StateIndependent, false)
}

fn totals(batch: &Batch) -> Vec<(f64, u32)> {
    batch.episodes.iter().map(|e| (e.total, e.length)).collect()
}

/// The bad step is dropped. The episode is truncated at its last finite observation, and it is counted.
#[test]
fn a_diverged_step_is_no_transition() {
    let script = Script::new(None, |at, observation| {
        if at.episode == 0 && at.step == 4 {
            observation.fill(f64::NAN); // what a diverged simulator may leave behind
            return outcome(f64::NAN, Ending::Diverged);
        }
        outcome(1.0, Ending::Running)
    });
    let policy = plain(&script);
    let batch = script.sampler(1).sample(&policy, 10).unwrap();
    assert_eq!((batch.len(), batch.diverged), (10, 1));
    assert_eq!(batch.steps, [0, 1, 2, 0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(batch.rewards, [1.0; 10]);
    assert_eq!(totals(&batch), [(3.0, 3)]);
    assert_eq!(batch.segments.len(), 2);
    assert_eq!((batch.segments[0].rows.clone(), batch.segments[1].rows.clone()), (0..3, 3..10));
    assert_eq!((batch.segments[0].end, batch.segments[1].end), (SegmentEnd::Truncated(0), SegmentEnd::BatchEnd(1)));
    assert_eq!((batch.finals.row(0), batch.finals.row(1)), (&[0.0, 0.0, 3.0][..], &[0.0, 1.0, 7.0][..]));
    assert_eq!(batch.final_steps, [3, 7]);
    assert_eq!(batch.observation_moments().count, 10.0);
    assert_eq!(batch.returns.len(), 10);
    assert!(batch.observation_moments().mean.iter().all(|m| m.is_finite()));
}

/// At the first step of an episode there is nothing to keep and no episode to count.
#[test]
fn a_divergence_at_the_first_step_leaves_nothing() {
    let script = Script::new(Some(3), |at, _| {
        outcome(1.0, if at.episode % 2 == 0 && at.step == 1 { Ending::Diverged } else { Ending::Running })
    });
    let batch = script.sampler(2).sample(&plain(&script), 13).unwrap();
    assert_eq!((batch.len(), batch.diverged), (13, 5));
    assert_eq!(batch.steps, [0, 1, 2, 0, 1, 2, 0, 0, 1, 2, 0, 1, 2]);
    assert_eq!(totals(&batch), [(3.0, 3); 4]);
    assert!(batch.segments.iter().all(|segment| !segment.rows.is_empty()));
}

/// The rows before the divergence are in an earlier batch, where they were cut and bootstrapped. Only the episode is left to
/// count.
#[test]
fn a_divergence_at_the_first_step_of_a_batch() {
    let script = Script::new(None, |at, _| {
        outcome(1.0, if at.episode == 0 && at.step == 4 { Ending::Diverged } else { Ending::Running })
    });
    let (policy, mut sampler) = (plain(&script), script.sampler(1));
    let first = sampler.sample(&policy, 3).unwrap();
    assert_eq!((first.segments.len(), first.segments[0].end), (1, SegmentEnd::BatchEnd(0)));
    assert_eq!((totals(&first), first.diverged), (vec![], 0));
    let second = sampler.sample(&policy, 3).unwrap();
    assert_eq!((second.steps.as_slice(), second.diverged), (&[0, 1, 2][..], 1));
    assert_eq!((totals(&second), second.segments.len()), (vec![(3.0, 3)], 1));
    assert_eq!((second.segments[0].rows.clone(), second.segments[0].first_step), (0..3, 0));
    assert_eq!(second.finals.row(0), [0.0, 1.0, 3.0]);
}

#[test]
fn a_simulator_that_only_diverges_is_an_error() {
    let script = Script::new(None, |at, _| outcome(1.0, if at.env == 5 { Ending::Diverged } else { Ending::Running }));
    let error = script.sampler(6).sample(&plain(&script), 12).unwrap_err();
    assert!(matches!(&error, Error::Environment { environment: 5, .. }), "{error}");
    assert!(error.to_string().contains("diverged"), "{error}");
}

/// The error names the environment, the episode, the step, the field and the bad value.
#[test]
fn numbers_that_are_not_finite_are_errors() {
    let faults: [(&str, Plan, &str); 7] = [
        ("reward", |at, _| outcome(if here(at) { f64::NAN } else { 1.0 }, end(at)), "the reward is NaN"),
        ("reward", |at, _| outcome(if here(at) { f64::NEG_INFINITY } else { 1.0 }, end(at)), "the reward is -inf"),
        ("observation", |at, o| spoil(at, o, f64::NAN), "observation[1] is NaN"),
        ("observation", |at, o| spoil(at, o, f64::INFINITY), "observation[1] is inf"),
        ("observation", |at, o| spoil(at, o, 1e39), "observation[1] is 1e39; it must fit an f32"),
        ("message", |at, _| if here(at) { Err("it broke".into()) } else { outcome(1.0, end(at)) }, "it broke"),
        (
            "last observation",
            |at, o| {
                spoil(at, o, f64::NAN)?;
                outcome(1.0, if here(at) { Ending::Terminated } else { end(at) })
            },
            "observation[1] is NaN",
        ),
    ];
    for (field, plan, message) in faults {
        let script = Script::new(None, plan);
        let error = script.sampler(7).sample(&plain(&script), 7 * 20).unwrap_err();
        let Error::Environment { environment, episode, step, message: said } = &error else { panic!("{error}") };
        assert_eq!((*environment, *episode, *step), (5, 2, 3), "{field}: {error}");
        assert!(said.contains(message), "{said} instead of {message}");
    }
}

/// Environment 5 misbehaves at the third step of its third episode.
fn here(at: At) -> bool {
    at.env == 5 && at.episode == 2 && at.step == 3
}

fn end(at: At) -> Ending {
    if at.step == 4 { Ending::Terminated } else { Ending::Running }
}

fn spoil(at: At, observation: &mut [f64], value: f64) -> Result<npg::env::Outcome, String> {
    if here(at) {
        observation[1] = value;
    }
    outcome(1.0, end(at))
}

/// Step 0 is the reset and step 1 is the first step. This holds both for errors that the sampler finds and for errors that
/// the environment reports.
#[test]
fn errors_tell_a_reset_from_the_first_step() {
    let plans: [(u64, Plan); 4] = [
        (0, |at, observation| spoiled_at(at, observation, 0)),
        (1, |at, observation| spoiled_at(at, observation, 1)),
        (0, |at, _| broken_at(at, 0)),
        (1, |at, _| broken_at(at, 1)),
    ];
    for (wrong, plan) in plans {
        let script = Script::new(Some(2), plan);
        let error = script.sampler(2).sample(&plain(&script), 20).unwrap_err();
        let Error::Environment { environment, episode, step, .. } = &error else { panic!("{error}") };
        assert_eq!((*environment, *episode, *step), (1, 3, wrong), "{error}");
    }
}

fn spoiled_at(at: At, observation: &mut [f64], step: u32) -> Result<npg::env::Outcome, String> {
    if (at.env, at.episode, at.step) == (1, 3, step) {
        observation[0] = f64::NAN;
    }
    outcome(1.0, Ending::Running)
}

fn broken_at(at: At, step: u32) -> Result<npg::env::Outcome, String> {
    if (at.env, at.episode, at.step) == (1, 3, step) { Err("it broke".into()) } else { outcome(1.0, Ending::Running) }
}

/// The environment gets the executed action. The batch keeps the raw action, whose log probability is the right one.
#[test]
fn raw_and_executed_actions_are_kept_apart() {
    struct Echo;
    impl npg::env::Env for Echo {
        fn spec(&self) -> npg::env::Spec {
            npg::env::Spec {
                id: "Echo".into(),
                observation: Space::uniform_box(1, -1.0, 1.0),
                action: Space::Box { low: vec![-1.0, 0.0], high: vec![1.0, 10.0] },
                max_episode_steps: Some(5),
                reward_threshold: None,
            }
        }
        fn reset(&mut self, _: &mut npg::random::Stream, observation: &mut [f64]) -> Result<(), String> {
            observation[0] = 0.0;
            Ok(())
        }
        fn step(
            &mut self,
            action: npg::env::Action<'_>,
            _: &mut npg::random::Stream,
            observation: &mut [f64],
        ) -> Result<npg::env::Outcome, String> {
            let [a, b] = action.reals() else { panic!("two numbers") };
            assert!((-1.0..=1.0).contains(a) && (0.0..=10.0).contains(b));
            observation[0] = 0.0;
            outcome(a + 100.0 * b, Ending::Running)
        }
    }
    let source = || Echo;
    let policy = policy(&npg::env::EnvSource::spec(&source), Std::StateIndependent, false);
    let mut sampler = npg::rollout::Sampler::new(&source, 3, 0.9, 7).unwrap();
    let batch = sampler.sample(&policy, 200).unwrap();
    let mut beyond = 0;
    for row in 0..200 {
        let raw = crate::cases::plain_action(&batch.actions, row);
        let executed = [raw[0].clamp(-1.0, 1.0), (5.0 + 5.0 * raw[1]).clamp(0.0, 10.0)];
        assert!((batch.rewards[row] - executed[0] - 100.0 * executed[1]).abs() < 1e-9);
        beyond += usize::from(raw[0].abs() > 1.0);
    }
    assert!(beyond > 20, "a normal with std 1 leaves the bounds every third time");
}
