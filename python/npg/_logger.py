"""Numbers that callbacks record. They become metrics of the iteration."""

from __future__ import annotations

from typing import Any


class Logger:
    """`record` as in Stable-Baselines3. Recorded numbers are in `metrics`, in `history` and in the logs."""

    def __init__(self) -> None:
        self._metrics: dict[str, Any] | None = None
        self._pending: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def record(self, key: str, value: Any, exclude: Any = None) -> None:
        """Puts a number into the metrics of the iteration or, before the first one, into those of the next iteration.

        Args:
            key: its name, such as `mine/number`.
            value: a number.
            exclude: ignored; every log has the number.
        """
        if not isinstance(key, str) or not key:
            raise TypeError(f"record was given the key {key!r}; it must be text, such as 'mine/number'")
        number = as_number(value)
        if number is None:
            raise TypeError(f"record({key!r}) was given {value!r}; npg's logs hold only numbers")
        self._counts.pop(key, None)
        self._target()[key] = number

    def record_mean(self, key: str, value: Any, exclude: Any = None) -> None:
        """Like `record`, but the metric is the mean of the numbers that are recorded in an iteration."""
        count = self._counts.get(key, 0)
        before = self._target().get(key, 0.0)
        self.record(key, value)
        self._target()[key] = before + (self._target()[key] - before) / (count + 1)
        self._counts[key] = count + 1

    def dump(self, step: int = 0) -> None:
        """Does nothing: each iteration's row is written after its callbacks have been called."""

    def begin(self, metrics: dict[str, Any]) -> None:
        """From now on, numbers are put into these metrics, including those recorded before."""
        metrics.update(self._pending)
        self._metrics, self._pending = metrics, {}

    def end(self) -> None:
        """From now on, numbers belong to the next iteration."""
        self._metrics, self._counts = None, {}

    def _target(self) -> dict[str, Any]:
        return self._pending if self._metrics is None else self._metrics


def as_number(value: Any) -> float | None:
    """The value as a number, or None if it is not a number."""
    if isinstance(value, (str, bytes)):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None
