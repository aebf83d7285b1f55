"""Wrong arguments of every public function: the message names the argument and says what it must be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import npg
from npg import functional as F
from npg._arguments import path_of, truth, whole

Tiny = Callable[..., dict[str, Any]]


@pytest.mark.parametrize("value", [3, 3.0, np.int8(3), np.uint64(3), np.float32(3), np.array(3), np.array(3.0)])
def test_whole_numbers_of_every_type(value: Any) -> None:
    found = whole("x", value, 0)
    assert found == 3 and type(found) is int


def test_whole_numbers_at_their_bounds() -> None:
    assert whole("x", 2**63 - 1, 0, 2**63) == 2**63 - 1
    assert whole("x", np.uint64(2**63 - 1), 0, 2**63) == 2**63 - 1
    for value in (2**63, np.uint64(2**63), float("inf"), 2**2000):
        with pytest.raises(
            ValueError, match="x is .*; it must be a whole number, at least 0 and below 9223372036854775808"
        ):
            whole("x", value, 0, 2**63)
    for value in (-1, -0.5, 0.5, float("nan"), float("-inf")):
        with pytest.raises(ValueError, match="x is .*; it must be a whole number, at least 0"):
            whole("x", value, 0)


NO_NUMBERS: list[Any] = ["3", b"3", [3], (3,), {}, object(), True, np.True_, np.array([3]), 3j, np.timedelta64(3, "s")]


@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
def test_what_is_no_number_is_refused_by_the_arguments_name(value: Any, tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", "CartPole-v1", **tiny())
    calls: dict[str, Callable[[], Any]] = {
        "total_timesteps": lambda: agent.learn(value),
        "log_interval": lambda: agent.learn(64, log_interval=value),
        "seed": lambda: npg.NPG("MlpPolicy", "CartPole-v1", **tiny(seed=value)),
        "verbose": lambda: npg.NPG("MlpPolicy", "CartPole-v1", **tiny(verbose=value)),
        "n_eval_episodes": lambda: npg.evaluate_policy(agent, "CartPole-v1", value),
        "max_episode_steps": lambda: npg.evaluate_policy(agent, "CartPole-v1", 1, max_episode_steps=value),
        "n_envs": lambda: npg.make_vec_env("CartPole-v1", value),
        "start_index": lambda: npg.make_vec_env("CartPole-v1", 1, 0, value),
    }
    for name, call in calls.items():
        with pytest.raises(TypeError, match=f"^{name} is .*; it must be a whole number"):
            call()
    assert agent.num_timesteps == 0


@pytest.mark.parametrize("value", [None, float("inf"), float("nan"), -5, 2.5, 1e30, 2**70])
def test_impossible_numbers_of_steps_are_refused(value: Any, tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", "CartPole-v1", **tiny())
    with pytest.raises((TypeError, ValueError), match="^total_timesteps is .*; it must be a whole number"):
        agent.learn(value)


@pytest.mark.parametrize("value", [5, None, b"x", ["x"], object(), 1.5, Path])
def test_what_is_no_path_is_refused(value: Any, tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", "CartPole-v1", **tiny())
    for call in (agent.save, npg.load, npg.NPG.load, lambda path: agent.set_parameters(path)):
        with pytest.raises(TypeError, match="^path is .*; it must be a path, as text or as a pathlib.Path"):
            call(value)
    if value is not None:
        with pytest.raises(TypeError, match="^tensorboard_log is .*; it must be a path"):
            npg.NPG("MlpPolicy", "CartPole-v1", **tiny(tensorboard_log=value))


@pytest.mark.parametrize("value", ["", "\0", "a\0b"])
def test_paths_that_name_nothing_are_refused(value: str, tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", "CartPole-v1", **tiny())
    for call in (agent.save, npg.load, npg.NPG.load):
        with pytest.raises(ValueError, match="^path is .*; it must name a file or a folder"):
            call(value)
    assert path_of("path", Path("a")) == path_of("path", "a") == Path("a")


def test_flags_and_keys_are_named(tiny: Tiny) -> None:
    for preset in ("x", 1, None, []):
        with pytest.raises(TypeError, match="^preset is .*; it must be True or False"):
            npg.NPG("MlpPolicy", "CartPole-v1", **tiny(preset=preset))
    assert truth("x", np.True_) is True
    for name in ("settings", "policy_kwargs", "env_kwargs"):
        with pytest.raises(TypeError, match=f"^{name} has the key 3; its keys must be text"):
            npg.NPG("MlpPolicy", "CartPole-v1", **tiny(**{name: {3: 1}}))


def test_what_is_no_agent_or_has_no_spaces_is_named(tiny: Tiny) -> None:
    for model in (None, "x", npg):
        with pytest.raises(TypeError, match="^model is .*; it must be an agent, or have its method predict"):
            npg.evaluate_policy(model, "CartPole-v1")  # type: ignore[arg-type]

    class Spaceless(gymnasium.Env[Any, Any]):
        observation_space = gymnasium.spaces.Discrete(2)

    for env in (gymnasium.Env, Spaceless, Spaceless()):
        with pytest.raises(TypeError, match="has no (observation|action)_space; an environment must set it"):
            npg.NPG("MlpPolicy", env, **tiny())


def test_callbacks_name_their_arguments() -> None:
    for value in NO_NUMBERS:
        for name, call in (
            ("eval_freq", lambda v: npg.EvalCallback("CartPole-v1", eval_freq=v)),
            ("n_eval_episodes", lambda v: npg.EvalCallback("CartPole-v1", n_eval_episodes=v)),
            ("save_freq", lambda v: npg.CheckpointCallback(v, "somewhere")),
        ):
            with pytest.raises(TypeError, match=f"^{name} is .*; it must be a whole number"):
                call(value)
    for path in (5, b"x", []):
        with pytest.raises(TypeError, match="^save_path is .*; it must be a path"):
            npg.CheckpointCallback(1, path)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="^log_path is .*; it must be a path"):
            npg.EvalCallback("CartPole-v1", log_path=path)  # type: ignore[arg-type]


def test_functions_name_their_arguments(tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", "CartPole-v1", **tiny())
    states, ones = np.zeros((2, 4)), np.ones(2)
    for policy in (None, "x", agent):
        for call in (
            lambda p: F.fisher_product(p, states, agent.policy.theta),
            lambda p: F.policy_gradient(p, states, ones, ones),
            lambda p: F.log_prob(p, states, ones),
            lambda p: F.kl(p, agent.policy.theta, states),
        ):
            with pytest.raises(TypeError, match="^policy is .*; it must be the policy of an agent, agent.policy"):
                call(policy)
    for value in ("x", None, [1.0]):
        with pytest.raises(TypeError, match="^gamma is .*; it must be one real number"):
            F.gae(ones, ones, ones, ones, ones, value)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="^kl_step is .*; it must be one real number"):
            F.step_size(value, 1.0)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="^iterations is .*; it must be a whole number"):
            F.conjugate_gradient(lambda x: x, ones, value)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="^iterations is -1; it must be a whole number, at least 0"):
        F.conjugate_gradient(lambda x: x, ones, -1)
