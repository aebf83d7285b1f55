"""Which spaces npg can use, and whether a value belongs to its space."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from npg._actions import unresolved
from npg._spaces import leaves_of, place_of
from npg.check_env.context import Check
from npg.check_env.report import Notes
from npg.check_env.values import array, at

_LARGE = 1e6
_WIDE = 1000.0
_ROUNDING = 1e-6  # relative to 1 + |bound|; a smaller violation of a bound is f32 rounding and not a fault

Array = np.ndarray[Any, np.dtype[Any]]


class Problem(NamedTuple):
    """What is wrong with a value."""

    code: str
    part: str
    message: str


def kind(space: Any) -> str | None:
    """ "Box", "Discrete", "MultiDiscrete", "MultiBinary", "Dict" or "Tuple"; None for any other."""
    from gymnasium import spaces

    names = ("Box", "Discrete", "MultiDiscrete", "MultiBinary", "Dict", "Tuple")
    return next((name for name in names if isinstance(space, getattr(spaces, name))), None)


def describe(space: Any) -> str:
    """A short description, such as "Box (3,), float32, -2 to 2"."""
    match kind(space):
        case "Box":
            return f"Box {space.shape}, {space.dtype}, {_bounds(space)}"
        case "Discrete":
            return f"Discrete, {int(space.start)} to {int(space.start + space.n) - 1}"
        case "Dict":
            return "Dict {" + "; ".join(f"{key}: {describe(part)}" for key, part in space.spaces.items()) + "}"
        case "Tuple":
            return "Tuple (" + "; ".join(map(describe, space.spaces)) + ")"
        case "MultiDiscrete":
            return f"MultiDiscrete {space.nvec.tolist()}"
        case "MultiBinary":
            return f"MultiBinary {space.shape}"
    return f"{type(space).__module__}.{type(space).__name__}"


def _bounds(space: Any) -> str:
    if space.low.size == 0:
        return "no elements"
    lows, highs = np.unique(space.low), np.unique(space.high)
    if lows.size == 1 and highs.size == 1:
        return f"{lows[0]:g} to {highs[0]:g}"
    return "bounds differ between elements"


def look(env: Any, check: Check, prefix: str) -> bool:
    """Writes the facts about both spaces and records their faults. Returns whether they can be used.

    `prefix`: "single_" for the spaces of a vector's sub-environments, else "".
    """
    notes, facts = check.notes, check.facts
    good = True
    for role in ("observation", "action"):
        name = f"{prefix}{role}_space"
        space = getattr(env, name, None)
        setattr(facts, f"{role}_space", "missing" if space is None else describe(space))
        if space is None:
            notes.add("space-missing", f"the environment has no {name}", name)
        elif _supported(space, role, name, notes):
            _definition(space, role, name, notes)
            continue
        good = False
    if not good:
        facts.skipped.append("everything else, until npg can use the spaces")
    return good


def _supported(space: Any, role: str, path: str, notes: Notes) -> bool:
    """Whether npg can use the space."""
    name = kind(space)
    if name in ("Dict", "Tuple"):
        parts = space.spaces.items() if name == "Dict" else enumerate(space.spaces)
        verdicts = [_supported(part, role, f"{path}[{key!r}]", notes) for key, part in parts]  # this records all faults
        return all(verdicts)
    if name is None:
        notes.add("space-unsupported", f"{path} is a {describe(space)}", path)
        return False
    return True


def size(space: Any) -> int:
    """Numbers in a value of the space."""
    if kind(space) in ("Dict", "Tuple"):
        parts = space.spaces.values() if kind(space) == "Dict" else space.spaces
        return sum(map(size, parts))
    return int(np.prod(space.shape))


def _definition(space: Any, role: str, path: str, notes: Notes) -> None:
    """Records what is wrong with a supported space itself."""
    if size(space) == 0:
        notes.add("space-empty", f"{path} is {describe(space)}", path)
        return
    leaf: Any
    for keys, leaf in leaves_of(space):
        part = path + place_of(keys)
        if kind(leaf) != "Box":
            continue
        wrong = ~(leaf.low <= leaf.high)  # also true where either is NaN
        if wrong.any():
            index, low, high = _first(wrong, leaf)
            notes.add("space-bounds", f"{at(part, index)} has low {low:g} and high {high:g}", part)
        elif role == "action":
            _action_box(leaf, part, notes)


def _action_box(space: Any, path: str, notes: Notes) -> None:
    """Records action bounds that make learning hard, each kind once, at its first element."""
    if space.dtype.kind in "iu":
        notes.add("action-integer", f"{path} is {describe(space)}")
        return
    one_number = unresolved(space)
    if one_number is not None:
        notes.add("action-unresolved", f"{path}: {one_number}", path)
        return
    low, high = space.low.astype(np.float64), space.high.astype(np.float64)
    open_ = ~(np.isfinite(low) & np.isfinite(high))
    with np.errstate(invalid="ignore"):
        wide, constant = ~open_ & (high - low > _WIDE), low == high
        asymmetric = ~open_ & ~wide & ~constant & (np.abs(low + high) > _ROUNDING * (high - low))
    tests = {"unbounded": open_, "wide": wide, "constant": constant, "asymmetric": asymmetric}
    for name, elements in tests.items():
        if elements.any():
            index, least, most = _first(elements, space)
            count = f" ({int(elements.sum())} of {elements.size} elements are so)" if elements.size > 1 else ""
            notes.add(f"action-{name}", f"{at(path, index)} has bounds {least:g} to {most:g}{count}")


def _first(elements: Array, space: Any) -> tuple[tuple[int, ...], float, float]:
    """The first true element's index and bounds."""
    index = tuple(int(i) for i in np.argwhere(elements)[0])
    return index, float(space.low[index]), float(space.high[index])


def problems(value: Any, space: Any, path: str = "observation") -> Iterator[Problem]:
    """What is wrong with `value` as an element of a supported space."""
    match kind(space):
        case "Dict":
            yield from _dict_problems(value, space, path)
        case "Tuple":
            yield from _tuple_problems(value, space, path)
        case "Discrete":
            yield from _discrete_problems(value, space, path)
        case "Box":
            yield from _box_problems(value, space, path)
        case _:
            yield from _multi_problems(value, space, path)


def _dict_problems(value: Any, space: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield _type_problem(value, space, path)
        return
    missing, extra = [k for k in space.spaces if k not in value], [k for k in value if k not in space.spaces]
    if missing or extra:
        told = [f"lacks {missing}"] * bool(missing) + [f"has {extra}, which the space does not have"] * bool(extra)
        yield Problem("observation-keys", path, f"{path} {' and '.join(told)}")
    for key, part in space.spaces.items():
        if key in value:
            yield from problems(value[key], part, f"{path}[{key!r}]")


def _tuple_problems(value: Any, space: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, (tuple, list)):
        yield _type_problem(value, space, path)
    elif len(value) != len(space.spaces):
        yield Problem("observation-shape", path, f"{path} has {len(value)} parts, the space {len(space.spaces)}")
    else:
        for i, (item, part) in enumerate(zip(value, space.spaces, strict=True)):
            yield from problems(item, part, f"{path}[{i}]")


def _discrete_problems(value: Any, space: Any, path: str) -> Iterator[Problem]:
    index = array(value)
    if index is None or index.dtype.kind == "f":
        yield _type_problem(value, space, path)
    elif index.shape != ():
        yield Problem("observation-shape", path, f"{path} has shape {index.shape}, Discrete holds one integer")
    elif not space.start <= index < space.start + space.n:
        yield Problem("observation-index", path, f"{path} is {int(index)}, the space is {describe(space)}")


def _multi_problems(value: Any, space: Any, path: str) -> Iterator[Problem]:
    """Of MultiDiscrete and MultiBinary."""
    numbers = array(value)
    if numbers is None or (numbers.dtype.kind == "f" and not np.array_equal(numbers, np.floor(numbers))):
        yield _type_problem(value, space, path)
    elif numbers.shape != space.shape:
        yield Problem("observation-shape", path, f"{path} has shape {numbers.shape}, the space {space.shape}")
    else:
        low = np.broadcast_to(getattr(space, "start", 0), space.shape)
        high = low + (space.nvec if kind(space) == "MultiDiscrete" else 2) - 1
        yield from _outside(numbers, low, high, path, "observation-index")


def _box_problems(value: Any, space: Any, path: str) -> Iterator[Problem]:
    numbers = array(value)
    if numbers is None:
        yield _type_problem(value, space, path)
        return
    if numbers.shape != space.shape:
        yield Problem("observation-shape", path, f"{path} has shape {numbers.shape}, the space {space.shape}")
        return
    if not np.can_cast(numbers.dtype, space.dtype):
        safe = np.can_cast(numbers.dtype, space.dtype, "same_kind")
        code = "observation-dtype-converted" if safe else "observation-dtype"
        kept = "" if isinstance(value, (np.ndarray, np.generic)) else f"a {type(value).__name__}, as an array "
        yield Problem(code, path, f"{path} is {kept}of dtype {numbers.dtype}, the space declares {space.dtype}")
    bad = ~np.isfinite(numbers)
    if bad.any():
        index = tuple(int(i) for i in np.argwhere(bad)[0])
        yield Problem("observation-not-finite", path, f"{at(path, index)} is {numbers[index]}")
        return
    yield from _outside(numbers, space.low, space.high, path, "observation-bounds")
    if numbers.dtype.kind != "b" and np.abs(numbers.astype(np.float64)).max(initial=0.0) > _LARGE:
        index = tuple(int(i) for i in np.argwhere(np.abs(numbers.astype(np.float64)) > _LARGE)[0])
        yield Problem("observation-large", path, f"{at(path, index)} is {numbers[index]:g}")


def _outside(numbers: Array, low: Array, high: Array, path: str, code: str) -> Iterator[Problem]:
    """The first element that exceeds its bounds by more than rounding."""
    if ((numbers >= low) & (numbers <= high)).all():
        return  # this avoids the conversions below, which are expensive for images
    given, least, most = (x.astype(np.float64) for x in (numbers, low, high))
    beyond = (given < least - _ROUNDING * (1 + np.abs(least))) | (given > most + _ROUNDING * (1 + np.abs(most)))
    if beyond.any():
        i = tuple(int(k) for k in np.argwhere(beyond)[0])
        text = f"{at(path, i)} is {given[i]:.9g}, the space's bounds are {least[i]:g} to {most[i]:g}"
        yield Problem(code, path, text)


def _type_problem(value: Any, space: Any, path: str) -> Problem:
    text = " ".join(repr(value).split())
    text = text if len(text) <= 60 else f"{text[:60]} ..."
    return Problem(
        "observation-type", path, f"{path} is {text} ({type(value).__name__}), the space is {describe(space)}"
    )
