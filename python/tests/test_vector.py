"""Which transitions come out of vector environments in each autoreset mode: exactly those of the environments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import gymnasium.vector
import numpy as np
import pytest
from environments import BEGAN, RUNNING, Counting, Matching, Transition, expected, length_of, reward_of

import npg
from npg._actions import Actions
from npg._groups import SyncGroup, VectorGroup, autoreset_mode
from npg._spaces import Observations

LANES = 3
AutoresetMode: Any = getattr(gymnasium.vector, "AutoresetMode", None)
MODES = ["NEXT_STEP", "SAME_STEP", "DISABLED"] if AutoresetMode is not None else ["the only one"]


def makers(same_lengths: bool = False) -> list[Callable[[], Counting]]:
    return [lambda lane=lane: Counting(0 if same_lengths else lane) for lane in range(LANES)]  # type: ignore[misc]


def vector(mode: str, cls: Any = gymnasium.vector.SyncVectorEnv, same_lengths: bool = False) -> Any:
    arguments = {} if AutoresetMode is None else {"autoreset_mode": AutoresetMode[mode]}
    return cls(makers(same_lengths), **arguments)


def drive(group: Any, count: int) -> list[list[Transition]]:
    """Steps a group as the trainer does, until each lane has `count` transitions."""
    taken: list[list[Transition]] = [[] for _ in range(LANES)]
    seen: list[Any] = []
    for lane in range(LANES):
        seen.append(np.array(group.reset(lane, 100 + lane)[0]))
    while min(map(len, taken)) < count:
        # A group of single environments is also asked for some of them only.
        lanes = list(range(LANES))
        if not group.steps_together and len(taken[0]) % 4 == 3:
            lanes = [0, 2]
        which = None if len(lanes) == LANES else np.array(lanes)
        rows, rewards, endings, masks = group.step(which, np.zeros((len(lanes), 1), np.int64))
        assert masks is None and rewards.dtype == np.float64 and endings.dtype == np.uint8 and len(rows) == len(lanes)
        rows = rows.copy()
        for row, lane in enumerate(lanes):
            if endings[row] == BEGAN:
                seen[lane] = rows[row]
                continue
            taken[lane].append((seen[lane].tolist(), float(rewards[row]), int(endings[row]), rows[row].tolist()))
            seen[lane] = rows[row]
            if endings[row] != RUNNING:
                first, _ = group.reset(lane, None)
                seen[lane] = None if first is None else np.array(first)
    return taken


def check(group: Any) -> None:
    for lane, transitions in enumerate(drive(group, 40)):
        assert transitions[:40] == expected(lane, 40)


def test_npgs_own_group_gives_the_transitions() -> None:
    environments = [make() for make in makers()]
    spaces = Observations(environments[0].observation_space), Actions(environments[0].action_space)
    check(SyncGroup(environments, *spaces))
    assert [environment.seeds[:2] for environment in environments] == [[100, None], [101, None], [102, None]]


@pytest.mark.parametrize("mode", MODES)
def test_sync_vector_env_gives_the_transitions(mode: str) -> None:
    environment = vector(mode)
    check(VectorGroup(environment))
    assert [each.seeds[:2] for each in environment.envs] == [[100, None], [101, None], [102, None]]


@pytest.mark.parametrize("mode", MODES)
def test_async_vector_env_gives_the_transitions(mode: str) -> None:
    group = VectorGroup(vector(mode, gymnasium.vector.AsyncVectorEnv))
    try:
        check(group)
    finally:
        group.close()


@pytest.mark.parametrize("mode", MODES)
def test_wrapped_vector_envs_tell_their_mode(mode: str) -> None:
    wrappers = getattr(gymnasium.wrappers, "vector", None)
    if wrappers is None:
        pytest.skip("this Gymnasium has no wrappers for vector environments")
    check(VectorGroup(wrappers.RecordEpisodeStatistics(vector(mode))))


def finished(count: int) -> list[tuple[float, int]]:
    """Returns and lengths of the episodes that end in the first `count` steps of `Counting(0)`."""
    episodes, step, episode = [], 0, 0
    while step + length_of(episode, 0) <= count:
        length = length_of(episode, 0)
        episodes.append((sum(reward_of(0, episode, t) for t in range(length)), length))
        step, episode = step + length, episode + 1
    return episodes


@pytest.mark.parametrize("source", ["npg", "single", *MODES])
def test_training_counts_episodes_exactly(source: str, tiny: Callable[..., dict[str, Any]]) -> None:
    """All lanes are alike here: then no lane waits for another's reset, and the trainer records every step."""
    if source == "npg":
        env, lanes, arguments = Counting, LANES, tiny(n_envs=LANES)
    elif source == "single":
        env, lanes, arguments = Counting(), 1, tiny()
    else:
        env, lanes, arguments = vector(source, same_lengths=True), LANES, tiny()
    agent = npg.NPG("MlpPolicy", env, **arguments)
    assert agent.config["rollout"] == {**agent.config["rollout"], "n_envs": lanes, "batch_steps": 64 * lanes}
    agent.learn(2 * 64 * lanes)
    for iteration, metrics in enumerate(agent.history, 1):
        episodes = finished(64 * iteration)
        assert metrics["steps"] == 64 * lanes * iteration
        assert metrics["rollout/episodes"] == lanes * len(episodes)
        # The last 100 episodes of all lanes: lanes in turn within an iteration, so all of them where there are fewer.
        if lanes * len(episodes) <= 100:
            assert metrics["rollout/ep_rew_mean"] == pytest.approx(np.mean([total for total, _ in episodes]))
            assert metrics["rollout/ep_len_mean"] == pytest.approx(np.mean([length for _, length in episodes]))
    assert len(agent.history) == 2


@pytest.mark.parametrize("source", ["npg", *MODES])
def test_numbers_in_info_are_those_of_steps(source: str, tiny: Callable[..., dict[str, Any]]) -> None:
    """`info` of a reset has another `number`, which must not be among them."""
    env, changes = (Counting, {"n_envs": LANES}) if source == "npg" else (vector(source, same_lengths=True), {})
    agent = npg.NPG("MlpPolicy", env, **tiny(**changes)).learn(64 * LANES)
    rewards = [reward for _, reward, _, _ in expected(0, 64)]
    assert agent.metrics["env/number"] == pytest.approx(2 * np.mean(rewards))


def test_lanes_of_different_lengths_lose_no_step_of_an_episode(tiny: Callable[..., dict[str, Any]]) -> None:
    """Unlike lanes: what is trained on is some of their steps; an episode's return is still that of all of its steps."""
    whole = {
        (sum(reward_of(lane, e, t) for t in range(length_of(e, lane)))) for lane in range(LANES) for e in range(60)
    }
    for mode in MODES:
        agent = npg.NPG("MlpPolicy", vector(mode), **tiny(n_steps=9))
        before = 0
        total = 0.0
        for metrics in agent.learn(9 * LANES * 4).history:
            episodes = int(metrics["rollout/episodes"])
            sum_now = metrics["rollout/ep_rew_mean"] * episodes
            if episodes == before + 1:
                assert any(abs(sum_now - total - each) < 1e-6 for each in whole)
            before, total = episodes, sum_now
        assert 4 * LANES <= before <= 12 * LANES


def test_an_unknown_mode_is_refused() -> None:
    environment = vector(MODES[0])
    environment.metadata = {**environment.metadata, "autoreset_mode": "SOMETIMES"}
    with pytest.raises(ValueError, match="SyncVectorEnv.*SOMETIMES.*NEXT_STEP, SAME_STEP or DISABLED"):
        npg.NPG("MlpPolicy", environment)


@pytest.mark.skipif(AutoresetMode is None, reason="this Gymnasium has one mode only, and need not say so")
def test_a_missing_mode_is_refused() -> None:
    environment = vector("NEXT_STEP")
    environment.metadata = {}
    with pytest.raises(ValueError, match="autoreset_mode"):
        autoreset_mode(environment)


def test_same_step_without_final_observations_is_refused(tiny: Callable[..., dict[str, Any]]) -> None:
    class Forgetful(gymnasium.vector.SyncVectorEnv):
        def step(self, actions: Any) -> Any:
            *result, _ = super().step(actions)
            return (*result, {})

    arguments = {} if AutoresetMode is None else {"autoreset_mode": AutoresetMode.SAME_STEP}
    environment = Forgetful(makers(), **arguments)
    if autoreset_mode(environment) != "same-step":
        pytest.skip("this Gymnasium has no such mode")
    agent = npg.NPG("MlpPolicy", environment, **tiny())
    with pytest.raises(ValueError, match="final_obs"):
        agent.learn(64 * LANES)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int32, np.float16, np.float64])
def test_observations_of_every_number_type(dtype: Any, tiny: Callable[..., dict[str, Any]]) -> None:
    """The counts here are small whole numbers: all types hold them, so all train alike."""
    make = [lambda: Counting(0, dtype)] * 2
    arguments = {} if AutoresetMode is None else {"autoreset_mode": AutoresetMode.SAME_STEP}
    agents = [
        npg.NPG("MlpPolicy", env, **tiny(n_steps=32, settings={"normalize.observations": False})).learn(64)
        for env in (
            gymnasium.vector.SyncVectorEnv(make, **arguments),
            gymnasium.vector.SyncVectorEnv([Counting] * 2, **arguments),
        )
    ]
    assert agents[0].metrics["rollout/ep_rew_mean"] == agents[1].metrics["rollout/ep_rew_mean"]
    assert np.array_equal(agents[0].policy.theta, agents[1].policy.theta)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["dict", "multi"])
def test_structured_spaces_in_vector_environments(mode: str, kind: str, tiny: Callable[..., dict[str, Any]]) -> None:
    arguments = {} if AutoresetMode is None else {"autoreset_mode": AutoresetMode[mode]}
    environment = gymnasium.vector.SyncVectorEnv([lambda: Matching(kind)] * 2, **arguments)
    agent = npg.NPG("MultiInputPolicy", environment, **tiny()).learn(256)
    # NEXT_STEP: both lanes reset together after 10 steps, so 64 steps have 6 episodes, 128 have 12.
    assert agent.metrics["rollout/episodes"] == 24
    assert agent.metrics["rollout/ep_len_mean"] == 10
    observations, _ = environment.reset(seed=1)
    actions, _ = agent.predict(observations)
    assert environment.action_space.contains(actions)


def test_ids_train_in_processes(tiny: Callable[..., dict[str, Any]]) -> None:
    agents = [
        npg.NPG("MlpPolicy", "gym:CartPole-v1", **tiny(n_envs=2, vectorization=each)).learn(256)
        for each in ("sync", "async")
    ]
    assert all(agent.num_timesteps == 256 for agent in agents)
    assert all(agent.metrics["rollout/ep_len_mean"] > 5 for agent in agents)


@pytest.mark.parametrize("vectorization", ["sync", "async"])
def test_time_limits_end_episodes_where_the_environment_counts_them(
    vectorization: str, tiny: Callable[..., dict[str, Any]]
) -> None:
    """The limit in the environment's spec is information: without the wrapper TimeLimit nobody counts it."""
    arguments = tiny(n_envs=2, n_steps=450, vectorization=vectorization)
    limited = npg.NPG("MlpPolicy", "gym:MountainCar-v0", **arguments).learn(900)
    assert limited.metrics["rollout/episodes"] == 4 and limited.metrics["rollout/ep_len_mean"] == 200

    def make() -> Any:
        environment = gymnasium.make("MountainCar-v0").unwrapped
        environment.spec = gymnasium.spec("MountainCar-v0")
        return environment

    bare = npg.NPG("MlpPolicy", make, **arguments).learn(900)
    assert bare.metrics["rollout/episodes"] == 0


def test_a_callable_that_gives_the_same_environment_twice_is_refused(tiny: Callable[..., dict[str, Any]]) -> None:
    environment = Counting()
    with pytest.raises(ValueError, match="same environment twice"):
        npg.NPG("MlpPolicy", lambda: environment, **tiny(n_envs=2))


def test_environments_of_the_caller_stay_open(tiny: Callable[..., dict[str, Any]]) -> None:
    environment = Counting()
    agent = npg.NPG("MlpPolicy", environment, **tiny()).learn(64)
    agent.set_env(environment)
    agent.learn(64)
    del agent
    assert not environment.is_closed


def test_environments_that_npg_made_are_closed(tiny: Callable[..., dict[str, Any]]) -> None:
    made = []

    def make() -> Counting:
        made.append(Counting())
        return made[-1]

    agent = npg.NPG("MlpPolicy", make, **tiny(n_envs=2)).learn(128)
    assert len(made) == 2 and not any(each.is_closed for each in made)
    del agent
    assert all(each.is_closed for each in made)
