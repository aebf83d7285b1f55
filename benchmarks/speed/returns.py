"""Wall-clock seconds to a mean return of the last 100 training episodes, each with its own tuned settings."""

import statistics

from contenders import Npg, Peer

# Task: the returns, npg's seeds, the peers' seeds, and the steps after which a run is given up.
GOALS = {"CartPole-v1": ([475], 10, 5, 300_000), "Pendulum-v1": ([-200], 10, 3, 500_000),
         "Hopper-v5": ([2000, 3000], 5, 3, 500_000), "HalfCheetah-v5": ([3000], 5, 2, 1_000_000)}


def contenders(context, task):
    peers = {
        "sb3-contrib TRPO": Peer(context.python, "peer_sb3.py", "--tuned"),
        "Tianshou NPG": Peer(context.python, "peer_tianshou.py", "--tuned", "--algo", "npg"),
        "Tianshou TRPO": Peer(context.python, "peer_tianshou.py", "--tuned", "--algo", "trpo"),
    }
    if task == "CartPole-v1":
        peers["PureJaxRL PPO"] = Peer(context.python, "peer_purejaxrl.py", "--n-envs", 4)
    return peers


def measure(store, context, tasks, _):
    npg = Npg(context.program)
    wanted = {task: GOALS[task] for task in tasks if task in GOALS}
    for task, (goals, seeds, _, _) in wanted.items():
        for seed in range(seeds):
            key = {"part": "return", "task": task, "seed": seed, "who": "npg"}
            more = ["--until-return", goals[-1], "--seed", seed]
            store.once(key, lambda: said(npg.train(task, *more, milestones=goals)))
    for task, (goals, _, seeds, limit) in wanted.items():
        for who, peer in contenders(context, task).items():
            for seed in range(seeds):
                key = {"part": "return", "task": task, "seed": seed, "who": who}
                more = ["--steps", limit, "--seed", seed, "--until", *goals]
                store.once(key, lambda: said(peer.train(task, *more)))


def said(row):
    return {**row, "said": ", ".join(f"{goal}: {seconds:.2f} s" for goal, seconds in row["milestones"].items()) or "not reached"}


def rows_of(store, tasks):
    """Seconds to each goal: npg's with start-up, the peers' without and with."""
    rows = []
    for task in (task for task in tasks if task in GOALS):
        for goal in GOALS[task][0]:
            for who in dict.fromkeys(row["key"]["who"] for row in store.of(part="return", task=task)):
                runs = store.of(part="return", task=task, who=who)
                times = [row["milestones"].get(str(goal)) for row in runs]
                reached = sorted(time for time in times if time is not None)
                startup = statistics.median(row["startup"] for row in runs)
                # What was not reached took longer than everything else.
                middle = [*reached, *[None] * (len(times) - len(reached))][(len(times) - 1) // 2]
                rows.append({"task": task, "goal": goal, "who": who, "seconds": middle, "reached": len(reached),
                             "seeds": len(times), "least": min(reached, default=None), "most": max(reached, default=None),
                             "startup": startup})
    return rows


def show(store, tasks):
    print("\nSeconds to a mean return of the last 100 training episodes, medians over seeds (one that does not get there counts as "
          "longest); npg's with start-up, the peers' without\n")
    print("| task | return | who | seconds | least to most | start-up, s | reached |\n|---|---|---|---|---|---|---|")
    for row in rows_of(store, tasks):
        seconds = "-" if row["seconds"] is None else f"{row['seconds']:.3g}"
        span = "-" if row["least"] is None else f"{row['least']:.3g} to {row['most']:.3g}"
        print(f"| {row['task']} | {row['goal']} | {row['who']} | {seconds} | {span} | {row['startup']:.2g} "
              f"| {row['reached']} of {row['seeds']} |")
