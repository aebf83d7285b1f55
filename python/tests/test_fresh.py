"""Nobody's stale observation is trained on: episodes begin anew where somebody else has moved the environment."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import gymnasium
import gymnasium.vector
import numpy as np
import pytest
from gymnasium import spaces

import npg

Tiny = Callable[..., dict[str, Any]]
AutoresetMode: Any = getattr(gymnasium.vector, "AutoresetMode", None)
MODES = ["NEXT_STEP", "SAME_STEP", "DISABLED"] if AutoresetMode is not None else ["the only one"]


class Strict(gymnasium.Env[Any, Any]):
    """Episodes of 7 steps; a step after the end is an error. It observes, and counts, its steps."""

    def __init__(self) -> None:
        self.observation_space = spaces.Box(0.0, 10.0, (1,), np.float32)
        self.action_space = spaces.Discrete(2)
        self.at, self.steps, self.resets, self.bonus = 7, 0, 0, 0.0
        self.seeds: list[int | None] = []
        self.actions: list[int] = []

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.at, self.resets = 0, self.resets + 1
        self.seeds.append(seed)
        return np.array([self.at], np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert self.at < 7, "a step after the end of the episode"
        self.at, self.steps = self.at + 1, self.steps + 1
        self.actions.append(int(action))
        return np.array([self.at], np.float32), 1.0 + self.bonus, self.at == 7, False, {}


def vector(mode: str) -> Any:
    arguments = {} if AutoresetMode is None else {"autoreset_mode": AutoresetMode[mode]}
    return gymnasium.vector.SyncVectorEnv([Strict] * 2, **arguments)


def forms() -> dict[str, Callable[[], Any]]:
    wrapped = {"wrapped": lambda: gymnasium.wrappers.TimeLimit(gymnasium.wrappers.OrderEnforcing(Strict()), 100)}
    return {"single": Strict, **wrapped, **{mode: lambda mode=mode: vector(mode) for mode in MODES}}  # type: ignore[misc]


def step_some(env: Any) -> None:
    env.reset()
    actions = np.zeros(env.num_envs, int) if hasattr(env, "num_envs") else 0
    for _ in range(3):
        env.step(actions)


def moved_inside(env: Any) -> None:
    """Past all wrappers."""
    for each in getattr(env, "envs", [env]):
        step_some(each.unwrapped)


def is_whole(agent: npg.NPG) -> None:
    """Only episodes as the environment has them were counted."""
    assert agent.metrics["rollout/ep_len_mean"] == 7.0 and agent.metrics["rollout/ep_rew_mean"] == 7.0


@pytest.mark.parametrize("form", forms())
def test_an_environment_of_the_caller_begins_anew_with_each_learn(form: str, tiny: Tiny) -> None:
    env = forms()[form]()
    agent = npg.NPG("MlpPolicy", env, **tiny(n_steps=16))
    for move in (lambda: npg.evaluate_policy(agent, env, 3), lambda: step_some(env), lambda: moved_inside(env)):
        agent.learn(16 * agent.n_envs)
        move()
        agent.learn(16 * agent.n_envs)
        is_whole(agent)


@pytest.mark.parametrize("form", forms())
def test_two_agents_take_turns_on_one_environment(form: str, tiny: Tiny) -> None:
    env = forms()[form]()
    agents = [npg.NPG("MlpPolicy", env, **tiny(n_steps=16, seed=seed)) for seed in (0, 1)]
    for agent in agents * 3:
        agent.learn(2 * 16 * agent.n_envs)
        is_whole(agent)


@pytest.mark.parametrize("form", forms())
@pytest.mark.parametrize("move", [step_some, moved_inside])
def test_a_callback_that_moves_the_environment_is_noticed(form: str, move: Callable[[Any], None], tiny: Tiny) -> None:
    env = forms()[form]()
    agent = npg.NPG("MlpPolicy", env, **tiny(n_steps=16))
    with pytest.warns(npg.TrainingWarning, match="a callback has stepped or reset the training environment") as caught:
        agent.learn(4 * 16 * agent.n_envs, callback=lambda agent, metrics: move(env))
    assert len(caught) == 1  # once a cause
    is_whole(agent)
    methods = [vars(level) for each in getattr(env, "envs", [env]) for level in (each, each.unwrapped)]
    assert not any("step" in own or "reset" in own for own in methods)  # the environment is as it was


def test_what_a_callback_does_with_a_copy_moves_nothing(tiny: Tiny) -> None:
    env = Strict()
    agent = npg.NPG("MlpPolicy", env, **tiny(n_steps=16))
    copies: list[Any] = []

    def callback(agent: npg.NPG, metrics: dict[str, Any]) -> None:
        copies.extend([copy.deepcopy(env), pickle.loads(pickle.dumps(env))])
        for each in copies:
            before = env.steps
            step_some(each)
            assert env.steps == before and each.steps >= 3

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        agent.learn(48, callback=callback)
    assert env.steps == 48
    is_whole(agent)


def test_an_agent_is_trained_in_the_callback_of_another(tiny: Tiny) -> None:
    env = Strict()
    inner = npg.NPG("MlpPolicy", env, **tiny(n_steps=16))
    outer = npg.NPG("MlpPolicy", env, **tiny(n_steps=16))
    with pytest.warns(npg.TrainingWarning, match="start again"):
        outer.learn(48, callback=lambda agent, metrics: inner.learn(16) and None)
    is_whole(outer)
    is_whole(inner)


def test_episodes_go_on_where_nobody_has_touched_them(tiny: Tiny) -> None:
    env = Strict()
    agent = npg.NPG("MlpPolicy", env, **tiny(n_steps=16))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        agent.learn(64, callback=lambda agent, metrics: True)
    assert env.resets == 1 + 64 // 7


def test_what_a_callback_sets_acts_in_the_next_batch(tiny: Tiny) -> None:
    env = Strict()

    def callback(agent: npg.NPG, metrics: dict[str, Any]) -> None:
        env.bonus = float(metrics["iteration"])

    agent = npg.NPG("MlpPolicy", env, **tiny(n_steps=700)).learn(2100, callback=callback)
    assert [metrics["rollout/ep_rew_mean"] for metrics in agent.history] == [7.0, 14.0, 21.0]


@pytest.mark.parametrize("form", ["single", "SAME_STEP" if len(MODES) > 1 else MODES[0]])
def test_after_an_early_stop_no_step_was_made_in_vain(form: str, tiny: Tiny) -> None:
    env = forms()[form]()
    agent = npg.NPG("MlpPolicy", env, **tiny(n_steps=16))
    agent.learn(10_000, callback=lambda agent, metrics: metrics["iteration"] < 3)
    assert agent.num_timesteps == 3 * 16 * agent.n_envs == sum(each.steps for each in getattr(env, "envs", [env]))


def test_another_environment_and_a_retry_have_seeds_and_noise_of_their_own(tiny: Tiny) -> None:
    def course() -> tuple[list[Any], list[Any]]:
        seeds, actions = [], []
        env = Strict()
        agent = npg.NPG("MlpPolicy", env, **tiny(n_steps=16))
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                agent.learn(32, callback=lambda agent, metrics: 1 / 0)
            env.at = 7  # a simulator that fails in the next batch
            env.step_before, env.step = env.step, lambda action: 1 / 0  # type: ignore[attr-defined, method-assign]
            with pytest.raises(ZeroDivisionError):
                agent.learn(16)
            env = Strict()
            agent.set_env(env)
            agent.learn(16)
            seeds.append(env.seeds[0])
            actions.append(env.actions[:16])
        return seeds, actions

    seeds, actions = course()
    assert len(set(seeds)) == 3 and actions[0] != actions[1] != actions[2]
    assert course() == (seeds, actions)  # and the same in another run


def test_a_flaky_simulator_does_not_fail_at_the_same_draw_again(tiny: Tiny) -> None:
    class Flaky(Strict):
        def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
            result = super().reset(seed=seed)
            if self.np_random.random() < 0.1:
                raise ConnectionError("the simulator is gone")
            return result

    agent = npg.NPG("MlpPolicy", Flaky, **tiny(n_steps=32))
    failures = 0
    while agent.num_timesteps < 320:
        try:
            agent.learn(320 - agent.num_timesteps)
        except ConnectionError:
            failures += 1
        assert failures < 200
    assert failures > 0
