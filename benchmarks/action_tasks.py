"""The tasks of benchmarks/actions.sh that Gymnasium does not have, and the count of forbidden actions."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

import npg

Step = tuple[Any, float, bool, bool, dict[str, Any]]


class Counted(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Counts actions that the last mask forbids, or that are not in the space at all.

    The mask is looked for in `info`, as Gymnasium's Taxi and this file's tasks give it, and in the observation. It is read from
    what the environment returned, and not from what npg made of it. `counts` has the number of actions, and of forbidden ones.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], counts: list[int]) -> None:
        super().__init__(env)
        self.counts = counts

    def _look(self, observation: Any, info: dict[str, Any]) -> None:
        given = observation if isinstance(observation, dict) else info
        self.mask = given.get("action_mask")

    def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
        observation, info = self.env.reset(**options)
        self._look(observation, info)
        return observation, info

    def step(self, action: Any) -> Step:
        is_forbidden = not self.action_space.contains(action) or (self.mask is not None and not self.mask[action])
        self.counts[0] += 1
        self.counts[1] += is_forbidden
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._look(observation, info)
        return observation, float(reward), terminated, truncated, info


class CountedVector(gymnasium.vector.VectorWrapper):
    """The same for a vector environment that observes the index of a state and resets in the same step, with the mask of each
    state, shape (states, actions), from elsewhere.
    """

    def __init__(self, env: Any, masks: Any, counts: list[int]) -> None:
        super().__init__(env)
        self.masks, self.counts = masks, counts

    def action_masks(self) -> Any:
        return self.env.action_masks()  # type: ignore[attr-defined]

    def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
        observations, info = self.env.reset(**options)
        self.states = np.array(observations)
        return observations, info

    def step(self, actions: Any) -> Any:
        self.counts[0] += len(actions)
        self.counts[1] += int(np.sum(~self.masks[self.states, actions]))
        results = self.env.step(actions)
        self.states = np.array(results[0])
        return results


class Needles(gymnasium.Env[Any, Any]):
    """A path of 20 places. In each place, 3 of 1,000 actions are valid: a step forward, a step back, and waiting. Which ones
    they are differs from place to place. A step pays 1/20 forward and -1/20 back, so the end is worth 1. Any other action costs
    0.1 and wastes the step. An episode has at most 40 steps.
    """

    PLACES, ACTIONS, LONGEST = 20, 1_000, 40

    def __init__(self) -> None:
        self.observation_space = spaces.Discrete(self.PLACES)
        self.action_space = spaces.Discrete(self.ACTIONS)
        random = np.random.default_rng(16)  # the task is always the same one
        self.valid = [random.choice(self.ACTIONS, 3, replace=False).tolist() for _ in range(self.PLACES)]

    def _info(self) -> dict[str, Any]:
        mask = np.zeros(self.ACTIONS, np.int8)
        if self.place < self.PLACES:
            mask[self.valid[self.place]] = 1
        return {"action_mask": mask}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.place, self.steps = 0, 0
        return self.place, self._info()

    def step(self, action: Any) -> Step:
        before, reward = self.place, -0.1
        if int(action) in self.valid[before]:
            move = (1, -1, 0)[self.valid[before].index(int(action))]
            self.place = max(before + move, 0)
            reward = (self.place - before) / self.PLACES
        self.steps += 1
        is_over = self.place == self.PLACES
        return (
            min(self.place, self.PLACES - 1),
            reward,
            is_over,
            self.steps == self.LONGEST and not is_over,
            self._info(),
        )


class TicTacToe(gymnasium.Env[Any, Any]):
    """PettingZoo's game against an opponent that moves at random. The side is drawn for each game: player 1 begins.

    The observation is PettingZoo's, with its key `action_mask`, and the reward is 1 for a win, -1 for a loss and 0 for a draw.
    `raw_env` has no wrapper that would forgive an illegal move: the game itself raises an error.
    """

    def __init__(self) -> None:
        from pettingzoo.classic import tictactoe_v3

        self.game = tictactoe_v3.raw_env()
        self.observation_space = self.game.observation_space("player_1")
        self.action_space = self.game.action_space("player_1")

    def _answer(self) -> None:
        """The opponent's move, if it is its turn."""
        game = self.game
        if game.agent_selection != self.side and not game.terminations[self.side]:
            mask = game.observe(game.agent_selection)["action_mask"]
            game.step(int(self.np_random.choice(np.flatnonzero(mask))))

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.game.reset()
        self.side = self.game.possible_agents[self.np_random.integers(2)]
        self._answer()
        return self.game.observe(self.side), {}

    def step(self, action: Any) -> Step:
        self.game.step(int(action))
        self._answer()
        reward, is_over = float(self.game.rewards[self.side]), self.game.terminations[self.side]
        return self.game.observe(self.side), reward, is_over, False, {}


class Platform(gymnasium.Env[Any, Any]):
    """Three platforms with gaps between them, and an enemy that paces on each of the first two, in the manner of Masson,
    Ranchod & Konidaris 2016 (with the widths of their game, and simpler mechanics).

    An action is a choice and its distance: run (0..30, one tick), hop (0..100, three ticks) or leap (0..430, six ticks). A
    runner who meets an enemy, or lands close to one, is out, and so is one who runs over an edge or lands in a gap. The last
    platform is narrow, and ends at a wall: a leap that goes beyond is out too. The reward is the distance as a share of the
    whole, so the most is 1.

    Args:
        is_plain: declare the same actions as a plain Tuple.
    """

    GROUND = ((0.0, 250.0), (475.0, 750.0), (985.0, 1035.0))
    END, LONGEST, REACH, PACE = 1035.0, 60, 10.0, 8.0
    TICKS, MOST = (1, 3, 6), (30.0, 100.0, 430.0)

    def __init__(self, is_plain: bool = False) -> None:
        boxes = [spaces.Box(0.0, most, (1,), np.float32) for most in self.MOST]
        plain = spaces.Tuple((spaces.Discrete(3), spaces.Tuple(boxes)))
        self.action_space = plain if is_plain else npg.Parametrized(boxes)
        self.observation_space = spaces.Box(-1.0, 1.0, (7,), np.float32)

    def _look(self) -> Any:
        """The place, the platform, the distances to its edge and to its enemy, and the way that the enemy goes."""
        index = next((i for i, (_, end) in enumerate(self.GROUND) if self.x <= end), 2)
        enemy, way = self.enemies[index] if index < 2 else (self.END, 0.0)
        rows = [self.x / self.END, (self.GROUND[index][1] - self.x) / 275.0, (enemy - self.x) / 275.0, way]
        rows += [float(index == i) for i in range(3)]
        return np.clip(np.array(rows, np.float32), -1.0, 1.0)

    def _tick(self) -> None:
        """Enemies pace on the second half of their platforms, 8 a tick, and turn around at its ends."""
        for i, (begin, end) in enumerate(self.GROUND[:2]):
            place, way = self.enemies[i]
            place += way * self.PACE
            middle = (begin + end) / 2
            self.enemies[i] = (place, -1.0 if place >= end - 20.0 else 1.0 if place <= middle else way)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.x, self.steps = 0.0, 0
        random = self.np_random
        self.enemies = [
            (float(random.uniform((begin + end) / 2, end - 20.0)), float(random.choice([-1.0, 1.0])))
            for begin, end in self.GROUND[:2]
        ]
        return self._look(), {}

    def step(self, action: Any) -> Step:
        choice, parameters = action
        before, self.steps = self.x, self.steps + 1
        after = before + float(parameters[choice][0])
        runs_out = choice == 0 and any(before <= end < after for _, end in self.GROUND[:2])
        has_arrived = choice == 0 and after >= self.END
        met = choice == 0 and any(before - self.REACH < enemy < after + self.REACH for enemy, _ in self.enemies)
        for _ in range(self.TICKS[choice]):
            self._tick()
        met = met or any(abs(enemy - after) < self.REACH for enemy, _ in self.enemies)
        self.x = min(after, self.END)
        has_ground = has_arrived or any(begin <= after <= end for begin, end in self.GROUND)
        is_out = met or runs_out or not has_ground
        reward = 0.0 if is_out else (self.x - before) / self.END
        is_over = is_out or has_arrived
        return self._look(), reward, is_over, self.steps == self.LONGEST and not is_over, {}


class Courier(gymnasium.Env[Any, Any]):
    """A robot in a square fetches a parcel and brings it to its destination: Tuple((Box(2), Discrete(3))), a velocity and what
    the gripper does (nothing, close, open). Closing works within 0.15 of the parcel, and opening ends the episode: it delivers
    within 0.15 of the destination. Coming closer pays the distance, closing on the parcel 1 and delivering 10, and each step
    costs 0.02. So the return is above 7 if and only if the parcel was delivered. An episode has at most 60 steps of at most 0.1
    in each direction.
    """

    LONGEST, REACH = 60, 0.15

    def __init__(self) -> None:
        self.action_space = spaces.Tuple((spaces.Box(-0.1, 0.1, (2,), np.float32), spaces.Discrete(3)))
        self.observation_space = spaces.Box(-2.0, 2.0, (5,), np.float32)

    def _gap(self) -> Any:
        """The way to where the robot has to go next."""
        return (self.destination if self.has_parcel else self.parcel) - self.place

    def _look(self) -> Any:
        return np.array([*self._gap(), *self.place, self.has_parcel], np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.place, self.parcel, self.destination = self.np_random.uniform(-1.0, 1.0, (3, 2))
        self.has_parcel, self.steps = False, 0
        return self._look(), {}

    def step(self, action: Any) -> Step:
        velocity, gripper = action
        before = float(np.linalg.norm(self._gap()))
        self.place = np.clip(self.place + velocity, -1.0, 1.0)
        distance = float(np.linalg.norm(self._gap()))
        reward, is_over = before - distance - 0.02, False
        if gripper == 1 and not self.has_parcel and distance < self.REACH:
            self.has_parcel, reward = True, reward + 1.0
        elif gripper == 2 and self.has_parcel:
            is_over, reward = True, reward + 10.0 * (distance < self.REACH)
        self.steps += 1
        return self._look(), reward, is_over, self.steps == self.LONGEST and not is_over, {}


class Swings(gymnasium.Env[Any, Any]):
    """Four swings of different lengths, pushed by forces between -2 and 2: x'' = -w^2 x + u. The reward is the gain in energy
    v^2 / 2 + w^2 x^2 / 2, so the best push is always as hard as possible. `bang_bang` pushes that way: in the direction of
    motion, at the middle of the step. The state is moved exactly, 0.2 s a step, 100 steps.
    """

    FREQUENCIES, DT, LONGEST = np.array([0.8, 1.1, 1.5, 2.0]), 0.2, 100

    def __init__(self) -> None:
        self.action_space = spaces.Box(-2.0, 2.0, (4,), np.float32)
        self.observation_space = spaces.Box(-100.0, 100.0, (8,), np.float32)

    def _look(self) -> Any:
        return np.concatenate([self.x * self.FREQUENCIES, self.v]).astype(np.float32)

    def _moved(self, push: Any, seconds: float) -> tuple[Any, Any]:
        """Places and speeds after a constant push."""
        w, rest = self.FREQUENCIES, push / self.FREQUENCIES**2
        cos, sin = np.cos(w * seconds), np.sin(w * seconds)
        return rest + (self.x - rest) * cos + self.v / w * sin, self.v * cos - (self.x - rest) * w * sin

    def bang_bang(self) -> Any:
        """The full push in the direction of motion."""
        return np.where(self._moved(0.0, self.DT / 2)[1] >= 0.0, 2.0, -2.0).astype(np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.x, self.v = self.np_random.uniform(-1.0, 1.0, (2, 4))
        self.steps = 0
        return self._look(), {}

    def _energy(self) -> float:
        return float(np.sum(self.v**2 + (self.FREQUENCIES * self.x) ** 2)) / 2

    def step(self, action: Any) -> Step:
        before = self._energy()
        self.x, self.v = self._moved(np.clip(action, -2.0, 2.0), self.DT)
        self.steps += 1
        return self._look(), self._energy() - before, False, self.steps == self.LONGEST, {}


class Ferry(gymnasium.Env[Any, Any]):
    """A ferry, somewhere in a square, is steered to its middle: each of 50 steps moves it by at most 0.1 in each direction, and
    costs the square of the distance and a toll. The toll is drawn for each episode, N(0, 2^2), and nothing can change it. It
    has the key `toll`, and the place `position`. `info["pay"]` is the reward without it.
    """

    def __init__(self) -> None:
        self.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
        parts = {"position": spaces.Box(-2.0, 2.0, (2,), np.float32), "toll": spaces.Box(-20.0, 20.0, (1,), np.float32)}
        self.observation_space = spaces.Dict(parts)

    def _look(self) -> Any:
        return {"position": self.place.astype(np.float32), "toll": np.array([self.toll], np.float32)}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.place, self.steps = self.np_random.uniform(-1.0, 1.0, 2), 0
        self.toll = float(np.clip(2.0 * self.np_random.normal(), -20.0, 20.0))
        return self._look(), {}

    def step(self, action: Any) -> Step:
        self.place = np.clip(self.place + 0.1 * np.asarray(action, np.float64), -2.0, 2.0)
        self.steps += 1
        pay = -float(self.place @ self.place)
        return self._look(), pay - self.toll, False, self.steps == 50, {"pay": pay}


class City(gymnasium.Env[Any, Any]):
    """A city of 1,000,000 places, of which the 64 of an 8 x 8 quarter are ever seen; their numbers tell nothing about where they
    are. From anywhere, a step to a neighbor costs 0.05, and the corner pays 1 and ends the episode, which has at most 50 steps.
    The best mean return is 0.694: 7.11 steps on average, of which the last one costs nothing.
    """

    PLACES, SIDE = 1_000_000, 8

    def __init__(self) -> None:
        self.action_space, self.observation_space = spaces.Discrete(4), spaces.Discrete(self.PLACES)
        self.names = np.random.default_rng(0).choice(self.PLACES, (self.SIDE, self.SIDE), replace=False)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.at, self.steps = self.np_random.integers(0, self.SIDE, 2), 0
        if not self.at.any():
            self.at[0] = 1
        return self.names[*self.at], {}

    def step(self, action: Any) -> Step:
        direction = ((1, 0), (-1, 0), (0, 1), (0, -1))[action]
        self.at = np.clip(self.at + np.array(direction), 0, self.SIDE - 1)
        self.steps += 1
        has_arrived = not self.at.any()
        return self.names[*self.at], 1.0 if has_arrived else -0.05, has_arrived, self.steps == 50 and not has_arrived, {}
