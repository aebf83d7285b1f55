"""Groups of environments for the extension module: one call for each vector step.

    steps_together                       whether it can only step all environments at once
    reset(index, seed) -> (array | None, mask | None)   first observation, None if the next step starts the episode; its mask
    step(which | None, actions) -> (observations, rewards, endings, masks | None)
    take_measures() -> [(name, sum, count)]
    begin_anew()                         resets all environments next, because somebody else may have stepped them
    close()                              when it is no longer needed
    abandon() -> bool                    ends a step that hangs, if that is possible
    at                                   the environment of the call that raised
    calls, calls_at_once                 calls into single environments so far; the most that can pass before `calls` changes
    touch                                whether somebody else steps or resets the environments

Rows of `observations` are the true observations after the step, also at the end of an episode. Masks say which values of the
next action are allowed. They are None if the environments have none. After the end of an episode they allow everything, because
no action follows.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from npg._actions import Actions
from npg._arrays import doubles, flag, flags, number, shown
from npg._calls import interrupts_wait
from npg._masks import Masks, SingleReader, VectorReader
from npg._measures import FINAL_OBSERVATIONS, Measures
from npg._spaces import Observations
from npg._touch import Touch

if TYPE_CHECKING:
    import gymnasium
    import gymnasium.vector

RUNNING, TERMINATED, TRUNCATED, BEGAN = range(4)

Mask = NDArray[np.bool_]
First = tuple[NDArray[Any] | None, Mask | None]
Step = tuple[NDArray[Any], NDArray[np.float64], NDArray[np.uint8], Mask | None]


class Group(Protocol):
    """The interface that the extension module calls."""

    steps_together: bool
    at: int
    calls: int
    calls_at_once: int
    touch: Touch

    def reset(self, index: int, seed: int | None) -> First: ...

    def step(self, which: NDArray[np.int64] | None, actions: NDArray[Any]) -> Step: ...

    def take_measures(self) -> list[tuple[str, float, int]]: ...

    def begin_anew(self) -> None: ...

    def close(self) -> None: ...

    def abandon(self) -> bool: ...


class SyncGroup:
    """Single environments, stepped one after the other.

    Args:
        environments: the environments, already made.
        observations: turns their observations into rows.
        actions: turns rows into their actions.
        masks: how their action masks are read; None without masks.
        owned: whether they are closed together with the group.
    """

    steps_together = False
    calls_at_once = 1

    def __init__(
        self,
        environments: Sequence[gymnasium.Env[Any, Any]],
        observations: Observations,
        actions: Actions,
        masks: Masks | None = None,
        owned: bool = True,
    ) -> None:
        self.at = self.calls = 0
        self._environments, self._is_owned = list(environments), owned
        self.touch = Touch(self._environments)
        self._observations, self._actions = observations, actions
        self._rows = np.empty((len(self._environments), observations.width), observations.dtype)
        self._names = [f"environment {index}: " for index in range(len(self._environments))]
        self._measures = Measures()
        self._masks = masks
        self._readers: list[SingleReader] = []
        if masks is not None:
            named = zip(self._environments, self._names, strict=True)
            self._readers = [SingleReader(masks, environment, name) for environment, name in named]

    def reset(self, index: int, seed: int | None) -> First:
        """The first observation of environment `index`, and its action mask."""
        self.at = index
        self.calls += 1
        self.touch.is_inside = True
        try:
            observation, info = of_first(self._environments[index].reset(seed=seed))
            mask = self._readers[index].read(observation, info) if self._readers else None
        finally:
            self.touch.is_inside = False
        return self._observations.one(observation, f"{self._names[index]}after reset(), "), mask

    def step(self, which: NDArray[np.int64] | None, actions: NDArray[Any]) -> Step:
        """Steps the environments `which`, or all of them."""
        lanes: Sequence[int] = range(len(actions)) if which is None else which.tolist()
        rows = self._rows[: len(lanes)]
        rewards = np.empty(len(lanes))
        endings = np.zeros(len(lanes), np.uint8)
        masks = None if self._masks is None else np.ones((len(lanes), self._masks.width), np.bool_)
        environments, names = self._environments, self._names
        write, add_info = self._observations.write, self._measures.add_info
        row = 0
        chosen = self._actions.each(actions)
        self.touch.is_inside = True
        try:
            for row, lane in enumerate(lanes):
                self.calls += 1
                observation, reward, terminated, truncated, info = of_step(environments[lane].step(chosen[row]))
                write(observation, rows[row], names[lane])
                rewards[row] = number(reward, "the reward of environment", lane)
                if flag(terminated, "terminated of environment", lane):
                    endings[row] = TERMINATED
                elif flag(truncated, "truncated of environment", lane):
                    endings[row] = TRUNCATED
                elif masks is not None:
                    masks[row] = self._readers[lane].read(observation, info)
                if type(info) is not dict or info:
                    add_info(info)
        except Exception as error:
            self.at = lanes[row]
            error.add_note(f"npg: in step({shown(chosen[row])}) of environment {self.at}")
            raise
        finally:
            self.touch.is_inside = False
        return rows, rewards, endings, masks

    def take_measures(self) -> list[tuple[str, float, int]]:
        """(name, sum, count) of the numbers in `info` since the last call."""
        return self._measures.take()

    def begin_anew(self) -> None:
        """Does nothing, because nothing is kept between two calls."""

    def close(self) -> None:
        """Closes the environments, if they were made for this group."""
        for environment in self._environments if self._is_owned else ():
            environment.close()

    def abandon(self) -> bool:
        """Nothing can end a step that hangs in this process, so it returns False."""
        return False


class VectorGroup:
    """A vector environment, whatever its autoreset mode.

    Args:
        environment: the vector environment.
        masks: how its action masks are read; None without masks.
        owned: whether it is closed together with the group.
    """

    steps_together = True

    def __init__(
        self,
        environment: gymnasium.vector.VectorEnv[Any, Any, Any],
        masks: Masks | None = None,
        owned: bool = True,
    ) -> None:
        self.at = self.calls = 0
        self._environment, self._is_owned = environment, owned
        self.touch = Touch([environment])
        key = masks.key if masks is not None else None
        self._observations = Observations(environment.single_observation_space, key)
        self._actions = Actions(environment.single_action_space)
        self._mode = autoreset_mode(environment)
        self._count = int(environment.num_envs)
        #: Processes of an AsyncVectorEnv; without any, environments step one after the other in one call.
        self._processes = getattr(environment.unwrapped, "processes", ())
        self.calls_at_once = 1 if self._processes else self._count
        #: Rows that `reset` gives: the first ones of new episodes, where they are there already.
        self._first: NDArray[Any] | None = None
        #: Which of them are of a reset of all, and wait for being given.
        self._fresh = np.zeros(self._count, bool)
        #: Which environments begin an episode with the next step.
        self._begins = np.zeros(self._count, bool)
        self._has_begins = False
        self._measures = Measures()
        self._reader = None if masks is None else VectorReader(masks, environment, self._set_at)
        #: The masks of the rows that `reset` gives, in the first of two axes.
        self._first_masks = np.ones((self._count, 0 if masks is None else masks.width), np.bool_)

    def _set_at(self, index: int) -> None:
        self.at = index

    def reset(self, index: int, seed: int | None) -> First:
        """The first observation of environment `index`, if it is there already, and its action mask."""
        self.at = index
        if self._first is None or (seed is not None and index == 0):
            # All of them, from consecutive seeds.
            self._first = self._started(np.ones(self._count, np.bool_), seed=seed).copy()
            self._begins[:] = self._has_begins = False
            self._fresh[:] = True
        elif self._mode == "next-step" and not self._fresh[index]:
            self._begins[index] = self._has_begins = True
            return None, self._mask_of(np.ones_like(self._first_masks), index)
        elif self._mode == "disabled" and not self._fresh[index]:
            which = np.arange(self._count) == index
            self._first[index] = self._started(which, options={"reset_mask": which.copy()})[index]
        self._fresh[index] = False
        row: NDArray[Any] = self._first[index].copy()
        return row, self._mask_of(self._first_masks, index)

    def _started(self, which: Mask, **arguments: Any) -> NDArray[Any]:
        """Resets the environments `which`, keeps their masks, and returns the rows of all."""
        observations, infos = of_first(self._called(lambda: self._environment.reset(**arguments)))
        rows = self._rows_of(observations, "after reset(), ")
        masks = self._masks_of(observations, infos, which)
        if masks is not None:
            self._first_masks[which] = masks[which]
        return rows

    def _masks_of(self, observations: Any, infos: Any, which: Mask) -> Mask | None:
        """The masks of all environments, of which those of `which` are read."""
        reader = self._reader
        return None if reader is None else self._called(lambda: reader.read(observations, infos, which))

    def _mask_of(self, masks: Mask, index: int) -> Mask | None:
        return None if self._reader is None else masks[index].copy()

    def step(self, which: NDArray[np.int64] | None, actions: NDArray[Any]) -> Step:
        """Steps all environments."""
        assert which is None, "they all step together"
        chosen = self._actions.batch(actions)
        try:
            result = self._called(lambda: self._environment.step(chosen))
            observations, rewards, terminated, truncated, infos = of_step(result)
        except Exception as error:
            error.add_note(f"npg: in step({shown(chosen)}) of {self._count} environments; it does not say which one")
            raise
        rows = self._rows_of(observations)
        endings = _endings(terminated, truncated, self._count)
        is_reset = self._mode == "same-step"
        masks = self._masks_of(observations, infos, np.ones_like(self._begins) if is_reset else endings == RUNNING)
        if is_reset and endings.any():
            self._first = rows.copy()
            if masks is not None:
                self._first_masks = masks.copy()
                masks[endings > 0] = True
            rows = self._with_finals(rows, infos, np.flatnonzero(endings))
        if type(infos) is not dict or infos:
            resets = self._begins if self._mode == "next-step" else endings > 0
            self._measures.add_batch(infos, np.ones_like(resets) if self._mode == "disabled" else ~resets)
        if self._has_begins:
            endings[self._begins] = BEGAN
            self._begins[:] = self._has_begins = False
        return rows, doubles(rewards, "rewards", (self._count,)), endings, masks

    def _rows_of(self, observations: Any, when: str = "") -> NDArray[Any]:
        return self._observations.batch(observations, self._count, when)

    def _called(self, call: Callable[[], Any]) -> Any:
        """The result of a call into the environment. (Ctrl-C would leave the processes' answers behind for the next call.)"""
        self.calls += 1
        self.touch.is_inside = True
        try:
            with interrupts_wait() if self._processes else contextlib.nullcontext():
                return call()
        finally:
            self.touch.is_inside = False

    def _with_finals(self, rows: NDArray[Any], infos: Any, ended: NDArray[np.intp]) -> NDArray[Any]:
        """The rows, with the last observations of episodes that ended instead of the first ones of the next episodes."""
        given = infos if isinstance(infos, Mapping) else {}
        finals = next((given[name] for name in FINAL_OBSERVATIONS if name in given), None)
        if finals is None:
            raise ValueError(
                "the vector environment resets in the same step, but its infos have no final_obs, so the value after a "
                "truncated episode cannot be estimated. Use autoreset_mode=NEXT_STEP"
            )
        rows = rows.copy()
        for index in ended:
            whose = f"environment {index}: the last one, "
            try:
                last = _element(finals, index)
            except (LookupError, TypeError):
                raise TypeError(f"{whose}observation is not in final_obs, which is {shown(finals)}") from None
            self._observations.write(last, rows[index], whose)
        return rows

    def take_measures(self) -> list[tuple[str, float, int]]:
        """(name, sum, count) of the numbers in `infos` since the last call."""
        return self._measures.take()

    def begin_anew(self) -> None:
        """Lets the next `reset` reset all environments."""
        self._first = None

    def close(self) -> None:
        """Closes the vector environment, if it was made for this group."""
        if self._is_owned:
            self._environment.close()

    def abandon(self) -> bool:
        """Ends the processes of an AsyncVectorEnv that hangs, and with them the waiting step. Returns whether there are any."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join(1.0)
            if process.is_alive():  # it ignores the signal
                process.kill()
        if self._processes:
            self._environment.unwrapped.closed = True  # nothing is left to close
        return bool(self._processes)


def of_first(result: Any) -> tuple[Any, Any]:
    """The observation and `info` from the result of `reset`."""
    if not (isinstance(result, tuple) and len(result) == 2):
        raise TypeError(
            f"reset() returned {_counted(result)}; it must return (observation, info). `npg check-env` tells more"
        )
    return result


def of_step(result: Any) -> tuple[Any, Any, Any, Any, Any]:
    """The result of `step`, if it has five values."""
    if isinstance(result, (tuple, list)) and len(result) == 5:
        return tuple(result)
    raise TypeError(
        f"step() returned {_counted(result)}; it must return (observation, reward, terminated, truncated, info). "
        "`npg check-env` tells more"
    )


def _counted(result: Any) -> str:
    """Such as "4 values: (...)"."""
    return f"{len(result)} values: {shown(result)}" if isinstance(result, tuple) else shown(result)


def _endings(terminated: Any, truncated: Any, count: int) -> NDArray[np.uint8]:
    """The ending of each environment's episode. If it terminated and was truncated at once, it has terminated."""
    endings = flags(terminated, "terminated", (count,)).astype(np.uint8)  # True is TERMINATED
    cut = flags(truncated, "truncated", (count,))
    if cut.any():
        endings[cut & (endings == RUNNING)] = TRUNCATED
    return endings


def _element(batch: Any, index: np.intp) -> Any:
    """Element `index` of a batch, which may be a dictionary or a tuple of batches."""
    if isinstance(batch, dict):
        return {key: _element(value, index) for key, value in batch.items()}
    if isinstance(batch, tuple):
        return tuple(_element(value, index) for value in batch)
    return batch[index]


def autoreset_mode(environment: gymnasium.vector.VectorEnv[Any, Any, Any]) -> str:
    """`next-step`, `same-step` or `disabled`.

    Raises:
        ValueError: if the vector environment does not declare its mode.
    """
    import gymnasium

    version = tuple(int(part) for part in gymnasium.__version__.split(".")[:2])
    mode = (environment.metadata or {}).get("autoreset_mode")
    if mode is None and version < (1, 0):
        return "same-step"
    if mode is None and version == (1, 0):
        return "next-step"
    name = getattr(mode, "name", mode)
    known = {"NEXT_STEP": "next-step", "SAME_STEP": "same-step", "DISABLED": "disabled"}
    if name not in known:
        raise ValueError(
            f"{type(environment).__name__}.metadata['autoreset_mode'] is {mode!r}; npg must know when episodes are reset: "
            "set it to gymnasium.vector.AutoresetMode.NEXT_STEP, SAME_STEP or DISABLED"
        )
    return known[name]
