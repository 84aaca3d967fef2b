"""How a worker process came to an end, in words."""

from __future__ import annotations

import json
import signal

from benchbox.workers.wire import Corrupt

STOPPED = ("failed", "it was stopped before it was done")


def verdict(code: int | None, out_of_memory: bool) -> tuple[str, str]:
    """Status and reason for an exit status, negative for a signal; None where the process runs, but talks no more.

    out_of_memory: whether the system ended some process for want of memory while this one lived.
    """
    if code is None:
        return "failed", "its process closed its connection to benchbox before it was done"
    if code == -signal.SIGKILL and out_of_memory:
        return "oom", "its process was ended by the system, which ran out of memory"
    if code < 0:
        names = {int(s): f" ({s.name})" for s in signal.Signals}
        return "failed", f"its process was ended by signal {-code}{names.get(-code, '')}"
    return "failed", f"its process ended with exit status {code} before it was done"


def read_failure(data: bytes) -> tuple[str, str, str]:
    """Status, reason and details of what a process says of its failure. Corrupt where it is no such thing."""
    try:
        report = json.loads(data)
        return "oom" if report["status"] == "oom" else "failed", str(report["reason"]), str(report["details"])
    except (ValueError, KeyError, TypeError) as error:
        raise Corrupt from error
