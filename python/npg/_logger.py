"""What callbacks record: numbers that become metrics of the iteration."""

from __future__ import annotations

from typing import Any


class Logger:
    """`record` as Stable-Baselines3 has it; what is recorded stands in `metrics`, in `history` and in the logs."""

    def __init__(self) -> None:
        self._metrics: dict[str, Any] | None = None
        self._pending: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def record(self, key: str, value: Any, exclude: Any = None) -> None:
        """Puts a number into the metrics of the iteration; before it, into those of the one that comes.

        Args:
            key: its name, such as `mine/number`.
            value: a number.
            exclude: of no meaning, every log has it.
        """
        if not isinstance(key, str) or not key:
            raise TypeError(f"record was given the key {key!r}; it must be text, such as 'mine/number'")
        number = as_number(value)
        if number is None:
            raise TypeError(f"record({key!r}) was given {value!r}; npg's logs hold numbers")
        self._counts.pop(key, None)
        self._target()[key] = number

    def record_mean(self, key: str, value: Any, exclude: Any = None) -> None:
        """As `record`, but the mean of what is recorded in an iteration."""
        count = self._counts.get(key, 0)
        before = self._target().get(key, 0.0)
        self.record(key, value)
        self._target()[key] = before + (self._target()[key] - before) / (count + 1)
        self._counts[key] = count + 1

    def dump(self, step: int = 0) -> None:
        """Nothing: each iteration's row is written when its callbacks have been called."""

    def begin(self, metrics: dict[str, Any]) -> None:
        """From now on it is these metrics that numbers are put into, those of before included."""
        metrics.update(self._pending)
        self._metrics, self._pending = metrics, {}

    def end(self) -> None:
        """From now on numbers are of the iteration that comes."""
        self._metrics, self._counts = None, {}

    def _target(self) -> dict[str, Any]:
        return self._pending if self._metrics is None else self._metrics


def as_number(value: Any) -> float | None:
    """The value as a number; None if it is none."""
    if isinstance(value, (str, bytes)):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None
