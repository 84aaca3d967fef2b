"""Why a task or its worker process ended, in words."""

from __future__ import annotations

import json
import signal
import traceback

from benchbox.errors import sentence
from benchbox.workers.wire import Corrupt

DETAILS = 2**16
"""The most characters of a traceback."""

STOPPED = ("failed", "it was stopped before it was done")


def verdict(code: int | None, out_of_memory: bool) -> tuple[str, str]:
    """Status and reason for an exit status (negative: a signal; None: it runs, but has closed its connection).

    out_of_memory: whether the kernel killed any process for lack of memory meanwhile.
    """
    if code is None:
        return "failed", "its process closed its connection to benchbox before it was done"
    if code == -signal.SIGKILL and out_of_memory:
        return "oom", "its process was ended by the system, which ran out of memory"
    if code < 0:
        names = {int(s): f" ({s.name})" for s in signal.Signals}
        return "failed", f"its process was ended by signal {-code}{names.get(-code, '')}"
    return "failed", f"its process ended with exit status {code} before it was done"


def failure_bytes(error: BaseException) -> bytes:
    """Status, reason and traceback as JSON."""
    try:
        report = {"reason": sentence(error)[:1000], "details": "".join(traceback.format_exception(error))[-DETAILS:]}
    except BaseException:  # an error that cannot be printed
        report = {"reason": type(error).__name__, "details": ""}
    return json.dumps(report | {"status": "oom" if isinstance(error, MemoryError) else "failed"}).encode()


def read_failure(data: bytes) -> tuple[str, str, str]:
    """Status, reason and details of a failure that a process reports. Corrupt where it cannot be read."""
    try:
        report = json.loads(data)
        return "oom" if report["status"] == "oom" else "failed", str(report["reason"]), str(report["details"])
    except (ValueError, KeyError, TypeError) as error:
        raise Corrupt from error
