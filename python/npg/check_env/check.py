"""`check_env`: makes the environment and runs the parts of the check one after the other."""

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from npg._masks import check_choice
from npg.check_env import copies, single, vector
from npg.check_env.context import Check
from npg.check_env.report import Facts, Notes, Report
from npg.check_env.watch import CallRaised, Watch

_RAISED = {
    "make": "cannot-make",
    "reset": "reset-raised",
    "step": "step-raised",
    "action_masks": "mask-raised",
    "close": "close-raised",
}


@dataclass(frozen=True)
class _Given:
    """The user's argument: a way to make copies, or one object."""

    name: str
    make: Callable[[], Any] | None
    env: Any = None
    is_id: bool = False


def check_env(
    env: Any,
    *,
    steps: int = 1000,
    seed: int = 0,
    env_args: Mapping[str, Any] | None = None,
    timeout: float | None = 60.0,
    action_masks: str = "auto",
    when_lost: Callable[[Report], Any] | None = None,
) -> Report:
    """Plays an environment with random actions and reports what would spoil training on it.

    `env`: a Gymnasium id ("CartPole-v1", "gym:CartPole-v1", "package:Name-v0"), a callable that makes an environment, a
    `gymnasium.Env` or a `gymnasium.vector.VectorEnv`. With an id or a callable, fresh copies are made to check seeding. A
    given object is played and left open, and checks that need copies are skipped. `steps`: those of the main rollout, at least
    1 (for a vector environment: calls of `step`). `seed`: that of resets and actions. `env_args`: keyword arguments of the
    environment, with an id or a callable. `timeout`: seconds for each single call into the environment. A call that takes
    longer is ended and reported, and the check ends there. None means no limit. `action_masks`: where the environment has action
    masks, as for an agent; random actions then obey them. `when_lost`: called with the report, by another
    thread, if such a call cannot be ended because it is in code that ignores signals. The check waits for it anyway.

    The environment is called on the caller's thread and in its context, as in `learn`. Raises ValueError or TypeError for
    arguments that make no sense, and ImportError without Gymnasium. Any exception of the environment becomes a finding.
    """
    import gymnasium

    if steps < 1:
        raise ValueError(f"steps is {steps}, but at least 1 step is needed")
    if timeout is not None and not timeout > 0:
        raise ValueError(f"timeout is {timeout}, but must be positive (seconds)")
    given = _given(env, env_args)
    facts = Facts(given.name, gymnasium.__version__)
    notes = Notes()

    def report(hangs: str | None) -> Report:
        if hangs is not None:
            notes.add("timeout", hangs)
            facts.skipped.append("everything after the call that hangs")
        return Report(notes.findings(), facts)

    watch = Watch(timeout, None if when_lost is None else lambda hangs: when_lost(report(hangs)))
    check = Check(steps, seed, watch, notes, facts, check_choice(action_masks))
    with _global_generators_seeded():
        hangs = watch.run(lambda: _check(given, check))
    return report(hangs)


@contextmanager
def _global_generators_seeded() -> Iterator[None]:
    """Seeds the global generators, so that the report is repeatable for environments that use them, and restores them."""
    numpy_state, python_state = np.random.get_state(), random.getstate()
    np.random.seed(0)
    random.seed(0)
    try:
        yield
    finally:
        np.random.set_state(numpy_state)
        random.setstate(python_state)


def _given(env: Any, env_args: Mapping[str, Any] | None) -> _Given:
    """Interprets the arguments."""
    import gymnasium

    import npg.envs  # noqa: F401 (it registers npg's environments)

    arguments = dict(env_args or {})
    if isinstance(env, str):
        name = env.removeprefix("gym:")
        # Gymnasium's own checker raises and warns. npg checks the same things.
        return _Given(name, lambda: gymnasium.make(name, disable_env_checker=True, **arguments), is_id=True)
    if isinstance(env, (gymnasium.Env, gymnasium.vector.VectorEnv)):
        if arguments:
            raise ValueError("env_args are for an id or a callable; the given environment is already made")
        return _Given(_name(env), None, env)
    if callable(env):
        return _Given(getattr(env, "__name__", type(env).__name__), lambda: env(**arguments))
    raise TypeError(
        f"env is a {type(env).__module__}.{type(env).__name__}, but must be a Gymnasium id, a gymnasium.Env, a "
        "gymnasium.vector.VectorEnv or a callable that makes one"
    )


def _name(env: Any) -> str:
    spec = getattr(env, "spec", None)
    return str(spec.id) if spec is not None else type(env.unwrapped).__name__


def _check(given: _Given, check: Check) -> None:
    """The whole check."""
    env = None
    try:
        env = check.watch.call("make", given.make) if given.make else given.env
        _play(env, given, check)
    except CallRaised as raised:
        check.notes.add(_RAISED[raised.what], raised.text, remedy=_remedy(raised))
    if given.make and env is not None:
        try:
            check.watch.place = ""
            check.close(env)
        except CallRaised as raised:
            check.notes.add("close-raised", raised.text)


def _remedy(raised: CallRaised) -> str | None:
    """A remedy, if the exception tells it; None otherwise."""
    from gymnasium.error import DependencyNotInstalled, Error, UnregisteredEnv

    error = raised.error
    if "main thread" in str(error) and threading.current_thread() is not threading.main_thread():
        return "call `check_env` on the main thread, where the environment can do this"
    if raised.what != "make":
        return None
    if isinstance(error, UnregisteredEnv) or type(error) is Error:  # the latter is raised for ids that cannot be read
        return (
            "look for the name in what `python -c 'import gymnasium; gymnasium.pprint_registry()'` prints; an "
            "environment that another package registers is written `package:NAME`"
        )
    if isinstance(error, (ImportError, DependencyNotInstalled)):
        return "install the package that the message names, or fix its name"
    if isinstance(error, TypeError) and "argument" in str(error):
        return (
            "compare the names of the arguments (`--env-arg`, `env_args=`) with those of the environment's `__init__`"
        )
    return None


def _play(env: Any, given: _Given, check: Check) -> None:
    """The main rollout, then the copies."""
    import gymnasium

    is_vector = isinstance(env, gymnasium.vector.VectorEnv)
    if not is_vector and not isinstance(env, gymnasium.Env):
        kind = f"{type(env).__module__}.{type(env).__qualname__}"
        check.notes.add("not-an-environment", f"what was made is a {kind}")
        return
    if not given.is_id:
        check.facts.environment = _name(env)
    part = vector if is_vector else single
    if not part.play(env, check):
        if not check.facts.skipped:
            check.facts.skipped.append("seeding and copies, until the errors of the first rollout are fixed")
    elif given.make is None:
        check.facts.skipped.append("seeding and copies, which need an id or a callable that makes the environment")
    else:
        copies.compare(given.make, env, check)
