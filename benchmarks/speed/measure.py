"""What every measured process of a peer does alike: it learns, notes where the time goes, and prints one line of JSON."""

import argparse
import json
import os
import time
from collections import defaultdict, deque

import gymnasium
import torch

WINDOW = 100


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("task")
    parser.add_argument("--algo", default="trpo")
    parser.add_argument("--n-envs", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--processes", action="store_true", help="an environment in each process")
    parser.add_argument("--steps", type=int, required=True, help="at most")
    parser.add_argument("--until", type=float, nargs="*", default=[],
                        help="mean returns of the last 100 training episodes; the last ends it")
    parser.add_argument("--tuned", action="store_true", help="the peer's own settings of the task, else the matched ones")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    return args


def make(task):
    return lambda: gymnasium.make(task)


class Clock:
    """Seconds by phase, from the end of the first iteration on: what torch sets up in it does not count."""

    def __init__(self, goals):
        self.goals, self.reached = goals, {}
        self.phases, self.recent = defaultdict(float), deque(maxlen=WINDOW)
        self.steps = self.begin = self.warm_steps = self.warm = None

    def start(self):
        self.begin, self.startup, self.steps = time.perf_counter(), time.time() - float(os.environ["STARTED"]), 0

    def timed(self, phase, function):
        def call(*args, **kwargs):
            begin = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.phases[phase] += time.perf_counter() - begin

        return call

    def iteration(self, steps):
        """After each: whether it is to go on."""
        self.steps += steps
        if self.warm is None:
            self.warm, self.warm_steps = time.perf_counter(), self.steps
            self.phases.clear()
        if len(self.recent) == WINDOW:
            for goal in self.goals:
                if sum(self.recent) / WINDOW >= goal:
                    self.reached.setdefault(f"{goal:g}", time.perf_counter() - self.begin)
        return not self.goals or f"{self.goals[-1]:g}" not in self.reached

    def print(self):
        now = time.perf_counter()
        print(json.dumps({
            "steps": self.steps, "seconds": now - self.begin, "startup": self.startup,
            "rate": (self.steps - self.warm_steps) / (now - self.warm), "milestones": self.reached,
            "iterations": (self.steps - self.warm_steps) / self.warm_steps, "phases": dict(self.phases),
        }))
