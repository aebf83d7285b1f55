"""The check of benchmarks/regression.sh: ratios and instruction counts against those stored beside this file.

    regression.py EXAMPLES [--store | --against REVISION]

EXAMPLES is the folder of the programs `limits` and `counted`. With --against, those of another revision of this repository are
built, and both are measured by turns: ratios depend on the machine, so only this tells two versions apart on another one.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

STORED = pathlib.Path(__file__).parent / "stored.json"
ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
# A ratio may fall to this part of the stored one; the machine is never as quiet as when it was stored.
LEAST = 0.9
# Instructions do not depend on how busy the machine is, but on the compiler.
MOST = 1.05
RUNS = 3
WORK = ("fisher", "critic", "update", "sampling")


def ratios(folders):
    """For each folder of programs: speeds as fractions of what one core's FMA units do at the same time, the best of some
    runs; 1 / (seconds x peak) for what has no count of its operations."""
    best = [{} for _ in folders]
    # These run beside one another on two threads: only their sum, the update, says something.
    together = re.compile(r"(gradient|solve|step|critic), 2 threads$")
    for own, folder in RUNS * list(zip(best, folders, strict=True)):
        command = [folder / "limits", "product", "whole"]
        for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
            row = json.loads(line)
            name, ratio = f"{row['what']}, {row['threads']} threads", row.get("flops", 1e6) / row.get("best", row["seconds"]) / row["peak"]
            if not together.search(name):
                own[name] = max(own.get(name, 0.0), ratio)
    return best


def instructions(counted):
    """Instructions of each piece of work, the start of the process left out. Under valgrind the kernels take AVX2."""
    def count(what):
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", counted, what]
        errors = subprocess.run(command, check=True, capture_output=True, text=True).stderr
        return int(re.search(r"Collected : (\d+)", errors)[1])

    nothing = count("nothing")
    return {what: count(what) - nothing for what in WORK}


def built(revision):
    """The folder of the programs of another revision, built beside this one's."""
    place = TARGET / "regression" / revision.replace("/", "_")
    if not place.exists():
        subprocess.run(["git", "worktree", "prune"], check=True, cwd=ROOT)
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", place, revision], check=True, cwd=ROOT)
    command = ["cargo", "build", "--release", "--quiet", "-p", "npg", "--examples"]
    subprocess.run(command, check=True, cwd=place, env={**os.environ, "CARGO_TARGET_DIR": str(place / "target")})
    return place / "target" / "release" / "examples"


def main():
    parser = argparse.ArgumentParser(prog="regression.sh")
    parser.add_argument("examples", type=pathlib.Path, help=argparse.SUPPRESS)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--store", action="store_true", help="store what is measured, instead of comparing")
    what.add_argument("--against", metavar="REVISION", help="compare with this revision, measured by turns, instead of with what is stored")
    args = parser.parse_args()
    folders = [args.examples, *([] if args.against is None else [built(args.against)])]
    measured = [{"ratios": of_folder} for of_folder in ratios(folders)]
    if shutil.which("valgrind"):
        for each, folder in zip(measured, folders, strict=True):
            each["instructions"] = instructions(folder / "counted")
    else:
        print("valgrind is not there: instructions are not counted (apt-get install valgrind)")
    found = measured[0]
    if args.store:
        stored = json.loads(STORED.read_text()) if STORED.exists() else {}
        STORED.write_text(json.dumps({**stored, **found}, indent=1) + "\n")
        return
    stored, failed = json.loads(STORED.read_text()) if args.against is None else measured[1], 0
    whose = "stored" if args.against is None else f"{args.against}'s"
    for kind, of_kind in found.items():
        for name, value in of_kind.items():
            if name not in stored[kind]:
                print(f"new    {name}: {value:.4g}; --store keeps it")
                continue
            part = value / stored[kind][name]
            is_slower = part < LEAST if kind == "ratios" else part > MOST
            failed += is_slower
            print(f"{'SLOWER' if is_slower else 'ok    '} {100 * part:6.1f} % of {whose} {kind}: {name}")
    if failed:
        sys.exit(f"{failed} of them slower than they may be: below {LEAST:.0%} of a ratio, above {MOST:.0%} of instructions")


main()
