//! Results are the same, bit for bit, for any number of threads and across a save and a load.

use crate::cases::{Case, families, natural, update};
use crate::scripted::{Script, assert_same, outcome, policy};
use npg::config::{Algorithm, Solver, Std, StepRule};
use npg::env::{Ending, registry};
use npg::rollout::{Batch, Sampler};

const TASKS: [(&str, Std); 6] = [
    ("CartPole-v1", Std::StateIndependent),
    ("Pendulum-v1", Std::StateIndependent),
    ("Pendulum-v1", Std::Sde),
    ("Acrobot-v1", Std::StateIndependent),
    ("MountainCar-v0", Std::StateIndependent),
    ("MountainCarContinuous-v0", Std::Sde),
];

fn sampler(id: &str, n_envs: usize) -> (Sampler, npg::policy::Policy) {
    let source = registry::make(id, &toml::Table::new()).unwrap();
    let std = TASKS.iter().find(|task| task.0 == id).unwrap().1;
    (Sampler::new(source.as_ref(), n_envs, 0.99, 5).unwrap(), policy(&source.spec(), std, true))
}

fn in_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

#[test]
fn batches_do_not_depend_on_threads() {
    for (id, std) in TASKS {
        for n_envs in [7, 13] {
            let sampled = |threads| -> Vec<Batch> {
                let source = registry::make(id, &toml::Table::new()).unwrap();
                let mut policy = policy(&source.spec(), std, true);
                let mut sampler = Sampler::new(source.as_ref(), n_envs, 0.99, 5).unwrap();
                in_threads(threads, || {
                    let sample = |steps| {
                        let batch = sampler.sample(&policy, steps).unwrap();
                        policy.encoder.normalizer.as_mut().unwrap().update(&batch.observation_moments());
                        batch
                    };
                    [200, 333].map(sample).into()
                })
            };
            let expected = sampled(1);
            assert_eq!(expected.iter().map(Batch::len).collect::<Vec<_>>(), [200, 333]);
            for threads in [2, 4, 7] {
                sampled(threads).iter().zip(&expected).for_each(|(a, b)| assert_same(a, b));
            }
        }
    }
}

#[test]
fn updates_do_not_depend_on_threads() {
    for family in families() {
        let case = Case::new(&family, 700, 51); // eleven tiles, three chunks
        for solver in [Solver::Cg, Solver::Cholesky, Solver::Woodbury] {
            if solver == Solver::Woodbury && case.name != "gaussian" {
                continue; // 700 x 700: one is enough
            }
            let algorithm = Algorithm { step: StepRule::LineSearch, ..natural(solver, 0.1) };
            let updated = |threads| {
                let surrogate = npg::problem::Surrogate { entropy: 0.01, ..case.surrogate() };
                in_threads(threads, || update(&case.policy, case.weighted(), surrogate, &algorithm, 0.01, None))
            };
            let expected = updated(1);
            for threads in [2, 4, 7] {
                let actual = updated(threads);
                assert_eq!(actual.theta, expected.theta, "{} {solver:?}", case.name);
                assert_eq!(actual.comparison, expected.comparison);
                assert_eq!(actual.solution, expected.solution);
            }
        }
    }
}

/// Different environments of one run, and runs with different seeds, get different random numbers.
#[test]
fn streams_are_apart() {
    let (mut a, policy) = sampler("Pendulum-v1", 6);
    let batch = a.sample(&policy, 60).unwrap();
    for env in 1..6 {
        assert_ne!(batch.observations.row(10 * env), batch.observations.row(0));
        assert_ne!(batch.actions.row(10 * env).reals(), batch.actions.row(0).reals());
    }
    let source = registry::make("Pendulum-v1", &toml::Table::new()).unwrap();
    let other = Sampler::new(source.as_ref(), 6, 0.99, 6).unwrap().sample(&policy, 60).unwrap();
    assert_ne!(other.observations, batch.observations);
}

/// The episodes of one environment do not depend on how many other environments there are.
#[test]
fn an_environment_does_not_see_its_company() {
    let (mut alone, policy) = sampler("Pendulum-v1", 1);
    let (mut many, _) = sampler("Pendulum-v1", 6);
    let (alone, many) = (alone.sample(&policy, 50).unwrap(), many.sample(&policy, 300).unwrap());
    for row in 0..50 {
        assert_eq!(alone.inputs.row(row), many.inputs.row(row));
        assert_eq!(alone.actions.row(row).reals(), many.actions.row(row).reals());
    }
    assert_eq!(alone.rewards[..], many.rewards[..50]);
}

/// The sampler is saved at every kind of cut point: before the first batch, within episodes, at their ends, and while noise
/// is held.
#[test]
fn a_loaded_sampler_continues_bit_by_bit() {
    for (id, _) in TASKS {
        let (mut whole, policy) = sampler(id, 5);
        let sizes = [5, 1, 13, 198, 64, 801, 7, 40];
        let mut snapshots = vec![whole.save().unwrap()];
        let batches: Vec<Batch> = sizes
            .iter()
            .map(|steps| {
                let batch = whole.sample(&policy, *steps).unwrap();
                snapshots.push(whole.save().unwrap());
                batch
            })
            .collect();
        for (cut, snapshot) in snapshots.iter().enumerate() {
            let (mut resumed, _) = sampler(id, 5);
            resumed.sample(&policy, 23).unwrap(); // what it did before must be forgotten
            resumed.load(snapshot).unwrap();
            assert_eq!(resumed.save().unwrap(), *snapshot);
            for (steps, expected) in sizes[cut..].iter().zip(&batches[cut..]) {
                assert_same(&resumed.sample(&policy, *steps).unwrap(), expected);
            }
        }
    }
}

/// The best that is possible for environments that cannot save: their streams go on, and their episodes start anew.
#[test]
fn streams_alone_restart_the_episodes() {
    let script = Script::new(Some(9), |_, _| outcome(1.0, Ending::Running));
    let policy = policy(&script.spec(), Std::StateIndependent, false);
    let mut scripted = script.sampler(3);
    scripted.sample(&policy, 10).unwrap();
    assert!(scripted.save().is_none());
    assert_eq!(scripted.save_streams().len(), 3);

    let (mut original, policy) = sampler("Pendulum-v1", 3);
    original.sample(&policy, 100).unwrap();
    let snapshots = original.save_streams();
    let (mut resumed, _) = sampler("Pendulum-v1", 3);
    resumed.load(&snapshots).unwrap();
    let batch = resumed.sample(&policy, 30).unwrap();
    assert!(batch.segments.iter().all(|segment| segment.first_step == 0));
    let (mut fresh, _) = sampler("Pendulum-v1", 3);
    assert_ne!(fresh.sample(&policy, 30).unwrap().observations, batch.observations, "the streams did not start anew");
}

#[test]
fn snapshots_that_do_not_fit_are_refused() {
    let (sampler_of_three, policy) = sampler("CartPole-v1", 3);
    let mut three = sampler_of_three;
    three.sample(&policy, 10).unwrap();
    let snapshots = three.save().unwrap();
    let (mut four, _) = sampler("CartPole-v1", 4);
    assert!(four.load(&snapshots).is_err());
    let spoilt = |spoil: fn(&mut npg::rollout::Snapshot)| {
        let mut snapshots = snapshots.clone();
        spoil(&mut snapshots[1]);
        let (mut other, _) = sampler("CartPole-v1", 3);
        other.load(&snapshots)
    };
    assert!(spoilt(|s| s.observation.truncate(2)).is_err());
    assert!(spoilt(|s| s.state.truncate(2)).is_err());
    assert!(spoilt(|s| s.state[0] = f64::NAN).is_err());
    assert!(spoilt(|_| ()).is_ok());
}
