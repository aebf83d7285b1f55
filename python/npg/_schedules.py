"""Arguments that may be functions of the remaining progress, 1 at the beginning of `learn` and 0 at its end."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

from npg._acting import Acting
from npg._logger import as_number

Schedule = Callable[[float], float]

#: Where their values are in the configuration, and what sets them in a trainer.
SCHEDULED = {
    "learning_rate": (("value", "learning_rate"), "set_learning_rate"),
    "target_kl": (("algorithm", "kl_step"), "set_kl_step"),
}


class Scheduled(Acting):
    """The part of an agent with the settings that change while it learns."""

    #: Those that are functions, by their names.
    _functions: dict[str, Schedule]
    #: Names of those that were functions when the agent was saved.
    _lost_functions: list[str]

    @property
    def learning_rate(self) -> float | Schedule:
        """Step size of the critic's Adam, or a function of the remaining progress. You can set it."""
        return self._scheduled("learning_rate")

    @learning_rate.setter
    def learning_rate(self, value: float | Schedule) -> None:
        self._schedule("learning_rate", value)

    @property
    def target_kl(self) -> float | Schedule:
        """KL budget of a step in nats, or a function of the remaining progress. You can set it."""
        return self._scheduled("target_kl")

    @target_kl.setter
    def target_kl(self, value: float | Schedule) -> None:
        self._schedule("target_kl", value)

    def _scheduled(self, name: str) -> float | Schedule:
        table, key = SCHEDULED[name][0]
        return self._functions.get(name) or float(self.config[table][key])

    def _schedule(self, name: str, value: float | Schedule) -> None:
        number = at(name, value, 1.0)
        getattr(self._trainer, SCHEDULED[name][1])(number)
        self._lost_functions = [lost for lost in self._lost_functions if lost != name]
        self._functions.pop(name, None)
        if callable(value):
            self._functions[name] = value

    def _follow_functions(self, remaining: float) -> None:
        """Sets the values of functions for the next iteration."""
        for name, function in self._functions.items():
            getattr(self._trainer, SCHEDULED[name][1])(at(name, function, remaining))

    def _say_lost_functions(self) -> None:
        for name in self._lost_functions:
            warnings.warn(
                f"{name} was a function when this agent was saved, which no file can hold: it stays {self._scheduled(name)}, its "
                f"last value; set agent.{name} to a function or a number",
                UserWarning,
                stacklevel=3,
            )
        self._lost_functions = []


def at_the_beginning(**arguments: Any) -> tuple[list[Any], dict[str, Schedule]]:
    """The values of arguments at the start of training, and those that are functions."""
    functions = {name: value for name, value in arguments.items() if callable(value)}
    return [at(name, value, 1.0) if name in functions else value for name, value in arguments.items()], functions


def at(name: str, value: Any, remaining: float) -> float:
    """The value at this remaining progress of an argument that may be a function.

    Raises:
        TypeError: if it is not a number.
    """
    if not callable(value):
        if as_number(value) is None:
            raise TypeError(f"{name} is {value!r}; it must be a number, or a function of the remaining progress")
        return float(value)
    try:
        inspect.signature(value).bind(remaining)
    except TypeError as error:
        raise TypeError(f"{name} must be callable with one argument, the remaining progress: {error}") from None
    except ValueError:
        pass  # a function in C may not tell
    number = as_number(given := value(remaining))
    if number is None:
        raise TypeError(
            f"{name}({remaining:g}) is {given!r}; a function of the remaining progress must return a number"
        )
    return number
