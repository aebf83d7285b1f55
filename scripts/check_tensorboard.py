"""Reads a run's TensorBoard event files with TensorBoard itself and compares them with the run's other logs.

    python scripts/check_tensorboard.py runs/CartPole-v1/npg-1/seed-0

Every number of metrics.jsonl must be there under its name and of eval.csv under eval/<name>, at its steps, equal in
single precision, and nothing else may be there. Both of TensorBoard's readers are asked: EventAccumulator, which
scripts use, and the one behind the web page. Prints how many scalars agree; exits with 1 on any disagreement.

Needs: pip install tensorboard
"""

import csv
import json
import struct
import sys
from pathlib import Path

from tensorboard.backend.event_processing import event_accumulator, plugin_event_accumulator
from tensorboard.util import tensor_util


def single(value):
    """The bits of `value` in single precision; "non-finite" for all that JSON cannot tell apart."""
    if value is None or value != value or abs(value) == float("inf"):
        return "non-finite"
    try:
        return struct.pack("<f", value).hex()
    except OverflowError:  # finite in double precision only
        return "non-finite"


def from_logs(run):
    """{tag: [(step, number), ...]} of metrics.jsonl and eval.csv."""
    scalars = {}
    for line in (run / "metrics.jsonl").read_text().splitlines():
        row = json.loads(line)
        step = row.pop("steps")
        row.pop("iteration")
        for name, value in row.items():
            scalars.setdefault(name, []).append((step, single(value)))
    evaluations = run / "eval.csv"
    if evaluations.exists():
        with evaluations.open(newline="") as file:
            for row in csv.DictReader(file):
                step = int(row.pop("steps"))
                for name, value in row.items():
                    scalars.setdefault(f"eval/{name}", []).append((step, single(float(value))))
    return scalars


def from_accumulator(run):
    """The same as EventAccumulator reads it."""
    events = event_accumulator.EventAccumulator(str(run), size_guidance={event_accumulator.SCALARS: 0})
    events.Reload()
    tags = events.Tags()[event_accumulator.SCALARS]
    return {tag: [(event.step, single(event.value)) for event in events.Scalars(tag)] for tag in tags}


def from_web_page(run):
    """The same as TensorBoard's web page reads it: scalars have become tensors."""
    events = plugin_event_accumulator.EventAccumulator(str(run), tensor_size_guidance={"scalars": 0})
    events.Reload()

    def number(event):
        return single(tensor_util.make_ndarray(event.tensor_proto).item())

    tags = events.Tags()[plugin_event_accumulator.TENSORS]
    return {tag: [(event.step, number(event)) for event in events.Tensors(tag)] for tag in tags}


def disagreements(expected, found):
    """Sentences, one for each tag that differs."""
    for tag in sorted(expected.keys() | found.keys()):
        ours, theirs = expected.get(tag, []), found.get(tag, [])
        if ours == theirs:
            continue
        if len(ours) != len(theirs):
            yield f"{tag}: {len(ours)} in the logs, {len(theirs)} in TensorBoard"
        else:
            first = next((a, b) for a, b in zip(ours, theirs) if a != b)
            yield f"{tag}: {first[0]} in the logs, {first[1]} in TensorBoard (step, bits)"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    run = Path(sys.argv[1])
    expected = from_logs(run)
    count = sum(len(numbers) for numbers in expected.values())
    failed = count == 0
    for reader, found in [("EventAccumulator", from_accumulator(run)), ("the web page", from_web_page(run))]:
        differing = list(disagreements(expected, found))
        failed |= bool(differing)
        agree = sum(len(expected[tag]) for tag in expected if expected[tag] == found.get(tag))
        print(f"{reader}: {agree} of {count} scalars of {len(expected)} tags agree")
        print("".join(f"  {sentence}\n" for sentence in differing), end="")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
