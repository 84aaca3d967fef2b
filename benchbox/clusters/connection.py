"""The connection to a Ray cluster: without Ray's output, with quick errors, and with this process's signal handlers."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex
from types import ModuleType

from benchbox.errors import UsageError
from benchbox.project_packages import pip_install

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # messages about workers that died: the row reports them
    "RAY_task_oom_retries": "0",  # unlimited by default
    "RAY_worker_niceness": "0",  # 15 by default, which would make timings depend on other load
}
"""Environment variables of Ray; those that the user has set are kept."""

PATIENCE = 5.0
"""Seconds within which a cluster must answer."""
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""The start of an HTTP/2 connection (RFC 9113, section 3.4), which Ray uses: preface and empty SETTINGS frame."""
KIND, SETTINGS_FRAME = 3, 4
"""The position of a frame's type, and the type of a server's first frame."""


def library() -> ModuleType:
    """Ray, imported with benchbox's settings. UsageError where it is not installed."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError:
        raise UsageError(f"the executor ray needs Ray: {pip_install(extra='ray')}.") from None
    return ray


def connect(address: str | None) -> bool:
    """Join the cluster, or start one here (None); False if this process has joined one before.

    UsageError if there is none, or its version of Ray is incompatible.
    """
    wanted = address or os.environ.get("RAY_ADDRESS") or "local"
    if wanted == "local" and not {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & os.environ.keys():
        lock()
    ray = library()
    if ray.is_initialized():
        return False
    if wanted not in {"local", "auto"}:
        knock(wanted)
    here = {"include_dashboard": False} if wanted == "local" else {}
    try:
        with same_signals():
            ray.init(address=wanted, log_to_driver=False, logging_level=logging.ERROR, **here)
    except (OSError, RuntimeError, ValueError, ray.exceptions.AuthenticationError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        hint = "" if here or "RAY_AUTH_MODE" in os.environ else " (set RAY_AUTH_MODE=token where it asks for a token)"
        raise UsageError(f"no Ray cluster can be joined at {wanted}: {reason}{hint}.") from error
    return True


def lock() -> None:
    """Protect a cluster that is started here by a token; Ray itself would store it in the user's home."""
    if "ray" not in sys.modules:  # Ray reads these on import
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token_hex(32)}


def knock(address: str) -> None:
    """UsageError where no Ray answers at host:port; Ray itself would retry for minutes, and then end the process."""
    host, colon, port = address.rpartition(":")
    if "://" in address or not (host and colon and port.isdecimal()):
        raise UsageError(f"{address!r} is not the address of a Ray cluster: give HOST:PORT, auto or local.")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE) as wire:
            if os.environ.get("RAY_USE_TLS", "0").lower() in {"1", "true"}:
                return
            wire.sendall(HELLO)
            answer = wire.recv(KIND + 1)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"no Ray cluster answers at {address}: {reason}.") from None
    if answer[KIND:] != bytes([SETTINGS_FRAME]):
        raise UsageError(f"the server at {address} is not a Ray cluster: give the port of ray start (6379 by default).")


@contextmanager
def same_signals() -> Iterator[None]:
    """Keep the handlers of Ctrl-C and SIGTERM."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)


PAUSE = 1.0
"""Seconds between two attempts."""


def wait(address: str, machines: int, seconds: float) -> None:
    """Wait until the cluster has so many machines. UsageError after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        try:
            knock(address)
            break
        except UsageError:
            if time.monotonic() > end:
                raise
            time.sleep(PAUSE)
    joined, ray = connect(address), library()
    try:
        while (there := sum(node["Alive"] for node in ray.nodes())) < machines:
            if time.monotonic() > end:
                raise UsageError(f"{there} of {machines} machines are in the Ray cluster at {address} by now.")
            time.sleep(PAUSE)
    finally:
        if joined:
            ray.shutdown()
