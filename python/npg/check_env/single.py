"""The main rollout of a single environment."""

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from npg.check_env import spaces, tally
from npg.check_env.context import Actions, Check, Held
from npg.check_env.masks import Masked
from npg.check_env.watch import CallRaised

_BUDGET = 30.0  # seconds for the main rollout; slow environments get fewer steps


@dataclass
class _State:
    """Where a rollout is."""

    masked: Masked
    episode: int = 1
    length: int = 0
    held: Held = field(default_factory=Held)


def play(env: Any, check: Check) -> bool:
    """Plays `check.steps` steps and records faults. Returns whether copies of the environment can be compared."""
    facts = check.facts
    limit = facts.time_limit = tally.time_limit(env)
    if not spaces.look(env, check, prefix=""):
        return False
    seen = tally.Tally()
    try:
        _roll(env, check, seen)
    finally:
        check.watch.place = ""
        seen.write(facts)
    if not check.notes.has("step-return", "reset-return"):
        seen.judge(check, limit)
    return not check.notes.has("step-return", "reset-return", "reset-no-seed")


def _roll(env: Any, check: Check, seen: tally.Tally) -> None:
    """Resets and steps."""
    state = _State(Masked(env, check))
    if not _reset(env, check, state, first=True):
        return
    actions = Actions(env.action_space, check.seed)
    start = time.monotonic()
    for done in range(check.steps):
        if time.monotonic() - start > _BUDGET:
            check.facts.skipped.append(f"steps after the first {done} of {check.steps}, which took {_BUDGET:g} s")
            break
        ending = _step(env, state.masked.allowed(actions.next()), check, state, seen)
        if ending is None:
            return
        if any(ending):
            seen.end(state.length, *ending)
            state.episode, state.length = state.episode + 1, 0
            if not _reset(env, check, state, first=False):
                return


def _reset(env: Any, check: Check, state: _State, first: bool) -> bool:
    """Resets and checks the observation. Returns False if nothing can be played after that."""
    check.watch.place = f"reset of episode {state.episode}"
    result = _first_reset(env, check) if first else check.reset(env)
    _check_held(check, state)
    if not isinstance(result, tuple) or len(result) != 2:
        check.add("reset-return", f"`reset` returned {returned(result)}")
        return False
    observation, info = result
    _look(observation, env, check)
    if not isinstance(info, dict):
        check.add("info-type", f"info is a {type(info).__name__}")
    state.held.hold(f"the reset of episode {state.episode}", observation)
    state.masked.look(observation, info)
    return True


def _check_held(check: Check, state: _State) -> None:
    """Whether the call has overwritten the observation before."""
    changed = state.held.changed()
    if changed:
        check.add("observation-aliased", changed)


def _first_reset(env: Any, check: Check) -> Any:
    """Resets with the seed, if `reset` takes one."""
    try:
        return check.reset(env, seed=check.seed)
    except CallRaised as raised:
        if not (isinstance(raised.error, TypeError) and "seed" in str(raised.error)):
            raise
        check.notes.add("reset-no-seed", f"`env.reset(seed={check.seed})` raised TypeError: {raised.error}")
        return check.reset(env)


def _step(env: Any, action: Any, check: Check, state: _State, seen: tally.Tally) -> tuple[bool, bool] | None:
    """Takes one step. Returns its endings, or None if `step` did not return five values."""
    state.length += 1
    check.watch.place = f"episode {state.episode}, step {state.length}"
    result = check.step(env, action)
    seen.seconds += check.watch.seconds
    _check_held(check, state)
    if not isinstance(result, tuple) or len(result) != 5:
        check.add("step-return", f"`step` returned {returned(result)}")
        return None
    observation, reward, terminated, truncated, info = result
    _look(observation, env, check)
    seen.reward(reward, check)
    for name, flag in (("terminated", terminated), ("truncated", truncated)):
        if not isinstance(flag, (bool, np.bool_)):
            check.add("ending-type", f"{name} is {flag!r} ({type(flag).__name__})", name)
    if not isinstance(info, dict):
        check.add("info-type", f"info is a {type(info).__name__}")
    state.held.hold(f"step {state.length}", observation)
    try:
        ending = bool(terminated), bool(truncated)
    except (TypeError, ValueError):  # an array with several elements
        return None
    if not any(ending):
        state.masked.look(observation, info)
    return ending


def _look(observation: Any, env: Any, check: Check) -> None:
    """Records what is wrong with an observation."""
    for problem in spaces.problems(observation, env.observation_space):
        check.add(problem.code, problem.message, problem.part)


def returned(result: Any) -> str:
    """Describes what a call returned instead of a tuple of the right length."""
    if isinstance(result, tuple):
        return f"{len(result)} values"
    return f"one value, a {type(result).__name__}"
