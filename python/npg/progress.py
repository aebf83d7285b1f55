"""The output of `learn`: lines, a bar, logs."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npg import _npg
from npg._logger import as_number

if TYPE_CHECKING:
    from npg.agents import Agent

_BAR = 30
_COLUMNS = (
    ("steps", "steps", "{:>9,}"),
    ("return", "rollout/ep_rew_mean", "{:>10.2f}"),
    ("len", "rollout/ep_len_mean", "{:>8.1f}"),
    ("kl", "npg/kl", "{:>8.4f}"),
    ("ev", "train/explained_variance", "{:>6.2f}"),
    ("steps/s", "time/fps", "{:>9,.0f}"),
)


class Progress:
    """Progress of one call of `learn`.

    Args:
        agent: the agent that learns.
        total: transitions at the end.
        every: iterations between lines; 0 for none.
        with_bar: whether to show a bar.
        log: where metrics are written, if anywhere.
    """

    def __init__(self, agent: Agent, total: int, every: int, with_bar: bool, log: _npg.RunLog | None) -> None:
        self._begin, self._done, self._total = time.monotonic(), agent.num_timesteps, total
        self._every, self._with_bar, self._lines = every, with_bar, 0
        self._log = log
        self._said: set[str] = set()

    def iteration(self, metrics: dict[str, Any]) -> None:
        """Shows and logs an iteration."""
        if self._log is not None:
            for warning in self._log.iteration(metrics["iteration"], metrics["steps"], self._numbers(metrics)):
                self.say(warning)
        if self._every and metrics["iteration"] % self._every == 0:
            if self._with_bar:
                print("\r\033[K", end="", file=sys.stderr, flush=True)  # the line takes the bar's place
            self._line(metrics)
        if self._with_bar:
            self._bar(metrics)

    def _numbers(self, metrics: dict[str, Any]) -> list[tuple[str, float]]:
        """The metrics for the logs. Anything that is not a number is left out with a message, because a metric must not stop
        training."""
        numbers = []
        for key, value in metrics.items():
            number = None if key in ("iteration", "steps", "refused") else as_number(value)
            if number is not None:
                numbers.append((key, number))
            elif "/" in key and key not in self._said:
                self._said.add(key)
                self.say(f"metric {key} is a {type(value).__name__}; the logs hold only numbers, so it is left out")
        return numbers

    def _line(self, metrics: dict[str, Any]) -> None:
        if self._lines % 30 == 0:
            print(" ".join(f"{title:>{len(form.format(0))}}" for title, _, form in _COLUMNS))
        self._lines += 1
        print(" ".join(form.format(metrics[key]) for _, key, form in _COLUMNS), flush=True)

    def _bar(self, metrics: dict[str, Any]) -> None:
        done = metrics["steps"]
        part = done / self._total
        seconds = time.monotonic() - self._begin
        rest = seconds * (self._total - done) / max(done - self._done, 1)
        bar = "#" * round(_BAR * part)
        text = f"\r[{bar:<{_BAR}}] {part:4.0%} {done:,} steps, return {metrics['rollout/ep_rew_mean']:.2f}, {rest:.0f} s left "
        print(text, end="", file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        """Writes a line that is not a metric."""
        print(f"npg: {text}", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Ends the bar's line."""
        if self._with_bar:
            print(file=sys.stderr)


def new_folder(directory: Path, name: str) -> Path:
    """`directory/name_k` with the next free k, as in Stable-Baselines3."""
    for number in range(1, sys.maxsize):
        folder = directory / f"{name}_{number}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise AssertionError("there is always a free number")
