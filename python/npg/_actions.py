"""Gymnasium's action spaces: turns rows of numbers into elements, and finds bounds that leave a policy no choice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from npg._spaces import Rows, bounds_of, check_kind, describe, kind_of, leaves_of, place_of

if TYPE_CHECKING:
    import gymnasium


class Actions:
    """Turns rows of executed actions into elements of an action space.

    A row has the integers of all parts of an action, one part after the other, and then the reals of all parts.

    Args:
        space: the action space of one environment: Box, Discrete, MultiDiscrete, MultiBinary, or a Dict or Tuple of these, which
            may be nested.
    """

    def __init__(self, space: gymnasium.Space[Any]) -> None:
        self.space: Any = space
        #: The spaces without parts in it, each with its place.
        self.leaves = leaves = [_Leaf(leaf, f"the action space{place_of(path)}") for path, leaf in leaves_of(space)]
        self.description = describe(space)
        begins = [0, sum(leaf.count for leaf in leaves if not leaf.is_box)]
        for leaf in leaves:
            leaf.columns = slice(begins[leaf.is_box], begins[leaf.is_box] + leaf.count)
            begins[leaf.is_box] += leaf.count
        self._has_parts = kind_of(space) in ("Dict", "Tuple")

    def batch(self, rows: Rows) -> Any:
        """Turns rows of shape (count, columns) into actions of a vector environment: arrays of shape (count, *shape of the part),
        nested as the space is.
        """
        arrays = [leaf.batch(rows) for leaf in self.leaves]
        return _nested(self.space, iter(arrays)) if self._has_parts else arrays[0]

    def each(self, rows: Rows) -> Sequence[Any]:
        """The same as a sequence of single actions. Those of a Discrete space are integers of its type."""
        if not self._has_parts:
            return self.leaves[0].each(rows)
        values = [leaf.each(rows) for leaf in self.leaves]
        return [_nested(self.space, (of_leaf[row] for of_leaf in values)) for row in range(len(rows))]


class _Leaf:
    """A space without parts in an action space.

    Args:
        space: the space.
        place: where it is, for messages.
    """

    def __init__(self, space: gymnasium.Space[Any], place: str) -> None:
        check_kind(space, place)
        kind = kind_of(space)
        self.space: Any = space
        self.place = place
        self.is_box, self.is_index = kind == "Box", kind == "Discrete"
        if self.is_box and (found := unresolved(space)) is not None:
            raise ValueError(f"{place}: {found}")
        self._start: NDArray[Any] | None = None
        if kind in ("Discrete", "MultiDiscrete"):
            start = np.asarray(getattr(space, "start", 0)).reshape(-1)
            self._start = start if start.any() else None
        self._dtype, self._shape = np.dtype(self.space.dtype), tuple(self.space.shape or ())
        #: How many numbers it has, and where they are in a row.
        self.count = int(np.prod(self._shape))
        self.columns = slice(0, self.count)
        #: Least and greatest floats that are integers of a Box of integers or booleans.
        self._ends: tuple[Any, Any] | None = None
        if self.is_box and self._dtype.kind in "iub":
            box: Any = space
            self._ends = _floats_inside(box.low, box.high)

    def batch(self, rows: Rows) -> NDArray[Any]:
        """Its part of the rows, shape (count, *shape of the space)."""
        actions = rows if rows.shape[1] == self.count else rows[:, self.columns]
        if self._start is not None:
            actions = actions + self._start
        if self._ends is not None:
            actions = np.clip(np.rint(actions), *self._ends)
        return actions.astype(self._dtype, copy=False).reshape((len(rows), *self._shape))

    def each(self, rows: Rows) -> Sequence[Any]:
        """The same as a sequence of elements: integers of a Discrete space, arrays of others, even without axes."""
        actions: Any = self.batch(rows)
        if self.is_index or self._shape:
            return list(actions) if self.is_index else actions
        return [actions[row, ...] for row in range(len(rows))]


def _nested(space: Any, values: Iterator[Any]) -> Any:
    """The values of the parts without parts, nested as the space is."""
    match kind_of(space):
        case "Dict":
            return {key: _nested(part, values) for key, part in space.spaces.items()}
        case "Tuple":
            return tuple(_nested(part, values) for part in space.spaces)
        case _:
            return next(values)


#: Bounds of this size count as none, as in the library.
_NO_BOUND = 1e30

#: Half the range of an action from which on npg asks whether the bounds are meant.
_ENORMOUS = 1e12


def unresolved(box: Any) -> str | None:
    """The first element of an action's Box whose type has almost no numbers where npg would act; None if there is none.

    With two bounds npg acts between them, and with one bound within 2 of it unless 0 is inside. Elements with equal bounds are
    constants, which is intended.
    """
    if np.dtype(box.dtype).kind != "f":
        return None
    bounds = bounds_of(box)
    for index, (low, high) in enumerate(zip(*bounds, strict=True)):
        if low == high:
            continue
        begin, end = float(low), float(high)
        if low > -_NO_BOUND and high >= _NO_BOUND:
            begin, end = max(begin, -1.0), max(begin, -1.0) + 2.0
        elif low <= -_NO_BOUND and high < _NO_BOUND:
            begin, end = min(end, 1.0) - 2.0, min(end, 1.0)
        elif low <= -_NO_BOUND:
            continue
        distance = float(np.spacing(np.array(max(abs(begin), abs(end)), box.dtype)))
        if not 4.0 * distance <= end - begin:
            return (
                f"element {index} has low {low:g} and high {high:g}, where numbers of {box.dtype} are {distance:g} apart: "
                "nearly all of a policy's actions would be the same number. Declare a range around 0, best -1 to 1, and scale and "
                "shift it inside step()"
            )
    return None


def enormous(box: Any, place: str = "the action space") -> str | None:
    """The first element of an action's Box whose bounds are finite, but too large to be intended; None if there is none."""
    for index, (low, high) in enumerate(zip(*bounds_of(box), strict=True)):
        half = 0.5 * high - 0.5 * low
        if low > -_NO_BOUND and high < _NO_BOUND and half >= _ENORMOUS:
            return (
                f"element {index} of {place} has low {low:g} and high {high:g}: npg maps -1..1 onto these bounds, so "
                f"that actions are about as large as {half:g}. Declare the range that makes sense in the task, or -inf and inf "
                'if there is no bound. With the setting policy.action_bounds = "clip", actions are only clipped'
            )
    return None


def _floats_inside(low: NDArray[Any], high: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The bounds as floats within them. (2**63 - 1 is not a float, and would wrap if it were rounded up.)"""
    ends = [np.array(bound, np.float64).reshape(-1) for bound in (low, high)]
    for end, bound, inwards in ((ends[0], low, np.inf), (ends[1], high, -np.inf)):
        for index, exact in enumerate(bound.reshape(-1).tolist()):
            is_outside = int(end[index]) < exact if inwards > 0 else int(end[index]) > exact
            if is_outside:
                end[index] = np.nextafter(end[index], inwards)
    return ends[0], ends[1]
