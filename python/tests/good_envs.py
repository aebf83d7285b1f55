"""Environments without faults, beside Gymnasium's own: spaces of every kind that npg takes."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces


class Walk(gymnasium.Env[Any, Any]):
    """A random walk that ends beyond 3; the broken environments break it in one place each."""

    observation_space: spaces.Space[Any] = spaces.Box(-10.0, 10.0, (2,), np.float32)
    action_space: spaces.Space[Any] = spaces.Discrete(2)

    def __init__(self) -> None:
        """At the origin."""
        self.x = 0.0

    def observe(self) -> Any:
        """The position and its sign."""
        return np.array([self.x, np.sign(self.x)], dtype=np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Near the origin."""
        super().reset(seed=seed)
        self.x = float(self.np_random.uniform(-0.5, 0.5))
        return self.observe(), {}

    def push(self, action: Any) -> float:
        """The action as a number."""
        return float(np.sum(action)) - 0.5

    def step(self, action: Any) -> Any:
        """One push and some noise."""
        self.x = float(np.clip(self.x + self.push(action) + self.np_random.normal(0.0, 0.1), -9.0, 9.0))
        return self.observe(), -abs(self.x), abs(self.x) > 3.0, False, {}


class DictObservation(Walk):
    """Numbers, an image, an index and flags."""

    observation_space = spaces.Dict(
        {
            "position": spaces.Box(-10.0, 10.0, (1,), np.float64),
            "image": spaces.Box(0, 255, (4, 4, 3), np.uint8),
            "side": spaces.Discrete(2, start=5),
            "flags": spaces.MultiBinary(3),
            "nested": spaces.Tuple((spaces.MultiDiscrete([2, 3]), spaces.Box(-np.inf, np.inf, ()))),
        }
    )

    def observe(self) -> Any:
        """Each of them from the position."""
        return {
            "position": np.array([self.x]),
            "image": np.full((4, 4, 3), int(10 * abs(self.x)), np.uint8),
            "side": 5 + int(self.x > 0),
            "flags": np.array([self.x > 0, self.x > 1, self.x > 2], np.int8),
            "nested": (np.array([int(self.x > 0), 2]), np.float32(self.x)),
        }


class MultiDiscreteAction(Walk):
    """Two buttons, one of them with three positions; which matters less."""

    action_space = spaces.MultiDiscrete([2, 3])

    def push(self, action: Any) -> float:
        """Centered."""
        return float(np.sum(action)) - 1.5


class MultiBinaryAction(Walk):
    """Three flags."""

    action_space = spaces.MultiBinary(3)

    def push(self, action: Any) -> float:
        """Centered."""
        return float(np.sum(action)) - 1.5


class DiscreteFromOne(Walk):
    """Actions 1 and 2, observations 1 to 19."""

    observation_space = spaces.Discrete(19, start=1)
    action_space = spaces.Discrete(2, start=1)

    def observe(self) -> Any:
        """The nearest integer."""
        return round(self.x) + 10

    def push(self, action: Any) -> float:
        """Complains about an action outside of the space."""
        assert action in (1, 2)
        return float(action) - 1.5


class ScalarObservation(Walk):
    """A Box of shape () and a NumPy number as reward."""

    observation_space = spaces.Box(-10.0, 10.0, (), np.float64)

    def observe(self) -> Any:
        """The position alone."""
        return np.float64(self.x)

    def step(self, action: Any) -> Any:
        """As before, in NumPy's types."""
        observation, reward, terminated, truncated, info = super().step(action)
        return observation, np.float32(reward), np.bool_(terminated), np.bool_(truncated), info


class FiveRounds(Walk):
    """A game of five rounds: it truly ends after them."""

    rounds = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Before the first round."""
        self.rounds = 0
        return super().reset(seed=seed)

    def step(self, action: Any) -> Any:
        """One round."""
        self.rounds += 1
        observation, reward, _, _, info = super().step(action)
        return observation, reward, self.rounds == 5, False, info


class OneStart(Walk):
    """Deterministic: always the same start, and no noise."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """At 0.25."""
        super().reset(seed=seed)
        self.x = 0.25
        return self.observe(), {}

    def step(self, action: Any) -> Any:
        """A push without noise."""
        self.x += self.push(action)
        return self.observe(), -abs(self.x), abs(self.x) > 3.0, False, {}
