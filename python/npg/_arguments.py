"""Checks arguments of the public functions, before anything is done. Errors name the argument."""

from __future__ import annotations

import operator
import os
from pathlib import Path
from typing import Any

import numpy as np

from npg._arrays import measured, shown


def whole(name: str, value: Any, least: int, below: int = 2**53) -> int:
    """A whole number, as an integer or as a float such as 1e6.

    Raises:
        TypeError: if it is not a number.
        ValueError: if it is another number.
    """
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} is {value}; it must be a whole number")
    found: int | float | None
    try:
        found = operator.index(value)
    except TypeError:
        found = measured(value)
    if found is None:
        raise TypeError(f"{name} is {shown(value)}; it must be a whole number")
    if not (least <= found < below and found == int(found)):
        wanted = f"a whole number, at least {least}" + (f" and below {below}" if found >= below else "")
        raise ValueError(f"{name} is {shown(value)}; it must be {wanted}")
    return int(found)


def truth(name: str, value: Any) -> bool:
    """True or False.

    Raises:
        TypeError: if it is neither.
    """
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    raise TypeError(f"{name} is {shown(value)}; it must be True or False")


def path_of(name: str, value: Any) -> Path:
    """A path that names something.

    Raises:
        TypeError: if it is neither text nor an object such as `pathlib.Path`.
        ValueError: if it is empty, or has a character that no path can have.
    """
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(text, str):
        raise TypeError(f"{name} is {shown(value)}; it must be a path, as text or as a pathlib.Path")
    if not text or "\0" in text:
        raise ValueError(f"{name} is {text!r}; it must name a file or a folder")
    return Path(text)


def acting(name: str, value: Any) -> None:
    """Raises a TypeError if it has no method `predict`."""
    if not callable(getattr(value, "predict", None)):
        raise TypeError(f"{name} is {shown(value)}; it must be an agent, or have its method predict")
