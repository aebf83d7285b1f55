"""`import npg` takes no time, and what it does behind Gymnasium's back."""

from __future__ import annotations

import subprocess
import sys

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
    "order",
    [
        "import npg, gymnasium",
        "import gymnasium, npg",
        "import npg, importlib.util; importlib.util.find_spec('gymnasium'); import gymnasium",
        "import npg; from gymnasium.envs.registration import registry; import gymnasium",
    ],
)
def test_environments_are_registered_whatever_comes_first(order: str) -> None:
    assert run(f"{order}; print('npg/CartPole-v1' in gymnasium.registry)") == "True\n"


def test_names() -> None:
    for name in set(npg.__all__) - {"check_env"}:
        assert getattr(npg, name) is not None and name in dir(npg)
    assert npg.__version__.count(".") == 2
    with pytest.raises(AttributeError, match="'npg' has no attribute 'PPO'"):
        npg.PPO  # noqa: B018


def test_only_public_names_are_listed() -> None:
    assert dir(npg) == sorted([*npg.__all__, "__version__"])
    listed = run("import npg; npg.NPG; npg.make_vec_env; npg.callbacks; print(*dir(npg))").split()
    assert listed == dir(npg)
