"""Files go between Python and the program, and other files are refused."""

from __future__ import annotations

import copy
import json
import os
import pickle
import subprocess
import sys
import tomllib
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import gymnasium.vector
import numpy as np
import pytest
from environments import Counting
from gymnasium import spaces

import npg

Tiny = Callable[..., dict[str, Any]]


def program(*arguments: str, folder: Path, status: int = 0) -> str:
    """Runs `npg` and returns what it prints."""
    command = [sys.executable, "-m", "npg._program", *map(str, arguments)]
    result = subprocess.run(
        command,
        check=False,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert result.returncode == status, result.stdout + result.stderr
    return result.stdout + result.stderr


def save_in_run(agent: npg.NPG, folder: Path) -> None:
    (folder / "checkpoints").mkdir(parents=True)
    agent.save(folder / "checkpoints" / f"step-{agent.num_timesteps:012}.safetensors")


def states(count: int, width: int) -> Any:
    return np.random.default_rng(0).uniform(-1, 1, (count, width)).astype(np.float32)


def test_the_program_evaluates_what_python_saved(tmp_path: Path, tiny: Tiny) -> None:
    """A folder with checkpoints is a run. The mean of 100 episodes is that of others in Python, to 5 standard errors."""
    agent = npg.NPG("MlpPolicy", "CartPole-v1", **tiny()).learn(640)
    save_in_run(agent, tmp_path / "run")
    text = program("eval", "run", "--episodes", "100", "--json", folder=tmp_path)
    evaluation = json.loads(text.splitlines()[0])
    assert evaluation["env"] == "CartPole-v1" and evaluation["episodes"] == 100
    returns, _ = npg.evaluate_policy(agent, "CartPole-v1", 100, return_episode_rewards=True, seed=1)
    error = np.hypot(np.std(returns), evaluation["return_std"]) / 10
    assert abs(np.mean(returns) - evaluation["return_mean"]) < 5 * error


def test_the_program_evaluates_gymnasiums_environments(tmp_path: Path, tiny: Tiny) -> None:
    save_in_run(npg.NPG("MlpPolicy", "gym:Pendulum-v1", **tiny()).learn(64), tmp_path / "run")
    evaluation = json.loads(program("eval", "run", "--episodes", "2", "--json", folder=tmp_path).splitlines()[0])
    assert (evaluation["env"], evaluation["length_mean"]) == ("gym:Pendulum-v1", 200)


@pytest.mark.parametrize("name", ["Pendulum-v1", "CartPole-v1"])
def test_the_program_and_python_give_the_same_bits(name: str, tmp_path: Path) -> None:
    settings = {"policy.hidden": [16], "rollout.batch_steps": 1024, "algorithm.momentum": 0.5, "advantage.gamma": 0.98}
    flags = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    program("train", name, "--seed", "3", "--steps", "4096", "--out", "run", *flags, folder=tmp_path)
    agent = npg.NPG("MlpPolicy", name, seed=3, settings=settings).learn(4096)
    config = tomllib.loads((tmp_path / "run" / "seed-3" / "config.toml").read_text())
    assert agent.config == {key: value for key, value in config.items() if isinstance(value, dict)}
    checkpoint = max((tmp_path / "run" / "seed-3" / "checkpoints").glob("step-*.safetensors"))
    loaded = npg.NPG.load(checkpoint)
    assert loaded.num_timesteps == 4096
    assert np.array_equal(loaded.policy.theta, agent.policy.theta)
    width = loaded.policy.sizes[0]
    actions = [each.predict(states(32, width), deterministic=True)[0] for each in (loaded, agent)]
    assert np.array_equal(*actions)
    # And they go on alike.
    assert np.array_equal(loaded.learn(2048).policy.theta, agent.learn(2048).policy.theta)


def test_the_program_resumes_what_python_continues(tmp_path: Path) -> None:
    """A run of the program, made longer by the program and by Python: the same parameters."""
    program("train", "CartPole-v1", "--steps", "2048", "--out", "run", folder=tmp_path)
    folder = tmp_path / "run" / "seed-0" / "checkpoints"
    python = npg.NPG.load(max(folder.glob("step-*"))).learn(2048)
    program("resume", "run/seed-0", "--steps", "4096", folder=tmp_path)
    resumed = npg.NPG.load(max(folder.glob("step-*")))
    assert resumed.num_timesteps == python.num_timesteps == 4096
    assert np.array_equal(resumed.policy.theta, python.policy.theta)


def test_the_program_resumes_what_python_saved(tmp_path: Path, tiny: Tiny) -> None:
    """Native environments go on with their episodes, so the parameters are those of going on in Python."""
    agent = npg.NPG("MlpPolicy", "Pendulum-v1", **tiny()).learn(256)
    save_in_run(agent, tmp_path / "run")
    program("resume", "run", "--steps", "512", folder=tmp_path)
    resumed = npg.NPG.load(tmp_path / "run" / "checkpoints" / "step-000000000512")
    assert np.array_equal(resumed.policy.theta, agent.learn(256).policy.theta)


def test_a_loaded_agent_goes_on_as_if_never_saved(tmp_path: Path, tiny: Tiny) -> None:
    for name in ("CartPole-v1", "Pendulum-v1", "FrozenLake-v1"):
        agent = npg.TRPO("MlpPolicy", name, **tiny()).learn(192)
        agent.save(str(tmp_path / name))
        loaded = npg.TRPO.load(str(tmp_path / name))
        assert loaded.config == agent.config
        assert np.array_equal(loaded.learn(128).policy.theta, agent.learn(128).policy.theta)


def test_statistics_of_observations_are_saved(tmp_path: Path, tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", Counting, **tiny(n_envs=2, settings={"normalize.observations": True})).learn(256)
    agent.save(tmp_path / "agent.anything")
    assert (tmp_path / "agent.anything").is_file()
    loaded = npg.NPG.load(tmp_path / "agent.anything", env=Counting)
    for ours, theirs in zip(agent.policy.observation_statistics, loaded.policy.observation_statistics, strict=True):  # type: ignore[arg-type]
        assert np.array_equal(ours, theirs) and ours.any()
    rows = np.array([[0.0, 3.0, 1.0], [0.0, 5.0, 2.0]], np.float32)
    assert np.array_equal(agent.predict(rows, deterministic=True)[0], loaded.predict(rows, deterministic=True)[0])
    other = npg.NPG("MlpPolicy", Counting, **tiny(n_envs=2, seed=9, settings={"normalize.observations": True}))
    other.set_parameters(tmp_path / "agent.anything")
    assert np.array_equal(other.policy.theta, agent.policy.theta)
    assert np.array_equal(other.predict(rows, deterministic=True)[0], loaded.predict(rows, deterministic=True)[0])


def test_gymnasium_ids_are_loaded_without_an_environment(tmp_path: Path, tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", gymnasium.make("Acrobot-v1"), **tiny()).learn(64)
    agent.save(tmp_path / "agent")
    loaded = npg.NPG.load(tmp_path / "agent")
    assert np.array_equal(loaded.policy.theta, agent.policy.theta) and loaded.learn(64).num_timesteps == 128
    with pytest.raises(ValueError, match="pass env"):
        npg.NPG("MlpPolicy", Counting(), **tiny()).save(tmp_path / "mine")
        npg.NPG.load(tmp_path / "mine")


def test_an_agent_is_loaded_into_another_form_of_its_environment(tmp_path: Path, tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", "CartPole-v1", **tiny()).learn(64)
    agent.save(tmp_path / "native")
    forms = [gymnasium.make("CartPole-v1"), "gym:CartPole-v1", lambda: gymnasium.make("CartPole-v1"), "CartPole-v1"]
    for form in forms:
        loaded = npg.NPG.load(tmp_path / "native", env=form)
        assert np.array_equal(loaded.policy.theta, agent.policy.theta) and loaded.learn(64).num_timesteps == 128
        loaded.save(tmp_path / "other")
        assert npg.NPG.load(tmp_path / "other", env="CartPole-v1").learn(64).num_timesteps == 192


def test_options_of_an_environment_are_saved(tmp_path: Path, tiny: Tiny) -> None:
    for name in ("Pendulum-v1", "gym:Pendulum-v1"):
        agent = npg.NPG("MlpPolicy", name, env_kwargs={"g": 3.5}, **tiny())
        agent.save(tmp_path / "agent")
        loaded = npg.NPG.load(tmp_path / "agent")
        assert loaded.config["env"] == {"g": 3.5}
        assert np.array_equal(loaded.learn(64).policy.theta, agent.learn(64).policy.theta)
        plain = npg.NPG("MlpPolicy", name, **tiny()).learn(64)
        assert not np.array_equal(plain.policy.theta, agent.policy.theta)
        loaded.set_env(name, env_kwargs={"g": 2.0})
        assert loaded.config["env"] == {"g": 2.0}
    unsaid = npg.NPG("MlpPolicy", "gym:Pendulum-v1", env_kwargs={"g": 3.5, "render_mode": None}, **tiny())
    assert unsaid.config["env"] == {"g": 3.5}


def test_options_of_the_programs_gymnasium_runs_are_loaded(tmp_path: Path) -> None:
    flags = [
        "--set",
        "env.vectorization=async",
        "--set",
        "env.g=2.5",
        "--set",
        "policy.hidden=[4]",
        "--set",
        "run.eval_episodes=1",
        "--envs",
        "2",
    ]
    program("train", "gym:Pendulum-v1", "--steps", "400", "--out", "run", *flags, folder=tmp_path)
    loaded = npg.NPG.load(max((tmp_path / "run" / "seed-0" / "checkpoints").glob("step-*")))
    assert loaded.config["env"] == {"vectorization": "async", "g": 2.5}
    assert loaded.learn(400).num_timesteps == 800


def test_an_agent_of_another_algorithm_says_what_to_do(tmp_path: Path, tiny: Tiny) -> None:
    npg.TRPO("MlpPolicy", "CartPole-v1", **tiny()).save(tmp_path / "agent")
    with pytest.raises(ValueError, match=r"is an agent of TRPO; load it with npg\.TRPO\.load"):
        npg.NPG.load(tmp_path / "agent")
    assert npg.TRPO.load(tmp_path / "agent").num_timesteps == 0


def test_files_that_are_damaged_or_foreign(tmp_path: Path, tiny: Tiny) -> None:
    npg.NPG("MlpPolicy", "CartPole-v1", **tiny()).learn(64).save(tmp_path / "good")
    good = (tmp_path / "good.safetensors").read_bytes()
    file = tmp_path / "bad.safetensors"
    contents = [b"", b"PK\x03\x04" + bytes(100), good[:7], good[: len(good) // 2], good[:-1], good + b"x", b"\xff" * 64]
    for content in contents:
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"bad\.safetensors"):
            npg.NPG.load(file)
        agent = npg.NPG("MlpPolicy", "CartPole-v1", **tiny())
        with pytest.raises(ValueError, match=r"bad\.safetensors"):
            agent.set_parameters(file)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        npg.NPG.load(tmp_path / "nowhere")
    with pytest.raises(
        ValueError, match=r"is not a run.*it has the files bad\.safetensors, good\.safetensors: give one of them"
    ):
        npg.NPG.load(tmp_path)
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OSError):
        npg.NPG("MlpPolicy", "CartPole-v1", **tiny()).save(tmp_path / "file" / "agent")
    with pytest.raises(ValueError, match="must name a file"):
        npg.NPG("MlpPolicy", "CartPole-v1", **tiny()).save("")


@pytest.mark.parametrize("name", ["Pendulum-v1", "gym:Pendulum-v1"])
def test_new_options_of_the_same_environment(name: str, tmp_path: Path, tiny: Tiny) -> None:
    npg.NPG("MlpPolicy", name, **tiny()).learn(64).save(tmp_path / "agent")
    agent = npg.NPG.load(tmp_path / "agent", env_kwargs={"g": 0.5})
    assert agent.config["env"] == {"g": 0.5}
    agent.save(tmp_path / "again")
    assert npg.NPG.load(tmp_path / "again").config["env"] == {"g": 0.5}
    plain = npg.NPG.load(tmp_path / "agent")
    for each in (agent, plain):
        each.learn(64)
    assert plain.config.get("env", {}) == {} and not np.array_equal(agent.policy.theta, plain.policy.theta)


def test_files_of_other_environments(tmp_path: Path, tiny: Tiny) -> None:
    npg.NPG("MlpPolicy", "CartPole-v1", **tiny()).save(tmp_path / "agent")
    for other in ("Pendulum-v1", gymnasium.make("Pendulum-v1")):
        with pytest.raises(ValueError, match="observation space.*Pendulum-v1.*CartPole-v1"):
            npg.NPG.load(tmp_path / "agent", env=other)
    agent = npg.NPG("MlpPolicy", "Acrobot-v1", **tiny())
    before = agent.policy.theta
    with pytest.raises(ValueError):
        agent.set_parameters(tmp_path / "agent")
    assert np.array_equal(agent.policy.theta, before)
    with pytest.raises(ValueError, match="2 environments.*1"):
        vector = gymnasium.vector.SyncVectorEnv([lambda: gymnasium.make("CartPole-v1")] * 2)
        npg.NPG.load(tmp_path / "agent", env=vector)


class Shaped(gymnasium.Env[Any, Any]):
    """Random observations of any space, and actions of any space."""

    def __init__(self, observation: Any, action: Any) -> None:
        self.observation_space, self.action_space = observation, action

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return self.observation_space.sample(), 1.0, False, bool(self.np_random.random() < 0.2), {}


def box(low: float, high: float, count: int = 2) -> Any:
    return spaces.Box(low, high, (count,), np.float32)


def ordered(*names: str) -> Any:
    """A Dict whose keys keep this order; Gymnasium sorts those of a plain dictionary."""
    parts = {"bit": spaces.Discrete(2), "force": box(-1, 1), "turn": spaces.Discrete(2)}
    return spaces.Dict(OrderedDict((name, parts[name]) for name in names))


#: Spaces of one width, of which no policy for one can act in the other: the part of the environment, the spaces, and what the
#: message must have.
OTHER_SPACES: dict[str, tuple[str, Any, Any, str]] = {
    "bounds": (
        "actions",
        box(-1, 1),
        box(-2, 2),
        r"Box\(2 x \[-1, 1\]\), but those of Shaped are Box\(2 x \[-2, 2\]\)",
    ),
    "keys in another order": ("actions", ordered("bit", "turn"), ordered("turn", "bit"), '"bit": Disc.*"turn": Disc'),
    "other keys": ("actions", ordered("bit", "force"), ordered("turn", "force"), '"bit".*"turn"'),
    "all parameters count": (
        "actions",
        npg.Parametrized([box(-1, 1, 1), box(-1, 1, 1)]),
        spaces.Tuple((spaces.Discrete(2), spaces.Tuple((box(-1, 1, 1), box(-1, 1, 1))))),
        "Parametrized.*Tuple",
    ),
    "parts joined": ("actions", spaces.MultiDiscrete([2, 2]), spaces.Tuple((spaces.Discrete(2),) * 2), "Multi.*Tuple"),
    "observed keys in another order": ("observations", ordered("bit", "turn"), ordered("turn", "bit"), "bit.*turn"),
    "one-hot or reals": ("observations", spaces.Discrete(2), box(0, 1), r"Discrete\(2\).*Box\(2\)"),
}


@pytest.mark.parametrize("name", OTHER_SPACES)
def test_a_policy_for_other_spaces_is_refused(name: str, tmp_path: Path, tiny: Tiny) -> None:
    what, own, other, message = OTHER_SPACES[name]

    def make(space: Any) -> Callable[[], Shaped]:
        return lambda: Shaped(space, box(-1, 1)) if what == "observations" else Shaped(box(-1, 1), space)

    agent = npg.NPG("MultiInputPolicy", make(own), **tiny()).learn(64)
    agent.save(tmp_path / "agent")
    npg.NPG.load(tmp_path / "agent", make(own)).learn(64)
    with pytest.raises(ValueError, match=f"(?s){what} are .*{message}"):
        npg.NPG.load(tmp_path / "agent", make(other))
    with pytest.raises(ValueError, match=f"the {what.removesuffix('s')} space of env"):
        agent.set_env(make(other))
    foreign = npg.NPG("MultiInputPolicy", make(other), **tiny())
    before = foreign.policy.theta
    with pytest.raises(ValueError, match=f"(?s){what} are .*{message}"):
        foreign.set_parameters(tmp_path / "agent")
    assert np.array_equal(foreign.policy.theta, before)


def test_bounds_of_observations_may_differ(tmp_path: Path, tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", lambda: Shaped(box(-1, 1), spaces.Discrete(2)), **tiny()).learn(64)
    agent.save(tmp_path / "agent")
    npg.NPG.load(tmp_path / "agent", lambda: Shaped(box(-9, 9), spaces.Discrete(2))).learn(64)
    agent.set_env(lambda: Shaped(box(-9, 9), spaces.Discrete(2)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"policy.head": "beta"}, "another distribution"),
        ({"policy.head": "squashed"}, "maps actions"),
        ({"policy.action_bounds": "clip"}, "maps actions"),
        ({"policy.std": "state-dependent"}, "another network"),
        ({"policy.layer_norm": True}, "another network"),
        ({"policy.activation": "relu"}, "another network"),
        ({"normalize.observations": False}, "encodes observations otherwise"),
    ],
)
def test_parameters_of_another_function_are_refused(
    settings: dict[str, Any], message: str, tmp_path: Path, tiny: Tiny
) -> None:
    npg.NPG("MlpPolicy", "Pendulum-v1", **tiny()).learn(64).save(tmp_path / "agent")
    agent = npg.NPG("MlpPolicy", "Pendulum-v1", **tiny(settings=settings))
    state, before = [0.5, 0.5, 0.1], agent.policy.theta
    action = agent.predict(state, deterministic=True)[0]
    with pytest.raises((ValueError, RuntimeError), match=message):
        agent.set_parameters(tmp_path / "agent")
    assert np.array_equal(agent.policy.theta, before)
    assert np.array_equal(agent.predict(state, deterministic=True)[0], action)


def test_parameters_of_a_policy_with_masks_need_masks(tmp_path: Path, tiny: Tiny) -> None:
    npg.NPG("MlpPolicy", "Taxi-v4", env_kwargs={"mask": True}, **tiny()).learn(64).save(tmp_path / "agent")
    agent = npg.NPG("MlpPolicy", "Taxi-v4", **tiny())
    with pytest.raises(ValueError, match="trained with action masks, and Taxi-v4 has none"):
        agent.set_parameters(tmp_path / "agent")
    npg.NPG("MlpPolicy", "Taxi-v4", env_kwargs={"mask": True}, **tiny()).set_parameters(tmp_path / "agent")


def test_the_program_refuses_what_is_no_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    name = "step-000000000064.safetensors"
    (tmp_path / "run" / "checkpoints" / name).write_bytes(b"nothing")
    assert name in program("eval", "run", "--checkpoint", f"run/checkpoints/{name}", folder=tmp_path, status=4)


def test_the_programs_exit_codes(tmp_path: Path) -> None:
    program("train", "CartPole-v1", "--set", "algorithm.kl_stp=1", folder=tmp_path, status=2)
    program("--version", folder=tmp_path)


@pytest.mark.parametrize("env", ["CartPole-v1", "gym:CartPole-v1", Counting])
def test_copies_and_pickles(env: Any, tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", env, **tiny()).learn(128)
    for other in (copy.deepcopy(agent), pickle.loads(pickle.dumps(agent))):
        assert other.num_timesteps == 128 and other.config == agent.config
        assert np.array_equal(other.policy.theta, agent.policy.theta)
        other.learn(64)
        assert agent.num_timesteps == 128 and not np.array_equal(other.policy.theta, agent.policy.theta)
