"""`make_vec_env` as in Stable-Baselines3, for Gymnasium's vector environments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import gymnasium
import gymnasium.vector

from npg import _npg
from npg._arguments import whole
from npg._sources import unknown_ids_told

if TYPE_CHECKING:
    _Wrapper = gymnasium.Wrapper[Any, Any, Any, Any]
    _VectorEnv = gymnasium.vector.VectorEnv[Any, Any, Any]
else:
    _Wrapper = gymnasium.Wrapper

_BY_NAME = {
    "sync": gymnasium.vector.SyncVectorEnv,
    "async": gymnasium.vector.AsyncVectorEnv,
    "DummyVecEnv": gymnasium.vector.SyncVectorEnv,
    "SubprocVecEnv": gymnasium.vector.AsyncVectorEnv,
}


def make_vec_env(
    env_id: str | Callable[..., gymnasium.Env[Any, Any]],
    n_envs: int = 1,
    seed: int | None = None,
    start_index: int = 0,
    monitor_dir: None = None,
    wrapper_class: Callable[..., gymnasium.Env[Any, Any]] | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    vec_env_cls: Any = None,
    vec_env_kwargs: Mapping[str, Any] | None = None,
    monitor_kwargs: None = None,
    wrapper_kwargs: Mapping[str, Any] | None = None,
) -> _VectorEnv:
    """Several environments of one kind as a `gymnasium.vector.VectorEnv`, which resets an ended episode in the same step.

    An agent does not need it if its own `n_envs`, `env_kwargs` and `vectorization` are enough: `npg.NPG("MlpPolicy",
    "LunarLander-v3", n_envs=16)` makes its environments itself, and steps npg's own environments much faster.

    Args:
        env_id: an id (npg's own environment if it has it, else Gymnasium's; `"gym:ID"` is always Gymnasium's), or a class or
            another callable that makes a `gymnasium.Env`.
        n_envs: the number of environments.
        seed: environment i starts with `seed + start_index + i` if `reset` is called without a seed. An agent passes its own.
        start_index: the number of the first environment, for the seeds.
        monitor_dir, monitor_kwargs: must be left out; agents measure returns themselves.
        wrapper_class: a wrapper for each environment.
        env_kwargs: arguments of the environment, or of the callable.
        vec_env_cls: Gymnasium's `SyncVectorEnv` (the default), `AsyncVectorEnv` (processes), or a class with the same
            constructor; or `"sync"` or `"async"`.
        vec_env_kwargs: arguments of that class, such as `autoreset_mode`.
        wrapper_kwargs: arguments of the wrapper.

    Raises:
        ValueError: for an argument that is not supported.
        TypeError: for an `env_id` of another kind.
    """
    if monitor_dir is not None or monitor_kwargs is not None:
        raise ValueError(
            "monitor_dir and monitor_kwargs are not supported. Leave them out: agents measure returns and lengths themselves, and "
            "wrapper_class=gymnasium.wrappers.RecordEpisodeStatistics puts them into info"
        )
    n_envs, start_index = whole("n_envs", n_envs, 1), whole("start_index", start_index, 0)
    first = None if seed is None else whole("seed", seed, 0, 2**63) + start_index
    name = env_id if isinstance(env_id, str) else None
    if name in _npg.native_ids() and wrapper_class is None and vec_env_cls is None:
        return _native(str(name), n_envs, first, {**(env_kwargs or {}), **(vec_env_kwargs or {})})
    maker = _maker(env_id, env_kwargs or {})

    def make(index: int) -> Callable[[], gymnasium.Env[Any, Any]]:
        def one() -> gymnasium.Env[Any, Any]:
            env = maker()
            if not isinstance(env, gymnasium.Env):
                raise TypeError(f"env_id made a {type(env).__name__}; it must make a gymnasium.Env")
            if wrapper_class is not None:
                env = wrapper_class(env, **(wrapper_kwargs or {}))
            return env if first is None else _FirstSeed(env, first + index)

        return one

    makers = [make(index) for index in range(n_envs)]
    made: _VectorEnv = _class(vec_env_cls)(makers, **{**_same_step(), **(vec_env_kwargs or {})})
    if name is not None and wrapper_class is None and not env_kwargs:
        made.spec = gymnasium.spec(_registered(name))  # so that agents know its preset, and files its id
    return made


def _maker(env_id: Any, arguments: Mapping[str, Any]) -> Callable[[], Any]:
    if isinstance(env_id, str):
        name = _registered(env_id)
        with unknown_ids_told(name):
            gymnasium.spec(name)
        return lambda: gymnasium.make(name, **arguments)
    if not callable(env_id):
        raise TypeError(
            f"env_id is a {type(env_id).__name__}; it must be an id, or a callable that makes an environment, because one that "
            "is already made exists only once"
        )
    return lambda: env_id(**arguments)


def _registered(name: str) -> str:
    """The name of an id in Gymnasium."""
    return f"npg/{name}" if name in _npg.native_ids() else name.removeprefix("gym:")


def _native(name: str, n_envs: int, seed: int | None, arguments: dict[str, Any]) -> _VectorEnv:
    from npg.envs import NativeVectorEnv

    made = NativeVectorEnv(name, n_envs, arguments.pop("autoreset_mode", "SAME_STEP"), **arguments)
    made.first_seed = seed
    if not arguments:
        made.spec = gymnasium.spec(f"npg/{name}")
    return made


def _class(given: Any) -> Any:
    """The class of the vector environment. Stable-Baselines3's classes have another interface and are refused."""
    if given is None:
        return gymnasium.vector.SyncVectorEnv
    if isinstance(given, str) and given in ("sync", "async"):
        return _BY_NAME[given]
    name = getattr(given, "__name__", str(given))
    if name in _BY_NAME:
        raise ValueError(
            f"vec_env_cls is {name}, a VecEnv of Stable-Baselines3; npg takes Gymnasium's: gymnasium.vector."
            f"{_BY_NAME[name].__name__}"
        )
    if not callable(given):
        raise TypeError(f"vec_env_cls is {given!r}; it must be a class such as gymnasium.vector.AsyncVectorEnv")
    return given


def _same_step() -> dict[str, Any]:
    """The autoreset mode in which no step is lost to a reset. Before Gymnasium 1.1 there is only one mode."""
    modes = getattr(gymnasium.vector, "AutoresetMode", None)
    return {} if modes is None else {"autoreset_mode": modes.SAME_STEP}


class _FirstSeed(_Wrapper):
    """Starts with this seed, unless `reset` gets another one."""

    def __init__(self, env: gymnasium.Env[Any, Any], seed: int) -> None:
        super().__init__(env)
        self._seed: int | None = seed

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Like the environment's `reset`, with the seed of the constructor the first time."""
        seed, self._seed = self._seed if seed is None else seed, None
        return self.env.reset(seed=seed, options=options)
