"""Agents: `NPG`, `TRPO` and `VPG`, with the methods of Stable-Baselines3 and the arguments of sb3-contrib's TRPO.

docs/python.md compares each argument with those of Stable-Baselines3 and Tianshou.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from npg import _npg
from npg._arguments import path_of, truth, whole
from npg._calls import hung_calls_end
from npg._files import SUFFIX, check_spaces, file_of, trained, wanted
from npg._logger import Logger
from npg._schedules import SCHEDULED, Schedule, Scheduled, at_the_beginning
from npg._settings import check_mappings, check_numbers, check_timeout, collect
from npg._sources import Resolved, resolve, to_toml
from npg._warnings import Warned

if TYPE_CHECKING:
    from npg.callbacks import BaseCallback
    from npg.progress import Progress

_AS_MANY = "with an id, or a callable that makes an environment, any number is possible"


class Agent(Scheduled):
    """A policy, its baseline, and their training in an environment.

    Settings that you leave out come from npg's preset for the environment, or from npg's defaults if there is no preset.
    `preset=False` ignores the preset. `agent.config` has all settings.

    Args:
        policy: `"MlpPolicy"`, `"CnnPolicy"` (convolutions of an image: `nature-cnn`, or `cnn` below 36 x 36 pixels),
            `"MultiInputPolicy"` (an MLP, with these convolutions for parts that are images), `"LinearPolicy"` or
            `"RbfPolicy"`.
        env: id of an environment (npg's own if it has it, else Gymnasium's; `"gym:ID"` is always Gymnasium's), a
            `gymnasium.Env`, a `gymnasium.vector.VectorEnv`, or a callable that makes one of these.
        learning_rate: step size of the critic's Adam, or a function of the remaining progress, which falls from 1 to 0
            during `learn`. It is called before each iteration.
        n_steps: steps of each environment per iteration. With an id or a callable and without `n_envs`, it implies one
            environment, as in Stable-Baselines3.
        batch_size: minibatch of the critic.
        gamma: discount factor.
        cg_max_steps: the most conjugate-gradient iterations.
        cg_damping: lambda in (F + lambda I) x = g.
        line_search_shrinking_factor: factor on the step in each reduction of TRPO's line search.
        line_search_max_iter: the most reductions.
        n_critic_updates: passes of the critic over the batch.
        gae_lambda: lambda of generalized advantage estimation.
        use_sde: state-dependent exploration.
        sde_sample_freq: steps for which a noise matrix is kept (8); -1 for `n_steps`, the length of the batch.
        normalize_advantage: subtract the batch's mean from advantages and divide by their standard deviation.
        target_kl: KL budget of a step in nats. It stays constant, even if a preset would let it fall. Or a function, as
            for `learning_rate`.
        sub_sampling_factor: F is estimated on one state in this many.
        policy_kwargs: `net_arch` (widths, or `{"pi": widths, "vf": widths}`), `activation_fn` (a name, or a class of that
            name, such as torch's), `layer_norm` (a flag, or `{"pi": flag, "vf": flag}`), `log_std_init`,
            `head` (`"gaussian"`, `"beta"` or `"squashed"`), `features_extractor_kwargs` (`features_dim`, the width of the
            layer after the convolutions).
        verbose: 1 prints a line for each iteration.
        seed: seed of all random streams.
        tensorboard_log: directory for metrics (TensorBoard events, CSV, JSON lines); each `learn` makes a folder in it.
        ent_coef: coefficient of the policy's entropy in its objective.
        n_envs: number of environments, for ids and callables.
        env_kwargs: options of the environment, if `env` is an id.
        vectorization: `sync` or `async` (processes), for Gymnasium's ids and callables.
        action_masks: where the environment has action masks: `"method"` (`env.action_masks()`), `"info"`
            (`info["action_mask"]`), `"observation"` (the key `action_mask` of a Dict), `"none"`, or `"auto"`: the method or
            the key if there is one. npg's own environments have the option `mask` instead.
        threads: worker threads; 0 for all cores. Results do not depend on it.
        preset: whether to use npg's preset for the environment.
        settings: any other settings by their keys, such as `{"algorithm.momentum": 0.9}`. `npg explain` lists the keys.
        timeout: seconds that a call into the environment may take before it counts as hung; None for no limit.
        stats_window_size: must be 100, the number of episodes in running means.
        device: must be a CPU.
        rollout_buffer_class, rollout_buffer_kwargs, _init_setup_model: must be Stable-Baselines3's defaults; they are here for
            its scripts.

    Raises:
        TypeError: for an environment, a space or an argument of the wrong kind.
        ValueError: for a setting outside of its range, with the name of the argument.
    """

    _ALGORITHM: ClassVar[str]

    def __init__(
        self,
        policy: str,
        env: Any,
        learning_rate: float | Schedule | None = None,
        n_steps: int | None = None,
        batch_size: int | None = None,
        gamma: float | None = None,
        cg_max_steps: int | None = None,
        cg_damping: float | None = None,
        line_search_shrinking_factor: float | None = None,
        line_search_max_iter: int | None = None,
        n_critic_updates: int | None = None,
        gae_lambda: float | None = None,
        use_sde: bool = False,
        sde_sample_freq: int | None = None,
        normalize_advantage: bool | None = None,
        target_kl: float | Schedule | None = None,
        sub_sampling_factor: int | None = None,
        policy_kwargs: Mapping[str, Any] | None = None,
        verbose: int = 0,
        seed: int | None = None,
        tensorboard_log: str | None = None,
        *,
        ent_coef: float | None = None,
        n_envs: int | None = None,
        env_kwargs: Mapping[str, Any] | None = None,
        vectorization: str = "sync",
        action_masks: str = "auto",
        threads: int | None = None,
        preset: bool = True,
        settings: Mapping[str, Any] | None = None,
        timeout: float | None = 60.0,
        stats_window_size: int = 100,
        device: str = "auto",
        rollout_buffer_class: None = None,
        rollout_buffer_kwargs: Mapping[str, Any] | None = None,
        _init_setup_model: bool = True,
    ) -> None:
        if rollout_buffer_class is not None or rollout_buffer_kwargs or not _init_setup_model:
            raise ValueError("rollout_buffer_class, rollout_buffer_kwargs and _init_setup_model must be left out")
        seed = None if seed is None else whole("seed", seed, 0, 2**63)
        verbose, preset = whole("verbose", verbose, 0), truth("preset", preset)
        tensorboard_log = None if tensorboard_log is None else str(path_of("tensorboard_log", tensorboard_log))
        if stats_window_size != 100:
            raise ValueError(f"stats_window_size is {stats_window_size}; npg's running means are of 100 episodes")
        _check_device(device)
        check_mappings(policy_kwargs=policy_kwargs, env_kwargs=env_kwargs, settings=settings)
        check_numbers(n_steps=n_steps, n_envs=n_envs, sub_sampling_factor=sub_sampling_factor, timeout=timeout)
        check_timeout(timeout)
        resolved = resolve(env, env_kwargs, vectorization, action_masks)
        if resolved.n_envs is None and n_envs is None and n_steps is not None:
            n_envs = 1  # as in Stable-Baselines3
        if resolved.n_envs is not None and n_envs not in (None, resolved.n_envs):
            raise ValueError(f"n_envs is {n_envs}, but env has {resolved.n_envs} environments")
        (learning_rate, target_kl), functions = at_the_beginning(learning_rate=learning_rate, target_kl=target_kl)
        given = {
            "env_kwargs": {f"env.{key}": value for key, value in resolved.saved_options().items()},
            "learning_rate": {"value.learning_rate": learning_rate},
            "batch_size": {"value.minibatch": batch_size},
            "gamma": {"advantage.gamma": gamma},
            "cg_max_steps": {"algorithm.cg_iterations": cg_max_steps},
            "cg_damping": {"algorithm.damping": cg_damping},
            "line_search_shrinking_factor": {"algorithm.backtrack_factor": line_search_shrinking_factor},
            "line_search_max_iter": {"algorithm.max_backtracks": line_search_max_iter},
            "n_critic_updates": {"value.epochs": n_critic_updates},
            "gae_lambda": {"advantage.lambda": gae_lambda},
            "normalize_advantage": {"advantage.normalize": normalize_advantage},
            "target_kl": {
                "algorithm.kl_step": target_kl,
                "algorithm.kl_step_schedule": None if target_kl is None else "constant",
            },
            "ent_coef": {"algorithm.entropy_coefficient": ent_coef},
            "sub_sampling_factor": {"algorithm.fisher_fraction": sub_sampling_factor and 1.0 / sub_sampling_factor},
            "seed": {"run.seed": _fresh_seed() if seed is None else seed},
            "n_envs": {"rollout.n_envs": n_envs if resolved.n_envs is None else resolved.n_envs},
            "threads": {"rollout.threads": threads},
            "settings": dict(settings or {}),
        }
        others, observation = (use_sde, sde_sample_freq, n_steps), resolved.source.spec["observation"]
        config = collect(self._ALGORITHM, policy, policy_kwargs or {}, given, others, observation)
        self._start(resolved, _npg.resolve(resolved.id, preset, config), timeout)
        if self.config["policy"]["action_bounds"] == "rescale":
            resolved.warn_of_enormous_actions()
        self.verbose, self.tensorboard_log, self._functions = verbose, tensorboard_log, functions

    def _start(self, resolved: Resolved, config: str, timeout: float | None) -> None:
        self._resolved, self.timeout = resolved, timeout
        self._trainer = _npg.Trainer(resolved.source, config)
        self._settle()

    def _settle(self) -> None:
        """Sets what every agent has, whether it is new or loaded."""
        self.verbose, self.tensorboard_log = 0, None
        self.history = []
        #: Whether the last iteration was not finished, and whether one is under way.
        self._is_midway = self._is_learning = False
        self._process = os.getpid()
        self._functions, self._lost_functions = {}, []
        self.logger = Logger()
        self._warned = Warned()
        self._log: _npg.RunLog | None = None
        self._policy = self._trainer.policy()
        self._set_reader()

    def _set_reader(self) -> None:
        observations = self._resolved.observations
        self._read = None if observations is None else observations.needing(self.config["policy"]["keys"])

    # --- training

    def learn(
        self,
        total_timesteps: int,
        callback: Any = None,
        log_interval: int = 1,
        tb_log_name: str | None = None,
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> Self:
        """Trains for `total_timesteps` more transitions. Each call continues where the last one ended.

        Args:
            total_timesteps: transitions, of all environments together. If they do not divide into whole iterations, the last
                one is shorter. The remaining progress goes from 1 to 0 over them, but `kl_step_schedule` counts all transitions
                of the agent. An environment or a callable that you passed starts with a reset. An environment that npg made
                from its id continues its episodes.
            callback: an `npg.BaseCallback`, or a function that is called after each iteration with the agent and its metrics and
                stops training by returning False, or a list of these. A change that it makes to the environment takes effect
                in the next step. If it steps or resets the environment, episodes start again.
            log_interval: iterations between lines, with `verbose=1`.
            tb_log_name: name of the folder in `tensorboard_log`; the algorithm's by default.
            reset_num_timesteps: False continues the last call's logs, and the remaining progress counts all transitions.
                `num_timesteps` always continues.
            progress_bar: shows a bar.

        Raises:
            Exception: any exception of the environment, with the environment, step and action as a note. The agent is as it
                was after the last iteration.
            TimeoutError: if the environment hangs. The call is ended, and so are the processes of an `AsyncVectorEnv`. The
                agent can be saved, and it can continue, also with another environment after `set_env`.

        Warns:
            TrainingWarning: once for each cause, if an update or a fit is refused, or has nothing to do.
        """
        from npg.callbacks.base import Locals, as_callback
        from npg.progress import Progress, new_folder

        more = whole("total_timesteps", total_timesteps, 0)
        log_interval = 0 if log_interval is None else whole("log_interval", log_interval, 1)
        called = as_callback(callback)
        if self._is_learning:
            raise RuntimeError("learn is running already: in a callback, or in another thread")
        if self._process != os.getpid():
            raise RuntimeError(
                "the agent was made in another process, whose threads do not exist here: save it there and load it here"
            )
        total = self.num_timesteps + more
        if total == self.num_timesteps:
            return self
        if self._is_midway:  # the environments are somewhere inside of a batch
            self._restart(self._resolved)
        elif self._resolved.is_callers:
            self._begin_anew()
        self._synchronize()
        self._say_lost_functions()
        self._trainer.set_total_steps(total)
        self._trainer.set_samples_ahead(callback is None)
        if self.tensorboard_log is None:
            self._log = None
        elif reset_num_timesteps or self._log is None:
            folder = new_folder(Path(self.tensorboard_log), tb_log_name or self._ALGORITHM.upper())
            self._log = _npg.RunLog(folder, self._resolved.id)
        progress = Progress(self, total, log_interval if self.verbose else 0, progress_bar, self._log)
        self._span = (self.num_timesteps if reset_num_timesteps else 0, total)
        self._is_learning = True
        try:
            with contextlib.ExitStack() as stack:
                if self._resolved.groups:
                    stack.enter_context(hung_calls_end())
                for group in () if callback is None else self._resolved.groups:
                    stack.enter_context(group.touch.watched())
                called.init_callback(self)
                called.on_training_start(Locals(self=self, total_timesteps=total), {})
                self._iterate(called, progress)
                called.on_training_end()
        except KeyboardInterrupt:
            self._settle_interrupt(progress)
            called.on_training_end()
        except (EOFError, ConnectionError):  # from an AsyncVectorEnv's processes, which Ctrl-C reaches first
            try:
                time.sleep(0.2)
            except KeyboardInterrupt:
                self._settle_interrupt(progress)
            else:
                raise
        finally:
            self._is_learning = False
            progress.end()
        return self

    def _settle_interrupt(self, progress: Progress) -> None:
        with contextlib.suppress(KeyboardInterrupt):
            time.sleep(0.05)  # if processes of an AsyncVectorEnv report it as well, it comes a second time
        if self._trainer.is_usable:
            self._policy = self._trainer.policy()  # that of the iteration that ended meanwhile
        progress.say(f"interrupted after {self.num_timesteps} steps")

    def _synchronize(self) -> None:
        """Copies what was written into `policy.theta` to the trainer."""
        if self._trainer.is_usable:
            self._trainer.set_policy(self._policy)

    def _iterate(self, callback: BaseCallback, progress: Progress) -> None:
        begin, end = self._span
        while self.num_timesteps < end:
            callback.on_rollout_start()
            self._follow_functions((end - self.num_timesteps) / (end - begin))
            if any([group.touch.take() for group in self._resolved.groups]):  # noqa: C419 (all of them)
                self._warned.warn(
                    ["a callback has stepped or reset the training environment, so its episodes start again"]
                )
                self._begin_anew()
            self._is_midway = True
            metrics = self._trainer.step(self.timeout)
            self._is_midway = False
            if metrics is None:
                return
            self._policy = self._trainer.policy()
            self.history.append(metrics)
            self.logger.begin(metrics)
            self._warned.warn(metrics["notes"])
            goes_on = callback.on_step()
            callback.on_rollout_end()
            self.logger.end()
            progress.iteration(metrics)  # with the metrics that callbacks have added
            if not goes_on:
                return

    def _begin_anew(self) -> None:
        """Starts all episodes again, because somebody else may have stepped or reset the environments."""
        for group in self._resolved.groups:
            group.begin_anew()
        self._trainer.begin_episodes_anew()

    @property
    def num_timesteps(self) -> int:
        """Transitions so far."""
        return self._trainer.steps

    @property
    def num_episodes(self) -> int:
        """Episodes finished so far."""
        return self._trainer.episodes

    def __repr__(self) -> str:
        return f"<npg.{type(self).__name__} on {self._resolved.id}, {self.num_timesteps:,} steps>"

    # --- files

    def save(self, path: str | Path) -> None:
        """Writes everything that training depends on. `.safetensors` is added to a path without an ending, and missing folders
        are made.

        The file is a checkpoint like those of the program: `npg eval RUN --checkpoint FILE`.
        """
        path = path_of("path", path)
        if not path.name:
            raise ValueError(f"path is {str(path)!r}; it must name a file")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._synchronize()
        file = path if path.suffix else path.with_name(path.name + SUFFIX)
        functions = sorted({*self._functions, *self._lost_functions})
        self._trainer.save(file, functions, self._resolved.unsaved_options())

    @classmethod
    def load(
        cls,
        path: str | Path,
        env: Any = None,
        device: str = "auto",
        *,
        verbose: int = 0,
        env_kwargs: Mapping[str, Any] | None = None,
        timeout: float | None = 60.0,
        action_masks: str | None = None,
    ) -> Self:
        """The agent in a file of `save`, in a checkpoint of the program, or in a run's directory (the latest checkpoint).

        `npg.load` does the same for any algorithm.

        Args:
            path: the file, with or without its ending, or the directory of a run with one seed.
            env: as for the constructor. It may be left out if the file has the environment's id.
            device: must be a CPU.
            verbose: as for the constructor.
            env_kwargs: options of the environment, if it has an id. The saved agent's options may be left out, except for those
                that no file can hold (functions, objects, None). Options that you pass take precedence.
            timeout: as for the constructor.
            action_masks: as for the constructor; by default as saved.

        Raises:
            FileNotFoundError, ValueError: if there is no such file, if it was not written by npg or is damaged, if it belongs
                to another environment or another algorithm, if an option of its environment is missing, or if it was trained
                with action masks and the environment has none.
        """
        _check_device(device)
        check_timeout(timeout)
        file = file_of(path)
        header = _npg.read_header(file)
        if header["algo"] != cls._ALGORITHM:
            raise ValueError(
                f"{file} is an agent of {header['algo'].upper()}; load it with npg.{header['algo'].upper()}.load"
            )
        resolved = resolve(*wanted(file, header, (env, env_kwargs, action_masks)))
        count = tomllib.loads(header["config"])["rollout"]["n_envs"]
        if resolved.n_envs not in (None, count):
            raise ValueError(f"env has {resolved.n_envs} environments, but the agent in {file} has {count}; {_AS_MANY}")
        agent = cls._of(resolved, trained(file, header, resolved), timeout, verbose)
        agent._check_masks(resolved)
        agent._lost_functions = [name for name in header["functions"] if name in SCHEDULED]
        return agent

    @classmethod
    def _of(cls, resolved: Resolved, trainer: _npg.Trainer, timeout: float | None, verbose: int) -> Self:
        agent = cls.__new__(cls)
        agent._resolved, agent._trainer, agent.timeout = resolved, trainer, timeout
        agent._settle()
        agent.verbose = verbose
        return agent

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle and copy.deepcopy: the content of a file of `save`, and the environment with all of its options."""
        resolved = self._resolved
        environment = resolved.given, resolved.options, resolved.vectorization, resolved.action_masks
        with tempfile.TemporaryDirectory() as folder:
            self.save(Path(folder) / "agent")
            content = file_of(Path(folder) / "agent").read_bytes()
        arguments = (type(self), content, environment, self.timeout, self.verbose)
        return _of_bytes, arguments, {"_functions": self._functions, "_lost_functions": self._lost_functions}

    def set_env(
        self,
        env: Any,
        *,
        env_kwargs: Mapping[str, Any] | None = None,
        vectorization: str = "sync",
        action_masks: str | None = None,
    ) -> None:
        """Continues with another environment of the same spaces (bounds of observations may differ). Its episodes start again,
        with seeds and noise that no environment before had. `action_masks` is as before by default.

        Raises:
            ValueError: for other spaces, for another number of environments, or if the agent was trained with action masks and
                the environment has none.
        """
        resolved = resolve(env, env_kwargs, vectorization, action_masks or self._resolved.action_masks)
        check_spaces(self._resolved, resolved)
        self._check_masks(resolved)
        count = self.config["rollout"]["n_envs"]
        if resolved.n_envs not in (None, count):
            raise ValueError(f"env has {resolved.n_envs} environments, but this agent has {count}; {_AS_MANY}")
        self._restart(resolved)

    def _restart(self, resolved: Resolved) -> None:
        """Continues with episodes that start again."""
        self._trainer = self._trainer.with_source(resolved.source, to_toml(resolved.saved_options()))
        self._resolved, self._is_midway = resolved, False
        self._set_reader()


class NPG(Agent):
    """Natural policy gradient (Kakade 2001): theta + sqrt(2 eps / (x^T F x)) x with (F + lambda I) x = g."""

    _ALGORITHM = "npg"


class TRPO(Agent):
    """Trust region policy optimization (Schulman 2015): the natural gradient, with a backtracking line search."""

    _ALGORITHM = "trpo"


class VPG(Agent):
    """Vanilla policy gradient: theta + alpha g. `settings={"algorithm.alpha": ...}` sets alpha."""

    _ALGORITHM = "vpg"


def _of_bytes(
    cls: type[Agent],
    content: bytes,
    environment: tuple[Any, dict[str, Any], str, str],
    timeout: float | None,
    verbose: int,
) -> Agent:
    resolved = resolve(*environment)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"agent{SUFFIX}"
        file.write_bytes(content)
        return cls._of(resolved, _npg.Trainer.load(file, resolved.source, None)[0], timeout, verbose)


def _check_device(device: object) -> None:
    if str(device) not in ("auto", "cpu"):
        raise ValueError(f"device is {device!r}; npg computes on the CPU: 'auto' or 'cpu'")


def _fresh_seed() -> int:
    return time.time_ns() % (1 << 31)
