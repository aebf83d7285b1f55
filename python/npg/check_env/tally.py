"""Rewards, episodes and time of the main rollout, and what they say about the task."""

import math
from numbers import Real
from typing import Any

import numpy as np

from npg.check_env.context import Check
from npg.check_env.report import Facts

_LARGE = 1e6
_SLOW = 50.0  # steps per second
_HORIZON = 20  # steps; shorter episodes of equal length are more likely the task's own


class Tally:
    """What a rollout adds up."""

    def __init__(self) -> None:
        """Nothing played yet."""
        self.steps = 0
        self.seconds = 0.0
        self.endings: list[tuple[int, bool, bool]] = []  # length, terminated, truncated
        self.longest = 0  # steps of the longest episode, ended or not
        self._length = 0
        self._least, self._greatest = math.inf, -math.inf

    def reward(self, reward: Any, check: Check) -> None:
        """Counts a step with its reward."""
        self.steps += 1
        self._length += 1
        self.longest = max(self.longest, self._length)
        if not isinstance(reward, (Real, np.bool_)):
            text = repr(reward) if len(repr(reward)) < 60 else type(reward).__name__
            check.add("reward-type", f"the reward is {text} ({type(reward).__name__})")
        else:
            self.value(float(reward), check)

    def value(self, reward: float, check: Check, name: str = "the reward") -> None:
        """Takes in one number."""
        if not math.isfinite(reward):
            check.add("reward-not-finite", f"{name} is {reward}")
            return
        if abs(reward) > _LARGE:
            check.add("reward-large", f"{name} is {reward:g}")
        self._least, self._greatest = min(self._least, reward), max(self._greatest, reward)

    def end(self, length: int, terminated: bool, truncated: bool) -> None:
        """Counts an episode that ended."""
        self.endings.append((length, terminated, truncated))
        self._length = 0

    def write(self, facts: Facts) -> None:
        """Fills in the facts."""
        facts.steps, facts.episodes = self.steps, len(self.endings)
        facts.terminated = sum(terminated for _, terminated, _ in self.endings)
        facts.truncated = sum(truncated for _, _, truncated in self.endings)
        if self.endings:
            facts.mean_episode_length = sum(length for length, _, _ in self.endings) / len(self.endings)
        if self.seconds > 0 and self.steps > 0:
            facts.steps_per_second = self.steps / self.seconds
        if self._least <= self._greatest:
            facts.reward_least, facts.reward_greatest = self._least, self._greatest

    def judge(self, check: Check, limit: int | None) -> None:
        """Notes what the rollout as a whole says."""
        speed = check.facts.steps_per_second
        if speed is not None and speed < _SLOW:
            check.add("slow", f"{speed:.3g} steps a second in `step`")
        if self._least == self._greatest == 0.0:
            check.add("reward-zero", f"the reward was 0 in all {self.steps} steps")
        if not self.endings:
            if limit is None:
                check.add("never-ends", f"no episode ended in {self.steps} steps, and no time limit is declared")
        elif len(self.endings) > 1 and all(terminated and truncated for _, terminated, truncated in self.endings):
            check.add("both-endings", f"all {len(self.endings)} episodes ended with terminated=True and truncated=True")
        else:
            self._judge_limit(check, limit)
        if limit is not None and self.longest > limit:
            check.add("limit-ignored", f"the time limit is {limit} steps, and an episode had {self.longest}")

    def _judge_limit(self, check: Check, limit: int | None) -> None:
        """Notes episodes that all terminate after the same number of steps."""
        lengths = {length for length, _, _ in self.endings}
        if len(lengths) != 1 or any(truncated for _, _, truncated in self.endings):
            return
        (length,) = lengths
        count = len(self.endings)
        if length == limit:
            text = f"the time limit, {limit} steps, ended all {count} episodes with terminated=True, truncated=False"
            check.add("limit-terminates", text)
        elif limit is None and length >= _HORIZON and count >= 3:
            check.add("limit-terminates", f"all {count} episodes terminated after exactly {length} steps")


def time_limit(env: Any) -> int | None:
    """Steps after which the environment says that it truncates; None if it does not say."""
    from gymnasium.wrappers import TimeLimit

    layer = env
    while layer is not None:
        if isinstance(layer, TimeLimit):
            return int(layer._max_episode_steps)
        layer = getattr(layer, "env", None)
    spec = getattr(env, "spec", None)
    limit = getattr(spec, "max_episode_steps", None)
    return None if limit is None or limit < 0 else int(limit)
