"""What Ctrl-C and SIGTERM end: training, and whatever it has started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent

#: In a background job, and under some runners, a child inherits that SIGINT is ignored.
HEEDED = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
IGNORED = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"


@contextlib.contextmanager
def started(command: list[str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A program in a process group of its own, once it has printed "begun"; at the end all of the group is gone."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(folder)])}
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        command, cwd=folder, stdout=pipe, stderr=pipe, text=True, start_new_session=True, env=environment
    )
    try:
        assert process.stdout is not None
        while True:
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            if "begun" in line:
                break
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def python(script: str) -> list[str]:
    return [sys.executable, "-c", script]


def group_is_gone(process: subprocess.Popen[str]) -> bool:
    """Whether no process of the group is left, after some seconds at most."""
    for _ in range(200):
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


INTERRUPTED = """
import os, signal, sys, threading
import npg
from environments import Scripted
agent = npg.NPG("MlpPolicy", {env}, n_steps=64, preset=False, seed=0)
def interrupt(agent, metrics):
    if metrics["iteration"] == 3:
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
print("begun", flush=True)
assert agent.learn(10**9, callback=interrupt) is agent
done = agent.num_timesteps
agent.save("interrupted")
loaded = npg.NPG.load("interrupted", env={env})
assert done >= 192 and loaded.num_timesteps == done
assert (loaded.policy.theta == agent.policy.theta).all()
assert agent.learn(64).num_timesteps == done + 64
print("went on")
"""


@pytest.mark.parametrize("env", ["'CartPole-v1'", "Scripted({})"])
def test_an_interrupt_ends_learn_and_nothing_else(env: str, tmp_path: Path) -> None:
    with started(python(HEEDED + INTERRUPTED.format(env=env)), tmp_path) as process:
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out) == (0, "went on\n"), err
        assert "interrupted after" in err


SLOW = """
import time, gymnasium, numpy as np, npg
class Slow(gymnasium.Env):
    observation_space, action_space = gymnasium.spaces.Box(-1, 1, (1,)), gymnasium.spaces.Discrete(2)
    pause, told = 0.3, False
    def reset(self, *, seed=None, options=None): return np.zeros(1, np.float32), {}
    def step(self, action):
        if not Slow.told:
            Slow.told = True
            print("begun", flush=True)
        time.sleep(Slow.pause)
        return np.zeros(1, np.float32), 1.0, False, False, {}
agent = npg.NPG("MlpPolicy", Slow(), n_steps=200).learn(1000)
Slow.pause = 0.0
print(agent.learn(200).num_timesteps)
"""


def test_an_interrupt_stops_a_slow_environment_at_once(tmp_path: Path) -> None:
    with started(python(HEEDED + SLOW), tmp_path) as process:
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out) == (0, "200\n"), err
        assert time.monotonic() - begin < 5.0  # a batch takes a minute


LONG = """
import os, signal, threading
import npg
settings = {"rollout.batch_steps": 400_000, "policy.hidden": [256, 256], "value.hidden": [256, 256]}
agent = npg.NPG("MlpPolicy", "CartPole-v1", settings=settings, seed=0).learn(2048)
print("begun", flush=True)
threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
agent.learn(400_000)
agent.save("agent")
assert agent.num_timesteps == npg.NPG.load("agent").num_timesteps
assert agent.num_timesteps in (2048, 402_048)  # the last whole iteration
print(agent.learn(1000).num_timesteps - npg.NPG.load("agent").num_timesteps)
"""


def test_an_interrupt_of_a_long_iteration_leaves_the_agent_before_it(tmp_path: Path) -> None:
    with started(python(HEEDED + LONG), tmp_path) as process:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (0, "1000\n"), err
        assert "interrupted after" in err


ASYNC = """
import gymnasium.vector, npg
if __name__ == "__main__":
    begun = lambda agent, metrics: print("begun", flush=True) if metrics["iteration"] == 1 else None
    agent = npg.NPG("MlpPolicy", {env}, n_steps=64, {more}).learn(10**9, callback=begun)
    print(agent.learn(64).num_timesteps > 64)
"""
OWN = "gymnasium.vector.AsyncVectorEnv([lambda: gymnasium.make('CartPole-v1')] * 2)"
PROCESSES = [("'gym:CartPole-v1'", "n_envs=2, vectorization='async'"), (OWN, "")]


@pytest.mark.parametrize(("env", "more"), PROCESSES)
def test_an_interrupt_of_all_processes(env: str, more: str, tmp_path: Path) -> None:
    """A terminal tells the environments' processes as well. Those of the user's own vector end with it."""
    with started(python(HEEDED + ASYNC.format(env=env, more=more)), tmp_path) as process:
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=30)
        assert "interrupted after" in err
        if env != OWN:
            assert (process.returncode, out) == (0, "True\n"), err
        assert group_is_gone(process)


@pytest.mark.parametrize(("env", "more"), PROCESSES)
def test_an_interrupt_of_the_agents_process_alone(env: str, more: str, tmp_path: Path) -> None:
    """No answer of an environment's process is left behind: training goes on with the same ones."""
    with started(python(HEEDED + ASYNC.format(env=env, more=more)), tmp_path) as process:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out) == (0, "True\n") and "interrupted after" in err, err
        assert group_is_gone(process)


@pytest.mark.parametrize(("env", "more"), [("'CartPole-v1'", ""), ("'gym:CartPole-v1'", "n_envs=2"), *PROCESSES])
def test_sigterm_ends_an_agent_that_ignores_interrupts(env: str, more: str, tmp_path: Path) -> None:
    with started(python(IGNORED + ASYNC.format(env=env, more=more)), tmp_path) as process:
        os.killpg(process.pid, signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == -signal.SIGTERM
        assert group_is_gone(process)


HUNG = """
import os, pathlib, time
import gymnasium, numpy as np
class Hung(gymnasium.Env):
    observation_space, action_space = gymnasium.spaces.Box(-1, 1, (1,)), gymnasium.spaces.Discrete(2)
    steps = 0
    def reset(self, *, seed=None, options=None): return np.zeros(1, np.float32), {}
    def step(self, action):
        self.steps += 1
        if self.steps == 150:
            print("begun", flush=True)
            while True: pass
        return np.zeros(1, np.float32), 1.0, False, self.steps % 10 == 0, {}
gymnasium.register("Hung-v0", entry_point=Hung)
"""


def program(vectorization: str, *more: str) -> list[str]:
    command = [sys.executable, "-m", "npg._program", "train", "gym:hung:Hung-v0", "--steps", "2000", "--envs", "2"]
    settings = ["rollout.batch_steps=200", "policy.hidden=[4]", "run.eval_episodes=1"]
    command += ["--out", "run", "--vectorization", vectorization, *more]
    return command + [part for setting in settings for part in ("--set", setting)]


@pytest.mark.parametrize("vectorization", ["sync", "async"])
def test_the_program_ends_an_environment_that_hangs(vectorization: str, tmp_path: Path) -> None:
    (tmp_path / "hung.py").write_text(HUNG)
    with started(program(vectorization, "--env-timeout", "0.5"), tmp_path) as process:
        _, err = process.communicate(timeout=20)
        assert process.returncode == 3 and "use a longer --env-timeout than 0.5 s" in err, err
        assert group_is_gone(process)


@pytest.mark.parametrize("vectorization", ["sync", "async"])
def test_one_sigterm_ends_the_program_in_an_environment_that_hangs(vectorization: str, tmp_path: Path) -> None:
    (tmp_path / "hung.py").write_text(HUNG)
    with started(program(vectorization), tmp_path) as process:
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 143, err
        assert (tmp_path / "run" / "seed-0" / "checkpoints" / "step-000000000200.safetensors").is_file()
        assert group_is_gone(process)
