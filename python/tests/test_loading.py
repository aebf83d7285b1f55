"""`npg.load`: agents from files and run directories, in one line."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import gymnasium.vector
import numpy as np
import pytest
from test_files import program

import npg

Tiny = Callable[..., dict[str, Any]]

SMALL = ("--set", "policy.hidden=[8]", "--set", "rollout.batch_steps=256", "--quiet")


@pytest.mark.parametrize("kind", [npg.NPG, npg.TRPO, npg.VPG])
def test_a_file_knows_its_algorithm(kind: Any, tmp_path: Path, tiny: Tiny) -> None:
    kind("MlpPolicy", "CartPole-v1", **tiny()).learn(64).save(tmp_path / "agent")
    for name in ("agent", "agent.safetensors"):
        assert type(npg.load(tmp_path / name)) is kind
    assert npg.load(str(tmp_path / "agent"), env="gym:CartPole-v1", verbose=1).get_env() == "gym:CartPole-v1"


def test_the_runs_of_the_program_are_loaded_from_their_directory(tmp_path: Path) -> None:
    program(
        *("train", "CartPole-v1", "--algo", "trpo", "--seed", "3", "--steps", "2048", "--out", "run"),
        *("--eval-every", "1024", *SMALL),
        folder=tmp_path,
    )
    of_seed, of_run = npg.load(tmp_path / "run" / "seed-3"), npg.load(tmp_path / "run")
    assert isinstance(of_seed, npg.TRPO) and of_seed.num_timesteps == 2048
    assert np.array_equal(of_seed.policy.theta, of_run.policy.theta)
    best = npg.load(tmp_path / "run", checkpoint="best")
    assert best.num_timesteps in (1024, 2048)
    action, _ = of_seed.predict([0.0, 0.0, 0.0, 0.0], deterministic=True)
    assert action in (0, 1)
    assert npg.TRPO.load(tmp_path / "run").learn(256).num_timesteps == 2304
    with pytest.raises(ValueError, match=r"npg\.TRPO\.load"):
        npg.NPG.load(tmp_path / "run")
    agent = npg.NPG("MlpPolicy", "CartPole-v1", policy_kwargs={"net_arch": [8]})
    agent.set_parameters(tmp_path / "run")
    assert np.array_equal(agent.policy.theta, of_run.policy.theta)


def test_directories_that_hold_no_one_agent_say_what_they_hold(tmp_path: Path, tiny: Tiny) -> None:
    program("train", "CartPole-v1", "--seeds", "0..2", "--steps", "512", "--out", "run", *SMALL, folder=tmp_path)
    with pytest.raises(ValueError, match=r"run has 2 seeds, each with an agent: name one of them, such as .*seed-0"):
        npg.load(tmp_path / "run")
    with pytest.raises(ValueError, match="has no checkpoint newest; it has step-"):
        npg.load(tmp_path / "run" / "seed-0", checkpoint="newest")
    with pytest.raises(ValueError, match=r"is not a run.*but .*run is one"):
        npg.load(tmp_path)
    with pytest.raises(
        ValueError, match=r"is not a run.*it has the files best\.safetensors, step-\d+\.safetensors.*: give one of them"
    ):
        npg.load(tmp_path / "run" / "seed-0" / "checkpoints")
    for nothing in ("nowhere", "nowhere/at/all"):
        with pytest.raises(FileNotFoundError, match="nowhere"):
            npg.load(tmp_path / nothing)


def test_a_damaged_checkpoint_is_passed_over_with_a_word(tmp_path: Path) -> None:
    program(
        *("train", "CartPole-v1", "--steps", "1024", "--out", "run", "--set", "run.checkpoint_iterations=1", *SMALL),
        folder=tmp_path,
    )
    files = sorted((tmp_path / "run" / "seed-0" / "checkpoints").glob("step-*"))
    files[-1].write_bytes(files[-1].read_bytes()[:-9])
    with pytest.warns(UserWarning, match=f"skipped a checkpoint: .*{re.escape(files[-1].name)}"):
        agent = npg.load(tmp_path / "run")
    assert 0 < agent.num_timesteps < 1024


@pytest.mark.parametrize("env", ["CartPole-v1", "gym:CartPole-v1"])
def test_what_reset_and_step_return_is_no_observation(env: str, tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", env, **tiny())
    single = gymnasium.make("CartPole-v1")
    vector = gymnasium.vector.SyncVectorEnv([lambda: gymnasium.make("CartPole-v1")] * 2)
    for result in (single.reset(), list(single.reset()), vector.reset()):
        with pytest.raises(
            ValueError, match=r"given \(observation, info\), as reset\(\) returns it; pass only the obs"
        ):
            agent.predict(result)
    for result in (single.step(0), vector.step(np.zeros(2, int))):
        with pytest.raises(ValueError, match=r"given a whole step, as step\(\) returns it"):
            agent.predict(result)


def test_an_observation_that_is_a_pair_is_one(tiny: Tiny) -> None:
    box = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)

    class Pairs(gymnasium.Env[Any, Any]):
        observation_space = gymnasium.spaces.Tuple([box, gymnasium.spaces.Dict({"a": box})])
        action_space = gymnasium.spaces.Discrete(2)

        def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
            return self.observation_space.sample(), {}

        def step(self, action: Any) -> Any:
            return self.observation_space.sample(), 1.0, True, False, {}

    agent = npg.NPG("MultiInputPolicy", Pairs(), **tiny())
    assert agent.predict(Pairs().reset()[0])[0] in (0, 1)


def test_the_program_draws_a_tensorboard_log(tmp_path: Path, tiny: Tiny) -> None:
    for kind in (npg.NPG, npg.TRPO):
        agent = kind("MlpPolicy", "CartPole-v1", tensorboard_log=str(tmp_path / "logs"), **tiny())
        agent.learn(512).learn(512)
    assert program("plot", "logs", "-o", "all.svg", folder=tmp_path) == "all.svg\n"
    figure = (tmp_path / "all.svg").read_text()
    for label in ("CartPole-v1", "NPG_1", "NPG_2", "TRPO_1", "TRPO_2"):
        assert f">{label}<" in figure, label
    program("plot", "logs/NPG_2", "-o", "one.svg", folder=tmp_path)
    assert ">NPG_2<" in (tmp_path / "one.svg").read_text()
    assert "not a run" in program("resume", "logs/NPG_1", folder=tmp_path, status=2)


def test_no_module_is_imported_because_a_file_names_it(
    tmp_path: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported = tmp_path / "imported"
    (tmp_path / "harmless.py").write_text(
        "import pathlib\nimport gymnasium\n"
        f"pathlib.Path({str(imported)!r}).touch()\n"
        'gymnasium.register("Harmless-v0", entry_point="gymnasium.envs.classic_control:CartPoleEnv", max_episode_steps=20)\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    name = "gym:harmless:Harmless-v0"
    npg.NPG("MlpPolicy", name, **tiny()).learn(64).save(tmp_path / "agent")
    sys.modules.pop("harmless")
    imported.unlink()
    with pytest.raises(ValueError, match=re.escape(f"name the environment yourself, env={name!r}")):
        npg.load(tmp_path / "agent")
    assert npg.load(tmp_path / "agent", env="gym:CartPole-v1").num_timesteps == 64
    assert not imported.exists(), "a file had its module imported"
    assert npg.load(tmp_path / "agent", env=name).num_timesteps == 64
