"""The command `npg check-env`."""

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from npg._masks import CHOICES
from npg.check_env.check import check_env
from npg.check_env.report import Report


def main(argv: Sequence[str]) -> int:
    """Checks one environment and prints the report. `argv` does not have the program's name.

    Returns the exit code: 0 no errors, 1 errors or a report that cannot be written, 2 wrong usage, 5 Gymnasium is missing.
    """
    output = sys.stdout
    text, code = _run(argv, output)
    return _put(text, code, output)


def _put(text: str, code: int, output: TextIO) -> int:
    """Writes `text`, and what argparse has written before it; returns `code`, or 1 if that is not possible."""
    if output is None:  # Python was started with standard output closed
        return code
    try:
        output.write(text)
        output.flush()
    except OSError as failure:
        # Python flushes again when it ends, and that must not fail.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), output.fileno())
        if isinstance(failure, BrokenPipeError):  # a reader that has gone has seen enough
            return code
        print(f"npg check-env: cannot write to standard output: {failure}", file=sys.stderr)
        return code or 1
    return code


def _run(argv: Sequence[str], output: TextIO) -> tuple[str, int]:
    """The report and the exit code. `output` is for a report that leaves no time to return."""
    try:
        options = _parser().parse_args(argv)
        arguments = dict(map(_env_arg, options.env_arg))
    except SystemExit as leaving:  # argparse has printed help or usage
        return "", int(leaving.code or 0)
    except ValueError as error:
        print(f"npg check-env: {error}", file=sys.stderr)
        return "", 2
    if "" not in sys.path:
        sys.path.insert(0, "")  # so that `module:NAME` finds a module in the working directory, as with `python -m`

    def told(report: Report) -> str:
        return f"{report.to_json() if options.json else report}\n"

    def leave(report: Report) -> None:
        os._exit(_put(told(report), 1, output))  # the thread in the call that hangs cannot be ended otherwise

    try:
        # What the environment prints must not get into the report.
        with contextlib.redirect_stdout(sys.stderr):
            report = check_env(
                options.id,
                steps=options.steps,
                seed=options.seed,
                env_args=arguments,
                timeout=options.timeout,
                action_masks=options.action_masks,
                when_lost=leave,
            )
    except ImportError as error:
        print(f"npg check-env: {error}; install Gymnasium: pip install gymnasium", file=sys.stderr)
        return "", 5
    return told(report), 0 if report.ok else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="npg check-env",
        description="Plays a Gymnasium environment with random actions and reports what would spoil training on it.",
        epilog="Exit codes: 0 no errors, 1 errors, 2 wrong usage, 5 Gymnasium is missing.",
    )
    parser.add_argument("id", metavar="ID", help="NAME, gym:NAME, or module:NAME to import the module first")
    parser.add_argument(
        "--env-arg",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="an argument of the environment; the value is JSON or text; may be repeated",
    )
    parser.add_argument("--steps", type=_steps, default=1000, metavar="N", help="steps to play (1000)")
    parser.add_argument("--seed", type=_seed, default=0, metavar="N", help="seed of resets and actions (0)")
    parser.add_argument(
        "--timeout",
        type=_timeout,
        default=60.0,
        metavar="SECONDS",
        help="for each call (60); none for no limit",
    )
    parser.add_argument(
        "--action-masks",
        choices=CHOICES,
        default="auto",
        metavar="WHERE",
        help=f"where action masks are: {', '.join(CHOICES)} (auto); random actions obey them",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    return parser


def _env_arg(text: str) -> tuple[str, Any]:
    """Reads KEY=VALUE, with the value as JSON if it is JSON, else as text."""
    key, equals, value = text.partition("=")
    if not equals or not key.isidentifier():
        raise ValueError(f"--env-arg {text}: write KEY=VALUE, such as --env-arg g=9.81")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


def _steps(text: str) -> int:
    """At least one."""
    return int(_number(text, int, "a whole number above 0", 1))


def _seed(text: str) -> int:
    """A seed as Gymnasium takes it."""
    return int(_number(text, int, "a whole number, 0 or above", 0))


def _timeout(text: str) -> float | None:
    """Seconds, or "none"."""
    return None if text == "none" else _number(text, float, "a number of seconds above 0, or none", 1e-3)


def _number(text: str, kind: type[int] | type[float], wanted: str, least: float) -> float:
    """A finite number that is not below `least`."""
    try:
        number = kind(text)
    except ValueError:
        number = -1
    if not least <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not {wanted}")
    return number
