"""One script for sb3-contrib's TRPO, with what docs/python.md says that it has to change: the import lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

# In place of: from sb3_contrib import TRPO
#              from stable_baselines3.common.callbacks import ...
#              from stable_baselines3.common.env_util import make_vec_env
#              from stable_baselines3.common.evaluation import evaluate_policy
from npg import TRPO, evaluate_policy, make_vec_env
from npg.callbacks import (
    BaseCallback,
    CallbackList,
    CheckpointCallback,
    EvalCallback,
    EveryNTimesteps,
    StopTrainingOnMaxEpisodes,
    StopTrainingOnNoModelImprovement,
    StopTrainingOnRewardThreshold,
)


class EntropyCallback(BaseCallback):
    """One of the user's own."""

    def __init__(self, verbose: int = 0) -> None:
        super().__init__(verbose)
        self.rows: list[tuple[int, float]] = []

    def _on_training_start(self) -> None:
        assert self.training_env.num_envs == 4

    def _on_step(self) -> bool:
        self.logger.record("mine/calls", self.n_calls)
        return True

    def _on_rollout_end(self) -> None:
        self.rows.append((self.num_timesteps, self.n_calls))


def linear_schedule(initial: float) -> Any:
    def schedule(progress_remaining: float) -> float:
        return progress_remaining * initial

    return schedule


def test_a_script_for_stable_baselines_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vec_env = make_vec_env("CartPole-v1", n_envs=4, seed=0)
    eval_env = make_vec_env("CartPole-v1", n_envs=2, seed=100)
    model = TRPO(
        "MlpPolicy",
        vec_env,
        learning_rate=linear_schedule(1e-3),
        n_steps=256,
        batch_size=128,
        gamma=0.99,
        gae_lambda=0.95,
        cg_max_steps=15,
        cg_damping=0.1,
        line_search_shrinking_factor=0.8,
        line_search_max_iter=10,
        n_critic_updates=10,
        normalize_advantage=True,
        target_kl=0.01,
        sub_sampling_factor=1,
        policy_kwargs={"net_arch": {"pi": [32], "vf": [32]}, "activation_fn": "tanh"},
        tensorboard_log=str(tmp_path / "tensorboard"),
        verbose=1,
        seed=0,
        device="cpu",
    )
    mine = EntropyCallback()
    evaluation = EvalCallback(
        eval_env,
        callback_on_new_best=StopTrainingOnRewardThreshold(reward_threshold=450.0, verbose=1),
        callback_after_eval=StopTrainingOnNoModelImprovement(max_no_improvement_evals=20, min_evals=5),
        n_eval_episodes=4,
        eval_freq=4096,
        best_model_save_path=str(tmp_path / "best"),
        log_path=str(tmp_path / "logs"),
    )
    callback = CallbackList(
        [
            mine,
            evaluation,
            CheckpointCallback(save_freq=8192, save_path=str(tmp_path / "checkpoints"), name_prefix="cartpole"),
            EveryNTimesteps(n_steps=4096, callback=lambda agent, metrics: None),
            StopTrainingOnMaxEpisodes(max_episodes=100_000),
        ]
    )
    model.learn(total_timesteps=60_000, callback=callback, log_interval=4, tb_log_name="first", progress_bar=False)
    assert mine.rows[0] == (1024, 1) and len(mine.rows) == len(model.history)
    assert model.logger is mine.logger and model.metrics["mine/calls"] == len(mine.rows)
    assert model.num_timesteps < 60_000 and evaluation.best_mean_reward >= 450.0  # it was stopped
    assert "stopped: the mean return is" in capsys.readouterr().out
    assert (tmp_path / "checkpoints" / "cartpole_8192_steps.safetensors").exists()
    header = (tmp_path / "tensorboard" / "first_1" / "progress.csv").read_text().splitlines()[0]
    assert {"eval/mean_reward", "eval/mean_ep_length", "mine/calls"} <= set(header.split(","))

    mean_reward, std_reward = evaluate_policy(model, eval_env, n_eval_episodes=10, deterministic=True)
    assert mean_reward > 200.0 and std_reward >= 0.0

    model.save(tmp_path / "trpo_cartpole")
    del model
    model = TRPO.load(tmp_path / "best" / "best_model", env=make_vec_env("CartPole-v1", n_envs=4))
    observations, _ = vec_env.reset()
    for _ in range(20):
        actions, _states = model.predict(observations, deterministic=True)
        observations, rewards, terminated, truncated, _ = vec_env.step(actions)
    assert rewards.shape == (4,)

    env = gym.make("CartPole-v1")
    obs, _ = env.reset(seed=1)
    total, done = 0.0, False
    while not done:
        action, _ = model.predict(obs, deterministic=True)
        obs, reward, terminated, truncated, _ = env.step(action)
        total, done = total + float(reward), terminated or truncated
    assert total > 100.0
    model.set_env(vec_env)
    with pytest.warns(UserWarning, match="learning_rate was a function"):
        model.learn(total_timesteps=1024, reset_num_timesteps=False)
    assert isinstance(model.get_parameters()["policy/theta"], np.ndarray)
