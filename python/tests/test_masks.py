"""Action masks from Python: a forbidden action is never taken, wherever the masks are and however the environments step."""

from __future__ import annotations

import copy
import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import gymnasium.vector
import numpy as np
import pytest
from masked_envs import ACTIONS, Forbidding, OwnVector

import npg
from npg import _npg
from npg import functional as F
from npg.envs import NativeVectorEnv

Tiny = Callable[..., dict[str, Any]]
PLACES = ["method", "info", "observation"]
Mode: Any = getattr(gymnasium.vector, "AutoresetMode", None)
if Mode is None:
    pytest.skip("before Gymnasium 1.1 no environment can choose its mode", allow_module_level=True)
MODES = ["NEXT_STEP", "SAME_STEP", "DISABLED"]


def choice(place: str) -> dict[str, Any]:
    """The argument `action_masks`: only masks in `info` must be asked for."""
    return {"action_masks": "info"} if place == "info" else {}


def vector(place: str, mode: str, cls: Any = gymnasium.vector.SyncVectorEnv, action: str = "discrete") -> Any:
    return cls([lambda lane=lane: Forbidding(place, action, lane) for lane in range(3)], autoreset_mode=Mode[mode])


def trained(env: Any, arguments: dict[str, Any], steps: int = 256) -> npg.NPG:
    agent = npg.NPG("MlpPolicy", env, **arguments).learn(steps)
    assert agent.policy.is_masked and not agent.metrics["refused"]
    return agent


# --- training and evaluation


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("place", PLACES)
def test_single_environments_never_get_a_forbidden_action(place: str, action: str, tiny: Tiny) -> None:
    env = Forbidding(place, action)
    agent = trained(env, tiny(**choice(place)))
    assert env.taken == 256
    for deterministic in (True, False):
        own = Forbidding(place, action)
        npg.evaluate_policy(agent, own, 5, deterministic)
        assert own.taken > 15


@pytest.mark.parametrize("vectorization", ["sync", "async"])
@pytest.mark.parametrize("place", PLACES)
def test_environments_that_npg_makes_never_get_a_forbidden_action(place: str, vectorization: str, tiny: Tiny) -> None:
    trained(lambda: Forbidding(place), tiny(n_envs=3, vectorization=vectorization, **choice(place)))


@pytest.mark.parametrize("action", ["discrete", "multi-discrete", "multi-binary"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("place", PLACES)
def test_vector_environments_never_get_a_forbidden_action(place: str, mode: str, action: str, tiny: Tiny) -> None:
    agent = trained(vector(place, mode, action=action), tiny(**choice(place)), 3 * 128)
    for deterministic in (True, False):
        evaluated = vector(place, mode, action=action)
        npg.evaluate_policy(agent, evaluated, 7, deterministic)
        assert all(env.taken > 6 for env in evaluated.envs)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("place", PLACES)
def test_processes_never_get_a_forbidden_action(place: str, mode: str, tiny: Tiny) -> None:
    environment = vector(place, mode, gymnasium.vector.AsyncVectorEnv)
    try:
        agent = trained(environment, tiny(**choice(place)), 3 * 128)
        npg.evaluate_policy(agent, environment, 5)
    finally:
        environment.close()


def test_masks_are_found_through_wrappers(tiny: Tiny) -> None:
    def wrapped(place: str) -> Any:
        inner: Any = gymnasium.wrappers.TimeLimit(Forbidding(place), 1000)
        return gymnasium.wrappers.RecordEpisodeStatistics(gymnasium.wrappers.TransformReward(inner, lambda r: 2 * r))

    for place in PLACES:
        trained(wrapped(place), tiny(**choice(place)))
    wrappers = gymnasium.wrappers.vector
    for place, mode in itertools.product(PLACES, MODES):
        trained(wrappers.RecordEpisodeStatistics(vector(place, mode)), tiny(**choice(place)))
    for place in PLACES:  # a list of infos has no last observations in SAME_STEP
        trained(wrappers.DictInfoToList(vector(place, "NEXT_STEP")), tiny(**choice(place)))


def test_a_vector_environment_may_have_the_method_itself(tiny: Tiny) -> None:
    environment = OwnVector(3)
    agent = trained(environment, tiny())
    npg.evaluate_policy(agent, environment, 5)
    npg.evaluate_policy(agent, environment, 5, deterministic=False)
    assert environment.forbidden == 0


def test_callbacks_evaluate_with_masks(tiny: Tiny, tmp_path: Path) -> None:
    for place in PLACES:
        callback = npg.EvalCallback(Forbidding(place), eval_freq=128, verbose=0, best_model_save_path=tmp_path)
        agent = npg.NPG("MlpPolicy", Forbidding(place), **tiny(**choice(place))).learn(256, callback)
        assert np.isfinite(callback.last_mean_reward)
        assert npg.load(tmp_path / "best_model", Forbidding(place)).policy.is_masked
        assert agent.policy.is_masked


# --- npg's own environments


@pytest.mark.parametrize("mode", MODES)
def test_native_environments_give_the_masks_of_gymnasiums_taxi(mode: str) -> None:
    original: Any = gymnasium.make("Taxi-v4").unwrapped
    envs: Any = gymnasium.make_vec("npg/Taxi-v4", num_envs=100, mask=True, autoreset_mode=mode)
    for block in range(5):
        states = np.arange(100 * block, 100 * block + 100)
        envs.reset(options={"state": states[:, None]})
        assert np.array_equal(envs.action_masks(), [original.action_mask(state) for state in states])
    states, _ = envs.reset(seed=0)
    random = np.random.default_rng(0)
    for _ in range(20):
        assert np.array_equal(envs.action_masks(), [original.action_mask(state) for state in states])
        states = envs.step(random.integers(6, size=100))[0]
    assert not hasattr(gymnasium.make_vec("npg/Taxi-v4", num_envs=2), "action_masks")
    single: Any = gymnasium.make("npg/Taxi-v4", mask=True)
    state, _ = single.reset(seed=1)
    assert np.array_equal(single.get_wrapper_attr("action_masks")(), original.action_mask(state))


class Obedient(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Taxi with an error for an action that its mask forbids."""

    mask: Any = None

    def reset(self, **arguments: Any) -> Any:
        observation, info = self.env.reset(**arguments)
        self.mask = info["action_mask"].copy()
        return observation, info

    def step(self, action: Any) -> Any:
        assert self.mask[action] == 1
        result = self.env.step(action)
        self.mask = result[4]["action_mask"].copy()
        return result


def test_gymnasiums_taxi_never_gets_a_forbidden_action(tiny: Tiny) -> None:
    def make() -> Any:
        return Obedient(gymnasium.make("Taxi-v4"))

    agent = trained(make, tiny(n_envs=2, action_masks="info"), 1024)
    npg.evaluate_policy(agent, make, 2)
    mode = {"autoreset_mode": Mode.SAME_STEP}
    trained(gymnasium.vector.SyncVectorEnv([make] * 2, **mode), tiny(action_masks="info"), 1024)


class Streamed(NativeVectorEnv):
    """Native environments with the random streams of a native run with seed 0."""

    def reset(self, *, seed: Any = None, options: Any = None) -> Any:
        if self._group is None:
            self._group = _npg.NativeGroup(self._name, self._options, self.num_envs, 0)
        return super().reset(options=options)


def test_learning_with_masks_from_python_is_the_native_run(tiny: Tiny) -> None:
    arguments = tiny(n_steps=256, gamma=0.99)
    native = npg.NPG("MlpPolicy", "Taxi-v4", n_envs=4, env_kwargs={"mask": True}, **arguments).learn(4096)
    assert native.policy.is_masked
    for mode in ("SAME_STEP", "DISABLED"):
        agent = npg.NPG("MlpPolicy", Streamed("Taxi-v4", 4, mode, mask=True), **arguments).learn(4096)
        assert np.array_equal(agent.policy.theta, native.policy.theta), mode
    without = npg.NPG("MlpPolicy", "Taxi-v4", n_envs=4, **arguments).learn(4096)
    assert not np.array_equal(without.policy.theta, native.policy.theta)


# --- which masks are used


def test_masks_in_info_are_used_only_if_asked_for(tiny: Tiny) -> None:
    thetas = {
        where: npg.NPG("MlpPolicy", "gym:Taxi-v4", n_envs=2, action_masks=where, **tiny()).learn(256).policy.theta
        for where in ("auto", "none", "info")
    }
    assert np.array_equal(thetas["auto"], thetas["none"]) and not np.array_equal(thetas["auto"], thetas["info"])


def test_the_key_of_a_dict_is_a_mask_and_no_observation(tiny: Tiny) -> None:
    agent = trained(Forbidding("observation"), tiny())
    assert agent.policy.sizes == (3, 1) and set(agent.observation_space.spaces) == {"action_mask", "observation"}
    env = Forbidding("observation")
    observation, _ = env.reset()
    for _ in range(20):
        assert observation["action_mask"][agent.predict(observation)[0]]
    only = {**observation, "action_mask": np.eye(5, dtype=np.int8)[3]}
    assert agent.predict(only)[0] == 3
    assert agent.predict(only, action_masks=np.eye(5, dtype=bool)[1])[0] == 1
    batch = {key: np.stack([value, only[key]]) for key, value in observation.items()}
    assert agent.predict(batch)[0][1] == 3
    with pytest.raises(ValueError, match="was trained with action masks"):
        agent.predict({"observation": observation["observation"]})
    with pytest.raises(PermissionError):  # it is an ordinary observation then
        npg.NPG("MlpPolicy", Forbidding("observation"), **tiny(action_masks="none")).learn(256)


class Strange(Forbidding):
    """Something that is no mask, by the names of masks."""

    def __init__(self, action: Any, key: Any = None, attribute: Any = None) -> None:
        super().__init__("nowhere")
        self.action_space = action
        if key is not None:
            self.observation_space = gymnasium.spaces.Dict({"action_mask": key, "x": self.observation_space})
        if attribute is not None:
            self.action_masks = attribute


def test_what_is_no_mask_is_refused_or_left_alone(tiny: Tiny) -> None:
    bits = gymnasium.spaces.MultiBinary
    box = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)
    discrete = ACTIONS["discrete"]
    cases: list[tuple[Any, dict[str, Any], str]] = [
        (lambda: Forbidding("nowhere"), {"action_masks": "method"}, "neither the environment nor a wrapper"),
        (lambda: Forbidding("nowhere"), {"action_masks": "observation"}, "without the key 'action_mask'"),
        (lambda: Forbidding("nowhere"), {"action_masks": "yes"}, "must be one of 'auto', 'method', 'info'"),
        (
            lambda: Strange(discrete, key=bits(4)),
            {},
            r"has shape \(5,\). If it is no mask, pass action_masks='none'",
        ),
        (lambda: Strange(box), {"action_masks": "info"}, "of which no mask can forbid a value"),
        (lambda: "Taxi-v4", {"action_masks": "info"}, r"env_kwargs=\{'mask': True\}"),
    ]
    for make, arguments, message in cases:
        with pytest.raises(ValueError, match=message):
            npg.NPG("MlpPolicy", make(), **tiny(**arguments))
    with pytest.raises(TypeError, match="it must be a method that returns the mask"):
        npg.NPG("MlpPolicy", Strange(discrete, attribute=[1, 0]), **tiny())
    some = [lambda: Forbidding("method"), lambda: Forbidding("nowhere")]
    with pytest.raises(TypeError, match="environment 1 has no action_masks"):
        npg.NPG("MlpPolicy", gymnasium.vector.SyncVectorEnv(some), **tiny())
    agent = npg.NPG("MlpPolicy", Strange(box, key=bits(4), attribute=[1, 0]), **tiny())
    assert agent.policy.sizes == (7, 2) and agent.policy.mask_len == 0


# --- errors


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("form", ["single", "vector"])
def test_a_bad_mask_is_named_with_environment_episode_and_step(place: str, form: str, tiny: Tiny) -> None:
    def make(spoiled: dict[int, Any]) -> Any:
        def one(lane: int) -> Any:
            return lambda: Forbidding(place, "multi-discrete", lane, spoiled if lane == 1 or form == "single" else None)

        return one(0)() if form == "single" else gymnasium.vector.SyncVectorEnv([one(0), one(1)])

    def failure(mask: Any, step: int) -> str:
        agent = npg.NPG("MlpPolicy", make({step: mask}), **tiny(**choice(place)))
        with pytest.raises(Exception) as raised:
            agent.learn(256)
        return "\n".join([str(raised.value), *getattr(raised.value, "__notes__", [])])

    where = "environment 0" if form == "single" else "environment 1"
    nothing = np.array([1, 0, 0, 0, 0, 0, 0], np.int8)
    for step in (0, 2):
        text = failure(nothing, step)
        expected = f"{where}, episode 0, step {step}: the action mask forbids every value of part 1 of the action"
        assert expected in text, text
    text = failure(np.array([1, 2, 0, 0, 0, 0, 1]), 2)
    assert "the action mask must be booleans" in text and f"{where}, episode 0, step 2" in text, text
    if place == "observation" or (place == "info" and form == "vector"):
        return  # the space has the shape, and rows of a vector's infos have one shape
    text = failure(np.ones(6, bool), 2)
    assert "the action mask has shape (6,); it must have (7,)" in text and f"{where}, episode 0, step 2" in text, text
    text = failure(None, 2)
    assert ("gave no mask" if place == "method" else "info has no 'action_mask'") in text, text
    assert f"{where}, episode 0, step 2" in text, text


def test_evaluation_says_where_a_mask_is_bad(tiny: Tiny) -> None:
    agent = trained(Forbidding(), tiny())
    with pytest.raises(ValueError, match="forbids every action") as raised:
        npg.evaluate_policy(agent, Forbidding(spoiled={2: np.zeros(5, bool)}), 2)
    assert "npg: in evaluation, episode 0, step 2" in raised.value.__notes__
    with pytest.raises(ValueError, match=r"has shape \(4,\)"):
        npg.evaluate_policy(agent, Forbidding(spoiled={0: np.ones(4, bool)}), 2)


def test_predict_needs_the_mask_with_which_an_agent_was_trained(tiny: Tiny) -> None:
    agent = trained(Forbidding("info", "multi-discrete"), tiny(action_masks="info"))
    observation = np.zeros(3, np.float32)
    only = np.array([0, 0, 1, 0, 1, 0, 0], bool)
    for mask in (only, only.astype(int), only.tolist(), tuple(only.astype(float))):
        assert agent.predict(observation, action_masks=mask)[0].tolist() == [2, 1]
        batch = agent.predict(np.zeros((4, 3), np.float32), action_masks=[mask] * 4)[0]
        assert batch.tolist() == [[2, 1]] * 4
    for mask, message in (
        (None, "was trained with action masks"),
        (only[:6], r"action_masks has shape \(6,\); it must have \(7,\)"),
        (only[None], r"action_masks has shape \(1, 7\)"),
        (only * 2, "must be booleans"),
        (np.zeros(7), "forbids every value of part 0"),
    ):
        with pytest.raises(ValueError, match=message):
            agent.predict(observation, action_masks=mask)
    with pytest.raises(ValueError, match=r"action_masks\[1\]: the action mask forbids every value of part 1"):
        agent.predict(np.zeros((2, 3), np.float32), action_masks=[only, [1, 1, 1, 0, 0, 0, 0]])
    boxed = npg.NPG("MlpPolicy", "Pendulum-v1", **tiny())
    with pytest.raises(ValueError, match="no mask can forbid a value"):
        boxed.predict(np.zeros(3), action_masks=[1])
    # A policy that was trained without masks may be used with one.
    plain = npg.NPG("MlpPolicy", "CartPole-v1", **tiny()).learn(64)
    assert plain.predict(np.zeros(4), action_masks=[0, 1])[0] == 1


def test_an_evaluation_without_masks_is_refused(tiny: Tiny) -> None:
    agent = trained(Forbidding(), tiny())
    with pytest.raises(ValueError, match="the environment of the evaluation has none"):
        npg.evaluate_policy(agent, Forbidding("nowhere"))
    npg.evaluate_policy(agent, Forbidding("info"), 3, action_masks="info")
    native = npg.NPG("MlpPolicy", "Taxi-v4", env_kwargs={"mask": True}, n_envs=2, **tiny()).learn(128)
    with pytest.raises(ValueError, match="env_kwargs"):
        npg.evaluate_policy(native, "Taxi-v4", 1)
    npg.evaluate_policy(native, "Taxi-v4", 1, env_kwargs={"mask": True})
    with pytest.raises(ValueError, match="was trained with action masks"):
        native.predict(3)

    class Constant:
        """A model without masks."""

        def predict(self, observation: Any, deterministic: bool = True) -> Any:
            return 0, None

    npg.evaluate_policy(Constant(), Forbidding("nowhere"), 1)  # type: ignore[arg-type]


# --- files


def test_files_and_copies_keep_where_the_masks_are(tiny: Tiny, tmp_path: Path) -> None:
    agent = trained(Forbidding("info"), tiny(action_masks="info"))
    agent.save(tmp_path / "agent")
    for other in (npg.load(tmp_path / "agent", Forbidding("info")), copy.deepcopy(agent)):
        other.learn(128)
        assert other.policy.is_masked and other.config["env"] == {"action_masks": "info"}
    with pytest.raises(ValueError, match="was trained with action masks, and Forbidding has none"):
        npg.load(tmp_path / "agent", Forbidding("nowhere"), action_masks="auto")
    other = npg.load(tmp_path / "agent", Forbidding("method"), action_masks="auto")
    assert other.learn(128).policy.is_masked and other.config["env"] == {}
    with pytest.raises(ValueError, match="was trained with action masks"):
        agent.set_env(Forbidding("nowhere"), action_masks="auto")
    agent.set_env(Forbidding("info"))
    assert agent.learn(128).policy.is_masked
    agent.set_env(Forbidding("nowhere"), action_masks="none")
    assert not agent.learn(128).policy.is_masked
    agent.predict(np.zeros(3, np.float32))


def program(*arguments: str) -> str:
    result = subprocess.run(
        [sys.executable, "-m", "npg._program", *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_program_trains_resumes_and_evaluates_with_masks(tmp_path: Path) -> None:
    small = ["--envs", "2", "--set", "rollout.batch_steps=256", "--set", "policy.hidden=[8]", "--seed", "0", "-q"]
    run = tmp_path / "run"
    program("train", "gym:Taxi-v4", "--action-masks", "info", "--steps", "512", "--out", str(run), *small)
    assert 'action_masks = "info"' in (run / "seed-0" / "config.toml").read_text(encoding="utf-8")
    program("resume", str(run), "--steps", "1024", "-q")
    assert json.loads(program("eval", str(run), "--episodes", "2", "--json"))["episodes"] == 2
    agent = npg.load(run)
    assert agent.policy.is_masked and agent.num_timesteps == 1024
    assert agent.predict(3, action_masks=np.eye(6)[4])[0] == 4


# --- the parts of an update


def test_functional_obeys_masks(tiny: Tiny) -> None:
    agent = trained(Forbidding(), tiny())
    policy, random = agent.policy, np.random.default_rng(0)
    states, masks = random.normal(size=(16, 3)), random.random((16, 5)) < 0.5
    masks[:, 2] = True
    logs = [F.log_prob(policy, states, np.full(16, a), action_masks=masks) for a in range(5)]
    probabilities = np.exp(logs).T
    assert np.allclose(probabilities.sum(axis=1), 1.0) and np.all(probabilities[~masks] == 0.0)
    advantages = random.normal(size=16)
    taken = np.full(16, 2)
    g = F.policy_gradient(policy, states, taken, advantages, action_masks=masks)
    direction = random.normal(size=len(g))

    def mean(theta: Any) -> float:
        other = policy.copy()
        other.theta = theta
        return float(np.mean(advantages * F.log_prob(other, states, taken, action_masks=masks)))

    h = 1e-3
    slope = (mean(policy.theta + h * direction) - mean(policy.theta - h * direction)) / (2 * h)
    assert abs(slope - g @ direction) < 1e-3 * (1 + abs(slope))
    divergence = F.kl(policy, policy.theta + h * direction, states, action_masks=masks)
    curvature = direction @ F.fisher_product(policy, states, direction, action_masks=masks)
    assert abs(divergence - 0.5 * h * h * curvature) < 0.02 * divergence
    compared = F.compare(policy, policy.theta, states, taken, advantages, action_masks=masks)
    assert compared["kl"] == 0.0 and np.isfinite(compared["entropy"])
    with pytest.raises(ValueError, match="pass action_masks"):
        F.log_prob(policy, states, taken)
    with pytest.raises(ValueError, match=r"action_masks has shape \(16, 4\)"):
        F.log_prob(policy, states, taken, action_masks=masks[:, :4])
