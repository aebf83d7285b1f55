"""The most common callbacks of Stable-Baselines3. Where they count steps, these count transitions of all environments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from npg._arguments import path_of, whole
from npg.callbacks.base import BaseCallback, EventCallback
from npg.callbacks.evaluation import EvalCallback

if TYPE_CHECKING:
    from npg.progress import Progress


class CheckpointCallback(BaseCallback):
    """Saves the agent regularly, as `save_path/name_prefix_<transitions>_steps.safetensors`.

    Args:
        save_freq: transitions between files (Stable-Baselines3 counts steps of each environment); a file is written after
            the iteration that passes a multiple.
        save_path: directory, which is made.
        name_prefix: beginning of the files' names.
        save_replay_buffer: must be False, because there is none.
        save_vecnormalize: ignored, because statistics are in the file.
        verbose: 1 prints the name of each file.
    """

    def __init__(
        self,
        save_freq: int,
        save_path: str | Path,
        name_prefix: str = "rl_model",
        save_replay_buffer: bool = False,
        save_vecnormalize: bool = False,
        verbose: int = 0,
    ) -> None:
        super().__init__(verbose)
        if save_replay_buffer:
            raise ValueError("save_replay_buffer is True, but npg's algorithms have no replay buffer; leave it out")
        self.save_freq = whole("save_freq", save_freq, 1)
        self.save_path, self.name_prefix = path_of("save_path", save_path), name_prefix
        self._last = 0

    def _on_training_start(self) -> None:
        self._last = self.num_timesteps

    def _on_step(self) -> bool:
        before, self._last = self._last, self.num_timesteps
        if self._last // self.save_freq > before // self.save_freq:
            file = self.save_path / f"{self.name_prefix}_{self.num_timesteps}_steps.safetensors"
            self.model.save(file)
            if self.verbose:
                print(f"saved {file}", flush=True)
        return True


class EveryNTimesteps(EventCallback):
    """Calls another callback after the first iteration that is `n_steps` transitions or more after the last call.

    Args:
        n_steps: transitions between calls.
        callback: an object, a function of the agent and its metrics, or a list of these.
    """

    def __init__(self, n_steps: int, callback: Any) -> None:
        super().__init__(callback)
        self.n_steps = whole("n_steps", n_steps, 1)
        self.last_time_trigger = 0

    def _on_training_start(self) -> None:
        self.last_time_trigger = self.num_timesteps
        super()._on_training_start()

    def _on_step(self) -> bool:
        if self.num_timesteps - self.last_time_trigger < self.n_steps:
            return True
        self.last_time_trigger = self.num_timesteps
        return self._on_event()


class StopTrainingOnRewardThreshold(BaseCallback):
    """Stops training when an `EvalCallback`'s best mean return reaches a threshold.

    Args:
        reward_threshold: the smallest mean return that is enough.
        verbose: 1 prints why training stops.
    """

    def __init__(self, reward_threshold: float, verbose: int = 0) -> None:
        super().__init__(verbose)
        self.reward_threshold = reward_threshold

    def _init_callback(self) -> None:
        evaluation_of(self, "callback_on_new_best")

    def _on_step(self) -> bool:
        best = evaluation_of(self, "callback_on_new_best").best_mean_reward
        goes_on = best < self.reward_threshold
        if self.verbose and not goes_on:
            print(f"stopped: the mean return is {best:.2f}, at least {self.reward_threshold}", flush=True)
        return goes_on


class StopTrainingOnNoModelImprovement(BaseCallback):
    """Stops training when an `EvalCallback` has found no new best in several evaluations in a row.

    Args:
        max_no_improvement_evals: the most evaluations without a new best.
        min_evals: evaluations at the beginning that do not count.
        verbose: 1 says why training stops.
    """

    def __init__(self, max_no_improvement_evals: int, min_evals: int = 0, verbose: int = 0) -> None:
        super().__init__(verbose)
        self.max_no_improvement_evals, self.min_evals = max_no_improvement_evals, min_evals
        self.last_best_mean_reward = float("-inf")
        self.no_improvement_evals = 0

    def _init_callback(self) -> None:
        evaluation_of(self, "callback_after_eval")

    def _on_step(self) -> bool:
        best = evaluation_of(self, "callback_after_eval").best_mean_reward
        is_better, self.last_best_mean_reward = best > self.last_best_mean_reward, best
        if self.n_calls <= self.min_evals:
            return True
        self.no_improvement_evals = 0 if is_better else self.no_improvement_evals + 1
        goes_on = self.no_improvement_evals <= self.max_no_improvement_evals
        if self.verbose and not goes_on:
            print(f"stopped: no new best in the last {self.no_improvement_evals} evaluations", flush=True)
        return goes_on


class StopTrainingOnMaxEpisodes(BaseCallback):
    """Stops training after a number of episodes, at the end of the iteration in which the last of them ends.

    Args:
        max_episodes: episodes per environment on average, as in Stable-Baselines3. All environments together end `n_envs`
            times as many.
        verbose: 1 says why training stops.
    """

    def __init__(self, max_episodes: int, verbose: int = 0) -> None:
        super().__init__(verbose)
        self.max_episodes = whole("max_episodes", max_episodes, 1)
        #: Episodes of this call of `learn`.
        self.n_episodes = 0
        self._before = 0

    def _on_training_start(self) -> None:
        self._before = self.model.num_episodes

    def _on_step(self) -> bool:
        self.n_episodes = self.model.num_episodes - self._before
        goes_on = self.n_episodes < self.max_episodes * self.model.n_envs
        if self.verbose and not goes_on:
            print(f"stopped after {self.n_episodes} episodes, {self.num_timesteps:,} steps", flush=True)
        return goes_on


class ProgressBarCallback(BaseCallback):
    """Shows a bar, like `learn(progress_bar=True)`."""

    def __init__(self) -> None:
        super().__init__()
        self._progress: Progress | None = None

    def _on_training_start(self) -> None:
        from npg.progress import Progress

        self._progress = Progress(self.model, self.locals["total_timesteps"], 0, True, None)

    def _on_step(self) -> bool:
        if self._progress is not None:
            self._progress.iteration(self.metrics)
        return True

    def _on_training_end(self) -> None:
        if self._progress is not None:
            self._progress.end()


def evaluation_of(callback: BaseCallback, argument: str) -> EvalCallback:
    """The `EvalCallback` that calls this one.

    Raises:
        ValueError: if there is none.
    """
    if isinstance(callback.parent, EvalCallback):
        return callback.parent
    name = type(callback).__name__
    raise ValueError(f"{name} needs evaluations: pass it to an evaluation, EvalCallback(..., {argument}={name}(...))")
