"""`import npg` takes no time, and Gymnasium finds the environments."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import npg


def run(script: str) -> str:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60).stdout


def test_importing_takes_no_time() -> None:
    """The best of several, since the machine may be busy."""
    script = "import time; t = time.perf_counter(); import npg; print(time.perf_counter() - t)"
    assert min(float(run(script)) for _ in range(5)) < 0.2


def test_importing_leaves_gymnasium_alone() -> None:
    assert run("import npg, sys; print('gymnasium' in sys.modules, 'numpy' in sys.modules)") == "False False\n"


@pytest.mark.parametrize(
    "script",
    [
        "import gymnasium, npg; gymnasium.register_envs(npg); gymnasium.make('npg/CartPole-v1')",
        "import gymnasium; gymnasium.make('npg:npg/CartPole-v1')",
        "import gymnasium; gymnasium.make_vec('npg:npg/CartPole-v1', num_envs=2)",
        "import npg.envs, gymnasium; gymnasium.make('npg/CartPole-v1')",
        "import npg, gymnasium; gymnasium.register_envs(npg.envs); gymnasium.make('npg/CartPole-v1')",
        "import npg, gymnasium; gymnasium.make('npg.envs:npg/CartPole-v1')",
    ],
)
def test_gymnasium_finds_the_environments_in_its_own_ways(script: str) -> None:
    run(script)


@pytest.mark.parametrize("module", sorted(path.stem for path in Path(npg.__path__[0]).glob("[!.]*.py")))
def test_every_module_can_be_the_first(module: str) -> None:
    run(f"import npg.{module}" if module != "__init__" else "import npg")


def test_names() -> None:
    for name in npg.__all__:
        assert getattr(npg, name) is not None and name in dir(npg)
    assert npg.__version__.count(".") == 2
    with pytest.raises(AttributeError, match="'npg' has no attribute 'PPO'"):
        npg.PPO  # noqa: B018


@pytest.mark.parametrize("first", ["", "import npg.check_env; ", "from npg.check_env import Report; "])
def test_check_env_is_a_function_whatever_was_imported(first: str) -> None:
    assert run(f"{first}import npg; print(type(npg.check_env('CartPole-v1', steps=5)).__name__)") == "Report\n"


@pytest.mark.parametrize("name", ["npg:npg/CartPole-v1", "npg/CartPole-v1"])
def test_npgs_environments_are_found_by_their_ids_for_gymnasium(name: str) -> None:
    run(f"import npg; npg.NPG('MlpPolicy', {name!r}); assert npg.check_env({name!r}, steps=50).ok")


def test_only_public_names_are_listed() -> None:
    assert dir(npg) == sorted([*npg.__all__, "__version__"])
    listed = run("import npg; npg.NPG; npg.make_vec_env; npg.callbacks; print(*dir(npg))").split()
    assert listed == dir(npg)
