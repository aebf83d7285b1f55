"""Checks a Gymnasium environment before anything is trained on it.

    from npg.check_env import check_env

    report = check_env("CartPole-v1")
    print(report)
    assert report.ok

The environment is played for some steps with random actions. Each fault is a `Finding` with a stable code, what was seen and
where, and one remedy. On the command line, use `python -m npg.check_env CartPole-v1`. All codes are in `codes.CODES`.
"""

import sys
from types import ModuleType
from typing import Any

from npg.check_env.check import check_env
from npg.check_env.command import main
from npg.check_env.report import Facts, Finding, Report

__all__ = ["Facts", "Finding", "Report", "check_env", "main"]


class _Module(ModuleType):
    """This module. After `import npg.check_env`, the name `npg.check_env` is the module instead of the function."""

    def __call__(self, *arguments: Any, **named: Any) -> Report:
        return check_env(*arguments, **named)


sys.modules[__name__].__class__ = _Module
