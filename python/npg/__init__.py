"""Natural policy gradient: reinforcement learning with steps measured in KL divergence.

>>> import npg
>>> agent = npg.NPG("MlpPolicy", "CartPole-v1", seed=0).learn(20_000)
>>> action, _ = agent.predict([0.0, 0.0, 0.0, 0.0], deterministic=True)

Names are imported when they are first used, so `import npg` is fast.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from npg._loading import load as load
    from npg._npg import __version__ as __version__
    from npg._parametrized import Parametrized as Parametrized
    from npg._vector import make_vec_env as make_vec_env
    from npg._warnings import TrainingWarning as TrainingWarning
    from npg.agents import NPG as NPG
    from npg.agents import TRPO as TRPO
    from npg.agents import VPG as VPG
    from npg.callbacks import BaseCallback as BaseCallback
    from npg.callbacks import CallbackList as CallbackList
    from npg.callbacks import CheckpointCallback as CheckpointCallback
    from npg.callbacks import EvalCallback as EvalCallback
    from npg.callbacks import EveryNTimesteps as EveryNTimesteps
    from npg.callbacks import ProgressBarCallback as ProgressBarCallback
    from npg.callbacks import StopTrainingOnMaxEpisodes as StopTrainingOnMaxEpisodes
    from npg.callbacks import StopTrainingOnNoModelImprovement as StopTrainingOnNoModelImprovement
    from npg.callbacks import StopTrainingOnRewardThreshold as StopTrainingOnRewardThreshold
    from npg.callbacks import evaluate_policy as evaluate_policy
    from npg.check_env import check_env as check_env

#: Where public names come from.
_HOMES = {
    "TrainingWarning": "npg._warnings",
    "NPG": "npg.agents",
    "TRPO": "npg.agents",
    "VPG": "npg.agents",
    "load": "npg._loading",
    "evaluate_policy": "npg.callbacks",
    "EvalCallback": "npg.callbacks",
    "BaseCallback": "npg.callbacks",
    "CallbackList": "npg.callbacks",
    "CheckpointCallback": "npg.callbacks",
    "EveryNTimesteps": "npg.callbacks",
    "ProgressBarCallback": "npg.callbacks",
    "StopTrainingOnMaxEpisodes": "npg.callbacks",
    "StopTrainingOnNoModelImprovement": "npg.callbacks",
    "StopTrainingOnRewardThreshold": "npg.callbacks",
    "make_vec_env": "npg._vector",
    "Parametrized": "npg._parametrized",
    "check_env": "npg.check_env",
    "callbacks": "npg",
    "envs": "npg",
    "functional": "npg",
    "__version__": "npg._npg",
}

__all__ = [
    "NPG",
    "TRPO",
    "VPG",
    "BaseCallback",
    "CallbackList",
    "CheckpointCallback",
    "EvalCallback",
    "EveryNTimesteps",
    "Parametrized",
    "ProgressBarCallback",
    "StopTrainingOnMaxEpisodes",
    "StopTrainingOnNoModelImprovement",
    "StopTrainingOnRewardThreshold",
    "TrainingWarning",
    "callbacks",
    "check_env",
    "envs",
    "evaluate_policy",
    "functional",
    "load",
    "make_vec_env",
]


def __getattr__(name: str) -> Any:
    if _HOMES.get(name) == "npg":
        return importlib.import_module(f"npg.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'npg' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


if "gymnasium" in sys.modules:  # as `gymnasium.make("npg:npg/CartPole-v1")` and `gymnasium.register_envs(npg)` expect
    importlib.import_module("npg.envs")


def __dir__() -> list[str]:
    """Public names only. Python itself finds the others by name."""
    return sorted([*__all__, "__version__"])
