"""Actions of several parts: Dict and Tuple spaces, nested too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import npg
from npg.check_env import check_env

SPACES: dict[str, Any] = {
    "tuple": spaces.Tuple((spaces.Discrete(3), spaces.Box(-2.0, 3.0, (2, 2), np.float32))),
    "tuple of integers": spaces.Tuple((spaces.Discrete(3, start=5), spaces.MultiDiscrete([2, 4]))),
    "dict": spaces.Dict({"turn": spaces.Discrete(4), "force": spaces.Box(0.0, 1.0, (1,), np.float64)}),
    "parametrized": npg.Parametrized(
        [spaces.Box(0.0, 30.0, (1,), np.float32), None, spaces.Box(-1.0, 1.0, (2,), np.float32)]
    ),
    "nested": spaces.Dict(
        {
            "arm": spaces.Tuple((spaces.Box(-1.0, 1.0, (2,), np.float32), spaces.MultiBinary(3))),
            "leg": spaces.Dict({"a": spaces.Discrete(2), "b": spaces.Box(-5, 5, (1,), np.int16)}),
            "step": spaces.MultiDiscrete([3, 2], start=[1, 0]),
        }
    ),
}


class Checking(gymnasium.Env[Any, Any]):
    """Refuses what is not an action of its space."""

    def __init__(self, name: str = "nested") -> None:
        self.action_space = SPACES[name]
        self.observation_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.steps = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.steps = 0
        return np.zeros(2, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action), action
        self.steps += 1
        return np.full(2, self.steps / 10, np.float32), 1.0, self.steps == 7, False, {}


class Both(gymnasium.Env[Any, Any]):
    """Shows a bit and a number. Pays for naming the bit and for coming close to the number, so 1 is the most."""

    def __init__(self) -> None:
        self.action_space = spaces.Dict({"bit": spaces.Discrete(2), "number": spaces.Box(-1.0, 1.0, (1,), np.float32)})
        self.observation_space = spaces.Box(-1.0, 1.0, (2,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.shown = np.array([self.np_random.integers(2), self.np_random.uniform(-0.9, 0.9)], np.float32)
        return self.shown, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        is_right = float(action["bit"]) == self.shown[0]
        reward = is_right - abs(float(action["number"][0]) - float(self.shown[1]))
        return self.shown, float(reward), True, False, {}


class Platform(gymnasium.Env[Any, Any]):
    """A runner on three platforms with gaps between them, in the manner of Masson et al. 2016. It runs a distance, hops a short
    way, or leaps a long way. Falling ends the episode, and reaching the end pays the rest of 1.
    """

    GAPS = ((2.0, 2.4), (5.0, 6.1))
    END = 8.0

    def __init__(self) -> None:
        box = [spaces.Box(0.0, most, (1,), np.float32) for most in (1.0, 0.8, 2.0)]
        self.action_space = npg.Parametrized(box)
        self.observation_space = spaces.Box(-1.0, 9.0, (2,), np.float32)

    def look(self) -> Any:
        gap = next((begin for begin, end in self.GAPS if self.x < end), self.END)
        return np.array([self.x, gap - self.x], np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.x, self.steps = float(self.np_random.uniform(0.0, 0.5)), 0
        return self.look(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        choice, parameters = action
        before, far = self.x, float(parameters[choice][0])
        self.x = min(self.x + far, self.END)
        self.steps += 1
        ground = [begin < before < end for begin, end in self.GAPS]
        crossed = any(before <= begin < self.x for begin, _ in self.GAPS) and choice == 0  # running does not jump
        is_down = crossed or any(ground) or any(begin < self.x < end for begin, end in self.GAPS)
        reward = (self.x - before) / self.END - 0.01
        return self.look(), -0.5 if is_down else reward, is_down or self.x >= self.END, self.steps >= 40, {}


def vector(kind: str, name: str) -> Any:
    makers: list[Callable[[], Any]] = [lambda: Checking(name)] * 3
    if kind == "async":
        return gymnasium.vector.AsyncVectorEnv(makers, shared_memory=False)
    return gymnasium.vector.SyncVectorEnv(makers)


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("kind", ["single", "sync", "async"])
def test_environments_get_elements_of_their_space(name: str, kind: str, tiny: Any) -> None:
    env: Any = Checking(name) if kind == "single" else vector(kind, name)
    agent = npg.NPG("MlpPolicy", env, **tiny()).learn(128)
    mean, _ = npg.evaluate_policy(agent, Checking(name), n_eval_episodes=2)
    assert mean == 7.0


@pytest.mark.parametrize("name", SPACES)
def test_predict_gives_one_action_or_a_batch_of_them(name: str, tiny: Any) -> None:
    space = SPACES[name]
    agent = npg.NPG("MlpPolicy", lambda: Checking(name), **tiny())
    for is_deterministic in (False, True):
        action, _ = agent.predict(np.zeros(2, np.float32), deterministic=is_deterministic)
        assert space.contains(action), action
        batch, _ = agent.predict(np.zeros((4, 2), np.float32), deterministic=is_deterministic)
        batched = gymnasium.vector.utils.batch_space(space, 4)
        assert batched.contains(batch) or name == "nested", batch  # Gymnasium loses the start of a MultiDiscrete space
        assert len(list(gymnasium.vector.utils.iterate(batched, batch))) == 4


def test_a_saved_agent_gives_the_same_actions(tmp_path: Path, tiny: Any) -> None:
    agent = npg.NPG("MlpPolicy", lambda: Checking("nested"), **tiny()).learn(128)
    agent.save(tmp_path / "agent")
    loaded = npg.NPG.load(tmp_path / "agent", env=Checking("nested"))
    ours, theirs = (a.predict(np.full(2, 0.3, np.float32), deterministic=True)[0] for a in (agent, loaded))
    assert repr(ours) == repr(theirs)


def test_parameters_of_other_choices_count_for_nothing() -> None:
    agent = npg.NPG("MlpPolicy", lambda: Checking("parametrized"), seed=0)
    states = np.zeros((2, 2))
    rows = np.array([[0, 0.5, 7.0, 8.0], [0, 0.5, -3.0, 4.0]])
    first, second = npg.functional.log_prob(agent.policy, states, rows)
    assert first == second
    rows[:, 0] = 2
    first, second = npg.functional.log_prob(agent.policy, states, rows)
    assert first < second - 10.0


def test_the_density_of_executed_parameters_is_that_of_the_choice() -> None:
    """The parameter is mapped onto 0..30, so its density is 15 times smaller. The others do not count."""
    agent = npg.NPG("MlpPolicy", lambda: Checking("parametrized"), seed=0)
    states, rows = np.zeros((3, 2)), np.array([[0, 0.5, 7.0, 8.0], [1, 0.5, 0.0, 0.0], [2, 0.5, 0.1, 0.2]])
    raw, executed = (npg.functional.log_prob(agent.policy, states, rows, of_executed=of) for of in (False, True))
    np.testing.assert_allclose(raw - executed, [np.log(15.0), 0.0, 0.0], atol=1e-12)


def test_the_density_far_out_is_0_and_not_nan() -> None:
    agent = npg.NPG("MlpPolicy", "Pendulum-v1", policy_kwargs={"head": "squashed"}, seed=0)
    for raw in (1e160, 1e308):
        logs = [
            npg.functional.log_prob(agent.policy, np.zeros((1, 3)), [[raw]], of_executed=of) for of in (False, True)
        ]
        assert logs == [-np.inf, -np.inf]


def test_parameters_that_are_no_box_are_refused() -> None:
    with pytest.raises(TypeError, match="the parameters of choice 1 are"):
        npg.Parametrized([None, spaces.Discrete(2)])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="parameters is None; it must be a list"):
        npg.Parametrized(None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="parameters is empty"):
        npg.Parametrized([])
    space = spaces.Tuple((spaces.Discrete(2), SPACES["parametrized"]))
    env = Checking()
    env.action_space = space
    with pytest.raises(ValueError, match="choices with parameters must be the whole space"):
        npg.NPG("MlpPolicy", lambda: env)


def test_a_parametrized_space_is_shown_as_it_is_written() -> None:
    text = "Parametrized([None, Box(-1.0, 1.0, (2,), float32)])"
    assert repr(npg.Parametrized([None, spaces.Box(-1.0, 1.0, (2,), np.float32)])) == text


def test_a_part_without_axes_is_an_array() -> None:
    env = Checking()
    env.action_space = spaces.Dict({"force": spaces.Box(-1.0, 1.0, (), np.float32), "turn": spaces.Discrete(2)})
    agent = npg.NPG("MlpPolicy", env, n_steps=16, seed=0).learn(32)
    action, _ = agent.predict(np.zeros(2, np.float32))
    assert isinstance(action["force"], np.ndarray) and action["force"].shape == ()


def test_check_env_looks_at_all_parts() -> None:
    assert check_env(Checking("nested")).ok
    env = Checking("dict")
    env.action_space = spaces.Dict(
        {"a": spaces.Tuple((spaces.Box(-1.0, 4000.0, (1,), np.float32),)), "b": spaces.Discrete(2)}
    )
    assert any("action_space['a'][0]" in str(finding) for finding in check_env(env).findings)


def test_a_bad_part_is_named() -> None:
    env = Checking()
    env.action_space = spaces.Dict({"a": spaces.Text(3)})
    with pytest.raises(TypeError, match=r"action space\['a'\] is a Text space"):
        npg.NPG("MlpPolicy", lambda: env)


@pytest.mark.parametrize("head", ["gaussian", "beta", "squashed"])
def test_both_parts_are_learned(head: str) -> None:
    agent = npg.NPG("MlpPolicy", Both, seed=0, n_envs=16, n_steps=64, gamma=0.0, policy_kwargs={"head": head}).learn(
        60_000
    )
    mean, _ = npg.evaluate_policy(agent, Both(), n_eval_episodes=200)
    assert mean > 0.9, mean


def test_choices_with_parameters_are_learned() -> None:
    agent = npg.NPG("MlpPolicy", Platform, seed=0, n_envs=16, n_steps=64).learn(150_000)
    mean, _ = npg.evaluate_policy(agent, Platform(), n_eval_episodes=50)
    assert mean > 0.7, mean
