//! The gains that a step promises and delivers, compared with plain sums and with a task whose J is known.

use crate::cases::{Case, INPUTS, families, matrix};
use crate::oracle::Oracle;
use npg::config::{Config, NetworkKind};
use npg::env::{Action, Ending, Env, Outcome, Space, Spec};
use npg::policy::Policy;
use npg::problem::{PolicySnapshot, States, Surrogate};
use npg::random::Stream;
use npg::train::{Iteration, Trainer};
use npg::trust_region::{EpisodeScale, PredictedGain};

/// The total variation as npg measures it: exact for classes, and a bound for everything else.
fn total_variation(oracle: &Oracle, p: &[f64], q: &[f64], exact: bool) -> f64 {
    if exact {
        let probability = |outputs: &[f64], action: &[f64]| oracle.log_prob(outputs, action).exp();
        let actions = oracle.actions(p);
        return 0.5 * actions.iter().map(|(a, _)| (probability(p, a) - probability(q, a)).abs()).sum::<f64>();
    }
    let kl = oracle.kl(p, q).min(oracle.kl(q, p));
    (kl / 2.0).sqrt().min((1.0 - (-kl).exp()).sqrt())
}

/// Every number of a predicted gain, for all families of policies, compared with sums that are written out here.
#[test]
fn a_promise_is_what_plain_sums_give() {
    for family in families() {
        let case = Case::new(&family, 150, 61);
        let (oracle, old, n) = (&case.oracle, &case.policy.theta, case.rows());
        let mut rng = case.rng();
        let new: Vec<f64> = old.iter().map(|t| f64::from((t + 0.05 * rng.normal()) as f32)).collect();
        let (gamma, horizon, unit) = (0.9f64, 30, 2.5);
        let steps: Vec<i32> = (0..n).map(|row| (row % 30) as i32).collect();
        let total: f64 = steps.iter().map(|t| gamma.powi(*t)).sum();
        let discounts: Vec<f64> = steps.iter().map(|t| gamma.powi(*t) * n as f64 / total).collect();

        let at = PolicySnapshot::new(&case.policy, case.states(), 1.0);
        let measured = at.compare(&new, Surrogate { discounts: Some(&discounts), entropy: 0.3, ..case.surrogate() });
        let plain = at.compare(&new, Surrogate { entropy: 0.3, ..case.surrogate() });
        assert_eq!((measured.surrogate, measured.kl, measured.tv), (plain.surrogate, plain.kl, plain.tv));
        let largest = case.advantages.iter().fold(0.0f64, |m, a| m.max(a.abs()));
        let episodes = EpisodeScale {
            gamma,
            horizon: Some(horizon),
            discounted_length: (1.0 - gamma.powi(30)) / (1.0 - gamma),
            mean_step: 14.5,
            advantage_unit: unit,
            advantage_max: largest,
        };
        let predicted = PredictedGain::new(&measured, &episodes);

        let exact = family.name.starts_with("categorical");
        let (mut gain, mut tv, mut kl) = (0.0, 0.0, 0.0); // sums of gamma^t over an episode, divided by its discounted length
        let (mut alpha, mut kl_max, mut kl_reverse_max) = (0.0f64, 0.0f64, 0.0f64);
        for (row, state) in case.states.iter().enumerate() {
            let (p, q) = (oracle.outputs(old, state), oracle.outputs(&new, state));
            let (action, share) = (case.action(row), gamma.powi(steps[row]) / total);
            let ratio = (oracle.log_prob(&q, &action) - oracle.log_prob(&p, &action)).exp();
            gain += share * (ratio - 1.0) * case.advantages[row] * unit;
            let distance = total_variation(oracle, &p, &q, exact);
            tv += share * distance;
            kl += share * oracle.kl(&p, &q);
            alpha = alpha.max(distance);
            kl_max = kl_max.max(oracle.kl(&p, &q));
            kl_reverse_max = kl_reverse_max.max(oracle.kl(&q, &p));
        }
        let (eps_max, length) = (largest * unit, episodes.discounted_length);
        let surrogate = gain * length;
        let drifts = (0..horizon as i32).map(|t| gamma.powi(t) * (1.0 - (1.0 - alpha).powi(t)));
        let alpha_kl = (kl_max / 2.0).sqrt().min(1.0); // no total variation is above 1
        let d = 1.0 - gamma;
        for (actual, expected, what) in [
            (measured.kl_reverse_max, kl_reverse_max, "largest reverse KL"),
            (measured.tv_max, alpha, "largest TV"),
            (predicted.surrogate, surrogate, "surrogate"),
            (predicted.advantage_max, eps_max, "largest advantage"),
            (predicted.drift, 1.0 - (1.0 - alpha).powf(14.5), "drift"),
            (predicted.series, surrogate - 4.0 * alpha * eps_max * drifts.sum::<f64>(), "series"),
            (predicted.trpo, surrogate - 4.0 * gamma * eps_max * (alpha / d).powi(2), "TRPO"),
            (predicted.trpo_kl, surrogate - 4.0 * gamma * eps_max * (alpha_kl / d).powi(2), "TRPO with KL"),
            // CPO's mean is over the discounted distribution of states. It is (1 - gamma) times the discounted length times
            // the mean over an episode's states.
            (predicted.cpo, surrogate - 4.0 * gamma * alpha * eps_max * length * tv / d, "CPO"),
            (
                predicted.cpo_kl,
                surrogate - 4.0 * gamma * alpha_kl * eps_max * (d * length * kl / 2.0).sqrt().min(1.0) / d.powi(2),
                "CPO with KL",
            ),
        ] {
            // The outputs are f32, so log probabilities are known to 1e-7. The root of a small KL has a larger error.
            let error = (actual - expected).abs();
            assert!(error < 1e-3 * expected.abs() + 1e-4, "{}, {what}: {actual} {expected}", case.name);
        }
        assert_eq!(measured.tv_exact, exact, "{}: a bound must be called one", case.name);
        // A bound on the TV may exceed what the KL alone gives. An exact TV may not.
        assert!(predicted.series >= predicted.trpo && predicted.cpo >= predicted.trpo);
        assert!(!exact || (predicted.trpo >= predicted.trpo_kl && predicted.cpo >= predicted.cpo_kl), "{predicted:?}");
    }
}

#[test]
fn a_policy_that_stays_promises_nothing() {
    for family in families() {
        let case = Case::new(&family, 70, 62);
        let at = PolicySnapshot::new(&case.policy, case.states(), 1.0);
        let surrogate = Surrogate { discounts: Some(&case.ones), ..case.surrogate() };
        let none = at.unmoved();
        for horizon in [None, Some(100)] {
            for gamma in [0.9, 1.0] {
                let episodes = EpisodeScale {
                    gamma,
                    horizon,
                    discounted_length: 10.0,
                    mean_step: 5.0,
                    advantage_unit: 3.0,
                    advantage_max: 2.0,
                };
                let predicted = PredictedGain::new(&none, &episodes);
                let bounds = [predicted.series, predicted.trpo, predicted.trpo_kl, predicted.cpo, predicted.cpo_kl];
                assert_eq!((predicted.surrogate, predicted.drift, bounds), (0.0, 0.0, [0.0; 5]), "{}", case.name);
                // Without a discount, only the sum up to a time limit is finite for a policy that moves.
                let new: Vec<f64> = case.policy.theta.iter().map(|t| t + 0.1).collect();
                let moved = PredictedGain::new(&at.compare(&new, surrogate), &episodes);
                assert!(moved.drift > 0.0 && moved.surrogate.is_finite());
                assert_eq!(moved.cpo.is_finite(), gamma < 1.0, "{moved:?}");
                assert_eq!(moved.series.is_finite(), gamma < 1.0 || horizon.is_some(), "{moved:?}");
            }
        }
    }
}

const GAMMA: f64 = 0.9;
/// The probability that an episode goes on after a step.
const GOES_ON: f64 = 0.9;
/// The reward of action a in state s.
const REWARDS: [[f64; 2]; 3] = [[1.0, 0.0], [20.0, 0.0], [0.0, 50.0]];
/// The distribution of the next state after action a in state s, if the episode goes on.
const NEXT: [[[f64; 3]; 2]; 3] =
    [[[0.8, 0.1, 0.1], [0.2, 0.2, 0.6]], [[0.6, 0.3, 0.1], [0.1, 0.1, 0.8]], [[0.4, 0.5, 0.1], [0.7, 0.2, 0.1]]];

/// Three rooms, observed as unit vectors. Episodes begin in the first.
struct Rooms(usize);

impl Env for Rooms {
    fn spec(&self) -> Spec {
        Spec {
            id: "Rooms".into(),
            observation: Space::uniform_box(3, 0.0, 1.0),
            action: Space::Discrete(2),
            max_episode_steps: None,
            reward_threshold: None,
        }
    }

    fn reset(&mut self, _: &mut Stream, observation: &mut [f64]) -> Result<(), String> {
        self.0 = 0;
        observation.copy_from_slice(&[1.0, 0.0, 0.0]);
        Ok(())
    }

    fn step(&mut self, action: Action<'_>, rng: &mut Stream, observation: &mut [f64]) -> Result<Outcome, String> {
        let reward = REWARDS[self.0][action.index()];
        let (mut rest, next) = (rng.unit(), NEXT[self.0][action.index()]);
        self.0 = (0..2)
            .find(|s| {
                rest -= next[*s];
                rest < 0.0
            })
            .unwrap_or(2);
        observation.fill(0.0);
        observation[self.0] = 1.0;
        let ending = if rng.unit() < GOES_ON { Ending::Running } else { Ending::Terminated };
        Ok(Outcome { reward, ending })
    }
}

/// The probabilities of the two actions in each room.
fn probabilities(policy: &Policy) -> [[f64; 2]; 3] {
    let rooms: Vec<Vec<f64>> =
        (0..INPUTS).map(|s| (0..INPUTS).map(|j| f64::from(u8::from(s == j))).collect()).collect();
    let inputs = matrix(&rooms);
    let at = PolicySnapshot::new(policy, States::of(&inputs), 1.0);
    std::array::from_fn(|s| {
        let [a, b] = [at.outputs(s)[0], at.outputs(s)[1]].map(f64::from);
        [1.0 / (1.0 + (b - a).exp()), 1.0 / (1.0 + (a - b).exp())]
    })
}

/// Q of each action, by iterating the Bellman equation to its fixed point. V(0) is J.
fn action_values(pi: &[[f64; 2]; 3]) -> [[f64; 2]; 3] {
    let mut q = [[0.0; 2]; 3];
    for _ in 0..500 {
        let v: [f64; 3] = std::array::from_fn(|s| pi[s][0] * q[s][0] + pi[s][1] * q[s][1]);
        q = std::array::from_fn(|s| {
            std::array::from_fn(|a| {
                REWARDS[s][a] + GAMMA * GOES_ON * (0..3).map(|next| NEXT[s][a][next] * v[next]).sum::<f64>()
            })
        });
    }
    q
}

fn value(pi: &[[f64; 2]; 3], q: &[[f64; 2]; 3], s: usize) -> f64 {
    pi[s][0] * q[s][0] + pi[s][1] * q[s][1]
}

/// The true surrogate: the mean advantage of the new policy's actions in the old policy's states.
fn surrogate(old: &[[f64; 2]; 3], new: &[[f64; 2]; 3]) -> f64 {
    let q = action_values(old);
    let (mut visits, mut total) = ([1.0, 0.0, 0.0], 0.0);
    for _ in 0..500 {
        let mut next = [0.0; 3];
        for s in 0..3 {
            for a in 0..2 {
                total += visits[s] * new[s][a] * (q[s][a] - value(old, &q, s));
                for (to, slot) in next.iter_mut().enumerate() {
                    *slot += GAMMA * GOES_ON * visits[s] * old[s][a] * NEXT[s][a][to];
                }
            }
        }
        visits = next;
    }
    total
}

fn rooms(steps: u64, batch_steps: usize) -> Trainer {
    let mut config = Config::default();
    config.run.steps = steps;
    config.rollout.n_envs = 40;
    config.rollout.batch_steps = batch_steps;
    config.policy.network = NetworkKind::Linear;
    config.value.hidden = vec![8];
    config.advantage.gamma = GAMMA;
    config.normalize.observations = false;
    Trainer::new(config, Box::new(|| Rooms(0))).unwrap()
}

/// Ten updates with both normalizers of rewards on, which the report must undo. Rewards are of order 10 and returns of order
/// 100. The tolerance of a gain is four of its own standard errors. False alarms are rarer than 6e-5 each, and the seed is
/// fixed.
#[test]
fn gains_are_those_of_a_task_that_can_be_solved() {
    let mut trainer = rooms(220_000, 20_000);
    let mut policies = vec![probabilities(trainer.policy())];
    let mut iterations: Vec<Iteration> = Vec::new();
    while let Some(iteration) = trainer.step() {
        iterations.push(iteration.unwrap());
        policies.push(probabilities(trainer.policy()));
    }
    let metric = |iteration: usize, name: &str| iterations[iteration].metrics.get(name).unwrap();
    let (mut promised, mut abar) = (0.0, 0.0);
    for k in 0..iterations.len() {
        let j = |pi: &[[f64; 2]; 3]| value(pi, &action_values(pi), 0);
        let (actual, se) =
            (metric(k, "trust_region/discounted_return"), metric(k, "trust_region/discounted_return_se"));
        // The first baseline has learned nothing. It must estimate the rest of the 40 episodes, out of 2,000, that the end of
        // the batch cuts off.
        assert!((actual - j(&policies[k])).abs() < 4.0 * se + 0.5, "J {k}: {actual} {}", j(&policies[k]));
        assert!(se < 0.03 * actual);
        if k + 1 == iterations.len() {
            break;
        }
        let (gain, se) = (metric(k + 1, "trust_region/realized_gain"), metric(k + 1, "trust_region/realized_gain_se"));
        let expected = j(&policies[k + 1]) - j(&policies[k]);
        assert!((gain - expected).abs() < 4.0 * se, "gain {k}: {gain} instead of {expected}, error {se}");
        promised += metric(k, "trust_region/surrogate");
        abar += surrogate(&policies[k], &policies[k + 1]);
        for bound in ["series", "trpo", "trpo_kl", "cpo", "cpo_kl"] {
            let bound = metric(k, &format!("trust_region/bound_{bound}"));
            assert!(bound <= expected, "update {k}: a bound of {bound} on {expected}");
        }
    }
    assert!(metric(0, "trust_region/realized_gain").is_nan(), "there is nothing before the first update");
    // The length of an episode is estimated from 100 of them, to about 5 %. The step also fits the noise of its batch.
    assert!((promised / abar - 1.0).abs() < 0.15, "promised {promised}, true surrogate {abar}");
}

/// A step also fits the noise of its batch, and the surrogate is measured on that same batch. With a hundredth of the states,
/// the steps promise more than they can keep. The true surrogate and the true gain agree.
#[test]
fn small_batches_promise_too_much() {
    let mut trainer = rooms(10_000, 200);
    let (mut promised, mut abar, mut gain) = (0.0, 0.0, 0.0);
    let mut old = probabilities(trainer.policy());
    while let Some(iteration) = trainer.step() {
        let new = probabilities(trainer.policy());
        promised += iteration.unwrap().metrics.get("trust_region/surrogate").unwrap();
        abar += surrogate(&old, &new);
        gain += value(&new, &action_values(&new), 0) - value(&old, &action_values(&old), 0);
        old = new;
    }
    assert!(gain > 20.0 && (abar / gain - 1.0).abs() < 0.1, "{abar} {gain}");
    assert!(promised > 2.0 * abar, "promised {promised}, true surrogate {abar}");
}
