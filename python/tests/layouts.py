"""The same numbers in every memory layout and type that NumPy has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Types that hold small integers exactly.
DTYPES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "g"]


def layouts(values: Any) -> Iterator[tuple[str, Any]]:
    """`values` in C order and in all other ways: (name, equal array)."""
    plain = np.array(values, order="C")
    yield "C", plain
    yield "Fortran", np.array(plain, order="F")
    yield "reversed memory", _backwards(plain)
    yield "every other element of a larger one", _spread(plain)
    yield "a column of a larger one", _column(plain)
    yield "axes moved", np.moveaxis(np.moveaxis(plain, 0, -1).copy(), -1, 0) if plain.ndim else plain
    yield "misaligned", _misaligned(plain)
    yield "read-only", _read_only(plain)
    if plain.dtype.kind in "iuf" and plain.dtype.itemsize > 1:
        yield "the other byte order", plain.astype(plain.dtype.newbyteorder())
    if plain.dtype.kind in "biuf":
        yield "objects", plain.astype(object)
    yield "a subclass", plain.view(np.recarray) if plain.dtype.kind == "V" else np.ma.masked_array(plain)
    if plain.size and (plain == plain.flat[0]).all():
        yield "one number, broadcast", np.broadcast_to(plain.flat[0], plain.shape)
    if plain.ndim > 1 and (plain == plain[:1]).all():
        yield "one row, broadcast", np.broadcast_to(plain[:1], plain.shape)
    yield "lists", plain.tolist()


def typed(values: Any, dtypes: list[str] | None = None) -> Iterator[tuple[str, NDArray[Any]]]:
    """`values` in every type that holds them exactly."""
    plain = np.asarray(values)
    for code in DTYPES if dtypes is None else dtypes:
        with np.errstate(all="ignore"):
            cast = plain.astype(code)
        if (cast == plain).all():
            yield np.dtype(code).name, cast


def everything(values: Any, dtypes: list[str] | None = None) -> Iterator[tuple[str, Any]]:
    """Every layout of every type."""
    for dtype, cast in typed(values, dtypes):
        for layout, array in layouts(cast):
            yield f"{dtype}, {layout}", array


def _backwards(plain: NDArray[Any]) -> NDArray[Any]:
    turned = (slice(None, None, -1),) * plain.ndim
    return plain[turned].copy()[turned]


def _spread(plain: NDArray[Any]) -> NDArray[Any]:
    larger = np.zeros(tuple(2 * length + 1 for length in plain.shape), plain.dtype)
    part = larger[(..., *(slice(1, 2 * length, 2) for length in plain.shape))]
    part[...] = plain
    return part


def _column(plain: NDArray[Any]) -> NDArray[Any]:
    larger = np.zeros((*plain.shape, 3), plain.dtype)
    larger[..., 1] = plain
    return larger[..., 1]


def _misaligned(plain: NDArray[Any]) -> NDArray[Any]:
    memory = np.zeros(plain.nbytes + 1, np.uint8)[1:]
    array = memory[: plain.nbytes].view(plain.dtype).reshape(plain.shape)
    array[...] = plain
    return array


def _read_only(plain: NDArray[Any]) -> NDArray[Any]:
    array = plain.copy()
    array.flags.writeable = False
    return array
