"""Running processes, and keeping what they measured: one line of JSON each, so that a stopped measurement goes on."""

import json
import os
import statistics
import subprocess
import sys
import time


class Store:
    """Measurements in a file; each has a key of its own and is made once."""

    def __init__(self, path):
        self.path = path
        self.rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def once(self, key, measure):
        """The measurement of `key` (a dict), made by `measure` unless it is there."""
        for row in self.rows:
            if row["key"] == key:
                return row
        print(" ".join(str(value) for value in key.values()), end=" ", file=sys.stderr, flush=True)
        row = {"key": key, **measure()}
        print(row.get("said", f"{row['rate']:,.0f} steps/s" if "rate" in row else ""), file=sys.stderr, flush=True)
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        self.rows.append(row)
        return row

    def of(self, **wanted):
        return [row for row in self.rows if all(row["key"].get(name) == value for name, value in wanted.items())]


def median(rows, name):
    values = [row[name] for row in rows if row.get(name) is not None]
    return statistics.median(values) if values else None


def run(command, each=lambda line, seconds: None, **options):
    """Runs a command to its end; gives its output's lines and its peak memory. `each` sees a line as it comes, and the
    seconds since the start."""
    begin = time.time()
    environment = {**os.environ, "STARTED": repr(begin), "PYTHONWARNINGS": "ignore"}
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=environment, **options) as process:
        lines = []
        for line in process.stdout:
            each(line, time.time() - begin)
            lines.append(line.rstrip())
        errors = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(map(str, command))}\nfailed with exit code {process.returncode}:\n{errors[-2000:]}")
    return lines, {"memory": usage.ru_maxrss / 1024, "whole": time.time() - begin}
