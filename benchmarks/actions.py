"""The learning runs and tables of benchmarks/actions.sh."""

from __future__ import annotations

import argparse
import concurrent.futures
import csv
import math
import multiprocessing
import os
import pathlib
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from action_tasks import City, Counted, CountedVector, Courier, Ferry, Needles, Platform, Swings, TicTacToe

import npg
import npg.envs  # registers npg/Taxi-v4
from npg import functional

#: What one run gives: a number for a column, a list for a curve, or a tuple of counts, which the table adds up.
Row = dict[str, Any]

HEADS = {
    "gaussian, clip": {"policy.action_bounds": "clip"},
    "gaussian, rescale": {},
    "beta": {"policy.head": "beta"},
    "squashed": {"policy.head": "squashed"},
}
MUJOCO = ("HalfCheetah-v5", "Hopper-v5", "Walker2d-v5")
APART = ("cost", "mujoco")  # parts that are not done by default
STEPS = os.environ.get("STEPS", "1000000")  # of the part mujoco


class Counts:
    """Actions, and forbidden ones, of training, evaluation and `predict`."""

    def __init__(self) -> None:
        self.training, self.evaluation, self.predict = [0, 0], [0, 0], [0, 0]

    def row(self) -> Row:
        taken, forbidden = zip(self.training, self.evaluation, self.predict, strict=True)
        return {"actions": taken, "of them forbidden": forbidden}


def learned(env: Any, steps: int, seed: int, logs: pathlib.Path, callback: Any = None, **how: Any) -> npg.NPG:
    """Trains an agent on one thread. Its log is logs/seed-N, where `npg plot` finds it."""
    agent = npg.NPG("MlpPolicy", env, seed=seed, threads=1, tensorboard_log=str(logs), **how)
    agent.learn(steps, callback=callback, tb_log_name=f"log-{seed}")
    (logs / f"log-{seed}_1").rename(logs / f"seed-{seed}")  # `learn` appends the number of the call
    return agent


def curve(agent: npg.NPG, steps: int) -> list[float]:
    """The mean return of the last 100 training episodes after each quarter of the run."""
    marks = [next(m for m in agent.history if m["steps"] >= steps * k / 4) for k in (1, 2, 3, 4)]
    return [mark["rollout/ep_rew_mean"] for mark in marks]


def by_hand(agent: npg.NPG, env: Any, seed: int, has_mask: bool) -> None:
    """Takes 1,000 actions of `predict`, which draws them from the policy, and gives it the mask that is in `info`."""
    observation, info = env.reset(seed=seed)
    for _ in range(1_000):
        action, _ = agent.predict(observation, action_masks=info["action_mask"] if has_mask else None)
        observation, _, terminated, truncated, info = env.step(action)
        if terminated or truncated:
            observation, info = env.reset()


def trained(
    make: Callable[[], Any], steps: int, seed: int, logs: pathlib.Path, episodes: int, **how: Any
) -> tuple[npg.NPG, Row, Any]:
    """Trains in 16 environments of `make`, and evaluates deterministic episodes. Returns the agent, the curve and the counts of
    actions, and the returns of the evaluation.
    """
    counts = Counts()
    agent = learned(lambda: Counted(make(), counts.training), steps, seed, logs, n_envs=16, n_steps=64, **how)
    env = Counted(make(), counts.evaluation)
    returns, _ = npg.evaluate_policy(agent, env, episodes, return_episode_rewards=True, seed=10_000 + seed)
    by_hand(agent, Counted(make(), counts.predict), 20_000 + seed, how.get("action_masks") == "info")
    return agent, {"training return by quarters": curve(agent, steps), **counts.row()}, np.array(returns)


class Table:
    """Gymnasium's Taxi-v4 as arrays, and the exact value of a policy on it: without sampling, and without a time limit."""

    def __init__(self, gamma: float) -> None:
        taxi: Any = gymnasium.make("Taxi-v4").unwrapped
        self.start, self.gamma = taxi.initial_state_distrib, gamma
        self.next, self.reward, self.goes_on = (np.zeros((500, 6), kind) for kind in (int, float, float))
        for state, actions in taxi.P.items():
            for action, [(_, following, reward, terminated)] in actions.items():
                self.next[state, action], self.reward[state, action] = following, reward
                self.goes_on[state, action] = not terminated
        self.masks = np.array([taxi.action_mask(state) for state in range(500)], bool)

    def values(self, probabilities: Any) -> Any:
        """V of the policy, from (I - gamma P) V = r."""
        matrix = np.eye(500)
        states = np.arange(500)
        for action in range(6):
            weight = self.gamma * probabilities[:, action] * self.goes_on[:, action]
            np.subtract.at(matrix, (states, self.next[:, action]), weight)
        return np.linalg.solve(matrix, np.sum(probabilities * self.reward, axis=1))

    def j(self, probabilities: Any) -> float:
        return float(self.start @ self.values(probabilities))

    def optimum(self) -> float:
        """J of the best policy, by policy iteration."""
        best = np.argmax(self.reward, axis=1)
        while True:
            values = self.values(np.eye(6)[best])
            better = np.argmax(
                self.reward + self.gamma * self.goes_on * values[self.next] + 1e-9 * np.eye(6)[best], axis=1
            )
            if np.array_equal(better, best):
                return float(self.start @ values)
            best = better

    def probabilities(self, agent: npg.NPG, has_mask: bool) -> Any:
        """pi(a|s), shape (500, 6), with the mask of each state if the policy has masks."""
        states, actions = np.nonzero(self.masks if has_mask else np.ones((500, 6), bool))
        masks = self.masks[states] if has_mask else None
        table = np.zeros((500, 6))
        table[states, actions] = np.exp(functional.log_prob(agent.policy, states, actions, action_masks=masks))
        return table


def taxi(variant: str, seed: int, logs: pathlib.Path) -> Row:
    has_mask, steps = variant == "with its mask", 800_000
    masks, counts, losses = "auto" if has_mask else "none", Counts(), {}
    table = Table(gamma=0.99)
    optimum = table.optimum()

    def make(envs: int, count: list[int]) -> Any:
        how: Any = {"mask": has_mask, "autoreset_mode": "SAME_STEP"}
        env = gymnasium.make_vec("npg/Taxi-v4", envs, vectorization_mode="vector_entry_point", **how)
        return CountedVector(env, table.masks, count)

    def look(agent: npg.NPG, _: Any) -> None:
        losses[agent.num_timesteps] = (optimum - table.j(table.probabilities(agent, has_mask))) / abs(optimum)

    agent = learned(make(64, counts.training), steps, seed, logs, look, action_masks=masks)  # with the preset
    assert agent.gamma == table.gamma
    returns = npg.evaluate_policy(agent, make(8, counts.evaluation), 100, seed=10_000 + seed)
    env = gymnasium.make("Taxi-v4", disable_env_checker=True)
    by_hand(agent, Counted(env, counts.predict), 20_000 + seed, has_mask)
    first = next((taken for taken, loss in losses.items() if loss <= 0.02), math.nan)
    after = max((taken for taken, loss in losses.items() if loss > 0.02), default=0)
    last = list(losses.values())[-1]
    return {
        "first within 2 %": first,
        "last outside": after,
        "final loss, %": 100 * last,
        "return": returns[0],
        **counts.row(),
    }


def needles(variant: str, seed: int, logs: pathlib.Path) -> Row:
    masks = "info" if variant == "with its mask" else "none"
    _, row, returns = trained(Needles, 50_000, seed, logs, 100, action_masks=masks)
    return {"return": returns.mean(), **row}


def tic_tac_toe(_: str, seed: int, logs: pathlib.Path) -> Row:
    _, row, returns = trained(TicTacToe, 200_000, seed, logs, 500)
    share = {value: 100 * np.mean(returns == value) for value in (1, 0, -1)}
    return {"wins, %": share[1], "draws, %": share[0], "losses, %": share[-1], **row}


def platform(variant: str, seed: int, logs: pathlib.Path) -> Row:
    is_plain = variant == "plain Tuple"
    agent, row, returns = trained(lambda: Platform(is_plain), 100_000, seed, logs, 200)
    reached = (m["steps"] for m in agent.history if m["rollout/ep_rew_mean"] >= 0.9)
    return {
        "steps to 0.9": next(reached, math.nan),
        "return": returns.mean(),
        "arrived, %": 100 * np.mean(returns > 0.999),
        **row,
    }


def courier(_: str, seed: int, logs: pathlib.Path) -> Row:
    agent, row, returns = trained(Courier, 400_000, seed, logs, 200)
    drawn, _ = npg.evaluate_policy(
        agent, Courier(), 200, deterministic=False, return_episode_rewards=True, seed=10_000 + seed
    )
    shares = [100 * np.mean(np.array(each) > 7.0) for each in (returns, drawn)]
    return {"delivered, %": shares[0], "with drawn actions, %": shares[1], **row}


def pendulum(variant: str, seed: int, logs: pathlib.Path) -> Row:
    agent = learned("Pendulum-v1", 200_000, seed, logs, settings=HEADS[variant])
    mean, _ = npg.evaluate_policy(agent, "Pendulum-v1", 100, seed=10_000 + seed)
    return {"return": mean, "training return by quarters": curve(agent, 200_000)}


def swings(variant: str, seed: int, logs: pathlib.Path) -> Row:
    agent, row, returns = trained(Swings, 150_000, seed, logs, 50, settings=HEADS[variant])
    best, env = [], Swings()
    for episode in range(50):  # the same starts
        env.reset(seed=10_000 + seed if episode == 0 else None)
        best.append(sum(env.step(env.bang_bang())[1] for _ in range(env.LONGEST)))
    drawn, _ = npg.evaluate_policy(agent, Swings(), 50, deterministic=False, seed=10_000 + seed)
    shares = {"deterministic, %": 100 * returns.mean() / np.mean(best), "drawn, %": 100 * drawn / np.mean(best)}
    return {**shares, **row}


def ferry(variant: str, seed: int, logs: pathlib.Path) -> Row:
    keys = {
        "only the baseline": {"policy.keys": ["position"]},
        "neither": {"policy.keys": ["position"], "value.keys": ["position"]},
        "both": {},
    }
    steps = 60_000
    agent = learned(Ferry, steps, seed, logs, n_envs=16, n_steps=64, settings=keys[variant])
    # What an iteration pays for a step on average, without the toll.
    paid = {m["steps"]: m["env/pay"] for m in agent.history}
    first = next((taken for taken, pay in paid.items() if pay >= -0.1), math.nan)
    marks = [next(pay for taken, pay in paid.items() if taken >= steps * k / 4) for k in (1, 2, 3, 4)]
    return {"steps to -0.1": first, "pay by quarters": marks}


def city(_: str, seed: int, logs: pathlib.Path) -> Row:
    begin = time.perf_counter()
    agent = learned(City, 40_000, seed, logs, n_envs=16, n_steps=64)
    seconds = (time.perf_counter() - begin) / len(agent.history)
    mean, _ = npg.evaluate_policy(agent, City, 200, seed=10_000 + seed)
    row = {"return": mean, "parameters": len(agent.policy.theta), "seconds for an iteration": seconds}
    return {**row, "training return by quarters": curve(agent, 40_000)}


def cost(_: str, seed: int, __: pathlib.Path) -> Row:
    """Updates of 2,048 states by an agent that obeys masks and by one that does not, in turn, on one thread."""
    env = gymnasium.make_vec("npg/Taxi-v4", 32, vectorization_mode="vector_entry_point", mask=True)
    agents = {
        masks: npg.NPG("MlpPolicy", env, seed=seed, threads=1, n_steps=64, action_masks=masks)
        for masks in ("auto", "none")
    }
    for _ in range(60):
        for agent in agents.values():
            agent.learn(2_048, reset_num_timesteps=False)
    seconds = {
        masks: statistics.median(m["time/update_seconds"] for m in agent.history) for masks, agent in agents.items()
    }
    row = {"with masks, ms": 1000 * seconds["auto"], "without, ms": 1000 * seconds["none"]}
    return {**row, "share, %": 100 * seconds["auto"] / seconds["none"]}


def evaluated(seed: int, runs: pathlib.Path) -> Row | None:
    """The final evaluation of a run of the part `mujoco`, 20 deterministic episodes, if it is done."""
    path = runs / f"seed-{seed}/eval.csv"
    rows = list(csv.DictReader(path.open())) if path.exists() else []
    return {"return": float(rows[-1]["return_mean"])} if rows and rows[-1]["steps"] == STEPS else None


def mujoco(variant: str, seed: int, runs: pathlib.Path) -> Row:
    task, head = variant.split()
    if not evaluated(seed, runs):
        arguments = f"train {task} --seed {seed} --steps {STEPS} --threads 1 --force --quiet".split()
        settings = ["--set", f"policy.head={head}", "--set", "run.eval_episodes=20"]
        command = [os.environ["NPG"], *arguments, *settings, "--out", str(runs)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return evaluated(seed, runs) or {}


#: Of each part: what is done, the variants that are compared, and the function of one run.
PARTS: dict[str, tuple[str, list[str], Callable[[str, int, pathlib.Path], Row]]] = {
    "taxi": (
        "npg's Taxi-v4 with its preset, 800,000 steps, valued exactly after each update against the exact optimum",
        ["with its mask", "without"],
        taxi,
    ),
    "needles": (
        "1,000 actions of which 3 are valid, 50,000 steps; the best return is 1, and -4 is the worst",
        ["with its mask", "without"],
        needles,
    ),
    "tic-tac-toe": (
        "PettingZoo's tictactoe_v3 against a random opponent, 200,000 steps, 500 games for each seed",
        ["either side"],
        tic_tac_toe,
    ),
    "platform": (
        "run, hop or leap with a distance of its own, 100,000 steps; the best return is 1",
        ["npg.Parametrized", "plain Tuple"],
        platform,
    ),
    "tuple": ("a velocity and a gripper, 400,000 steps", ["Tuple((Box(2), Discrete(3)))"], courier),
    "pendulum": ("Pendulum-v1 with its preset, 200,000 steps", list(HEADS), pendulum),
    "swings": (
        "four swings, pushed as hard as the bounds allow, 150,000 steps; shares of the return of full pushes",
        list(HEADS),
        swings,
    ),
    "ferry": (
        "who knows a toll that nothing can change; steps until what an iteration pays without it reaches -0.1, of 60,000",
        ["only the baseline", "neither", "both"],
        ferry,
    ),
    "city": ("64 places of 1,000,000, whose numbers tell nothing, 40,000 steps; the best return is 0.694", ["embedding"], city),
    "cost": ("Taxi-v4 with its preset, updates of 2,048 states, medians of 60", ["masked and unmasked in turn"], cost),
    "mujoco": (
        "the presets, 1,000,000 steps (the bounds are -1 and 1, so clip and rescale are the same)",
        [f"{task} {head}" for task in MUJOCO for head in ("gaussian", "beta", "squashed")],
        mujoco,
    ),
}


def cell(values: list[Any]) -> str:
    """Mean and range of a column over seeds; the mean curve; the sums of counts."""
    if isinstance(values[0], tuple):
        return " + ".join(f"{sum(column):,}" for column in zip(*values, strict=True))
    if isinstance(values[0], list):
        return ", ".join(number(statistics.mean(column)) for column in zip(*values, strict=True))
    found = [value for value in values if not math.isnan(value)]
    if len(found) < len(values):
        return f"{len(found)} of {len(values)}" + (f": {number(min(found))} to {number(max(found))}" if found else "")
    return f"{number(statistics.mean(values))} ({number(min(values))} to {number(max(values))})"


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def show(part: str, rows: dict[str, dict[int, Row]]) -> None:
    print(f"\n{part}: {PARTS[part][0]}\n")
    columns = list(dict.fromkeys(column for seeds in rows.values() for row in seeds.values() for column in row))
    print("| | seeds | " + " | ".join(columns) + " |\n" + "|---" * (len(columns) + 2) + "|")
    for variant, seeds in rows.items():
        cells = [cell([row[column] for row in seeds.values()]) for column in columns if seeds]
        print(f"| {variant} | {len(seeds)} | " + " | ".join(cells) + " |", flush=True)


def run(job: tuple[str, str, int, pathlib.Path]) -> Row:
    part, variant, seed, root = job
    return PARTS[part][2](variant, seed, folder(part, variant, root))


def folder(part: str, variant: str, root: pathlib.Path) -> pathlib.Path:
    """Where the seeds of a variant are."""
    return root.joinpath(*variant.split()) if part == "mujoco" else root / part / variant


def draw(part: str, variants: list[str], root: pathlib.Path) -> None:
    """The training returns of these variants as PART.svg."""
    runs = [str(folder(part, variant, root)) for variant in variants]
    command = [os.environ["NPG"], "plot", *runs, "--only", "return", "-o", str(root / f"{part}.svg")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    parser = argparse.ArgumentParser(prog="actions.sh")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all but the last two by default")
    parser.add_argument("--seeds", default="0..5", help="A..B, B excluded")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="runs at the same time")
    parser.add_argument("--only-table", action="store_true", help="of mujoco: train nothing; show what there is")
    parser.add_argument("--out", type=pathlib.Path, default="target/actions", help="where the runs and curves are")
    args = parser.parse_args()
    parts = args.parts or [part for part in PARTS if part not in APART]
    if unknown := set(parts) - set(PARTS):
        parser.error(f"unknown: {', '.join(unknown)}; the parts are {', '.join(PARTS)}")
    seeds = range(*map(int, args.seeds.split("..")))
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(args.jobs, context) as pool:
        for part in parts:
            if part not in APART:
                shutil.rmtree(args.out / part, ignore_errors=True)
            jobs = [(part, variant, seed, args.out) for seed in seeds for variant in PARTS[part][1]]
            if part == "mujoco" and args.only_table:
                jobs = [job for job in jobs if evaluated(job[2], folder(*job[:2], args.out))]
            rows: dict[str, dict[int, Row]] = {variant: {} for variant in PARTS[part][1]}
            for (_, variant, seed, _), row in zip(jobs, pool.map(run, jobs), strict=True):
                rows[variant][seed] = row
            show(part, rows)
            done = [variant for variant, seeds in rows.items() if seeds]
            if part != "cost" and done:
                draw(part, done, args.out)


if __name__ == "__main__":
    main()
