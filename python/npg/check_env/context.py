"""The state that all parts of a check share."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from npg.check_env.report import Facts, Notes
from npg.check_env.values import difference, snapshot
from npg.check_env.watch import Watch


@dataclass(frozen=True)
class Check:
    """The settings of a check and where its results go."""

    steps: int
    seed: int
    watch: Watch
    notes: Notes
    facts: Facts
    action_masks: str = "auto"
    """Where the environment has action masks, as for an agent."""

    def add(self, code: str, message: str, part: str = "") -> None:
        """Records a fault at the current place."""
        self.notes.add(code, f"{self.watch.where()}{message}", part)

    def make(self, function: Any) -> Any:
        """A fresh environment."""
        return self.watch.call("make", function)

    def close(self, env: Any) -> None:
        """Closes an environment that the check has made, if it has a `close`."""
        if hasattr(env, "close"):
            self.watch.call("close", env.close)

    def reset(self, env: Any, **arguments: Any) -> Any:
        """Calls `reset` and returns its result."""
        return self.watch.call("reset", env.reset, **arguments)

    def step(self, env: Any, action: Any) -> Any:
        """Calls `step` and returns its result. Records a fault if it changes the action."""
        before = snapshot(action)
        result = self.watch.call("step", env.step, action)
        changed = difference(before, action, path="action")
        if changed:
            self.add("action-modified", f"{changed} after `step`")
        return result


class Actions:
    """Random actions from a copy of the action space, so that the environment's own is not disturbed."""

    def __init__(self, space: Any, seed: int) -> None:
        """The same actions for the same space and seed."""
        self._space = deepcopy(space)
        self._space.seed(seed)

    def next(self) -> Any:
        """A new action, uniform where the space is bounded."""
        return self._space.sample()


class Held:
    """The last few observations with copies of their values, to find out whether a later call changes them."""

    _COUNT = 4  # an environment may alternate between buffers

    def __init__(self) -> None:
        """Holds nothing yet."""
        self._held: list[tuple[str, Any, Any]] = []

    def hold(self, when: str, observation: Any) -> None:
        """Keeps an observation as it was returned. `when` names the call."""
        self._held = [*self._held[1 - self._COUNT :], (when, observation, snapshot(observation))]

    def changed(self) -> str | None:
        """A message if a held observation has changed since it was returned; once for each."""
        for i, (when, observation, values) in enumerate(self._held):
            text = difference(values, observation, path="observation")
            if text:
                del self._held[i]
                return f"the observation that {when} returned has changed afterwards: {text}"
        return None
