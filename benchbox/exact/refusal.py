"""What is a refusal and what a fault, of the exceptions that a sampler raises."""

from __future__ import annotations

import dis

from benchbox.errors import UsageError


def is_refusal(error: Exception) -> bool:
    """Whether a sampler decided to refuse: a UsageError, or a ValueError that a `raise` statement raised.

    `math.sqrt(-1)` raises a ValueError, too, but nobody has decided that: it is a fault.
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if isinstance(error, UsageError) or trace is None:
        return isinstance(error, UsageError | ValueError)
    raising = trace.tb_frame.f_code.co_code[trace.tb_lasti] == dis.opmap["RAISE_VARARGS"]
    return isinstance(error, ValueError) and raising


def in_one_line(error: Exception) -> str:
    """An exception in one line."""
    return f"{type(error).__name__}: {error}".splitlines()[0]
