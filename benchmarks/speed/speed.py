"""The measurements of benchmarks/speed.sh."""

import argparse
import contextlib
import io
import json
import pathlib
import sys
import types

import limits
import returns
import throughput
from store import Store

PARTS = {
    "throughput": (throughput.measure, throughput.show),
    "physics": (throughput.measure_physics, throughput.show_physics),
    "return": (returns.measure, returns.show),
    "limits": (limits.measure, limits.show),
    "scaling": (limits.measure_scaling, limits.show_scaling),
}


def main():
    here = pathlib.Path(__file__).parent
    root = here.parent.parent
    parser = argparse.ArgumentParser(prog="speed.sh")
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--tasks", default=throughput.TASKS, type=str.split, help='such as "CartPole-v1 Hopper-v5"')
    parser.add_argument("--rounds", default=5, type=int, help="alternations that medians are taken of")
    parser.add_argument("--dir", default=root / "target/speed", type=pathlib.Path, help="where results are")
    parser.add_argument("--only-table", action="store_true", help="measure nothing; show what there is")
    parser.add_argument("--figures", type=pathlib.Path, help="a folder; draws speed.svg and scaling.svg there")
    parser.add_argument("--program", required=True, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if unknown := set(args.parts) - set(PARTS):
        parser.error(f"unknown part {', '.join(unknown)}: there are {', '.join(PARTS)}")
    if unknown := set(args.tasks) - set(throughput.TASKS):
        parser.error(f"unknown task {', '.join(unknown)}: there are {', '.join(throughput.TASKS)}")
    args.dir.mkdir(parents=True, exist_ok=True)
    examples = pathlib.Path(args.program).parent / "examples"
    context = types.SimpleNamespace(
        program=args.program, python=sys.executable, here=here, directory=args.dir, matched=here / "matched.toml",
        models=root / "crates/npg-envs/assets/mujoco", record=examples / "record", limits=examples / "limits",
        scaling=examples / "scaling")
    store = Store(args.dir / "results.jsonl")
    parts = args.parts or list(PARTS)
    if not args.only_table:
        for part in parts:
            PARTS[part][0](store, context, args.tasks, args.rounds)
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        for part in parts:
            PARTS[part][1](store, args.tasks)
    print(shown.getvalue())
    (args.dir / "table.md").write_text(shown.getvalue())
    (args.dir / "table.json").write_text(json.dumps({
        "throughput": throughput.rows_of(store, args.tasks), "physics": throughput.physics_rows(store, args.tasks),
        "return": returns.rows_of(store, args.tasks), "limits": limits.rows_of(store)}, indent=1) + "\n")
    if args.figures:
        args.figures.mkdir(parents=True, exist_ok=True)
        throughput.draw(store, args.tasks, args.figures / "speed.svg")
        limits.draw(store, args.figures / "scaling.svg")


main()
