"""Records transitions of Gymnasium's classic control, which crates/npg/tests/gymnasium.rs replays.

    python -m venv gymnasium-venv
    gymnasium-venv/bin/pip install gymnasium==1.4.0
    gymnasium-venv/bin/python scripts/record_gymnasium.py crates/npg/tests/data/gymnasium

Everything is seeded: on one machine and version of NumPy the same files come out (NumPy's sine may differ in its
last bit elsewhere). One CSV file a recording, and `recordings.json` with the spec and options of each. The columns
of a CSV file:

    start          1 where the state was set or reset, 0 where the row continues the one before
    before         state, action: before the step; the state as f64
    after          reward, terminated (0 or 1), state, observation: after the step; the observation as f32

States come from rollouts under several policies (random, held, energy-pumping, balancing: so goals, falls, walls
and speed limits are reached, and some episodes are long) and from uniform draws over the state space and somewhat
beyond. Actions of boxes are f32, some beyond the bounds. Numbers are written with as many digits as give them back.
"""

import json
import pathlib
import sys

import gymnasium
import numpy as np

TRANSITIONS = 1600  # of each environment with its default options
VARIANT_TRANSITIONS = 150  # of each environment with other options
SET_FRACTION = 0.4  # of the transitions start from a drawn state


class Task:
    """An environment with its options, the box its states are drawn from, and the length of its rollouts."""

    def __init__(self, id, state_high, state_low=None, length=200, options=None, attributes=None):
        self.id, self.length = id, length
        self.state_high = np.array(state_high)
        self.state_low = -self.state_high if state_low is None else np.array(state_low)
        self.options, self.attributes = options or {}, attributes or {}

    def variant(self, options=None, attributes=None):
        return Task(self.id, self.state_high, self.state_low, 40, options, attributes)

    def make(self):
        env = gymnasium.make(self.id, **self.options)
        for name, value in self.attributes.items():
            setattr(env.unwrapped, name, value)
        return env


PI = np.pi
TASKS = [
    Task("CartPole-v1", [2.6, 4.0, 0.3, 4.0]),
    Task("Pendulum-v1", [4 * PI, 8.0]),
    Task("Acrobot-v1", [PI, PI, 4 * PI, 9 * PI]),
    Task("MountainCar-v0", [0.6, 0.07], [-1.2, -0.07]),
    Task("MountainCarContinuous-v0", [0.6, 0.07], [-1.2, -0.07]),
]
CART_POLE, PENDULUM, ACROBOT, MOUNTAIN_CAR, MOUNTAIN_CAR_CONTINUOUS = TASKS
VARIANTS = [
    CART_POLE.variant({"sutton_barto_reward": True}),
    PENDULUM.variant({"g": 9.81}),
    ACROBOT.variant(attributes={"book_or_nips": "nips"}),
    MOUNTAIN_CAR.variant({"goal_velocity": 0.03}),
    MOUNTAIN_CAR_CONTINUOUS.variant({"goal_velocity": 0.03}),
]


def skilled(task, state):
    """A direction in {-1, 0, 1} that brings the task forward: balance, or pump energy."""
    if task.id.startswith("CartPole"):
        return np.sign(state @ [0.1, 0.4, 3.0, 1.0])
    if task.id.startswith("Pendulum"):
        angle = (state[0] + PI) % (2 * PI) - PI
        energy = state[1] ** 2 / 6 + 5 * (np.cos(angle) - 1)
        near = abs(angle) < 0.3
        return np.sign(-10 * angle - 2 * state[1]) if near else -np.sign(energy * state[1])
    if task.id.startswith("Acrobot"):
        return -np.sign(state[2])
    return 1.0 if state[1] >= 0 else -1.0


def action_for(space, direction, rng):
    """The action of the space in that direction; in a box of any strength, sometimes beyond the bounds."""
    if isinstance(space, gymnasium.spaces.Discrete):
        return int((direction + 1) * (space.n - 1) / 2 + (0.5 if direction == 0 and space.n == 2 else 0))
    strength = rng.choice([rng.uniform(0, 1), 1.0, rng.uniform(1, 1.5)], p=[0.6, 0.2, 0.2])
    return np.array([direction * strength * space.high[0]], dtype=np.float32)


class Recorder:
    """Steps an environment and keeps the rows."""

    def __init__(self, task, seed):
        self.task, self.rows = task, []
        self.env = task.make()
        self.env.reset(seed=seed)
        self.rng = np.random.default_rng(seed)

    def row(self, action, start):
        env = self.env.unwrapped
        before = np.array(env.state, dtype=np.float64)
        observation, reward, terminated, _, _ = env.step(action)
        plain = float(action[0]) if isinstance(action, np.ndarray) else action
        self.rows.append(
            [int(start), *before.tolist(), plain, float(reward), int(terminated)]
            + np.array(env.state, dtype=np.float64).tolist()
            + [Single(x) for x in observation]
        )
        return terminated

    def rollout(self, policy):
        """One episode under a policy, which is a function of state and step."""
        self.env.reset()
        for step in range(self.task.length):
            direction = policy(np.array(self.env.unwrapped.state, dtype=np.float64), step)
            action = action_for(self.env.action_space, direction, self.rng)
            if self.row(action, step == 0):
                break

    def from_drawn_state(self):
        """One step from a state drawn over the whole space; five digits keep the file small."""
        self.env.reset()
        state = self.rng.uniform(self.task.state_low, self.task.state_high).round(5)
        if self.task.id == "MountainCarContinuous-v0" and self.rng.random() < 0.5:
            state = state.astype(np.float32)  # as after a step; else f64, as after a reset
        self.env.unwrapped.state = state
        self.row(action_for(self.env.action_space, self.rng.choice([-1, 0, 1]), self.rng), True)

    def policies(self):
        """Policies in turn, for ever."""
        rng = self.rng
        while True:
            yield lambda state, _: skilled(self.task, state)
            yield lambda _state, _: rng.choice([-1, 0, 1])
            yield lambda state, _: skilled(self.task, state) if rng.random() < 0.8 else rng.choice([-1, 0, 1])
            held = rng.choice([-1, 0, 1])
            yield lambda _state, _: held
            period = int(rng.integers(5, 40))
            yield lambda _state, step: 1 if step // period % 2 else -1

    def record(self, count):
        for policy in self.policies():
            self.rollout(policy)
            if len(self.rows) >= count * (1 - SET_FRACTION):
                break
        while len(self.rows) < count:
            self.from_drawn_state()
        return self.rows


class Single:
    """A number written with the digits that an f32 needs."""

    def __init__(self, value):
        self.value = np.float32(value)

    def __str__(self):
        return np.format_float_positional(self.value, unique=True, trim="-") if abs(self.value) > 1e-4 else str(self.value)


def space_of(space):
    if isinstance(space, gymnasium.spaces.Discrete):
        return {"discrete": int(space.n)}
    # JSON has no infinity: null.
    bounds = lambda values: [float(x) if np.isfinite(x) else None for x in values]
    return {"low": bounds(space.low), "high": bounds(space.high)}


def main(folder):
    assert gymnasium.__version__ == "1.4.0", gymnasium.__version__
    folder.mkdir(parents=True, exist_ok=True)
    index = []
    for number, task in enumerate(TASKS + VARIANTS):
        is_variant = task in VARIANTS
        recorder = Recorder(task, seed=number)
        rows = recorder.record(VARIANT_TRANSITIONS if is_variant else TRANSITIONS)
        file = f"{task.id}{'-variant' if is_variant else ''}.csv"
        text = "".join(",".join(map(str, row)) + "\n" for row in rows)
        (folder / file).write_text(text)
        index.append({
            "file": file,
            "id": task.id,
            "options": {**task.options, **task.attributes},
            "state_len": len(task.state_high),
            "observation": space_of(recorder.env.observation_space),
            "action": space_of(recorder.env.action_space),
            "max_episode_steps": recorder.env.spec.max_episode_steps,
            "reward_threshold": recorder.env.spec.reward_threshold,
        })
        terminated = sum(row[len(task.state_high) + 3] for row in rows)
        starts = sum(row[0] for row in rows)
        print(f"{file}: {len(rows)} transitions, {starts} starts, {terminated} terminated, {len(text)} bytes")
    (folder / "recordings.json").write_text(json.dumps(index, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
