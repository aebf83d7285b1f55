"""Loads agents. The file knows the algorithm."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from npg import _npg
from npg._files import file_of
from npg.agents import NPG, TRPO, VPG, Agent


def load(
    path: str | Path,
    env: Any = None,
    device: str = "auto",
    *,
    checkpoint: str = "latest",
    verbose: int = 0,
    env_kwargs: Mapping[str, Any] | None = None,
    timeout: float | None = 60.0,
    action_masks: str | None = None,
) -> Agent:
    """The agent that `save` or the program `npg` has written, as an instance of the right class.

    >>> agent = npg.load("runs/CartPole-v1/npg-1/seed-0")
    >>> action, _ = agent.predict([0.0, 0.0, 0.0, 0.0], deterministic=True)

    Args:
        path: a file, with or without its ending, or the directory of a run with one seed.
        env: as for the constructor of an agent. It may be left out if the file has the environment's id.
        device: must be a CPU.
        checkpoint: the checkpoint of a run's directory: `latest`, `best`, or a file.
        verbose, env_kwargs, timeout, action_masks: as for `npg.NPG.load`.

    Raises:
        FileNotFoundError, ValueError: as `npg.NPG.load`.
    """
    file = file_of(path, checkpoint)
    algorithm = _npg.read_header(file)["algo"]
    known: dict[str, type[Agent]] = {"npg": NPG, "trpo": TRPO, "vpg": VPG}
    if algorithm not in known:
        raise ValueError(f"{file} has the algorithm {algorithm!r}, which this version does not know")
    options: dict[str, Any] = {"env_kwargs": env_kwargs, "timeout": timeout, "action_masks": action_masks}
    return known[algorithm].load(file, env, device, verbose=verbose, **options)
