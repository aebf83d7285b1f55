"""Agents' files, and the environments that they are loaded into."""

from __future__ import annotations

import contextlib
import tomllib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from npg import _npg
from npg._sources import Resolved, resolve, to_toml, toml_value

SUFFIX = ".safetensors"


def file_of(path: str | Path, checkpoint: str = "latest") -> Path:
    """The file, whose ending may have been left out, or that is this checkpoint of a run's directory.

    Raises:
        ValueError: for a directory that is no run, or a run of several seeds.
    """
    path = Path(path)
    if path.is_dir() and not path.with_name(path.name + SUFFIX).is_file():
        return _in_run(path, checkpoint)
    if path.suffix or not path.name:
        return path
    candidates = [path.with_name(path.name + suffix) for suffix in (SUFFIX, ".zip")]  # `.zip` is Stable-Baselines3's
    return next((candidate for candidate in candidates if candidate.exists()), path)


def _in_run(directory: Path, checkpoint: str) -> Path:
    try:
        file, passed_over = _npg.checkpoint_of(directory, checkpoint)
    except ValueError as error:
        files = sorted(each.name for each in directory.iterdir() if each.suffix == SUFFIX)
        hint = f"; it holds {', '.join(files[:5])}: give a file" if files else ""
        raise ValueError(f"{error}{hint}") from None
    for reason in passed_over:
        warnings.warn(f"passed over: {reason}", UserWarning, stacklevel=4)
    return file


def trained(
    file: Path, header: Mapping[str, Any], resolved: Resolved, options: Mapping[str, Any] | None
) -> _npg.Trainer:
    """The trainer in a file; where its environment is another one, or `options` are given, its episodes begin anew."""
    name: str = header["env"]
    if not options and (resolved.id == name or not (name.startswith("gym:") or name in _npg.native_ids())):
        return _npg.Trainer.load(file, resolved.source)[0]
    own = dict(tomllib.loads(header["config"]).get("env", {}))
    vectorization = own.pop("vectorization", "sync")
    saved = resolve(name, own, vectorization)
    check_spaces(saved, resolved)
    return _npg.Trainer.load(file, saved.source)[0].with_source(resolved.source, to_toml(options or {}))


def lasting_options(resolved: Resolved, options: Mapping[str, Any] | None) -> dict[str, Any]:
    """The options that are saved with an agent: all of a native environment's, of others those that TOML can hold."""
    if resolved.actions is None:
        return dict(options or {})
    lasting = {}
    for name, value in (options or {}).items():
        with contextlib.suppress(TypeError):
            toml_value(value)
            lasting[name] = value
    return lasting


def check_spaces(old: Resolved, new: Resolved) -> None:
    """Raises a ValueError if a policy for `old` cannot act in `new`."""
    for part in ("observation", "action"):
        alike = _without_bounds if part == "observation" else tuple
        before, after = old.source.spec[part], new.source.spec[part]
        if alike(before) != alike(after):
            raise ValueError(f"the {part} space of env ({new.id}) is {after}, and this agent's ({old.id}) {before}")


def _without_bounds(space: tuple[Any, ...]) -> tuple[Any, ...]:
    """An observation space but for a box's bounds, which nothing depends on."""
    return ("box", len(space[1])) if space[0] == "box" else space
