"""Choices with parameters of their own, as an action space for Gymnasium."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces

if TYPE_CHECKING:
    _Tuple = spaces.Tuple[Any]
else:
    _Tuple = spaces.Tuple  # before Gymnasium 1.4 it takes no type arguments


class Parametrized(_Tuple):
    """One of several choices, each with parameters in a Box of its own (Masson et al. 2016).

    It is `Tuple((Discrete(n), Tuple(boxes)))`, the usual form of such spaces, and its elements are `(choice, parameters)`, with
    the parameters of all choices. The class tells npg that only those of the choice that is taken count: the others add nothing
    to log probabilities, KL or the Fisher matrix. As parts of a plain Tuple, all of them would count.

    Args:
        parameters: a Box for each choice; None for a choice without parameters.
        seed: as for `gymnasium.spaces.Tuple`.

    Raises:
        TypeError: for parameters that are no Box.
        ValueError: if there is no choice.
    """

    def __init__(self, parameters: Sequence[spaces.Box | None], seed: Any = None) -> None:
        if not isinstance(parameters, Sequence):
            raise TypeError(f"parameters is {parameters!r}; it must be a list with a Box, or None, for each choice")
        if not parameters:
            raise ValueError("parameters is empty; there must be at least one choice")
        boxes = [spaces.Box(0.0, 0.0, (0,), np.float32) if box is None else box for box in parameters]
        for choice, box in enumerate(boxes):
            if not isinstance(box, spaces.Box):
                raise TypeError(f"the parameters of choice {choice} are {box}; they must be a Box, or None for none")
        super().__init__((spaces.Discrete(len(boxes)), spaces.Tuple(boxes)), seed=seed)

    def __repr__(self) -> str:
        """As it is written in Python, with None for a choice without parameters."""
        boxes: Any = self.spaces[1]
        return f"Parametrized([{', '.join('None' if box.shape == (0,) else repr(box) for box in boxes)}])"
