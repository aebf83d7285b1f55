#!/usr/bin/env bash
# benchmarks/exact.sh [ENV...]
#
# Trains the presets of worlds that are known exactly on seeds 0..10, and values each final stochastic policy in closed
# form: J with the run's discount and no time limit, against the optimum J* of its class. Prints one line a seed, then how
# many are within 2 %, and the worst loss. Takes minutes; needs only Rust.
set -euo pipefail
if [[ ${1:-} == -* ]]; then
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
    exit
fi
cd "$(dirname "$0")/.."
environments=("$@")
if [ ${#environments[@]} -eq 0 ]; then
    environments=(FrozenLake-v1 FrozenLake8x8-v1 CliffWalking-v1 Taxi-v4 LQR-v0)
fi
for environment in "${environments[@]}"; do
    cargo run --release --quiet -p npg --example exact -- "$environment" 0..10
done
