"""Environments with every kind of space that npg takes train, alone and in a vector; others are refused by name."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Sequence, Space, Text, Tuple

import npg

OBSERVATIONS: dict[str, Space[Any]] = {
    "box of no axis": Box(np.float64(-1.0), np.float64(1.0), (), np.float64),
    "box of one number": Box(0.0, 10.0, (1,), np.float64),
    "box with bounds of its own": Box(np.array([-1.0, 0.0, 0.0]), np.ones(3), dtype=np.float64),
    "matrix": Box(np.array([[-1.0, 0.0], [0.0, -1.0]]), np.ones((2, 2)), dtype=np.float32),
    "byte": Box(0, 255, (), np.uint8),
    "image": Box(0, 255, (8, 8, 3), np.uint8),
    "discrete": Discrete(2),
    "discrete from -2": Discrete(5, start=-2),
    "multi-discrete": MultiDiscrete([11, 13, 17]),
    "multi-discrete matrix": MultiDiscrete(np.array([[2, 3], [4, 5]])),
    "multi-binary": MultiBinary(19),
    "multi-binary matrix": MultiBinary((2, 3)),
    "tuple": Tuple((Discrete(3), Discrete(5))),
    "tuple with a box": Tuple((Discrete(7), Box(np.array([0.0, -1.0]), np.ones(2), dtype=np.float64))),
    "dict": Dict({"position": Discrete(23), "velocity": Box(0.0, 1.0, (1,), np.float64)}),
    "nested": Dict(
        {
            "position": Dict({"x": Discrete(29), "y": Discrete(31, start=4)}),
            "velocity": Tuple((Discrete(37), Box(0, 255, (), np.uint8), MultiBinary(3), MultiDiscrete([2, 2]))),
        }
    ),
}
ACTIONS: dict[str, Space[Any]] = {
    name: OBSERVATIONS[name]
    for name in OBSERVATIONS
    if not isinstance(OBSERVATIONS[name], (Dict, Tuple)) and name not in ("image", "byte")
} | {"integers": Box(-2, 2, (2,), np.int64)}


class Sampled(gymnasium.Env[Any, Any]):
    """Random observations; it refuses an action that is not of its space."""

    def __init__(self, observation: Space[Any], action: Space[Any]) -> None:
        self.observation_space, self.action_space = observation, action

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        if seed is not None:
            self.observation_space.seed(seed)
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action), f"{action!r} is not in {self.action_space}"
        return self.observation_space.sample(), 1.0, bool(self.np_random.random() < 0.1), False, {}


SMALL = {"rollout.batch_steps": 64, "policy.hidden": [8], "value.hidden": [8], "rollout.threads": 1}


def trained(env: Any, **arguments: Any) -> npg.NPG:
    return npg.NPG("MultiInputPolicy", env, seed=0, settings=SMALL, **arguments).learn(192)


@pytest.mark.parametrize("name", OBSERVATIONS)
def test_every_observation_space_trains(name: str) -> None:
    space = OBSERVATIONS[name]
    agent = trained(lambda: Sampled(space, Discrete(2)), n_envs=2)
    vector = gymnasium.vector.SyncVectorEnv([lambda: Sampled(space, Discrete(2))] * 2)
    other = trained(vector)
    for each in (agent, other):
        assert each.num_timesteps == 192
        assert each.metrics["npg/updated"] == 1.0
    action, _ = agent.predict(space.sample())
    assert Discrete(2).contains(action)
    batch, _ = vector.reset(seed=0)
    actions, _ = agent.predict(batch)
    assert actions.shape == (2,)


@pytest.mark.parametrize("name", ACTIONS)
def test_every_action_space_trains(name: str) -> None:
    space = ACTIONS[name]
    observation = Box(-1.0, 1.0, (2,), np.float32)
    agent = trained(lambda: Sampled(observation, space), n_envs=2)
    vector = trained(gymnasium.vector.SyncVectorEnv([lambda: Sampled(observation, space)] * 2))
    for each in (agent, vector):
        assert each.metrics["npg/updated"] == 1.0
        for deterministic in (True, False):
            action, _ = each.predict(np.zeros(2, np.float32), deterministic=deterministic)
            assert space.contains(action), f"{action!r}"


class Own(Space[Any]):
    """A space of somebody's own."""

    def sample(self, *args: Any, **kwargs: Any) -> Any:
        return 0

    def contains(self, x: Any) -> bool:
        return True


@pytest.mark.parametrize("space", [Own(), Text(5), Sequence(Discrete(3)), Dict({"a": Text(3)})])
def test_other_observation_spaces_are_refused_by_name(space: Space[Any]) -> None:
    inner = space["a"] if isinstance(space, Dict) else space
    with pytest.raises(TypeError, match=f"observation space.* is a {type(inner).__name__} space"):
        npg.NPG("MlpPolicy", lambda: Sampled(space, Discrete(2)))


@pytest.mark.parametrize("space", [Own(), Dict({"a": Discrete(2)}), Tuple((Discrete(2), Discrete(3)))])
def test_other_action_spaces_are_refused_by_name(space: Space[Any]) -> None:
    with pytest.raises(TypeError, match=f"action space is a {type(space).__name__} space"):
        npg.NPG("MlpPolicy", lambda: Sampled(Discrete(2), space))
