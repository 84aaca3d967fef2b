"""The time limit of a task, checked at every evaluation of a model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic

from benchbox.errors import Told

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
