"""A Python environment is made, reset and stepped on its caller's thread, in its caller's context."""

from __future__ import annotations

import asyncio
import contextvars
import decimal
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import gymnasium.vector
import numpy as np
import pytest
from environments import Scripted
from gymnasium import spaces

import npg

Tiny = Callable[..., dict[str, Any]]


class Attached(gymnasium.Env[Any, Any]):
    """Calls `look` wherever it is called; episodes have 10 steps."""

    def __init__(self, look: Callable[[], Any]) -> None:
        self.observation_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.action_space = spaces.Discrete(2)
        self.look, self.steps, self.seen = look, 0, [look()]

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.seen.append(self.look())
        return np.zeros(2, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.seen.append(self.look())
        self.steps += 1
        return np.zeros(2, np.float32), float(action), False, self.steps % 10 == 0, {}

    def close(self) -> None:
        self.seen.append(self.look())


def learned(kind: str, look: Callable[[], Any], arguments: dict[str, Any]) -> list[Any]:
    """What `look` saw in an environment that was trained on, in all of its calls."""
    made: list[Attached] = []

    def make() -> Attached:
        made.append(Attached(look))
        return made[-1]

    if kind == "callable":
        env: Any = make
        arguments = {**arguments, "n_envs": 3}
    else:
        env = make() if kind == "single" else gymnasium.vector.SyncVectorEnv([make] * 3)
    agent = npg.NPG("MlpPolicy", env, **arguments)
    agent.learn(64 * 3 * 4)
    agent.learn(64 * 3, callback=lambda agent, metrics: True)
    npg.evaluate_policy(agent, Attached(look), 1)
    del agent
    seen = [what for each in made for what in each.seen]
    assert len(seen) > 64 * 3 * 5
    return seen


@pytest.mark.parametrize("kind", ["single", "callable", "vector"])
def test_all_calls_are_on_the_callers_thread(kind: str, tiny: Tiny) -> None:
    assert set(learned(kind, threading.get_ident, tiny())) == {threading.get_ident()}
    seen: list[Any] = []
    other = threading.Thread(
        target=lambda: seen.extend([threading.get_ident(), *learned(kind, threading.get_ident, tiny())])
    )
    other.start()
    other.join()
    assert set(seen) == {seen[0]} and seen[0] != threading.get_ident()


@pytest.mark.parametrize("kind", ["single", "callable", "vector"])
def test_the_callers_context_holds_in_the_environment(kind: str, tiny: Tiny) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")
    local = threading.local()
    variable.set("set")
    local.value = "mine"

    def look() -> tuple[Any, ...]:
        return np.geterr()["divide"], decimal.getcontext().prec, variable.get(), getattr(local, "value", None)

    with np.errstate(divide="raise"), decimal.localcontext(decimal.Context(prec=7)):
        assert set(learned(kind, look, tiny())) == {("raise", 7, "set", "mine")}


def test_what_belongs_to_one_thread_works(tiny: Tiny) -> None:
    database = sqlite3.connect(":memory:")
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)

    def look() -> Any:
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        assert asyncio.get_event_loop_policy().get_event_loop() is loop
        return database.execute("select 1").fetchone()[0] + loop.run_until_complete(asyncio.sleep(0, 1))

    before = signal.getsignal(signal.SIGUSR1)
    try:
        assert set(learned("callable", look, tiny())) == {2}
    finally:
        signal.signal(signal.SIGUSR1, before)
        asyncio.set_event_loop(None)
        loop.close()
        database.close()


MODULE = """
import signal, sqlite3, threading
import gymnasium
import numpy as np
class Attached(gymnasium.Env):
    observation_space, action_space = gymnasium.spaces.Box(-1, 1, (1,)), gymnasium.spaces.Discrete(2)
    def __init__(self):
        self.steps, self.database = 0, sqlite3.connect(":memory:")
    def look(self):
        assert threading.current_thread() is threading.main_thread()
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        self.database.execute("select 1")
    def reset(self, *, seed=None, options=None):
        self.look()
        return np.zeros(1, np.float32), {}
    def step(self, action):
        self.look()
        self.steps += 1
        return np.zeros(1, np.float32), 1.0, False, self.steps % 10 == 0, {}
    def close(self):
        self.look()
gymnasium.register("Attached-v0", entry_point=Attached)
"""


def test_the_program_calls_environments_on_its_main_thread(tmp_path: Path) -> None:
    (tmp_path / "attached.py").write_text(MODULE)
    command = [
        sys.executable,
        "-m",
        "npg._program",
        "train",
        "gym:attached:Attached-v0",
        "--steps",
        "2000",
        "--envs",
        "2",
    ]
    command += ["--out", "run", "--set", "policy.hidden=[4]", "--set", "run.eval_episodes=2"]
    result = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr


def spin() -> None:
    """A loop that does not end."""
    while True:
        pass


def waits() -> None:
    """A wait for what never comes."""
    threading.Event().wait()


@pytest.mark.parametrize("hang", [spin, waits])
def test_a_call_that_hangs_is_ended(hang: Callable[[], None], tiny: Tiny) -> None:
    class Hanging(Scripted):
        def step(self, action: Any) -> Any:
            if self.steps == 70:
                hang()
            return super().step(action)

    agent = npg.NPG("MlpPolicy", Hanging({}), **tiny(timeout=0.4)).learn(64)
    theta = agent.policy.theta
    with pytest.raises(TimeoutError, match="timeout than 0.4 s") as caught:
        agent.learn(64)
    assert any(entry.name == hang.__name__ for entry in caught.traceback)  # it says where
    assert np.array_equal(agent.policy.theta, theta) and agent.num_timesteps == 64
    agent.set_env(Scripted({}))
    assert agent.learn(64).num_timesteps == 128


def test_a_loop_that_hangs_is_ended_on_any_thread(tiny: Tiny) -> None:
    class Hanging(Scripted):
        def step(self, action: Any) -> Any:
            if self.steps == 70:
                spin()
            return super().step(action)

    raised: list[BaseException] = []
    agent = npg.NPG("MlpPolicy", Hanging({}), **tiny(timeout=0.4))

    def learn() -> None:
        try:
            agent.learn(128)
        except BaseException as error:  # noqa: BLE001 (whatever it is)
            raised.append(error)

    thread = threading.Thread(target=learn)
    thread.start()
    thread.join(20.0)
    assert [type(error) for error in raised] == [TimeoutError] and "timeout" in str(raised[0])


def test_a_call_that_takes_too_long_in_c_is_a_time_out(tiny: Tiny) -> None:
    """A thread other than the main one cannot be woken up: the call ends by itself, and counts as what it is."""
    raised: list[BaseException] = []
    agent = npg.NPG("MlpPolicy", Scripted({70: "hang"}, seconds=1.0), **tiny(timeout=0.3))

    def learn() -> None:
        try:
            agent.learn(640)
        except TimeoutError as error:
            raised.append(error)

    thread = threading.Thread(target=learn)
    thread.start()
    thread.join(20.0)
    assert len(raised) == 1 and agent.num_timesteps <= 64


def test_no_time_out_is_none(tiny: Tiny) -> None:
    assert npg.NPG("MlpPolicy", Scripted({}), **tiny(timeout=None)).learn(64).num_timesteps == 64
    with pytest.raises(ValueError, match="timeout is -1"):
        npg.NPG("MlpPolicy", Scripted({}), **tiny(timeout=-1))


@pytest.mark.parametrize("kind", ["callable", "vector"])
def test_the_time_out_is_of_one_environment_not_of_all(kind: str, tiny: Tiny) -> None:
    class Slow(Scripted):
        def step(self, action: Any) -> Any:
            if self.steps == 5:
                threading.Event().wait(0.15)
            return super().step(action)

    def make() -> Slow:
        return Slow({})

    env, more = (make, {"n_envs": 8}) if kind == "callable" else (gymnasium.vector.SyncVectorEnv([make] * 8), {})
    agent = npg.NPG("MlpPolicy", env, **tiny(timeout=0.5, n_steps=10, **more))
    assert agent.learn(80).num_timesteps == 80


def test_signal_handlers_are_the_callers_after_learning(tiny: Tiny) -> None:
    signals = [getattr(signal, name) for name in ("SIGURG", "SIGINT", "SIGALRM", "SIGTERM")]
    before = [signal.getsignal(number) for number in signals]
    npg.NPG("MlpPolicy", Scripted({}), **tiny()).learn(64)
    assert [signal.getsignal(number) for number in signals] == before


AFTER_A_TIME_OUT = """
import npg, sys
sys.path.insert(0, {here!r})
from environments import Scripted
class Spinning(Scripted):
    def step(self, action):
        while self.steps == 70: pass
        return super().step(action)
agent = npg.NPG("MlpPolicy", Spinning({{}}), n_steps=64, preset=False, timeout=0.4)
try:
    agent.learn(640)
except TimeoutError:
    print("caught")
"""


def test_the_interpreter_ends_after_a_caught_time_out(tmp_path: Path) -> None:
    script = AFTER_A_TIME_OUT.format(here=os.fspath(Path(__file__).parent))
    result = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True, timeout=30)
    assert (result.returncode, result.stdout) == (0, "caught\n"), result.stderr
