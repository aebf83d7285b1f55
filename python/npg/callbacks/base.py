"""Callbacks of `learn`: classes in the style of Stable-Baselines3, functions, and lists of both.

npg trains in whole iterations (a batch and the update on it), so callbacks are called once per iteration and not per step:

    _on_training_start
    for each iteration: _on_rollout_start, the batch and the update, _on_step, _on_rollout_end
    _on_training_end
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from npg._logger import Logger

if TYPE_CHECKING:
    from npg.agents import Agent

#: A callback as a function, of the agent and its metrics.
Function = Callable[["Agent", dict[str, Any]], Any]

#: What `self.locals` has in Stable-Baselines3, and no iteration of npg's.
_OF_STEPS = (
    *("actions", "clipped_actions", "dones", "infos", "log_probs", "new_obs", "obs_tensor", "rewards"),
    *("rollout_buffer", "values", "env", "n_steps", "n_rollout_steps"),
)


class Locals(dict[str, Any]):
    """`total_timesteps`, and the `metrics` of the iteration. Values that exist only for single steps raise an error."""

    def __missing__(self, key: str) -> Any:
        known = ", ".join(self)
        if key in _OF_STEPS:
            raise KeyError(
                f"locals[{key!r}] is a value of a single step, but npg calls callbacks once per iteration: self.metrics has the means, and "
                f"numbers that an environment puts into info are there as env/<name>. locals has {known}"
            )
        raise KeyError(f"{key!r}; locals has {known}")

    def get(self, key: str, default: Any = None) -> Any:
        """Like that of any dictionary, except for values of single steps: a default would hide that they do not exist."""
        return self[key] if key in self or key in _OF_STEPS else default


class BaseCallback(ABC):
    """A callback as a class. It needs at least `_on_step`, which stops training by returning False.

    It has Stable-Baselines3's interface, but `_on_step` is called once per iteration, after the update. `num_timesteps` has then
    grown by a batch, `n_calls` counts iterations, and `metrics` (the same dictionary as `model.metrics`) replaces the `locals` of
    a step.

    Args:
        verbose: 0 prints nothing.
    """

    #: Who learns.
    model: Agent

    def __init__(self, verbose: int = 0) -> None:
        self.verbose = verbose
        #: Calls of `_on_step` so far.
        self.n_calls = 0
        #: Transitions so far.
        self.num_timesteps = 0
        #: Metrics of the iteration.
        self.metrics: dict[str, Any] = {}
        self.locals: dict[str, Any] = Locals()
        self.globals: dict[str, Any] = {}
        #: The callback that calls this one, such as an `EvalCallback`.
        self.parent: BaseCallback | None = None

    @property
    def training_env(self) -> Any:
        """The environment that was passed to the agent."""
        env = self.model.get_env()
        if isinstance(env, str) or not hasattr(env, "step"):
            raise AttributeError(f"the agent makes its environments itself, from {env!r}; model.n_envs is their number")
        return env

    @property
    def logger(self) -> Logger:
        """Adds numbers to the metrics of the iteration: `self.logger.record("mine/number", 1.0)`."""
        return self.model.logger

    def init_callback(self, model: Agent) -> None:
        """Called before training with the agent."""
        self.model = model
        self._init_callback()

    def on_training_start(self, locals_: dict[str, Any], globals_: dict[str, Any]) -> None:
        """When `learn` begins."""
        self.locals, self.globals = locals_, globals_
        self.num_timesteps = self.model.num_timesteps
        self._on_training_start()

    def on_rollout_start(self) -> None:
        """Before each iteration."""
        self._on_rollout_start()

    def on_step(self) -> bool:
        """Called after each iteration. Returns False to stop training."""
        self.n_calls += 1
        self.num_timesteps, self.metrics = self.model.num_timesteps, self.model.metrics
        return goes_on(self._on_step(), self)

    def on_rollout_end(self) -> None:
        """Called after each iteration, after `on_step`."""
        self._on_rollout_end()

    def on_training_end(self) -> None:
        """Called when `learn` ends without an exception."""
        self._on_training_end()

    def __call__(self, agent: Agent, metrics: dict[str, Any]) -> bool:
        """Calls it like a function, for callbacks that call this one."""
        if getattr(self, "model", None) is not agent:
            self.init_callback(agent)
        return self.on_step()

    def _init_callback(self) -> None:
        pass

    def _on_training_start(self) -> None:
        pass

    def _on_rollout_start(self) -> None:
        pass

    @abstractmethod
    def _on_step(self) -> bool | None: ...

    def _on_rollout_end(self) -> None:
        pass

    def _on_training_end(self) -> None:
        pass


class ConvertCallback(BaseCallback):
    """A function of the agent and its metrics as a callback.

    Args:
        callback: the function.
    """

    #: The meaning of the function's second argument.
    SECOND = "its metrics"

    def __init__(self, callback: Callable[..., Any], verbose: int = 0) -> None:
        super().__init__(verbose)
        try:
            inspect.signature(callback).bind(None, None)
        except ValueError:
            pass  # a function in C may not tell
        except TypeError as error:
            raise TypeError(f"{named(callback)} must be callable with the agent and {self.SECOND}: {error}") from None
        self.callback = callback

    def _second(self) -> Any:
        return self.metrics

    def _on_step(self) -> bool:
        return goes_on(self.callback(self.model, self._second()), self.callback)


class CallbackList(BaseCallback):
    """Several callbacks, in their order. All of them are called, even after one that stops training.

    Args:
        callbacks: objects, functions, or lists of these.
        convert: what functions become.
    """

    def __init__(self, callbacks: Iterable[Any], convert: type[ConvertCallback] = ConvertCallback) -> None:
        super().__init__()
        self.callbacks = [as_callback(each, convert=convert) for each in callbacks]

    def _init_callback(self) -> None:
        for callback in self.callbacks:
            callback.parent = self.parent
            callback.init_callback(self.model)

    def _on_training_start(self) -> None:
        for callback in self.callbacks:
            callback.on_training_start(self.locals, self.globals)

    def _on_rollout_start(self) -> None:
        for callback in self.callbacks:
            callback.on_rollout_start()

    def _on_step(self) -> bool:
        return all([callback.on_step() for callback in self.callbacks])  # noqa: C419 (all of them)

    def _on_rollout_end(self) -> None:
        for callback in self.callbacks:
            callback.on_rollout_end()

    def _on_training_end(self) -> None:
        for callback in self.callbacks:
            callback.on_training_end()


class EventCallback(BaseCallback):
    """A callback that calls another one when something happens.

    Args:
        callback: an object, a function or a list of these; None for nothing.
        verbose: 0 prints nothing.
    """

    def __init__(self, callback: Any = None, verbose: int = 0) -> None:
        super().__init__(verbose)
        self.callback = as_callback(callback)

    def _children(self) -> list[BaseCallback]:
        return [self.callback]

    def _init_callback(self) -> None:
        for child in self._children():
            child.parent = self
            child.init_callback(self.model)

    def _on_training_start(self) -> None:
        for child in self._children():
            child.on_training_start(self.locals, self.globals)

    def _on_training_end(self) -> None:
        for child in self._children():
            child.on_training_end()

    def _on_event(self) -> bool:
        return self.callback.on_step()

    def _on_step(self) -> bool | None:
        return True


def as_callback(
    callback: Any, name: str = "callback", convert: type[ConvertCallback] = ConvertCallback
) -> BaseCallback:
    """Converts the argument of `learn` into one callback.

    Args:
        callback: an object, a function, or a list of these; None for nothing.
        name: the name of the argument.
        convert: what functions become.

    Raises:
        TypeError: for anything else.
    """
    if isinstance(callback, BaseCallback):
        return callback
    if callback is None or isinstance(callback, (list, tuple)):
        return CallbackList(callback or (), convert)
    if isinstance(callback, type) and issubclass(callback, BaseCallback):
        raise TypeError(f"{name} is the class {callback.__name__}; pass an object: {callback.__name__}(...)")
    if hasattr(callback, "init_callback") and hasattr(callback, "on_step"):
        raise TypeError(
            f"{name} is a {type(callback).__module__}.{type(callback).__name__}, which expects a call in each step, but npg "
            "calls once per iteration: use the class of that name from npg.callbacks, or derive from npg.BaseCallback"
        )
    if not callable(callback):
        raise TypeError(
            f"{name} is {callback!r}; it must be callable with the agent and {convert.SECOND}, an npg.BaseCallback, or a list "
            "of such"
        )
    return convert(callback)


def goes_on(answer: Any, of: Any) -> bool:
    """Whether training continues after a callback's answer. It does after None, and after anything that counts as true.

    Raises:
        TypeError: for an answer that is neither true nor false, such as an array of several numbers.
    """
    if answer is None:
        return True
    try:
        return bool(answer)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{named(of)} returned {answer!r}, which is neither true nor false ({error}); return False to stop training, "
            "True or nothing to continue"
        ) from None


def named(callback: Any) -> str:
    """A callback in a message."""
    return f"the callback {getattr(callback, '__qualname__', type(callback).__qualname__)}"
