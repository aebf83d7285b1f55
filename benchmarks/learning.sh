#!/usr/bin/env bash
# The learning figures of the README: trains every preset with --algo npg on ten seeds, evaluates the last checkpoint
# over 100 deterministic episodes, and fails if fewer seeds than wanted reach the return. A minute on two cores.
# Other seeds: SEEDS=10..20 benchmarks/learning.sh. Another binary: NPG=path/to/npg.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -z "${NPG:-}" ]; then
    cargo build --release --locked --quiet -p npg-cli
    NPG=${CARGO_TARGET_DIR:-target}/release/npg
fi
seeds=${SEEDS:-0..10}
runs=$(mktemp -d)
trap 'rm -rf "$runs"' EXIT
missed=0

# environment, steps, return to reach, seeds of ten that must reach it
measure() {
    local begin end
    begin=$(date +%s.%N)
    "$NPG" train "$1" --algo npg --steps "$2" --seeds "$seeds" --out "$runs/$1" --quiet >"$runs/log" || {
        cat "$runs/log"
        return 1
    }
    "$NPG" eval "$runs/$1" --episodes 100 --json >"$runs/$1.json"
    end=$(date +%s.%N)
    sed 's/.*"return_mean":\([^,}]*\).*/\1/' "$runs/$1.json" |
        awk -v env="$1" -v steps="$2" -v wanted="$3" -v least="$4" -v seconds="$(awk "BEGIN { print $end - $begin }")" '
            { sum += $1; reached += $1 >= wanted; if (NR == 1 || $1 < min) min = $1; if (NR == 1 || $1 > max) max = $1 }
            END {
                printf "| %s | %d | %s | %d of %d | %.1f | %.1f | %.1f | %.1f |\n",
                    env, steps, wanted, reached, NR, sum / NR, min, max, seconds
                exit !(NR > 0 && 10 * reached >= least * NR)
            }' || missed=1
}

echo "| environment | steps | return wanted | seeds that reach it | mean | min | max | seconds |"
echo "|---|---|---|---|---|---|---|---|"
measure CartPole-v1 100000 475 9
measure Pendulum-v1 200000 -180 9
measure Acrobot-v1 100000 -90 9
measure MountainCar-v0 200000 -115 7
measure MountainCarContinuous-v0 200000 90 7

if [ "$missed" != 0 ]; then
    echo "a target is missed" >&2
    exit 1
fi
