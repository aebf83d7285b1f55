"""Times networks.rs and peer_torch.py in alternation and prints one table of medians."""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--rows", default=512, type=int)
    parser.add_argument("--rounds", default=5, type=int)
    parser.add_argument("--python", default=sys.executable)
    args = parser.parse_args()
    peer = [args.python, "-W", "ignore", str(pathlib.Path(__file__).with_name("peer_torch.py"))]
    seconds, shares = {}, {}
    for _ in range(args.rounds):
        for who, command in (("npg", [args.program]), ("torch", peer)):
            lines = subprocess.run([*command, str(args.rows), "3"], check=True, capture_output=True, text=True).stdout
            for line in map(json.loads, lines.splitlines()):
                key = (line["what"], line["threads"])
                seconds.setdefault(key, {}).setdefault(who, []).append(line["seconds"])
                if who == "npg":
                    share = line["flops"] / line["seconds"] / line["peak"] / line["threads"]
                    shares.setdefault(key, []).append(share)
    print(f"Medians of {args.rounds} alternations, {args.rows} states\n")
    print("| what | threads | npg, ms | of the FMA peak | PyTorch, ms | times faster |\n|---|---|---|---|---|---|")
    for (what, threads), times in seconds.items():
        own, other = (statistics.median(times[who]) for who in ("npg", "torch"))
        share = statistics.median(shares[what, threads])
        print(f"| {what} | {threads} | {1e3 * own:.1f} | {share:.0%} | {1e3 * other:.1f} | {other / own:.1f} |")


main()
