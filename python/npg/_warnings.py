"""Warnings: something is wrong, but nothing has to stop."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable


class TrainingWarning(RuntimeWarning):
    """Something unexpected about training or evaluation."""


class Warned:
    """Warns once for each cause."""

    def __init__(self) -> None:
        self._causes: set[str] = set()

    def warn(self, notes: Iterable[str]) -> None:
        """Warns about causes that have not been reported yet, whatever their numbers."""
        for note in notes:
            cause = re.sub(r"[-+]?\d[\d.,]*(e[-+]?\d+)?", "#", note)
            if cause not in self._causes:
                self._causes.add(cause)
                warnings.warn(note, TrainingWarning, stacklevel=4)
