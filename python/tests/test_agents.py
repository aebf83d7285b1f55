"""Agents as a script for Stable-Baselines3 uses them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import gymnasium.vector
import numpy as np
import pytest
from environments import Counting, Matching
from gymnasium import spaces

import npg
from npg._actions import Actions

Tiny = Callable[..., dict[str, Any]]

#: As it stands for sb3-contrib, but for the import.
SCRIPT = """
import gymnasium as gym
from npg import TRPO

class Tanh:  # as torch.nn.Tanh
    pass

env = {env}
model = TRPO("{policy}", env, n_steps=128, batch_size=64, target_kl=0.02, cg_max_steps=5, cg_damping=0.1,
             gae_lambda=0.9, gamma=0.95, n_critic_updates=2,
             policy_kwargs=dict(net_arch=dict(pi=[16], vf=[16, 8]), activation_fn=Tanh, log_std_init=-0.5),
             seed=1, verbose=1)
model.learn(total_timesteps=256)
single = gym.make("{id}")
obs, info = single.reset(seed=3)
action, state = model.predict(obs, deterministic=True)
assert state is None and single.action_space.contains(action), action
single.step(action)
model.save("model")
parameters = model.get_parameters()
del model
model = TRPO.load("model", env=env)
model.set_parameters(parameters)
assert model.predict(obs, deterministic=True)[0] == action
model.set_env(gym.make("{id}"))
model.learn(total_timesteps=128, reset_num_timesteps=False, log_interval=1, progress_bar=False)
model.learn(128)
print("steps", model.num_timesteps)
c = model.config
assert (c["rollout"]["batch_steps"], c["rollout"]["n_envs"], c["value"]["minibatch"]) == (128, 1, 64)
assert (c["algorithm"]["kl_step"], c["algorithm"]["cg_iterations"], c["algorithm"]["damping"]) == (0.02, 5, 0.1)
assert (c["advantage"]["lambda"], c["advantage"]["gamma"], c["value"]["epochs"]) == (0.9, 0.95, 2)
assert (c["policy"]["hidden"], c["value"]["hidden"]) == ([16], [16, 8])
assert (c["policy"]["activation"], c["policy"]["log_std_init"], c["run"]["seed"]) == ("tanh", -0.5, 1)
"""


def registered(name: str) -> str:
    """The newest version of Gymnasium's environment `name`."""
    return max(id for id in gymnasium.registry if id.startswith(f"{name}-v"))


@pytest.mark.parametrize("name", ["CartPole-v1", "Pendulum-v1", "LunarLander-v3", "FrozenLake-v1", registered("Taxi")])
@pytest.mark.parametrize("by_id", [True, False])
def test_a_script_for_sb3_contrib_runs(name: str, by_id: bool, tmp_path: Path) -> None:
    if name == "LunarLander-v3":
        pytest.importorskip("Box2D")
    env = repr(name) if by_id else f"gym.make({name!r})"
    script = SCRIPT.format(env=env, policy="MlpPolicy", id=name)
    result = subprocess.run(
        [sys.executable, "-c", script], check=False, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    # Two iterations with verbose=1; the loaded agent has verbose=0.
    lines = result.stdout.splitlines()
    assert lines[0].split()[:3] == ["steps", "return", "len"]
    assert lines[1].split()[0] == "128" and lines[2].split()[0] == "256"
    assert lines[-1] == "steps 512"
    assert (tmp_path / "model.safetensors").is_file()


@pytest.mark.parametrize(("kind", "policy"), [("dict", "MultiInputPolicy"), ("multi", "MlpPolicy")])
def test_structured_spaces_are_learned(kind: str, policy: str) -> None:
    """Chance is a third of the steps for `dict`, and 5/12 for `multi` (the mean of 1/3 and 1/2)."""
    agent = npg.NPG(policy, lambda: Matching(kind), n_envs=8, n_steps=64, gamma=0.5, threads=1, seed=1)
    agent.learn(512)
    assert agent.metrics["rollout/ep_rew_mean"] < 6.0
    agent.learn(8_000)
    mean, _ = npg.evaluate_policy(agent, Matching(kind), n_eval_episodes=10, seed=1)
    assert mean > 9.5
    random, _ = npg.evaluate_policy(agent, Matching(kind), n_eval_episodes=10, deterministic=False, seed=1)
    assert 6.0 < random <= 10.0


def test_cartpole_is_learned() -> None:
    agent = npg.NPG("MlpPolicy", "CartPole-v1", seed=0).learn(20_000)
    mean, deviation = npg.evaluate_policy(agent, "CartPole-v1", n_eval_episodes=5, seed=3)
    assert mean > 200.0 and deviation >= 0.0
    returns, lengths = npg.evaluate_policy(agent, "CartPole-v1", 3, return_episode_rewards=True, seed=3)
    assert returns == [float(length) for length in lengths] and len(returns) == 3


@pytest.mark.parametrize(
    ("arguments", "n_envs", "batch_steps"),
    [
        ({"n_steps": 96}, 1, 96),
        ({"n_steps": 96, "n_envs": 4}, 4, 384),
        ({"n_steps": 96, "settings": {"rollout.n_envs": 3}}, 3, 288),
        ({"n_envs": 5}, 5, 1024),
        ({}, 8, 1024),  # npg's preset of CartPole-v1
    ],
)
def test_n_steps_is_of_each_environment(arguments: dict[str, Any], n_envs: int, batch_steps: int) -> None:
    rollout = npg.NPG("MlpPolicy", "CartPole-v1", **arguments).config["rollout"]
    assert (rollout["n_envs"], rollout["batch_steps"]) == (n_envs, batch_steps)


def test_n_steps_of_vector_environments() -> None:
    environment = gymnasium.vector.SyncVectorEnv([lambda: gymnasium.make("CartPole-v1")] * 3)
    agent = npg.NPG("MlpPolicy", environment, n_steps=32)
    assert (agent.config["rollout"]["n_envs"], agent.config["rollout"]["batch_steps"]) == (3, 96)
    with pytest.raises(ValueError, match="n_envs is 2, but env has 3"):
        npg.NPG("MlpPolicy", environment, n_envs=2)
    with pytest.raises(ValueError, match="3 environments"):
        npg.NPG("MlpPolicy", environment, settings={"rollout.n_envs": 2})


def test_learning_goes_on(tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", "CartPole-v1", **tiny())
    assert agent.num_timesteps == 0 and agent.metrics == {}
    assert agent.learn(128) is agent
    agent.learn(128)
    assert [metrics["steps"] for metrics in agent.history] == [64, 128, 192, 256]
    agent.learn(64, reset_num_timesteps=False)  # so many more, as in Stable-Baselines3
    assert agent.num_timesteps == 320
    agent.learn(0)
    assert agent.num_timesteps == 320
    agent.learn(10)
    assert agent.num_timesteps == 330 and agent.metrics["iteration"] == 6


def test_learning_within_learning_is_refused(tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", "CartPole-v1", **tiny())
    with pytest.raises(RuntimeError, match="running already"):
        agent.learn(640, callback=lambda agent, _: agent.learn(64))
    assert agent.learn(64).num_timesteps == 128


def test_a_given_budget_is_constant(tiny: Tiny) -> None:
    of_preset = npg.TRPO("MlpPolicy", "Acrobot-v1", **tiny(preset=True)).config["algorithm"]
    assert of_preset["kl_step_schedule"] == "linear"
    given = npg.TRPO("MlpPolicy", "Acrobot-v1", target_kl=0.02, **tiny(preset=True)).config["algorithm"]
    assert (given["kl_step"], given["kl_step_schedule"]) == (0.02, "constant")


def test_parameters_written_by_hand_stay(tmp_path: Path, tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", "CartPole-v1", **tiny())
    agent.policy.theta = np.zeros_like(agent.policy.theta)
    agent.save(tmp_path / "new" / "folder" / "agent")
    assert not npg.NPG.load(tmp_path / "new" / "folder" / "agent").policy.theta.any()
    agent.learn(64)
    assert 0.0 < np.linalg.norm(agent.policy.theta) < 1.0  # one step from zero


def test_spaces_and_numbers_of_an_agent(tiny: Tiny) -> None:
    for env in ("Pendulum-v1", gymnasium.make("Pendulum-v1")):
        agent = npg.NPG("MlpPolicy", env, gamma=0.9, **tiny())
        assert agent.get_env() is env and agent.gamma == 0.9 and agent.seed == 0
        assert agent.observation_space.shape == (3,) and agent.action_space.high == 2.0
        assert "npg.NPG on" in repr(agent)


def test_two_calls_of_learn_are_as_one(tiny: Tiny) -> None:
    agents = [npg.TRPO("MlpPolicy", "Pendulum-v1", **tiny()) for _ in range(2)]
    agents[0].learn(256)
    agents[1].learn(128).learn(128)
    assert np.array_equal(agents[0].policy.theta, agents[1].policy.theta)


def test_callbacks(tiny: Tiny) -> None:
    seen: list[tuple[str, int]] = []

    def first(agent: npg.NPG, metrics: dict[str, Any]) -> bool:
        assert agent.num_timesteps == metrics["steps"] and agent.metrics is metrics
        seen.append(("first", metrics["steps"]))
        return metrics["steps"] < 192

    def second(agent: npg.NPG, metrics: dict[str, Any]) -> None:
        seen.append(("second", metrics["steps"]))

    agent = npg.NPG("MlpPolicy", "CartPole-v1", **tiny()).learn(1000, callback=[first, second])
    assert seen == [(name, steps) for steps in (64, 128, 192) for name in ("first", "second")]
    assert agent.num_timesteps == 192
    agent.learn(128, callback=second)  # None is not False
    assert agent.num_timesteps == 320


def test_a_class_of_environments_evaluates_what_it_trains(tiny: Tiny) -> None:
    class Mine(Counting):
        pass

    callback = npg.EvalCallback(Mine, n_eval_episodes=2, eval_freq=64, verbose=0)
    agent = npg.NPG("MlpPolicy", Mine, **tiny()).learn(64, callback=callback)
    assert agent.metrics["eval/mean_reward"] == callback.last_mean_reward


def test_the_environment_that_is_trained_on_is_refused_before_the_first_evaluation(tiny: Tiny) -> None:
    environment = Counting()
    with pytest.raises(ValueError, match="eval_env is the training environment"):
        npg.NPG("MlpPolicy", environment, **tiny()).learn(64, callback=npg.EvalCallback(environment, eval_freq=10_000))


def test_a_callback_that_raises_leaves_a_whole_iteration(tiny: Tiny) -> None:
    def fail(agent: npg.NPG, metrics: dict[str, Any]) -> None:
        raise KeyError("mine")

    agent = npg.NPG("MlpPolicy", "CartPole-v1", **tiny())
    with pytest.raises(KeyError, match="mine"):
        agent.learn(256, callback=fail)
    whole = npg.NPG("MlpPolicy", "CartPole-v1", **tiny()).learn(64)
    assert np.array_equal(agent.policy.theta, whole.policy.theta)
    assert np.array_equal(agent.learn(64).policy.theta, whole.learn(64).policy.theta)


def test_eval_callback(tmp_path: Path, tiny: Tiny, capsys: pytest.CaptureFixture[str]) -> None:
    found = []
    callback = npg.EvalCallback(
        "CartPole-v1",
        n_eval_episodes=2,
        eval_freq=100,
        best_model_save_path=tmp_path / "best",
        log_path=tmp_path / "logs",
        callback_on_new_best=lambda agent, mean: found.append((agent.num_timesteps, mean)),
    )
    agent = npg.NPG("MlpPolicy", "CartPole-v1", **tiny()).learn(320, callback=callback)
    table = np.load(tmp_path / "logs" / "evaluations.npz")
    assert table["timesteps"].tolist() == [128, 256, 320]  # the first iterations past 100, 200 and 300
    assert table["results"].shape == table["ep_lengths"].shape == (3, 2)
    assert np.array_equal(table["results"], table["ep_lengths"])  # CartPole pays 1 a step
    means = table["results"].mean(axis=1)
    assert callback.best_mean_reward == means.max() and callback.last_mean_reward == means[-1]
    best = int(np.argmax(means))
    assert found[-1] == (table["timesteps"][best], means[best])
    assert npg.NPG.load(tmp_path / "best" / "best_model").num_timesteps == table["timesteps"][best]
    assert agent.metrics["eval/mean_reward"] == means[-1]
    assert capsys.readouterr().out.count("evaluation after") == 3


def test_only_a_better_evaluation_is_a_new_best(tmp_path: Path, tiny: Tiny) -> None:
    class Paid(gymnasium.Env[Any, Any]):
        """Episodes of one step, whose returns are these, whatever is done."""

        observation_space, action_space = spaces.Box(-10.0, 10.0, (4,), np.float32), spaces.Discrete(2)
        returns = iter((3.0, 1.0, 3.0, 5.0, 4.0))

        def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
            return np.zeros(4, np.float32), {}

        def step(self, action: Any) -> Any:
            return np.zeros(4, np.float32), next(self.returns), True, False, {}

    found: list[tuple[int, float]] = []
    callback = npg.EvalCallback(
        Paid(),
        n_eval_episodes=1,
        eval_freq=64,
        best_model_save_path=tmp_path,
        callback_on_new_best=lambda agent, mean: found.append((agent.num_timesteps, mean)),
        verbose=0,
    )
    npg.NPG("MlpPolicy", "CartPole-v1", **tiny()).learn(5 * 64, callback=callback)
    assert found == [(64, 3.0), (256, 5.0)]
    assert (callback.best_mean_reward, callback.last_mean_reward) == (5.0, 4.0)
    assert npg.NPG.load(tmp_path / "best_model").num_timesteps == 256


def test_a_new_best_can_stop(tiny: Tiny) -> None:
    callback = npg.EvalCallback("CartPole-v1", lambda agent, mean: False, n_eval_episodes=1, eval_freq=64, verbose=0)
    assert npg.NPG("MlpPolicy", "CartPole-v1", **tiny()).learn(640, callback=[callback]).num_timesteps == 64


def test_evaluation_in_a_vector_environment(tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", "CartPole-v1", **tiny())
    vector = gymnasium.vector.SyncVectorEnv([lambda: gymnasium.make("CartPole-v1")] * 2)
    returns, lengths = npg.evaluate_policy(agent, vector, 5, return_episode_rewards=True, seed=4)
    assert returns == [float(length) for length in lengths] and len(returns) == 5
    first = npg.evaluate_policy(agent, gymnasium.make("CartPole-v1"), 1, return_episode_rewards=True, seed=4)[0][0]
    assert first in returns  # the first environment has the seed itself
    with pytest.raises(ValueError, match="n_eval_episodes"):
        npg.evaluate_policy(agent, vector, 0)
    with pytest.raises(ValueError, match="training environment"):
        env = gymnasium.make("CartPole-v1")
        npg.NPG("MlpPolicy", env, **tiny()).learn(128, callback=npg.EvalCallback(env, eval_freq=64))


def test_a_new_evaluation_is_in_the_logs(tmp_path: Path, tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", "CartPole-v1", tensorboard_log=str(tmp_path), **tiny())
    agent.learn(128, callback=npg.EvalCallback("CartPole-v1", n_eval_episodes=1, eval_freq=64, verbose=0))
    agent.learn(64, reset_num_timesteps=False)
    assert [folder.name for folder in tmp_path.iterdir()] == ["NPG_1"]
    lines = (tmp_path / "NPG_1" / "metrics.jsonl").read_text().splitlines()
    assert len(lines) == 3 and "eval/mean_reward" in lines[0] and "eval/mean_reward" not in lines[2]


def test_evaluation_arguments(tiny: Tiny) -> None:
    with pytest.raises(ValueError, match="eval_freq"):
        npg.EvalCallback("CartPole-v1", eval_freq=0)


class OfSpaces(gymnasium.Env[Any, Any]):
    """Samples observations of any space, for any actions; episodes have 7 steps."""

    def __init__(self, observation: spaces.Space[Any], action: spaces.Space[Any]) -> None:
        self.observation_space, self.action_space, self.steps = observation, action, 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        if seed is not None:
            self.observation_space.seed(seed)
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> Any:
        assert self.action_space.contains(action), action
        self.steps += 1
        return self.observation_space.sample(), float(self.steps % 3), self.steps % 7 == 0, False, {}


BOX = spaces.Box(-1.0, 2.0, (3,), np.float32)
OBSERVATIONS: dict[str, spaces.Space[Any]] = {
    "box": BOX,
    "matrix": spaces.Box(-1.0, 2.0, (2, 3), np.float64),
    "image": spaces.Box(0, 255, (4, 4, 3), np.uint8),
    "discrete": spaces.Discrete(4),
    "discrete from 2": spaces.Discrete(4, start=2),
    "multi-discrete": spaces.MultiDiscrete([3, 2]),
    "multi-binary": spaces.MultiBinary(5),
    "dict": spaces.Dict({"a": BOX, "b": spaces.Discrete(3), "c": spaces.Tuple([spaces.MultiBinary(2), BOX])}),
    "tuple": spaces.Tuple([spaces.MultiDiscrete([2, 2]), BOX]),
}
ACTIONS: dict[str, spaces.Space[Any]] = {
    "discrete": spaces.Discrete(3),
    "discrete from -1": spaces.Discrete(3, start=-1),
    "multi-discrete": spaces.MultiDiscrete([3, 2, 4]),
    "multi-binary": spaces.MultiBinary(4),
    "box": spaces.Box(np.array([-0.1, -2.0], np.float32), np.array([0.1, 5.0], np.float32)),
    "matrix": spaces.Box(-0.5, 0.5, (2, 2), np.float64),
    "integers": spaces.Box(-3, 3, (2,), np.int64),
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_predict(observation: str, action: str, tiny: Tiny) -> None:
    env = OfSpaces(OBSERVATIONS[observation], ACTIONS[action])
    agent = npg.NPG("MultiInputPolicy", env, **tiny(n_steps=14)).learn(28)
    space, count = env.observation_space, 6
    space.seed(1)
    batch_space = gymnasium.vector.utils.batch_space(space, count)
    empty = gymnasium.vector.utils.create_empty_array(space, count)
    samples = [space.sample() for _ in range(count)]
    batch = gymnasium.vector.utils.concatenate(space, samples, empty)
    assert batch_space.contains(batch)

    actions, state = agent.predict(batch, deterministic=True)
    assert state is None
    assert gymnasium.vector.utils.batch_space(env.action_space, count).contains(actions)
    for sample, of_batch in zip(samples, actions, strict=True):
        one, _ = agent.predict(sample, deterministic=True)
        assert env.action_space.contains(one)
        assert np.array_equal(one, of_batch) and np.array_equal(one, agent.predict(sample, deterministic=True)[0])

    drawn = [agent.predict(samples[0])[0] for _ in range(40)]
    assert all(env.action_space.contains(each) for each in drawn)
    # 40 draws of a policy that is still nearly uniform (or spreads over several numbers) are not all alike: below 1e-15.
    assert len({np.asarray(each).tobytes() for each in drawn}) > 1


def test_actions_of_whole_numbers_are_rounded() -> None:
    rows = Actions(ACTIONS["integers"]).batch(np.array([[1.6, -1.6], [0.4, 2.5]]))
    assert rows.dtype == np.int64 and rows.tolist() == [[2, -2], [0, 2]]


def test_predict_of_native_environments(tiny: Tiny) -> None:
    for name in ("CartPole-v1", "Pendulum-v1", "FrozenLake-v1"):
        native, env = npg.NPG("MlpPolicy", name, **tiny()), gymnasium.make(name)
        space = env.observation_space
        samples = [env.reset(seed=seed)[0] for seed in range(5)]
        batched, _ = native.predict(np.array(samples), deterministic=True)
        for sample, of_batch in zip(samples, batched, strict=True):
            action, _ = native.predict(sample, deterministic=True)
            assert env.action_space.contains(action) and np.array_equal(action, of_batch)
        assert batched.shape == (5, *env.action_space.shape) and batched.dtype == env.action_space.dtype
        assert space.contains(samples[0])


@pytest.mark.parametrize("env", ["CartPole-v1", "gym:CartPole-v1"])
@pytest.mark.parametrize("shape", [(), (3,), (8,), (2, 2), (3, 5), (1, 2, 4), (4, 1)])
def test_predict_refuses_other_shapes(env: str, shape: tuple[int, ...], tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", env, **tiny())
    with pytest.raises(ValueError, match=r"observation of shape .*the space has \(4,\)"):
        agent.predict(np.zeros(shape))


def test_predict_refuses_what_is_no_number(tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", "CartPole-v1", **tiny())
    with pytest.raises(ValueError, match=r"observation\[0, 2\] is NaN"):
        agent.predict([0.0, 0.0, np.nan, 0.0])
    lake = npg.NPG("MlpPolicy", "gym:FrozenLake-v1", **tiny())
    with pytest.raises(ValueError, match=r"16"):
        lake.predict(16)


def test_sampled_predictions_repeat_with_the_seed(tiny: Tiny) -> None:
    agents = [npg.NPG("MlpPolicy", "Pendulum-v1", **tiny(seed=seed)) for seed in (5, 5, 6)]
    drawn = [[float(agent.predict([1.0, 0.0, 0.0])[0][0]) for _ in range(4)] for agent in agents]
    assert drawn[0] == drawn[1] != drawn[2]
    agents[0].policy.seed(5)
    assert [float(agents[0].predict([1.0, 0.0, 0.0])[0][0]) for _ in range(4)] == drawn[0]


def test_parameters_go_back_and_forth(tiny: Tiny) -> None:
    agent, other = (npg.NPG("MlpPolicy", "Pendulum-v1", **tiny(seed=seed)) for seed in (1, 2))
    state = [0.5, 0.5, 0.1]
    parameters = agent.get_parameters()
    before = agent.predict(state, deterministic=True)[0]
    assert not np.array_equal(other.predict(state, deterministic=True)[0], before)
    other.set_parameters(parameters)
    assert np.array_equal(other.predict(state, deterministic=True)[0], before)
    other.learn(64)
    assert not np.array_equal(other.get_parameters()["policy/theta"], parameters["policy/theta"])
    assert np.array_equal(agent.get_parameters()["policy/theta"], parameters["policy/theta"])
    for wrong, message in [
        ({"policy/theta": parameters["policy/theta"][1:]}, "numbers"),
        ({"policy/theta": parameters["policy/theta"] * np.nan}, "finite"),
        ({"theta": parameters["policy/theta"]}, "policy/theta"),
        ({}, "policy/theta"),
    ]:
        with pytest.raises(ValueError, match=message):
            other.set_parameters(wrong)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"policy": "MlpLnLstmPolicy"}, ValueError, "policy is 'MlpLnLstmPolicy'.*MlpPolicy"),
        ({"policy": type}, TypeError, "policy is"),
        ({"env": 3}, TypeError, "env is a int"),
        ({"env": "CartPole-v1", "env_kwargs": {"gravitation": 1}}, ValueError, "gravitation"),
        ({"env": lambda: 3}, TypeError, "int"),
        ({"env": Counting(), "env_kwargs": {"lane": 1}}, TypeError, "env_kwargs"),
        ({"env": Counting(), "n_envs": 2}, ValueError, "n_envs is 2"),
        ({"env": Counting(), "vectorization": "async"}, ValueError, "vectorization"),
        ({"vectorization": "threads"}, ValueError, "vectorization is 'threads'"),
        ({"n_steps": 0}, ValueError, "n_steps"),
        ({"n_steps": 2.5}, ValueError, "n_steps"),
        ({"n_steps": "many"}, (TypeError, ValueError), "n_steps"),
        ({"n_envs": 0}, ValueError, "n_envs"),
        ({"n_envs": "two", "n_steps": 8}, (TypeError, ValueError), "n_envs"),
        ({"batch_size": -1}, ValueError, "batch_size"),
        ({"gamma": 1.5}, ValueError, "gamma"),
        ({"gae_lambda": "high"}, ValueError, "gae_lambda"),
        ({"target_kl": -0.1}, ValueError, "target_kl"),
        ({"target_kl": lambda progress: "wide"}, TypeError, r"target_kl\(1\) is 'wide'"),
        ({"target_kl": lambda progress: -progress}, ValueError, "target_kl"),
        ({"learning_rate": lambda: 0.1}, TypeError, "learning_rate"),
        ({"gamma": lambda progress: 0.9}, TypeError, "gamma is a function.*only learning_rate and target_kl"),
        ({"ent_coef": -0.1}, ValueError, "ent_coef"),
        ({"learning_rate": {}}, TypeError, "learning_rate"),
        ({"cg_max_steps": 0}, ValueError, "cg_max_steps"),
        ({"cg_damping": float("nan")}, ValueError, "cg_damping"),
        ({"sub_sampling_factor": 0}, ValueError, "sub_sampling_factor"),
        ({"sub_sampling_factor": "2"}, (TypeError, ValueError), "sub_sampling_factor"),
        ({"seed": -1}, ValueError, "seed"),
        ({"threads": -1}, ValueError, "threads"),
        ({"timeout": 0}, ValueError, "timeout is 0"),
        ({"timeout": "long"}, TypeError, "timeout"),
        ({"device": "cuda"}, ValueError, "device is 'cuda'"),
        ({"stats_window_size": 10}, ValueError, "stats_window_size is 10"),
        ({"policy_kwargs": 5}, TypeError, "policy_kwargs is a int"),
        ({"policy_kwargs": {"net_arch": 64}}, TypeError, "net_arch.*64"),
        ({"policy_kwargs": {"net_arch": [{"pi": [8]}]}}, TypeError, "net_arch"),
        ({"policy_kwargs": {"net_arch": {"qf": [8]}}}, ValueError, "'qf'"),
        ({"policy_kwargs": {"activation_fn": "sine"}}, ValueError, "activation_fn"),
        ({"policy_kwargs": {"layer_norm": "yes"}}, ValueError, "layer_norm"),
        ({"policy_kwargs": {"head": "cauchy"}}, ValueError, "policy.head"),
        ({"policy_kwargs": {"layer_norm": {"qf": True}}}, ValueError, "'qf'"),
        ({"policy": "LinearPolicy", "policy_kwargs": {"layer_norm": True}}, ValueError, "policy.layer_norm: needs"),
        ({"policy_kwargs": {"optimizer_class": None}}, ValueError, "optimizer_class"),
        ({"settings": {"algorithm.kl_stp": 1}}, ValueError, "kl_step"),
        ({"settings": 3}, TypeError, "settings"),
    ],
    ids=lambda value: str(value)[:50] if isinstance(value, dict) else "",
)
def test_bad_arguments_are_named(arguments: dict[str, Any], error: Any, message: str) -> None:
    given = {"policy": "MlpPolicy", "env": "CartPole-v1", **arguments}
    with pytest.raises(error, match=message):
        npg.NPG(**given)


def test_bad_arguments_of_learn_are_named(tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", "CartPole-v1", **tiny())
    with pytest.raises(ValueError, match="total_timesteps is -5"):
        agent.learn(-5)
    with pytest.raises(TypeError, match="callback is 3"):
        agent.learn(64, callback=3)  # type: ignore[arg-type]
    assert agent.num_timesteps == 0


def test_set_env(tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", "CartPole-v1", **tiny(n_envs=2)).learn(128)
    theta = agent.policy.theta
    agent.set_env("gym:CartPole-v1")
    assert np.array_equal(agent.policy.theta, theta) and agent.num_timesteps == 128
    agent.learn(128)
    assert agent.num_timesteps == 256 and agent.metrics["iteration"] == 2
    with pytest.raises(ValueError, match="observation space"):
        agent.set_env("Pendulum-v1")
    with pytest.raises(ValueError, match="1 environments, but this agent has 2"):
        agent.set_env(gymnasium.make("CartPole-v1"))
    agent.set_env("CartPole-v1", env_kwargs={})
    assert agent.learn(128).num_timesteps == 384


def test_verbose_and_tensorboard(tmp_path: Path, tiny: Tiny, capsys: pytest.CaptureFixture[str]) -> None:
    agent = npg.NPG("MlpPolicy", "CartPole-v1", **tiny(verbose=1, tensorboard_log=str(tmp_path / "tb")))
    agent.learn(192, log_interval=2, tb_log_name="first", progress_bar=True)
    agent.learn(64)
    output = capsys.readouterr()
    assert len(output.out.splitlines()) == 4  # two headers, after 128 and 256 steps
    assert "100%" in output.err
    folders = sorted(path.name for path in (tmp_path / "tb").iterdir())
    assert folders == ["NPG_1", "first_1"]
    rows = (tmp_path / "tb" / "first_1" / "progress.csv").read_text().splitlines()
    assert len(rows) == 4 and "npg/kl" in rows[0]
    assert any(path.name.startswith("events.out.tfevents") for path in (tmp_path / "tb" / "NPG_1").iterdir())


def test_linear_and_rbf_policies(tiny: Tiny) -> None:
    arguments = {key: value for key, value in tiny().items() if key != "policy_kwargs"}
    for policy, network in (("LinearPolicy", "linear"), ("RbfPolicy", "rbf")):
        agent = npg.VPG(policy, "CartPole-v1", **arguments).learn(64)
        assert agent.config["policy"]["network"] == network and agent.config["algorithm"]["name"] == "vpg"


def test_beta_actions_lie_within_their_bounds(tiny: Tiny) -> None:
    model = npg.NPG("MlpPolicy", "Pendulum-v1", **tiny(policy_kwargs={"head": "beta"})).learn(128)
    observations = np.random.default_rng(0).normal(size=(2000, 3))
    actions = model.predict(observations)[0]
    assert actions.std() > 0.5 and (np.abs(actions) < 2).all()
    with pytest.raises(ValueError, match="policy.head.*bounds on both sides"):
        npg.NPG("MlpPolicy", "LQR-v0", **tiny(policy_kwargs={"head": "beta"}))


def test_layer_normalization_is_of_both_networks_or_of_one(tiny: Tiny) -> None:
    for given, of_policy, of_value in [(True, True, True), ({"pi": True}, True, False), ({"vf": True}, False, True)]:
        model = npg.NPG("MlpPolicy", "CartPole-v1", **tiny(policy_kwargs={"layer_norm": given}))
        assert (model.config["policy"]["layer_norm"], model.config["value"]["layer_norm"]) == (of_policy, of_value)
        model.learn(128)


def test_state_dependent_exploration(tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", "Pendulum-v1", **tiny(use_sde=True, sde_sample_freq=4)).learn(64)
    assert (agent.config["policy"]["std"], agent.config["policy"]["sde_steps"]) == ("sde", 4)
    held = npg.NPG("MlpPolicy", "Pendulum-v1", **tiny(use_sde=True, sde_sample_freq=-1))
    assert held.config["policy"]["sde_steps"] == 64


def test_text_in_env_kwargs_is_passed_as_it_is() -> None:
    import tomllib

    from npg._sources import to_toml

    options = {
        "name": 'a "b" \\ \x7f ü 🤖\n',
        "count": 3,
        "ratio": 1e-7,
        "flag": True,
        "sizes": [1, 2],
        "far": float("inf"),
    }
    assert tomllib.loads(to_toml(options)) == options
    assert tomllib.loads(to_toml({"x": np.float32(0.5), "n": np.int64(3)})) == {"x": 0.5, "n": 3}
