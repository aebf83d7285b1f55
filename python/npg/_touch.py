"""Notices if somebody else steps or resets training environments, such as a callback that evaluates on them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

#: What moves an environment on.
_NAMES = ("reset", "step", "reset_async", "step_async")


class Touch:
    """Distinguishes the calls of a trainer from those of others.

    Args:
        environments: single ones, or a vector environment.
    """

    def __init__(self, environments: Sequence[Any]) -> None:
        self._environments = environments
        #: Whether the trainer is calling.
        self.is_inside = False
        self._is_touched = False

    def note(self) -> None:
        """Somebody calls."""
        self._is_touched = self._is_touched or not self.is_inside

    def take(self) -> bool:
        """Whether somebody else has called since the last time."""
        is_touched, self._is_touched = self._is_touched, False
        return is_touched

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Inside of this context, calls of every wrapper and of the environment inside are noticed."""
        hooks = [
            _Hook(level, name, self)
            for environment in self._environments
            for level in _levels(environment)
            for name in _NAMES
            if callable(getattr(type(level), name, None))
        ]
        try:
            yield
        finally:
            for hook in reversed(hooks):
                hook.remove()


class _Hook:
    """Replaces a method of one environment. A copy or a pickle of the environment has its own, which reports to nobody."""

    def __init__(self, environment: Any, name: str, touch: Touch) -> None:
        self._environment, self._name, self._touch = environment, name, touch
        self._own = vars(environment).get(name) if hasattr(environment, "__dict__") else None
        self._method = getattr(environment, name)
        with contextlib.suppress(AttributeError, TypeError):  # environments with slots: nothing can be noticed there
            setattr(environment, name, self)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self._touch.note()
        return self._method(*arguments, **named)

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (self._environment, self._name)

    def remove(self) -> None:
        """Leaves the environment as it was."""
        if getattr(self._environment, "__dict__", {}).get(self._name) is not self:
            return  # somebody else has put something there
        if self._own is None:
            delattr(self._environment, self._name)
        else:
            setattr(self._environment, self._name, self._own)


def _levels(environment: Any) -> list[Any]:
    """A wrapper and what it wraps, down to the environment itself. For a SyncVectorEnv, also the environments that it steps."""
    levels: list[Any] = []
    waiting = [environment]
    while waiting:
        level = waiting.pop()
        if level is None or any(level is known for known in levels):
            continue
        levels.append(level)
        own = getattr(level, "__dict__", {})
        waiting.append(own.get("env"))
        inner = own.get("envs")
        waiting.extend(inner if isinstance(inner, (list, tuple)) else ())
    return levels
