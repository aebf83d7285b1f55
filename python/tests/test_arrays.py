"""Arrays from anywhere: whatever their order, strides, type and byte order, they are read as indexing shows them.

Each test gives one entry point the same numbers in every layout and compares with the contiguous copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from layouts import everything, layouts, typed

import npg
from npg import functional as F
from npg._arrays import array, doubles, flag, flags, measured, number
from npg._spaces import Observations

Tiny = Callable[..., dict[str, Any]]

MATRIX = np.array([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])


def test_layouts_are_what_they_say() -> None:
    made = dict(layouts(MATRIX))
    assert len(made) >= 11
    assert all(np.array_equal(np.asarray(each, float), MATRIX) for each in made.values())
    assert not made["Fortran"].flags.c_contiguous and not made["misaligned"].flags.aligned
    assert made["reversed memory"].strides == (-24, -8) and not made["the other byte order"].dtype.isnative


@pytest.mark.parametrize(
    "values", [MATRIX, MATRIX[0], np.float64(3.0), np.zeros((2, 3)), np.zeros((0, 3)), np.ones((3, 1))]
)
def test_doubles_of_everything(values: Any) -> None:
    for name, each in everything(values):
        read = doubles(each, "x")
        assert read.shape == values.shape or isinstance(each, list), name  # no rows have no columns in a list
        assert np.array_equal(read.reshape(values.shape), values) and read.flags.c_contiguous and read.flags.aligned, (
            name
        )
        assert read.dtype == np.float64 and read.dtype.isnative, name


def test_flags_of_everything() -> None:
    wanted = np.array([[True, False], [False, False], [True, True]])
    for name, each in everything(wanted):
        assert np.array_equal(flags(each, "x", (3, 2)), wanted), name
    for wrong in (wanted * 2, wanted * 0.5, wanted - 1.0, wanted * np.nan):
        with pytest.raises(ValueError, match="x must be booleans"):
            flags(wrong, "x", (3, 2))


@pytest.mark.parametrize(
    "wrong",
    [
        np.array(["1", "2"]),
        np.array([1 + 2j]),
        np.array([np.timedelta64(1, "s")]),
        np.array(["2020-01-01"], np.datetime64),
        np.array([None, 1.0], object),
        np.array(["1", 2.0], object),
        np.zeros(2, [("a", "f4"), ("b", "i4")]),
        None,
        "3",
        b"3",
        {"a": 1.0},
        object(),
    ],
    ids=lambda value: str(getattr(value, "dtype", type(value).__name__)),
)
def test_what_is_no_number_is_refused_by_name(wrong: Any) -> None:
    for call in (array, doubles, flags):
        with pytest.raises(TypeError, match="the rewards must be real numbers"):
            call(wrong, "the rewards")


def test_ragged_rows_and_huge_integers_are_refused() -> None:
    with pytest.raises(ValueError, match="the rewards cannot be made an array"):
        doubles([[1.0, 2.0], [3.0]], "the rewards")
    with pytest.raises(ValueError, match="no float can hold"):
        doubles(np.array([2**2000], object), "the rewards")


class Lazy:
    """As tensors of other libraries: an array by `__array__` only."""

    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values)
        self.shape = self.values.shape

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.values.astype(dtype or self.values.dtype)


def test_single_numbers_of_every_type() -> None:
    for code in ("?", "i1", "u2", "i8", "u8", "f2", "f4", "f8", "g"):
        scalar = np.ones((), code)
        for each in (scalar[()], scalar, Lazy(scalar), scalar.item()):
            assert number(each, "reward", 0) == 1.0 and flag(each, "terminated", 0) is True
            assert measured(each) == 1.0
    for wrong in (
        None,
        "1",
        b"1",
        np.ones(1),
        np.ones((1, 1)),
        [1.0],
        {},
        1j,
        np.complex64(1),
        np.timedelta64(1, "s"),
        2**2000,
    ):
        with pytest.raises(TypeError, match="reward 3 is .*; it must be one real number"):
            number(wrong, "reward", 3)
        with pytest.raises(TypeError, match="terminated 3 is .*; it must be True or False"):
            flag(wrong, "terminated", 3)
        assert measured(wrong) is None
    for wrong in (2, 0.5, float("nan"), -1):
        with pytest.raises(TypeError, match="it must be True or False"):
            flag(wrong, "terminated", 3)


# --- observations


SPACES: dict[str, tuple[spaces.Space[Any], Any]] = {
    "vector": (spaces.Box(-9, 9, (3,), np.float32), MATRIX),
    "vector of doubles": (spaces.Box(-9, 9, (3,), np.float64), MATRIX),
    "no axis": (spaces.Box(-9.0, 9.0, (), np.float32), np.array([2.0, 7.0])),
    "image": (spaces.Box(0, 255, (2, 3, 4), np.uint8), np.arange(48).reshape(2, 2, 3, 4)),
    "matrix of ones": (spaces.Box(0, 1, (2, 3), np.float32), np.ones((2, 2, 3))),
    "discrete": (spaces.Discrete(7, start=2), np.array([2, 8])),
    "multi-discrete": (spaces.MultiDiscrete([[2, 3], [4, 5]]), np.array([[[0, 1], [2, 3]], [[1, 2], [3, 4]]])),
    "multi-binary": (spaces.MultiBinary((2, 3)), np.array([[[0, 1, 1], [0, 0, 1]], [[1, 1, 1], [0, 1, 0]]])),
}


@pytest.mark.parametrize("name", SPACES)
def test_observations_of_every_layout(name: str) -> None:
    """Single ones, batches, and parts of Dict and Tuple, whose indices become one-hot vectors."""
    space, batch = SPACES[name]
    plain = Observations(space)
    together = Observations(spaces.Dict({"a": space, "b": spaces.Tuple((space, spaces.Discrete(2)))}))
    others = np.array([1, 0])
    rows = np.array([plain.one(element) for element in batch])
    both = together.batch({"a": batch, "b": (batch, others)}, 2)
    assert both.shape == (2, together.width)
    for layout, each in everything(batch):
        read = plain.batch(each, 2)
        assert np.array_equal(read, rows) and read.flags.c_contiguous, layout
        assert plain.count(each) == 2, layout
        assert np.array_equal(together.batch({"a": each, "b": (each, others)}, 2), both), layout
        assert together.count({"a": each, "b": (each, others)}) == 2, layout
    for index, element in enumerate(batch):
        for layout, each in everything(element):
            assert np.array_equal(plain.one(each), rows[index]), layout
            assert plain.count(each) is None, layout
            one = together.one({"a": each, "b": (each, others[index])})
            assert np.array_equal(one, both[index]), layout


def wrong_shapes(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Shapes that NumPy would make fit: of as many numbers."""
    yield (*shape, 1)
    yield (1, *shape)
    yield from {shape[::-1], (int(np.prod(shape)),)} - {shape}


@pytest.mark.parametrize("name", SPACES)
def test_other_shapes_are_refused_not_made_to_fit(name: str) -> None:
    space, batch = SPACES[name]
    plain, together = Observations(space), Observations(spaces.Dict({"a": space}))
    for shape in wrong_shapes(batch.shape[1:]):
        element = batch[0].reshape(shape)
        for codec, each, part in ((plain, element, ""), (together, {"a": element}, r"\['a'\]")):
            with pytest.raises(ValueError, match=rf"environment 4: an observation{part} of shape .*but the space has"):
                codec.one(each, "environment 4: ")
    for shape in wrong_shapes(batch.shape):
        for codec, many in ((plain, batch.reshape(shape)), (together, {"a": batch.reshape(shape)})):
            with pytest.raises(ValueError, match=r"observations.* of shape .*of 2 environments"):
                codec.batch(many, 2)


@pytest.mark.parametrize("wrong", [-1, 3, 1.7, float("nan"), 2**40])
def test_values_outside_of_their_set_are_errors(wrong: Any, tiny: Tiny) -> None:
    for space, value in (
        (spaces.Discrete(3), wrong),
        (spaces.MultiDiscrete([3, 3]), [0, wrong]),
        (spaces.MultiBinary(2), [wrong, 1]),
        (spaces.Dict({"a": spaces.Discrete(3)}), {"a": wrong}),
        (spaces.Tuple((spaces.MultiDiscrete([3, 3]),)), ([0, wrong],)),
        (spaces.Dict({"a": spaces.MultiBinary(2)}), {"a": [wrong, 1]}),
    ):
        environment = Showing(space, space.sample())
        agent = npg.NPG("MultiInputPolicy", environment, **tiny())
        environment.shown = value
        with pytest.raises(
            (RuntimeError, ValueError), match=r"environment 0.*(index outside|not an element)|(index outside)"
        ):
            agent.learn(64)
        with pytest.raises(ValueError, match=r"not in its space|index outside"):
            agent.predict(value)


class Showing(gymnasium.Env[Any, Any]):
    """Shows what it is told to, and answers with what it is told to."""

    def __init__(self, space: spaces.Space[Any], shown: Any, answer: Any = (1.0, False, False, {})) -> None:
        self.observation_space, self.action_space = space, spaces.Discrete(2)
        self.shown, self.answer = shown, answer

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        return self.shown, {}

    def step(self, action: Any) -> Any:
        return (self.shown, *self.answer)


@pytest.mark.parametrize(
    ("space", "shown", "message"),
    [
        (spaces.Dict({"a": spaces.Discrete(2)}), {"b": 1}, r"observation has the keys \['b'\], and no 'a'"),
        (spaces.Dict({"a": spaces.Discrete(2)}), 1, "observation is 1; it must be a dictionary"),
        (spaces.Tuple((spaces.Discrete(2), spaces.Discrete(2))), (1,), "observation has 1 parts, and no 1"),
        (spaces.Tuple((spaces.Discrete(2),)), np.array([1]), "it must be a tuple"),
        (spaces.Box(0, 1, (2,)), None, "observation must be real numbers; got None"),
        (spaces.Box(0, 1, (2,)), ["1", "2"], "observation must be real numbers"),
        (spaces.Box(0, 1, (2,)), [[1], [1, 2]], "observation cannot be made an array"),
        (spaces.Box(0, 1, (2,)), np.array([1j, 0]), "observation must be real numbers"),
    ],
)
def test_what_is_no_observation_is_named(space: Any, shown: Any, message: str, tiny: Tiny) -> None:
    environment = Showing(space, space.sample())
    agent = npg.NPG("MultiInputPolicy", environment, **tiny())
    with pytest.raises((TypeError, ValueError), match=message):
        agent.predict(shown)
    environment.shown = shown
    with pytest.raises((TypeError, ValueError), match="environment 0: .*" + message):
        agent.learn(64)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((np.ones(1), False, False, {}), r"the reward of environment 0 is an array of shape \(1,\)"),
        ((None, False, False, {}), "the reward of environment 0 is None; it must be one real number"),
        (("1", False, False, {}), "the reward of environment 0 is '1'"),
        ((1.0, np.zeros(1, bool), False, {}), r"terminated of environment 0 is an array of shape \(1,\)"),
        ((1.0, False, "no", {}), "truncated of environment 0 is 'no'; it must be True or False"),
        (
            (1.0, False, {}),
            r"step\(\) returned 4 values.*must return \(observation, reward, terminated, truncated, info",
        ),
        ((1.0, False, False, {}, {}), r"step\(\) returned 6 values"),
    ],
)
def test_a_step_of_another_form_is_explained(answer: Any, message: str, tiny: Tiny) -> None:
    shown = np.zeros(2, np.float32)
    agent = npg.NPG("MlpPolicy", Showing(spaces.Box(0, 1, (2,)), shown, answer), **tiny())
    with pytest.raises(TypeError, match=message):
        agent.learn(64)


# --- vector environments


class Vector(gymnasium.vector.VectorEnv[Any, Any, Any]):
    """Three environments that pay for the action that their observation names; what they return passes through `shape`."""

    def __init__(self, space: spaces.Space[Any], change: Callable[[str, Any], Any]) -> None:
        self.num_envs, self.change = 3, change
        self.single_observation_space, self.single_action_space = space, spaces.Discrete(2)
        self.observation_space = gymnasium.vector.utils.batch_space(space, 3)
        self.action_space = gymnasium.vector.utils.batch_space(self.single_action_space, 3)
        self.metadata = {"autoreset_mode": gymnasium.vector.AutoresetMode.SAME_STEP}
        self.draws = np.random.default_rng(0)

    def _observe(self) -> Any:
        self.bits = self.draws.integers(2, size=3)
        return self.change("observations", np.stack([self.bits, 1 - self.bits, np.arange(3), np.ones(3)], axis=1))

    def reset(self, *, seed: Any = None, options: Any = None) -> Any:
        return self._observe(), {}

    def step(self, actions: Any) -> Any:
        rewards = (actions == self.bits).astype(float)
        terminated, truncated = self.draws.random(3) < 0.1, self.draws.random(3) < 0.1
        ended = terminated | truncated
        infos = {"bit": self.change("rewards", rewards), "_bit": self.change("mask", np.array([True, False, True]))}
        if ended.any():
            last = np.empty(3, object)
            for index in np.flatnonzero(ended):
                last[index] = self.change("final", np.full(4, float(index)))
            infos |= {"final_obs": self.change("finals", last), "_final_obs": ended}
        results = [("rewards", rewards), ("terminated", terminated), ("truncated", truncated)]
        return (self._observe(), *(self.change(name, value) for name, value in results), self.change("infos", infos))


def history(change: Callable[[str, Any], Any]) -> list[dict[str, float]]:
    """What training measures, but for times."""
    space = spaces.Box(-9, 9, (4,), np.float32)
    settings = {
        "rollout.batch_steps": 60,
        "policy.hidden": [4],
        "value.hidden": [4],
        "rollout.threads": 1,
        "value.epochs": 1,
    }
    agent = npg.NPG("MlpPolicy", Vector(space, change), seed=0, settings=settings, preset=False).learn(120)
    return [
        {
            name: value
            for name, value in row.items()
            if not name.startswith("time/") and isinstance(value, float) and not np.isnan(value)
        }
        for row in agent.history
    ]


#: What is made of arrays, or of other objects.
WHOLES = ("infos", "finals")


def in_layout(layout: str, name: str, value: Any) -> Any:
    return value if name in WHOLES else dict(layouts(value)).get(layout, value)


LAYOUTS = [name for name, _ in layouts(np.zeros((2, 2)))]


@pytest.mark.skipif(not hasattr(gymnasium.vector, "AutoresetMode"), reason="this Gymnasium has no modes")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_vector_environment_trains_alike_in_every_layout(layout: str) -> None:
    """Observations, rewards, endings, last observations and masks of infos."""

    def change(name: str, value: Any) -> Any:
        made = dict(layouts(value)) if name not in WHOLES else {}
        return made.get(layout, value) if name != "mask" or layout not in ("lists", "objects") else value

    expected, found = history(lambda _, value: value), history(change)
    if layout in ("lists", "objects"):  # no numbers in infos
        expected = [{name: value for name, value in row.items() if name != "env/bit"} for row in expected]
    assert found == expected
    assert len(found[0]) > 20


@pytest.mark.skipif(not hasattr(gymnasium.vector, "AutoresetMode"), reason="this Gymnasium has no modes")
@pytest.mark.parametrize(
    ("which", "wrong", "message"),
    [
        ("observations", lambda x: x.T.copy(), r"observations of shape \(4, 3\), but the space has \(3, 4\) of 3 env"),
        ("observations", lambda x: x[:2], r"observations of shape \(2, 4\)"),
        ("rewards", lambda x: x[:, None], r"rewards has shape \(3, 1\); it must have \(3,\)"),
        ("rewards", lambda x: x[:2], r"rewards has shape \(2,\); it must have \(3,\)"),
        ("rewards", lambda x: None, "rewards must be real numbers; got None"),
        ("terminated", lambda x: x[None], r"terminated has shape \(1, 3\)"),
        ("truncated", lambda x: x * 2.5 + 0.5, "truncated must be booleans"),
        ("final", lambda x: x[:3], r"an observation of shape \(3,\), but the space has \(4,\)"),
        ("finals", lambda x: 5, "environment .: the last one, observation is not in final_obs, which is 5"),
        ("finals", lambda x: [], r"environment .: the last one, observation is not in final_obs, which is \[\]"),
        ("infos", lambda x: None, "its infos have no final_obs"),
    ],
)
def test_what_is_wrong_in_a_vector_environment_is_named(which: str, wrong: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        history(lambda name, value: wrong(value) if name == which else value)


@pytest.mark.skipif(not hasattr(gymnasium.vector, "AutoresetMode"), reason="this Gymnasium has no modes")
def test_evaluation_reads_every_layout_and_refuses_other_shapes(tiny: Tiny) -> None:
    agent = npg.NPG(
        "MlpPolicy", Vector(spaces.Box(-9, 9, (4,), np.float32), lambda _, value: value), **tiny(n_steps=60)
    )

    def evaluated(change: Callable[[str, Any], Any]) -> Any:
        vector = Vector(spaces.Box(-9, 9, (4,), np.float32), change)
        return npg.evaluate_policy(agent, vector, 6, return_episode_rewards=True)

    expected = evaluated(lambda _, value: value)
    for layout in LAYOUTS:
        assert evaluated(lambda name, value: in_layout(layout, name, value)) == expected, layout  # noqa: B023
    with pytest.raises(ValueError, match=r"rewards has shape \(3, 1\)"):
        evaluated(lambda name, value: value[:, None] if name == "rewards" else value)
    with pytest.raises(ValueError, match="observation of shape"):
        evaluated(lambda name, value: value.T.copy() if name == "observations" else value)


def test_gymnasiums_own_vector_of_cart_poles_is_read_in_its_order(tiny: Tiny) -> None:
    """It gives the transpose of an array of states: Fortran's order."""
    vector = gymnasium.make_vec("CartPole-v1", num_envs=4, vectorization_mode="vector_entry_point")
    observation, _ = vector.reset(seed=0)
    assert not observation.flags.c_contiguous
    agent = npg.TRPO("MlpPolicy", vector, **tiny(n_steps=256)).learn(1024)
    means, _ = agent.policy.observation_statistics
    assert agent.metrics["npg/updated"] == 1
    one = npg.TRPO("MlpPolicy", "CartPole-v1", **tiny(n_steps=256, n_envs=4)).learn(1024)
    assert np.abs(means - one.policy.observation_statistics[0]).max() < 0.5
    actions = agent.predict(observation, deterministic=True)[0]
    assert np.array_equal(actions, agent.predict(observation.copy(), deterministic=True)[0])


# --- what a caller gives


@pytest.mark.parametrize("name", ["CartPole-v1", "gym:CartPole-v1", "FrozenLake-v1", "Pendulum-v1"])
def test_predict_reads_every_layout(name: str, tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", name, **tiny(n_envs=1))
    space = agent.observation_space
    shape = (3, *space.shape)
    batch = np.arange(np.prod(shape)).reshape(shape) % 5
    expected, _ = agent.predict(batch.astype(float), deterministic=True)
    for layout, each in everything(batch):
        assert np.array_equal(agent.predict(each, deterministic=True)[0], expected), layout
    for layout, each in everything(batch[1]):
        assert np.array_equal(agent.predict(each, deterministic=True)[0], expected[1]), layout


def test_parameters_are_read_in_every_layout(tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", "CartPole-v1", **tiny(policy_kwargs={"net_arch": [2]}))
    theta = np.arange(len(agent.policy.theta)) % 7
    for layout, each in everything(theta):
        agent.set_parameters({"policy/theta": theta * 0.0})
        agent.set_parameters({"policy/theta": each})
        assert np.array_equal(agent.get_parameters()["policy/theta"], theta), layout
        agent.policy.theta = theta * 0.0
        agent.policy.theta = each
        assert np.array_equal(agent.policy.theta, theta), layout
    for wrong in (theta[None], theta[1:], "no", None):
        with pytest.raises((TypeError, ValueError), match="theta"):
            agent.set_parameters({"policy/theta": wrong})
        with pytest.raises((TypeError, ValueError), match="theta"):
            agent.policy.theta = wrong


def functions() -> dict[str, tuple[Callable[..., Any], list[Any]]]:
    """Every function of `npg.functional` with arrays of small integers."""
    agent = npg.NPG("MlpPolicy", "CartPole-v1", policy_kwargs={"net_arch": [2]}, preset=False, seed=0, threads=1)
    policy = agent.policy
    states = np.array([[0, 1, 2, 3], [3, 2, 1, 0], [1, 1, 0, 2]])
    actions, advantages, v = np.array([[0], [1], [1]]), np.array([1, 0, 3]), np.arange(len(policy.theta)) % 3
    matrix = np.array([[2, 0, 0], [0, 3, 1], [0, 1, 5]])
    rewards, ends = np.array([[1, 0], [2, 3], [0, 1]]), np.array([[0, 1], [0, 0], [1, 0]])
    return {
        "fisher_product": (lambda *a: F.fisher_product(policy, *a), [states, v]),
        "policy_gradient": (lambda *a: F.policy_gradient(policy, *a, 0.1), [states, actions, advantages]),
        "log_prob": (lambda *a: F.log_prob(policy, *a), [states, actions]),
        "compare": (lambda t, *a: list(F.compare(policy, t, *a).values()), [v, states, actions, advantages]),
        "kl": (lambda *a: F.kl(policy, *a), [v, states]),
        "gae": (F.gae, [rewards, rewards + 1, rewards + 2, ends, 1 - ends]),
        "gae of one environment": (F.gae, [rewards[:, 0], rewards[:, 1], rewards[:, 0], ends[:, 0], ends[:, 1]]),
        "conjugate_gradient": (lambda g: F.conjugate_gradient(lambda x: matrix @ x, g)[0], [np.array([1, 2, 3])]),
        "the product": (
            lambda m: F.conjugate_gradient(lambda x: product_of(m, x), [1, 2, 3])[0],
            [matrix],
        ),
        "act": (lambda x: policy.act(x, True), [states]),
    }


def product_of(matrix: Any, x: Any) -> Any:
    """M x in the layout that M has."""
    product = np.asarray(matrix, float) @ x
    return product if isinstance(matrix, list) else dict(layouts(product))["every other element of a larger one"]


@pytest.mark.parametrize("name", functions())
def test_functions_read_every_layout(name: str) -> None:
    call, arguments = functions()[name]
    expected = np.asarray(call(*(np.ascontiguousarray(each, float) for each in arguments)), float)
    assert np.isfinite(expected).all()
    for position, argument in enumerate(arguments):
        for layout, each in everything(argument):
            given = [each if i == position else other for i, other in enumerate(arguments)]
            assert np.array_equal(np.asarray(call(*given), float), expected), f"argument {position}: {layout}"


def test_native_environments_read_every_layout() -> None:
    for name, action in (("CartPole-v1", np.array([0, 1, 1])), ("Pendulum-v1", np.array([[0.0], [1.0], [-1.0]]))):
        environment = gymnasium.make_vec(f"npg/{name}", num_envs=3)
        environment.reset(seed=0)
        expected, *_ = environment.step(action)
        for layout, each in everything(action):
            environment.reset(seed=0)
            assert np.array_equal(environment.step(each)[0], expected), f"{name}: {layout}"
        state = environment.unwrapped.single_observation_space.shape[0]
        states = np.arange(3 * (state if name == "CartPole-v1" else 2)).reshape(3, -1) * 0.0 + np.arange(3)[:, None]
        mask = np.array([True, False, True])
        options = {"state": states, "reset_mask": mask}
        expected, _ = environment.reset(seed=1, options=options)
        for layout, each in layouts(states):
            found, _ = environment.reset(seed=1, options={**options, "state": each})
            assert np.array_equal(found, expected), f"{name}: {layout}"
        for layout, each in layouts(mask):
            found, _ = environment.reset(seed=1, options={**options, "reset_mask": each})
            assert np.array_equal(found, expected), f"{name}: {layout}"


def test_typed_values_are_exact() -> None:
    assert [name for name, _ in typed([0, 1])][:3] == ["bool", "int8", "uint8"] and len(list(typed([0, 1]))) == 13
    assert [name for name, _ in typed([300])] == [
        name for name, _ in typed([300], ["i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "g"])
    ]
