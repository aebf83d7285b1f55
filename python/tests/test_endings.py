"""An environment ends its episodes itself; an evaluation that cuts one says so."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium
import gymnasium.vector
import numpy as np
import pytest
from gymnasium import spaces

import npg
from npg._npg import LONGEST_EPISODE

Tiny = Callable[..., dict[str, Any]]

ENVIRONMENTS = """
import gymnasium, numpy as np
class Endless(gymnasium.Env):
    observation_space, action_space = gymnasium.spaces.Box(-1, 1, (1,)), gymnasium.spaces.Discrete(2)
    nothing = np.zeros(1, np.float32)
    def reset(self, *, seed=None, options=None): return self.nothing, {}
    def step(self, action): return self.nothing, 1.0, False, False, {}
gymnasium.register("Endless-v0", entry_point=Endless)
"""


class Joined(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Three episodes are one."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self.episodes = 0

    def step(self, action: Any) -> Any:
        observation, reward, terminated, truncated, info = self.env.step(action)
        if terminated or truncated:
            self.episodes += 1
            if self.episodes % 3:
                terminated, truncated = False, False
                observation, info = self.env.reset()
        return observation, reward, terminated, truncated, info


class Endless(gymnasium.Env[Any, Any]):
    """Never ends."""

    def __init__(self) -> None:
        self.observation_space = spaces.Box(-1.0, 1.0, (1,), np.float32)
        self.action_space = spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return np.zeros(1, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return np.zeros(1, np.float32), 1.0, False, False, {}


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    gymnasium.register("Twenty-v0", entry_point=Endless, max_episode_steps=20)
    gymnasium.register("Thrice-v0", entry_point=lambda: Joined(gymnasium.make("Twenty-v0")), max_episode_steps=20)
    yield
    del gymnasium.registry["Twenty-v0"], gymnasium.registry["Thrice-v0"]


def joined() -> Any:
    return Joined(gymnasium.make("Twenty-v0"))


@pytest.mark.parametrize("form", ["single", "callable", "async", "vector"])
def test_a_wrapper_that_joins_episodes_trains_on_the_joined_ones(form: str, tiny: Tiny) -> None:
    env: Any = joined
    arguments = tiny(n_steps=180)
    if form == "single":
        env = joined()
    elif form == "vector":
        env = gymnasium.vector.SyncVectorEnv([joined] * 2)
    else:
        arguments |= {"n_envs": 2, "vectorization": "async" if form == "async" else "sync"}
    agent = npg.NPG("MlpPolicy", env, **arguments)
    agent.learn(180 * agent.n_envs)
    assert agent.metrics["rollout/ep_len_mean"] == 60.0
    evaluated = npg.evaluate_policy(agent, joined, 2, return_episode_rewards=True)
    assert evaluated[1] == [60, 60]


def test_a_wrapper_that_hides_truncation_is_believed(tiny: Tiny) -> None:
    class Hidden(gymnasium.Wrapper[Any, Any, Any, Any]):
        def step(self, action: Any) -> Any:
            *rest, _, info = self.env.step(action)
            return (*rest, False, info)

    agent = npg.NPG("MlpPolicy", Hidden(gymnasium.make("Twenty-v0")), **tiny()).learn(128)
    assert agent.metrics["rollout/episodes"] == 0


@pytest.mark.parametrize("count", [None, 2])
def test_an_evaluation_that_cuts_says_so(count: int | None, tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", Endless(), **tiny())
    env: Any = Endless if count is None else gymnasium.vector.SyncVectorEnv([Endless] * count)
    with pytest.warns(npg.TrainingWarning, match="3 of 3 evaluation episodes had not ended after 50 steps"):
        returns, lengths = npg.evaluate_policy(agent, env, 3, return_episode_rewards=True, max_episode_steps=50)
    assert (returns, lengths) == ([50.0] * 3, [50] * 3)
    callback = npg.EvalCallback(env, n_eval_episodes=1, eval_freq=64, verbose=0, max_episode_steps=10)
    with pytest.warns(npg.TrainingWarning, match="1 of 1 evaluation episodes"):
        agent.learn(64, callback=callback)
    assert callback.last_mean_reward == 10.0


@pytest.mark.parametrize("mode", ["NEXT_STEP", "SAME_STEP", "DISABLED"])
def test_only_the_endless_episodes_of_a_vector_are_cut(mode: str, tiny: Tiny) -> None:
    modes = getattr(gymnasium.vector, "AutoresetMode", None)
    arguments = {} if modes is None else {"autoreset_mode": modes[mode]}
    makers: list[Any] = [Endless, lambda: gymnasium.make("Twenty-v0").unwrapped, lambda: gymnasium.make("Twenty-v0")]
    vector = gymnasium.vector.SyncVectorEnv(makers, **arguments)
    agent = npg.NPG("MlpPolicy", Endless(), **tiny())
    with pytest.warns(npg.TrainingWarning, match="4 of 6 evaluation episodes"):
        _, lengths = npg.evaluate_policy(agent, vector, 6, return_episode_rewards=True, max_episode_steps=50)
    assert sorted(lengths) == [20, 20, 50, 50, 50, 50]


def test_no_evaluation_runs_for_ever(tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", Endless(), **tiny())
    with pytest.warns(npg.TrainingWarning, match=f"had not ended after {LONGEST_EPISODE} steps"):
        assert npg.evaluate_policy(agent, Endless(), 1)[0] == LONGEST_EPISODE


@pytest.mark.parametrize("vectorization", ["sync", "async"])
def test_a_registered_limit_is_known_to_evaluations(vectorization: str, tiny: Tiny) -> None:
    """Longer episodes than usual are not cut then."""
    agent = npg.NPG("MlpPolicy", "Twenty-v0", **tiny(vectorization=vectorization))
    assert agent._resolved.source.spec["max_episode_steps"] == 20


def test_the_program_says_where_it_cuts(tmp_path: Path) -> None:
    (tmp_path / "endless.py").write_text(ENVIRONMENTS)

    def program(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "npg._program", *arguments]
        result = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert result.returncode == 0, result.stdout + result.stderr
        return result

    note = f"1 of 1 evaluation episodes had not ended after {LONGEST_EPISODE} steps"
    settings = ["--set", "policy.hidden=[4]", "--set", "run.eval_episodes=1"]
    trained = program("train", "gym:endless:Endless-v0", "--steps", "64", "--out", "run", *settings)
    assert note in trained.stdout + trained.stderr
    named = ["--env", "gym:endless:Endless-v0"]  # else no module is imported for a file
    evaluated = program("eval", "run", *named, "--episodes", "1", "--json")
    assert json.loads(evaluated.stdout.splitlines()[0])["cut"] == 1
    assert note in program("eval", "run", *named, "--episodes", "1").stderr
