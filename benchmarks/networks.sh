#!/usr/bin/env bash
# Forward pass, gradient and Fisher product of the network of Mnih et al. 2015 on images of 84 x 84 x 4 pixels, by npg and by PyTorch
# in alternation, on one thread and on two; and the share of the FMA peak that npg reaches.
#
#     benchmarks/networks.sh [--rows 512] [--rounds 5] [--python PYTHON]
#
# It makes an environment with PyTorch first, in target/torch, unless PYTHON has it. Takes a minute; needs a quiet machine.
set -euo pipefail
cd "$(dirname "$0")/.."
python=target/torch/bin/python
for ((i = 1; i < $#; i++)); do
    [[ ${!i} == --python ]] && { next=$((i + 1)); python=${!next}; }
done
if ! "$python" -c 'import torch' 2>/dev/null; then
    python3 -m venv target/torch
    target/torch/bin/pip install --quiet torch==2.15.0
fi
cargo build --release --quiet -p npg --examples
exec "$python" benchmarks/speed/networks.py --program "${CARGO_TARGET_DIR:-target}/release/examples/networks" "$@"
