//! Training end to end: it learns, it is reproducible, and it continues where it was saved.

use super::*;
use crate::env::registry;
use crate::metrics::Row;

fn config(steps: u64) -> Config {
    let mut config = Config::default();
    config.rollout.n_envs = 8;
    config.rollout.batch_steps = 1000;
    config.policy.hidden = vec![16];
    config.value.hidden = vec![16];
    config.value.epochs = 3;
    config.run.steps = steps;
    config
}

fn trainer(id: &str, config: Config) -> Trainer {
    let source = registry::make(id, &config.env).unwrap();
    Trainer::new(config, source).unwrap()
}

/// The parameters and all metrics except times, as bits.
fn trace(trainer: &mut Trainer) -> Vec<u64> {
    let mut bits = Vec::new();
    while let Some(iteration) = trainer.step() {
        let iteration = iteration.unwrap();
        let values = iteration.metrics.values().into_iter().filter(|(name, _)| !name.starts_with("time/"));
        bits.extend(values.map(|(_, value)| value.to_bits()));
        bits.extend(trainer.policy.theta.iter().map(|t| t.to_bits()));
    }
    bits
}

#[test]
fn exactly_the_requested_steps_also_when_nothing_divides() {
    let mut config = config(2345);
    config.rollout.n_envs = 7;
    let mut trainer = trainer("CartPole-v1", config);
    let steps: Vec<u64> = trainer.by_ref().map(|i| i.unwrap().steps).collect();
    assert_eq!(steps, [1000, 2000, 2345]);
}

/// Pendulum's episodes have 200 steps, so they end in every other batch of 100.
#[test]
fn the_return_of_a_batch_is_that_of_the_episodes_that_ended_in_it() {
    let mut config = config(2000);
    (config.rollout.n_envs, config.rollout.batch_steps) = (5, 500);
    let rows: Vec<Row> = trainer("Pendulum-v1", config).map(|iteration| iteration.unwrap().metrics).collect();
    let [first, second, third, fourth] = &rows[..] else { panic!("{} iterations", rows.len()) };
    let of = |row: &Row, name| row.get(name).unwrap();
    assert!(of(first, metrics::EP_REW_BATCH).is_nan() && of(third, metrics::EP_REW_BATCH).is_nan());
    assert_eq!(of(second, metrics::EP_REW_BATCH), of(second, metrics::EP_REW_MEAN));
    let mean = 0.5 * (of(second, metrics::EP_REW_BATCH) + of(fourth, metrics::EP_REW_BATCH));
    assert!((of(fourth, metrics::EP_REW_MEAN) - mean).abs() < 1e-9 * mean.abs());
}

#[test]
fn threads_do_not_change_a_bit() {
    for id in ["CartPole-v1", "Pendulum-v1"] {
        let run = |threads| {
            let mut config = config(3000);
            config.rollout.threads = threads;
            trace(&mut trainer(id, config))
        };
        let expected = run(1);
        for threads in [2, 4, 7] {
            assert!(run(threads) == expected, "{id}: {threads} threads give other bits than one");
        }
    }
}

/// The parameters and all other metrics have the same bits without the report.
#[test]
fn a_report_steers_nothing() {
    for (id, discounted_states) in [("CartPole-v1", false), ("CartPole-v1", true), ("Pendulum-v1", false)] {
        let run = |report| {
            let mut config = config(3000);
            config.trust_region.report = report;
            config.algorithm.discounted_states = discounted_states;
            config.algorithm.step = crate::config::StepRule::LineSearch;
            let (mut trainer, mut bits, mut reported) = (trainer(id, config), Vec::new(), 0);
            while let Some(iteration) = trainer.step() {
                for (name, value) in iteration.unwrap().metrics.values() {
                    match name.split_once('/') {
                        Some(("trust_region", _)) => reported += 1,
                        Some(("time", _)) => {}
                        _ => bits.push(value.to_bits()),
                    }
                }
                bits.extend(trainer.policy.theta.iter().map(|t| t.to_bits()));
            }
            (bits, reported)
        };
        let ((with, reported), (without, none)) = (run(true), run(false));
        assert!(with == without, "{id}, discounted states {discounted_states}");
        let named = crate::metrics::METRICS.iter().filter(|m| m.name.starts_with("trust_region/")).count();
        assert_eq!((reported, none), (3 * named, 0));
    }
}

/// Files that were written before there were reports look like this.
#[test]
fn a_checkpoint_without_a_report_is_resumed() {
    let mut settings = config(3000);
    settings.trust_region.report = false;
    let mut first = trainer("CartPole-v1", settings);
    first.step().unwrap().unwrap();
    let archive = first.save();
    assert!(archive.names().all(|name| !name.starts_with("trust_region")));
    let text = archive.field::<String>("config").unwrap();
    let mut archive = archive;
    archive.header["config"] = text.replace("[trust_region]\nreport = false", "").into();
    let source = registry::make("CartPole-v1", &toml::Table::new()).unwrap();
    let (mut second, _) = Trainer::restore(&archive, source).unwrap();
    let gain = |trainer: &mut Trainer| {
        let iteration = trainer.step().unwrap().unwrap();
        iteration.metrics.get("trust_region/realized_gain").unwrap()
    };
    assert!(gain(&mut second).is_nan(), "nothing is known about the batch before");
    assert!(gain(&mut second).is_finite());
}

/// The first statistics change all units. After that, the policy stays the same when the statistics change.
#[test]
fn statistics_that_move_leave_a_compensated_policy() {
    let moved = |compensate| -> Vec<f64> {
        let mut config = config(6000);
        config.normalize.compensate = compensate;
        let kl = |i: Result<Iteration>| i.unwrap().metrics.get("npg/kl_normalizer").unwrap();
        trainer("Pendulum-v1", config).skip(1).map(kl).collect()
    };
    let (with, without) = (moved(true), moved(false));
    assert!(with.iter().all(|kl| *kl < 1e-9), "{with:?}");
    assert!(without.iter().all(|kl| *kl > 1e-6), "{without:?}");
}

/// The run is interrupted after every iteration, and every part of the state is in use.
#[test]
fn a_resumed_run_equals_the_uninterrupted_one() {
    for (id, std) in [("CartPole-v1", crate::config::Std::StateIndependent), ("Pendulum-v1", crate::config::Std::Sde)] {
        let mut settings = config(5000);
        settings.algorithm.cg_warm_start = true;
        settings.algorithm.momentum = 0.5;
        settings.algorithm.solver = crate::config::Solver::Cg;
        settings.algorithm.kl_step_schedule = Schedule::Linear;
        settings.policy.std = std;
        settings.rollout.n_envs = 6;
        let expected = trace(&mut trainer(id, settings.clone()));
        for cut in 0..=5 {
            let mut first = trainer(id, settings.clone());
            first.config.run.steps = 5000;
            let mut bits = Vec::new();
            for _ in 0..cut {
                let iteration = first.step().unwrap().unwrap();
                let values = iteration.metrics.values().into_iter().filter(|(name, _)| !name.starts_with("time/"));
                bits.extend(values.map(|(_, value)| value.to_bits()));
                bits.extend(first.policy.theta.iter().map(|t| t.to_bits()));
            }
            let archive = crate::checkpoint::Archive::from_bytes(&first.save().to_bytes()).unwrap();
            let (mut second, continued) =
                Trainer::restore(&archive, registry::make(id, &settings.env).unwrap()).unwrap();
            assert!(continued);
            bits.extend(trace(&mut second));
            assert!(bits == expected, "{id}: cut after {cut} iterations");
        }
    }
}

#[test]
fn a_checkpoint_of_another_environment_or_with_other_outputs_is_refused() {
    let archive = trainer("CartPole-v1", config(1000)).save();
    let source = registry::make("Acrobot-v1", &toml::Table::new()).unwrap();
    let error = Trainer::restore(&archive, source).unwrap_err();
    assert!(error.to_string().contains("it belongs to CartPole-v1, not to Acrobot-v1"), "{error}");

    let mut altered = trainer("CartPole-v1", config(1000)).save();
    let shape = altered.shape("policy/theta").unwrap().to_vec();
    let mut theta = altered.f64("policy/theta", &shape).unwrap();
    theta[0] += 0.1;
    altered.insert_f64("policy/theta", &shape, &theta);
    let spec = registry::make("CartPole-v1", &toml::Table::new()).unwrap().spec();
    let error = load_policy(&altered, &spec).unwrap_err();
    assert!(error.to_string().contains("example output"), "{error}");
}

/// Learns from scratch to a mean return of 150 in 20,000 steps, with three seeds.
#[test]
fn cartpole_is_learned() {
    for seed in 0..3 {
        let mut config = config(20_000);
        config.run.seed = seed;
        config.algorithm.kl_step = 0.02;
        // With 3 epochs the baseline is too poor: all of ten seeds stop at 95. With 10 epochs none of them ends below 250.
        config.value.epochs = 10;
        let mut trainer = trainer("CartPole-v1", config);
        trainer.by_ref().for_each(|i| assert_eq!(i.unwrap().status, UpdateStatus::Stepped));
        let evaluation = trainer.evaluate(20).unwrap();
        assert!(evaluation.mean() > 150.0, "seed {seed}: {}", evaluation.mean());
    }
}

#[test]
fn evaluation_does_not_touch_training() {
    let mut trainer = trainer("Pendulum-v1", config(1000));
    trainer.step().unwrap().unwrap();
    let before = trainer.save().to_bytes();
    let first = trainer.evaluate(10).unwrap();
    assert_eq!(first, trainer.evaluate(10).unwrap());
    assert!(trainer.save().to_bytes() == before);
}

/// A state that no loader accepts must not replace a checkpoint that can be loaded.
#[test]
fn a_state_that_could_not_be_loaded_is_not_saved() {
    let directory = tempfile::tempdir().unwrap();
    let run = crate::run_dir::RunDir::new(directory.path());
    let sound = trainer("CartPole-v1", config(3000));
    sound.check_saved(&crate::checkpoint::Archive::from_bytes(&sound.save().to_bytes()).unwrap()).unwrap();

    let mut overflowed = trainer("CartPole-v1", config(3000));
    overflowed.rewards.returns.squares[0] = f64::INFINITY;
    let mut session = crate::session::Session::begin(overflowed, run.clone());
    let error = session.run(|| false, |_| ()).unwrap_err();
    assert!(matches!(error, Error::Unsaved { .. }), "{error}");
    assert!(error.to_string().contains("tensor `returns/squares` has inf at index 0"), "{error}");
    assert_eq!(run.list_checkpoints().unwrap(), []);

    let mut overflowed = trainer("CartPole-v1", config(3000));
    overflowed.policy.theta.fill(1e300);
    let archive = crate::checkpoint::Archive::from_bytes(&overflowed.save().to_bytes()).unwrap();
    assert!(overflowed.check_saved(&archive).is_err(), "an f32 does not hold these parameters");
}

/// Otherwise it would reach the policy only when training continues, and look like a fault of the policy.
#[test]
fn a_saved_observation_that_is_no_number_is_the_files_fault() {
    let mut trainer = trainer("CartPole-v1", config(3000));
    trainer.step().unwrap().unwrap();
    for tensor in ["environments/observations", "environments/sums"] {
        let mut archive = trainer.save();
        let shape = archive.shape(tensor).unwrap().to_vec();
        let mut numbers = archive.f64(tensor, &shape).unwrap();
        numbers[3] = f64::NAN;
        archive.insert_f64(tensor, &shape, &numbers);
        let source = registry::make("CartPole-v1", &toml::Table::new()).unwrap();
        let Err(RestoreError::Fault(fault)) = Trainer::restore(&archive, source) else { panic!("{tensor} was taken") };
        assert_eq!(fault.to_string(), format!("it is damaged: tensor `{tensor}` has NaN at index 3"));
    }
}

#[test]
fn a_saved_state_that_the_environment_refuses_is_the_files_fault() {
    let mut trainer = trainer("CartPole-v1", config(3000));
    trainer.step().unwrap().unwrap();
    let mut archive = trainer.save();
    let (tensor, count) = ("environments/states/lengths", trainer.config.rollout.n_envs);
    let mut lengths = archive.u64(tensor, &[count]).unwrap();
    (lengths[0], lengths[1]) = (lengths[0] - 1, lengths[1] + 1);
    archive.insert_u64(tensor, &[count], &lengths);
    let source = registry::make("CartPole-v1", &toml::Table::new()).unwrap();
    let Err(RestoreError::Fault(fault)) = Trainer::restore(&archive, source) else { panic!("it was taken") };
    assert!(fault.to_string().starts_with("it is damaged: the state of its environments: environment 0, "), "{fault}");
}

/// If the run is killed after that, it can be resumed.
#[test]
fn the_first_checkpoint_comes_before_all_else_and_is_enough_to_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let run = crate::run_dir::RunDir::new(directory.path());
    std::fs::create_dir(run.config()).unwrap(); // so that it stops there
    let error = crate::session::Session::begin(trainer("CartPole-v1", config(1000)), run.clone()).prepare();
    assert!(error.unwrap_err().to_string().contains("config.toml"));
    std::fs::remove_dir(run.config()).unwrap();
    let source = |config: &Config, id: &str| registry::make(id, &config.env);
    let mut session = crate::session::Session::resume(run.clone(), None, source).unwrap();
    assert!(session.run(|| false, |_| ()).unwrap().finished);
    assert!(run.config().is_file() && run.provenance().is_file() && run.metrics().is_file());
}

/// The parameters overflow in f32, and no action can be drawn from the outputs.
#[test]
fn a_policy_that_gives_no_number_is_not_acted_on() {
    let mut trainer = trainer("CartPole-v1", config(3000));
    trainer.policy.theta.fill(1e39);
    for error in [trainer.evaluate(2).unwrap_err(), trainer.step().unwrap().unwrap_err()] {
        assert!(matches!(error, Error::Policy { environment: 0, episode: 0, step: 1, .. }), "{error}");
    }
}

/// The first statistics change every policy, so only later ones are news.
#[test]
fn a_normalizer_that_changes_the_policy_by_many_budgets_is_told() {
    let notes = |iteration, moved| {
        let mut metrics = Row::default();
        metrics.push(metrics::KL_NORMALIZER, moved);
        metrics.push(metrics::KL_STEP, 0.01);
        Iteration { iteration, steps: 0, metrics, status: UpdateStatus::Stepped, value_refused: false }.notes()
    };
    assert!(notes(1, 5.0).is_empty() && notes(2, 0.05).is_empty() && notes(2, 0.0).is_empty());
    let told = "new observation statistics changed the policy by 5.0e0 nats, many times its KL budget";
    assert!(notes(2, 5.0)[0].starts_with(told), "{:?}", notes(2, 5.0));
}
