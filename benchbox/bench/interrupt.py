"""Ctrl-C and SIGTERM: the first asks a sweep to stop after its current batch, the second ends it at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)

_stop_asked = threading.Event()


class Interrupted(Exception):
    """The work was stopped between two batches, because somebody asked for it."""


def raise_if_stopped() -> None:
    """Interrupted where a stop was asked for."""
    if _stop_asked.is_set():
        raise Interrupted


@dataclass
class Stop:
    """Which signal asked for it."""

    number: int = signal.SIGINT


@contextmanager
def stoppable(told: Callable[[], None]) -> Iterator[Stop]:
    """While it lasts, the first signal calls `told` and makes `check` raise; the second is a KeyboardInterrupt."""
    stop = Stop()

    def asked(number: int, frame: FrameType | None) -> None:
        stop.number = number
        if _stop_asked.is_set():
            raise KeyboardInterrupt
        _stop_asked.set()
        told()

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, asked) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _stop_asked.clear()
