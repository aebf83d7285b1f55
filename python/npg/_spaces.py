"""Gymnasium's spaces as npg sees them: rows of numbers.

The parts of Dict and Tuple observations are concatenated. An index is one number, counted from 0. Any other space is refused,
and the error names it. Actions are in `_actions`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from npg._arrays import array, plain, shown

if TYPE_CHECKING:
    import gymnasium

#: `("box", low, high)`, `("image", shape, channels_first, low, high)`, `("discrete", n)`, `("multi-discrete", sizes)`, `("multi-binary", bits)`, `("tuple", parts)`,
#: `("dict", [(name, part), ...])` or, for actions, `("parametrized", boxes)`.
Description = tuple[Any, ...]
#: The keys that lead to a part, and whether each belongs to a Tuple.
Path = tuple[tuple[Any, bool], ...]
Rows = NDArray[Any]


def kind_of(space: gymnasium.Space[Any]) -> str:
    """The name of Gymnasium's class of which `space` is an instance."""
    for cls in type(space).__mro__:
        if cls.__module__.split(".")[0] in ("gymnasium", "gym") and cls.__name__ != "Space":
            return cls.__name__
    return type(space).__name__


def is_parametrized(space: gymnasium.Space[Any]) -> bool:
    """Whether it is a `npg.Parametrized`."""
    return any(f"{cls.__module__}.{cls.__name__}" == "npg._parametrized.Parametrized" for cls in type(space).__mro__)


def check_kind(space: gymnasium.Space[Any], place: str) -> None:
    """Raises a TypeError if npg does not take such a space without parts."""
    if kind_of(space) not in ("Box", "Discrete", "MultiDiscrete", "MultiBinary"):
        raise TypeError(
            f"{place} is a {kind_of(space)} space ({space}); npg supports Box, Discrete, MultiDiscrete, MultiBinary, and Dict and "
            "Tuple of these there. Write a wrapper that converts it."
        )


def _misshapen(what: str, shape: tuple[int, ...], wanted: str) -> ValueError:
    return ValueError(f"{what} of shape {shape}, but the space has {wanted}")


class Observations:
    """Turns observations of a space into rows of `width` numbers.

    Observations are checked, but not converted to fit. The shape must be the space's, an index must be an integer of the space,
    and a bit must be 0 or 1. Numbers of a Box may be outside of its bounds.

    Args:
        space: the observation space of one environment.
        without: a key of a Dict space that is no part of the rows.
    """

    def __init__(self, space: gymnasium.Space[Any], without: str | None = None) -> None:
        self.space = space
        self._parts = parts = _parts(space, without)
        self.description = describe(space, without, with_images=True)
        self.width = sum(part.width for part in parts)
        #: Type of the rows: f32 where nothing is lost by it.
        is_single = all(np.dtype(part.dtype) == np.float32 for part in parts)
        self.dtype = np.dtype(np.float32 if is_single else np.float64)

    def needing(self, keys: Sequence[str]) -> Observations:
        """The same for those who read only these parts of a Dict, by name; the others may be missing, and count as 0."""
        other = copy.copy(self)
        other._parts = [copy.copy(part) for part in self._parts]
        for part in other._parts:
            part.is_needed = not keys or name_of(part.path[0][0]) in keys
        return other

    def write(self, observation: Any, row: Rows, whose: str = "") -> None:
        """Writes one observation into `row`, shape (width,). Messages start with `whose`.

        Raises:
            TypeError, ValueError: if it is not an element of the space, apart from bounds.
        """
        begin = 0
        for part in self._parts:
            row[begin : begin + part.width] = part.encode(observation, None, whose)[0]
            begin += part.width

    def one(self, observation: Any, whose: str = "") -> Rows:
        """One observation as an array of shape (width,)."""
        row = np.empty(self.width, self.dtype)
        self.write(observation, row, whose)
        return row

    def batch(self, observations: Any, count: int, whose: str = "") -> Rows:
        """`count` observations, batched as Gymnasium's vector environments do, in C order, shape (count, width)."""
        rows = self.as_given(observations, count, whose)
        return plain(rows[:] if isinstance(rows, Joined) else rows, self.dtype)

    def as_given(self, observations: Any, count: int, whose: str = "") -> Rows | Joined:
        """Like `batch`, but in their own type and order if that loses nothing, because images are large."""
        if len(self._parts) == 1:
            rows = self._parts[0].encode(observations, count, whose)
            return plain(rows, self.dtype) if self.dtype == np.float32 else rows
        return Joined(self, [part.checked(observations, count, whose) for part in self._parts], count)

    def join(self, parts: Sequence[Rows], which: slice) -> Rows:
        """Joins the checked rows `which` of all parts into rows."""
        pieces = [part.expanded(rows[which]) for part, rows in zip(self._parts, parts, strict=True)]
        joined = np.empty((len(pieces[0]) if pieces else 0, self.width), self.dtype)
        begin = 0
        for piece in pieces:
            joined[:, begin : begin + piece.shape[1]] = piece
            begin += piece.shape[1]
        return joined

    def count(self, observation: Any) -> int | None:
        """The number of observations in a batch; None for a single one.

        Raises:
            TypeError, ValueError: if it is neither, by the shape of any part.
        """
        count: int | None = None
        for index, part in enumerate(part for part in self._parts if not part.is_missing(observation)):
            found = array(part.find(observation, "observation"), "observation" + part.name)
            own = found.shape[0] if found.ndim == len(part.shape) + 1 else None
            if found.shape != (part.shape if own is None else (own, *part.shape)):
                batched = ", ".join(["n", *map(str, part.shape)]) + ("" if part.shape else ",")
                raise _misshapen(f"an observation{part.name}", found.shape, f"{part.shape}, and a batch ({batched})")
            if index > 0 and own != count:
                raise ValueError(
                    f"an observation{part.name} of shape {found.shape}, but its other parts "
                    + ("are not a batch" if count is None else f"are a batch of {count}")
                )
            count = own
        return count


class Joined:
    """A batch of observations with several parts, which are joined only when a slice is taken. The parts keep their own types,
    because a whole batch of images as float64 would take eight times the bytes.

    Args:
        observations: joins the parts.
        parts: the checked rows of each part.
        joined_rows: the number of rows; the extension module reads it and takes slices.
    """

    def __init__(self, observations: Observations, parts: Sequence[Rows], joined_rows: int) -> None:
        self._observations, self._parts, self.joined_rows = observations, parts, joined_rows

    def __getitem__(self, which: slice) -> Rows:
        return self._observations.join(self._parts, which)


class _Part:
    """A space without parts inside the observation space: its place, and its rows.

    Args:
        path: the keys that lead to it.
        space: the space.
    """

    def __init__(self, path: Path, space: gymnasium.Space[Any]) -> None:
        self.path, self.name, self.is_needed = path, place_of(path), True
        self.dtype: Any = np.float64
        kind, found = (
            kind_of(space),
            space,
        )  # Gymnasium's classes are distinguished by name, because it is not imported here
        whole: Any = found
        self.shape: tuple[int, ...] = tuple(whole.shape)
        #: How many numbers it has.
        self.width = int(np.prod(self.shape))
        #: First and last index of each number, where they are indices or bits.
        self._first, self._last = np.zeros(self.width, np.int64), np.ones(self.width, np.int64)
        self._is_box, self._is_index = kind == "Box", kind in ("Discrete", "MultiDiscrete")
        if self._is_box:
            bounds_of(whole)
            self.dtype = whole.dtype
        elif self._is_index:
            counts = np.asarray(whole.n if kind == "Discrete" else whole.nvec, np.int64)
            starts = np.asarray(getattr(whole, "start", 0), np.int64) + np.zeros_like(counts)
            self._first, self._last = starts.reshape(-1), (starts + (counts - 1)).reshape(-1)

    def encode(self, observation: Any, count: int | None, whose: str) -> Rows:
        """This part's rows for `count` observations, or for a single one, shape (count or 1, width); indices count from 0."""
        return self.expanded(self.checked(observation, count, whose))

    def checked(self, observation: Any, count: int | None, whose: str) -> Rows:
        """The environment's numbers after the check, shape (count or 1, width)."""
        if self.is_missing(observation):
            return np.broadcast_to(self._first, (1 if count is None else count, self.width))
        given = self.find(observation, f"{whose}observation")
        is_usual = type(given) is np.ndarray and given.dtype.kind in "fiub"
        found = given if is_usual else array(given, f"{whose}observation{self.name}")
        wanted = self.shape if count is None else (count, *self.shape)
        if found.shape != wanted:
            noun, space = ("an observation", "") if count is None else ("observations", f" of {count} environments")
            raise _misshapen(f"{whose}{noun}{self.name}", found.shape, f"{wanted}{space}")
        rows: Rows = found.reshape((1 if count is None else count, self.width))  # in C order, whatever the memory's
        if not self._is_box:
            self._check_indices(rows, wanted, whose)
        return rows

    def _check_indices(self, rows: Rows, shape: tuple[int, ...], whose: str) -> None:
        """Raises a ValueError for an index or a bit outside of its space."""
        is_bad = ~((rows >= self._first) & (rows <= self._last))
        if rows.dtype.kind == "f":
            is_bad |= rows != np.floor(rows)
        if is_bad.any():
            row, column = (int(i) for i in np.argwhere(is_bad)[0])
            at = [int(i) for i in np.unravel_index(row * self.width + column, shape)] if shape else ""
            raise ValueError(
                f"{whose}an index outside of its space: {rows[row, column]}, of observation{self.name}{at}; it must be an "
                f"integer from {self._first[column]} to {self._last[column]}"
            )

    def expanded(self, rows: Rows) -> Rows:
        """Checked rows in the form for a policy: indices are counted from 0."""
        return rows.astype(np.float64) - self._first if self._is_index else rows

    def is_missing(self, observation: Any) -> bool:
        """Whether an observation, or a batch of them, lacks this part, and may lack it."""
        return not self.is_needed and isinstance(observation, Mapping) and self.path[0][0] not in observation

    def find(self, observation: Any, name: str) -> Any:
        """This part of an observation, or of a batch of them."""
        for depth, (key, is_of_tuple) in enumerate(self.path):
            if not isinstance(observation, (tuple, list) if is_of_tuple else Mapping):
                wanted = "a tuple" if is_of_tuple else "a dictionary"
                raise TypeError(f"{name}{place_of(self.path[:depth])} is {shown(observation)}; it must be {wanted}")
            try:
                observation = observation[key]
            except LookupError:
                parts = f"{len(observation)} parts" if is_of_tuple else f"the keys {list(observation)}"
                raise ValueError(f"{name}{place_of(self.path[:depth])} has {parts}, and no {key!r}") from None
        return observation


def bounds_of(box: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The bounds of a Box, flat. They are infinite if there are none, although its integers cannot say so.

    Raises:
        ValueError: for bounds that are NaN, or low above high.
    """
    low, high = (np.array(bound, np.float64, order="C").reshape(-1) for bound in (box.low, box.high))
    for bound, name, none in ((low, "bounded_below", -np.inf), (high, "bounded_above", np.inf)):
        bound[~np.broadcast_to(getattr(box, name, True), box.shape).reshape(-1)] = none
    is_bad = ~(low <= high)
    if is_bad.any():
        index = int(np.argmax(is_bad))
        raise ValueError(
            f"element {index} of {box} has low {low[index]:g} and high {high[index]:g}; low must not be above high"
        )
    return low, high


def _is_uniform(bounds: NDArray[np.float64]) -> bool:
    return bool(np.isfinite(bounds[0]) and (bounds == bounds[0]).all())


def leaves_of(space: gymnasium.Space[Any], path: Path = ()) -> Iterator[tuple[Path, gymnasium.Space[Any]]]:
    """The spaces without parts in a space, in order, each with the keys that lead to it."""
    kind, found = kind_of(space), space
    spaces: Any = getattr(found, "spaces", None)
    if kind in ("Dict", "Tuple"):
        for key, part in spaces.items() if kind == "Dict" else enumerate(spaces):
            yield from leaves_of(part, (*path, (key, kind == "Tuple")))
    else:
        yield path, found


def place_of(path: Path) -> str:
    """The keys as they are written in Python."""
    return "".join(f"[{key!r}]" for key, _ in path)


def name_of(key: Any) -> str:
    """The name of a part, for settings."""
    return key if isinstance(key, str) else repr(key)


def _parts(space: gymnasium.Space[Any], without: str | None) -> list[_Part]:
    leaves = [(path, leaf) for path, leaf in leaves_of(space) if without is None or path[0][0] != without]
    for path, leaf in leaves:
        check_kind(leaf, f"the observation space{place_of(path)}")
    return [_Part(path, leaf) for path, leaf in leaves]


def describe(space: gymnasium.Space[Any], without: str | None = None, with_images: bool = False) -> Description:
    """The space for the extension module, except for the part `without` of a Dict.

    With `with_images`, a Box of three dimensions with the same finite bounds everywhere is an image. Its channels are the first
    dimension if that is the smallest, as Stable-Baselines3 has it.
    """
    found: Any = space
    match kind_of(space):
        case "Box":
            low, high = bounds_of(found)
            if with_images and len(found.shape) == 3 and low.size and _is_uniform(low) and _is_uniform(high):
                shape = [int(length) for length in found.shape]
                return ("image", shape, int(np.argmin(shape)) == 0, float(low[0]), float(high[0]))
            return ("box", low.tolist(), high.tolist())
        case "Discrete":
            return ("discrete", int(found.n))
        case "MultiDiscrete":
            return ("multi-discrete", [int(n) for n in found.nvec.reshape(-1)])
        case "Dict":
            parts = ((key, part) for key, part in found.spaces.items() if key != without)
            return ("dict", [(name_of(key), describe(part, None, with_images)) for key, part in parts])
        case "Tuple" if is_parametrized(space):
            return ("parametrized", [describe(box) for box in found.spaces[1].spaces])
        case "Tuple":
            return ("tuple", [describe(part, None, with_images) for part in found.spaces])
        case _:
            return ("multi-binary", int(np.prod(found.shape)))
