"""What comes out of `learn` when the environment fails, and that the agent survives it."""

from __future__ import annotations

import contextlib
import multiprocessing
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import gymnasium.vector
import numpy as np
import pytest
from environments import Counting, Scripted
from gymnasium import spaces

import npg

Tiny = Callable[..., dict[str, Any]]
HERE = Path(__file__).parent


def is_usable(agent: npg.NPG, theta: Any, folder: Path) -> None:
    """The agent is as it was after the last iteration: it acts, and its file has the same policy."""
    assert np.array_equal(agent.policy.theta, theta)
    observation = np.array([0.5, 2.0], np.float32)
    action, _ = agent.predict(observation, deterministic=True)
    agent.save(folder / "saved")
    loaded = npg.NPG.load(folder / "saved", env=lambda: Scripted({}))
    assert np.array_equal(loaded.predict(observation, deterministic=True)[0], action)
    assert loaded.num_timesteps == agent.num_timesteps


@pytest.mark.parametrize("kind", ["single", "several"])
def test_an_exception_in_step_comes_out_as_it_is(kind: str, tiny: Tiny, tmp_path: Path) -> None:
    made: list[Scripted] = []

    def make() -> Scripted:
        made.append(Scripted({70: "raise"} if len(made) == 1 or kind == "single" else {}))
        return made[-1]

    env, arguments = (make(), tiny()) if kind == "single" else (make, tiny(n_envs=3))
    agent = npg.NPG("MlpPolicy", env, **arguments)
    count, failing = (1, 0) if kind == "single" else (3, 1)
    agent.learn(64 * count)
    theta = agent.policy.theta
    with pytest.raises(ZeroDivisionError, match="the simulator broke") as caught:
        agent.learn(64 * count)
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert any(frame.filename.endswith("environments.py") and frame.name == "step" for frame in frames)
    notes = "\n".join(caught.value.__notes__)
    assert f"of environment {failing}" in notes and "in step(array([" in notes
    assert (
        f"environment {failing}, episode 7, step 1" in notes
    )  # of 10 steps each: the 71st step is the first of the 8th
    is_usable(agent, theta, tmp_path)
    agent.learn(64 * count)  # episodes begin anew
    assert agent.num_timesteps == 2 * 64 * count
    assert not np.array_equal(agent.policy.theta, theta)


def test_an_exception_in_reset_comes_out_as_it_is(tiny: Tiny, tmp_path: Path) -> None:
    agent = npg.NPG("MlpPolicy", Scripted({70: "raise-in-reset"}), **tiny()).learn(64)
    theta = agent.policy.theta
    with pytest.raises(LookupError, match="no episode left") as caught:
        agent.learn(64)
    assert any(frame.name == "reset" for frame in traceback.extract_tb(caught.value.__traceback__))
    assert "environment 0, episode 7, step 0" in "\n".join(caught.value.__notes__)
    is_usable(agent, theta, tmp_path)


def test_after_a_failure_no_transition_is_torn(tiny: Tiny) -> None:
    """Environment 1 breaks after environment 0 has stepped: the next `learn` begins episodes anew in both.

    Going on instead, the trainer would pair environment 0's old observation with a later reward. Lengths of episodes
    show it: only whole ones may be counted.
    """
    made: list[Counting] = []

    def make() -> Counting:
        made.append(Counting(0, fails_at=50 if len(made) == 1 else None))
        return made[-1]

    agent = npg.NPG("MlpPolicy", make, **tiny(n_envs=2, n_steps=30)).learn(60)
    before = agent.metrics["rollout/episodes"]
    with pytest.raises(ZeroDivisionError):
        agent.learn(60)
    agent.learn(60)
    assert len(made) == 4 and made[0].is_closed and made[1].is_closed
    whole = npg.NPG("MlpPolicy", Counting, **tiny(n_envs=2, n_steps=30)).learn(60)
    assert agent.metrics["rollout/episodes"] == before + whole.metrics["rollout/episodes"]
    assert agent.metrics["rollout/ep_rew_mean"] == pytest.approx(whole.metrics["rollout/ep_rew_mean"])


@pytest.mark.parametrize("cls", ["SyncVectorEnv", "AsyncVectorEnv"])
def test_an_exception_in_a_vector_environment_comes_out(cls: str, tiny: Tiny) -> None:
    # Async: gymnasium raises the type anew in this process, from a worker's report.
    environment = getattr(gymnasium.vector, cls)([lambda: Scripted({5: "raise"}), lambda: Scripted({})])
    agent = npg.NPG("MlpPolicy", environment, **tiny())
    with pytest.raises(ZeroDivisionError, match="the simulator broke") as caught:
        agent.learn(128)
    notes = "\n".join(caught.value.__notes__)
    assert "in step(array([[" in notes and "of 2 environments" in notes
    agent.predict(np.zeros(2, np.float32))


@pytest.mark.parametrize(
    ("act", "message"),
    [
        ("nan-reward", r"environment 0, episode 1, step 4: the reward is NaN"),
        ("nan-observation", r"environment 0, episode 1, step 4: observation\[1\] is NaN"),
    ],
)
def test_what_is_not_finite_is_named(act: str, message: str, tiny: Tiny, tmp_path: Path) -> None:
    agent = npg.NPG("MlpPolicy", Scripted({13: act}), **tiny())
    theta = agent.policy.theta
    with pytest.raises(RuntimeError, match=message):
        agent.learn(64)
    is_usable(agent, theta, tmp_path)


def test_a_reset_of_the_old_kind_is_explained(tiny: Tiny) -> None:
    class Old(Scripted):
        def reset(self, **arguments: Any) -> Any:
            return super().reset(**arguments)[0]

    with pytest.raises(TypeError, match=r"must return \(observation, info\)"):
        npg.NPG("MlpPolicy", Old({}), **tiny()).learn(64)


def test_an_observation_of_another_shape_is_explained(tiny: Tiny) -> None:
    class Long(Scripted):
        def step(self, action: Any) -> Any:
            return (np.zeros(3, np.float32), *super().step(action)[1:])

    with pytest.raises(ValueError, match=r"observation of shape \(3,\), but the space has \(2,\)"):
        npg.NPG("MlpPolicy", Long({}), **tiny()).learn(64)


def test_an_index_outside_of_its_space_is_explained(tiny: Tiny) -> None:
    class Outside(Scripted):
        def __init__(self, space: Any, observation: Any) -> None:
            super().__init__({})
            self.observation_space, self.observation = space, observation

        def reset(self, **arguments: Any) -> Any:
            return self.observation, {}

    with pytest.raises(ValueError, match="environment 0: after reset.*an index outside of its space: 3"):
        npg.NPG("MlpPolicy", Outside(spaces.Discrete(3), 3), **tiny()).learn(64)
    with pytest.raises(ValueError, match="an index outside of its space: 3"):
        npg.NPG("MlpPolicy", Outside(spaces.Dict({"a": spaces.Discrete(3)}), {"a": 3}), **tiny()).learn(64)
    short = Outside(spaces.Dict({"a": spaces.Box(0, 1, (2,), np.float32)}), {"a": np.zeros(1, np.float32)})
    with pytest.raises(ValueError, match=r"shape \(1,\), but the space has \(2,\)"):
        npg.NPG("MlpPolicy", short, **tiny()).learn(64)


@pytest.mark.parametrize(
    ("observation", "action", "message"),
    [
        (None, spaces.Dict({"a": spaces.Text(2)}), r"the action space\['a'\] is a Text space"),
        (None, spaces.Tuple([spaces.Discrete(2), spaces.Text(2)]), r"the action space\[1\] is a Text space"),
        (None, spaces.Text(4), "the action space is a Text space"),
        (spaces.Text(4), None, "the observation space is a Text space"),
        (
            spaces.Dict({"a": spaces.Dict({"b": spaces.Text(3)})}),
            None,
            r"the observation space\['a'\]\['b'\] is a Text",
        ),
        (
            spaces.Tuple([spaces.Discrete(2), spaces.Sequence(spaces.Discrete(2))]),
            None,
            r"space\[1\] is a Sequence space",
        ),
        (spaces.Graph(spaces.Discrete(2), None), None, "Graph space"),
    ],
)
def test_spaces_that_cannot_be_are_refused_by_name(observation: Any, action: Any, message: str) -> None:
    environment = Scripted({})
    environment.observation_space = observation or environment.observation_space
    environment.action_space = action or environment.action_space
    with pytest.raises(TypeError, match=message):
        npg.NPG("MlpPolicy", environment)


def test_a_factory_that_fails_later_comes_out(tiny: Tiny) -> None:
    made: list[int] = []

    def make() -> Scripted:
        made.append(0)
        if len(made) == 3:
            raise ConnectionError("no third simulator")
        return Scripted({})

    with pytest.raises(ConnectionError, match="no third simulator"):
        npg.NPG("MlpPolicy", make, **tiny(n_envs=4))
    agent = npg.NPG("MlpPolicy", Scripted({}), **tiny())
    made.append(0)
    with pytest.raises(TypeError):
        agent.set_env(lambda: 1 / 1)


def test_an_environment_that_hangs_is_noticed(tiny: Tiny, tmp_path: Path) -> None:
    agent = npg.NPG("MlpPolicy", Scripted({70: "hang"}, seconds=4.0), timeout=0.5, **tiny()).learn(64)
    theta, began = agent.policy.theta, time.monotonic()
    with pytest.raises(TimeoutError, match="timeout than 0.5 s"):
        agent.learn(64)
    assert time.monotonic() - began < 1.5
    assert agent.num_timesteps == 64 and agent.config["run"]["seed"] == 0
    is_usable(agent, theta, tmp_path)
    assert agent.learn(64).num_timesteps == 128  # it hung once
    agent.set_env(Scripted({}))
    assert agent.learn(64).num_timesteps == 192


def test_processes_of_environments_that_hang_are_ended(tiny: Tiny) -> None:
    before = set(multiprocessing.active_children())
    arguments = tiny(n_envs=2, vectorization="async", timeout=0.5)
    agent = npg.NPG("MlpPolicy", lambda: Scripted({5: "hang"}), **arguments)
    processes = set(multiprocessing.active_children()) - before
    assert len(processes) == 2
    with pytest.raises(TimeoutError):
        agent.learn(128)
    for process in processes:
        process.join(5.0)
        assert not process.is_alive()


HANGS = """
import sys, time
sys.path.insert(0, {here!r})
import gymnasium, npg
from environments import Scripted
env = {env}
agent = npg.NPG("MlpPolicy", env, n_steps=64, preset=False, timeout=0.5)
began = time.monotonic()
try:
    agent.learn(640)
except TimeoutError:
    print("noticed", time.monotonic() - began < 1.5 + 1.0 * {is_async}, agent.predict([0.0, 0.0])[0].shape)
"""


@pytest.mark.parametrize("is_async", [False, True])
def test_a_process_with_a_hung_environment_ends(is_async: bool) -> None:
    make = 'lambda: Scripted({5: "hang"}, seconds=60.0)'
    env = f"gymnasium.vector.AsyncVectorEnv([{make}] * 2)" if is_async else f"({make})()"
    script = HANGS.format(here=str(HERE), env=env, is_async=is_async)
    result = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True, timeout=20)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "noticed True (1,)\n"


def test_learning_in_a_forked_process_is_refused(tiny: Callable[..., dict[str, Any]]) -> None:
    agent = npg.NPG("MlpPolicy", "CartPole-v1", **tiny()).learn(64)
    said = multiprocessing.get_context("fork").Queue()

    def child() -> None:
        try:
            agent.learn(64)
        except RuntimeError as error:
            said.put(str(error))

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    assert "another process" in said.get(timeout=20)
    process.join()


def test_a_missing_gymnasium_id_is_gymnasiums_error() -> None:
    with pytest.raises(gymnasium.error.NameNotFound):
        npg.NPG("MlpPolicy", "Nothing-v1")


def test_an_agent_that_is_collected_while_an_exception_goes_up_does_not_lose_it(tiny: Tiny) -> None:
    """Its environments are closed then, which calls into Python."""

    def fail() -> int:
        raise KeyError("mine")

    class Closing(Counting):
        closed = 0

        def close(self) -> None:
            type(self).closed += 1
            with contextlib.suppress(ValueError):
                raise ValueError("another one")

    for _ in range(3):
        with pytest.raises(KeyError, match="mine"):
            npg.NPG("MlpPolicy", Closing, **tiny()).learn(fail())
    assert Closing.closed >= 3
