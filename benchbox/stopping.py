"""What stops a sweep early: Ctrl-C and SIGTERM, and the time limit of a task."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from time import monotonic
from types import FrameType

from benchbox.errors import Told

SIGNALS = (signal.SIGINT, signal.SIGTERM)

_stop_requested = threading.Event()


class Interrupted(Exception):
    """The work was stopped between two batches by a signal."""


def raise_if_stopped() -> None:
    """Interrupted where a signal requested a stop."""
    if _stop_requested.is_set():
        raise Interrupted


@dataclass
class Stop:
    number: int = signal.SIGINT


@contextmanager
def stoppable(on_stop: Callable[[], None]) -> Iterator[Stop]:
    """Inside, the first signal calls `on_stop` and makes `raise_if_stopped` raise; the second is KeyboardInterrupt."""
    stop = Stop()

    def handle(number: int, frame: FrameType | None) -> None:
        stop.number = number
        if _stop_requested.is_set():
            raise KeyboardInterrupt
        _stop_requested.set()
        on_stop()

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    handlers = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        _stop_requested.clear()


_limit: ContextVar[tuple[float, float] | None] = ContextVar("limit", default=None)


class OutOfTime(Told):
    """The time limit was exceeded."""


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Inside, `check_time` raises OutOfTime after this number of seconds (None: never)."""
    token = _limit.set(None if seconds is None else (monotonic() + seconds, seconds))
    try:
        yield
    finally:
        _limit.reset(token)


def check_time() -> None:
    """OutOfTime where the time limit was exceeded."""
    limit = _limit.get()
    if limit is not None and monotonic() > limit[0]:
        raise OutOfTime(f"it ran longer than {limit[1]:g} s")
