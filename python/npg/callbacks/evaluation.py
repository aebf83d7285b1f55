"""Evaluation, as a function and as a callback of `learn`."""

from __future__ import annotations

import contextlib
import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from npg import _npg
from npg._acting import Acting
from npg._arguments import acting, path_of, truth, whole
from npg._arrays import doubles, flag, flags, number
from npg._groups import autoreset_mode, of_first, of_step
from npg._masks import SingleReader, VectorReader, check_choice, find
from npg._sources import unknown_ids_told
from npg._spaces import describe
from npg._warnings import TrainingWarning
from npg.callbacks.base import BaseCallback, ConvertCallback, EventCallback, as_callback

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
    max_episode_steps: int | None = None,
    action_masks: str | None = None,
) -> Any:
    """Runs whole episodes.

    Args:
        model: anything with the method `predict`.
        env: an id (npg's own if it has it), a `gymnasium.Env`, a `gymnasium.vector.VectorEnv`, or a callable that makes one.
        n_eval_episodes: the number of episodes.
        deterministic: the most probable actions, instead of sampled ones.
        render: must be False.
        callback: must be None.
        reward_threshold: raise an AssertionError if the mean is not above it.
        return_episode_rewards: return the returns and lengths of the episodes, instead of mean and standard deviation.
        warn: ignored.
        seed: the seed of the first reset.
        env_kwargs: options of the environment, if `env` is an id.
        max_episode_steps: an episode that has not ended after this many steps is cut, with a warning. The default is 50,000, or
            the environment's registered limit if that is longer, as in `npg eval`.
        action_masks: where the environment has action masks, as for an agent's constructor; by default as the agent was told.

    Returns:
        (mean, standard deviation) of the returns, or (returns, lengths).

    Raises:
        ValueError: if the model was trained with action masks and the environment has none.

    Warns:
        TrainingWarning: if episodes were cut.
    """
    if render or callback is not None:
        raise ValueError("render and callback are not supported; leave them out")
    acting("model", model)
    n_eval_episodes = whole("n_eval_episodes", n_eval_episodes, 1)
    max_episode_steps = None if max_episode_steps is None else whole("max_episode_steps", max_episode_steps, 1)
    seed = None if seed is None else whole("seed", seed, 0, 2**63)
    made, is_ours = _made(env, env_kwargs)
    try:
        episodes = _episodes_of_vector if hasattr(made, "num_envs") else _episodes
        longest = _longest(made) if max_episode_steps is None else max_episode_steps
        actor = _Actor(model, made, deterministic, action_masks)
        returns, lengths, cut = episodes(actor, made, n_eval_episodes, seed, longest)
    finally:
        if is_ours:
            made.close()
    if cut:
        text = f"{cut} of {n_eval_episodes} evaluation episodes had not ended after {longest} steps and were cut there"
        warnings.warn(f"{text}; max_episode_steps sets another limit", TrainingWarning, stacklevel=2)
    mean = float(np.mean(returns))
    if reward_threshold is not None:
        assert mean > reward_threshold, f"the mean return is {mean:.2f}, not above {reward_threshold:.2f}"
    return (returns, lengths) if return_episode_rewards else (mean, float(np.std(returns)))


#: Returns and lengths, and how many episodes were cut.
Episodes = tuple[list[float], list[int], int]


def _longest(env: Any) -> int:
    """The number of steps after which an episode is cut. It is the same as in the program."""
    registered = getattr(getattr(env, "spec", None), "max_episode_steps", None)
    return max(_npg.LONGEST_EPISODE, registered or 0)


class _Actor:
    """A model that acts in an environment, with the action masks of the environment if there are any.

    Args:
        model: the model.
        env: a `gymnasium.Env` or a `gymnasium.vector.VectorEnv`.
        deterministic: whether it takes the most probable action.
        action_masks: where the masks are, if the user says so.
    """

    def __init__(self, model: Agent, env: Any, deterministic: bool, action_masks: str | None) -> None:
        self._model, self._deterministic = model, deterministic
        self._reader: SingleReader | VectorReader | None = None
        #: The masks for the next action.
        self._masks: Any = None
        if not _takes_masks(model):
            return
        prefix = "single_" if hasattr(env, "num_envs") else ""
        spaces = getattr(env, f"{prefix}observation_space"), getattr(env, f"{prefix}action_space")
        agent = model if isinstance(model, Acting) else None
        choice = check_choice(action_masks or (agent._resolved.action_masks if agent else "auto"))
        masks = find(choice, env, spaces, describe(spaces[1]))
        if masks is not None:
            self._reader = VectorReader(masks, env) if prefix else SingleReader(masks, env)
        elif agent is not None and agent.policy.is_masked:
            raise ValueError(
                "the agent was trained with action masks, and the environment of the evaluation has none where they are looked "
                f"for (action_masks={choice!r}). Pass action_masks='info' if they are in info, and env_kwargs={{'mask': True}} "
                "for npg's own environments"
            )

    def look(self, observation: Any, info: Any, which: Any = None, is_reset: bool = False) -> None:
        """Reads the masks after a reset or a step, in a vector environment those of the environments `which`. With `is_reset`,
        the others stay as they are, because only these have been reset.
        """
        if isinstance(self._reader, VectorReader):
            masks = self._reader.read(observation, info, which)
            if is_reset and self._masks is not None:
                masks[~which] = self._masks[~which]
            self._masks = masks
        elif self._reader is not None:
            self._masks = self._reader.read(observation, info)

    def act(self, observation: Any) -> Any:
        """The action after an observation."""
        arguments = {} if self._reader is None else {"action_masks": self._masks}
        return self._model.predict(observation, deterministic=self._deterministic, **arguments)[0]

    @contextlib.contextmanager
    def told(self, where: Callable[[], str]) -> Iterator[None]:
        """Notes on an exception where it was raised, because a mask that is wrong does not say."""
        try:
            yield
        except (TypeError, ValueError) as error:
            if self._reader is not None:
                error.add_note(f"npg: in evaluation, {where()}")
            raise


def _takes_masks(model: Any) -> bool:
    """Whether its method `predict` has the argument `action_masks`."""
    try:
        return "action_masks" in inspect.signature(model.predict).parameters
    except (TypeError, ValueError):
        return False


def _episodes(actor: _Actor, env: Any, count: int, seed: int | None, longest: int) -> Episodes:
    returns: list[float] = []
    lengths: list[int] = []
    cut = 0
    for episode in range(count):
        observation, info = of_first(env.reset(seed=seed if episode == 0 else None))
        total, length, is_over = 0.0, 0, False
        while not is_over and length < longest:
            with actor.told(lambda: f"episode {len(returns)}, step {length}"):  # noqa: B023 (it is called inside)
                actor.look(observation, info)
                action = actor.act(observation)
            observation, reward, terminated, truncated, info = of_step(env.step(action))
            total, length = total + number(reward, "the reward of environment", 0), length + 1
            is_over = flag(terminated, "terminated of environment", 0) or flag(truncated, "truncated of environment", 0)
        returns.append(total)
        lengths.append(length)
        cut += not is_over
    return returns, lengths, cut


def _episodes_of_vector(actor: _Actor, env: Any, count: int, seed: int | None, longest: int) -> Episodes:
    """Each environment runs its share of the episodes, so that short episodes do not count more often."""
    mode = autoreset_mode(env)
    shares = np.full(env.num_envs, count // env.num_envs) + (np.arange(env.num_envs) < count % env.num_envs)
    totals, steps, begins = np.zeros(env.num_envs), np.zeros(env.num_envs, int), np.zeros(env.num_envs, bool)
    waits = np.zeros(env.num_envs, bool)  # environments whose episode was cut, until they start another one
    returns: list[float] = []
    lengths: list[int] = []
    cut = 0

    def where() -> str:
        return f"after {len(returns)} episodes, at the steps {steps.tolist()} of the current ones"

    def reset(which: Any, **arguments: Any) -> Any:
        observation, info = of_first(env.reset(**arguments))
        with actor.told(where):
            actor.look(observation, info, which, is_reset=True)
        return observation

    observation = reset(np.ones_like(begins), seed=seed)
    while shares.any():
        with actor.told(where):
            action = actor.act(observation)
        observation, rewards, terminated, truncated, info = of_step(env.step(action))
        rewards = doubles(rewards, "rewards", totals.shape)
        totals, steps = totals + np.where(begins, 0.0, rewards), steps + ~begins
        ended = flags(terminated, "terminated", totals.shape) | flags(truncated, "truncated", totals.shape)
        over = ~ended & (steps >= longest)
        for index in np.flatnonzero((ended | over) & ~waits & (shares > 0)):
            shares[index] -= 1
            returns.append(float(totals[index]))
            lengths.append(int(steps[index]))
            cut += int(over[index])
        totals[ended], steps[ended] = 0.0, 0
        waits = (waits | over) & ~ended
        begins = ended if mode == "next-step" else np.zeros_like(ended)
        with actor.told(where):
            actor.look(observation, info, np.ones_like(ended) if mode == "same-step" else ~ended)
        if waits[shares > 0].all() and shares.any():  # not every mode can reset a single one of them
            observation = reset(np.ones_like(ended))
            totals[:], steps[:], begins[:], waits[:] = 0.0, 0, False, False
        elif mode == "disabled" and ended.any():
            observation = reset(ended, options={"reset_mask": ended})
    return returns, lengths, cut


def _made(env: Any, env_kwargs: Mapping[str, Any] | None) -> tuple[Any, bool]:
    """The environment, and whether it was made here."""
    import gymnasium
    import gymnasium.vector

    if isinstance(env, str):
        name = f"npg/{env}" if env in _npg.native_ids() else env.removeprefix("gym:")
        with unknown_ids_told(name):
            return gymnasium.make(name, disable_env_checker=True, **(env_kwargs or {})), True
    if env_kwargs:
        raise TypeError("env_kwargs needs an id, but this is an environment that is already made, or a callable")
    if isinstance(env, (gymnasium.Env, gymnasium.vector.VectorEnv)):
        return env, False
    if not callable(env):
        raise TypeError(
            f"env is a {type(env).__name__}; it must be an id, an environment, or a callable that makes one"
        )
    made = env()
    if not isinstance(made, (gymnasium.Env, gymnasium.vector.VectorEnv)):
        raise TypeError(f"env() returned a {type(made).__name__}; it must make a gymnasium.Env or a VectorEnv")
    return made, True


class _OfEvaluation(ConvertCallback):
    """A function of the agent and the mean return of an evaluation."""

    SECOND = "a mean return"

    def _second(self) -> Any:
        return self.parent.last_mean_reward if isinstance(self.parent, EvalCallback) else None


class EvalCallback(EventCallback):
    """A callback that evaluates the agent regularly and keeps the best one.

    Args:
        eval_env: an environment for `evaluate_policy`, but not the training environment. An id, a callable or a class is used
            once, immediately, to make one.
        callback_on_new_best: called when the mean return is the best so far: an object such as
            `StopTrainingOnRewardThreshold`, or a function of the agent and that mean, or a list of these. False stops training.
        callback_after_eval: called in the same way after every evaluation.
        n_eval_episodes: episodes of an evaluation.
        eval_freq: transitions between evaluations (Stable-Baselines3 counts steps of each environment).
        log_path: directory for `evaluations.npz`: `timesteps` (n,), `results` and `ep_lengths` (n, episodes).
        best_model_save_path: directory for `best_model.safetensors`.
        deterministic: the most probable actions, instead of sampled ones.
        render: must be False.
        verbose: 1 prints a line for each evaluation.
        warn: ignored.
        env_kwargs: options of the environment, if `eval_env` is an id.
        max_episode_steps, action_masks: as for `evaluate_policy`.

    Raises:
        TypeError: if it is not an environment and does not make one.
        ValueError: when `learn` starts, if the spaces differ from the agent's, or if it is the training environment.
    """

    def __init__(
        self,
        eval_env: Any,
        callback_on_new_best: Any = None,
        callback_after_eval: Any = None,
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
        max_episode_steps: int | None = None,
        action_masks: str | None = None,
    ) -> None:
        super().__init__(as_callback(callback_after_eval, "callback_after_eval", _OfEvaluation), verbose)
        n_eval_episodes, eval_freq = whole("n_eval_episodes", n_eval_episodes, 1), whole("eval_freq", eval_freq, 1)
        deterministic = truth("deterministic", deterministic)
        for name, path in (("log_path", log_path), ("best_model_save_path", best_model_save_path)):
            if path is not None:
                path_of(name, path)
        if render:
            raise ValueError("render is not supported; leave it out")
        self.callback_on_new_best = as_callback(callback_on_new_best, "callback_on_new_best", _OfEvaluation)
        self.eval_env, self._is_ours = _made(eval_env, env_kwargs)
        self.n_eval_episodes, self.eval_freq, self.deterministic = n_eval_episodes, eval_freq, deterministic
        self.best_model_save_path, self.log_path = best_model_save_path, log_path
        self.max_episode_steps, self.action_masks = max_episode_steps, action_masks
        #: Best mean return so far.
        self.best_mean_reward = -np.inf
        #: Mean return of the last evaluation.
        self.last_mean_reward = -np.inf
        self._last = 0
        self._results: list[tuple[int, list[float], list[int]]] = []

    def _children(self) -> list[BaseCallback]:
        return [self.callback_on_new_best, self.callback]

    def _init_callback(self) -> None:
        super()._init_callback()
        if not _singles(self.eval_env).isdisjoint(_singles(self.model.get_env())):
            raise ValueError("eval_env is the training environment; pass another one, an id or a callable")
        check_spaces_of(self.model, self.eval_env)

    def _on_training_start(self) -> None:
        self._last = self.num_timesteps
        super()._on_training_start()

    def _on_step(self) -> bool:
        """Evaluates if a multiple of `eval_freq` has been passed. Returns False to stop training."""
        before, self._last = self._last, self.num_timesteps
        if self._last // self.eval_freq == before // self.eval_freq:
            return True
        returns, lengths = evaluate_policy(
            self.model,
            self.eval_env,
            self.n_eval_episodes,
            self.deterministic,
            return_episode_rewards=True,
            max_episode_steps=self.max_episode_steps,
            action_masks=self.action_masks,
        )
        self.last_mean_reward = float(np.mean(returns))
        self.logger.record("eval/mean_reward", self.last_mean_reward)
        self.logger.record("eval/mean_ep_length", np.mean(lengths))
        self._results.append((self.num_timesteps, returns, lengths))
        self._write()
        if self.verbose:
            mean, deviation = self.last_mean_reward, np.std(returns)
            print(f"evaluation after {self.num_timesteps:,} steps: {mean:.2f} ± {deviation:.2f}", flush=True)
        goes_on = not self.last_mean_reward > self.best_mean_reward or self._on_new_best()  # NaN is never the best
        return self._on_event() and goes_on

    def _on_new_best(self) -> bool:
        self.best_mean_reward = self.last_mean_reward
        if self.best_model_save_path is not None:
            self.model.save(Path(self.best_model_save_path) / "best_model")
        return self.callback_on_new_best.on_step()

    def close(self) -> None:
        """Closes the environment, if it was made here."""
        if self._is_ours:
            self.eval_env.close()

    def _write(self) -> None:
        if self.log_path is None:
            return
        Path(self.log_path).mkdir(parents=True, exist_ok=True)
        steps, returns, lengths = (np.array(column) for column in zip(*self._results, strict=True))
        file = Path(self.log_path) / "evaluations.npz"
        np.savez(file, timesteps=steps, results=returns, ep_lengths=lengths)


def check_spaces_of(model: Any, env: Any) -> None:
    """Raises a ValueError if an agent cannot act in an environment. Bounds may differ."""
    for name in ("observation_space", "action_space"):
        of_model, of_env = getattr(model, name), getattr(env, f"single_{name}" if hasattr(env, "num_envs") else name)
        if type(of_model) is not type(of_env) or of_model.shape != of_env.shape or _size(of_model) != _size(of_env):
            raise ValueError(f"the {name} of eval_env is {of_env}, but the agent's is {of_model}")


def _size(space: Any) -> int:
    from gymnasium.spaces.utils import flatdim

    return int(flatdim(space))


def _singles(env: Any) -> set[int]:
    """The environments themselves, without wrappers; none if they are not made yet."""
    if isinstance(env, (str, type)) or not hasattr(env, "step"):
        return set()
    inner = getattr(env, "unwrapped", env)
    return {id(inner)}.union(*(_singles(each) for each in getattr(inner, "envs", ())))
