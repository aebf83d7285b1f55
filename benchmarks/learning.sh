#!/usr/bin/env bash
# Trains every preset on seeds 0..10 with `--algo npg`, evaluates each final policy over 100 deterministic episodes, and
# prints how many seeds reach the goal. Exits 1 if a goal is missed. Takes a few minutes; needs only Rust and Python.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --quiet -p npg-cli
npg=${CARGO_TARGET_DIR:-target}/release/npg
runs=$(mktemp -d)
trap 'rm -rf "$runs"' EXIT

printf '%-25s %8s %7s %8s %9s %9s %9s %8s\n' environment steps goal reached mean worst best seconds
status=0
#    environment              goal least
for row in 'CartPole-v1              475  9' \
           'Pendulum-v1             -180  9' \
           'Acrobot-v1               -90  9' \
           'MountainCar-v0          -115  7' \
           'MountainCarContinuous-v0  90  7'; do
    read -r environment goal least <<<"$row"
    "$npg" train "$environment" --algo npg --seeds 0..10 --out "$runs/$environment" --json >"$runs/$environment.jsonl"
    "$npg" eval "$runs/$environment" --episodes 100 --json >"$runs/$environment.eval"
    python3 - "$environment" "$goal" "$least" "$runs/$environment" <<'PY' || status=1
import json, sys
environment, goal, least, path = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
done = [r for r in map(json.loads, open(path + ".jsonl")) if r["event"] == "done"]
means = [json.loads(line)["return_mean"] for line in open(path + ".eval")]
reached = sum(mean >= goal for mean in means)
print(f"{environment:25} {done[0]['steps']:8} {goal:7.0f} {reached:5}/{len(means)} {sum(means) / len(means):9.1f} "
      f"{min(means):9.1f} {max(means):9.1f} {sum(r['seconds'] for r in done):8.1f}")
sys.exit(reached < least)
PY
done
exit $status
