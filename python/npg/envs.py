"""npg's own environments for Gymnasium: `gymnasium.make_vec("npg/CartPole-v1", num_envs=1024)`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from npg import _npg
from npg._arrays import array, doubles, flags, plain
from npg._sources import to_toml

if TYPE_CHECKING:
    _VectorEnv = gymnasium.vector.VectorEnv[Any, Any, Any]
else:
    _VectorEnv = gymnasium.vector.VectorEnv  # before Gymnasium 1.0 it takes no type arguments

Rows = NDArray[Any]
Info = dict[str, Any]


def space_of(description: tuple[Any, ...]) -> spaces.Space[Any]:
    kind, *parts = description
    match kind:
        case "box":
            low, high = (np.array(bound, np.float64) for bound in parts)
            return spaces.Box(low.astype(np.float32), high.astype(np.float32), dtype=np.float32)
        case "image":
            shape, _, low, high = parts
            return spaces.Box(low, high, tuple(shape), np.float32)
        case "discrete":
            return spaces.Discrete(parts[0])
        case "multi-discrete":
            return spaces.MultiDiscrete(parts[0])
        case _:
            return spaces.MultiBinary(parts[0])


class NativeVectorEnv(_VectorEnv):
    """Native environments that step together on all cores. Episodes are truncated at the environment's time limit.

    Environments with action masks (option `mask`) have the method `action_masks()`, shape (num_envs, values).

    Args:
        name: id of a native environment.
        num_envs: the number of environments.
        autoreset_mode: a mode of `gymnasium.vector.AutoresetMode`, or its name.
        options: the environment's own options; `npg explain ID` lists them.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 (as Gymnasium declares it)

    def __init__(self, name: str, num_envs: int = 1, autoreset_mode: Any = "NEXT_STEP", **options: Any) -> None:
        self._name, self._options = name, to_toml(options)
        source = _npg.Source.native(name, self._options)
        spec = source.spec
        if source.has_native_masks(self._options):  # others have no such method
            self.action_masks = self._action_masks
        self.num_envs = num_envs
        self.closed, self.viewer = False, None  # Gymnasium before 1.0 reads them
        self.single_observation_space = space_of(spec["observation"])
        self.single_action_space = space_of(spec["action"])
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._mode = getattr(autoreset_mode, "name", str(autoreset_mode))
        modes = getattr(gymnasium.vector, "AutoresetMode", None)
        if self._mode not in ("NEXT_STEP", "SAME_STEP", "DISABLED"):
            raise ValueError(f"autoreset_mode is {autoreset_mode!r}; it must be NEXT_STEP, SAME_STEP or DISABLED")
        self.metadata = {"render_modes": [], "autoreset_mode": self._mode if modes is None else modes[self._mode]}
        self.render_mode = None
        #: Of the first reset that is given none.
        self.first_seed: int | None = None
        self._group: _npg.NativeGroup | None = None
        #: The current observations, after the first reset.
        self._rows: NDArray[np.float64]
        #: Which environments begin an episode with the next step.
        self._ended = np.zeros(num_envs, bool)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: Info | None = None
    ) -> tuple[Rows, Info]:
        """Starts episodes.

        Args:
            seed: one for all (environment i gets seed + i), or one for each.
            options: `reset_mask`, which environments to reset, shape (num_envs,); and initial states, one row per
                environment: `state` for classic control and toy text, `qpos` and `qvel` for MuJoCo.
        """
        seed, self.first_seed = self.first_seed if seed is None else seed, None
        options = dict(options or {})
        mask = flags(options.pop("reset_mask", np.ones(self.num_envs, bool)), "reset_mask", (self.num_envs,))
        states = self._states(options)
        if self._group is None:
            entropy = np.random.SeedSequence().entropy
            first = int(entropy) % 2**63 if isinstance(entropy, int) else 0
            self._group = _npg.NativeGroup(self._name, self._options, self.num_envs, first)
        if seed is None or isinstance(seed, (int, np.integer)):
            each = [None if seed is None else int(seed) + i for i in range(self.num_envs)]
        else:
            each = list(seed)
            if len(each) != self.num_envs:
                raise ValueError(f"{len(each)} seeds for {self.num_envs} environments")
        seeds = np.array([-1 if one is None else one for one in each], np.int64)
        self._rows = self._group.reset(mask, seeds)
        if states is not None:
            for index in np.flatnonzero(mask):
                self._rows[index] = self._group.begin_at(int(index), states[index])
        self._ended[mask] = False
        return self._observations(), {}

    def _states(self, options: Info) -> NDArray[np.float64] | None:
        parts = [(key, options.pop(key)) for key in ("state", "qpos", "qvel") if key in options]
        if options:
            raise ValueError(f"unknown options: {', '.join(options)}; known: reset_mask, state, qpos, qvel")
        if not parts:
            return None
        rows = []
        for key, part in parts:
            values = doubles(part, key)
            if values.ndim < 2 and self.num_envs == 1:
                values = values.reshape(1, -1)  # of one environment, as `NativeEnv` takes them
            if values.ndim != 2 or len(values) != self.num_envs:
                raise ValueError(f"{key} has shape {values.shape}; it must have {self.num_envs} rows")
            rows.append(values)
        return plain(np.concatenate(rows, axis=1), np.float64)

    def step(self, actions: Any) -> tuple[Rows, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], Info]:
        """Steps all environments. Indices outside of the space are an error, and actions of boxes are clipped."""
        if self._group is None:
            raise RuntimeError("step() before reset()")
        if self._mode == "DISABLED" and self._ended.any():
            raise RuntimeError(
                f"environment {int(np.argmax(self._ended))} has ended: reset it with options={{'reset_mask': ...}}"
            )
        space, chosen = self.single_action_space, array(actions, "actions")
        if isinstance(space, spaces.Box) and chosen.shape == self.action_space.shape:
            chosen = np.clip(chosen.astype(np.float64), space.low, space.high)
        self._check_actions(chosen)
        begin = self._ended if self._mode == "NEXT_STEP" else np.zeros(self.num_envs, bool)
        reset_ended = self._mode == "SAME_STEP"
        self._rows, finals, rewards, terminated, truncated = self._group.step(
            plain(chosen, chosen.dtype).reshape(-1), begin, reset_ended
        )
        ended, infos = terminated | truncated, {}
        if reset_ended and ended.any():
            infos = {"final_obs": self._cast(finals), "_final_obs": ended, "final_info": {}, "_final_info": ended}
        self._ended = np.zeros(self.num_envs, bool) if reset_ended else ended
        return self._observations(), rewards, terminated, truncated, infos

    def _action_masks(self) -> NDArray[np.bool_]:
        """Which values of the next action are allowed, shape (num_envs, values). After the end of an episode, and until the next
        one begins, those of the state before.
        """
        masks = None if self._group is None else self._group.action_masks()
        if masks is None:
            raise RuntimeError("action_masks() before reset()")
        return masks

    def _check_actions(self, actions: NDArray[Any]) -> None:
        """Checks the actions, because the extension module does not."""
        space = self.action_space
        if actions.shape != space.shape:
            raise ValueError(f"actions have shape {actions.shape}, not {space.shape}")
        if isinstance(space, spaces.Box):
            is_bad = np.isnan(actions)
        else:
            n: Any = getattr(space, "nvec", 2)  # of a batch of MultiBinary actions all are 0 or 1
            is_bad = (actions < 0) | (actions >= n) | (actions != np.floor(actions))
        if is_bad.any():
            raise ValueError(
                f"actions[{int(np.argwhere(is_bad)[0][0])}] is not in the action space: {actions[is_bad][0]}"
            )

    def _observations(self) -> Rows:
        return self._cast(self._rows)

    def _cast(self, rows: NDArray[np.float64]) -> Rows:
        """Rows in the form of the observation space; always a copy."""
        space = self.single_observation_space
        return rows.astype(space.dtype).reshape((self.num_envs, *(space.shape or ())))

    def close_extras(self, **kwargs: Any) -> None:
        """Frees the environments."""
        self._group = None


class NativeEnv(gymnasium.Env[Any, Any]):
    """One native environment. With action masks, it has the method `action_masks()`, shape (values,).

    Args:
        name: id of a native environment.
        options: the environment's own options.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 (as Gymnasium declares it)

    def __init__(self, name: str, render_mode: str | None = None, **options: Any) -> None:
        if render_mode is not None:
            raise ValueError(
                f"render_mode is {render_mode!r}; native environments are not drawn: use Gymnasium's {name}"
            )
        self._vector = NativeVectorEnv(name, 1, "DISABLED", **options)
        self.observation_space = self._vector.single_observation_space
        self.action_space = self._vector.single_action_space
        if hasattr(self._vector, "action_masks"):
            self.action_masks = self._action_masks

    def _action_masks(self) -> NDArray[np.bool_]:
        mask: NDArray[np.bool_] = self._vector.action_masks()[0]
        return mask

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[Any, Info]:
        """Starts an episode. `options` are those of `NativeVectorEnv`, for one environment."""
        if seed is not None:
            super().reset(seed=seed)
        rows, info = self._vector.reset(seed=seed, options=options)
        return rows[0], info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, Info]:
        """Takes one step."""
        rows, rewards, terminated, truncated, _ = self._vector.step(np.asarray(action)[None])
        return rows[0], float(rewards[0]), bool(terminated[0]), bool(truncated[0]), {}


def _register() -> None:
    """Registers all of npg's environments with Gymnasium. They have their time limits inside."""
    for name in _npg.native_ids():
        gymnasium.register(
            id=f"npg/{name}",
            entry_point="npg.envs:NativeEnv",
            vector_entry_point="npg.envs:NativeVectorEnv",
            kwargs={"name": name},
            disable_env_checker=True,
            order_enforce=False,
        )


_register()
