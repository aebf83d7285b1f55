"""Options of an environment are kept in full, or missed by name."""

from __future__ import annotations

import copy
import json
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import npg

Tiny = Callable[..., dict[str, Any]]


class Optional(gymnasium.Env[Any, Any]):
    """Has whatever options it is given; pays `config["reward"]`, or what `pay` says."""

    def __init__(self, config: Any = None, pay: Any = None, goal: Any = 3, render_mode: Any = None) -> None:
        self.observation_space = spaces.Box(-1.0, 1.0, (1,), np.float32)
        self.action_space = spaces.Discrete(2)
        self.options, self.steps = {"config": config, "pay": pay, "goal": goal}, 0
        self.reward = pay() if callable(pay) else (config or {}).get("reward", 1.0)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return np.zeros(1, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        return np.zeros(1, np.float32), self.reward, False, self.steps % 4 == 0, {}


def seven() -> float:
    """A reward."""
    return 7.0


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    gymnasium.register("Optional-v0", entry_point=Optional)
    yield
    del gymnasium.registry["Optional-v0"]


LASTING = {"config": {"reward": 7.0, "deep": {"er": [1, {"x y": True}]}, "empty": {}}, "goal": [1, 2]}
OTHERS: list[dict[str, Any]] = [
    {"pay": seven},
    {"pay": seven, **LASTING},
    {"config": {"reward": 7.0, "nothing": None}},
    {"config": {"reward": 7.0, 1: 2}},
    {"config": {"reward": 7.0}, "goal": None},
    {"config": {"reward": 7.0}, "goal": np.arange(3)},
    {"config": {"reward": 7.0}, "goal": 2**70},
    {"config": {"reward": 7.0}, "goal": Path("here")},
    {"config": {"reward": 7.0}, "goal": signal.SIGINT},  # an IntEnum: an integer would not be it
    {"config": {"reward": 7.0}, "goal": {"in": [signal.SIGINT]}},
]


def made(agent: npg.NPG) -> Optional:
    environment = agent._resolved.groups[0]._environments[0].unwrapped  # type: ignore[attr-defined]
    assert isinstance(environment, Optional)
    return environment


def goes_on(agent: npg.NPG, options: dict[str, Any]) -> None:
    """It trains on the environment with these options."""
    agent.learn(64)
    assert agent.metrics["rollout/ep_rew_mean"] == 4 * 7.0
    assert repr({**made(agent).options, **options}) == repr(made(agent).options)


@pytest.mark.parametrize("options", [LASTING, *OTHERS], ids=repr)
def test_copies_have_all_options(options: dict[str, Any], tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", "Optional-v0", env_kwargs=options, **tiny())
    for other in (agent, copy.deepcopy(agent), pickle.loads(pickle.dumps(agent)), copy.copy(copy.deepcopy(agent))):
        goes_on(other, options)


def test_a_function_without_a_name_is_copied(tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", "Optional-v0", env_kwargs={"pay": lambda: 7.0}, **tiny())
    goes_on(copy.deepcopy(agent), {})
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(agent)


def test_dictionaries_are_saved(tmp_path: Path, tiny: Tiny) -> None:
    npg.NPG("MlpPolicy", "Optional-v0", env_kwargs=LASTING, **tiny()).save(tmp_path / "agent")
    agent = npg.NPG.load(tmp_path / "agent")
    assert agent.config["env"] == LASTING
    goes_on(agent, LASTING)
    changed = npg.NPG.load(tmp_path / "agent", env_kwargs={"goal": 5})
    goes_on(changed, {**LASTING, "goal": 5})  # what is not given stays


@pytest.mark.parametrize("options", OTHERS, ids=repr)
def test_what_no_file_can_hold_is_missed_by_name(options: dict[str, Any], tmp_path: Path, tiny: Tiny) -> None:
    npg.NPG("MlpPolicy", "Optional-v0", env_kwargs=options, **tiny()).save(tmp_path / "agent")
    missing = [name for name in options if name in ("pay", "goal") and options is not LASTING]
    missing = [name for name in missing if not isinstance(options[name], list)] or ["config"]
    for env in (None, "gym:Optional-v0"):
        with pytest.raises(ValueError, match=f"no file can hold: {missing[0]}"):
            npg.NPG.load(tmp_path / "agent", env=env)
    agent = npg.NPG.load(tmp_path / "agent", env_kwargs={name: options[name] for name in missing})
    goes_on(agent, options)
    agent.save(tmp_path / "again")
    with pytest.raises(ValueError, match="no file can hold"):
        npg.NPG.load(tmp_path / "again")
    goes_on(npg.NPG.load(tmp_path / "agent", env=lambda: Optional(**options)), options)


def test_a_tuple_that_is_given_again_stays_one(tmp_path: Path, tiny: Tiny) -> None:
    """A file has it as a list, which is the same option: only the one that is given is made."""

    class OfTuple(Optional):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            assert isinstance(self.options["goal"], tuple)

    gymnasium.register("OfTuple-v0", entry_point=OfTuple)
    options = {"config": {"reward": 7.0, "nan": np.nan}, "goal": (1, (2, "x"))}
    try:
        npg.NPG("MlpPolicy", "OfTuple-v0", env_kwargs=options, **tiny()).save(tmp_path / "agent")
        goes_on(npg.NPG.load(tmp_path / "agent", env_kwargs=options), options)
    finally:
        del gymnasium.registry["OfTuple-v0"]


def test_an_option_that_is_named_as_one_of_the_programs_is_not_dropped(tmp_path: Path, tiny: Tiny) -> None:
    class Named(Optional):
        def __init__(self, timeout_seconds: float = 0.0, vectorization: str = "", **options: Any) -> None:
            super().__init__(**options)
            assert (timeout_seconds, vectorization) == (5.0, "mine")

    gymnasium.register("Named-v0", entry_point=Named)
    options = {"timeout_seconds": 5.0, "vectorization": "mine", "pay": seven}
    try:
        agent = npg.NPG("MlpPolicy", "Named-v0", env_kwargs=options, **tiny(n_envs=2, vectorization="async"))
        copy.deepcopy(agent).learn(64)
        agent.save(tmp_path / "agent")
        with pytest.raises(ValueError, match="no file can hold: timeout_seconds, vectorization, pay"):
            npg.NPG.load(tmp_path / "agent")
        npg.NPG.load(tmp_path / "agent", env_kwargs=options).learn(64)
    finally:
        del gymnasium.registry["Named-v0"]


def test_an_environment_may_change_its_options(tmp_path: Path, tiny: Tiny) -> None:
    """As `config.pop` does: the next environment, a copy and a file have what was given."""

    class Takes(Optional):
        def __init__(self, config: Any, goal: Any) -> None:
            super().__init__(config={"reward": config.pop("reward")}, goal=goal.pop()["deep"].pop())

    gymnasium.register("Takes-v0", entry_point=Takes)
    options = {"config": {"reward": 7.0}, "goal": [{"deep": [3]}]}
    try:
        agent = npg.NPG("MlpPolicy", "Takes-v0", env_kwargs=options, **tiny(n_envs=2))
        agent.save(tmp_path / "agent")
        for other in (agent, copy.deepcopy(agent), npg.NPG.load(tmp_path / "agent")):
            goes_on(other, {"goal": 3})
        assert options == {"config": {"reward": 7.0}, "goal": [{"deep": [3]}]}
    finally:
        del gymnasium.registry["Takes-v0"]


def test_the_program_misses_options_by_name(tmp_path: Path, tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", "gym:CartPole-v1", env_kwargs={"sutton_barto_reward": None}, **tiny())
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    agent.save(tmp_path / "run" / "checkpoints" / "step-000000000000.safetensors")
    for command in ("eval", "resume"):
        result = subprocess.run(
            [sys.executable, "-m", "npg._program", command, "run"],
            check=False,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert result.returncode == 4 and "sutton_barto_reward" in result.stderr


def test_processes_are_an_option(tmp_path: Path, tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", "gym:CartPole-v1", **tiny(n_envs=2, vectorization="async"))
    agent.save(tmp_path / "agent")
    for other in (copy.deepcopy(agent), npg.NPG.load(tmp_path / "agent")):
        assert other.config["env"] == {"vectorization": "async"}
        assert other._resolved.groups[0].steps_together
        other.learn(128)


def test_nothing_is_lost_where_a_learn_failed(tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", "Optional-v0", env_kwargs={"pay": seven, "goal": None}, **tiny())
    made(agent).step = lambda action: 1 / 0  # type: ignore[assignment, method-assign, return-value]
    with pytest.raises(ZeroDivisionError):
        agent.learn(64)
    goes_on(agent, {"pay": seven, "goal": None})
    assert json.dumps(agent.config["env"]) == "{}"
