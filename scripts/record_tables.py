"""Records the tables of Gymnasium's toy text environments, against which crates/npg/tests/tables.rs holds npg's.

    python -m venv gymnasium-venv
    gymnasium-venv/bin/pip install gymnasium==1.4.0
    gymnasium-venv/bin/python scripts/record_tables.py crates/npg/tests/data/gymnasium

One file a table, and `tables.json` with the spec, options and start distribution of each. The first line of a file has
the probabilities that occur; then there is one line for each state and action, state by state, with its outcomes in
Gymnasium's order: `probability next reward terminated`, the probability as an index into the first line, comma between
outcomes. Numbers are written with as many digits as give them back.

Taxi's fickle passenger is not in its table, so `fickle.csv` counts what follows: state, fickle (0 or 1), action, next
state, fickle after it, times out of DRAWS. Those draws are seeded.
"""

import collections
import json
import pathlib
import sys

import gymnasium

DRAWS = 600  # of each state and action of the fickle passenger
RATE = {"is_slippery": True, "success_rate": 0.8}
# Gymnasium's arguments, and npg's options where they differ.
LAKE = {"desc": ["SFFHF", "FHFFS", "HFFGF"], "reward_schedule": (2, -1.5, -0.01)}
OUR_LAKE = {"desc": "SFFHF/FHFFS/HFFGF", "reward_goal": 2, "reward_hole": -1.5, "reward_frozen": -0.01}
TABLES = [
    ("FrozenLake-v1", "", {}, {}),
    ("FrozenLake-v1", "-dry", {"is_slippery": False}, {"is_slippery": False}),
    ("FrozenLake-v1", "-rate", RATE, RATE),
    ("FrozenLake-v1", "-map", LAKE, OUR_LAKE),
    ("FrozenLake-v1", "-8x8", {"map_name": "8x8", "is_slippery": False}, {"map_name": "8x8", "is_slippery": False}),
    ("FrozenLake8x8-v1", "", {}, {}),
    ("CliffWalking-v1", "", {}, {}),
    ("CliffWalkingSlippery-v1", "", {}, {}),
    ("Taxi-v4", "", {}, {}),
    ("Taxi-v4", "-rainy", {"is_rainy": True}, {"is_rainy": True}),
    ("Taxi-v4", "-rain", {"is_rainy": True, "rainy_probability": 0.5}, {"is_rainy": True, "rainy_probability": 0.5}),
]


def table(env):
    """The lines of a table's file."""
    probabilities, lines = {}, []
    for state in range(env.observation_space.n):
        for action in range(env.action_space.n):
            outcomes = []
            for probability, successor, reward, terminated in env.P[state][action]:
                index = probabilities.setdefault(float(probability), len(probabilities))
                outcomes.append(f"{index} {int(successor)} {reward:g} {int(terminated)}")
                assert float(f"{reward:g}") == reward
            lines.append(",".join(outcomes))
    return [",".join(map(repr, probabilities))] + lines


def fickle_counts():
    """What follows some states of a taxi with a passenger who may change the destination, or one who has done so."""
    env = gymnasium.make("Taxi-v4", fickle_passenger=True).unwrapped
    env.reset(seed=1)
    # (row, column, passenger, destination): in the taxi in the open, at a wall, in a corner, at a stop; waiting.
    states = [(2, 2, 4, 0), (0, 1, 4, 3), (4, 4, 4, 1), (0, 0, 4, 2), (2, 2, 1, 0), (0, 0, 0, 1)]
    for state in states:
        for fickle in [False, True]:
            for action in range(6):
                counts = collections.Counter()
                for _ in range(DRAWS):
                    env.s, env.fickle_step = env.encode(*state), fickle
                    successor = env.step(action)[0]
                    counts[int(successor), int(env.fickle_step)] += 1
                for (successor, after), count in sorted(counts.items()):
                    yield f"{env.encode(*state)},{int(fickle)},{action},{successor},{after},{count}"


def main(folder):
    assert gymnasium.__version__ == "1.4.0", gymnasium.__version__
    index = []
    for id, suffix, arguments, options in TABLES:
        made = gymnasium.make(id, **arguments)
        env = made.unwrapped
        file = f"{id}{suffix}-table.csv"
        lines = table(env)
        (folder / file).write_text("\n".join(lines) + "\n")
        start = env.initial_state_distrib
        index.append({
            "file": file,
            "id": id,
            "options": options,
            "states": int(env.observation_space.n),
            "actions": int(env.action_space.n),
            "start": {str(state): float(p) for state, p in enumerate(start) if p > 0},
            "max_episode_steps": made.spec.max_episode_steps,
            "reward_threshold": made.spec.reward_threshold,
        })
        print(f"{file}: {len(lines) - 1} rows")
    entries = ",\n ".join(json.dumps(entry) for entry in index)
    (folder / "tables.json").write_text(f"[{entries}]\n")
    (folder / "fickle.csv").write_text("\n".join(fickle_counts()) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
