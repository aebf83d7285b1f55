#!/usr/bin/env bash
# Whether npg has become slower: speeds as ratios to the machine's FMA peak, measured at the same time, and instruction
# counts of the hot work (valgrind), against those in benchmarks/speed/stored.json. Fails below 90 % of a ratio or above 105 %
# of a count. Needs two cores, Python 3.11, a quiet machine, a minute; --store stores what is measured instead. On a machine of
# another kind than the stored one, compare with another version of npg, built and measured by turns: --against REVISION.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --quiet -p npg --examples
exec python3 benchmarks/speed/regression.py "${CARGO_TARGET_DIR:-target}/release/examples" "$@"
