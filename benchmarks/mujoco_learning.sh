#!/usr/bin/env bash
# Trains npg and trpo with their presets on the eleven MuJoCo tasks, 1,000,000 steps, seeds 0 to 4, and npg on four of them
# for 3,000,000 steps, seeds 0 to 2; prints tables of the final deterministic evaluations (20 episodes). Takes hours. It can
# be stopped at any time (Ctrl-C) and goes on where it was: finished runs stay, others are resumed, runs of another
# configuration are done again.
#
#     benchmarks/mujoco_learning.sh [DIR] [--tasks "A B"] [--algos "npg trpo"] [--figure FILE] [--only-table]
#
# Runs, DIR/table.json and the logs are in DIR (target/mujoco-learning); FILE gets the learning curves. Needs Python 3.11,
# and libmujoco: $NPG_MUJOCO_LIB or the environment that ./test makes. STEPS=4096 replaces the steps, for a trial.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
npg=${CARGO_TARGET_DIR:-$root/target}/release/npg
if ! [[ " $* " == *" --only-table "* && -x $npg ]]; then
    cargo build --release --quiet -p npg-cli --manifest-path "$root/Cargo.toml"
fi
libraries=("$root"/target/mujoco-3.17.0/lib/python3*/site-packages/mujoco)
export NPG_MUJOCO_LIB=${NPG_MUJOCO_LIB:-${libraries[0]}}
exec python3 "$root/benchmarks/mujoco_learning.py" "$npg" "$root/target/mujoco-learning" "$@"
