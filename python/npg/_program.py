"""The program `npg`: the same as the Rust one, with Gymnasium's environments."""

from __future__ import annotations

import os
import sys


def main() -> int:
    """Runs the program with the process's arguments; returns its exit code."""
    sys.path.insert(0, os.getcwd())  # for the user's own environments, such as gym:module:Name-v0
    if sys.argv[1:2] == ["check-env"]:
        from npg.check_env import main as check_env

        return check_env(sys.argv[2:])
    from npg import _calls, _npg

    # With its folder, so that the commands that it prints work even if it is not on the path. `python -m` has no such file.
    program = sys.argv[0] if os.path.basename(sys.argv[0]) == "npg" else "npg"
    _calls.in_program = True
    try:
        with _calls.hung_calls_end():
            return _npg.run_program([program, *sys.argv[1:]])
    except KeyboardInterrupt:
        os._exit(130)  # before the program listens for signals, its thread would go on


if __name__ == "__main__":
    sys.exit(main())
