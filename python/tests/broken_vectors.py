"""Vector environments with one fault each, and the good one that they break."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

ALL_BROKEN: list[tuple[Any, set[str]]] = []
"""What makes the environment, and the codes that must be found."""


def broken(*codes: str) -> Any:
    """Adds a class to `ALL_BROKEN`."""

    def add(cls: Any) -> Any:
        ALL_BROKEN.append((cls, set(codes)))
        return cls

    return add


class Walks(gymnasium.vector.VectorEnv):
    """Random walks in one array, which end beyond 3 and are reset in the next step."""

    mode = "NextStep"

    def __init__(self, rows: int = 3) -> None:
        self.num_envs = rows
        self.single_observation_space = spaces.Box(-10.0, 10.0, (1,), np.float32)
        self.observation_space = spaces.Box(-10.0, 10.0, (rows, 1), np.float32)
        self.single_action_space = spaces.Discrete(2)
        self.action_space = spaces.MultiDiscrete([2] * rows)
        self.metadata = {"autoreset_mode": self.mode}
        self.closed = False
        self.render_mode = None
        self.spec = None
        self.x = np.zeros(rows)
        self.ended = np.zeros(rows, np.bool_)

    def close(self, **kwargs: Any) -> None:
        pass

    def starts(self) -> Any:
        return self.np_random.uniform(-0.5, 0.5, self.num_envs)

    def observe(self) -> Any:
        return self.x.astype(np.float32)[:, None]

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> Any:
        if seed is not None:
            self._np_random, self._np_random_seed = gymnasium.utils.seeding.np_random(seed)
        mask = (options or {}).get("reset_mask", np.ones(self.num_envs, np.bool_))
        self.x[mask] = self.starts()[mask]
        self.ended[mask] = False
        return self.observe(), {}

    def renew(self) -> None:
        """Rows that have ended start again."""
        self.x[self.ended] = self.starts()[self.ended]

    def step(self, actions: Any) -> Any:
        before = self.ended
        moved = np.clip(self.x + actions - 0.5, -9.0, 9.0)
        self.renew()
        self.x = np.where(before, self.x, moved)
        self.ended = ~before & (np.abs(self.x) > 3.0)
        return self.observe(), -np.abs(self.x), self.ended.copy(), np.zeros(self.num_envs, np.bool_), {}


class SameStep(Walks):
    """The same, reset in the same step."""

    mode = "SameStep"

    def step(self, actions: Any) -> Any:
        self.ended[:] = False
        _, rewards, terminations, truncations, _ = super().step(actions)
        finals = np.full(self.num_envs, None, dtype=object)
        for i in np.flatnonzero(terminations):
            finals[i] = self.observe()[i]
        self.renew()
        return self.observe(), rewards, terminations, truncations, self.told(finals)

    def told(self, finals: Any) -> dict[str, Any]:
        return {"final_obs": finals} if self.ended.any() else {}


@broken("autoreset-unknown")
class ModeMissing(Walks):
    mode = "sometimes"


@broken("final-obs-missing")
class FinalMissing(SameStep):
    def told(self, finals: Any) -> dict[str, Any]:
        return {}


@broken("observation-shape")
class FinalOfWrongShape(SameStep):
    def told(self, finals: Any) -> dict[str, Any]:
        return {"final_obs": np.array([None if final is None else np.zeros(2, np.float32) for final in finals], object)}


@broken("autoreset-differs")
class SameStepDeclaredNextStep(SameStep):
    mode = "NextStep"


@broken("autoreset-differs")
class NeverReset(Walks):
    def renew(self) -> None:
        pass

    def step(self, actions: Any) -> Any:
        result = super().step(actions)
        ended = np.abs(self.x) > 3.0
        return result[0], result[1], ended, *result[3:]


@broken("reset-mask-refused")
class MaskRefused(Walks):
    mode = "Disabled"

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> Any:
        if options:
            raise NotImplementedError("options")
        return super().reset(seed=seed)


@broken("rows-wrong")
class OneRewardForAll(Walks):
    def step(self, actions: Any) -> Any:
        observation, rewards, *rest = super().step(actions)
        return observation, rewards.mean(), *rest


@broken("rows-wrong")
class RowsLost(Walks):
    def observe(self) -> Any:
        return super().observe()[:1]


@broken("rows-equal")
class RowsEqual(Walks):
    def starts(self) -> Any:
        return np.full(self.num_envs, self.np_random.uniform(-0.5, 0.5))


@broken("ending-type")
class EndingsAreNumbers(Walks):
    def step(self, actions: Any) -> Any:
        observation, rewards, terminations, *rest = super().step(actions)
        return observation, rewards, terminations.astype(np.float32), *rest


@broken("action-modified")
class ActionsModified(Walks):
    def step(self, actions: Any) -> Any:
        result = super().step(actions)
        actions[:] = 0
        return result


@broken("not-reproducible")
class VectorSeedIgnored(Walks):
    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> Any:
        return super().reset(options=options)


BROKEN = ALL_BROKEN
GOOD = [Walks, SameStep]
if not hasattr(gymnasium.vector, "AutoresetMode"):  # before Gymnasium 1.1 no environment could choose its mode
    BROKEN, GOOD = [], []
