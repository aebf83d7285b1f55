"""What needs fresh copies of the environment: seeds, global generators, independence."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from npg.check_env.context import Actions, Check
from npg.check_env.masks import Masked
from npg.check_env.single import returned
from npg.check_env.values import difference, snapshot
from npg.check_env.vector import autoreset_mode, reset_ended

_STEPS = 200  # at most, for one trajectory
_SECONDS = 5.0  # roughly, for one trajectory and for comparing starts
_RESETS = 20  # equal ones before a start counts as repeated: two starts at random repeat with probability 2^-19
_SEEDS = 8

Entry = tuple[str, Any]  # the call, and everything that it returned except for info


@dataclass(frozen=True)
class _Copies:
    """Makes copies and plays them."""

    make: Callable[[], Any]
    main: Any  # the environment of the main rollout, still open
    actions: list[Any]
    check: Check

    def fresh(self) -> Any:
        """A new copy."""
        return self.check.make(self.make)


def compare(make: Callable[[], Any], main: Any, check: Check) -> None:
    """Plays the same actions in several copies and records differences that should not exist."""
    copies = _Copies(make, main, _draw_actions(main, check), check)
    if not _really_fresh(copies):
        return
    spec = getattr(main, "spec", None)
    if getattr(spec, "nondeterministic", False):
        check.facts.skipped.append("seeding, because the spec says nondeterministic=True")
        return
    first = _record(copies, 1, 1)
    found = _first_difference(first, _record(copies, 2, 2))
    if found:
        _explain(copies, first, found)
    else:
        _look_for_shared_state(copies, first)
    if check.facts.num_envs is None:
        _look_at_starts(copies)
    check.watch.place = ""


def _draw_actions(env: Any, check: Check) -> list[Any]:
    """As many steps as can be played in a reasonable time."""
    count = min(check.steps, _STEPS)
    speed = check.facts.steps_per_second
    if speed is not None:
        count = min(count, max(10, int(_SECONDS * speed / (check.facts.num_envs or 1))))
    actions = Actions(env.action_space, check.seed + 1)
    return [actions.next() for _ in range(count)]


def _really_fresh(copies: _Copies) -> bool:
    """Whether the callable makes a new environment each time."""
    env = copies.fresh()
    if env.unwrapped is copies.main.unwrapped:
        remedy = "let the callable make a new environment at each call: `lambda: MyEnv()`, not `lambda: env`"
        text = "the callable returned the same environment object twice"
        copies.check.notes.add("copies-share-state", text, remedy=remedy)
        return False
    copies.check.close(env)
    return True


def _record(copies: _Copies, numpy_seed: int, python_seed: int) -> list[Entry]:
    """A whole trajectory of a fresh copy, with the global generators seeded."""
    np.random.seed(numpy_seed)
    random.seed(python_seed)
    env = copies.fresh()
    entries = list(_trajectory(env, copies.check.seed, copies.actions, copies.check))
    copies.check.watch.place = ""
    copies.check.close(env)
    return entries


def _trajectory(env: Any, seed: int, actions: list[Any], check: Check) -> Iterator[Entry]:
    """Resets with the seed and takes the actions; without a seed after each end, and once in the middle."""
    is_vector = check.facts.num_envs is not None
    masked = Masked(env, check)

    def started(result: Any, which: Any = None) -> Any:
        """The observation of a reset, whose masks are read."""
        observation, info = result
        masked.look(observation, info, which, is_reset=True)
        return snapshot(observation)

    every = np.ones(check.facts.num_envs or 1, np.bool_)
    check.watch.place = "copy, first reset"
    yield check.watch.place, started(check.reset(env, seed=seed), every)
    for k, action in enumerate(actions):
        check.watch.place = f"copy, step {k + 1}"
        result = check.watch.call("step", env.step, _own_copy(masked.allowed(action)))
        if not isinstance(result, tuple) or len(result) != 5:
            check.add("step-return", f"`step` returned {returned(result)}")
            return
        observation, reward, terminated, truncated, info = result
        yield check.watch.place, snapshot((observation, reward, terminated, truncated))
        ended = np.asarray(terminated, dtype=np.bool_) | np.asarray(truncated, dtype=np.bool_)
        if is_vector:
            masked.look(observation, info, every if autoreset_mode(env) == "SAME_STEP" else ~ended)
            if autoreset_mode(env) == "DISABLED" and ended.any():
                yield f"{check.watch.place}, reset", started(reset_ended(env, ended, check), ended)
        elif ended.any() or k == len(actions) // 2:
            check.watch.place = f"copy, reset after step {k + 1}"
            yield check.watch.place, started(check.reset(env))
        else:
            masked.look(observation, info)


def _own_copy(action: Any) -> Any:
    """A copy of the action, of the same type: Discrete's integers stay integers."""
    return action.copy() if isinstance(action, np.ndarray) else action


def _first_difference(first: list[Entry], second: list[Entry]) -> str | None:
    """The first difference between two trajectories, with both values."""
    for (when, a), (_, b) in zip(first, second, strict=False):
        text = _entry_difference(a, b)
        if text:
            return f"{when}: {text}"
    return None


def _entry_difference(a: Any, b: Any) -> str | None:
    """The difference between two entries, with the name of the part that differs."""
    if not (isinstance(a, tuple) and len(a) == 4):  # after a reset, there is only the observation
        return difference(a, b, exact=False, path="observation")
    names = ("observation", "reward", "terminated", "truncated")
    parts = zip(names, a, b, strict=True)
    return next((text for name, x, y in parts if (text := difference(x, y, exact=False, path=name))), None)


def _explain(copies: _Copies, first: list[Entry], found: str) -> None:
    """Distinguishes a global generator from any other source of randomness."""
    check = copies.check
    if _first_difference(first, _record(copies, 1, 1)):
        text = f"two copies with seed {check.seed} and the same actions differ: {found}"
        check.notes.add("not-reproducible", text)
        return
    numpy_alone = _first_difference(first, _record(copies, 1, 2)) is None
    source = "NumPy's, `np.random`" if numpy_alone else "Python's, `random`"
    text = (
        f"two copies with the same seed agree only while the global generator ({source}) is in the same state: {found}"
    )
    check.notes.add("global-random", text)


def _look_for_shared_state(copies: _Copies, alone: list[Entry]) -> None:
    """Plays two copies in turn. The first must do the same as alone."""
    check = copies.check
    one, other = copies.fresh(), copies.fresh()
    before = _global_states()
    together = []
    actions = copies.actions
    pair = zip(
        _trajectory(one, check.seed, actions, check),
        _trajectory(other, check.seed + 1, actions[::-1], check),
        strict=False,
    )
    for entry, _ in pair:
        together.append(entry)
    check.watch.place = ""
    found = _first_difference(alone, together)
    moved = [name for name, state in _global_states().items() if state != before[name]]
    if found:
        text = f"alone and in turn with another copy it differs under the same seed and actions: {found}"
        if moved:  # the environment seeds it itself, or the first comparison would have found it
            check.notes.add("global-random", f"the copies draw from {' and '.join(moved)}; {text}")
        else:
            check.notes.add("copies-share-state", text)
    for env in (one, other):
        check.close(env)


def _look_at_starts(copies: _Copies) -> None:
    """Records a fault if the environment seeds itself in each reset."""
    check = copies.check
    check.watch.place = "copy, reset"
    env = copies.fresh()
    began = time.monotonic()
    check.reset(env, seed=check.seed)

    def differ(resets: Iterator[Any], start: Any) -> bool | None:
        """Whether any of the resets gives another start; None if the time is over before that is known."""
        for result in resets:
            if difference(start, snapshot(result[0])):
                return True
            if time.monotonic() - began > _SECONDS:
                return None
        return False

    start = snapshot(check.reset(env)[0])
    if differ((check.reset(env) for _ in range(_RESETS)), start) is False:
        seeds = range(check.seed + 1, check.seed + 1 + _SEEDS)
        if differ((check.reset(env, seed=seed) for seed in seeds), start):
            text = f"{_RESETS + 1} resets without a seed gave the same first observation, other seeds gave others"
            check.notes.add("starts-repeat", text)
    check.watch.place = ""
    check.close(env)


def _global_states() -> dict[str, str]:
    """The states of the global generators, to be compared."""
    numpy_state: Any = np.random.get_state(legacy=False)
    words = numpy_state["state"]["key"].tobytes().hex()
    return {"`np.random`": f"{words} {numpy_state['state']['pos']}", "`random`": repr(random.getstate())}
