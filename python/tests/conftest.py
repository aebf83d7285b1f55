"""What all tests share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

#: Settings under which an iteration takes milliseconds.
TINY: dict[str, Any] = {
    "n_steps": 64,
    "batch_size": 32,
    "n_critic_updates": 1,
    "policy_kwargs": {"net_arch": [8]},
    "threads": 1,
    "preset": False,
    "seed": 0,
}


@pytest.fixture
def tiny() -> Callable[..., dict[str, Any]]:
    """Arguments for a small agent, with changes."""
    return lambda **changes: {**TINY, **changes}
