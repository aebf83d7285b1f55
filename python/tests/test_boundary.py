"""What comes in from the caller is used as it is meant, or refused with what, where, the value and the remedy."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiDiscrete, Space

import npg
from npg import functional
from npg._measures import Measures
from npg.check_env import check_env

Tiny = Callable[..., dict[str, Any]]


class Given(gymnasium.Env[Any, Any]):
    """Gives what it is told to."""

    def __init__(self, observation: Any = (0.0, 0.0), reward: Any = 1.0, **spaces: Space[Any]) -> None:
        self.observation_space = spaces.get("observation_space", Box(-1.0, 1.0, (2,)))
        self.action_space = spaces.get("action_space", Discrete(2))
        self.observation, self.reward, self.actions = observation, reward, list[Any]()

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        return self.observation, {}

    def step(self, action: Any) -> Any:
        self.actions.append(action)
        return self.observation, self.reward, False, False, {}


INFINITY = np.inf


@pytest.mark.parametrize(
    "low, high, dtype",
    [
        (1e30, INFINITY, np.float32),
        (-INFINITY, -1e30, np.float32),
        (1e9, INFINITY, np.float32),
        (1e9, 1e9 + 100, np.float32),
        (-1e9 - 100, -1e9, np.float32),
        (2048, 2052, np.float16),
        (1e17, INFINITY, np.float64),
        (5.0, 5.0 + 1e-6, np.float32),
    ],
)
def test_bounds_of_actions_that_leave_one_number_are_refused(low: float, high: float, dtype: Any, tiny: Tiny) -> None:
    space = Box(np.array([-1.0, low], dtype), np.array([1.0, high], dtype), dtype=dtype)
    with pytest.raises(ValueError, match=r"the action space: element 1 has low .* apart.*Declare a range around 0"):
        npg.NPG("MlpPolicy", Given(action_space=space), **tiny())
    assert "action-unresolved" in {finding.code for finding in check_env(Given(action_space=space), steps=2).findings}


@pytest.mark.parametrize(
    "low, high",
    [
        (-1e30, INFINITY),
        (-1e29, INFINITY),
        (-INFINITY, 1e9),
        (5.0, INFINITY),
        (0.0, 0.0),
        (1e9, 1e9),
        (0.0, 1e-6),
        (1e5, 1e5 + 1),
    ],
)
def test_bounds_of_actions_with_numbers_between_them_are_taken(low: float, high: float, tiny: Tiny) -> None:
    env = Given(action_space=Box(np.float32(low), np.float32(high), (1,)))
    with warnings.catch_warnings():
        warnings.simplefilter("error", npg.TrainingWarning)
        agent = npg.NPG("MlpPolicy", env, **tiny())
        agent.predict(np.zeros((64, 2)))
    actions, _ = agent.predict(np.zeros((64, 2)))
    assert len(np.unique(actions)) > 4 or low == high


@pytest.mark.parametrize("low, high", [(-1e29, 1e29), (-1e29, 5.0), (0.0, 1e13)])
def test_bounds_of_actions_that_are_enormous_are_warned_of_where_actions_are_scaled(
    low: float, high: float, tiny: Tiny
) -> None:
    env = Given(action_space=Box(np.float32(low), np.float32(high), (1,)))
    with pytest.warns(npg.TrainingWarning, match=r"element 0 of the action space has low .*-inf and inf"):
        npg.NPG("MlpPolicy", env, **tiny())
    with warnings.catch_warnings():
        warnings.simplefilter("error", npg.TrainingWarning)
        arguments = tiny()
        arguments["settings"] = {**arguments.get("settings", {}), "policy.action_bounds": "clip"}
        agent = npg.NPG("MlpPolicy", env, **arguments)
    assert np.abs(agent.predict(np.zeros((64, 2)))[0]).max() < 10.0


@pytest.mark.parametrize(
    "name", ["nonsense", "CartPole-v9", "Cartpole-v1", "", "gym:", "no id!!", "nowhere/CartPole-v1"]
)
def test_an_unknown_id_is_told_with_its_value_and_what_to_do(name: str, tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", "CartPole-v1", **tiny())
    makers: list[Callable[[], Any]] = [
        lambda: npg.NPG("MlpPolicy", name),
        lambda: agent.set_env(name),
        lambda: npg.evaluate_policy(agent, name),
        lambda: npg.make_vec_env(name, 2),
        lambda: npg.EvalCallback(name),
    ]
    for make in makers:
        with pytest.raises(gymnasium.error.Error) as caught:
            make()
        said = str(caught.value)
        assert repr(name.removeprefix("gym:")) in said and "npg envs" in said and "package" in said, said
    if name.lower() == "cartpole-v1":
        assert "Did you mean 'CartPole-v1'?" in said


def test_other_spaces_are_told_as_gymnasium_writes_them(tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", Given(), **tiny())
    wide = Given(observation_space=Box(0, 255, (84, 84, 4), np.uint8))
    with pytest.raises(ValueError, match=r"is Box\(0, 255, \(84, 84, 4\), uint8\), but this agent's .*Wrap") as caught:
        agent.set_env(wide)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "space, observation, said",
    [
        (Discrete(5, start=-2), -3, "-3, of observation; it must be an integer from -2 to 2"),
        (Discrete(5), 2.5, "2.5, of observation; it must be an integer from 0 to 4"),
        (MultiDiscrete([2, 3]), [1, 3], r"3, of observation\[1\]; it must be an integer from 0 to 2"),
    ],
)
def test_an_index_outside_of_its_space_is_told_as_the_caller_counts(
    space: Any, observation: Any, said: str, tiny: Tiny
) -> None:
    with pytest.raises(ValueError, match=said):
        npg.NPG("MlpPolicy", Given(observation, observation_space=space), **tiny()).learn(64)
    agent = npg.NPG("MlpPolicy", Given(space.sample(), observation_space=space), **tiny())
    with pytest.raises(ValueError, match=said):
        agent.predict(observation)


def test_masked_elements_are_refused_wherever_arrays_come_in(tiny: Tiny) -> None:
    """NumPy reads what lies under the mask."""
    masked, whole = np.ma.array([7.0, 1.0], mask=[True, False]), np.ma.array([0.5, 0.5], mask=False)
    with pytest.raises(TypeError, match="masked elements"):
        npg.NPG("MlpPolicy", Given(masked), **tiny()).learn(64)
    with pytest.raises(TypeError, match="it must be one real number"):
        npg.NPG("MlpPolicy", Given(reward=np.ma.masked), **tiny()).learn(64)
    agent = npg.NPG("MlpPolicy", Given(), **tiny())
    with pytest.raises(TypeError, match="masked elements"):
        agent.predict(masked)
    with pytest.raises(TypeError, match="masked elements"):
        functional.log_prob(agent.policy, np.ma.array([[0.0, 1.0]], mask=[[True, False]]), [0])
    assert agent.predict(whole, deterministic=True)[0] == agent.predict([0.5, 0.5], deterministic=True)[0]


def test_keys_of_info_that_are_no_text_are_told_once_and_spare_the_others() -> None:
    class Key:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    measures, yes = Measures(), np.ones(1, bool)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(5):
            measures.add_info({Key(): 1.0, "x": 2.0})
            measures.add_batch({Key(): np.ones(1), "x": np.ones(1), "_x": yes}, yes)
    assert len(caught) == 1
    assert measures.take() == [("x", 15.0, 10)]


@pytest.mark.parametrize("key", [3, None, "", b"mine"])
def test_a_recorded_metric_has_a_name(key: Any, tiny: Tiny) -> None:
    with pytest.raises(TypeError, match="it must be text"):
        npg.NPG("MlpPolicy", "CartPole-v1", **tiny()).logger.record(key, 1.0)


def test_a_batch_of_dictionaries_acts_as_its_rows_do(tiny: Tiny) -> None:
    """Also where it is joined in parts."""
    space = Dict({"a": Box(-1.0, 1.0, (3,)), "b": Discrete(4, start=2), "c": MultiDiscrete([2, 3])})
    agent = npg.NPG("MultiInputPolicy", Given(space.sample(), observation_space=space), **tiny())
    space.seed(0)
    rows = [space.sample() for _ in range(600)]
    batch = {key: np.stack([row[key] for row in rows]) for key in space}
    actions, _ = agent.predict(batch, deterministic=True)
    assert actions.tolist() == [agent.predict(row, deterministic=True)[0] for row in rows]
    assert agent.predict({key: values[:0] for key, values in batch.items()})[0].shape == (0,)
    batch["b"][599] = 6
    with pytest.raises(ValueError, match=r"6, of observation\['b'\]\[599\]"):
        agent.predict(batch)
