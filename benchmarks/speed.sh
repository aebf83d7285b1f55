#!/usr/bin/env bash
# npg's speed beside its peers' and the machine's limits, on two cores. Parts, all of them by default:
#
#     throughput   steps/s, start-up, memory and phases of npg and its peers at matched settings, in alternation
#     physics      whole training beside mujoco.rollout, which replays what training asked of it
#     return       seconds to a return, npg and peers each with its own settings
#     limits       Fisher products, updates and sampling beside the FMA peak and the memory; one and two threads
#     scaling      cost against parameters, batch, CG iterations, environments; where the solvers cross
#
#     benchmarks/speed.sh [PART...] [--tasks "A B"] [--rounds 5] [--only-table] [--figures FOLDER] [--dir DIR]
#
# It makes an environment with the peers first (Python 3.11, 6 GB: torch comes with what it needs on a GPU), in
# target/peers. All together takes hours; it can be stopped at any time and goes on where it was. Tables are printed and are,
# with everything measured, in target/speed. Needs a quiet machine.
set -euo pipefail
cd "$(dirname "$0")/.."
peers=$PWD/target/peers requirements=benchmarks/speed/requirements.txt
if ! cmp --silent "$requirements" "$peers/requirements.txt"; then
    python3 -m venv "$peers"
    "$peers/bin/pip" install --quiet -r "$requirements"
    cp "$requirements" "$peers/requirements.txt"
fi
cargo build --release --quiet -p npg-cli
cargo build --release --quiet -p npg --examples
libraries=("$peers"/lib/python3*/site-packages/mujoco)
export NPG_MUJOCO_LIB=${libraries[0]}
exec "$peers/bin/python" benchmarks/speed/speed.py --program "${CARGO_TARGET_DIR:-target}/release/npg" "$@"
