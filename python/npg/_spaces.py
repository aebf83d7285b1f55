"""Gymnasium's spaces as npg sees them: rows of numbers.

Observations of Dict and Tuple spaces are concatenated, indices in them as one-hot vectors; a Discrete or MultiDiscrete
space on its own stays what it is. Anything else is refused by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import gymnasium

#: `("box", low, high)`, `("discrete", n)`, `("multi-discrete", sizes)` or `("multi-binary", bits)`.
Description = tuple[Any, ...]
Rows = NDArray[Any]


def _kind(space: gymnasium.Space[Any]) -> str:
    """The name of the class among Gymnasium's that `space` is an instance of."""
    for cls in type(space).__mro__:
        if cls.__module__.split(".")[0] in ("gymnasium", "gym") and cls.__name__ != "Space":
            return cls.__name__
    return type(space).__name__


def _refused(space: gymnasium.Space[Any], place: str, supported: str) -> TypeError:
    return TypeError(
        f"{place} is a {_kind(space)} space ({space}); npg supports {supported} there. Write a wrapper that converts it."
    )


def _misshapen(values: NDArray[Any], shape: tuple[int, ...] | None) -> ValueError:
    return ValueError(f"an observation of shape {values.shape}, but the space has {shape}")


class Observations:
    """Turns observations of a space into rows of `width` numbers.

    Args:
        space: the observation space of one environment.
    """

    def __init__(self, space: gymnasium.Space[Any]) -> None:
        self.space = space
        parts = _parts(space, "the observation space")
        self.is_plain = _kind(space) == "Box"
        if _kind(space) in ("Dict", "Tuple"):
            low = np.concatenate([part.low for part in parts]) if parts else np.zeros(0)
            high = np.concatenate([part.high for part in parts]) if parts else np.zeros(0)
            self.description: Description = ("box", low.tolist(), high.tolist())
            self._parts = parts
        else:
            self.description = _describe(space)
            self._parts = [_whole(space, parts[0])]
        self.width = sum(part.width for part in self._parts)
        #: Type of the rows: f32 where nothing is lost by it.
        dtypes = [np.dtype(part.dtype) for part in self._parts]
        self.dtype = np.dtype(np.float32) if all(dtype == np.float32 for dtype in dtypes) else np.dtype(np.float64)

    def write(self, observation: Any, row: Rows) -> None:
        """Writes one observation into `row`, shape (width,)."""
        if self.is_plain:
            values = np.asarray(observation)
            if values.size != self.width:
                raise _misshapen(values, self.space.shape)
            row[:] = values.reshape(-1)
            return
        begin = 0
        for part in self._parts:
            row[begin : begin + part.width] = part.encode(observation, 1)[0]
            begin += part.width

    def one(self, observation: Any) -> Rows:
        """One observation as an array of shape (width,)."""
        row = np.empty(self.width, self.dtype)
        self.write(observation, row)
        return row

    def batch(self, observations: Any, count: int) -> Rows:
        """`count` observations, batched as Gymnasium's vector environments do, as an array of shape (count, width)."""
        if self.is_plain:
            return self._parts[0].encode(observations, count).astype(self.dtype, copy=False)
        return np.concatenate([part.encode(observations, count) for part in self._parts], axis=1)

    def count(self, observation: Any) -> int | None:
        """How many observations a batch holds; None for a single one.

        Raises:
            ValueError: if it is neither.
        """
        part = self._parts[0]
        shape = np.shape(part.find(observation))
        lead = len(shape) - part.dimensions
        if lead not in (0, 1) or shape[lead:] != part.shape:
            raise ValueError(f"an observation of shape {shape}, but the space has {part.shape}")
        return shape[0] if lead else None


class _Part:
    """A space without parts inside the observation space: where it is, and its rows."""

    def __init__(self, path: tuple[Any, ...], space: gymnasium.Space[Any]) -> None:
        self.path = path
        self.dtype: Any = np.float64
        kind, whole = _kind(space), space  # Gymnasium's classes are told apart by name: it is not imported here
        found: Any = whole
        self.shape: tuple[int, ...] = found.shape
        self.dimensions = len(self.shape)
        if kind == "Box":
            self.low, self.high = (np.asarray(bound, np.float64).reshape(-1) for bound in (found.low, found.high))
            self.dtype = found.dtype
            self.rows: Callable[[Any, int], Rows] = lambda x, count: np.asarray(x).reshape(count, -1)
        elif kind == "MultiBinary":
            size = int(np.prod(found.shape))
            self.low, self.high = np.zeros(size), np.ones(size)
            self.rows = lambda x, count: np.asarray(x, np.float64).reshape(count, -1)
        elif kind == "Discrete":
            self._set_one_hot(np.array([found.n]), np.array([found.start]))
        else:
            starts = np.asarray(getattr(found, "start", 0)) + np.zeros_like(found.nvec)
            self._set_one_hot(found.nvec.reshape(-1), starts.reshape(-1))
        self.width = len(self.low)

    def _set_one_hot(self, sizes: NDArray[np.int64], starts: NDArray[np.int64]) -> None:
        self.low, self.high = np.zeros(int(sizes.sum())), np.ones(int(sizes.sum()))
        offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]])

        def rows(x: Any, count: int) -> Rows:
            indices = np.asarray(x, np.int64).reshape(count, -1) - starts
            if ((indices < 0) | (indices >= sizes)).any():
                raise ValueError(f"an index outside of its space: {np.asarray(x).tolist()}")
            encoded = np.zeros((count, len(self.low)))
            np.put_along_axis(encoded, indices + offsets, 1.0, axis=1)
            return encoded

        self.rows = rows

    def encode(self, observation: Any, count: int) -> Rows:
        """This part's rows, shape (count, width), of `count` observations."""
        found = self.find(observation)
        rows = self.rows(found, count)
        if rows.shape[1] != self.width:
            raise _misshapen(np.asarray(found), self.shape)
        return rows

    def find(self, observation: Any) -> Any:
        """This part of an observation, or of a batch of them."""
        for key in self.path:
            observation = observation[key]
        return observation


def _whole(space: gymnasium.Space[Any], part: _Part) -> _Part:
    """A space on its own: indices stay indices, counted from 0."""
    found: Any = space
    if _kind(space) == "Discrete":
        part.rows = lambda x, count: np.asarray(x, np.float64).reshape(count, 1) - found.start
        part.width = 1
    elif _kind(space) == "MultiDiscrete":
        starts = (np.asarray(getattr(found, "start", 0)) + np.zeros_like(found.nvec)).reshape(-1)
        part.rows = lambda x, count: np.asarray(x, np.float64).reshape(count, -1) - starts
        part.width = len(starts)
    return part


def _parts(space: gymnasium.Space[Any], place: str, path: tuple[Any, ...] = ()) -> list[_Part]:
    kind, found = _kind(space), space
    spaces: Any = getattr(found, "spaces", None)
    if kind == "Dict":
        return [part for key, inner in spaces.items() for part in _parts(inner, f"{place}[{key!r}]", (*path, key))]
    if kind == "Tuple":
        return [part for key, inner in enumerate(spaces) for part in _parts(inner, f"{place}[{key}]", (*path, key))]
    if kind not in ("Box", "Discrete", "MultiDiscrete", "MultiBinary"):
        raise _refused(space, place, "Box, Discrete, MultiDiscrete, MultiBinary, and Dict and Tuple of these")
    return [_Part(path, space)]


def _describe(space: gymnasium.Space[Any]) -> Description:
    found: Any = space
    match _kind(space):
        case "Box":
            low, high = (np.asarray(bound, np.float64).reshape(-1).tolist() for bound in (found.low, found.high))
            return ("box", low, high)
        case "Discrete":
            return ("discrete", int(found.n))
        case "MultiDiscrete":
            return ("multi-discrete", [int(n) for n in found.nvec.reshape(-1)])
        case _:
            return ("multi-binary", int(np.prod(found.shape)))


class Actions:
    """Turns rows of executed actions into elements of an action space.

    Args:
        space: the action space of one environment.
    """

    def __init__(self, space: gymnasium.Space[Any]) -> None:
        kind, found = _kind(space), space
        if kind not in ("Box", "Discrete", "MultiDiscrete", "MultiBinary"):
            raise _refused(space, "the action space", "Box, Discrete, MultiDiscrete and MultiBinary")
        self.space: Any = found
        self.description = _describe(space)
        self._start: NDArray[Any] | None = None
        if kind in ("Discrete", "MultiDiscrete"):
            start = np.asarray(getattr(found, "start", 0)).reshape(-1)
            self._start = start if start.any() else None
        self._dtype, self._shape = np.dtype(self.space.dtype), tuple(self.space.shape or ())
        self._is_index = kind == "Discrete"
        self._is_rounded = kind == "Box" and np.issubdtype(self.space.dtype, np.integer)

    def batch(self, rows: Rows) -> NDArray[Any]:
        """Rows of shape (count, columns) as actions of a vector environment: shape (count, *shape of the space)."""
        actions = rows if self._start is None else rows + self._start
        if self._is_rounded:
            actions = np.rint(actions)
        return actions.astype(self._dtype, copy=False).reshape((len(rows), *self._shape))

    def each(self, rows: Rows) -> Sequence[Any]:
        """The same as a sequence of single actions; those of a Discrete space are integers of its type."""
        actions: Any = self.batch(rows)
        return list(actions) if self._is_index else actions
