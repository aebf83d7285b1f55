"""Action masks: where an environment has them, and how they are read.

    `method`        `env.action_masks()`, as for sb3-contrib's MaskablePPO; wrappers and vector environments may be around it
    `info`          `info["action_mask"]` of every reset and step, as Gymnasium's Taxi gives it
    `observation`   the key `action_mask` of a Dict observation, as in PettingZoo; it is then no part of the observation

A mask has a number for each value of a discrete action, 1 (or True) if the value is allowed. Those of a MultiDiscrete action are
one part after the other, and a MultiBinary action has the values 0 and 1 for each bit, as in sb3-contrib. `auto` takes the method
or the key, because an environment has them for this purpose only. It leaves `info` alone, which many environments fill for those
who ask.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npg._arrays import flags, shown
from npg._spaces import Description, kind_of

#: What the argument `action_masks` can be.
CHOICES = ("auto", "method", "info", "observation", "none")

#: Types of one byte, of which 0 and 1 are the bytes 0 and 1.
_BYTES = (np.dtype(np.bool_), np.dtype(np.int8), np.dtype(np.uint8))

METHOD = "action_masks"
KEY = "action_mask"

Flags = NDArray[np.bool_]


def check_choice(choice: Any, name: str = "action_masks") -> str:
    """The setting `action_masks`.

    Raises:
        ValueError: if there is no such choice.
    """
    if choice not in CHOICES:
        raise ValueError(f"{name} is {choice!r}; it must be one of {', '.join(map(repr, CHOICES))}")
    return str(choice)


def sizes_of(action: Description) -> list[int]:
    """The number of values of each part of an action; none for a box."""
    match action:
        case ("discrete", n):
            return [n]
        case ("multi-discrete", sizes):
            return list(sizes)
        case ("multi-binary", bits):
            return [2] * int(bits)
        case ("parametrized", boxes):
            return [len(boxes)]
        case ("tuple", parts):
            return [size for part in parts for size in sizes_of(part)]
        case ("dict", parts):
            return [size for _, part in parts for size in sizes_of(part)]
    return []


class Masks:
    """How the action masks of an environment are found and read.

    Args:
        kind: `method`, `info` or `observation`.
        width: the number of values of a mask.
    """

    def __init__(self, kind: str, width: int) -> None:
        self.kind, self.width = kind, width

    @property
    def key(self) -> str | None:
        """The key of a Dict observation that is the mask, if it is one."""
        return KEY if self.kind == "observation" else None

    def one(self, mask: Any, whose: str) -> Flags:
        """A mask of shape (width,). Messages start with `whose`.

        Raises:
            TypeError, ValueError: for anything but `width` booleans, or numbers that are 0 or 1.
        """
        if type(mask) is np.ndarray and mask.shape == (self.width,) and mask.dtype in _BYTES:
            # This takes a third of the time, and a mask is read in every step.
            found: Flags = mask.view(np.bool_)
            if not mask.tobytes().translate(None, b"\0\1"):
                return found
        return flags(mask, f"{whose}the action mask", (self.width,))

    def missing(self, whose: str) -> ValueError:
        """The exception for a state without a mask."""
        what = {
            "method": f"{METHOD}() gave no mask; it must give one in every state",
            "info": f"info has no {KEY!r}, but action_masks='info' needs one from every reset and step",
            "observation": f"the observation has no key {KEY!r}",
        }
        return ValueError(f"{whose}{what[self.kind]}")


class SingleReader:
    """Reads the masks of one environment.

    Args:
        masks: how they are found.
        environment: the environment.
        whose: its name in messages.
    """

    def __init__(self, masks: Masks, environment: Any, whose: str = "") -> None:
        self._masks, self._whose = masks, whose
        self._method = method_of(environment) if masks.kind == "method" else None

    def given(self, observation: Any, info: Any) -> Any:
        """What the environment gives as its mask, after a reset or a step that returned this; None if there is none."""
        if self._method is not None:
            return self._method()
        place = info if self._masks.kind == "info" else observation
        return place.get(KEY) if isinstance(place, Mapping) else None

    def read(self, observation: Any, info: Any) -> Flags:
        """The mask of the current state, shape (width,)."""
        given = self.given(observation, info)
        if given is None:
            raise self._masks.missing(self._whose)
        return self._masks.one(given, self._whose)


class VectorReader:
    """Reads the masks of a vector environment.

    Args:
        masks: how they are found.
        environment: the vector environment.
        at: is called with the index of an environment whose mask is looked at alone.
    """

    def __init__(self, masks: Masks, environment: Any, at: Callable[[int], None] = lambda _: None) -> None:
        self._masks, self._count, self._at = masks, int(environment.num_envs), at
        self._method = vector_method_of(environment, is_known=True) if masks.kind == "method" else None

    def given(self, observations: Any, infos: Any, which: Flags) -> Any:
        """What the environments give as their masks, one for each: an array with one row each, a list with None where there is
        none, or None. Only those of `which` are looked at.
        """
        if self._method is not None:
            return self._method(which)
        if self._masks.kind == "observation":
            return observations.get(KEY) if isinstance(observations, Mapping) else None
        if isinstance(infos, (list, tuple)):  # of the wrapper DictInfoToList
            return [info.get(KEY) if isinstance(info, Mapping) else None for info in infos]
        if not isinstance(infos, Mapping) or KEY not in infos:
            return None
        has = flags(infos.get(f"_{KEY}", np.ones(self._count)), f"infos['_{KEY}']", (self._count,))
        given = infos[KEY]
        return given if has[which].all() else [each if own else None for each, own in zip(given, has, strict=False)]

    def read(self, observations: Any, infos: Any, which: Flags) -> Flags:
        """The masks of the environments `which`, shape (count, width), after a reset or a step that returned this. Those of
        others, whose episodes are over or which were not reset, allow everything.
        """
        given = self.given(observations, infos, which)
        masks = np.ones((self._count, self._masks.width), np.bool_)
        if isinstance(given, np.ndarray) and given.shape == masks.shape and given.dtype.kind in "biu":
            needed = given[which]
            if given.dtype.kind == "b" or ((needed == 0) | (needed == 1)).all():
                masks[which] = needed
                return masks
        for index in np.flatnonzero(which):
            self._at(int(index))
            own = row_of(given, int(index))
            if own is None:
                raise self._masks.missing(f"environment {index}: ")
            masks[index] = self._masks.one(own, f"environment {index}: ")
        return masks


def row_of(given: Any, index: int) -> Any:
    """The mask of one environment; None if there is none."""
    try:
        return None if given is None else given[index]
    except (LookupError, TypeError):
        return None


def method_of(environment: Any) -> Callable[[], Any] | None:
    """The method `action_masks` of an environment or of one of its wrappers, the outermost one; None if there is none.

    Raises:
        TypeError: if it is no method.
    """
    try:
        found = environment.get_wrapper_attr(METHOD)
    except AttributeError:
        return None
    if not callable(found):
        raise TypeError(
            f"env.{METHOD} is {shown(found)}; it must be a method that returns the mask. Make it one, or pass "
            "action_masks='none' if it is none"
        )
    method: Callable[[], Any] = found
    return method


def vector_method_of(environment: Any, is_known: bool = False) -> Callable[[Flags], Any] | None:
    """A function that returns the masks of a vector environment, if it has the method `action_masks` itself, or if the
    environments inside have it. Its argument says which masks are needed.

    Args:
        environment: the vector environment.
        is_known: whether environments in other processes are known to have the method, so that they are not asked.

    Raises:
        TypeError: if only some of the environments have it.
    """
    level = environment
    while level is not None:
        if METHOD in getattr(level, "__dict__", {}) or hasattr(type(level), METHOD):
            own = getattr(level, METHOD)
            return lambda _: own()
        level = getattr(level, "__dict__", {}).get("env")
    inner = environment.unwrapped
    if getattr(inner, "envs", None):
        return _of_each([method_of(each) for each in inner.envs])
    if getattr(inner, "processes", None) and (is_known or _is_in_processes(inner)):
        return lambda _: inner.call(METHOD)
    return None


def _of_each(methods: Sequence[Callable[[], Any] | None]) -> Callable[[Flags], Any] | None:
    has = [method is not None for method in methods]
    if any(has) and not all(has):
        raise TypeError(
            f"environment {has.index(False)} has no {METHOD}(), but environment {has.index(True)} has: a mask is given always or never"
        )
    if not any(has):
        return None
    return lambda which: [
        method() if needed and method else None for method, needed in zip(methods, which, strict=True)
    ]


def _is_in_processes(environment: Any) -> bool:
    """Whether the environments in other processes have the method. False if they cannot be asked."""
    if not _can_be_asked():
        return False
    has = environment.call("has_wrapper_attr", METHOD)
    if any(has) and not all(has):
        raise TypeError(f"environment {has.index(False)} has no {METHOD}(), but environment {has.index(True)} has")
    return all(has)


def _can_be_asked() -> bool:
    """Whether environments in other processes can be asked for a method: since Gymnasium 1.0."""
    import gymnasium

    return hasattr(gymnasium.Env, "has_wrapper_attr")


def find(choice: str, environment: Any, spaces: tuple[Any, Any], action: Description) -> Masks | None:
    """How the masks of an environment are read; None without masks.

    Args:
        choice: one of `CHOICES`.
        environment: a `gymnasium.Env` or a `gymnasium.vector.VectorEnv`.
        spaces: the spaces of one observation and one action.
        action: the action space, as `npg._spaces.describe` describes it.

    Raises:
        ValueError: if there are none where the choice says, or of another shape.
    """
    width = sum(sizes_of(action))
    if choice == "none" or (choice == "auto" and width == 0):
        return None
    if width == 0:
        raise ValueError(
            f"action_masks is {choice!r}, but actions are {spaces[1]}, of which no mask can forbid a value"
        )
    if choice == "info":  # the first reset will show it
        return Masks("info", width)
    if choice in ("auto", "method") and _has_method(environment, choice == "method"):
        return Masks("method", width)
    if choice == "method":
        raise ValueError(
            f"action_masks is 'method', but neither the environment nor a wrapper of it has the method {METHOD}()"
        )
    inside: Any = getattr(spaces[0], "spaces", None) if kind_of(spaces[0]) == "Dict" else None
    if inside is None or KEY not in inside:
        if choice == "observation":
            raise ValueError(
                f"action_masks is 'observation', but observations are {spaces[0]}, without the key {KEY!r}"
            )
        return None
    if tuple(inside[KEY].shape or ()) != (width,):
        raise ValueError(
            f"the observation space has the key {KEY!r} with the space {inside[KEY]}; a mask of {spaces[1]} has shape "
            f"({width},). If it is no mask, pass action_masks='none'"
        )
    return Masks("observation", width)


def _has_method(environment: Any, is_asked_for: bool) -> bool:
    if hasattr(environment, "num_envs"):
        is_known = is_asked_for and not _can_be_asked()
        return vector_method_of(environment, is_known) is not None
    return method_of(environment) is not None
