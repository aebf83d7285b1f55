"""Numbers in `info`, and Gymnasium's wrappers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import gymnasium.vector
import numpy as np
import pytest
from environments import Counting, expected
from gymnasium import wrappers

import npg
from npg._measures import Measures

Tiny = Callable[..., dict[str, Any]]


def test_means_of_the_numbers_in_info(tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", Counting(), **tiny()).learn(128)
    rewards = [reward for _, reward, _, _ in expected(0, 128)]
    for iteration, metrics in enumerate(agent.history):
        assert metrics["env/number"] == pytest.approx(2 * np.mean(rewards[64 * iteration :][:64]))


def test_numbers_that_are_there_now_and_then(tiny: Tiny) -> None:
    class Sparse(Counting):
        def step(self, action: int) -> Any:
            *result, _ = super().step(action)
            info: dict[str, Any] = {"text": "ignored", "array": np.zeros(3), "success": bool(result[2])}
            if self.steps % 8 == 0:
                info |= {"eighth": np.float32(self.steps), "count": np.int32(2)}
            return (*result, info)

    metrics = npg.NPG("MlpPolicy", Sparse(), **tiny()).learn(64).metrics
    assert metrics["env/eighth"] == np.mean(np.arange(8, 65, 8)) and metrics["env/count"] == 2
    terminated = [ending == 1 for _, _, ending, _ in expected(0, 64)]
    assert metrics["env/success"] == pytest.approx(np.mean(terminated))
    assert {name for name in metrics if name.startswith("env/")} == {
        "env/eighth",
        "env/count",
        "env/success",
    } | {name for name in metrics if name == "env/diverged"}


def test_masked_batches() -> None:
    measures = Measures()
    yes, all_of_them = np.array([True, False, True]), np.ones(3, bool)
    infos = {"x": np.array([1.0, 50.0, 3.0]), "_x": yes, "words": np.array(["a", "b", "c"]), "_words": yes}
    measures.add_batch(infos, all_of_them)
    measures.add_batch({**infos, "final_obs": np.array([1, 2, 3]), "_final_obs": yes}, np.array([False, True, True]))
    measures.add_batch(
        {"final_info": {"x": np.array([7.0, 0.0, 0.0]), "_x": np.array([True, False, False])}}, ~all_of_them
    )
    old_kind = {"final_info": np.array([None, {"y": 2}, None]), "_final_info": np.array([False, True, False])}
    measures.add_batch(old_kind, all_of_them)
    assert measures.take() == [("x", 1.0 + 3.0 + 3.0 + 7.0, 4), ("y", 2.0, 1)]
    assert measures.take() == []


def test_a_mean_that_is_not_finite_is_left_out() -> None:
    measures = Measures()
    measures.add_info({"good": 1.0, "bad": float("nan")})
    assert measures.take() == [("good", 1.0, 1)]


def wrapped(name: str) -> gymnasium.Env[Any, Any]:
    pendulum = gymnasium.make("Pendulum-v1", max_episode_steps=20)
    match name:
        case "RecordEpisodeStatistics":
            return wrappers.RecordEpisodeStatistics(pendulum)
        case "RescaleAction":
            return wrappers.RescaleAction(pendulum, -1.0, 1.0)
        case "FrameStackObservation":
            return wrappers.FrameStackObservation(pendulum, 4)
        case "NormalizeObservation":
            return wrappers.NormalizeObservation(pendulum)
        case "FlattenObservation":
            return wrappers.FlattenObservation(wrappers.FrameStackObservation(pendulum, 2))
        case _:
            return wrappers.TimeAwareObservation(pendulum)


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("RecordEpisodeStatistics", 3),
        ("RescaleAction", 3),
        ("FrameStackObservation", 12),
        ("NormalizeObservation", 3),
        ("FlattenObservation", 6),
        ("TimeAwareObservation", 4),
    ],
)
def test_wrappers_train_unchanged(name: str, numbers: int, tiny: Tiny) -> None:
    stacks = name in ("FrameStackObservation", "FlattenObservation")
    if stacks and not hasattr(wrappers, "FrameStackObservation"):
        pytest.skip(f"this Gymnasium has no {name}")
    agent = npg.NPG("MlpPolicy", lambda: wrapped(name), **tiny(n_envs=2)).learn(256)
    assert agent.policy.sizes == (numbers, 1)
    assert agent.metrics["rollout/episodes"] == 12 and agent.metrics["rollout/ep_len_mean"] == 20
    assert agent.metrics["npg/updated"] == 1
    environment = wrapped(name)
    observation, _ = environment.reset(seed=0)
    assert environment.action_space.contains(agent.predict(observation)[0])
    if name == "RecordEpisodeStatistics":
        # 6 episodes end in each of the two iterations, and all of them are in the running mean.
        means = [metrics["env/episode/r"] for metrics in agent.history]
        assert np.mean(means) == pytest.approx(agent.metrics["rollout/ep_rew_mean"], rel=1e-6)
        assert agent.metrics["env/episode/l"] == 20


def test_statistics_of_a_wrapped_vector_environment(tiny: Tiny) -> None:
    vector_wrappers = getattr(wrappers, "vector", None)
    if vector_wrappers is None:
        pytest.skip("this Gymnasium has no wrappers for vector environments")
    vector = gymnasium.vector.SyncVectorEnv([lambda: wrapped("RescaleAction")] * 2)
    agent = npg.NPG("MlpPolicy", vector_wrappers.RecordEpisodeStatistics(vector), **tiny()).learn(128)
    assert agent.metrics["env/episode/r"] == pytest.approx(agent.metrics["rollout/ep_rew_mean"], rel=1e-5)
    assert agent.metrics["env/episode/l"] == 20


class Hostile:
    """Raises whatever is asked of it."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("do not touch")


class Angry(dict[str, Any]):
    """A dictionary that cannot be looked through."""

    def items(self) -> Any:
        raise RuntimeError("no items today")


ODD_INFOS: list[Any] = [
    {"x": np.timedelta64(1, "s")},
    {"x": np.datetime64("2020-01-01")},
    {"x": 2**2000},
    {"x": np.complex64(1j)},
    {"x": Hostile(), "y": np.zeros(3), "z": "text", "n": None},
    {"episode": {"r": "much", "l": None}},
    {"episode": {"r": np.zeros(0), "l": [1, 2]}},
    {"episode": 3.0},
    {"episode": Angry()},
    {3: 1.0},
    {("a", "b"): 2.0},
    {None: 1.0},
    {"\ud800": 1.0},
    {"two\nlines": 1.0, "": 2.0},
    {"inf": float("inf"), "nan": float("nan")},
    {"diverged": 5.0},
    Angry(a=1.0),
    None,
    [1, 2],
    "text",
    3.0,
]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("odd", ODD_INFOS, ids=lambda odd: ascii(type(odd).__name__))
def test_nothing_in_info_stops_training(odd: Any, tiny: Tiny) -> None:
    """What else is measured is measured, and an error of the environment is told by its own name."""

    class Odd(Counting):
        def step(self, action: int) -> Any:
            *result, info = super().step(action)
            return (*result, odd if self.steps % 2 else info)

    agent = npg.NPG("MlpPolicy", Odd(fails_at=200), **tiny()).learn(128)
    assert agent.num_timesteps == 128
    assert "env/number" in agent.metrics and all(isinstance(name, str) for name in agent.metrics)
    with pytest.raises(ZeroDivisionError, match="the simulator broke"):
        agent.learn(128)


@pytest.mark.filterwarnings("error")
def test_warnings_that_are_errors_do_not_stop_training_either(tiny: Tiny) -> None:
    class Odd(Counting):
        def step(self, action: int) -> Any:
            return (*super().step(action)[:-1], {3: 1.0, "good": 2.0})

    assert npg.NPG("MlpPolicy", Odd(), **tiny()).learn(64).metrics["env/good"] == 2


def add_all(measures: Measures, infos: list[dict[Any, Any]]) -> None:
    for info in infos:
        measures.add_info(info)


def test_what_is_left_out_is_said_once() -> None:
    measures = Measures()
    info = {"big": 2**2000, 3: 1.0, "good": 1.0, "text": "never a number", "array": np.zeros(3)}
    with pytest.warns(RuntimeWarning) as told:
        add_all(measures, [info] * 3)
    assert [str(each.message) for each in told] == [
        f"info['big'] is {str(2**2000)[:197]}..., which a metric cannot hold: left out of the metrics",
        "info[3] has a key that is not text: left out of the metrics",
    ]
    assert measures.take() == [("good", 3.0, 3)]


def test_names_that_never_end_are_bounded() -> None:
    measures = Measures()
    with pytest.warns(RuntimeWarning, match="more than 200 names") as told:
        add_all(measures, [{f"goal_{step}": 1.0} for step in range(1000)])
    assert len(told) == 1 and len(measures.take()) == 200
    measures.add_info({"goal_3": 1.0, "goal_900": 1.0})
    assert measures.take() == [("goal_3", 1.0, 1)]


YES = np.array([True, False, True])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    "odd",
    [
        {"x": np.ones(3), "_x": np.ones(2, bool)},
        {"x": np.ones(3), "_x": [True, False, True]},
        {"x": np.ones(3), "_x": np.array([1, 0, 1])},
        {"x": np.ones(2), "_x": YES},
        {"x": np.array([1, None, 2]), "_x": YES},
        {3: np.ones(3), "_3": YES},
        {"episode": {"r": None, "l": np.ones(2)}, "_episode": YES},
        {"final_info": np.array([None, 3, {"a": 1}], object), "_final_info": YES},
        {"final_info": 3},
        [{"a": 1.0}, None, {3: 1.0}],
        Angry(),
        3.0,
    ],
    ids=lambda odd: ascii(type(odd).__name__),
)
def test_nothing_in_the_infos_of_a_vector_raises(odd: Any) -> None:
    measures = Measures()
    measures.add_batch(odd, np.ones(3, bool))
    measures.add_batch({"good": np.arange(3.0), "_good": YES}, np.ones(3, bool))
    assert ("good", 2.0, 2) in measures.take()


def test_infos_as_a_list_of_dictionaries(tiny: Tiny) -> None:
    """As the wrapper DictInfoToList makes them."""
    vector_wrappers = getattr(wrappers, "vector", None)
    if vector_wrappers is None:
        pytest.skip("this Gymnasium has no wrappers for vector environments")
    vector = gymnasium.vector.SyncVectorEnv([lambda: Counting(0), lambda: Counting(1)])
    agent = npg.NPG("MlpPolicy", vector_wrappers.DictInfoToList(vector), **tiny()).learn(128)
    assert agent.num_timesteps == 128
    plain = gymnasium.vector.SyncVectorEnv([lambda: Counting(0), lambda: Counting(1)])
    other = npg.NPG("MlpPolicy", plain, **tiny()).learn(128)
    assert agent.metrics["env/number"] == other.metrics["env/number"]
