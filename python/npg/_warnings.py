"""What is wrong, but does not stop anything."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable


class TrainingWarning(RuntimeWarning):
    """Something about training or evaluation that is not as one would expect."""


class Warned:
    """Warns once a cause."""

    def __init__(self) -> None:
        self._causes: set[str] = set()

    def warn(self, notes: Iterable[str]) -> None:
        """Warns of what has not been said yet; numbers may differ."""
        for note in notes:
            cause = re.sub(r"[-+]?\d[\d.,]*(e[-+]?\d+)?", "#", note)
            if cause not in self._causes:
                self._causes.add(cause)
                warnings.warn(note, TrainingWarning, stacklevel=4)
