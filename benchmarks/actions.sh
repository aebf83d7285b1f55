#!/usr/bin/env bash
# Masks, actions and observations of several parts, and heads for bounded actions: what is learned, five seeds each.
#
#     benchmarks/actions.sh [PART...] [--seeds A..B] [--jobs N] [--out DIR] [--only-table]
#
# The parts, of which all but the last two are the default (five minutes on two cores):
#
#     taxi          Taxi-v4 with and without its mask, valued exactly after each update
#     needles       1,000 actions of which 3 are valid, with the mask and without
#     tic-tac-toe   PettingZoo's game against a random opponent, with its masks
#     platform      choices with parameters, as npg.Parametrized and as a plain Tuple
#     tuple         a Tuple of a velocity and a gripper
#     pendulum      Pendulum-v1 with each head
#     swings        the best actions lie at the bounds: each head
#     ferry         an observation that only the baseline reads, that neither reads, and that both read
#     city          an index with 1,000,000 values as the observation
#     cost          what masks add to an update of 2,048 states; alone, with --jobs 1, on a quiet machine
#     mujoco        HalfCheetah-v5, Hopper-v5 and Walker2d-v5 with each head, 45 runs of 1,000,000 steps; hours
#
# Prints a table for each part: mean, least and most of the seeds; the mean training return after each quarter of the steps; and
# the actions taken in training, evaluation and by `predict`, with how many of them the mask forbade, or were not in the action
# space. benchmarks/action_tasks.py has the tasks, and counts. DIR (target/actions) gets the runs, and PART.svg with their
# training returns (docs/images/actions has them). The runs of `mujoco` are not done again; --only-table shows what there is, and
# STEPS=4096 replaces their steps, for a trial. Needs what ./test installs: run that first. Wheel and environment are those of
# ./test. PettingZoo is installed into that environment.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=target/python-package/bin
if ! "$bin/python" -c 'import pettingzoo' 2>/dev/null; then
    "$bin/pip" install --quiet 'pettingzoo==1.27.*'
fi
export NPG=$bin/npg OPENBLAS_NUM_THREADS=1
exec "$bin/python" benchmarks/actions.py "$@"
