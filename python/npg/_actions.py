"""Gymnasium's action spaces: turns rows of numbers into elements, and finds bounds that leave a policy no choice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from npg._spaces import Rows, bounds_of, describe, kind_of, refused

if TYPE_CHECKING:
    import gymnasium


class Actions:
    """Turns rows of executed actions into elements of an action space.

    Args:
        space: the action space of one environment.
    """

    def __init__(self, space: gymnasium.Space[Any]) -> None:
        kind = kind_of(space)
        if kind not in ("Box", "Discrete", "MultiDiscrete", "MultiBinary"):
            raise refused(space, "the action space", "Box, Discrete, MultiDiscrete and MultiBinary")
        self.space: Any = space
        self.description = describe(space)
        if kind == "Box" and (found := unresolved(space)) is not None:
            raise ValueError(f"the action space: {found}")
        self._start: NDArray[Any] | None = None
        if kind in ("Discrete", "MultiDiscrete"):
            start = np.asarray(getattr(space, "start", 0)).reshape(-1)
            self._start = start if start.any() else None
        self._dtype, self._shape = np.dtype(self.space.dtype), tuple(self.space.shape or ())
        self._is_index = kind == "Discrete"
        #: Least and greatest floats that are integers of a Box of integers or booleans.
        self._ends: tuple[Any, Any] | None = None
        if kind == "Box" and self._dtype.kind in "iub":
            box: Any = space
            self._ends = _floats_inside(box.low, box.high)

    def batch(self, rows: Rows) -> NDArray[Any]:
        """Turns rows of shape (count, columns) into actions of a vector environment: shape (count, *shape of the space)."""
        actions = rows if self._start is None else rows + self._start
        if self._ends is not None:
            actions = np.clip(np.rint(actions), *self._ends)
        return actions.astype(self._dtype, copy=False).reshape((len(rows), *self._shape))

    def each(self, rows: Rows) -> Sequence[Any]:
        """The same as a sequence of single actions. Those of a Discrete space are integers of its type."""
        actions: Any = self.batch(rows)
        return list(actions) if self._is_index else actions


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


def enormous(box: Any) -> str | None:
    """The first element of an action's Box whose bounds are finite, but too large to be intended; None if there is none."""
    for index, (low, high) in enumerate(zip(*bounds_of(box), strict=True)):
        half = 0.5 * high - 0.5 * low
        if low > -_NO_BOUND and high < _NO_BOUND and half >= _ENORMOUS:
            return (
                f"element {index} of the action space has low {low:g} and high {high:g}: npg maps -1..1 onto these bounds, so "
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
