"""What npg's parts reach of this machine's limits (limits.rs), and how costs grow with sizes (scaling.rs)."""

import json
import math

from store import run


def measure(store, context, _tasks, _rounds):
    for line in limits_lines(store, "limits", context.limits):
        store.once({"part": "limits", "what": line["what"], "threads": line["threads"]}, lambda: line)


def limits_lines(store, part, program):
    """What a program prints, unless it is there."""
    return [] if store.of(part=part) else [json.loads(line) for line in run([program])[0]]


def rows_of(store):
    rows, one = [], {}
    for row in store.of(part="limits"):
        if row["threads"] == 1:
            one[row["what"]] = row["seconds"]
        shown = {"what": row["what"], "threads": row["threads"], "seconds": row["seconds"]}
        if "flops" in row:
            shown |= {"rate": row["flops"] / row["seconds"], "of_peak": row["flops"] / row["seconds"] / row["peak"]}
        if "bytes" in row:
            shown |= {"bytes_per_second": row["bytes"] / row["seconds"]}
        if row["threads"] > 1 and row["seconds"]:
            shown |= {"speedup": one[row["what"]] / row["seconds"]}
        rows.append(shown)
    return rows


def show(store, _tasks):
    print("\nParts of npg beside the limits of the machine; \"of peak\" is of one core's FMA units, measured just before\n")
    print("| what | threads | time, us | GFLOP/s | of peak | GB/s | x one thread |\n|---|---|---|---|---|---|---|")
    for row in rows_of(store):
        def cell(name, scale, form):
            return format(row[name] * scale, form) if name in row else ""

        print(f"| {row['what']} | {row['threads']} | {1e6 * row['seconds']:,.4g} | {cell('rate', 1e-9, '.0f')} "
              f"| {cell('of_peak', 100, '.0f')}{' %' if 'of_peak' in row else ''} | {cell('bytes_per_second', 1e-9, '.1f')} "
              f"| {cell('speedup', 1, '.2f')} |")


def measure_scaling(store, context, _tasks, _rounds):
    for line in limits_lines(store, "scaling", context.scaling):
        key = {"part": "scaling", "what": line["what"], "along": line["along"], "size": line["size"]}
        store.once(key, lambda: line)


def curves(store):
    """{(what, along): [(size, seconds)]}"""
    found = {}
    for row in store.of(part="scaling"):
        found.setdefault((row["what"], row["along"]), []).append((row["size"], row["seconds"]))
    return {name: sorted(points) for name, points in found.items()}


def slope(points):
    """Least squares of log seconds on log size, over the upper half of the sizes, where what is fixed no longer counts."""
    upper = [(math.log(size), math.log(seconds)) for size, seconds in points[len(points) // 2 :]]
    x, y = (sum(part) / len(upper) for part in zip(*upper))
    return sum((a - x) * (b - y) for a, b in upper) / sum((a - x) ** 2 for a, _ in upper)


def show_scaling(store, _tasks):
    print("\nSeconds against size; the slope is that of log seconds over log size, over the upper half of the sizes\n")
    print("| what | along | sizes | seconds | slope |\n|---|---|---|---|---|")
    for (what, along), points in curves(store).items():
        print(f"| {what} | {along} | {points[0][0]:,} to {points[-1][0]:,} | {points[0][1]:.2g} to {points[-1][1]:.2g} "
              f"| {slope(points):.2f} |")


def draw(store, path):
    import matplotlib.pyplot as plot

    plot.rcParams["svg.fonttype"] = "none"
    found = curves(store)
    sizes = list(dict.fromkeys(along for _, along in found))
    if not sizes:
        return
    figure, axes = plot.subplots(-(-len(sizes) // 3), 3, figsize=(11, 3.4 * -(-len(sizes) // 3)), squeeze=False)
    for axis, along in zip(axes.flat, sizes):
        for (what, of), points in found.items():
            if of == along:
                axis.loglog(*zip(*points), marker="o", markersize=3, label=f"{what} ({slope(points):.2f})")
        axis.set_xlabel(along)
        axis.legend(fontsize=7)
        axis.grid(alpha=0.3)
    for row in axes:
        row[0].set_ylabel("seconds (slope)")
    figure.tight_layout()
    figure.savefig(path)
