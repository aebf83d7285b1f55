"""Calls into an environment, with a limit on their time.

A call that hangs cannot be ended from outside. So the whole check runs on a thread of its own, and the caller's thread
watches it: past the limit it takes the stack of the hanging call and leaves the thread alone, which then ends by
itself as soon as the call returns.
"""

import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

_HERE = str(Path(__file__).parent)
_POLL = 0.02  # seconds between two looks at the running call


class CallRaised(Exception):
    """The environment raised in a call; `what` names the call, `text` says what was raised and where."""

    def __init__(self, what: str, place: str, error: BaseException) -> None:
        """`place` is where in the rollout the call was."""
        super().__init__(what)
        self.what = what
        self.error = error
        self.text = f"{place}{_spoken(what)} raised {type(error).__name__}: {_short(str(error)) or 'no message'}{_origin(error)}"


class Abandoned(BaseException):
    """Nobody waits for this check any more."""


class Watch:
    """Makes the calls and knows which one is running."""

    def __init__(self, timeout: float | None) -> None:
        """`timeout`: seconds that one call may take; None: any time, and the work stays on the caller's thread."""
        self.timeout = timeout
        self.place = ""
        """Where in the rollout the next call is made, for messages."""
        self.seconds = 0.0
        """How long the last call took."""
        self._running: tuple[str, float] | None = None  # what is called, since when
        self._abandoned = False

    def call(self, what: str, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """The function's result; `CallRaised` for whatever it raises."""
        started = time.monotonic()
        self._running = (what, started)
        try:
            return function(*arguments, **named)
        except (Exception, SystemExit) as error:
            raise CallRaised(what, self.where(), error) from error
        finally:
            self._running = None
            self.seconds = time.monotonic() - started
            if self._abandoned:
                raise Abandoned

    def where(self) -> str:
        """The place in the rollout, as the beginning of a message."""
        return f"{self.place}: " if self.place else ""

    def run(self, work: Callable[[], None]) -> str | None:
        """Does `work`, watched from here. None when it is done, or a message about the call that hangs."""
        timeout = self.timeout
        if timeout is None:
            work()
            return None
        raised: list[BaseException] = []
        done = threading.Event()

        def body() -> None:
            try:
                work()
            except Abandoned:
                pass
            except BaseException as error:  # noqa: BLE001 - handed on to the caller's thread
                raised.append(error)
            finally:
                done.set()

        thread = threading.Thread(target=body, name="npg check_env", daemon=True)
        thread.start()
        try:
            while not done.wait(_POLL):
                message = self._overdue(thread, timeout)
                if message:
                    return message
        finally:
            self._abandoned = True  # also when the user has interrupted
        if raised:
            raise raised[0]
        return None

    def _overdue(self, thread: threading.Thread, timeout: float) -> str | None:
        """A message if the running call has had its time."""
        running = self._running
        if running is None or time.monotonic() - running[1] <= timeout:
            return None
        frame = sys._current_frames().get(thread.ident or 0)
        return f"{self.where()}{_spoken(running[0])} has not returned after {timeout:g} s{_stack(frame)}"


def _stack(frame: FrameType | None) -> str:
    """The frames of the environment, innermost first, as the end of a message."""
    frames = [entry for entry in traceback.extract_stack(frame) if not _own(entry.filename)] if frame else []
    # Below the environment there are only the frames of the thread itself.
    frames = [entry for entry in frames if Path(entry.filename).name != "threading.py" or "wait" in entry.name]
    frames = [entry for entry in frames if not _machinery(entry.filename)] or frames
    told = [_line(entry) for entry in reversed(frames[-3:])]
    return f"; it is {', called '.join(told)}" if told else ""


def _origin(error: BaseException) -> str:
    """The innermost line of the environment that raised, as the end of a message."""
    frames = [entry for entry in traceback.extract_tb(error.__traceback__) if not _own(entry.filename)]
    frames = [entry for entry in frames if not _machinery(entry.filename)]
    users = [entry for entry in frames if not _installed(entry.filename)] or frames
    return f", {_line(users[-1])}" if users else ""


def _line(entry: traceback.FrameSummary) -> str:
    """Function, file and source of a line; the file below site-packages or the working directory."""
    path = Path(entry.filename)
    roots = [parent for parent in path.parents if parent.name == "site-packages"] + [Path.cwd()]
    shown = next((path.relative_to(root) for root in roots if path.is_relative_to(root)), path)
    return f"in {entry.name} ({shown}:{entry.lineno}): `{_short(entry.line or '')}`"


def _machinery(filename: str) -> bool:
    """Whether the file is of Gymnasium, its environments aside (gymnasium/envs/FAMILY/)."""
    import gymnasium

    path = Path(filename)
    return path.is_relative_to(Path(gymnasium.__file__).parent) and path.parent.parent.name != "envs"


def _installed(filename: str) -> bool:
    """Whether the file is of a package or of Python rather than the user's own."""
    return "site-packages" in filename or filename.startswith((sys.base_prefix, "<"))


def _own(filename: str) -> bool:
    return str(Path(filename).parent) == _HERE


def _spoken(what: str) -> str:
    return "making it" if what == "make" else f"`{what}`"


def _short(text: str) -> str:
    """The first 300 characters, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= 300 else f"{line[:300]} ..."
