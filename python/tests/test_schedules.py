"""Arguments that are functions of the remaining progress."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import npg

Tiny = Callable[..., dict[str, Any]]


def halved(remaining: float) -> float:
    """A function that pickle can find."""
    return 0.02 * remaining


def test_functions_are_called_before_each_iteration(tiny: Tiny) -> None:
    asked: list[float] = []
    seen: list[tuple[float, float]] = []

    def rate(remaining: float) -> float:
        asked.append(remaining)
        return 0.01 * remaining

    def see(agent: npg.NPG, metrics: dict[str, Any]) -> None:
        config = agent.config
        seen.append((config["value"]["learning_rate"], config["algorithm"]["kl_step"]))
        assert metrics["npg/kl_predicted"] == pytest.approx(seen[-1][1])

    agent = npg.NPG("MlpPolicy", "CartPole-v1", **tiny(learning_rate=rate, target_kl=halved))
    assert agent.config["value"]["learning_rate"] == 0.01 and agent.learning_rate is rate
    agent.learn(256, callback=see)
    assert asked == [1.0, 1.0, 0.75, 0.5, 0.25]  # once when the agent is made
    assert seen == [(0.01 * r, 0.02 * r) for r in (1.0, 0.75, 0.5, 0.25)]
    agent.learn(128)  # anew
    assert asked[5:] == [1.0, 0.5]
    agent.learn(128, reset_num_timesteps=False)  # of all 512
    assert asked[7:] == [0.25, 0.125]


def test_a_linear_function_is_the_linear_schedule(tiny: Tiny) -> None:
    as_function = npg.NPG("MlpPolicy", "CartPole-v1", **tiny(target_kl=halved)).learn(256)
    linear = {"algorithm.kl_step": 0.02, "algorithm.kl_step_schedule": "linear"}
    as_setting = npg.NPG("MlpPolicy", "CartPole-v1", **tiny(settings=linear)).learn(256)
    assert np.array_equal(as_function.policy.theta, as_setting.policy.theta)
    assert as_function.config["algorithm"]["kl_step_schedule"] == "constant"


def test_a_constant_function_changes_no_bits(tiny: Tiny) -> None:
    plain = npg.NPG("MlpPolicy", "CartPole-v1", **tiny(learning_rate=0.003)).learn(192)
    constant = npg.NPG("MlpPolicy", "CartPole-v1", **tiny(learning_rate=lambda remaining: 0.003)).learn(192)
    assert [metrics["train/value_loss"] for metrics in plain.history] == [
        metrics["train/value_loss"] for metrics in constant.history
    ]


def test_what_a_function_gives_is_checked_and_leaves_a_whole_iteration(tiny: Tiny) -> None:
    for give, error, message in [
        (lambda r: 0.01 if r > 0.9 else float("nan"), ValueError, "learning_rate"),
        (lambda r: 0.01 if r > 0.9 else -1.0, ValueError, "learning_rate"),
        (lambda r: 0.01 if r > 0.9 else None, TypeError, r"learning_rate\(0\.5\) is None"),
    ]:
        agent = npg.NPG("MlpPolicy", "CartPole-v1", **tiny(learning_rate=give))
        with pytest.raises(error, match=message):
            agent.learn(128)
        agent.learning_rate = 0.01
        assert agent.num_timesteps == 64 and agent.learn(64).num_timesteps == 128


def test_they_may_be_set_on_an_agent(tiny: Tiny) -> None:
    agent = npg.TRPO("MlpPolicy", "Acrobot-v1", **tiny(preset=True))
    assert agent.config["algorithm"]["kl_step_schedule"] == "linear"
    agent.target_kl, agent.learning_rate = 0.003, halved
    assert (agent.target_kl, agent.learning_rate) == (0.003, halved)
    assert agent.config["algorithm"]["kl_step_schedule"] == "constant"
    for value in ("high", None, [0.1]):
        with pytest.raises(TypeError, match="target_kl"):
            agent.target_kl = value  # type: ignore[assignment]
    with pytest.raises(ValueError, match="kl_step"):
        agent.target_kl = -1.0
    assert agent.target_kl == 0.003


def test_a_file_says_that_there_was_a_function(tmp_path: Path, tiny: Tiny) -> None:
    npg.NPG("MlpPolicy", "CartPole-v1", **tiny(learning_rate=halved)).learn(128).save(tmp_path / "agent")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = npg.load(tmp_path / "agent")  # acting needs none
        loaded.save(tmp_path / "again")
        given = npg.load(tmp_path / "again")
        given.learning_rate = halved
        given.learn(64)
    assert given.config["value"]["learning_rate"] == 0.02
    with pytest.warns(UserWarning, match=r"learning_rate was a function .*it stays 0\.01.*set agent\.learning_rate"):
        loaded.learn(64)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded.learn(64)  # said once


def test_copies_keep_functions(tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", "CartPole-v1", **tiny(learning_rate=halved))
    for other in (copy.deepcopy(agent), pickle.loads(pickle.dumps(agent))):
        assert other.learning_rate is halved
        other.learn(64)
    one = npg.NPG("MlpPolicy", "CartPole-v1", **tiny(learning_rate=lambda remaining: remaining))
    assert copy.deepcopy(one).learning_rate is one.learning_rate
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(one)


def test_the_coefficient_of_entropy_is_an_argument(tiny: Tiny) -> None:
    agents = [npg.NPG("MlpPolicy", "CartPole-v1", **tiny(ent_coef=value)) for value in (None, 0.0, 0.5)]
    assert [agent.config["algorithm"]["entropy_coefficient"] for agent in agents] == [0.0, 0.0, 0.5]
    theta = [agent.learn(128).policy.theta for agent in agents]
    assert np.array_equal(theta[0], theta[1]) and not np.array_equal(theta[0], theta[2])
