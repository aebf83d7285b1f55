"""`make_vec_env`: Gymnasium's vector environments by Stable-Baselines3's arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv

import npg
from npg.envs import NativeVectorEnv

Tiny = Callable[..., dict[str, Any]]


class Own(gymnasium.Env[Any, Any]):
    """An environment of the user's, with an argument."""

    observation_space = gymnasium.spaces.Box(-1.0, 1.0, (3,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, length: int = 5) -> None:
        self.length, self.steps = length, 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.steps = 0
        return self.np_random.uniform(-1.0, 1.0, 3).astype(np.float32), {}

    def step(self, action: Any) -> Any:
        self.steps += 1
        return self.np_random.uniform(-1.0, 1.0, 3).astype(np.float32), 1.0, self.steps >= self.length, False, {}


@pytest.mark.parametrize(
    ("env_id", "arguments", "kind"),
    [
        ("CartPole-v1", {}, NativeVectorEnv),
        ("CartPole-v1", {"vec_env_cls": SyncVectorEnv}, SyncVectorEnv),
        ("gym:CartPole-v1", {}, SyncVectorEnv),
        ("LunarLander-v3", {"vec_env_cls": "sync"}, SyncVectorEnv),
        ("gym:CartPole-v1", {"vec_env_cls": AsyncVectorEnv}, AsyncVectorEnv),
        (Own, {"env_kwargs": {"length": 3}}, SyncVectorEnv),
        (lambda: Own(), {"vec_env_cls": "sync"}, SyncVectorEnv),
    ],
)
def test_what_comes_out_is_trained_on(env_id: Any, arguments: dict[str, Any], kind: type, tiny: Tiny) -> None:
    made = npg.make_vec_env(env_id, n_envs=3, **arguments)
    try:
        assert isinstance(made, VectorEnv) and type(made) is kind and made.num_envs == 3
        assert made.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP
        assert npg.NPG("MlpPolicy", made, **tiny(n_steps=16)).learn(96).num_timesteps == 96
    finally:
        made.close()


@pytest.mark.parametrize("vec_env_cls", [None, "sync", "async"])
@pytest.mark.parametrize("env_id", ["CartPole-v1", "gym:CartPole-v1", Own])
def test_seeds_are_those_of_single_environments(env_id: Any, vec_env_cls: Any) -> None:
    made = npg.make_vec_env(env_id, 2, seed=5, start_index=2, vec_env_cls=vec_env_cls)
    again = npg.make_vec_env(env_id, 2, seed=5, start_index=2, vec_env_cls=vec_env_cls)
    try:
        observations, _ = made.reset()
        name = f"npg/{env_id}" if env_id == "CartPole-v1" else str(env_id).removeprefix("gym:")
        single = Own() if env_id is Own else gymnasium.make(name)
        for index in range(2):
            assert np.array_equal(observations[index], single.reset(seed=7 + index)[0])
        assert np.array_equal(again.reset()[0], observations)
        assert np.array_equal(again.reset()[0], made.reset()[0])  # the second one goes on
        assert not np.array_equal(made.reset(seed=1)[0], observations)
    finally:
        made.close(), again.close()


def test_arguments_reach_environments_and_wrappers() -> None:
    made = npg.make_vec_env(
        Own,
        n_envs=2,
        env_kwargs={"length": 7},
        wrapper_class=gymnasium.wrappers.TimeLimit,
        wrapper_kwargs={"max_episode_steps": 2},
        vec_env_kwargs={"autoreset_mode": AutoresetMode.DISABLED},
    )
    assert isinstance(made, SyncVectorEnv)
    assert [env.unwrapped.length for env in made.envs] == [7, 7]
    assert made.metadata["autoreset_mode"] == AutoresetMode.DISABLED
    made.reset()
    made.step(np.zeros(2, int))
    assert made.step(np.zeros(2, int))[3].all()
    wrapped = npg.make_vec_env("CartPole-v1", wrapper_class=gymnasium.wrappers.RecordEpisodeStatistics)
    assert isinstance(wrapped, SyncVectorEnv)  # of npg's own environment
    assert type(wrapped.envs[0].unwrapped).__name__ == "NativeEnv"


class SubprocVecEnv:
    """Named as one of Stable-Baselines3's."""


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"monitor_dir": "logs"}, ValueError, "monitor_dir and monitor_kwargs are not supported"),
        ({"monitor_kwargs": {}}, ValueError, "monitor_dir and monitor_kwargs"),
        ({"vec_env_cls": SubprocVecEnv}, ValueError, r"SubprocVecEnv.*gymnasium\.vector\.AsyncVectorEnv"),
        ({"vec_env_cls": "fast"}, TypeError, "vec_env_cls is 'fast'"),
        ({"n_envs": 0}, ValueError, "n_envs is 0"),
        ({"env_id": Own()}, TypeError, "env_id is a Own; .*exists only once"),
        ({"env_id": lambda: 3}, TypeError, "env_id made a int"),
        ({"env_id": "gym:Nowhere-v0"}, gymnasium.error.Error, "Nowhere"),
        ({"env_kwargs": {"gravitation": 1}}, (TypeError, ValueError), "gravitation"),
    ],
)
def test_other_arguments_are_refused_by_name(arguments: dict[str, Any], error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        npg.make_vec_env(**{"env_id": "CartPole-v1", **arguments})


def test_presets_hold_for_what_is_made_from_an_id(tiny: Tiny) -> None:
    for name in ("CartPole-v1", "LunarLander-v3"):
        made = npg.make_vec_env(name, n_envs=4)
        of_vector = npg.NPG("MlpPolicy", made).config
        of_id = npg.NPG("MlpPolicy", name, n_envs=4).config
        assert {**of_vector["algorithm"], **of_vector["value"]} == {**of_id["algorithm"], **of_id["value"]}
