"""Callbacks as functions, objects and lists."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import npg
from npg import callbacks

Tiny = Callable[..., dict[str, Any]]


class Counted(gymnasium.Env[Any, Any]):
    """Episodes of a given length that pay 1 a step."""

    observation_space, action_space = spaces.Box(-1.0, 1.0, (2,), np.float32), spaces.Discrete(2)

    def __init__(self, length: int = 4) -> None:
        self.length, self.steps = length, 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.steps = 0
        return np.zeros(2, np.float32), {}

    def step(self, action: Any) -> Any:
        self.steps += 1
        return np.zeros(2, np.float32), 1.0, self.steps >= self.length, False, {}


class Paid(Counted):
    """Episodes of one step, whose returns are those of a list, in a circle."""

    def __init__(self, *returns: float) -> None:
        super().__init__(1)
        self.returns, self.count = returns, 0

    def step(self, action: Any) -> Any:
        self.count += 1
        return np.zeros(2, np.float32), self.returns[(self.count - 1) % len(self.returns)], True, False, {}


class Told(npg.BaseCallback):
    """Writes down what is called."""

    def __init__(self, answer: Any = True) -> None:
        super().__init__()
        self.calls: list[tuple[str, int]] = []
        self.answer = answer

    def _told(self, name: str) -> None:
        self.calls.append((name, self.model.num_timesteps))

    def _init_callback(self) -> None:
        self._told("init")

    def _on_training_start(self) -> None:
        assert self.locals["total_timesteps"] == self.model.num_timesteps + 128
        self._told("start")

    def _on_rollout_start(self) -> None:
        self._told("rollout")

    def _on_step(self) -> Any:
        assert self.num_timesteps == self.model.num_timesteps == self.metrics["steps"]
        assert self.metrics is self.model.metrics
        self._told("step")
        return self.answer

    def _on_rollout_end(self) -> None:
        self._told("rollout end")

    def _on_training_end(self) -> None:
        self._told("end")


def test_a_callback_object_is_told_of_everything(tiny: Tiny) -> None:
    callback = Told()
    npg.NPG("MlpPolicy", "CartPole-v1", **tiny()).learn(128, callback=callback)
    assert callback.calls == [
        *[("init", 0), ("start", 0)],
        *[("rollout", 0), ("step", 64), ("rollout end", 64)],
        *[("rollout", 64), ("step", 128), ("rollout end", 128)],
        ("end", 128),
    ]
    assert callback.n_calls == 2


@pytest.mark.parametrize("answer", [False, np.bool_(False), np.array(False), 0, np.float64(0.0)], ids=repr)
def test_whatever_is_false_stops_training(answer: Any, tiny: Tiny) -> None:
    for callback in (lambda agent, metrics: answer, Told(answer), [lambda agent, metrics: answer, Told()]):
        agent = npg.NPG("MlpPolicy", "CartPole-v1", **tiny()).learn(128, callback=callback)
        assert agent.num_timesteps == 64


@pytest.mark.parametrize("answer", [None, True, np.bool_(True), 1, "yes"], ids=repr)
def test_nothing_else_stops_training(answer: Any, tiny: Tiny) -> None:
    for callback in (lambda agent, metrics: answer, Told(answer)):
        assert npg.NPG("MlpPolicy", "CartPole-v1", **tiny()).learn(128, callback=callback).num_timesteps == 128


def test_an_answer_that_is_neither_true_nor_false_is_named(tiny: Tiny) -> None:
    def several(agent: npg.NPG, metrics: dict[str, Any]) -> Any:
        return np.array([True, False])

    agent = npg.NPG("MlpPolicy", "CartPole-v1", **tiny())
    with pytest.raises(TypeError, match=r"several returned array\(.*neither true nor false"):
        agent.learn(128, callback=several)
    assert agent.learn(64).num_timesteps == 128


class OfStableBaselines:
    """What an object of theirs looks like."""

    def init_callback(self, model: Any) -> None: ...
    def on_step(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        (3, "callback is 3"),
        ([lambda agent, metrics: None, "x"], "callback is 'x'"),
        (npg.EvalCallback, r"pass an object: EvalCallback\(\.\.\.\)"),
        (OfStableBaselines(), "OfStableBaselines, which expects a call in each step"),
        (lambda agent: None, "<lambda> must be callable with the agent and its metrics"),
    ],
)
def test_what_is_no_callback_is_named_before_training(callback: Any, message: str, tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", "CartPole-v1", **tiny())
    with pytest.raises(TypeError, match=message):
        agent.learn(128, callback=callback)
    assert agent.num_timesteps == 0


def test_values_of_single_steps_are_refused_by_name(tiny: Tiny) -> None:
    class Curious(npg.BaseCallback):
        def _on_step(self) -> bool:
            for read in (lambda: self.locals["rewards"], lambda: self.locals.get("infos", [])):
                with pytest.raises(KeyError, match="of a single step, but npg calls callbacks once per iteration"):
                    read()
            assert self.locals.get("mine", 3) == 3
            with pytest.raises(KeyError, match="locals has self, total_timesteps"):
                self.locals["mine"]
            with pytest.raises(AttributeError, match=r"from 'CartPole-v1'; model\.n_envs is their number"):
                self.training_env  # noqa: B018
            return True

    npg.NPG("MlpPolicy", "CartPole-v1", **tiny()).learn(64, callback=Curious())


def test_numbers_that_a_callback_records_are_metrics_and_in_the_logs(
    tmp_path: Path, tiny: Tiny, capfd: pytest.CaptureFixture[str]
) -> None:
    class Recording(npg.BaseCallback):
        def _on_rollout_start(self) -> None:
            self.logger.record("mine/before", self.model.num_timesteps)

        def _on_step(self) -> bool:
            if self.n_calls > 1:  # so that a column comes later
                self.logger.record("mine/later", np.float32(0.5), exclude="csv")
            for number in (1, 2, 6):
                self.logger.record_mean("mine/mean", number)
            self.logger.dump(self.num_timesteps)
            self.metrics["mine/text"] = "no number"
            with pytest.raises(TypeError, match="mine/text"):
                self.logger.record("mine/text", "no number")
            return True

    agent = npg.NPG("MlpPolicy", "CartPole-v1", tensorboard_log=str(tmp_path), **tiny())
    agent.learn(192, callback=Recording())
    assert [metrics["mine/before"] for metrics in agent.history] == [0, 64, 128]
    assert [metrics["mine/mean"] for metrics in agent.history] == [3.0, 3.0, 3.0]
    header, *rows = (tmp_path / "NPG_1" / "progress.csv").read_text().splitlines()
    at = header.split(",").index("mine/later")
    assert [row.split(",")[at] for row in rows] == ["", "0.5", "0.5"]
    said = capfd.readouterr().err
    assert said.count("metric mine/text is a str") == 1 and said.count("npg:") == 1, said


def test_an_evaluation_has_its_columns_without_a_complaint(
    tmp_path: Path, tiny: Tiny, capfd: pytest.CaptureFixture[str]
) -> None:
    callback = npg.EvalCallback("CartPole-v1", n_eval_episodes=1, eval_freq=128, verbose=0)
    agent = npg.NPG("MlpPolicy", "CartPole-v1", tensorboard_log=str(tmp_path), **tiny())
    agent.learn(256, callback=callback)
    assert capfd.readouterr().err == ""
    header, *rows = (tmp_path / "NPG_1" / "progress.csv").read_text().splitlines()
    at = header.split(",").index("eval/mean_reward")
    assert [row.split(",")[at] != "" for row in rows] == [False, True, False, True]
    assert {len(row.split(",")) for row in rows} == {len(header.split(","))}


@pytest.mark.parametrize(
    "make", [lambda: Counted, lambda: lambda: Counted(), lambda: Counted(), lambda: "gym:CartPole-v1"]
)
def test_an_evaluation_takes_classes_callables_environments_and_ids(make: Callable[[], Any], tiny: Tiny) -> None:
    env = make()
    trained = "CartPole-v1" if isinstance(env, str) else Counted
    callback = npg.EvalCallback(env, n_eval_episodes=2, eval_freq=64, verbose=0)
    npg.NPG("MlpPolicy", trained, **tiny()).learn(64, callback=callback)
    assert callback.last_mean_reward > 0.0


def test_an_evaluation_checks_its_environment_when_it_is_made(tiny: Tiny) -> None:
    for env, error, message in [
        (3, TypeError, "env is a int"),
        (lambda: 3, TypeError, r"env\(\) returned a int"),
        ("Cartpole-v17", gymnasium.error.Error, "Cartpole"),
        (None, TypeError, "env is a NoneType"),
    ]:
        with pytest.raises(error, match=message):
            npg.EvalCallback(env)
    agent = npg.NPG("MlpPolicy", "Pendulum-v1", **tiny())
    with pytest.raises(ValueError, match="observation_space of eval_env is .*but the agent's"):
        agent.learn(64, callback=npg.EvalCallback("CartPole-v1"))
    assert agent.num_timesteps == 0


def test_the_environment_of_training_is_refused_also_in_a_wrapper(tiny: Tiny) -> None:
    env = Counted()
    for same in (env, gymnasium.wrappers.RecordEpisodeStatistics(env), gymnasium.vector.SyncVectorEnv([lambda: env])):
        agent = npg.NPG("MlpPolicy", env, **tiny())
        with pytest.raises(ValueError, match="training environment"):
            agent.learn(64, callback=npg.EvalCallback(same))
        assert agent.num_timesteps == 0


def test_checkpoints_now_and_then(tmp_path: Path, tiny: Tiny, capsys: pytest.CaptureFixture[str]) -> None:
    callback = npg.CheckpointCallback(100, tmp_path / "new", name_prefix="mine", save_vecnormalize=True, verbose=1)
    agent = npg.TRPO("MlpPolicy", "CartPole-v1", **tiny()).learn(320, callback=callback)
    names = sorted(file.name for file in (tmp_path / "new").iterdir())
    assert names == [f"mine_{steps}_steps.safetensors" for steps in (128, 256, 320)]
    loaded = npg.load(tmp_path / "new" / "mine_320_steps")
    assert isinstance(loaded, npg.TRPO) and np.array_equal(loaded.policy.theta, agent.policy.theta)
    assert capsys.readouterr().out.count("saved ") == 3
    for arguments, message in [({"save_freq": 0}, "save_freq is 0"), ({"save_replay_buffer": True}, "replay_buffer")]:
        with pytest.raises(ValueError, match=message):
            npg.CheckpointCallback(**{"save_freq": 10, "save_path": tmp_path, **arguments})


def test_every_n_timesteps_calls_what_it_is_given(tiny: Tiny) -> None:
    seen: list[int] = []
    callback = npg.EveryNTimesteps(128, lambda agent, metrics: seen.append(metrics["steps"]))
    npg.NPG("MlpPolicy", "CartPole-v1", **tiny()).learn(5 * 64, callback=callback)
    assert seen == [128, 256]
    stops = npg.EveryNTimesteps(128, [Told(), Told(False)])
    assert npg.NPG("MlpPolicy", "CartPole-v1", **tiny()).learn(128, callback=stops).num_timesteps == 128


def test_a_mean_that_is_no_number_is_no_best(tiny: Tiny) -> None:
    callback = npg.EvalCallback(Paid(1.0, float("nan"), 2.0), n_eval_episodes=1, eval_freq=64, verbose=0)
    npg.NPG("MlpPolicy", Counted(), **tiny()).learn(192, callback=callback)
    assert (callback.best_mean_reward, callback.last_mean_reward) == (2.0, 2.0)


def test_a_reward_threshold_stops(tiny: Tiny, capsys: pytest.CaptureFixture[str]) -> None:
    def callback(threshold: float) -> npg.EvalCallback:
        stop = npg.StopTrainingOnRewardThreshold(threshold, verbose=1)
        return npg.EvalCallback(Paid(1.0, 5.0, 9.0), stop, n_eval_episodes=1, eval_freq=64, verbose=0)

    for threshold, steps in [(1.0, 64), (5.0, 128), (7.0, 192), (10.0, 256)]:
        agent = npg.NPG("MlpPolicy", Counted(), **tiny()).learn(256, callback=callback(threshold))
        assert agent.num_timesteps == steps
    assert "the mean return is 5.00, at least 5.0" in capsys.readouterr().out


def test_no_improvement_stops(tiny: Tiny) -> None:
    def steps(*returns: float, min_evals: int = 0) -> int:
        stop = npg.StopTrainingOnNoModelImprovement(max_no_improvement_evals=1, min_evals=min_evals)
        callback = npg.EvalCallback(
            Paid(*returns), callback_after_eval=stop, n_eval_episodes=1, eval_freq=64, verbose=0
        )
        return npg.NPG("MlpPolicy", Counted(), **tiny()).learn(6 * 64, callback=callback).num_timesteps // 64

    assert steps(1, 2, 3, 4, 5, 6) == 6
    assert steps(3, 2, 1, 4) == 3  # the second evaluation without a new best, and one is allowed
    assert steps(3, 2, 4, 1, 2, 5) == 5
    assert steps(3, 2, 1, 1, 1, 1, min_evals=3) == 5


@pytest.mark.parametrize("n_envs", [1, 3])
def test_so_many_episodes_stop(n_envs: int, tiny: Tiny) -> None:
    callback = npg.StopTrainingOnMaxEpisodes(32)
    agent = npg.NPG("MlpPolicy", Counted, **tiny(n_envs=n_envs, n_steps=16)).learn(10_000, callback=callback)
    assert (agent.num_timesteps, agent.num_episodes, callback.n_episodes) == (128 * n_envs, 32 * n_envs, 32 * n_envs)
    agent.learn(10_000, callback=callback)  # of this call
    assert (agent.num_timesteps, callback.n_episodes) == (256 * n_envs, 32 * n_envs)


def test_callbacks_of_evaluations_say_where_they_belong(tiny: Tiny) -> None:
    agent = npg.NPG("MlpPolicy", "CartPole-v1", **tiny())
    for stop in (npg.StopTrainingOnRewardThreshold(1.0), npg.StopTrainingOnNoModelImprovement(1)):
        with pytest.raises(ValueError, match=rf"EvalCallback\(\.\.\., callback_.*={type(stop).__name__}"):
            agent.learn(64, callback=[stop])
    assert agent.num_timesteps == 0


def test_functions_of_an_evaluation_get_its_mean(tiny: Tiny) -> None:
    seen: list[tuple[str, float]] = []
    callback = npg.EvalCallback(
        Paid(2.0, 1.0, 3.0),
        callback_on_new_best=lambda agent, mean: seen.append(("best", mean)),
        callback_after_eval=[lambda agent, mean: seen.append(("after", mean)), Told()],
        n_eval_episodes=1,
        eval_freq=64,
        verbose=0,
    )
    agent = npg.NPG("MlpPolicy", Counted(), **tiny())
    agent.learn(128, callback=callback).learn(128, callback=callback)
    assert seen == [("best", 2.0), ("after", 2.0), ("after", 1.0), ("best", 3.0), ("after", 3.0), ("after", 2.0)]


def test_a_progress_bar_as_a_callback(tiny: Tiny, capfd: pytest.CaptureFixture[str]) -> None:
    npg.NPG("MlpPolicy", "CartPole-v1", **tiny()).learn(128, callback=npg.ProgressBarCallback())
    bars = capfd.readouterr().err
    assert " 50% 64 steps" in bars and "100% 128 steps" in bars and bars.endswith("\n")


def test_a_callback_can_be_called_from_a_function(tiny: Tiny) -> None:
    inner = Told()
    npg.NPG("MlpPolicy", "CartPole-v1", **tiny()).learn(128, callback=lambda agent, metrics: inner(agent, metrics))
    assert inner.calls == [("init", 64), ("step", 64), ("step", 128)]


def test_the_names_of_stable_baselines_are_there() -> None:
    for name in npg.__all__:
        if name.endswith("Callback") or name.startswith(("Stop", "Every")):
            assert getattr(callbacks, name) is getattr(npg, name)
