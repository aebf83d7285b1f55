"""Evaluation, by itself and as a callback of `learn`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import gymnasium

    from npg.agents import Agent


def evaluate_policy(
    model: Agent,
    env: Any,
    n_eval_episodes: int = 10,
    deterministic: bool = True,
    return_episode_rewards: bool = False,
    seed: int | None = None,
) -> Any:
    """Runs whole episodes.

    Args:
        model: anything with the method `predict`.
        env: an id (npg's own if it has it), a `gymnasium.Env` or a callable that makes one.
        n_eval_episodes: episodes.
        deterministic: the most probable actions, instead of sampled ones.
        return_episode_rewards: return the returns and lengths of the episodes, instead of mean and standard deviation.
        seed: of the first reset.

    Returns:
        (mean, standard deviation) of the returns, or (returns, lengths).
    """
    made, is_ours = _single(env)
    returns, lengths = [], []
    try:
        for episode in range(n_eval_episodes):
            observation, _ = made.reset(seed=seed if episode == 0 else None)
            total, length, is_over = 0.0, 0, False
            while not is_over:
                action, _ = model.predict(observation, deterministic=deterministic)
                observation, reward, terminated, truncated, _ = made.step(action)
                total, length, is_over = total + float(reward), length + 1, bool(terminated or truncated)
            returns.append(total)
            lengths.append(length)
    finally:
        if is_ours:
            made.close()
    return (returns, lengths) if return_episode_rewards else (float(np.mean(returns)), float(np.std(returns)))


def _single(env: Any) -> tuple[gymnasium.Env[Any, Any], bool]:
    """One environment, and whether it was made here."""
    import gymnasium

    from npg import _npg

    if isinstance(env, gymnasium.vector.VectorEnv):
        raise TypeError(
            "env is a vector environment; evaluation takes a single one, an id, or a callable that makes one"
        )
    if isinstance(env, gymnasium.Env):
        return env, False
    if isinstance(env, str):
        name = f"npg/{env}" if env in _npg.native_ids() else env.removeprefix("gym:")
        return gymnasium.make(name, disable_env_checker=True), True
    return env(), True


class EvalCallback:
    """A callback that evaluates the agent now and then and keeps the best one.

    Args:
        eval_env: what `evaluate_policy` takes; not the environment that is trained on.
        n_eval_episodes: episodes of an evaluation.
        eval_freq: transitions between evaluations.
        best_model_save_path: directory for `best_model.safetensors`.
        log_path: directory for `evaluations.npz`: `timesteps` (n,), `results` and `ep_lengths` (n, episodes).
        deterministic: the most probable actions, instead of sampled ones.
        callback_on_new_best: called with the agent and its mean return when that is the best so far; False stops.
        verbose: 1 prints a line for each evaluation.
    """

    def __init__(
        self,
        eval_env: Any,
        n_eval_episodes: int = 5,
        eval_freq: int = 10_000,
        best_model_save_path: str | Path | None = None,
        log_path: str | Path | None = None,
        deterministic: bool = True,
        callback_on_new_best: Callable[[Agent, float], Any] | None = None,
        verbose: int = 1,
    ) -> None:
        if n_eval_episodes < 1 or eval_freq < 1:
            raise ValueError(f"n_eval_episodes and eval_freq must be positive, got {n_eval_episodes} and {eval_freq}")
        self._env, self._episodes, self._every = eval_env, n_eval_episodes, eval_freq
        self._save_path, self._log_path = best_model_save_path, log_path
        self._deterministic, self._on_new_best, self._verbose = deterministic, callback_on_new_best, verbose
        #: Best mean return so far.
        self.best_mean_reward = -np.inf
        #: Mean return of the last evaluation.
        self.last_mean_reward = -np.inf
        self._last: int | None = None
        self._results: list[tuple[int, list[float], list[int]]] = []

    def __call__(self, agent: Agent, metrics: dict[str, Any]) -> bool:
        """Evaluates if a multiple of `eval_freq` has been passed; False if training is to stop."""
        steps = int(metrics["steps"])
        before, self._last = self._last or 0, steps
        if steps // self._every == before // self._every:
            return True
        returns, lengths = evaluate_policy(agent, self._env, self._episodes, self._deterministic, True)
        self.last_mean_reward = float(np.mean(returns))
        metrics["eval/mean_reward"] = self.last_mean_reward
        self._results.append((steps, returns, lengths))
        self._write()
        if self._verbose:
            print(f"evaluation after {steps:,} steps: {self.last_mean_reward:.2f} ± {np.std(returns):.2f}", flush=True)
        if self.last_mean_reward <= self.best_mean_reward:
            return True
        self.best_mean_reward = self.last_mean_reward
        if self._save_path is not None:
            Path(self._save_path).mkdir(parents=True, exist_ok=True)
            agent.save(Path(self._save_path) / "best_model")
        return self._on_new_best is None or self._on_new_best(agent, self.best_mean_reward) is not False

    def _write(self) -> None:
        if self._log_path is None:
            return
        Path(self._log_path).mkdir(parents=True, exist_ok=True)
        steps, returns, lengths = (np.array(column) for column in zip(*self._results, strict=True))
        file = Path(self._log_path) / "evaluations.npz"
        np.savez(file, timesteps=steps, results=returns, ep_lengths=lengths)
