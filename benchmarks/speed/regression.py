"""The check of benchmarks/regression.sh: ratios and instruction counts against those stored beside this file.

    regression.py EXAMPLES [--store]

EXAMPLES is the folder of the programs `limits` and `counted`.
"""

import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys

STORED = pathlib.Path(__file__).parent / "stored.json"
# A ratio may fall to this part of the stored one; the machine is never as quiet as when it was stored.
LEAST = 0.9
# Instructions do not depend on how busy the machine is, but on the compiler.
MOST = 1.05
RUNS = 3
WORK = ("fisher", "critic", "update", "sampling")


def ratios(limits):
    """Speeds as fractions of what one core's FMA units do at the same time, the best of some runs: 1 / (seconds x peak) for
    what has no count of its operations."""
    best = {}
    for _ in range(RUNS):
        for line in subprocess.run([limits, "product", "whole"], check=True, capture_output=True, text=True).stdout.splitlines():
            row = json.loads(line)
            name, ratio = f"{row['what']}, {row['threads']} threads", row.get("flops", 1e6) / row.get("best", row["seconds"]) / row["peak"]
            best[name] = max(best.get(name, 0.0), ratio)
    # These run beside one another on two threads: only their sum, the update, says something.
    together = re.compile(r"(gradient|solve|step|critic), 2 threads$")
    return {name: ratio for name, ratio in best.items() if not together.search(name)}


def instructions(counted):
    """Instructions of each piece of work, the start of the process left out. Under valgrind the kernels take AVX2."""
    def count(what):
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", counted, what]
        errors = subprocess.run(command, check=True, capture_output=True, text=True).stderr
        return int(re.search(r"Collected : (\d+)", errors)[1])

    nothing = count("nothing")
    return {what: count(what) - nothing for what in WORK}


def main():
    parser = argparse.ArgumentParser(prog="regression.sh")
    parser.add_argument("examples", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--store", action="store_true", help="store what is measured, instead of comparing")
    args = parser.parse_args()
    found = {"ratios": ratios(args.examples / "limits")}
    if shutil.which("valgrind"):
        found["instructions"] = instructions(args.examples / "counted")
    else:
        print("valgrind is not there: instructions are not counted (apt-get install valgrind)")
    if args.store:
        stored = json.loads(STORED.read_text()) if STORED.exists() else {}
        STORED.write_text(json.dumps({**stored, **found}, indent=1) + "\n")
        return
    stored, failed = json.loads(STORED.read_text()), 0
    for kind, of_kind in found.items():
        for name, value in of_kind.items():
            if name not in stored[kind]:
                print(f"new    {name}: {value:.4g}; --store keeps it")
                continue
            part = value / stored[kind][name]
            is_slower = part < LEAST if kind == "ratios" else part > MOST
            failed += is_slower
            print(f"{'SLOWER' if is_slower else 'ok    '} {100 * part:6.1f} % of the stored {kind}: {name}")
    if failed:
        sys.exit(f"{failed} of them slower than they may be: below {LEAST:.0%} of a ratio, above {MOST:.0%} of instructions")


main()
