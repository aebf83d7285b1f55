"""The measurements of benchmarks/python.sh."""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import gymnasium

import npg

SPEED = ("HalfCheetah-v5", "LunarLander-v3")
N_ENVS = 16


def vector(name: str) -> gymnasium.vector.VectorEnv[Any, Any, Any]:
    return gymnasium.make_vec(name, N_ENVS, vectorization_mode="sync")


def random_rate(name: str, steps: int) -> float:
    """Transitions a second under random actions, which are drawn before."""
    env = vector(name)
    env.reset(seed=0)
    actions = [env.action_space.sample() for _ in range(64)]
    begin = time.perf_counter()
    for step in range(steps // N_ENVS):
        env.step(actions[step % 64])
    rate = steps / (time.perf_counter() - begin)
    env.close()
    return rate


def training_rate(name: str, steps: int) -> float:
    """Transitions a second of training with the preset."""
    env = vector(name)
    agent = npg.NPG("MlpPolicy", env, seed=0)
    begin = time.perf_counter()
    agent.learn(steps)
    rate = steps / (time.perf_counter() - begin)
    env.close()
    return rate


def speed(steps: int, repeats: int) -> None:
    print(f"steps/s of {N_ENVS} environments in a SyncVectorEnv, medians of {repeats} turns of {steps:,} steps\n")
    print("| environment | random actions | training | ratio |\n|---|---|---|---|")
    for name in SPEED:
        rates = [(random_rate(name, steps), training_rate(name, steps)) for _ in range(repeats)]
        medians = [statistics.median(column) for column in zip(*rates, strict=True)]
        ratio = statistics.median(trained / random for random, trained in rates)
        print(f"| {name} | {medians[0]:,.0f} | {medians[1]:,.0f} | {100 * ratio:.0f} % |")


def learning(seeds: range) -> None:
    print("LunarLander-v3, 500,000 steps, 100 deterministic episodes\n\n| seed | return | seconds |\n|---|---|---|")
    means = []
    for seed in seeds:
        begin = time.perf_counter()
        agent = npg.NPG("MlpPolicy", "LunarLander-v3", seed=seed).learn(500_000)
        seconds = time.perf_counter() - begin
        mean, std = npg.evaluate_policy(agent, "LunarLander-v3", 100, seed=10_000 + seed)
        means.append(mean)
        print(f"| {seed} | {mean:.1f} ± {std:.1f} | {seconds:.0f} |", flush=True)
    print(f"\n{sum(mean >= 200 for mean in means)} of {len(means)} seeds reach 200; mean {statistics.mean(means):.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python.sh")
    commands = parser.add_subparsers(dest="command", required=True)
    of_speed = commands.add_parser("speed")
    of_speed.add_argument("--steps", type=int, default=65_536)
    of_speed.add_argument("--repeats", type=int, default=5)
    of_learning = commands.add_parser("learning")
    of_learning.add_argument("--seeds", default="0..5", help="A..B, B excluded")
    args = parser.parse_args()
    if args.command == "speed":
        speed(args.steps, args.repeats)
    else:
        first, end = args.seeds.split("..")
        learning(range(int(first), int(end)))


main()
