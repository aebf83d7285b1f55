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
from npg._groups import Measures

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
