"""Steps a second of npg and its peers at matched settings, and of training beside the pure physics."""

import math
import statistics

from contenders import PHASES, STEPS, Npg, peers
from store import median, run

CLASSIC = ["CartPole-v1", "Pendulum-v1"]
# The model and the steps of the physics in a step of the environment.
MUJOCO = {"HalfCheetah-v5": ("half_cheetah.xml", 5), "Hopper-v5": ("hopper.xml", 4), "Walker2d-v5": ("walker2d_v5.xml", 4),
          "Ant-v5": ("ant.xml", 5), "Humanoid-v5": ("humanoid.xml", 5)}
TASKS = [*CLASSIC, *MUJOCO]
# A configuration that was this near to its peer's best in one measurement may be the best.
NEAR = 0.7


def measure(store, context, tasks, rounds):
    """Every configuration of every peer once, then rounds of npg and, in turn, of all that may be their peer's best."""
    npg = Npg(context.program)
    for task in tasks:
        found, best = peers(context.python, task), {}
        for peer, configurations in found.items():
            for name, configuration in configurations.items():
                key = {"part": "throughput", "round": 0, "task": task, "who": peer, "configuration": name}
                store.once(key, lambda: configuration.matched(task))
            rates = {row["key"]["configuration"]: row["rate"] for row in store.of(part="throughput", round=0, task=task, who=peer)}
            best[peer] = [name for name, rate in rates.items() if rate >= NEAR * max(rates.values())]
        for number in range(1, rounds + 1):
            for algo in ("npg", "trpo"):
                key = {"part": "throughput", "round": number, "task": task, "who": f"npg --algo {algo}"}
                store.once(key, lambda: npg.matched(task, algo))
            if task == "CartPole-v1":
                key = {"part": "throughput", "round": number, "task": task, "who": "npg, the preset"}
                store.once(key, lambda: npg.train(task, "--steps", 500_000))
            for peer, name in ((peer, name) for peer, names in best.items() for name in names):
                key = {"part": "throughput", "round": number, "task": task, "who": peer, "configuration": name}
                store.once(key, lambda: found[peer][name].matched(task))


def rounds_of(store, **wanted):
    """{round: row} of the configuration with the highest median rate."""
    found = {}
    for row in store.of(part="throughput", **wanted):
        if row["key"]["round"]:
            found.setdefault(row["key"].get("configuration"), {})[row["key"]["round"]] = row
    return max(found.values(), key=lambda rows: median(rows.values(), "rate"), default={})


def against(task, peer):
    """What of npg a peer is compared with: the same algorithm; the preset where the settings cannot be the same."""
    if "PureJaxRL" in peer:
        return "npg, the preset"
    return "npg --algo npg" if "NPG" in peer else "npg --algo trpo"


def rows_of(store, tasks):
    """(task, who, configuration, steps/s, npg's ratio to it, start-up s, peak MiB), medians over rounds."""
    rows = []
    for task in tasks:
        names = dict.fromkeys(row["key"]["who"] for row in store.of(part="throughput", task=task))
        for who in sorted(names, key=lambda who: not who.startswith("npg")):
            of_who = rounds_of(store, task=task, who=who)
            if not of_who:
                continue
            ours = rounds_of(store, task=task, who=against(task, who))
            ratios = [ours[number]["rate"] / row["rate"] for number, row in of_who.items() if number in ours]
            is_peer = not who.startswith("npg")
            rows.append({"task": task, "who": who, "configuration": next(iter(of_who.values()))["key"].get("configuration"),
                         "rate": median(of_who.values(), "rate"), "rounds": len(of_who),
                         "ratio": statistics.median(ratios) if is_peer and ratios else None,
                         "startup": median(of_who.values(), "startup"), "memory": median(of_who.values(), "memory")})
    return rows


def show(store, tasks):
    print("Environment steps a second after start-up, medians of rounds; x is npg's rate over the peer's, of the same algorithm\n")
    print("| task | who | environments | steps/s | x | start-up, s | peak, MiB | rounds |\n|---|---|---|---|---|---|---|---|")
    for row in rows_of(store, tasks):
        ratio = "" if row["ratio"] is None else f"{row['ratio']:.0f}"
        print(f"| {row['task']} | {row['who']} | {row['configuration'] or 16} | {row['rate']:,.0f} | {ratio} "
              f"| {row['startup']:.3g} | {row['memory']:.0f} | {row['rounds']} |")
    show_phases(store, tasks)


def show_phases(store, tasks):
    """Microseconds a step. npg's policy update (gradient, solve, step) and critic run side by side."""
    print("\nMicroseconds a step by phase (npg's critic runs beside gradient, solve and step; a peer's \"rest\" is critic, line "
          "search and loops)\n")
    print("| task | who | sampling | gradient | solve | step | critic | update | rest |\n|---|---|---|---|---|---|---|---|---|")
    for task in tasks:
        for who in dict.fromkeys(row["key"]["who"] for row in store.of(part="throughput", task=task)):
            of_who = list(rounds_of(store, task=task, who=who).values())
            if not of_who or not of_who[0]["phases"]:
                continue
            cells = {}
            for phase in PHASES:
                values = [row["phases"][phase] / per_phase_steps(row) * 1e6 for row in of_who if phase in row["phases"]]
                cells[phase] = statistics.median(values) if values else None
            rest = None
            if cells["critic"] is None:
                rest = cells["update"] - cells["solve"] - (cells["gradient"] or 0)
            shown = [*(cells[phase] for phase in PHASES), rest]
            print(f"| {task} | {who} | {' | '.join('' if cell is None else f'{cell:.3g}' for cell in shown)} |")


def per_phase_steps(row):
    """Steps that the phases of a row are of: all of npg's, a peer's without its first iteration."""
    is_npg = row["key"]["who"].startswith("npg")
    return row["steps"] if is_npg else row["steps"] * row["iterations"] / (row["iterations"] + 1)


def measure_physics(store, context, tasks, rounds):
    """Rounds of training, and of `mujoco.rollout` with what that training asked of it."""
    npg = Npg(context.program)
    for task in (task for task in tasks if task in MUJOCO):
        model, frame_skip = MUJOCO[task]
        steps, recording = STEPS[task], context.directory / f"{task}.f64"
        for number in range(1, rounds + 1):
            key = {"part": "physics", "round": number, "task": task}
            store.once({**key, "who": "npg"}, lambda: npg.matched(task, "trpo"))
            if not store.of(**key, who="mujoco.rollout") and not recording.exists():
                run([context.record, task, context.matched, steps, recording])
            replay = [context.python, context.here / "physics.py", context.models / model, frame_skip, recording]
            store.once({**key, "who": "mujoco.rollout"}, lambda: replayed(replay, context.directory))
        recording.unlink(missing_ok=True)


def replayed(command, directory):
    lines, _ = run(command, cwd=directory)  # there, because MuJoCo writes a log
    rate, continued = lines[-1].split()
    return {"rate": float(rate), "continued": float(continued)}


def physics_rows(store, tasks):
    rows = []
    for task in tasks:
        ours, theirs = ({row["key"]["round"]: row["rate"] for row in store.of(part="physics", task=task, who=who)}
                        for who in ("npg", "mujoco.rollout"))
        both = [number for number in ours if number in theirs]
        if both:
            rows.append({"task": task, "training": statistics.median(ours.values()), "rounds": len(both),
                         "physics": statistics.median(theirs.values()),
                         "fraction": statistics.median(ours[number] / theirs[number] for number in both)})
    return rows


def show_physics(store, tasks):
    print("\nWhole training with two threads beside mujoco.rollout with two threads, which replays the actions that training took "
          "from the states that it was in: steps/s, medians of rounds\n")
    print("| task | physics | training | fraction | rounds |\n|---|---|---|---|---|")
    for row in physics_rows(store, tasks):
        print(f"| {row['task']} | {row['physics']:,.0f} | {row['training']:,.0f} | {100 * row['fraction']:.0f} % "
              f"| {row['rounds']} |")


def draw(store, tasks, path):
    """Steps a second of npg and of each peer's best configuration, on a logarithmic scale."""
    import matplotlib.pyplot as plot

    plot.rcParams["svg.fonttype"] = "none"
    rows = [row for row in rows_of(store, tasks) if row["who"] != "npg --algo trpo"]
    names = list(dict.fromkeys(row["who"] for row in rows))
    figure, axes = plot.subplots(figsize=(9, 0.55 * len(rows) * 0.6 + 1.2))
    ticks, at = [], 0.0
    for task in reversed(dict.fromkeys(row["task"] for row in rows)):
        of_task = [row for row in rows if row["task"] == task]
        for row in reversed(of_task):
            is_ours = row["who"].startswith("npg")
            axes.barh(at, row["rate"], height=0.85, color="#c2410c" if is_ours else f"C{names.index(row['who'])}",
                      alpha=1 if is_ours else 0.55)
            ratio = "" if row["ratio"] is None else f"   1/{row['ratio']:.0f}"
            axes.text(row["rate"] * 1.05, at, f"{row['who'].removesuffix(' --algo npg')}  {row['rate']:,.0f}{ratio}", va="center",
                      fontsize=8)
            at += 1
        ticks.append((at - len(of_task) / 2 - 0.5, task))
        at += 0.8
    axes.set_yticks([y for y, _ in ticks], [task for _, task in ticks])
    axes.set_xscale("log")
    low = math.floor(math.log10(min(row["rate"] for row in rows)))
    high = max(row["rate"] for row in rows)
    axes.set_xlim(10**low, high * 8)
    axes.margins(y=0.01)
    axes.set_xlabel("environment steps a second, whole training, two cores")
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path)
