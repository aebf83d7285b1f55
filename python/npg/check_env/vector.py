"""The main rollout of a vector environment."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from npg.check_env import spaces, tally
from npg.check_env.context import Actions, Check, Held
from npg.check_env.masks import Masked
from npg.check_env.single import returned
from npg.check_env.values import array, difference, snapshot
from npg.check_env.watch import CallRaised

_BUDGET = 30.0  # seconds for the main rollout
_MODES = ("NEXT_STEP", "SAME_STEP", "DISABLED")

Flags = np.ndarray[Any, np.dtype[np.bool_]]


def play(env: Any, check: Check) -> bool:
    """Steps `check.steps` times and notes what is wrong; whether the environment is fit for comparing copies."""
    if not spaces.look(env, check, prefix="single_"):
        return False
    facts = check.facts
    facts.num_envs = int(env.num_envs)
    facts.autoreset_mode = autoreset_mode(env)
    if facts.autoreset_mode is None:
        metadata = getattr(env, "metadata", None) or {}
        check.add("autoreset-unknown", f'metadata["autoreset_mode"] is {metadata.get("autoreset_mode")!r}')
    subs = getattr(env, "envs", None)
    facts.time_limit = tally.time_limit(subs[0] if subs else env)
    rollout = _Rollout(env, check)
    try:
        rollout.run()
    finally:
        check.watch.place = ""
        rollout.seen.write(facts)
    sound = not check.notes.has("step-return", "reset-return", "rows-wrong", "reset-mask-refused", "reset-no-seed")
    if sound:
        rollout.seen.judge(check, facts.time_limit)
    return sound


def autoreset_mode(env: Any) -> str | None:
    """NEXT_STEP, SAME_STEP or DISABLED; None if the environment does not say.

    Gymnasium says so in the metadata since 1.1; before, 1.0 had only NEXT_STEP and 0.29 only SAME_STEP.
    """
    import gymnasium

    if not hasattr(gymnasium.vector, "AutoresetMode"):
        return "SAME_STEP" if gymnasium.__version__.startswith("0.") else "NEXT_STEP"
    mode = (getattr(env, "metadata", None) or {}).get("autoreset_mode")
    name = getattr(mode, "name", None) or str(mode)
    return next((known for known in _MODES if known.replace("_", "") == name.upper().replace("_", "")), None)


def reset_ended(env: Any, ended: Flags, check: Check) -> Any:
    """Resets the sub-environments that have ended, where the mode is DISABLED."""
    try:
        return check.reset(env, options={"reset_mask": ended.copy()})
    except CallRaised as raised:
        check.notes.add("reset-mask-refused", raised.text)
        return None


class _Rollout:
    """The rows' state between two steps."""

    def __init__(self, env: Any, check: Check) -> None:
        """Before the first reset."""
        self.env, self.check = env, check
        self.seen = tally.Tally()
        self.rows = int(env.num_envs)
        self.lengths = np.zeros(self.rows, dtype=np.int64)
        self.ended: Flags = np.zeros(self.rows, dtype=np.bool_)  # by the last step
        self.held = Held()
        self.masked = Masked(env, check)
        check.facts.observations_reused = False

    def run(self) -> None:
        """Resets and steps."""
        if not self._start():
            return
        actions = Actions(self.env.action_space, self.check.seed)
        start = time.monotonic()
        for done in range(self.check.steps):
            if time.monotonic() - start > _BUDGET:
                text = f"steps after the first {done} of {self.check.steps}, which took {_BUDGET:g} s"
                self.check.facts.skipped.append(text)
                break
            self.check.watch.place = f"step {done + 1}"
            if not self._step(self.masked.allowed(actions.next())):
                return
            if self.check.facts.autoreset_mode == "DISABLED" and self.ended.any():
                result = reset_ended(self.env, self.ended, self.check)
                if result is None or not self._look_at_reset(result, self.ended):
                    return

    def _start(self) -> bool:
        """The first reset."""
        check = self.check
        check.watch.place = "first reset"
        try:
            result = check.reset(self.env, seed=check.seed)
        except CallRaised as raised:
            if not (isinstance(raised.error, TypeError) and "seed" in str(raised.error)):
                raise
            check.notes.add("reset-no-seed", f"`env.reset(seed={check.seed})` raised TypeError: {raised.error}")
            return False
        if not self._look_at_reset(result):
            return False
        first = row(snapshot(result[0]), 0)
        if self.rows == 1 or any(difference(first, row(result[0], i)) for i in range(1, self.rows)):
            return True
        other = row(snapshot(check.reset(self.env, seed=check.seed + 1000)[0]), 0)
        if difference(first, other):
            check.add("rows-equal", f"`reset(seed={check.seed})` gave {self.rows} equal rows, another seed gave others")
        return self._look_at_reset(check.reset(self.env, seed=check.seed))

    def _look_at_reset(self, result: Any, which: Flags | None = None) -> bool:
        """Looks at what a reset of these rows, or of all, returned. False if nothing can be played from here."""
        if not isinstance(result, tuple) or len(result) != 2:
            self.check.add("reset-return", f"`reset` returned {returned(result)}")
            return False
        observation, info = result
        self._look_at_info(info)
        if not self._look(observation, "the reset"):
            return False
        self.masked.look(observation, info, np.ones_like(self.ended) if which is None else which, is_reset=True)
        return True

    def _step(self, action: Any) -> bool:
        """One step of all rows. False if nothing can be played from here."""
        check = self.check
        result = check.step(self.env, action)
        self.seen.seconds += check.watch.seconds
        if not isinstance(result, tuple) or len(result) != 5:
            check.add("step-return", f"`step` returned {returned(result)}")
            return False
        observation, rewards, terminated, truncated, info = result
        named = {"rewards": rewards, "terminations": terminated, "truncations": truncated}
        if not self._look(observation, check.watch.place) or not self._shapes_right(named):
            return False
        self._look_at_info(info)
        for name, flags in (("terminations", terminated), ("truncations", truncated)):
            if np.asarray(flags).dtype != np.bool_:
                check.add("ending-type", f"{name} are of dtype {np.asarray(flags).dtype}", name)
        self._count(np.asarray(rewards), np.asarray(terminated, np.bool_), np.asarray(truncated, np.bool_))
        if isinstance(info, dict):
            self._look_at_finals(info)
        is_same_step = check.facts.autoreset_mode == "SAME_STEP"
        self.masked.look(observation, info, np.ones_like(self.ended) if is_same_step else ~self.ended)
        return True

    def _shapes_right(self, named: Mapping[str, Any]) -> bool:
        """Whether rewards and endings have one number for each row."""
        for name, given in named.items():
            numbers = array(given)
            if numbers is None:
                code = "reward-type" if name == "rewards" else "ending-type"
                self.check.add(code, f"{name} are a {type(given).__name__} without numbers", name)
                return False
            if numbers.shape != (self.rows,):
                text = f"{name} have shape {numbers.shape}, but there are {self.rows} sub-environments"
                self.check.add("rows-wrong", text, name)
                return False
        return True

    def _count(self, rewards: Any, terminated: Flags, truncated: Flags) -> None:
        """Adds up; in NEXT_STEP the rows that ended before have only been reset."""
        resetting = self.ended if self.check.facts.autoreset_mode == "NEXT_STEP" else np.zeros_like(self.ended)
        ended = terminated | truncated
        for i in np.flatnonzero(resetting & ended):
            text = f"row {i} ended in the step after its end, in which NEXT_STEP only resets"
            self.check.add("autoreset-differs", text)
        for i in np.flatnonzero(~resetting):
            self.seen.value(float(rewards[i]), self.check, f"the reward of row {i}")
        self.lengths = np.where(resetting, 0, self.lengths + 1)
        self.seen.steps += int((~resetting).sum())
        self.seen.longest = max(self.seen.longest, int(self.lengths.max()))
        for i in np.flatnonzero(ended & ~resetting):
            self.seen.end(int(self.lengths[i]), bool(terminated[i]), bool(truncated[i]))
        self.lengths[ended] = 0
        self.ended = ended

    def _look_at_finals(self, info: Mapping[str, Any]) -> None:
        """Compares the last observations in `info` with the mode."""
        finals = info.get("final_obs", info.get("final_observation"))  # the latter in Gymnasium 0.29
        mode = self.check.facts.autoreset_mode
        for i in np.flatnonzero(self.ended):
            final = row(finals, int(i))
            if mode == "SAME_STEP" and final is None:
                self.check.add("final-obs-missing", f"row {i} ended, and info has the keys {list(info)}")
            elif mode == "SAME_STEP":
                for problem in spaces.problems(final, self.env.single_observation_space, f"info['final_obs'][{i}]"):
                    self.check.add(problem.code, problem.message, "final_obs")
            elif mode is not None and final is not None:
                self.check.add("autoreset-differs", f"the mode is {mode}, but info has final_obs when row {i} ended")

    def _look(self, observation: Any, when: str) -> bool:
        """Looks at a batch of observations. False if its rows cannot be told apart."""
        check = self.check
        check.facts.observations_reused = bool(check.facts.observations_reused or self.held.changed())
        counts = _row_counts(observation)
        wrong = [count for count in counts if count != self.rows]
        if wrong:
            check.add("rows-wrong", f"observations have {wrong[0]} rows, but there are {self.rows} sub-environments")
            return False
        for problem in spaces.problems(observation, self.env.observation_space, "observations"):
            check.add(problem.code, problem.message, problem.part)
        self.held.hold(when, observation)
        return True

    def _look_at_info(self, info: Any) -> None:
        if not isinstance(info, dict):
            self.check.add("info-type", f"info is a {type(info).__name__}")


def row(observation: Any, index: int) -> Any:
    """The observation of one sub-environment; None where there is none."""
    if observation is None:
        return None
    if isinstance(observation, Mapping):
        return {key: row(part, index) for key, part in observation.items()}
    if isinstance(observation, tuple):
        return tuple(row(part, index) for part in observation)
    return observation[index]


def _row_counts(observation: Any) -> list[int]:
    """Rows of each part of a batch; 0 for what has no rows."""
    if isinstance(observation, Mapping):
        return [count for part in observation.values() for count in _row_counts(part)]
    if isinstance(observation, tuple):
        return [count for part in observation for count in _row_counts(part)]
    numbers = array(observation)
    return [numbers.shape[0] if numbers is not None and numbers.ndim else 0]
