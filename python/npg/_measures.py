"""Numbers in `info`, which become metrics."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npg._arrays import measured, shown

#: Where vector environments that reset in the same step put the last observations: Gymnasium 1.0 and later, and before.
FINAL_OBSERVATIONS = ("final_obs", "final_observation")

#: Most names of numbers in `info` that become metrics: some environments make a new one each step.
MOST_MEASURES = 200

#: Names that `env/` has already.
_TAKEN = ("diverged",)


class Measures:
    """Sums of the numbers that environments put into `info`.

    Metrics must never stop training: anything that is not a number is left out, and no exception leaves this class.
    """

    def __init__(self) -> None:
        self._sums: dict[str, list[float]] = {}
        #: What has been said already, and the names that have ever been.
        self._said: set[str] = set()
        self._names: set[str] = set()

    def add(self, name: Any, total: float, count: int = 1) -> None:
        """Adds values with this sum."""
        entry = self._sums.get(name)
        if entry is not None:
            entry[0] += total
            entry[1] += count
        elif self._is_name(name):
            self._sums[name] = [total, count]

    def add_info(self, info: Any) -> None:
        """Adds the numbers in the `info` of one environment."""
        try:
            self._add_info(info)
        except Exception as error:  # noqa: BLE001 (an environment's objects may raise anything)
            self._say("info", f"could not be read: {type(error).__name__}: {error}")

    def add_batch(self, infos: Any, stepped: NDArray[np.bool_]) -> None:
        """Adds the numbers in the `infos` of a vector environment: arrays, each with a mask `_name`, or one dictionary for
        each environment.

        `stepped` says which entries belong to a step; the others belong to a reset.
        """
        try:
            self._add_batch(infos, stepped)
        except Exception as error:  # noqa: BLE001
            self._say("infos", f"could not be read: {type(error).__name__}: {error}")

    def take(self) -> list[tuple[str, float, int]]:
        """(name, sum, count) since the last call."""
        taken = [(name, total, int(count)) for name, (total, count) in self._sums.items() if math.isfinite(total)]
        self._sums = {}
        return taken

    def _add_info(self, info: Any) -> None:
        if not isinstance(info, Mapping):
            self._say("info", f"is {shown(info)}; it must be a dictionary")
            return
        for name, value in info.items():
            if name == "episode" and isinstance(value, Mapping):  # of the wrapper RecordEpisodeStatistics
                for key in ("r", "l"):
                    if key in value:  # arrays of one number before Gymnasium 1.0
                        each = value[key]
                        self._add_number(f"episode/{key}", each.item() if getattr(each, "size", 0) == 1 else each)
            elif isinstance(value, (float, int, np.generic)):  # bool is an int
                self._add_number(name, value)

    def _add_number(self, name: Any, value: Any) -> None:
        found = measured(value)
        if found is not None:
            self.add(name, found)
        elif not isinstance(value, (str, bytes)):
            self._say(f"info[{name!r}]", f"is {shown(value)}, which a metric cannot hold")

    def _add_batch(self, infos: Any, stepped: NDArray[np.bool_]) -> None:
        if isinstance(infos, (list, tuple)):  # of the wrapper DictInfoToList
            for info, is_stepped in zip(infos, stepped, strict=False):
                if is_stepped or not isinstance(info, Mapping):
                    self._add_info(info)
            return
        if not isinstance(infos, Mapping):
            self._say("infos", f"is {shown(infos)}; it must be a dictionary of arrays")
            return
        for name, values in infos.items():
            if not isinstance(name, str):
                self._say_no_text(name)
                continue
            mask = infos.get(f"_{name}")
            if name == "final_info" and isinstance(values, Mapping):
                self._add_batch(values, np.ones_like(stepped))
            elif name == "final_info":  # an array of dictionaries before Gymnasium 1.0
                for info in values[mask]:
                    self._add_info(info)
            elif name == "episode" and isinstance(values, Mapping):  # of the wrapper RecordEpisodeStatistics
                for key in ("r", "l"):  # a reset does not have them
                    own = values.get(f"_{key}", mask)
                    self._add_array(f"episode/{key}", values.get(key), own, np.ones_like(stepped))
            elif name not in FINAL_OBSERVATIONS:
                self._add_array(name, values, mask, stepped)

    def _add_array(self, name: Any, values: Any, mask: Any, stepped: NDArray[np.bool_]) -> None:
        is_batch = isinstance(values, np.ndarray) and values.shape == stepped.shape and values.dtype.kind in "fiub"
        if mask is None or not is_batch:
            return
        if not (isinstance(mask, np.ndarray) and mask.shape == stepped.shape and mask.dtype.kind == "b"):
            self._say(f"infos['_{name}']", f"is {shown(mask)}; it must be a boolean for each environment")
            return
        chosen = values[mask & stepped]
        if chosen.size:
            self.add(name, float(chosen.sum(dtype=np.float64)), int(chosen.size))

    def _is_name(self, name: Any) -> bool:
        """Whether a metric can have this name. Warns once about names that it cannot have."""
        if name in self._names:
            return True
        if not isinstance(name, str):
            self._say_no_text(name)
        elif not name or not name.isprintable():  # surrogates and line ends are not
            self._say(f"info[{name!r}]", "has a name that log files cannot hold")
        elif name in _TAKEN:
            self._say(f"info[{name!r}]", "has the name of one of npg's own metrics")
        elif len(self._names) == MOST_MEASURES:
            self._say("info", f"has more than {MOST_MEASURES} names of numbers; {name!r} and all further ones")
        else:
            self._names.add(str(name))
            return True
        return False

    def _say_no_text(self, key: Any) -> None:
        """Warns once for all keys of a type, because each step may have new ones."""
        self._say(f"info[{shown(key)}]", "has a key that is not text", cause=type(key).__name__)

    def _say(self, what: str, text: str, cause: str | None = None) -> None:
        """Warns once that something is left out of the metrics. `cause` distinguishes it from others, if `what` does not."""
        cause = cause or what
        if cause in self._said or len(self._said) > MOST_MEASURES:
            return
        self._said.add(cause)
        with contextlib.suppress(Warning):  # if warnings are errors
            warnings.warn(f"{what} {text}: left out of the metrics", RuntimeWarning, stacklevel=2)
