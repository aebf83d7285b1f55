"""npg's own environments behind Gymnasium's interface, against Gymnasium's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest

import npg.envs

Tiny = Callable[..., dict[str, Any]]

if int(gymnasium.__version__.split(".")[0]) < 1:
    pytest.skip("make_vec is an experiment before Gymnasium 1.0, and spaces have other bounds", allow_module_level=True)

IDS = ["CartPole-v1", "Pendulum-v1", "MountainCar-v0", "MountainCarContinuous-v0", "Acrobot-v1", "FrozenLake-v1"]


def random_actions(environment: Any, seed: int, count: int) -> list[Any]:
    environment.action_space.seed(seed)
    return [environment.action_space.sample() for _ in range(count)]


@pytest.mark.parametrize("name", IDS)
def test_single_environments_keep_gymnasiums_contract(name: str) -> None:
    environment, original = gymnasium.make(f"npg/{name}"), gymnasium.make(name)
    assert environment.observation_space == original.observation_space
    assert environment.action_space == original.action_space
    observation, info = environment.reset(seed=3)
    assert info == {} and environment.observation_space.contains(observation)
    first = [observation]
    for action in random_actions(environment, 1, 20):
        result = environment.step(action)
        assert environment.observation_space.contains(result[0])
        assert [type(part) for part in result[1:]] == [float, bool, bool, dict]
        first.append(result[0])
        if result[2] or result[3]:
            break
    again = [
        environment.reset(seed=3)[0],
        *(environment.step(a)[0] for a in random_actions(environment, 1, len(first) - 1)),
    ]
    assert np.array_equal(first, again)
    environment.close()


@pytest.mark.parametrize("name", ["CartPole-v1", "Pendulum-v1"])
def test_seeds_make_vectors_reproducible(name: str) -> None:
    one, two = (gymnasium.make_vec(f"npg/{name}", num_envs=8) for _ in range(2))
    assert isinstance(one, gymnasium.vector.VectorEnv) and one.num_envs == 8
    first, _ = one.reset(seed=5)
    assert first.dtype == np.float32 and one.observation_space.contains(first)
    assert len(np.unique(first, axis=0)) == 8
    assert np.array_equal(two.reset(seed=5)[0], first)
    assert not np.array_equal(two.reset()[0], first)
    assert not np.array_equal(two.reset(seed=6)[0], first)
    # Environment i has seed + i, also in a list and on its own.
    assert np.array_equal(two.reset(seed=[5, 6, 7, 8, 9, 10, 11, 12])[0], first)
    assert np.array_equal(gymnasium.make(f"npg/{name}").reset(seed=7)[0], first[2])
    one.reset(seed=5), two.reset(seed=5)
    for actions in random_actions(one, 2, 30):
        for ours, theirs in zip(one.step(actions)[:4], two.step(actions)[:4], strict=True):
            assert np.array_equal(ours, theirs)


def state_of(name: str, original: Any) -> Any:
    """State and what `reset` observes of it."""
    inner = original.unwrapped
    return inner.s if name == "FrozenLake-v1" else inner.state


@pytest.mark.parametrize("name", IDS)
def test_steps_are_gymnasiums(name: str) -> None:
    """From the same state with the same actions, until the episode ends; observations to one unit of float32.

    FrozenLake slips at random, so it is compared where it does not.
    """
    options = {"is_slippery": False} if name == "FrozenLake-v1" else {}
    original, native = gymnasium.make(name, **options), gymnasium.make(f"npg/{name}", **options)
    for seed in range(3):
        observation, _ = original.reset(seed=seed)
        seen, _ = native.reset(options={"state": np.asarray(state_of(name, original), np.float64)})
        assert np.allclose(seen, observation, atol=1e-6)
        for steps, action in enumerate(random_actions(original, seed, 1000)):
            theirs, ours = original.step(action), native.step(action)
            assert np.allclose(ours[0], theirs[0], rtol=1e-5, atol=2e-5), steps
            assert ours[1] == pytest.approx(float(theirs[1]), rel=1e-6, abs=1e-6)
            assert ours[2:4] == (bool(theirs[2]), bool(theirs[3]))
            if ours[2] or ours[3]:
                break
        assert ours[2] or ours[3]


def make_mujoco(name: str) -> Any:
    try:
        return gymnasium.make(f"npg/{name}"), gymnasium.make(name)
    except (ImportError, gymnasium.error.DependencyNotInstalled) as error:
        pytest.skip(f"no MuJoCo: {error}")


def test_mujoco_steps_are_gymnasiums() -> None:
    """The same library takes the same steps: to rounding of float32 observations over 20 of them."""
    native, original = make_mujoco("HalfCheetah-v5")
    random = np.random.default_rng(0)
    qpos, qvel = random.uniform(-0.1, 0.1, 9), random.uniform(-0.1, 0.1, 9)
    original.reset(seed=0)
    original.unwrapped.set_state(qpos, qvel)
    seen, _ = native.reset(options={"qpos": qpos, "qvel": qvel})
    assert np.allclose(seen, np.concatenate([qpos[1:], qvel]), atol=1e-6)
    for action in random_actions(original, 0, 20):
        theirs, ours = original.step(action), native.step(action)
        assert np.allclose(ours[0], theirs[0], rtol=1e-4, atol=1e-4)
        assert ours[1] == pytest.approx(float(theirs[1]), rel=1e-4, abs=1e-4)
    with pytest.raises(ValueError, match="environment 0"):
        native.reset(options={"qpos": qpos[1:], "qvel": qvel})


def modes() -> list[Any]:
    return ["NEXT_STEP", "SAME_STEP", "DISABLED"]


@pytest.mark.parametrize("mode", modes())
def test_autoreset_modes(mode: str) -> None:
    """Each mode against one environment at a time, stepped from the first observation of every episode."""
    count = 70  # more than one thread's share
    vector = gymnasium.make_vec("npg/CartPole-v1", num_envs=count, autoreset_mode=mode)
    stated = vector.metadata["autoreset_mode"]
    assert getattr(stated, "name", stated) == mode
    models = [gymnasium.make("npg/CartPole-v1") for _ in range(count)]
    observations, _ = vector.reset(seed=1)
    for model, observation in zip(models, observations, strict=True):
        model.reset(options={"state": observation.astype(np.float64)})
    waits, ends = np.zeros(count, bool), 0
    for actions in random_actions(vector, 0, 60):
        seen, rewards, terminated, truncated, infos = vector.step(actions)
        for i, model in enumerate(models):
            if waits[i]:  # NEXT_STEP: this step was a reset
                assert (rewards[i], terminated[i], truncated[i]) == (0.0, False, False)
                assert np.abs(seen[i]).max() <= 0.05
                model.reset(options={"state": seen[i].astype(np.float64)})
                waits[i] = False
                continue
            true, reward, over, cut, _ = model.step(actions[i])
            assert (rewards[i], terminated[i], truncated[i]) == (reward, over, cut)
            last = infos["final_obs"][i] if mode == "SAME_STEP" and over else seen[i]
            assert np.allclose(last, true, atol=1e-5)
            if over:
                ends += 1
                assert mode != "SAME_STEP" or infos["_final_obs"][i]
                waits[i] = mode == "NEXT_STEP"
                if mode == "SAME_STEP":
                    assert np.abs(seen[i]).max() <= 0.05
                    model.reset(options={"state": seen[i].astype(np.float64)})
        if mode == "DISABLED" and terminated.any():
            with pytest.raises(RuntimeError, match="has ended"):
                vector.step(actions)
            first, _ = vector.reset(options={"reset_mask": terminated})
            assert np.array_equal(first[~terminated], seen[~terminated])
            for i in np.flatnonzero(terminated):
                assert np.abs(first[i]).max() <= 0.05
                models[i].reset(options={"state": first[i].astype(np.float64)})
    assert ends > count


def test_time_limits_truncate() -> None:
    vector = gymnasium.make_vec("npg/Pendulum-v1", num_envs=2, autoreset_mode="SAME_STEP")
    vector.reset(seed=0)
    flags = [vector.step(np.zeros((2, 1), np.float32))[2:4] for _ in range(400)]
    assert not any(terminated.any() for terminated, _ in flags)
    assert [step for step, (_, truncated) in enumerate(flags, 1) if truncated.any()] == [200, 400]


@pytest.mark.parametrize("mode", modes())
@pytest.mark.parametrize("name", ["CartPole-v1", "FrozenLake-v1", "MountainCarContinuous-v0"])
def test_npg_trains_on_them(name: str, mode: str, tiny: Tiny) -> None:
    vector = gymnasium.make_vec(f"npg/{name}", num_envs=16, autoreset_mode=mode)
    agent = npg.NPG("MlpPolicy", vector, **tiny(n_steps=32)).learn(1024)
    assert agent.num_timesteps == 1024 and agent.metrics["npg/updated"] == 1
    assert vector.action_space.contains(agent.predict(vector.reset()[0])[0])


def test_learning_is_that_of_the_environment_by_its_id(tiny: Tiny) -> None:
    """CartPole pays 1 a step, so returns are lengths; both learn about as much in the same steps."""
    arguments = tiny(
        n_steps=64, n_critic_updates=5, learning_rate=3e-3, target_kl=0.02, policy_kwargs={"net_arch": [32]}
    )
    by_id = npg.NPG("MlpPolicy", "CartPole-v1", n_envs=16, **arguments).learn(12_288)
    vector = gymnasium.make_vec("npg/CartPole-v1", num_envs=16, autoreset_mode="SAME_STEP")
    by_vector = npg.NPG("MlpPolicy", vector, **arguments).learn(12_288)
    for agent in (by_id, by_vector):
        metrics = agent.metrics
        assert metrics["rollout/ep_rew_mean"] == metrics["rollout/ep_len_mean"] > 60  # 22 at random


def test_what_is_wrong_is_named() -> None:
    with pytest.raises(ValueError, match="autoreset_mode is 'SOMETIMES'"):
        gymnasium.make_vec("npg/CartPole-v1", num_envs=2, autoreset_mode="SOMETIMES")
    vector = gymnasium.make_vec("npg/CartPole-v1", num_envs=2)
    with pytest.raises(RuntimeError, match="before reset"):
        vector.step(np.zeros(2, np.int64))
    with pytest.raises(ValueError, match="3 seeds for 2"):
        vector.reset(seed=[1, 2, 3])
    with pytest.raises(ValueError, match="unknown options: start"):
        vector.reset(options={"start": 1})
    with pytest.raises(ValueError, match="reset_mask has shape"):
        vector.reset(options={"reset_mask": np.ones(3, bool)})
    vector.reset(seed=1)
    with pytest.raises(ValueError, match="actions"):
        vector.step(np.zeros(3, np.int64))
    for bad in ([2, 0], [-1, 0], [0.5, 0.0], [np.nan, 0.0]):
        with pytest.raises((RuntimeError, ValueError), match="action"):
            vector.step(np.array(bad))
    with pytest.raises(ValueError, match="gravitation"):
        gymnasium.make("npg/CartPole-v1", gravitation=3)
    with pytest.raises(ValueError, match="render_mode"):
        gymnasium.make("npg/CartPole-v1", render_mode="human")
    continuous = gymnasium.make_vec("npg/Pendulum-v1", num_envs=2)
    continuous.reset(seed=1)
    with pytest.raises((RuntimeError, ValueError), match="action"):
        continuous.step(np.array([[np.nan], [0.0]], np.float32))


def test_actions_outside_of_a_box_are_clipped() -> None:
    """Here the reward has the square of the action."""
    one, two = (gymnasium.make_vec("npg/MountainCarContinuous-v0", num_envs=2) for _ in range(2))
    one.reset(seed=1), two.reset(seed=1)
    far = one.step(np.array([[50.0], [-3.0]], np.float32))
    near = two.step(np.array([[1.0], [-1.0]], np.float32))
    assert np.array_equal(far[0], near[0]) and np.array_equal(far[1], near[1])


def test_an_environment_that_was_not_reset_stays_ended() -> None:
    vector = gymnasium.make_vec("npg/CartPole-v1", num_envs=2, autoreset_mode="DISABLED")
    vector.reset(options={"state": [[2.39, 5.0, 0.0, 0.0]] * 2})  # over the edge with the next step
    assert vector.step(np.zeros(2, np.int64))[2].all()
    vector.reset(options={"reset_mask": np.array([True, False])})
    with pytest.raises(RuntimeError, match="environment 1 has ended"):
        vector.step(np.zeros(2, np.int64))


@pytest.mark.filterwarnings("ignore:no update")
@pytest.mark.parametrize("name", ["CartPole-v1", "MountainCar-v0"])
def test_the_vector_takes_the_steps_of_training(name: str) -> None:
    """One environment, the same seed and always the last action: both see the same observations, rewards and ends.

    CartPole's episodes terminate, and those of MountainCar meet the time limit.
    """
    steps, seed = 500, 7
    agent = npg.NPG("MlpPolicy", name, n_envs=1, n_steps=steps, seed=seed, policy_kwargs={"net_arch": [4]})
    agent.policy.theta = np.append(np.zeros(len(agent.policy.theta) - 1), 1e3)
    agent.learn(steps)
    vector = gymnasium.make_vec(f"npg/{name}", num_envs=1, autoreset_mode="SAME_STEP")
    observation, _ = vector.reset(seed=seed)
    last_action = np.array([{"CartPole-v1": 1, "MountainCar-v0": 2}[name]])
    acted_on, returns, lengths = [], [0.0], [0]
    for _ in range(steps):
        acted_on.append(observation[0])
        observation, rewards, terminated, truncated, _ = vector.step(last_action)
        returns[-1], lengths[-1] = returns[-1] + rewards[0], lengths[-1] + 1
        assert truncated[0] == (lengths[-1] == {"CartPole-v1": 500, "MountainCar-v0": 200}[name])
        if terminated[0] or truncated[0]:
            returns.append(0.0)
            lengths.append(0)
    assert len(lengths) > 2
    metrics, statistics = agent.metrics, agent.policy.observation_statistics
    assert metrics["rollout/ep_len_mean"] == np.mean(lengths[:-1])
    assert metrics["rollout/ep_rew_mean"] == np.mean(returns[:-1])
    assert statistics is not None
    seen = np.array(acted_on, np.float64)
    assert np.allclose(statistics[0], seen.mean(axis=0), rtol=1e-5, atol=1e-7)
    assert np.allclose(statistics[1], seen.std(axis=0), rtol=1e-4)


def test_a_diverged_step_pays_nothing_and_leaves_the_last_observation() -> None:
    vector = gymnasium.make_vec("npg/LQR-v0", num_envs=2, autoreset_mode="DISABLED")
    before, _ = vector.reset(seed=0)
    seen, rewards, terminated, truncated, _ = vector.step(np.array([[1e30], [0.0]], np.float32))
    assert (rewards[0], terminated[0], truncated[0]) == (0.0, False, True)
    assert seen[0] == before[0] and seen[1] != before[1] and not truncated[1]


def test_what_an_environment_does_wrong_is_named_with_episode_and_step() -> None:
    vector = gymnasium.make_vec("npg/LQR-v0", num_envs=70, autoreset_mode="SAME_STEP", horizon=3, b=0.0, r=1e80)
    vector.reset(seed=0)
    actions = np.zeros((70, 1), np.float32)
    for _ in range(4):
        vector.step(actions)
    actions[66] = 1e30
    with pytest.raises(RuntimeError, match="environment 66, episode 1, step 2: the reward is -5.*at most 1e100"):
        vector.step(actions)
    with pytest.raises(
        ValueError, match="environment 0, episode 2, step 0: observation.0. is 1e300; it must fit an f32"
    ):
        vector.reset(options={"state": np.full((70, 1), 1e300)})
