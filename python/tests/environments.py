"""Environments whose every transition is known."""

from __future__ import annotations

import time
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

RUNNING, TERMINATED, TRUNCATED, BEGAN = range(4)


def length_of(episode: int, lane: int) -> int:
    """Steps of an episode of `Counting`."""
    return 3 + (2 * episode + lane) % 4


def reward_of(lane: int, episode: int, step: int) -> float:
    """Reward of step `step`, from 0, of an episode of `Counting`."""
    return 10_000.0 * lane + 100.0 * episode + step


class Counting(gymnasium.Env[NDArray[Any], int]):
    """Observes (lane, episode, step). Even episodes terminate, odd ones are truncated.

    `info` has `number`, twice the reward of a step and -1 after a reset.
    """

    def __init__(self, lane: int = 0, dtype: Any = np.float32, fails_at: int | None = None) -> None:
        self.observation_space = spaces.Box(-1e9, 1e9, (3,), np.float32)
        if dtype != np.float32:
            self.observation_space = spaces.Box(0, 100, (3,), dtype)
        self.action_space = spaces.Discrete(2)
        self.lane, self.episode, self.step_of_episode, self.seeds = lane, -1, 0, list[Any]()
        self.steps, self.fails_at, self.is_closed = 0, fails_at, False

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[NDArray[Any], dict[str, Any]]:
        super().reset(seed=seed)
        self.seeds.append(seed)
        self.episode, self.step_of_episode = self.episode + 1, 0
        return self._observation(), {"number": -1.0}

    def step(self, action: int) -> tuple[NDArray[Any], float, bool, bool, dict[str, Any]]:
        if self.steps == self.fails_at:
            raise ZeroDivisionError("the simulator broke")
        reward = reward_of(self.lane, self.episode, self.step_of_episode)
        self.step_of_episode, self.steps = self.step_of_episode + 1, self.steps + 1
        is_over = self.step_of_episode == length_of(self.episode, self.lane)
        is_even = self.episode % 2 == 0
        return self._observation(), reward, is_over and is_even, is_over and not is_even, {"number": 2 * reward}

    def _observation(self) -> NDArray[Any]:
        return np.array([self.lane, self.episode, self.step_of_episode], self.observation_space.dtype)

    def close(self) -> None:
        self.is_closed = True


Transition = tuple[list[float], float, int, list[float]]


def expected(lane: int, count: int) -> list[Transition]:
    """The first transitions of `Counting(lane)`: observation, reward, ending, true next observation."""
    transitions: list[Transition] = []
    episode = 0
    while len(transitions) < count:
        length = length_of(episode, lane)
        for step in range(length):
            over = TERMINATED if episode % 2 == 0 else TRUNCATED
            transitions.append(
                (
                    [lane, episode, step],
                    reward_of(lane, episode, step),
                    over if step == length - 1 else RUNNING,
                    [lane, episode, step + 1],
                )
            )
        episode += 1
    return transitions[:count]


class Matching(gymnasium.Env[Any, Any]):
    """Each step asks for a number, and pays 1 for each part of the action that is that number. Episodes have 10 steps.

    Args:
        kind: `dict` for a Dict observation, `multi` for MultiDiscrete observations and actions.
    """

    def __init__(self, kind: str = "dict") -> None:
        self.kind, self.steps = kind, 0
        box = spaces.Box(-1.0, 1.0, (2,), np.float32)
        if kind == "dict":
            self.observation_space = spaces.Dict({"noise": box, "wanted": spaces.Discrete(3, start=5)})
            self.action_space: spaces.Space[Any] = spaces.Discrete(3, start=5)
        else:
            self.observation_space = spaces.MultiDiscrete([3, 2])
            self.action_space = spaces.MultiDiscrete([3, 2])
        self.wanted: Any = None

    def _observe(self) -> Any:
        if self.kind == "dict":
            self.wanted = np.int64(5 + self.np_random.integers(3))
            return {"noise": self.np_random.uniform(-1, 1, 2).astype(np.float32), "wanted": self.wanted}
        self.wanted = self.np_random.integers([3, 2])
        return self.wanted

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.steps = 0
        return self._observe(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action), action
        reward = float(np.mean(np.asarray(action) == self.wanted))
        self.steps += 1
        return self._observe(), reward, False, self.steps == 10, {}


class Scripted(gymnasium.Env[Any, Any]):
    """Does what `acts` says at the step of that number, counted over all episodes (step 0 is the first); else nothing of note.

    What can be done: `nan-reward`, `nan-observation`, `hang`, `raise`, `raise-in-reset`.
    """

    def __init__(self, acts: dict[int, str], seconds: float = 60.0) -> None:
        self.observation_space = spaces.Box(-10.0, 10.0, (2,), np.float32)
        self.action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)
        self.acts, self.seconds, self.steps = acts, seconds, 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[NDArray[np.float32], dict[str, Any]]:
        super().reset(seed=seed)
        if self.steps > 0 and self.acts.get(self.steps) == "raise-in-reset":
            self.acts = {}
            raise LookupError("no episode left")
        return np.zeros(2, np.float32), {}

    def step(self, action: Any) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        act = self.acts.pop(self.steps, "") if self.acts.get(self.steps) != "raise-in-reset" else ""
        self.steps += 1
        if act == "raise":
            raise ZeroDivisionError("the simulator broke")
        if act == "hang":
            time.sleep(self.seconds)
        observation = np.full(2, self.steps % 5, np.float32)
        if act == "nan-observation":
            observation[1] = np.nan
        reward = float("nan") if act == "nan-reward" else -float(np.abs(action).sum())
        return observation, reward, self.steps % 10 == 0, False, {}
