#!/usr/bin/env bash
# Speed of whole processes, median of five: environment steps a second at the settings that peers are compared at, and
# with the shipped CartPole-v1 preset; seconds to a mean training return of 475, start-up included; start-up alone; size.
# Settings: 64x64 networks, 2048 steps an iteration, CG 10 on the full batch, critic 10 epochs of minibatches of 128.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --quiet -p npg-cli
npg=${CARGO_TARGET_DIR:-target}/release/npg
runs=$(mktemp -d)
trap 'rm -rf "$runs"' EXIT
matched=(--config benchmarks/matched.toml)

median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
rate() { # steps_per_second of the done line, median of five
    for _ in 1 2 3 4 5; do
        "$npg" train "$@" --out "$runs/run" --force --json | sed -n 's/.*"steps_per_second":\([0-9.]*\).*/\1/p'
    done | median
}
seconds() { # wall-clock seconds of a command, median of five
    for _ in 1 2 3 4 5; do
        local begin=$EPOCHREALTIME
        "$@" >/dev/null
        echo "$EPOCHREALTIME $begin" | awk '{ print $1 - $2 }'
    done | median
}
line() { printf '%-58s %12.*f %s\n' "$1" "$2" "$3" "$4"; }

line 'CartPole-v1, matched settings' 0 "$(rate CartPole-v1 "${matched[@]}")" steps/s
line 'Pendulum-v1, matched settings' 0 "$(rate Pendulum-v1 "${matched[@]}")" steps/s
line 'CartPole-v1, shipped preset' 0 "$(rate CartPole-v1 --steps 500000)" steps/s
line 'CartPole-v1 to 475, whole process' 2 \
    "$(seconds "$npg" train CartPole-v1 --until-return 475 --out "$runs/until" --force --quiet)" s
line 'npg envs, whole process' 4 "$(seconds "$npg" envs)" s
line 'size of the program' 1 "$(stat -c %s "$npg" | awk '{ print $1 / 1e6 }')" MB
