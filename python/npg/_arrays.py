"""Converts whatever numbers a caller passes into arrays that are safe to read.

NumPy's arrays may be in any order, reversed, broadcast, misaligned, of the other byte order or of objects. Lists, scalars
and tensors are not arrays. All input passes through here, and the result has the values that indexing shows: in C order,
aligned, in this machine's byte order.
"""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Kinds of dtypes that are real numbers: booleans, integers, floats.
_NUMBERS = "biuf"


def shown(value: Any) -> str:
    """`value` in at most 200 characters, for messages."""
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 (it is somebody else's class)
        return f"a {type(value).__name__} whose repr() raised {type(error).__name__}"
    return text if len(text) <= 200 else text[:197] + "..."


def array(value: Any, what: str) -> NDArray[Any]:
    """`value` as an array of real numbers, in its own layout. `what` is its name in messages.

    Raises:
        TypeError: if it has anything but real numbers, or masked elements, which have no value.
        ValueError: if it is not an array, such as rows of different lengths.
    """
    if _has_masked(value):
        raise TypeError(f"{what} has masked elements, which have no value: {shown(value)}; fill them first (`filled`)")
    try:
        found = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{what} cannot be made an array: {error}; got {shown(value)}") from None
    if found.dtype.kind in _NUMBERS:
        return found
    if found.dtype.kind == "O" and all(isinstance(each, (Real, np.bool_)) for each in found.flat):
        try:
            return found.astype(np.float64)
        except OverflowError:
            raise ValueError(f"{what} has a number that no float can hold: {shown(value)}") from None
    raise TypeError(f"{what} must be real numbers; got {shown(value)}, of dtype {found.dtype}")


def _has_masked(value: Any) -> bool:
    """Whether it is a masked array with a masked element. NumPy would read whatever is under the mask."""
    return isinstance(value, np.ma.MaskedArray) and bool(np.ma.getmaskarray(value).any())


def plain(values: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """The same values with this dtype, in C order, aligned, and in this machine's byte order. It copies only if necessary."""
    return np.require(np.asarray(values), dtype, ["C_CONTIGUOUS", "ALIGNED"])


def doubles(value: Any, what: str, shape: tuple[int, ...] | None = None) -> NDArray[np.float64]:
    """`value` as float64 in C order.

    Raises:
        TypeError, ValueError: like `array`, and for another shape than `shape`.
    """
    found = array(value, what)
    if shape is not None and found.shape != shape:
        raise misshapen(what, found.shape, shape)
    return plain(found, np.float64)


def flags(value: Any, what: str, shape: tuple[int, ...] | None = None) -> NDArray[np.bool_]:
    """`value` as booleans in C order.

    Raises:
        TypeError, ValueError: like `doubles`, and for numbers other than 0 and 1.
    """
    found = array(value, what)
    if shape is not None and found.shape != shape:
        raise misshapen(what, found.shape, shape)
    if found.dtype.kind != "b" and not ((found == 0) | (found == 1)).all():
        raise ValueError(f"{what} must be booleans; got {shown(value)}")
    return plain(found, np.bool_)


def misshapen(what: str, shape: tuple[int, ...], wanted: tuple[int, ...]) -> ValueError:
    """The exception for an array of another shape."""
    return ValueError(f"{what} has shape {shape}; it must have {wanted}")


def number(value: Any, what: str, index: int) -> float:
    """One real number of any type. `what` and `index` are its name in messages.

    Raises:
        TypeError: for anything else, such as an array of one number.
    """
    if isinstance(value, float):
        return value  # np.float64 as well
    found = _scalar(value)
    if found is None:
        raise TypeError(f"{what} {index} is {_form(value)}; it must be one real number")
    return found


def flag(value: Any, what: str, index: int) -> bool:
    """One boolean, or 0 or 1, of any type. `what` and `index` are its name in messages.

    Raises:
        TypeError: for anything else.
    """
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    found = _scalar(value)
    if found not in (0.0, 1.0):
        raise TypeError(f"{what} {index} is {_form(value)}; it must be True or False")
    return bool(found)


def _form(value: Any) -> str:
    shape = getattr(value, "shape", ())
    return f"an array of shape {tuple(shape)}" if shape else shown(value)


def measured(value: Any) -> float | None:
    """`value` as a float if it is one real number, and None otherwise. It never raises."""
    try:
        return _scalar(value)
    except Exception:  # noqa: BLE001 (it is somebody else's class)
        return None


def _scalar(value: Any) -> float | None:
    """A real number of any type, or an array or tensor without axes; None for anything else."""
    if isinstance(value, (bool, int, float)):
        try:
            return float(value)
        except OverflowError:
            return None
    if value is None or isinstance(value, (str, bytes)):
        return None
    if isinstance(value, Real) and not isinstance(value, np.generic):
        return float(value)
    if tuple(getattr(value, "shape", (1,))) != () or _has_masked(value):
        return None
    try:
        found = np.asarray(value)
        return float(found) if found.dtype.kind in _NUMBERS and found.shape == () else None
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return None
