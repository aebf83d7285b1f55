"""Evaluation, by itself and as a callback of `learn`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from npg._groups import autoreset_mode

if TYPE_CHECKING:
    from npg.agents import Agent


def evaluate_policy(
    model: Agent,
    env: Any,
    n_eval_episodes: int = 10,
    deterministic: bool = True,
    render: bool = False,
    callback: None = None,
    reward_threshold: float | None = None,
    return_episode_rewards: bool = False,
    warn: bool = True,
    *,
    seed: int | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """Runs whole episodes.

    Args:
        model: anything with the method `predict`.
        env: an id (npg's own if it has it), a `gymnasium.Env`, a `gymnasium.vector.VectorEnv`, or a callable that makes one.
        n_eval_episodes: episodes.
        deterministic: the most probable actions, instead of sampled ones.
        render: must be False.
        callback: must be None.
        reward_threshold: raise an AssertionError if the mean is not above it.
        return_episode_rewards: return the returns and lengths of the episodes, instead of mean and standard deviation.
        warn: of no meaning.
        seed: of the first reset.
        env_kwargs: options of an environment that is named by its id.

    Returns:
        (mean, standard deviation) of the returns, or (returns, lengths).
    """
    if render or callback is not None:
        raise ValueError("render and callback are not supported; leave them out")
    if n_eval_episodes < 1:
        raise ValueError(f"n_eval_episodes is {n_eval_episodes}; it must be at least 1")
    made, is_ours = _made(env, env_kwargs)
    try:
        episodes = _episodes_of_vector if hasattr(made, "num_envs") else _episodes
        returns, lengths = episodes(model, made, n_eval_episodes, deterministic, seed)
    finally:
        if is_ours:
            made.close()
    mean = float(np.mean(returns))
    if reward_threshold is not None:
        assert mean > reward_threshold, f"the mean return is {mean:.2f}, not above {reward_threshold:.2f}"
    return (returns, lengths) if return_episode_rewards else (mean, float(np.std(returns)))


Episodes = tuple[list[float], list[int]]


def _episodes(model: Agent, env: Any, count: int, deterministic: bool, seed: int | None) -> Episodes:
    returns, lengths = [], []
    for episode in range(count):
        observation, _ = env.reset(seed=seed if episode == 0 else None)
        total, length, is_over = 0.0, 0, False
        while not is_over:
            action, _ = model.predict(observation, deterministic=deterministic)
            observation, reward, terminated, truncated, _ = env.step(action)
            total, length, is_over = total + float(reward), length + 1, bool(terminated or truncated)
        returns.append(total)
        lengths.append(length)
    return returns, lengths


def _episodes_of_vector(model: Agent, env: Any, count: int, deterministic: bool, seed: int | None) -> Episodes:
    """Each environment runs its share of the episodes, so that short ones are not preferred."""
    mode = autoreset_mode(env)
    shares = np.full(env.num_envs, count // env.num_envs) + (np.arange(env.num_envs) < count % env.num_envs)
    totals, steps, begins = np.zeros(env.num_envs), np.zeros(env.num_envs, int), np.zeros(env.num_envs, bool)
    returns: list[float] = []
    lengths: list[int] = []
    observation, _ = env.reset(seed=seed)
    while shares.any():
        action, _ = model.predict(observation, deterministic=deterministic)
        observation, rewards, terminated, truncated, _ = env.step(action)
        totals, steps = totals + np.where(begins, 0.0, rewards), steps + ~begins
        ended = np.asarray(terminated | truncated, bool)
        for index in np.flatnonzero(ended):
            if shares[index] > 0:
                shares[index] -= 1
                returns.append(float(totals[index]))
                lengths.append(int(steps[index]))
        totals[ended], steps[ended] = 0.0, 0
        begins = ended if mode == "next-step" else np.zeros_like(ended)
        if mode == "disabled" and ended.any():
            observation, _ = env.reset(options={"reset_mask": ended})
    return returns, lengths


def _made(env: Any, env_kwargs: Mapping[str, Any] | None) -> tuple[Any, bool]:
    """The environment, and whether it was made here."""
    import gymnasium
    import gymnasium.vector

    from npg import _npg

    if isinstance(env, str):
        name = f"npg/{env}" if env in _npg.native_ids() else env.removeprefix("gym:")
        return gymnasium.make(name, disable_env_checker=True, **(env_kwargs or {})), True
    if env_kwargs:
        raise TypeError("env_kwargs goes with an id; this environment is made already, or makes itself")
    if isinstance(env, (gymnasium.Env, gymnasium.vector.VectorEnv)):
        return env, False
    if callable(env):
        return env(), True
    raise TypeError(f"env is a {type(env).__name__}; it must be an id, an environment, or a callable that makes one")


class EvalCallback:
    """A callback that evaluates the agent now and then and keeps the best one.

    Args:
        eval_env: what `evaluate_policy` takes; not the environment that is trained on.
        callback_on_new_best: called with the agent and its mean return when that is the best so far; False stops.
        callback_after_eval: called likewise after every evaluation.
        n_eval_episodes: episodes of an evaluation.
        eval_freq: transitions between evaluations (Stable-Baselines3 counts steps of each environment).
        log_path: directory for `evaluations.npz`: `timesteps` (n,), `results` and `ep_lengths` (n, episodes).
        best_model_save_path: directory for `best_model.safetensors`.
        deterministic: the most probable actions, instead of sampled ones.
        render: must be False.
        verbose: 1 prints a line for each evaluation.
        warn: of no meaning.
        env_kwargs: options of an environment that is named by its id.
    """

    def __init__(
        self,
        eval_env: Any,
        callback_on_new_best: Callable[[Agent, float], Any] | None = None,
        callback_after_eval: Callable[[Agent, float], Any] | None = None,
        n_eval_episodes: int = 5,
        eval_freq: int = 10_000,
        log_path: str | Path | None = None,
        best_model_save_path: str | Path | None = None,
        deterministic: bool = True,
        render: bool = False,
        verbose: int = 1,
        warn: bool = True,
        *,
        env_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        if n_eval_episodes < 1 or eval_freq < 1:
            raise ValueError(f"n_eval_episodes and eval_freq must be positive, got {n_eval_episodes} and {eval_freq}")
        if render:
            raise ValueError("render is not supported; leave it out")
        for name, given in (
            ("callback_on_new_best", callback_on_new_best),
            ("callback_after_eval", callback_after_eval),
        ):
            if given is not None and not callable(given):
                raise TypeError(f"{name} is {given!r}; it must be callable with the agent and a mean return")
        self._env, self._episodes, self._every = eval_env, n_eval_episodes, eval_freq
        self._save_path, self._log_path = best_model_save_path, log_path
        self._deterministic, self._verbose, self._env_kwargs = deterministic, verbose, env_kwargs
        self._on_new_best, self._after = callback_on_new_best, callback_after_eval
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
        if self._env is agent.get_env() and not isinstance(self._env, str) and hasattr(self._env, "step"):
            raise ValueError("eval_env is the environment that is trained on; give another one, an id or a callable")
        returns, lengths = evaluate_policy(
            agent,
            self._env,
            self._episodes,
            self._deterministic,
            return_episode_rewards=True,
            env_kwargs=self._env_kwargs,
        )
        self.last_mean_reward = float(np.mean(returns))
        metrics["eval/mean_reward"] = self.last_mean_reward
        self._results.append((steps, returns, lengths))
        self._write()
        if self._verbose:
            print(f"evaluation after {steps:,} steps: {self.last_mean_reward:.2f} ± {np.std(returns):.2f}", flush=True)
        goes_on = self._after is None or self._after(agent, self.last_mean_reward) is not False
        if self.last_mean_reward <= self.best_mean_reward:
            return goes_on
        self.best_mean_reward = self.last_mean_reward
        if self._save_path is not None:
            Path(self._save_path).mkdir(parents=True, exist_ok=True)
            agent.save(Path(self._save_path) / "best_model")
        return (self._on_new_best is None or self._on_new_best(agent, self.best_mean_reward) is not False) and goes_on

    def _write(self) -> None:
        if self._log_path is None:
            return
        Path(self._log_path).mkdir(parents=True, exist_ok=True)
        steps, returns, lengths = (np.array(column) for column in zip(*self._results, strict=True))
        file = Path(self._log_path) / "evaluations.npz"
        np.savez(file, timesteps=steps, results=returns, ep_lengths=lengths)
