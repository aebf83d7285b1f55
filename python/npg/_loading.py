"""Loading agents whose algorithm the file knows."""

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
) -> Agent:
    """The agent that `save` or the program `npg` has written, of the class that it is of.

    >>> agent = npg.load("runs/CartPole-v1/npg-1/seed-0")
    >>> action, _ = agent.predict([0.0, 0.0, 0.0, 0.0], deterministic=True)

    Args:
        path: a file, whose ending may be left out, or the directory of a run with one seed.
        env: as for the constructor of an agent. Environments that are named by their id need not be given.
        device: must be a CPU.
        checkpoint: which one of a run's directory: `latest`, `best`, or a file.
        verbose, env_kwargs, timeout: as for `npg.NPG.load`.

    Raises:
        FileNotFoundError, ValueError: as `npg.NPG.load`.
    """
    file = file_of(path, checkpoint)
    algorithm = _npg.read_header(file)["algo"]
    known: dict[str, type[Agent]] = {"npg": NPG, "trpo": TRPO, "vpg": VPG}
    if algorithm not in known:
        raise ValueError(f"{file} is of the algorithm {algorithm!r}, which this version does not know")
    return known[algorithm].load(file, env, device, verbose=verbose, env_kwargs=env_kwargs, timeout=timeout)
