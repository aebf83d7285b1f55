"""From arguments to configuration keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Any

import numpy as np

from npg._arrays import shown
from npg._sources import option_value, toml_value
from npg._spaces import Description

#: Policy names of Stable-Baselines3, and ours. The two with None have convolutions for images.
POLICIES = {
    "MlpPolicy": "mlp",
    "CnnPolicy": None,
    "MultiInputPolicy": None,
    "LinearPolicy": "linear",
    "RbfPolicy": "rbf",
}
#: The networks for images, and the width of the layer after the convolutions. The first one needs images of this size.
_NATURE, _SMALL, _LEAST = ("nature-cnn", 512), ("cnn", 128), 36

#: (name in messages, key, TOML value), as the extension module takes them.
Settings = list[tuple[str, str, str]]


def collect(
    algorithm: str,
    policy: str,
    policy_kwargs: Mapping[str, Any],
    given: Mapping[str, Mapping[str, Any]],
    others: tuple[bool, int | None, int | None],
    observation: Description,
) -> Settings:
    """All settings, in ascending order of precedence.

    Args:
        algorithm: its name.
        policy: a name of `POLICIES`.
        policy_kwargs: as Stable-Baselines3 takes them.
        given: for each argument, its keys with their values; None means that it was left out.
        others: `use_sde`, `sde_sample_freq` and `n_steps`.
        observation: the space of observations.
    """
    if not isinstance(policy, str):
        raise TypeError(f"policy is {policy!r}; it must be one of the names {', '.join(POLICIES)}")
    if policy not in POLICIES:
        raise ValueError(f"policy is {policy!r}; it must be one of {', '.join(POLICIES)}")
    use_sde, sde_sample_freq, n_steps = others
    settings: Settings = [("the algorithm", "algorithm.name", toml_value(algorithm))]
    network, features = POLICIES[policy], None
    if network is None:
        network, features = _network_for(policy, observation)
    if network != "mlp":
        settings.append(("policy", "policy.network", toml_value(network)))
    settings += _of_policy(policy_kwargs, features)
    for name, keys in given.items():
        for key, value in keys.items():
            if value is not None:
                settings.append((name, key, option_value(value) if name == "env_kwargs" else _value(name, value)))
    if use_sde:
        settings.append(("use_sde", "policy.std", toml_value("sde")))
    if sde_sample_freq is not None:
        steps = n_steps or 2048 if sde_sample_freq == -1 else sde_sample_freq
        settings.append(("sde_sample_freq", "policy.sde_steps", _value("sde_sample_freq", steps)))
    if n_steps is not None:
        # Per environment: the number of environments is known by now, from the argument or from env.
        n_envs = next((int(value) for _, key, value in reversed(settings) if key == "rollout.n_envs"), 1)
        settings.append(("n_steps", "rollout.batch_steps", _value("n_steps", n_steps * n_envs)))
    return settings


def _network_for(policy: str, observation: Description) -> tuple[str, int | None]:
    """The network of a policy for images, and the width of its layer after the convolutions."""
    sizes = list(_sizes_of_images(observation))
    if policy == "MultiInputPolicy" and not sizes:
        return "mlp", None
    return _NATURE if min(sizes, default=_LEAST) >= _LEAST else _SMALL


def _sizes_of_images(space: Description) -> Iterator[int]:
    """The height or the width of each image, whichever is less."""
    match space:
        case ("image", [first, second, third], channels_first, _, _):
            yield min(second, third) if channels_first else min(first, second)
        case ("dict", parts):
            for _, part in parts:
                yield from _sizes_of_images(part)
        case ("tuple", parts):
            for part in parts:
                yield from _sizes_of_images(part)


def _of_policy(arguments: Mapping[str, Any], features: int | None) -> Settings:
    """The settings of `policy_kwargs`. A network for images has a layer of `features` units before those of `net_arch`."""
    settings: Settings = []
    place = "policy_kwargs['features_extractor_kwargs']"
    extractor = arguments.get("features_extractor_kwargs", {})
    if not isinstance(extractor, Mapping) or set(extractor) - {"features_dim"}:
        raise ValueError(f"{place} is {extractor!r}; it may have 'features_dim'")
    if extractor and features is None:
        raise ValueError(f'{place} is for images; use "CnnPolicy" or "MultiInputPolicy" with images')
    if extractor:
        features = extractor["features_dim"]
        settings += [(place, f"{table}.hidden", _value(place, [features])) for table in ("policy", "value")]
    before = [] if features is None else [features]
    for name, value in arguments.items():
        place = f"policy_kwargs[{name!r}]"
        match name:
            case "features_extractor_kwargs":
                pass  # read above
            case "net_arch":
                widths = _of_tables(place, value)
                if not all(isinstance(each, (list, tuple)) for each in widths.values()):
                    raise TypeError(
                        f"{place} is {value!r}; it must be a list of widths, or one for 'pi' and one for 'vf'"
                    )
                settings += [(place, f"{table}.hidden", _value(place, [*before, *w])) for table, w in widths.items()]
            case "activation_fn":
                function = (value if isinstance(value, str) else getattr(value, "__name__", str(value))).lower()
                settings += [(place, f"{table}.activation", toml_value(function)) for table in ("policy", "value")]
            case "layer_norm":
                switches = _of_tables(place, value)
                settings += [(place, f"{table}.layer_norm", _value(place, on)) for table, on in switches.items()]
            case "log_std_init":
                settings.append((place, "policy.log_std_init", _value(place, value)))
            case "head":
                settings.append((place, "policy.head", _value(place, value)))
            case "ortho_init" | "normalize_images" if value is True:
                pass  # npg does that anyway
            case _:
                raise ValueError(
                    f"{place} is not supported; net_arch, activation_fn, layer_norm, log_std_init, head and "
                    "features_extractor_kwargs are"
                )
    return settings


def _of_tables(place: str, value: Any) -> dict[str, Any]:
    """What `value` says for the tables of the configuration: the same for both, or each its own by `pi` and `vf`."""
    parts = value if isinstance(value, Mapping) else {"pi": value, "vf": value}
    tables = {"pi": "policy", "vf": "value"}
    unknown = set(parts) - set(tables)
    if unknown:
        raise ValueError(f"{place} has {', '.join(map(repr, sorted(unknown)))}; it may have 'pi' and 'vf'")
    return {tables[part]: each for part, each in parts.items()}


def _value(name: str, value: Any) -> str:
    if callable(value):
        raise TypeError(
            f"{name} is a function ({value!r}), but only learning_rate and target_kl may be functions of the "
            "remaining progress. A callback can do more: it can set them after each iteration"
        )
    try:
        return toml_value(value)
    except TypeError as error:
        raise TypeError(f"{name}: {error}") from None


def check_mappings(**arguments: Any) -> None:
    """Raises a TypeError for an argument that is not a dictionary. None means that it was left out."""
    for name, value in arguments.items():
        if not isinstance(value, (Mapping, NoneType)):
            raise TypeError(f"{name} is a {type(value).__name__}; it must be a dictionary")
        for key in value or ():
            if not isinstance(key, str):
                raise TypeError(f"{name} has the key {shown(key)}; its keys must be text")


def check_timeout(timeout: float | None) -> None:
    """Raises a ValueError for a time-out that is neither positive nor None."""
    if timeout is not None and not timeout > 0:
        raise ValueError(f"timeout is {timeout}; it must be positive, in seconds, or None")


def check_numbers(**arguments: Any) -> None:
    """Checks the numbers that are computed with here. The extension module checks all others."""
    for name, value in arguments.items():
        if not isinstance(value, (int, float, np.number, NoneType)):
            raise TypeError(f"{name} is {value!r}; it must be a number")
