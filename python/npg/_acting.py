"""What an agent does without learning: its policy, its actions, its parameters."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npg import _npg
from npg._arrays import doubles, flags, plain
from npg._files import file_of
from npg._sources import Resolved
from npg._spaces import Joined, Observations

Metrics = dict[str, Any]


class Acting:
    """The part of an agent that acts."""

    _resolved: Resolved
    _trainer: _npg.Trainer
    _policy: _npg.Policy
    #: How observations become rows for the policy; None for native environments.
    _read: Observations | None
    #: Metrics of every iteration of this process.
    history: list[Metrics]

    @property
    def metrics(self) -> Metrics:
        """The metrics of the last iteration by their names; empty before the first one."""
        return self.history[-1] if self.history else {}

    @property
    def config(self) -> dict[str, Any]:
        """The whole configuration, by tables."""
        return tomllib.loads(self._trainer.config)

    @property
    def observation_space(self) -> Any:
        """Gymnasium's space of one observation."""
        return self._resolved.spaces()[0]

    @property
    def action_space(self) -> Any:
        """Gymnasium's space of one action."""
        return self._resolved.spaces()[1]

    @property
    def n_envs(self) -> int:
        """Number of environments."""
        return int(self.config["rollout"]["n_envs"])

    @property
    def gamma(self) -> float:
        """Discount factor."""
        return float(self.config["advantage"]["gamma"])

    @property
    def seed(self) -> int:
        """Seed of all random streams."""
        return int(self.config["run"]["seed"])

    def get_env(self) -> Any:
        """The agent's `env`, or the id if the agent was loaded without one."""
        return self._resolved.given

    @property
    def env(self) -> Any:
        """The same as `get_env`."""
        return self.get_env()

    def predict(
        self,
        observation: Any,
        state: None = None,
        episode_start: Any = None,
        deterministic: bool = False,
        action_masks: Any = None,
    ) -> tuple[Any, None]:
        """Actions for an observation or a batch of observations, and None as in Stable-Baselines3.

        Args:
            observation: an element of the observation space, or a batch as vector environments return it. Parts of a Dict
                that the policy does not read (`policy.keys`) may be missing.
            state: ignored, because policies have no memory.
            episode_start: ignored.
            deterministic: the most probable action, instead of a sampled one.
            action_masks: which values of the action are allowed, as `env.action_masks()` returns it, or a batch of these. If
                masks are a key of the observations, it may be left out.

        Raises:
            ValueError: if it is not an element of the space, for a mask of another shape or one that forbids everything, and if
                there is no mask although the agent was trained with masks.
        """
        self._refuse_whole_results(observation)
        rows, is_batch = self._rows_of(observation)
        masks = self._masks_of(observation, action_masks, rows, is_batch)
        actions = self._policy.act(rows, deterministic, masks)
        codec = self._resolved.actions
        if codec is None:
            kind = self._resolved.source.spec["action"][0]
            actions = actions.astype(np.float32) if kind == "box" else actions
            chosen: Any = actions[:, 0] if kind == "discrete" else actions
            return (chosen if is_batch else chosen[0]), None
        return (codec.batch(actions) if is_batch else codec.each(actions)[0]), None

    def _masks_of(
        self, observation: Any, action_masks: Any, rows: NDArray[Any] | Joined, is_batch: bool
    ) -> NDArray[np.bool_] | None:
        """The masks of the rows, shape (count, values); None without masks."""
        masks = self._resolved.masks
        if action_masks is None and masks is not None and masks.key is not None:
            action_masks = observation.get(masks.key) if isinstance(observation, Mapping) else None
        if action_masks is None:
            if masks is not None or self._policy.is_masked:
                raise ValueError(
                    "the agent was trained with action masks, and without one it may choose what is forbidden: pass "
                    "action_masks, such as env.action_masks() or info['action_mask']"
                )
            return None
        values, count = self._policy.mask_len, rows.joined_rows if isinstance(rows, Joined) else len(rows)
        if values == 0:
            raise ValueError(
                f"action_masks was given, but actions are {self.action_space}, of which no mask can forbid a value"
            )
        return flags(action_masks, "action_masks", (count, values) if is_batch else (values,)).reshape(count, values)

    def _refuse_whole_results(self, observation: Any) -> None:
        """Refuses the results of reset() and step(), about which NumPy would report something misleading."""
        of = {2: "reset", 4: "step", 5: "step"}
        if not (
            isinstance(observation, (tuple, list)) and len(observation) in of and isinstance(observation[-1], dict)
        ):
            return
        if type(self.observation_space).__name__ != "Tuple":
            returned = "(observation, info)" if len(observation) == 2 else "a whole step"
            raise ValueError(
                f"predict was given {returned}, as {of[len(observation)]}() returns it; pass only the observation: "
                "observation, info = env.reset()"
            )

    def _rows_of(self, observation: Any) -> tuple[NDArray[Any] | Joined, bool]:
        """Rows of shape (count, numbers of an observation), and whether they are a batch."""
        codec, (width, _) = self._read, self._policy.sizes
        if codec is None:
            rows = doubles(observation, "observation")
            shape = () if self._resolved.source.spec["observation"][0] == "discrete" else (width,)
            lead = rows.ndim - len(shape)
            if lead not in (0, 1) or rows.shape[lead:] != shape:
                batched = f"(n, {width})" if shape else "(n,)"
                raise ValueError(
                    f"an observation of shape {rows.shape}, but the space has {shape}, and a batch {batched}"
                )
            return rows.reshape(rows.shape[0] if lead else 1, width), lead == 1
        count = codec.count(observation)
        if count is None:
            return plain(codec.one(observation), np.float64).reshape(1, -1), False
        return codec.as_given(observation, count), True

    @property
    def policy(self) -> _npg.Policy:
        """The policy, for `npg.functional`."""
        return self._policy

    def get_parameters(self) -> dict[str, NDArray[np.float64]]:
        """The policy's parameters, one flat vector: `{"policy/theta": array}`."""
        return {"policy/theta": self._policy.theta}

    def set_parameters(self, load_path_or_dict: str | Path | Mapping[str, Any], exact_match: bool = True) -> None:
        """Sets the parameters from `get_parameters`, or from the policy of a saved agent (with its statistics).

        Raises:
            ValueError: for another shape, or a number that is not finite; for a policy of other spaces, or with other settings of
                the policy; for one that was trained with action masks, if the environment has none.
        """
        if isinstance(load_path_or_dict, Mapping):
            if exact_match and set(load_path_or_dict) != {"policy/theta"}:
                given = ", ".join(sorted(map(str, load_path_or_dict))) or "nothing"
                raise ValueError(f"load_path_or_dict has {given}; it must have policy/theta only")
            if "policy/theta" in load_path_or_dict:
                self._policy.theta = doubles(load_path_or_dict["policy/theta"], "policy/theta")
            self._trainer.set_policy(self._policy)
            return
        policy = _npg.Policy.load(file_of(load_path_or_dict), self._resolved.source)
        self._check_masks(self._resolved, policy)
        self._trainer.set_policy(policy)
        self._policy = policy

    def _check_masks(self, resolved: Resolved, policy: _npg.Policy | None = None) -> None:
        """Raises a ValueError if the agent, or another policy for it, was trained with action masks and an environment has none,
        unless the user says so.
        """
        if (policy or self._policy).is_masked and resolved.action_masks != "none" and not resolved.has_masks:
            raise ValueError(
                f"the agent was trained with action masks, and {resolved.id} has none. Say where they are (action_masks), or "
                "pass action_masks='none' to continue without"
            )
