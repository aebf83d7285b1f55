"""All kinds of findings: the level, the meaning and the remedy of each."""

from typing import Literal, NamedTuple

Level = Literal["error", "warning"]


class Code(NamedTuple):
    """A kind of finding."""

    level: Level
    """error: training would be wrong or fail; warning: it is likely to hurt."""
    meaning: str
    """One clause, for the table of codes."""
    remedy: str
    """One concrete remedy, without a full stop."""


def _error(meaning: str, remedy: str) -> Code:
    return Code("error", meaning, remedy)


def _warning(meaning: str, remedy: str) -> Code:
    return Code("warning", meaning, remedy)


CODES: dict[str, Code] = {
    # The environment as a whole.
    "cannot-make": _error(
        "the environment cannot be made",
        "fix the line named above; the environment must be made by `gymnasium.make(ID, **arguments)` or the callable "
        "that was given",
    ),
    "not-an-environment": _error(
        "what was made is not a Gymnasium environment",
        "derive the class from `gymnasium.Env` or `gymnasium.vector.VectorEnv`; for an environment of the old package "
        "`gym` use the wrappers of `shimmy`",
    ),
    "timeout": _error(
        "a call into the environment did not return in time",
        "look at the line named above for a loop that cannot end or for waiting on a simulator; if the call is only "
        "slow, give it more time (`--timeout`, `timeout=`)",
    ),
    "slow": _warning(
        "fewer than 50 steps per second",
        "profile `step` (`python -m cProfile -s cumtime`); switch off rendering and logging in it",
    ),
    "close-raised": _warning("`close` raised", "let `close` do nothing if there is nothing to close"),
    # Spaces.
    "space-missing": _error(
        "`observation_space` or `action_space` is not set",
        "set `self.observation_space` and `self.action_space` in `__init__`",
    ),
    "space-unsupported": _error(
        "a space of a kind that npg cannot use",
        "use Box, Discrete, MultiDiscrete, MultiBinary, or Dict and Tuple of these: leave parts of a Dict out with "
        "`FilterObservation`, convert with `TransformObservation` or `TransformAction`",
    ),
    "space-empty": _error("a space without any number in it", "give the space at least one element, or leave it out"),
    "space-bounds": _error(
        "a Box whose bounds are NaN or whose low is above its high",
        "set `low` below `high` in every element of the Box; use `-np.inf` and `np.inf` if there is no bound",
    ),
    "action-unresolved": _error(
        "bounds of actions between which their type has almost no numbers: all actions would be the same",
        "declare a range around 0, best -1 to 1, and scale and shift it inside `step`",
    ),
    "action-unbounded": _warning(
        "actions without bounds: npg explores with standard deviation 1 in the action's own unit",
        "give the action's Box finite bounds, the range that makes sense in the task; npg maps -1..1 onto them",
    ),
    "action-asymmetric": _warning(
        "bounds of actions that are not symmetric about 0: npg's first policy is centered in their middle, not at 0",
        "if an action of 0 is the neutral one, declare bounds -1 to 1 and rescale inside `step`; if the middle is a good "
        "start, leave it",
    ),
    "action-wide": _warning(
        "bounds of actions wider than 1000: exploration starts as wide as the bounds",
        "declare the range that makes sense in the task, best -1 to 1, and rescale inside `step`",
    ),
    "action-constant": _warning(
        "an action whose low equals its high", "leave the constant element out of the action and set it inside `step`"
    ),
    "action-integer": _warning(
        "a Box of integers as action: npg samples real numbers, which are cut to integers",
        "declare the action as Discrete or MultiDiscrete",
    ),
    # reset and step.
    "reset-raised": _error("`reset` raised", "fix the line named above; `env.reset(seed=0)` must work at any time"),
    "reset-no-seed": _error(
        "`reset` does not accept `seed`",
        "declare `def reset(self, *, seed=None, options=None)` and call `super().reset(seed=seed)` in it",
    ),
    "reset-return": _error("`reset` did not return two values", "`return observation, info` from `reset`, info a dict"),
    "step-raised": _error(
        "`step` raised", "fix the line named above; every action of the action space must be accepted"
    ),
    "step-return": _error(
        "`step` did not return five values",
        "`return observation, reward, terminated, truncated, info` from `step`; truncated is True only at a time limit",
    ),
    "info-type": _error("info is not a dict", "return `{}` as info if there is nothing to report"),
    # Action masks.
    "mask-unusable": _error(
        "action masks are not where they should be, or not those of the action space",
        'give masks in one of npg\'s ways: a method `action_masks()`, `info["action_mask"]` or the key `action_mask` of a Dict '
        'observation; `action_masks="none"` (`--action-masks none`) ignores them',
    ),
    "mask-raised": _error(
        "`action_masks` raised",
        "fix the line named above; `action_masks()` is called after each reset and after each step that does not end the "
        "episode",
    ),
    "mask-missing": _error(
        "a state without an action mask, although masks are given",
        "give a mask in every reset and in every step that does not end the episode, or never",
    ),
    "mask-shape": _error(
        "an action mask of another shape than the values of the action",
        "return one flag for each value: of MultiDiscrete one part after the other, of MultiBinary two for each bit",
    ),
    "mask-values": _error("an action mask of anything but booleans, 0 and 1", "return a NumPy array of dtype bool"),
    "mask-forbids-all": _error(
        "an action mask that allows nothing",
        "allow at least one value of each part of the action, such as an action that does nothing, or end the episode",
    ),
    # Observations.
    "observation-type": _error(
        "an observation of another type than its space",
        "return what the space holds: an array for a Box, an integer for Discrete, a dict for Dict, a tuple for Tuple",
    ),
    "observation-keys": _error(
        "an observation with other keys than its Dict space", "return exactly the keys that the Dict space declares"
    ),
    "observation-shape": _error(
        "an observation of another shape than its space",
        "reshape the observation, or declare the shape that is returned, in `reset` and in `step` alike",
    ),
    "observation-dtype": _error(
        "an observation whose numbers its space's dtype cannot hold",
        "declare the space with the dtype that is returned, such as `Box(low, high, dtype=np.float32)`",
    ),
    "observation-dtype-converted": _warning(
        "an observation of a wider dtype than its space; npg rounds it if that is float32, and other tools lose digits or complain",
        "return `np.asarray(observation, dtype=self.observation_space.dtype)`",
    ),
    "observation-index": _error(
        "an index or flag outside of its Discrete, MultiDiscrete or MultiBinary space",
        "declare the space as large as the largest index needs (`Discrete(n)` holds 0 to n - 1), or fix the index",
    ),
    "observation-bounds": _warning(
        "an observation outside of its Box's bounds, which npg does not use, but other tools do",
        "widen the space (`-np.inf` and `np.inf` if there is no bound), or clip the observation",
    ),
    "observation-not-finite": _error(
        "an observation is NaN or infinite",
        "find the division, root or logarithm that makes it; if the state has diverged, return `terminated=True` with "
        "the last finite observation",
    ),
    "observation-large": _warning(
        "an observation beyond 1e6 in size",
        "observe in units that make typical values about 1 (kilometers for meters, logarithms of counts)",
    ),
    "observation-aliased": _error(
        "the environment overwrites an observation that it has returned before",
        "return a copy: `return self._buffer.copy(), ...` from `reset` and `step`",
    ),
    # Actions, rewards, endings.
    "action-modified": _error(
        "`step` changes the array of the action that it is given",
        "work on a copy: `action = np.array(action)` as the first line of `step`; beware of `*=` and `np.clip(..., out=)`",
    ),
    "reward-type": _error("a reward that is not a number", "return `float(reward)`"),
    "reward-not-finite": _error(
        "a reward is NaN or infinite",
        "find the division, root or logarithm that makes it; bound the reward if the state diverges",
    ),
    "reward-large": _warning(
        "a reward beyond 1e6 in size",
        "divide rewards by a constant that makes typical ones about 1, or wrap the environment in `NormalizeReward`",
    ),
    "reward-zero": _warning(
        "every reward was 0: a policy that starts at random has nothing to learn from",
        "reward progress on the way, or start some episodes near the goal; if rewards are only rare, check again with "
        "more steps (`--steps`, `steps=`)",
    ),
    "ending-type": _error(
        "terminated or truncated is not a bool",
        "return `bool(terminated)` and `bool(truncated)` from `step`, of a vector environment two arrays of dtype bool",
    ),
    "never-ends": _warning(
        "no episode ended and there is no time limit",
        "set `max_episode_steps=` when the environment is registered, or wrap it in `gymnasium.wrappers.TimeLimit`",
    ),
    "both-endings": _warning(
        "terminated and truncated are True together at every end",
        "return `truncated=True` only if a time limit cuts an episode that could go on, and `terminated=True` only "
        "if the task itself ends",
    ),
    "limit-terminates": _warning(
        "episodes terminate at what looks like a time limit, so the value of their last state is taken as 0",
        "if it is a time limit, return `terminated=False, truncated=True` there; if the task truly ends after so many "
        "steps, observe the remaining time (`TimeAwareObservation`)",
    ),
    "limit-ignored": _warning(
        "an episode went on beyond the time limit that the environment's spec declares",
        "wrap the environment in `gymnasium.wrappers.TimeLimit(env, env.spec.max_episode_steps)`; `env.unwrapped` is "
        "without it",
    ),
    # Randomness.
    "not-reproducible": _error(
        "the same seed and actions gave different results in a second copy",
        "call `super().reset(seed=seed)` first in `reset` and draw every random number from `self.np_random`; draw none "
        "in `__init__`",
    ),
    "global-random": _error(
        "random numbers come from a global generator, which the seed does not reach",
        "replace `np.random.NAME(...)` and `random.NAME(...)` by `self.np_random.NAME(...)`, after "
        "`super().reset(seed=seed)` in `reset`",
    ),
    "starts-repeat": _warning(
        "every `reset()` without a seed gives the very same start, although seeds give different ones",
        "let `reset` have `seed=None` as default, pass that on to `super().reset(seed=seed)`, and seed nothing where it "
        "is None",
    ),
    "copies-share-state": _error(
        "two copies of the environment disturb each other",
        "keep all state in `self`, none in the class, the module or a shared object such as a simulator's server",
    ),
    # Vector environments.
    "rows-wrong": _error(
        "a batch whose number of rows is not `num_envs`",
        "return one row for each sub-environment in observations, rewards, terminations and truncations",
    ),
    "rows-equal": _warning(
        "all sub-environments start the same, although starts are random",
        "in `reset(seed=s)` give sub-environment i the seed s + i",
    ),
    "autoreset-unknown": _error(
        "the vector environment does not say how it resets sub-environments that have ended",
        'set `metadata["autoreset_mode"]` to a member of `gymnasium.vector.AutoresetMode`',
    ),
    "autoreset-differs": _error(
        "the vector environment does not reset in the way that it declares",
        'set `metadata["autoreset_mode"]` to what `step` does: SAME_STEP returns the new episode\'s observation at once, '
        "with the last one in `final_obs`; NEXT_STEP ignores the next action, resets and returns neither ending",
    ),
    "final-obs-missing": _error(
        "SAME_STEP, but the last observation of an ended episode is lost",
        'put it into `info["final_obs"]`, an object array with the observation in the row that ended',
    ),
    "reset-mask-refused": _error(
        "DISABLED, but ended sub-environments cannot be reset alone",
        'accept `reset(options={"reset_mask": mask})`, mask a bool for each sub-environment',
    ),
}
