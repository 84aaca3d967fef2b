"""Ctrl-C and SIGTERM: the first stops a sweep after its current batch, the second stops it immediately."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

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
    """The signal that requested the stop."""

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
