"""Action masks: whether they are right, and actions that obey them."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from npg._masks import KEY, SingleReader, VectorReader, find, row_of, sizes_of
from npg._spaces import describe, kind_of
from npg.check_env.context import Check
from npg.check_env.values import array

Flags = np.ndarray[Any, np.dtype[np.bool_]]

#: How a report names the places of masks.
PLACES = {
    "method": "env.action_masks()",
    "info": f"info[{KEY!r}]",
    "observation": f"observation[{KEY!r}], which is no part of the observation",
}


class Masked:
    """The action masks of an environment while it is played. Without masks, every action is as it was drawn.

    Args:
        env: a single environment or a vector environment.
        check: where faults are recorded.
    """

    def __init__(self, env: Any, check: Check) -> None:
        """Finds out where the masks are."""
        self._check = check
        self._rows = int(env.num_envs) if hasattr(env, "num_envs") else None
        prefix = "" if self._rows is None else "single_"
        spaces = getattr(env, f"{prefix}observation_space"), getattr(env, f"{prefix}action_space")
        self._space = spaces[1]
        self._sizes = sizes_of(describe(spaces[1]))
        self._reader: SingleReader | VectorReader | None = None
        self._current: list[Flags | None] = [None] * (self._rows or 1)
        try:
            masks = find(check.action_masks, env, spaces, describe(spaces[1]))
        except (TypeError, ValueError) as error:
            check.notes.add("mask-unusable", str(error))
            return
        if masks is not None:
            check.facts.action_masks = PLACES[masks.kind]
            self._reader = SingleReader(masks, env) if self._rows is None else VectorReader(masks, env)

    def look(self, observation: Any, info: Any, which: Flags | None = None, is_reset: bool = False) -> None:
        """Reads and checks the masks after a reset or a step, in a vector environment those of the rows `which`. After a reset,
        the masks of the other rows stay.
        """
        if self._reader is None:
            self._hint(info)
            return
        call, reader = self._check.watch.call, self._reader
        if isinstance(reader, VectorReader):
            assert which is not None, "a vector environment"
            given = call("action_masks", reader.given, observation, info, which)
            for index, is_read in enumerate(which):
                if is_read:
                    self._current[index] = self._judged(row_of(given, index), f"row {index}: ")
                elif not is_reset:
                    self._current[index] = None
        else:
            self._current[0] = self._judged(call("action_masks", reader.given, observation, info), "")

    def _hint(self, info: Any) -> None:
        """Says that masks in `info` are only used if somebody asks for them."""
        if self._sizes and self._check.action_masks == "auto" and isinstance(info, Mapping) and KEY in info:
            self._check.facts.action_masks = f"{PLACES['info']}, which npg uses only with action_masks='info'"

    def _judged(self, given: Any, whose: str) -> Flags | None:
        """The mask if it is right; None otherwise, and the fault is recorded."""
        add, values = self._check.add, sum(self._sizes)
        if given is None:
            add("mask-missing", f"{whose}there is no action mask")
            return None
        mask = array(given)
        if mask is None or (mask.dtype.kind != "b" and not ((mask == 0) | (mask == 1)).all()):
            add("mask-values", f"{whose}the action mask is {' '.join(repr(given).split())[:80]}")
            return None
        if mask.shape != (values,):
            add("mask-shape", f"{whose}the action mask has shape {mask.shape}, of {self._space} it has ({values},)")
            return None
        ends = np.cumsum(self._sizes)
        for part, values_of_part in enumerate(np.split(mask.astype(np.bool_), ends[:-1])):
            if not values_of_part.any():
                add("mask-forbids-all", f"{whose}the action mask allows no value of part {part} of the action")
                return None
        return mask.astype(np.bool_)

    def allowed(self, action: Any) -> Any:
        """The drawn action, with allowed values instead of forbidden ones."""
        if all(mask is None for mask in self._current):
            return action
        if self._rows is None:
            return self._one(action, self._current[0])
        if kind_of(self._space) in ("Dict", "Tuple"):
            return self._nested_rows(action)
        rows = [self._one(each, mask) for each, mask in zip(action, self._current, strict=True)]
        return np.array(rows, action.dtype)

    def _nested_rows(self, action: Any) -> Any:
        from gymnasium.vector.utils import batch_space, concatenate, create_empty_array, iterate

        space, count = self._space, len(self._current)
        each = iterate(batch_space(space, count), action)
        rows = [self._one(one, mask) for one, mask in zip(each, self._current, strict=True)]
        empty: Any = create_empty_array(space, count)
        return concatenate(space, rows, empty)

    def _one(self, action: Any, mask: Flags | None) -> Any:
        if mask is None:
            return action
        return _obeying(self._space, action, iter(np.split(mask, np.cumsum(self._sizes)[:-1])))


def _obeying(space: Any, action: Any, masks: Iterator[Flags]) -> Any:
    """The action, with allowed values instead of forbidden ones. Each integer takes the next mask."""
    match kind_of(space):
        case "Dict":
            return {key: _obeying(part, action[key], masks) for key, part in space.spaces.items()}
        case "Tuple":
            return tuple(_obeying(part, own, masks) for part, own in zip(space.spaces, action, strict=True))
        case "Box":
            return action
    start = np.asarray(getattr(space, "start", 0)).reshape(-1)
    chosen = np.array(action).reshape(-1) - start
    for index, mask in zip(range(len(chosen)), masks, strict=False):
        if not mask[chosen[index]]:
            possible = np.flatnonzero(mask)
            chosen[index] = possible[chosen[index] % len(possible)]
    result = (chosen + start).astype(np.asarray(action).dtype).reshape(np.shape(action))
    return result if isinstance(action, np.ndarray) else result[()]
