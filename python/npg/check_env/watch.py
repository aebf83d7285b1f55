"""Calls into an environment, with a limit on their time.

An environment may depend on its caller's thread and context, so it is called there, as `learn` does. Another thread watches:
past the limit it takes the stack of the call that hangs and ends it, as far as that is possible (`npg._calls`).
"""

import itertools
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from npg._calls import end_call, hung_calls_end, settle

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


class _Hung(BaseException):
    """The call took too long: nothing more is called."""


class Watch:
    """Makes the calls and knows which one is running."""

    def __init__(self, timeout: float | None, when_lost: Callable[[str], Any] | None = None) -> None:
        """`timeout`: seconds that one call may take; None: any time. `when_lost`: called by the thread that watches, with the
        message, where a call that hangs cannot be ended."""
        self.timeout = timeout
        self.place = ""
        """Where in the rollout the next call is made, for messages."""
        self.seconds = 0.0
        """How long the last call took."""
        self._when_lost = when_lost
        self._running: tuple[str, float] | None = None  # what is called, since when
        self._message: str | None = None  # about the call that hangs

    def call(self, what: str, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """The function's result; `CallRaised` for whatever it raises."""
        if self._message is not None:
            raise _Hung
        started = time.monotonic()
        self._running = (what, started)
        try:
            return function(*arguments, **named)
        except (Exception, SystemExit) as error:
            raise CallRaised(what, self.where(), error) from error
        finally:
            self._running = None
            self.seconds = time.monotonic() - started
            if self._message is not None:
                raise _Hung

    def where(self) -> str:
        """The place in the rollout, as the beginning of a message."""
        return f"{self.place}: " if self.place else ""

    def run(self, work: Callable[[], None]) -> str | None:
        """Does `work`, watched. None when it is done, or a message about the call that hangs."""
        if self.timeout is None:
            work()
            return None
        is_done = threading.Event()
        watcher = threading.Thread(
            target=self._watch, args=(is_done, threading.get_ident(), self.timeout), name="npg check_env", daemon=True
        )
        with hung_calls_end():
            watcher.start()
            try:
                work()
            except (_Hung, TimeoutError):
                if self._message is None:
                    raise
            finally:
                is_done.set()
                _settle(watcher)
        return self._message

    def _watch(self, is_done: threading.Event, thread: int, timeout: float) -> None:
        """Ends the running call once it has had its time."""
        while not is_done.wait(_POLL):
            running = self._running
            if self._message is None and running is not None and time.monotonic() - running[1] > timeout:
                frame = sys._current_frames().get(thread)
                told = f"{self.where()}{_spoken(running[0])} has not returned after {timeout:g} s{_stack(frame)}"
                self._message = told
            if self._message is not None and end_call(None, thread, self._message) and self._when_lost is not None:
                self._when_lost(self._message)
                return


def _settle(watcher: threading.Thread) -> None:
    """No call is ended any more. What was raised to end one may come as late as here, and more than once."""
    for _ in range(3):
        try:
            watcher.join()
            settle()
            return
        except TimeoutError:
            continue


def _stack(frame: FrameType | None) -> str:
    """The frames of the environment, innermost first, as the end of a message."""
    frames = reversed(traceback.extract_stack(frame) if frame else [])
    called = list(itertools.takewhile(lambda entry: not _own(entry.filename), frames))  # the rest is the caller's
    told = [_line(entry) for entry in [entry for entry in called if not _machinery(entry.filename)] or called]
    return f"; it is {', called '.join(told[:3])}" if told else ""


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
