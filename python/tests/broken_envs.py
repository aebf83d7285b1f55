"""Environments with one fault each; `BROKEN` says which findings are expected."""

import random
import time
from typing import Any, ClassVar

import gymnasium
import numpy as np
from good_envs import Walk
from gymnasium import spaces

BROKEN: list[tuple[Any, set[str]]] = []
"""What makes the environment, and the codes that must be found, all of them and no other."""


def broken(*codes: str) -> Any:
    """Adds a class to `BROKEN`."""

    def add(cls: Any) -> Any:
        BROKEN.append((cls, set(codes)))
        return cls

    return add


class Changed(Walk):
    """A walk whose returned values can be changed by a subclass."""

    def change_reset(self, observation: Any, info: Any) -> Any:
        """What `reset` returns."""
        return observation, info

    def change(self, observation: Any, reward: Any, terminated: Any, truncated: Any, info: Any) -> Any:
        """What `step` returns."""
        return observation, reward, terminated, truncated, info

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Changed."""
        return self.change_reset(*super().reset(seed=seed))

    def step(self, action: Any) -> Any:
        """Changed."""
        return self.change(*super().step(action))


@broken("cannot-make")
class CannotMake(Walk):
    def __init__(self) -> None:
        raise RuntimeError("no license for the simulator")


@broken("not-an-environment")
class NotAnEnvironment:
    pass


@broken("space-missing")
class NoActionSpace(gymnasium.Env[Any, Any]):
    observation_space = spaces.Discrete(2)


@broken("space-unsupported")
class TextObservation(Walk):
    observation_space = spaces.Text(5)

    def observe(self) -> Any:
        return "left"


@broken("space-unsupported")
class TextInAction(Walk):
    action_space = spaces.Dict({"go": spaces.Discrete(2), "say": spaces.Text(5)})


@broken("space-empty")
class EmptyObservation(Walk):
    observation_space = spaces.Box(-1.0, 1.0, (0,), np.float32)

    def observe(self) -> Any:
        return np.zeros(0, np.float32)


@broken("space-bounds")
class CrossedBounds(Walk):
    def __init__(self) -> None:
        super().__init__()
        box = spaces.Box(-10.0, 10.0, (2,), np.float32)
        box.low[1] = np.nan  # newer versions of Gymnasium refuse it in the constructor
        self.observation_space = box


@broken("reset-raised")
class ResetRaises(Walk):
    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        raise FileNotFoundError("maze.txt")


@broken("reset-raised")
class ResetRaisesInTheMiddle(Walk):
    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        assert self.x == 0.0 or abs(self.x) > 3.0, "the episode is not over"
        return super().reset(seed=seed)


@broken("reset-no-seed")
class ResetWithoutSeed(Walk):
    def reset(self) -> Any:  # type: ignore[override]
        return super().reset()


@broken("reset-return")
class ResetOldStyle(Changed):
    def change_reset(self, observation: Any, info: Any) -> Any:
        return observation


@broken("step-raised")
class StepRaises(Changed):
    def change(self, observation: Any, reward: Any, terminated: Any, truncated: Any, info: Any) -> Any:
        if self.x > 2.0:
            raise ZeroDivisionError("division by zero")
        return observation, reward, terminated, truncated, info


@broken("step-raised")
class StepExits(Changed):
    def change(self, observation: Any, reward: Any, terminated: Any, truncated: Any, info: Any) -> Any:
        raise SystemExit(3)


@broken("step-return")
class StepOldStyle(Changed):
    def change(self, observation: Any, reward: Any, terminated: Any, truncated: Any, info: Any) -> Any:
        return observation, reward, terminated, info


@broken("info-type")
class InfoIsNone(Changed):
    def change(self, observation: Any, reward: Any, terminated: Any, truncated: Any, info: Any) -> Any:
        return observation, reward, terminated, truncated, None


@broken("observation-type")
class ObservationIsNone(Changed):
    def change(self, observation: Any, reward: Any, terminated: Any, truncated: Any, info: Any) -> Any:
        return None if terminated else observation, reward, terminated, truncated, info


@broken("observation-type")
class IndexIsFloat(Walk):
    observation_space = spaces.Discrete(20)

    def observe(self) -> Any:
        return float(round(self.x + 9.0))


@broken("observation-keys")
class KeyMissing(Walk):
    observation_space = spaces.Dict({"x": spaces.Box(-10.0, 10.0, ()), "goal": spaces.Discrete(2)})

    def observe(self) -> Any:
        return {"x": np.float32(self.x)}


@broken("observation-shape")
class ShapeDiffers(Walk):
    def observe(self) -> Any:
        return super().observe()[None]


@broken("observation-dtype")
class FractionsInBytes(Walk):
    observation_space = spaces.Box(0, 255, (2,), np.uint8)

    def observe(self) -> Any:
        return np.abs(super().observe())


@broken("observation-dtype-converted")
class DoubleDeclaredSingle(Walk):
    def observe(self) -> Any:
        return super().observe().astype(np.float64)


@broken("observation-dtype-converted")
class ObservationIsList(Walk):
    def observe(self) -> Any:
        return super().observe().tolist()


@broken("observation-bounds")
class OutOfBounds(Walk):
    observation_space = spaces.Box(-1.0, 1.0, (2,), np.float32)


@broken("observation-index")
class FlagIsTwo(Walk):
    observation_space = spaces.MultiBinary(2)

    def observe(self) -> Any:
        return np.array([2 if self.x > 2 else 1, 0], np.int8)


@broken("observation-index")
class IndexOutOfSpace(Walk):
    observation_space = spaces.Discrete(3)

    def observe(self) -> Any:
        return 3 if self.x > 2 else 1


@broken("observation-not-finite")
class ObservationNaN(Changed):
    def change(self, observation: Any, reward: Any, terminated: Any, truncated: Any, info: Any) -> Any:
        observation[1] = np.nan if terminated else observation[1]
        return observation, reward, terminated, truncated, info


@broken("observation-large")
class ObservationLarge(Walk):
    observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)

    def observe(self) -> Any:
        return super().observe() * np.float32(1e7)


class _Buffer(Walk):
    """One array for all observations."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = np.zeros(2, np.float32)

    def observe(self) -> Any:
        self.buffer[:] = super().observe()
        return self.buffer


@broken("observation-aliased")
class BufferReturned(_Buffer):
    pass


@broken("observation-aliased")
class BufferReturnedByReset(_Buffer):
    def step(self, action: Any) -> Any:
        observation, *rest = super().step(action)
        return observation.copy(), *rest


@broken("observation-aliased")
class TwoBuffersInTurn(Walk):
    """The observation changes only two calls after it was returned."""

    def __init__(self) -> None:
        super().__init__()
        self.buffers = [np.zeros(2, np.float32), np.zeros(2, np.float32)]

    def observe(self) -> Any:
        self.buffers.reverse()
        self.buffers[0][:] = super().observe()
        return self.buffers[0]


@broken("action-modified")
class ActionModified(Walk):
    action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)

    def push(self, action: Any) -> float:
        action *= 0.5
        return float(action[0])


@broken("reward-type")
class RewardIsArray(Changed):
    def change(self, observation: Any, reward: Any, terminated: Any, truncated: Any, info: Any) -> Any:
        return observation, np.array([reward]), terminated, truncated, info


@broken("reward-not-finite")
class RewardInfinite(Changed):
    def change(self, observation: Any, reward: Any, terminated: Any, truncated: Any, info: Any) -> Any:
        return observation, -np.inf if terminated else reward, terminated, truncated, info


@broken("reward-large")
class RewardLarge(Changed):
    def change(self, observation: Any, reward: Any, terminated: Any, truncated: Any, info: Any) -> Any:
        return observation, -1e8 if terminated else reward, terminated, truncated, info


@broken("reward-zero")
class RewardZero(Changed):
    def change(self, observation: Any, reward: Any, terminated: Any, truncated: Any, info: Any) -> Any:
        return observation, 0.0, terminated, truncated, info


@broken("ending-type")
class EndingIsNumber(Changed):
    def change(self, observation: Any, reward: Any, terminated: Any, truncated: Any, info: Any) -> Any:
        return observation, reward, int(terminated), truncated, info


@broken("never-ends")
class NeverEnds(Changed):
    def change(self, observation: Any, reward: Any, terminated: Any, truncated: Any, info: Any) -> Any:
        return observation, reward, False, False, info


@broken("both-endings")
class BothEndings(Changed):
    def change(self, observation: Any, reward: Any, terminated: Any, truncated: Any, info: Any) -> Any:
        return observation, reward, terminated, terminated, info


class _Clock(Changed):
    """Counts the steps of an episode and never ends by itself."""

    clock = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        self.clock = 0
        return super().reset(seed=seed)

    def change(self, observation: Any, reward: Any, terminated: Any, truncated: Any, info: Any) -> Any:
        self.clock += 1
        return observation, reward, False, False, info


@broken("limit-terminates")
class OwnLimitTerminates(_Clock):
    def change(self, *returned: Any) -> Any:
        observation, reward, _, _, info = super().change(*returned)
        return observation, reward, self.clock >= 50, False, info


@broken("limit-terminates")
class DeclaredLimitTerminates(OwnLimitTerminates):
    spec = gymnasium.envs.registration.EnvSpec("Walk-v0", "good_envs:Walk", max_episode_steps=50)


@broken("limit-ignored")
class DeclaredLimitIgnored(_Clock):
    spec = gymnasium.envs.registration.EnvSpec("Walk-v0", "good_envs:Walk", max_episode_steps=50)


@broken("slow")
class Slow(Changed):
    def change(self, observation: Any, reward: Any, terminated: Any, truncated: Any, info: Any) -> Any:
        time.sleep(0.03)
        return observation, reward, terminated, truncated, info


@broken("not-reproducible")
class SeedIgnored(Walk):
    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        return super().reset()


@broken("not-reproducible")
class NoiseUnseeded(Changed):
    def change(self, observation: Any, reward: Any, terminated: Any, truncated: Any, info: Any) -> Any:
        return observation, reward + np.random.default_rng().normal(), terminated, truncated, info


@broken("global-random")
class GlobalNumpy(Changed):
    def change(self, observation: Any, reward: Any, terminated: Any, truncated: Any, info: Any) -> Any:
        return observation, reward + np.random.normal(), terminated, truncated, info


@broken("global-random")
class GlobalPython(Changed):
    def change_reset(self, observation: Any, info: Any) -> Any:
        self.x = random.uniform(-0.5, 0.5)
        return self.observe(), info


@broken("global-random")
class GlobalSeeded(Walk):
    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        if seed is not None:
            np.random.seed(seed)
        super().reset(seed=seed)
        self.x = np.random.uniform(-0.5, 0.5)
        return self.observe(), {}

    def step(self, action: Any) -> Any:
        self.x += np.random.uniform(-0.1, 0.1)
        return super().step(action)


@broken("starts-repeat")
class SeedsItself(Walk):
    def reset(self, *, seed: int | None = 7, options: dict[str, Any] | None = None) -> Any:
        return super().reset(seed=7 if seed is None else seed)


@broken("copies-share-state")
class SharedState(Walk):
    shared: ClassVar[list[float]] = [0.0]

    @property
    def x(self) -> float:
        """The position, of the class."""
        return self.shared[0]

    @x.setter
    def x(self, value: float) -> None:
        self.shared[0] = value


ONE_WALK = Walk()
BROKEN.append((lambda: ONE_WALK, {"copies-share-state"}))


def box_action(low: Any, high: Any, dtype: Any = np.float32) -> Any:
    """A walk with one real action."""

    class BoxAction(Walk):
        action_space = spaces.Box(low, high, (1,), dtype)

        def push(self, action: Any) -> float:
            return float(np.clip(action[0], -1.0, 1.0))

    return BoxAction


BROKEN += [
    (box_action(-np.inf, np.inf), {"action-unbounded"}),
    (box_action(0.0, np.inf), {"action-unbounded"}),
    (box_action(0.0, 1.0), {"action-asymmetric"}),
    (box_action(1e9, np.inf), {"action-unresolved"}),
    (box_action(-1e5, 1e5), {"action-wide"}),
    (box_action(0.5, 0.5), {"action-constant"}),
    (box_action(-2, 2, np.int64), {"action-integer"}),
]


def masked(given: Any) -> Any:
    """A walk whose method `action_masks` returns this, or what this function returns."""

    class MaskedWalk(Walk):
        def action_masks(self) -> Any:
            return given() if callable(given) else given

    return MaskedWalk


def raises() -> Any:
    raise KeyError("legal moves")


class NoMethod(Walk):
    action_masks = (True, True)


BROKEN += [
    (masked(np.ones(3, bool)), {"mask-shape"}),
    (masked(np.array([1, 2])), {"mask-values"}),
    (masked("left"), {"mask-values"}),
    (masked(np.zeros(2, bool)), {"mask-forbids-all"}),
    (masked(None), {"mask-missing"}),
    (masked(raises), {"mask-raised"}),
    (NoMethod, {"mask-unusable"}),
]
