"""Nested observations: copies, comparisons."""

from collections.abc import Mapping
from typing import Any

import numpy as np


def snapshot(value: Any) -> Any:
    """A copy that shares no memory with `value`: dicts, tuples and arrays.

    Numbers and lists become arrays; what holds no numbers becomes None, which is equal to everything.
    """
    if isinstance(value, Mapping):
        return {key: snapshot(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(snapshot(item) for item in value)
    copied = array(value)
    return None if copied is None else copied.copy()


def array(value: Any) -> np.ndarray[Any, np.dtype[Any]] | None:
    """`value` as an array of numbers or truth values; None if it is none."""
    try:
        result = np.asarray(value)
    except Exception:  # noqa: BLE001 - ragged lists, and whatever __array__ of a foreign type raises
        return None
    return result if result.dtype.kind in "biuf" else None


def difference(first: Any, second: Any, exact: bool = True, path: str = "") -> str | None:
    """Where two observations differ first and by what, such as "['pos'][3]: 0.5, then 0.7"; None if they are equal.

    NaN equals NaN. Where not `exact`, two copies are compared rather than two times, and numbers may differ by 1e-8 + 1e-6 times their size: rounding of other threads.
    """
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        if first.keys() != second.keys():
            return f"{path}: keys {list(first)}, then {list(second)}"
        pairs = [(first[key], second[key], f"{path}[{key!r}]") for key in first]
    elif isinstance(first, tuple) and isinstance(second, tuple):
        if len(first) != len(second):
            return f"{path}: {len(first)} parts, then {len(second)}"
        pairs = [(a, b, f"{path}[{i}]") for i, (a, b) in enumerate(zip(first, second, strict=True))]
    else:
        return _leaf_difference(first, second, exact, path)
    return next((text for a, b, at in pairs if (text := difference(a, b, exact, at))), None)


def _leaf_difference(first: Any, second: Any, exact: bool, path: str) -> str | None:
    a, b = array(first), array(second)
    if a is None or b is None:
        return None  # of foreign types nothing is known
    if a.shape != b.shape:
        return f"{path}: shape {a.shape}, then {b.shape}"
    if exact and a.dtype == b.dtype and a.tobytes() == b.tobytes():
        return None  # the fast and frequent case
    a, b = a.astype(np.float64), b.astype(np.float64)
    relative, absolute = (0.0, 0.0) if exact else (1e-6, 1e-8)
    unequal = ~np.isclose(a, b, rtol=relative, atol=absolute, equal_nan=True)
    if not unequal.any():
        return None
    index = tuple(int(i) for i in np.argwhere(unequal)[0])
    return f"{at(path, index)}: {a[index]:.9g}{', then' if exact else ' against'} {b[index]:.9g}"


def at(path: str, index: tuple[int, ...]) -> str:
    """The path of an element: "observation[2, 0]"; of a scalar the path itself."""
    return f"{path}[{', '.join(map(str, index))}]" if index else path
