"""Calls into environments. It ends those that hang, and keeps Ctrl-C out of code that must not be interrupted.

Environments are called on the thread that called `learn`. A thread of the extension module watches each call and calls
`end_call` when its time is over. On the main thread, a signal then wakes it up, and the handler raises TimeoutError inside of
the call. That ends Python's loops, sleeps, locks and sockets. On other threads, Python only offers an exception that waits for
the next line of Python. C code that ignores both cannot be ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

#: Wakes up the main thread; ignored by processes that do not handle it, and hardly used. None on Windows.
_SIGNAL: int | None = getattr(signal, "SIGURG", None)

#: Whether this process is the program, which listens to signals itself.
in_program = False

#: Seconds between two attempts to end a call, and until it is said that none has helped.
_AGAIN, _HOPELESS = 2.0, 10.0


class _Overdue:
    """A call that should be ended."""

    def __init__(self, message: str) -> None:
        self.message, self.first, self.last, self.is_said = message, time.monotonic(), -math.inf, False


#: The call that is to be ended, for each thread.
_overdue: dict[int, _Overdue] = {}


@contextlib.contextmanager
def hung_calls_end() -> Iterator[None]:
    """Inside of this context, `end_call` can end calls of this thread."""
    if _SIGNAL is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(_SIGNAL, _raise)
    try:
        yield
    finally:
        signal.signal(_SIGNAL, signal.SIG_DFL if before is None else before)


def _raise(number: int, frame: FrameType | None) -> None:
    overdue = _overdue.get(threading.get_ident())
    if overdue is not None:  # otherwise the call has returned meanwhile
        raise TimeoutError(overdue.message)


def end_call(group: Any, thread: int, message: str) -> bool:
    """Tries to end a thread's call into `group`. Returns whether that is hopeless.

    Called by another thread, again and again until the call has ended.
    """
    overdue = _overdue.setdefault(thread, _Overdue(message))
    now = time.monotonic()
    if now - overdue.last >= _AGAIN:
        is_first = overdue.last == -math.inf
        overdue.last = now
        abandon = getattr(group, "abandon", None)
        if abandon is None or not abandon() or not is_first:
            _raise_in(thread)
    is_hopeless = now - overdue.first > _HOPELESS
    if is_hopeless and not overdue.is_said:
        overdue.is_said = True
        print(
            f"npg: {message}. It cannot be ended, because it is in code that ignores signals",
            file=sys.stderr,
            flush=True,
        )
    return is_hopeless


def _raise_in(thread: int) -> None:
    if _SIGNAL is not None and thread == threading.main_thread().ident and signal.getsignal(_SIGNAL) is _raise:
        signal.pthread_kill(thread, _SIGNAL)
    else:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(TimeoutError))


def settle() -> None:
    """The call of this thread that should be ended has returned, so nothing more is raised."""
    thread = threading.get_ident()
    _overdue.pop(thread, None)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), None)


@contextlib.contextmanager
def interrupts_wait() -> Iterator[None]:
    """Delays Ctrl-C to the end of this context, so that the code inside is not interrupted. A second Ctrl-C acts at once."""
    handler = signal.getsignal(signal.SIGINT)
    if in_program or not callable(handler) or threading.current_thread() is not threading.main_thread():
        yield
        return
    told: list[tuple[int, FrameType | None]] = []

    def remember(number: int, frame: FrameType | None) -> None:
        told.append((number, frame))
        if len(told) > 1:
            handler(number, frame)

    signal.signal(signal.SIGINT, remember)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if len(told) == 1:
            handler(*told[0])
