"""Agents' files, and the environments with which they are loaded."""

from __future__ import annotations

import json
import tomllib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from npg import _npg
from npg._arguments import path_of
from npg._arrays import shown
from npg._sources import GYMNASIUM, PROGRAMS, Resolved, resolve, to_toml

SUFFIX = ".safetensors"


def file_of(path: str | Path, checkpoint: str = "latest") -> Path:
    """The path of the file, with or without its ending, or of this checkpoint in a run's directory.

    Raises:
        ValueError: for a directory that is not a run, or a run with several seeds.
    """
    path = path_of("path", path)
    if path.is_dir() and not path.with_name(path.name + SUFFIX).is_file():
        return _in_run(path, checkpoint)
    if path.suffix or not path.name:
        return path
    candidates = [
        path.with_name(path.name + suffix) for suffix in (SUFFIX, ".zip")
    ]  # `.zip` is the ending of Stable-Baselines3
    return next((candidate for candidate in candidates if candidate.exists()), path)


def _in_run(directory: Path, checkpoint: str) -> Path:
    try:
        file, passed_over = _npg.checkpoint_of(directory, checkpoint)
    except ValueError as error:
        files = sorted(each.name for each in directory.iterdir() if each.suffix == SUFFIX)
        hint = f"; it has the files {', '.join(files[:5])}: give one of them" if files else ""
        raise ValueError(f"{error}{hint}") from None
    for reason in passed_over:
        warnings.warn(f"skipped a checkpoint: {reason}", UserWarning, stacklevel=4)
    return file


def trained(file: Path, header: Mapping[str, Any], resolved: Resolved) -> _npg.Trainer:
    """The trainer in a file. With another environment, or another option of it, episodes start again."""
    name: str = header["env"]
    options = to_toml(resolved.saved_options())
    saved = saved_options(header)
    is_same = resolved.id == name and _is_same(options, saved) and not resolved.unsaved_options()
    are_masks_same = resolved.action_masks == saved.get("action_masks", "auto")
    if are_masks_same and (is_same or not is_id(name)):
        return _npg.Trainer.load(file, resolved.source, None)[0]
    if is_id(name) and not header["unsaved_options"] and (resolved.id == name or not imports(name)):
        check_spaces(resolve(name, _own(saved), action_masks=saved.get("action_masks", "auto")), resolved)
    return _npg.Trainer.load(file, resolved.source, options)[0]


def is_id(name: str) -> bool:
    """Whether an environment can be made by that name."""
    return name.startswith(GYMNASIUM) or name in _npg.native_ids()


def imports(name: str) -> bool:
    """Whether making the environment of that id imports a module that it names: `gym:module:Id`."""
    return name.startswith(GYMNASIUM) and ":" in name.removeprefix(GYMNASIUM)


def saved_options(header: Mapping[str, Any]) -> dict[str, Any]:
    """The options of the environment in a file's header."""
    return dict(tomllib.loads(header["config"]).get("env", {}))


def wanted(
    file: Path, header: Mapping[str, Any], given_by_user: tuple[Any, Mapping[str, Any] | None, str | None]
) -> tuple[Any, dict[str, Any], str, str]:
    """The environment, options, vectorization and place of action masks for training an agent from a file.

    Args:
        file: its path.
        header: its header.
        given_by_user: environment, options and place of action masks, where the user gives them.

    Raises:
        ValueError: if the file does not say, or does not say all of it.
    """
    env, env_kwargs, action_masks = given_by_user
    name, given, saved = header["env"], dict(env_kwargs or {}), saved_options(header)
    action_masks = action_masks or saved.get("action_masks", "auto")
    if env is not None and env != name:
        return env, given, "sync", action_masks
    if not is_id(name):
        raise ValueError(f"{file} was trained in {name}, which has no id: pass env")
    if env is None and imports(name):
        raise ValueError(
            f"{file} was trained in {name}, which imports a Python module, and npg never imports anything because of a file. If you trust that "
            f"module, name the environment yourself, env={name!r}, or pass another env"
        )
    missing = [option for option in header["unsaved_options"] if option not in given]
    if missing:
        raise ValueError(
            f"{file} was trained in {name} with env_kwargs that no file can hold: {', '.join(missing)}. Pass them again as env_kwargs, or "
            "give env"
        )
    return name, {**_own(saved), **given}, saved.get("vectorization", "sync"), action_masks


def _is_same(options: str, saved: Mapping[str, Any]) -> bool:
    """Whether options equal saved ones. In a file tuples are lists, and nan equals nan."""

    def text(table: Mapping[str, Any]) -> str:
        return json.dumps(_own(table), sort_keys=True)

    return text(tomllib.loads(options)) == text(saved)


def _own(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in PROGRAMS}


def check_spaces(old: Resolved, new: Resolved) -> None:
    """Raises a ValueError if a policy for `old` cannot act in `new`."""
    lines = zip(old.source.spaces, new.source.spaces, strict=True)
    parts = zip(("observation", "action"), old.spaces(), new.spaces(), strict=True)
    for (part, before, after), (own, other) in zip(parts, lines, strict=True):
        if own != other:
            raise ValueError(
                f"the {part} space of env ({new.id}) is {shown(after)}, but this agent's ({old.id}) is {shown(before)}; they "
                "must be equal, also in the order of keys, except for the bounds of observations. Wrap the environment, or train another agent"
            )
