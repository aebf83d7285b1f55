"""Environments with action masks. A forbidden action is an error, so a mask that is not obeyed, or that belongs to another
state, is noticed.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

import npg

ACTIONS: dict[str, Any] = {
    "discrete": spaces.Discrete(5),
    "started": spaces.Discrete(4, start=3),
    "multi-discrete": spaces.MultiDiscrete([3, 4]),
    "multi-binary": spaces.MultiBinary(4),
    "parametrized": npg.Parametrized([spaces.Box(-1.0, 1.0, (1,), np.float32), None, None]),
    "tuple": spaces.Tuple(
        (spaces.Box(-1.0, 1.0, (2,), np.float32), spaces.Discrete(3, start=2), spaces.MultiBinary(2))
    ),
}


def parts_of(space: Any, action: Any) -> list[int]:
    """The values of the parts that a mask is about, counted from 0."""
    if isinstance(space, spaces.Tuple):
        return [value for part, own in zip(space.spaces, action, strict=True) for value in parts_of(part, own)]
    if isinstance(space, spaces.Box):
        return []
    return [int(value) for value in np.asarray(action).reshape(-1) - getattr(space, "start", 0)]


def sizes_of(space: Any) -> list[int]:
    """The number of values of each part."""
    if isinstance(space, spaces.Tuple):
        return [size for part in space.spaces for size in sizes_of(part)]
    if isinstance(space, spaces.Box):
        return []
    if isinstance(space, spaces.Discrete):
        return [int(space.n)]
    return [2] * int(space.n) if isinstance(space, spaces.MultiBinary) else [int(n) for n in space.nvec]


class Forbidding(gymnasium.Env[Any, Any]):
    """Observes (lane, episode, step). What is allowed depends on all three. At the end of an episode nothing is.

    Args:
        place: where the mask is: `method`, `info`, `observation`, or `nowhere`.
        action: a name of `ACTIONS`.
        lane: a number.
        spoiled: for a step of an episode, the mask that is given there instead, or None for none at all.
    """

    def __init__(
        self, place: str = "method", action: str = "discrete", lane: int = 0, spoiled: dict[int, Any] | None = None
    ) -> None:
        self.place, self.lane, self.spoiled = place, lane, spoiled or {}
        self.action_space = ACTIONS[action]
        self.sizes = sizes_of(self.action_space)
        self.observation_space = box = spaces.Box(-1e9, 1e9, (3,), np.float32)
        if place == "observation":
            mask = spaces.Box(0, 1, (sum(self.sizes),), np.int8)
            self.observation_space = spaces.Dict({"action_mask": mask, "observation": box})  # type: ignore[assignment]
        if place == "method":
            self.action_masks = self.mask
        self.episode, self.steps, self.is_over = -1, 0, True
        self.taken = 0

    def allowed(self) -> NDArray[np.bool_]:
        """What is allowed, at least one value of each part."""
        random = np.random.default_rng((self.lane, self.episode, self.steps))
        parts = [random.random(size) < 0.4 for size in self.sizes]
        for part in parts:
            part[random.integers(len(part))] = True
        return np.concatenate(parts)

    def mask(self) -> Any:
        """The mask as it is given."""
        if not self.is_over and self.steps in self.spoiled:
            return self.spoiled[self.steps]
        return np.zeros(sum(self.sizes), np.int8) if self.is_over else self.allowed()

    def _given(self) -> tuple[Any, dict[str, Any]]:
        observation: Any = np.array([self.lane, self.episode, self.steps], np.float32)
        if self.place == "observation":
            return {"action_mask": np.asarray(self.mask(), np.int8), "observation": observation}, {}
        mask = self.mask() if self.place == "info" else None
        return observation, {} if mask is None else {"action_mask": np.asarray(mask, np.int8)}

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.episode, self.steps, self.is_over = self.episode + 1, 0, False
        return self._given()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert not self.is_over, "step() after the end"
        assert self.action_space.contains(action), f"{action!r} is not in {self.action_space}"
        values = parts_of(self.action_space, action)
        parts = np.split(self.allowed(), np.cumsum(self.sizes)[:-1])
        for part, value in zip(parts, values, strict=True):
            if self.place != "nowhere" and not part[value]:
                raise PermissionError(f"action {action} in episode {self.episode}, step {self.steps}: {self.allowed()}")
        self.taken, self.steps = self.taken + 1, self.steps + 1
        self.is_over = self.steps == 3 + (2 * self.episode + self.lane) % 4
        observation, info = self._given()
        terminated = self.is_over and self.episode % 2 == 0
        return observation, float(values[0]), terminated, self.is_over and not terminated, info


_VectorEnv: Any = gymnasium.vector.VectorEnv  # before Gymnasium 1.0 it takes no type arguments


class OwnVector(_VectorEnv):
    """A vector environment with a method `action_masks` of its own, shape (num_envs, values)."""

    def __init__(self, count: int) -> None:
        self.inner = [Forbidding("nowhere", lane=lane) for lane in range(count)]
        self.num_envs = count
        self.single_observation_space, self.single_action_space = self.inner[0].observation_space, ACTIONS["discrete"]
        self.observation_space = batch_space(self.single_observation_space, count)
        self.action_space = batch_space(self.single_action_space, count)
        self.metadata = {"autoreset_mode": gymnasium.vector.AutoresetMode.SAME_STEP}
        self.forbidden = 0

    def action_masks(self) -> NDArray[np.int64]:
        """The masks as numbers."""
        return np.array([env.allowed() for env in self.inner], np.int64)

    def reset(self, *, seed: Any = None, options: Any = None) -> Any:
        return np.array([env.reset()[0] for env in self.inner]), {}

    def step(self, actions: Any) -> Any:
        self.forbidden += sum(not env.allowed()[action] for env, action in zip(self.inner, actions, strict=True))
        results = [env.step(action) for env, action in zip(self.inner, actions, strict=True)]
        observations, finals = [result[0] for result in results], np.full(self.num_envs, None)
        for index, env in enumerate(self.inner):
            if env.is_over:
                finals[index], observations[index] = observations[index], env.reset()[0]
        rewards, terminated, truncated = (np.array([result[i] for result in results]) for i in (1, 2, 3))
        return np.array(observations), rewards, terminated, truncated, {"final_obs": finals}
