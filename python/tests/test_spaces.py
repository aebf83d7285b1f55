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


@pytest.mark.parametrize("space", [Own(), Text(5), Sequence(Discrete(3)), Tuple((Discrete(2), Text(3)))])
def test_other_action_spaces_are_refused_by_name(space: Space[Any]) -> None:
    inner = space[1] if isinstance(space, Tuple) else space
    with pytest.raises(TypeError, match=f"action space.* is a {type(inner).__name__} space"):
        npg.NPG("MlpPolicy", lambda: Sampled(Discrete(2), space))


def executed(space: Space[Any], count: int = 400) -> Any:
    """Actions of a policy at its beginning, as it explores."""
    agent = npg.NPG("MlpPolicy", lambda: Sampled(Box(-1.0, 1.0, (2,), np.float32), space), seed=0, settings=SMALL)
    actions, _ = agent.predict(np.zeros((count, 2), np.float32))
    assert all(space.contains(action) for action in actions)
    return actions


@pytest.mark.parametrize(
    ("low", "high"),
    [(5.0, np.inf), (-np.inf, -5.0), (0.0, np.inf), (-np.inf, 0.0), (100.0, np.inf), (-3.0, np.inf), (-np.inf, np.inf)],
)
def test_one_sided_bounds_leave_exploration(low: float, high: float) -> None:
    actions = executed(Box(low, high, (1,), np.float64))
    inside = (actions > low) & (actions < high)
    assert inside.mean() > 0.8 and 0.5 < actions.std() < 1.5


@pytest.mark.parametrize("huge", [np.finfo(np.float64).max, float(np.finfo(np.float32).max)])
def test_the_largest_floats_are_no_bounds(huge: float) -> None:
    for low, high in ((-huge, huge), (5.0, huge), (-huge, -5.0)):
        actions = executed(Box(np.array([low]), np.array([high]), (1,), np.float64))
        assert 0.5 < actions.std() < 1.5 and np.abs(actions).max() < 12


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64])
def test_the_full_range_of_integers_does_not_wrap(dtype: Any) -> None:
    """Its ends are played by raw actions beyond -1..1: a third of them, half at each end."""
    ends = np.iinfo(dtype)
    actions = executed(Box(ends.min, ends.max, (1,), dtype)).astype(np.float64).ravel()
    low, high = float(ends.min), float(ends.max)
    at = [(actions < low + 0.01 * (high - low)).mean(), (actions > high - 0.01 * (high - low)).mean()]
    assert all(0.08 < share < 0.25 for share in at), at
    middle = (actions > low + 0.25 * (high - low)) & (actions < high - 0.25 * (high - low))
    assert 0.25 < middle.mean() < 0.5


def test_integers_without_bounds_explore_around_0() -> None:
    """Gymnasium writes the ends of their type where there is no bound."""
    actions = executed(Box(-np.inf, np.inf, (1,), np.int64))
    assert set(np.unique(actions)) >= {-1, 0, 1} and np.abs(actions).max() < 10
    actions = executed(Box(5, np.inf, (1,), np.int64))
    assert set(np.unique(actions)) >= {5, 6, 7} and actions.max() < 20


def test_boxes_of_booleans_are_fair() -> None:
    actions = executed(Box(0, 1, (3,), np.bool_))
    assert actions.dtype == np.bool_ and (np.abs(actions.mean(axis=0) - 0.5) < 0.1).all()


@pytest.mark.parametrize(("low", "high"), [(1.0, 0.0), (np.nan, 1.0), (0.0, np.nan)])
def test_bounds_that_hold_nothing_are_refused(low: float, high: float) -> None:
    space = Box(0.0, 1.0, (2,), np.float32)
    space.low, space.high = np.array([0.0, low], np.float32), np.array([1.0, high], np.float32)  # Gymnasium checks them
    for observation, action in ((space, Discrete(2)), (Discrete(2), space), (Dict({"a": space}), Discrete(2))):
        with pytest.raises(ValueError, match=f"element 1 of .* has low {low:g} and high {high:g}"):
            npg.NPG("MultiInputPolicy", lambda: Sampled(observation, action), settings=SMALL)  # noqa: B023


def test_spaces_of_nothing() -> None:
    """No action is an error by name; no observation is a policy that sees nothing."""
    with pytest.raises(ValueError, match="action space of Sampled: it has no numbers"):
        npg.NPG("MlpPolicy", lambda: Sampled(Discrete(2), Box(0.0, 1.0, (0,), np.float32)), settings=SMALL)
    for space in (Dict({}), Tuple(()), Box(0.0, 1.0, (0,), np.float32)):
        agent = trained(lambda: Sampled(space, Discrete(2)), n_envs=1)  # noqa: B023
        assert Discrete(2).contains(agent.predict(space.sample())[0])
