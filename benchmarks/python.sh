#!/usr/bin/env bash
# npg on Gymnasium's environments, from Python: how much of their own speed is left, and LunarLander-v3 learned.
#
#     benchmarks/python.sh speed [--steps N] [--repeats N]
#     benchmarks/python.sh learning [--seeds A..B]
#
# `speed` steps a SyncVectorEnv of 16 environments by random actions and trains through one, in turn. `learning` trains with
# the preset of LunarLander-v3 for 500,000 steps and evaluates 100 deterministic episodes of each seed. Needs what ./test
# installs: run that first. Wheel and environment are those of ./test.
set -euo pipefail
cd "$(dirname "$0")/.."
exec target/python-package/bin/python benchmarks/python_package.py "$@"
