"""From the argument `env` to a source of environments for the extension module."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import time
import tomllib
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from npg import _npg
from npg._actions import Actions, enormous
from npg._groups import Group, SyncGroup, VectorGroup, autoreset_mode
from npg._masks import Masks, check_choice, find
from npg._spaces import Observations
from npg._warnings import TrainingWarning

if TYPE_CHECKING:
    import gymnasium
    import gymnasium.vector

    Make = Callable[[], gymnasium.Env[Any, Any]]

GYMNASIUM = "gym:"

#: Options that the program keeps in addition to the environment's own.
PROGRAMS = ("vectorization", "timeout_seconds", "action_masks")

#: What Gymnasium takes where nothing is said.
_DRAWS_NOTHING = ("render_mode", None)

#: Seconds that a call into an environment may take, in the program.
_TIMEOUT = 60.0


@dataclass
class Resolved:
    """An environment for training."""

    source: _npg.Source
    #: Number of environments, where it is not to be chosen.
    n_envs: int | None
    #: How observations become rows and rows actions; None for native environments, whose numbers are rows already.
    observations: Observations | None
    actions: Actions | None
    #: Its id: a native one, `gym:ID`, or the name of a class.
    id: str
    #: The last group that was made.
    groups: list[Group] = field(default_factory=list)
    #: What the user gave.
    given: Any = None
    #: The options of an environment that is named by its id, all of them.
    options: dict[str, Any] = field(default_factory=dict)
    #: `sync` or `async`.
    vectorization: str = "sync"
    #: Where its action masks are, as the user said.
    action_masks: str = "auto"
    #: How they are read; None without masks, and for native environments.
    masks: Masks | None = None

    @property
    def has_masks(self) -> bool:
        """Whether the environment has action masks."""
        return self.masks is not None or self.source.has_native_masks(
            to_toml(self.options) if self.actions is None else ""
        )

    @property
    def is_callers(self) -> bool:
        """Whether the environments belong to the caller, who may step and reset them as well."""
        return bool(self.groups) and not isinstance(self.given, str)

    def saved_options(self) -> dict[str, Any]:
        """The options that a file can hold, and how Gymnasium's environments step."""
        saved = self._lasting_options()
        if self.actions is not None and self.vectorization != "sync" and isinstance(self.given, str):
            saved["vectorization"] = self.vectorization
        if self.actions is not None and self.action_masks != "auto":
            saved["action_masks"] = self.action_masks
        return saved

    def unsaved_options(self) -> list[str]:
        """The names of the options that no file can hold."""
        lasting = self._lasting_options()
        return [name for name, value in self.options.items() if name not in lasting and (name, value) != _DRAWS_NOTHING]

    def _lasting_options(self) -> dict[str, Any]:
        """The environment's own options that a file can hold. A name that the program uses itself is not possible there."""
        if self.actions is None:
            return dict(self.options)
        return {name: value for name, value in self.options.items() if name not in PROGRAMS and _is_lasting(value)}

    def warn_of_enormous_actions(self) -> None:
        """Warns of action bounds that are finite, but too large to be intended."""
        actions = self.actions or Actions(self.spaces()[1])
        for leaf in actions.leaves:
            if leaf.is_box and (said := enormous(leaf.space, leaf.place)) is not None:
                warnings.warn(said, TrainingWarning, stacklevel=4)

    def spaces(self) -> tuple[Any, Any]:
        """Gymnasium's spaces for one observation and one action."""
        if self.observations is not None and self.actions is not None:
            return self.observations.space, self.actions.space
        from npg.envs import space_of

        spec = self.source.spec
        return space_of(spec["observation"]), space_of(spec["action"])


def resolve(
    env: Any, env_kwargs: Mapping[str, Any] | None = None, vectorization: str = "sync", action_masks: str = "auto"
) -> Resolved:
    """Resolves an id, an environment, a vector environment or a callable that makes one.

    Args:
        env: `"CartPole-v1"` is the native environment of that id if there is one, else Gymnasium's;
            `"gym:CartPole-v1"` always Gymnasium's.
        env_kwargs: options of the environment, if `env` is an id.
        vectorization: `sync` or `async` (processes), for ids of Gymnasium and callables.
        action_masks: where action masks are, one of `npg._masks.CHOICES`.

    Raises:
        TypeError: if `env` is none of these.
    """
    options = _fresh(dict(env_kwargs or {}))
    resolved = _resolve(env, options, _How(vectorization, check_choice(action_masks)))
    resolved.given, resolved.options = env, options
    resolved.vectorization, resolved.action_masks = vectorization, action_masks
    return resolved


@dataclass
class _How:
    """How the environments in Python are made and read."""

    vectorization: str
    action_masks: str
    #: The most seconds of a call, in the program.
    timeout: float | None = None


def _fresh(value: Any) -> Any:
    """A copy of the value with new dictionaries and lists, so that an environment cannot change those of the next one."""
    if type(value) is dict:
        return {key: _fresh(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(_fresh, value))
    return value


def _resolve(env: Any, options: dict[str, Any], how: _How) -> Resolved:
    if how.vectorization not in ("sync", "async"):
        raise ValueError(f"vectorization is {how.vectorization!r}; it must be 'sync' or 'async'")
    if isinstance(env, str):
        if not env.startswith(GYMNASIUM) and env in _npg.native_ids():
            return _of_native(env, options, how)
        return _of_id(env.removeprefix(GYMNASIUM), options, how)
    if options:
        raise TypeError("env_kwargs needs an id, but this is an environment that is already made, or a callable")
    import gymnasium
    import gymnasium.vector

    if isinstance(env, gymnasium.vector.VectorEnv):
        return _of_vector(env, how)
    if isinstance(env, gymnasium.Env):
        if how.vectorization != "sync":
            raise ValueError("vectorization is 'async', but env is already made; give a callable that makes it")
        return _of_single(env, how)
    if callable(env):
        first = env()
        if isinstance(first, gymnasium.vector.VectorEnv):
            return _of_vector(first, how)
        if not isinstance(first, gymnasium.Env):
            raise TypeError(f"env() returned a {type(first).__name__}; it must make a gymnasium.Env")
        return _of_makers(env, _name(first), first, how)
    raise TypeError(
        f"env is a {type(env).__name__}; it must be an id, a gymnasium.Env, a gymnasium.vector.VectorEnv, or a callable "
        "that makes one"
    )


def of_gymnasium(name: str, options: str) -> _npg.Source:
    """The source of Gymnasium's environment `name` for the program; `options` is TOML."""
    arguments = tomllib.loads(options)
    vectorization = arguments.pop("vectorization", "sync")
    if vectorization not in ("sync", "async"):
        raise ValueError(f"env.vectorization is {vectorization!r}; it must be 'sync' or 'async'")
    timeout = arguments.pop("timeout_seconds", _TIMEOUT)
    if not (isinstance(timeout, (int, float)) and timeout > 0):
        raise ValueError(f"env.timeout_seconds is {timeout!r}; it must be a positive number")
    action_masks = check_choice(arguments.pop("action_masks", "auto"), "env.action_masks")
    how = _How(vectorization, action_masks, None if math.isinf(timeout) else float(timeout))
    resolved = _of_id(name, arguments, how)
    resolved.warn_of_enormous_actions()
    return resolved.source


def _of_native(name: str, options: dict[str, Any], how: _How) -> Resolved:
    if how.action_masks not in ("auto", "none"):
        raise ValueError(
            f"action_masks is {how.action_masks!r}, but {name} is npg's own environment, whose masks come by its option: "
            "env_kwargs={'mask': True}, if `npg explain` lists it"
        )
    return Resolved(_npg.Source.native(name, to_toml(options)), None, None, None, name)


def _of_id(name: str, options: dict[str, Any], how: _How) -> Resolved:
    import gymnasium

    def make() -> gymnasium.Env[Any, Any]:
        return gymnasium.make(name, disable_env_checker=True, **_fresh(options))

    with unknown_ids_told(name):
        first = make()
    return _of_makers(make, GYMNASIUM + name, first, how)


@contextlib.contextmanager
def unknown_ids_told(name: str) -> Iterator[None]:
    """Turns Gymnasium's exception about an unknown or unreadable id into one that says what to do."""
    import difflib

    import gymnasium

    import npg.envs  # noqa: F401 (it registers the environments, which Gymnasium cannot do once npg has been imported)

    try:
        yield
    except gymnasium.error.Error as error:
        if not (isinstance(error, gymnasium.error.UnregisteredEnv) or type(error) is gymnasium.error.Error):
            raise  # it comes from the environment, such as a package that it needs
        nearest = difflib.get_close_matches(name, [*_npg.native_ids(), *gymnasium.registry], 1)
        raise type(error)(
            f"env is {name!r}, which neither npg nor Gymnasium knows ({str(error).rstrip('.')})."
            + (f" Did you mean {nearest[0]!r}?" if nearest else "")
            + " `npg envs` lists npg's environments, gymnasium.pprint_registry() Gymnasium's. If another package registers it, "
            "import that package first, or write 'package:ID'"
        ) from None


def _of_makers(make: Make, name: str, first: gymnasium.Env[Any, Any], how: _How) -> Resolved:
    """An environment that can be made any number of times; `first` is one that is already made."""
    spec = first.spec
    codecs = _codecs(first, how.action_masks)
    unused = [first]
    if how.vectorization == "async":
        unused.pop().close()  # each process makes its own

    def group(count: int) -> Any:
        if how.vectorization == "async":
            return VectorGroup(_async([make] * count), codecs[2])
        environments = [unused.pop() if unused else make() for _ in range(count)]
        if len({id(environment) for environment in environments}) < count:
            raise ValueError("env() returned the same environment twice; each call must make a new one")
        return SyncGroup(environments, *codecs)

    return _resolved(group, _description(name, codecs, spec), None, codecs, how.timeout)


def _of_single(env: gymnasium.Env[Any, Any], how: _How) -> Resolved:
    """One environment that belongs to the caller."""
    codecs = _codecs(env, how.action_masks)

    def group(count: int) -> SyncGroup:
        if count != 1:
            raise ValueError(f"{_name(env)} is one environment, but {count} are needed; give a callable that makes it")
        return SyncGroup([env], *codecs, owned=False)

    return _resolved(group, _description(_name(env), codecs, env.spec), 1, codecs)


#: How observations are read, how actions are written, and how action masks are read.
_Codecs = tuple[Observations, Actions, Masks | None]


def _codecs(env: Any, action_masks: str, prefix: str = "") -> _Codecs:
    names = (f"{prefix}observation_space", f"{prefix}action_space")
    for name in names:
        if getattr(env, name, None) is None:
            raise TypeError(f"{_name(env)} has no {name}; an environment must set it to a space of Gymnasium")
    spaces = getattr(env, names[0]), getattr(env, names[1])
    actions = Actions(spaces[1])
    masks = find(action_masks, env, spaces, actions.description)
    return Observations(spaces[0], None if masks is None else masks.key), actions, masks


def _async(makers: list[Make]) -> gymnasium.vector.VectorEnv[Any, Any, Any]:
    import gymnasium.vector

    mode = getattr(gymnasium.vector, "AutoresetMode", None)
    modes = {} if mode is None else {"autoreset_mode": mode.SAME_STEP}  # no step is lost to a reset
    return gymnasium.vector.AsyncVectorEnv([_Undisturbed(make) for make in makers], **modes)


class _Undisturbed:
    """Makes an environment whose process leaves Ctrl-C to the training process, which can end it."""

    def __init__(self, make: Make) -> None:
        self._make = make

    def __call__(self) -> gymnasium.Env[Any, Any]:
        parent = multiprocessing.parent_process()
        if parent is not None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
        return self._make()


def _end_with(parent: int) -> None:
    """Ends this process when the training process has ended, for whatever reason and even if something hangs here."""
    multiprocessing.connection.wait([parent])
    time.sleep(2.0)  # meanwhile, an environment that does not hang is closed
    os._exit(1)


def _of_vector(env: gymnasium.vector.VectorEnv[Any, Any, Any], how: _How) -> Resolved:
    codecs = _codecs(env, how.action_masks, "single_")
    autoreset_mode(env)  # an unknown one is refused here

    def group(count: int) -> VectorGroup:
        if count != env.num_envs:
            raise ValueError(f"{_name(env)} has {env.num_envs} environments, and {count} are needed")
        return VectorGroup(env, codecs[2], owned=False)

    description = _description(_name(env), codecs, getattr(env, "spec", None))
    return _resolved(group, description, int(env.num_envs), codecs)


def _resolved(
    make: Callable[[int], Group],
    description: dict[str, Any],
    n_envs: int | None,
    codecs: _Codecs,
    timeout: float | None = None,
) -> Resolved:
    observations, actions, masks = codecs
    groups: list[Group] = []

    def group(count: int) -> Group:
        groups[:] = [make(count)]
        return groups[0]

    source = _npg.Source(group, description, timeout)
    return Resolved(source, n_envs, observations, actions, description["id"], groups, masks=masks)


def _description(name: str, codecs: _Codecs, spec: Any) -> dict[str, Any]:
    """The spec of an environment. It ends its episodes itself, so its time limit is only information."""
    observations, actions, _ = codecs
    return {
        "id": name,
        "observation": observations.description,
        "action": actions.description,
        "max_episode_steps": getattr(spec, "max_episode_steps", None),
        "reward_threshold": getattr(spec, "reward_threshold", None),
    }


def _name(env: Any) -> str:
    spec = getattr(env, "spec", None)
    return f"{GYMNASIUM}{spec.id}" if spec is not None else type(getattr(env, "unwrapped", env)).__name__


def to_toml(options: Mapping[str, Any]) -> str:
    """The options as a TOML document."""
    return "".join(f"{toml_value(name)} = {option_value(value)}\n" for name, value in options.items())


def option_value(value: Any) -> str:
    """Like `toml_value`, but dictionaries are possible as well.

    Raises:
        TypeError: if TOML has no such value.
    """
    if isinstance(value, Enum):  # even if it is a number or a string, because its members are compared by identity
        raise TypeError(f"{value!r} is a {type(value).__name__}, which a file cannot hold")
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return "{" + ", ".join(f"{toml_value(key)} = {option_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(option_value(item) for item in value) + "]"
    return toml_value(value)


def toml_value(value: Any) -> str:
    """A value as TOML writes it.

    Raises:
        TypeError: if TOML has no such value.
    """
    import json

    item = getattr(value, "item", None)
    if item is not None and getattr(value, "shape", None) == ():
        value = item()  # a NumPy scalar
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and not any("\ud800" <= character <= "\udfff" for character in value):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # TOML has no escapes for surrogates
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return str(value)
    if isinstance(value, float):
        return repr(value)  # TOML has inf and nan as well
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    raise TypeError(
        f"{value!r} is a {type(value).__name__}; numbers, strings, booleans and lists of these are possible"
    )


def _is_lasting(value: Any) -> bool:
    """Whether TOML can hold it."""
    try:
        option_value(value)
    except TypeError:
        return False
    return True
