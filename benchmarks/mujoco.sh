#!/usr/bin/env bash
# Training on MuJoCo's tasks as a fraction of the pure physics: environment steps a second of `mujoco.rollout` with two
# threads, and of whole training with two threads (sampling, updates, everything) at the settings of
# benchmarks/matched.toml, on the same libmujoco, one after the other, median of three. Needs a quiet machine, and the
# environment that ./test makes.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$PWD/target/mujoco-${1:-3.17.0}
[[ -x $venv/bin/python ]] || { echo "$venv is not there: run ./test first" >&2; exit 1; }
cargo build --release --quiet -p npg-cli
npg=${CARGO_TARGET_DIR:-target}/release/npg
libraries=("$venv"/lib/python3*/site-packages/mujoco)
export NPG_MUJOCO_LIB=${libraries[0]}
physics=$PWD/benchmarks/mujoco_physics.py models=$PWD/crates/npg/assets/mujoco
runs=$(mktemp -d)
trap 'rm -rf "$runs"' EXIT

median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

"$npg" envs | tail -1
printf '%-16s %18s %18s %9s\n' '' 'physics, steps/s' 'training, steps/s' fraction
#         environment     model             frame_skip, length of random episodes, steps to train
for row in 'HalfCheetah-v5 half_cheetah.xml 5 1000 204800' \
           'Hopper-v5      hopper.xml       4   25 102400' \
           'Walker2d-v5    walker2d_v5.xml  4   25 102400' \
           'Ant-v5         ant.xml          5  200  40960' \
           'Humanoid-v5    humanoid.xml     5   20  40960'; do
    read -r environment model frame_skip length steps <<<"$row"
    for _ in 1 2 3; do
        (cd "$runs" && "$venv/bin/python" "$physics" "$models/$model" "$frame_skip" "$length" 3) \
            >>"$runs/$environment.physics" # there, because MuJoCo writes a log
        "$npg" train "$environment" --config benchmarks/matched.toml --steps "$steps" --threads 2 --json --force \
            --out "$runs/run" | sed -n 's/.*"steps_per_second":\([0-9.]*\).*/\1/p' >>"$runs/$environment.training"
    done
    pure=$(median <"$runs/$environment.physics")
    training=$(median <"$runs/$environment.training")
    printf '%-16s %18.0f %18.0f %8.0f%%\n' "$environment" "$pure" "$training" \
        "$(awk "BEGIN { print 100 * $training / $pure }")"
done
